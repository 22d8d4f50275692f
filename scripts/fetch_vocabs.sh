#!/bin/sh
# Fetches llama.cpp's vocabulary files into models/vocabs/ (or the folder given), for the tokenizer tests: they come in
# the source package of llama-cpp-python, about 73 MB, downloaded once. Idempotent; what is there is whole, because the
# files are moved into place together. `--quiet`: one line on failure, nothing else.
set -u

quiet=
[ "${1:-}" = --quiet ] && quiet=1 && shift
here=$(dirname "$0")
script=fetch_vocabs
. "$here/fetching.sh"
folder=${1:-$here/../models/vocabs}
needed="gpt-2 starcoder llama-bpe qwen2 llama-spm"

say() {
  [ -n "$quiet" ] || echo "vocabs: $*"
}

whole() {
  for family in $needed; do
    for end in gguf gguf.inp gguf.out; do
      [ -s "$folder/ggml-vocab-$family.$end" ] || return 1
    done
  done
}

parent=$(dirname "$folder")
lock_folder "$parent"
if whole; then
  say "$folder is present and whole"
  exit 0
fi

make_work_folder "$parent"
find_python
say "downloading the source package (about 73 MB)"
if ! TMPDIR=$work "$python" "$here/../tests/golden/fetch_llama_cpp_vocabs.py" --out "$work/vocabs" >"$work/log" 2>&1; then
  [ -n "$quiet" ] || cat "$work/log" >&2
  fail "cannot fetch llama.cpp's vocabularies: $(tail -n 1 "$work/log" | cut -c 1-200); nothing was changed"
fi
rm -rf "$folder"
mv "$work/vocabs" "$folder" || fail "cannot move the files into $folder"
whole || fail "the package lacks vocabularies that the tests need: $needed"
say "$folder"
