"""The exercises of the race, in chapter 10."""

from collections.abc import Callable

import torch
from torch import Tensor

from ._compare import same_number
from ._functions import same_function


def steps(answer: object) -> str:
    """10.7: how many steps of 11 ms fit into the time of 240 of 44 ms."""
    hint = "The time is 240 times 44 ms; how often do 11 ms go into it?"
    same_number(answer, 240 * 44 / 11, tolerance=0.6, hint=hint)
    return "Four times the steps, but how many sentences in each?"


def first_errors(answer: object) -> str:
    """10.8: a function answer(written, target), where each sentence first errs."""

    def reference(written: Tensor, target: Tensor) -> Tensor:
        wrong = written != target
        return wrong.int().argmax(1).masked_fill(~wrong.any(1), -1)

    generator = torch.Generator().manual_seed(0)
    target = torch.randint(3, 9, (6, 7), generator=generator)
    written = target.clone()
    for row, place in enumerate([0, 3, 6]):
        written[row, place:] = 1
    written[3, 2] = 1  # right again behind it
    hint = "The first position that differs, and -1 where none does."
    same_function(
        answer, reference, [(written, target), (target[:2], target[:2])], hint=hint
    )
    return "Where the first error stands says more than how many there are."


def moved_positions(answer: object) -> str:
    """10.9: a function answer(x, table, start), positions from any place on."""

    def reference(x: Tensor, table: Tensor, start: Tensor) -> Tensor:
        return x + table[start[:, None] + torch.arange(x.shape[1])]

    generator = torch.Generator().manual_seed(0)
    cases = []
    for b, t, n in [(3, 5, 13), (2, 7, 11), (1, 1, 4)]:
        x = torch.randn(b, t, 6, generator=generator, dtype=torch.float64)
        table = torch.randn(n, 6, generator=generator, dtype=torch.float64)
        start = torch.randint(n - t + 1, (b,), generator=generator)
        cases.append((x, table, start))
    hint = "Word t of sentence b gets row start[b] + t of the table."
    same_function(answer, reference, cases, hint=hint)
    return "Drawn anew for each step, such places train all the rows of the table."


CHECKS: dict[str, Callable[[object], str]] = {
    "10.7": steps,
    "10.8": first_errors,
    "10.9": moved_positions,
}

WRONG: dict[str, list[object]] = {
    "10.7": [240, 240 * 11 / 44, 240 * 44, 240 * 44 / 11 * 4, None],
    "10.8": [
        lambda written, target: (written != target).int().argmax(1),  # 0 where none
        lambda written, target: (written != target).sum(1),
        lambda written, target: (written == target).int().argmax(1),
        lambda written, target: (written == target).sum(1),  # as if none came right
        lambda written, _: written,
        None,
    ],
    "10.9": [
        lambda x, table, _: x + table[: x.shape[1]],
        lambda x, table, start: x + table[start][:, None],
        lambda x, table, start: x + table[start[0] : start[0] + x.shape[1]],
        lambda x, table, start: table[start[:, None] + torch.arange(x.shape[1])],
        lambda x, table, start: x + table[start[:, None] - torch.arange(x.shape[1])],
        None,
    ],
}
