import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transformer_path.workshop.vocabulary import END, PADDING, Vocabulary

WORDS = st.lists(st.sampled_from(["one", "two", "three"]), max_size=5)


@given(st.lists(WORDS, min_size=1, max_size=5))
def test_what_was_encoded_is_decoded(sentences):
    vocabulary = Vocabulary([["one", "two", "three"]])
    batch = vocabulary.batch(sentences)
    assert batch.shape == (len(sentences), max(map(len, sentences)) + 1)
    assert [vocabulary.decode(row) for row in batch] == sentences
    for row, sentence in zip(batch.tolist(), sentences, strict=True):
        assert row[len(sentence)] == END
        assert set(row[len(sentence) + 1 :]) <= {PADDING}


def test_numbers_are_those_of_the_alphabet():
    assert Vocabulary([["b"], ["c", "a"]]).words[3:] == ["a", "b", "c"]
    assert len(Vocabulary([["b"], ["c", "a"]])) == 6


def test_an_unknown_word_is_named_with_those_that_look_like_it():
    vocabulary = Vocabulary([["seven", "seventy", "one"]])
    message = (
        "'sevnty' is none of the 3 words of this vocabulary; it knows seventy, seven."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        vocabulary.encode(["one", "sevnty"])
    with pytest.raises(ValueError, match=r"words of this vocabulary\.$"):
        vocabulary.encode(["xyz"])


def test_a_string_is_no_sentence():
    with pytest.raises(ValueError, match=r"pass a list: words\.split\(\)"):
        Vocabulary([["one"]]).encode("one")


def test_without_a_word_there_is_no_vocabulary():
    with pytest.raises(ValueError, match="no word in the sentences"):
        Vocabulary([[], []])
