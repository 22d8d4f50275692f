#!/bin/sh
# Fetches llama.cpp's vocabulary files into models/vocabs/ (or the folder given), for the tokenizer tests: they come in
# the source package of llama-cpp-python, about 73 MB, downloaded once. Idempotent; what is there is whole, because the
# files are moved into place together. `--quiet`: one line on failure, nothing else.
set -u

quiet=
[ "${1:-}" = --quiet ] && quiet=1 && shift
here=$(dirname "$0")
folder=${1:-$here/../models/vocabs}
needed="gpt-2 starcoder llama-bpe qwen2 llama-spm"

say() {
  [ -n "$quiet" ] || echo "vocabs: $*"
}

fail() {
  echo "fetch_vocabs: $*" >&2
  exit 1
}

whole() {
  for family in $needed; do
    for end in gguf gguf.inp gguf.out; do
      [ -s "$folder/ggml-vocab-$family.$end" ] || return 1
    done
  done
}

parent=$(dirname "$folder")
mkdir -p "$parent" || fail "cannot create the folder $parent"
exec 9>"$parent/.fetch_vocabs.lock" || fail "cannot write to $parent"
# One fetch at a time: a second one waits, then finds the files.
flock 9
if whole; then
  say "$folder is present and whole"
  exit 0
fi

rm -rf "$parent"/.fetch_vocabs.tmp.*
work=$(mktemp -d "$parent/.fetch_vocabs.tmp.XXXXXX") || fail "cannot write to $parent"
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

python=
for candidate in python3 /usr/bin/python3 python; do
  if "$candidate" -m pip --version >/dev/null 2>&1; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || fail "found no python3 with pip; run scripts/install_packages.sh, or: apt-get install python3-pip"

say "downloading the source package (about 73 MB)"
if ! TMPDIR=$work "$python" "$here/../tests/golden/fetch_llama_cpp_vocabs.py" --out "$work/vocabs" >"$work/log" 2>&1; then
  [ -n "$quiet" ] || cat "$work/log" >&2
  fail "cannot fetch llama.cpp's vocabularies: $(tail -n 1 "$work/log" | cut -c 1-200); nothing was changed"
fi
rm -rf "$folder"
mv "$work/vocabs" "$folder" || fail "cannot move the files into $folder"
whole || fail "the package lacks vocabularies that the tests need: $needed"
say "$folder"
