"""The exercises of decoding, in chapter 8."""

from collections.abc import Callable

import torch
from torch import Tensor

from transformer_path.workshop.vocabulary import BEGIN, END, PADDING

from ._compare import same_number
from ._functions import same_function, same_words

Step = Callable[[list[int]], Tensor]


def width_that_is_enough(answer: object) -> str:
    """8.7: the narrowest beam that is sure to find the best, if greedy has 0.3."""
    hint = "How many beginnings can have a probability of 0.3 or more?"
    same_number(answer, 3, tolerance=0, hint=hint)
    return "Four of them would add up to 1.2, and that is more than there is."


def log_probabilities(answer: object) -> str:
    """8.8: a function answer(logits, target), the log-probability of each sentence."""

    def reference(logits: Tensor, target: Tensor) -> Tensor:
        chosen = logits.log_softmax(-1).gather(-1, target[..., None])[..., 0]
        return (chosen * (target != PADDING)).sum(1)

    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(3, 4, 7, generator=generator).double()
    target = torch.tensor([[5, 4, 3, END], [6, END, PADDING, PADDING], [3, 3, END, 0]])
    hint = "Add up log_softmax at the words of the target, and nothing for padding."
    same_function(answer, reference, [(logits, target)], hint=hint, gradient=True)
    return "The loss of training is this number with a minus, per word."


def several_beginnings(answer: object) -> str:
    """8.9: a function answer(step, begin, width) that searches with a beam."""
    hint = (
        "Continue each beginning that has not ended by every word, put the ended ones "
        "beside them, sort by log-probability and keep `width`."
    )
    for seed in range(12):
        step = _table(seed)
        for width in (1, 2, 3):
            begin = [BEGIN, 3][: 1 + seed % 2]
            wanted = _search(step, begin, width)
            case = (step, begin, width)
            when = f"From {begin} with width={width}"
            same_words(
                answer, case, ["step", "begin", "width"], wanted, when=when, hint=hint
            )
    return "With width 1 it is greedy decoding, and it costs no more."


CHECKS: dict[str, Callable[[object], str]] = {
    "8.7": width_that_is_enough,
    "8.8": log_probabilities,
    "8.9": several_beginnings,
}


def _table(seed: int) -> Step:
    """Log-probabilities of the next word that depend on all the words before it."""

    def step(words: list[int]) -> Tensor:
        generator = torch.Generator().manual_seed(
            1000 * seed + sum(w * 7**i for i, w in enumerate(words, 1))
        )
        logits = 2 * torch.randn(6, generator=generator).double()
        logits[:END] = -torch.inf  # neither padding nor another beginning
        logits[END] += len(words) - 2.0
        return logits.log_softmax(-1)

    return step


def _search(
    step: Step,
    begin: list[int],
    width: int,
    *,
    summed: bool = True,
    first: bool = False,
    by_row: bool = False,
) -> list[int]:
    """Search with a beam; or with one thing wrong."""
    beginnings = [(0.0, begin)]
    for _ in range(30):
        going = [one for one in beginnings if one[1][-1:] != [END]]
        ended = [one for one in beginnings if one[1][-1:] == [END]]
        if not going or (first and ended):
            break
        longer = [
            ((score if summed else 0.0) + new, [*words, word])
            for score, words in going
            for word, new in list(enumerate(step(words).tolist()))[END:]
        ]
        if by_row:  # the best continuation of each, and no other
            longer = [max(longer[i : i + 4]) for i in range(0, len(longer), 4)]
        beginnings = sorted([*ended, *longer], reverse=True)[:width]
    return beginnings[0][1]


def _log_probability(logits: Tensor, target: Tensor, *, masked: bool = True) -> Tensor:
    chosen = logits.log_softmax(-1).gather(-1, target[..., None])[..., 0]
    return (chosen * (target != PADDING) if masked else chosen).sum(1)


WRONG: dict[str, list[object]] = {
    "8.7": [1, 2, 4, 0.3, 1 / 0.3, None, "3"],
    "8.8": [
        lambda logits, target: _log_probability(logits, target).exp(),
        lambda logits, target: -_log_probability(logits, target),
        lambda logits, target: _log_probability(logits, target, masked=False),
        lambda logits, target: _log_probability(logits.exp().log1p(), target),
        lambda logits, target: _log_probability(logits, target).sum(),
        lambda logits, target: (
            _log_probability(logits, target) / (target != PADDING).sum(1)
        ),
        lambda logits, target: logits.gather(-1, target[..., None]).sum((1, 2)),
        lambda logits: logits,
        0.5,
    ],
    "8.9": [
        lambda step, begin, _width: _search(step, begin, 1),
        lambda step, begin, width: _search(step, begin, width + 1),
        lambda step, begin, width: _search(step, begin, width, summed=False),
        lambda step, begin, width: _search(step, begin, width, first=True),
        lambda step, begin, width: _search(step, begin, width, by_row=True),
        lambda step, begin, width: _search(step, begin, width)[:-1],
        lambda step, begin, width: _search(step, begin, width)[1:],
        lambda step, begin, width: torch.tensor(_search(step, begin, width)),
        lambda _step: [END],
        [END],
    ],
}
