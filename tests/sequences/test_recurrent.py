"""The hand-written cells and layers against torch's, with padding and without."""

import re
from functools import partial

import pytest
import torch
from broken import broken_copy, try_all
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from transformer_path.sequences import recurrent
from transformer_path.sequences.recurrent import (
    GRU,
    LSTM,
    RNN,
    gru_cell,
    lstm_cell,
    lstm_gates,
    rnn_cell,
    unroll,
)
from transformer_path.workshop.ensembles import Several

EXACT = {"rtol": 1e-10, "atol": 1e-10}
KINDS = ("RNN", "LSTM", "GRU")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def leaves(state):
    return state if isinstance(state, tuple) else (state,)


@st.composite
def readings(draw):
    """A kind of network, its sizes, and what it reads."""
    n, steps = draw(st.integers(1, 5)), draw(st.integers(1, 7))
    lengths = st.lists(st.integers(1, steps), min_size=n, max_size=n)
    return {
        "kind": draw(st.sampled_from(KINDS)),
        "n_in": draw(st.integers(1, 5)),
        "d_hidden": draw(st.integers(1, 7)),
        "n_layers": draw(st.integers(1, 3)),
        "bidirectional": draw(st.booleans()),
        "n": n,
        "steps": steps,
        "lengths": draw(st.none() | lengths),
        "start": draw(st.booleans()),
        "seed": draw(st.integers(0, 99)),
    }


def theirs_reads(theirs, x, state, lengths):
    """Let torch's network read; a padded batch in its own packed form."""
    if lengths is None:
        return theirs(x, state)
    packed = pack_padded_sequence(
        x, torch.tensor(lengths), batch_first=True, enforce_sorted=False
    )
    outputs, last = theirs(packed, state)
    padded = pad_packed_sequence(outputs, batch_first=True, total_length=x.shape[1])
    return padded[0], last


def agrees_with_torch(engine, case):
    """Compare outputs, last states and all gradients with those of torch's network."""
    sizes = case["n_in"], case["d_hidden"]
    options = {name: case[name] for name in ("n_layers", "bidirectional")}
    ours = getattr(engine, case["kind"])(
        *sizes, **options, generator=seeded(case["seed"])
    ).double()
    options["num_layers"] = options.pop("n_layers")
    theirs = getattr(nn, case["kind"])(*sizes, **options, batch_first=True).double()
    theirs.load_state_dict(ours.state_dict())  # the same names, the same shapes

    rows = case["n_layers"] * (1 + case["bidirectional"])
    found = []
    for read in (ours, lambda x, s, lengths: theirs_reads(theirs, x, s, lengths)):
        x = random(case["n"], case["steps"], case["n_in"]).requires_grad_()
        parts = [
            random(rows, case["n"], case["d_hidden"], seed=s).requires_grad_()
            for s in range(1, 3 if case["kind"] == "LSTM" else 2)
        ]
        state = tuple(parts) if len(parts) == 2 else parts[0]
        started = case["start"]
        outputs, last = read(x, state if started else None, lengths=case["lengths"])
        results = [outputs, *leaves(last)]
        asked = [x, *parts] if started else [x]
        weights = [random(*r.shape, seed=5 + i) for i, r in enumerate(results)]
        total = sum((r * w).sum() for r, w in zip(results, weights, strict=True))
        network = ours if read is ours else theirs
        gradients = torch.autograd.grad(total, [*asked, *network.parameters()])
        found.append([*results, *gradients])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, **EXACT)


# ---- value and gradient against torch's networks -------------------------------------


@settings(deadline=None, max_examples=60)
@given(readings())
def test_networks_equal_torchs_in_outputs_states_and_every_gradient(case):
    agrees_with_torch(recurrent, case)


@settings(deadline=None, max_examples=30)
@given(
    kind=st.sampled_from(KINDS),
    n=st.integers(1, 5),
    n_in=st.integers(1, 7),
    d_hidden=st.integers(1, 7),
)
def test_cells_equal_torchs(kind, n, n_in, d_hidden):
    cell = {"RNN": rnn_cell, "LSTM": lstm_cell, "GRU": gru_cell}[kind]
    theirs = getattr(nn, f"{kind}Cell")(n_in, d_hidden).double()
    x, h = random(n, n_in), random(n, d_hidden, seed=1)
    state = (h, random(n, d_hidden, seed=2)) if kind == "LSTM" else h
    ours = leaves(cell(x, state, *theirs.parameters()))
    for a, b in zip(ours, leaves(theirs(x, state)), strict=True):
        torch.testing.assert_close(a, b, **EXACT)


@pytest.mark.parametrize("kind", KINDS)
def test_torch_takes_our_weights_and_we_take_torchs(kind):
    ours = getattr(recurrent, kind)(3, 5, n_layers=2, bidirectional=True)
    theirs = getattr(nn, kind)(3, 5, num_layers=2, bidirectional=True)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("kind", KINDS)
def test_first_weights_are_those_of_torch(kind):
    options = {"bidirectional": True}
    ours = getattr(recurrent, kind)(3, 5, n_layers=2, generator=seeded(7), **options)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        theirs = getattr(nn, kind)(3, 5, num_layers=2, **options)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b)


# ---- properties ----------------------------------------------------------------------


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padding", [0.0, 1e30, float("nan")])
def test_padding_changes_nothing_in_value_and_gradient(kind, bidirectional, padding):
    network = getattr(recurrent, kind)(
        3, 5, n_layers=2, bidirectional=bidirectional, generator=seeded()
    ).double()
    x, lengths = random(4, 7, 3), [7, 1, 4, 6]
    padded = x.clone()
    for row, length in enumerate(lengths):
        padded[row, length:] = padding
    padded.requires_grad_()
    outputs, last = network(padded, lengths=lengths)
    sum(each.sum() for each in (outputs, *leaves(last))).backward()
    for row, length in enumerate(lengths):
        alone = x[row : row + 1, :length].clone().requires_grad_()
        expected, end = network(alone)
        total = sum(each.sum() for each in (expected, *leaves(end)))
        (gradient,) = torch.autograd.grad(total, alone)
        torch.testing.assert_close(outputs[row, :length], expected[0], **EXACT)
        torch.testing.assert_close(padded.grad[row, :length], gradient[0], **EXACT)
        assert not outputs[row, length:].any()
        assert not padded.grad[row, length:].any()
        for a, b in zip(leaves(last), leaves(end), strict=True):
            torch.testing.assert_close(a[:, row], b[:, 0], **EXACT)


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_later_changes_nothing_before_unless_read_backwards(kind):
    x = random(2, 7, 3)
    later = x.clone()
    later[:, 4:] += 1
    for bidirectional in (False, True):
        network = getattr(recurrent, kind)(
            3, 5, n_layers=2, bidirectional=bidirectional, generator=seeded()
        ).double()
        same = torch.isclose(network(x)[0][:, :4], network(later)[0][:, :4])
        assert bool(same.all()) != bidirectional


@pytest.mark.parametrize("kind", KINDS)
def test_reading_on_with_the_state_is_reading_at_once(kind):
    network = getattr(recurrent, kind)(3, 5, n_layers=2, generator=seeded()).double()
    x = random(2, 7, 3)
    outputs, last = network(x)
    first, state = network(x[:, :3])
    second, end = network(x[:, 3:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), outputs, **EXACT)
    for a, b in zip(leaves(end), leaves(last), strict=True):
        torch.testing.assert_close(a, b, **EXACT)
    assert not torch.allclose(network(x[:, 3:])[0], second)  # the state is used


def test_lengths_may_be_a_tensor_or_a_list_or_a_mask():
    gru, x = GRU(3, 5, generator=seeded()), torch.ones(2, 4, 3)
    a, b = gru(x, lengths=[2, 4])[0], gru(x, lengths=torch.tensor([2, 4]))[0]
    assert torch.equal(a, b)
    assert torch.equal(a, gru(x, alive=torch.tensor([[1, 1, 0, 0], [1] * 4]).bool())[0])
    assert not torch.equal(a, gru(x)[0])


def test_the_forget_bias_is_added_to_the_forget_gates_of_every_reader_alone():
    options = {"n_layers": 2, "bidirectional": True}
    plain = LSTM(3, 5, **options, generator=seeded())
    biased = LSTM(3, 5, **options, generator=seeded(), forget_bias=2.0)
    for (name, a), b in zip(plain.named_parameters(), biased.parameters(), strict=True):
        added = torch.zeros_like(a)
        if name.startswith("bias_ih"):
            added[5:10] = 2.0
        torch.testing.assert_close(b, a + added)
    none = torch.zeros(1, 20)
    forget = [lstm_gates(lstm.bias_ih_l0[None], none)[1] for lstm in (plain, biased)]
    assert (forget[0] < forget[1]).all()


def test_unroll_runs_any_step():
    x = random(3, 5, 2)
    sums, last = unroll(torch.add, x, torch.zeros(3, 2).double())
    torch.testing.assert_close(sums, x.cumsum(1), **EXACT)
    torch.testing.assert_close(last, x.sum(1), **EXACT)
    sums, last = unroll(torch.add, x, torch.zeros(3, 2).double(), backward=True)
    torch.testing.assert_close(sums, x.flip(1).cumsum(1).flip(1), **EXACT)


@pytest.mark.parametrize("kind", KINDS)
def test_several_networks_train_side_by_side(kind):
    models = [getattr(recurrent, kind)(3, 5, generator=seeded(s)) for s in range(3)]
    x = torch.ones(2, 4, 3)
    side_by_side = torch.func.vmap(
        lambda w: torch.func.functional_call(models[0], w, x)
    )
    stacked, _ = torch.func.stack_module_state(models)
    outputs, _ = side_by_side(stacked)
    for model, output in zip(models, outputs, strict=True):
        torch.testing.assert_close(output, model(x)[0])
    assert len(Several(models).members()) == 3


@pytest.mark.parametrize("option", [{"n_layers": 2}, {"bidirectional": True}])
def test_every_option_changes_the_network(option):
    x = torch.ones(2, 4, 3)
    plain, other = GRU(3, 5)(x), GRU(3, 5, **option)(x)
    assert other[1].shape != plain[1].shape


# ---- broken copies of the module, each caught ----------------------------------------


def check(engine):
    try_all(partial(agrees_with_torch, engine), readings(), max_examples=150)


def test_an_unbroken_copy_passes():
    check(broken_copy(recurrent, "of a single", "of a single"))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("return tanh(from_input", "return sigmoid(from_input"),  # another nonlinearity
        ("return sigmoid(i), sigmoid(f)", "return sigmoid(f), sigmoid(i)"),
        ("i, f, g, o = sums", "i, f, o, g = sums"),  # Keras and torch differ in this
        ("c = f * c + i * g", "c = f * c + (1 - f) * g"),  # coupled gates
        ("return o * tanh(c), c", "return o * c, c"),  # no second squashing
        (
            "return (1 - z) * n + z * h",
            "return z * n + (1 - z) * h",
        ),  # the other way round
        ("r_x, z_x, n_x =", "z_x, r_x, n_x ="),
        ("n = tanh(n_x + r * n_h)", "n = tanh(n_x + n_h)"),  # no reset
        ("n = tanh(n_x + r * n_h)", "n = tanh(r * (n_x + n_h))"),
        ("outputs[::-1] if backward", "outputs if backward"),  # states in reading order
        ("reversed(positions) if backward else", ""),  # twice the same way
        ("        state = new\n", "        state = new.detach()\n"),
        ("alive[:, t, None]", "alive[:, t - 1, None]"),  # padding moved by one
        ("hidden if alive is None else hidden * alive[..., None]", "hidden"),
        (
            "            new = tree_map(partial(torch",
            "            tree_map(partial(torch",
        ),
        ("itemgetter(len(last))", "itemgetter(layer)"),  # a layer's state for both ways
        ("            x = torch.cat(outputs, -1)", "            x = outputs[0]"),
    ],
)
def test_a_broken_copy_is_caught(right, wrong):
    with pytest.raises((AssertionError, RuntimeError, AttributeError, ValueError)):
        check(broken_copy(recurrent, right, wrong))


# ---- errors that teach ---------------------------------------------------------------


def message(text):
    return f"^{re.escape(text)}$"


@pytest.mark.parametrize("shape", [(4, 3), (3,), (), (2, 0, 3), (2, 4, 5)])
def test_what_is_no_batch_of_sequences_is_refused(shape):
    with pytest.raises(
        ValueError,
        match=message(
            f"x of shape {shape} is no batch of sequences; expected (B, T, C) with T "
            "of 1 or more and C = 3; of a single sequence make x[None]."
        ),
    ):
        GRU(3, 5)(torch.ones(shape))


@pytest.mark.parametrize("lengths", [[0, 4], [4, 5], [-1, 2]])
def test_a_length_lies_within_the_sequence(lengths):
    with pytest.raises(
        ValueError,
        match=message(
            f"lengths run from {min(lengths)} to {max(lengths)}, but each must lie "
            "between 1 and 4, the positions of x; leave out what is empty, and pad to "
            "the longest."
        ),
    ):
        LSTM(3, 5)(torch.ones(2, 4, 3), lengths=lengths)


@pytest.mark.parametrize(
    ("lengths", "shape", "dtype"),
    [
        ([4, 3, 2], (3,), "torch.int64"),
        ([4], (1,), "torch.int64"),
        (4, (), "torch.int64"),
        ([4.0, 3.0], (2,), "torch.float32"),
    ],
)
def test_each_sequence_has_one_length(lengths, shape, dtype):
    with pytest.raises(
        ValueError,
        match=message(
            f"lengths of shape {shape} and type {dtype} for x of shape (2, 4, 3); "
            "expected one whole number for each of the 2 sequences."
        ),
    ):
        RNN(3, 5)(torch.ones(2, 4, 3), lengths=lengths)


def test_a_state_fits_the_layers_and_the_batch():
    with pytest.raises(
        ValueError,
        match=message(
            "state of 1 with shapes [(1, 2, 5)]; GRU expects 1, (layers · directions, "
            "B, d_hidden) = (4, 2, 5)."
        ),
    ):
        GRU(3, 5, n_layers=2, bidirectional=True)(
            torch.ones(2, 4, 3), torch.zeros(1, 2, 5)
        )
    with pytest.raises(ValueError, match=r"^state of 1 with .*; LSTM expects 2, "):
        LSTM(3, 5)(torch.ones(2, 4, 3), torch.zeros(1, 2, 5))


@pytest.mark.parametrize("name", ["n_in", "d_hidden", "n_layers"])
def test_sizes_are_at_least_one(name):
    sizes = {"n_in": 3, "d_hidden": 5, "n_layers": 1} | {name: 0}
    with pytest.raises(
        ValueError, match=message(f"{name}=0 must be a whole number, 1 or more.")
    ):
        RNN(**sizes)
