"""What does a page show of its cells? The idea; the plumbing and the drawing fold away.

Nothing to write in a page. One rule for every cell, and one way to fold:

- imports, notes and assertions are not shown (``book.blocks.plumbing``); the imports of
  the whole page lie in one fold, where the first of them stood;
- the code of a cell that draws lies folded behind its drawing;
- so does code with the tag ``hide-input``; without an output of its own it waits for
  the next fold, which is where a reader who types along looks for it;
- a cell of which nothing is left disappears. An output never does.

The tag ``show-all`` shows a cell as it is written.
"""

from docutils import nodes
from sphinx.transforms import SphinxTransform

from book.blocks.boxes import folded, summary
from book.blocks.plumbing import idea, imports


class ShowIdeas(SphinxTransform):
    """Fold or drop what is not the idea of a cell."""

    default_priority = 890  # after the outputs are checked and the figures are labelled

    def apply(self, **kwargs: object) -> None:
        """Go through the cells of the page from top to bottom."""
        cells = [Cell(node) for node in self.document.findall(_is_cell)]
        gather_imports(cells)
        waiting: list[str] = []  # hidden code without an output
        folds: list[nodes.literal_block] = []
        for cell in cells:
            code = cell.code if cell.has("show-all") else idea(cell.code)
            hidden = cell.has("hide-input") or (cell.draws and not cell.has("show-all"))
            cell.show("" if hidden else code)
            if hidden and code:
                waiting.append(code)
            if hidden and waiting and cell.output is not None:
                folds.append(cell.fold("\n\n".join(waiting), "Show the code"))
                waiting = []
        if waiting and folds:
            write(folds[-1], "\n\n".join([folds[-1].astext(), *waiting]))
        elif waiting:
            cells[-1].show("\n\n".join(waiting))
        for cell in cells:
            if not cell.node.children and not cell.node["ids"]:
                cell.node.parent.remove(cell.node)


def gather_imports(cells: list["Cell"]) -> None:
    """Put every import of the page into one fold, where the first of them stood."""
    having = [cell for cell in cells if not cell.has("show-all") and imports(cell.code)]
    if having:
        lines = dict.fromkeys(line for cell in having for line in imports(cell.code))
        having[0].fold("\n".join(lines), "Imports of this page", place=0)


class Cell:
    """A cell of code, with its source and its output."""

    def __init__(self, node: nodes.container) -> None:
        self.node = node
        parts = {part.get("nb_element"): part for part in node.children}
        self.source = parts["cell_code_source"]
        self.code = self.source.astext()
        output = parts.get("cell_code_output")
        self.output = output if output is not None and output.children else None
        node.attributes.pop("hide_mode", None)  # MyST-NB's own way to fold

    def has(self, tag: str) -> bool:
        """Whether the cell has a tag."""
        return tag in self.node["cell_metadata"].get("tags", [])

    @property
    def draws(self) -> bool:
        """Whether the output is a figure, or a drawing that moves."""
        if self.output is None:
            return False
        raws = self.output.findall(nodes.raw)
        moves = any(raw.astext().startswith('<div class="tp-') for raw in raws)
        return moves or next(self.output.findall(nodes.image), None) is not None

    def show(self, code: str) -> None:
        """Show this code in place of what the cell showed; no block without code."""
        if self.source in self.node:
            self.node.remove(self.source)
        if code:
            self.source = self._block(code)
            output = self.output
            place = len(self.node) if output is None else self.node.index(output)
            self.node.insert(place, self.source)

    def fold(
        self, code: str, title: str, place: int | None = None
    ) -> nodes.literal_block:
        """Fold code away in this cell, behind everything or at a place."""
        block = self._block(code)
        fold = folded("", summary("", title), block, classes=["tp-code"])
        self.node.insert(len(self.node) if place is None else place, fold)
        return literal_of(block)

    def _block(self, code: str) -> nodes.Element:
        block = self.source.deepcopy()
        write(literal_of(block), code)
        return block


def literal_of(block: nodes.Element) -> nodes.literal_block:
    """Give the lines of code in the block of a cell."""
    return next(block.findall(nodes.literal_block))


def write(literal: nodes.literal_block, code: str) -> None:
    """Let a block of code hold this code."""
    literal.rawsource = code
    literal.children = []
    literal += nodes.Text(code)


def _is_cell(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and (
        node.get("nb_element") == "cell_code"
        and any(part.get("nb_element") == "cell_code_source" for part in node.children)
    )
