"""Accuracy against training time, as SVG (see :mod:`leaderboard`).

Not an extension: what is drawn here needs numbers only. Upwards each step of the same
height divides the wrong answers by the same number, so that 97 and 98 lie apart.
"""

import math
import re
from collections.abc import Callable, Sequence
from html import escape

from book.board.table import Line

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 560, 320, 52, 116, 14, 46
TICKS = (30, 50, 70, 80, 90, 95, 97, 98, 99)


def drawn(lines: Sequence[Line]) -> str:
    """Draw every line that was measured, with its spread over seeds."""
    found = [
        (seconds, line)
        for line in lines
        if line.accuracies and (seconds := _seconds(line.time))
    ]
    if not found:
        return ""
    first = 10 ** math.floor(math.log10(min(s for s, _ in found)))
    last = 10 ** math.ceil(math.log10(max(s for s, _ in found) * 1.01))
    span = math.log(last / first)

    def across(seconds: float) -> float:
        share = math.log(seconds / first) / span
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    places = [(across(seconds), _up(line.percent)) for seconds, line in found]
    marks = [_axes(first, last, across)]
    lowest = math.inf
    for seconds, line in sorted(found, key=lambda pair: pair[1].percent):
        x, y = across(seconds), _up(line.percent)
        lowest = min(lowest - 15, y)  # names must not touch
        near = any(0 < u - x < 60 and abs(v - y) < 12 for u, v in places)
        side = -10 if near else 10  # no name over another dot
        marks.append(
            f'<g style="--tp-of: var(--tp-{line.colour})">'
            f'<line class="spread" x1="{x:.1f}" x2="{x:.1f}" '
            f'y1="{_up(100 * min(line.accuracies)):.1f}" '
            f'y2="{_up(100 * max(line.accuracies)):.1f}"/>'
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
            f'<text x="{x + side:.1f}" y="{lowest:.1f}" dy=".35em" '
            f'text-anchor="{"start" if side > 0 else "end"}">'
            f"{escape(line.label)}</text></g>"
        )
    words = "; ".join(f"{line.label} {line.figure}, {line.time}" for _, line in found)
    return (
        f'<figure class="tp-times"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="Accuracy in percent and training time: {escape(words)}">'
        f"{''.join(marks)}</svg><figcaption>Right answers on the test split against "
        "the training time of one model, on one core of the machine that built the "
        "book; mean of five seeds, and the range from the lowest to the highest. "
        "Upwards, equal steps divide the wrong answers by equal factors."
        "</figcaption></figure>"
    )


def _seconds(time: str) -> float:
    number = re.match(r"[\d.]+", time)
    return float(number[0]) if number else 0.0


def _up(percent: float) -> float:
    low, high = math.log(100 - TICKS[0] + 5), math.log(100 - TICKS[-1])
    share = (low - math.log(max(100 - percent, 0.5))) / (low - high)
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _axes(first: float, last: float, across: Callable[[float], float]) -> str:
    parts = []
    for percent in TICKS:
        y = _up(percent)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" '
            f'y2="{y:.1f}"/><text class="tick" x="{LEFT - 8}" y="{y:.1f}" '
            f'dy=".35em" text-anchor="end">{percent}%</text>'
        )
    power = first
    while power <= last * 1.01:
        parts.append(
            f'<text class="tick" x="{across(power):.1f}" y="{HEIGHT - BOTTOM + 20}" '
            f'text-anchor="middle">{power:g} s</text>'
        )
        power *= 10
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text class="tick" x="{middle:.1f}" y="{HEIGHT - 6}" '
        'text-anchor="middle">training time</text>'
    )
    return "".join(parts)
