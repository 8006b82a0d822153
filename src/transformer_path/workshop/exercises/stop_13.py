"""The exercises of chapter 13, since 2017."""

from collections.abc import Callable

import torch
from torch import Tensor

from ._attention import draw
from ._compare import same_number
from ._functions import same_function

# 13.10 to 13.12, three minutes to a language model


def lifted(answer: object) -> str:
    """13.10: one number, where five rounds take a singular value of 0.001."""
    hint = "s to 3.4445 s - 4.7750 s³ + 2.0315 s⁵, five times, from 0.001."
    same_number(answer, _lift(0.001), hint=hint, tolerance=1e-3)
    return "From a thousandth to nearly a half: small directions catch up."


def _lift(s: float, steps: int = 5) -> float:
    for _ in range(steps):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return s


def _guesses_together(logits: Tensor) -> Tensor:
    return logits.softmax(-1).mean(0).log()


def guesses_together(answer: object) -> str:
    """13.11: a function answer(logits), (M, T, V) to (T, V)."""
    cases = [draw((3, 5, 7)), draw((1, 2, 4)), draw((2, 1, 3))]
    hint = "The mean is of probabilities; a mean of logits is another model."
    same_function(answer, _guesses_together, cases, hint=hint, gradient=True)
    return "Three opinions, one distribution."


def _exact_step(g: Tensor) -> Tensor:
    u, _, vt = torch.linalg.svd(g, full_matrices=False)
    step: Tensor = max(1, g.shape[0] / g.shape[1]) ** 0.5 * (u @ vt)
    return step


def exact_step(answer: object) -> str:
    """13.12: a function answer(g), (R, C) to (R, C)."""
    cases = [draw((5, 3)), draw((3, 5)), draw((4, 4)), draw((6, 1))]
    hint = "torch.linalg.svd(g, full_matrices=False); leave S out; mind tall matrices."
    same_function(answer, _exact_step, cases, hint=hint)
    return "All singular values are exactly equal, and the decomposition is slow."


CHECKS: dict[str, Callable[[object], str]] = {
    "13.10": lifted,
    "13.11": guesses_together,
    "13.12": exact_step,
}


WRONG: dict[str, list[object]] = {
    "13.10": [0.001, 0.0034445, 3.4445**5 * 0.001, 1.0, _lift(0.001, 4), None],
    "13.11": [
        lambda logits: logits.mean(0).log_softmax(-1),
        lambda logits: logits.log_softmax(-1).mean(0),
        lambda logits: logits.softmax(-1).mean(0),
        lambda logits: logits.softmax(-1).sum(0).log(),
        3,
    ],
    "13.12": [
        lambda g: g / g.norm(),
        lambda g: torch.sign(g),
        lambda g: _exact_step(g) / max(1, g.shape[0] / g.shape[1]) ** 0.5,
        lambda g: _exact_step(g.T).T,
        lambda _: None,
    ],
}
