"""What must not be published is reported with its page and line, all of it at once."""

import sys

import pytest
from tiny_book import FRONT, TinyBook

FAULTS = {
    "figure": "import matplotlib.pyplot as plt\n%matplotlib inline\nplt.plot([1]);",
    "path": "import sys\nprint(sys.prefix + '/bin')",
    "user": "print('/home/someone/book')",
    "address": "print(object())",
    "stderr": "import warnings\nwarnings.warn('old')",
    "failed": "x = 1\nx / 0",
    "hidden": "raise ValueError('in a cell that is not shown')",
    "late": "import time\ntime.sleep(60)",
}
EXPECTED = {
    "figure": "WARNING: this figure has no alternative text",
    "path": f"WARNING: this cell shows a path of this machine: {sys.prefix}/bin",
    "user": "WARNING: this cell shows a path of this machine: /home/someone/book",
    "address": "WARNING: this cell shows an address in memory: at 0x",
    "stderr": "WARNING: this cell writes to stderr: ",
    "failed": "WARNING: this cell failed: ZeroDivisionError: division by zero",
    "hidden": "WARNING: this cell failed: ValueError: in a cell that is not shown",
    "late": "WARNING: this cell failed: it ran for more than 10 seconds",
}


@pytest.mark.slow
def test_every_fault_is_reported_with_its_page_and_line(tmp_path):
    book = TinyBook(tmp_path)
    for name, code in FAULTS.items():
        options = ":tags: [remove-cell]\n" if name == "hidden" else ""
        text = f"# {name}\n\n```{{code-cell}}\nfine = 1\n```\n\n"
        text += f"Some prose.\n\n```{{code-cell}}\n{options}{code}\n```\n"
        text += "\n```{code-cell}\nnever = fine\n```\n"
        book.write(f"docs/{name}.md", FRONT + text)
    text = "# Links\n\nProse.\n\nTo {ref}`nowhere`, or\n\n[there](#no-such-place).\n"
    book.write("docs/links.md", text)
    pages = "\n".join(["middle", "links", *FAULTS])
    book.change("docs/index.md", "middle", pages)

    build = book.build("_build/html", "-D", "nb_execution_timeout=10")
    assert build.code == 1
    for name, start in EXPECTED.items():
        (warning,) = [w for w in build.warnings if w.startswith(f"{name}.md")]
        assert warning.startswith(f"{name}.md:13: {start}")
    # Failed cells are named once more at the end.
    assert "\nhidden.md:13: this cell failed: ValueError: in a cell" in build.text
    found = sorted(w for w in build.warnings if w.startswith("links.md"))
    lines = [warning.partition(" WARNING")[0] for warning in found]
    assert lines == ["links.md:5:", "links.md:7:"]
    pages = {warning.partition(".md")[0] for warning in build.warnings}
    assert pages == {*FAULTS, "links"}, "a page without a fault is blamed"
