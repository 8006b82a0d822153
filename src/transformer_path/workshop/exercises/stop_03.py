"""The exercises of chapter 3, autograd."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from transformer_path.networks.autograd import Variable

from ._compare import same_tensor
from ._functions import as_function, call, guarded
from ._words import different, kind

Array = NDArray[np.float64]


def used_twice(answer: object) -> str:
    """3.1: the gradient of (x · sum of x), where every number acts in two ways."""
    x = Variable([1.0, 2.0, 3.0])
    (x * x.sum()).sum().backward()
    hint = (
        "Each number is used twice: as a factor of its own, and inside the sum that "
        "multiplies all three."
    )
    same_tensor(
        answer, torch.tensor(x.grad), hint=hint, wanted="a list of three numbers"
    )
    return "The loss is the square of the sum, so every derivative is twice the sum."


def square_root(answer: object) -> str:
    """3.2: a square root whose rule uses the gradient that it is given."""
    numbers = np.array([[0.25, 1.0, 2.0], [4.0, 9.0, 30.0]])
    value = torch.tensor(numbers).sqrt()
    plain = "Compute y = np.sqrt(x.data) once and use it."
    weighted = (
        "It is right where nothing follows the root; here something does. A rule turns "
        "the gradient of the output into that of the input: what does yours do with g?"
    )
    for weights, hint in [
        (np.ones((2, 3)), plain),
        (np.array([[1.0, -2.0, 3.0], [0.5, 0.0, 7.0]]), weighted),
    ]:
        same_operation(
            answer,
            numbers,
            value,
            torch.tensor(weights) / (2 * value),
            weights=weights,
            name="x",
            hint=hint,
        )
    return (
        "The derivative alone is not a rule; the gradient that arrives belongs in it."
    )


def same_operation(
    answer: object,
    numbers: Array,
    value: Tensor,
    gradient: Tensor,
    *,
    weights: Array,
    name: str,
    hint: str = "",
) -> None:
    """Raise :class:`Different` unless an operation on a Variable is right.

    Parameters
    ----------
    answer : object
        The reader's operation, a function of one Variable.
    numbers : array
        What the Variable holds.
    value, gradient : Tensor
        What the operation should give, and the gradient that should arrive at the
        Variable from the weighted sum.
    weights : array
        The weights of that sum; all one for the plain sum.
    name : str
        What to call the argument.
    hint : str
        Ends the message.
    """
    function, x = as_function(answer, [name]), Variable(numbers)
    y = guarded(lambda: function(x), f"answer({name}) stopped", [x.data], hint)
    if not np.array_equal(x.data, numbers):
        raise different(f"answer({name}) changes its argument {name}.", hint)
    if not isinstance(y, Variable):
        raise different(
            f"answer({name}) is {kind(y)}; a Variable was expected, made by operations "
            "on Variables, or by hand: Variable(value, (x, rule)).",
            hint,
        )
    same_tensor(y.data, value, name=f"answer({name}).data", hint=hint)
    said = "" if (weights == 1).all() else f" * {weights.tolist()}"
    walk = f"(answer({name}){said}).sum()"
    guarded((y * weights).sum().backward, f"{walk}.backward() stopped", [x.data], hint)
    if not _leads_to(y, x):
        raise different(
            f"No gradient reaches {name}: the result does not know that it was "
            f"computed from {name}.",
            hint,
        )
    same_tensor(x.grad, gradient, name=f"the gradient of {walk}", hint=hint)


def _leads_to(y: Variable, x: Variable) -> bool:
    """Whether the result was computed from x."""
    waiting, seen = [y], {y}
    while waiting:
        for source, _ in waiting.pop().inputs:
            if source not in seen:
                seen.add(source)
                waiting.append(source)
    return x in seen


def finite_differences(answer: object) -> str:
    """3.3: the gradient of any function of an array, by central differences."""
    for name, f, slope, x in CASES:
        same_tensor(
            call(answer, (f, x), ("f", "x"), f"This is f = {name}."),
            torch.tensor(slope(x)),
            tolerance=1e-7,
            name=f"answer(f, x) of f = {name}",
            hint="Step to both sides, (f(x + h) - f(x - h)) / 2h, number by number, "
            "with h about 1e-5.",
            wanted="an array",
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
    "3.1": [
        [6.0, 6.0, 6.0],
        [7.0, 8.0, 9.0],
        12.0,
        None,
        ["12", "12", "12"],
        [12, 12, 12j],
        [[12.0, 12.0, 12.0]],
        Variable([12.0, 12.0, 12.0]),
    ],
    "3.2": [
        lambda x: Variable(np.sqrt(x.data), (x, lambda _: 0.5 / np.sqrt(x.data))),
        lambda x: Variable(np.sqrt(x.data), (x, lambda g: g * 0.5 * np.sqrt(x.data))),
        lambda x: Variable(np.sqrt(x.data)),
        lambda x: np.sqrt(x.data),
        np.sqrt,
        lambda x: Variable(np.sqrt(x.data), (x, lambda g: g @ g)),
        lambda x: Variable(np.sqrt(x.data), (x, lambda g: g.sum(0) / 2)),
        lambda x: Variable(np.sqrt(x.data), (Variable(x.data), lambda g: g)),
        3,
    ],
    "3.3": [_one_sided, _all_at_once, _in_place, 3],
}
