"""Pairs of number words: what is learned from, and what each step gets."""

import pytest
import torch
from broken import broken_copy

from transformer_path.workshop import translation
from transformer_path.workshop.number_words import english, german, numbers

DIGITS = range(3, 6)


def check(module):
    task = module.NumberPairs(digits=DIGITS)
    assert [len(pairs.x) for pairs in task.train.values()] == [600, 1500, 1500]
    sentences = {}
    for d, (x, y) in task.train.items():
        some = numbers(len(x), d)
        # one at a time: of two long lists, pytest shows a difference, in minutes
        for read, written, n in zip(x, y, some, strict=True):
            assert task.source.decode(read) == english(n)
            assert task.target.decode(written) == german(n)
        words = zip(map(english, some), map(german, some), strict=True)
        sentences[d] = [(" ".join(here), " ".join(there)) for here, there in words]

    def length(batch):
        """Tell the digits of a minibatch whose pairs belong together."""
        read = [" ".join(task.source.decode(row)) for row in batch.x]
        written = [" ".join(task.target.decode(row)) for row in batch.y]
        pairs = {*zip(read, written, strict=True)}
        assert len(pairs) == 64
        (found,) = [d for d, all_pairs in sentences.items() if pairs <= {*all_pairs}]
        return found

    first, second = task.batches(64, seed=0), task.batches(64, seed=1)
    lengths = [length(first(step)) for step in range(20)]
    assert {*lengths} == {*DIGITS}
    assert lengths == [length(second(step)) for step in range(20)]
    assert not torch.equal(first(0).x, second(0).x)
    only = task.batches(64, seed=0, lengths=[4])
    assert [length(only(step)) for step in range(10)] == [4] * 10


def test_pairs_belong_together_and_a_step_has_one_length():
    check(translation)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (
            "d: Examples(self.source.batch(x), self.target.batch(y))",
            "d: Examples(self.source.batch(x), self.source.batch(x))",
        ),
        ("[german(number) for number in some]", "[english(number) for number in some]"),
        ("600 if d == 3 else 1500", "600"),
        ("seed=seed)", "seed=0)"),
        ("default_rng(0)", "default_rng(seed)"),
        ("lengths or list(by_length)", "list(by_length)"),
    ],
)
def test_a_wrong_copy_is_noticed(right, wrong):
    with pytest.raises((AssertionError, ValueError)):
        check(broken_copy(translation, right, wrong))
