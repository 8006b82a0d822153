"""Normalisation and residual connections.

Stop 5b of the path as a script: the code of the page
https://transformer-path.github.io/transformer-path/05b-normalisation.html, its prose as
comments. You will have batch and layer normalisation that equal torch's, and a
thirty-layer MLP that trains. The numbers in the comments are the page's; the script
computes and prints them. It needs the book's package, runs from anywhere, and can save
the figures in a folder:

    pip install "transformer-path @ git+https://github.com/transformer-path/transformer-path"
    python examples/05b_normalisation.py
    python examples/05b_normalisation.py --figures FOLDER
"""

from transformer_path.workshop import script

script.start()


# The question
# ============

# Good first weights keep the length of a signal through thirty layers. They do not keep
# the differences between the series, they hold for the first step only, and the network
# that they start learns less than one of two layers. Can a network be built so that it
# keeps both by itself, lengths and differences, whatever its weights become?

# There are two ideas, and both are a line or two: let the signal pass unchanged and
# only add to it; or measure its size and divide by it. We build both, try them one at a
# time and together, and see which of the networks learns.

from copy import deepcopy

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from transformer_path.networks.normalization import (
    BatchNorm,
    LayerNorm,
    Residual,
    he,
    initialize,
    normalize,
)
from transformer_path.workshop import plots
from transformer_path.workshop.batches import minibatches, stacked
from transformer_path.workshop.datasets import mnist1d
from transformer_path.workshop.ensembles import Several
from transformer_path.workshop.notes import note
from transformer_path.workshop.repeats import ON_CLASSES, accuracies
from transformer_path.workshop.training import fit


# Adding instead of replacing
# ===========================

# A layer replaces what it gets. A residual connection adds its result to it (He et al.,
# 2016):

#     x_(l+1) = x_l + f(x_l),    x̄_l = x̄_(l+1) + (∂f/∂x)ᵀ x̄_(l+1).

# What the layer computes, f, is now called the branch, and the sum is often called the
# stream. If the branch gives 0, the layer is not there: thirty layers can be as
# harmless as none. On the way back the gradient of the stream arrives whole in every
# layer, multiplied by nothing, and each branch adds its own part to it.

# The lines of the package: transformer_path.networks.normalization.Residual

# Our deep network, from here on: a first layer, 29 blocks, a last layer. A block is a
# ReLU and a linear layer. On their own these blocks are the MLP of the last page, cut
# at the weighted sums instead of at the activations. Everything else on this page is an
# option.

data = mnist1d()


def block(width, norm=None, residual=False):
    branch = nn.Sequential(nn.ReLU(), nn.Linear(width, width))
    if norm is not None:
        branch.insert(0, norm(width))
    return Residual(branch) if residual else branch


def deep(seed, norm=None, residual=False, branch_gain=2.0, layers=30, width=32):
    """A network of ``layers`` hidden layers, from He's first weights."""
    blocks = [block(width, norm, residual) for _ in range(layers - 1)]
    end = block(width, norm)
    end[-1] = nn.Linear(width, 10)
    network = nn.Sequential(nn.Linear(40, width), *blocks, end)
    initialize(network, he, generator=torch.Generator().manual_seed(seed))
    for each in blocks:
        linear = [part for part in each.modules() if isinstance(part, nn.Linear)]
        linear[0].weight.data *= (branch_gain / 2) ** 0.5
    return network

growth = []
with torch.no_grad():
    for draw in range(10):
        stream, *blocks = list(deep(draw, residual=True, width=200))[:-1]
        h = first = stream(data.train.x[:100])
        for each in blocks:
            h = each(h)
        growth.append((h.norm() / first.norm()).log())
grown = torch.stack(growth).mean().exp().item()
assert 2**14.5 / 2 < grown < 2**14.5 * 1.5
note(grown=f"{round(grown, -4):,.0f}")

# The growth comes from the branches, so make them smaller. With a gain of 2/30 instead
# of 2, all 29 together multiply the mean square by about (1 + 1/30)^29 ≈ 2.6, not by
# 2^29.


# Dividing by the size
# ====================

# The other idea is to measure. To normalise numbers is to subtract their mean and
# divide by their standard deviation:

#     x̂ = (x - μ)/√(σ² + ε)

# The lines of the package: transformer_path.networks.normalization.normalize

# The small ε keeps equal numbers from becoming 0/0. Two parameters for each feature, a
# weight and a bias that start at 1 and 0, let the network choose another size and
# centre. What remains to be decided is over which numbers mean and variance are taken.

# Layer normalisation (Ba et al., 2016) takes them over the features of one example. It
# needs nothing but that example, in training as in use.

# The lines of the package: transformer_path.networks.normalization.LayerNorm.forward

# Batch normalisation (Ioffe and Szegedy, 2015) takes them over the examples of the
# minibatch, for each feature by itself. So in training the output for one series
# depends on which others happen to be in its minibatch. In use there may be no others.
# For that time the layer keeps running statistics: a slowly following average of the
# means and variances that it saw.

# The lines of the package: transformer_path.networks.normalization.BatchNorm.forward

# The lines of the package: transformer_path.networks.normalization.BatchNorm._follow

generator = torch.Generator().manual_seed(0)
z = torch.randn(5, 7, generator=generator, dtype=torch.float64).requires_grad_()
seed = torch.randn(5, 7, generator=generator, dtype=torch.float64)
normalize(z, -1, eps=0.0).backward(seed)
nothing = torch.zeros(5, dtype=torch.float64)
torch.testing.assert_close(z.grad.sum(1), nothing, rtol=0, atol=1e-10)
torch.testing.assert_close((z * z.grad).sum(1), nothing, rtol=0, atol=1e-10)


# Proof
# =====

# Both layers against torch's: output, gradients of the input and of every parameter,
# and the running statistics, over three steps of training and then in evaluation. The
# weights come from torch's state dict, and go back into it.

def run(layer, x, seed):
    x = x.clone().requires_grad_()
    layer.zero_grad()
    out = layer(x)
    out.backward(seed)
    return [out, x.grad, *(p.grad for p in layer.parameters())]


for ours, theirs in (
    (LayerNorm(7), nn.LayerNorm(7)),
    (BatchNorm(7), nn.BatchNorm1d(7)),
):
    nn.init.normal_(theirs.weight, generator=generator)
    nn.init.normal_(theirs.bias, generator=generator)
    ours.double().load_state_dict(theirs.double().state_dict())
    for step in range(4):
        ours.train(step < 3), theirs.train(step < 3)
        x = 3 + 2 * torch.randn(5, 7, generator=generator, dtype=torch.float64)
        found, expected = run(ours, x, seed), run(theirs, x, seed)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(
        ours.state_dict(), theirs.state_dict(), rtol=0, atol=1e-10
    )
    theirs.load_state_dict(ours.state_dict())


# Before the first step
# =====================

# Seven networks of thirty hidden layers, all with He's weights in the first and the
# last layer: as they are, with one of the repairs, with two. (The norms are torch's
# from here on: the same, as we have seen, in less time.) For each of them, before any
# training, three measurements of the last page: how much the length of the stream
# changes from the first hidden layer to the last, how much its gradient changes from
# the last to the first, and how many directions 1,000 series occupy in the last one.

networks = {
    "plain": {},
    "layer norm": {"norm": nn.LayerNorm},
    "batch norm": {"norm": nn.BatchNorm1d},
    "residual": {"residual": True},
    "residual, small": {"residual": True, "branch_gain": 2 / 30},
    "residual + layer norm": {"residual": True, "norm": nn.LayerNorm},
    "residual + batch norm": {"residual": True, "norm": nn.BatchNorm1d},
}
x, y = (part[:1000] for part in data.train)


def at_the_start(options, seed):
    """Of first and last hidden layer: lengths, gradients, the last's effective rank."""
    network, sums, h = deep(seed, **options).double(), [], x.double()
    for part in network[:-1]:
        h = part(h)
        sums.append(h)
    loss = F.cross_entropy(network[-1](h), y, reduction="sum")
    first, last = torch.autograd.grad(loss, [sums[0], sums[-1]])
    strengths = torch.linalg.svdvals(h.detach()) ** 2
    return [
        (sums[-1].norm() / sums[0].norm()).item(),
        (first.norm() / last.norm()).item(),
        (strengths.sum() ** 2 / strengths.square().sum()).item(),
    ]


start = {
    name: np.array([at_the_start(options, seed) for seed in range(3)])
    for name, options in networks.items()
}

class Centred(nn.Module):
    """Batch norm without the division."""

    def __init__(self, _):
        super().__init__()

    def forward(self, x):
        return x - x.mean(0)


class Scaled(Centred):
    """Batch norm without the subtraction."""

    def forward(self, x):
        return x / (x.square().mean(0) + 1e-5) ** 0.5


half = {
    norm.__name__.lower(): [at_the_start({"norm": norm}, seed)[2] for seed in range(10)]
    for norm in (Centred, Scaled)
}
assert np.mean(half["centred"]) < 2 < np.mean(half["scaled"]) < 3
assert start["batch norm"][:, 2].min() > 3
note(**{name: f"{np.mean(ranks):.1f}" for name, ranks in half.items()})


# The experiment
# ==============

# And then we train them. Every network gets its own learning rate, chosen on the
# validation split from three (around the best of those that were tried before; for full
# residual branches, which learn at none, from 10⁻⁶ to 10⁻²); 320 steps with minibatches
# of 50, a rate that fades to zero; three seeds. A network of two hidden layers, plain,
# goes along for comparison. It is small, so it can have eight.

rates = {
    "plain": (0.01, 0.03, 0.1),
    "layer norm": (0.01, 0.03, 0.1),
    "batch norm": (0.1, 0.3, 1.0),
    "residual": (1e-6, 1e-4, 0.01),
    "residual, small": (0.01, 0.1, 1.0),
    "residual + layer norm": (0.1, 1.0, 3.0),
    "residual + batch norm": (0.1, 1.0, 10.0),
    "two layers": (0.3, 1.0, 3.0),
}

# Networks with the same norm train side by side. A number that does not learn, 1 or 0,
# says whether a block has its residual connection.

class Either(nn.Module):
    """A block with a residual connection or without one, as a number says, 1 or 0."""

    def __init__(self, block):
        super().__init__()
        residual = isinstance(block, Residual)
        self.branch = block.branch if residual else block
        self.kept = nn.Parameter(torch.tensor(float(residual)), requires_grad=False)

    def forward(self, x):
        return torch.addcmul(self.branch(x), self.kept, x)


def train(**kinds):
    """Side by side: for each kind its networks, (rates, seeds), and accuracies."""
    runs = [
        (name, rate, seed)
        for name, options in kinds.items()
        for rate in rates[name]
        for seed in range(8 if "layers" in options else 3)
    ]
    models = []
    for name, _, seed in runs:
        first, *blocks, end = deep(seed, **kinds[name])
        models.append(nn.Sequential(first, *map(Either, blocks), end))
    factors = torch.tensor([rate for _, rate, _ in runs])
    models = Several(models)
    fit(
        models,
        stacked([minibatches(data.train, 50, seed=seed) for *_, seed in runs]),
        loss=lambda *run: factors * ON_CLASSES(*run),  # as a step with that rate
        optimizer=torch.optim.SGD(models.parameters(), lr=1.0),
        steps=320,
        schedule=lambda done: 1 - done,
        finite=False,
    )
    members, trained = models.members(), {}
    for name in kinds:
        own = [m for m, (kind, *_) in zip(members, runs) if kind == name]
        n = len(own) // len(rates[name])
        grid = [own[row : row + n] for row in range(0, len(own), n)]
        on = [
            torch.stack([accuracies(row, split) for row in grid])
            for split in (data.train, data.validation)
        ]
        trained[name] = grid, *on
    return trained

trained = train(**{"two layers": {"layers": 2}})
for norm in (None, nn.LayerNorm, nn.BatchNorm1d):  # alike but for their weights
    alike = {n: kind for n, kind in networks.items() if kind.get("norm") is norm}
    trained |= train(**alike)
chosen = {name: on.mean(1).argmax() for name, (_, _, on) in trained.items()}
fitted = {name: on[chosen[name]] for name, (_, on, _) in trained.items()}
carried = {name: on[chosen[name]] for name, (_, _, on) in trained.items()}

fig, ax = plots.figure(4.9, 3.2)
plots.dots(ax, fitted, "mlp")
ax.set(xlim=(0, 0.8), xlabel="training accuracy")
plots.level(ax, x=0.1)

def whole(shares):
    """Mean and standard deviation, in whole percent."""
    return f"{100 * shares.mean():.0f} ± {100 * shares.std():.0f}"


def rounded(number):
    if number < 10:
        return f"{number:.1g}"
    return f"{float(f'{number:.1g}'):,.0f}"


typical = {name: np.exp(np.log(found).mean(0)) for name, found in start.items()}
for place, (name, (forward, back, rank)) in enumerate(typical.items()):
    numbers = {
        "forward": rounded(forward),
        "back": rounded(back),
        "rank": f"{rank:.1f}",
    }
    numbers |= {"fitted": whole(fitted[name]), "carried": whole(carried[name])}
    note(**{f"{what}_{place}": text for what, text in numbers.items()})
note(two=whole(fitted["two layers"]), two_carried=whole(carried["two layers"]))

keeps_length = {n for n, (f, b, _) in typical.items() if max(f, 1 / f, b, 1 / b) < 10}
keeps_directions = {n for n, (_, _, rank) in typical.items() if rank > 2}
both = keeps_length & keeps_directions
assert both == {"residual, small", "residual + layer norm", "residual + batch norm"}
assert "layer norm" in keeps_length and "plain" in keeps_length
assert "batch norm" in keeps_directions and "residual" not in keeps_length
at_every_rate = {name: on.mean(1).max() for name, (_, on, _) in trained.items()}
failing = max(at_every_rate[name] for name in networks if name not in both)
assert min(fitted[n].mean() for n in both) > failing + 0.1
assert trained["residual"][1].max() < 0.13
assert fitted["two layers"].mean() > max(fitted[n].mean() for n in both)
assert all(chosen[name] == 1 for name in both)
for name in ("residual + layer norm", "residual + batch norm"):
    by_one_a_block = (1 + 29 / (2 * x.square().mean().item())) ** 0.5
    assert abs(typical[name][0] / by_one_a_block - 1) < 0.1

# - plain: 0.3; 0.3; 1.0; 27 ± 4; 27 ± 5
# - layer norm: 0.6; 0.5; 1.0; 20 ± 4; 20 ± 5
# - batch norm: 0.7; 200; 3.9; 21 ± 3; 21 ± 5
# - residual: 7,000; 20,000; 1.1; 10 ± 0; 9 ± 1
# - residual, small branches: 1; 2; 6.1; 49 ± 2; 40 ± 1
# - residual and layer norm: 4; 4; 2.8; 49 ± 1; 47 ± 1
# - residual and batch norm: 4; 6; 5.4; 56 ± 2; 49 ± 2

# Read it line by line (before training: typical values of three seeds; accuracies: mean
# and standard deviation over the seeds, in whole percent). One repair alone is not
# enough:

# - Layer norm resets the lengths in every layer. It does not tell the series apart
#   again, and one direction is left, as in the plain network.
# - Batch norm keeps differences. It takes both halves of it: where the mean is only
#   subtracted, 1.5 directions are left, where each feature is only divided by its size,
#   2.6. But the gradient explodes on the way back. Yang et al. (2019) prove that it
#   must, in wide networks of this kind without residual connections, whatever the size
#   of the first weights.
# - Residual connections with full branches let the signal explode.

# Two together train, and so do residual connections with small branches, without any
# normalisation. So normalising as such is not what makes these deep networks learn.
# What the three networks that train have in common, and the four that hardly do have
# not, is in the table before the first step: lengths, gradients included, within a
# factor of ten, and more than two directions. Seven networks are no law, and the two
# limits were drawn after seeing them; but each of them could have broken any such rule.

# How do norm and residual connection come to help each other? After a norm each branch
# adds a signal of about the same size, while the stream has grown with every block
# before it. So the share of the branch gets smaller with depth, as if somebody had
# chosen small branches (De and Smith, 2020): the mean square of the stream grows by
# about 1 per block, and does not double. And Daneshmand et al. (2020) prove for linear
# networks that batch norm keeps several directions.


# Three ways to get batch norm wrong
# ==================================

# Batch norm computes one thing in training and another in use, and most mistakes with
# it live between the two. Take the trained networks with batch norm and residual
# connections, and ask them for the validation series in a wrong way.

grid, _, _ = trained["residual + batch norm"]
members = grid[chosen["residual + batch norm"]]  # three seeds
series, labels = data.validation
in_order = labels.argsort()
shuffled = torch.randperm(500, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def right(rows, size=50, training=False):
    """The accuracies of copies, asked for batches of ``size`` in this order."""
    found = []
    for member in members:
        copy = deepcopy(member).train(training)
        answers = [copy(series[part]).argmax(1) for part in rows.split(size)]
        found.append((torch.cat(answers) == labels[rows]).float().mean())
    return torch.stack(found)


@torch.no_grad()
def with_momentum(momentum, seed):
    """The accuracies in evaluation after another 30 batches of running statistics."""
    copies = [deepcopy(member).train() for member in members]
    batch = minibatches(data.train, 50, seed=seed)
    for copy in copies:
        for part in copy.modules():
            if isinstance(part, nn.BatchNorm1d):
                part.momentum = momentum
        for step in range(30):
            copy(batch(step).x)
    return accuracies(copies, data.validation)


wrong = {
    "none": right(in_order),
    "sorted": right(in_order, training=True),
    "shuffled": right(shuffled, training=True),
    "pairs": right(shuffled, size=2, training=True),
}
reversed_ = torch.stack([with_momentum(0.9, seed) for seed in range(5)])  # (5, 3)
as_meant = torch.stack([with_momentum(0.1, seed) for seed in range(5)])

assert (wrong["sorted"] < wrong["none"] - 0.1).all()
assert (wrong["pairs"] < wrong["none"] - 0.1).all()
assert abs((wrong["shuffled"] - wrong["none"]).mean()) < 0.05
assert reversed_.std(0).mean() > 1.5 * as_meant.std(0).mean()
assert reversed_.mean() < as_meant.mean() + 0.01
one = BatchNorm(3)
try:
    one(torch.ones(1, 3))
    raise AssertionError("a batch of one was taken")
except ValueError as error:
    refusal = str(error)
assert "has no spread to learn from" in refusal
note(
    **{f"wrong_{name}": whole(found) for name, found in wrong.items()},
    reversed=f"{100 * reversed_.mean():.0f}",
    reversed_spread=f"{100 * reversed_.std(0).mean():.1f}",
    as_meant=f"{100 * as_meant.mean():.0f}",
    as_meant_spread=f"{100 * as_meant.std(0).mean():.1f}",
)

# 1. Batch statistics in evaluation. In shuffled batches of 50 the mistake hardly shows,
#    48 ± 2% (mean and standard deviation over three networks): that is how it survives.
#    Sorted by class it is 18 ± 0%, in batches of two 17 ± 1%. A batch of one has no
#    spread at all: each number is its own mean, and the output would be the bias,
#    whatever the input. Our layer refuses it, as torch's does.
# 2. The direction of the momentum. Here it is the share of the new batch, 0.1, as in
#    torch. Elsewhere the share of the old average has the same name, 0.9. Exchange them
#    and the running statistics are little more than those of the last batch: 47% right
#    instead of 49%, with a standard deviation of 2.1 instead of 0.7 points over the
#    last batches that a network happened to see. It is no disaster, only noise.
# 3. Which variance. A batch of m is divided by its own standard deviation, the biased
#    one, with 1/m. What is remembered is the unbiased one, with 1/(m - 1). For m = 50
#    they differ by 2%; for pairs, by a factor of two, and a layer that remembers the
#    wrong one finds everything too large in use.

# The comparison with torch above notices all three: it looks at evaluation and at the
# buffers, too.


# Where it fails
# ==============

# It trains, and two layers train faster:

# The best of the thirty-layer networks get 56 ± 2% of the training series right; a
# plain network of two layers, tuned with the same care, gets 61 ± 3% with as many steps
# (validation: 49 ± 2% and 51 ± 4%). The repairs make depth possible. On this task, at
# this width and within these steps, they do not make it worthwhile: what depth is good
# for has to come from an architecture that has a use for it.

# And the steps themselves have not changed. All weights of all layers still share one
# learning rate, and move in proportion to their gradients, whatever their size. That is
# the other half of training deep networks.
