"""What is a layer of the transformer made of?

Two kinds of work take turns: attention, which moves numbers between positions, and a
small MLP, which works at each position by itself. Around both goes a residual
connection with layer normalisation. In the paper the sum is normalised (post-norm);
most later models normalise what goes into the branch (pre-norm).
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from transformer_path.networks.feedforward import relu
from transformer_path.networks.normalization import LayerNorm
from transformer_path.networks.regularization import Dropout
from transformer_path.transformer.attention import MultiHeadAttention
from transformer_path.workshop._inputs import whole


class EncoderLayer(nn.Module):
    """Positions ask each other, then each works alone.

    Equals :class:`torch.nn.TransformerEncoderLayer`, batch first, in evaluation; while
    it trains, dropout acts on what each branch adds, as in the paper, and nowhere else.

    Parameters
    ----------
    d_model, n_heads : int
        As for :class:`~transformer_path.transformer.attention.MultiHeadAttention`.
    d_ff : int
        Hidden units of the MLP.
    dropout : float
        Probability with which a number that a branch adds is dropped.
    pre_norm : bool
        Normalise what goes into a branch, in place of the sum.

    Raises
    ------
    ValueError
        If a size does not fit.

    References
    ----------
    :cite:t:`vaswani2017attention`, Sections 3.1, 3.3 and 5.4; pre-norm:
    :cite:t:`xiong2020layer`.

    Examples
    --------
    >>> import torch
    >>> layer = EncoderLayer(8, n_heads=2, d_ff=32)
    >>> layer(torch.randn(3, 5, 8)).shape
    torch.Size([3, 5, 8])
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        d_ff: int,
        *,
        dropout: float = 0.1,
        pre_norm: bool = False,
    ) -> None:
        super().__init__()
        self.self_attn = MultiHeadAttention(d_model, n_heads)
        self.linear1 = nn.Linear(d_model, whole("d_ff", d_ff, 1))
        self.linear2 = nn.Linear(d_ff, d_model)
        self.norm1, self.norm2 = LayerNorm(d_model), LayerNorm(d_model)
        self.dropout, self.pre_norm = Dropout(dropout), pre_norm

    def forward(self, x: Tensor, *, mask: Tensor | None = None) -> Tensor:
        """From (B, T, d_model) to the same; the mask is for the attention."""
        x = self._add(x, self.norm1, lambda x: self.self_attn(x, mask=mask)[0])
        return self._add(x, self.norm2, self._feedforward)

    def _feedforward(self, x: Tensor) -> Tensor:
        result: Tensor = self.linear2(relu(self.linear1(x)))
        return result

    def _add(
        self, x: Tensor, norm: nn.Module, branch: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """Add a branch to x, and normalise before or after."""
        if self.pre_norm:
            added: Tensor = self.dropout(branch(norm(x)))
            return x + added
        normalised: Tensor = norm(x + self.dropout(branch(x)))
        return normalised


class DecoderLayer(EncoderLayer):
    """As an encoder's layer, and in between each position asks the source.

    Equals :class:`torch.nn.TransformerDecoderLayer`, as the encoder's does.

    Parameters
    ----------
    d_model, n_heads, *sizes, **options
        As for :class:`EncoderLayer`.

    References
    ----------
    :cite:t:`vaswani2017attention`, Sections 3.1 and 3.2.3.

    Examples
    --------
    >>> import torch
    >>> from transformer_path.transformer.attention import causal_mask
    >>> layer, source = DecoderLayer(8, n_heads=2, d_ff=32), torch.randn(3, 7, 8)
    >>> layer(torch.randn(3, 5, 8), source, mask=causal_mask(5)).shape
    torch.Size([3, 5, 8])
    """

    def __init__(self, d_model: int, n_heads: int, *sizes: int, **options: Any) -> None:
        super().__init__(d_model, n_heads, *sizes, **options)
        self.multihead_attn = MultiHeadAttention(d_model, n_heads)
        self.norm3 = LayerNorm(d_model)

    def forward(  # type: ignore[override]
        self,
        x: Tensor,
        source: Tensor,
        *,
        mask: Tensor | None = None,
        source_mask: Tensor | None = None,
    ) -> Tensor:
        """From (B, U, d_model), and the source (B, T, d_model), to (B, U, d_model)."""
        x = self._add(x, self.norm1, lambda x: self.self_attn(x, mask=mask)[0])
        x = self._add(
            x,
            self.norm2,
            lambda x: self.multihead_attn(x, source, mask=source_mask)[0],
        )
        return self._add(x, self.norm3, self._feedforward)
