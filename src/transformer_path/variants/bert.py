"""What if a network may read in both directions? It learns from words that are missing.

Who sees what comes next cannot be asked for it. So some tokens are hidden, and the
network guesses them from all the others (:cite:t:`devlin2019bert`).
"""

from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from transformer_path.variants.gpt import GPT
from transformer_path.workshop._inputs import whole
from transformer_path.workshop.scores import IGNORED
from transformer_path.workshop.vocabulary import look_up


class Masked(NamedTuple):
    """Texts with some tokens hidden, and what stood there.

    ``tokens`` and ``targets`` have the shape (B, T), int64; a target is -100 where
    nothing is asked.
    """

    tokens: Tensor
    targets: Tensor


class BERT(GPT):
    """Logits for the token at each position, from the text on both sides of it.

    The network is :class:`~transformer_path.variants.gpt.GPT`, weight by weight; what
    differs is who sees whom. (The published BERT normalises after each sum, adds
    a layer before the readout, and reads two sentences at a time.)

    Parameters
    ----------
    sizes : Sizes
        How large it is; the vocabulary includes the token that hides others.

    Raises
    ------
    ValueError
        If a size is smaller than 1, or n_heads does not divide d_model.

    References
    ----------
    :cite:t:`devlin2019bert`.

    Examples
    --------
    What stands last changes what is read first:

    >>> from transformer_path.variants.gpt import Sizes
    >>> model = BERT(Sizes(vocabulary=11, context=8, d_model=12, n_heads=2))
    >>> one, other = torch.tensor([[3, 1, 4, 1, 5]]), torch.tensor([[3, 1, 4, 1, 9]])
    >>> torch.equal(model(one)[:, 0], model(other)[:, 0])
    False
    """

    def forward(  # type: ignore[override]
        self, tokens: Tensor, *, mask: Tensor | None = None
    ) -> Tensor:
        """Guess each token.

        Shapes
        ------
        tokens
            (B, T), int64
        mask
            (T, T), bool: True where position t may look at position s; everywhere, if
            none is given. For padding, (B, 1, 1, T).
        result
            (B, T, V)

        Raises
        ------
        ValueError
            As :meth:`read`.
        """
        return F.linear(self.read(tokens, mask=mask), self.tokens.weight)

    def read(self, tokens: Tensor, *, mask: Tensor | None = None) -> Tensor:
        """Describe each position by what stands around it: (B, T) to (B, T, C).

        Raises
        ------
        ValueError
            If the text is longer than the context, or empty, or a token is unknown, or
            the mask is not bool.
        """
        n, context = tokens.shape[-1], self.sizes.context
        if tokens.dim() != 2 or not 1 <= n <= context:
            raise ValueError(
                f"tokens of shape {tuple(tokens.shape)}; expected (B, T), texts as "
                f"rows, with T from 1 to the context of {context}."
            )
        if mask is None:
            mask = torch.ones(n, n, dtype=torch.bool, device=tokens.device)
        if mask.dtype != torch.bool:
            raise ValueError(
                f"mask of type {mask.dtype}; expected bool, True where a position may "
                "look."
            )
        x = look_up(self.tokens, tokens) + self.positions.weight[:n]  # (B, T, C)
        x = self.dropout(x)
        for layer in self.layers:
            x = layer(x, mask)
        result: Tensor = self.norm(x)
        return result


def masked(
    tokens: Tensor, mask: int, *, generator: Generator, share: float = 0.15
) -> Masked:
    """Choose tokens to ask for, and hide most of them.

    Of those chosen, 80% become the mask token, 10% another token at random, and 10%
    stay: the network cannot know which of the tokens that it sees are the true ones.

    Parameters
    ----------
    tokens : Tensor, shape (B, T)
        Texts; they stay as they are.
    mask : int
        The token that hides others. Those drawn at random are smaller numbers.
    generator : torch.Generator
        Decides which, and what becomes of them.
    share : float
        Which part of each row is chosen; at least one token, however short it is.

    Raises
    ------
    ValueError
        If tokens are no rows, or one of them is no token below the mask, or share does
        not lie above 0 and at most at 1.

    References
    ----------
    :cite:t:`devlin2019bert`; each row gets as many as in its authors' own code.

    Examples
    --------
    >>> rows = torch.arange(40).view(2, 20)
    >>> hidden = masked(rows, mask=40, generator=torch.Generator().manual_seed(0))
    >>> (hidden.targets >= 0).sum(1)
    tensor([3, 3])
    >>> chosen = hidden.targets >= 0
    >>> torch.equal(hidden.targets[chosen], rows[chosen])
    True
    """
    mask = whole("mask", mask, 1)
    if tokens.dim() != 2 or not tokens.numel():
        raise ValueError(
            f"tokens of shape {tuple(tokens.shape)}; expected (B, T), texts as rows."
        )
    low, high = int(tokens.min()), int(tokens.max())
    if low < 0 or high >= mask:
        raise ValueError(
            f"tokens run from {low} to {high}, but mask={mask} must be a larger number "
            "than all of them: a token of its own, the last of the vocabulary."
        )
    if not 0 < share <= 1:
        raise ValueError(f"share={share} must be above 0 and at most 1.")
    n = max(1, round(share * tokens.shape[1]))
    order = torch.rand(tokens.shape, generator=generator).argsort(1)
    chosen = torch.zeros_like(tokens, dtype=torch.bool).scatter(1, order[:, :n], True)
    fate = torch.rand(tokens.shape, generator=generator)
    strange = torch.randint(mask, tokens.shape, generator=generator)
    hidden = tokens.masked_fill(chosen & (fate < 0.8), mask)
    hidden = hidden.where(~chosen | (fate < 0.8) | (fate >= 0.9), strange)
    return Masked(hidden, tokens.masked_fill(~chosen, IGNORED))
