"""How much code does a page show? Neither folds nor what a cell prints count."""

from html.parser import HTMLParser


def visible_lines(html: str) -> int:
    r"""Count the lines of code that a built page shows before anything is unfolded.

    Examples
    --------
    >>> visible_lines("<pre>a\nb</pre><details><pre>c</pre></details>")
    2
    """
    counter = _Counter()
    counter.feed(html)
    return counter.lines


class _Counter(HTMLParser):
    """Counts the lines of text in ``<pre>`` outside folds and outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = 0
        self.code = ""
        self.open: list[str] = []  # the elements around, if they matter

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where code begins, and what hides it."""
        if tag in {"pre", "details", "div"}:
            output = "cell_output" in (dict(attrs).get("class") or "").split()
            self.open.append("output" if output else tag)

    def handle_data(self, data: str) -> None:
        """Collect code that shows."""
        if "pre" in self.open and {"details", "output"}.isdisjoint(self.open):
            self.code += data

    def handle_endtag(self, tag: str) -> None:
        """Count the lines of a block at its end."""
        if tag in {"pre", "details", "div"}:
            self.open.pop()
        if tag == "pre":
            self.lines += len(self.code.strip("\n").splitlines())
            self.code = ""
