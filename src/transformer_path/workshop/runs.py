"""What changes while a model is fitted?

:class:`Run` holds it in one place, so that the loop of
:func:`~transformer_path.workshop.training.fit` can stay on one screen and a checkpoint
can leave nothing out. :class:`History` is what remains for the reader.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from transformer_path.workshop import _checks, checkpoints
from transformer_path.workshop.checkpoints import Checkpoint, Setting
from transformer_path.workshop.datasets import Examples

Loss = Callable[[Tensor, Tensor], Tensor]
MakeOptimizer = Callable[[list[nn.Parameter]], Optimizer]
MakeSchedule = Callable[[Optimizer], LRScheduler]


@dataclass
class History:
    """What a run looked like, one entry for each evaluation.

    ``train_loss`` is the mean over the minibatches since the evaluation before;
    ``validation_loss`` and ``validation_accuracy`` stay empty without a validation
    split, the latter also when ``y`` holds no labels. ``lr`` is the learning rate of
    the last step, ``seconds`` the time of the whole run.
    """

    steps: list[int] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def best(self) -> int:
        """Position, in these lists, of the lowest validation loss."""
        return self.validation_loss.index(min(self.validation_loss))

    @property
    def evaluations_since_best(self) -> int:
        """How long the validation loss has not fallen."""
        return len(self.steps) - 1 - self.best if self.validation_loss else 0


class Run:
    """What changes while a run goes on."""

    def __init__(
        self,
        model: nn.Module,
        make_optimizer: MakeOptimizer,
        make_schedule: MakeSchedule | None,
        seed: int,
    ) -> None:
        self.model = model
        parameters = _checks.parameters(model)
        self.device = parameters[0].device
        self.optimizer = make_optimizer(parameters)
        self.schedule = make_schedule(self.optimizer) if make_schedule else None
        self.generator = torch.Generator().manual_seed(seed)
        self.order = torch.empty(0, dtype=torch.int64)
        self.best: dict[str, Tensor] = {}
        self.history = History()
        self.step = 0

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def minibatch(self, train: Examples, size: int) -> Examples:
        """Take the next rows of this epoch's shuffle; a new epoch shuffles anew."""
        size = min(size, len(train.y))
        place = (self.step - 1) % (len(train.y) // size)
        if place == 0:
            self.order = torch.randperm(len(train.y), generator=self.generator)
        rows = self.order[place * size : (place + 1) * size].to(train.x.device)
        return Examples(train.x[rows], train.y[rows])

    def look(
        self, losses: list[float], validation: Examples | None, loss: Loss
    ) -> None:
        """Write one entry of the history; keep the weights if they are the best."""
        history = self.history
        history.steps.append(self.step)
        history.train_loss.append(sum(losses) / len(losses))
        history.lr.append(self.lr)
        losses.clear()
        if validation is None:
            return
        validation_loss, right = evaluate(self.model, validation, loss)
        history.validation_loss.append(validation_loss)
        if right is not None:
            history.validation_accuracy.append(right)
        if history.evaluations_since_best == 0:
            state = self.model.state_dict()
            self.best = {name: tensor.clone() for name, tensor in state.items()}

    def identity(
        self, loss: Loss, train: Examples, validation: Examples | None
    ) -> dict[str, Setting]:
        """Name what makes this run this run: another may not continue from it."""
        group = self.optimizer.param_groups[0]
        rates = {name: value for name, value in group.items() if name != "params"}
        shapes = {
            f"shape of {name}": str(tuple(tensor.shape))
            for name, tensor in self.model.state_dict().items()
        }
        return {
            **shapes,
            "loss": _name(loss),
            "optimizer": f"{_name(self.optimizer)} {rates}",
            "schedule": None if self.schedule is None else _name(self.schedule),
            "train": _fingerprint(train),
            "validation": None if validation is None else _fingerprint(validation),
        }

    def checkpoint(self, settings: dict[str, Setting]) -> Checkpoint:
        """Everything that decides how the run goes on."""
        optimizer = self.optimizer.state_dict()
        return Checkpoint(
            settings=settings,
            step=self.step,
            model=self.model.state_dict(),
            best=self.best,
            memory=optimizer["state"],
            groups=optimizer["param_groups"],
            random={
                "order": self.order,
                "minibatches": self.generator.get_state(),
                "layers": random_state(self.device),
            },
            history=asdict(self.history),
        )

    def resume(self, path: Path, settings: dict[str, Setting]) -> None:
        """Go on where the run that wrote this checkpoint stood, if there is one."""
        if not path.exists():
            return
        saved = checkpoints.load(path, settings)
        self.step = saved.step
        self.order = saved.random["order"]
        self.best = dict(saved.best)
        vars(self.history).update(saved.history)
        self.model.load_state_dict(saved.model)
        self._repeat_schedule()
        self.optimizer.load_state_dict(
            {"state": saved.memory, "param_groups": saved.groups}
        )
        self.generator.set_state(saved.random["minibatches"])
        set_random_state(self.device, saved.random["layers"])

    def _repeat_schedule(self) -> None:
        """Take the schedule's steps again: simpler than what each kind remembers."""
        if self.schedule is not None:
            self.optimizer.zero_grad()
            self.optimizer.step()  # without gradients nothing moves
            for _ in range(self.step):
                self.schedule.step()


def evaluate(
    model: nn.Module, examples: Examples, loss: Loss | None = None
) -> tuple[float, float | None]:
    """Mean loss, and the share of right answers if ``y`` holds labels.

    In evaluation mode, 1,000 examples at a time.
    """
    was_training = model.training
    device = next((each.device for each in model.parameters()), examples.x.device)
    total, right, labelled = 0.0, 0, True
    model.eval()
    with torch.no_grad():
        for start in range(0, len(examples.y), 1000):
            x, y = (part[start : start + 1000].to(device) for part in examples)
            outputs = model(x)
            if loss is not None:
                total += len(y) * float(loss(outputs, y))
            labelled = labelled and _checks.are_labels(outputs, y)
            if labelled:
                right += int((outputs.argmax(-1) == y).sum())
    model.train(was_training)
    share = right / examples.y.numel() if labelled else None
    return total / len(examples.y), share


def random_state(device: torch.device) -> Tensor:
    """Where torch's shared generator of this device stands."""
    if device.type == "cuda":
        return torch.cuda.get_rng_state(device)
    return torch.get_rng_state()


def set_random_state(device: torch.device, state: Tensor) -> None:
    """Put torch's shared generator of this device there."""
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)


def _name(thing: object) -> str:
    return str(getattr(thing, "__name__", type(thing).__name__))


def _fingerprint(examples: Examples) -> str:
    parts = [tensor.cpu().contiguous().view(torch.uint8) for tensor in examples]
    return sha256(b"".join(part.numpy().tobytes() for part in parts)).hexdigest()[:12]
