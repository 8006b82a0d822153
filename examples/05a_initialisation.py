"""Initialisation.

Stop 5a of the path as a script: the code of the page
https://transformer-path.github.io/transformer-path/05a-initialisation.html, its prose
as comments. You will have first weights that carry a signal through thirty layers, and
a forecast of it before the first step. The numbers in the comments are the page's; the
script computes and prints them. It needs the book's package, runs from anywhere, and
can save the figures in a folder:

    pip install "transformer-path @ git+https://github.com/transformer-path/transformer-path"
    python examples/05a_initialisation.py
    python examples/05a_initialisation.py --figures FOLDER
"""

from transformer_path.workshop import script

script.start()


# The question
# ============

# Two debts are left from the chapter before. On width and depth the gradient lost a
# factor of more than a million on its way back through ten sigmoid layers, and with
# larger first weights still one of more than a thousand. And on overfitting the network
# was blind to neighbourhood, which more layers of the right kind may repair. Both lead
# to the same place: before anything clever can be built of many layers, many layers
# have to train at all.

# So here is a network of thirty hidden layers, with the usual first weights, on
# MNIST-1D. Can one know before the first step whether it will learn, and choose first
# weights with which it does?

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from transformer_path.networks.feedforward import MLP, relu, sigmoid, tanh
from transformer_path.networks.normalization import he, initialize, xavier
from transformer_path.workshop import plots
from transformer_path.workshop.batches import minibatches, stacked
from transformer_path.workshop.datasets import mnist1d
from transformer_path.workshop.ensembles import Several, each
from transformer_path.workshop.notes import note
from transformer_path.workshop.repeats import accuracies, each_rate
from transformer_path.workshop.scores import classification_loss
from transformer_path.workshop.training import fit

data = mnist1d()


def fade(done):
    return 1 - done


def deep(seed, layers=30, width=32, deviation=None, activation=relu):
    """An MLP of many layers; ``deviation`` draws its first weights anew."""
    generator = torch.Generator().manual_seed(seed)
    widths = [40, *[width] * layers, 10]
    mlp = MLP(widths, activation=activation, generator=generator)
    if deviation is not None:
        initialize(mlp, deviation, generator=generator)
    return mlp

# Four learning rates, from 0.01 to 100, get three seeds each, and all twelve networks
# train side by side for 500 steps, with minibatches of 50 and a rate that fades to
# zero.

def search(build, rates, seeds=range(3)):
    """Accuracy on training and validation series, (rates, seeds) each."""
    options = {"seeds": seeds, "steps": 500, "size": 50, "schedule": fade}
    grid = each_rate(build, data.train, rates=rates, **options)
    return [
        torch.stack([accuracies(row, split) for row in grid])
        for split in (data.train, data.validation)
    ]


found = {"usual": search(deep, (0.01, 0.1, 1, 100))}

assert found["usual"][0].max() < 0.13
note(usual_best=f"{found['usual'][0].max():.0%}")

# The best of the twelve has 10% of its training series right, which is chance. So this
# is not overfitting, and none of the learning rates, which span four powers of ten,
# repairs it.


# Why they must differ
# ====================

# First the smallest question: why random numbers at all? Set every weight of a layer to
# the same number. Then all its units compute the same, get the same gradient, and take
# the same step. They start alike and stay alike, whatever the data say, as the eight
# units on the page about XOR did.

def constant(n_in, n_out):
    return 0.0  # no spread


def a_hundred_steps(mlp):
    sgd = torch.optim.SGD(mlp.parameters(), lr=0.1)
    for _ in range(100):
        sgd.zero_grad()
        F.cross_entropy(mlp(data.train.x), data.train.y).backward()
        sgd.step()


same = MLP([40, 100, 10])
initialize(same, constant)
for layer in same.layers:
    layer.weight.data += 0.1
a_hundred_steps(same)
rows = same.layers[0].weight
torch.testing.assert_close(rows, rows[:1].expand(100, 40))
assert (rows - 0.1).abs().max() > 1e-3

# After a hundred steps the hundred rows of the first weight have changed, and are still
# one row. Random first weights are there to break this symmetry: symmetry breaking.

zero = MLP([40, 100, 10])
initialize(zero, constant)
a_hundred_steps(zero)
moved = [bool(p.any()) for p in zero.parameters()]
assert moved == [False, False, False, True]


# What one layer does to a length
# ===============================

# How large, then? Follow the numbers through one layer. A unit adds up z = Σ_(i=1)^n
# w_i h_i. The weights are drawn independently, with mean 0 and variance σ². Square the
# sum and average over the draws: the products of two different weights average to 0,
# and what is left is

#     𝔼 z² = Σ_(i=1)^n σ² h_i² = g h̄²̄,    g = n σ².

# So the mean square of what comes out is the mean square of what went in, multiplied by
# one number, g, in which n is the layer's fan-in, the number of its inputs. We call g
# the layer's gain. The usual first weights, uniform between ±1/√n, have the variance
# 1/(3n): their gain is 1/3 in every layer. (The usual biases are random too. They keep
# the sums from dying out, with numbers that are the same for all series; the gradient
# of a ReLU network is about as short with them as without. He and Xavier set them to 0,
# and so do we.)

# Then comes the activation function φ. The sum of many independent terms is nearly
# normal, so the mean square after it is an average over the bell curve, and layer after
# layer (Poole et al., 2016)

#     q_(l+1) = g 𝔼 φ(√q_l ξ)²,    ξ ~ 𝒩(0, 1).

# On the way back the same weights are used in the other direction, and each unit
# multiplies by its slope. In layers of equal width the mean square of the gradient is
# multiplied in each of them by (Schoenholz et al., 2017)

#     χ_l = g 𝔼 φ'(√q_l ξ)².

# This second line holds for wide layers: it takes the weights on the way back as if
# they were not those of the way forward. Both are a few lines of code, and they know
# nothing of the data but its mean square.

bell = torch.linspace(-8, 8, 4001, dtype=torch.float64)
share = (-bell.square() / 2).exp()
share /= share.sum()


def forecast(activation, gain, q, layers=30):
    """The mean square of each layer's sums, and its factor for the gradient."""
    squares, factors = [], []
    for _ in range(layers):
        z = (q**0.5 * bell).requires_grad_()
        h = activation(z)
        (slope,) = torch.autograd.grad(h.sum(), z)
        squares.append(float(q))
        factors.append(float(gain * (share * slope**2).sum()))
        q = gain * (share * h.detach() ** 2).sum()
    return np.array(squares), np.array(factors)

# And the measurement, for 100 series: the root mean square of every layer's sums, and
# of the gradient of each series' own loss with respect to them.

x, y = data.train.x[:100].double(), data.train.y[:100]


def lengths(mlp):
    """Root mean squares of each layer's sums and of their gradients."""
    sums, h = [], x
    for layer in mlp.layers:
        sums.append(layer(h))  # (100, F)
        h = mlp.activation(sums[-1])
    loss = F.cross_entropy(sums[-1], y, reduction="sum")  # each series for itself
    gradients = torch.autograd.grad(loss, sums)
    return [
        [each.square().mean().sqrt().item() for each in part[:-1]]
        for part in (sums, gradients)
    ]


def with_gain(gain):
    return lambda n_in, n_out: (gain / n_in) ** 0.5


def measure(activation, gain, seeds=range(5)):
    """Sums and gradients of thirty layers of 100 units, (2, 5, 30)."""
    options = {"width": 100, "deviation": with_gain(gain), "activation": activation}
    runs = [lengths(deep(seed, **options).double()) for seed in seeds]
    return np.array(runs).transpose(1, 0, 2)


def typical(numbers):
    """The geometric mean over seeds."""
    return np.exp(np.log(numbers).mean(0))

functions = {"ReLU": relu, "tanh": tanh, "sigmoid": sigmoid}
colors = {"ReLU": "mlp", "tanh": "brand", "sigmoid": "linear"}
start = x.square().mean().item()
layers = np.arange(1, 31)


@cache
def compared(function, gain):
    """Measured and forecast lengths, forward and back."""
    squares, factors = forecast(function, gain, gain * start)
    forward, back = measure(function, gain)
    to_the_end = np.cumprod(np.append(factors[:-1], 1)[::-1])[::-1]
    return (forward, squares**0.5), (back, typical(back)[-1] * to_the_end**0.5)


at_one = {name: compared(function, 1.0) for name, function in functions.items()}
pair = plots.SideBySide(
    "root mean squares by layer; forward ReLU falls steadily, tanh slowly to about a "
    "tenth, the sigmoid falls to a half at once and stays; back the sigmoid falls "
    "most, ReLU less, tanh little; dots on or near all lines"
)
for side, (what, low) in enumerate((("weighted sums", 1e-6), ("gradient", 1e-20))):
    fig, ax = plots.figure(4.2, 3.1)
    ax.set(yscale="log", xlim=(1, 30), xlabel="layer", xticks=[1, 10, 20, 30])
    ax.set(ylabel=f"{what}, root mean square", ylim=(low, 10))
    for name, color in colors.items():
        runs, line = at_one[name][side]
        plots.curves(ax, layers, runs, color, name)
        ax.plot(layers, line, ":", color=plots.LIGHT["ink"], lw=2)
    way = ("forward, from left to right", "back, from right to left")[side]
    pair.add(fig, f"Gain 1, {way}: five seeds, and the forecast (dots).")
script.keep(pair)

def lost(function, gain):
    """By how much the gradient changes from layer 30 to layer 1: found and forecast."""
    _, (back, line) = compared(function, gain)
    return typical(back[:, 0] / back[:, -1]), line[0] / line[-1]


def power(number):
    if 0.1 < number < 10:
        return "about 1" if 0.4 < number < 2.5 else f"{number:.1g}"
    digits = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    return "10" + f"{np.log10(number):.0f}".translate(digits)


for name, function in functions.items():
    for place, gain in enumerate((1 / 3, 1, 2, 4)):
        here, foretold = lost(function, gain)
        assert abs(np.log10(here / foretold)) < 0.3
        note(**{f"{name.lower()}_{place}": power(here)})
for sides in at_one.values():
    for (runs, line), within in zip(sides, (3, 2), strict=True):
        assert np.abs(np.log(typical(runs) / line)).max() < np.log(within)
assert 0.05 < typical(at_one["tanh"][0][0])[-1] < 0.2
settled = at_one["sigmoid"][0][0][:, 1:]
assert 0.3 < settled.min() and settled.max() < 0.7
usual, bare = (  # (5, 2, 30) each: with the usual biases, and without
    np.array([lengths(deep(s, deviation=kind).double()) for s in range(5)])
    for kind in (None, with_gain(1 / 3))
)
assert (usual[:, 0, -1] > usual[:, 0, 0] / 10).all()
assert (bare[:, 0, -1] < bare[:, 0, 0] / 1e8).all()
fell = [typical(runs[:, 1, 0] / runs[:, 1, -1]) for runs in (usual, bare)]
assert 1 / 5 < fell[0] / fell[1] < 5
assert 1e-12 < lost(relu, 1 / 3)[0] < 1e-11 and lost(relu, 4)[0] > 1e4
assert 0.5 < lost(relu, 2)[0] < 2 and 0.1 < lost(tanh, 1)[0] < 0.3

# The forecast needs no network, but for the length with which the gradient starts.
# After thirty layers its dots lie within a factor of three of the measured sums, and
# within two of the gradient. Here is what becomes of the gradient on its way from layer
# 30 to layer 1 (typical values of five seeds, rounded):

#     gain                    ReLU     tanh  sigmoid
#     1/3, the usual weights  10⁻¹¹    10⁻⁷  10⁻²⁵
#     1                       10⁻⁴     0.2   10⁻¹⁸
#     2                       about 1  3     10⁻¹⁵
#     4                       10⁴      10²   10⁻¹¹

# Where the number is far below 1 the gradient vanishes; where it is far above, as for
# ReLU and tanh at a gain of 4, it is an exploding gradient. Both are the same thing, a
# factor per layer that is not 1, to the power of the depth. The usual weights cost a
# ReLU network of thirty layers about eleven powers of ten.

assert 0.5 < lost(relu, 4)[0] / 2**14.5 < 2
note(doubling=f"{round(2**14.5, -3):,.0f}")


# Xavier and He
# =============

# So the gain should make up for what the activation function takes away. For tanh,
# which is a straight line near 0, that is about 1; for ReLU it is 2. These are the two
# best-known rules, and both are one line:

# The lines of the package: transformer_path.networks.normalization.he

# The lines of the package: transformer_path.networks.normalization.xavier

# He initialisation (He et al., 2015) is the gain 2. Xavier initialisation (Glorot and
# Bengio, 2010) is the gain 1 with a compromise: forward it is the fan-in n that counts,
# on the way back the number of outputs, and Xavier takes the mean of the two. In layers
# of equal width the two are the same.

ratios = []
for seed in range(200):
    generator = torch.Generator().manual_seed(seed)
    weights = [
        torch.randn(n_out, n_in, generator=generator) / n_in**0.5
        for n_in, n_out in ((128, 64), (64, 32), (32, 16))
    ]
    g = torch.randn(16, generator=generator)
    back = g @ weights[2] @ weights[1] @ weights[0]
    ratios.append((back.square().mean() / g.square().mean()).item())
funnel = np.mean(ratios)
assert abs(funnel - 1 / 8) < 4 * np.std(ratios, ddof=1) / 200**0.5
note(funnel=f"{funnel:.2f}")

# Now the gains are known for ReLU and tanh. And the sigmoid? Its slope is at most ¼,
# which is often given as the reason why it cannot be used in deep networks. But weights
# multiply, too. Ask the forecast, deep inside a network, for any gain:

gains = np.geomspace(1 / 3, 300, 41)


def deep_inside(function, gain):
    """The factor for the gradient's length in one layer, far from the input."""
    return forecast(function, gain, 1.0, layers=60)[1][-1] ** 0.5


curves = {
    name: np.array([deep_inside(function, gain) for gain in gains])
    for name, function in functions.items()
}

fig, ax = plots.figure(4.9, 3.0)
plots.log_ticks(ax, x=[0.5, 1, 2, 5, 20, 100], y=[0.1, 0.3, 1, 3, 10])
ax.set(xlim=(1 / 3, 300), ylim=(0.1, 14), xlabel="gain", ylabel="factor per layer")
plots.level(ax, y=1)
for name, color in colors.items():
    plots.curves(ax, gains, curves[name], color, name)

low, high = 50.0, 200.0
for _ in range(30):
    middle = (low + high) / 2
    low, high = (middle, high) if deep_inside(sigmoid, middle) < 1 else (low, middle)
saved, foretold = lost(sigmoid, middle)
assert 102 < middle < 104 and 1 / 3 < saved < 3
note(sigmoid_gain=f"{middle:.0f}")

# At a gain of 103, weights ten times as large as Xavier's, the forecast is 1 for the
# sigmoid as well; the measurement agrees within a factor of three over thirty layers.
# So a slope below ¼ need not make the gradient vanish. Whether such a network learns is
# another question, and the experiment below asks it.


# Proof
# =====

# The same generator gives the same numbers as torch's own initialisation, bit for bit.

for ours, theirs in (
    (he, lambda w, g: nn.init.kaiming_normal_(w, nonlinearity="relu", generator=g)),
    (xavier, lambda w, g: nn.init.xavier_normal_(w, generator=g)),
):
    mlp, expected = MLP([40, 100, 10]), torch.Generator().manual_seed(3)
    initialize(mlp, ours, generator=torch.Generator().manual_seed(3))
    for layer in mlp.layers:
        assert torch.equal(
            layer.weight, theirs(torch.empty_like(layer.weight), expected)
        )


# The experiment
# ==============

# Does it matter? Thirty layers again, four first weights: He's for ReLU, Xavier's for
# tanh, the sigmoid with its gain of 103, and the usual ones. For comparison we train a
# network of two layers, as wide and with He's weights. Each gets several learning rates
# (for the usual weights and the sigmoid powers of ten, for the others rates around the
# best of those tried before), and the validation set chooses among them.

def from_these(deviation, activation, layers=30, width=32):
    return lambda seed: deep(seed, layers, width, deviation, activation)


networks = {
    "usual": deep,
    "he": from_these(he, relu),
    "xavier": from_these(xavier, tanh),
    "sigmoid": from_these(with_gain(middle), sigmoid),
}
four = range(4)
found["he"] = search(networks["he"], (0.01, 0.05, 0.3), four)
found["xavier"] = search(networks["xavier"], (0.03, 0.1, 0.3), four)
found["sigmoid"] = search(networks["sigmoid"], (0.01, 0.1, 1, 10))
found["two"] = search(from_these(he, relu, layers=2), (0.3, 1.0, 3.0), four)


def best(name):
    """The training accuracies at the rate that is best on validation, (seeds,)."""
    train, validation = found[name]
    return train[validation.mean(1).argmax()]

# And a rival. If the trouble with the usual weights is only that their gradients are
# short, an optimiser that does not care about length should repair it. Adam, which stop
# 5 builds later, divides every gradient by its own recent size, plus a guard against
# division by zero, usually 10⁻⁸. In about half of the layers the gradients are smaller
# than that. So we also multiply the loss of this network by 10^12. All its gradients
# are then longer, and to Adam, which divides by their size, the guard is all that this
# changes. Adam gets the rates 0.001 and 0.003. (Of those tried before, 0.0003 was
# slower, and from 0.01 on some networks failed.)

factors = torch.tensor([1, 1e12, 1]).repeat_interleave(4)  # four seeds each


def with_adam(lr):
    """Accuracies from usual weights, these with a longer gradient, and He's, (3, 4)."""
    kinds = [None, None, he]
    models = Several([deep(seed, deviation=kind) for kind in kinds for seed in four])
    fit(
        models,
        stacked([minibatches(data.train, 50, seed=seed) for seed in four] * 3),
        loss=lambda *run: factors * each(classification_loss)(*run),
        optimizer=torch.optim.Adam(models.parameters(), lr, fused=True),
        schedule=fade,
        steps=500,
    )
    splits = (data.train, data.validation)
    return [accuracies(models.members(), split).reshape(3, 4) for split in splits]


runs = [with_adam(lr) for lr in (0.001, 0.003)]

by_kind = [torch.stack(split, dim=1) for split in zip(*runs, strict=True)]
for kind, name in enumerate(("adam", "adam, longer", "adam, he")):
    found[name] = [split[kind] for split in by_kind]  # (rates, seeds) each


def kept(build):
    """What is left of the gradient in layer 1, in networks of 32 units: 20 seeds."""
    back = np.array([lengths(build(seed).double())[1] for seed in range(20)])
    return typical(back[:, 0] / back[:, -1])


def whole(shares):
    """Mean and standard deviation, in whole percent."""
    if shares.max() < 0.15:
        return f"{shares.mean():.0%}, chance"
    return f"{100 * shares.mean():.0f} ± {100 * shares.std():.0f}%"


left = {name: kept(build) for name, build in networks.items()}
for name in ("he", "xavier", "two"):
    train, validation = found[name]
    assert 0 < validation.mean(1).argmax() < len(validation) - 1
    assert best(name).mean() > found["usual"][0].max() + 0.1
assert found["sigmoid"][0].max() < 0.18 and 0.3 < left["sigmoid"] / left["xavier"] < 3
assert all(0.05 < left[name] < 3 for name in ("he", "xavier", "sigmoid"))
assert found["adam"][0].max() < 0.13
assert best("adam, longer").mean() > found["adam"][0].max() + 0.08
rivals = best("he"), best("adam, longer")
assert best("adam, he").mean() > max(rival.mean() for rival in rivals) + 0.05
deepest = [best(name) for name in ("he", "xavier", "adam, he")]
assert best("two").mean() > max(runs.mean() for runs in deepest) + 0.1
for seed in range(3):
    mlp = deep(seed)
    F.cross_entropy(mlp(data.train.x[:50]), data.train.y[:50]).backward()
    size = [layer.weight.grad.square().mean().sqrt() for layer in mlp.layers]
    assert 14 < sum(each < 1e-8 for each in size) < 21  # of 31
note(**{f"left_{name}": power(number) for name, number in left.items()})
note(**{f"trained_{name.replace(', ', '_')}": whole(best(name)) for name in found})

# - ReLU, usual weights: 10⁻¹¹; 10%, chance
# - sigmoid, gain 103: 0.1; 12%, chance
# - ReLU, He: about 1; 33 ± 4%
# - tanh, Xavier: 0.1; 36 ± 2%
# - ReLU, usual weights, Adam: 10⁻¹¹; 10%, chance
# - ReLU, usual weights, Adam, loss × 10¹²: 10⁻¹¹; 33 ± 4%
# - ReLU, He, Adam: about 1; 47 ± 1%
# - two layers, ReLU, He: 68 ± 2%

# (Gradients: typical values of 20 networks before training. Accuracies: mean and
# standard deviation over four seeds, over three in the first two rows.) With Xavier's
# and He's weights thirty layers begin to learn. And the length was indeed a trouble of
# the usual ones: Adam, with about half of its gradients below the guard, learns
# nothing; from the very same weights, with nothing but longer gradients, it learns.
# With ReLU units, either repair lets the network begin: first weights of the right
# size, or dividing by the size. The two together do more than either.

# That the length is right is not enough, though. The sigmoid's gradient comes back
# about as long as that of tanh, and over four learning rates from 0.01 to 10 the
# network hardly gets beyond chance.


# Where it fails
# ==============

# What else goes missing? Take 1,000 series, and ask how many directions their weighted
# sums occupy in each layer. Principal components (stop 2) answer it: with λ_i the mean
# square along the i-th of them,

#     r = ((Σ_i λ_i)²)/(Σ_i λ_i²)

# is k if k directions are equally strong and the others empty. It is called the
# participation ratio, a kind of effective rank. Directions are counted from 0, not from
# the mean: what all series have in common is one of them.

many = data.train.x[:1000].double()


def effective_rank(h):
    strengths = torch.linalg.eigvalsh(h.T @ h)
    return (strengths.sum() ** 2 / strengths.square().sum()).item()


@torch.no_grad()
def sums(mlp):
    """Each hidden layer's weighted sums, for all the series."""
    h = many
    for layer in mlp.double().layers[:-1]:
        z = layer(h)
        yield z
        h = mlp.activation(z)


def ranks(build):
    """The effective rank of each layer's sums, (3, 30)."""
    return np.array([[effective_rank(z) for z in sums(build(s))] for s in range(3)])


directions = {
    "ReLU": ranks(networks["he"]),
    "tanh": ranks(networks["xavier"]),
    "sigmoid": ranks(networks["sigmoid"]),
}

fig, ax = plots.figure(4.9, 2.8)
ax.set(xlim=(1, 30), ylim=(0.8, 10), xlabel="layer", ylabel="effective rank")
ax.set_xticks([1, 10, 20, 30])
for name, runs in directions.items():
    plots.curves(ax, layers, runs, colors[name], name)

# And what takes the directions away, the matrices or the activation function? We try
# linear layers, which have none, and layers eight times as wide.

def straight(z):
    return z


def at_the_end(build):
    """The last layer's rank, and the share of its mean square in common, (2, 6)."""
    found = []
    for seed in range(6):
        *_, z = sums(build(seed))
        common = z.mean(0).square().sum() / z.square().sum(1).mean()
        found.append((effective_rank(z), common.item()))
    return np.array(found).T


ends = {
    "narrow": at_the_end(from_these(with_gain(1), straight)),
    "linear": at_the_end(from_these(with_gain(1), straight, width=256)),
    "tanh": at_the_end(from_these(with_gain(1), tanh, width=256)),
    "ReLU": at_the_end(from_these(he, relu, width=256)),
    "usual": at_the_end(deep),
}

assert (at_input := effective_rank(many)) > 9
assert all(6.5 < runs[:, 0].mean() < 9 for runs in directions.values())
assert directions["sigmoid"][:, 4].max() < 1.6 and directions["ReLU"][:, 9].mean() < 1.8
for layer in (4, 9):  # the fifth and the tenth
    means = {name: runs[:, layer].mean() for name, runs in directions.items()}
    assert means["tanh"] - 0.5 > means["ReLU"] > means["sigmoid"]
last = {name: runs[:, -1] for name, runs in directions.items()}
assert last["sigmoid"].max() < 1.1 and last["ReLU"].max() < 1.4
assert 1 < last["tanh"].mean() < 2.5 and 1 < ends["narrow"][0].mean() < 2.5
assert min(ends["linear"][0].mean(), ends["tanh"][0].mean()) > 3.5
assert ends["ReLU"][0].max() < 1.2 and ends["ReLU"][1].min() > 0.8
assert max(ends["linear"][1].max(), ends["tanh"][1].max()) < 0.1
assert ends["usual"][1].min() > 0.99  # the biases' numbers
note(
    rank_input=f"{at_input:.0f}",
    common=f"{ends['ReLU'][1].mean():.0%}",
    **{
        f"rank_{name}": f"{ends[name][0].mean():.0f} ± {ends[name][0].std():.0f}"
        for name in ("linear", "tanh")
    },
)

# The length is kept, the differences are not:

# The series come with 10 directions. After thirty layers with the right gain one or two
# are left under tanh, and hardly more than one under ReLU and the sigmoid. The gain
# takes care of an average over directions. Thirty random matrices stretch a few and
# crush the others: linear layers of 32 units are left with one or two as well, of 256
# units with 5 ± 1 (tanh: 6 ± 1; mean and standard deviation over six networks). At that
# width it is the ReLU that takes the rest: hardly more than one is left, and of the
# mean square in the last layer 90% is the same for all series. (Poole et al. (2016)
# forecast the angle between two inputs as we did the length.) And all of this was said
# of the first step only.

# With its best rate the network with He's weights gets 33 ± 4% of its training series
# right, where two layers get 68 ± 2% with as many steps. Is it the lost directions? The
# next page changes the network so that it can keep both, and measures again.
