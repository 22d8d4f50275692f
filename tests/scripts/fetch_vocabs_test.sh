#!/bin/sh
# The vocabulary script against a package index that is a fake pip: idempotent, whole or nothing, clear when it fails.
set -u
source=$1
command -v flock >/dev/null || exit 77
real_python=$(command -v python3) || exit 77
. "$source/tests/scripts/expecting.sh"

mkdir -p "$work/repo/scripts" "$work/repo/tests/golden" "$work/bin" "$work/modules/pip"
cp "$source/scripts/fetching.sh" "$source/scripts/fetch_vocabs.sh" "$work/repo/scripts/"
# Packages: a good one and one without a family that the tests need.
"$real_python" - "$work" <<'PYTHON'
import io, sys, tarfile
families = ["gpt-2", "starcoder", "llama-bpe", "qwen2", "llama-spm"]
for name, kept in ("good", families), ("poor", families[1:]):
    with tarfile.open(f"{sys.argv[1]}/{name}.tar.gz", "w:gz") as archive:
        for family in kept:
            for end in "", ".inp", ".out":
                member = tarfile.TarInfo(f"p/vendor/llama.cpp/models/ggml-vocab-{family}.gguf{end}")
                member.size = 4
                archive.addfile(member, io.BytesIO(b"data"))
PYTHON
cat >"$work/modules/pip/__main__.py" <<FAKE
import shutil, sys
if "--version" in sys.argv:
    sys.exit(0)
open("$work/calls", "a").write("downloaded\n")
mode = open("$work/mode").read().strip()
if mode == "offline":
    sys.exit("no network")
shutil.copy(f"$work/{mode}.tar.gz", sys.argv[sys.argv.index("-d") + 1] + "/llama_cpp_python-0.3.36.tar.gz")
FAKE
: >"$work/modules/pip/__init__.py"

fetch() {
  echo "$1" >"$work/mode"
  package=$work/$1.tar.gz
  [ -f "$package" ] || package=$work/good.tar.gz
  [ "$1" != poor ] || package=$work/poor.tar.gz
  sum=$(sha256sum "${2:-$package}" | cut -d ' ' -f 1)
  sed "s/^SDIST_SHA256 = .*/SDIST_SHA256 = \"$sum\"/" "$source/tests/golden/fetch_llama_cpp_vocabs.py" \
    >"$work/repo/tests/golden/fetch_llama_cpp_vocabs.py"
  PYTHONPATH=$work/modules "$work/repo/scripts/fetch_vocabs.sh" >"$work/out" 2>&1
}
vocabs=$work/repo/models/vocabs
fails_with() {
  words=$1
  shift
  if fetch "$@"; then return 1; fi
  grep -q "$words" "$work/out" && [ ! -e "$vocabs/ggml-vocab-gpt-2.gguf" ] &&
    [ -z "$(ls -d "$work"/repo/models/.fetch_vocabs.tmp.* 2>/dev/null)" ]
}

expect "offline is told" fails_with "fetch_vocabs: cannot fetch llama.cpp's vocabularies" offline
expect "a wrong package is refused" fails_with "SHA-256" good "$work/poor.tar.gz"
expect "a package without a family is told" fails_with "the package lacks vocabularies" poor
expect "it is fetched" fetch good
expect "the files are there" test -s "$vocabs/ggml-vocab-llama-spm.gguf.out"
calls=$(wc -l <"$work/calls")
expect "a second run succeeds" fetch offline
expect "a second run downloads nothing" test "$calls" = "$(wc -l <"$work/calls")"
rm "$vocabs/ggml-vocab-qwen2.gguf.inp"
expect "a missing file is fetched again" fetch good
expect "and is there then" test -s "$vocabs/ggml-vocab-qwen2.gguf.inp"
expect "quiet says nothing" sh -c "PYTHONPATH='$work/modules' '$work/repo/scripts/fetch_vocabs.sh' --quiet 2>&1 | wc -c | grep -qx 0"
[ "$failures" -eq 0 ]
