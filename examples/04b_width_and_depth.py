"""Width and depth.

Stop 4b of the path as a script: the code of the page
https://transformer-path.github.io/transformer-path/04b-width-and-depth.html, its prose
as comments. You will have weights written by hand that draw any curve, and a fair way
to compare shapes of networks. The numbers in the comments are the page's; the script
computes and prints them. It needs the book's package, runs from anywhere, and can save
the figures in a folder:

    pip install "transformer-path @ git+https://github.com/transformer-path/transformer-path"
    python examples/04b_width_and_depth.py
    python examples/04b_width_and_depth.py --figures FOLDER
"""

from transformer_path.workshop import script

script.start()


# The question
# ============

# Three hidden units could not tell two spirals apart, and two layers of sixteen could.
# How many does it take, and are they better side by side or one layer after the other?
# Is there anything that an MLP cannot draw, and what do width and depth do for it?

# The first half of the question has an answer for good, with a proof that you can run.
# The second is where many confident sentences are written on little evidence. So this
# page is also about how to compare two networks without fooling yourself.

from functools import partial
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from transformer_path.networks.feedforward import (
    MLP,
    feedforward,
    relu,
    sigmoid,
    tanh,
)
from transformer_path.workshop import plots
from transformer_path.workshop.datasets import mnist1d
from transformer_path.workshop.ensembles import Several, padded
from transformer_path.workshop.notes import note
from transformer_path.workshop.regions import breakpoints
from transformer_path.workshop.repeats import accuracies, repeat
from transformer_path.workshop.toys import spirals
from transformer_path.workshop.training import fit


# Is there anything it cannot draw?
# =================================

# No, and you can write the weights down by hand, in four lines, without any training.

# Start in one dimension. A unit relu(x - t) is flat up to t and rises from there. Add
# it to a line, with a factor: the line now changes its slope at t. Such a place is a
# breakpoint, or kink. Add another unit, and there is another. So on an interval any
# line made of straight pieces is a number plus a sum of ReLUs: one where the interval
# starts and one per breakpoint, each weighted by how much the slope changes there:

#     f̂(x) = f(t_0) + Σ_(j=0)^(n-1) (s_j - s_(j-1)) relu(x - t_j)
#     s_j = (f(t_(j+1)) - f(t_j))/(t_(j+1) - t_j),    s_-1 = 0

# Here t_0 is the start, the next t_j are the breakpoints, and s_j the slope from one to
# the next. Read it as a network: -t_j is the bias of unit j, the change of slope its
# weight in the output.

def through(t, f):
    """The MLP [1, n, 1] whose line passes through n + 1 points, t and f."""
    slope = torch.diff(f) / torch.diff(t)  # (n,)
    change = torch.diff(slope, prepend=slope.new_zeros(1))  # (n,)
    return [torch.ones_like(slope)[:, None], -t[:-1], change[None], f[:1]]

# That is an MLP with one hidden layer of n units, and `feedforward` runs it as it is.
# Give it a curve to follow and step through the widths:

def target(x):
    return torch.sin(3 * x) + torch.cos(7 * x) / 2


def by_hand(n):
    t = torch.linspace(-2, 2, n + 1, dtype=torch.float64)
    return through(t, target(t))


fine = torch.linspace(-2, 2, 2001, dtype=torch.float64)[:, None]


def error(network):
    """Root mean square distance from the target."""
    return (network(fine) - target(fine)).square().mean().sqrt().item()

stepper = plots.Stepper("a network written by hand, following a curve")
for n in (3, 4, 6, 8, 12, 16, 24, 32):
    fig, ax = plots.figure(4.9, 2.8)
    t = torch.linspace(-2, 2, n + 1).double()[:, None]
    ax.plot(fine, target(fine), color=plots.LIGHT["ink-2"], lw=1.2, ls="--")
    orange, drawn = plots.LIGHT["mlp"], feedforward(t, by_hand(n))
    ax.plot(t, drawn, "-v", color=orange, lw=1.8, ms=4)
    ax.set(xlabel="x", xlim=(-2, 2), ylim=(-1.7, 1.7))
    off = error(lambda x, n=n: feedforward(x, by_hand(n)))
    stepper.add(fig, f"{n} hidden units: off by {off:.3f}.")
script.keep(stepper)

# There is a second way, older and rougher, which you will find in Nielsen's book: make
# sigmoids so steep that they are stairs, and build the curve out of steps. The same
# four numbers, with the heights in place of the slopes:

def stairs(n, steep=1e4):
    """The MLP [1, n, 1] whose sigmoids are steps, halfway between n + 1 heights."""
    t = torch.linspace(-2, 2, n + 1, dtype=torch.float64)
    middle, f = (t[1:] + t[:-1]) / 2, target(t)
    weight = torch.full((n, 1), steep).double()
    return [weight, -steep * middle, torch.diff(f)[None], f[:1]]

widths = np.array([4, 8, 16, 32, 64, 128])
chords, steps = [], []
for n in widths:
    chords.append(error(lambda x: feedforward(x, by_hand(int(n)))))
    steps.append(error(lambda x: feedforward(x, stairs(int(n)), sigmoid)))
chords_slope, steps_slope = (
    np.polyfit(np.log(widths[2:]), np.log(found[2:]), 1)[0] for found in (chords, steps)
)
assert abs(chords_slope + 2) < 0.1 and abs(steps_slope + 1) < 0.1
assert 3.8 < chords[-2] / chords[-1] < 4.2
note(
    chords_slope=f"{chords_slope:.2f}".replace("-", "−"),
    steps_slope=f"{steps_slope:.2f}".replace("-", "−"),
    halved=f"{chords[-2] / chords[-1]:.1f}",
)

# On logarithmic axes the error falls with slope −1.97 for ReLUs and with slope −1.00
# for stairs, where twice the units only halve the error.

# The universal approximation theorem says that it works for any continuous function on
# a closed and bounded region, in any number of dimensions, and for any continuous
# activation function that is no polynomial (Cybenko, 1989; Hornik, 1991; Leshno et al.,
# 1993). In two dimensions you add ramps to towers and towers to landscapes; exercise
# 4.3 builds one. But the theorem says only that good weights exist at some width. It
# does not say how wide, and it does not say that gradient descent will find them.


# Does training find such weights?
# ================================

# Take the same shapes, `[1, n, 1]`, show them 129 points of the curve, and let them
# learn. If the result is worse than the weights by hand, it may be the fault of where
# we start. So try two initialisations, two ways to draw the first weights. The usual
# one draws each number uniformly from ±1/√inputs. The other knows the task: it puts
# each breakpoint anywhere in the interval that we look at.

def network(widths, seed):
    return MLP(widths, generator=torch.Generator().manual_seed(seed))


def spread(n, seed):
    """An MLP [1, n, 1] whose breakpoints start anywhere between -2 and 2."""
    mlp, generator = network([1, n, 1], seed), torch.Generator().manual_seed(seed)
    first, last = mlp.layers
    nn.init.normal_(first.weight, 0, 2**0.5, generator=generator)
    kinks = torch.rand(n, generator=generator) * 4 - 2
    first.bias.data = -first.weight.data[:, 0] * kinks
    nn.init.normal_(last.weight, 0, (2 / n) ** 0.5, generator=generator)
    nn.init.zeros_(last.bias)
    return mlp

# We use Adam, a variant of gradient descent that chapter 5 builds by hand, 4,000 steps,
# a learning rate that fades to nothing, and three seeds for each width and start. All
# 18 networks train side by side; nothing passes from one to the other. Their layers are
# run all at once, from stacked weights. The examples stand in columns here, not in
# rows: with layers as narrow as those of this page, that saves time.

def in_columns(models, x):
    """What each of several networks makes of the same N examples: (S, outputs, N)."""
    h = x.T
    for weight, bias in zip(models.stacks[::2], models.stacks[1::2]):
        sums = weight @ h + bias[..., None]  # (S, units, N)
        h = relu(sums)
    return sums


shown = torch.linspace(-2, 2, 129)[:, None]
trained_widths, seeds = (8, 32, 128), range(3)
starts = {"usual": lambda n, seed: network([1, n, 1], seed), "spread": spread}
drawn = [
    padded(start(n, seed), network([1, 128, 1], 0))
    for start in starts.values()
    for n in trained_widths
    for seed in seeds
]
models = Several(drawn)


def squared_errors(models, x):
    return (in_columns(models, x) - target(x).T).square().mean((1, 2))  # (18,)


_ = fit(
    models,
    lambda step: shown,
    loss=squared_errors,
    optimizer=torch.optim.Adam(models.parameters(), lr=0.01, fused=True),
    schedule=lambda done: 1 - done,
    steps=4000,
)
errors = np.reshape([error(model.double()) for model in models.members()], (2, 3, 3))

fig, ax = plots.figure(4.9, 3.2)
plots.log_ticks(ax, x=widths)
ax.set(yscale="log", xlabel="hidden units", ylabel="error", xlim=(4, 128))
ax.set_ylim(1e-3, 1.5)
plots.curves(ax, widths, chords, "ink", "chords")
plots.curves(ax, widths, steps, "linear", "stairs")
plots.curves(ax, trained_widths, errors[0].T, "mlp", "usual start")
plots.curves(ax, trained_widths, errors[1].T, "mlp", "spread", hollow=True, style="--")

usual, kinks_spread = errors[0, -1], errors[1, -1]
knots = torch.linspace(-2, 2, 9).double()[:-1]
units = torch.cat([relu(fine - knots), torch.ones_like(fine)], 1)  # (2001, 9)
heights = torch.linalg.lstsq(units, target(fine)).solution
best_heights = error(lambda x: units @ heights)  # the breakpoints stay where they are
assert errors[:, 0].min() < best_heights < 0.8 * chords[1]
assert kinks_spread.mean() < 0.75 * usual.mean()  # the start was a part of the gap ...
assert errors[:, -1].min() > 4 * chords[-1]  # ... and not all of it
note(
    hand_8=f"{chords[1]:.2f}",
    hand_128=f"{chords[-1]:.4f}",
    usual_128=f"{usual.mean():.2f}",
    spread_128=f"{kinks_spread.mean():.2f}",
)

# With 8 units training can beat the weights by hand, which are off by 0.32, though from
# other starts it often does not: it may move its breakpoints. For breakpoints that stay
# where they are, the best output weights (by least squares) do better than ours, too,
# but not as well as the best of these six runs. With 128 units training loses. From the
# usual start the error is 0.13 on average, with the breakpoints spread it is 0.04, and
# by hand 0.0017. So at this learning rate a good part of the gap was the start, and
# even the best of these runs is more than four times off what its width allows. More
# steps may narrow the gap further. That good weights exist is one fact; that a training
# of given length arrives at them is another.


# One layer after the other
# =========================

# If one wide layer can draw everything, why would anyone stack several? A second layer
# does more than add its breakpoints to those of the first: one of its units can have a
# breakpoint on each piece that the first layer has made.

# Take a strip of paper, fold it in half, and cut a notch with scissors: two notches.
# Fold twice: four. This function takes the line from 0 to 1 and lays its right half
# onto its left, with two units:

#     tent(x) = 2 relu(x) - 4 relu(x - 1/2)

# Apply it k times, one layer after the other: 2k units in all, and 2^k straight pieces
# (Telgarsky, 2016).

def tents(k):
    """An MLP with k hidden layers of 2 units each."""
    W, b = torch.tensor([[1.0], [1.0]]), torch.tensor([0.0, -0.5])
    V, c = torch.tensor([[2.0, -4.0]]), torch.zeros(1)
    between = [W @ V, b] * (k - 1)  # (2, 2), (2,): out of one tent, into the next
    return [W, b, *between, V, c]


for k in range(1, 11):
    assert len(breakpoints(tents(k), 0, 1)) + 1 == 2**k

line = torch.linspace(0, 1, 129)[:, None]
stepper = plots.Stepper("the tent function applied again and again")
for k in range(1, 7):
    fig, ax = plots.figure(4.9, 2.4)
    ax.plot(line, feedforward(line, tents(k)), color=plots.LIGHT["mlp"], lw=1.8)
    ax.set(xlabel="x", xlim=(0, 1), ylim=(-0.03, 1.05), yticks=[0, 1])
    layers = f"{k} hidden layer{'s' * (k > 1)}, {2 * k} units"
    stepper.add(fig, f"{layers}: {2**k} straight pieces.")
script.keep(stepper)

# `breakpoints` counts exactly. Layer by layer, the weighted sum of a unit is straight
# between the breakpoints found so far, so it crosses zero there once or never.

# So depth can give an exponential number of pieces. That, too, is a theorem, and it is
# often quoted as the reason why deep networks work. But it speaks of weights that
# somebody has chosen. How many pieces do networks have as they come, with random
# weights? Take 64 hidden units in one to eight layers, ten seeds each, two
# initialisations, and walk from −3 to 3. The second one is named after He (He et al.,
# 2015): normal weights with variance 2/inputs. We draw the biases normally, too.

def he(mlp, seed, bias=0.0):
    """Draw weights with variance 2 / inputs, and biases with deviation ``bias``."""
    generator = torch.Generator().manual_seed(seed)
    for layer in mlp.layers:
        deviation = (2 / layer.weight.shape[1]) ** 0.5
        nn.init.normal_(layer.weight, 0, deviation, generator=generator)
        nn.init.normal_(layer.bias, 0, bias, generator=generator)
    return mlp


def pieces(mlp):
    return len(breakpoints(list(mlp.parameters()), -3, 3)) + 1


depths = np.array([1, 2, 4, 8])
shapes = [[1, *[64 // depth] * depth, 1] for depth in depths]
usual = [[pieces(network(w, s)) for w in shapes] for s in range(10)]
after_he = [[pieces(he(network(w, s), s, bias=1)) for w in shapes] for s in range(10)]

fig, ax = plots.figure(4.9, 2.9)
plots.log_ticks(ax, x=depths)
ax.set(xlabel="hidden layers (64 units in all)", ylabel="linear pieces")
ax.set(yscale="log", xlim=(0.9, 8), ylim=(5, 4e7))
# A layer of n units can fold the line into n pieces, laid one onto the other.
possible = [65] + [(64 // depth) ** depth for depth in depths[1:]]
plots.curves(ax, depths, possible, "ink", "possible", style="--")
plots.curves(ax, depths, after_he, "mlp", "He", hollow=True, style="--")
plots.curves(ax, depths, usual, "mlp", "usual")

for found in (np.array(usual), np.array(after_he)):
    assert found.mean(0).max() < 64 and found[:, 3].mean() < 0.9 * found[:, 0].mean()
    assert (np.diff(found.mean(0)) < 3).all()  # no more pieces from more layers
for name, found in (("usual", np.array(usual)), ("he", np.array(after_he))):
    for depth, column in ((1, 0), (8, 3)):
        mean, deviation = found[:, column].mean(), found[:, column].std(ddof=1)
        note(**{f"{name}_{depth}": f"{mean:.0f} ± {deviation:.0f}"})

# One layer of 64 units has 54 ± 3 or 57 ± 3 pieces (mean and standard deviation over
# seeds; usual weights, He's). Eight layers of 8 have 20 ± 4 or 36 ± 14. The exponential
# number is possible; what you get at the start is, on average, fewer pieces than units.
# Hanin and Rolnick (2019) prove that with random weights the pieces along a line grow
# on average in proportion to the number of units, not exponentially, and their networks
# stay far below the exponential after training, too.


# Wide or deep: a fair comparison
# ===============================

# Then let us ask the task itself: on the spirals, with about 80 parameters, is one
# layer better, or two, or three? It is easy to get an answer, and easy to get the wrong
# one. A comparison of two architectures is fair if each side had its chance:

# - its own learning rate, chosen on the validation split, from a range in which the
#   best is not the smallest or the largest. Five are tried here;
# - more than one initialisation. If the order changes with it, it was no fact about
#   architectures;
# - enough steps, the same number for all; here 2,000 of plain gradient descent;
# - several seeds, and the spread shown.

# With plain gradient descent a loss multiplied by ten is the same as a learning rate
# multiplied by ten. So all rates, starts and seeds of one shape can train side by side.

seen = spirals(160, seed=0)
validation, test = spirals(1000, seed=2), spirals(4000, seed=1)
rates = [0.03, 0.1, 0.3, 1.0, 3.0]
contest = {
    "one layer": [2, 16, 2],
    "two layers": [2, 6, 6, 2],
    "three": [2, 5, 5, 4, 2],
}
# two starts, five rates, ten seeds:
each_rate = torch.tensor(rates).repeat_interleave(10).repeat(2)  # (100,)


def losses(models, examples):
    logits = in_columns(models, examples.x)  # (100, 2, 160)
    labels = examples.y.expand(len(logits), -1)
    return each_rate * F.cross_entropy(logits, labels, reduction="none").mean(1)


trained, on_validation = {}, {}
for name, widths in contest.items():
    drawn = [network(widths, seed) for _ in rates for seed in range(10)]
    drawn += [he(network(widths, seed), seed) for _ in rates for seed in range(10)]
    models = Several(drawn)
    sgd = torch.optim.SGD(models.parameters(), lr=1.0)
    fit(models, lambda step: seen, loss=losses, optimizer=sgd, steps=2000)
    trained[name] = models.members()
    on_validation[name] = accuracies(trained[name], validation).view(2, 5, 10)

pair = plots.SideBySide("validation accuracy against learning rate, for two starts")
looks = {
    "one layer": ("mlp", "-"),
    "two layers": ("brand", "--"),
    "three": ("ink", ":"),
}
for row, start in enumerate(("usual first weights", "He's first weights")):
    fig, ax = plots.figure(4.2, 3.0)
    plots.log_ticks(ax, x=rates)
    ax.set(xlabel="learning rate", ylabel="validation accuracy", ylim=(0.45, 1.03))
    ax.set_xlim(0.025, 3.6)
    for side, (name, (color, style)) in zip((0.92, 1, 1.08), looks.items()):
        found, x = on_validation[name][row], side * np.array(rates)  # (5, 10), (5,)
        ax.plot(x, found, "o", color=plots.LIGHT[color], ms=2.5, alpha=0.4)
        plots.curves(ax, x, found.mean(-1), color, name, style=style)
    pair.add(fig, f"About 80 parameters, {start}: ten seeds (dots) and their mean.")
script.keep(pair)

sizes = {name: sum(c * f + f for c, f in pairwise(w)) for name, w in contest.items()}
assert set(sizes.values()) == {82, 74, 79}
best, middle = {}, {name: found.mean(-1) for name, found in on_validation.items()}
for name, short in (("one layer", "one"), ("two layers", "two"), ("three", "three")):
    for row, start in enumerate(("usual", "he")):
        choice = middle[name][row].argmax()
        assert 0 < choice < len(rates) - 1
        first = 10 * (5 * row + int(choice))
        chosen = trained[name][first : first + 10]
        best[short, start] = found = accuracies(chosen, test)
        note(**{f"{short}_{start}": f"{found.mean():.0%} ± {found.std():.0%}"})
for start in ("usual", "he"):
    deeper = max(best["two", start].mean(), best["three", start].mean())
    assert best["one", start].mean() > deeper
assert best["one", "he"].mean() - best["two", "he"].mean() < 0.08
slow = {name: means[1, 1].item() for name, means in middle.items()}
assert slow["two layers"] > slow["one layer"] + 0.02 < slow["three"]
note(
    slow_one=f"{slow['one layer']:.0%}",
    slow_two=f"{slow['two layers']:.0%}",
    slow_three=f"{slow['three']:.0%}",
)

# Look at the figure for He's weights, at the rate 0.1. Had we fixed that one for all,
# we would have seen 85%, 93% and 94% for one, two and three layers on the validation
# split, and announced that depth helps. (These 160 points make it look so; for most
# other draws of the points that we tried, even this one rate shows no such order.) With
# its own best rate each, new points are told apart like this (mean ± standard deviation
# over ten seeds; other seeds, other points or another processor move the means by a few
# points where the deviation is large):

#                          one layer of 16  two of 6  three of 5, 5, 4
#     usual first weights  98% ± 4%         92% ± 9%  83% ± 7%
#     He's first weights   100% ± 0%        98% ± 4%  97% ± 5%

# From neither start does a deeper network come out ahead on these points. From the
# usual first weights the single layer leads; from He's, two layers come within a few
# points of it, and for one of nine other draws of the 160 points they were ahead, by
# half a point. So we see no sign that depth helps on this task, at this size, with this
# training; by how much it hurts, ten seeds and one draw of the points do not settle. It
# is no verdict about depth as such. Keep it in mind when somebody explains the success
# of deep learning with the folded paper: deep networks can do more with less, and to
# make them do it, somebody has to train them well.


# What depth costs: the gradient on its way back
# ==============================================

# Why should a deep network be harder to train? One suspect can be measured before the
# first step. In the backward pass the gradient goes through one layer after the other.
# Each multiplies it by the slope of its activation function, and by its weights. The
# slope of a sigmoid is at most 1/4: ten of them leave at most 1/4^10, a millionth. But
# the weights may make up for that, or make it worse, so do not argue, measure.

# Take ten hidden layers of 100 units, 100 series of MNIST-1D, and the length of the
# gradient of each layer's weights. The rival causes are tried together: three
# activation functions, and for each of them weights of two sizes.

series = mnist1d()
x, y = (part[:100] for part in series.train)


def gradient_lengths(activation, seed, start=None):
    """The length of the gradient of each layer's weights, (11,)."""
    mlp = network([40, *[100] * 10, 10], seed)
    mlp.activation = activation
    if start is not None:
        start(mlp, seed)
    F.cross_entropy(mlp(x), y).backward()
    return [layer.weight.grad.norm().item() for layer in mlp.layers]


lengths = {}
for name, start in (("usual", None), ("He", he)):
    for function in (relu, tanh, sigmoid):
        runs = [gradient_lengths(function, seed, start) for seed in range(5)]
        lengths[function.__name__, name] = np.array(runs)

pair = plots.SideBySide("length of the gradient in each layer, for two initialisations")
looks = {"relu": ("mlp", "-"), "tanh": ("brand", "--"), "sigmoid": ("ink", "-.")}
layers = np.arange(1, 12)
for start, name in (("usual", "The usual"), ("He", "He's")):
    fig, ax = plots.figure(4.2, 3.0)
    ax.set(yscale="log", ylim=(1e-9, 10), xlim=(1, 11), xticks=layers[::2])
    ax.set(xlabel="layer", ylabel="length of the gradient")
    for function, (color, style) in looks.items():
        found = lengths[function, start]
        plots.curves(ax, layers, found, color, function, style=style)
    pair.add(fig, f"{name} first weights, ten hidden layers, five seeds.")
script.keep(pair)

ratio = {  # of the tenth layer to the first: the typical one of five seeds
    key: np.exp(np.log(found[:, 9] / found[:, 0]).mean())
    for key, found in lengths.items()
}
assert ratio["sigmoid", "usual"] > 1e6 > ratio["sigmoid", "He"] > 1e3
assert ratio["relu", "usual"] > 30 and ratio["tanh", "usual"] > 5
small = [ratio[name, "He"] for name in ("relu", "tanh")]
assert 0.1 < min(small) and max(small) < 10
note(
    lost_relu=f"{round(ratio['relu', 'usual'], -2):.0f}",
)

# Both matter, the activation function and the weights. With the usual weights the
# gradient shrinks on its way back under every activation function, under the sigmoid
# more than a million times: that is the vanishing gradient, described early for
# networks that read sequences (Bengio et al., 1994). He's larger weights keep it within
# a factor of ten for ReLU and tanh; under the sigmoid the first gradient is still more
# than a thousand times shorter. How to start a deep network, and what else keeps its
# gradient alive, is the subject of stop 5.


# Where it fails
# ==============

# On MNIST-1D the linear classifier of chapter 1 gets about a third of the new series
# right, and is far from fitting even those it was shown. Put an MLP with two hidden
# layers of 100 units there. Each step looks at 100 randomly drawn series; the next page
# explains why.

def shares(models):
    members = models.members()
    return {
        "train": accuracies(members, series.train).tolist(),
        "validation": accuracies(members, series.validation).tolist(),
    }


build = partial(network, [40, 100, 100, 10])
_, history = repeat(build, series.train, steps=1600, lr=0.4, evaluate=shares, every=200)

fig, ax = plots.figure()
ax.set(xlabel="step", ylabel="accuracy", xlim=(0, 1600), ylim=(0, 1.03))
plots.level(ax, "linear", y=0.32, color="linear")
for split, hollow in (("train", False), ("validation", True)):
    plots.curves(ax, history["step"], history[split].T, "mlp", split, hollow=hollow)

fitted, carried = history["train"][-1], history["validation"][-1]
assert fitted.min() > 0.97 and 0.6 < carried.mean() < 0.69
assert carried.std(correction=1) < 0.05
note(
    fitted=f"{fitted.mean():.0%}",
    carried=f"{carried.mean():.0%}",
)

# It fits what it was shown, and hardly two thirds carry over:

# Of the training series it gets 100% right. Of the validation series it gets 64%
# (standard deviation over three seeds: less than 5 points). Width and depth decide what
# a network can draw. They do not say whether training finds it, nor whether what was
# found is true of series that were never seen.

# How to train well is the next page.
