#!/bin/sh
# labels: real
# Opens a report in a headless browser, light and dark, narrow and wide, and checks what is shown. $1: the repository.
set -eu
root=$1
longshot=$root/build/longshot
model=$root/models/SmolLM2-135M-Instruct.Q4_1.gguf
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
[ -n "$browser" ] || { echo "skipped: no chromium"; exit 77; }
[ -x "$longshot" ] && [ -f "$model" ] || { echo "skipped: no build/longshot or no default model"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/page.yaml" <<EOF
about: A <page> & its "checks"
repetitions: 2
tasks: [{kind: turns, name: questions, count: 2, length: 300}]
drafters: [none, copy, token-recycling, auto]
matrix: {task.length: [300, 600]}
answer: {n_predict: 24, ignore_eos: true}
sampling: {temperature: 0.7}
speculative: {num_speculative_tokens: 8, draft_pass_cost: "9:1.1"}
runtime: {model: $model}
EOF
"$longshot" run "$work/page.yaml" -o "$work/run" >/dev/null 2>"$work/log" || { cat "$work/log"; exit 1; }
grep -Eq 'https?://|<script|<link|@import|url\(' "$work/run/report.html" && { echo "the page loads something"; exit 1; }

# A copy that tells in its title what a reader would see.
sed 's#</body>#<script>addEventListener("load", () => {\
  document.querySelectorAll("details").forEach(d => d.open = true);\
  const seen = e => { const r = e.getBoundingClientRect(); return r.width > 20 \&\& r.height > 5; };\
  const all = s => [...document.querySelectorAll(s)];\
  const rgb = c => c.match(/[0-9.]+/g).slice(0, 3).map(Number).reduce((a, b) => a + b, 0);\
  const style = getComputedStyle(document.body);\
  document.title = ["R", all("svg").filter(seen).length, all("svg").length, all(".setting tbody tr").filter(seen).length,\
    all("mark").filter(e => e.getBoundingClientRect().width > 0).length,\
    document.documentElement.scrollWidth <= innerWidth ? "fits" : "overflows",\
    rgb(style.backgroundColor) > rgb(style.color) ? "light" : "dark",\
    all("svg text").every(t => { const b = t.getBBox(); return b.x >= -2 \&\& b.x + b.width <= 462; }) ? "inside" : "cut",\
    ["lengths", "setting", "memory"].every(k => all("table." + k).some(seen)) ? "tables" : "missing",\
    all("svg .interval").some(e => e.getBoundingClientRect().height > 0) ? "intervals" : "bare",\
    document.querySelector("main p").textContent.includes("A <page> \& its") ? "escaped" : "mangled"].join(" ");\
})</script></body>#' "$work/run/report.html" >"$work/run/told.html"

failed=0
check() { # width, light or dark, flags
  width=$1 scheme=$2
  shift 2
  title=$("$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/profile" --window-size="$width,900" "$@" \
    --virtual-time-budget=4000 --dump-dom "file://$work/run/told.html" 2>/dev/null | grep -o '<title>[^<]*' | head -1)
  set -- ${title#<title>}
  echo "$width $scheme: $*"
  [ "${1:-}" = R ] && [ "$2" -ge 7 ] && [ "$2" -eq "$3" ] && [ "$4" -eq 8 ] && [ "$5" -ge 3 ] && [ "$6" = fits ] &&
    [ "$7" = "$scheme" ] && [ "$8" = inside ] && [ "$9" = tables ] && [ "${10}" = intervals ] &&
    [ "${11}" = escaped ] || failed=1
}
check 1280 light
check 500 light
check 1280 dark --blink-settings=preferredColorScheme=0
check 500 dark --blink-settings=preferredColorScheme=0
[ "$failed" -eq 0 ] || { echo "expected: R, all pictures seen, 8 lines, marks, fits, the scheme, inside, tables, intervals, escaped"; exit 1; }
