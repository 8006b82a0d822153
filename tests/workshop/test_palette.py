"""The palette can be read, told apart, and had without matplotlib."""

import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from transformer_path.workshop import palette
from transformer_path.workshop.palette import DARK, LIGHT, MARKERS

# Page, secondary and code background of the theme.
GROUNDS = {
    "light": (LIGHT, ["#ffffff", "#f8f9fb", "#f2f2f2"]),
    "dark": (DARK, ["#131416", "#1a1c1e", "#2b2b2b"]),
}
# Machado, Oliveira and Fernandes (2009), Table 1, severity 1.
SIGHT = {
    "trichromat": np.eye(3),
    "protanope": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranope": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanope": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)


def linear(colour: str) -> np.ndarray:
    c = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    """Contrast ratio of WCAG 2.2."""
    low, high = sorted(float(TO_XYZ[1] @ linear(c)) for c in (a, b))
    return (high + 0.05) / (low + 0.05)


def lab(colour: str, sight: np.ndarray) -> np.ndarray:
    xyz = TO_XYZ @ np.clip(sight @ linear(colour), 0, 1) / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_both_themes_have_the_same_tokens():
    assert list(LIGHT) == list(DARK)
    assert set(MARKERS) < set(LIGHT)
    assert len(set(MARKERS.values())) == len(MARKERS)


@pytest.mark.parametrize("theme", GROUNDS)
def test_every_colour_can_be_read_on_every_ground(theme):
    tokens, grounds = GROUNDS[theme]
    for name in set(tokens) - {"hairline"}:
        for ground in grounds:
            assert contrast(tokens[name], ground) >= 4.5, (name, ground)


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("theme", GROUNDS)
@pytest.mark.parametrize("names", [list(MARKERS), ["query", "key", "value"]])
def test_colours_of_one_code_can_be_told_apart(theme, sight, names):
    tokens, _ = GROUNDS[theme]
    for a, b in combinations(names, 2):
        there, here = (lab(tokens[n], np.array(SIGHT[sight])) for n in (a, b))
        assert np.linalg.norm(there - here) >= 20, (a, b)


def test_a_build_that_needs_only_colours_imports_no_matplotlib():
    source = Path(palette.__file__).parents[2]
    code = (
        f"import sys; sys.path.insert(0, {str(source)!r}); "
        "import transformer_path.workshop.palette as palette; "
        "print(palette.__file__, 'matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == f"{palette.__file__} False", done.stderr
