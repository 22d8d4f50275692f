#pragma once

namespace longshot {

/// How a report looks: light and dark, narrow and wide.
inline constexpr const char* kPageStyle = R"(
:root{--ink:#1b1f24;--paper:#fff;--soft:#5b6470;--line:#dfe3e8;--wash:#f5f7f9;
--c0:#6b7280;--c1:#0b6bcb;--c2:#c2410c;--c3:#15803d;--c4:#9333ea;--c5:#b45309;--c6:#be185d;--c7:#0e7490}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--paper:#14171b;--soft:#9aa4b2;--line:#2d333b;--wash:#1d2127;
--c0:#9ca3af;--c1:#5aa9ff;--c2:#fb923c;--c3:#4ade80;--c4:#c084fc;--c5:#fbbf24;--c6:#f472b6;--c7:#22d3ee}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1120px;margin:0 auto;padding:24px 16px 64px}
h1{font-size:28px;margin:0 0 8px}h2{font-size:18px;margin:32px 0 8px;overflow-wrap:anywhere}
p{margin:8px 0;max-width:76ch}.summary{font-weight:600}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:8px}
table{border-collapse:collapse;width:100%;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:6px 10px;text-align:left;white-space:nowrap;border-bottom:1px solid var(--line)}
th{background:var(--wash);font-weight:600}tr:last-child td{border-bottom:0}.n{text-align:right}
tr.failed td{color:var(--c2)}
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,340px),1fr));gap:16px;margin:16px 0}
figure{margin:0;padding:8px;border:1px solid var(--line);border-radius:8px;min-width:0}
svg{width:100%;height:auto;display:block}
svg text{fill:var(--soft);font:11px system-ui,sans-serif}svg .title{fill:var(--ink);font-size:13px;font-weight:600}
svg .unit{fill:var(--soft);font-size:11px;font-weight:400}
svg .end{text-anchor:end}svg .middle{text-anchor:middle}
svg .grid{stroke:var(--line)}svg .reference{stroke:var(--soft);stroke-dasharray:4 4}
svg polyline{fill:none;stroke-width:2}svg .interval{stroke:var(--c);stroke-width:4;opacity:.28}
.legend{display:flex;flex-wrap:wrap;gap:4px 14px;font-size:12px;margin:4px 8px}
.legend i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:5px}
.c0{--c:var(--c0)}.c1{--c:var(--c1)}.c2{--c:var(--c2)}.c3{--c:var(--c3)}
.c4{--c:var(--c4)}.c5{--c:var(--c5)}.c6{--c:var(--c6)}.c7{--c:var(--c7)}
svg polyline{stroke:var(--c)}svg circle,svg rect{fill:var(--c)}.legend i{background:var(--c)}
mark{color:inherit;border-radius:3px;background:color-mix(in srgb,var(--c) 28%,transparent)}
details{border:1px solid var(--line);border-radius:8px;padding:6px 12px;margin:6px 0}
summary{cursor:pointer;overflow-wrap:anywhere}
.answer{white-space:pre-wrap;overflow-wrap:anywhere;max-width:none}.ask{color:var(--soft);white-space:pre-wrap}
pre{overflow-x:auto;font-size:12px})";

}  // namespace longshot
