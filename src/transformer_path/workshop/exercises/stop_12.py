"""The exercises of chapter 12, encoders: BERT and the vision transformer."""

from collections.abc import Callable

import torch
from torch import Tensor

from ._attention import draw, fit
from ._compare import same_number
from ._functions import same_function


def windows_for_one(answer: object) -> str:
    """12.1: one number, the windows that give as many targets."""
    hint = "A decoder has a target at each of 128 positions; 15% of 128 are 19."
    same_number(answer, 128 / 19, hint=hint, tolerance=0.1)
    return "That is the price of a hidden token."


def _hidden(
    tokens: Tensor, chosen: Tensor, fate: Tensor, strange: Tensor, mask: int
) -> Tensor:
    hidden = tokens.masked_fill(chosen & (fate < 0.8), mask)
    hidden = torch.where(chosen & (fate >= 0.8) & (fate < 0.9), strange, hidden)
    return torch.stack([hidden, tokens.masked_fill(~chosen, -100)])


def hides(answer: object) -> str:
    """12.2: a function answer(tokens, chosen, fate, strange, mask), (2, B, T)."""
    cases = []
    for seed, (b, t) in enumerate([(3, 40), (1, 7), (2, 64)]):
        generator = torch.Generator().manual_seed(seed)
        tokens, strange = torch.randint(50, (2, b, t), generator=generator)
        chosen, fate = torch.rand(2, b, t, generator=generator)
        cases.append((tokens, chosen < 0.5, fate, strange, 50))
    hint = "Only where chosen is True anything happens; a target elsewhere is -100."
    same_function(answer, _hidden, cases, hint=hint)
    return "One of ten stands there as it was, and the network cannot tell which."


def _two_prices(p: Tensor) -> Tensor:
    def bits(p: Tensor) -> Tensor:
        found: Tensor = torch.special.entr(p).sum() / torch.tensor(2.0).log()
        return found

    both = bits(p)
    return torch.stack([both, 2 * both - bits(p.sum(0)) - bits(p.sum(1))])


def two_prices(answer: object) -> str:
    """12.3: a function answer(p), a tensor of two numbers of bits."""
    (drawn,) = draw((3, 5))
    uneven = drawn.flatten().softmax(0).view(3, 5)
    alone = draw((4, 1))[0].softmax(0) * draw((1, 3))[0].softmax(1)
    same = torch.eye(2, dtype=torch.float64) / 2
    hint = "Bits of a table: minus the sum of p log2 p, where 0 log2 0 is 0."
    cases = [(uneven,), (alone,), (same,)]
    same_function(answer, _two_prices, cases, hint=hint)
    return "What each says of the other is missing in the second, twice minus once."


def table_of_an_image(answer: object) -> str:
    """12.4: one number, the weights of one head for one image."""
    hint = "224 / 16 patches along each side, and the class token."
    same_number(answer, 197**2, hint=hint)
    return "With patches of 8 it would be nearly 16 times as many."


def _patches(images: Tensor, size: int) -> Tensor:
    b, c, h, w = images.shape
    x = images.reshape(b, c, h // size, size, w // size, size)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(b, -1, c * size * size)


def cuts_patches(answer: object) -> str:
    """12.5: a function answer(images, size), (B, N, C·size·size)."""
    shapes = [((2, 3, 4, 6), 2), ((1, 1, 3, 3), 3), ((2, 2, 5, 2), 1)]
    cases = [(*draw(shape), size) for shape, size in shapes]
    hint = "(B, C, h, P, w, P), then the two axes of places before the three others."
    same_function(answer, _patches, cases, hint=hint)
    return "The axes decide everything, and no number was computed."


def _gathered(
    x: Tensor, first: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor
) -> Tensor:
    x = torch.cat([first.expand(len(x), 1, -1), x], 1)
    found: Tensor = fit(x[:, :1] @ w_q, x @ w_k).softmax(-1) @ (x @ w_v)
    return found[:, 0]


def gathers(answer: object) -> str:
    """12.6: a function answer(x, first, w_q, w_k, w_v), what the class token gets."""
    cases = []
    for b, n, c, d in ((2, 5, 4, 3), (1, 1, 2, 6), (3, 4, 3, 3)):
        cases.append(draw((b, n, c), (c,), (c, d), (c, d), (c, d + 1)))
    hint = "One query an image, that of the class token; N + 1 keys, its own too."
    same_function(answer, _gathered, cases, hint=hint, gradient=True)
    return "In the last layer nothing but this row of the attention is needed."


CHECKS: dict[str, Callable[[object], str]] = {
    "12.1": windows_for_one,
    "12.2": hides,
    "12.3": two_prices,
    "12.4": table_of_an_image,
    "12.5": cuts_patches,
    "12.6": gathers,
}


def _everything_hidden(
    tokens: Tensor, chosen: Tensor, _fate: Tensor, _strange: Tensor, mask: int
) -> Tensor:
    return torch.stack(
        [tokens.masked_fill(chosen, mask), tokens.masked_fill(~chosen, -100)]
    )


def _asks_everywhere(
    tokens: Tensor, chosen: Tensor, fate: Tensor, strange: Tensor, mask: int
) -> Tensor:
    hidden, _ = _hidden(tokens, chosen, fate, strange, mask)
    return torch.stack([hidden, tokens])


def _forgets_chosen(
    tokens: Tensor, chosen: Tensor, fate: Tensor, strange: Tensor, mask: int
) -> Tensor:
    everywhere = torch.ones_like(chosen)
    hidden, _ = _hidden(tokens, everywhere, fate, strange, mask)
    return torch.stack([hidden, tokens.masked_fill(~chosen, -100)])


def _columns_first(images: Tensor, size: int) -> Tensor:
    return _patches(images.mT, size)


def _channels_last(images: Tensor, size: int) -> Tensor:
    b, c, h, w = images.shape
    x = images.reshape(b, c, h // size, size, w // size, size)
    return x.permute(0, 2, 4, 3, 5, 1).reshape(b, -1, c * size * size)


def _without_itself(
    x: Tensor, first: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor
) -> Tensor:
    result: Tensor = fit(first @ w_q, x @ w_k).softmax(-1) @ (x @ w_v)
    return result[:, 0]


WRONG: dict[str, list[object]] = {
    "12.1": [0.15, 19, 128, 0.148, 5.74, None],
    "12.2": [
        _everything_hidden,
        _asks_everywhere,
        _forgets_chosen,
        lambda tokens, chosen, fate, strange, mask: _hidden(
            tokens, chosen, 1 - fate, strange, mask
        ),
        lambda tokens, *_: tokens,
        3,
    ],
    "12.3": [
        lambda p: _two_prices(p).flip(0),
        lambda p: _two_prices(p) * torch.tensor(2.0).log(),
        lambda p: _two_prices(p)[0].expand(2),
        lambda p: -(p * p.log2()).sum().expand(2),
        lambda _: None,
    ],
    "12.4": [196**2, 197, 196, 785**2, 14**2, None],
    "12.5": [
        _columns_first,
        _channels_last,
        lambda images, size: images.unflatten(2, (-1, size)),
        lambda images, _: images.flatten(1),
        3,
    ],
    "12.6": [
        _without_itself,
        lambda x, first, w_q, w_k, w_v: _gathered(x, first, w_k, w_q, w_v),
        lambda x, first, w_q, w_k, w_v: _gathered(x, first, w_q, w_k, w_v)[:, None],
        lambda x, *weights: (x @ weights[-1]).mean(1),
        None,
    ],
}
