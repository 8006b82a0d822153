"""In what do two answers differ: type, shape, dtype, value or gradient?

The checkers of the chapters (``stop_01`` and so on) are written with three of these:
:func:`same_number`, :func:`same_tensor` and :func:`same_function`.
"""

import inspect
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor


class Different(Exception):  # noqa: N818
    """An answer differs from the expected one; the message says in what."""


def same_number(
    answer: object,
    expected: float,
    *,
    hint: str = "",
    tolerance: float = 1e-6,
    name: str = "answer",
) -> None:
    """Raise :class:`Different` unless the answer is one number, the expected one.

    Parameters
    ----------
    answer : object
        The reader's answer; a tensor or array of one number will do.
    expected : float
        What it should be.
    hint : str
        The formula or the thought that leads there; ends the message.
    tolerance : float
        The largest difference that passes.
    name : str
        What to call the answer in the message.
    """
    if isinstance(answer, Tensor | np.ndarray | np.generic):
        if math.prod(answer.shape) != 1:
            raise _different(
                f"{name} has the shape {tuple(answer.shape)}; one number was expected.",
                hint,
            )
        answer = answer.item()
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        raise _different(f"{name} is {_kind(answer)}; a number was expected.", hint)
    if math.isnan(answer):
        raise _different(f"{name} is not a number (NaN).", hint)
    if abs(answer - expected) > tolerance:
        side = "large" if answer > expected else "small"
        raise _different(f"{name} is {answer:.6g}, which is too {side}.", hint)


def same_tensor(
    answer: object,
    expected: Tensor,
    *,
    hint: str = "",
    tolerance: float = 1e-6,
    dtype: bool = False,
    name: str = "answer",
) -> None:
    """Raise :class:`Different` unless the answer holds the expected numbers.

    Parameters
    ----------
    answer : object
        The reader's answer: a tensor, or an array or (nested) list of numbers.
    expected : Tensor
        What it should be.
    hint : str
        The formula or the thought that leads there; ends the message.
    tolerance : float
        The largest difference that passes, absolute or relative.
    dtype : bool
        Whether the type of the numbers matters too.
    name : str
        What to call the answer in the message.
    """
    given = _as_tensor(answer, name, hint)
    if given.shape != expected.shape:
        raise _different(
            f"{name} has the shape {tuple(given.shape)}; "
            f"{tuple(expected.shape)} was expected.",
            hint,
        )
    if dtype and given.dtype != expected.dtype:
        raise _different(
            f"{name} holds {given.dtype}; {expected.dtype} was expected.", hint
        )
    given, wanted = given.detach().double(), expected.detach().double()
    wrong = ~torch.isclose(given, wanted, rtol=tolerance, atol=tolerance)
    if wrong.any():
        raise _different(
            f"The values of {name} differ {_where(given, wanted, wrong)}"
            f"{_pattern(given, wanted, tolerance)}",
            hint,
        )


def same_function(
    answer: object,
    reference: Callable[..., Tensor],
    cases: Sequence[tuple[object, ...]],
    *,
    hint: str = "",
    tolerance: float = 1e-6,
    gradient: bool = False,
) -> None:
    """Raise :class:`Different` unless the answer computes what the reference does.

    Parameters
    ----------
    answer : object
        The reader's function.
    reference : callable
        Returns the expected tensor for the same arguments.
    cases : sequence of tuple
        The arguments of each call. Tensors are handed over as copies, and a function
        that changes its copy is told so.
    hint : str
        The formula or the thought that leads there; ends the message.
    tolerance : float
        The largest difference that passes, absolute or relative.
    gradient : bool
        Compare the gradients of all floating-point arguments too.
    """
    if not callable(answer):
        raise _different(f"answer is {_kind(answer)}; a function was expected.", hint)
    parameters = ", ".join(inspect.signature(reference).parameters)
    call = f"answer({parameters})"
    for case in cases:
        theirs, ours = _copies(case, gradient), _copies(case, gradient)
        result = _call(answer, theirs, call, hint)
        expected = reference(*ours)
        same_tensor(result, expected, hint=hint, tolerance=tolerance, name=call)
        _unchanged(case, theirs, call, hint)
        if gradient:
            _same_gradients(result, theirs, expected, ours, parameters, hint, tolerance)


def _same_gradients(
    result: object,
    theirs: Sequence[object],
    expected: Tensor,
    ours: Sequence[object],
    parameters: str,
    hint: str,
    tolerance: float,
) -> None:
    if not isinstance(result, Tensor) or not result.requires_grad:
        raise _different(
            "answer's result has lost its gradient: compute with tensors all the way, "
            "without .item(), .detach() or numpy.",
            hint,
        )
    given, wanted = _gradients(result, theirs), _gradients(expected, ours)
    for name, mine, right in zip(parameters.split(", "), given, wanted, strict=False):
        title = f"the gradient with respect to {name}"
        same_tensor(mine, right, hint=hint, tolerance=tolerance, name=title)


def _gradients(result: Tensor, arguments: Sequence[object]) -> list[Tensor]:
    """Differentiate a weighted sum, so that no two outputs are interchangeable."""
    weights = torch.linspace(0.5, 1.5, result.numel(), dtype=result.dtype)
    total = (result * weights.reshape(result.shape)).sum()
    tensors = [a for a in arguments if isinstance(a, Tensor)]
    inputs = [a for a in tensors if a.requires_grad]
    found = iter(torch.autograd.grad(total, inputs, allow_unused=True))
    return [
        torch.zeros_like(a) if not a.requires_grad or (g := next(found)) is None else g
        for a in tensors
    ]


def _call(
    answer: Callable[..., object], arguments: list[object], call: str, hint: str
) -> object:
    try:
        return answer(*arguments)
    except Exception as error:
        shapes = ", ".join(
            f"{tuple(a.shape)}" if isinstance(a, Tensor) else repr(a) for a in arguments
        )
        raise _different(
            f"{call} stopped with {type(error).__name__}: {error} "
            f"(called with {shapes}).",
            hint,
        ) from error


def _copies(case: Sequence[object], gradient: bool) -> list[object]:
    return [
        a.detach().clone().requires_grad_(gradient and a.is_floating_point())
        if isinstance(a, Tensor)
        else a
        for a in case
    ]


def _unchanged(
    before: Sequence[object], after: Sequence[object], call: str, hint: str
) -> None:
    for old, new in zip(before, after, strict=True):
        if isinstance(old, Tensor) and isinstance(new, Tensor) and (old != new).any():
            raise _different(f"{call} changes its argument in place.", hint)


def _as_tensor(answer: object, name: str, hint: str) -> Tensor:
    if isinstance(answer, Tensor):
        return answer
    if isinstance(answer, np.ndarray | np.generic | list | tuple | int | float):
        try:
            return torch.as_tensor(np.asarray(answer))
        except (TypeError, ValueError):
            pass
    elif answer is None:
        raise _different(f"{name} is None; does the function return its result?", hint)
    raise _different(f"{name} is {_kind(answer)}; a tensor was expected.", hint)


def _where(given: Tensor, wanted: Tensor, wrong: Tensor) -> str:
    """Where the largest difference lies, and how many there are."""
    gap = (given - wanted).abs().nan_to_num(math.inf, posinf=math.inf)
    at = tuple(int(i) for i in np.unravel_index(int(gap.argmax()), gap.shape))
    place = f"at {list(at)}" if at else "from the expected one"
    count = f" ({int(wrong.sum())} of {wrong.numel()} differ)" if at else ""
    return f"{place}: {given[at]:.6g}, not {wanted[at]:.6g}{count}."


def _pattern(given: Tensor, wanted: Tensor, tolerance: float) -> str:
    """Name the slips that leave a pattern: a sign, a factor, an offset, a transpose."""

    def equal(a: Tensor, b: Tensor) -> bool:
        return torch.allclose(a, b, rtol=tolerance, atol=tolerance)

    if not given.isfinite().all():
        return " Some of them are not finite: NaN or infinite."
    if equal(given, -wanted):
        return " The sign is turned round."
    if given.dim() == 2 and given.shape[0] == given.shape[1] and equal(given.T, wanted):
        return " It is the transpose."
    if given.numel() > 1:
        size = float((wanted * wanted).sum())
        factor = float((given * wanted).sum()) / size if size else 0.0
        if factor and equal(given, factor * wanted):
            return f" All of them are {factor:.4g} times as large as expected."
        offset = float((given - wanted).mean())
        if equal(given, wanted + offset):
            return f" All of them lie {offset:+.4g} off."
    return ""


def _kind(answer: object) -> str:
    if answer is None:
        return "None"
    kind = type(answer).__name__
    article = "an" if kind[0].lower() in "aeiou" else "a"
    return f"{article} {kind}"


def _different(message: str, hint: str) -> Different:
    return Different(f"{message} {hint}".rstrip())
