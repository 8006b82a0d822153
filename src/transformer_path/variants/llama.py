"""What has changed in the transformer since 2017? Its parts, one by one.

RMSNorm in place of LayerNorm, positions that turn queries and keys, a feedforward
network with a gate, keys and values that several heads share. :class:`Llama` takes its
parts as arguments: hand in an old one, and you see what the new one is worth.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from transformer_path.transformer.attention import merge_heads, split_heads
from transformer_path.variants.gpt import (
    Cache,
    Sizes,
    among_alive,
    checked,
    draw,
)
from transformer_path.workshop._inputs import whole
from transformer_path.workshop.vocabulary import look_up

Keep = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class RMSNorm(nn.Module):
    """Scale the features of each example to a mean square of 1; no mean is taken away.

    Equals :class:`torch.nn.RMSNorm` with the same ``eps``, but for float16: there, the
    square of a feature above 255 is infinite, and torch computes it in float32.

    Parameters
    ----------
    n : int
        How many features there are, along the last axis.
    eps : float
        Added to the mean square.

    References
    ----------
    :cite:t:`zhang2019root`.

    Examples
    --------
    The length of what comes in does not matter, only its direction:

    >>> norm, x = RMSNorm(7), torch.randn(5, 7)
    >>> torch.allclose(norm(10 * x), norm(x), atol=1e-3)
    True
    """

    def __init__(self, n: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(whole("n", n, 1)))

    def forward(self, x: Tensor) -> Tensor:
        """From (..., n) to (..., n)."""
        size = x.square().mean(-1, keepdim=True)
        return self.weight * (x * (size + self.eps).rsqrt())


def rotate(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    """Turn each pair of features by an angle that grows with the position (RoPE).

    The product of a turned query and a turned key depends on the two, and on how far
    the one stands behind the other; not on where they stand.

    Parameters
    ----------
    base : float
        Pair i of the D/2, from 0 on, turns by ``base ** (-2 * i / D)`` at each
        position: the first by one radian, the last by little more than 1/base if D is
        large.

    Shapes
    ------
    x
        (..., T, D), D even
    positions
        (T,)
    result
        (..., T, D)

    Raises
    ------
    ValueError
        If D is odd.

    References
    ----------
    :cite:t:`su2021roformer`.

    Examples
    --------
    >>> q, k = torch.randn(2, 1, 8).double()
    >>> near = rotate(q, torch.tensor([3])) @ rotate(k, torch.tensor([10])).mT
    >>> far = rotate(q, torch.tensor([33])) @ rotate(k, torch.tensor([40])).mT
    >>> torch.allclose(near, far)
    True
    """
    if x.shape[-1] % 2:
        raise ValueError(
            f"x of shape {tuple(x.shape)} has {x.shape[-1]} features; pairs are "
            "turned, so it must be an even number: choose d_model and n_heads so."
        )
    fine = torch.promote_types(x.dtype, torch.float32)  # half precision is too coarse
    exponent = torch.arange(0, x.shape[-1], 2, dtype=fine, device=x.device)
    angle = positions[:, None] * base ** (-exponent / x.shape[-1])  # (T, D / 2)
    cos, sin = angle.cos().to(x), angle.sin().to(x)
    first, second = x[..., 0::2], x[..., 1::2]  # (..., T, D / 2)
    turned = first * cos - second * sin, first * sin + second * cos
    return torch.stack(turned, -1).flatten(-2)


def stay(x: Tensor, _positions: Tensor) -> Tensor:
    """Turn nothing: in place of :func:`rotate`, it leaves attention without order."""
    return x


class Attention(nn.Module):
    """Each position asks those before it; several heads may share keys and values.

    With as many groups as heads it equals :class:`torch.nn.MultiheadAttention` without
    biases, if nothing is turned; with fewer, ``F.scaled_dot_product_attention`` with
    ``enable_gqa``.

    Parameters
    ----------
    d_model, n_heads : int
        Numbers at each position, and how many questions each of them asks.
    n_groups : int, optional
        How many heads keys and values have; as many as queries, if nothing is said.
        All heads of a group see the same keys and values.
    window : int, optional
        A position sees itself and the ``window - 1`` before it; all before it, if
        nothing is said. Over n layers n · (window - 1) before it reach it.
    turn : callable
        How queries and keys are told where they stand: from (B, H, T, D) and (T,) to
        (B, H, T, D).
    norm : callable, optional
        From D to a module that normalises queries and keys (QK-norm), of which each
        gets one; for example :class:`RMSNorm`.

    Raises
    ------
    ValueError
        If a number is smaller than 1, n_heads does not divide d_model, or n_groups not
        n_heads.

    References
    ----------
    :cite:t:`ainslie2023gqa`; window: :cite:t:`jiang2023mistral`; QK-norm:
    :cite:t:`henry2020query`, with another norm.

    Examples
    --------
    Two groups of three heads; keys and values are a third of the queries:

    >>> layer = Attention(12, n_heads=6, n_groups=2)
    >>> layer.query.weight.shape, layer.key.weight.shape
    (torch.Size([12, 12]), torch.Size([4, 12]))
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        n_groups: int | None = None,
        *,
        window: int | None = None,
        turn: Callable[[Tensor, Tensor], Tensor] = rotate,
        norm: Callable[[int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        n_groups = n_heads if n_groups is None else n_groups
        _divides("d_model", d_model, "n_heads", n_heads)
        _divides("n_heads", n_heads, "n_groups", n_groups)
        d_head = d_model // n_heads
        self.n_heads, self.n_groups, self.turn = n_heads, n_groups, turn
        self.window = None if window is None else whole("window", window, 1)
        self.query = nn.Linear(d_model, d_model, bias=False)
        self.key = nn.Linear(d_model, n_groups * d_head, bias=False)
        self.value = nn.Linear(d_model, n_groups * d_head, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)
        self.norm_q = nn.Identity() if norm is None else norm(d_head)
        self.norm_k = nn.Identity() if norm is None else norm(d_head)

    def forward(
        self,
        x: Tensor,
        before: int = 0,
        keep: Keep | None = None,
        alive: Tensor | None = None,
    ) -> Tensor:
        """Let each position ask those before it.

        Shapes
        ------
        x
            (B, T, C), of which ``before`` positions have been read already
        keep
            from keys and values, (B, G, T, D) each, to all so far, (B, G, S, D), as
            :meth:`~transformer_path.variants.gpt.Cache.extend` of a layer
        alive
            (B, S), bool: True where no padding stands
        result
            (B, T, C)
        """
        query = self.norm_q(split_heads(self.query(x), self.n_heads))  # (B, H, T, D)
        key = self.norm_k(split_heads(self.key(x), self.n_groups))  # (B, G, T, D)
        value = split_heads(self.value(x), self.n_groups)
        now = torch.arange(before, before + x.shape[1], device=x.device)  # (T,)
        query, key = self.turn(query, now), self.turn(key, now)
        if keep is not None:
            key, value = keep(key, value)  # (B, G, S, D)
        shared = self.n_heads // self.n_groups
        if shared > 1:
            key = key.repeat_interleave(shared, 1)  # (B, H, S, D)
            value = value.repeat_interleave(shared, 1)
        mask = self._mask(now, before, alive)
        answers = F.scaled_dot_product_attention(
            query, key, value, mask, is_causal=mask is None
        )
        result: Tensor = self.out(merge_heads(answers))
        return result

    def _mask(self, now: Tensor, before: int, alive: Tensor | None) -> Tensor | None:
        """Say who may look where; nothing, if each may look at all before it."""
        if self.window is None and alive is None and not before:
            return None
        so_far = torch.arange(before + len(now), device=now.device)  # (S,)
        distance = now[:, None] - so_far  # (T, S)
        mask = distance >= 0
        if self.window is not None:
            mask = mask & (distance < self.window)
        return mask if alive is None else mask & alive[:, None, None]


class SwiGLU(nn.Module):
    """A feedforward network in which one half decides how much of the other passes.

    Parameters
    ----------
    d_model : int
        Numbers at each position.
    d_ff : int, optional
        Hidden units: about 8/3 of d_model, a multiple of 8, if nothing is said. Its
        three matrices then have about as many weights as the two of :class:`Plain`.

    References
    ----------
    :cite:t:`shazeer2020glu`.

    Examples
    --------
    Close to 0 it is a product, so a tenth of the input gives about a hundredth:

    >>> layer, x = SwiGLU(6).double(), torch.randn(5, 6).double() / 1000
    >>> torch.allclose(100 * layer(x / 10), layer(x), rtol=0.01, atol=1e-9)
    True
    """

    def __init__(self, d_model: int, d_ff: int | None = None) -> None:
        super().__init__()
        d_ff = max(8 * round(d_model / 3), 1) if d_ff is None else d_ff
        self.gate = nn.Linear(d_model, whole("d_ff", d_ff, 1), bias=False)
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """From (..., C) to (..., C)."""
        result: Tensor = self.down(F.silu(self.gate(x)) * self.up(x))  # (..., F) inside
        return result


class Plain(nn.Module):
    """The feedforward network that GPT has: one hidden layer of 4 d_model with GELU.

    Examples
    --------
    It has about as many weights as the one with a gate:

    >>> [sum(p.numel() for p in kind(96).parameters()) for kind in (Plain, SwiGLU)]
    [74208, 73728]
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.up = nn.Linear(d_model, 4 * whole("d_model", d_model, 1))
        self.down = nn.Linear(4 * d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        """From (..., C) to (..., C)."""
        result: Tensor = self.down(F.gelu(self.up(x)))
        return result


class Block(nn.Module):
    """What a layer adds: what attention found, then what each position makes of it."""

    def __init__(
        self, attention: nn.Module, feedforward: nn.Module, *norms: nn.Module, p: float
    ) -> None:
        super().__init__()
        self.attention, self.feedforward = attention, feedforward
        self.norm1, self.norm2 = norms
        self.dropout = nn.Dropout(p)

    def forward(self, x: Tensor, *known: object) -> Tensor:
        """From (B, T, C) to the same; the rest is for the attention."""
        x = x + self.dropout(self.attention(self.norm1(x), *known))
        result: Tensor = x + self.dropout(self.feedforward(self.norm2(x)))
        return result


class Llama(nn.Module):
    """A decoder that reads one text, built from the parts it is given.

    As it comes, it is Llama, but for the exact number of hidden units and the readout:
    that is the embedding once more, as in
    :class:`~transformer_path.variants.gpt.GPT`. With the old parts it is GPT, but
    for the biases of its attention. The first weights are drawn as there.

    Parameters
    ----------
    sizes : Sizes
        How large it is. Where nothing is added to the tokens, it reads texts longer
        than the context, too; ``generate`` gives it no more than that.
    norm : callable
        From d_model to a normalisation.
    feedforward : callable
        From d_model to what works at each position alone.
    attention : callable
        From d_model and n_heads to an :class:`Attention`; its options are set by
        ``functools.partial``.
    places : callable, optional
        From context and d_model to a module that gives, for positions, what is added to
        the tokens; ``nn.Embedding`` learns it.

    Raises
    ------
    ValueError
        If a size is smaller than 1, or n_heads does not divide d_model.

    References
    ----------
    :cite:t:`touvron2023llama`.

    Examples
    --------
    >>> sizes = Sizes(vocabulary=11, context=8, d_model=12, n_heads=2)
    >>> Llama(sizes)(torch.tensor([[3, 1, 4, 1, 5]])).shape
    torch.Size([1, 5, 11])
    >>> old = partial(Attention, turn=stay)
    >>> model = Llama(sizes, norm=nn.LayerNorm, attention=old, places=nn.Embedding)
    >>> model(torch.tensor([[3, 1, 4, 1, 5]])).shape
    torch.Size([1, 5, 11])
    """

    def __init__(
        self,
        sizes: Sizes,
        *,
        norm: Callable[[int], nn.Module] = RMSNorm,
        feedforward: Callable[[int], nn.Module] = SwiGLU,
        attention: Callable[[int, int], nn.Module] = Attention,
        places: Callable[[int, int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        for name in ("vocabulary", "context", "d_model", "n_layers"):
            whole(name, getattr(sizes, name), 1)
        self.sizes, width = sizes, sizes.d_model
        self.tokens = nn.Embedding(sizes.vocabulary, width)
        self.places = None if places is None else places(sizes.context, width)
        self.dropout = nn.Dropout(sizes.dropout)
        self.layers = nn.ModuleList(
            Block(
                attention(width, sizes.n_heads),
                feedforward(width),
                norm(width),
                norm(width),
                p=sizes.dropout,
            )
            for _ in range(sizes.n_layers)
        )
        self.norm = norm(width)
        draw(self, sizes.n_layers, adds=("out.weight", "down.weight"))

    def forward(
        self, tokens: Tensor, *, cache: Cache | None = None, alive: Tensor | None = None
    ) -> Tensor:
        """Guess what comes after each token; as ``GPT.forward``.

        Shapes
        ------
        tokens
            (B, T), int64; with a cache, those that have not been read yet
        alive
            (B, S), bool: True where a real token stands, among all S read so far and
            now. Texts of unequal length are padded on the left.
        result
            (B, T, V)

        Raises
        ------
        ValueError
            If the text is empty, or longer than the table of places, or a token is
            unknown.
        """
        before = 0 if cache is None else cache.length
        x = self.dropout(self._embed(tokens, before, alive))
        for n, layer in enumerate(self.layers):
            keep = None if cache is None else partial(cache.extend, n)
            x = layer(x, before, keep, alive)
        return F.linear(self.norm(x), self.tokens.weight)

    def _embed(self, tokens: Tensor, before: int, alive: Tensor | None) -> Tensor:
        """Look tokens up, and add what the places are to be told apart by."""
        positions = torch.arange(before + checked(tokens)[1], device=tokens.device)
        if alive is not None:
            positions = among_alive(alive, (len(tokens), len(positions)))  # (B, S)
        x = look_up(self.tokens, tokens)
        if self.places is None:
            return x
        length = positions.shape[-1]
        if length > self.sizes.context:
            raise ValueError(
                f"a text of {length} tokens, {before} of them read before; there are "
                f"places for {self.sizes.context}. Give the last of them, without a "
                "cache."
            )
        added: Tensor = self.places(positions[..., before:])  # (T, C) or (B, T, C)
        return x + added


def _divides(name: str, whole_: int, part: str, number: int) -> None:
    """Refuse parts that are not equal."""
    if whole(name, whole_, 1) % whole(part, number, 1):
        fitting = ", ".join(str(n) for n in range(1, whole_ + 1) if not whole_ % n)
        raise ValueError(
            f"{name}={whole_} does not split into {part}={number} equal parts; {part} "
            f"may be {fitting}."
        )
