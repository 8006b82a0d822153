"""How does a run survive being interrupted?

Everything that decides how it goes on lies in one safetensors file: the weights, the
optimizer's memory, the state of the random numbers, the shuffle of the epoch at hand
and the history. Tensors are stored under readable names (``model.0.weight``), the rest
as JSON in the file's metadata. No pickle: a checkpoint can hold no code.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

Setting = str | int | float | None
Memory = Mapping[int, Mapping[str, Tensor | float | None]]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One moment of a run.

    ``settings`` say which run; ``step`` counts the finished steps; ``model`` and
    ``best`` (empty, or the best weights so far) are state dicts; ``memory`` and
    ``groups`` are the two halves of the optimizer's state dict; ``random`` holds the
    states of the random generators and the order of the epoch at hand; ``history``
    the fields of the history.
    """

    settings: Mapping[str, Setting]
    step: int
    model: Mapping[str, Tensor]
    best: Mapping[str, Tensor]
    memory: Memory
    groups: list[dict[str, object]]
    random: Mapping[str, Tensor]
    history: dict[str, Any]


def save(checkpoint: Checkpoint, path: Path | str) -> None:
    """Write a checkpoint, whole or not at all.

    The bytes go to a temporary file beside ``path``, which then takes its place: an
    interruption leaves the checkpoint before, never half of one.

    Raises
    ------
    ValueError
        If the folder does not exist, or the optimizer keeps something that is
        neither a tensor nor a number.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise ValueError(
            f"the folder of the checkpoint {path} does not exist; create it first."
        )
    tensors, numbers = _split(checkpoint.memory)
    for part in ("model", "best", "random"):
        for name, tensor in getattr(checkpoint, part).items():
            tensors[f"{part}.{name}"] = tensor
    about = {
        "settings": dict(checkpoint.settings),
        "step": checkpoint.step,
        "memory": numbers,
        "groups": checkpoint.groups,
        "history": checkpoint.history,
    }
    # A copy of each: tied weights share memory, which the format does not allow.
    copies = {
        name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()
    }
    _replace(path, to_bytes(copies, {"about": json.dumps(about)}))


def load(path: Path | str, settings: Mapping[str, Setting]) -> Checkpoint:
    """Read the checkpoint of the run with these settings.

    Raises
    ------
    ValueError
        If the file is no checkpoint, is damaged, or belongs to another run.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["about"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, ValueError) as error:
        raise ValueError(
            f"{path} is not a checkpoint of fit, or is damaged ({error}); delete it to "
            "start the run afresh."
        ) from error
    _refuse_another_run(path, about["settings"], settings)
    return Checkpoint(
        settings=about["settings"],
        step=about["step"],
        model=_below("model", tensors),
        best=_below("best", tensors),
        memory=_join(_below("memory", tensors), about["memory"]),
        groups=about["groups"],
        random=_below("random", tensors),
        history=about["history"],
    )


def _refuse_another_run(
    path: Path | str, saved: Mapping[str, Setting], wanted: Mapping[str, Setting]
) -> None:
    names = sorted(saved.keys() | wanted.keys())
    other = [
        f"{name} is {saved.get(name)} there and {wanted.get(name)} here"
        for name in names
        if saved.get(name) != wanted.get(name)
    ]
    if other:
        raise ValueError(
            f"{path} belongs to another run: {'; '.join(other[:3])}"
            f"{' (and more)' if len(other) > 3 else ''}. Delete it, name another file, "
            "or go back to the settings it was made with."
        )


def _split(memory: Memory) -> tuple[dict[str, Tensor], dict[str, dict[str, object]]]:
    """Sort an optimizer's memory into named tensors and what JSON can hold."""
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, dict[str, object]] = {str(index): {} for index in memory}
    for index, values in memory.items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"memory.{index}.{name}"] = value
            elif value is None or isinstance(value, int | float):
                numbers[str(index)][name] = value
            else:
                raise ValueError(
                    f"the optimizer keeps {name!r} as a {type(value).__name__}; a "
                    "checkpoint holds tensors and numbers only. Run without one."
                )
    return tensors, numbers


def _join(
    tensors: Mapping[str, Tensor], numbers: Mapping[str, Mapping[str, float | None]]
) -> dict[int, dict[str, Tensor | float | None]]:
    memory: dict[int, dict[str, Tensor | float | None]] = {
        int(index): dict(values) for index, values in numbers.items()
    }
    for key, tensor in tensors.items():
        index, name = key.split(".", 1)
        memory[int(index)][name] = tensor
    return memory


def _below(part: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(f"{part}."): tensor
        for name, tensor in tensors.items()
        if name.startswith(f"{part}.")
    }


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(f"{path.name}.tmp")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
