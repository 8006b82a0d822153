"""What changes while a model is fitted?

:class:`Run` holds it in one place, so that the loop of
:func:`~transformer_path.workshop.training.fit` stays on one screen and a checkpoint
leaves nothing out. :class:`History` is what remains for the reader.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from transformer_path.workshop import checkpoints
from transformer_path.workshop.batches import place_among_processes
from transformer_path.workshop.ensembles import Several

Number = float | list[float]  # a list: one number for each of several models
Evaluate = Callable[[Any], Mapping[str, Any]]


@dataclass
class History:
    """What a run looked like, one row for each evaluation, the first before step 1.

    A row holds ``step`` (how many were done), ``seconds`` (of training, without the
    evaluations), ``lr`` (of the first parameter group), ``train_loss`` (the mean since
    the row before; in the first row, that of the first batch) and what ``evaluate``
    gave.

    Examples
    --------
    >>> history = History([{"step": 0, "loss": 2.5}, {"step": 9, "loss": 0.5}])
    >>> history["loss"]
    tensor([2.5000, 0.5000])
    """

    rows: list[dict[str, Number]] = field(default_factory=list)

    def __getitem__(self, name: str) -> Tensor:
        """Give one column, (rows,), or (rows, S) for several models."""
        return torch.tensor([row[name] for row in self.rows])

    def best_index(self, name: str) -> int:
        """Say in which row a number is lowest; NaN is never the best."""
        return int(self[name].nan_to_num(nan=inf, posinf=inf).argmin())


class Run:
    """What changes while a run goes on, and so what a checkpoint must hold."""

    def __init__(
        self,
        model: nn.Module,
        optimizers: list[Optimizer],
        evaluate: Evaluate,
        patience: int | None,
        finite: bool,
    ) -> None:
        self.model, self.optimizers = model, optimizers
        self.evaluate, self.patience, self.finite = evaluate, patience, finite
        self.history, self.losses = History(), list[Tensor]()
        self.best: dict[str, Tensor] = {}
        self.step, self.seconds, self.since = 0, 0.0, perf_counter()

    def until(
        self, steps: int | None, seconds: float | None, progress: bool
    ) -> Iterator[float]:
        """Yield the share of the run that is done, until all of it is."""
        total = steps if seconds is None else seconds
        self.since = perf_counter()
        quiet = {} if progress else {"disable": True}  # else TQDM_DISABLE decides
        with tqdm(total=total, leave=False, **quiet) as bar:
            while not self.is_over(steps, seconds):
                now = self.step if seconds is None else self.seconds
                bar.update(now - bar.n)
                yield now / (total or 1)
            bar.update((total or 0) - bar.n)

    def is_over(self, steps: int | None, seconds: float | None) -> bool:
        """Whether the budget is spent, or patience is at its end."""
        rows = self.history.rows
        stale = len(rows) - 1 - self._best_row() if self.patience and rows else 0
        return (
            self.step >= (inf if steps is None else steps)
            or self.seconds >= (inf if seconds is None else seconds)
            or bool(self.patience and stale >= self.patience)
        )

    def end_step(self) -> None:
        """Count the step and its time."""
        self.step += 1
        now = perf_counter()
        self.seconds, self.since = self.seconds + now - self.since, now

    def look(self, lr: float) -> None:
        """Write one row of the history; keep the weights if they are the best."""
        mean = self._mean_loss(lr)  # waits for the device: a part of the training
        self.seconds += perf_counter() - self.since if self.step else 0.0
        self.model.eval()
        with torch.no_grad():
            found = {name: _plain(n) for name, n in self.evaluate(self.model).items()}
        row = {"step": self.step, "seconds": self.seconds, "lr": lr, "train_loss": mean}
        self.history.rows.append(row | found)
        if self.patience and self._best_row() == len(self.history.rows) - 1:
            state = self.model.state_dict()
            self.best = {name: tensor.clone() for name, tensor in state.items()}
        self.since = perf_counter()

    def save(self) -> None:
        """Write the checkpoint; of several processes, the first does it."""
        if place_among_processes()[0] == 0:
            state = [each.state_dict() for each in self.optimizers]
            parts = {"step": self.step, "seconds": self.seconds, "best": self.best}
            parts |= {"model": self.model.state_dict(), "optimizer_state": state}
            parts |= {"rows": self.history.rows, "identity": self.identity}
            checkpoints.save(parts, self.path)
        self.since = perf_counter()

    def resume(self, path: Path, settings: dict[str, Any]) -> None:
        """Go on where the run that wrote this file stood, if there is one."""
        self.path = path
        self.identity = checkpoints.identity(
            self.model, self.optimizers, settings, self.history.rows[0]
        )
        saved = checkpoints.load(path, self.identity)
        if saved is None:
            return
        self.step, self.seconds, self.best = (
            saved[name] for name in ("step", "seconds", "best")
        )
        self.history.rows = saved["rows"]
        self.model.load_state_dict(saved["model"])
        for each, state in zip(self.optimizers, saved["optimizer_state"], strict=True):
            each.load_state_dict(state)

    def end(self) -> None:
        """Leave the model ready for use, with the best weights if they were kept."""
        if self.patience:
            self.model.load_state_dict(self.best)
        self.model.eval()

    def _best_row(self) -> int:
        """Find the row in which the first number of ``evaluate`` is lowest."""
        names = list(self.history.rows[0])[4:]
        if not names or not isinstance(self.history.rows[0][names[0]], float):
            raise ValueError(
                f"patience={self.patience} watches the first number of evaluate, a "
                f"loss of one model; it gave {self.history.rows[0]}."
            )
        return self.history.best_index(names[0])

    def _mean_loss(self, lr: float) -> Number:
        losses = torch.stack(self.losses).double().cpu()
        self.losses.clear()
        _check_one_number(losses, self.model)
        broken = ~losses.isfinite().reshape(len(losses), -1).all(1)
        if self.finite and broken.any():
            first = max(1, self.step - len(losses) + 1 + int(broken.nonzero()[0]))
            raise FloatingPointError(
                f"the loss is {losses[broken][0].tolist()} at step {first} with "
                f"lr={lr:g}; try a smaller one, such as lr={lr / 10:g}."
            )
        return _plain(losses.mean(0))


def _plain(number: Any) -> Number:
    """Make a plain number, or a list of numbers, of a tensor or an array."""
    if hasattr(number, "tolist"):
        number = number.tolist()
    return [float(n) for n in number] if isinstance(number, list) else float(number)


def _check_one_number(losses: Tensor, model: nn.Module) -> None:
    if losses.dim() > 1 and not isinstance(model, Several):
        raise ValueError(
            f"the loss has shape {tuple(losses.shape[1:])} and must be one number; "
            "take its mean."
        )
