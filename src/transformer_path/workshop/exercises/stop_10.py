"""The exercises of chapter 10, the transformer."""

from collections.abc import Callable

import torch
from torch import Tensor

from transformer_path.transformer.blocks import EncoderLayer

from ._compare import same_number
from ._functions import same_function


def pairs(answer: object) -> str:
    """10.4: how many times as many pairs 40 tokens have as ten."""
    same_number(answer, 16.0, hint="Every token with every token: T times T.")
    return "What attention costs grows with the square of the length."


def weights(answer: object) -> str:
    """10.5: the number of parameters of an encoder layer with 32 and 64 units."""
    layer = EncoderLayer(32, 4, 64)
    wanted = sum(p.numel() for p in layer.parameters())
    hint = "Four matrices with biases, two linear layers, two normalisations."
    same_number(answer, float(wanted), hint=hint)
    return "However many heads there are."


def overlapping(answer: object) -> str:
    """10.6: a function answer(x, size, stride) that cuts series into patches."""

    def reference(x: Tensor, size: int, stride: int) -> Tensor:
        return x.unfold(1, size, stride)

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 11, generator=generator, dtype=torch.float64)
    cases = [(x, 4, 4), (x, 5, 2), (x, 2, 3), (x, 11, 1)]
    hint = "Patch i begins at position i * stride and has size numbers."
    same_function(answer, reference, cases, hint=hint, gradient=True)
    return "With a linear layer behind it, this is a convolution."


CHECKS: dict[str, Callable[[object], str]] = {
    "10.4": pairs,
    "10.5": weights,
    "10.6": overlapping,
}

WRONG: dict[str, list[object]] = {
    "10.4": [4, 1600, 100, 1 / 16, None],
    "10.5": [
        4 * 32**2 + 2 * 32 * 64,  # no biases, no normalisation
        4 * (32**2 + 32) + 2 * 32 * 64,
        8416,  # no normalisation
        12 * 32**2,
        None,
    ],
    "10.6": [
        lambda x, size, _: x.unfold(1, size, size),  # they do not overlap
        lambda x, size, stride: x.unfold(1, stride, size),
        lambda x, size, stride: x.unfold(1, size, stride).mT,
        lambda x, size, stride: x.unfold(0, size, stride),
        lambda x, *_: x,
        None,
    ],
}
