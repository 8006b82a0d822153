"""Is a noted number the same when it is computed elsewhere?

Sums differ in their last digits between processors and numbers of threads. So a number
is known up to what the page itself says of it: one unit of the last printed digit, or
its printed spread, where that is more. It is the same number where the two intervals
meet; a row of the leaderboard, where the 95% intervals of its means do. Names that
begin with ``time_`` are wall-clock times and are not compared.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, stdev

from scipy.special import stdtrit

NUMBER = re.compile(
    r"(?P<sign>[-−]?)(?P<digits>\d+(?:,\d{3})*(?:\.(?P<places>\d+))?)"
    r"(?:e(?P<e>[-+]?\d+)| ?[·×] ?10(?P<ten>[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?"
    r"(?:%? ?± ?(?P<spread>\d+(?:\.\d+)?))?"
)
SAMPLE = re.compile(r"\[[-\d., e]+\]")  # of a row of the leaderboard: one a seed
RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def read(folder: Path) -> dict[str, str]:
    """Read what the pages of a build noted, by page and name.

    ``folder`` is ``jupyter_execute`` of the build; a key is ``01-loss slope``.
    """
    return {
        f"{path.relative_to(folder).as_posix().removesuffix('.glue.json')} {name}": text
        for path in sorted(folder.rglob("*.glue.json"))
        for name, text in read_page(path).items()
    }


def read_page(path: Path) -> dict[str, str]:
    """Read the texts in one ``glue.json``, wall-clock times left out."""
    noted = json.loads(path.read_text("utf-8"))
    return {
        name: str(ast.literal_eval(output["data"]["text/plain"]))
        for name, output in noted.items()
        if not name.startswith("time_")
    }


def moved(before: dict[str, str], after: dict[str, str]) -> Iterator[tuple[str, ...]]:
    """Give name, text before and text after of each number that is not the same.

    A number ``NAME`` may have its spread apart, as ``NAME_spread``.

    Examples
    --------
    >>> before = {"purity": "74%", "purity_spread": "4", "steps": "20"}
    >>> after = {"purity": "76%", "purity_spread": "4"}
    >>> list(moved(before, after))
    [('steps', '20', 'is missing')]
    """
    for name in sorted(before | after):
        one, two = before.get(name, "is missing"), after.get(name, "is missing")
        spread = before.get(f"{name.removesuffix('_spread')}_spread")
        known = f" ± {spread}" if spread else ""  # a spread is known up to itself
        if not same(one + known, two + known):
            yield name, one, two


def same(one: str, two: str) -> bool:
    """Say whether two texts agree: their words exactly, their numbers as far as known.

    Examples
    --------
    >>> same("37.6%", "37.7%"), same("37.6%", "37.8%")
    (True, False)
    >>> same("72.5 ± 0.4%", "72.8 ± 0.3%"), same("72.5 ± 0.4%", "73.5 ± 0.3%")
    (True, False)
    >>> same("2 · 10⁻¹⁶", "3 · 10⁻¹⁶"), same("2 · 10⁻¹⁶", "2 · 10⁻¹¹")
    (True, False)
    >>> same("1,097 steps", "1,097 pages")
    False
    """
    one, two = SAMPLE.sub(_summary, one), SAMPLE.sub(_summary, two)
    if NUMBER.sub("#", one) != NUMBER.sub("#", two):
        return False
    pairs = zip(NUMBER.finditer(one), NUMBER.finditer(two), strict=True)
    return all(_agree(first, second) for first, second in pairs)


def _agree(one: re.Match[str], two: re.Match[str]) -> bool:
    (a, known_a), (b, known_b) = _known(one), _known(two)
    both = one["spread"] and two["spread"]
    limit = known_a + known_b if both else max(known_a, known_b)
    return abs(a - b) <= limit * (1 + 1e-9)


def _known(number: re.Match[str]) -> tuple[float, float]:
    """Give the value of a number, and up to what it is known."""
    exponent = int(number["e"] or (number["ten"] or "0").translate(RAISED))
    value = float(number["digits"].replace(",", "")) * 10.0**exponent
    unit = 10.0 ** (exponent - len(number["places"] or ""))
    return -value if number["sign"] else value, max(unit, float(number["spread"] or 0))


def _summary(sample: re.Match[str]) -> str:
    """Write a list of numbers as their mean and half of its 95% interval."""
    values = ast.literal_eval(sample[0])
    if len(values) < 2:
        return f"{mean(values):.4f}"
    t = stdtrit(len(values) - 1, 0.975)  # scipy.stats takes a second to import
    half = t * stdev(values) / len(values) ** 0.5
    return f"{mean(values):.4f} ± {half:.4f}"
