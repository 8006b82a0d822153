"""Attention in plain words, once more: what answers to chapter 9 are compared with."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def draw(*shapes: tuple[int, ...]) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    return tuple(
        torch.randn(*shape, generator=generator, dtype=torch.float64)
        for shape in shapes
    )


def itself(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor) -> Tensor:
    result: Tensor = fit(x @ w_q, x @ w_k).softmax(-1) @ (x @ w_v)
    return result


def backwards(query: Tensor, key: Tensor, value: Tensor, upstream: Tensor) -> Tensor:
    scale = query.shape[-1] ** 0.5
    weights = (query @ key.mT / scale).softmax(-1)  # (T, S)
    each = upstream @ value.mT  # (T, S)
    mean = (weights * each).sum(-1, keepdim=True)
    result: Tensor = weights * (each - mean) @ key / scale
    return result


def headed(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_out: Tensor, mask: Tensor
) -> Tensor:
    x = x[:, None]  # (B, 1, T, C)
    scores = fit(x @ w_q, x @ w_k).masked_fill(~mask, -torch.inf)  # (B, H, T, T)
    result: Tensor = (scores.softmax(-1) @ (x @ w_v) @ w_out).sum(1)
    return result


class Largest(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the numbers of the largest tensor that is made."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.numbers = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        made = func(*args, **(kwargs or {}))
        sizes = [t.numel() for t in tree_leaves(made) if isinstance(t, Tensor)]
        self.numbers = max([self.numbers, *sizes])
        return made


def sliced(query: Tensor, key: Tensor, value: Tensor, size: int) -> Tensor:
    parts = [fit(q, key).softmax(-1) @ value for q in torch.split(query, size)]
    return torch.cat(parts)


def spread(query: Tensor, bias: Tensor, sign: int = 1) -> Tensor:
    """Give a number for each pair of positions, by their distance, (H, T, T)."""
    place, reach = torch.arange(query.shape[-2]), bias.shape[1] // 2
    distance = sign * (place - place[:, None])
    return bias[:, distance.clamp(-reach, reach) + reach]


def masked(mask: Tensor) -> Callable[[Tensor], Tensor]:
    def candidate(x: Tensor) -> Tensor:
        scores = (x @ x.mT / 2).masked_fill(~mask, -torch.inf)
        result: Tensor = scores.softmax(-1) @ x
        return result

    return candidate


def moved(candidate: Callable[[Tensor], Tensor], x: Tensor, s: int) -> Tensor:
    """Tell which results move when position s changes."""
    other = x.clone()
    other[s] += 1
    moved: Tensor = (candidate(other) - candidate(x)).abs().amax(1) > 1e-9
    return moved


def fit(query: Tensor, key: Tensor) -> Tensor:
    scores: Tensor = query @ key.mT / query.shape[-1] ** 0.5
    return scores
