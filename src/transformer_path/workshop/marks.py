"""What finds what? A table of marks, for the eye, the ear and a terminal."""

from collections.abc import Mapping, Sequence
from html import escape

from transformer_path.workshop.terminal import readable

Cell = bool | str


class Marks:
    """A table whose cells are found, missed, or a text; end a cell of a page with it.

    Parameters
    ----------
    label : str
        What the table shows, for readers who do not see it.
    columns : sequence of str
        Their heads; the first is that of the names of the rows.
    rows : dict
        For each name the cells: True for found, False for missed, or a text. A text
        that begins with ``!`` stands out.

    Raises
    ------
    ValueError
        If a row has more or fewer cells than there are columns.

    Examples
    --------
    >>> Marks("who finds it", ["bug", "eye", "test"], {"typo": [False, True]})
    bug   eye  test
    typo  –    found
    """

    def __init__(
        self, label: str, columns: Sequence[str], rows: Mapping[str, Sequence[Cell]]
    ) -> None:
        for name, cells in rows.items():
            if len(cells) != len(columns) - 1:
                raise ValueError(
                    f"row {name!r} has {len(cells)} cells for {len(columns) - 1} "
                    "columns; give one for each."
                )
        self.label, self.columns, self.rows = label, list(columns), dict(rows)

    def __repr__(self) -> str:
        lines = [self.columns]
        lines += [[name, *map(_word, cells)] for name, cells in self.rows.items()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        texts = [
            "  ".join(word.ljust(n) for word, n in zip(line, widths, strict=True))
            for line in lines
        ]
        return readable("\n".join(text.rstrip() for text in texts))

    def _repr_html_(self) -> str:
        heads = "".join(f'<th scope="col">{escape(c)}</th>' for c in self.columns)
        body = "".join(
            f'<tr><th scope="row">{escape(name)}</th>{"".join(map(_cell, cells))}</tr>'
            for name, cells in self.rows.items()
        )
        return (
            '<div class="tp-marks-scroll" tabindex="0" role="region" '
            f'aria-label="{escape(self.label)}"><table class="tp-marks"><thead><tr>'
            f"{heads}</tr></thead><tbody>{body}</tbody></table></div>"
        )


def _word(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell.removeprefix("!")
    return "found" if cell else "–"


def _cell(cell: Cell) -> str:
    if isinstance(cell, str):
        kind = "tp-stands-out" if cell.startswith("!") else "tp-text"
        return f'<td class="{kind}">{escape(cell.removeprefix("!"))}</td>'
    kind, sign, word = ("yes", "●", "found") if cell else ("no", "–", "missed")
    return (
        f'<td class="tp-{kind}"><span aria-hidden="true">{sign}</span>'
        f'<span class="tp-said">{word}</span></td>'
    )
