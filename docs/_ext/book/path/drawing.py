"""How is the path drawn? As SVG, and as a list for a narrow window.

Every stop is a link with a title; the reader's place has ``aria-current``. The classes
say what a stop is: its architecture, and ``written``, ``here`` or ``planned``. What the
reader has finished, only ``path.js`` knows. Colours are left to ``path.css``.
"""

from collections.abc import Callable, Mapping, Sequence
from html import escape

from book.path.graph import Stop, before
from book.path.layout import Layout, Line, Size, lay_out


class Drawing:
    """One map.

    Parameters
    ----------
    path : sequence of Stop
        The stops in reading order.
    here : str
        The page on which the map stands; it need not be a stop.
    link : callable
        Gives the address of a page, seen from ``here``.
    times : mapping
        What to say of the time that a page takes, by page.
    """

    def __init__(
        self,
        path: Sequence[Stop],
        here: str = "",
        link: Callable[[str], str] = "{}.html".format,
        times: Mapping[str, str] | None = None,
    ) -> None:
        self.path = path
        self.here = next((s for s in path if here and s.page == here), None)
        self.passed = before(self.here, path) if self.here else set()
        self.way = self.passed | ({self.here.number} if self.here else set())
        self.link = link
        self.times = times or {}

    def svg(self, size: Size, name: str) -> str:
        """Draw the map."""
        layout = lay_out(self.path, size)
        track = "".join(
            f'<path class="{state}" d="{line.path}"/>'
            for state, line in sorted(
                ((self._line_state(line), line) for line in layout.lines),
                key=lambda pair: ("planned", "open", "walked").index(pair[0]),
            )
        )
        parts = self._parts(layout, size) if size.label else ""
        stops = "\n".join(self._stop(stop, layout, size) for stop in self.path)
        return (
            f'<svg viewBox="0 0 {layout.width} {layout.height}" '
            f'style="max-width: {layout.width / 16:g}rem" '
            f'role="group" aria-label="{escape(name)}">\n'
            f'<g class="track">{track}</g>\n{parts}{stops}\n</svg>'
        )

    def list(self) -> str:
        """Write the same stops as a list."""
        items = "\n".join(
            f"<li {self._attributes(stop)}>{self._linked(stop, _words(stop))}</li>"
            for stop in self.path
        )
        return f"<ol>\n{items}\n</ol>"

    def _stop(self, stop: Stop, layout: Layout, size: Size) -> str:
        x, y = layout.places[stop.number].x, layout.places[stop.number].y
        content = (
            f"<title>{escape(self._describe(stop))}</title>"
            f'<circle cx="{x:g}" cy="{y:g}" r="{size.radius}"/>'
            f'<text class="number" x="{x:g}" y="{y:g}" dy=".36em">{stop.number}</text>'
        )
        if stop is self.here:
            content += f'<circle class="ring" cx="{x:g}" cy="{y:g}" r="{size.ring}"/>'
        if size.label:
            below = y + size.radius + size.label // 2
            content += (
                f' <text class="label" x="{x:g}" y="{below:g}">'
                f"{escape(stop.short)}</text>"
            )
        return f"<g {self._attributes(stop)}>{self._linked(stop, content)}</g>"

    def _line_state(self, line: Line) -> str:
        written = {stop.number for stop in self.path if stop.page}
        if not {line.source, line.target} <= written:
            return "planned"
        on_the_way = line.target in self.way and line.source in self.passed
        return "walked" if on_the_way else "open"

    def _parts(self, layout: Layout, size: Size) -> str:
        """Name each part of the book above its first stop, in every row."""
        texts: dict[tuple[str, int], str] = {}
        for stop in self.path:
            if stop.part == stop.short:
                continue  # The stop says it already.
            place = layout.places[stop.number]
            x, y = place.x - size.radius, size.top + place.row * size.row - size.part
            texts.setdefault(
                (stop.part, place.row),
                f'<text class="part" x="{x:g}" y="{y:g}">{escape(stop.part)}</text>',
            )
        return "".join(texts.values()) + "\n"

    def _linked(self, stop: Stop, content: str) -> str:
        if not stop.page:
            return content
        current = ' aria-current="page"' if stop is self.here else ""
        return f'<a href="{escape(self.link(stop.page))}"{current}>{content}</a>'

    def _describe(self, stop: Stop) -> str:
        text = f"{stop.number} {stop.short}"
        if not stop.page:
            return f"{text} (to come)"
        time = self.times.get(stop.page)
        return f"{text}: {stop.title}" + (f", {time}" if time else "")

    def _attributes(self, stop: Stop) -> str:
        state = (
            "planned" if not stop.page else "here" if stop is self.here else "written"
        )
        page = f' data-page="{escape(stop.page)}"' if stop.page else ""
        return f'class="stop {escape(stop.architecture)} {state}"{page}'


def _words(stop: Stop) -> str:
    words = f"<b>{stop.number}</b> <span>{escape(stop.short)}</span>"
    return words if stop.page else f"<span>{words} <small>to come</small></span>"
