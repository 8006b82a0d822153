"""What if the answer is a sequence too, of another length and in another order?

An *encoder* reads the source, a *decoder* writes the target, one word after the other,
from its own state, the word before, and a *context*: what it knows of the source. With
a fixed vector the context is always the same (:cite:t:`cho2014learning`,
:cite:t:`sutskever2014sequence`). With attention it is chosen anew for each word, as a
weighted average of the encoder's states (:cite:t:`bahdanau2015neural`).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from transformer_path.sequences.recurrent import GRU, gru_cell
from transformer_path.workshop._inputs import whole
from transformer_path.workshop.vocabulary import BEGIN, END, PADDING, look_up


def attend(scores: Tensor, values: Tensor, alive: Tensor) -> tuple[Tensor, Tensor]:
    """Average values, weighted by the softmax of their scores.

    Shapes
    ------
    scores
        (B, T), one for each position of the source
    values
        (B, T, C)
    alive
        (B, T), bool: False where padding stands
    result
        the context, (B, C), and the weights, (B, T), which add up to 1; where all is
        padding, both are 0

    References
    ----------
    :cite:t:`bahdanau2015neural`, Equations 5 and 6.

    Examples
    --------
    One score far above the others picks its value:

    >>> values = torch.tensor([[[1.0], [2.0], [4.0]]])
    >>> scores, alive = torch.tensor([[0.0, 99.0, 999.0]]), torch.tensor([[1, 1, 0]])
    >>> attend(scores, values, alive.bool())[0]
    tensor([[2.]])
    """
    lowest = torch.finfo(scores.dtype).min  # with -inf nothing alive would be NaN
    weights = scores.masked_fill(~alive, lowest).softmax(-1) * alive  # (B, T)
    context = (weights[..., None] * values).sum(1)  # (B, C)
    return context, weights


class AdditiveAttention(nn.Module):
    """Score each position by a small MLP of the decoder's state and the encoder's.

    Shapes
    ------
    query
        (B, Q), the decoder's state
    keys
        (B, T, K), the encoder's states
    result
        (B, T), the scores

    References
    ----------
    :cite:t:`bahdanau2015neural`, Appendix A.1.2: v · tanh(W s + U h).

    Examples
    --------
    >>> score = AdditiveAttention(5, 7, width=3)
    >>> score(torch.randn(2, 5), torch.randn(2, 11, 7)).shape
    torch.Size([2, 11])
    """

    def __init__(self, n_query: int, n_key: int, *, width: int) -> None:
        super().__init__()
        self.of_query = nn.Linear(n_query, width)
        self.of_key = nn.Linear(n_key, width, bias=False)
        self.v = nn.Linear(width, 1, bias=False)

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        """Give the scores."""
        sums = self.of_query(query)[:, None] + self.of_key(keys)  # (B, T, width)
        scores: Tensor = self.v(sums.tanh())[..., 0]
        return scores


class MultiplicativeAttention(nn.Module):
    """Score each position by a product of the decoder's state and the encoder's.

    Shapes
    ------
    query, keys, result
        as for :class:`AdditiveAttention`

    References
    ----------
    :cite:t:`luong2015effective`, Section 3.1, "general": s · W h, there with the state
    after the step.

    Examples
    --------
    >>> score = MultiplicativeAttention(5, 7)
    >>> score(torch.randn(2, 5), torch.randn(2, 11, 7)).shape
    torch.Size([2, 11])
    """

    def __init__(self, n_query: int, n_key: int) -> None:
        super().__init__()
        self.of_key = nn.Linear(n_key, n_query, bias=False)

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        """Give the scores."""
        scores: Tensor = (query[:, None] * self.of_key(keys)).sum(-1)
        return scores


class Memory(NamedTuple):
    """What the decoder is told of the source.

    ``states`` (B, T, 2F) of the encoder, ``alive`` (B, T), False where padding stands,
    and ``summary`` (B, 2F): where the encoder's two readers have ended.
    """

    states: Tensor
    alive: Tensor
    summary: Tensor


class EncoderDecoder(nn.Module):
    """Translate: a GRU reads both ways, a GRU writes.

    Parameters
    ----------
    n_source, n_target : int
        Words of the two vocabularies.
    width : int
        How many numbers a word, and a state of each reader and of the writer, has.
    score : str
        ``"additive"`` or ``"multiplicative"`` attention; ``"none"`` for a context that
        stays the same.

    Raises
    ------
    ValueError
        If a size is smaller than 1, or ``score`` is none of the three.

    Examples
    --------
    >>> model = EncoderDecoder(9, 11, width=5, score="additive")
    >>> source, target = torch.tensor([[3, 4, 2], [5, 2, 0]]), torch.tensor([[3], [4]])
    >>> logits, weights = model(source, target)
    >>> logits.shape, weights.shape
    (torch.Size([2, 1, 11]), torch.Size([2, 1, 3]))
    """

    def __init__(
        self, n_source: int, n_target: int, *, width: int, score: str = "additive"
    ) -> None:
        super().__init__()
        both = 2 * whole("width", width, 1)  # two readers
        self.source = nn.Embedding(n_source, width, PADDING)
        self.target = nn.Embedding(n_target, width, PADDING)
        self.encoder = GRU(width, width, bidirectional=True)
        self.first = nn.Linear(both, width)
        self.decoder = nn.GRUCell(width + both, width)
        self.readout = nn.Linear(width + both, n_target)
        self.score = _score(score, width, both)

    def encode(self, source: Tensor) -> Memory:
        """Read the source, (B, T)."""
        alive = source != PADDING
        states, last = self.encoder(look_up(self.source, source), alive=alive)
        return Memory(states, alive, last.transpose(0, 1).flatten(1))

    def start(self, memory: Memory) -> Tensor:
        """Give the decoder's state before the first word, (B, F)."""
        state: Tensor = self.first(memory.summary)
        return state.tanh()

    def step(
        self, word: Tensor, state: Tensor, memory: Memory
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Take one step of the decoder.

        Shapes
        ------
        word
            (B,), the word before
        state
            (B, F)
        result
            the logits of the next word, (B, n_target), the new state, (B, F), and the
            weights of attention, (B, T); with a fixed vector they are all 0
        """
        if self.score is None:
            context, weights = memory.summary, torch.zeros_like(memory.states[..., 0])
        else:
            scores = self.score(state, memory.states)
            context, weights = attend(scores, memory.states, memory.alive)
        x = torch.cat([look_up(self.target, word), context], -1)
        state = gru_cell(x, state, *self.decoder.parameters())
        return self.readout(torch.cat([state, context], -1)), state, weights

    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Give logits at all positions of a target that is known: teacher forcing.

        Shapes
        ------
        source, target
            (B, T), (B, U): words, 0 is padding
        result
            logits (B, U, n_target), of each word given the words before it; and the
            weights of attention, (B, U, T)
        """
        before = nn.functional.pad(target[:, :-1], (1, 0), value=BEGIN)
        memory = self.encode(source)
        state, logits, weights = self.start(memory), [], []
        for t in range(target.shape[1]):
            answer, state, looked = self.step(before[:, t], state, memory)
            logits.append(answer)
            weights.append(looked)
        return torch.stack(logits, 1), torch.stack(weights, 1)


class Translation(NamedTuple):
    """What was written, (B, U), 0 behind the end; and the weights, (B, U, T)."""

    words: Tensor
    weights: Tensor


@torch.no_grad()
def greedy(model: EncoderDecoder, source: Tensor, *, limit: int = 64) -> Translation:
    """Write, one after the other, the word that is most probable then.

    Parameters
    ----------
    model : EncoderDecoder
        The model.
    source : Tensor
        A batch of sentences, (B, T).
    limit : int
        Words after which a sentence is cut off.

    Examples
    --------
    >>> model = EncoderDecoder(9, 11, width=5)
    >>> greedy(model, torch.tensor([[3, 4, 2]]), limit=7).words.shape[1] <= 7
    True
    """
    limit, memory = whole("limit", limit, 1), model.encode(source)
    state, word = model.start(memory), source.new_full((len(source),), BEGIN)
    over = torch.zeros_like(word, dtype=torch.bool)
    written: list[tuple[Tensor, Tensor]] = []
    while len(written) < limit and not over.all():
        logits, state, looked = model.step(word, state, memory)
        word = logits.argmax(-1).masked_fill(over, PADDING)
        over = over | (word == END)
        written.append((word, looked))
    return Translation(*(torch.stack(part, 1) for part in zip(*written, strict=True)))


@torch.no_grad()
def beam(
    model: EncoderDecoder, source: Tensor, *, width: int, limit: int = 64
) -> list[tuple[float, list[int]]]:
    """Look for the most probable sentence, with several beginnings in hand.

    At each step every beginning is continued by every word, and the most probable
    ``width`` of all of these, and of the sentences that have ended, are kept.

    Parameters
    ----------
    model : EncoderDecoder
        The model.
    source : Tensor
        One sentence, (T,).
    width : int
        How many beginnings are kept; with 1 it is :func:`greedy`.
    limit : int
        Words after which a sentence is cut off.

    Returns
    -------
    list of (float, list of int)
        Log-probability and words of each, the most probable first.

    References
    ----------
    :cite:t:`sutskever2014sequence`, Section 3.2.

    Examples
    --------
    >>> model = EncoderDecoder(9, 11, width=5)
    >>> found = beam(model, torch.tensor([3, 4, 2]), width=3, limit=4)
    >>> [len(words) <= 4 for _, words in found]
    [True, True, True]
    """
    width, alone = whole("width", width, 1), model.encode(source[None])
    kept = [(0.0, [BEGIN], model.start(alone)[0])]
    for _ in range(whole("limit", limit, 1)):
        going = [one for one in kept if one[1][-1] != END]
        if not going:
            break
        states = torch.stack([state for _, _, state in going])  # (K, F)
        memory = Memory(*(part.expand(len(going), *part.shape[1:]) for part in alone))
        before = source.new_tensor([words[-1] for _, words, _ in going])
        logits, states, _ = model.step(before, states, memory)
        known = states.new_tensor([score for score, _, _ in going])
        scores = known[:, None] + logits.log_softmax(-1)  # (K, V)
        best = scores.flatten().topk(min(width, scores.numel()))
        kept = [one for one in kept if one[1][-1] == END]
        for score, place in zip(*map(Tensor.tolist, best), strict=True):
            row, word = divmod(place, scores.shape[1])
            kept.append((score, [*going[row][1], word], states[row]))
        kept = sorted(kept, key=lambda one: -one[0])[:width]
    return [(score, words[1:]) for score, words, _ in kept]


def _score(name: str, n_query: int, n_key: int) -> nn.Module | None:
    if name == "additive":
        return AdditiveAttention(n_query, n_key, width=n_query)
    if name == "multiplicative":
        return MultiplicativeAttention(n_query, n_key)
    if name == "none":
        return None
    raise ValueError(
        f"score={name!r} is no kind of attention; expected 'additive', "
        "'multiplicative' or, for a fixed vector, 'none'."
    )
