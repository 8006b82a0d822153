"""The words of numbers: right in both languages, and which comes from which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import num2words

from transformer_path.workshop.number_words import (
    LARGEST,
    english,
    german,
    numbers,
    sources,
)

SIMPLE = {
    "one": ("ein", "eine", "eins"), "two": ("zwei",), "seven": ("sieben",),
    "twelve": ("zwölf",), "sixteen": ("sechzehn",), "seventy": ("siebzig",),
    "thirty": ("dreißig",), "hundred": ("hundert",), "thousand": ("tausend",),
    "million": ("Million", "Millionen"), "billion": ("Milliarde", "Milliarden"),
}  # fmt: skip


@given(st.integers(0, LARGEST) | st.integers(0, 2000))
def test_no_letter_is_lost(number):
    letters = "".join(num2words(number, lang="de").split())
    assert "".join(german(number)) == letters
    assert " ".join(english(number)) == num2words(number).translate(
        str.maketrans("-", " ", ",")
    )


@given(st.integers(0, LARGEST) | st.integers(0, 2000))
def test_each_word_comes_from_the_one_that_means_the_same(number):
    here, there, found = english(number), german(number), sources(number)
    assert [w for w, s in zip(there, found, strict=True) if s is None] == [
        w for w in there if w == "und"
    ]
    used = sorted(s for s in found if s is not None)
    assert used == [i for i, word in enumerate(here) if word != "and"]  # each once
    for word, source in zip(there, found, strict=True):
        if source is not None and here[source] in SIMPLE:
            assert word in SIMPLE[here[source]]


def test_the_unit_stands_before_the_ten_in_german():
    assert german(321) == ["drei", "hundert", "ein", "und", "zwanzig"]
    assert english(321) == ["three", "hundred", "and", "twenty", "one"]
    assert sources(321) == [0, 1, 4, None, 3]


def test_a_number_belongs_to_one_part():
    parts = {part: numbers(70, 3, part=part) for part in ("validation", "test")}
    parts["train"] = numbers(700, 3)
    together = [n for part in parts.values() for n in part]
    assert len(set(together)) == len(together) == 840
    assert all(100 <= n <= 999 for n in together)
    assert numbers(5, 9, seed=1) != numbers(5, 9) == numbers(5, 9)
    assert all(len(str(n)) == 9 for n in numbers(50, 9, part="test"))


def test_what_is_no_number_of_this_size_is_refused():
    with pytest.raises(ValueError, match=r"^number=-1 must be a whole number, 0 or"):
        english(-1)
    with pytest.raises(ValueError, match=r"the largest is 999,999,999,999\.$"):
        german(10**12)
    with pytest.raises(ValueError, match=r"^number=seven must be a whole number"):
        sources("seven")


def test_too_many_or_unknown_numbers_are_refused():
    with pytest.raises(ValueError, match=r"^only \d of the numbers with 1 digits"):
        numbers(10, 1)
    with pytest.raises(ValueError, match=r"^part='dev', digits=3; part is one of tra"):
        numbers(10, 3, part="dev")
    with pytest.raises(ValueError, match=r"at most 12 digits"):
        numbers(10, 13)
