"""One number in two languages: a translation of which every pair is right.

``num2words`` writes any number; how long the sentence gets is a dial, the digits. In
German the unit stands before the ten (*drei und zwanzig*), so not even the order is the
same, and which word comes from which is known.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np
from num2words import num2words

from transformer_path.workshop._inputs import whole
from transformer_path.workshop.datasets import Splits, part_of

LARGEST = 10**12 - 1


def english(number: int) -> list[str]:
    """Write a number in English, one word each.

    Raises
    ------
    ValueError
        If it is not a whole number from 0 to a trillion less one.

    Examples
    --------
    >>> " ".join(english(1123))
    'one thousand one hundred and twenty three'
    """
    return re.findall(r"\w+", num2words(_checked(number)))


def german(number: int) -> list[str]:
    """Write a number in German, cut into the words that it is made of.

    Raises
    ------
    ValueError
        If it is not a whole number from 0 to a trillion less one.

    Examples
    --------
    >>> " ".join(german(1123))
    'ein tausend ein hundert drei und zwanzig'
    """
    return _GERMAN_WORD.findall(num2words(_checked(number), lang="de"))


def sources(number: int) -> list[int | None]:
    """Say for each German word from which English word it comes; None for *und*.

    Examples
    --------
    >>> words = english(23)
    >>> [(g, s and words[s]) for g, s in zip(german(23), sources(23))][0]
    ('drei', 'three')
    """
    index = {place: i for i, place in enumerate(_places(english(number), _ENGLISH))}
    return [place and index[place] for place in _places(german(number), _GERMAN)]


def numbers(
    count: int, digits: int, *, part: str = "train", seed: int = 0
) -> list[int]:
    """Draw different numbers of so many digits.

    Which part a number belongs to depends on the number alone: of ten about eight are
    for training, one for validation, one to test.

    Parameters
    ----------
    count, digits : int
        How many numbers, and how long each of them is.
    part : str
        ``"train"``, ``"validation"`` or ``"test"``.
    seed : int
        Decides which numbers.

    Raises
    ------
    ValueError
        If the part has too few numbers, or is unknown.

    Examples
    --------
    >>> train = numbers(100, digits=3)
    >>> set(train) & set(numbers(20, digits=3, part="test"))
    set()
    """
    digits, count = whole("digits", digits, 1), whole("count", count, 1)
    if part not in Splits._fields or digits > 12:
        raise ValueError(
            f"part={part!r}, digits={digits}; part is one of "
            f"{', '.join(Splits._fields)}, and a number has at most 12 digits."
        )
    first = 10 ** (digits - 1) if digits > 1 else 0
    generator, size = np.random.default_rng(seed), 10**digits - first
    drawn: Iterator[int] = iter(lambda: generator.integers(size), None)
    if size < 10**6:  # each once: there may be no more than these
        drawn = iter(generator.permutation(size))
    found = dict[int, None]()
    for number in (first + int(place) for place in drawn):
        if part_of(str(number)) == part:
            found[number] = None
        if len(found) == count:
            break
    if len(found) < count:
        raise ValueError(
            f"only {len(found)} of the numbers with {digits} digits belong to {part}, "
            f"and {count} are wanted; ask for fewer, or for more digits."
        )
    return list(found)


def _checked(number: int) -> int:
    number = whole("number", number, 0)
    if number > LARGEST:
        raise ValueError(f"number={number:,} is too large; the largest is {LARGEST:,}.")
    return number


def _places(
    words: Sequence[str], worth: dict[str, int]
) -> list[tuple[int, int] | None]:
    """Say where each word belongs: the group of three digits, and the place in it.

    From right to left, since a word such as *hundred* says what stands before it.
    """
    places: list[tuple[int, int] | None] = []
    group, hundreds = 1, False
    for word in reversed(words):
        value = worth.get(word)
        if value is None:  # and, und
            places.append(None)
        elif value >= 1000:
            group, hundreds = value, False
            places.append((group, 1000))
        elif value == 100:
            hundreds = True
            places.append((group, 100))
        elif hundreds:
            places.append((group, 101))  # how many hundreds
        else:
            places.append((group, 10 if value >= 10 else 1))
    return places[::-1]


_ROUND = [*range(20), *range(20, 100, 10)]
_ENGLISH = {num2words(n): n for n in _ROUND}
_ENGLISH |= {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_GERMAN = {num2words(n, lang="de"): n for n in _ROUND}
_GERMAN |= {"ein": 1, "eine": 1, "hundert": 100, "tausend": 1000}
_GERMAN |= {"Million": 10**6, "Millionen": 10**6}
_GERMAN |= {"Milliarde": 10**9, "Milliarden": 10**9}
_GERMAN_WORD = re.compile("|".join(sorted([*_GERMAN, "und"], key=len, reverse=True)))
