# Sourced by the fetch scripts, which set `script` to their name: one fetch at a time, and a temporary folder that
# every exit removes, or the next fetch where a kill left it.

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
