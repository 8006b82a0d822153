"""What a reader's browser makes of every page: quiet, complete, narrow, readable."""

import re

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from waiting import remaining, repaint

pytestmark = [pytest.mark.book, pytest.mark.browser]
THEMES = ["light", "dark"]
PHONE = 390

# Most of a page's elements are words of code: keep one of every colour on every ground,
# and axe has less than half to do. Words within words come last, so they go first.
THIN = """
() => {
  const seen = new Set();
  const words = document.querySelectorAll("pre span[class], dt.sig :is(span, em)");
  for (const token of [...words].reverse()) {
    const code = token.closest("pre, dt");
    const kind = [token.className, code.parentElement.className,
      getComputedStyle(token).color, getComputedStyle(code).backgroundColor].join();
    if (seen.has(kind) && !token.children.length)
      token.replaceWith(token.textContent);
    seen.add(kind);
  }
}
"""

# Words of which axe is to measure the contrast, its longest work: three of each colour,
# size and weight on each ground, of those that can be seen.
PAINTS = """
() => {
  const kind = (e) => {
    const { color, fontSize, fontWeight } = getComputedStyle(e);
    const all = [color, fontSize, fontWeight];
    for (let p = e; p; p = p.parentElement) {
      const { backgroundColor, backgroundImage, opacity } = getComputedStyle(p);
      all.push(backgroundColor, backgroundImage, opacity);
    }
    return all.filter((x) => !["rgba(0, 0, 0, 0)", "none", "1"].includes(x)).join();
  };
  const shown = (e) => e.checkVisibility({ visibilityProperty: true })
    && e.getBoundingClientRect().width > 1;
  const written = (e) => e.matches("input, select, textarea")
    || [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  const found = {};
  for (const e of document.querySelectorAll("body *"))
    if (written(e) && shown(e)) (found[kind(e)] ??= []).push(e);
  return Object.values(found).flatMap((alike) => alike.slice(0, 3));
}
"""

# What sticks out of a phone's window, unless a box around it scrolls.
WIDE = f"""
() => [...document.querySelectorAll("html, main *, article *")].filter((e) => {{
  if (e === document.documentElement) return e.scrollWidth > {PHONE};
  const box = e.getBoundingClientRect();
  if (box.right <= {PHONE + 1} || !box.width || !box.height) return false;
  for (let p = e.parentElement; p; p = p.parentElement) {{
    const style = getComputedStyle(p);
    if (style.overflowX !== "visible" && p.tagName !== "BODY") return false;
  }}
  return true;
}}).map((e) => e.outerHTML.slice(0, 120))
"""

# Formulas that take no room, where they are not folded away.
FLAT = """
() => [...document.querySelectorAll("math")].filter((e) =>
  !e.getClientRects().length
  && !e.closest("details, [hidden], .tp-frame, .toc-drawer"))
  .map((e) => e.outerHTML.slice(0, 120))
"""
# What hinders the formulas' font: not one of its kind, or one that is not loaded.
UNLOADED = """
() => {
  const fonts = [...document.fonts].filter((f) => f.family.includes("STIX Two Math"));
  if (fonts.length !== 1) return [`${fonts.length} fonts for formulas`];
  return fonts.map((f) => f.status).filter((status) => status !== "loaded");
}
"""

# Text and lines of the figures whose contrast with what lies behind them is too low.
# Opacity carries values and seeds in lines, so it counts for text only; the hairlines
# of a grid are meant to be faint.
UNREADABLE = r"""
() => {
  const canvas = document.createElement("canvas").getContext("2d", {
    willReadFrequently: true,
  });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((v) => v / 255);
  };
  const light = ([r, g, b]) => {
    const [R, G, B] = [r, g, b].map((v) =>
      v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * R + 0.7152 * G + 0.0722 * B;
  };
  const contrast = (a, b) => {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    return [1, 1, 1, 1];
  };
  const over = (under, [r, g, b, a], alpha) => {
    const all = a * alpha;
    return [r, g, b].map((v, i) => all * v + (1 - all) * under[i]);
  };
  // What is painted under the middle of a text: the page, then every filled shape.
  const ground = (svg, text, back) => {
    const box = text.getBoundingClientRect();
    const middle = new DOMPoint(box.x + box.width / 2, box.y + box.height / 2);
    for (const shape of svg.querySelectorAll("rect, circle, ellipse, polygon, path")) {
      if (!(shape.compareDocumentPosition(text) & 4)) continue;
      const style = getComputedStyle(shape);
      const map = shape.getScreenCTM();
      if (style.fill === "none" || !map || shape.closest("defs, clipPath")) continue;
      if (!shape.isPointInFill(middle.matrixTransform(map.inverse()))) continue;
      const fill = style.fill.startsWith("url") ? "transparent" : style.fill;
      back = over(back, rgba(fill), style.opacity * style.fillOpacity);
    }
    return back;
  };
  const variable = (name) =>
    rgba(getComputedStyle(document.body).getPropertyValue(name).trim());
  const faint = String(variable("--tp-hairline"));
  const found = new Set();
  for (const svg of document.querySelectorAll("main svg, article svg")) {
    if (svg.closest("button, summary, a.headerlink, .icon")) continue;
    const back = behind(svg.parentElement);
    for (const element of svg.querySelectorAll("text, path, line, polyline, use")) {
      const style = getComputedStyle(element);
      const text = element.tagName === "text";
      const paint = text ? style.fill : style.stroke;
      if (element.closest("defs, clipPath") || paint === "none") continue;
      if (text && !element.textContent.trim()) continue;
      let colour = rgba(paint);
      let behindIt = back;
      if (!text && (String(colour) === faint || colour[3] === 0)) continue;
      if (text) {
        behindIt = ground(svg, element, back);
        colour = over(behindIt, colour, style.opacity * style.fillOpacity);
      }
      const ratio = contrast(colour, behindIt);
      if (ratio < (text ? 4.5 : 3)) {
        const what = text ? `"${element.textContent.trim()}"` : element.tagName;
        const label = svg.getAttribute("aria-label") || svg.id;
        found.add(`${what} ${paint} ${ratio.toFixed(2)} in ${label}`);
      }
    }
  }
  return [...found];
}
"""


def test_a_page_serves_its_reader(visit, site, name):
    """Look at a page in every way during one visit: opening it is what takes long."""
    tab = visit(site + name)
    tab.wait_for_load_state("networkidle")
    assert tab.heard.complaints == []
    assert tab.heard.beyond(site) == []
    assert tab.title()
    assert remaining(tab, FLAT) == []
    if tab.locator("math").count():
        assert remaining(tab, UNLOADED) == []
    tab.set_viewport_size({"width": PHONE, "height": 900})
    assert remaining(tab, WIDE) == []
    tab.set_viewport_size({"width": 1280, "height": 900})
    tab.evaluate(THIN)
    tab.evaluate(AXE_SCRIPT)
    assert inaccessible(tab) == set()
    for theme in THEMES:
        repaint(tab, color_scheme=theme)
        assert faint(tab) == set(), theme
    tab.add_style_tag(content=".tp-frame {display: block !important}")
    for theme in THEMES:
        repaint(tab, color_scheme=theme)
        assert remaining(tab, UNREADABLE) == [], theme


def inaccessible(tab):
    """Ask axe for all but the contrast, which alone depends on the theme."""
    return violations(tab, "document", "rules: {'color-contrast': {enabled: false}}")


def faint(tab):
    """Ask axe for words that stand out too little."""
    return violations(tab, f"({PAINTS})()", "runOnly: ['color-contrast']")


def violations(tab, where, options):
    found = tab.evaluate(
        f"axe.run({where}, {{resultTypes: ['violations'], {options}}})"
    )
    return {
        f"{violation['id']}: {node['html'][:160]}"
        for violation in found["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"][:5]
    }


def test_a_page_is_complete_from_disk(visit, book, some_page):
    """One page of each set of scripts will do: the others load the same."""
    tab = visit((book / some_page).as_uri())
    tab.wait_for_load_state("networkidle")
    assert tab.heard.complaints == []
    assert tab.heard.beyond(book.as_uri()) == []
    if tab.locator("math").count():
        assert remaining(tab, UNLOADED) == []


def test_no_link_begins_at_a_servers_root(book, name):
    text = (book / name).read_text()
    assert re.findall(r'(?:href|src)="/.{,60}', text) == []


def test_every_kind_of_faint_words_is_found(visit):
    """The same colour on another ground, half seen, or smaller is of another kind."""
    tab = visit("about:blank")
    tab.set_content("""<body style="background: #fff; color: #595959">
      <details><summary>more</summary><p>folded</p></details>
      <p>good</p><p>good</p><p>good</p><p>good, <b>good</b></p><input value="good">
      <p style="font-size: 30px; color: #888">large</p>
      <p style="color: #888">small</p>
      <div style="opacity: 0.5"><p>half seen</p></div>
      <div style="background: #999"><p>on grey <i>and in it</i></p></div>
      <input style="color: #ccc" value="pale">""")
    tab.evaluate(AXE_SCRIPT)
    found = {re.sub("<.*?>", "", words.partition(": ")[2]) for words in faint(tab)}
    assert found == {"small", "half seen", "on grey and in it", "and in it", ""}


def test_the_check_of_contrast_sees_what_is_faint(visit):
    tab = visit("about:blank")
    tab.set_content("""<body style="background: #fff"><main><svg id="figure">
      <rect width="60" height="40" fill="#16181d"/>
      <text x="5" y="20" fill="#fff">on ink</text>
      <text x="5" y="70" fill="#fff">on white</text>
      <text x="5" y="110" fill="#16181d" opacity="0.3">pale</text>
      <path d="M0 80H50" stroke="#eee"/><path d="M0 90H50" stroke="#6f6e6f"/>
    </svg></main></body>""")
    found = tab.evaluate(UNREADABLE)
    assert [what.partition(" rgb")[0] for what in found] == [
        '"on white"',
        '"pale"',
        "path",
    ]
