#!/bin/sh
# Builds the fuzzers (clang, ASan + UBSan), runs each from valid seeds for a short while, then proves that the same
# short run finds a planted bug of every class. `--long` runs each for ten minutes instead. Exit status 0: no finding.
# BUILD_DIR moves the build folder; a finding is left there under findings/.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD_DIR:-$root/build-fuzz}
seconds=8
[ "${1:-}" = --long ] && seconds=600

if ! command -v clang++ >/dev/null; then
  echo "fuzzing needs clang: run scripts/install_packages.sh" >&2
  exit 1
fi
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=None -DLONGSHOT_FUZZ=ON \
  -DLONGSHOT_FOLDERS= -DLONGSHOT_TESTS=OFF -DLONGSHOT_PLANTED_BUG= >/dev/null
cmake --build "$build"
rm -rf "$build/seeds"
"$build/tests/fuzz/fuzz_seeds" "$build/seeds"
mkdir -p "$build/findings"

failed=0
for fuzzer in "$build"/tests/fuzz/*_fuzz; do
  name=$(basename "$fuzzer" _fuzz)
  corpus=$build/corpus/$name
  mkdir -p "$corpus"
  if "$fuzzer" "$corpus" "$build/seeds/$name" -max_total_time=$seconds -timeout=10 -rss_limit_mb=2048 \
    -malloc_limit_mb=256 -max_len=131072 -len_control=0 -artifact_prefix="$build/findings/$name-" \
    >"$build/$name.log" 2>&1; then
    echo "$name: $(grep -o 'Done [0-9]* runs' "$build/$name.log" | tail -n 1), no finding"
  else
    tail -n 40 "$build/$name.log"
    echo "$name: finding, kept in $build/findings" >&2
    failed=1
  fi
done
[ "$failed" -eq 0 ] || exit 1
BUILD_DIR=$build "$root/tests/fuzz/prove_planted_bugs.sh"
