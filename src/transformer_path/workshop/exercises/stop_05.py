"""The exercises of chapter 5, training deep networks."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from transformer_path.networks.optimization import rmsprop, sgd

from ._compare import same_tensor
from ._functions import as_function, guarded
from ._words import different


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
    return "AdaGrad: a sum where RMSProp has a mean, so its rates can only fall."


CHECKS: dict[str, Callable[[object], str]] = {
    "5.3": adagrad,
}


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
}
