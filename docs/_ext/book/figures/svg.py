"""From a standalone SVG, as matplotlib writes it, to one that lives in a page.

Inside a page a drawing inherits the font, its colours can be CSS variables, and it
need not say again what it says once.
"""

import re
from html import escape

from transformer_path.workshop.palette import LIGHT

VARIABLES = {colour: f"tp-{name}" for name, colour in LIGHT.items()} | {
    "#ffffff": "color-background-primary",
    "#000000": "tp-ink",
}
# What the style block said, and black, which SVG draws where nothing is said.
INHERITED = "fill: currentColor; stroke-linejoin: round; stroke-linecap: butt"
DROPPED = (
    r"<metadata>.*?</metadata>",
    r"<defs>\s*<style\b.*?</style>\s*</defs>",
    r"<style\b.*?</style>",
    r"<!--.*?-->",
    # The paper: the page has its own.
    r'<g id="patch_1">\s*<path d="[^"]*" style="fill: (?:#ffffff|none)"/>\s*</g>',
)
NUMBER = re.compile(r"-?\d+\.\d{3,}(?!\d*e)")
ALIKE = re.compile(
    r'<use ([^>]*) style="([^"]*)"/>(?:<use [^>]* style="\2"/>){2,}', re.DOTALL
)


def theme_svg(svg: str, prefix: str, label: str) -> str:
    """Rewrite a standalone SVG so that it can stand inside a page.

    Parameters
    ----------
    svg : str
        The drawing, as matplotlib writes it with ``svg.fonttype: none``.
    prefix : str
        Put before every id, so that several drawings fit in one page.
    label : str
        What a screen reader says instead of the drawing.
    """
    head, body = _found(r"(<svg\b[^>]*>)(.*)", svg).groups()
    for pattern in DROPPED:
        body = re.sub(pattern, "", body, flags=re.DOTALL)
    body = _with_own_ids(body, prefix)
    body = re.sub(r'\bfont: ([^;"]*)', _without_family, body)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    body = re.sub(r"#[0-9a-fA-F]{6}\b", _variable, body)
    return _root(head, label, "group" if "<a " in body else "img") + _lighter(body)


def _found(pattern: str, text: str) -> re.Match[str]:
    """Find what every drawing of matplotlib has."""
    match = re.search(pattern, text, re.DOTALL)
    if match is None:
        raise ValueError(f"this is no SVG as matplotlib writes it: {text[:80]}")
    return match


def _root(head: str, label: str, role: str) -> str:
    """Start the drawing: it grows with the page up to its own size."""
    view = _found(r'viewBox="([^"]*)"', head)[1]
    # Sizes are in points: at 96 pixels an inch and 16 a rem, 12 points are a rem.
    size = f"max-width: {float(view.split()[2]) / 12:.4g}rem"
    return (
        f'<svg viewBox="{view}" class="tp-svg" role="{role}" '
        f'aria-label="{escape(label)}" style="{size}; {INHERITED}">'
    )


def _with_own_ids(body: str, prefix: str) -> str:
    """Prefix the ids that something refers to, drop the others."""
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', body))
    body = re.sub(
        r' id="([^"]*)"',
        lambda m: f' id="{prefix}{m[1]}"' if m[1] in used else "",
        body,
    )
    return re.sub(r'(?:xlink:)?(url\(#|href="#)', rf"\1{prefix}", body)


def _lighter(body: str) -> str:
    """Round coordinates to a hundredth of a point and say a common style once."""
    body = re.sub(r'( (?:d|x|y|width|height|transform)=")([^"]*)', _rounded, body)
    body = re.sub(r' transform="rotate\(-0 [^"]*"', "", body)
    body = re.sub(r">\s+<", "><", body.strip())
    return ALIKE.sub(_grouped, body)


def _rounded(match: re.Match[str]) -> str:
    text = NUMBER.sub(lambda m: f"{float(m[0]):.2f}".rstrip("0").rstrip("."), match[2])
    return match[1] + " ".join(text.split())


def _grouped(match: re.Match[str]) -> str:
    style = f' style="{match[2]}"'
    return f"<g{style}>{match[0].replace(style, '')}</g>"


def _variable(match: re.Match[str]) -> str:
    colour = match[0].lower()
    name = VARIABLES.get(colour)
    return f"var(--{name}, {colour})" if name else colour


def _without_family(match: re.Match[str]) -> str:
    """Turn the ``font`` shorthand into properties that leave the family alone."""
    *words, size = _found(r"^(.*?[\d.]+px)", match[1])[1].split()
    weight = [f"font-weight: {w}" for w in words if w.isdecimal() or "bold" in w]
    style = [f"font-style: {w}" for w in words if w in ("italic", "oblique")]
    return "; ".join([f"font-size: {size}", *weight, *style])
