"""``python -m book.forms`` writes the scripts and notebooks of all chapters."""

from book.forms.three import ROOT, write

for path in write():
    print(path.relative_to(ROOT))
