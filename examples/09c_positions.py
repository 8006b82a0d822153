"""Where does it stand? Positions.

Stop 9c of the path as a script: the code of the page
https://transformer-path.github.io/transformer-path/09c-positions.html, its prose as
comments. You will have three ways to tell attention where a token stands, and the tasks
that tell them apart. The numbers in the comments are the page's; the script computes
and prints them. It needs the book's package, runs from anywhere, and can save the
figures in a folder:

    pip install "transformer-path @ git+https://github.com/transformer-path/transformer-path"
    python examples/09c_positions.py
    python examples/09c_positions.py --figures FOLDER
"""

from transformer_path.workshop import script

script.start()


# The question
# ============

# Attention finds what fits, wherever it stands: near or far costs the same. That was
# the point. Now look at the formula again and search for the place where it uses where
# something stands. Does it make a difference to attention whether the dog bites the man
# or the man bites the dog?

from functools import cache

import numpy as np
import torch
from torch import nn

from transformer_path.networks.feedforward import MLP
from transformer_path.sequences.convolution import Conv1d
from transformer_path.sequences.recurrent import GRU
from transformer_path.transformer.attention import (
    MultiHeadAttention,
    attention,
    causal_mask,
    merge_heads,
    sinusoids,
    split_heads,
)
from transformer_path.workshop import plots
from transformer_path.workshop.datasets import Examples
from transformer_path.workshop.notes import note
from transformer_path.workshop.repeats import accuracies
from transformer_path.workshop.training import seeded
from transformer_path.workshop.trials import trials


# The idea: a bag of tokens
# =========================

# Let the rows of X, (T, C), be what stands at the positions, and let P be a permutation
# matrix: it puts the rows into another order. Queries, keys and values are computed row
# by row, so they change places with the rows. What happens to the rest?

#     softmax((P Q (P K)ᵀ)/√d_k) P V
#     = P softmax(QKᵀ/√d_k) Pᵀ P V
#     = P softmax(QKᵀ/√d_k) V

#     scores = q @ k.mT / d_k**0.5  # (T, T)
#     weights = scores.softmax(-1)
#     result = weights @ v
#     # rows of q, k and v change places:
#     # scores: its rows and its columns do,
#     # weights: so do they,
#     # the sum over the columns: the same

# The softmax takes each row by itself, so it lets rows and columns change places too.
# And Pᵀ P is the identity: a sum does not ask in which order it is taken. What remains
# is

#     attention(P X) = P attention(X).

# This is permutation equivariance: if the positions change places, the results change
# places along with them, and are otherwise the same. Heads and the output layer work at
# each position alike, and change nothing about it.


# Proof
# =====

# Algebra is exact, floating point adds in another order. So the difference is to be as
# small as the type of the numbers allows, and it is to shrink when they get more
# digits.

def by_seed(seed):
    return torch.Generator().manual_seed(seed)


def largest_gap(dtype):
    """How far attention(Px) is from P attention(x), in 100 draws."""
    gaps = []
    for seed in range(100):
        generator = by_seed(seed)
        layer = MultiHeadAttention(32, 4, generator=generator).to(dtype)
        x = torch.randn(1, 12, 32, generator=generator, dtype=dtype)
        order = torch.randperm(12, generator=generator)
        gap = layer(x[:, order])[0] - layer(x)[0][:, order]
        gaps.append(gap.abs().max().item())
    return max(gaps)


gaps = {kind: largest_gap(kind) for kind in (torch.float32, torch.float64)}

assert gaps[torch.float32] < 1e-6
assert gaps[torch.float64] < 1e-10

# In 100 draws of weights, inputs and permutations, with results of about 0.1 in size,
# the largest difference is below 10⁻⁶ in float32, and below 10^-10 in float64.

layer = MultiHeadAttention(32, 4, generator=by_seed(0)).double()
x = torch.randn(1, 12, 32, generator=by_seed(1), dtype=torch.float64)
order = torch.randperm(12, generator=by_seed(6))
torch.testing.assert_close(
    layer(x[:, order])[0].mean(1), layer(x)[0].mean(1), rtol=0, atol=1e-10
)

# And the others? Let us ask the same of an MLP that gets all positions at once, of a
# convolution and of a GRU, by the share of the result that no longer fits: ‖f(P X) - P
# f(X)‖/‖P f(X)‖.

with seeded(0):
    dense, kernel, reader = (
        MLP([384, 384, 384]),
        Conv1d(32, 32, 3, padding=1),
        GRU(32, 32),
    )
networks = {
    "MLP": lambda x: dense(x.flatten(1)).unflatten(1, (12, 32)),
    "convolution": lambda x: kernel(x.mT).mT,
    "GRU": lambda x: reader(x)[0],
    "attention": lambda x: layer.float()(x)[0],
}
unlike = {}
with torch.no_grad():
    for name, network in networks.items():
        straight = network(x.float())[:, order]
        mixed = network(x[:, order].float())
        unlike[name] = ((mixed - straight).norm() / straight.norm()).item()

assert min(unlike[name] for name in ("MLP", "convolution", "GRU")) > 0.3
assert unlike["attention"] < 1e-5
note(
    **{
        f"unlike_{name}": f"{unlike[name]:.1f}"
        for name in unlike
        if name != "attention"
    }
)

#                  changed by the permutation  what it takes for granted
#     MLP          1.3                         every place has weights of its own
#     convolution  1.2                         neighbours belong together
#     GRU          0.6                         what came before is the state
#     attention    less than 0.00001           nothing

# The MLP of stop 4 was blind to neighbourhood, which is another thing. It knows its
# places apart, but not which of them are neighbours; so it loses nothing if all series
# are permuted in the same way. Attention loses nothing if each of them is permuted in a
# way of its own. It does not even know the places apart.


# Two repairs
# ===========

# If order matters, it can be written into the input. A positional encoding is a vector
# for each position, added to what stands there: x_t + p_t. The same token at two places
# is then two different inputs. Where do the vectors come from?

# Learned. A table of T vectors, parameters like all others, random at first.

# Sinusoidal. A fixed table (Vaswani et al., 2017). Each pair of its columns is a sine
# and a cosine that go round with a frequency of their own, from one radian a position
# to almost none:

#     p_(t, 2i) = sin(ω_i t)
#     p_(t, 2i+1) = cos(ω_i t)
#     ω_i = 10000^(-2i/C)

#     # omega: (C / 2,), position: (T, 1)
#     angle = position * omega  # (T, C / 2)
#     pairs = [angle.sin(), angle.cos()]
#     table = torch.stack(pairs, -1).flatten(1)

# The lines of the package: transformer_path.transformer.attention.sinusoids

fig, ax = plots.figure(4.9, 4.2)
plots.heatmap(ax, sinusoids(48, 32), negative="ink")
_ = ax.set(xlabel="feature", ylabel="position", aspect="auto")

# Read a row: it is a clock with sixteen hands, one a pair. The fast ones tell
# neighbours apart, the slow ones tell the beginning from the end. What attention
# computes of two positions is a product, so let us look at the products of positions
# with each other.

table = sinusoids(100, 32).double()
product = {start: table[start : start + 40] @ table[start] for start in (0, 20, 60)}

apart = np.arange(40)
fig, ax = plots.figure(4.9, 2.6)
ax.plot(apart, product[0], color=plots.LIGHT["attention"])
ax.plot(apart, product[20], "o", mfc="none", ms=7, color=plots.LIGHT["ink-2"])
ax.plot(apart, product[60], "x", ms=4, color=plots.LIGHT["ink"])
_ = ax.set(xlabel="distance of the two positions", ylabel="product", ylim=(0, None))
for start in (20, 60):
    torch.testing.assert_close(product[start], product[0], rtol=0, atol=1e-5)
assert (product[0][:4].diff() < 0).all() and product[0][3] > product[0][4:].max()

# So a position fits itself best, and then its three next neighbours in their order: the
# notion of neighbourhood that the MLP lacked is laid into the input. And a head can
# look elsewhere. A step of k positions turns every hand by an angle of its own, so
# there is one matrix that takes each p_t to p_(t+k), whatever t is. Here is the one for
# five positions, a block of two by two for each pair:

k, omega = 5, 10_000.0 ** (-torch.arange(0, 32, 2).double() / 32)
blocks = [
    torch.tensor([[c, s], [-s, c]], dtype=torch.float64)
    for c, s in zip((k * omega).cos(), (k * omega).sin())
]
turn = torch.block_diag(*blocks)  # (C, C)
torch.testing.assert_close(table[:-k] @ turn.mT, table[k:], rtol=0, atol=1e-5)

# A head's weights can hold such a matrix. The authors chose sinusoids for that, and
# because they may go on beyond the longest sequence of training. In their translations
# a learned table did just as well.


# The experiment
# ==============

# When does it matter? Three tasks on sequences of 12 tokens out of eight, each asking
# for a little more.

# - Most frequent: which token occurs most often?
# - Which first: tokens 0 and 1 occur once each. Which of them comes first?
# - Before, asked at every position: which token stands before this one?

T, V = 12, 8


def draw(n, seed, length=T):
    return torch.randint(V, (n, length), generator=by_seed(seed))


@cache
def most(n, seed):
    """Which token stands there most often?"""
    x = draw(4 * n, seed)
    counts = nn.functional.one_hot(x, V).sum(1)
    largest = counts.topk(2, 1).values
    clear = (largest[:, 0] > largest[:, 1]).nonzero()[:n, 0]  # no ties
    return Examples(x[clear], counts[clear].argmax(1))


@cache
def first(n, seed):
    """Tokens 0 and 1 occur once each: which comes first?"""
    x = draw(n, seed) % (V - 2) + 2
    places = torch.rand(n, T, generator=by_seed(seed + 1)).argsort(1)[:, :2]
    x.scatter_(1, places, torch.tensor([[0, 1]]).expand(n, 2))
    return Examples(x, (places[:, 0] > places[:, 1]).long())


@cache
def before(n, seed, length=T):
    """At every position: which token stands before this one?"""
    x = draw(n, seed, length)
    y = x.roll(1, 1)
    y[:, 0] = -100  # before the first stands none
    return Examples(x, y)

# The network is one layer of attention and little else: tokens, positions, four heads
# around which a residual connection goes, and a linear readout, at each position or
# from the average.

class Reader(nn.Module):
    """Layers of attention on tokens with positions."""

    def __init__(self, places, causal=False, pool=False, layers=1, width=32, tokens=V):
        super().__init__()
        self.tokens = nn.Embedding(tokens, width)
        self.places, self.pool = places, pool  # (T, width)
        self.layers = nn.ModuleList(MultiHeadAttention(width, 4) for _ in range(layers))
        self.readout = nn.Linear(width, tokens)
        self.mask = causal_mask(len(places)) if causal else None

    def forward(self, tokens):
        n = tokens.shape[1]
        if n > len(self.places):
            raise ValueError(f"{n} tokens, but only {len(self.places)} positions.")
        x = self.tokens(tokens) + self.places[:n]
        for layer in self.layers:
            x = x + layer(x, mask=self.mask)[0]
        return self.readout(x.mean(1) if self.pool else x)


def learned(n, width=32):
    return nn.Parameter(torch.randn(n, width))


kinds = {
    "none": lambda **options: Reader(torch.zeros(T, 32), **options),
    "sinusoidal": lambda **options: Reader(sinusoids(T, 32), **options),
    "learned": lambda **options: Reader(learned(T), **options),
    "causal mask only": lambda **options: Reader(
        torch.zeros(T, 32), causal=True, **options
    ),
}

# Every network learns from 100, 200 and 150 batches of 32 fresh sequences in the three
# tasks, by Adam, from three seeds, and is asked about 2,000 others. Each has the
# learning rate with the smallest loss on further fresh sequences, out of 0.001, 0.003,
# 0.01 and 0.03; it is 0.01 where that is less than 0.01 above the smallest.

tasks = {"most frequent": most, "which first": first, "before": before}
steps = {"most frequent": 100, "which first": 200, "before": 150}
TEST = 2**41  # a seed of its own


def learn(build, task, rate=0.01, steps=150):
    """Train one network for each of three seeds, on fresh examples."""
    (trial,) = trials({0: build}, task, rates=[rate], steps=steps)
    return trial.models


models, right = {}, {}
for name, task in tasks.items():
    for kind, network in kinds.items():
        models[name, kind] = learn(
            lambda: network(pool=name != "before"),
            task,
            rate=0.003 if (name, kind) == ("before", "causal mask only") else 0.01,
            steps=steps[name],
        )
        right[name, kind] = accuracies(models[name, kind], task(2000, TEST))

for (name, kind), found in right.items():
    key = f"{name}_{kind}".replace(" ", "_")
    note(**{key: f"{found.mean():.0%}"})
for name in tasks:
    assert min(right[name, kind].min() for kind in ("sinusoidal", "learned")) > 0.9
assert all(right["most frequent", kind].min() > 0.9 for kind in kinds)
assert (right["which first", "none"] - 0.5).abs().max() < 0.05
bag = nn.functional.one_hot(before(2000, TEST).x, V)
others = (bag.sum(1, keepdim=True) - bag)[:, 1:].amax(-1) / (T - 1)
earlier_ones = bag.cumsum(1)[:, :-1].amax(-1) / torch.arange(1, T)
assert (right["before", "none"] - others.mean()).abs().max() < 0.02
assert (right["before", "causal mask only"] - earlier_ones.mean()).abs().max() < 0.02
assert right["which first", "causal mask only"].min() > 0.9
assert max(found.std() for found in right.values()) < 0.05

#     task           none  sinusoidal  learned  causal mask only
#     most frequent  100%  100%        100%     100%
#     which first    49%   100%        100%     100%
#     before         29%   100%        100%     43%

# These are means over three seeds, with standard deviations below five points. Without
# positions the task that needs no order is solved, and no other. (More than an eighth
# in the last row is what a bag gives away: guess the most frequent of the other
# tokens.) With positions, of either kind, one layer solves all three. (Not from every
# seed: of six others, one came to 80% in which first with sinusoids.)


# A rival: the mask knows something, too
# ======================================

# The last column has no positions. And yet it tells which token comes first. What is
# left, if not positions, is the causal mask: each position looks at itself and at those
# before it, and nowhere else. So the first sees one token and the last sees twelve.

value = torch.zeros(T, 1)
value[0] = 1.0
place, _ = attention(torch.zeros(T, 1), torch.zeros(T, 1), value, causal_mask(T))
torch.testing.assert_close(place[:, 0], 1 / torch.arange(1.0, T + 1))

# Haviv et al. (2022) found that language models with such a mask do well without any
# positional encoding, and suspected just this counting. But one layer of it is a weak
# substitute. Position t looks into a bag of those before it:

earlier = torch.cat([torch.randperm(11, generator=by_seed(4)), torch.tensor([11])])
mask = causal_mask(T)
layer = layer.double()
one, other = layer(x, mask=mask)[0], layer(x[:, earlier], mask=mask)[0]
torch.testing.assert_close(other[:, -1], one[:, -1], rtol=0, atol=1e-10)

# Eleven tokens have changed places, and the twelfth has noticed nothing. So one layer
# under a mask can learn who is before whom, but not who is next to whom: 43% in the
# last task, no more than guessing the most frequent of the earlier tokens. Positions
# give 100%.


# Longer than anything it has seen
# ================================

# The last task is the same at every length: look at your neighbour. Trained on 12
# tokens, what do the networks make of 24? The learned table has no row for the
# thirteenth token, and asking for it is an error. The sinusoids go on.

try:
    models["before", "learned"][0](draw(1, 0, 24))
    said = ""
except ValueError as error:
    said = str(error)
longer, x24 = [], before(2000, TEST, 24)
for model in models["before", "sinusoidal"]:
    model.places = sinusoids(24, 32)
    longer.append((model(x24.x).argmax(-1) == x24.y).float().mean(0)[1:])
longer = torch.stack(longer)  # (3, 23)

# The table goes on, but the network does not follow. At the places that training knew
# it is right for 98%, with all 24 tokens around; at the twelve new ones for 41 ± 11%
# (mean and standard deviation over three seeds). Is it the length, or is it this
# encoding? Here is a rival that never names a place. It has a learned number for each
# distance, added to the scores of a head: a relative position, in a plain form of the
# idea of Shaw et al. (2018). All distances beyond four to one side share a number. (You
# build it in exercise 9.7.)

class Relative(nn.Module):
    """A head's scores get a number for each distance, up to 4 either way."""

    def __init__(self, width=32, heads=4, reach=4):
        super().__init__()
        self.ask = MultiHeadAttention(width, heads)
        self.bias = nn.Parameter(torch.zeros(heads, 2 * reach + 1))
        self.tokens, self.readout = nn.Embedding(V, width), nn.Linear(width, V)

    def forward(self, tokens):
        x, n, reach = self.tokens(tokens), tokens.shape[1], self.bias.shape[1] // 2
        mixed = nn.functional.linear(x, self.ask.in_proj_weight, self.ask.in_proj_bias)
        q, k, v = (split_heads(part, 4) for part in mixed.chunk(3, -1))
        distance = torch.arange(n) - torch.arange(n)[:, None]  # s - t
        bias = self.bias[:, distance.clamp(-reach, reach) + reach]  # (H, T, T)
        weights = (q @ k.mT / q.shape[-1] ** 0.5 + bias).softmax(-1)
        return self.readout(x + self.ask.out_proj(merge_heads(weights @ v)))


apart_models = learn(Relative, before)
at_new_places = torch.stack(
    [(model(x24.x).argmax(-1) == x24.y).float()[:, T:].mean() for model in apart_models]
)

known, new = longer[:, : T - 1].mean(1), longer[:, T - 1 :].mean(1)
assert said == "24 tokens, but only 12 positions."
assert known.mean() > 0.85 and 0.2 < new.mean() < 0.7 and new.max() < 0.8
assert at_new_places.min() > 0.95
note(
    longer_known=f"{known.mean():.0%}",
    longer_new=f"{100 * new.mean():.0f} ± {100 * new.std():.0f}%",
    longer_relative=f"{at_new_places.mean():.0%}",
)

# It is right for 98% at the new places. So it is not the length. For this task, at
# least. Kazemnejad et al. (2023) compared four encodings on many tasks longer than
# those of training: sinusoids and two relative ones suited them badly, and a causal
# mask without any encoding did best.


# Where it fails
# ==============

# Attention with positions reads any place it likes, in one step. Any place that it can
# name beforehand. Let each position hold the number of another: the tokens are a
# permutation of 0 to 11, read as addresses. One hop asks: what stands at the place that
# I name? Two hops ask on: and what stands at the place that it names?

#     one hop:    y_t = x_(x_t)    two hops:    y_t = x_(x_(x_t))

# Positions are learned here, and there are 400 batches (250 for one hop); the rate was
# chosen as before, for each of the four.

def hops(count):
    def task(n, seed):
        x = torch.rand(n, T, generator=by_seed(seed)).argsort(1)  # permutations
        y = x
        for _ in range(count):
            y = x.gather(1, y)
        return Examples(x, y)

    return task


def pointers(layers=1, width=32):
    return lambda: Reader(learned(T, width), layers=layers, width=width, tokens=T)


chased = {}
for name, build, count, batches in (
    ("one hop, one layer", pointers(), 1, 250),
    ("two hops, one layer", pointers(), 2, 400),
    ("two hops, one wide layer", pointers(width=48), 2, 400),
    ("two hops, two layers", pointers(layers=2), 2, 400),
):
    found = learn(build, hops(count), steps=batches)
    chased[name] = accuracies(found, hops(count)(2000, TEST))

# There is a way out, and our four heads are too few for it: to ask ahead, with a head
# for every possible answer. Here are thirteen heads in one layer, their weights set by
# hand:

# By hand: head b reads place b if x_t leads there, and repeats the first answer if not.
# The thirteenth head gives the first answer too, and takes the repetitions off.
x, y = hops(2)(2000, TEST)
token, place = nn.functional.one_hot(x, T).float(), torch.eye(T)
query = torch.cat([token, torch.ones(2000, T, 1)], -1)[:, None]  # (B, 1, T, T + 1)
by_head = torch.cat([30 * place - 60 * token, torch.zeros(2000, T, 1)], -1)
places = 60 * place.expand(2000, T + 1, T, T)
key = torch.cat([places, by_head.mT[..., None]], -1) * (T + 1) ** 0.5
answers, _ = attention(query, key, token[:, None])  # (B, T + 1, T, T)
by_hand = answers[:, :T].sum(1) - (T - 0.5) * answers[:, T]
assert torch.equal(by_hand.argmax(-1), y)

fig, ax = plots.figure(4.9, 2.1)
plots.dots(ax, chased, "attention")
ax.set(xlabel="accuracy", xlim=(0, 1.05))
plots.level(ax, x=1 / T)
sizes = [
    sum(p.numel() for p in build().parameters())
    for build in (pointers(width=48), pointers(layers=2))
]
assert sizes[0] > sizes[1]
assert chased["one hop, one layer"].min() > 0.95
assert chased["two hops, two layers"].min() > 0.95
assert chased["two hops, one layer"].max() < 0.45
assert chased["two hops, one wide layer"].max() < 0.45
note(
    **{
        name.replace(", ", "_").replace(" ", "_"): f"{found.mean():.0%}"
        for name, found in chased.items()
    }
)

# One round of questions:

# Two hops: 24% with one layer of attention, 25% with a wider one of more weights, 100%
# with two layers (three seeds). The second question depends on the first answer, and a
# layer asks all its questions at once. Or it asks ahead, as the thirteen heads do.

# So attention has to be stacked. How dozens of such layers are to be trained, what has
# to stand between them, and what a whole model looks like that is made of nothing else:
# that is the transformer, the next stop of the map. But first a warning. Attention is a
# few lines, and many ways to get them wrong train without an error message.
