"""The frames of a ``plots.Stepper``, ``SideBySide`` or ``Explorable``, themed.

Nothing to write in a page beyond the cell. Without JavaScript and in print the first
and the last frame stand side by side; ``_static/stepper.js`` adds the slider. What
moves an explorable is in ``book.figures.explorable``.
"""

import re
from html import unescape
from typing import Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

from book.figures.svg import theme_svg

ROOT = re.compile(
    r'<div class="(tp-stepper|tp-side|tp-explorable)" '
    r'aria-label="([^"]*)"((?: data-\w+="[^"]*")*)'
)
FRAME = re.compile(
    r'<figure class="tp-frame"[^>]*>(<svg.*?</svg>)\s*'
    r"<figcaption>(.*?)</figcaption></figure>",
    re.DOTALL,
)


class ThemeStepper(SphinxPostTransform):
    """Replace the HTML that a stepper gives a notebook by the book's."""

    default_priority = 300
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Rewrite every stepper of the page, numbering them for their ids."""
        steppers = [
            node
            for node in self.document.findall(nodes.raw)
            if ROOT.match(node.astext())
        ]
        for number, node in enumerate(steppers, 1):
            html = themed(node.astext(), f"s{number}-")
            node.replace_self(nodes.raw("", html, format="html"))


def themed(html: str, prefix: str) -> str:
    """Theme the frames and drop the styles meant for a notebook."""
    kind, label, data = re.findall(ROOT, html)[0]
    frames = "".join(
        f'<figure class="tp-frame">'
        f"{theme_svg(svg, f'{prefix}{i}-', unescape(f'{label}: {text}'))}"
        f"<figcaption>{text}</figcaption></figure>"
        for i, (svg, text) in enumerate(FRAME.findall(html))
    )
    return (
        f'<div class="{kind}" role="group" aria-label="{label}"{data}>'
        f'<div class="tp-frames">{frames}</div></div>'
    )
