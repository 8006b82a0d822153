"""Feedforward networks.

Stop 4a of the path as a script: the code of the page, its prose as comments. You will
have an MLP that equals `torch.nn.Sequential` and runs on your own autograd. Figures are
drawn, not shown: the page has them. Run it from anywhere:

    python examples/04a_feedforward_networks.py

A name in brackets, such as [sigmoid_steepest], stands for a number that the script
prints.
"""

import matplotlib

matplotlib.use("Agg")


# The question
# ============

# The last chapter ended at a wall. You stacked one linear layer on another, and a third
# on top, and gradients flowed through all of them. The tower fitted MNIST-1D no better
# than a single layer. Whatever its height, it was one straight line in disguise.

# So what is missing? Almost nothing, it turns out: one bend between the layers. This
# chapter puts it in and then asks, patiently, what it buys. What does a single bent
# unit see? What can a layer of them draw? Is there anything that they cannot draw? And
# is it better to put them side by side, or one layer after the other?

# This is the longest stop of the path, in two pages, because everything after it is
# made of it. More than half of the weights of a transformer sit in networks that you
# will have built, proved and trained by the end of this page.

from itertools import pairwise
from time import perf_counter

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

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


# A neuron
# ========

# Take a decision that you make often: do I cycle to work? You weigh a few facts. Rain
# counts against it, sunshine for it, being late against it, and each with its own
# weight. You add up, and somewhere there is a threshold below which you do not even
# think about it.

# That is a neuron. It multiplies each input by a weight, adds the products and a bias,
# and then bends: what lies below zero is silenced, what lies above passes.

fig, ax = plots.figure(4.9, 2.1)
ink, orange = plots.LIGHT["ink"], plots.LIGHT["mlp"]
arrow = {
    "arrowstyle": "-|>",
    "color": plots.LIGHT["ink-2"],
    "lw": 1.2,
    "shrinkB": 13,
}
for y, i in zip((2, 1, 0), "₁₂₃"):
    ax.annotate("", (2, 1), (0.25, y), arrowprops=arrow)
    ax.plot(0, y, "o", ms=22, mfc="none", mec=ink)
    ax.text(0, y, f"x{i}", ha="center", va="center")
    ax.text(0.75, y + (1 - y) * 0.27 + 0.17, f"w{i}", color=orange, weight="bold")
ax.plot(2.15, 1, "o", ms=32, mfc="none", mec=orange, mew=1.8)
ax.text(2.15, 1, "Σ + b", ha="center", va="center", color=orange, weight="bold")
ax.annotate("", (3.65, 1), (2.5, 1), arrowprops=arrow | {"shrinkB": 2})
ax.text(2.95, 1.15, "z")
ax.add_patch(
    plots.plt.Rectangle((3.7, 0.55), 0.9, 0.9, fill=False, ec=orange, lw=1.8)
)
ax.plot([3.8, 4.15, 4.5], [0.72, 0.72, 1.3], color=orange, lw=2)
ax.annotate("", (5.5, 1), (4.65, 1), arrowprops=arrow | {"shrinkB": 2})
ax.text(4.98, 1.15, "a")
ax.set(xlim=(-0.4, 5.7), ylim=(-0.5, 2.5))
_ = ax.axis("off")

#     a = relu(Σ_i w_i x_i + b),    relu(z) = max(0, z)

#     symbol  meaning     shape
#     x       inputs      `(..., C)`
#     w       weights     `(C,)`
#     b       bias        `()`
#     a       activation  `(...)`

# The lines of the package: transformer_path.networks.feedforward.neuron

# The first neuron of 1943 and the perceptron of 1958 jumped from 0 to 1 where ours
# bends (McCulloch and Pitts, 1943; Rosenblatt, 1958). A jump has the slope 0 on both
# sides, so no gradient can tell it which way to move.

# The code is the formula. Look at what it does to a plane of two inputs. The set where
# w · x + b = 0 is a straight line. On one side of it the neuron is silent. On the other
# it answers with the distance from that line, times the length of w. Picture a sheet of
# paper with one fold: flat here, rising there.

w, b = torch.tensor([1.0, 2.0]), torch.tensor(-0.5)
side = torch.linspace(-2, 2, 121)
plane = torch.cartesian_prod(side, side)  # (121 * 121, 2)
height = neuron(plane, w, b).reshape(121, 121).T

fig, ax = plots.figure(3.6, 3.3)
for low in torch.arange(0, 5.5, 0.5):
    ax.contourf(
        side,
        side,
        height,
        [low + 1e-6, low + 0.5],
        colors=[orange],
        alpha=min(1.0, 0.08 + 0.16 * float(low)),
    )
ax.contour(
    side,
    side,
    plane.reshape(121, 121, 2).transpose(0, 1) @ w + b,
    [0.0],
    colors=[ink],
    linewidths=1.5,
)
start = -b * w / (w @ w)  # the point of the fold that is nearest to the origin
ax.annotate(
    "",
    start + w / 2,
    start,
    arrowprops={"arrowstyle": "-|>", "lw": 2, "color": ink},
)
ax.text(*(start + w / 2 + 0.08), "w", weight="bold")
ax.text(-1.8, -1.2, "silent: 0", color=plots.LIGHT["ink-2"])
ax.grid(False)
_ = ax.set(
    xlabel="x₁",
    ylabel="x₂",
    aspect="equal",
    xticks=range(-2, 3),
    yticks=range(-2, 3),
)

# Training can do three things to this fold: turn it (the direction of w), shift it (b)
# and make it steeper (the length of w). That is all a neuron ever learns.


# The bend
# ========

# The bend is called the activation function. Nearly any curve that is not a straight
# line will do, and four of them tell the history of the field. To see why the choice
# matters, look not only at the curves but at their slopes: the gradient that comes back
# through a neuron is multiplied by the slope at the place where the neuron stood. Your
# own engine computes it.

bends = {"relu": relu, "tanh": tanh, "sigmoid": sigmoid}
look = {"relu": ("mlp", "-"), "tanh": ("brand", "--"), "sigmoid": ("ink", "-.")}
z = np.linspace(-4, 4, 161)
slopes = {}
for name, bend in bends.items():
    at = Variable(z)
    bend(at).sum().backward()
    slopes[name] = at.grad

fig, ax = plots.figure(4.9, 2.7)
ax.step([-4, 0, 4], [0, 0, 1], color=plots.LIGHT["linear"], ls=":", lw=1.6)
for name, bend in bends.items():
    color, style = look[name]
    ax.plot(z, bend(torch.tensor(z)), color=plots.LIGHT[color], ls=style, lw=1.8)
ax.set(ylim=(-1.1, 2.05), xlim=(-4, 4), xlabel="z")
ax.annotate(
    "relu",
    (1.75, 1.75),
    (6, -4),
    textcoords="offset points",
    color=orange,
    weight="bold",
)
plots.label_end(ax, 4, 1.0, "tanh", "brand")
plots.label_end(ax, 4, 0.982, "sigmoid", "ink")
plots.label_end(ax, 4, 1.0, "jump", "linear")

fig, ax = plots.figure(4.9, 2.4)
ax.set(ylim=(-0.05, 1.1), xlim=(-4, 4), xlabel="z", ylabel="slope")
for name, slope in slopes.items():
    color, style = look[name]
    ax.plot(z, slope, color=plots.LIGHT[color], ls=style, lw=1.8)
    plots.label_end(ax, 4, slope[-1], name, color)

steepest = {name: slope.max() for name, slope in slopes.items()}
assert abs(steepest["sigmoid"] - 0.25) < 1e-12 and abs(steepest["tanh"] - 1) < 1e-12
assert set(slopes["relu"]) == {0.0, 1.0}
note(
    sigmoid_steepest=f"{steepest['sigmoid']:.2f}",
    sigmoid_ten=f"{steepest['sigmoid'] ** -10:,.0f}",
    sigmoid_at_four=f"{slopes['sigmoid'][-1]:.3f}",
)

# - The sigmoid squashes everything into the range from 0 to 1. Nature seems to do it,
#   and for thirty years networks did. Its slope is at most [sigmoid_steepest]. Ten
#   layers of it shrink a gradient at least [sigmoid_ten] times; we will meet that
#   number again two stops from here.
# - tanh is the same curve, stretched to run from −1 to 1. At zero it passes the
#   gradient whole; at the edges it, too, goes quiet.
# - The ReLU, rectified linear unit, is the plainest bend there is. Where it is awake
#   the gradient passes unchanged, however far out. It took until 2011 to become the
#   standard (Glorot et al., 2011), and we use it for the rest of this chapter.


# A layer, and a network of layers
# ================================

# One neuron draws one fold. Put F of them side by side, all looking at the same inputs,
# and write their weights as the rows of one matrix: that is a layer. Nothing new is
# computed. It only becomes one matrix product, which is what your processor does best.

#     z = x Wᵀ + b

#     z_f = Σ_c W_fc x_c + b_f

#     symbol  meaning                shape
#     x       inputs, a row each     `(..., C)`
#     W       a row for each neuron  `(F, C)`
#     b       a bias for each        `(F,)`
#     z       weighted sums          `(..., F)`

# The lines of the package: transformer_path.networks.feedforward.linear

# Why Wᵀ and not W? Because we write one neuron a row, as torch does, and one example a
# row, as everyone does. The transpose brings the two together: `(N, C) @ (C, F)`. The
# line above it is for shapes that do not fit: it stops them with a sentence that you
# can use.

# "Multilayer perceptron" is a misnomer that stuck: its neurons are no perceptrons, they
# do not jump. "Feedforward" says that nothing runs in circles.

# Now let the outputs of one layer be the inputs of the next. That is the whole
# architecture: the MLP, multilayer perceptron. Layers between input and output are
# called hidden, and so are their neurons, the hidden units: nobody tells them what to
# compute. The last layer is not bent, so that its scores may be any number; softmax
# takes them from there, as in chapter 1.

#     h_1 = relu(x W_1ᵀ + b_1)
#     h_2 = relu(h_1 W_2ᵀ + b_2)
#     ⋮
#     scores = h_L W_(L+1)ᵀ + b_(L+1)

#     symbol  meaning             shape
#     h_1     first hidden layer  `(N, F)`
#     scores  one for each class  `(N, K)`

# The lines of the package: transformer_path.networks.feedforward.feedforward

# There is a trick hidden in this code, and it is worth a minute. `feedforward` asks for
# `@`, `+`, a transpose and a bend. It does not ask whose. Torch's tensors can do all
# that, and so can the `Variable` that you wrote in the last chapter. One function, two
# engines: that is what lets us prove one against the other below.

# What remains is somebody to own the numbers. In torch that is a module, so here is
# ours, complete:

# The lines of the package: transformer_path.networks.feedforward.MLP

def draw_network(ax, widths, names):
    bottom = -(max(widths) + 0.4) / 2
    places = [
        [(i, j - (n - 1) / 2) for j in range(n)] for i, n in enumerate(widths)
    ]
    for left, right in pairwise(places):
        for p in left:
            for q in right:
                ax.plot(*zip(p, q), color=plots.LIGHT["hairline"], lw=1, zorder=1)
    for i, column in enumerate(places):
        hidden = 0 < i < len(places) - 1
        color = orange if hidden else ink
        ax.plot(
            *zip(*column),
            ls="none",
            marker="v" if hidden else "o",
            ms=13,
            color=color,
            zorder=2,
        )
        ax.text(i, bottom, names[i], ha="center", va="top", color=color)
    ax.set(xlim=(-0.5, len(widths) - 0.5), ylim=(bottom - 1, -bottom))
    ax.axis("off")


fig, ax = plots.figure(4.9, 2.5)
draw_network(
    ax, [2, 4, 3, 2], ["x\n(N, 2)", "h₁\n(N, 4)", "h₂\n(N, 3)", "scores\n(N, 2)"]
)

# How many numbers does such a network learn? A layer from C to F has F × C weights and
# F biases. For the one that will enter the leaderboard:

def network(widths, seed=0):
    return MLP(widths, generator=torch.Generator().manual_seed(seed))


reference = network([40, 100, 100, 10])
for name, parameter in reference.named_parameters():
    print(f"{name:16} {str(tuple(parameter.shape)):10} {parameter.numel():6,}")
size = sum(parameter.numel() for parameter in reference.parameters())
note(reference_size=f"{size:,}")
assert size == sum(c * f + f for c, f in pairwise([40, 100, 100, 10])) == 15_210

# [reference_size] numbers, where the linear classifier of chapter 1 had 410.


# Why it must bend
# ================

# Before we trust the bend, take it out. Without it the second layer works on x W_1ᵀ +
# b_1, and you can multiply out:

#     (x W_1ᵀ + b_1) W_2ᵀ + b_2 = x [(W_2 W_1)ᵀ: one matrix] + [b_1 W_2ᵀ + b_2: one
#     bias]

# One layer, in disguise. Its [reference_size] numbers can say no more than 410 could.
# Check it on three layers with random weights, not for lack of trust in algebra but
# because you can:

straight = MLP([40, 100, 100, 10], activation=lambda z: z).double()
W1, b1, W2, b2, W3, b3 = straight.parameters()
x = torch.randn(7, 40, dtype=torch.float64)
one_layer = linear(x, W3 @ W2 @ W1, W3 @ (W2 @ b1 + b2) + b3)
torch.testing.assert_close(straight(x), one_layer, rtol=0, atol=1e-10)

# Now a task on which it shows. Two spirals, wound around each other: a toy that was
# built to be hard in 1988 (Lang and Witbrock, 1988). No straight cut gets far.

def spirals(n, seed):
    """n points on two arms, and which arm each lies on."""
    rng = np.random.default_rng(seed)
    arm = np.arange(n) % 2
    turn = 3 * np.pi * np.sqrt(rng.uniform(0.02, 1, n))  # one and a half turns
    x = turn[:, None] * np.stack(
        [np.cos(turn + np.pi * arm), np.sin(turn + np.pi * arm)], 1
    )
    x = 2 * x / (3 * np.pi) + rng.normal(0, 0.04, (n, 2))
    return torch.tensor(x, dtype=torch.float32), torch.tensor(arm)


x, y = spirals(160, seed=0)
x_new, y_new = spirals(2000, seed=1)  # to test on

# We want several seeds for everything in this book, and small networks leave a
# processor idle. So train them all at once: stack the weights of S networks along a new
# first axis. `@` and `+` broadcast over it, so the very same `feedforward` runs all of
# them, and the sum of their losses has exactly the gradients that each would have had
# alone.

def stack(networks):
    """From the parameters of each of S networks to (S, F, C), (S, 1, F), ..."""
    columns = zip(*networks)
    rows = ([p if p.dim() == 2 else p[None] for p in column] for column in columns)
    return [torch.stack(row).detach().requires_grad_() for row in rows]


def summed_loss(scores, labels):
    """The cross-entropy of one network, (N, K), or the sum of S of them, (S, N, K)."""
    scores = scores.flatten(0, -2)
    copies = len(scores) // len(labels)
    return copies * F.cross_entropy(scores, labels.repeat(copies))


def train(parameters, x, y, steps, lr=0.3, activation=relu):
    for _ in range(steps):
        summed_loss(feedforward(x, parameters, activation), y).backward()
        descend(parameters, lr)
    return parameters


@torch.no_grad()
def accuracy(parameters, x, y, activation=relu):
    right = feedforward(x, parameters, activation).argmax(-1) == y
    return right.float().mean(-1)  # () or (S,)

# Three contestants, five seeds each: one linear layer; three layers without a bend; the
# same three layers with it.

seeds = range(5)
contest = {
    "one linear layer": ([2, 2], relu),  # nothing is bent: there is no hidden layer
    "three, no bend": ([2, 16, 16, 2], lambda z: z),
    "three, with bend": ([2, 16, 16, 2], relu),
}
scores = {}
for name, (widths, activation) in contest.items():
    several = stack([network(widths, s).parameters() for s in seeds])
    train(several, x, y, 1000, activation=activation)
    scores[name] = accuracy(several, x_new, y_new, activation)
    print(f"{name:17} {scores[name].mean():6.1%} ± {scores[name].std():.1%}")

flat, tower, bent = scores.values()
assert abs(flat.mean() - tower.mean()) < 0.03 and bent.min() > tower.max() + 0.15
note(
    spiral_linear=f"{flat.mean():.0%}",
    spiral_tower=f"{tower.mean():.0%}",
    spiral_bent=f"{bent.mean():.1%}",
)

# One layer: [spiral_linear]. Three layers without a bend: [spiral_tower], the same.
# With it: [spiral_bent]. The bend is not a detail of the recipe. It is the difference
# between a network and a matrix.


# What the hidden units do
# ========================

# So a hidden layer bends. What does it do with its bends? There are two good pictures,
# and you should be able to switch between them.


# First picture: every unit folds the plane
# -----------------------------------------

# Each hidden unit owns a line: on one side it sleeps, on the other it is awake. The
# lines of all units cut the plane into regions. Inside a region nobody falls asleep or
# wakes up, so all bends are out of the way and the network is linear there. A ReLU
# network is a patchwork of linear pieces, and training moves the seams.

# Take the smallest network that does something interesting: six hidden units, one
# layer, and two half moons.

def moons(n, seed):
    rng = np.random.default_rng(seed)
    angle, which = rng.uniform(0, np.pi, n), np.arange(n) % 2
    sign = 1 - 2 * which
    x = np.stack(
        [
            sign * np.cos(angle) + which - 0.5,
            sign * np.sin(angle) + which / 2 - 0.25,
        ],
        1,
    )
    return torch.tensor(
        x + rng.normal(0, 0.1, (n, 2)), dtype=torch.float32
    ), torch.tensor(which)


moon_x, moon_y = moons(120, seed=0)
six = train(list(network([2, 6, 2], seed=4).parameters()), moon_x, moon_y, 1500)
six = [p.detach() for p in six]

def draw_points(ax, x, y):
    """Data is ink: full dots and rings."""
    for label, fill in ((0, ink), (1, "none")):
        ax.plot(
            *x[y == label].T, "o", ms=3.5, mfc=fill, mec=ink, mew=0.8, alpha=0.8
        )


def draw_decision(ax, parameters, reach, n=81):
    """Orange: the surer of class 1 the darker; the seam is at one half."""
    side = torch.linspace(-reach, reach, n)
    grid = torch.cartesian_prod(side, side)
    with torch.no_grad():
        p = feedforward(grid, parameters).softmax(-1)[:, 1].reshape(n, n).T
    for low in (0.1, 0.3, 0.5, 0.7, 0.9):
        ax.contourf(side, side, p, [low, 1.01], colors=[orange], alpha=0.1)
    ax.contour(side, side, p, [0.5], colors=[orange], linewidths=2)
    ax.axis("off")
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")

fig, ax = plots.figure(3.8, 3.6)
draw_decision(ax, six, reach=2.0, n=161)
draw_points(ax, moon_x, moon_y)
for (w1, w2), bias in zip(*six[:2]):
    ax.axline(
        (-bias * w1 / (w1**2 + w2**2), -bias * w2 / (w1**2 + w2**2)),
        slope=-w1 / w2,
        color=plots.LIGHT["ink-2"],
        lw=1,
        ls=(0, (4, 3)),
    )

# Is it really linear inside a region? Let autograd say. Take random points, sort them
# by who is awake, and compare the gradients within each group.

points = torch.rand(4000, 2, generator=torch.Generator().manual_seed(0)) * 4 - 2
awake = linear(points, six[0], six[1]) > 0  # (4000, 6): who is awake where
region = (awake * 2 ** torch.arange(6)).sum(1)
slope_at = torch.vmap(torch.func.jacrev(lambda p: feedforward(p, six)))(
    points
)  # (4000, 2, 2)
regions = region.unique()
for each in regions:
    here = slope_at[region == each]
    torch.testing.assert_close(here, here[:1].expand_as(here))
moon_accuracy = accuracy(six, *moons(2000, seed=1)).item()
assert 7 < len(regions) <= 22 and moon_accuracy > 0.97
note(moon_regions=f"{len(regions)}", moon_accuracy=f"{moon_accuracy:.1%}")

# [moon_regions] regions out of six folds (six lines can make 22 at most), in each of
# them one single slope, and [moon_accuracy] of 2,000 new points are told apart.


# Second picture: every layer moves the points
# --------------------------------------------

# The other picture forgets about lines and follows the data. A layer takes each point
# somewhere else. Whoever draws the final, straight cut sees only where the points have
# been moved to. So the hidden layers have one job: to move the points such that a
# straight cut suffices.

# To look, train a network on the spirals, on our own engine this time, and keep its
# weights along the way; we will want to watch them in a moment.

def cross_entropy(scores, labels):
    """Minus the log-probability of the right class, on either engine."""
    return -scores.log_softmax(-1)[np.arange(len(labels)), labels].mean()


start = network([2, 16, 16, 2], seed=0).double()
parameters = [Variable(p.detach().numpy()) for p in start.parameters()]
inputs, labels = Variable(x.numpy()), y.numpy()
moments = (0, 20, 60, 100, 150, 200, 300, 450, 700, 1000, 2000)
film = {}
for step in range(2001):
    loss = cross_entropy(feedforward(inputs, parameters), labels)
    if step in moments:
        film[step] = ([torch.tensor(p.data) for p in parameters], loss.data.item())
    loss.backward()
    descend(parameters, lr=0.3)

# The last hidden layer has 16 units: too many dimensions to draw. But you know since
# chapter 2 how to take a shadow. Here are the same 160 points, first as they come in,
# then as the last layer sees them. Of its 16 dimensions we show two: across, the
# direction in which the last layer cuts; upwards, the first principal component.

fig, ax = plots.figure(3.4, 3.0)
draw_points(ax, x, y)
ax.axis("off")
ax.set_aspect("equal")

W1, b1, W2, b2, W3, b3 = film[2000][0]
inside = relu(linear(relu(linear(x.double(), W1, b1)), W2, b2))  # (160, 16)
across = inside @ (W3[1] - W3[0]) + b3[1] - b3[0]  # (160,), above 0: class 1
shadow = torch.stack([across, project(inside, pca(inside, 1))[:, 0]], 1)

fig, ax = plots.figure(3.4, 3.0)
draw_points(ax, shadow, y)
ax.axvline(0, color=orange, lw=2)
_ = ax.axis("off")

def best_ruler(points):
    """Accuracy of the best straight cut that gradient descent finds."""
    points = ((points - points.mean(0)) / points.std(0)).float()
    cut = train(list(network([2, 2]).parameters()), points, y, 500, lr=1.0)
    return accuracy(cut, points, y).item()


ruler_before, ruler_inside = best_ruler(x), best_ruler(shadow)
assert ruler_inside > ruler_before + 0.2
note(ruler_before=f"{ruler_before:.0%}", ruler_inside=f"{ruler_inside:.0%}")

# A straight cut gets [ruler_before] of the points right where they came in, and
# [ruler_inside] where the hidden layers have put them. Nobody designed that layer's
# features. They were learned, because the loss could be lowered that way. Learning the
# features along with the classifier is what the word "deep" in deep learning stands
# for.


# Watching it learn
# -----------------

# Step through the training. At first the network knows one crude cut, like any linear
# model; that is where the loss is easiest to lower. Then the seams begin to wander.

film_strip = plots.Stepper("the decision boundary on two spirals during training")
for step, (weights, loss) in film.items():
    fig, ax = plots.figure(3.6, 3.4)
    draw_decision(ax, [p.float() for p in weights], reach=2.2, n=61)
    draw_points(ax, x, y)
    right = accuracy(weights, x.double(), y)
    film_strip.add(
        fig, f"Step {step:,}: loss {loss:.3f}, {right:.0%} of the points right."
    )
print(film_strip)

film_losses = [loss for _, loss in film.values()]
assert film_losses[0] > 0.6 and film_losses[-1] < 0.02
note(film_first=f"{film_losses[0]:.2f}", film_last=f"{film_losses[-1]:.3f}")

# The loss fell from [film_first] to [film_last]. Note where the dark and light areas
# end up between and beyond the points: there the network invents. It has to answer
# everywhere, also where nobody has ever asked.


# Is there anything it cannot draw?
# =================================

# No. That is a theorem, and it comes with the loveliest proof of this book: you can
# write the weights down by hand, in four lines, without any training.

# Start in one dimension. A unit relu(x - t) is flat up to t and rises from there. Add
# it to a line, with a factor: the line now makes a turn at t. Add another, and it makes
# another. So any line made of straight pieces is a sum of ReLUs, one for each turn,
# each weighted by how much the slope changes there:

#     f̂(x) = f(t_0) + Σ_(j=0)^(n-1) (s_j - s_(j-1)) relu(x - t_j),    s_j =
#     (f(t_(j+1)) - f(t_j))/(t_(j+1) - t_j),    s_-1 = 0

# Here t_j are the places where the line may turn and s_j its slope from one to the
# next. Read it as a network: -t_j is the bias of unit j, the change of slope its weight
# in the output.

def through(t, f):
    """The MLP [1, n, 1] whose line passes through n + 1 points, t and f."""
    slope = torch.diff(f) / torch.diff(t)  # (n,)
    turn = torch.diff(slope, prepend=slope.new_zeros(1))  # (n,)
    return [torch.ones_like(slope)[:, None], -t[:-1], turn[None], f[:1]]

# That is an MLP with one hidden layer of n units, and `feedforward` runs it as it is.
# Give it a curve to follow and step through the widths:

def target(x):
    return torch.sin(3 * x) + torch.cos(7 * x) / 2


fine = torch.linspace(-2, 2, 2001, dtype=torch.float64)


def by_hand(n):
    t = torch.linspace(-2, 2, n + 1, dtype=torch.float64)
    return through(t, target(t))


def error(parameters, activation=relu):
    """Root mean square distance from the target, of one network or of S."""
    gap = feedforward(fine[:, None], parameters, activation)[..., 0] - target(fine)
    return gap.square().mean(-1).sqrt()

widths = (3, 4, 6, 8, 12, 16, 24, 32)
stepper = plots.Stepper("a network written by hand, following a curve")
for n in widths:
    fig, ax = plots.figure(4.9, 2.8)
    t = torch.linspace(-2, 2, n + 1)
    ax.plot(fine, target(fine), color=plots.LIGHT["ink-2"], lw=1.2, ls="--")
    ax.plot(
        t,
        feedforward(t[:, None].double(), by_hand(n)),
        "-v",
        color=orange,
        lw=1.8,
        ms=4,
    )
    ax.set(xlabel="x", xlim=(-2, 2), ylim=(-1.7, 1.7))
    stepper.add(fig, f"{n} hidden units: off by {error(by_hand(n)):.3f}.")

# How fast does the error fall? Between two neighbouring turns a smooth curve leaves its
# chord by an amount that goes with the square of their distance. Twice the units, a
# quarter of the error: on logarithmic axes, a line of slope −2.

# There is a second way, older and rougher, which you will find in Nielsen's book: make
# sigmoids so steep that they are stairs, and build the curve out of steps. The same
# four numbers, with the heights in place of the slopes. Here the error only halves,
# slope −1: the theorem is the same, the bill is not.

def stairs(n):
    """The MLP [1, n, 1] whose sigmoids are steps, halfway between n + 1 heights."""
    t = torch.linspace(-2, 2, n + 1, dtype=torch.float64)
    steep, middle = 1e4, (t[1:] + t[:-1]) / 2
    f = target(t)
    return [
        torch.full((n, 1), steep).double(),
        -steep * middle,
        torch.diff(f)[None],
        f[:1],
    ]

# And what does training find? Take the same shape, `[1, n, 1]`, start from random
# weights, show it 129 points of the curve, and let it learn, five seeds for each width.
# To give it every chance we use Adam, a more patient kind of gradient descent that
# chapter 5 builds by hand.

shown = torch.linspace(-2, 2, 129)[:, None]
trained_widths = (8, 32, 128)
trained_errors = []
for n in trained_widths:
    learned = stack([network([1, n, 1], s).parameters() for s in range(5)])
    adam = torch.optim.Adam(learned, lr=0.01)
    decay = torch.optim.lr_scheduler.LinearLR(adam, 1.0, 0.0, total_iters=1500)
    for _ in range(1500):
        adam.zero_grad()
        (feedforward(shown, learned) - target(shown)).square().mean(
            (1, 2)
        ).sum().backward()
        adam.step()
        decay.step()
    with torch.no_grad():
        trained_errors.append(error([p.double() for p in learned]))
trained_errors = torch.stack(trained_errors, 1).numpy()  # (5 seeds, 3 widths)

many = np.array([4, 8, 16, 32, 64, 128])
folds_error = np.array([error(by_hand(int(n))) for n in many])
stairs_error = np.array([error(stairs(int(n)), sigmoid) for n in many])

fig, ax = plots.figure(4.9, 3.2)
ax.set(
    xscale="log",
    yscale="log",
    xlabel="hidden units",
    ylabel="error",
    xlim=(4, 128),
    ylim=(1e-3, 1.5),
    xticks=many,
    xticklabels=many,
)
ax.minorticks_off()
plots.curves(ax, many, folds_error, "ink", "folds")
plots.curves(ax, many, stairs_error, "linear", "stairs")
plots.curves(ax, trained_widths, trained_errors, "mlp", "trained")

def log_slope(x, y):
    return np.polyfit(np.log(x), np.log(y), 1)[0]


folds_slope, stairs_slope = (
    log_slope(many[2:], folds_error[2:]),
    log_slope(many[2:], stairs_error[2:]),
)
assert abs(folds_slope + 2) < 0.1 and abs(stairs_slope + 1) < 0.1
best_trained, hand_written = trained_errors[:, -1].min(), folds_error[-1]
assert trained_errors[:, 0].mean() < folds_error[1] * 1.4
assert (
    best_trained > 5 * hand_written
)  # every seed is far from what the width allows
note(
    folds_slope=f"{folds_slope:.2f}".replace("-", "−"),
    stairs_slope=f"{stairs_slope:.2f}".replace("-", "−"),
    hand_written=f"{hand_written:.4f}",
    trained_mean=f"{trained_errors[:, -1].mean():.3f}",
    trained_best=f"{best_trained:.3f}",
    trained_times=f"{trained_errors[:, -1].mean() / hand_written:.0f}",
)

# Measured slopes: [folds_slope] and [stairs_slope]. The universal approximation theorem
# says that it works for any continuous function on a bounded region, in any number of
# dimensions, and for any bend that is no polynomial (Cybenko, 1989; Hornik, 1991;
# Leshno et al., 1993). In two dimensions you add ramps to towers and towers to
# landscapes; exercise 4.3 builds one.

# Read the small print, though. The theorem says that good weights exist at some width.
# It does not say how wide, and in many dimensions the towers run into the billions. It
# does not say that gradient descent will find those weights. And it says nothing at all
# about the space between the examples. The orange line in the figure is the first
# warning; we come back to it at the end.


# Wide or deep
# ============

# If one wide layer can draw everything, why would anyone stack several? Because a
# second layer does not add its folds to those of the first. It folds what is folded
# already.

# Take a sheet of paper, fold it in half, and cut a notch with scissors: two notches.
# Fold twice: four. The fold below takes the line from 0 to 1, lays its right half onto
# its left, and needs two units.

#     fold(x) = 2 relu(x) - 4 relu(x - 1/2),    [fold ∘ fold ∘ ... ∘ fold: k layers of
#     2 units]

# Folding k times is the same two units in each of k layers: 2k units, 2^k straight
# pieces (Telgarsky, 2016).

def folded(k):
    """An MLP with k hidden layers of 2 units each."""
    W, b = torch.tensor([[1.0], [1.0]]), torch.tensor([0.0, -0.5])
    V, c = torch.tensor([[2.0, -4.0]]), torch.zeros(1)
    between = [W @ V, b] * (k - 1)  # (2, 2), (2,): out of one fold, into the next
    return [W, b, *between, V, c]

line = torch.linspace(0, 1, 129)[:, None]
stepper = plots.Stepper("folding a line again and again")
for k in range(1, 7):
    fig, ax = plots.figure(4.9, 2.4)
    ax.plot(line, feedforward(line, folded(k)), color=orange, lw=1.8)
    ax.set(xlabel="x", xlim=(0, 1), ylim=(-0.03, 1.05), yticks=[0, 1])
    stepper.add(
        fig,
        f"{k} hidden layer{'s' * (k > 1)}, {2 * k} units: {2**k} straight pieces.",
    )

# One hidden layer would need a unit for each turn: 63 for the last picture, which has
# 12. At twenty layers it is 40 units against a million. So depth can buy an exponential
# number of pieces. That is a theorem, too, and it is often quoted as the reason why
# deep networks work.

# Is it? Count. How many pieces do networks have as they come, with random weights, when
# you walk along a line and note each time a unit wakes up or falls asleep?

def pieces(x, parameters):
    """How many linear pieces a ReLU network has along the points of x."""
    awake = []
    for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2]):
        x = relu(linear(x, weight, bias))
        awake.append(x > 0)
    awake = torch.cat(awake, -1)  # (N, all hidden units)
    return 1 + (awake[1:] != awake[:-1]).any(-1).sum().item()


inner = torch.linspace(0, 1, 100_001, dtype=torch.float64)[:, None] * 0.99998 + 7e-6
folded_pieces = [
    pieces(inner, [p.double() for p in folded(k)]) for k in range(1, 9)
]
assert folded_pieces == [2**k for k in range(1, 9)]

walk = torch.linspace(-3, 3, 20_001)[:, None]
shapes = {
    1: [1, 64, 1],
    2: [1, 32, 32, 1],
    4: [1, *[16] * 4, 1],
    8: [1, *[8] * 8, 1],
}
found = {
    depth: [
        pieces(walk, [p.detach() for p in network(shape, s).parameters()])
        for s in range(10)
    ]
    for depth, shape in shapes.items()
}

fig, ax = plots.figure(4.9, 2.9)
depths = list(shapes)
ax.set(
    xscale="log",
    yscale="log",
    xlabel="hidden layers (64 units in all)",
    ylabel="linear pieces",
    xticks=depths,
    xticklabels=depths,
    xlim=(0.9, 8),
    ylim=(5, 4e7),
)
ax.minorticks_off()
# Each layer of n units with one input direction can fold the line into n pieces.
possible = [65] + [(64 // depth) ** depth for depth in depths[1:]]
ax.plot(depths, possible, color=plots.LIGHT["ink"], marker="o", lw=1.5, ls="--")
for depth, counts in found.items():
    ax.plot([depth] * 10, counts, "v", ms=4, color=orange, alpha=0.5)
ax.plot(
    depths, [np.mean(counts) for counts in found.values()], color=orange, lw=1.8
)
plots.label_end(ax, 8, possible[-1], "possible")
plots.label_end(ax, 8, np.mean(found[8]), "found", "mlp")

assert max(max(counts) for counts in found.values()) < 2 * 64
assert max(found[8]) < min(found[1])
note(
    pieces_shallow=f"{np.mean(found[1]):.0f}",
    pieces_deep=f"{np.mean(found[8]):.0f}",
)

# One layer of 64 units gives [pieces_shallow] pieces on average. Eight layers of 8 give
# [pieces_deep]. The exponential number is possible; what you get is about one piece a
# unit, and training hardly changes that (Hanin and Rolnick, 2019). A theorem about the
# best weights is no promise about yours.

# So let the spirals decide, and let them decide fairly: at equal numbers of parameters.
# Three depths, four sizes, eight seeds make 96 networks. Networks of different widths
# fit into one stack, too, if you fill them up with units whose weights are all 0. Such
# a unit is silent, so its gradients are 0, and it stays silent for ever.

def filled_up(parameters, width):
    """The same network with silent units, each hidden layer this wide."""
    last, filled = len(parameters) - 2, []
    for i, p in enumerate(parameters):
        rows = 0 if i >= last else width - len(p)
        columns = 0 if i == 0 or p.dim() == 1 else width - p.shape[1]
        filled.append(
            F.pad(p, (0, columns, 0, rows) if p.dim() == 2 else (0, rows))
        )
    return filled


sizes = {1: (6, 11, 22, 32), 2: (3, 5, 8, 10), 3: (2, 4, 6, 7)}  # widths, by depth
count, score = {}, {}
for depth, options in sizes.items():
    several = []
    for width in options:
        for seed in range(8):
            mlp = network([2, *[width] * depth, 2], seed)
            count[depth, width] = sum(p.numel() for p in mlp.parameters())
            several.append(filled_up(list(mlp.parameters()), max(options)))
    learned = train(stack(several), x, y, 1200)
    for width, scores in zip(options, accuracy(learned, x_new, y_new).split(8)):
        score[depth, width] = scores

fig, ax = plots.figure(4.9, 3.0)
ax.set(
    xlabel="parameters",
    ylabel="accuracy on new points",
    xlim=(20, 165),
    ylim=(0.45, 1.03),
)
styles = {1: ("-", "mlp", "o"), 2: ("--", "brand", "s"), 3: (":", "ink", "D")}
for depth, options in sizes.items():
    style, color, marker = styles[depth]
    line_x = [count[depth, width] for width in options]
    rows = torch.stack([score[depth, width] for width in options])
    ax.errorbar(
        line_x,
        rows.mean(1),
        rows.std(1),
        ls=style,
        color=plots.LIGHT[color],
        marker=marker,
        capsize=2,
        lw=1.8,
        elinewidth=0.9,
    )
    plots.label_end(
        ax,
        line_x[-1],
        rows[-1].mean().item(),
        f"{depth} layer{'s' * (depth > 1)}",
        color,
    )

one, two, three = (
    score[1, 32],
    score[2, 10],
    score[3, 7],
)  # 162, 162 and 149 parameters
small = score[1, 6]
assert one.mean() > small.mean() + 0.1
assert max(two.mean(), three.mean()) < one.mean() + 0.02
note(
    depth_one=f"{one.mean():.1%}",
    depth_two=f"{two.mean():.1%}",
    depth_three=f"{three.mean():.1%}",
    depth_small=f"{small.mean():.0%}",
)

# With about 160 parameters, one layer reaches [depth_one], two [depth_two], three
# [depth_three]. Width counts: at 32 parameters it was [depth_small]. Depth, here, buys
# nothing. That is an honest result, and you should keep it in mind when somebody
# explains the success of deep learning with the folded paper. Deep networks can do more
# with less. To make them do it, somebody has to learn how to train them, and to give
# each layer work that suits the data. The rest of this path, from chapter 5 to the
# transformer, is about those two things.


# Proof
# =====

# We have been trusting `MLP` for a while. Time to hold it against torch. First the
# layers: build the same network from `torch.nn`, copy our weights over, and compare
# outputs and gradients, of the inputs and of every parameter, in double precision.

ours = network([40, 100, 100, 10]).double()
theirs = nn.Sequential(
    nn.Linear(40, 100),
    nn.ReLU(),
    nn.Linear(100, 100),
    nn.ReLU(),
    nn.Linear(100, 10),
).double()
names = {
    "layers.0": "0",
    "layers.1": "2",
    "layers.2": "4",
}  # torch counts the bends, too
theirs.load_state_dict(
    {names[key[:8]] + key[8:]: value for key, value in ours.state_dict().items()}
)

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

# Second, the training. The step is one line of arithmetic, `w − lr · gradient`. Before
# any parameter moves, `_gradients` looks whether all can:

# The lines of the package: transformer_path.networks.feedforward.descend

# Now run the same hundred steps three times. Once with our network, our engine and our
# step: not a line of torch in it. Once with our network and step on torch's engine. And
# once with torch alone: its layers, its gradients, its loss, its `SGD`.

data = mnist1d()
batch, batch_labels = data.train.x[:100].double(), data.train.y[:100]

ours = network([40, 100, 100, 10]).double()
variables = [Variable(p.detach().numpy()) for p in ours.parameters()]
sgd = torch.optim.SGD(theirs.parameters(), lr=0.1)
for _ in range(100):
    scores = feedforward(Variable(batch.numpy()), variables)
    cross_entropy(scores, batch_labels.numpy()).backward()
    descend(variables, lr=0.1)

    cross_entropy(ours(batch), batch_labels).backward()
    descend(ours.parameters(), lr=0.1)

    sgd.zero_grad()
    F.cross_entropy(theirs(batch), batch_labels).backward()
    sgd.step()

gaps = [
    max((torch.tensor(v.data) - q).abs().max(), (p - q).abs().max()).item()
    for v, p, q in zip(variables, ours.parameters(), theirs.parameters())
]
moved = (
    (theirs[0].weight - network([40, 100, 100, 10]).layers[0].weight)
    .abs()
    .max()
    .item()
)
assert max(gaps) < 1e-10 < 1e-3 < moved
note(parity_moved=f"{moved:.2f}")

superscript = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def tiny(number):
    """Write 2e-16 as 2 · 10⁻¹⁶."""
    mantissa, exponent = f"{number:.0e}".split("e-")
    return f"{mantissa} · 10⁻{str(int(exponent)).translate(superscript)}"


note(parity=tiny(max(gaps)))

twin = network([2, 16, 16, 2], seed=0).double()  # the spirals again, on torch's engine
apart = {}
for step in range(2001):
    if step in (100, 2000):
        apart[step] = max(
            (p - q).abs().max().item() for p, q in zip(film[step][0], twin.parameters())
        )
    F.cross_entropy(twin(x.double()), y).backward()
    descend(twin.parameters(), lr=0.3)
assert apart[100] < 1e-13 and apart[2000] > 30 * apart[100]
note(apart_100=tiny(apart[100]), apart_2000=tiny(apart[2000]))

# After a hundred steps, in which weights moved by up to [parity_moved], no weight of
# the three networks differs by more than [parity]. Everything you use from here on
# under the name of `torch.nn` is something you have written yourself.


# The experiment
# ==============

# The linear classifier of chapter 1 got stuck on MNIST-1D at a third of the series, and
# not only on new ones: it could not even fit those it was shown. Put our MLP there,
# trained by nothing but our own engine. Each step looks at 100 randomly drawn series, a
# minibatch; the next page explains why. We time the step, and that of torch on the same
# network and batches in the same precision.

draw = np.random.default_rng(0)
series, answers = data.train.x.double().numpy(), data.train.y.numpy()
ours = network([40, 100, 100, 10], seed=1).double()
variables = [Variable(p.detach().numpy()) for p in ours.parameters()]
seconds = {"ours": [], "torch": []}
curve = []


def right(parameters, split):
    scores = feedforward(Variable(split.x.double().numpy()), parameters)
    return (scores.data.argmax(-1) == split.y.numpy()).mean()


for step in range(3000):
    rows = draw.integers(0, len(series), 100)
    began = perf_counter()
    loss = cross_entropy(
        feedforward(Variable(series[rows]), variables), answers[rows]
    )
    loss.backward()
    descend(variables, lr=0.3)
    seconds["ours"].append(perf_counter() - began)

    if step < 300:
        batch = data.train.x[rows].double()
        began = perf_counter()
        cross_entropy(ours(batch), answers[rows]).backward()
        descend(ours.parameters(), lr=0.3)
        seconds["torch"].append(perf_counter() - began)
    if step % 250 == 249:
        curve.append(
            [
                step + 1,
                right(variables, data.train),
                right(variables, data.validation),
            ]
        )
curve = np.array(curve)

fig, ax = plots.figure()
ax.set(xlabel="step", ylabel="accuracy", xlim=(0, 3000), ylim=(0, 1.03))
plots.curves(ax, curve[:, 0], curve[:, 1], "mlp", "training")
ax.plot(curve[:, 0], curve[:, 2], color=orange, lw=1.8, marker="v", mfc="none")
plots.label_end(ax, 3000, curve[-1, 2], "validation", "mlp")
ax.axhline(0.32, color=plots.LIGHT["linear"], ls="--", lw=1.2)
plots.label_end(ax, 3000, 0.32, "linear", "linear")

own_train, own_test = right(variables, data.train), right(variables, data.test)
assert own_train > 0.95 and 0.5 < own_test < 0.75
ours_ms, torch_ms = (1e3 * np.median(seconds[name]) for name in ("ours", "torch"))
assert ours_ms < 5 * torch_ms
note(
    own_train=f"{own_train:.1%}",
    own_test=f"{own_test:.1%}",
    time_step_ours=f"{ours_ms:.2f} ms",
    time_step_torch=f"{torch_ms:.2f} ms",
    time_step_ratio=f"{ours_ms / torch_ms:.2f}",
)

# It fits [own_train] of the training series, the ones that no linear model could fit.
# Two hidden layers, and the wall of chapter 1 is gone. A step of ours took
# [time_step_ours], one of torch's [time_step_torch]: a ratio of [time_step_ratio] on
# the machine that built this page, one thread each. A ratio near one is no feat of
# ours: at this size the time goes into calling operations, not into computing them.
# Make the layers wide, or use a GPU or single precision, and torch pulls away; that is
# why we use it from here on.


# Where it fails
# ==============

# To exist is not to be found:

# With 128 hidden units the weights that we wrote down by hand miss the curve by
# [hand_written]. Gradient descent, given the same 128 units, misses it by
# [trained_mean], which is [trained_times] times as much; the luckiest of five seeds by
# [trained_best]. The theorem promises weights, not a way to them.

# And on MNIST-1D the weights that were found are right for [own_train] of the series
# seen in training, but for [own_test] of those in the test set. How to train well, and
# how much of what is learned carries over to what was never seen: that is training.
