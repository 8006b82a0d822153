"""The exercises of chapter 4, feedforward networks and how they are trained."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from transformer_path.networks.feedforward import MLP, feedforward

from ._compare import as_numbers, same_number, same_tensor
from ._functions import call, same_function
from ._words import different, kind
from .stop_03 import same_operation


def ramp(answer: object) -> str:
    """4.1: an MLP of two hidden units that goes up once and stays up."""
    x = torch.linspace(-2, 3, 41, dtype=torch.float64)[:, None]
    given = _run(answer, x, [1, 2, 1])
    same_tensor(
        given,
        x.clamp(0, 1),
        name="the network's output from x = -2 to 3",
        hint="Wanted: 0 up to x = 0, then x, and 1 from x = 1 on.",
    )
    return "Up with one unit, held with the other: two of these make a bump."


def leaky(answer: object) -> str:
    """4.2: the leaky ReLU on both engines."""
    hint = "Wanted: z where z > 0, and z / 10 where z < 0."
    z = torch.tensor([-30.0, -2.0, -0.1, 0.3, 1.0, 40.0], dtype=torch.float64)

    def reference(z: Tensor) -> Tensor:
        return F.leaky_relu(z, 0.1)

    same_function(answer, reference, [(z,)], hint=hint, gradient=True)
    same_operation(
        answer,
        z.numpy(),
        reference(z),
        torch.where(z > 0, 1.0, 0.1),
        weights=np.ones(6),
        name="z",
        hint="It is right for tensors; on a Variable use relu and arithmetic alone.",
    )
    return "Straight pieces are sums of ReLUs, one per kink; both engines agree."


def tower(answer: object) -> str:
    """4.3: an MLP with two hidden layers that is 1 on a square and 0 around it."""
    side = torch.linspace(-1, 2, 61, dtype=torch.float64)
    x = torch.cartesian_prod(side, side)
    height = _run(answer, x, [2, None, None, 1])[:, 0]
    inside = ((x > -1e-6) & (x < 1 + 1e-6)).all(1)
    outside = ((x < -0.1 - 1e-6) | (x > 1.1 + 1e-6)).any(1)
    for region, level, name in [(inside, 1.0, "inside"), (outside, 0.0, "outside")]:
        same_tensor(
            height[region],
            torch.full((int(region.sum()),), level),
            tolerance=1e-4,
            name=f"the height {name} the square",
            hint=f"It should be {level:g} everywhere {name}.",
        )
    if not ((height > -1e-4) & (height < 1 + 1e-4)).all():
        raise different("Between 0 and 1.1 it should stay between 0 and 1.")
    return "A tower. Give each its own height, put many side by side: any landscape."


def quiet_batch(answer: object) -> str:
    """4.4: how many examples for a third of the noise of a hundred."""
    same_number(answer, 900, hint="Noise goes with one over the square root of B.")
    return "Three times quieter, nine times the work."


def early_stopping(answer: object) -> str:
    """4.5: which look to keep, given a patience."""

    def reference(losses: Sequence[float], patience: int) -> Tensor:
        best = 0
        for look, loss in enumerate(losses):
            if loss < losses[best]:
                best = look
            elif look - best >= patience:
                break
        return torch.tensor(best)

    curves = [
        ([3.0, 2.0, 1.0, 1.5, 2.0, 2.5], 2),
        ([3.0, 2.0, 2.5, 2.4, 1.0, 0.5], 2),  # a deeper valley, never reached
        ([3.0, 2.0, 2.5, 2.4, 1.0, 0.5], 3),  # reached
        ([3.0, 2.0, 1.0], 5),
        ([1.0, 1.0, 1.0, 0.9], 2),  # not lower is not better
        ([1.0], 1),
    ]
    hint = (
        "Stop at the first look that lies `patience` looks behind the best one and is "
        "not better; keep the best look up to there."
    )
    same_function(answer, reference, curves, hint=hint, wanted="a whole number")
    return "Also where the second valley is deeper: patience decides who finds it."


def undo_the_shuffle(answer: object) -> str:
    """4.6: the parameters that see shuffled positions as if they were in order."""
    generator = torch.Generator().manual_seed(0)
    mlp = MLP([7, 11, 5, 3], generator=generator).double()
    parameters = [p.detach() for p in mlp.parameters()]
    order = torch.randperm(7, generator=generator)
    x = torch.randn(13, 7, generator=generator, dtype=torch.float64)
    renamed = call(answer, (parameters, order), ("parameters", "order"))
    given = _run(renamed, x[:, order], [7, 11, 5, 3])
    same_tensor(
        given,
        feedforward(x, parameters),
        tolerance=1e-9,
        name="the output for x[:, order]",
        hint="Column i of the first weight belongs to position i of the input.",
    )
    return "Exactly the same outputs: to an MLP, order is only a matter of naming."


def _run(answer: object, x: Tensor, widths: Sequence[int | None]) -> Tensor:
    """Run the parameters of an answer, and say what does not fit if they do not."""
    count = 2 * (len(widths) - 1)
    if not isinstance(answer, list | tuple):
        raise different(
            f"answer is {kind(answer)}; a list of {count} was expected, {_LIST}."
        )
    if len(answer) != count:
        raise different(
            f"answer is a list of {len(answer)}; one of {count} was expected, {_LIST}."
        )
    names = [
        f"{part} {i + 1}" for i in range(count // 2) for part in ("weight", "bias")
    ]
    given = [as_numbers(p, name) for p, name in zip(answer, names, strict=True)]
    n_in = widths[0]
    for i, n_out in enumerate(widths[1:]):
        weight, bias = given[2 * i : 2 * i + 2]
        rows = n_out or (len(weight) if weight.dim() else 0)
        if tuple(weight.shape) != (rows, n_in):
            wanted = (n_out or "any", n_in)
            raise different(_misfit(f"weight {i + 1}", weight, wanted))
        if bias.dim() > 1 or bias.numel() not in (1, rows):
            raise different(_misfit(f"bias {i + 1}", bias, (rows,)))
        n_in = rows
    return feedforward(x, given)


def _misfit(name: str, given: Tensor, wanted: tuple[object, ...]) -> str:
    shape = f"({', '.join(map(str, wanted))}{',' * (len(wanted) == 1)})"
    return f"{name} has the shape {tuple(given.shape)}; {shape} was expected."


_LIST = "weight, bias, weight, bias and so on"

CHECKS: dict[str, Callable[[object], str]] = {
    "4.1": ramp,
    "4.2": leaky,
    "4.3": tower,
    "4.4": quiet_batch,
    "4.5": early_stopping,
    "4.6": undo_the_shuffle,
}

_ONES, _STEP = torch.tensor([[1.0], [1.0]]), torch.tensor([0.0, -1.0])
WRONG: dict[str, list[object]] = {
    "4.1": [
        None,
        # The tent of the exercise, a ramp that goes on, and one that is transposed:
        [_ONES, torch.tensor([0.0, -0.5]), torch.tensor([[2.0, -4.0]]), torch.zeros(1)],
        [_ONES, _STEP, torch.tensor([[1.0, 0.0]]), torch.zeros(1)],
        [_ONES.T, _STEP, torch.tensor([[1.0], [-1.0]]), torch.zeros(1)],
        [_ONES, _STEP, torch.tensor([[1.0, -1.0]])],
        [_ONES, _STEP[:, None], torch.tensor([[1.0, -1.0]]), torch.zeros(1)],
        [_ONES, _STEP, torch.tensor([[1.0, -1.0]]), "0"],
        [_ONES, _STEP, torch.tensor([[1.0, float("nan")]]), torch.zeros(1)],
        [_ONES > 0, _STEP, torch.tensor([[1.0, -1.0]]), torch.zeros(1)],
    ],
    "4.2": [
        lambda z: z.relu(),
        lambda z: z.relu() + (-z).relu() / 10,  # the absolute value's sign
        lambda z: F.leaky_relu(z, 0.1),  # knows one engine only
        lambda z: F.leaky_relu(z, 0.01),
        lambda z: F.leaky_relu_(z, 0.1),
        0.1,
    ],
    "4.3": [
        [],
        [torch.ones(2, 2), torch.zeros(2), torch.ones(1, 2), torch.zeros(1)],
        [
            torch.eye(2),
            torch.zeros(2),
            torch.ones(1, 2),
            torch.zeros(1),
            torch.ones(1, 1),
            torch.zeros(1),
        ],
    ],
    "4.4": [100, 300, 33, None, 899.9, "900", True],
    "4.5": [
        lambda losses, _: min(range(len(losses)), key=losses.__getitem__),
        lambda losses, _: len(losses) - 1,
        lambda *_: None,
        lambda losses, _: losses.sort(),
        lambda losses, _: losses.clear() or 0,
        lambda losses, _: losses[0],
        lambda losses: len(losses) - 1,
        2,
    ],
    "4.6": [
        lambda parameters, _: parameters,
        lambda parameters, order: [
            parameters[0][:, order.argsort()],  # the shuffle's inverse
            *parameters[1:],
        ],
        lambda parameters, order: parameters[0][:, order],
        lambda parameters, order: [
            parameters[0].copy_(parameters[0][:, order]),
            *parameters[1:],
        ],
        lambda parameters, order: [parameters.pop(0)[:, order], *parameters],
        "index",
    ],
}
