"""What a lesson is given: made fit to compute with, or refused by name."""

from operator import index

import torch
from torch import Tensor


def floats(values: Tensor) -> Tensor:
    """Give whole numbers as float64, which holds them exactly; leave the rest alone."""
    if isinstance(values, Tensor) and not (
        values.is_floating_point() or values.is_complex()
    ):
        return values.double()
    return values


def finite(name: str, values: Tensor) -> Tensor:
    """Give floats, and refuse what is not a finite real number."""
    values = floats(torch.as_tensor(values))
    if values.is_complex():
        raise ValueError(
            f"{name} holds complex numbers; pass its real part or its abs."
        )
    bad = ~values.isfinite()
    if bad.any():
        first = tuple(bad.nonzero()[0].tolist())
        raise ValueError(
            f"{name} is not a finite number in {int(bad.sum())} of {values.numel()} "
            f"places, first at {list(first)}; remove or replace those examples."
        )
    return values


def points(name: str, values: Tensor, at_least: int = 1) -> Tensor:
    """Give finite floats that are the coordinates of points, one a row."""
    values = finite(name, values)
    if values.dim() != 2 or len(values) < at_least or values.shape[1] < 1:
        raise ValueError(
            f"{name} of shape {tuple(values.shape)}; expected points as rows, (N, C), "
            f"with N of {at_least} or more."
        )
    return values


def whole(name: str, number: int, at_least: int) -> int:
    """Give a whole number, of Python, numpy or torch, that is not too small."""
    try:
        found = index(number)
    except TypeError:
        found = at_least - 1
    if found < at_least:
        raise ValueError(f"{name}={number} must be a whole number, {at_least} or more.")
    return found
