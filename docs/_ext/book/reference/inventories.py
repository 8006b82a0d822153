"""Links to other projects' documentation, checked without a network.

``docs/_inventories/NAME.txt`` lists the objects that the book refers to::

    Python 3 https://docs.python.org/3/
    list py:class library/stdtypes.html#$

First the project's version and address; then, a line each, an object's name, its kind
and its page (``$`` stands for the name). A reference to an object that no list holds
is a broken reference: add its line. ``make linkcheck`` tests the addresses.
"""

import zlib
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config


def compress(text: str) -> tuple[str, bytes]:
    """Turn a list into a project's address and the inventory that Sphinx reads."""
    first, *lines = [line for line in text.splitlines() if line.strip()]
    project, version, address = first.split()
    head = f"# Sphinx inventory version 2\n# Project: {project}\n# Version: {version}\n"
    head += "# The remainder of this file is compressed using zlib.\n"
    body = ""
    for line in lines:
        name, kind, page = line.split()
        body += f"{name} {kind} 1 {page.replace('$', name)} -\n"
    return address, head.encode() + zlib.compress(body.encode())


def map_inventories(app: Sphinx, config: Config) -> None:
    """Point intersphinx to the lists."""
    folder = Path(app.outdir).parent / "inventories"
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(Path(app.confdir, config.local_inventories).glob("*.txt")):
        address, inventory = compress(path.read_text("utf-8"))
        target = folder / f"{path.stem}.inv"
        target.write_bytes(inventory)
        config.intersphinx_mapping[path.stem] = (address, str(target))
