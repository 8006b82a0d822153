"""A book of three pages and a package of four modules, to build and to disturb."""

import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from os import environ, killpg
from pathlib import Path

EXTENSIONS = Path(__file__).parents[2] / "docs" / "_ext"
CONF = """
import json, sys
from pathlib import Path
from docutils import nodes
from sphinx.util.docutils import SphinxDirective
from sphinx.transforms.post_transforms import SphinxPostTransform
ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT / "_ext"))
extensions = ["myst_nb", "book"]
kernel_environment = {
    "PYTHONPATH": f"{ROOT}/src:{ROOT}/site-packages",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
exclude_patterns = ["_*"]
nitpicky = True
html_theme = "basic"
nb_execution_mode = "cache"
nb_merge_streams = True
nb_execution_in_temp = True

class AllNumbers(SphinxDirective):
    def run(self):
        return [nodes.paragraph("", "", nodes.inline(classes=["all-numbers"]))]

class FillAllNumbers(SphinxPostTransform):
    default_priority = 6
    def run(self, **kwargs):
        folder = Path(self.env.mystnb_config.output_folder)
        for node in self.document.findall(nodes.inline):
            if "all-numbers" in node["classes"]:
                texts = [p.read_text() for p in sorted(folder.glob("*.glue.json"))]
                glued = [n for text in texts for n in json.loads(text).values()]
                found = " ".join(n["data"]["text/plain"] for n in glued)
                node += nodes.Text("all numbers: " + found)

def setup(app):
    app.add_directive("all-numbers", AllNumbers)
    app.add_post_transform(FillAllNumbers)
"""
NO_MATTER = re.compile(r'(?<=\.css)\?v=\w+|"\w+":\[\],?')
FRONT = "---\nfile_format: mystnb\nkernelspec: {name: python3}\n---\n"


def page(title: str, *lines: str) -> str:
    """Write a page with one cell."""
    code = "\n".join(lines)
    return f"{FRONT}# {title}\n\n```{{code-cell}}\n{code}\n```\n"


FILES = {
    "conf.py": CONF,
    "src/tiny/__init__.py": "",
    "src/tiny/base.py": "number = 1\n",
    "src/tiny/middle.py": "def ten():\n    from .base import number\n"
    "    return 10 * number\n",
    "src/tiny/other.py": "number = 5\n",
    "src/tiny/unrelated.py": "number = 7\n",
    "site-packages/counter.py": "one = 1\n",
    "site-packages/counter-1.0.dist-info/METADATA": "Metadata-Version: 2.1\n"
    "Name: counter\nVersion: 1.0\nRequires-Dist: deeper\n",
    "site-packages/counter-1.0.dist-info/RECORD": "counter.py,,\n",
    "site-packages/deeper-1.0.dist-info/METADATA": "Metadata-Version: 2.1\n"
    "Name: deeper\nVersion: 1.0\n",
    "docs/index.md": "# Book\n\nPasted {glue:text}`other.md::five:`.\n\n"
    "```{all-numbers}\n```\n\n```{toctree}\nmiddle\nother\n```\n",
    "docs/middle.md": page(
        "Middle",
        "from tiny.middle import ten",
        "import counter",
        "print('ten is', ten() * counter.one)",
    ),
    "docs/other.md": page(
        "Other",
        "from tiny.other import number",
        "from myst_nb import glue",
        "glue('five', number)",
        "print('other is', number)",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Build:
    """What a build did, and what it said."""

    code: int
    text: str

    @property
    def ran(self) -> set[str]:
        """The pages that ran."""
        said = re.findall(r"^running ([\w/]+), ", self.text, re.M)
        return {*said, *re.findall(r"docs/(\S+)\.md: Executed", self.text)}

    @property
    def warnings(self) -> list[str]:
        """The warnings, without the folder."""
        return re.findall(r"docs/(\S+: WARNING: .*)", self.text)


class TinyBook:
    """A book in a folder of its own, with its own copy of the extensions."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name, text in FILES.items():
            self.write(name, text)
        shutil.copytree(EXTENSIONS, root / "_ext")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def change(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def start(
        self, out: str = "_build/html", *options: str, **variables: str
    ) -> subprocess.Popen:
        """Start a build in a process group of its own, in this environment."""
        command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-j", "2"]
        packages = str(self.root / "site-packages")
        return subprocess.Popen(
            [*command, *options, "-c", ".", "docs", out],
            cwd=self.root,
            env=environ | {"PYTHONPATH": packages, "NO_COLOR": "1"} | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def build(self, out: str = "_build/html", *options: str, **variables: str) -> Build:
        """Build, and wait for it."""
        process = self.start(out, *options, **variables)
        text, _ = process.communicate(timeout=120)
        return Build(code=process.returncode, text=text)

    def kill(self, process: subprocess.Popen) -> None:
        killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def html(self, name: str, out: str = "_build/html") -> str:
        """Read a page as it would be published, without its markup."""
        return re.sub(r"<[^>]*>", "", (self.root / out / name).read_text())

    def published(self, out: str) -> dict[str, str]:
        """Read every text that would be published.

        Left out: what differs between a first and a second build of unchanged pages
        (the version mark of MyST-NB's style sheet, words that no page has any more).
        """
        folder = self.root / out
        return {
            str(path.relative_to(folder)): NO_MATTER.sub("", path.read_text("latin-1"))
            for path in folder.rglob("*")
            if path.is_file() and path.relative_to(folder).parts[0][0] != "."
        }
