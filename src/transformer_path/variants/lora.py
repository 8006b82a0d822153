"""How is a large model taught anew by a few numbers? What they add has low rank.

The weights W stay as they are; beside them stand two thin matrices, and only these
learn. Afterwards their product is added to W, and the model is as fast as before.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from transformer_path.workshop._inputs import whole


class LoRA(nn.Module):
    """A linear layer that stays, with a change of low rank that learns.

    Parameters
    ----------
    layer : nn.Linear
        What stays; it is not copied, and its weights no longer learn.
    rank : int
        How many directions the change has; 0 changes nothing.
    scale : float
        What the change is multiplied by, α / r in the paper.

    References
    ----------
    :cite:t:`hu2022lora`.

    Examples
    --------
    At first it changes nothing, and 30 of 186 numbers learn:

    >>> layer, x = nn.Linear(17, 13), torch.randn(5, 17)
    >>> adapted = LoRA(layer, rank=1)
    >>> torch.equal(adapted(x), layer(x))
    True
    >>> sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    30
    """

    def __init__(self, layer: nn.Linear, rank: int, scale: float = 1.0) -> None:
        super().__init__()
        self.layer, self.scale = layer.requires_grad_(False), scale
        n_out, n_in = layer.weight.shape
        rank = whole("rank", rank, 0)
        self.down = nn.Parameter(layer.weight.new_empty(rank, n_in))
        self.up = nn.Parameter(layer.weight.new_zeros(n_out, rank))
        nn.init.normal_(self.down, std=n_in**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """From (..., n_in) to (..., n_out)."""
        few = F.linear(x, self.down)  # (..., r)
        change = F.linear(few, self.up)
        result: Tensor = self.layer(x) + self.scale * change
        return result

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """Add the change to the weights, and give the linear layer back."""
        self.layer.weight += self.scale * self.up @ self.down
        return self.layer.requires_grad_(True)


def adapt(
    model: nn.Module, rank: int, *, names: tuple[str, ...] = (), scale: float = 1.0
) -> nn.Module:
    """Freeze a model, and put a change of low rank beside its linear layers.

    Parameters
    ----------
    model : nn.Module
        Changed in place.
    rank, scale
        As for :class:`LoRA`.
    names : tuple of str
        Only layers of these names, such as ``("query", "value")``; all of them, if none
        is given.

    Raises
    ------
    ValueError
        If the model has no such layer.

    Examples
    --------
    >>> model = adapt(nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)), 1)
    >>> type(model[0]).__name__, type(model[1]).__name__
    ('LoRA', 'ReLU')
    """
    model.requires_grad_(False)
    found = [
        (parent, name, layer)
        for parent in model.modules()
        for name, layer in parent.named_children()
        if isinstance(layer, nn.Linear) and (name in names or not names)
    ]
    if not found:
        named = f" named {' or '.join(names)}; see model.named_modules()."
        raise ValueError(
            f"{type(model).__name__} has no linear layer{named if names else '.'}"
        )
    for parent, name, layer in found:
        setattr(parent, name, LoRA(layer, rank, scale))
    return model


def merge(model: nn.Module) -> nn.Module:
    """Add all changes to the weights they stand beside; all weights learn again."""
    for parent in list(model.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, LoRA):
                setattr(parent, name, layer.merged())
    return model.requires_grad_(True)
