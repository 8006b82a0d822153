"""The exercises of chapter 7, recurrent networks."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from transformer_path.networks.feedforward import linear
from transformer_path.sequences.recurrent import gru_cell, rnn_cell

from ._compare import as_numbers, same_number
from ._functions import call, same_function
from ._words import different, kind


def seen_it(answer: object) -> str:
    """7.1: three numbers, for a unit that knows whether it has seen a 1."""
    given = as_numbers(answer, "answer", wanted="[w_ih, w_hh, b]")
    if given.shape != (3,):
        raise different(
            f"answer has the shape {tuple(given.shape)}; three numbers in a row were "
            "expected, [w_ih, w_hh, b]."
        )
    if not given.isfinite().all():
        raise different("answer holds numbers that are not finite.")
    generator = torch.Generator().manual_seed(0)
    x = (torch.rand(200, 60, generator=generator) < 0.03).double()
    x[0], x[1, 0], x[2, -1] = 0.0, 1.0, 1.0
    weight_ih, weight_hh, bias = given[0].view(1, 1), given[1].view(1, 1), given[2:]
    state = torch.zeros(200, 1).double()
    for t in range(60):
        none = torch.zeros_like(bias)
        state = rnn_cell(x[:, t, None], state, weight_ih, weight_hh, bias, none)
        seen = x[:, : t + 1].any(1)
        for where, right, wanted in (
            (seen, state[:, 0] > 0.9, "above 0.9, as a 1 has been seen"),
            (~seen, (state[:, 0] < -0.9) | (t == 0), "below -0.9: only zeros so far"),
        ):
            wrong = (where & ~right).nonzero()
            if len(wrong):
                row = int(wrong[0])
                start = ", ".join(f"{number:g}" for number in x[row, : min(t + 1, 8)])
                dots = ", ..." if t >= 8 else ""
                raise different(
                    f"At position {t} the state is {state[row].item():.3f} and should "
                    f"be {wanted}. (The sequence begins {start}{dots}.)"
                )
    return "One unit, and it never forgets. No gradient would have told you so."


def half_life(answer: object) -> str:
    """7.2: the forget bias with which half of the cell state is left after 50 steps."""
    forget = 0.5 ** (1 / 50)
    hint = "Wanted: f to the power 50 is a half, and f is the sigmoid of the bias."
    expected = math.log(forget / (1 - forget))
    same_number(answer, expected, tolerance=0.01, hint=hint)
    return "So a bias of 1, a usual choice, is for lags of a few steps."


def papers_gru(answer: object) -> str:
    """7.3: a GRU cell whose reset gate acts before the product, as in the paper."""

    def reference(
        x: Tensor,
        h: Tensor,
        weight_ih: Tensor,
        weight_hh: Tensor,
        bias_ih: Tensor,
        bias_hh: Tensor,
    ) -> Tensor:
        r_x, z_x, n_x = linear(x, weight_ih, bias_ih).chunk(3, -1)
        (r_w, z_w, n_w), (r_b, z_b, n_b) = weight_hh.chunk(3), bias_hh.chunk(3)
        r = (r_x + linear(h, r_w, r_b)).sigmoid()
        z = (z_x + linear(h, z_w, z_b)).sigmoid()
        n = (n_x + linear(r * h, n_w, n_b)).tanh()
        return (1 - z) * n + z * h

    generator = torch.Generator().manual_seed(0)
    shapes = [(5, 3), (5, 7), (21, 3), (21, 7), (21,), (21,)]
    case = tuple(
        torch.randn(*shape, generator=generator, dtype=torch.float64)
        for shape in shapes
    )
    hint = "The candidate sees r * h in place of h, and nothing else changes."
    same_function(answer, reference, [case], hint=hint, gradient=True)
    return "In value and gradient. It needs one product more than torch's."


def mean_of_what_is_real(answer: object) -> str:
    """7.4: a function answer(values, lengths), the mean over the real positions."""

    def reference(values: Tensor, lengths: Tensor) -> Tensor:
        return values[_real(values, lengths)].mean()

    generator = torch.Generator().manual_seed(0)
    values = torch.randn(5, 7, generator=generator, dtype=torch.float64)
    lengths = torch.tensor([7, 2, 5, 1, 2])
    hint = "Every real position counts once, whichever row it stands in."
    same_function(answer, reference, [(values, lengths)], hint=hint, gradient=True)
    shorter = torch.tensor([3, 2, 6, 1, 2])  # no row reaches the end
    same_function(answer, reference, [(values, shorter)], hint=hint, gradient=True)
    dirty = values.masked_fill(~_real(values, lengths), math.inf)
    hint = "Here inf stands in the padding, and inf * 0 is NaN: choose, not multiply."
    same_function(answer, reference, [(dirty, lengths)], hint=hint, gradient=True)
    return "A long line has more characters, and so more weight."


def one_character(answer: object) -> str:
    """7.5: a function answer(logits, temperature) that draws one index."""
    logits = torch.tensor([2.0, -1.0, 0.5, 1.0, -30.0])
    hint = "Divide the logits by the temperature, then softmax, then draw."
    for temperature in (1.0, 0.5, 3.0):
        wanted, counts = (logits / temperature).softmax(0), torch.zeros(5)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            for _ in range(2000):
                counts[_index(answer, logits, temperature, hint)] += 1
        shares = counts / counts.sum()
        worst = int((shares - wanted).abs().argmax())
        if abs(shares[worst] - wanted[worst]) > 0.05:
            raise different(
                f"At temperature {temperature:g} the index {worst} was drawn in "
                f"{shares[worst]:.0%} of 2000 draws; expected about "
                f"{wanted[worst]:.0%}.",
                hint,
            )
    return "Draw, read, draw again: this is all there is to writing."


def both_ends(answer: object) -> str:
    """7.6: from the outputs of both readers the states in which each has ended."""

    def reference(outputs: Tensor) -> Tensor:
        forwards, backwards = outputs.chunk(2, -1)
        return torch.cat([forwards[:, -1], backwards[:, 0]], 1)

    generator = torch.Generator().manual_seed(0)
    cases = []
    for shape in [(5, 7, 6), (3, 1, 2), (1, 4, 8)]:
        cases.append((torch.randn(*shape, generator=generator, dtype=torch.float64),))
    hint = "The first half of the last axis ends at position T - 1, the other at 0."
    same_function(answer, reference, cases, hint=hint, gradient=True)
    return "Both have read the whole sequence."


CHECKS: dict[str, Callable[[object], str]] = {
    "7.1": seen_it,
    "7.2": half_life,
    "7.3": papers_gru,
    "7.4": mean_of_what_is_real,
    "7.5": one_character,
    "7.6": both_ends,
}


def _real(values: Tensor, lengths: Tensor) -> Tensor:
    return torch.arange(values.shape[1]) < lengths[:, None]


def _draw(logits: Tensor) -> int:
    return int(logits.softmax(0).multinomial(1))


def _index(answer: object, logits: Tensor, temperature: float, hint: str) -> int:
    """Draw once, and make sure that it is an index."""
    drawn = call(answer, (logits, temperature), ["logits", "temperature"], hint)
    if isinstance(drawn, bool) or not isinstance(drawn, int):
        raise different(
            f"answer(logits, temperature) is {kind(drawn)}; an index was expected, as "
            "an int.",
            hint,
        )
    if not 0 <= drawn < len(logits):
        raise different(
            f"answer(logits, temperature) is {drawn}; {len(logits)} logits have the "
            f"indices 0 to {len(logits) - 1}.",
            hint,
        )
    return drawn


WRONG: dict[str, list[object]] = {
    "7.1": [
        None,
        (1.0, 3.0, 0.0),  # the page's latch, which does not fall by itself
        (10.0, 4.0, 0.0),
        (10.0, 4.0, -5.0),  # the bias pulls it down again
        (3.0, 4.0, -1.5),  # a 1 is too weak to lift it
        (10.0, 0.5, -1.5),  # it forgets
        (10.0, 4.0),
        (10.0, 4.0, float("nan")),
        "latch",
    ],
    "7.2": [0.5, 0.986, 50, 1.0, None, -4.27, "4.27"],
    "7.3": [
        gru_cell,  # torch's own: the gate acts after the product
        lambda *given: given[1],
        lambda x, h, *weights: gru_cell(x, h, *weights) * 0.5,
        lambda _, h: h,
        1,
    ],
    "7.4": [
        lambda values, _: values.mean(),  # the padding counts
        lambda values, lengths: torch.stack(  # a short row weighs as much as a long one
            [row[:n].mean() for row, n in zip(values, lengths, strict=True)]
        ).mean(),
        lambda values, lengths: (values * _real(values, lengths)).sum() / lengths.sum(),
        lambda values, lengths: values[_real(values, lengths)].sum() / values.numel(),
        lambda values, lengths: values[_real(values, lengths + 1)].mean(),  # one more
        lambda values, lengths: values[_real(values, lengths)].mean().item(),
        lambda values: values.mean(),
        0.5,
    ],
    "7.5": [
        lambda logits, _: int(logits.argmax()),
        lambda logits, _: _draw(logits),
        lambda logits, temperature: _draw(logits * temperature),
        lambda logits, temperature: _draw((logits / temperature).softmax(0)),  # twice
        lambda logits, temperature: (logits / temperature).softmax(0).multinomial(1),
        lambda logits, temperature: _draw(logits / temperature) - 5,
        lambda logits: _draw(logits),
        2,
    ],
    "7.6": [
        lambda outputs: outputs[:, -1],  # one of them has just begun there
        lambda outputs: outputs[:, 0],
        lambda outputs: torch.cat([outputs[:, 0], outputs[:, -1]], 1),
        lambda outputs: torch.cat(
            [outputs[:, 0].chunk(2, 1)[0], outputs[:, -1].chunk(2, 1)[1]], 1
        ),
        lambda outputs: torch.stack([outputs[:, -1], outputs[:, 0]], 1).mean(1),
        None,
    ],
}
