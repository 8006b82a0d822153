"""How does a language model write? It draws a token, reads it, and draws the next.

Which tokens may be drawn is a matter of taste: the most probable one only (greedy), the
k most probable (top-k), the fewest that have a share p together (top-p, nucleus), or
those with at least a share of the best one's probability (min-p). The temperature comes
first: below 1 it favours what is probable already.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from transformer_path.variants.gpt import Cache, Sizes
from transformer_path.workshop._inputs import whole


class LanguageModel(Protocol):
    """What can write: a module that reads as ``GPT.forward``, and knows its context."""

    sizes: Sizes
    training: bool

    def __call__(  # noqa: D102
        self, tokens: Tensor, *, cache: Cache | None = None, alive: Tensor | None = None
    ) -> Any: ...
    def train(self, mode: bool = True) -> Any: ...  # noqa: D102
    def parameters(self) -> Iterator[nn.Parameter]: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True)
class Taste:
    """Which tokens may be drawn, and how boldly.

    Parameters
    ----------
    temperature : float
        What the logits are divided by; 0 takes the largest.
    top_k : int, optional
        Only the k most probable.
    top_p : float
        Only the fewest, beginning with the most probable, that have this share.
    min_p : float
        Only those with at least this share of the probability of the best.

    Raises
    ------
    ValueError
        If the temperature is negative or not finite, top_k is below 1, or top_p or
        min_p lie outside 0 to 1; top_p may not be 0.

    References
    ----------
    Top-p: Holtzman et al. (2020), "The Curious Case of Neural Text Degeneration".
    Min-p: Nguyen et al. (2025), "Turning Up the Heat".
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    min_p: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise ValueError(
                f"temperature={self.temperature} must be a number from 0 (always the "
                "most probable token) upwards."
            )
        if self.top_k is not None:
            whole("top_k", self.top_k, 1)
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p={self.top_p} must be above 0 and at most 1.")
        if not 0 <= self.min_p <= 1:
            raise ValueError(f"min_p={self.min_p} must lie between 0 and 1.")


def probabilities(logits: Tensor, taste: Taste) -> Tensor:
    """Give the probabilities from which the next token is drawn.

    Shapes
    ------
    logits
        (..., V)
    result
        (..., V); what may not be drawn has 0

    Examples
    --------
    >>> logits = torch.tensor([0.5, 0.3, 0.2]).log()
    >>> probabilities(logits, Taste(top_p=0.6))
    tensor([0.6250, 0.3750, 0.0000])
    """
    if taste.temperature == 0:
        best = logits.argmax(-1, keepdim=True)
        return torch.zeros_like(logits).scatter(-1, best, 1.0)
    # The largest is moved to 0: however cold, nothing overflows to the same infinity.
    below = logits - logits.amax(-1, keepdim=True)
    coldest = torch.finfo(logits.dtype).tiny
    scaled = below / max(taste.temperature, coldest)
    share = scaled.softmax(-1)
    allowed = share >= taste.min_p * share.amax(-1, keepdim=True)
    if taste.top_k is not None or taste.top_p < 1:
        ordered, order = share.sort(descending=True)
        kept = torch.ones_like(allowed)
        if taste.top_p < 1:  # else rounding would cut off the end of the tail
            before = ordered.cumsum(-1) - ordered  # what the more probable ones have
            kept = before < taste.top_p
        if taste.top_k is not None:
            kept[..., taste.top_k :] = False
        allowed &= kept.scatter(-1, order, kept)
    return scaled.masked_fill(~allowed, -torch.inf).softmax(-1)


@torch.no_grad()
def stream(
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    n: int,
    taste: Taste | None = None,
    *,
    generator: Generator | None = None,
    cached: bool = True,
) -> Iterator[Tensor]:
    """Go on with texts, and give each token as soon as it is drawn.

    Where a text outgrows the context, the model reads its last tokens only, as a text
    of its own, and the cache is of no use any more.

    Parameters
    ----------
    model : LanguageModel
        Who writes, for example a GPT.
    prompts : sequence of sequence of int
        Tokens that are there already; they may be of unequal length.
    n : int
        How many tokens are written to each.
    taste : Taste, optional
        How they are drawn; as they come, if none is given.
    generator : torch.Generator, optional
        What decides the draws. They happen where it lies, and on the processor if none
        is given, whatever the model lies on: so a seed gives the same.
    cached : bool
        Whether keys and values are kept, or computed again for each token.

    Yields
    ------
    Tensor, shape (B,)
        The next token of each text, n times.

    Raises
    ------
    ValueError
        If there is no prompt, or one is empty.
    """
    tokens, alive = _padded(prompts, next(model.parameters()).device)
    dice = torch.device("cpu") if generator is None else generator.device
    context, taste = model.sizes.context, taste or Taste()
    training, cache = model.training, Cache() if cached else None
    model.train(False)
    try:
        for _ in range(whole("n", n, 0)):
            if tokens.shape[1] > context:
                cache = None
            unread = context if cache is None else tokens.shape[1] - cache.length
            new = tokens[:, -unread:]
            logits = model(new, cache=cache, alive=alive[:, -context:])[:, -1]
            share = probabilities(logits.to(dice), taste)
            drawn = share.multinomial(1, generator=generator)  # (B, 1)
            tokens = torch.cat([tokens, drawn.to(tokens)], 1)
            alive = F.pad(alive, (0, 1), value=True)
            yield drawn[:, 0]
    finally:
        model.train(training)


def generate(
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    n: int,
    taste: Taste | None = None,
    *,
    generator: Generator | None = None,
    cached: bool = True,
) -> list[list[int]]:
    """Give the ``n`` new tokens of each text, as :func:`stream` draws them."""
    written: list[list[int]] = [[] for _ in prompts]
    for new in stream(model, prompts, n, taste, generator=generator, cached=cached):
        for row, token in zip(written, new.tolist(), strict=True):
            row.append(token)
    return written


def _padded(
    prompts: Sequence[Sequence[int]], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Let prompts end together: tokens, and where they are real, (B, T) each."""
    if not prompts or not all(len(prompt) for prompt in prompts):
        raise ValueError(
            "a prompt is empty; each needs at least one token to go on from."
        )
    longest = max(map(len, prompts))
    padded = [[0] * (longest - len(prompt)) + [*prompt] for prompt in prompts]
    lengths = torch.tensor([[len(prompt)] for prompt in prompts], device=device)
    alive = torch.arange(longest, device=device) >= longest - lengths
    return torch.tensor(padded, device=device), alive
