"""``python -m book.forms`` writes the scripts and notebooks of all chapters.

With ``--check-cells`` or ``--format-cells`` it looks at how the cells of the pages are
written, and says so or mends it.
"""

import argparse
import sys

from book.forms import style, three
from book.forms.page import ROOT, PageError

parser = argparse.ArgumentParser(prog="python -m book.forms", description=__doc__)
group = parser.add_mutually_exclusive_group()
group.add_argument(
    "--check-cells", action="store_true", help="say what is not in style"
)
group.add_argument("--format-cells", action="store_true", help="bring cells into style")
options = parser.parse_args()
try:
    if options.check_cells or options.format_cells:
        found = style.go_through(ROOT / "docs", mend=options.format_cells)
        print("\n".join(found) or "every cell of the pages is in style")
        sys.exit(bool(found) and options.check_cells)
    changed = three.write()
    for path in changed:
        print(path.relative_to(ROOT))
    if not changed:
        print("the scripts and notebooks in examples/ are up to date")
    if (ROOT / "_build" / "html").exists():
        three.carry(three.EXAMPLES, ROOT / "_build" / "html")
except PageError as fault:
    sys.exit(str(fault))
