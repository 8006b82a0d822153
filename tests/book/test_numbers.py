"""Numbers agree as far as a page says that it knows them."""

import json

import pytest

from book.outputs.numbers import moved, read, same

AGREE = [
    ("37.6%", "37.7%"),
    ("−0.50", "−0.51"),
    ("0.00", "−0.01"),
    ("1,097", "1,098"),
    ("£2.04", "£2.05"),
    ("4.9 million", "5.0 million"),
    ("72.5 ± 0.4%", "73.3 ± 0.4%"),
    ("2 · 10⁻¹⁶", "3 · 10⁻¹⁶"),
    ("9.9e-07", "1.0e-06"),
    ('{"lr": 0.5, "accuracies": [0.722, 0.731]}',) * 2,
    ("[0.722, 0.731, 0.726, 0.728]", "[0.732, 0.726, 0.735, 0.731]"),
]
DIFFER = [
    ("37.6%", "37.8%"),
    ("37.6%", "37.6"),
    ("−0.50", "0.50"),
    ("1,097", "1,099"),
    ("4.9 million", "4.9 thousand"),
    ("72.5 ± 0.4%", "73.4 ± 0.4%"),
    ("72.5 ± 0.4%", "73.0%"),
    ("2 · 10⁻¹⁶", "2 · 10⁻¹¹"),
    ("3 of 5", "3 of 7"),
    ("nan", "1"),
    ("1, 2", "1"),
    ("[0.722, 0.731, 0.726, 0.728]", "[0.742, 0.736, 0.745, 0.741]"),
]


@pytest.mark.parametrize(("one", "two"), AGREE)
def test_what_agrees(one, two):
    assert same(one, two)
    assert same(two, one)


@pytest.mark.parametrize(("one", "two"), DIFFER)
def test_what_differs(one, two):
    assert not same(one, two)
    assert not same(two, one)


def test_numbers_are_read_by_page_and_name(tmp_path):
    noted = {name: {"data": {"text/plain": "'1,097'"}} for name in ("n", "time_n")}
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "page.glue.json").write_text(json.dumps(noted))
    assert read(tmp_path) == {"deep/page n": "1,097"}


def test_what_moved_is_listed_with_both_texts():
    before = {"a": "74%", "a_spread": "4", "b": "1.0", "c": "1", "d": "2"}
    after = {"a": "78%", "a_spread": "7", "b": "1.2", "c": "1", "e": "3"}
    assert list(moved(before, after)) == [
        ("b", "1.0", "1.2"),
        ("d", "2", "is missing"),
        ("e", "is missing", "3"),
    ]
    assert list(moved({"a": "74%"}, {"a": "78%"})) == [("a", "74%", "78%")]
