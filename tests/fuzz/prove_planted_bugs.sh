#!/bin/sh
# For every class of bug in core/planted_bug.h: builds the harness that covers it with that bug planted and shows that a
# run of at most a minute from the seeds finds it. Names on the command line choose bugs. Exit status 0: all were found.
# BUILD_DIR moves the build folder.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD_DIR:-$root/build-fuzz}
all=$(sed -n 's/^  k\([A-Z][A-Za-z]*\),.*/\1/p' "$root/core/planted_bug.h" | grep -v '^None$')

harness_of() {
  case $1 in
    Safetensors*|ShardPath) echo safetensors ;;
    TokenizerSize|JsonDepth) echo tokenizer_json ;;
    CacheSize) echo prompt_cache ;;
    CharsMap) echo tokenizer_model ;;
    *) echo gguf ;;
  esac
}

configure() {
  cmake -S "$root" -B "$build" -G Ninja -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=None -DLONGSHOT_FUZZ=ON \
    -DLONGSHOT_FOLDERS= -DLONGSHOT_TESTS=OFF -DLONGSHOT_PLANTED_BUG="$1" >/dev/null
}

# A finding is a sanitizer's or libFuzzer's report, never just a failing exit status.
finds() {
  "$build/tests/fuzz/$1_fuzz" "$build/seeds/$1" -max_total_time=60 -timeout=10 -rss_limit_mb=2048 \
    -malloc_limit_mb=256 -max_len=131072 -len_control=0 -seed=1 -artifact_prefix="$build/" >"$build/log" 2>&1 || true
  grep -q -E 'ERROR: (AddressSanitizer|libFuzzer)|runtime error: ' "$build/log"
}

configure ""
cmake --build "$build" --target fuzz_seeds >/dev/null
"$build/tests/fuzz/fuzz_seeds" "$build/seeds"
missed=0
for bug in ${*:-$all}; do
  harness=$(harness_of "$bug")
  configure "$bug"
  cmake --build "$build" --target "${harness}_fuzz" >/dev/null
  if finds "$harness"; then
    echo "planted $bug: $(grep -o -m 1 -E 'ERROR: .*|runtime error: .*' "$build/log" | cut -c 1-100)"
  else
    echo "planted $bug: NOT found by $harness" >&2
    missed=$((missed + 1))
  fi
done
configure ""
[ "$missed" -eq 0 ]
