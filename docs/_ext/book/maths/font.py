"""The font of the formulas: STIX Two Math, cut down to the signs the book uses.

The font comes from the installed ``ziamath``; the whole has 5,000 glyphs, a book needs
a few hundred. The signs are read off the pages as written, so an incremental build, a
parallel one and a clean one give the same file.
"""

import html
import io
import logging
import re
import unicodedata
from importlib.metadata import distribution
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx

FILE = "ziamath/fonts/STIXTwoMath-Regular.ttf"
SOURCE = Path(str(distribution("ziamath").locate_file(FILE)))
TARGET = Path("_static", "fonts", "stix-two-math.woff2")
ALWAYS = "√()[]{}|∣∥∑∏∫=+−-×·…′^~¯ˉ→←⏞⏟0123456789"
ROOTS = {f"uni221A.{size}" for size in ("s1", "s2", "s3", "s4", "t", "x")}
FORMULA = re.compile(r"<math.*?</math>", re.DOTALL)
logging.getLogger("fontTools").setLevel(logging.WARNING)  # else it tells every step
LETTER = re.compile(r"<mi[^>]*>(.)</mi>")
ITALIC = {"h": "ℎ"} | {
    chr(int(unicodedata.decomposition(char).split()[1], 16)): char  # <font> 0061
    for char in map(chr, range(0x1D434, 0x1D71C))
    if unicodedata.name(char, "").startswith("MATHEMATICAL ITALIC")
}


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the font into the finished book, if its signs have changed."""
    if error or app.builder.format != "html":
        return
    signs = characters(Path(app.outdir))
    target = Path(app.outdir, TARGET)
    record = Path(app.doctreedir, "mathml_signs.txt")
    if target.exists() and record.exists() and record.read_text("utf-8") == signs:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(cut(signs))
    record.write_text(signs, encoding="utf-8")


def characters(folder: Path) -> str:
    """List the signs of all formulas of the pages below a folder."""
    signs = set(ALWAYS)
    for page in folder.rglob("*.html"):
        for formula in FORMULA.findall(page.read_text(encoding="utf-8")):
            text = html.unescape(re.sub(r"<[^>]*>", "", formula))
            single = LETTER.findall(formula)  # the browser sets these in italics
            signs.update(text, *(ITALIC.get(c, "") for c in single))
    return "".join(sorted(signs - set("\n\t\r ")))


def cut(signs: str) -> bytes:
    """Give the font with these signs, and what grows out of them, as WOFF2."""
    options = subset.Options(
        layout_features=["ssty", "dtls", "flac", "ccmp", "kern"],
        flavor="woff2",
        hinting=False,
        notdef_outline=True,
        recalc_timestamp=False,
    )
    font = TTFont(SOURCE, recalcTimestamp=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=signs)
    subsetter.subset(font)
    _narrow_roots(font)
    buffer = io.BytesIO()
    font.flavor = "woff2"
    font.save(buffer)
    return buffer.getvalue()


def _narrow_roots(font: TTFont) -> None:
    """Make every size of the root as wide as the smallest, as in TeX's fonts.

    Chromium keeps room for the widest, which leaves a gap behind every root.
    """
    width = font["hmtx"]["uni221A"][0]
    for name in ROOTS & set(font.getGlyphOrder()):
        advance, bearing = font["hmtx"][name]
        factor = width / advance
        glyph = font["glyf"][name]
        glyph.coordinates.scale((factor, 1))
        glyph.recalcBounds(font["glyf"])
        font["hmtx"][name] = (width, round(bearing * factor))
