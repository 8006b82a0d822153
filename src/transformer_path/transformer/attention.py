"""What if every position asks every other?

A position asks with a *query*; every position has a *key*, with which the query is
compared, and a *value*, which it answers with. What is handed on is the average of the
values, weighted by how well the keys fit. Several such questions at a time are the
*heads* (:cite:t:`vaswani2017attention`, Section 3.2).
"""

import torch
from torch import Generator, Tensor, nn

from transformer_path.networks.feedforward import linear
from transformer_path.workshop._inputs import whole


def attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention.

    Shapes
    ------
    query
        (..., T, d_k), of those who ask
    key, value
        (..., S, d_k) and (..., S, d_v), of those who are asked
    mask
        (..., T, S), bool: True where position t may look at position s
    result
        (..., T, d_v), and the weights, (..., T, S). A row of weights adds up to 1;
        where a position may look nowhere, its weights and its result are 0.

    Raises
    ------
    ValueError
        If the shapes do not fit, or the mask is not bool.

    References
    ----------
    :cite:t:`vaswani2017attention`, Equation 1.

    Examples
    --------
    Who asks everywhere alike gets the mean of all values:

    >>> key, value = torch.randn(5, 3), torch.arange(10.0).reshape(5, 2)
    >>> attention(torch.zeros(1, 3), key, value)[0]
    tensor([[4., 5.]])
    """
    _check(query, key, value)
    scores = query @ key.mT / query.shape[-1] ** 0.5  # (..., T, S)
    if mask is None:
        weights = scores.softmax(-1)
    else:
        mask = _checked_mask(mask, scores)
        lowest = torch.finfo(scores.dtype).min  # with -inf a row without True is NaN
        weights = scores.masked_fill(~mask, lowest).softmax(-1) * mask
    return weights @ value, weights


def causal_mask(n: int, device: torch.device | str = "cpu") -> Tensor:
    """Let each position look at itself and at those before, (T, T).

    Examples
    --------
    >>> causal_mask(3).int()
    tensor([[1, 0, 0],
            [1, 1, 0],
            [1, 1, 1]], dtype=torch.int32)
    """
    return torch.ones(whole("n", n, 1), n, dtype=torch.bool, device=device).tril()


def padding_mask(alive: Tensor) -> Tensor:
    """Let no position of any head look at padding: (B, S) to (B, 1, 1, S).

    Together with :func:`causal_mask` by ``&``.

    Examples
    --------
    >>> alive = torch.tensor([[True, True, False]])
    >>> (padding_mask(alive) & causal_mask(3)).int()
    tensor([[[[1, 0, 0],
              [1, 1, 0],
              [1, 1, 0]]]], dtype=torch.int32)
    """
    if alive.dim() != 2 or alive.dtype != torch.bool:
        raise ValueError(
            f"alive of shape {tuple(alive.shape)} and type {alive.dtype}; expected "
            "(B, S), bool, True where no padding stands: tokens != 0."
        )
    return alive[:, None, None]


def split_heads(x: Tensor, n_heads: int) -> Tensor:
    """Cut the numbers of each position into heads: (B, T, H·D) to (B, H, T, D)."""
    return x.reshape(*x.shape[:2], n_heads, -1).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """Lay the heads side by side again: (B, H, T, D) to (B, T, H·D)."""
    return x.transpose(1, 2).flatten(2)


class MultiHeadAttention(nn.Module):
    """Several questions at a time; equals :class:`torch.nn.MultiheadAttention`.

    Parameters
    ----------
    d_model : int
        Numbers at each position.
    n_heads : int
        Questions; each works with d_model / n_heads numbers.
    generator : torch.Generator, optional
        Where the first weights are drawn from, in the same ranges as torch's.

    Raises
    ------
    ValueError
        If a size is smaller than 1, or n_heads does not divide d_model.

    References
    ----------
    :cite:t:`vaswani2017attention`, Section 3.2.2.

    Examples
    --------
    Positions that change places take their results along: there is no order in it.

    >>> layer, x = MultiHeadAttention(6, n_heads=2), torch.randn(1, 4, 6)
    >>> order = torch.tensor([2, 0, 3, 1])
    >>> torch.allclose(layer(x[:, order])[0], layer(x)[0][:, order], atol=1e-6)
    True
    """

    def __init__(
        self, d_model: int, n_heads: int, *, generator: Generator | None = None
    ) -> None:
        super().__init__()
        self.d_model = whole("d_model", d_model, 1)
        self.n_heads = whole("n_heads", n_heads, 1)
        if d_model % n_heads:
            fitting = ", ".join(
                str(n) for n in range(1, d_model + 1) if not d_model % n
            )
            raise ValueError(
                f"d_model={d_model} is not divisible by n_heads={n_heads}; each head "
                f"takes an equal share, so n_heads may be {fitting}."
            )
        # The names are torch's, so that state dicts fit. Queries, keys and values are
        # three linear layers in one matrix.
        self.in_proj_weight = nn.Parameter(torch.empty(3 * d_model, d_model))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * d_model))
        self.out_proj = nn.Linear(d_model, d_model)
        limit = d_model**-0.5
        nn.init.uniform_(self.out_proj.weight, -limit, limit, generator=generator)
        nn.init.zeros_(self.out_proj.bias)
        nn.init.xavier_uniform_(self.in_proj_weight, generator=generator)

    def forward(
        self, x: Tensor, source: Tensor | None = None, *, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Let each position of ``x`` ask ``source``: x itself, if none is given.

        Shapes
        ------
        x
            (B, T, d_model)
        source
            (B, S, d_model)
        mask
            (T, S), (B, 1, 1, S) or any shape that fits (B, n_heads, T, S), bool: True
            where position t may look at position s
        result
            (B, T, d_model), and the weights, (B, n_heads, T, S)

        Raises
        ------
        ValueError
            If a shape does not fit, or the mask is not bool.
        """
        source = x if source is None else source
        _fits(self.d_model, x=x, source=source)
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        query, key, value = (
            split_heads(linear(given, weight, bias), self.n_heads)  # (B, H, T, D)
            for given, weight, bias in zip(
                (x, source, source), weights, biases, strict=True
            )
        )
        answers, looked = attention(query, key, value, mask)
        result: Tensor = self.out_proj(merge_heads(answers))
        return result, looked


def sinusoids(n: int, d_model: int) -> Tensor:
    """Give each position a pattern of its own: sines and cosines of many wavelengths.

    Shapes
    ------
    result
        (n, d_model), to be added to what stands at the positions

    Raises
    ------
    ValueError
        If n is smaller than 1, or d_model is not even.

    References
    ----------
    :cite:t:`vaswani2017attention`, Section 3.5.

    Examples
    --------
    The product of two patterns depends on how far apart the positions are, and not on
    where they stand:

    >>> p = sinusoids(50, 8)
    >>> torch.allclose(p[3] @ p[10], p[33] @ p[40], atol=1e-5)
    True
    """
    if whole("d_model", d_model, 2) % 2:
        raise ValueError(
            f"d_model={d_model} must be even: sines and cosines are pairs."
        )
    position = torch.arange(whole("n", n, 1), dtype=torch.float64)[:, None]
    frequency = 10_000.0 ** (-torch.arange(0, d_model, 2).double() / d_model)
    angle = position * frequency  # (n, d_model / 2)
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1).float()


def _check(query: Tensor, key: Tensor, value: Tensor) -> None:
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ValueError(
            f"query of shape {tuple(query.shape)}, key {tuple(key.shape)}, value "
            f"{tuple(value.shape)}; expected (..., T, d_k), (..., S, d_k) and "
            "(..., S, d_v)."
        )


def _checked_mask(mask: Tensor, scores: Tensor) -> Tensor:
    if mask.dtype != torch.bool:
        raise ValueError(
            f"mask of type {mask.dtype}; expected bool, True where a position may look "
            "(the attn_mask of nn.MultiheadAttention is the opposite)."
        )
    fits = mask.dim() <= scores.dim() and all(
        a in (1, b) for a, b in zip(mask.shape[::-1], scores.shape[::-1], strict=False)
    )
    if not fits:
        raise ValueError(
            f"mask of shape {tuple(mask.shape)} does not fit the scores, (..., T, S) = "
            f"{tuple(scores.shape)}."
        )
    return mask


def _fits(d_model: int, **streams: Tensor) -> None:
    for name, given in streams.items():
        if given.dim() != 3 or given.shape[-1] != d_model or not given.shape[1]:
            raise ValueError(
                f"{name} of shape {tuple(given.shape)}; expected (B, T, d_model) "
                f"with T of 1 or more and d_model = {d_model}."
            )
