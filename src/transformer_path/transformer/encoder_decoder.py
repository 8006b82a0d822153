"""The whole transformer of 2017: an encoder reads, a decoder writes.

:cite:t:`vaswani2017attention`.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from transformer_path.networks.normalization import LayerNorm
from transformer_path.networks.regularization import Dropout
from transformer_path.transformer.attention import (
    causal_mask,
    padding_mask,
    sinusoids,
)
from transformer_path.transformer.blocks import DecoderLayer, EncoderLayer
from transformer_path.workshop._inputs import whole
from transformer_path.workshop.vocabulary import BEGIN, END, PADDING, look_up


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large a transformer is; as it comes, the paper's base model.

    ``n_source`` and ``n_target`` are the words of the two vocabularies, ``longest`` the
    words of the longest sentence.

    Examples
    --------
    >>> Sizes.big(n_source=37_000, n_target=37_000).d_model
    1024
    """

    n_source: int
    n_target: int
    d_model: int = 512
    n_heads: int = 8
    d_ff: int = 2048
    n_layers: int = 6
    dropout: float = 0.1
    longest: int = 512
    pre_norm: bool = False

    @classmethod
    def big(cls, *, n_source: int, n_target: int) -> "Sizes":
        """Give the paper's large model (Table 3)."""
        base = cls(n_source=n_source, n_target=n_target)
        return replace(base, d_model=1024, n_heads=16, d_ff=4096, dropout=0.3)


class Transformer(nn.Module):
    """An encoder and a decoder; what scores the words it writes is their embedding.

    Parameters
    ----------
    sizes : Sizes
        How large it is.

    Raises
    ------
    ValueError
        If sizes do not fit, a sentence is empty or longer than ``longest``, or a word
        is none of the vocabulary.

    References
    ----------
    :cite:t:`vaswani2017attention`, Sections 3.1 and 3.4.

    Examples
    --------
    >>> small = {"d_model": 8, "n_heads": 2, "d_ff": 16, "n_layers": 2}
    >>> model = Transformer(Sizes(n_source=9, n_target=11, **small))
    >>> source, target = torch.tensor([[3, 4, 2], [5, 2, 0]]), torch.tensor([[3], [4]])
    >>> model(source, target).shape
    torch.Size([2, 1, 11])
    """

    positions: Tensor

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes, d_model = sizes, sizes.d_model
        self.source = nn.Embedding(sizes.n_source, d_model)
        self.target = nn.Embedding(sizes.n_target, d_model)
        for embedding in (self.source, self.target):
            nn.init.normal_(embedding.weight, std=d_model**-0.5)
        positions = sinusoids(sizes.longest, d_model)
        self.register_buffer("positions", positions, persistent=False)
        self.dropout = Dropout(sizes.dropout)
        self.encoder = self._layers(EncoderLayer)
        self.decoder = self._layers(DecoderLayer)
        # post-norm layers end in a norm of their own
        last = LayerNorm if sizes.pre_norm else nn.Identity
        self.encoder_norm, self.decoder_norm = last(d_model), last(d_model)

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Read (B, T): give (B, T, d_model), and the mask of what is real."""
        mask = padding_mask(source != PADDING)
        x = self._embed(self.source, source)
        for layer in self.encoder:
            x = layer(x, mask=mask)
        return self.encoder_norm(x), mask  # (B, 1, 1, T)

    def decode(self, before: Tensor, read: Tensor, mask: Tensor) -> Tensor:
        """Give logits of the next word after each of ``before``: (B, U, n_target)."""
        x = self._embed(self.target, before)
        before_it = causal_mask(x.shape[1], x.device)
        for layer in self.decoder:
            x = layer(x, read, mask=before_it, source_mask=mask)
        logits: Tensor = self.decoder_norm(x) @ self.target.weight.mT
        return logits

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Give logits at all positions of a target that is known: teacher forcing.

        Shapes
        ------
        source, target
            (B, T), (B, U): words, 0 is padding
        result
            (B, U, n_target)
        """
        before = nn.functional.pad(target[:, :-1], (1, 0), value=BEGIN)
        return self.decode(before, *self.encode(source))

    def _layers(self, kind: type[EncoderLayer]) -> nn.ModuleList:
        s = self.sizes
        return nn.ModuleList(
            kind(s.d_model, s.n_heads, s.d_ff, dropout=s.dropout, pre_norm=s.pre_norm)
            for _ in range(whole("n_layers", s.n_layers, 1))
        )

    def _embed(self, embedding: nn.Embedding, words: Tensor) -> Tensor:
        longest = len(self.positions)
        if words.dim() != 2 or not 1 <= words.shape[1] <= longest:
            raise ValueError(
                f"words of shape {tuple(words.shape)}; expected (B, T) with T from 1 "
                f"to {longest}, the positions that this model knows (Sizes.longest)."
            )
        x = look_up(embedding, words) * embedding.embedding_dim**0.5
        dropped: Tensor = self.dropout(x + self.positions[: words.shape[1]])
        return dropped


@torch.no_grad()
def greedy(model: Transformer, source: Tensor, *, limit: int = 64) -> Tensor:
    """Write, one after the other, the word that is most probable then.

    Shapes
    ------
    source
        (B, T)
    result
        (B, U), U of ``limit`` at most; behind the end of a sentence stands padding

    Examples
    --------
    >>> small = {"d_model": 8, "n_heads": 2, "d_ff": 16, "n_layers": 2}
    >>> model = Transformer(Sizes(n_source=9, n_target=11, **small))
    >>> greedy(model, torch.tensor([[3, 4, 2]]), limit=7).shape[1] <= 7
    True
    """
    limit, memory = whole("limit", limit, 1), model.encode(source)
    words = source.new_full((len(source), 1), BEGIN)
    over = torch.zeros_like(words[:, 0], dtype=torch.bool)
    while words.shape[1] <= limit and not over.all():
        logits = model.decode(words, *memory)[:, -1]
        word = logits.argmax(-1).masked_fill(over, PADDING)
        over = over | (word == END)
        words = torch.cat([words, word[:, None]], 1)
    return words[:, 1:]
