"""Figures that follow the reader's theme: local SVG images become inline SVG.

Nothing to write in a page. A browser cannot restyle an ``<img>``; inside the page the
drawing inherits its font, and the book's colours become CSS variables. HTML only:
other builders keep the image.
"""

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

from book.figures.svg import theme_svg


class ThemeSvg(SphinxPostTransform):
    """Replace local SVG images by themed inline SVG."""

    default_priority = 300
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Theme every local drawing of the page, numbering them for their ids."""
        images = [i for i in self.document.findall(nodes.image) if _is_local_svg(i)]
        for number, image in enumerate(images, 1):
            alt = image.get("alt", "")
            svg = Path(self.env.srcdir, image["uri"]).read_text(encoding="utf-8")
            inline = theme_svg(svg, f"f{number}-", alt)
            image.replace_self(nodes.raw("", inline, format="html"))


def _is_local_svg(image: nodes.image) -> bool:
    return image["uri"].endswith(".svg") and "://" not in image["uri"]
