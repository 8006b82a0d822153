"""Where on the map does each stop lie?

A stop lies one column after the last stop it follows; stops that share a column are a
branch and lie above and below the middle. A long path is broken into two rows, as a
line of text is, where a new part of the book begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from book.path.graph import Stop


@dataclass(frozen=True)
class Size:
    """The measures of one kind of map, in pixels at its full width."""

    column: int
    margin: int
    lane: int
    radius: int
    ring: float
    row: int
    top: int
    part: int
    label: int
    max_columns: int


LARGE = Size(
    column=117,
    margin=58,
    lane=44,
    radius=17,
    ring=21.5,
    row=204,
    top=88,
    part=72,
    label=36,
    max_columns=9,
)
SMALL = Size(
    column=46,
    margin=18,
    lane=16,
    radius=12,
    ring=16,
    row=0,
    top=34,
    part=0,
    label=0,
    max_columns=99,
)


@dataclass(frozen=True)
class Place:
    """The centre of a stop, and its row."""

    x: float
    y: float
    row: int


@dataclass(frozen=True)
class Line:
    """A piece of the way into a stop, as SVG path data."""

    source: str
    target: str
    path: str


@dataclass(frozen=True)
class Layout:
    """The whole map: its size, its stops' places and the lines between them."""

    width: int
    height: int
    places: dict[str, Place]
    lines: list[Line]


def lay_out(path: Sequence[Stop], size: Size) -> Layout:
    """Place every stop and draw the lines between them."""
    columns = _columns(path)
    end = _row_end(columns, size.max_columns)
    longest = max(end, len(columns) - end)
    places = {}
    for number, column in enumerate(columns):
        row = int(number >= end)
        x = size.margin + size.column * (number - end * row)
        for lane, stop in enumerate(column):
            offset = size.lane * (2 * lane - len(column) + 1)
            places[stop.number] = Place(x, size.top + row * size.row + offset, row)
    width = 2 * size.margin + size.column * (longest - 1)
    lines = [
        Line(start, stop.number, piece)
        for stop in path
        for start in stop.follows
        if start in places
        for piece in _pieces(places[start], places[stop.number], size, width)
    ]
    lowest = max((place.y for place in places.values()), default=0)
    height = round(lowest) + size.radius + size.label + 6
    return Layout(width, height, places, lines)


def _columns(path: Sequence[Stop]) -> list[list[Stop]]:
    """Group the stops by their distance from the start."""
    depth: dict[str, int] = {}
    columns: list[list[Stop]] = []
    for stop in path:
        known = [depth[number] for number in stop.follows if number in depth]
        depth[stop.number] = 1 + max(known, default=-1)
        if depth[stop.number] == len(columns):
            columns.append([])
        columns[depth[stop.number]].append(stop)
    return columns


def _row_end(columns: Sequence[Sequence[Stop]], max_columns: int) -> int:
    """Return after how many columns the first row ends."""
    if len(columns) <= max_columns:
        return len(columns)
    half = len(columns) / 2
    starts = [
        number
        for number in range(1, len(columns))
        if columns[number][0].part != columns[number - 1][0].part
    ]
    return min(starts or [round(half)], key=lambda start: abs(start - half))


def _pieces(start: Place, end: Place, size: Size, width: float) -> list[str]:
    if start.row == end.row:
        return [_curve(start.x, start.y, end.x, end.y)]
    # The line leaves at the right edge and comes back at the left, like text.
    return [
        f"M{start.x:g} {start.y:g}H{width:g}",
        f"M0 {end.y:g}H{end.x:g}",
    ]


def _curve(x1: float, y1: float, x2: float, y2: float) -> str:
    if y1 == y2:
        return f"M{x1:g} {y1:g}H{x2:g}"
    middle = (x1 + x2) / 2
    return f"M{x1:g} {y1:g}C{middle:g} {y1:g} {middle:g} {y2:g} {x2:g} {y2:g}"
