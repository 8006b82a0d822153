"""Feedforward networks.

Stop 4a of the path as a script: the code of the page
https://transformer-path.github.io/transformer-path/04a-feedforward-networks.html, its
prose as comments. You will have an MLP that equals `torch.nn.Sequential` and runs on
your own autograd. The numbers in the comments are the page's; the script computes and
prints them. It needs the book's package, runs from anywhere, and can save the figures
in a folder:

    pip install "transformer-path @ git+https://github.com/transformer-path/transformer-path"
    python examples/04a_feedforward_networks.py
    python examples/04a_feedforward_networks.py --figures FOLDER
"""

from transformer_path.workshop import script

script.start()


# The question
# ============

# The last chapter ended with a disappointment. You stacked one linear layer on another,
# and a third on top, and gradients flowed through all of them. The stack fitted
# MNIST-1D no better than a single layer: whatever its height, it was one linear layer
# in disguise.

# What is missing? One bend between the layers, a nonlinearity. This page puts it in and
# asks: what does a single unit see, what can a layer of them draw, and how would you
# know that your layers are right?

# Later stops are made of what is built here. Inside a block of GPT-2's smallest model,
# a transformer, 67% of the weights sit in networks of this kind, with a rounded variant
# of the nonlinearity; of the whole model, its table of words included, it is 46%
# (Radford et al., 2019).

from functools import partial
from itertools import pairwise
from timeit import timeit

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from transformer_path.learning.supervised import cross_entropy, fit_softmax_regression
from transformer_path.learning.unsupervised import pca, project
from transformer_path.networks.autograd import Variable
from transformer_path.networks.feedforward import (
    MLP,
    descend,
    feedforward,
    linear,
    neuron,
    relu,
    sigmoid,
    tanh,
)
from transformer_path.workshop import plots
from transformer_path.workshop.datasets import mnist1d
from transformer_path.workshop.notes import note
from transformer_path.workshop.regions import regions
from transformer_path.workshop.repeats import accuracies, each_rate, repeat
from transformer_path.workshop.scores import accuracy
from transformer_path.workshop.toys import moons, spirals
from transformer_path.workshop.training import fit

d_model, n_blocks, words, positions = 768, 12, 50_257, 1_024  # GPT-2, smallest
mlp_part = 2 * 4 * d_model**2 + 5 * d_model  # up to four times the width and back
attention_part = 4 * d_model**2 + 4 * d_model  # query, key, value, out
block = mlp_part + attention_part + 4 * d_model  # and two normalisations
whole = n_blocks * block + (words + positions) * d_model + 2 * d_model
assert whole == 124_439_808
note(
    share_block=f"{mlp_part / block:.0%}",
    share_gpt2=f"{n_blocks * mlp_part / whole:.0%}",
)


# A neuron
# ========

# Take a decision that you make often: do I cycle to work? You weigh a few facts. Rain
# counts against it, sunshine for it, being late against it, and each with its own
# weight. You add up, and somewhere there is a threshold below which you do not even
# think about it.

# This is a neuron. It multiplies each input by a weight, adds the products and a bias,
# and sends the sum through a function that is not a straight line. Ours replaces what
# lies below zero by 0 and lets pass what lies above.

fig, ax = plots.figure(4.9, 2.1)
ink, orange = plots.LIGHT["ink"], plots.LIGHT["mlp"]
for y, i in zip((2, 1, 0), "₁₂₃"):
    plots.arrow(ax, (0.25, y), (2, 1), gap=13)
    ax.plot(0, y, "o", ms=22, mfc="none", mec=ink)
    ax.text(0, y, f"x{i}", ha="center", va="center")
    ax.text(0.75, y + (1 - y) * 0.27 + 0.17, f"w{i}", color=orange, weight="bold")
ax.plot(2.15, 1, "o", ms=32, mfc="none", mec=orange, mew=1.8)
ax.text(2.15, 1, "Σ + b", ha="center", va="center", color=orange, weight="bold")
ax.plot([3.7, 4.6, 4.6, 3.7, 3.7], [0.55, 0.55, 1.45, 1.45, 0.55], color=orange)
ax.plot([3.8, 4.15, 4.5], [0.72, 0.72, 1.3], color=orange, lw=2)
for x, name in ((2.5, "z"), (4.65, "a")):
    plots.arrow(ax, (x, 1), (x + 1, 1))
    ax.text(x + 0.4, 1.15, name)
ax.set(xlim=(-0.4, 5.8), ylim=(-0.5, 2.5))
_ = ax.axis("off")

#     a = relu(Σ_i w_i x_i + b),    relu(z) = max(0, z)

#     symbol  meaning     shape
#     x       inputs      `(..., C)`
#     w       weights     `(C,)`
#     b       bias        `()`
#     a       activation  `(...)`

# The lines of the package: transformer_path.networks.feedforward.neuron

# The neuron of 1943 and the perceptron of 1958 jumped from 0 to 1 (McCulloch and Pitts,
# 1943; Rosenblatt, 1958). A jump has the slope 0 on both sides, so no gradient can tell
# it which way to move.

# Look at what it does to a plane of two inputs. The set where w · x + b = 0 is a
# straight line. On one side of it the neuron's output is 0: it is inactive there. On
# the other it is an active unit, and answers with the distance from the line, times the
# length of w. Picture a sheet of paper with one fold: flat here, rising there. The fold
# is called a kink.

w, b = torch.tensor([1.0, 2.0]), torch.tensor(-0.5)
fig, ax = plots.figure(3.6, 3.3)
plots.decision_region(
    ax,
    lambda points: points @ w.numpy() + b.item(),  # what relu keeps is drawn
    reach=2,
    levels=np.arange(0, 5.5, 0.5),
    boundary=0,
)
start = -b * w / (w @ w)  # the point of the kink that is nearest to the origin
plots.arrow(ax, start.tolist(), (start + w / 2).tolist(), "ink", width=2)
plots.label(ax, *(start + w / 2).tolist(), "w")
ax.text(-1.8, -1.2, "inactive: 0", color=plots.LIGHT["ink-2"])
_ = ax.set(xlabel="x₁", ylabel="x₂", xticks=range(-2, 3), yticks=range(-2, 3))

# Training can do three things to this kink: turn it (the direction of w), shift it (b)
# and make the slope behind it steeper (the length of w). It can learn nothing else.

inputs = Variable(np.array([-1.0, 0.0]))
weights, bias = Variable(w.numpy()), Variable(b.numpy())
answer = neuron(inputs, weights, bias)
answer.backward()
note(answer=f"{answer.data:g}", slopes=f"{weights.grad.tolist()}")
assert answer.data == 0 and not weights.grad.any() and bias.grad == 0


# The activation function
# =======================

# What stands between the weighted sum and the output is called the activation function,
# or simply the nonlinearity. Nearly any curve that is not a straight line will do; here
# are four that have been used. Look not only at the curves but at their slopes: in the
# backward pass the gradient that comes back through a neuron is multiplied by the slope
# at the place where the neuron stood.

activations = {"relu": relu, "tanh": tanh, "sigmoid": sigmoid}
z = np.linspace(-4, 4, 161)
slopes = {}
for name, activation in activations.items():
    at = Variable(z)
    activation(at).sum().backward()
    slopes[name] = at.grad

look = {"relu": ("mlp", "-"), "tanh": ("brand", "--"), "sigmoid": ("ink", "-.")}
fig_functions, ax = plots.figure(4.2, 2.7)
ax.step([-4, 0, 4], [0, 0, 1], color=plots.LIGHT["linear"], ls=":", lw=1.6)
ax.set(ylim=(-1.1, 2.05), xlim=(-4, 4), xlabel="z", ylabel="activation")
fig_slopes, below = plots.figure(4.2, 2.7)
below.set(ylim=(-0.05, 1.1), xlim=(-4, 4), xlabel="z", ylabel="slope")
for name, (color, style) in look.items():
    values = activations[name](torch.tensor(z))
    ax.plot(z, values, color=plots.LIGHT[color], ls=style, lw=1.8)
    below.plot(z, slopes[name], color=plots.LIGHT[color], ls=style, lw=1.8)
    plots.label_end(below, 4, slopes[name][-1], name, color)
plots.label(ax, 1.75, 1.75, "relu", "mlp", "left")
plots.label_end(ax, 4, 1.0, "tanh", "brand")
plots.label_end(ax, 4, 0.982, "sigmoid", "ink")
plots.label_end(ax, 4, 1.0, "jump", "linear")
pair = plots.SideBySide("four activation functions and the slopes of three of them")
pair.add(fig_functions, "Four activation functions. The jump has no slope to follow.")
pair.add(fig_slopes, "Their slopes, computed by your autograd.")
script.keep(pair)

steepest = {name: slope.max() for name, slope in slopes.items()}
assert abs(steepest["sigmoid"] - 0.25) < 1e-12 and abs(steepest["tanh"] - 1) < 1e-12
assert set(slopes["relu"]) == {0.0, 1.0}
note(
    sigmoid_steepest=f"{steepest['sigmoid']:.2f}",
    sigmoid_at_four=f"{slopes['sigmoid'][-1]:.3f}",
)

# - The sigmoid squashes every number into the range from 0 to 1. Its slope is at most
#   0.25, and 0.018 at z = ±4. What that does to a gradient that passes ten of them, the
#   next page measures.
# - tanh is the same curve, stretched to run from −1 to 1. At zero it passes the
#   gradient whole; far out it, too, lets hardly any through.
# - The ReLU, rectified linear unit, passes the gradient of an active unit unchanged,
#   however far out. Fukushima had it in a network for seeing in 1969 and in his
#   Cognitron of 1975 (Fukushima, 1969; Fukushima, 1975); a paper by Nair and Hinton has
#   its present name in the title, and Glorot, Bordes and Bengio trained deep networks
#   with it (Nair and Hinton, 2010; Glorot et al., 2011). We use it for the rest of this
#   page.


# A layer, and a network of layers
# ================================

# Put F neurons side by side, all looking at the same inputs, and write their weights as
# the rows of one matrix: that is a layer. Nothing new is computed: the sums become one
# matrix product.

#     z = x Wᵀ + b

#     z_f = Σ_c W_fc x_c + b_f

#     symbol  meaning              shape
#     x       inputs, one per row  `(..., C)`
#     W       one row per neuron   `(F, C)`
#     b       one bias per neuron  `(F,)`
#     z       weighted sums        `(..., F)`

# The lines of the package: transformer_path.networks.feedforward.linear

# Why Wᵀ and not W? We write one neuron per row, as torch does, and one example per row,
# as everyone does. The transpose brings the two together: `(N, C) @ (C, F)`.

# "Multilayer perceptron" is a misnomer that stuck: its neurons are no perceptrons, they
# do not jump. "Feedforward" says that nothing runs in circles.

# Now let the outputs of one layer be the inputs of the next. The result is the MLP,
# multilayer perceptron. Layers between input and output are hidden layers, their
# neurons hidden units: no label says what they should compute. After the last layer
# there is no activation function, so that its scores, the logits, may be any number;
# softmax takes them from there, as in chapter 1.

#     h_1 = relu(x W_1ᵀ + b_1)
#     h_2 = relu(h_1 W_2ᵀ + b_2)
#     ⋮
#     z = h_n W_(n+1)ᵀ + b_(n+1)

#     symbol  meaning              shape
#     h_1     first hidden layer   `(N, F)`
#     z       one logit per class  `(N, K)`

# The lines of the package: transformer_path.networks.feedforward.feedforward

# `feedforward` asks for `@`, `+`, a transpose and an activation function. It does not
# ask whose. Torch's tensors can do all that, and so can the `Variable` that you wrote
# in the last chapter. One function, two engines: so we can prove one against the other
# below.

# What remains is somebody to own the numbers. In torch that is a module, and here is
# ours:

# The lines of the package: transformer_path.networks.feedforward.MLP

fig, ax = plots.figure(4.9, 2.5)
names = ["x\n(N, 2)", "h₁\n(N, 4)", "h₂\n(N, 3)", "z\n(N, 2)"]
plots.network(ax, [2, 4, 3, 2], names)

# How many numbers does such a network learn? A layer from C to F has F × C weights and
# F biases. For the one that will enter the leaderboard:

def network(widths, seed=0, activation=relu):
    generator = torch.Generator().manual_seed(seed)
    return MLP(widths, activation=activation, generator=generator)


reference = network([40, 100, 100, 10])
for name, parameter in reference.named_parameters():
    print(f"{name:16} {str(tuple(parameter.shape)):10} {parameter.numel():6,}")

size = sum(parameter.numel() for parameter in reference.parameters())
note(reference_size=f"{size:,}")
assert size == sum(c * f + f for c, f in pairwise([40, 100, 100, 10])) == 15_210

# 15,210 numbers, where the linear classifier of chapter 1 had 410.


# Why linear layers stay linear
# =============================

# Before we trust the activation function, take it out. Without it the second layer
# works on x W_1ᵀ + b_1, and you can multiply out:

#     (x W_1ᵀ + b_1) W_2ᵀ + b_2 = x [(W_2 W_1)ᵀ: one matrix] + [b_1 W_2ᵀ + b_2: one
#     bias]

# One layer. Its 15,210 numbers can say no more than 410 could. Check it on three layers
# with random weights:

straight = network([40, 100, 100, 10], activation=lambda z: z).double()
W1, b1, W2, b2, W3, b3 = straight.parameters()
x = torch.randn(7, 40, dtype=torch.float64)
one_layer = linear(x, W3 @ W2 @ W1, W3 @ (W2 @ b1 + b2) + b3)
torch.testing.assert_close(straight(x), one_layer, rtol=0, atol=1e-10)

# Now a task on which it shows. Two spirals, wound around each other: a toy that was
# built to be hard in 1988 (Lang and Witbrock, 1988). Three contestants, five seeds
# each, trained by plain gradient descent on 160 points and asked about 2,000 others:
# one linear layer; three linear layers; the same three with a ReLU between them.

seen, new = spirals(160, seed=0), spirals(2000, seed=1)
contest = {
    "one linear layer": ([2, 2], relu),  # without a hidden layer it stands nowhere
    "three linear layers": ([2, 16, 16, 2], lambda z: z),
    "three, with ReLU": ([2, 16, 16, 2], relu),
}
scores = {}
for name, (widths, activation) in contest.items():
    build = partial(network, widths, activation=activation)
    models, _ = repeat(build, seen, steps=1500, lr=0.5, size=160, seeds=range(5))
    scores[name] = accuracies(models, new)

one, three, nonlinear = scores.values()
assert abs(one.mean() - three.mean()) < 0.03 and one.std() < 0.02 > three.std()
assert nonlinear.mean() > 0.98 and nonlinear.std() < 0.02 and three.max() < 0.7
note(
    spiral_linear=f"{one.mean():.0%} ± {one.std():.0%}",
    spiral_three=f"{three.mean():.0%} ± {three.std():.0%}",
)

# The two without a nonlinearity can compute the same functions, and end within 3 points
# of each other. With it, almost all new points are told apart.


# What the hidden units do
# ========================

# There are two good pictures of a hidden layer, and you should be able to switch
# between them.


# First picture: the units cut the plane into regions
# ---------------------------------------------------

# Each unit of the first hidden layer owns a line: on one side it is inactive, on the
# other active. With one hidden layer, the lines of all units cut the plane into linear
# regions; a second layer would cut these further. Inside a region the same units are
# active everywhere, so no kink is met and the network is linear there. A ReLU network
# is a patchwork of linear pieces, and training moves the kinks.

# Take a small network that does something interesting: six hidden units, one layer, and
# two half moons. `fit` is the training loop of the book, the one you have written in
# every chapter; from here on it is called.

moon_points = moons(120, seed=0)
six = network([2, 6, 2], seed=4)
sgd = torch.optim.SGD(six.parameters(), lr=0.3)
_ = fit(six, lambda step: moon_points, optimizer=sgd, steps=1500)

def surer(model):
    """The probability of class 1, for points as an array."""

    def height(points):
        first = next(model.parameters())
        return model(torch.tensor(points).to(first)).softmax(-1)[:, 1].detach()

    return height


fig, ax = plots.figure(3.8, 3.6)
plots.decision_region(ax, surer(six), reach=2, n=161)
plots.points(ax, *moon_points)
for (w1, w2), bias in zip(six.layers[0].weight.data, six.layers[0].bias.data):
    near = (-bias * torch.stack([w1, w2]) / (w1**2 + w2**2)).tolist()
    ax.axline(near, slope=-w1 / w2, color=plots.LIGHT["ink-2"], lw=1, ls="--")
_ = ax.axis("off")

# Is it really linear inside a region? Take random points, group them by which units are
# active, and compare the slopes within each group. Each row of `x.grad` is the slope of
# the score at its own point, since no point enters another one's score.

x = torch.rand(4000, 2, generator=torch.Generator().manual_seed(0)) * 4 - 2
x.requires_grad_()
six(x)[:, 1].sum().backward()  # x.grad: (4000, 2)
active = linear(x, six.layers[0].weight, six.layers[0].bias) > 0  # (4000, 6)
groups = active.unique(dim=0)
for units in groups:
    slopes_here = x.grad[(active == units).all(1)]
    torch.testing.assert_close(slopes_here, slopes_here[:1].expand_as(slopes_here))

in_sight = regions(six.layers[0].weight, six.layers[0].bias, reach=2)
everywhere = regions(six.layers[0].weight, six.layers[0].bias, reach=1e6)
moon_accuracy = accuracy(six, moons(2000, seed=1))
others, _ = repeat(
    lambda seed: network([2, 6, 2], seed),
    moon_points,
    steps=1500,
    lr=0.3,
    size=120,
    seeds=range(8),
)
others = accuracies(others, moons(2000, seed=1))
stuck = (others < 0.93).sum().item()
assert 2 <= stuck <= 6 and (abs(others[others < 0.93] - 0.9) < 0.025).all()
assert len(groups) <= in_sight < everywhere == 22 == 1 + 6 + 6 * 5 // 2
assert moon_accuracy > 0.98
note(
    regions_seen=f"{in_sight}",
    regions_all=f"{everywhere}",
    moon_accuracy=f"{moon_accuracy:.0%}",
)

# In each group there is one single slope, and 99% of 2,000 new points are told apart.
# The seed was picked for the picture: several of the first eight seeds end near 90%.


# Second picture: every layer moves the points
# --------------------------------------------

# The other picture forgets about lines and follows the data. A layer takes each point
# somewhere else. The last layer draws a straight cut, and sees only where the points
# have been moved to. So the hidden layers have one job: to move the points such that a
# straight cut suffices.

# To look, train a network on the spirals, on our own engine this time, and keep its
# weights along the way; we will want to watch them in a moment.

start = network([2, 16, 16, 2], seed=0).double()
parameters = [Variable(p.detach().numpy()) for p in start.parameters()]
inputs, labels = Variable(seen.x.double().numpy()), seen.y.numpy()
moments = (0, 20, 60, 100, 150, 200, 300, 450, 700, 1000, 2000)
film = {}
for step in range(2001):
    loss = cross_entropy(feedforward(inputs, parameters), labels)
    if step in moments:
        film[step] = ([torch.tensor(p.data) for p in parameters], loss.data.item())
    loss.backward()
    descend(parameters, lr=0.3)

# The last hidden layer has 16 units: too many dimensions to draw. But you know since
# chapter 2 how to project. Of the 16 dimensions we show two: across, the direction in
# which the last layer cuts; upwards, the first principal component.

def inside(W1, b1, W2, b2, *_):
    """What the last hidden layer makes of the points, (160, 16)."""
    return relu(linear(relu(linear(seen.x.double(), W1, b1)), W2, b2)).detach()


trained, _ = film[2000]
hidden, W3, b3 = inside(*trained), *trained[-2:]
across = hidden @ (W3[1] - W3[0]) + b3[1] - b3[0]  # (160,), above 0: class 1
upwards = project(hidden, pca(hidden, 1))  # (160, 1)

fig_before, ax = plots.figure(3.4, 3.0)
plots.points(ax, *seen)
ax.axis("off")
ax.set_aspect("equal")

fig_after, ax = plots.figure(3.4, 3.0)
plots.points(ax, torch.cat([across[:, None], upwards], 1), seen.y)
ax.axvline(0, color=orange, lw=2)
ax.axis("off")

pair = plots.SideBySide("160 points of two spirals, before and after two hidden layers")
pair.add(fig_before, "The points as they come in.")
pair.add(fig_after, "After two hidden layers. The line is the cut of the last layer.")
script.keep(pair)

# Any hidden layer moves the points, also one with random weights. Is it training that
# makes the straight cut suffice, or just having 16 dimensions instead of 2? Fit the
# linear classifier of chapter 1 to the points as they come in, to the last hidden layer
# of ten networks with random weights, and to that of the network we trained.

def straight_cut(points):
    """The share that a linear classifier, fitted to these points, gets right."""
    points = (points - points.mean(0)) / (points.std(0) + 1e-9)
    cut = fit_softmax_regression(points, seen.y, 2, lr=1.0, steps=1000)
    return (cut(points).argmax(1) == seen.y).double().mean().item()


drawn = [network([2, 16, 16, 2], seed).double() for seed in range(10)]
by_chance = np.array([straight_cut(inside(*mlp.parameters())) for mlp in drawn])
cuts = straight_cut(seen.x.double()), by_chance.mean(), straight_cut(hidden)

assert cuts[0] + 0.05 < cuts[1] and by_chance.max() < cuts[2] == 1
note(
    cut_before=f"{cuts[0]:.0%}",
    cut_random=f"{cuts[1]:.0%} ± {by_chance.std(ddof=1):.0%}",
    cut_after=f"{cuts[2]:.0%}",
)

# 71%, 82% ± 7% (mean and standard deviation over seeds) and 100%. Random weights help,
# some draws far more than others; none of the ten suffices, and the rest was learned.
# Features that are learned along with the classifier, instead of designed beforehand,
# are what hidden layers are for. The word "deep" itself only counts layers.


# Watching it learn
# -----------------

# Step through the training. At first there is one crude decision boundary, no better
# than guessing. As the weights change, the kinks move, and the boundary with them.

film_strip = plots.Stepper("the decision boundary on two spirals during training")
for step, (weights, loss) in film.items():
    fig, ax = plots.figure(3.6, 3.4)
    plots.decision_region(
        ax,
        lambda p, w=weights: feedforward(torch.tensor(p), w).softmax(-1)[:, 1],
        reach=2.2,
        n=61,
    )
    plots.points(ax, *seen)
    ax.axis("off")
    right = feedforward(seen.x.double(), weights).argmax(1) == seen.y
    film_strip.add(
        fig,
        f"Step {step:,}: loss {loss:.2f}, {right.double().mean():.0%} right.",
    )
script.keep(film_strip)

film_losses = [loss for _, loss in film.values()]
first_guess = feedforward(seen.x.double(), film[0][0]).argmax(1)
assert abs((first_guess == seen.y).double().mean() - 0.5) < 0.1
assert film_losses[0] > 0.6 and film_losses[-1] < 0.01
note(film_first=f"{film_losses[0]:.2f}")

# The loss fell from 0.70 to below 0.01. Note where the dark and light areas end up
# between and beyond the points. The network has to answer everywhere, also where no
# example has ever said what is right.


# Proof
# =====

# We have been trusting `MLP` for a while. Time to hold it against torch. First the
# layers: build the same network from `torch.nn`, copy our weights over, and compare
# outputs and gradients, of the inputs and of every parameter, in double precision.

ours = network([40, 100, 100, 10]).double()
theirs = nn.Sequential(
    nn.Linear(40, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 10)
).double()
with torch.no_grad():
    for p, q in zip(ours.parameters(), theirs.parameters()):
        q.copy_(p)

a = torch.randn(7, 40, dtype=torch.float64, requires_grad=True)
b = a.detach().clone().requires_grad_()
seed = torch.randn(7, 10, dtype=torch.float64)
ours(a).backward(seed)
theirs(b).backward(seed)

exactly = {"rtol": 0, "atol": 1e-10}
torch.testing.assert_close(ours(a), theirs(b), **exactly)
torch.testing.assert_close(a.grad, b.grad, **exactly)
for p, q in zip(ours.parameters(), theirs.parameters()):
    torch.testing.assert_close(p.grad, q.grad, **exactly)

# Second, the training. The step is one line of arithmetic, `w − lr · gradient`:

# The lines of the package: transformer_path.networks.feedforward.descend

# Now run the same hundred steps three times. Once with our network, our engine and our
# step: not a line of torch in it. Once with our network and step on torch's engine. And
# once with torch alone: its layers, its gradients, its loss, its `SGD`.

series, answers = (part[:100] for part in mnist1d().train)
series = series.double()
ours = network([40, 100, 100, 10]).double()
variables = [Variable(p.detach().numpy()) for p in ours.parameters()]
sgd = torch.optim.SGD(theirs.parameters(), lr=0.1)
for _ in range(100):
    logits = feedforward(Variable(series.numpy()), variables)
    cross_entropy(logits, answers.numpy()).backward()
    descend(variables, lr=0.1)

    cross_entropy(ours(series), answers).backward()
    descend(ours.parameters(), lr=0.1)

    sgd.zero_grad()
    F.cross_entropy(theirs(series), answers).backward()
    sgd.step()

with torch.no_grad():
    gaps = [
        max((torch.tensor(v.data) - q).abs().max(), (p - q).abs().max()).item()
        for v, p, q in zip(variables, ours.parameters(), theirs.parameters())
    ]
    first = network([40, 100, 100, 10]).parameters()
    moved = max((q - p).abs().max().item() for p, q in zip(first, theirs.parameters()))


def our_step():
    logits = feedforward(Variable(series.numpy()), variables)
    cross_entropy(logits, answers.numpy()).backward()
    descend(variables, lr=0.1)


def their_step():
    sgd.zero_grad()
    F.cross_entropy(theirs(series), answers).backward()
    sgd.step()


def milliseconds(step):
    times = [timeit(step, number=1) for _ in range(100)]
    return f"{1e3 * np.median(times):.1f} ms"


assert max(gaps) < 1e-12 and moved > 0.01
note(
    parity_moved=f"{moved:.2f}",
    time_ours=milliseconds(our_step),
    time_theirs=milliseconds(their_step),
)

twin = network([2, 16, 16, 2], seed=0).double()  # the spirals again, on torch's engine
apart = {}
for step in range(2001):
    if step in (100, 2000):
        pairs = zip(film[step][0], twin.parameters())
        apart[step] = max((p - q).abs().max().item() for p, q in pairs)
    F.cross_entropy(twin(seen.x.double()), seen.y).backward()
    descend(twin.parameters(), lr=0.3)
assert apart[100] < 1e-13 and apart[2000] > 1000 * apart[100]

# After a hundred steps, in which weights moved by up to 0.31, no weight of the three
# networks differs by more than 10⁻¹². When you meet `nn.Linear` and `nn.ReLU` from here
# on, you meet something that you have written yourself. A step of ours took 1.2 ms, one
# of torch's 0.7 ms, on the machine that built this page.


# Where it fails
# ==============

grid = each_rate(
    lambda seed: network([2, 3, 2], seed),
    seen,
    rates=[0.2, 0.6, 2.0],
    steps=1000,
    size=160,
    seeds=range(5),
)

luckiest = max(accuracies(models, seen).max().item() for models in grid)
assert luckiest < 0.88
note(few_best=f"{luckiest:.0%}", few_regions=f"{1 + 3 + 3 * 2 // 2}")

# Three units are not enough:

# Three hidden units in one layer make at most 7 linear regions. The best of fifteen
# runs, five seeds at each of three learning rates, gets 79% of its own training points
# right. No training could save them: some straight lines through the middle meet the
# two arms six times, by turns, so the answer has to change five times. With three kinks
# on such a line the output has four straight pieces, and changes its sign four times at
# most.

# We chose 16 and 16 without a reason. How many units does a task need, is there one
# that no number of units can do, and is it better to put them side by side or one layer
# after the other? That is width and depth.
