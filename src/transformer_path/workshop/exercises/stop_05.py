"""The exercises of chapter 5, training deep networks."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from transformer_path.networks.feedforward import linear
from transformer_path.networks.normalization import normalize
from transformer_path.networks.optimization import rmsprop, sgd

from ._compare import same_number, same_tensor
from ._functions import as_function, call, guarded, same_function
from ._words import different, kind


def leaky_gain(answer: object) -> str:
    """5.1: the gain that keeps the mean square under a leaky ReLU."""
    slopes = torch.tensor([0.0, 1.0, 0.1, -0.5, 2.0], dtype=torch.float64)
    hint = "Half of the mean square stays as it is, half is multiplied by a²."
    same_function(answer, _gain, [(slopes,), (slopes[1:2],)], hint=hint)
    return "Every activation function has its gain: one over what it leaves."


def folded_norm(answer: object) -> str:
    """5.2: a linear layer and the batch norm behind it, in evaluation, as one layer."""
    names = ("weight", "bias", "scale", "shift", "mean", "variance")
    hint = (
        "Wanted: the weight and the bias with which a linear layer gives "
        "scale * (weight @ x + bias - mean) / sqrt(variance + 1e-5) + shift."
    )
    generator = torch.Generator().manual_seed(7)
    for n_out, n_in in ((7, 5), (3, 3)):
        weight = torch.randn(n_out, n_in, generator=generator, dtype=torch.float64)
        numbers = torch.randn(5, n_out, generator=generator, dtype=torch.float64)
        bias, scale, shift, mean, log_variance = numbers
        case = (weight, bias, scale, shift, mean, (log_variance - 4).exp())
        result = call(answer, case, names, hint)
        if not isinstance(result, list | tuple) or len(result) != 2:
            raise different(
                f"answer returns {kind(result)}; a pair was expected, (weight, bias).",
                hint,
            )
        for name, found, wanted in zip(names, result, _folded(*case), strict=False):
            same_tensor(found, wanted, name=f"answer's {name}", hint=hint)
    return "In use, batch norm behind a linear layer costs nothing."


def _folded(*case: Tensor, eps: float = 1e-5) -> tuple[Tensor, Tensor]:
    """Ask both layers for the answers to 0 and to every unit vector."""
    weight, bias, scale, shift, mean, variance = case
    n_in = weight.shape[1]
    x = torch.cat([torch.zeros(1, n_in), torch.eye(n_in)]).to(weight)
    sums = linear(x, weight, bias)
    at_zero, *rows = F.batch_norm(sums, mean, variance, scale, shift, eps=eps)
    return (torch.stack(rows) - at_zero).T, at_zero


def normalised_gradient(answer: object) -> str:
    """5.3: the gradient of a normalisation, from its inputs and outputs' gradient."""

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


def momentums_limit(answer: object) -> str:
    """5.4: the learning rate beyond which momentum grows without end."""
    hint = "Wanted: the rate at which the ball jumps from x to -x and back, for ever."
    same_number(answer, 2 * (1 + 0.9), tolerance=0.01, hint=hint)
    return "What alternates in sign cancels, so the limit has moved up."


def adagrad(answer: object) -> str:
    """5.5: a rule that divides by the root of all squared gradients so far."""
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
    return "AdaGrad: a sum where RMSProp has a mean, so its rates can only fall."


def shift_behind(answer: object) -> str:
    """5.6: series moved in their true order, though their positions are permuted."""
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
    "5.2": folded_norm,
    "5.3": normalised_gradient,
    "5.4": momentums_limit,
    "5.5": adagrad,
    "5.6": shift_behind,
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
        lambda weight, bias, *_: (weight, bias),
        lambda *g: _folded(*g)[0],
        lambda *g: _folded(*g)[::-1],
        lambda *g: (_folded(*g)[0].T, _folded(*g)[1]),
        lambda *g: _folded(*g, eps=0.0),
        # along the wrong axis
        lambda w, *g: (w * g[1] / (g[4] + 1e-5).sqrt(), _folded(w, *g)[1]),
        lambda *g: (_folded(*g)[0], g[1] - g[4] + g[3]),  # the bias not multiplied
        lambda *g: _folded(*g[:5], g[5] ** 2),  # divided by the variance
        lambda *g: _folded(*g[:4], 0 * g[4], g[5]),  # the mean forgotten
    ],
    "5.3": [
        None,
        lambda x, g: g / x.std(-1, keepdim=True),
        _without_the_second,
        _with_a_sum,
        _not_divided,
        lambda x, g: x * g,
        lambda x, g: normalize(g, -1, 0.0),  # noqa: ARG005
    ],
    # plain descent's; a tenth of it; ten times; 1 + beta; Nesterov's; for beta = 1
    "5.4": [2.0, 0.2, 20.0, 1.9, 3.8 / 2.8, 4.0, None, "3.8"],
    "5.5": [
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
    "5.6": [
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
