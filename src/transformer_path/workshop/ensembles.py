"""How are several models trained side by side, in the time of less than all?

One seed shows what happened once; the figures of the book show several.
:class:`Several` holds models of one shape as one: each of their parameters is stacked,
and :func:`torch.func.vmap` runs all of them in the same operations. Nothing passes from
one to the other.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

Loss = Callable[[Any, Any], Tensor]


class Several(nn.Module):
    """Models of one shape as one module; its outputs have a new first axis, (S, ...).

    Parameters
    ----------
    models : sequence of nn.Module
        Alike but for their weights. They are copied.

    Raises
    ------
    ValueError
        If there is none, or if they differ in more than their weights and running
        statistics, as far as can be seen.

    Examples
    --------
    >>> models = [nn.Linear(3, 2) for _ in range(5)]
    >>> x = torch.randn(7, 3)
    >>> outputs = Several(models)(x)  # (5, 7, 2)
    >>> torch.allclose(outputs[4], models[4](x), atol=1e-6)
    True
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        _check_alike(models)
        parameters, buffers = stack_module_state(list(models))
        self.names = list(parameters)
        self.stacks = nn.ParameterList(
            nn.Parameter(stack, stack.requires_grad) for stack in parameters.values()
        )
        self.running = _running(models[0])  # the buffers that training changes
        for number, name in enumerate(self.running):
            self.register_buffer(f"running_{number}", buffers[name])
        self._model = [deepcopy(models[0])]  # in a list: its weights are not ours
        self.train(models[0].training)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Give all of them the same inputs."""
        return self._map(lambda model: model(*inputs))

    def train(self, mode: bool = True) -> "Several":
        """Set all of them to training, or to evaluation."""
        self._model[0].train(mode)
        return super().train(mode)

    def _apply(
        self, function: Callable[..., Tensor], recurse: bool = True
    ) -> "Several":
        """Move all of it, to another device or type."""
        self._model[0]._apply(function, recurse)  # type: ignore[no-untyped-call]
        super()._apply(function, recurse)  # type: ignore[no-untyped-call]
        return self

    def members(self) -> list[nn.Module]:
        """Give plain models with the weights as they are now."""
        models = [deepcopy(self._model[0]) for _ in range(len(self.stacks[0]))]
        for index, model in enumerate(models):
            state = {n: s[index].detach() for n, s in self._named()}
            model.load_state_dict(state, strict=False)
        return models

    def _named(self) -> list[tuple[str, Tensor]]:
        names = [*self.names, *self.running]
        return list(zip(names, [*self.stacks, *self.buffers()], strict=True))

    def _map(self, compute: Callable[..., Tensor], *own: Any) -> Tensor:
        """Run ``compute(model, ...)`` for each, with its own share of what follows."""

        def one(weights: dict[str, Tensor], *share: Any) -> Tensor:
            model = partial(functional_call, self._model[0], weights)
            return compute(lambda *inputs: model(inputs), *share)

        mapped = vmap(one, randomness="different")
        result: Tensor = mapped(dict(self._named()), *own)
        return result


def each(loss: Loss) -> Loss:
    """Make of a loss for one model a loss for :class:`Several`, (S,).

    Every model gets a batch of its own: the batch has a new first axis, as
    :func:`~transformer_path.workshop.batches.stacked` makes it.

    Examples
    --------
    >>> def far(model, batch):
    ...     return (model(batch) - 1).square().mean()
    >>> five = Several([nn.Linear(3, 2) for _ in range(5)])
    >>> each(far)(five, torch.randn(5, 7, 3)).shape
    torch.Size([5])
    """

    def losses(several: Several, batch: Any) -> Tensor:
        return several._map(loss, batch)

    return losses


@torch.no_grad()
def padded(model: nn.Module, frame: nn.Module) -> nn.Module:
    """Put a network into a wider one, so that several widths train side by side.

    Units whose weights are all 0 add nothing, and get no gradient: they stay so.

    Parameters
    ----------
    model : nn.Module
        The network; it stays as it is.
    frame : nn.Module
        The same network with more units. Its weights are overwritten.

    Returns
    -------
    nn.Module
        ``frame``, which computes what ``model`` does.

    Examples
    --------
    >>> from transformer_path.networks.feedforward import MLP
    >>> small, x = MLP([3, 5, 2]), torch.randn(7, 3)
    >>> torch.allclose(padded(small, MLP([3, 11, 2]))(x), small(x), atol=1e-6)
    True
    """
    for small, large in zip(model.parameters(), frame.parameters(), strict=True):
        large.zero_()
        large[tuple(slice(n) for n in small.shape)] = small
    return frame


def _check_alike(models: Sequence[nn.Module]) -> None:
    if not models or not list(models[0].parameters()):
        raise ValueError(
            f"{len(models)} models without parameters cannot be trained side by side."
        )
    first, buffers = _looks(models[0]), dict(models[0].named_buffers())
    running = _running(models[0])
    for number, model in enumerate(models[1:], start=1):
        looks = _looks(model)
        other = [n for n in {**first, **looks} if first.get(n) != looks.get(n)]
        for name, buffer in model.named_buffers():
            if name in running:
                continue
            if name not in buffers or not torch.equal(buffer, buffers[name]):
                other.append(name)
        if other:
            raise ValueError(
                f"models 0 and {number} differ in {', '.join(other)}; models side by "
                "side may differ in their weights only."
            )


def _running(model: nn.Module) -> list[str]:
    """Name the buffers that training changes, as those of batch normalisation."""
    return [
        f"{path}.{name}".strip(".")
        for path, module in model.named_modules()
        if getattr(module, "track_running_stats", False)
        for name, _ in module.named_buffers(recurse=False)
    ]


def _looks(model: nn.Module) -> dict[str, Any]:
    """Describe what can be compared of a model, without the values of its tensors."""
    looks: dict[str, Any] = {n: tuple(p.shape) for n, p in model.named_parameters()}
    for path, module in model.named_modules():
        looks[path or "class"] = type(module)
        for name, value in vars(module).items():
            if callable(value):  # a lambda is made anew for each model
                value = getattr(value, "__code__", value)
            elif not isinstance(value, int | float | str):
                continue
            looks[f"{path}.{name}".strip(".")] = value
    return looks
