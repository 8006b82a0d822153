"""The leaderboard as an HTML table with lollipops (see :mod:`leaderboard`).

Not an extension: what is drawn here needs numbers only.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from html import escape
from statistics import mean, stdev

Published = tuple[float, float]
NONE = '<span class="tp-board-none">–</span>'


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line: measured (``accuracies`` as shares) or only ``published`` (percent)."""

    label: str
    colour: str
    published: Published | None = None
    accuracies: tuple[float, ...] = ()
    shuffled: tuple[float, ...] = ()
    parameters: int = 0
    time: str = ""
    page: str = ""
    chapter: str = ""

    def measured(self, noted: str, time: str, page: str, chapter: str) -> "Line":
        """Add what a page has noted, as JSON."""
        row = json.loads(noted)
        return replace(
            self,
            colour=row["architecture"],
            accuracies=tuple(float(share) for share in row["accuracies"]),
            shuffled=tuple(float(share) for share in row["shuffled"]),
            parameters=int(row["parameters"]),
            time=time,
            page=page,
            chapter=chapter,
        )

    @property
    def percent(self) -> float:
        """The accuracy that places the line and its dot."""
        if self.accuracies:
            return 100 * mean(self.accuracies)
        return self.published[0] if self.published else 0.0

    @property
    def figure(self) -> str:
        """The accuracy in words."""
        if self.accuracies:
            return spread(self.accuracies)
        return f"{self.percent:g} (published)"


def spread(shares: Sequence[float]) -> str:
    """Write mean ± standard deviation as the pages do."""
    from transformer_path.workshop import leaderboard  # slow: imports torch

    return leaderboard.spread(shares)


def table(lines: Sequence[Line], uri: Callable[[str], str], *, brief: bool) -> str:
    """Draw the lines; ``uri`` gives the link to a page."""
    heads = ["Architecture", "Accuracy, %"]
    if not brief:
        heads += ["Shuffled, %", "Published, %", "Parameters", "Time", "Chapter"]
    columns = "".join(
        f'<th scope="col"{" colspan=2" if head.startswith("Acc") else ""}>{head}</th>'
        for head in heads
    )
    rows = "".join(_row(line, uri, brief) for line in lines)
    kind = "tp-board tp-board-brief" if brief else "tp-board"
    return (
        '<div class="tp-board-scroll" tabindex="0" role="region" '
        'aria-label="Leaderboard">'
        f'<table class="{kind}">'
        f"<caption><span>{_caption(lines, brief)}</span></caption>"
        f"<thead><tr>{columns}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(line: Line, uri: Callable[[str], str], brief: bool) -> str:
    label = escape(line.label)
    if brief and line.page:
        label = f'<a href="{escape(uri(line.page))}">{label}</a>'
    cells = [_lollipop(line, brief), _accuracy(line, brief)]
    if not line.accuracies:
        label += ' <span class="tp-board-note">published</span>'
    if not brief:
        cells += [
            spread(line.shuffled) if line.shuffled else NONE,
            " / ".join(f"{x:g}" for x in line.published) if line.published else NONE,
            f"{line.parameters:,}" if line.parameters else NONE,
            escape(line.time) or NONE,
            f'<a href="{escape(uri(line.page))}">{escape(line.chapter)}</a>'
            if line.page
            else NONE,
        ]
    data = "".join(f"<td>{cell}</td>" for cell in cells)
    return (
        f'<tr style="--tp-of: var(--tp-{line.colour})">'
        f'<th scope="row">{label}</th>{data}</tr>'
    )


def _accuracy(line: Line, brief: bool) -> str:
    if not line.accuracies:
        return f"{line.percent:g}"
    return f"{line.percent:.1f}" if brief else spread(line.accuracies)


def _lollipop(line: Line, brief: bool) -> str:
    """Draw a stick as long as the accuracy, a dot at its end, and the spread."""
    parts = [_mark("stick", 0, line.percent)]
    if len(line.accuracies) > 1:
        half = 100 * stdev(line.accuracies)
        parts.append(_mark("range", line.percent - half, line.percent + half))
    if line.shuffled and not brief:
        parts.append(_mark("shuffled", 100 * mean(line.shuffled)))
    parts.append(_mark("dot" if line.accuracies else "dot hollow", line.percent))
    return f'<div class="tp-lollipop" aria-hidden="true">{"".join(parts)}</div>'


def _mark(kind: str, start: float, end: float | None = None) -> str:
    width = "" if end is None else f"; width: {end - start:.1f}%"
    return f'<i class="{kind}" style="left: {start:.1f}%{width}"></i>'


def _caption(lines: Sequence[Line], brief: bool) -> str:
    if brief:
        return "Right answers on the test split of MNIST-1D, in percent."
    seeds = sorted({len(line.accuracies) for line in lines if line.accuracies})
    over = f" over {seeds[-1]} seeds" if seeds and seeds[0] == seeds[-1] else ""
    return (
        "Right answers on the test split of MNIST-1D, mean ± standard deviation"
        f"{over}. A full dot is measured in this book; the short stroke on its line is "
        "the same with positions shuffled. A hollow dot is a published figure."
    )
