"""Hostile texts in a real browser: `python -m benchmarks.hostile_report`. Needs Chromium.

A report of two runs is made in which every text of a run, of what the two differ in, of the map and of the coverage is
one of the table below, and a second one in which each is a plain word instead. Both are opened, and everything in them
that can be opened. The first must have the same elements with the same attributes as the second, ask for nothing, log
nothing, run nothing, hide nothing and turn nothing round.
"""

from __future__ import annotations

import json
import sys
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from scenarios.coverage import Dimension
from scenarios.divergence import compare
from scenarios.html.inert import shown
from scenarios.html.page import Told, make_report
from scenarios.html.request_map import Point, RequestMap
from scenarios.origin import Origin
from scenarios.track import MemoryTrack
from tests.scenarios.html.chromium import Chromium, find_browser
from tests.scenarios.html.stories import hostile, hostile_rows, rows_of

_X: Final = "boom()"
#: Texts that break pages which do not take them for text.
TABLE: Final[tuple[str, ...]] = (
    # the ends of where a text stands
    f"</script><script>{_X}</script>", f"</style><script>{_X}</script>", f"</title><script>{_X}</script>",
    f"</textarea><script>{_X}</script>", f"</pre></td></table><script>{_X}</script>", f"--><script>{_X}</script>",
    f"]]><script>{_X}</script>", "<!--<script>", "<![CDATA[", "<!DOCTYPE html>", "<?xml version='1.0'?>",
    # elements that run, or ask for something
    f"<img src=x onerror={_X}>", f"<svg/onload={_X}>", f"<svg><script>{_X}</script></svg>",
    f"<iframe srcdoc='<script>parent.{_X}</script>'></iframe>", f"<object data='data:text/html,<script>{_X}</script>'>",
    "<embed src=//evil.example/x>", "<base href=//evil.example/>", "<link rel=stylesheet href=//evil.example/x>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>", f"<details open ontoggle={_X}>x</details>",
    f"<form action=//evil.example><input autofocus onfocus={_X}></form>", f"<video><source onerror={_X}></video>",
    f"<a href='javascript:{_X}'>x</a>", f"<math><mi xlink:href='javascript:{_X}'>x</mi></math>",
    f"<body onload={_X}>", f"<template><script>{_X}</script></template>", "<style>*{display:none}</style>",
    f"<noscript><p title='</noscript><img src=x onerror={_X}>'>", "<plaintext>", "<xmp>", "<dialog open>x</dialog>",
    "<button popovertarget=main>x</button>", "<slot>", "<portal src=//evil.example>",
    # attributes
    f'" onmouseover="{_X}', f"' onfocus='{_X}' autofocus='", f"` onclick={_X}", f'"><script>{_X}</script>',
    f"'><svg onload={_X}>", 'x" style="background:url(//evil.example/x)', "x style=position:fixed;inset:0",
    # addresses, styles
    f"javascript:{_X}", f"  jAvAsCrIpT:{_X}", f"data:text/html,<script>{_X}</script>", "//evil.example/x",
    "https://evil.example/x", "\\\\evil.example\\x", "file:///etc/passwd", f"expression({_X})",
    "};*{background:url(//evil.example/x)}", "@import url(//evil.example/x);", "url(//evil.example/x)",
    # templates, scripts
    f"{{{{constructor.constructor('{_X}')()}}}}", f"${{{_X}}}", f"<%= {_X} %>", f"#{{{_X}}}", f"');{_X};//",
    f'");{_X};//', f"`;{_X};`", f"\\u0022);{_X};//", f"*/{_X}/*", "__proto__", "constructor", "prototype", "toString",
    "hasOwnProperty", "then", "length", "__defineGetter__",
    # what is written otherwise
    f"&lt;img src=x onerror={_X}&gt;", f"&#x3c;img src=x onerror={_X}&#x3e;", "&quot; x=&quot;", "&amp;lt;",
    "%3Cscript%3Eboom()%3C/script%3E", f"+ADw-script+AD4-{_X}+ADw-/script+AD4-", f"\u2039script\u203a{_X}",
    f"\uff1cscript\uff1e{_X}\uff1c/script\uff1e", f"<scr\x00ipt>{_X}</scr\x00ipt>", f"<\x0bimg src=x onerror={_X}>",
    # what hides, turns round, or is no character
    "a\u202eb\u2066c\u2069d", "\u200f\u061c\u200e", "a\u200b\u200c\u200d\u2060\ufeffb", "nul\x00 bell\x07 esc\x1b[31m",
    "\x7f\x80\x85\x9b", "\u2028\u2029", "soft\u00adhyphen", "\ufff9a\ufffab\ufffb", "\U000e0041\U000e007f", "\ue000",
    "\ufffe\uffff\U0010ffff", "a\nb\r\nc\td", "clerk\u3164", "clerk\u115f\u1160\uffa0", "clerk\u034f\u180b\u180e",
    "clerk\U000e0100", "\u17b4\u17b5x", "\u0435vil", "Z\u0310\u0346\u0352a\u0335l\u0328go", "مرحبا بالعالم",
    # names that a page or a program has a meaning for
    "", " ", "0", "-1", "null", "undefined", "NaN", "nobody", "main", "r0", "r0-verdict", "data-r0-head", "<", "&",
    '"', "\\", "[iban:3f2a9c1d04be]", "../../etc/passwd", "a" * 5_000, "wide " * 500, "<b>" * 500,
)  # fmt: skip
_SECTIONS: Final = (
    "verdict", "causes", "timeline", "decisions", "graph", "edges", "budgets", "map", "coverage", "versions", "events",
)  # fmt: skip
#: Opens what can be opened and pages through what has pages; its value is not looked at.
_OPEN: Final = """void (async () => {
  const rest = () => new Promise((go) => setTimeout(go, 30));
  const all = (selector) => [...document.querySelectorAll(selector)];
  all('summary').forEach((one) => one.click());
  for (const part of ['events', 'decisions']) for (const run of ['r0', 'r1']) {
    for (let page = 0; page < 100; page += 1) {
      for (const one of all(`#${run}-${part} tbody button[aria-expanded]`)) one.click();
      for (const one of all(`#${run}-${part} .two tbody button`)) { one.click(); await rest(); }
      await rest();
      SEEN
      const on = all(`#${run}-${part} .bar button`).find((one) => one.textContent.startsWith('on ') && !one.disabled);
      if (!on) break;
      on.click();
      await rest();
    }
  }
  for (const one of all('.graph .node')) { one.dispatchEvent(new Event('click')); await rest(); }
  for (const one of all('canvas[tabindex]')) for (const key of 'nnnnppnn+-0') {
    one.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  }
  for (const one of all('select')) for (const choice of one.options) {
    one.value = choice.value;
    one.dispatchEvent(new Event('change'));
    await rest();
  }
  SEEN
  window.over = true;
})()"""
#: Seconds that a page may take to be gone through.
_PATIENCE: Final = 400
#: Notes elements with the names of their attributes, and texts and attributes as they are.
_SEEN: Final = """for (const one of document.body.querySelectorAll('*')) {
  const names = one.getAttributeNames().sort();
  const kind = `${one.localName} ${names.join(' ')}`;
  window.kinds ??= new Set();
  window.values ??= new Set();
  window.kinds.add(kind);
  for (const name of names) if (!/^(d|class|style)$/.test(name)) window.values.add(one.getAttribute(name));
  if (/^(script|style)$/.test(one.localName)) continue;
  for (const part of one.childNodes) if (part.nodeType === 3) window.values.add(part.data);
}"""


def told(texts: Sequence[str]) -> list[Told]:
    """Return two runs of which the second differs from the first, with everything that a report may tell of them."""
    first, turned = hostile_rows(texts), [*texts[1:], texts[0]]
    changed = [(row.envelope.topic, row.envelope.correlation_id, _other(row.envelope.body, texts)) for row in first]
    compared = compare(MemoryTrack(first), MemoryTrack(rows_of(changed, texts[2])))
    points = tuple(
        Point(text, text, other, ("completed", "nobody", "wrong", "other")[at % 4], at % 11 / 11, at % 13 / 13)
        for at, (text, other) in enumerate(zip(texts, turned, strict=True))
    )
    places = tuple((text, at % 7 / 7, at % 5 / 5) for at, text in enumerate(texts))
    covered = [Dimension(texts[3], dict.fromkeys(texts, 1), tuple(texts), {texts[4]: 1})]
    origins = {text: Origin(other, 1) for text, other in zip(texts, turned, strict=True)}
    whole = Told(hostile(texts), compared, origins, RequestMap(points, places, 3, texts[5]), covered)
    return [whole, Told(hostile(turned))]


def _other(body: Any, texts: Sequence[str]) -> Any:
    """Return what a row says in the other run: texts beside names are the next of the table."""
    if isinstance(body, dict):
        return {key: body[key] if key in ("task", "agent") else _other(body[key], texts) for key in body}
    if isinstance(body, str) and body in texts:
        return texts[(texts.index(body) + 1) % len(texts)]
    return body


def look(page: Path, chromium: Chromium) -> tuple[set[str], set[str]]:
    """Open a page and all in it; return its kinds of elements, and the texts and values of attributes in it."""
    chromium.open(page)
    chromium.run("window.boom = () => console.error('boom'); window.alert = window.boom; 1")
    for run in ("r0", "r1"):
        for name in _SECTIONS:
            if chromium.run(f"!!document.getElementById('{run}-{name}')"):
                chromium.show(f"#{run}-{name}")
    chromium.run(_OPEN.replace("SEEN", _SEEN))
    for _ in range(_PATIENCE):
        if chromium.run("new Promise((go) => { setTimeout(() => go(window.over), 1000); })"):
            break
    else:
        raise AssertionError("the page was not gone through in time")
    if chromium.run("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        chromium.complaints.append("the page scrolls sideways")
    return set(chromium.run("[...window.kinds]")), set(chromium.run("[...window.values]"))


def hidden(values: set[str]) -> list[str]:
    """Return the values in which a character hides, controls, or turns text round."""
    return sorted(value for value in values if any(not _plain(one) for one in value))


def _plain(one: str) -> bool:
    return one in "\n\t" or not (unicodedata.category(one).startswith("C") or one in "\u034f\u115f\u1160\u3164\uffa0")


def missing(values: set[str], texts: Sequence[str]) -> list[str]:
    """Return the texts that stand nowhere."""
    everything = "\0".join(values)
    return [text for text in texts if shown(text)[:40].strip() not in everything]


def main() -> int:
    """Show both pages; print what was found; return 1 if that is anything."""
    browser = find_browser()
    if browser is None:
        print("NO BROWSER: install chromium")
        return 1
    problems: Counter[str] = Counter()
    plain = [f"plain{at}" for at in range(len(TABLE))]
    with tempfile.TemporaryDirectory() as name:
        folder, seen = Path(name), {}
        for kind, texts in (("plain", plain), ("hostile", TABLE)):
            page = folder / f"{kind}.html"
            page.write_bytes(b"".join(make_report(told(texts))))
            with Chromium(browser, folder / kind) as chromium:
                seen[kind] = look(page, chromium)
                problems.update(f"{kind}: the browser says {one[:300]}" for one in chromium.complaints)
                problems.update(
                    f"{kind}: it asks for {one}" for one in chromium.requests if one != page.absolute().as_uri()
                )
    kinds, values = seen["hostile"]
    problems.update(f"an element that only hostile texts make: {one}" for one in kinds - seen["plain"][0])
    problems.update(f"an element that hostile texts take away: {one}" for one in seen["plain"][0] - kinds)
    problems.update(f"it hides or turns: {json.dumps(one)[:200]}" for one in hidden(values))
    problems.update(f"it stands nowhere: {json.dumps(one)[:200]}" for one in missing(values, TABLE))
    for problem, times in problems.items():
        print(f"{problem} ({times} times)")
    print(
        f"{len(TABLE)} texts, {len(kinds)} kinds of elements, {len(values)} texts and values: {len(problems)} problems"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
