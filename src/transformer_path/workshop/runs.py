"""What changes while a model is fitted?

:class:`Run` holds it in one place, so that the loop of
:func:`~transformer_path.workshop.training.fit` stays on one screen and a checkpoint
leaves nothing out. :class:`History` is what remains for the reader.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
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
from transformer_path.workshop.batches import average, place_among_processes
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
        numbers = self[name]
        if numbers.dim() > 1:
            raise ValueError(
                f"{name} has one number for each of {numbers.shape[1]} models; ask "
                f"history[{name!r}].argmin(0) for each."
            )
        return int(numbers.nan_to_num(nan=inf, posinf=inf).argmin())


class Run:
    """What changes while a run goes on, and so what a checkpoint must hold."""

    def __init__(
        self,
        model: nn.Module,
        optimizers: list[Optimizer],
        evaluate: Evaluate,
        steps: int | None,
        seconds: float | None,
        patience: int | None,
        finite: bool,
    ) -> None:
        self.model, self.optimizers, self.evaluate = model, optimizers, evaluate
        self.timed, self.total = steps is None, steps or seconds or 0.0
        self.patience, self.finite = patience, finite
        self.history, self.losses = History(), list[Tensor]()
        self.step, self.seconds, self.since = 0, 0.0, perf_counter()
        self.best: dict[str, Any] = {}
        self.stale = 0  # evaluations since the best one
        self.path: Path | None = None
        self.rates = [group["lr"] for group in self._groups()]

    def pace(self, factor: float) -> None:
        """Set the learning rates."""
        for group, rate in zip(self._groups(), self.rates, strict=True):
            group["lr"] = rate * factor

    def until_over(self, progress: bool) -> Iterator[float]:
        """Yield the share of the run that is done, until all of it is."""
        quiet = {} if progress else {"disable": True}  # else TQDM_DISABLE decides
        self.since = perf_counter()
        with tqdm(total=self.total, leave=False, **quiet) as bar:
            while not self.is_over():
                yield self._spent() / self.total
                bar.n = round(self._spent(), 1)
                bar.update(0)

    def is_over(self) -> bool:
        """Whether the budget is spent, or patience is at its end."""
        return self._spent() >= self.total or self.stale >= (self.patience or inf)

    def begin(self, loss_of: Callable[[int], Tensor]) -> None:
        """Look at the model as it comes; it stays so, also what its buffers count."""
        buffers = [buffer.clone() for buffer in self.model.buffers()]
        self.model.train()
        self.model.zero_grad()
        loss = loss_of(0)
        loss.sum().backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        length = torch.stack([each.norm() for each in gradients]).norm()
        self.first_gradient = float(average(length))
        self.model.zero_grad()
        for buffer, before in zip(self.model.buffers(), buffers, strict=True):
            buffer.copy_(before)
        self.losses.append(loss.detach())
        self.look()

    def end_step(self, loss: Tensor) -> None:
        """Count the step and its time; the loss is looked at later, without a wait."""
        self.losses.append(loss)
        self.step += 1
        self._count_time()

    def look(self) -> None:
        """Write one row of the history, and the checkpoint."""
        mean = self._mean_loss()  # waits for the device: a part of the training
        if self.step:
            self._count_time()
        self.model.eval()
        with torch.no_grad():
            found = {name: _plain(n) for name, n in self.evaluate(self.model).items()}
        row: dict[str, Number] = {"step": self.step, "seconds": self.seconds}
        row |= {"lr": self._lr(), "train_loss": mean}
        if taken := sorted(row.keys() & found.keys()):
            raise ValueError(
                f"evaluate gives {taken}, which each row of the history has already; "
                "call it something else."
            )
        self.history.rows.append(row | found)
        if self.patience is not None:
            self._compare_with_the_best(next(iter(found), ""))
        if self.path is not None and place_among_processes()[0] == 0:
            self._save(self.path)
        self.since = perf_counter()

    def resume(self, path: Path, told: dict[str, Any]) -> None:
        """Go on where the run that wrote this file stood, if there is one."""
        told |= {
            "rates": [float(rate) for rate in self.rates],
            "loss on the first batch": self.history.rows[0]["train_loss"],
            "gradient on the first batch": self.first_gradient,
            "history": list(self.history.rows[0]),
        }
        self.identity = checkpoints.identity(self.model, self.optimizers, told)
        self.path, saved = path, checkpoints.load(path, self.identity)
        if saved is None:
            return
        for name in ("step", "seconds", "best", "stale"):
            setattr(self, name, saved[name])
        self.history.rows = saved["rows"]
        self.model.load_state_dict(saved["model"])
        for each, state in zip(self.optimizers, saved["optimizer_state"], strict=True):
            each.load_state_dict(state)

    def end(self) -> None:
        """Leave the model ready for use, with the best weights if they were kept."""
        if self.best:
            self.model.load_state_dict(self.best)
        self.model.eval()
        self.pace(1.0)

    def _groups(self) -> list[dict[str, Any]]:
        return [group for each in self.optimizers for group in each.param_groups]

    def _lr(self) -> float:
        return float(self._groups()[0]["lr"])

    def _spent(self) -> float:
        return self.seconds if self.timed else self.step

    def _count_time(self) -> None:
        now = perf_counter()
        self.seconds, self.since = self.seconds + now - self.since, now

    def _save(self, path: Path) -> None:
        parts = {name: getattr(self, name) for name in ("step", "seconds", "stale")}
        parts |= {"identity": self.identity, "rows": self.history.rows}
        parts |= {"model": self.model.state_dict(), "best": self.best}
        state = [each.state_dict() for each in self.optimizers]
        parts["optimizer_state"] = checkpoints.plain(state)
        checkpoints.save(parts, path)

    def _compare_with_the_best(self, name: str) -> None:
        """Keep the weights if no number of this name was lower."""
        rows = self.history.rows
        if not isinstance(rows[-1].get(name), float):
            raise ValueError(
                f"patience={self.patience} watches the first number of evaluate, a "
                f"loss of one model; the history has {rows[-1]}."
            )
        self.stale = len(rows) - 1 - self.history.best_index(name)
        if self.stale == 0:
            self.best = deepcopy(self.model.state_dict())

    def _mean_loss(self) -> Number:
        losses = average(torch.stack(self.losses)).cpu().double()
        self.losses.clear()
        model, shape = self.model, tuple(losses.shape[1:])
        expected = (len(model.stacks[0]),) if isinstance(model, Several) else ()
        if shape != expected:
            raise ValueError(
                f"the loss has shape {shape}, expected {expected}: one number, as a "
                "mean is, or with each(loss) one for each of several models."
            )
        broken = ~losses.isfinite().reshape(len(losses), -1).all(1)
        if self.finite and broken.any():
            first = max(1, self.step - len(losses) + 1 + int(broken.nonzero()[0]))
            raise FloatingPointError(
                f"the loss is {losses[broken][0].tolist()} at step {first} with "
                f"lr={self._lr():g}; try a smaller one, such as lr={self._lr() / 10:g}."
            )
        return _plain(losses.mean(0))


def _plain(number: Any) -> Number:
    """Make a plain number, or a list of numbers, of a tensor or an array."""
    if hasattr(number, "tolist"):
        number = number.tolist()
    return [float(n) for n in number] if isinstance(number, list) else float(number)
