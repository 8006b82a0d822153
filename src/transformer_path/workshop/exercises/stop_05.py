"""The exercises of chapter 5, training deep networks."""

from collections.abc import Callable

import torch
from torch import Tensor

from transformer_path.networks.normalization import normalize

from ._functions import same_function


def leaky_gain(answer: object) -> str:
    """5.1: the gain that keeps the mean square under a leaky ReLU."""
    slopes = torch.tensor([0.0, 1.0, 0.1, -0.5, 2.0], dtype=torch.float64)
    hint = "Half of the mean square stays as it is, half is multiplied by a²."
    same_function(answer, _gain, [(slopes,), (slopes[1:2],)], hint=hint)
    return "Every activation function has its gain: one over what it leaves."


def normalised_gradient(answer: object) -> str:
    """5.2: the gradient of a normalisation, from its inputs and outputs' gradient."""

    def reference(x: Tensor, g: Tensor) -> Tensor:
        with torch.enable_grad():
            z = x.detach().requires_grad_()
            (found,) = torch.autograd.grad(normalize(z, -1, eps=0.0), z, g)
        return found

    generator = torch.Generator().manual_seed(5)
    cases = [
        tuple(
            scale * torch.randn(n, c, generator=generator, dtype=torch.float64) + offset
            for scale, offset in ((3.0, 2.0), (1.0, 0.5))
        )
        for n, c in ((5, 7), (1, 11), (4, 4))
    ]
    hint = (
        "Wanted: what is left of g without its mean and without its part along x_hat, "
        "divided by the standard deviation."
    )
    same_function(answer, reference, cases, hint=hint)
    return "Two directions gone, the rest divided by the size: no graph needed."


def _gain(a: Tensor) -> Tensor:
    return 2 / (1 + a**2)


CHECKS: dict[str, Callable[[object], str]] = {
    "5.1": leaky_gain,
    "5.2": normalised_gradient,
}


def _x_hat(x: Tensor) -> tuple[Tensor, Tensor]:
    centred = x - x.mean(-1, keepdim=True)
    size = centred.square().mean(-1, keepdim=True).sqrt()
    return centred / size, size


def _without_the_second(x: Tensor, g: Tensor) -> Tensor:
    return (g - g.mean(-1, keepdim=True)) / _x_hat(x)[1]


def _with_a_sum(x: Tensor, g: Tensor) -> Tensor:
    x_hat, size = _x_hat(x)
    along = (g * x_hat).sum(-1, keepdim=True) * x_hat
    return (g - g.mean(-1, keepdim=True) - along) / size


def _not_divided(x: Tensor, g: Tensor) -> Tensor:
    return _without_the_second(x, g) * _x_hat(x)[1]


WRONG: dict[str, list[object]] = {
    "5.1": [
        2.0,
        lambda a: 2 / (1 + a),
        lambda a: 2 * (1 + a**2),
        lambda a: (2 / (1 + a**2)) ** 0.5,
        lambda a: 2 + 0 * a,
        lambda a: a.div_(a) * 2,
        lambda: 2,
    ],
    "5.2": [
        None,
        lambda x, g: g / x.std(-1, keepdim=True),
        _without_the_second,
        _with_a_sum,
        _not_divided,
        lambda x, g: x * g,
        lambda x, g: normalize(g, -1, 0.0),  # noqa: ARG005
    ],
}
