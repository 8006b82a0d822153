"""How good a language model do three minutes of two cores make?

The parts that have proved themselves since 2017 stand here in one small decoder, made
for speed: no biases, no weights in its norms, one product for queries, keys and values.
Two things are added. The last few tokens are looked up together, as one word; and each
kind of weight has the optimiser that fits it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import log
from time import perf_counter

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer, SparseAdam

from transformer_path.networks.optimization import Descent, adam, muon
from transformer_path.transformer.attention import merge_heads, split_heads
from transformer_path.variants.corpus import next_token_loss
from transformer_path.variants.gpt import Sizes
from transformer_path.workshop.vocabulary import look_up


class Grams(nn.Module):
    """Look the last two tokens up as one word, and the last three, and so on.

    There are too many such words for a table. So each is given a row by a number made
    of its tokens (a *hash*), and now and then two of them share one.

    Parameters
    ----------
    longest : int
        Tokens of the longest word.
    rows : int
        Rows of the table that all words share.
    d_model : int
        Numbers in a row; at first they are all 0.

    Examples
    --------
    The last two of three tokens are again the same, the last three are not:

    >>> grams = Grams(2, rows=1000, d_model=5)
    >>> _ = nn.init.normal_(grams.table.weight)
    >>> x = grams(torch.tensor([[7, 1, 2, 8, 1, 2]]))
    >>> torch.equal(x[0, 2], x[0, 5]), torch.equal(x[0, 1], x[0, 4])
    (True, False)
    """

    def __init__(self, longest: int, rows: int, d_model: int) -> None:
        super().__init__()
        self.longest = longest
        self.table = nn.EmbeddingBag(rows, d_model, mode="sum", sparse=True)
        nn.init.zeros_(self.table.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """From (B, T) to the sum of what the table holds for each position, (B, T, C).

        Before the first token stands token 0.
        """
        number, numbers = tokens, []
        for n in range(1, self.longest):
            earlier = F.pad(tokens, (n, 0))[:, :-n]  # (B, T)
            number = number * 1_000_003 + earlier + n
            numbers.append(number % self.table.num_embeddings)
        rows = torch.stack(numbers, -1).flatten(0, 1)  # (B T, longest - 1)
        found: Tensor = self.table(rows)  # (B T, C)
        return found.view(*tokens.shape, -1)


class Attention(nn.Module):
    """Each position asks those before it; queries and keys are normed and turned.

    Written out, because for short texts in bfloat16 that takes less than half the time
    of :func:`torch.nn.functional.scaled_dot_product_attention` with its gradient, on a
    processor and in torch 2.13.
    """

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.three = nn.Parameter(torch.empty(3, d_model, d_model))
        self.out = nn.Parameter(torch.zeros(d_model, d_model))
        nn.init.normal_(self.three, std=d_model**-0.5)

    def forward(self, x: Tensor, turns: Tensor, hidden: Tensor) -> Tensor:
        """From (B, T, C) to the same.

        Shapes
        ------
        turns
            (2, T, D / 2), of :func:`angles`
        hidden
            (T, T), added to the scores: 0, or -1e9 for what comes later
        """
        three = F.linear(x, self.three.flatten(0, 1))  # (B, T, 3 C)
        query, key, value = (split_heads(x, self.n_heads) for x in three.chunk(3, -1))
        query, key = self.asked(query, turns), self.asked(key, turns)
        query, key, value = (x.flatten(0, 1) for x in (query, key, value))
        scores = torch.baddbmm(
            hidden.to(query.dtype), query, key.mT, alpha=query.shape[-1] ** -0.5
        )
        answers = scores.softmax(-1).to(value.dtype) @ value  # (B H, T, D)
        answers = answers.view(len(x), self.n_heads, *answers.shape[1:])
        return F.linear(merge_heads(answers), self.out)

    def asked(self, x: Tensor, turns: Tensor) -> Tensor:
        """Norm queries or keys, and turn them by their positions; (B, H, T, D)."""
        return turned(normed(x), turns)


class Feedforward(nn.Module):
    """Four hidden units for each input, with ReLU squared."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.up = nn.Parameter(torch.empty(4 * d_model, d_model))
        self.down = nn.Parameter(torch.zeros(d_model, 4 * d_model))
        nn.init.normal_(self.up, std=d_model**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """From (B, T, C) to the same."""
        return F.linear(self.bent(F.linear(x, self.up)), self.down)

    def bent(self, x: Tensor) -> Tensor:
        """Bend what a hidden unit sums up."""
        return x.relu().square()


class Sprinter(nn.Module):
    """A decoder that learns as much as it can in little time.

    What a layer adds is 0 at first, and so are the logits: all tokens are as likely.

    Parameters
    ----------
    sizes : Sizes
        How large it is.
    longest : int
        Tokens that are looked up together, at most; 1 for none.
    rows : int
        Rows of the table for them.

    Examples
    --------
    >>> sizes = Sizes(vocabulary=11, context=8, d_model=12, n_heads=2)
    >>> Sprinter(sizes)(torch.tensor([[3, 1, 4, 1, 5]])).shape
    torch.Size([1, 5, 11])
    """

    turns: Tensor
    hidden: Tensor

    def __init__(self, sizes: Sizes, longest: int = 5, rows: int = 65_536) -> None:
        super().__init__()
        self.sizes, width = sizes, sizes.d_model
        self.tokens = nn.Embedding(sizes.vocabulary, width)
        self.grams = Grams(longest, rows, width) if longest > 1 else None
        self.attentions = nn.ModuleList(
            Attention(width, sizes.n_heads) for _ in range(sizes.n_layers)
        )
        self.feedforwards = nn.ModuleList(
            Feedforward(width) for _ in range(sizes.n_layers)
        )
        self.dropout = nn.Dropout(sizes.dropout)
        self.readout = nn.Parameter(torch.zeros(sizes.vocabulary, width))
        turns = angles(sizes.context, width // sizes.n_heads)
        hidden = torch.full((sizes.context, sizes.context), -1e9).triu(1)
        self.register_buffer("turns", turns, persistent=False)
        self.register_buffer("hidden", hidden, persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Guess what comes after each token.

        Shapes
        ------
        tokens
            (B, T), int64
        result
            (B, T, V)
        """
        x = look_up(self.tokens, tokens)
        if self.grams is not None:
            x = x + self.grams(tokens)
        x = self.dropout(normed(x))
        length = tokens.shape[1]
        turns, hidden = self.turns[:, :length], self.hidden[:length, :length]
        for attention, feedforward in zip(
            self.attentions, self.feedforwards, strict=True
        ):
            x = x + self.dropout(attention(normed(x), turns, hidden))
            x = x + self.dropout(feedforward(normed(x)))
        return F.linear(normed(x), self.readout)


def normed(x: Tensor) -> Tensor:
    """Give the features of a position a mean square of 1: RMSNorm without weights."""
    return F.rms_norm(x, x.shape[-1:])


def angles(length: int, d_head: int) -> Tensor:
    """Give cosines and sines for the positions of a text, (2, length, d_head / 2)."""
    speeds = 10_000.0 ** (-torch.arange(0, d_head, 2) / d_head)
    angle = torch.arange(length)[:, None] * speeds
    return torch.stack([angle.cos(), angle.sin()])


def turned(x: Tensor, turns: Tensor) -> Tensor:
    """Turn pairs of features by the angles of their position (RoPE).

    As :func:`~transformer_path.variants.llama.rotate`, but for two things that save
    time: a pair is a number of the first half and one of the second, and cosines and
    sines are computed once.

    Shapes
    ------
    x, result
        (B, H, T, D)
    turns
        (2, T, D / 2), of :func:`angles`
    """
    cos, sin = turns.to(x.dtype)
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)


class Together(nn.Module):
    """Several models that guess together: the mean of their probabilities.

    Examples
    --------
    One is sure of the first token, one of the second; together they cannot say:

    >>> one = lambda tokens: torch.tensor([[[9.0, 0.0]]])
    >>> other = lambda tokens: torch.tensor([[[0.0, 9.0]]])
    >>> Together([one, other])(torch.tensor([[0]])).exp()
    tensor([[[0.5000, 0.5000]]])
    """

    def __init__(self, models: Sequence[Callable[[Tensor], Tensor]]) -> None:
        super().__init__()
        self.models = models

    def forward(self, tokens: Tensor) -> Tensor:
        """Give logarithms of probabilities, (B, T, V)."""
        guesses = [model(tokens).float().log_softmax(-1) for model in self.models]
        return torch.stack(guesses).logsumexp(0) - log(len(guesses))


def optimizers(
    model: Sprinter,
    *,
    lr: float = 0.02,
    rest_lr: float = 0.003,
    table_lr: float = 0.03,
    half: bool = False,
) -> list[Optimizer]:
    """Give each kind of weight the optimiser that fits it.

    Muon moves what is a matrix between layers. A step looks up few rows of a table, so
    :class:`torch.optim.SparseAdam` moves only those. Adam has the rest.
    """
    layers = [*model.attentions.parameters(), *model.feedforwards.parameters()]
    tables = [] if model.grams is None else [*model.grams.parameters()]
    rule = partial(muon, dtype=torch.bfloat16 if half else None)
    betas = 0.9, 0.95  # a mean over fewer steps than usual: the run is short
    rest = [model.tokens.weight, model.readout]
    found: list[Optimizer] = [
        Descent(layers, rule, lr=lr),
        Descent(rest, partial(adam, betas=betas), lr=rest_lr),
    ]
    return found + [SparseAdam([table], lr=table_lr, betas=betas) for table in tables]


def fade(done: float) -> float:
    """Keep the rate for two fifths of a run, then let it fall to nothing."""
    return min(1.0, (1 - done) / 0.6)


def in_halves(model: Callable[[Tensor], Tensor], window: Tensor) -> Tensor:
    """Give the loss of a window, with products in bfloat16: 8 binary digits each.

    They take half the room, and on processors made for it less than half the time.
    """
    with torch.autocast(window.device.type, torch.bfloat16):
        return next_token_loss(model, window)


def halves_are_fast(size: int = 512, tries: int = 9) -> bool:
    """Measure whether this machine multiplies faster in bfloat16."""
    x = torch.ones(size, size)
    seconds = []
    for dtype in (torch.float32, torch.bfloat16):
        y = x.to(dtype)
        _ = y @ y
        times = []
        for _ in range(tries):
            start = perf_counter()
            _ = y @ y
            times.append(perf_counter() - start)
        seconds.append(min(times))
    return seconds[1] < 0.7 * seconds[0]
