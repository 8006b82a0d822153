"""One spelling in all that is read: no slips, and British where there is a choice.

Names in code keep the spelling of their library (``color``, ``optimizer``).
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import codespell_lib
import pytest

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]
MODULES = sorted(
    path
    for folder in ("src", "docs/_ext", "tests")
    for path in (ROOT / folder).rglob("*.py")
)
# Not prose: front matter, blocks of code, code in a line, formulas, roles, addresses,
# headings that name a module.
NOT_PROSE = re.compile(
    r"\A---\n.*?\n---\n|^(`{3,})\{?(?:code-cell|source|python|yaml|doctest|literalinclude)"
    r".*?^\1|^```\n.*?^```|(`+).+?\2|\$\$.+?\$\$|\$[^$\n]+\$|\{[\w:-]+\}|\]\([^)]*\)"
    r"|^### [a-z_.]+$|https?://\S+|^ *:[\w-]+: [^\n]*|^ *>>> .*?(?:\n *(?=\n)|\Z)",
    re.M | re.S,
)
CELL = re.compile(r"^(`{3,})\{code-cell\}[^\n]*\n(.*?)^\1$", re.M | re.S)
CODE = re.compile(r"(`+)[^`\n]+\1|\{[^{}\n]*\}")  # names inside of a string
SAID = {tokenize.COMMENT, tokenize.STRING}
if sys.version_info >= (3, 12):  # an f-string is more than one token there
    SAID |= {tokenize.FSTRING_MIDDLE}
# Words of both Englishes, each with a meaning of its own in British.
BOTH = {"license", "licenses", "math", "meter", "meters", "practice", "practices"}
BOTH |= {"biased", "practiced", "program", "stories", "story"}


def british() -> dict[str, str]:
    """Map each American spelling to the British one, from codespell's own list."""
    data = Path(codespell_lib.__file__).parent / "data"
    lines = (data / "dictionary_en-GB_to_en-US.txt").read_text("utf-8").split()
    pairs = [line.split("->") for line in lines]
    return {us: gb for gb, us in pairs if us not in BOTH}


def prose(path: Path) -> str:
    """Give the words of a file that are read as sentences, each on its line."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        text = docstrings(text)
    return NOT_PROSE.sub(lambda found: "\n" * found[0].count("\n"), text)


def docstrings(code: str) -> str:
    """Keep the docstrings, without the lines that name a parameter."""
    lines = [""] * code.count("\n")
    held = ast.Module | ast.ClassDef | ast.FunctionDef
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, held) and (text := ast.get_docstring(node, clean=False)):
            first = node.body[0].lineno - 1
            for number, line in enumerate(text.splitlines(), first):
                lines[number] = "" if re.match(r" *[\w, *]+ : ", line) else line
    return "\n".join(lines)


def shown(path: Path) -> str:
    """Give what the cells of a page say to the reader, each line in its place.

    Alternative texts and captions, comments, and the strings that hold a blank: those
    are sentences or labels, the others are names.
    """
    text = path.read_text("utf-8")
    lines = [""] * (text.count("\n") + 1)
    for cell in CELL.finditer(text):
        first = text.count("\n", 0, cell.start(2))
        head = re.match(r"(?:---\n.*?\n---\n)?", cell[2], re.S)[0]
        for number, line in enumerate(head.splitlines(), first):
            lines[number] = CODE.sub("", line)
        first += head.count("\n")
        code = cell[2].removeprefix(head)
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type in SAID and " " in token.string.strip():
                said = CODE.sub("", token.string).splitlines()
                for number, line in enumerate(said, first + token.start[0] - 1):
                    lines[number] += " " + line
    return "\n".join(lines)


def american(path: Path) -> list[str]:
    """Name each American word of a file with its line and the British one."""
    words = british()
    read = [prose(path), shown(path)] if path.suffix == ".md" else [prose(path)]
    return [
        f"{path.relative_to(ROOT)}:{number}: {word} -> {words[word.lower()]}"
        for text in read
        for number, line in enumerate(text.splitlines(), 1)
        for word in re.findall(r"[A-Za-z]+", line)
        if word.lower() in words
    ]


def test_no_word_is_misspelt():
    files = [str(path.relative_to(ROOT)) for path in [*PAGES, *MODULES]]
    done = subprocess.run(
        [sys.executable, "-m", "codespell_lib", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stdout, f"misspelt:\n{done.stdout}"
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("folder", ["", "docs", "src", "docs/_ext", "tests"])
def test_the_spelling_is_british(folder):
    inside = {
        "": ROOT.glob("*.md"),
        "docs": (ROOT / "docs").rglob("*.md"),
    }.get(folder) or (ROOT / folder).rglob("*.py")
    found = [line for path in sorted(inside) for line in american(path)]
    assert not found, "write British English:\n" + "\n".join(found)


def test_the_check_reads_prose_and_leaves_code_alone(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(
        "---\nshort: color\n---\nIn color, `color`, $color$.\n\n"
        "```{code-cell}\ncolor = 1\n```\nGray.\n\n"
        '```{code-cell}\n---\nalt: a gray dot\n---\nplot(color="gray")  # no color\n'
        'label("two colors", f"{color} of color", "center")\n```\n'
    )
    module = tmp_path / "module.py"
    module.write_text(
        'def paint(color):\n    """Paint.\n\n    color : str\n'
        '        The color.\n\n    >>> paint(color=1)\n    color\n    """\n'
        '    return "color"\n\n\ndef fill():\n    """Gray."""\n'
    )
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert american(page) == [
        "page.md:4: color -> colour",
        "page.md:9: Gray -> grey",
        "page.md:13: gray -> grey",
        "page.md:15: color -> colour",
        "page.md:16: colors -> colours",
        "page.md:16: color -> colour",
    ]
    assert american(module) == [
        "module.py:5: color -> colour",
        "module.py:14: Gray -> grey",
    ]
