"""A page's Markdown as blocks: the common ground of its script and its notebook.

Not a Markdown parser: it knows what a chapter is made of (headings, paragraphs, lists,
tables, formulas, fences and directives) and leaves the inside of a line alone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

FENCE = re.compile(
    r"^(?P<fence>:{3,}|`{3,})\s*(?:\{(?P<name>[\w:-]+)\})?\s*(?P<rest>.*)$"
)
HEADING = re.compile(r"^(#{1,6})\s+(.*)$")
INVISIBLE = re.compile(r"^(%.*|\([\w:.-]+\)=|\{[.#][^}`]*\})\s*$")
OPTION = re.compile(r"^:([\w-]+):\s*(.*)$")
ITEM = re.compile(r"^\s*([-*+]|\d+[.)])\s+")
LABEL = re.compile(r"\$\$\s*(?:\(([^)]*)\))?\s*$")


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block: a heading, text, item, table, formula, code or directive."""

    kind: str
    lines: list[str]
    line: int  # where it begins on its page
    name: str = ""  # of a directive; the language of code; the label of a formula
    title: str = ""  # the argument of a directive
    level: int = 0  # of a heading
    options: dict[str, str] = field(default_factory=dict)
    inside: int = 0  # the line on which the content of a directive begins

    @property
    def text(self) -> str:
        """The lines as one string."""
        return "\n".join(self.lines)

    @property
    def blocks(self) -> list["Block"]:
        """The blocks inside a directive."""
        return list(blocks(self.text, self.inside))


def blocks(text: str, first: int = 1) -> Iterator[Block]:
    """Split Markdown, which begins on a line of a page, into its blocks."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip() or INVISIBLE.match(line):
            at += 1
        elif match := FENCE.match(line):
            end = _closing(lines, at, match["fence"])
            yield _fenced(match, lines[at + 1 : end], first + at)
            at = end + 1
        elif match := HEADING.match(line):
            level, title = len(match[1]), [match[2]]
            yield Block(kind="heading", level=level, lines=title, line=first + at)
            at += 1
        elif line.startswith(("$$", r"\begin{")):
            end = _end_of_formula(lines, at)
            yield _formula(lines[at : end + 1], first + at)
            at = end + 1
        else:
            end = _end_of_text(lines, at)
            kind = "table" if line.startswith("|") else "text"
            kind = "item" if ITEM.match(line) else kind
            yield Block(kind=kind, lines=lines[at:end], line=first + at)
            at = end


def _closing(lines: list[str], at: int, fence: str) -> int:
    """Find the line that closes a fence: its sign, as often or more often."""
    closing = re.compile(rf"^{fence[0]}{{{len(fence)},}}\s*$")
    after = range(at + 1, len(lines))
    return next((i for i in after if closing.match(lines[i])), len(lines))


def _fenced(match: re.Match[str], body: list[str], line: int) -> Block:
    name, rest = match["name"], match["rest"].strip()
    if name is None:
        return Block(kind="code", name=rest, lines=body, line=line)
    options: dict[str, str] = {}
    inside = line + 1
    while body and (option := OPTION.match(body[0])):
        options[option[1]], body, inside = option[2], body[1:], inside + 1
    return Block(
        kind="directive",
        name=name,
        title=rest,
        options=options,
        lines=body,
        line=line,
        inside=inside,
    )


def _end_of_formula(lines: list[str], at: int) -> int:
    if lines[at].startswith("$$"):
        if len(lines[at].strip()) > 2 and LABEL.search(lines[at][2:]):
            return at
        ends = (i for i in range(at + 1, len(lines)) if LABEL.search(lines[i]))
    else:
        ends = (i for i in range(at, len(lines)) if lines[i].startswith(r"\end{"))
    return next(ends, len(lines) - 1)


def _formula(lines: list[str], line: int) -> Block:
    text = "\n".join(lines)
    found = LABEL.search(text)
    label = found[1] or "" if found else ""
    tex = LABEL.sub("", text.removeprefix("$$")).strip("\n ")
    return Block(kind="formula", name=label, lines=tex.splitlines(), line=line)


def _end_of_text(lines: list[str], at: int) -> int:
    """Find the end of a paragraph or of a list item."""
    for i in range(at + 1, len(lines)):
        line = lines[i]
        starts = HEADING.match(line) or FENCE.match(line) or ITEM.match(line)
        if not line.strip() or starts or line.startswith("$$"):
            return i
    return len(lines)
