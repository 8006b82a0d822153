"""The tree shows the order of reading: names, imports and chapters agree on it."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

import transformer_path

PACKAGE = Path(transformer_path.__file__).parent
DOCS = PACKAGE.parents[1] / "docs"
LISTED = re.findall(
    r"^\d+\. :mod:`transformer_path\.([\w.]+)`", transformer_path.__doc__, re.M
)


def modules():
    """All modules as dotted names without the package's, folders as themselves."""
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, file


LESSONS = {name: file for name, file in modules() if name in LISTED}
WORKSHOP = {name: file for name, file in modules() if name.startswith("workshop")}
PROGRAM = {name: file for name, file in modules() if name.startswith("_")}  # not taught


def imports(file):
    """Which of the package's modules does a file import, anywhere in it?"""
    package = file.parent
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                folder = package.parents[node.level - 2] if node.level > 1 else package
                parts = ["transformer_path", *folder.relative_to(PACKAGE).parts, base]
                base = ".".join(filter(None, parts))
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        known = {name for name, _ in modules()}
        for name in names:
            own = name.removeprefix("transformer_path.")
            if name.startswith("transformer_path") and own in known:
                yield own


def is_room(name):
    return (PACKAGE / Path(*name.split("."))).is_dir()


def test_the_docstring_lists_every_module_that_is_taught():
    taught = {
        name
        for name, _ in modules()
        if name and not is_room(name) and not name.startswith(("workshop", "_"))
    }
    assert set(LISTED) == taught


def test_the_listed_order_is_the_order_of_the_tree():
    core = [name for name in LISTED if not name.startswith("variants.")]
    assert core == sorted(core)
    rooms = [name.partition(".")[0] for name in LISTED]
    assert rooms == sorted(rooms)


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_imports_only_what_was_taught_before(name):
    before = LISTED[: LISTED.index(name)]
    later = {
        other
        for other in imports(LESSONS[name])
        if other not in before and not is_room(other) and other not in WORKSHOP
    }
    assert not later, f"{name} imports {later}, which the reader has not met yet."


@pytest.mark.parametrize("name", WORKSHOP)
def test_the_workshop_knows_no_lesson_except_to_check_its_exercises(name):
    lessons = {other for other in imports(WORKSHOP[name]) if other in LESSONS}
    stop = re.fullmatch(r"workshop\.exercises\.stop_(\d\d)", name)
    met = modules_met()
    allowed = [other for other, page in met.items() if stop and page[:2] <= stop[1]]
    assert lessons <= set(allowed)


def modules_met():
    """Which page is the first to import or show each module?"""
    met = {}
    for page in sorted(DOCS.glob("[0-9]*.md")):
        text = page.read_text(encoding="utf-8")
        code = "\n".join(re.findall(r"^```\{code-cell\}(.*?)^```", text, re.S | re.M))
        shown = re.findall(r"^```+\{source\} transformer_path\.([\w.]+)", text, re.M)
        for name in re.findall(r"transformer_path\.([\w.]+)", code) + shown:
            for lesson in LESSONS:
                if name == lesson or name.startswith(f"{lesson}."):
                    met.setdefault(lesson, page.name)
    return met


def test_the_chapters_meet_the_modules_in_the_listed_order():
    met = modules_met()
    assert list(met) == [name for name in LISTED if name in met]


def code_lines(text):
    """Which lines hold code? Docstrings, comments and blank lines do not count."""
    explained = set()
    for node in ast.walk(ast.parse(text)):
        documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            explained |= {*range(docstring.lineno, docstring.end_lineno + 1)}
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT}
    silent |= {tokenize.DEDENT, tokenize.ENDMARKER}
    return {
        line
        for token in tokens
        if token.type not in silent
        for line in range(token.start[0], token.end[0] + 1)
    } - explained


def too_long(text):
    """Name what has more lines of code than one can hold in the head."""
    code = code_lines(text)
    if len(code) > 200:
        yield f"the file has {len(code)} lines of code"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = range(node.body[0].lineno, node.end_lineno + 1)
            lines = len(code.intersection(inside))
            if lines > 40:
                yield f"the body of {node.name} has {lines} lines of code"


@pytest.mark.parametrize("name", [*LESSONS, *WORKSHOP, *PROGRAM])
def test_a_file_fits_in_the_head(name):
    text = (LESSONS | WORKSHOP | PROGRAM)[name].read_text(encoding="utf-8")
    assert not list(too_long(text))


@pytest.mark.parametrize("name", [*LESSONS, *WORKSHOP, *PROGRAM])
def test_nothing_is_squeezed_to_fit(name):
    text = (LESSONS | WORKSHOP | PROGRAM)[name].read_text(encoding="utf-8")
    assert not re.search(r"#\s*fmt:\s*(skip|off)", text)


def test_only_code_counts_as_length():
    explained = '"""Why."""\n\n' + "# a remark\n\n" * 300 + "x = 1\n"
    assert len(code_lines(explained)) == 1
    assert not list(too_long("x = 1\n" * 200))
    assert list(too_long("x = 1\n" * 201)) == ["the file has 201 lines of code"]
    text = "text = (\n" + '    "a string"\n' * 3 + ")\n"  # a string is code
    assert len(code_lines(text)) == 5
    docstring = '    """What it does.\n\n    And more.\n    """\n    # a remark\n\n'
    assert not list(too_long("def f():\n" + docstring + "    x = 1\n" * 40))
    assert list(too_long("def f():\n" + docstring + "    x = 1\n" * 41)) == [
        "the body of f has 41 lines of code"
    ]


def test_a_literal_over_several_lines_is_code():
    assert len(code_lines('x = """\none\ntwo\n"""\n')) == 4
