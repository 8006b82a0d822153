"""The exercises of chapter 0, tensors and shapes."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ._functions import same_function
from ._words import Different, shown

SHAPES = {
    "x[0]": (40,),
    "x.mean(0)": (40,),
    "x @ w.T + b": (32, 10),
    "(x @ w.T).argmax(1)": (32,),
    "x[:, None] - w": (32, 10, 40),
}


def shapes(answer: object) -> str:
    """0.1: the shapes of five expressions."""
    if not isinstance(answer, list | tuple) or len(answer) != len(SHAPES):
        raise Different(f"answer should be a list of {len(SHAPES)} tuples.")
    for given, (expression, shape) in zip(answer, SHAPES.items(), strict=True):
        given = given.to_dense() if isinstance(given, Tensor) else given
        sizes = given.tolist() if isinstance(given, Tensor | np.ndarray) else given
        if not isinstance(sizes, list | tuple) or tuple(sizes) != shape:
            raise Different(
                f"{expression} has not the shape {shown(given)}. Which axes are picked "
                "or added up, and so gone? Which are put in, and which are repeated?"
            )
    return "Every one of them. Write them beside your lines from now on."


def standardise(answer: object) -> str:
    """0.2: every column with mean 0 and standard deviation 1."""

    def reference(x: Tensor) -> Tensor:
        return (x - x.mean(0)) / x.std(0)

    hint = "Wanted: (x - mean) / standard deviation, both of them of each column."
    same_function(answer, reference, [(_points(17, 5),), (_points(5, 5),)], hint=hint)
    return "Two reductions, two broadcasts: most of data preparation is this line."


def distances(answer: object) -> str:
    """0.3: the squared distance of each point of one set from each of another."""

    def reference(a: Tensor, b: Tensor) -> Tensor:
        return torch.cdist(a, b) ** 2

    cases = [(_points(7, 3), _points(5, 3)), (_points(4, 4), _points(4, 4))]
    hint = "Wanted: the sum of squared differences along the features, (N, K)."
    same_function(answer, reference, cases, hint=hint)
    return "An axis put in, one repeated, one added up."


def _points(n: int, c: int) -> Tensor:
    generator = torch.Generator().manual_seed(n + 10 * c)
    return 3 + 2 * torch.randn(n, c, generator=generator, dtype=torch.float64)


CHECKS: dict[str, Callable[[object], str]] = {
    "0.1": shapes,
    "0.2": standardise,
    "0.3": distances,
}
WRONG: dict[str, list[object]] = {
    "0.1": [
        None,
        list(SHAPES.values())[:4],
        [(32,), *list(SHAPES.values())[1:]],
        [*list(SHAPES.values())[:2], (10, 32), (32,), (32, 10, 40)],
        [40, 40, 3, 4, 5],
    ],
    "0.2": [
        lambda x: x - x.mean(0),
        lambda x: (x - x.mean()) / x.std(),
        lambda x: (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True),
        lambda x: (x - x.mean(0)) / x.var(0),
        lambda x: (x - x.mean(0)) / x.std(0, correction=0),
        1.0,
    ],
    "0.3": [
        lambda a, b: torch.cdist(a, b),
        lambda a, b: ((a[:, None] - b) ** 2).sum(1),
        lambda a, b: ((b[:, None] - a) ** 2).sum(2),
        lambda a, b: (a[:, None] - b).sum(2) ** 2,
        lambda a, b: ((a - b) ** 2).sum(1),
    ],
}
