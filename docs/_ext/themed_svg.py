"""Figures that follow the reader's theme: local SVG images become inline SVG.

Nothing to write in a page. A browser cannot restyle an ``<img>``; inside the page the
drawing inherits its font, and the book's colours become CSS variables. HTML only:
other builders keep the image.
"""

import re
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata

from transformer_path.workshop.plots import LIGHT

LOGGER = logging.getLogger(__name__)
VARIABLES = {colour: f"tp-{name}" for name, colour in LIGHT.items()} | {
    "#ffffff": "color-background-primary",
    "#000000": "tp-ink",
}
INHERITED = "fill: currentColor; stroke-linejoin: round; stroke-linecap: butt"


def theme_svg(svg: str, prefix: str, label: str) -> str:
    """Rewrite a standalone SVG so that it can stand inside a page.

    Parameters
    ----------
    svg : str
        The drawing, as matplotlib writes it with ``svg.fonttype: none``.
    prefix : str
        Put before every id, so that several drawings fit in one page.
    label : str
        What a screen reader says instead of the drawing; empty for a drawing that
        says nothing which the text beside it does not say.

    Examples
    --------
    >>> svg = '<svg width="72pt" height="36pt" viewBox="0 0 72 36"></svg>'
    >>> print(theme_svg(svg, "f1-", "a line"))
    <svg viewBox="0 0 72 36" class="tp-svg" role="img" aria-label="a line"
    style="max-width: 6rem; fill: currentColor; ..."></svg>
    """
    head, body = re.search(r"(<svg\b[^>]*>)(.*)", svg, re.DOTALL).groups()
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<defs>\s*<style\b.*?</style>\s*</defs>", "", body, flags=re.DOTALL)
    body = re.sub(r"<style\b.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{prefix}', body)
    body = re.sub(r"url\(#", f"url(#{prefix}", body)
    body = re.sub(r'href="#', f'href="#{prefix}', body)
    body = re.sub(r'font: ([^;"]*)', _without_family, body)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    body = re.sub(r"#[0-9a-fA-F]{6}\b", _variable, body)
    body = re.sub(r">\s+<", "><", body.strip())
    return _root(head, label) + body


def _root(head: str, label: str) -> str:
    """Start the drawing: it grows with the page up to its own size."""
    _, _, width, _ = box = re.search(r'viewBox="([^"]*)"', head)[1].split()
    role = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    # At 9.75 pt a label is 13 px high, at 96 px an inch and 16 px a rem.
    size = f"max-width: {float(width) / 12:.4g}rem"
    view = " ".join(box)
    return f'<svg viewBox="{view}" class="tp-svg" {role} style="{size}; {INHERITED}">'


def _variable(match: re.Match[str]) -> str:
    colour = match[0].lower()
    name = VARIABLES.get(colour)
    return f"var(--{name}, {colour})" if name else colour


def _without_family(match: re.Match[str]) -> str:
    """Turn the ``font`` shorthand into properties that leave the family alone."""
    *words, size = re.search(r"^(.*?[\d.]+px)", match[1])[1].split()
    weight = [f"font-weight: {w}" for w in words if w.isdecimal() or "bold" in w]
    style = [f"font-style: {w}" for w in words if w in ("italic", "oblique")]
    return "; ".join([f"font-size: {size}", *weight, *style])


class ThemeSvg(SphinxPostTransform):
    """Replace local SVG images by themed inline SVG."""

    default_priority = 300
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Theme every local drawing of the page, numbering them for their ids."""
        images = [i for i in self.document.findall(nodes.image) if _is_local_svg(i)]
        for number, image in enumerate(images, 1):
            alt = image.get("alt", "")
            if not alt:
                LOGGER.warning(
                    "figure without alternative text; say what one sees in the cell's "
                    'option mystnb: image: {alt: "..."}',
                    type="themed_svg",
                    subtype="alt",
                    location=_located(image),
                )
            svg = Path(self.env.srcdir, image["uri"]).read_text(encoding="utf-8")
            inline = theme_svg(svg, f"f{number}-", alt)
            image.replace_self(nodes.raw("", inline, format="html"))


def _located(node: nodes.Node) -> nodes.Node:
    """Find the nearest ancestor that knows its line."""
    while not node.line and node.parent is not None:
        node = node.parent
    return node


def _is_local_svg(image: nodes.image) -> bool:
    return image["uri"].endswith(".svg") and "://" not in image["uri"]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the transform."""
    app.add_post_transform(ThemeSvg)
    return {
        "version": "1",
        "env_version": 1,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
