"""What can be wrong with a run before it starts, said in words that help."""

from collections.abc import Callable
from math import isfinite

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transformer_path.workshop.datasets import Examples


def counts(**numbers: int | None) -> None:
    """Refuse counts that are not whole numbers from 1 on."""
    for name, number in numbers.items():
        if number is not None and (not isinstance(number, int) or number < 1):
            raise ValueError(f"{name}={number} must be a whole number, 1 or more.")


def rates(has_optimizer: bool, **numbers: float | None) -> None:
    """Refuse rates that are negative, or given twice."""
    for name, rate in numbers.items():
        if rate is None:
            continue
        if has_optimizer:
            raise ValueError(
                f"{name}={rate} belongs to the default optimizer; with another one "
                f"say it there: optimizer=lambda parameters: "
                f"torch.optim.SGD(parameters, {name}={rate})."
            )
        if not isfinite(rate) or rate < 0:
            raise ValueError(f"{name}={rate} must be a finite number, 0 or more.")


def parameters(model: nn.Module) -> list[nn.Parameter]:
    """Give the parameters that learn; there must be one."""
    learning = [each for each in model.parameters() if each.requires_grad]
    if not learning:
        raise ValueError(
            f"{type(model).__name__} has no parameter that learns; its weights must be "
            "layers or nn.Parameter, with requires_grad=True."
        )
    return learning


def examples(split: str, given: Examples) -> None:
    """Refuse other than one label for each input, and inputs that are not finite."""
    x, y = given
    if len(x) != len(y):
        raise ValueError(
            f"{split} has {len(x)} rows of x and {len(y)} of y; each example needs one "
            "of both."
        )
    if len(x) == 0:
        raise ValueError(f"{split} is empty; it needs at least one example.")
    broken = (~torch.isfinite(x)).flatten(1).any(1) if x.dim() > 1 else ~x.isfinite()
    if broken.any():
        rows = broken.nonzero().flatten().tolist()
        raise ValueError(
            f"{split}.x is not finite in {len(rows)} of {len(x)} rows, the first of "
            f"them row {rows[0]}; repair them or leave them out."
        )


def match(
    split: str,
    model: nn.Module,
    given: Examples,
    loss: Callable[[Tensor, Tensor], Tensor],
) -> None:
    """Refuse a model that does not take x, or a loss that does not take y.

    Two examples are tried, in evaluation mode, so that nothing changes.
    """
    x, y = given
    was_training = model.training
    with torch.no_grad():
        try:
            outputs = model.eval()(x[:2])
        except RuntimeError as error:
            raise ValueError(
                f"{type(model).__name__} does not take {split}.x[:2], which is "
                f"{kind(x[:2])}: {error}"
            ) from error
        finally:
            model.train(was_training)
        if loss is F.cross_entropy:
            _labels(split, outputs, y)
        value = loss(outputs, y[:2])
    if value.dim() > 0:
        raise ValueError(
            f"the loss has shape {tuple(value.shape)} and must be one number; take its "
            "mean."
        )


def _labels(split: str, outputs: Tensor, y: Tensor) -> None:
    """Refuse labels that do not each name one of the outputs."""
    if y.dim() > 1:
        return  # probabilities, or labels of every pixel: torch checks these
    if y.dtype != torch.int64:
        raise ValueError(
            f"{split}.y is {kind(y)}; cross_entropy needs labels in int64: pass "
            "y.long(), or to predict numbers loss=F.mse_loss."
        )
    if outputs.dim() != 2:
        raise ValueError(
            f"the model's outputs for 2 examples are {kind(outputs)}; cross_entropy "
            "needs (2, K), one score for each of K classes."
        )
    low, high, classes = int(y.min()), int(y.max()), outputs.shape[1]
    if low < 0 or high >= classes:
        shift = low != 0 and high - low < classes
        advice = "count from 0" if shift else f"give the last layer {high + 1} outputs"
        raise ValueError(
            f"{split}.y holds labels from {low} to {high}, but the model gives "
            f"{classes} scores, for labels from 0 to {classes - 1}; {advice}."
        )


def finite(loss: Tensor, step: int, lr: float) -> float:
    """Give the loss as a number, which must be one."""
    value = float(loss.detach())
    if not isfinite(value):
        raise FloatingPointError(
            f"the loss is {value} at step {step} with lr={lr:g}; "
            f"try a smaller one, such as lr={lr / 10:g}."
        )
    return value


def are_labels(outputs: Tensor, y: Tensor) -> bool:
    """Whether y names, for each position, one of the scores in the last dimension."""
    return not y.is_floating_point() and outputs.shape[:-1] == y.shape


def kind(tensor: Tensor) -> str:
    """Shape and type of a tensor, as in ``(2, 40) float32``."""
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
