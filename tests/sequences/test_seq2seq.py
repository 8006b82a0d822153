"""Encoder, decoder and attention against torch's networks and against plain loops."""

import itertools
import math
import re
from functools import partial

import pytest
import torch
from broken import broken_copy, try_all
from hypothesis import given, settings
from hypothesis import strategies as st
from sentences import sentences
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from transformer_path.sequences import seq2seq
from transformer_path.sequences.seq2seq import (
    AdditiveAttention,
    EncoderDecoder,
    MultiplicativeAttention,
    attend,
    beam,
    greedy,
)
from transformer_path.workshop.ensembles import Several
from transformer_path.workshop.training import seeded
from transformer_path.workshop.vocabulary import BEGIN, END, PADDING

EXACT = {"rtol": 1e-10, "atol": 1e-10}
SCORES = ("none", "additive", "multiplicative")


def random(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def model_of(engine, score, width, seed=0):
    with seeded(seed):
        return engine.EncoderDecoder(9, 11, width=width, score=score).double()


@st.composite
def translations(draw):
    n = draw(st.integers(1, 4))
    lengths = st.lists(st.integers(1, 6), min_size=n, max_size=n)
    return {
        "score": draw(st.sampled_from(SCORES)),
        "width": draw(st.integers(1, 5)),
        "source": draw(lengths),
        "target": draw(lengths),
        "seed": draw(st.integers(0, 99)),
    }


def torchs(model):
    """A reader and a writer of torch's, with the model's weights."""
    width = model.first.out_features
    reader = nn.GRU(width, width, batch_first=True, bidirectional=True).double()
    writer = nn.GRU(3 * width, width, batch_first=True).double()
    reader.load_state_dict(model.encoder.state_dict())
    names = {f"{name}_l0": p for name, p in model.decoder.state_dict().items()}
    writer.load_state_dict(names)
    return reader, writer


def by_torch(model, reader, writer, source, target):
    """The same translation by torch's GRU, one sentence after the other."""
    lengths = (source != PADDING).sum(1)
    packed = pack_padded_sequence(
        model.source(source), lengths, batch_first=True, enforce_sorted=False
    )
    outputs, last = reader(packed)
    states, _ = pad_packed_sequence(outputs, batch_first=True)
    summary = torch.cat([last[0], last[1]], -1)
    logits = torch.zeros(*target.shape, 11).double()
    weights = torch.zeros(*target.shape, source.shape[1]).double()
    for b, n in enumerate(lengths):
        state, word = torch.tanh(model.first(summary[b])), torch.tensor(BEGIN)
        for t in range(target.shape[1]):
            keys, context = states[b, :n], summary[b]  # (n, 2F), (2F,)
            if isinstance(model.score, nn.Module):
                if hasattr(model.score, "v"):
                    of_query = model.score.of_query(state)
                    scores = torch.stack(
                        [
                            model.score.v.weight[0]
                            @ torch.tanh(of_query + model.score.of_key.weight @ key)
                            for key in keys
                        ]
                    )
                else:
                    scores = keys @ model.score.of_key.weight.T @ state
                looked = scores.exp() / scores.exp().sum()
                weights[b, t, :n], context = looked, looked @ keys
            x = torch.cat([model.target(word), context])[None, None]
            state = writer(x, state[None, None])[0][0, 0]
            logits[b, t] = model.readout(torch.cat([state, context]))
            word = target[b, t]
    return logits, weights


def agrees_with_torch(engine, case):
    """Compare logits, weights, and the gradients of all parameters."""
    model = model_of(engine, case["score"], case["width"], case["seed"])
    reader, writer = torchs(model)
    source = sentences(case["source"], 9, seed=case["seed"])
    target = sentences(case["target"], 11, seed=case["seed"] + 1)
    real = (target != PADDING)[..., None]
    read_and_write = {"encoder": model.encoder, "decoder": model.decoder}
    rest = [
        parameter
        for name, parameter in model.named_parameters()
        if name.partition(".")[0] not in read_and_write
    ]
    ours = [p for part in read_and_write.values() for p in part.parameters()]
    theirs = [*reader.parameters(), *writer.parameters()]
    found = []
    for networks, results in (
        (ours, model(source, target)),
        (theirs, by_torch(model, reader, writer, source, target)),
    ):
        shown = [each * real for each in results]
        total = sum(
            (r * random(*r.shape, seed=2 + i)).sum() for i, r in enumerate(shown)
        )
        asked = [*rest, *networks]
        gradients = torch.autograd.grad(
            total, asked, allow_unused=True, materialize_grads=True
        )
        found.append([*shown, *gradients])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, **EXACT)


@settings(deadline=None, max_examples=40)
@given(translations())
def test_a_translation_equals_torchs_and_a_plain_loop(case):
    agrees_with_torch(seq2seq, case)


@pytest.mark.parametrize("score", SCORES)
def test_every_gradient_is_right(score):
    model = model_of(seq2seq, score, 2)
    source, target = sentences([3, 1], 9), sentences([2, 3], 11)
    names = [name for name, _ in model.named_parameters()]

    def outputs(*parameters):
        weights = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(model, weights, (source, target))

    parameters = tuple(p.detach().requires_grad_() for p in model.parameters())
    assert torch.autograd.gradcheck(outputs, parameters, check_undefined_grad=False)


@settings(deadline=None, max_examples=30)
@given(n=st.integers(1, 4), steps=st.integers(1, 6), width=st.integers(1, 5))
def test_multiplicative_attention_is_torchs_attention_without_its_scale(
    n, steps, width
):
    score = MultiplicativeAttention(width, 2 * width).double()
    query, keys = random(n, width).requires_grad_(), random(n, steps, 2 * width, seed=1)
    alive = torch.arange(steps) < torch.arange(1, n + 1)[:, None]
    ours, _ = attend(score(query, keys), keys, alive)
    theirs = F.scaled_dot_product_attention(
        query[:, None], score.of_key(keys), keys, alive[:, None], scale=1.0
    )[:, 0]
    torch.testing.assert_close(ours, theirs, **EXACT)
    weight = random(*ours.shape, seed=2)
    a, b = (torch.autograd.grad((c * weight).sum(), query)[0] for c in (ours, theirs))
    torch.testing.assert_close(a, b, **EXACT)


def test_weights_add_up_to_one_and_padding_has_none_even_where_all_is_padding():
    scores, values = random(3, 4).requires_grad_(), random(3, 4, 2, seed=1)
    alive = torch.tensor([[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 0]]).bool()
    context, weights = attend(scores, values, alive)
    assert not weights[~alive].any()
    torch.testing.assert_close(weights.sum(1), torch.tensor([1.0, 1.0, 0.0]).double())
    assert not context[2].any()
    context.sum().backward()
    assert scores.grad.isfinite().all()
    assert not scores.grad[~alive].any()


def test_padding_changes_nothing():
    source, target = sentences([3, 5], 9), sentences([4, 2], 11)
    for score in SCORES:
        model = model_of(seq2seq, score, 4)
        logits, weights = model(source, target)
        alone, looked = model(source[:1, :3], target[:1])
        torch.testing.assert_close(logits[0], alone[0], **EXACT)
        torch.testing.assert_close(weights[0, :, :3], looked[0], **EXACT)


def test_the_decoder_sees_only_the_words_before():
    source, target = sentences([3, 5], 9), sentences([6, 6], 11)
    later = target.clone()
    later[:, 3:] = 7
    for score in SCORES:
        model = model_of(seq2seq, score, 4)
        before, after = model(source, target)[0], model(source, later)[0]
        assert torch.equal(before[:, :4], after[:, :4])
        assert not torch.allclose(before[:, 4:], after[:, 4:])


@pytest.mark.parametrize("score", SCORES)
def test_greedy_is_teacher_forcing_on_its_own_words(score):
    model, source = model_of(seq2seq, score, 5, seed=3), sentences([3, 5, 1], 9)
    words, weights = greedy(model, source, limit=7)
    logits, looked = model(source, words)
    real = words != PADDING
    assert torch.equal(logits.argmax(-1)[real], words[real])
    torch.testing.assert_close(weights[real], looked[real], **EXACT)
    for row in words.tolist():
        if END in row:
            assert not any(row[row.index(END) + 1 :])


def always_end_second(model):
    """A model that ends every sentence at its second word at the latest."""
    with torch.no_grad():
        model.readout.bias[END] += 0.5
    return model


@pytest.mark.parametrize("score", SCORES)
def test_beam_search_of_width_one_is_greedy_and_a_wide_one_is_exhaustive(score):
    model = always_end_second(model_of(seq2seq, score, 3, seed=1))
    (source,) = sentences([4], 9)
    ((value, words),) = beam(model, source, width=1, limit=5)
    assert words == greedy(model, source[None], limit=5).words[0].tolist()

    def log_probability(sentence):
        target = torch.tensor([sentence])
        logits, _ = model(source[None], target)
        chosen = logits.log_softmax(-1).gather(2, target[..., None])
        return chosen.sum().item()

    assert value == pytest.approx(log_probability(words))
    vocabulary = range(11)
    ended = [[END]] + [[w, END] for w in vocabulary if w != END]
    open_ = [list(pair) for pair in itertools.product(vocabulary, repeat=2)]
    every = [*ended, *(pair for pair in open_ if END not in pair)]
    probabilities = {tuple(one): log_probability(one) for one in every}
    assert math.fsum(map(math.exp, probabilities.values())) == pytest.approx(1)
    found = beam(model, source, width=len(every), limit=2)
    assert {tuple(one) for _, one in found} == set(probabilities)
    assert found[0][0] == pytest.approx(max(probabilities.values()))
    assert [s for s, _ in found] == sorted((s for s, _ in found), reverse=True)


def test_several_models_train_side_by_side():
    models = [model_of(seq2seq, "additive", 4, seed=s).float() for s in range(3)]
    source, target = sentences([3, 5], 9), sentences([4, 2], 11)
    logits = torch.func.vmap(
        lambda weights: torch.func.functional_call(models[0], weights, (source, target))
    )(torch.func.stack_module_state(models)[0])[0]
    for model, each in zip(models, logits, strict=True):
        torch.testing.assert_close(each, model(source, target)[0])
    assert len(Several(models).members()) == 3


# ---- broken copies of the module, each caught ----------------------------------------


def check(engine):
    try_all(partial(agrees_with_torch, engine), translations(), max_examples=40)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("scores.masked_fill(~alive, lowest)", "scores"),  # padding is attended to
        ("masked_fill(~alive, lowest)", "masked_fill(alive, lowest)"),
        (".softmax(-1) * alive", ".softmax(0) * alive"),  # over the batch
        ("self.v(sums.tanh())", "self.v(sums)"),
        ("self.of_query(query)[:, None] +", ""),  # the same for every word
        ("value=BEGIN", "value=PADDING"),
        ("target[:, :-1], (1, 0)", "target[:, 1:], (0, 1)"),  # the answer is shown
        ("before[:, t]", "before[:, 0]"),
        ("last.transpose(0, 1).flatten(1)", "states[:, -1]"),  # the slip of 7.6
        (", alive=alive)", ")"),  # the encoder reads the padding
        ("return state.tanh()", "return state"),
        ("            answer, state, looked", "            answer, _, looked"),
        (
            "(query[:, None] * self.of_key(keys))",
            "(query[:, None] + self.of_key(keys))",
        ),
    ],
)
def test_a_broken_copy_is_caught(right, wrong):
    with pytest.raises((AssertionError, RuntimeError)):
        check(broken_copy(seq2seq, right, wrong))


# ---- errors that teach ---------------------------------------------------------------


def test_an_unknown_kind_of_attention_is_refused():
    message = (
        "score='dot' is no kind of attention; expected 'additive', 'multiplicative' "
        "or, for a fixed vector, 'none'."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        EncoderDecoder(9, 11, width=5, score="dot")


def test_sizes_and_limits_are_at_least_one():
    with pytest.raises(ValueError, match=r"^width=0 must be a whole number, 1 or more"):
        EncoderDecoder(9, 11, width=0)
    model = EncoderDecoder(9, 11, width=5)
    with pytest.raises(ValueError, match=r"^limit=0 must be a whole number, 1 or more"):
        greedy(model, torch.tensor([[3, 2]]), limit=0)
    with pytest.raises(ValueError, match=r"^width=0 must be a whole number, 1 or more"):
        beam(model, torch.tensor([3, 2]), width=0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            [[3, 9]],
            r"type torch.int64, from 3 to 9; expected whole numbers from 0 to 8",
        ),
        ([[3, -1]], r"from -1 to 3; expected whole numbers from 0 to 8"),
        ([[3.0, 2.0]], r"type torch.float32, from 2.0 to 3.0; expected whole numbers"),
    ],
)
def test_a_word_that_is_none_is_refused(words, said):
    with pytest.raises(ValueError, match=said):
        EncoderDecoder(9, 11, width=5)(torch.tensor(words), torch.tensor([[3, 2]]))


def test_additive_attention_has_the_papers_shapes():
    shapes = [tuple(p.shape) for p in AdditiveAttention(5, 7, width=3).parameters()]
    assert shapes == [(3, 5), (3,), (3, 7), (1, 3)]
