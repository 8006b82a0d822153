"""Byte pairs by hand against the library's: training, encoding, streams, files."""

import io
import json
from itertools import pairwise

import pytest
from broken import broken_copy
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from transformer_path.transformer import tokenizer, tokenizer_training
from transformer_path.transformer.tokenizer import (
    BYTES,
    BytePairTokenizer,
    CharacterTokenizer,
    read_merges,
)
from transformer_path.transformer.tokenizer_training import train
from transformer_path.workshop.source import files

# What the pattern tells apart: white space, clitics, digits, accents, other scripts.
TEXTS = st.text(
    st.sampled_from("abc  \n\t'lversdt.12½一é\u0301\xa0ß\U0001f600\u200b_="),
    max_size=40,
)
ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())
MARK = "<|endoftext|>"


def library(texts, size):
    """Train the library's tokenizer on the same text."""
    theirs = Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        initial_alphabet=ALPHABET,
        show_progress=False,
    )
    theirs.train_from_iterator(texts, trainer)
    return theirs


def merges_of(theirs):
    name = dict(zip(ALPHABET, BYTES, strict=True))
    return [
        tuple(bytes(name[character] for character in word) for word in pair)
        for pair in json.loads(theirs.to_str())["model"]["merges"]
    ]


def check(texts, new, module=tokenizer, training=tokenizer_training):
    """Train and encode as the library does."""
    theirs = library(texts, 300)
    merges = training.train(texts, 300)
    assert merges == merges_of(theirs)
    ours = module.BytePairTokenizer(merges, [MARK])
    for text in [*texts, *new]:
        tokens = ours.encode(text)
        assert tokens == theirs.encode(text).ids
        assert ours.decode(tokens) == text
        for size in (1, 2, 3, 50):
            stream = ours.encode_stream(io.StringIO(text, newline=""), size)
            assert [*stream] == tokens


@given(st.lists(TEXTS, min_size=1, max_size=4).filter(any), TEXTS)
@example(["aaaaa aaaa aaa"], "aaaaaaa")
@example(["abc abc bc bc ab ab"], "abcabc")
def test_trained_and_encoded_as_the_library_does(texts, new):
    check(texts, [new])


def test_the_library_of_python_gives_the_same_four_thousand_tokens():
    texts = files().validation
    theirs, merges = library(texts, 4096), train(texts, 4096)
    assert merges == merges_of(theirs)
    assert len(merges) == 3840
    new, ours = "\n".join(files().test[:20]), BytePairTokenizer(merges)
    assert ours.encode(new) == theirs.encode(new).ids
    assert len(ours.encode(new)) < 0.4 * len(new)


def test_merges_in_the_form_of_gpt_2_give_its_numbers(tmp_path):
    theirs = library(files().test[:30], 700)
    theirs.model.save(str(tmp_path))
    text = (tmp_path / "merges.txt").read_text(encoding="utf-8")
    ours = BytePairTokenizer(read_merges(text.splitlines()), [MARK])
    assert ours.special == {MARK: 700}
    numbers = json.loads((tmp_path / "vocab.json").read_text(encoding="utf-8"))
    name = dict(zip(ALPHABET, BYTES, strict=True))
    for word, number in numbers.items():
        assert ours.tokens[number] == bytes(name[character] for character in word)


@given(st.text(max_size=30))
def test_any_text_comes_back(text):
    for ours in (
        BytePairTokenizer(),
        BytePairTokenizer(train(["é é na na"], 260)),
    ):
        assert ours.decode(ours.encode(text)) == text
    if text:
        characters = CharacterTokenizer(text)
        assert characters.decode(characters.encode(text)) == text


def test_bytes_are_tokens_without_merges():
    ours = BytePairTokenizer()
    assert len(ours) == 256 == len({*ours.tokens})
    found = [ours.tokens[n] for n in ours.encode("hé")]
    assert found == [b"h", b"\xc3", b"\xa9"]


def test_a_long_piece_takes_no_square_of_its_length():
    ours = BytePairTokenizer([(b"a", b"b"), (b"ab", b"ab"), (b"abab", b"abab")])
    calls = []

    class Counted(dict):
        def __contains__(self, pair):
            calls.append(pair)
            return super().__contains__(pair)

    ours.merges = Counted(ours.merges)
    ours.encode("ab" * 2000)
    assert 4000 < len(calls) < 4 * 4000


def test_a_text_cannot_hold_a_special_token():
    ours = BytePairTokenizer(train([MARK * 9], 300), [MARK, "<|pad|>"])
    assert {*ours.encode(MARK)}.isdisjoint(ours.special.values())
    assert ours.decode(ours.encode(MARK)) == MARK
    end = ours.special[MARK]
    assert ours.decode([*ours.encode("a"), end]) == f"a{MARK}"
    assert len(ours) == len(ours.tokens) + 2 == end + 2


def test_half_a_character_is_shown_as_such():
    ours = BytePairTokenizer()
    assert ours.decode(ours.encode("é")[:1]) == "\ufffd"


def test_a_stream_holds_a_piece_and_not_the_file():
    class Endless(io.TextIOBase):
        """A file that never ends; it counts what was taken."""

        taken = 0

        def read(self, size):
            self.taken += size
            return "abc de, " * (size // 8)

    file, ours = Endless(), BytePairTokenizer()
    stream = ours.encode_stream(file, 64)
    for n, _ in zip(range(10_000), stream, strict=False):
        assert file.taken < n + 3 * 64


def test_what_was_saved_comes_back(tmp_path):
    ours = BytePairTokenizer(train(["höher und höher"], 270), [MARK])
    ours.save(tmp_path / "tokens.json")
    again = BytePairTokenizer.load(tmp_path / "tokens.json")
    assert again.tokens == ours.tokens
    assert again.merges == ours.merges
    assert again.special == ours.special


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"format": "other", "merges": [], "special": []}', "\udcff"],
)
def test_a_foreign_file_is_refused(tmp_path, content):
    path = tmp_path / "tokens.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match="is no tokenizer, or it is damaged"):
        BytePairTokenizer.load(path)


def test_a_save_that_fails_leaves_the_file_before(tmp_path):
    path = tmp_path / "tokens.json"
    BytePairTokenizer([], ["<|a|>"]).save(path)
    broken = BytePairTokenizer([], ["<|b|>"])
    broken.special = {object(): 256}
    with pytest.raises(TypeError):
        broken.save(path)
    assert BytePairTokenizer.load(path).special == {"<|a|>": 256}
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CharacterTokenizer(""), "the text is empty"),
        (lambda: CharacterTokenizer("abc").encode("abx"), r"'x' \(at 2\) is none of"),
        (
            lambda: CharacterTokenizer("abc").decode([3]),
            "3 is no token; expected 0 to 2",
        ),
        (lambda: BytePairTokenizer().decode([-1]), "-1 is no token; expected 0 to 255"),
        (lambda: BytePairTokenizer().decode([1.5]), "1.5 is no token"),
        (lambda: BytePairTokenizer().encode("a\ud800"), "half of a character"),
        (lambda: [*BytePairTokenizer().encode_stream(io.StringIO("a"), 0)], "size=0"),
        (lambda: BytePairTokenizer([(b"ab", b"c")]), "merge 0 joins b'ab' and b'c'"),
        (lambda: BytePairTokenizer([], ["a", "a"]), "names a token twice"),
        (lambda: train(["abc"], 255), "vocabulary=255 must be a whole number, 256"),
        (lambda: train(["", ""], 300), "the texts are empty"),
        (lambda: train("abc", 300), "texts is one string; pass a list"),
        (lambda: read_merges(["a"]), "'a' is no merge"),
        (lambda: read_merges(["a b c"]), "'a b c' is no merge"),
        (lambda: read_merges(["a \n一"]), "is no merge"),
    ],
)
def test_what_cannot_be_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_vocabulary_ends_when_no_pair_comes_twice():
    assert train(["abc"], 300) == []


SOME = ["aaaaa aaaa don't a.b", "abc abc bc  abc  abc", "xy xy xy yz yz"]
NEW = ["'ll  aé", "abab", "xyz"]


def test_the_texts_for_broken_copies_pass_the_right_ones():
    check(SOME, NEW)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("(byte not in VISIBLE, byte)", "byte"),
        (r"|\s+(?!\S)|\s+", r"|\s+"),
        ("pieces[-2:]", "pieces[-1:]"),
        ("wait(before[place])", "pass"),
        ("self.merges[pair][0], place, pair", "-self.merges[pair][0], place, pair"),
        ("before[after[place]] = place", "pass"),
    ],
)
def test_a_broken_copy_is_caught(right, wrong):
    with pytest.raises((AssertionError, ValueError, IndexError, KeyError)):
        check(SOME, NEW, module=broken_copy(tokenizer, right, wrong))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("tally(piece, -1)", "pass"),
        ("count[best] < 2", "count[best] < 3"),
        ("place += 1 + here", "place += 1"),
        ("sign * pieces[piece]", "sign"),
        ("if -n == count[pair]:", "if True:"),
        ("if difference > 0:", "if difference < 0:"),
    ],
)
def test_a_broken_training_is_caught(right, wrong):
    with pytest.raises((AssertionError, ValueError, IndexError, KeyError)):
        check(SOME, NEW, training=broken_copy(tokenizer_training, right, wrong))


def test_pairs_of_the_trained_text_become_rarer():
    text = "the cat and the hat and the bat " * 3
    ours = BytePairTokenizer(train([text], 300))
    pairs = [*pairwise(ours.encode("the cat and the hat"))]
    assert len(pairs) < 10
