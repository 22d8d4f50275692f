#!/bin/sh
# Fetches llama.cpp's source inside the Python package llama-cpp-python and builds llama-bench into FOLDER (default
# build-peers). Idempotent: a finished build is kept. Usage: build_llama.sh [FOLDER]
set -eu
version=0.3.36
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/../../build-peers}
bench=$folder/llama/bin/llama-bench

fail() {
  echo "build_llama: $*" >&2
  exit 1
}

[ -x "$bench" ] && exit 0
for tool in cmake ninja python3 patch; do
  command -v "$tool" >/dev/null || fail "$tool is missing: make packages installs the tools"
done
mkdir -p "$folder" || fail "cannot create $folder"
source=$folder/llama_cpp_python-$version/vendor/llama.cpp

if [ ! -d "$source" ]; then
  echo "llama.cpp: fetching llama-cpp-python $version"
  python3 -m pip download --quiet --no-deps --no-binary llama-cpp-python --dest "$folder" \
    "llama-cpp-python==$version" >"$folder/download.log" 2>&1 ||
    fail "the package could not be fetched; see $folder/download.log"
  archive=$folder/llama_cpp_python-$version.tar.gz
  tar -xzf "$archive" -C "$folder" || fail "the archive is damaged: delete $archive and run this again"
  # GCC 12 believes that _tile_loadconfig reads 8 bytes of its operand and drops the stores to the rest.
  mmq=$source/ggml/src/ggml-cpu/amx/mmq.cpp
  if ! grep -q 'asm volatile("" : : "r"(&tc)' "$mmq"; then
    sed -i 's/^\( *\)_tile_loadconfig(&tc);/\1asm volatile("" : : "r"(\&tc) : "memory");\n&/' "$mmq"
    grep -q 'asm volatile("" : : "r"(&tc)' "$mmq" || fail "$mmq is not as expected: _tile_loadconfig(&tc) not found"
  fi
fi

# The package's own build adds a folder twice, which CMake 3.25 refuses: the vendored project is configured instead.
echo "llama.cpp: building, a few minutes"
cmake -S "$source" -B "$folder/llama" -G Ninja -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DLLAMA_CURL=OFF \
  -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF >"$folder/llama.log" 2>&1 ||
  fail "configuring failed; see $folder/llama.log"
cmake --build "$folder/llama" --target llama-bench >>"$folder/llama.log" 2>&1 ||
  fail "the build failed; see $folder/llama.log"
echo "llama.cpp: $bench"
