"""The exercises of sampling and the cache, in chapter 11."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ._compare import same_number, same_tensor
from ._functions import call, same_function
from ._words import different, kind


def bytes_of_a_cache(answer: object) -> str:
    """11.7: bytes of the cache of 32 layers of width 4,096, for 8,192 tokens."""
    hint = "A key and a value, in each layer, for each token, each 4,096 numbers."
    same_number(answer, 2 * 32 * 8192 * 4096 * 2, tolerance=0, hint=hint)
    return "Four gigabytes for one text: here memory, not arithmetic, is the limit."


def fewest_with_a_share(answer: object) -> str:
    """11.8: a function answer(p, share), top-p of one row of probabilities."""
    hint = (
        "Sort. A token stays while those before it have less than the share together; "
        "so the one that reaches it stays too. Then divide by what is left."
    )
    generator = torch.Generator().manual_seed(0)
    drawn = (2 * torch.randn(9, generator=generator)).double().softmax(0)
    four = torch.tensor([0.15, 0.5, 0.05, 0.3], dtype=torch.float64)
    cases = [(four, 0.4), (four, 0.7), (four, 0.9), (drawn, 0.6), (drawn, 1.0)]
    same_function(answer, _nucleus, cases, hint=hint)
    return "The nucleus, of one token where the model is sure, of many where it is not."


def attends_with_a_cache(answer: object) -> str:
    """11.9: a function answer(query, key, value, kept) for one new position."""
    hint = "Put the new key and value behind those kept; the query asks all of them."
    generator = torch.Generator().manual_seed(0)
    query, key, value = torch.randn(3, 2, 5, 4, generator=generator).double()
    whole = F.scaled_dot_product_attention(query, key, value, is_causal=True)
    names = ["query", "key", "value", "kept"]
    kept: object = None
    for n in range(5):
        case = (query[:, n], key[:, n], value[:, n], kept)
        given = call(answer, case, names, hint)
        if not isinstance(given, tuple) or len(given) != 2:
            raise different(
                f"answer(query, key, value, kept) is {kind(given)}; expected a pair, "
                "the result and what is kept.",
                hint,
            )
        result, kept = given
        expected = torch.stack([key, value])[:, :, : n + 1]
        same_tensor(kept, expected, hint=hint, name=f"what is kept at position {n}")
        same_tensor(result, whole[:, n], hint=hint, name=f"the result at position {n}")
    return "Five steps, one key and one value each, and the same as all at once."


def _nucleus(
    p: Tensor,
    share: float,
    *,
    reached: bool = True,
    again: bool = True,
    placed: bool = True,
) -> Tensor:
    """Give top-p of one row, or top-p with one thing wrong."""
    ordered, order = p.sort(descending=True)
    before = ordered.cumsum(0) - (ordered if reached else 0)
    kept = torch.where(before < share, ordered, 0.0)
    kept = kept / kept.sum() if again else kept
    return torch.zeros_like(p).scatter(0, order, kept) if placed else kept


def _step(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    kept: Tensor | None,
    *,
    scaled: bool = True,
    values: bool = True,
    keeps: bool = True,
) -> tuple[Tensor, Tensor]:
    """Attend from one new position, or do so with one thing wrong."""
    new = torch.stack([key, value])[:, :, None]  # (2, B, 1, D)
    both = new if kept is None or not keeps else torch.cat([kept, new], 2)
    keys, all_values = both
    scores = (keys @ query[:, :, None])[..., 0]  # (B, T)
    weights = (scores / query.shape[-1] ** 0.5 if scaled else scores).softmax(-1)
    result = (weights[:, None] @ (all_values if values else keys))[:, 0]
    return result, both


CHECKS: dict[str, Callable[[object], str]] = {
    "11.7": bytes_of_a_cache,
    "11.8": fewest_with_a_share,
    "11.9": attends_with_a_cache,
}

WRONG: dict[str, list[object]] = {
    "11.7": [
        32 * 8192 * 4096 * 2,
        2 * 32 * 8192 * 4096,
        2 * 8192 * 4096 * 2,
        None,
        "4",
    ],
    "11.8": [
        lambda p, share: _nucleus(p, share, reached=False),
        lambda p, share: _nucleus(p, share, again=False),
        lambda p, share: _nucleus(p, share, placed=False),
        lambda p, share: p.where(p >= share, 0.0),
        lambda p, _share: p,
        3,
    ],
    "11.9": [
        lambda query, key, value, kept: _step(query, key, value, kept, scaled=False),
        lambda query, key, value, kept: _step(query, key, value, kept, values=False),
        lambda query, key, value, kept: _step(query, key, value, kept, keeps=False),
        lambda query, key, value, kept: _step(query, key, value, kept)[0],
        lambda query, key, value, kept: (_step(query, key, value, kept)[0], kept),
        lambda _query, _key, _value, _kept: None,
        3,
    ],
}
