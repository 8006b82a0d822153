"""Drawing against its definitions; writing with and without a cache, and in batches."""

import math

import pytest
import torch
from broken import broken_copy
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from transformer_path.variants import generation
from transformer_path.variants.generation import (
    Taste,
    generate,
    probabilities,
    stream,
)
from transformer_path.variants.gpt import GPT, Sizes
from transformer_path.variants.llama import Llama
from transformer_path.workshop.training import seeded

TASTES = st.builds(
    Taste,
    temperature=st.sampled_from([0.0, 0.3, 1.0, 2.0]),
    top_k=st.sampled_from([None, 1, 3, 99]),
    top_p=st.sampled_from([0.01, 0.5, 0.9, 1.0]),
    min_p=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
)


def plainly(logits, taste):
    """The same for one row, word by word of the definitions."""
    if taste.temperature == 0:
        best = max(range(len(logits)), key=lambda n: logits[n])
        return [float(n == best) for n in range(len(logits))]
    powers = [math.exp(x / taste.temperature) for x in logits]
    share = [power / sum(powers) for power in powers]
    ranked = sorted(range(len(share)), key=lambda n: -share[n])
    kept, together = [], 0.0
    for rank, n in enumerate(ranked):
        enough = together >= taste.top_p or (taste.top_k and rank >= taste.top_k)
        if rank and (enough or share[n] < taste.min_p * share[ranked[0]]):
            break
        kept.append(n)
        together += share[n]
    return [share[n] / together if n in kept else 0.0 for n in range(len(share))]


def check(module, taste, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(4, 8, generator=generator, dtype=torch.float64)
    taste = module.Taste(**vars(taste))
    found = module.probabilities(logits, taste).double()
    wanted = torch.tensor([plainly(row, taste) for row in logits.tolist()])
    torch.testing.assert_close(found, wanted.double(), rtol=0, atol=1e-6)


@given(TASTES, st.integers(0, 99))
def test_probabilities_are_those_of_the_definitions(taste, seed):
    check(generation, taste, seed)


def check_extremes(module):
    """No tail is cut off by rounding, and nothing is too cold to be a number."""
    logits = torch.tensor([[0.0, -20.0, -90.0], [3.0, 3.0, -torch.inf]])
    for all_of_them in (module.Taste(), module.Taste(top_k=3)):
        found = module.probabilities(logits, all_of_them)
        torch.testing.assert_close(found, logits.softmax(-1), rtol=1e-5, atol=0)
    for cold in (1e-9, 1e-38, 1e-46, 1e-300):
        found = module.probabilities(logits, module.Taste(temperature=cold))
        wanted = torch.tensor([[1.0, 0, 0], [0.5, 0.5, 0]])
        torch.testing.assert_close(found, wanted, rtol=0, atol=0)


def test_as_they_come_is_the_softmax_and_the_coldest_the_largest():
    check_extremes(generation)


def built(context=12, kind=GPT):
    with seeded(0):
        model = kind(
            Sizes(vocabulary=9, context=context, d_model=8, n_heads=2, n_layers=2)
        ).double()
        for weight in model.parameters():
            nn.init.normal_(weight, std=0.6)
    return model


PROMPTS = [[1, 2, 3, 4], [5], [6, 7]]


def check_stream(module, kind=GPT, n=30):
    """With a cache as without, in a batch as alone, and drawn as they should be."""
    model, bold = built(kind=kind), Taste(temperature=1.5, top_k=6)
    kept, computed = (
        module.generate(
            model,
            PROMPTS,
            n,
            bold,
            generator=torch.Generator().manual_seed(3),
            cached=cached,
        )
        for cached in (True, False)
    )
    assert kept == computed
    assert [len(row) for row in kept] == [n] * 3
    texts, dice = [[*prompt] for prompt in PROMPTS], torch.Generator().manual_seed(3)
    model.eval()
    for t in range(n):
        logits = [model(torch.tensor([text[-12:]]))[0, -1] for text in texts]
        share = probabilities(torch.stack(logits), bold)
        for text, row, new in zip(
            texts, kept, share.multinomial(1, generator=dice), strict=True
        ):
            assert row[t] == new
            text.append(row[t])


@pytest.mark.parametrize("kind", [GPT, Llama])
@pytest.mark.parametrize("n", [0, 1, 8, 30])
def test_with_a_cache_the_same_tokens_are_written_even_past_the_context(n, kind):
    check_stream(generation, kind, n)


def test_tokens_are_drawn_one_at_a_time():
    calls, model = 0, built().train()

    def count(*_):
        nonlocal calls
        calls += 1

    model.register_forward_hook(count)
    pieces = stream(model, PROMPTS, 9)
    for n in range(1, 6):
        assert next(pieces).shape == (3,)
        assert calls == n
        assert not model.training
    pieces.close()  # who stops listening leaves the model as it was
    assert model.training


def test_greedy_writes_what_the_logits_say_and_alone_as_in_a_batch():
    model = built().eval()
    together = generate(model, PROMPTS, 20, Taste(temperature=0))
    for prompt, written in zip(PROMPTS, together, strict=True):
        assert generate(model, [prompt], 20, Taste(temperature=0)) == [written]
        tokens = [*prompt]
        for token in written:
            logits = model(torch.tensor([tokens[-12:]]))[0, -1]
            assert logits.argmax() == token
            tokens.append(token)


def test_draws_have_their_probabilities():
    model, prompts = built().eval(), [[1, 2, 3]] * 4000
    generator = torch.Generator().manual_seed(0)
    drawn = torch.tensor(generate(model, prompts, 1, generator=generator))[:, 0]
    share = probabilities(model(torch.tensor([[1, 2, 3]]))[0, -1], Taste())
    found = drawn.bincount(minlength=9) / 4000
    assert (found - share).abs().max() < 5 * 0.5 / 4000**0.5


def test_a_model_that_learns_goes_on_learning():
    model = built().train()
    generate(model, PROMPTS, 2)
    assert model.training
    with pytest.raises(ValueError, match="expected whole numbers"):
        generate(model, [[99]], 2)
    assert model.training


def test_keys_are_computed_once():
    """With a cache each step reads one token, without it all."""
    model, seen = built().eval(), []
    model.tokens.register_forward_hook(lambda _m, x, _y: seen.append(x[0].shape[1]))
    generate(model, [[1, 2, 3]], 4)
    assert seen == [3, 1, 1, 1]
    seen.clear()
    generate(model, [[1, 2, 3]], 4, cached=False)
    assert seen == [3, 4, 5, 6]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"temperature": -1.0}, "temperature=-1.0 must be a number from 0"),
        ({"temperature": math.nan}, "temperature=nan must be"),
        ({"temperature": math.inf}, "temperature=inf must be"),
        ({"top_k": 0}, "top_k=0 must be a whole number, 1 or more"),
        ({"top_p": 0.0}, "top_p=0.0 must be above 0 and at most 1"),
        ({"top_p": 1.1}, "top_p=1.1 must be above 0"),
        ({"min_p": -0.1}, "min_p=-0.1 must lie between 0 and 1"),
    ],
)
def test_a_taste_that_cannot_be_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Taste(**wrong)


@pytest.mark.parametrize("prompts", [[], [[1], []]])
def test_a_prompt_has_a_token(prompts):
    with pytest.raises(ValueError, match="a prompt is empty"):
        generate(built(), prompts, 1)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("below / max", "below * max"),
        ("below / max(taste.temperature, coldest)", "logits / taste.temperature"),
        ("if taste.top_p < 1:", "if True:"),
        ("before < taste.top_p", "before + ordered < taste.top_p"),
        ("taste.min_p * share.amax(-1, keepdim=True)", "taste.min_p"),
        ("taste.top_k :] =", "taste.top_k + 1 :] ="),
        ("scatter(-1, order, kept)", "gather(-1, order)"),
        ("(~allowed, -torch.inf).softmax", "(~allowed, 0.0).softmax"),
        ("logits.argmax(-1,", "logits.argmin(-1,"),
    ],
)
def test_a_broken_copy_is_caught(right, wrong):
    with pytest.raises(AssertionError):
        check_some(broken_copy(generation, right, wrong))


def check_some(module):
    check_extremes(module)
    tastes = [Taste(temperature=0), Taste(temperature=2.0, top_k=3), Taste(min_p=0.3)]
    for taste in [*tastes, Taste(top_p=0.6), Taste()]:
        check(module, taste, 1)


def test_an_unbroken_copy_passes():
    check_some(generation)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("> context", ">= 99"),
        ("tokens[:, -unread:]", "tokens[:, -1:]"),
        ("- cache.length", "- 0"),
        ("generator=generator)  # (B, 1)", "generator=None)"),
        ("logits.to(dice), taste)", "logits, Taste(temperature=0.5))"),
        ("alive[:, -context:]", "alive[:, -context:] | True"),
        ("(0, 1), value=True", "(0, 1), value=False"),
        (">= longest - lengths", "> longest - lengths"),
    ],
)
def test_a_broken_stream_is_caught(right, wrong):
    with seeded(1), pytest.raises((AssertionError, ValueError)):
        check_stream(broken_copy(generation, right, wrong))
