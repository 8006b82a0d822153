"""In what do two functions differ: result, gradient, what they do to their arguments?

A function that a reader brings is called with copies, and told when it changes them.
Whatever it raises or returns, the answer to it is a :class:`Different`.
"""

import inspect
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import TypeGuard, TypeVar

import numpy as np
import torch
from torch import Tensor

from transformer_path.workshop.vocabulary import BEGIN, END

from ._compare import same_tensor
from ._words import different, kind, listed

T = TypeVar("T")


def same_function(
    answer: object,
    reference: Callable[..., Tensor],
    cases: Sequence[tuple[object, ...]],
    *,
    hint: str = "",
    tolerance: float = 1e-6,
    gradient: bool = False,
    wanted: str = "a tensor",
) -> None:
    """Raise :class:`Different` unless the answer computes what the reference does.

    Parameters
    ----------
    answer : object
        The reader's function.
    reference : callable
        Returns the expected tensor for the same arguments.
    cases : sequence of tuple
        The arguments of each call.
    hint : str
        The formula or the thought that leads there; ends the message.
    tolerance : float
        The largest difference that passes, absolute or relative.
    gradient : bool
        Compare the gradients of all floating-point arguments too.
    wanted : str
        What to call the kind of the result.
    """
    parameters = list(inspect.signature(reference).parameters)
    for case in cases:
        names = parameters[: len(case)]
        title = f"answer({', '.join(names)})"
        result = call(answer, case, names, hint)
        expected = reference(*deepcopy(case))
        same_tensor(
            result, expected, hint=hint, tolerance=tolerance, name=title, wanted=wanted
        )
        if gradient:
            _same_gradients(answer, reference, case, names, hint, tolerance)


def same_words(
    answer: object,
    case: Sequence[object],
    names: Sequence[str],
    expected: list[int],
    *,
    when: str,
    hint: str = "",
) -> None:
    """Raise :class:`Different` unless the answer gives the expected list of words."""
    given = call(answer, case, names, hint)
    if not isinstance(given, list) or not all(type(word) is int for word in given):
        raise different(
            f"answer({', '.join(names)}) is {kind(given)}; a list of int was "
            "expected, the numbers of the words.",
            hint,
        )
    if given != expected:
        raise different(
            f"{when}, answer wrote {given}; expected {expected}. "
            f"({BEGIN} begins a sentence, {END} ends it.)",
            hint,
        )


def call(
    answer: object, case: Sequence[object], names: Sequence[str], hint: str = ""
) -> object:
    """Call a reader's function with copies of the arguments.

    Parameters
    ----------
    answer : object
        The reader's function.
    case : sequence
        The arguments.
    names : sequence of str
        What the arguments are called.
    hint : str
        Ends the message.

    Raises
    ------
    Different
        If the answer is no function, takes other arguments, stops, or changes what it
        was given.
    """
    function = as_function(answer, names)
    title = f"answer({', '.join(names)})"
    copies = deepcopy(tuple(case))
    result = guarded(lambda: function(*copies), f"{title} stopped", case, hint)
    for name, before, after in zip(names, case, copies, strict=True):
        if not _equal(before, after):
            raise different(
                f"{title} changes its argument {name} in place; work on a copy.", hint
            )
    return result


def guarded(
    run: Callable[[], T], what: str, case: Sequence[object], hint: str = ""
) -> T:
    """Run the reader's code; what it raises becomes the answer."""
    try:
        return run()
    except (Exception, SystemExit) as error:
        raised = type(error).__name__
        text = f"{raised}: {error}" if str(error) else raised
        if text[-1] not in ".!?":
            text += "."
        raise different(
            f"{what} with {text} (Called with {listed(case)}.)", hint
        ) from (error)


def as_function(answer: object, names: Sequence[str]) -> Callable[..., object]:
    """Make sure that an answer is a function of so many arguments.

    Raises
    ------
    Different
        If it is none, or takes others, as far as Python knows.
    """
    title = f"answer({', '.join(names)})"
    if not callable(answer):
        raise different(f"answer is {kind(answer)}; the function {title} was expected.")
    try:
        signature = inspect.signature(answer)
    except (TypeError, ValueError):
        return answer  # of some built-in functions Python does not know
    try:
        signature.bind(*names)
    except TypeError:
        own = getattr(answer, "__name__", "answer")
        raise different(
            f"answer takes other arguments, {own}{signature}; it is called as {title}."
        ) from None
    return answer


def _equal(before: object, after: object) -> bool:
    """Whether an argument is as it was."""
    if isinstance(before, Tensor) and isinstance(after, Tensor):
        return before.shape == after.shape and torch.equal(before, after)
    if isinstance(before, np.ndarray) and isinstance(after, np.ndarray):
        return np.array_equal(before, after)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_equal, before, after))
    return callable(before) or before == after


def _same_gradients(
    answer: object,
    reference: Callable[..., Tensor],
    case: Sequence[object],
    names: Sequence[str],
    hint: str,
    tolerance: float,
) -> None:
    """Compare the gradients of a weighted sum, so that no two outputs count alike."""
    theirs, ours = _with_gradients(case), _with_gradients(case)
    title = f"answer({', '.join(names)})"
    function = as_function(answer, names)
    result = guarded(lambda: function(*theirs), f"{title} stopped", case, hint)
    if not isinstance(result, Tensor) or not result.requires_grad:
        raise different(
            "answer's result has lost its gradient: compute with tensors all the way, "
            "without .item(), .detach() or numpy.",
            hint,
        )
    inputs = [a for a in theirs if isinstance(a, Tensor) and a.requires_grad]
    found = guarded(
        lambda: _gradients(result, inputs),
        f"the gradient of {title} stopped",
        case,
        hint,
    )
    expected = reference(*ours)
    wanted = _gradients(
        expected, [a for a in ours if isinstance(a, Tensor) and a.requires_grad]
    )
    moving = [n for n, a in zip(names, ours, strict=True) if _is_float(a)]
    for name, mine, right in zip(moving, found, wanted, strict=True):
        same_tensor(
            mine,
            right,
            hint=hint,
            tolerance=tolerance,
            name=f"the gradient with respect to {name}",
        )


def _gradients(result: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    weights = torch.linspace(0.5, 1.5, result.numel(), dtype=torch.float64)
    total = (result.double() * weights.reshape(result.shape)).sum()
    found = torch.autograd.grad(total, inputs, allow_unused=True)
    return [
        torch.zeros_like(a) if g is None else g
        for a, g in zip(inputs, found, strict=True)
    ]


def _is_float(argument: object) -> TypeGuard[Tensor]:
    return isinstance(argument, Tensor) and argument.is_floating_point()


def _with_gradients(case: Sequence[object]) -> list[object]:
    return [
        a.detach().clone().requires_grad_() if _is_float(a) else deepcopy(a)
        for a in case
    ]
