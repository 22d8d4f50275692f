#!/bin/sh
# Builds and runs the whole suite: everything in the release build, the unit tests under ASan + UBSan, the threaded
# ones under TSan, and fuzzing in a short form. `--long` adds the slow tests and fuzzes longer. The last line says
# how many passed, failed and were skipped; the exit status is 0 when none failed.
set -u
cd "$(dirname "$0")/.." || exit 1

long=
[ "${1:-}" = --long ] && long=1
jobs=$(nproc)
passed=0 failed=0 skipped=0
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
trap 'exit 130' INT TERM

say() { echo "== $*"; }

# build NAME PRESET TARGET [FOLDERS]: a build that breaks counts as one failed test.
build() {
  say "$1: build"
  if cmake --preset "$2" ${4:+"-DLONGSHOT_FOLDERS=$4"} >"$results/log" 2>&1 &&
    cmake --build --preset "$2" --target "$3" >"$results/log" 2>&1; then
    return 0
  fi
  tail -n 40 "$results/log"
  echo "FAILED: the build of $1"
  failed=$((failed + 1))
  return 1
}

attribute() {
  grep -o "$1=\"[0-9]*\"" "$results/junit.xml" | head -n 1 | tr -dc '0-9'
}

# Why tests were skipped: how many for each reason.
skip_reasons() {
  grep -A 1 ': Skipped$' "$results/junit.xml" | grep -v -e ': Skipped$' -e '^--$' |
    sed 's/&quot;/"/g; s/&apos;/'"'"'/g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g' | sort | uniq -c | head -n 20 |
    sed 's/^ */  skipped /; s/\([0-9]\) /\1: /'
}

# check NAME FOLDER CTEST-ARGUMENTS...: runs tests and adds up their results.
check() {
  say "$1: test"
  name=$1 folder=$2
  shift 2
  rm -f "$results/junit.xml"
  ctest --test-dir "$folder" -j "$jobs" --timeout 600 --output-on-failure --output-junit "$results/junit.xml" \
    "$@" >"$results/log" 2>&1
  total=$(attribute tests) bad=$(attribute failures) skip=$(attribute skipped) off=$(attribute disabled)
  if [ -z "$total" ] || [ "$total" -eq 0 ]; then
    tail -n 20 "$results/log"
    echo "FAILED: $name ran no tests"
    failed=$((failed + 1))
    return
  fi
  [ "$bad" -eq 0 ] || cat "$results/log"
  echo "$name: $((total - bad - skip - off)) passed, $bad failed, $((skip + off)) skipped"
  [ "$skip" -eq 0 ] || skip_reasons
  passed=$((passed + total - bad - skip - off)) failed=$((failed + bad)) skipped=$((skipped + skip + off))
}

# script NAME COMMAND...: one test that is a command.
script() {
  name=$1
  shift
  say "$name"
  if "$@" >"$results/log" 2>&1; then
    tail -n 3 "$results/log"
    passed=$((passed + 1))
  else
    tail -n 60 "$results/log"
    echo "FAILED: $name"
    failed=$((failed + 1))
  fi
}

only='-LE gpu|slow'
[ -z "$long" ] || only='-LE gpu'

# The short form sanitizes the folders that touch raw memory and files; `--long` and `make asan` all of them.
memory_folders="core;kernels;runtime/config;runtime/text;runtime/kv;runtime/model;runtime/cache;retrieval"
[ -z "$long" ] || memory_folders="$memory_folders;runtime/spec;runtime/engine;verifier;drafters;tasks;session;experiments;cli"
threaded_folders="core;kernels;runtime/text;runtime/kv;runtime/model;runtime/cache"

build release release all && check release build ${only}
build "ASan + UBSan" asan tests_unit "$memory_folders" && check "ASan + UBSan" build-asan -L unit ${only}
build TSan tsan tests_threads "$threaded_folders" && check TSan build-tsan -L threads ${only}
script fuzzing tests/fuzz/run_short.sh ${long:+--long}

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
