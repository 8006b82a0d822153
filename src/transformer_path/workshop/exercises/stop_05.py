"""The exercises of chapter 5, training deep networks."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from transformer_path.networks.normalization import normalize
from transformer_path.networks.optimization import rmsprop, sgd

from ._compare import same_tensor
from ._functions import as_function, guarded, same_function
from ._words import different


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


def adagrad(answer: object) -> str:
    """5.3: a rule that divides by the root of all squared gradients so far."""
    names = ("g", "memory")
    function = as_function(answer, names)
    generator = torch.Generator().manual_seed(0)
    hint = "Wanted: g divided by the root of the sum of all g * g up to now."
    memories: list[dict[str, object]] = [{}, {}]
    sums: list[Tensor] = [torch.zeros(3).double(), torch.zeros(2, 5).double()]
    for step in range(1, 5):
        for memory, total in zip(memories, sums, strict=True):
            g = torch.randn(total.shape, generator=generator, dtype=torch.float64)
            total += g * g
            given, title = g.clone(), f"answer(g, memory) at step {step}"
            result = guarded(
                partial(function, given, memory),
                f"{title} stopped",
                (given, memory),
                hint,
            )
            if not torch.equal(given, g):
                raise different(f"{title} changes its argument g; work on a copy.")
            same_tensor(result, g / total.sqrt(), name=title, hint=hint)
    return "AdaGrad: a sum where RMSProp has a mean, so its steps only get shorter."


def shift_behind(answer: object) -> str:
    """5.4: series moved in their true order, though their positions are permuted."""
    generator = torch.Generator().manual_seed(0)

    def reference(permuted: Tensor, order: Tensor, by: int) -> Tensor:
        return permuted[:, order.argsort()].roll(by, dims=1)[:, order]

    cases = []
    for length, by in [(7, 1), (11, -3), (5, 0), (13, 20)]:
        series = torch.randn(3, length, generator=generator, dtype=torch.float64)
        order = torch.randperm(length, generator=generator)
        cases.append((series[:, order], order, by))
    same_function(
        answer,
        reference,
        cases,
        hint="Undo the permutation, move every series, and permute it again.",
    )
    return "Whoever knows the order can hand it over; the network never had it."


CHECKS: dict[str, Callable[[object], str]] = {
    "5.1": leaky_gain,
    "5.2": normalised_gradient,
    "5.3": adagrad,
    "5.4": shift_behind,
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


def _one_memory_for_all() -> Callable[..., Tensor]:
    kept: dict[str, Tensor] = {}

    def answer(g: Tensor, _: object) -> Tensor:
        kept["s"] = kept.get("s", 0.0) + g * g
        return g / (kept["s"].sqrt() + 1e-8)

    return answer


def _root_too_early(g: Tensor, memory: dict[str, Tensor]) -> Tensor:
    memory["s"] = memory.get("s", 0.0) + g.abs()
    return g / memory["s"]


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
    "5.3": [
        None,
        "AdaGrad",
        sgd,
        rmsprop,
        lambda g: g,
        lambda g, _: g / g.abs(),
        lambda g, _: g.div_(g.abs()),
        lambda *_: None,
        _one_memory_for_all(),
        _root_too_early,
    ],
    "5.4": [
        lambda permuted, _order, by: permuted.roll(by, dims=1),  # along a wrong order
        lambda permuted, order, by: permuted[:, order.argsort()].roll(by, dims=1),
        lambda permuted, order, by: permuted[:, order].roll(by, 1)[:, order.argsort()],
        lambda permuted, order, by: permuted[:, order.argsort()].roll(-by, 1)[:, order],
        lambda permuted, order, by: permuted[:, order.argsort()].roll(by, 0)[:, order],
        lambda permuted, order, by: permuted[:, order.argsort()].roll(by)[:, order],
        lambda permuted, order: permuted[:, order],
        None,
    ],
}
