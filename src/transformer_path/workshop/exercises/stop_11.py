"""The exercises of chapter 11, language models."""

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

from . import _sampling
from ._compare import same_number
from ._functions import call, same_function
from ._words import different, kind

Pair = tuple[str, str]


def price_of_a_vocabulary(answer: object) -> str:
    """11.1: how many layers have as many weights as the embedding."""
    hint = "V C weights in the embedding, 12 C² in a layer; divide."
    same_number(answer, 16_384 * 128 / (12 * 128**2), tolerance=0.05, hint=hint)
    return "Small models have small vocabularies for a reason."


def in_which_order(answer: object) -> str:
    """11.2: a list of texts, the tokens of one word."""
    expected = ["s", "lo", "we", "r"]
    hint = "Go through the merges in their order, each over the whole word."
    if not isinstance(answer, list | tuple):
        raise different(f"answer is {kind(answer)}; expected a list of texts.", hint)
    if [*answer] != expected:
        joined = "".join(map(str, answer))
        lost = "" if joined == "slower" else " Joined, they are not the word."
        raise different(f"{[*answer]} is not what the merges give.{lost}", hint)
    return "The order decides, not the length of a token."


def learns_merges(answer: object) -> str:
    """11.3: a function answer(words, n) that returns a list of pairs of texts."""
    cases: list[tuple[dict[str, int], int, str]] = [
        ({"low": 3, "lower": 1, "new": 2}, 3, ""),
        ({"ab": 1, "bc": 5}, 1, " A word counts as often as it occurs."),
        ({"ba": 2, "ab": 2, "ca": 2}, 2, " Of equals, the first in the alphabet."),
        ({"aaaa": 1, "aaab": 1}, 3, " Join from the left."),
        ({"abab": 2, "ab": 1}, 2, ""),
        ({"ab": 1}, 5, " There are fewer pairs than n."),
    ]
    for words, n, why in cases:
        wanted = _merges(words, n)
        given = call(answer, (words, n), ["words", "n"])
        title = f"answer({words}, {n})"
        if not isinstance(given, list):
            raise different(f"{title} is {kind(given)}; expected a list of pairs.")
        if [tuple(p) if isinstance(p, list) else p for p in given] != wanted:
            raise different(f"{title} is {given}, not {wanted}.{why}")
    return "Count, join, count again: that is all of it."


def parameters_of_gpt2(answer: object) -> str:
    """11.4: how many numbers the smallest GPT-2 learns."""
    hint = "Count the tied readout once: 50,257 C + 1,024 C + 12 layers + a norm."
    same_number(answer, 124_439_808, tolerance=1e-6, hint=hint)
    return "About 124 million; a third of them are the tokens' vectors."


def guesses_that_are_left(answer: object) -> str:
    """11.5: among how many equal guesses one chooses at 2.2 bits a byte."""
    hint = "Bits per token first; n equal choices cost log2(n) bits."
    same_number(answer, 2 ** (2.2 * 2.15), tolerance=0.02, hint=hint)
    return "This number is called perplexity; it depends on how text is cut."


def moves_the_text_by_one(answer: object) -> str:
    """11.6: a function answer(logits, tokens) that returns the loss of a window."""
    generator = torch.Generator().manual_seed(0)
    cases = []
    for rows, length, size in [(1, 2, 3), (2, 5, 4), (3, 4, 7)]:
        logits = torch.randn(rows, length, size, generator=generator)
        tokens = torch.randint(size, (rows, length), generator=generator)
        cases.append((2 * logits, tokens))
    hint = "The logits at t are a guess at token t + 1; the last ones guess nothing."
    same_function(answer, _next, cases, hint=hint, tolerance=1e-5)
    return "Moved by one: that is all the labels a language model needs."


def _next(logits: Tensor, tokens: Tensor) -> Tensor:
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())


def _merges(
    words: Mapping[str, int],
    n: int,
    *,
    weighted: bool = True,
    again: bool = True,
    sign: int = 1,
    last: bool = False,
) -> list[Pair]:
    """Learn merges, or learn them with one thing wrong."""
    parts = {word: list(word) for word in words}
    merges = list[Pair]()
    for _ in range(n):
        count = Counter[Pair]()
        for word, tokens in parts.items():
            for pair in pairwise(tokens):
                count[pair] += words[word] if weighted else 1
        if not count:
            break
        ordered = sorted(count, key=lambda pair: (-sign * count[pair], pair))
        best = (
            max(ordered, key=lambda pair: (count[pair], pair)) if last else ordered[0]
        )
        merges.append(best)
        for tokens in parts.values() if again else ():
            for place in range(len(tokens) - 1):
                if tuple(tokens[place : place + 2]) == best:
                    tokens[place : place + 2] = ["".join(best)]
    return merges


CHECKS: dict[str, Callable[[object], str]] = {
    "11.1": price_of_a_vocabulary,
    "11.2": in_which_order,
    "11.3": learns_merges,
    "11.4": parameters_of_gpt2,
    "11.5": guesses_that_are_left,
    "11.6": moves_the_text_by_one,
    **_sampling.CHECKS,
}

WRONG: dict[str, list[object]] = {
    "11.1": [16_384, 12, 16_384 * 128, 12 * 128**2 / (16_384 * 128), None, "10.7"],
    "11.2": [
        ["s", "low", "er"],
        ["slower"],
        ["s", "l", "o", "w", "e", "r"],
        ["s", "lo", "we"],
        ["s", "lo", "w", "er"],
        "s lo we r",
        [1, 2],
        None,
    ],
    "11.3": [
        lambda words, n: _merges(words, n, weighted=False),
        lambda words, n: _merges(words, n, again=False),
        lambda words, n: _merges(words, n, sign=-1),
        lambda words, n: _merges(words, n, last=True),
        lambda words, n: _merges(words, n)[:-1],
        lambda words, n: ["".join(pair) for pair in _merges(words, n)],
        lambda words: words,
        lambda _words, _n: None,
        3,
    ],
    "11.4": [
        124_439_808 + 50_257 * 768,
        124_439_808 - 1024 * 768,
        12 * 12 * 768**2,
        "124M",
        None,
    ],
    "11.5": [2**2.2, 2.2 * 2.15, 2 ** (2.2 / 2.15), None, "26"],
    "11.6": [
        lambda logits, tokens: F.cross_entropy(logits.flatten(0, 1), tokens.flatten()),
        lambda logits, tokens: _next(logits, tokens) * (tokens.shape[1] - 1),
        lambda logits, tokens: F.cross_entropy(
            logits[:, 1:].flatten(0, 1), tokens[:, :-1].flatten()
        ),
        lambda logits, tokens: _next(logits.softmax(-1), tokens),
        lambda logits, _tokens: logits,
        lambda _logits, _tokens: None,
        3,
    ],
    **_sampling.WRONG,
}
