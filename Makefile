# Plain `make` builds build/longshot. `make demo` and `make test` start from a fresh Debian 12 machine.
.DEFAULT_GOAL := build
.PHONY: build packages model embedder vocabs demo test test-long asan tsan fuzz bench-peers clean

# The document of the demo: 7,600 tokens of real text that every Debian has.
DEMO_DOC ?= /usr/share/common-licenses/GPL-3

build:
	@command -v cmake >/dev/null && command -v ninja >/dev/null || \
	  { echo "cmake or ninja is missing; run: make packages" >&2; exit 1; }
	cmake --preset release
	cmake --build --preset release --target longshot

packages:
	@scripts/install_packages.sh

model:
	@scripts/fetch_model.sh

# The encoder that retrieval ranks passages with.
embedder:
	@scripts/fetch_embedder.sh

# llama.cpp's vocabularies, with which the tokenizer tests compare; without them those tests are skipped.
vocabs:
	@scripts/fetch_vocabs.sh

demo: packages
	@$(MAKE) --no-print-directory build
	@$(MAKE) --no-print-directory model embedder
	build/longshot demo $(addprefix --doc ,$(DEMO_DOC))

test: packages model embedder
	@scripts/fetch_vocabs.sh --quiet || true
	@scripts/run_tests.sh

test-long: packages model embedder
	@scripts/fetch_vocabs.sh --quiet || true
	@scripts/run_tests.sh --long

asan:
	cmake --preset asan
	cmake --build --preset asan --target tests_unit
	ctest --test-dir build-asan -L unit --output-on-failure

tsan:
	cmake --preset tsan
	cmake --build --preset tsan --target tests_threads
	ctest --test-dir build-tsan -L threads --output-on-failure

fuzz:
	tests/fuzz/run_short.sh --long

# Longshot beside other programs, in turns: bench/peers/README.md. IK_LLAMA=FOLDER adds a build of ik_llama.cpp; ROUNDS=1
# is a quicker look.
bench-peers: packages model
	@$(MAKE) --no-print-directory build
	@bench/peers/build_llama.sh
	@bench/peers/install_transformers.sh
	@python3 bench/peers/compare.py $(if $(IK_LLAMA),--ik-llama "$(IK_LLAMA)") $(if $(ROUNDS),--rounds $(ROUNDS))

clean:
	rm -rf build build-debug build-asan build-tsan build-fuzz
