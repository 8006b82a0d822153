"""What if a network reads position after position, and remembers?

A recurrent network has a state, a vector. At each position it computes a new state
from the old one and from what stands there, always with the same weights. What is
computed in one such step is the *cell*; a layer repeats it along the sequence.

Three cells: the plain one (:cite:t:`elman1990finding`), the LSTM
(:cite:t:`hochreiter1997long`) and the GRU (:cite:t:`cho2014learning`).
"""

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Generator, Tensor, nn
from torch.utils._pytree import tree_map

from transformer_path.networks.feedforward import linear, sigmoid, tanh
from transformer_path.workshop._inputs import whole

Pair = tuple[Tensor, Tensor]
State = TypeVar("State", bound=Tensor | Pair)


def rnn_cell(
    x: Tensor,
    h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor,
) -> Tensor:
    """Take one step of the plain recurrent network.

    Shapes
    ------
    x
        (B, C), what stands at this position
    h
        (B, F), the state so far
    weight_ih, weight_hh
        (F, C), (F, F)
    bias_ih, bias_hh
        (F,) each; only their sum counts
    result
        (B, F), the new state

    References
    ----------
    :cite:t:`elman1990finding`.

    Examples
    --------
    Without a state to remember it is a layer of an MLP:

    >>> x, w, b = torch.randn(5, 3), torch.randn(7, 3), torch.randn(7)
    >>> h, v = torch.zeros(5, 7), torch.randn(7, 7)
    >>> torch.allclose(rnn_cell(x, h, w, v, b, torch.zeros(7)), tanh(linear(x, w, b)))
    True
    """
    from_input = linear(x, weight_ih, bias_ih)
    from_state = linear(h, weight_hh, bias_hh)
    return rnn_state(from_input, from_state, h)


def rnn_state(from_input: Tensor, from_state: Tensor, _: Tensor) -> Tensor:
    """Give the new state, (B, F), from the two sums of :func:`rnn_cell`."""
    return tanh(from_input + from_state)


def lstm_cell(
    x: Tensor,
    state: Pair,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor,
) -> Pair:
    """Take one step of an LSTM: forget a part of the cell state, add a part of the new.

    Shapes
    ------
    x
        (B, C)
    state
        h and c, (B, F) each: what is shown, and the cell state, which is kept
    weight_ih, weight_hh, bias_ih, bias_hh
        (4F, C), (4F, F), (4F,), (4F,): F rows for each of i, f, g and o
    result
        the new h and c

    References
    ----------
    :cite:t:`hochreiter1997long`; the forget gate is from :cite:t:`gers2000learning`.

    Examples
    --------
    With a forget gate that stays open and an input gate that stays shut, the cell state
    stays as it is, whatever is read:

    >>> c, zero = torch.randn(5, 7), torch.zeros(28, 7)
    >>> gates = torch.tensor([-99.0, 99.0, 0.0, 0.0]).repeat_interleave(7)
    >>> x, none = torch.randn(5, 7), torch.zeros(28)
    >>> _, kept = lstm_cell(x, (torch.zeros(5, 7), c), zero, zero, gates, none)
    >>> torch.equal(kept, c)
    True
    """
    from_input = linear(x, weight_ih, bias_ih)
    from_state = linear(state[0], weight_hh, bias_hh)
    return lstm_state(from_input, from_state, state)


def lstm_gates(
    from_input: Tensor, from_state: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Compute the three gates of an LSTM and the candidate, in torch's order.

    Shapes
    ------
    from_input, from_state
        (B, 4F) each: what :func:`lstm_cell` sums up of x and of h
    result
        i, f, g, o: input gate, forget gate, candidate, output gate, (B, F) each
    """
    sums = from_input + from_state
    i, f, g, o = sums.chunk(4, -1)
    return sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)


def lstm_state(from_input: Tensor, from_state: Tensor, state: Pair) -> Pair:
    """Forget and add, given the sums of all gates.

    Shapes
    ------
    from_input, from_state
        as for :func:`lstm_gates`
    state, result
        h and c, (B, F) each, the old ones and the new
    """
    _, c = state
    i, f, g, o = lstm_gates(from_input, from_state)
    c = f * c + i * g
    return o * tanh(c), c


def gru_cell(
    x: Tensor,
    h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor,
) -> Tensor:
    """Take one step of a GRU: a mixture of the old state and a candidate.

    Shapes
    ------
    x, h
        (B, C), (B, F)
    weight_ih, weight_hh, bias_ih, bias_hh
        (3F, C), (3F, F), (3F,), (3F,): F rows for each of reset gate, update gate and
        candidate
    result
        (B, F), the new state

    References
    ----------
    :cite:t:`cho2014learning`. As torch does, the reset gate acts after the product with
    ``weight_hh``; in the paper it acts before.

    Examples
    --------
    With an update gate of 1 the state stays as it is, whatever is read:

    >>> h, zero = torch.randn(5, 7), torch.zeros(21, 7)
    >>> gates = torch.tensor([0.0, 99.0, 0.0]).repeat_interleave(7)
    >>> x = torch.randn(5, 7)
    >>> torch.equal(gru_cell(x, h, zero, zero, gates, torch.zeros(21)), h)
    True
    """
    from_input = linear(x, weight_ih, bias_ih)
    from_state = linear(h, weight_hh, bias_hh)
    return gru_state(from_input, from_state, h)


def gru_state(from_input: Tensor, from_state: Tensor, h: Tensor) -> Tensor:
    """Mix the old state of a GRU with a candidate, given the sums of all gates.

    Shapes
    ------
    from_input, from_state
        (B, 3F) each: what :func:`gru_cell` sums up of x and of h
    h, result
        (B, F), the old state and the new
    """
    r_x, z_x, n_x = from_input.chunk(3, -1)
    r_h, z_h, n_h = from_state.chunk(3, -1)
    r, z = sigmoid(r_x + r_h), sigmoid(z_x + z_h)
    n = tanh(n_x + r * n_h)
    return (1 - z) * n + z * h


def unroll(
    step: Callable[[Tensor, State], State],
    x: Tensor,
    state: State,
    *,
    alive: Tensor | None = None,
    backward: bool = False,
) -> tuple[Tensor, State]:
    """Repeat one step along the sequences.

    Parameters
    ----------
    step : callable
        From what stands at a position, (B, C), and the state to the new state.
    x : Tensor
        The sequences.
    state : Tensor or pair of Tensor
        The state before the first step.
    alive : Tensor, optional
        Which positions are read. The others, padding, leave the state as it is; what
        stands there must be finite.
    backward : bool
        Read from the last position to the first.

    Shapes
    ------
    x
        (B, T, C)
    state
        (B, F), or a pair of such
    alive
        (B, T), bool
    result
        the states h at all positions, (B, T, F), 0 where padding stands; and the state
        after the last step

    Examples
    --------
    A step that adds, along the sequence, is a running sum:

    >>> x = torch.tensor([[1.0, 2.0, 3.0]])[..., None]
    >>> sums, last = unroll(torch.add, x, torch.zeros(1, 1))
    >>> sums.flatten(), last.flatten()
    (tensor([1., 3., 6.]), tensor([6.]))
    """
    outputs = []
    positions = [*enumerate(x.unbind(1))]  # its gradient is one stack; that of x[:, t]
    for t, x_t in reversed(positions) if backward else positions:  # is all of x, each t
        new = step(x_t, state)
        if alive is not None:
            new = tree_map(partial(torch.where, alive[:, t, None]), new, state)
        state = new
        outputs.append(state[0] if isinstance(state, tuple) else state)
    hidden = torch.stack(outputs[::-1] if backward else outputs, 1)  # (B, T, F)
    return hidden if alive is None else hidden * alive[..., None], state


class Recurrent(nn.Module, Generic[State]):
    """Layers that read sequences, with one of the cells below.

    Parameters
    ----------
    n_in : int
        How many numbers stand at a position.
    d_hidden : int
        How many numbers the state has.
    n_layers : int
        Each layer but the first reads the outputs of the one below.
    bidirectional : bool
        A second reader in each layer goes from the end to the beginning; the outputs of
        both stand side by side.
    generator : torch.Generator, optional
        Where the first weights are drawn from, evenly between ±1/√d_hidden.

    Raises
    ------
    ValueError
        If a size is smaller than 1.
    """

    update: ClassVar[Callable[..., Any]]  # from both sums and the state to the new one
    sums: ClassVar[int]  # weighted sums a unit, one for each gate and candidate
    parts: ClassVar[int]  # vectors in the state

    def __init__(
        self,
        n_in: int,
        d_hidden: int,
        *,
        n_layers: int = 1,
        bidirectional: bool = False,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.n_in = whole("n_in", n_in, 1)
        self.d_hidden = whole("d_hidden", d_hidden, 1)
        self.n_layers = whole("n_layers", n_layers, 1)
        self.directions = ["", "_reverse"] if bidirectional else [""]
        rows, limit = self.sums * d_hidden, d_hidden**-0.5
        for layer in range(n_layers):
            width = len(self.directions) * d_hidden if layer else n_in
            shapes = [(rows, width), (rows, d_hidden), (rows,), (rows,)]
            for name in self._readers(layer):
                for part, shape in zip(_WEIGHTS, shapes, strict=True):
                    weight = nn.Parameter(torch.empty(shape))
                    nn.init.uniform_(weight, -limit, limit, generator=generator)
                    self.register_parameter(part + name, weight)

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
        alive: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """Read a batch of sequences.

        Parameters
        ----------
        x : Tensor
            The sequences, padded to one length.
        state : Tensor or pair of Tensor, optional
            Where to begin, in place of zeros; for the LSTM a pair, h and c.
        lengths : Tensor or sequence of int, optional
            How many positions of each sequence count. What stands after them changes
            nothing, and its outputs are 0.
        alive : Tensor, optional
            The same as a mask, in place of ``lengths``: True where a position counts.

        Shapes
        ------
        x
            (B, T, n_in)
        state
            (n_layers, B, d_hidden), twice as many layers if bidirectional: forwards,
            backwards, forwards and so on
        lengths
            (B,)
        alive
            (B, T), bool
        result
            the outputs of the last layer at each position, (B, T, d_hidden), twice as
            wide if bidirectional; and the state of each layer after its last step

        Raises
        ------
        ValueError
            If a shape does not fit, or a length is not between 1 and T.
        """
        self._check_sequences(x)
        state = self._start(x) if state is None else state
        self._check_state(x, state)
        alive = alive if lengths is None else _alive(x, lengths)
        if alive is not None:
            x = x.masked_fill(~alive[..., None], 0.0)  # whatever stands there, even NaN
        last: list[State] = []
        for layer in range(self.n_layers):
            outputs = []
            for name in self._readers(layer):
                first = tree_map(itemgetter(len(last)), state)
                given, step = self._split(name, x)
                back = name.endswith("_reverse")
                hidden, final = unroll(step, given, first, alive=alive, backward=back)
                outputs.append(hidden)
                last.append(final)
            x = torch.cat(outputs, -1)  # (B, T, F), or (B, T, 2F)
        together: State = tree_map(lambda *each: torch.stack(each), *last)
        return x, together

    def _readers(self, layer: int) -> list[str]:
        """How the names of the weights end, for each reader of a layer, as in torch."""
        return [f"_l{layer}{direction}" for direction in self.directions]

    def _split(
        self, name: str, x: Tensor
    ) -> tuple[Tensor, Callable[[Tensor, State], State]]:
        """Split a cell: the input's part, for all positions, and the state's."""
        weight_ih, weight_hh, bias_ih, bias_hh = (
            getattr(self, weight + name) for weight in _WEIGHTS
        )

        def step(from_input: Tensor, state: State) -> State:
            h = state[0] if isinstance(state, tuple) else state
            new: State = self.update(from_input, linear(h, weight_hh, bias_hh), state)
            return new

        return linear(x, weight_ih, bias_ih), step

    def _start(self, x: Tensor) -> Any:
        """Give a state of zeros."""
        zeros = x.new_zeros(self._state_shape(x))
        return zeros if self.parts == 1 else (zeros, zeros)

    def _state_shape(self, x: Tensor) -> tuple[int, int, int]:
        return self.n_layers * len(self.directions), len(x), self.d_hidden

    def _check_sequences(self, x: Tensor) -> None:
        if x.dim() != 3 or x.shape[1] < 1 or x.shape[2] != self.n_in:
            raise ValueError(
                f"x of shape {tuple(x.shape)} is no batch of sequences; expected "
                f"(B, T, C) with T of 1 or more and C = {self.n_in}; of a single "
                "sequence make x[None]."
            )

    def _check_state(self, x: Tensor, state: State) -> None:
        parts = state if isinstance(state, tuple) else (state,)
        shapes, wanted = [tuple(p.shape) for p in parts], self._state_shape(x)
        if shapes != [wanted] * self.parts:
            raise ValueError(
                f"state of {len(parts)} with shapes {shapes}; {type(self).__name__} "
                f"expects {self.parts}, (layers · directions, B, d_hidden) = {wanted}."
            )


class RNN(Recurrent[Tensor]):
    """The plain recurrent network; equals :class:`torch.nn.RNN`, batch first.

    Takes and gives what :class:`Recurrent` says.

    Examples
    --------
    Reading in two goes, with the state handed on, is reading in one:

    >>> rnn, x = RNN(3, 7), torch.randn(5, 11, 3)
    >>> outputs, last = rnn(x)
    >>> first, state = rnn(x[:, :4])
    >>> second, end = rnn(x[:, 4:], state)
    >>> torch.allclose(torch.cat([first, second], 1), outputs, atol=1e-6)
    True
    """

    update = staticmethod(rnn_state)
    sums, parts = 1, 1


class LSTM(Recurrent[Pair]):
    """Long short-term memory; equals :class:`torch.nn.LSTM`, batch first.

    Takes and gives what :class:`Recurrent` says; its state is a pair, h and c.

    Parameters
    ----------
    *sizes, **options
        As for :class:`Recurrent`.
    forget_bias : float
        Added to the bias of the forget gates at the beginning: above 0, they begin open
        (:cite:t:`gers2000learning`, :cite:t:`jozefowicz2015empirical`).

    Examples
    --------
    >>> lstm = LSTM(3, 7, forget_bias=5.0)
    >>> forget = (lstm.bias_ih_l0 + lstm.bias_hh_l0)[7:14]
    >>> bool((forget > 4).all())
    True
    """

    update = staticmethod(lstm_state)
    sums, parts = 4, 2

    def __init__(self, *sizes: int, forget_bias: float = 0.0, **options: Any) -> None:
        super().__init__(*sizes, **options)
        for name, parameter in self.named_parameters():
            if name.startswith("bias_ih"):
                parameter.data[self.d_hidden : 2 * self.d_hidden] += forget_bias


class GRU(Recurrent[Tensor]):
    """Gated recurrent units; equals :class:`torch.nn.GRU`, batch first.

    Takes and gives what :class:`Recurrent` says.

    Examples
    --------
    What stands after a sequence's length changes nothing:

    >>> gru, x = GRU(3, 7, bidirectional=True), torch.randn(2, 5, 3)
    >>> other = x.clone()
    >>> other[0, 3:] = 1000.0
    >>> a, b = gru(x, lengths=[3, 5])[1], gru(other, lengths=[3, 5])[1]
    >>> torch.equal(a, b)
    True
    """

    update = staticmethod(gru_state)
    sums, parts = 3, 1


def _alive(x: Tensor, lengths: Tensor | Sequence[int]) -> Tensor:
    """Mark the positions that count, (B, T)."""
    given = torch.as_tensor(lengths, device=x.device)
    if given.shape != x.shape[:1] or given.is_floating_point():
        raise ValueError(
            f"lengths of shape {tuple(given.shape)} and type {given.dtype} for x of "
            f"shape {tuple(x.shape)}; expected one whole number for each of the "
            f"{len(x)} sequences."
        )
    steps = x.shape[1]
    if not ((given >= 1) & (given <= steps)).all():
        raise ValueError(
            f"lengths run from {int(given.min())} to {int(given.max())}, but each must "
            f"lie between 1 and {steps}, the positions of x; leave out what is empty, "
            "and pad to the longest."
        )
    return torch.arange(steps, device=x.device) < given[:, None]


_WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
