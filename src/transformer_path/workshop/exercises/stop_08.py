"""The exercises of chapter 8, attention."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from transformer_path.workshop.vocabulary import BEGIN, END, PADDING

from . import _decoding
from ._compare import same_number
from ._functions import same_function, same_words


def thirty_words(answer: object) -> str:
    """8.1: the share of sentences of 30 words without an error."""
    hint = "All 30 have to be right, and each is right in 99 cases of 100."
    same_number(answer, 0.99**30, tolerance=0.001, hint=hint)
    return "One error in a hundred words is one in four sentences."


def words_and_sentences(answer: object) -> str:
    """8.2: a function answer(written, target), the share of exact sentences."""

    def reference(written: Tensor, target: Tensor) -> Tensor:
        return (written == target).all(1).double().mean()

    target = torch.tensor([[5, 4, END, PADDING], [4, END, 0, 0], [7, 7, 7, END]])
    written = target.clone()
    written[2, 1] = 4
    longer = written.clone()
    longer[1, 1], longer[1, 2] = 8, END  # one word too many
    cases = [(written, target), (longer, target), (target, target)]
    hint = "A sentence counts as 1 if all its words are right, and otherwise as 0."
    same_function(answer, reference, cases, hint=hint)
    return "The stricter of the two, and the one that a reader feels."


def writes_by_itself(answer: object) -> str:
    """8.3: a function answer(step, state, limit) that writes a list of words."""
    hint = "The word that was chosen goes into the next step, with the new state."

    def step(word: int, state: Tensor) -> tuple[Tensor, Tensor]:
        """Say a word that depends on the word before and on the state."""
        passed = int(state[0])
        chosen = END if passed >= 4 else 3 + (2 * word + passed) % 5
        return torch.nn.functional.one_hot(torch.tensor(chosen), 9).double(), state + 1

    for first, limit in ((0, 20), (3, 20), (4, 20), (0, 3)):
        state = torch.tensor([first])
        wanted, word = list[int](), BEGIN
        while len(wanted) < limit and word != END:
            logits, state = step(word, state)
            word = int(logits.argmax())
            wanted.append(word)
        case = (step, torch.tensor([first]), limit)
        when = f"From state {first}, with limit={limit}"
        same_words(
            answer, case, ["step", "state", "limit"], wanted, when=when, hint=hint
        )
    return "A decoder needs no more than a step, a state and its own last word."


def points_at_one(answer: object) -> str:
    """8.4: the score that gets weight 0.9 among ten, where the others have 0."""
    hint = "Solve exp(x) / (exp(x) + 9) = 0.9 for x."
    same_number(answer, math.log(81), tolerance=0.01, hint=hint)
    return "A softmax points, if the scores are far enough apart."


def share_aligned(answer: object) -> str:
    """8.5: a function answer(weights, come), the share of words that look right."""

    def reference(weights: Tensor, come: Tensor) -> Tensor:
        return (weights.argmax(-1) == come)[come >= 0].double().mean()

    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(2, 5, 4, generator=generator).double().softmax(-1)
    come = weights.argmax(-1)
    come[0, 1], come[1, 3], come[1, 4] = -1, -1, (come[1, 4] + 1) % 4
    off = (come + (torch.arange(5) % 2)).where(come >= 0, come) % 4
    off[0, 1] = off[1, 3] = -1
    hint = "Compare argmax with come, and average over the words with come >= 0."
    same_function(answer, reference, [(weights, come), (weights, off)], hint=hint)
    return "A number for what a map only shows."


def all_at_once(answer: object) -> str:
    """8.6: a function answer(s, h, W, alive), the contexts of all words."""

    def reference(s: Tensor, h: Tensor, W: Tensor, alive: Tensor) -> Tensor:
        scores = (s @ W @ h.mT).masked_fill(~alive[:, None], -torch.inf)
        return scores.softmax(-1) @ h

    generator = torch.Generator().manual_seed(0)
    shapes = ((2, 3, 4), (2, 6, 5), (4, 5))
    s, h, matrix = (torch.randn(*n, generator=generator).double() for n in shapes)
    alive = torch.arange(6) < torch.tensor([[6], [4]])
    everywhere = torch.ones_like(alive)
    cases = [(s, h, matrix, everywhere), (s, h, matrix, alive)]
    hint = (
        "Scores s W h, the softmax over the positions that are alive, the average of h."
    )
    same_function(answer, reference, cases, hint=hint, gradient=True)
    return "No word has waited for another."


CHECKS: dict[str, Callable[[object], str]] = {
    "8.1": thirty_words,
    "8.2": words_and_sentences,
    "8.3": writes_by_itself,
    "8.4": points_at_one,
    "8.5": share_aligned,
    "8.6": all_at_once,
    **_decoding.CHECKS,
}


def _write(
    step: Callable[[int, Tensor], tuple[Tensor, Tensor]],
    state: Tensor,
    limit: int,
    *,
    begin: int = BEGIN,
    fed: bool = True,
    follows: bool = True,
) -> list[int]:
    """Write with one thing wrong."""
    words, word = list[int](), begin
    while len(words) < limit and (not words or words[-1] != END):
        logits, new = step(word, state)
        words.append(int(logits.argmax()))
        word = words[-1] if fed else begin
        state = new if follows else state
    return words


def _contexts(
    s: Tensor,
    h: Tensor,
    W: Tensor,
    alive: Tensor,
    *,
    axis: int = -1,
    masked: bool = True,
    softmax: bool = True,
) -> Tensor:
    """Attend with one thing wrong."""
    scores = s @ W @ h.mT
    if masked:
        scores = scores.masked_fill(~alive[:, None], -1e9 if softmax else 0.0)
    return (scores.softmax(axis) if softmax else scores) @ h


WRONG: dict[str, list[object]] = {
    "8.1": [0.99, 0.01**30, 1 - 0.99**30, 30 * 0.99, 0.7, None, "74%"],
    "8.2": [
        lambda written, target: (written == target).double().mean(),
        lambda written, target: (written == target).any(1).double().mean(),
        lambda written, target: (written == target).all().double(),
        lambda written, target: (written == target)[target != PADDING].double().mean(),
        lambda written, target: (written == target).all(1).sum(),
        lambda written: written,
        1,
    ],
    "8.3": [
        lambda step, state, limit: _write(step, state, limit, begin=PADDING),
        lambda step, state, limit: _write(step, state, limit, fed=False),
        lambda step, state, limit: _write(step, state, limit, follows=False),
        lambda step, state, limit: _write(step, state, limit)[:-1],  # without its end
        lambda step, state, limit: _write(step, state, limit + 1),
        lambda step, state, limit: torch.tensor(_write(step, state, limit)),
        lambda _step, _state: [END],
        [END],
    ],
    "8.4": [0.9, 9, 81, math.log(9), math.log(10), math.log10(81), None, "4.39"],
    "8.5": [
        lambda weights, come: (weights.argmax(-1) == come).double().mean(),
        lambda weights, come: (weights.argmax(-1) == come)[come >= 0].sum(),
        lambda weights, come: (weights.argmin(-1) == come)[come >= 0].double().mean(),
        lambda weights, come: (
            ((weights.argmax(-1) == come) | (come < 0)).double().mean()
        ),
        lambda weights: weights,
        0.9,
    ],
    "8.6": [
        lambda s, h, W, alive: _contexts(s, h, W, alive, masked=False),
        lambda s, h, W, alive: _contexts(s, h, W, alive, axis=1),
        lambda s, h, W, alive: _contexts(s, h, W, alive, softmax=False),
        lambda _s, h, _W, _alive: h,
        lambda s, h, W, alive: _contexts(s, h, W, alive)[:, 0],
        lambda s, _h: s,
        None,
    ],
    **_decoding.WRONG,
}
