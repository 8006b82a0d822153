"""The whole transformer, put together from torch's layers and by hand."""

import re

import pytest
import torch
from broken import broken_copy
from sentences import sentences
from torch import nn

from transformer_path.transformer import encoder_decoder
from transformer_path.transformer.attention import sinusoids
from transformer_path.transformer.encoder_decoder import Sizes, Transformer, greedy
from transformer_path.workshop.training import seeded
from transformer_path.workshop.vocabulary import BEGIN, END, PADDING

EXACT = {"rtol": 1e-10, "atol": 1e-10}
SMALL = {"d_model": 8, "n_heads": 2, "d_ff": 12, "n_layers": 2, "longest": 16}


def model_of(engine=encoder_decoder, seed=0, **options):
    with seeded(seed):
        sizes = engine.Sizes(n_source=9, n_target=11, **SMALL | options)
        return engine.Transformer(sizes).double().eval()


SOURCE, TARGET = sentences([3, 5, 1], 9), sentences([4, 2, 6], 11, seed=1)


def by_torch(model, source, target):
    """The same from torch's encoder and decoder."""
    s = model.sizes
    options = {"batch_first": True, "norm_first": s.pre_norm}
    sizes = s.d_model, s.n_heads, s.d_ff, s.dropout
    norms = [None, None]
    if s.pre_norm:
        norms = [nn.LayerNorm(s.d_model) for _ in range(2)]
        for norm, ours in zip(
            norms, (model.encoder_norm, model.decoder_norm), strict=True
        ):
            norm.load_state_dict(ours.state_dict())
    layer = nn.TransformerEncoderLayer(*sizes, **options)
    encoder = nn.TransformerEncoder(
        layer, s.n_layers, norms[0], enable_nested_tensor=False
    )
    encoder.layers.load_state_dict(model.encoder.state_dict())
    layer = nn.TransformerDecoderLayer(*sizes, **options)
    decoder = nn.TransformerDecoder(layer, s.n_layers, norms[1])
    decoder.layers.load_state_dict(model.decoder.state_dict())
    encoder, decoder = encoder.double().eval(), decoder.double().eval()
    padding, positions = source == PADDING, sinusoids(16, s.d_model)
    begin = torch.full_like(target[:, :1], BEGIN)
    before = torch.cat([begin, target[:, :-1]], 1)
    x = model.source.weight[source] * s.d_model**0.5 + positions[: source.shape[1]]
    y = model.target.weight[before] * s.d_model**0.5 + positions[: before.shape[1]]
    read = encoder(x, src_key_padding_mask=padding)
    later = torch.ones(target.shape[1], target.shape[1]).triu(1).bool()
    written = decoder(y, read, tgt_mask=later, memory_key_padding_mask=padding)
    return written @ model.target.weight.T


def agrees_with_torch(engine, pre_norm):
    model = model_of(engine, pre_norm=pre_norm)
    torch.testing.assert_close(
        model(SOURCE, TARGET), by_torch(model, SOURCE, TARGET), **EXACT
    )
    found = []
    for translate in (model, lambda *pair: by_torch(model, *pair)):
        model.zero_grad()
        logits = translate(SOURCE, TARGET)
        (logits * logits.detach().cos()).sum().backward()
        found.append([model.source.weight.grad, model.target.weight.grad])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, **EXACT)


@pytest.mark.parametrize("pre_norm", [False, True])
def test_the_whole_equals_torchs_in_value_and_gradient(pre_norm):
    agrees_with_torch(encoder_decoder, pre_norm)


def test_every_parameter_of_the_base_model_is_accounted_for():
    with torch.device("meta"):
        base = Transformer(Sizes(n_source=37_000, n_target=37_000))
        big = Transformer(Sizes.big(n_source=37_000, n_target=37_000))
    attention, mlp = 4 * (512 * 512 + 512), 2 * 512 * 2048 + 2048 + 512
    encoder = attention + mlp + 2 * 2 * 512
    decoder = 2 * attention + mlp + 3 * 2 * 512
    words = 37_000 * 512
    count = sum(p.numel() for p in base.parameters())
    assert count == 6 * (encoder + decoder) + 2 * words
    assert count - words == 63_082_496  # one embedding for both languages, as there
    assert 0.66 < mlp / encoder < 0.67
    assert sum(p.numel() for p in big.parameters()) > 3 * count


def test_padding_changes_nothing():
    model = model_of()
    alone = model(SOURCE[:1, :3], TARGET[:1])
    torch.testing.assert_close(model(SOURCE, TARGET)[:1], alone, **EXACT)


def test_the_decoder_sees_only_the_words_before():
    model, later = model_of(), TARGET.clone()
    later[:, 3:] = 7
    before, after = model(SOURCE, TARGET), model(SOURCE, later)
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


def test_the_order_of_the_words_matters():
    model, turned = model_of(), SOURCE.clone()
    turned[1, :2] = SOURCE[1, :2].flip(0)
    assert not torch.allclose(model(turned, TARGET)[1], model(SOURCE, TARGET)[1])


@pytest.mark.parametrize("seed", range(3))
def test_greedy_is_teacher_forcing_on_its_own_words(seed):
    model = model_of(seed=seed)
    words = greedy(model, SOURCE, limit=7)
    real = words != PADDING
    assert torch.equal(model(SOURCE, words).argmax(-1)[real], words[real])
    for row in words.tolist():
        assert len(row) <= 7
        if END in row:
            assert not any(row[row.index(END) + 1 :])


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (" * embedding.embedding_dim**0.5", ""),
        ("x + self.positions[: words.shape[1]]", "x"),
        ("mask=before_it, ", ""),
        (", source_mask=mask", ""),
        ("layer(x, mask=mask)", "layer(x)"),
        ("value=BEGIN", "value=END"),
        ("self.decoder_norm(x) @", "x @"),
        ("return self.encoder_norm(x), mask", "return x, mask"),
    ],
)
def test_a_broken_copy_is_caught(right, wrong):
    with pytest.raises(AssertionError):
        agrees_with_torch(broken_copy(encoder_decoder, right, wrong), pre_norm=True)


def test_an_unbroken_copy_passes():
    agrees_with_torch(
        broken_copy(encoder_decoder, "s.n_layers, 1)", "s.n_layers, 1)"), pre_norm=True
    )


def message(text):
    return f"^{re.escape(text)}$"


@pytest.mark.parametrize("shape", [(2, 17), (2, 0), (3,)])
def test_a_sentence_fits_the_positions(shape):
    with pytest.raises(
        ValueError,
        match=message(
            f"words of shape {shape}; expected (B, T) with T from 1 to 16, the "
            "positions that this model knows (Sizes.longest)."
        )
        if len(shape) == 2
        else r"^alive of shape \(3,\)",
    ):
        model_of()(torch.full(shape, 3), TARGET[:2])


def test_words_are_those_of_the_vocabulary():
    with pytest.raises(ValueError, match="expected whole numbers from 0 to 8"):
        model_of()(SOURCE + 8, TARGET)
    with pytest.raises(ValueError, match="expected whole numbers from 0 to 10"):
        model_of()(SOURCE, TARGET + 10)


def test_sizes_are_at_least_one():
    with pytest.raises(ValueError, match=r"^n_layers=0 must be a whole number, 1 or"):
        Transformer(Sizes(n_source=9, n_target=9, **SMALL | {"n_layers": 0}))
    with pytest.raises(ValueError, match=r"^limit=0 must be a whole number, 1 or"):
        greedy(model_of(), SOURCE, limit=0)
