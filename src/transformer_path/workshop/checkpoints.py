"""How does a run survive being interrupted?

Everything that decides how it goes on lies in one file: the weights, the optimizers'
memory, the step and the history. What is drawn at random is a function of the seed and
the step, so no generator's state is needed. The file is written by :func:`torch.save`
and read with ``weights_only``: a checkpoint can hold no code.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from glob import escape
from math import isclose
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils._pytree import tree_map


def save(parts: Mapping[str, Any], path: Path | str) -> None:
    """Write a checkpoint, whole or not at all.

    It goes to a temporary file beside ``path``, which then takes its place: an
    interruption leaves the checkpoint before, never half of one.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     save({"identity": {"seed": 1}, "step": 7}, Path(folder, "run.pt"))
    ...     load(Path(folder, "run.pt"), {"seed": 1})["step"]
    7
    """
    replace(path, lambda file: torch.save(dict(parts), file))


def replace(path: Path | str, fill: Callable[[IO[bytes]], object]) -> None:
    """Write a file, whole or not at all: ``fill`` gets what takes the place of it."""
    temporary = Path(f"{path}.tmp{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load(path: Path | str, identity: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the checkpoint of the run with this identity; None if there is no file.

    Raises
    ------
    ValueError
        If the file is no checkpoint, is damaged, or belongs to another run.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise ValueError(
            f"the folder of the checkpoint {path} does not exist; create it first."
        )
    for left in path.parent.glob(f"{escape(path.name)}.tmp*"):  # by a killed process
        left.unlink(missing_ok=True)
    if not path.exists():
        return None
    with path.open("rb") as file:
        try:  # not mapped: the file will be replaced
            parts = torch.load(file, map_location="cpu", weights_only=True, mmap=False)
            saved = dict(parts["identity"])
        except Exception as error:  # torch raises errors of many kinds
            reason = str(error).strip().split("\n")[0]
            raise ValueError(
                f"{path} is not a checkpoint of fit, or is damaged ({reason}); delete "
                "it to start the run afresh."
            ) from error
    other = [
        f"{name} is {saved.get(name)} there and {identity.get(name)} here"
        for name in sorted(saved.keys() | identity.keys())
        if not _same(saved.get(name), identity.get(name))
    ]
    if other:
        raise ValueError(
            f"{path} belongs to another run: {'; '.join(other[:3])}"
            f"{' (and more)' if len(other) > 3 else ''}. Delete it, name another file, "
            "or go back to the settings, data and initial weights it was made with."
        )
    return dict(parts)


def identity(
    model: nn.Module, optimizers: Sequence[Optimizer], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Say which run this is: what it is told, and what it does on its first batch.

    Functions cannot be compared, but what they give can: another activation, loss,
    initialisation, rate of dropout or batch gives another first loss or gradient.
    """
    kinds = [
        [f"{type(each).__name__} {_options(group)}" for group in each.param_groups]
        for each in optimizers
    ]
    shapes = {name: list(each.shape) for name, each in model.named_parameters()}
    return {**plain(settings), "optimizer": kinds, "shapes": shapes}


def plain(parts: Any) -> Any:
    """Make Python's numbers of NumPy's; refuse what could not be loaded again."""

    def one(part: Any) -> Any:
        if isinstance(part, np.generic):
            return part.item()
        if part is None or isinstance(part, Tensor | int | float | str):
            return part
        raise ValueError(
            f"{part!r} cannot be kept: a checkpoint holds tensors, numbers and text. "
            "Run without one, or leave it out of the optimizer."
        )

    return tree_map(one, parts)


def _options(group: Mapping[str, Any]) -> dict[str, Any]:
    """List what an optimiser was told, but for the rate, which a schedule changes."""
    hidden = {"params", "param_names", "lr", "initial_lr"}
    options = {name: value for name, value in group.items() if name not in hidden}
    return options | {"shapes": [tuple(each.shape) for each in group["params"]]}


def _same(one: Any, other: Any) -> bool:
    """Compare, numbers to five digits: another machine adds in another order."""
    if isinstance(one, float) and isinstance(other, float):
        both_nan = one != one and other != other
        return both_nan or isclose(one, other, rel_tol=1e-5, abs_tol=1e-12)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
