# Sourced by the script tests: `work`, a folder that goes with the test, and counted expectations.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

failures=0
# expect WHAT COMMAND...: on failure, what the script under test wrote to $work/out is shown.
expect() {
  description=$1
  shift
  if ! "$@"; then
    echo "FAILED: $description"
    cat "$work/out"
    failures=$((failures + 1))
  fi
}
