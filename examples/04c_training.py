"""Training.

Stop 4c of the path as a script: the code of the page
https://transformer-path.github.io/transformer-path/04c-training.html, its prose as
comments. You will have the training loop of this book, written by hand, and an eye for
its curves. The numbers in the comments are the page's; the script computes and prints
them. It needs the book's package, runs from anywhere, and can save the figures in a
folder:

    pip install "transformer-path @ git+https://github.com/transformer-path/transformer-path"
    python examples/04c_training.py
    python examples/04c_training.py --figures FOLDER
"""

from transformer_path.workshop import script

script.start()


# The question
# ============

# You have a network that can draw anything and an engine that says which way is
# downhill. On MNIST-1D that was enough to get every training series right, and hardly
# two thirds of the new ones. Before we ask what is wrong with the network, we ask about
# the walk: is it trained as well as it could be?

# A training run has a few numbers that you choose yourself, because no gradient tells
# you which way to change them: how many examples a step looks at, how long the step is,
# where the weights begin. They are called hyperparameters, to tell them from the
# parameters, which are learned. On this page you change one of them at a time, with
# three seeds each, and look.

import numpy as np
import torch
import torch.nn.functional as F

from transformer_path.networks.feedforward import MLP, descend, feedforward
from transformer_path.workshop import plots
from transformer_path.workshop.batches import minibatches
from transformer_path.workshop.datasets import Examples, mnist1d
from transformer_path.workshop.leaderboard import spread
from transformer_path.workshop.notes import note, plus_minus
from transformer_path.workshop.repeats import accuracies, repeat
from transformer_path.workshop.training import fit

data = mnist1d()  # 3,500 series to train, 500 to validate, 1,000 to test
x, y = data.train


def network(seed=0):
    """Two hidden layers of 100 units; the seed draws the first weights."""
    generator = torch.Generator().manual_seed(seed)
    return MLP([40, 100, 100, 10], generator=generator)


# Minibatches
# ===========

# Gradient descent, as you know it, computes the gradient over all 3,500 series before
# it takes one step. Long before the last series it knows roughly where downhill is. So
# look at a few series, take a step, and look at a few others. The few are a minibatch,
# and the method is stochastic gradient descent, SGD for short: stochastic because the
# direction of a step now depends on the draw (Robbins and Monro, 1951). One pass
# through all the data, in minibatches, is an epoch.

# Here it is, by hand. It is the loop with which every network in this book is trained:

model = network()
draw = torch.Generator().manual_seed(0)
for epoch in range(5):
    order = torch.randperm(len(y), generator=draw)  # every series once, at random
    for rows in order.split(100):
        loss = F.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        descend(model.parameters(), lr=0.5)

# In five epochs the loop looks at every series five times, and takes 175 steps. For the
# same work gradient descent over all series takes five. We let it try four learning
# rates and keep the best result:

full = []
for rate in [0.5, 1.0, 2.0, 4.0]:
    whole = network()
    for step in range(5):
        F.cross_entropy(whole(x), y).backward()
        descend(whole.parameters(), lr=rate)
    full.append(F.cross_entropy(whole(x), y).item())

after_epochs = F.cross_entropy(model(x), y).item()
assert after_epochs < 1.5 and min(full) > 1.7
note(after_epochs=f"{after_epochs:.1f}", after_full=f"{min(full):.1f}")

# The loss over all series is 1.4 after the minibatches, and 1.8 after the five full
# steps.

# What does a minibatch cost in return? Its gradient is the full one plus noise. The
# noise is an average of B independent errors, so its length should shrink like 1/√B, as
# the error of an opinion poll does.

# Measure it: draw many minibatches at the same weights, and see how far their gradients
# lie from the full one.

weights = list(network().parameters())


def gradient(x, y):
    loss = F.cross_entropy(feedforward(x, weights), y)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, weights)])


exact = gradient(x, y)  # (15210,)
sizes, noise = [1, 4, 16, 64, 256, 1024], []
draw = torch.Generator().manual_seed(0)
for size in sizes:
    rows = torch.randint(len(y), (100, size), generator=draw)
    errors = torch.stack([gradient(x[r], y[r]) - exact for r in rows])  # (100, 15210)
    noise.append((errors.square().sum(1).mean().sqrt() / exact.norm()).item())

fig, ax = plots.figure(4.9, 2.8)
ax.set(xscale="log", yscale="log", xlim=(0.9, 1100))
ax.set(xlabel="series in the minibatch", ylabel="noise / gradient")
ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
ax.minorticks_off()
guide = noise[2] * (16 / np.array(sizes)) ** 0.5
ax.plot(sizes, guide, color=plots.LIGHT["ink-2"], ls="--", lw=1)
plots.curves(ax, sizes, noise, "mlp")
_ = ax.axhline(1, color=plots.LIGHT["hairline"], lw=1.5)

noise_slope = np.polyfit(np.log(sizes), np.log(noise), 1)[0]
noise_64 = noise[sizes.index(64)]
assert abs(noise_slope + 0.5) < 0.06 and noise_64 > 1.2
note(noise_slope=f"{noise_slope:.1f}".replace("-", "−"), noise_64=f"{noise_64:.1f}")

# The slope is −0.5, as it should be. And the noise is large. Yet over all the
# minibatches of an epoch it averages to zero (the proof below), so over many short
# steps most of it cancels, and what the steps have in common adds up.

# How many series, then? Three sizes, each with the learning rate that suits it best
# among those we tried; the less noise, the longer a step can be. In the figures the
# same runs stand against the number of steps, and against the number of series they
# looked at, which is the work they did. Each point is a mean over the steps since the
# point before. The three seeds train side by side: a layer's weights, one above the
# other, are one tensor.

def side_by_side(models, batch):
    """The loss of each of several networks, each with a minibatch of its own."""
    weights = [p if p.dim() == 3 else p[:, None] for p in models.stacks]
    logits = feedforward(batch.x, weights)  # (S, N, 10)
    return F.cross_entropy(logits.mT, batch.y, reduction="none").mean(1)


batch_runs = {}
choices = [(10, 1500, 0.2, 60), (100, 600, 1.0, 15), (1000, 250, 2.0, 5)]
for size, steps, lr, every in choices:
    options = {"steps": steps, "lr": lr, "size": size, "every": every}
    _, history = repeat(network, data.train, loss=side_by_side, **options)
    batch_runs[size] = history

def compare_batches(ax, work):
    ax.set(ylabel="training loss", ylim=(0, 2.5))
    for (size, history), color in zip(batch_runs.items(), ("brand", "mlp", "ink")):
        at = history["step"] * (size if work else 1)
        runs = history["train_loss"].T
        plots.curves(ax, at[1:], runs[:, 1:], color)
        if work:  # to the right of an end lies another line; below it there is room
            style = {"color": plots.LIGHT[color], "weight": "bold", "ha": "right"}
            ax.text(at[-1], runs[:, -1].mean() - 0.35, f"batch {size:,}", **style)
        else:  # the last label would lie on the middle line
            low = 0.25 if size == 1000 else 0
            plots.label_end(
                ax, at[-1], runs[:, -1].mean() - low, f"batch {size:,}", color
            )

fig, ax = plots.figure(4.9, 2.6)
ax.set(xlabel="step", xlim=(0, 1500))
compare_batches(ax, work=False)

fig, ax = plots.figure(4.9, 2.6)
ax.set(xlabel="series seen", xscale="log", xlim=(400, 3e5))
compare_batches(ax, work=True)

def loss_before(size, step):  # a mean over a quarter: one point may be a spike
    history = batch_runs[size]
    near = (history["step"] > 3 / 4 * step) & (history["step"] <= step)
    return history["train_loss"][near].mean(0)  # (3,)


by_steps = {size: loss_before(size, 240) for size in batch_runs}
by_work = {size: loss_before(size, 15_000 // size) for size in batch_runs}
for small, large in [(10, 100), (100, 1000)]:
    assert by_steps[large].max() < by_steps[small].min() - 0.05
    assert by_work[small].max() < by_work[large].min() - 0.05
note(
    steps_10=f"{by_steps[10].mean():.1f}",
    steps_1000=f"{by_steps[1000].mean():.1f}",
    work_10=f"{by_work[10].mean():.1f}",
    work_1000=f"{by_work[1000].mean():.1f}",
)

# Over the last quarter of 240 steps the loss is 1.7 with batches of 10 and 0.7 with
# batches of 1,000. Over the last quarter of 15,000 series it is 1.2 against 2.0. Which
# batch is best depends on what a step costs. On one core the price grows with the
# batch; on a machine with a thousand cores, where 1,000 series take no longer than ten,
# it hardly does. We stay at 100.


# Where to begin
# ==============

# Where do the weights come from at step 0? Not from zero. If all weights are equal, the
# units of a layer compute the same, get the same gradient, and stay the same for ever:
# a hundred do the work of one. Random first weights break this symmetry. Nor may they
# be too large. Here is the initialisation of our `Linear`, random between ±1/√C for C
# inputs, beside two others:

def scaled(factor):
    """The same network, all its first weights multiplied by a factor."""
    model = network()
    for p in model.parameters():
        p.data *= factor
    return model


begins, ends = [], []
for factor in [0.0, 1.0, 10.0]:
    model = scaled(factor)
    batch = minibatches(data.train, 100)
    begins.append(F.cross_entropy(model(x), y).item())
    for step in range(300):
        F.cross_entropy(model(batch(step).x), batch(step).y).backward()
        descend(model.parameters(), lr=0.5)
    ends.append(F.cross_entropy(model(x), y).item())

same = scaled(0.0)
for p in same.parameters():
    p.data += 0.05
first = same.layers[0].weight
for step in range(100):
    F.cross_entropy(same(batch(step).x), batch(step).y).backward()
    descend(same.parameters(), lr=0.5)
assert first.std(0).max() < 1e-4 < 0.02 < (first[0] - 0.05).abs().max()  # moved, alike
assert abs(begins[0] - np.log(10)) < 1e-4 and ends[0] > 2.29
assert abs(begins[1] - np.log(10)) < 0.05 and ends[1] < 1.8
assert begins[2] > 30 and ends[2] > 1.5
note(
    guess_loss=f"{np.log(10):.2f}",
    end_zero=f"{ends[0]:.1f}",
    end_scaled=f"{ends[1]:.1f}",
    begin_large=f"{begins[2]:.0f}",
)

# A network that knows nothing gives each of the ten classes a probability of one tenth,
# which costs log 10 = 2.30. Our random weights start there, and after 300 steps they
# are at 1.0. Zero weights start there too, and stay at 2.3. Weights ten times as large
# start at 140, sure of everything and wrong, and after 300 steps they are still above
# 1.5. So the first loss of a run is a test that costs nothing. How large exactly the
# first weights of a deep network have to be is a question for chapter 5.


# The learning rate
# =================

# If you may tune one hyperparameter only, tune the learning rate. Five of them, three
# seeds each, all fifteen networks side by side. Along the way we count units of a
# special kind: a ReLU that gives 0 for every training series gets no gradient from any
# of them. It is called a dead ReLU.

def dead(models):
    """The share of each hidden layer's units that are 0 for all training series."""
    shares, h = {}, x
    for layer, name in enumerate(["dead_1", "dead_2"]):
        weight, bias = models.stacks[2 * layer : 2 * layer + 2]
        h = (h @ weight.mT + bias[:, None]).relu()  # (15, 3500, 100)
        shares[name] = (h == 0).all(1).float().mean(-1).tolist()
    return shares


rates = [0.01, 0.1, 1.0, 3.0, 10.0]
factors = torch.tensor(rates).repeat_interleave(3)  # (15,)


def at_each_rate(models, batch):  # ten times the loss is ten times the rate
    return factors * side_by_side(models, batch)


options = {"steps": 800, "every": 40, "finite": False, "evaluate": dead}
models, together = repeat(
    network, data.train, lr=1.0, loss=at_each_rate, seeds=[0, 1, 2] * 5, **options
)
correct = accuracies(models, data.validation)
rate_runs, unseen = {}, {}
for k, rate in enumerate(rates):
    own = slice(3 * k, 3 * k + 3)
    runs = {name: together[name][:, own] for name in ("train_loss", "dead_1", "dead_2")}
    runs["train_loss"] = runs["train_loss"] / rate
    rate_runs[rate], unseen[rate] = {"step": together["step"], **runs}, correct[own]

fig, ax = plots.figure(4.9, 3.4)
ax.set(xlabel="step", ylabel="training loss", xlim=(0, 800), ylim=(0, 3.2))
names = ["0.01: too small", "0.1: slow", "1: good", "3: too large", "10: lost"]
for (rate, history), name in zip(rate_runs.items(), names):
    color = {1.0: "mlp", 3.0: "failure", 10.0: "failure"}.get(rate, "ink")
    runs = history["train_loss"].T.nan_to_num(1e3).clamp(max=9)
    ax.plot(history["step"], runs.T, color=plots.LIGHT[color], lw=0.7, alpha=0.5)
    style = "--" if color == "failure" else "-"
    middle = runs.median(0).values
    ax.plot(history["step"], middle, color=plots.LIGHT[color], lw=1.8, ls=style)
    plots.label_end(ax, 800, middle[-1], name, color)

last = {r: h["train_loss"][-5:].mean(0) for r, h in rate_runs.items()}  # (3,) each
assert last[0.01].min() > 1.5
assert last[1.0].max() < last[0.1].min() - 0.2
sound = ~last[3.0].isnan()  # a run that overflowed has no loss to compare
assert sound.any() and last[3.0][sound].min() > 2 * last[1.0].max()
assert not (last[10.0] < 2.2).any()  # at chance, or not a number
note(rate_steps=f"{rate_runs[1.0]['step'][-1]:.0f}")

# Such pictures are read every day, so learn to read them.

# - starts far from 2.30: the first weights are badly scaled, or the labels are wrong;
#   look at the data and the first outputs
# - falls slowly and steadily (0.01, 0.1): steps too small; three times the learning
#   rate, and again
# - falls fast (1): right; leave it, or let it fade towards the end
# - jumps about (3): steps too large: each overshoots; a third of it
# - sits at 2.30 for ever, or turns into NaN (10): a whole layer is dead, or numbers
#   overflowed; a tenth of it

# Dead units are best watched while they die. Steps that are too long throw units to
# where they are 0 for every series.

fig, ax = plots.figure(4.9, 2.8)
ax.set(xlabel="step", ylabel="dead units", xlim=(0, 800), ylim=(-0.01, 1))
for rate, name, color, label in [
    (3.0, "dead_1", "failure", "rate 3, layer 1"),
    (3.0, "dead_2", "brand", "rate 3, layer 2"),
    (1.0, "dead_2", "mlp", "rate 1, both"),
]:
    history = rate_runs[rate]
    kept = ~history["train_loss"][-1].isnan()
    plots.curves(ax, history["step"], history[name].T[kept], color, label)

one, two = (rate_runs[3.0][name][:, sound] for name in ("dead_1", "dead_2"))  # (21, 3)
assert (one.diff(dim=0) >= 0).all() and one[-1].max() < 0.1
assert (two.max(0).values - two[-1]).median() > 0.05
assert max(rate_runs[1.0][name].max() for name in ("dead_1", "dead_2")) < 0.02
gone = rate_runs[10.0]["dead_2"][-1] > 0.9
assert (gone | rate_runs[10.0]["train_loss"][-1].isnan()).all()
note(
    dead_2_peak=f"{plus_minus(100 * two.max(0).values, 0)}%",
    dead_2_end=f"{plus_minus(100 * two[-1], 0)}%",
)

# At a learning rate of 10 there is nothing left to watch: either all units of the
# second layer, or nearly all, are dead after some forty steps, and nothing of use comes
# through any more, or the numbers have overflowed. (Of 120 networks, when we tried, 100
# overflowed; in 19 all units of the layer died, and in one 96 of 100.)


# A schedule
# ==========

# Near the end of a run long steps are in the way: each lands somewhere around the
# minimum, never in it. So let the learning rate shrink while the run goes on. This is a
# learning rate schedule, and the simplest is a straight line down to zero:

def fade(done):
    """From the share of the run that is done to a factor for the learning rate."""
    return 1 - done


options = {"steps": 800, "lr": 3.0, "schedule": fade}
faded, history = repeat(network, data.train, loss=side_by_side, **options)
faded_unseen = accuracies(faded, data.validation)

fade_loss = history["train_loss"][-1]
best_constant = max(unseen.values(), key=lambda each: each.mean())
assert fade_loss.max() < 0.5 * last[3.0][sound].min()
assert faded_unseen.min() > unseen[3.0].max() + 0.02
assert faded_unseen.mean() > best_constant.mean() - 0.02
note(
    fade_3=f"{fade_loss.mean():.1f} ± {fade_loss.std():.1f}",
    constant_3=f"{last[3.0][sound].mean():.1f} ± {last[3.0][sound].std():.1f}",
    unseen_fade=f"{spread(faded_unseen)}%",
    unseen_best=f"{spread(best_constant)}%",
    unseen_3=f"{spread(unseen[3.0][sound])}%",
)


# Proof
# =====

# The loop of this book is a function, `fit`. It is the loop by hand from above, with
# torch's optimiser in the place of `descend`, and with a schedule. Here are the two
# side by side in double precision. One more identity is checked: the gradients of an
# epoch's minibatches average to the gradient of the whole, exactly, as long as the
# weights stand still.

part = Examples(x[:700].double(), y[:700])
batch = minibatches(part, 100, seed=1)  # batch(3) is what step 3 looks at

ours, theirs = network().double(), network().double()
for step in range(21):
    F.cross_entropy(ours(batch(step).x), batch(step).y).backward()
    descend(ours.parameters(), lr=0.5 * fade(step / 21))

sgd = torch.optim.SGD(theirs.parameters(), lr=0.5)
fit(theirs, batch, optimizer=sgd, steps=21, schedule=fade)
for p, q in zip(ours.parameters(), theirs.parameters()):
    torch.testing.assert_close(p, q, rtol=0, atol=1e-10)

weights = list(ours.parameters())
parts = torch.stack([gradient(*batch(step)) for step in range(7)])
torch.testing.assert_close(parts.mean(0), gradient(*part), rtol=0, atol=1e-10)

# Several seeds at once are one more step: `repeat` builds one network for each seed,
# stacks their weights, and calls `fit`.

# The lines of the package: transformer_path.workshop.repeats.repeat


# The experiment
# ==============

# So far we have asked how fast a network learns its training series. What matters is
# how much carries over to new ones. The difference between the two accuracies is the
# generalisation gap, and one might think that it depends on the network and the data
# alone. Does it? We train the same network on the same series in different ways, each
# with a fading rate until more than 99% of them are learned, and then count on fresh
# series. MNIST-1D is made by a program, so there are as many of these as we like; with
# 10,000 of them the standard error of an accuracy is half a point. They are used for
# nothing else.

# There are two suspects: the length of the steps, and the noise of the gradient. The
# noise can be changed without the rate, by the size of the minibatch. And there is a
# third: perhaps short steps have only not gone far enough. So one of the careful runs
# goes on twice as long.

more = mnist1d(n_train=13_500).train  # the first 3,500 are ours
fresh = Examples(more.x[3500:], more.y[3500:])


def counted(models):
    """The accuracies on the training series and on fresh ones, one for each seed."""
    return accuracies(models, data.train), accuracies(models, fresh)


def walk(lr, size, steps):
    options = {"lr": lr, "size": size, "steps": steps, "schedule": fade}
    models, _ = repeat(network, data.train, loss=side_by_side, **options)
    return counted(models)


plans = [(0.4, 100, 2500), (0.4, 20, 3500), (2.0, 500, 600), (2.0, 100, 1000)]
walks = {(lr, size): walk(lr, size, steps) for lr, size, steps in plans}

alone, batch = network(), minibatches(data.train, 100)
sgd = torch.optim.SGD(alone.parameters(), lr=0.4)
fit(alone, batch, optimizer=sgd, schedule=fade, steps=5000)
longer = counted([alone])

fig, ax = plots.figure(4.9, 2.5)
for place, ((lr, size), (_, runs)) in enumerate(reversed(walks.items())):
    color = plots.LIGHT["mlp" if lr > 1 else "ink"]
    marker = "v" if lr > 1 else "o"
    ax.plot(runs, [place] * 3, marker, color=color, mfc="none")
    ax.plot(runs.mean(), place, marker, color=color, ms=8)
names = [f"rate {lr:g}, batch {size}" for lr, size in reversed(walks)]
ax.set_yticks(range(4), names)
ax.set(xlabel="accuracy on fresh series", ylim=(-0.5, 3.5))
ax.grid(axis="y", visible=False)
ax.grid(axis="x")

fitted = torch.cat([seen for seen, _ in walks.values()] + [longer[0]])
means = {plan: runs.mean() for plan, (_, runs) in walks.items()}
errors = {plan: runs.std() / 3**0.5 for plan, (_, runs) in walks.items()}
assert fitted.min() > 0.99
for worse, better in [
    ((0.4, 100), (0.4, 20)),  # as long, with more noise
    ((2.0, 500), (2.0, 100)),
    ((0.4, 100), (2.0, 100)),  # as many series a step, longer
    ((0.4, 100), (2.0, 500)),  # rate / batch is the same: not the ratio alone
    ((0.4, 20), (2.0, 100)),
]:
    error = (errors[worse] ** 2 + errors[better] ** 2) ** 0.5
    assert means[better] - means[worse] > max(3 * error, 0.012), (worse, better)
assert longer[1].max() < walks[0.4, 20][1].min()
shown = {
    f"walk_{place}": f"{spread(runs)}%"
    for place, (_, runs) in enumerate(walks.values(), start=1)
}
note(longer=f"{longer[1].item():.0%}", **shown)

# Each run has learned more than 99% of its training series. On fresh ones short steps
# give 61.4 ± 0.6%, short steps with more noise 66.1 ± 0.3%; long steps with little
# noise 63.9 ± 1.1%, long steps with more noise 68.3 ± 0.5%. Walking on does not repair
# it: 62% for one of the short-stepped runs after twice as many. So the gap does not
# depend on network and data alone. Many sets of weights fit all training series, and
# how you walk decides which of them you find.

# Both suspects take part: at the same rate more noise helps, and at the same minibatch
# longer steps help. Nor is it only their ratio, which is the same in the first and
# third run, and in the second and fourth.

# Why does it help? That is less settled than it is often told. Keskar et al. (2017)
# found that small minibatches end in flat minima, where a small change of the weights
# changes the loss little, and large ones in sharp ones that generalise worse. Dinh et
# al. (2017) answered that a ReLU network can be rewritten, without changing a single
# output, so that its minimum is as sharp as you like: flatness, measured in this way,
# cannot be the whole reason. And Li et al. (2019) point to the order of learning. In a
# setting where they can prove it, a small rate soon memorises patterns that are hard to
# fit but hardly noisy, and leans on them; a large one cannot, learns the noisier, more
# easily fitted patterns first, and takes up the rest when the rate shrinks.


# Where it fails
# ==============

# Learned, and wrong:

# The best of the four walks has learned its training series, and is wrong on about
# three of ten new ones (68.3 ± 0.5% right). On the training series next to nothing is
# left to gain. What is left is the other question: does the network learn the right
# thing? The next page is about overfitting.
