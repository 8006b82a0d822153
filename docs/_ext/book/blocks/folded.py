"""Hidden code folds like the rest of the book.

Nothing to write in a page beyond the tag ``hide-input``. MyST-NB's own summary has a
label that differs from its text, which screen readers and voice control trip over.
"""

from typing import Any

from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.transforms.post_transforms import SphinxPostTransform

from book.blocks.boxes import folded


class FoldCells(SphinxPostTransform):
    """Replace MyST-NB's folded cells by ours."""

    default_priority = 310
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Keep the prompt as the summary."""
        for cell in list(self.document.findall(HideCodeCellNode)):
            fold = folded("", *cell.children, summary=cell["prompt_show"])
            fold["classes"] = ["tp-code"]
            cell.replace_self(fold)
