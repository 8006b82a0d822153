"""What is left of the transformer when there is only one text? A decoder that reads it.

Each position sees what stands before it, and guesses what comes next. In training all
positions guess at once. When the model writes, one token comes after the other; keys
and values of what has been read do not change any more, so a cache keeps them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from transformer_path.transformer.attention import (
    MultiHeadAttention,
    merge_heads,
    split_heads,
)
from transformer_path.workshop._inputs import whole
from transformer_path.workshop.vocabulary import look_up


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large a GPT is: its vocabulary, the longest text it reads, its layers.

    Examples
    --------
    >>> Sizes.gpt2().d_model
    768
    """

    vocabulary: int
    context: int
    d_model: int = 128
    n_heads: int = 4
    n_layers: int = 4
    dropout: float = 0.0

    @classmethod
    def gpt2(cls) -> "Sizes":
        """Give the smallest GPT-2."""
        return cls(
            vocabulary=50_257, context=1024, d_model=768, n_heads=12, n_layers=12
        )


class Cache:
    """Keys and values of what a GPT has read, layer by layer.

    Examples
    --------
    >>> cache = Cache()
    >>> _ = cache.extend(0, torch.zeros(1, 2, 5, 3), torch.zeros(1, 2, 5, 3))
    >>> cache.length
    5
    """

    def __init__(self) -> None:
        self._kept: list[tuple[Tensor, Tensor]] = []

    @property
    def length(self) -> int:
        """How many positions have been read."""
        return self._kept[0][0].shape[2] if self._kept else 0

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Keep what a layer has computed; give it with all that was kept before.

        Shapes
        ------
        key, value
            (B, H, T, D) each
        result
            (B, H, S, D) each, S of them read so far
        """
        if layer == len(self._kept):
            self._kept.append((key, value))
        else:
            old_key, old_value = self._kept[layer]
            kept = torch.cat([old_key, key], 2), torch.cat([old_value, value], 2)
            self._kept[layer] = kept
        return self._kept[layer]


class Block(nn.Module):
    """Positions ask those before them, then each works alone; pre-norm, with GELU.

    Equals :class:`torch.nn.TransformerEncoderLayer` with ``norm_first``, ``"gelu"`` and
    a causal mask, in evaluation; its state dict fits.

    Parameters
    ----------
    sizes : Sizes
        How wide it is.
    place : int
        Which layer it is; its keys and values are kept under this number.

    References
    ----------
    :cite:t:`radford2019language`, Section 2.3.
    """

    def __init__(self, sizes: Sizes, place: int) -> None:
        super().__init__()
        d_model = sizes.d_model
        self.n_heads, self.place = sizes.n_heads, place
        self.self_attn = MultiHeadAttention(d_model, sizes.n_heads)
        self.linear1 = nn.Linear(d_model, 4 * d_model)
        self.linear2 = nn.Linear(4 * d_model, d_model)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(sizes.dropout)

    def forward(
        self, x: Tensor, mask: Tensor | None = None, cache: Cache | None = None
    ) -> Tensor:
        """From (B, T, C) to the same; without a mask, each sees those before it."""
        x = x + self.dropout(self._attend(self.norm1(x), mask, cache))
        hidden = F.gelu(self.linear1(self.norm2(x)))  # (B, T, 4 C)
        result: Tensor = x + self.dropout(self.linear2(hidden))
        return result

    def _attend(self, x: Tensor, mask: Tensor | None, cache: Cache | None) -> Tensor:
        layer = self.self_attn  # its weights; what it computes is written out here
        three = F.linear(x, layer.in_proj_weight, layer.in_proj_bias)  # (B, T, 3 C)
        query, key, value = (split_heads(x, self.n_heads) for x in three.chunk(3, -1))
        if cache is not None:
            key, value = cache.extend(self.place, key, value)
        answers = F.scaled_dot_product_attention(
            query, key, value, mask, is_causal=mask is None
        )
        result: Tensor = layer.out_proj(merge_heads(answers))
        return result


class GPT(nn.Module):
    """Logits for the next token, at every position of a text.

    The readout is the embedding once more, as in the transformer of 2017. The first
    weights are GPT-2's: normal with standard deviation 0.02 (positions, too; its code
    has 0.01 there), and those that add to the residual stream smaller by the root of
    the number of additions.

    Parameters
    ----------
    sizes : Sizes
        How large it is.

    Raises
    ------
    ValueError
        If a size is smaller than 1, or n_heads does not divide d_model.

    References
    ----------
    :cite:t:`radford2019language`, Section 2.3.

    Examples
    --------
    >>> model = GPT(Sizes(vocabulary=11, context=8, d_model=12, n_heads=2))
    >>> model(torch.tensor([[3, 1, 4, 1, 5]])).shape
    torch.Size([1, 5, 11])
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        for name in ("vocabulary", "context", "d_model", "n_layers"):
            whole(name, getattr(sizes, name), 1)
        self.sizes = sizes
        self.tokens = nn.Embedding(sizes.vocabulary, sizes.d_model)
        self.positions = nn.Embedding(sizes.context, sizes.d_model)
        self.dropout = nn.Dropout(sizes.dropout)
        self.layers = nn.ModuleList(Block(sizes, n) for n in range(sizes.n_layers))
        self.norm = nn.LayerNorm(sizes.d_model)
        draw(self, sizes.n_layers, adds=("out_proj.weight", "linear2.weight"))

    def forward(
        self, tokens: Tensor, *, cache: Cache | None = None, alive: Tensor | None = None
    ) -> Tensor:
        """Guess what comes after each token.

        Shapes
        ------
        tokens
            (B, T), int64; with a cache, those that have not been read yet
        alive
            (B, S), bool: True where a real token stands, among all S read so far and
            now. Texts of unequal length are padded on the left, so that their ends
            stand together.
        result
            (B, T, V)

        Raises
        ------
        ValueError
            If the text is longer than the context, or empty, or a token is unknown.
        """
        before = 0 if cache is None else cache.length
        length = before + checked(tokens)[1]
        if length > self.sizes.context:
            raise ValueError(
                f"a text of {length} tokens, {before} of them read before; the context "
                f"is {self.sizes.context}. Give the last of them, without a cache."
            )
        places = torch.arange(length, device=tokens.device)  # (S,)
        earlier = places <= places[before:, None]  # (T, S)
        mask, positions = earlier if before else None, places[before:]
        if alive is not None:
            positions = among_alive(alive, (len(tokens), length))[:, before:]  # (B, T)
            # Where padding stands, nothing may be looked at: the answer there is 0.
            mask = earlier & alive[:, None, None]  # (B, 1, T, S)
        x = self.dropout(look_up(self.tokens, tokens) + self.positions(positions))
        for layer in self.layers:
            x = layer(x, mask, cache)
        return F.linear(self.norm(x), self.tokens.weight)


def draw(model: nn.Module, n_layers: int, adds: tuple[str, ...]) -> None:
    """Draw first weights as GPT-2's; ``adds`` names what adds to the stream."""
    for name, weight in model.named_parameters():
        if weight.dim() >= 2:
            smaller = (2 * n_layers) ** 0.5 if name.endswith(adds) else 1
            nn.init.normal_(weight, std=0.02 / smaller)
        elif name.endswith("bias"):
            nn.init.zeros_(weight)


def checked(tokens: Tensor) -> torch.Size:
    """Give the shape of a batch of tokens that is none too short."""
    if tokens.dim() != 2 or not tokens.numel():
        raise ValueError(
            f"tokens of shape {tuple(tokens.shape)}; expected (B, T), texts as rows, "
            "with at least one token."
        )
    return tokens.shape


def among_alive(alive: Tensor, shape: tuple[int, int]) -> Tensor:
    """Count the real tokens of padded texts: their positions, (B, S)."""
    if alive.dtype != torch.bool or alive.shape != shape:
        raise ValueError(
            f"alive of shape {tuple(alive.shape)} and type {alive.dtype}; expected "
            f"{shape}, bool."
        )
    return (alive.cumsum(1) - 1).clamp(min=0)
