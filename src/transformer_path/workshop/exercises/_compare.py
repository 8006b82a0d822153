"""In what do two answers differ: type, shape or value?

An answer may come in any dress that holds the same real numbers: a tensor of any dtype
and layout, with or without gradient, an array, a nested list of all of these.
"""

import math
from decimal import Decimal
from numbers import Real

import numpy as np
import torch
from torch import Tensor

from ._words import apart, different, kind


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
            raise different(
                f"{name} has the shape {tuple(answer.shape)}; one number was expected.",
                hint,
            )
        number = as_numbers(answer, name, hint, wanted="a number").item()
    elif isinstance(answer, bool) or not isinstance(answer, Real | Decimal):
        raise different(f"{name} is {kind(answer)}; a number was expected.", hint)
    else:
        number = _as_float(answer)
    if math.isnan(number):
        raise different(f"{name} is not a number (NaN).", hint)
    if abs(number - expected) > tolerance:
        side = "large" if number > expected else "small"
        said, _ = apart(number, expected)
        raise different(f"{name} is {said}, which is too {side}.", hint)


def _as_float(number: Real | Decimal) -> float:
    """Convert any real number; one beyond all floats is infinite."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf  # type: ignore[operator]


def same_tensor(
    answer: object,
    expected: Tensor,
    *,
    hint: str = "",
    tolerance: float = 1e-6,
    name: str = "answer",
    wanted: str = "a tensor",
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
    name : str
        What to call the answer in the message.
    wanted : str
        What to call the expected kind.
    """
    given = as_numbers(answer, name, hint, wanted)
    if given.shape != expected.shape:
        raise different(
            f"{name} has the shape {tuple(given.shape)}; "
            f"{tuple(expected.shape)} was expected.",
            hint,
        )
    right = expected.detach().double()
    wrong = ~torch.isclose(given, right, rtol=tolerance, atol=tolerance)
    if wrong.any():
        raise different(
            _where(name, given, right, wrong) + _pattern(given, right, tolerance),
            hint,
        )


def as_numbers(
    answer: object, name: str, hint: str = "", wanted: str = "a tensor"
) -> Tensor:
    """Read the real numbers of an answer into a float64 tensor of its own.

    Raises
    ------
    Different
        If the answer holds no real numbers, or lists that are not of one length.
    """
    if answer is None:
        raise different(f"{name} is None; does the function return its result?", hint)
    if isinstance(answer, bool) or not isinstance(answer, _READABLE):
        raise different(f"{name} is {kind(answer)}; {wanted} was expected.", hint)
    try:
        array = np.asarray(_plain(answer))
        if array.dtype.kind == "O" and all(isinstance(n, Real) for n in array.flat):
            array = np.vectorize(_as_float, otypes=[float])(array)
    except (TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        raise different(
            f"{name} is {kind(answer)} that cannot be read as rows of numbers of one "
            f"length; {wanted} was expected.",
            hint,
        ) from error
    if array.dtype.kind not in "iuf":
        held = _HELD.get(array.dtype.kind, "something else than numbers")
        raise different(
            f"{name} is {kind(answer)} of {held}; {wanted} was expected, and real "
            "numbers in it.",
            hint,
        )
    return torch.tensor(np.array(array, dtype=np.float64, order="C"))


_READABLE = (Tensor, np.ndarray, np.generic, list, tuple, Real)
_HELD = {"b": "True and False", "c": "complex numbers"}


def _plain(answer: object) -> object:
    """Turn tensors, also within lists, into arrays of their numbers."""
    if isinstance(answer, list | tuple):
        return [_plain(part) for part in answer]
    if not isinstance(answer, Tensor):
        return answer
    dense = answer.detach().to_dense() if answer.layout != torch.strided else answer
    exact = dense.double() if dense.is_floating_point() else dense
    return exact.detach().resolve_conj().resolve_neg().cpu().numpy()


def _where(name: str, given: Tensor, wanted: Tensor, wrong: Tensor) -> str:
    """Where the largest difference lies, and how many there are."""
    gap = (given - wanted).abs().nan_to_num(math.inf, posinf=math.inf)
    at = tuple(int(i) for i in np.unravel_index(int(gap.argmax()), gap.shape))
    said, right = apart(given[at].item(), wanted[at].item())
    if not at:
        return f"{name} is {said}, not {right}."
    count = f"({int(wrong.sum())} of {wrong.numel()} differ)"
    return f"The values of {name} differ at {list(at)}: {said}, not {right} {count}."


def _pattern(given: Tensor, wanted: Tensor, tolerance: float) -> str:
    """Name the slips that leave a pattern: a sign, a factor, an offset, a transpose."""

    def equal(a: Tensor, b: Tensor, within: float = tolerance) -> bool:
        return torch.allclose(a, b, rtol=within, atol=within)

    if not given.isfinite().all():
        return " Some of them are not finite: NaN or infinite."
    if equal(given, wanted, max(1e-3, tolerance)):
        return " That is close, but not exact."
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
