"""The exercises of chapter 4, feedforward networks and how they are trained."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

from transformer_path.networks.autograd import Variable
from transformer_path.networks.feedforward import MLP, feedforward

from ._compare import Different, same_function, same_number, same_tensor


def ramp(answer: object) -> str:
    """4.1: an MLP of two hidden units that goes up once and stays up."""
    x = torch.linspace(-2, 3, 41)[:, None]
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
    assert callable(answer)
    variable = Variable(z.numpy())
    try:
        out = answer(variable)
        out.sum().backward()
    except (TypeError, AttributeError) as error:
        raise Different(
            f"It is right for tensors, and stops on a Variable: {error} "
            "Use relu and arithmetic alone."
        ) from error
    same_tensor(
        torch.tensor(out.data), reference(z), hint=hint, name="answer(Variable(z)).data"
    )
    slope = torch.where(z > 0, 1.0, 0.1)
    ours = torch.tensor(variable.grad)
    same_tensor(ours, slope, hint=hint, name="the gradient on our engine")
    return "Bends of straight pieces are sums of ReLUs; both engines agree."


def tower(answer: object) -> str:
    """4.3: an MLP with two hidden layers that is 1 on a square and 0 around it."""
    side = torch.linspace(-1, 2, 61)
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
    if height.min() < -1e-4 or height.max() > 1 + 1e-4:
        raise Different("Between 0 and 1.1 it should stay between 0 and 1.")
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
    same_function(answer, reference, curves, hint=hint)
    return "Also where the second valley is deeper: patience decides who finds it."


def undo_the_shuffle(answer: object) -> str:
    """4.6: the parameters that see shuffled positions as if they were in order."""
    if not callable(answer):
        raise Different("answer is no function; expected answer(parameters, order).")
    generator = torch.Generator().manual_seed(0)
    mlp = MLP([7, 11, 5, 3], generator=generator).double()
    parameters = [p.detach() for p in mlp.parameters()]
    kept = [p.clone() for p in parameters]
    order = torch.randperm(7, generator=generator)
    x = torch.randn(13, 7, generator=generator, dtype=torch.float64)
    renamed = answer(parameters, order)
    for before, after in zip(kept, parameters, strict=True):
        if not torch.equal(before, after):
            raise Different("answer(parameters, order) changes its argument in place.")
    given = _run(renamed, x[:, order], [7, 11, 5, 3])
    same_tensor(
        given,
        feedforward(x, kept),
        tolerance=1e-9,
        name="the output for x[:, order]",
        hint="Column i of the first weight belongs to position i of the input.",
    )
    return "Exactly the same outputs: to an MLP, order is only a matter of naming."


def _run(answer: object, x: Tensor, widths: Sequence[int | None]) -> Tensor:
    """Run the parameters of an answer, and say what does not fit if they do not."""
    count = 2 * (len(widths) - 1)
    if not isinstance(answer, list | tuple) or len(answer) != count:
        found = f"{len(answer)}" if isinstance(answer, list | tuple) else "no list"
        raise Different(
            f"answer should be a list of {count} tensors, weight, bias and so on; "
            f"it is {found}."
        )
    if not all(isinstance(p, Tensor) for p in answer):
        raise Different("answer should hold tensors only; write torch.tensor(...).")
    for (n_in, n_out), weight in zip(pairwise(widths), answer[::2], strict=True):
        fits = weight.dim() == 2 and all(
            wanted in (None, given)
            for wanted, given in zip((n_out, n_in), weight.shape, strict=True)
        )
        if not fits:
            shape = tuple("any" if n is None else n for n in (n_out, n_in))
            raise Different(
                f"a weight has the shape {tuple(weight.shape)}; {shape} was expected."
            )
    try:
        out: Tensor = feedforward(x, list(answer))
    except (ValueError, RuntimeError) as error:
        raise Different(f"feedforward(x, answer) stopped: {error}") from error
    return out


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
        # The tent of the chapter, a ramp that goes on, and one that is transposed:
        [_ONES, torch.tensor([0.0, -0.5]), torch.tensor([[2.0, -4.0]]), torch.zeros(1)],
        [_ONES, _STEP, torch.tensor([[1.0, 0.0]]), torch.zeros(1)],
        [_ONES.T, _STEP, torch.tensor([[1.0], [-1.0]]), torch.zeros(1)],
        [_ONES, _STEP, torch.tensor([[1.0, -1.0]])],
        [[[1.0], [1.0]], [0.0, -1.0], [[1.0, -1.0]], [0.0]],
    ],
    "4.2": [
        lambda z: z.relu(),
        lambda z: z.relu() + (-z).relu() / 10,  # the absolute value's sign
        lambda z: F.leaky_relu(z, 0.1),  # knows one engine only
        lambda z: F.leaky_relu(z, 0.01),
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
    "4.4": [100, 300, 33, None],
    "4.5": [
        lambda losses, _: min(range(len(losses)), key=losses.__getitem__),
        lambda losses, _: len(losses) - 1,
        lambda *_: None,
        2,
    ],
    "4.6": [
        lambda parameters, _: parameters,
        lambda parameters, order: [
            parameters[0][:, order.argsort()],  # the shuffle's inverse
            *parameters[1:],
        ],
        lambda parameters, order: parameters[0][:, order],
        "index",
    ],
}
