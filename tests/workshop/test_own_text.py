"""Own files: every byte of them is read, or refused by name."""

import re

import pytest

from transformer_path.workshop import own_text
from transformer_path.workshop.own_text import read, some, split


def test_files_are_read_once_in_order_and_hidden_ones_are_not(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / ".git").mkdir()
    for name in ("b.txt", "a.md", "deep/c", ".git/d", ".e", "deep/.f"):
        (tmp_path / name).write_bytes(f"{name}\r\né".encode())
    texts = [f"{name}\r\né" for name in ("a.md", "b.txt", "deep/c")]
    assert read([tmp_path]) == texts
    assert read([tmp_path / "b.txt", tmp_path, tmp_path / "deep"]) == texts
    assert read([tmp_path / ".e"]) == [".e\r\né"]  # whoever names it, wants it


def test_a_mark_of_byte_order_is_no_text(tmp_path):
    (tmp_path / "a").write_text("é", encoding="utf-8-sig")
    assert read([tmp_path]) == ["é"]


@pytest.mark.parametrize(
    ("content", "at"), [(b"ok\xff", 2), ("\ufeffé".encode()[:-1], 3)]
)
def test_what_is_no_utf_8_is_named_with_its_byte(tmp_path, content, at):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    message = f"{path} is no text in UTF-8: byte {at}, 0x{content[at]:02x}, fits in no"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        read([path])


def test_nothing_to_read_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no text to learn from: no file is empty"):
        read([tmp_path])
    (tmp_path / "a").touch()
    with pytest.raises(ValueError, match="/a is empty"):
        read([tmp_path])
    with pytest.raises(FileNotFoundError):
        read([tmp_path / "b"])


@pytest.mark.parametrize("sizes", [[50], [95, 40], [20] * 9, [20] * 10, [3] * 47])
def test_each_character_is_in_one_part_a_tenth_for_validation(sizes):
    texts = [
        "".join(chr(100 * n + k) for k in range(size)) for n, size in enumerate(sizes)
    ]
    train, validation = split(texts)
    assert sorted("".join(train + validation)) == sorted("".join(texts))
    assert 0.08 < len("".join(validation)) / sum(sizes) < 0.11
    whole = set(train) | set(validation) <= set(texts)
    assert whole == (len(texts) >= own_text.FILES)


@pytest.mark.parametrize("texts", [["abcd"], [*"abcdefghi"], [*"abcdefghi", ""]])
def test_too_little_to_split_is_refused(texts):
    with pytest.raises(ValueError, match=f"a text of {len(''.join(texts))} characters"):
        split(texts)


def test_some_of_the_texts_are_drawn_from_all_of_them():
    texts = [chr(97 + n) * 10 for n in range(20)]
    assert some(texts, 200) == texts
    taken = some(texts, 55)
    assert [len(text) for text in taken].count(10) == 5
    assert sum(map(len, taken)) == 55
    assert taken != some(texts[:6], 55)
    assert taken == some(texts, 55) == sorted(taken)
    with pytest.raises(ValueError, match="size=0 must be a whole number"):
        some(texts, 0)
