"""What does a language model learn from, and how well does it know a text?

The texts of a corpus lie one behind the other, as one long row of tokens. A batch is a
few windows out of it; every position of a window is an example. To compare models that
cut text in different ways, count the bits that they need for the same bytes.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from math import log
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from transformer_path.workshop._inputs import whole
from transformer_path.workshop.batches import mixed


class Tokenizer(Protocol):
    """What cuts text into tokens, and puts it together again."""

    def __len__(self) -> int: ...
    def encode(self, text: str) -> list[int]: ...  # noqa: D102
    def decode(self, tokens: Iterable[int]) -> str: ...  # noqa: D102


def joined(texts: Iterable[str], tokenizer: Tokenizer, end: int) -> Tensor:
    """Write texts as one row, with the token ``end`` before and after each.

    Shapes
    ------
    result
        (N,), int64

    Raises
    ------
    ValueError
        If there is no text, or only empty ones.

    Examples
    --------
    >>> from transformer_path.transformer.tokenizer import CharacterTokenizer
    >>> joined(["ab", "b"], CharacterTokenizer("ab"), end=2)
    tensor([2, 0, 1, 2, 1, 2])
    """
    row = [end]
    for text in texts:
        row += [*tokenizer.encode(text), end]
    if {*row} == {end}:
        raise ValueError("the texts are empty; a language model needs some to read.")
    return torch.tensor(row)


def windows(
    tokens: Tensor, context: int, size: int, *, seed: int = 0
) -> Callable[[int], Tensor]:
    """Draw windows of a row, each ``context`` tokens and the one that follows.

    Parameters
    ----------
    tokens : Tensor, shape (N,)
        All that there is to learn from.
    context : int
        Tokens that a model reads at once, T.
    size : int
        Windows in a batch, B.
    seed : int
        Decides which.

    Returns
    -------
    callable
        From the number of a step to (B, T + 1); the same number gives the same.

    Raises
    ------
    ValueError
        If the row is shorter than one window.

    Examples
    --------
    >>> windows(torch.arange(4), context=3, size=2)(0)
    tensor([[0, 1, 2, 3],
            [0, 1, 2, 3]])
    """
    rows, size = _rows(tokens, context, size)

    def batch(step: int) -> Tensor:
        generator = torch.Generator().manual_seed(mixed(seed, step))
        drawn: Tensor = rows[torch.randint(len(rows), (size,), generator=generator)]
        return drawn

    return batch


def shuffled(
    tokens: Tensor, context: int, size: int, *, seed: int = 0
) -> Callable[[int], Tensor]:
    """Cut a row into windows, and walk through them in a new order in every epoch.

    Of windows that are drawn, an epoch misses more than a third of the row and reads
    other parts twice. Here every token is asked for once before any is asked for
    again, but for some at the two ends. Each epoch cuts at other places.

    Parameters
    ----------
    tokens, context, size, seed
        As for :func:`windows`.

    Returns
    -------
    callable
        From the number of a step to (B, T + 1); the same number gives the same.

    Raises
    ------
    ValueError
        If the row is shorter than one window.

    Examples
    --------
    >>> batch = shuffled(torch.arange(9), context=2, size=1)
    >>> sorted(batch(step)[0, -1].item() for step in range(3))
    [2, 4, 6]
    """
    rows, size = _rows(tokens, context, size)
    per_epoch = max(1, len(tokens) // context - 1)
    spare = min(context, len(rows) - (per_epoch - 1) * context)

    @lru_cache(maxsize=2)
    def starts(epoch: int) -> Tensor:
        generator = torch.Generator().manual_seed(mixed(seed, epoch))
        first = torch.randint(spare, (), generator=generator)
        return first + context * torch.randperm(per_epoch, generator=generator)

    def batch(step: int) -> Tensor:
        first, last = step * size, (step + 1) * size  # numbers of windows
        epochs = range(first // per_epoch, (last - 1) // per_epoch + 1)
        several = torch.cat([starts(epoch) for epoch in epochs])
        first %= per_epoch
        taken: Tensor = rows[several[first : first + size]]
        return taken

    return batch


def next_token_loss(model: Callable[[Tensor], Tensor], window: Tensor) -> Tensor:
    """Give the cross-entropy of each token after the first, on average, in nats.

    Shapes
    ------
    window
        (B, T + 1), int64; the model goes from (B, T) to logits, (B, T, V)
    result
        ()
    """
    logits, wanted = model(window[:, :-1]), window[:, 1:]
    return F.cross_entropy(logits.flatten(0, 1), wanted.flatten())


@torch.no_grad()
def total_bits(
    model: Callable[[Tensor], Tensor],
    tokens: Tensor,
    context: int,
    *,
    stride: int | None = None,
    size: int = 16,
) -> float:
    """Count the bits that a model needs for a text, given its first token.

    Windows slide over the row, and each token is counted once: in the window that
    first holds it. So a token has at least ``context - stride`` tokens before it, but
    for those of the first window. Divided by the bytes of the text, this is the
    model's *bits per byte*.

    Parameters
    ----------
    model : callable
        From (B, T) to logits, (B, T, V); in evaluation mode.
    tokens : Tensor, shape (N,)
        The text, at least two tokens.
    context : int
        Tokens that the model reads at once.
    stride : int, optional
        How far the window slides: half a context, if nothing is said.
    size : int
        Windows in a batch.

    Raises
    ------
    ValueError
        If the row has fewer than two tokens, or stride is not from 1 to context.

    Examples
    --------
    Who knows nothing needs two bits for each of four tokens:

    >>> round(total_bits(lambda x: torch.zeros(*x.shape, 4), torch.arange(4), 2), 6)
    6.0
    """
    if tokens.dim() != 1 or len(tokens) < 2:
        raise ValueError(
            f"tokens of shape {tuple(tokens.shape)}; expected one row of two or more."
        )
    context = min(whole("context", context, 1), len(tokens) - 1)
    stride = max(context // 2, 1) if stride is None else whole("stride", stride, 1)
    if stride > context:
        raise ValueError(
            f"stride={stride} would leap over tokens; it is at most the context, "
            f"{context} here."
        )
    last = len(tokens) - 1 - context
    starts = torch.tensor([*range(0, last, stride), last])
    known = torch.tensor([0, *(starts[:-1] + context).tolist()])  # counted before
    places = torch.arange(context + 1)
    nats = 0.0
    for n in range(0, len(starts), size):
        some, old = starts[n : n + size], known[n : n + size]
        at = some[:, None] + places  # (B, T + 1)
        losses = _losses(model, tokens[at])  # (B, T)
        new = at[:, 1:] > old[:, None]
        nats += losses[new.to(losses.device)].double().sum().item()
    return nats / log(2)


def _losses(model: Callable[[Tensor], Tensor], window: Tensor) -> Tensor:
    logits = model(window[:, :-1])  # (B, T, V)
    wanted = window[:, 1:]
    flat = F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="none")
    return flat.view_as(wanted)


def _rows(tokens: Tensor, context: int, size: int) -> tuple[Tensor, int]:
    """Give all windows, (N - T, T + 1), as a view, and check what is asked for."""
    context, size = whole("context", context, 1), whole("size", size, 1)
    if tokens.dim() != 1 or len(tokens) <= context:
        raise ValueError(
            f"tokens of shape {tuple(tokens.shape)}; expected one row, longer than the "
            f"context of {context}. Take a longer text or a shorter context."
        )
    return tokens.unfold(0, context + 1, 1), size
