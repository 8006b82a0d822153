"""How does a run survive being interrupted?

Everything that decides how it goes on lies in one file: the weights, the optimizers'
memory, the step and the history. What is drawn at random is a function of the seed and
the step, so no generator's state is needed. The file is written by :func:`torch.save`
and read with ``weights_only``: a checkpoint can hold no code.
"""

import os
import pickle
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import isclose
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer


def save(parts: Mapping[str, Any], path: Path | str) -> None:
    """Write a checkpoint, whole or not at all.

    It goes to a temporary file beside ``path``, which then takes its place: an
    interruption leaves the checkpoint before, never half of one.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save({"identity": {"seed": 1}, "step": 7}, Path(folder, "run.pt"))
    ...     load(Path(folder, "run.pt"), {"seed": 1})["step"]
    7
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            torch.save(dict(parts), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise


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
    if not path.exists():
        return None
    try:
        parts: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        saved = parts["identity"]
    except (
        RuntimeError,
        pickle.UnpicklingError,
        KeyError,
        EOFError,
        TypeError,
    ) as error:
        raise ValueError(
            f"{path} is not a checkpoint of fit, or is damaged "
            f"({str(error).splitlines()[0]}); delete it to start the run afresh."
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
    return parts


def identity(
    model: nn.Module,
    optimizers: Sequence[Optimizer],
    settings: Mapping[str, Any],
    first_row: Mapping[str, Any],
) -> dict[str, Any]:
    """Say which run this is: what it is told, and what it does on its first batch.

    Functions cannot be compared, but what they give can: another activation, loss,
    initialisation, rate of dropout or batch gives another first loss.
    """
    kinds = [
        [f"{type(each).__name__} {_options(group)}" for group in each.param_groups]
        for each in optimizers
    ]
    state = model.state_dict()
    return {
        **settings,
        "optimizer": kinds,
        "shapes": {name: list(tensor.shape) for name, tensor in state.items()},
        "evaluate": sorted(first_row),
        "loss on the first batch": first_row["train_loss"],
    }


def _options(group: Mapping[str, Any]) -> dict[str, Any]:
    """List what an optimiser was told, but for the rate, which a schedule changes."""
    hidden = {"params", "param_names", "lr", "initial_lr"}
    return {name: value for name, value in group.items() if name not in hidden}


def _same(one: Any, other: Any) -> bool:
    """Compare, numbers to five digits: another machine adds in another order."""
    if isinstance(one, float) and isinstance(other, float):
        both_nan = one != one and other != other
        return both_nan or isclose(one, other, rel_tol=1e-5, abs_tol=1e-12)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
