"""The exercises of chapter 3, autograd."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from transformer_path.networks.autograd import Variable

from ._compare import Different, same_tensor

Array = NDArray[np.float64]


def used_twice(answer: object) -> str:
    """3.1: the gradient of (x · sum of x), where every number acts in two ways."""
    x = Variable([1.0, 2.0, 3.0])
    (x * x.sum()).sum().backward()
    hint = (
        "Each number is used twice: as a factor of its own, and inside the sum that "
        "multiplies all three."
    )
    same_tensor(answer, torch.tensor(x.grad), hint=hint)
    return "The loss is the square of the sum, so every derivative is twice the sum."


def square_root(answer: object) -> str:
    """3.2: a square root whose rule uses the gradient that it is given."""
    if not callable(answer):
        raise Different("answer is no function; expected answer(x) of a Variable.")
    numbers = np.array([[0.25, 1.0, 2.0], [4.0, 9.0, 30.0]])
    weights = np.array([[1.0, -2.0, 3.0], [0.5, 0.0, 7.0]])
    _gradient(
        answer, numbers, np.ones((2, 3)), "Compute y = np.sqrt(x.data) once and use it."
    )
    _gradient(
        answer,
        numbers,
        weights,
        "It is right where nothing follows the root; here something does. A rule turns "
        "the gradient of the output into that of the input: what does yours do with g?",
    )
    return (
        "The derivative alone is not a rule; the gradient that arrives belongs in it."
    )


def _gradient(
    root: Callable[..., object], numbers: Array, weights: Array, hint: str
) -> None:
    """Compare value and gradient of a weighted sum of roots."""
    x = Variable(numbers)
    y = root(x)
    if not isinstance(y, Variable):
        raise Different(
            f"answer(x) is {type(y).__name__}; a Variable was expected: "
            "Variable(value, (x, rule))."
        )
    same_tensor(
        y.data.copy(), torch.tensor(numbers).sqrt(), name="answer(x).data", hint=hint
    )
    (y * weights).sum().backward()
    expected = torch.tensor(weights / (2 * np.sqrt(numbers)))
    name = f"the gradient of (answer(x) * {weights.tolist()}).sum()"
    same_tensor(x.grad, expected, name=name, hint=hint)


def finite_differences(answer: object) -> str:
    """3.3: the gradient of any function of an array, by central differences."""
    if not callable(answer):
        raise Different("answer is no function; expected answer(f, x).")
    for name, f, slope, x in CASES:
        before = x.copy()
        found = answer(f, x)
        if not np.array_equal(x, before):
            raise Different(
                f"answer(f, x) leaves x changed after f = {name}; step from a copy."
            )
        same_tensor(
            found,
            torch.tensor(slope(x)),
            tolerance=1e-7,
            name=f"answer(f, x) of f = {name}",
            hint="Step to both sides, (f(x + h) - f(x - h)) / 2h, number by number.",
        )
    return "You can now check any rule that you will ever write; try the wrong root."


CASES: list[tuple[str, Callable[[Array], float], Callable[[Array], Array], Array]] = [
    (
        "the sum of exp(3x)",
        lambda x: float(np.exp(3 * x).sum()),
        lambda x: 3 * np.exp(3 * x),
        np.array([[0.0, 1.0], [-1.0, 0.7], [0.3, 0.1]]),
    ),
    (
        "the sum of squares",
        lambda x: float((x**2).sum()),
        lambda x: 2 * x,
        np.array([1.0, -2.0, 0.5]),
    ),
    (
        "x[0, 0] · x[1, 1]",
        lambda x: float(x[0, 0] * x[1, 1]),
        lambda x: np.array([[x[1, 1], 0.0], [0.0, x[0, 0]]]),
        np.array([[3.0, 5.0], [7.0, 2.0]]),
    ),
]


def _one_sided(f: Callable[[Array], float], x: Array) -> Array:
    """Leave out the step to the other side."""
    steps = 1e-6 * np.eye(x.size).reshape(x.size, *x.shape)
    return np.reshape([(f(x + h) - f(x)) / 1e-6 for h in steps], x.shape)


def _all_at_once(f: Callable[[Array], float], x: Array) -> Array:
    """Move all numbers together."""
    return np.full(x.shape, (f(x + 1e-6) - f(x - 1e-6)) / 2e-6)


def _in_place(f: Callable[[Array], float], x: Array) -> Array:
    """Forget to take one step back."""
    found = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        x[place] += 1e-6
        up = f(x)
        x[place] -= 2e-6
        found[place] = (up - f(x)) / 2e-6
    return found


CHECKS = {"3.1": used_twice, "3.2": square_root, "3.3": finite_differences}
WRONG = {
    "3.1": [[6.0, 6.0, 6.0], [7.0, 8.0, 9.0], 12.0, None],
    "3.2": [
        lambda x: Variable(np.sqrt(x.data), (x, lambda _: 0.5 / np.sqrt(x.data))),
        lambda x: Variable(np.sqrt(x.data), (x, lambda g: g * 0.5 * np.sqrt(x.data))),
        lambda x: Variable(np.sqrt(x.data)),
        lambda x: np.sqrt(x.data),
        3,
    ],
    "3.3": [_one_sided, _all_at_once, _in_place, 3],
}
