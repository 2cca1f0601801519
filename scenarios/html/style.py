"""Page style: the frame and the style sheet of pages that stand alone, light and dark, wide and narrow."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --paper: #f6f7f9; --card: #fff; --ink: #18212b; --soft: #566370; --line: #dfe4ea;
  --main: #0b6e99; --bad: #c2410c; --pale: #8a96a3; }
@media (prefers-color-scheme: dark) { :root { --paper: #11161c; --card: #1a2129; --ink: #e6ebf0; --soft: #a3afbb;
  --line: #2e3842; --main: #5cb8e0; --bad: #ff9a5c; --pale: #7e8b98; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif;
  margin: 0 auto; max-width: 66rem; padding: 1.5rem 1rem 3rem;
  color: var(--ink); background: var(--paper); }
header p { margin: 0 0 1rem; } h1 { font-size: 1.5rem; line-height: 1.2; margin: 0 0 .2rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0 0 .3rem; } p { color: var(--soft); margin: 0 0 .6rem; max-width: 46rem;
  font-size: .9rem; overflow-wrap: anywhere; }
section, .tiles > div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
section { padding: 1rem 1.1rem; margin: 0 0 1rem; min-width: 0; }
.side { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(25rem, 100%), 1fr)); gap: 0 1rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .7rem; margin: 0 0 1rem; }
.tiles > div { padding: .6rem .9rem; } dt { color: var(--soft); font-size: .8rem; } dd { margin: 0; font-size: 1.35rem;
  font-weight: 600; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .87rem; }
td, th { padding: .22rem 1.1rem .22rem 0; text-align: left; font-weight: normal; vertical-align: top; }
th { border-bottom: 1px solid var(--pale); color: var(--soft); white-space: nowrap; }
td { border-bottom: 1px solid var(--line); } td + td { font-variant-numeric: tabular-nums; }
details { margin-top: .5rem; } summary { color: var(--main); cursor: pointer; font-size: .87rem; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; margin: 0 0 .4rem; padding: 0;
  font-size: .87rem; } .legend svg { vertical-align: -3px; }
svg { display: inline-block; max-width: 100%; height: auto; font: 12px system-ui, "DejaVu Sans", sans-serif; }
.map svg { min-width: 44rem; } .side svg { width: 100%; max-width: 29rem; }
svg text { fill: var(--soft); } svg .name { fill: var(--ink); }
svg .agent { fill: var(--ink); font-size: 11px; font-weight: 600; paint-order: stroke; stroke: var(--card);
  stroke-width: 3.5px; stroke-linejoin: round; pointer-events: none; }
svg .many { font-size: 9px; font-weight: 400; }
.axis, .ideal, .curve, .other, .grid { fill: none; stroke: var(--pale); } .grid { stroke: var(--line); }
.ideal { stroke-dasharray: 4 4; } .curve { stroke: var(--main); stroke-width: 2; }
.other { stroke: var(--pale); stroke-width: 2; stroke-dasharray: 2 3; }
.dot, .cell, .column { fill: var(--main); } .dot { fill-opacity: .7; } .diamond { fill: var(--bad); }
.ring { fill: var(--card); fill-opacity: .01; stroke: var(--pale); stroke-width: 1.6; }
.cross { fill: none; stroke: var(--bad); stroke-width: 2; }
.dot:hover, .diamond:hover { fill-opacity: 1; stroke: var(--ink); }
@media print { body { background: none; } section { break-inside: avoid; } }
"""

PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
