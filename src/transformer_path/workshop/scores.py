"""How wrong is a model on a batch, and how often is it right?

A loss for :func:`~transformer_path.workshop.training.fit` is a function of a model and
a batch. These two serve when the batch is ``(x, y)``, or ``(x, ..., y)`` for a model of
several inputs; others are a few lines that you write yourself.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transformer_path.workshop.datasets import Examples
from transformer_path.workshop.ensembles import Several

IGNORED = -100  # the label of a position that does not count, as in torch


def classification_loss(
    model: Callable[..., Tensor], batch: Sequence[Tensor]
) -> Tensor:
    """Cross-entropy of the model's logits, averaged over all labels that count.

    Shapes
    ------
    batch
        inputs of any shape, then labels (N,) or (B, T)
    model(*inputs)
        (N, K) or (B, T, V): one logit for each class

    Raises
    ------
    ValueError
        If the labels do not each name one of the logits.

    Examples
    --------
    A padded position has the label -100 and does not count:

    >>> logits, labels = torch.randn(2, 3, 5), torch.tensor([[0, 4, -100], [2, 1, 3]])
    >>> loss = classification_loss(nn.Identity(), (logits, labels))
    >>> changed = logits.clone()
    >>> changed[0, 2] = 9.0
    >>> torch.equal(loss, classification_loss(nn.Identity(), (changed, labels)))
    True
    """
    *inputs, y = batch
    logits = model(*inputs)
    y = _labels(logits, y)
    try:
        return F.cross_entropy(logits.flatten(0, -2), y.flatten())
    except IndexError:  # asked only now: to look at labels is to wait for the device
        _check_range(logits, y)
        raise


def regression_loss(model: Callable[..., Tensor], batch: Sequence[Tensor]) -> Tensor:
    """Mean squared error of the model's outputs, which have the shape of the targets.

    Raises
    ------
    ValueError
        If the shapes differ: broadcast, each output would meet every target.
    """
    *inputs, y = batch
    outputs = model(*inputs)
    if outputs.shape != y.shape:
        raise ValueError(
            f"outputs of shape {tuple(outputs.shape)} and targets of shape "
            f"{tuple(y.shape)} differ; reshape one, so that each meets its own."
        )
    return F.mse_loss(outputs, y)


@torch.no_grad()
def accuracy(model: nn.Module, examples: Examples, *, size: int = 1000) -> float:
    """Share of the labels at which the model's largest logit stands.

    The model is asked in evaluation mode, ``size`` examples at a time, and left in the
    mode it was in. Labels of -100 do not count.

    Shapes
    ------
    x, y
        (N, ...) and (N,), or (N, T)
    model(x)
        (N, K) with K of 2 or more, or (N, T, V)

    Raises
    ------
    ValueError
        If the labels do not each name one of the logits.

    Examples
    --------
    >>> accuracy(nn.Identity(), Examples(torch.eye(4), torch.tensor([0, 1, 2, 0])))
    0.75
    """
    was_training, device = model.training, device_of(model, examples.x)
    model.eval()
    right = counted = 0
    try:
        for x, y in zip(*(torch.split(part, size) for part in examples), strict=True):
            logits = model(x.to(device))
            y = _labels(logits, y.to(device))
            _check_range(logits, y)
            right += int((logits.argmax(-1) == y).sum())
            counted += int((y != IGNORED).sum())
    finally:
        model.train(was_training)
    if not counted:
        raise ValueError("no label counts (there are none, or all of them are -100).")
    return right / counted


def validation(
    examples: Examples, loss: Callable[..., Tensor] = classification_loss
) -> Callable[[nn.Module], dict[str, float | list[float]]]:
    """Make a function that says how good a model is on the validation split.

    For ``evaluate`` of :func:`~transformer_path.workshop.training.fit`. It gives
    ``validation_loss`` and, where the loss is :func:`classification_loss`,
    ``validation_accuracy``; for :class:`~transformer_path.workshop.ensembles.Several`
    models each of them as a list.
    """

    @torch.no_grad()
    def one(model: nn.Module) -> dict[str, float]:
        device = device_of(model, examples.x)
        batch = tuple(part.to(device) for part in examples)
        found = {"validation_loss": float(loss(model, batch))}
        if loss is classification_loss:
            found["validation_accuracy"] = accuracy(model, examples)
        return found

    def evaluate(model: nn.Module) -> dict[str, float | list[float]]:
        if not isinstance(model, Several):
            return dict(one(model))
        each = [one(member) for member in model.members()]
        return {name: [found[name] for found in each] for name in each[0]}

    return evaluate


def device_of(model: nn.Module, otherwise: Tensor) -> torch.device:
    """Where the model's parameters are; it may have none."""
    return next((each.device for each in model.parameters()), otherwise.device)


def _labels(logits: Tensor, y: Tensor) -> Tensor:
    """Give the labels in int64; whole numbers of any type will do, and bool."""
    fit = y.dim() > 0 and logits.shape[:-1] == y.shape and logits.shape[-1] > 1
    if not fit or y.is_floating_point():
        raise ValueError(
            f"logits of shape {tuple(logits.shape)} do not fit labels of shape "
            f"{tuple(y.shape)} and type {y.dtype}; expected (N, K) and (N,), or "
            "(B, T, V) and (B, T): whole numbers, and one logit for each of two "
            "classes or more."
        )
    return y.long()


def _check_range(logits: Tensor, y: Tensor) -> None:
    counting, classes = y[y != IGNORED], logits.shape[-1]
    if ((counting >= 0) & (counting < classes)).all():
        return
    low, high = int(counting.min()), int(counting.max())
    shift = low != 0 and high - low < classes
    advice = "count from 0" if shift else f"give the last layer {high + 1} outputs"
    if low < 0:
        advice = f"mark what does not count by {IGNORED}, and count the rest from 0"
    raise ValueError(
        f"labels run from {low} to {high}, but the model gives {classes} logits, for "
        f"labels from 0 to {classes - 1}; {advice}."
    )
