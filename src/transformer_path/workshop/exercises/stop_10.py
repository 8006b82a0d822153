"""The exercises of chapter 10, the transformer."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from transformer_path.transformer.blocks import EncoderLayer

from . import _race
from ._compare import same_number
from ._functions import same_function

Part = Callable[..., Tensor]


def moved_by_one(answer: object) -> str:
    """10.1: a function answer(target, begin), what the decoder may read."""

    def reference(target: Tensor, begin: int) -> Tensor:
        return F.pad(target[:, :-1], (1, 0), value=begin)

    words = torch.randint(3, 99, (5, 7), generator=torch.Generator().manual_seed(0))
    cases = [(words, 1), (words[:1, :1], 1), (words[:3], 2)]
    hint = "At position t stands the word of position t - 1; at position 0, begin."
    same_function(answer, reference, cases, hint=hint)
    return "Forget it, and the mask hides nothing: each position reads its own answer."


def decoder_layer(answer: object) -> str:
    """10.2: a decoder layer, post-norm, put together from its parts."""

    def reference(
        y: Tensor,
        x: Tensor,
        self_attention: Part,
        cross_attention: Part,
        feedforward: Part,
        norms: list[Part],
    ) -> Tensor:
        y = norms[0](y + self_attention(y, y))
        y = norms[1](y + cross_attention(y, x))
        return norms[2](y + feedforward(y))

    cases = _layers()
    hint = "Three times: a branch, added to the stream, and the sum normalised."
    same_function(answer, reference, cases, hint=hint, gradient=True)
    return "The whole decoder is six of these, and a table at either end."


def one_layer(answer: object) -> str:
    """10.3: the number of parameters of one decoder layer, d_model 256, d_ff 1024."""
    attention, norm = 4 * (256 * 256 + 256), 2 * 256
    feedforward = 256 * 1024 + 1024 + 1024 * 256 + 256
    hint = "Two attentions of four matrices, two oblong ones, three norms; and biases."
    same_number(
        answer, 2 * attention + feedforward + 3 * norm, tolerance=0.5, hint=hint
    )
    return "The number of heads is in none of it."


def back_again(answer: object) -> str:
    """10.4: the step in which the paper's rate is that of step 1,000 again."""
    hint = "t^(-1/2) behind the peak, 1000 · 4000^(-3/2) before it."
    same_number(answer, 64_000.0, tolerance=0.5, hint=hint)
    return "The rise takes 4,000 steps; the fall has no end."


def smoothed(answer: object) -> str:
    """10.5: a function answer(target, n_words, smoothing), smoothed targets."""

    def reference(target: Tensor, n_words: int, smoothing: float) -> Tensor:
        return (1 - smoothing) * F.one_hot(target, n_words) + smoothing / n_words

    words = torch.randint(0, 7, (3, 5), generator=torch.Generator().manual_seed(0))
    cases = [(words, 7, 0.1), (words, 11, 0.0), (words[:1], 7, 0.5)]
    hint = "Every word gets smoothing / n_words, the right one 1 - smoothing more."
    same_function(answer, reference, cases, hint=hint)
    return "Each row adds up to 1, and nothing in it is 0."


def norm_before(answer: object) -> str:
    """10.6: a decoder layer, pre-norm, put together from its parts."""
    hint = "Three times: the stream goes into a branch normalised, and on as it is."
    same_function(answer, _layer(pre=True), _layers(), hint=hint, gradient=True)
    return "From the first layer to the last the stream is only added to."


def pairs(answer: object) -> str:
    """10.10: how many times as many pairs 40 tokens have as ten."""
    same_number(answer, 16.0, hint="Every token with every token: T times T.")
    return "What attention costs grows with the square of the length."


def weights(answer: object) -> str:
    """10.11: the number of parameters of an encoder layer with 32 and 64 units."""
    layer = EncoderLayer(32, 4, 64)
    wanted = sum(p.numel() for p in layer.parameters())
    hint = "Four matrices with biases, two linear layers, two normalisations."
    same_number(answer, float(wanted), hint=hint)
    return "However many heads there are."


def overlapping(answer: object) -> str:
    """10.12: a function answer(x, size, stride) that cuts series into patches."""

    def reference(x: Tensor, size: int, stride: int) -> Tensor:
        return x.unfold(1, size, stride)

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 11, generator=generator, dtype=torch.float64)
    cases = [(x, 4, 4), (x, 5, 2), (x, 2, 3), (x, 11, 1)]
    hint = "Patch i begins at position i * stride and has size numbers."
    same_function(answer, reference, cases, hint=hint, gradient=True)
    return "With a linear layer behind it, this is a convolution."


CHECKS: dict[str, Callable[[object], str]] = {
    "10.1": moved_by_one,
    "10.2": decoder_layer,
    "10.3": one_layer,
    "10.4": back_again,
    "10.5": smoothed,
    "10.6": norm_before,
    **_race.CHECKS,
    "10.10": pairs,
    "10.11": weights,
    "10.12": overlapping,
}


def _asks(sharpness: float) -> Part:
    """Make an attention without weights: who asks first, then who is asked."""

    def attention(asking: Tensor, asked: Tensor) -> Tensor:
        return (sharpness * asking @ asked.mT).softmax(-1) @ asked

    return attention


def _layers() -> list[tuple[object, ...]]:
    """Make what a decoder layer is given: two streams, and its parts."""
    generator = torch.Generator().manual_seed(0)
    cases: list[tuple[object, ...]] = []
    for b, u, t in [(2, 5, 7), (1, 3, 3)]:
        y, x = (
            torch.randn(b, n, 6, generator=generator, dtype=torch.float64)
            for n in (u, t)
        )
        parts = _asks(0.5), _asks(-0.8), torch.sin, [*map(_norm, (1, 2, 3))]
        cases.append((y, x, *parts))
    return cases


def _norm(scale: float) -> Part:
    def norm(x: Tensor) -> Tensor:
        return scale * F.layer_norm(x, x.shape[-1:])

    return norm


def _layer(
    *, residual: bool = True, pre: bool = False, bridge: bool = True, last: bool = True
) -> Part:
    """Make a decoder layer, post-norm; or another, or one with a mistake."""

    def layer(
        y: Tensor,
        x: Tensor,
        self_attention: Part,
        cross_attention: Part,
        feedforward: Part,
        norms: list[Part],
    ) -> Tensor:
        branches: list[Part] = [
            lambda z: self_attention(z, z),
            lambda z: cross_attention(z, x if bridge else z),
            feedforward,
        ]
        for i, (branch, norm) in enumerate(zip(branches, norms, strict=True)):
            if pre:
                y = y + branch(norm(y))
            else:
                added = (y if residual else 0) + branch(y)
                y = norm(added) if last or i < 2 else added
        return y

    return layer


WRONG: dict[str, list[object]] = {
    "10.1": [
        lambda target, _: target,  # it reads its own answer
        lambda target, begin: F.pad(target, (1, 0), value=begin),  # one too many
        lambda target, begin: F.pad(target[:, 1:], (1, 0), value=begin),
        lambda target, begin: F.pad(target[:, 1:], (0, 1), value=begin),  # looks ahead
        lambda target, _: F.pad(target[:, :-1], (1, 0)),  # padding in place of begin
        lambda target, _: target.roll(1, 1),
        lambda target: target,
        None,
    ],
    "10.2": [
        _layer(residual=False),
        _layer(pre=True),
        _layer(bridge=False),
        _layer(last=False),
        lambda y, x, ask, cross, ffn, norms: norms[2](
            norms[1](norms[0](y + ask(y, y)) + cross(x, y))
            if x.shape == y.shape
            else y + ffn(y)
        ),
        lambda y, *_: y,
        lambda y: y,
        7,
    ],
    "10.3": [
        790_272,  # an encoder's layer
        1_051_648 - 3 * 512 + 768,
        2 * 4 * 256 * 256 + 2 * 256 * 1024,  # no biases, no norms
        1_053_440 // 8,
        None,
        "1053440",
    ],
    "10.4": [4000, 16_000, 253_000, 0.0007, None],
    "10.5": [
        lambda words, n, eps: (1 - eps) * F.one_hot(words, n),  # given to nobody
        lambda words, n, eps: (1 - eps) * F.one_hot(words, n) + eps,
        lambda words, n, _: F.one_hot(words, n).double(),
        lambda words, *_: words,
        None,
    ],
    "10.6": [
        _layer(),  # post-norm
        _layer(pre=True, bridge=False),
        lambda y, x, ask, cross, ffn, norms: (
            (y := y + cross(norms[1](y := y + ask(norms[0](y), y)), x))
            + ffn(norms[2](y))
        ),  # who is asked is not normalised
        lambda y, *_: y,
        7,
    ],
    **_race.WRONG,
    "10.10": [4, 1600, 100, 1 / 16, None],
    "10.11": [
        4 * 32**2 + 2 * 32 * 64,  # no biases, no normalisation
        4 * (32**2 + 32) + 2 * 32 * 64,
        8416,  # no normalisation
        12 * 32**2,
        None,
    ],
    "10.12": [
        lambda x, size, _: x.unfold(1, size, size),  # they do not overlap
        lambda x, size, stride: x.unfold(1, stride, size),
        lambda x, size, stride: x.unfold(1, size, stride).mT,
        lambda x, size, stride: x.unfold(0, size, stride),
        lambda x, *_: x,
        None,
    ],
}
