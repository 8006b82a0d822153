"""Double descent.

Stop 5e of the path as a script: the code of the page
https://transformer-path.github.io/transformer-path/05e-double-descent.html, its prose
as comments. You will have a test error that falls, rises and falls again with size, and
a proof that no remedy sees neighbours. The numbers in the comments are the page's; the
script computes and prints them. It needs the book's package, runs from anywhere, and
can save the figures in a folder:

    pip install "transformer-path @ git+https://github.com/transformer-path/transformer-path"
    python examples/05e_double_descent.py
    python examples/05e_double_descent.py --figures FOLDER
"""

from transformer_path.workshop import script

script.start()


# The question
# ============

# A network memorises because it has so many parameters, one says: ours has 15,000 for
# 3,500 series. So is a small network not the simplest remedy of all? In Overfitting the
# narrowest of three did worst. What happens at every width, from fewer units than the
# examples need to many times as many?

import torch
import torch.nn.functional as F
from torch import nn

from transformer_path.networks.feedforward import MLP, Linear
from transformer_path.networks.regularization import Augment, Dropout, augmented
from transformer_path.workshop import plots
from transformer_path.workshop.batches import minibatches, stacked
from transformer_path.workshop.datasets import Examples, mnist1d
from transformer_path.workshop.ensembles import Several, each, padded
from transformer_path.workshop.leaderboard import spread
from transformer_path.workshop.notes import note
from transformer_path.workshop.repeats import accuracies
from transformer_path.workshop.scores import classification_loss
from transformer_path.workshop.training import fit, seeded

data = mnist1d()
more = mnist1d(n_train=13_500).train  # the first 3,500 are ours
fresh = Examples(more.x[3500:], more.y[3500:])  # for counting only
few = Examples(data.train.x[:500].double(), data.train.y[:500])
many = Examples(fresh.x[:4000].double(), fresh.y[:4000])


# The idea
# ========

# Take a case that can be solved exactly, without a step of training. Leave the first
# layer of an MLP as it was drawn: what its F units make of the N series, the rows of H,
# are random features. Only the last layer W is found, so that the squared error of the
# targets Y is smallest, a 1 for the right class and 0 for the nine others.

#     no decay: min_W ‖H W - Y‖²
#     decay λ : min_W ‖H W - Y‖² + λ ‖W‖²

# With F < N there is one solution, and in general it does not fit every target. With F
# = N it does, and with F > N many do: of these we take the shortest, the minimum-norm
# solution. With decay there is always one; statistics calls it ridge regression.

def last_layer(h, targets, decay=0.0):
    """From features (N, F) and targets (N, K) to weights (F, K)."""
    if not decay:
        return torch.linalg.lstsq(h, targets, driver="gelsd").solution
    towards = h @ h.T + decay * torch.eye(len(h)).to(h)
    return h.T @ torch.linalg.solve(towards, targets)


# Proof
# =====

# With more units than series the solution fits all targets, it is the shortest that
# does, and it is what weight decay tends to as the decay goes to 0. With decay, the
# gradient of what is minimised is 0.

@torch.no_grad()
def features(x, width, seed):
    generator = torch.Generator().manual_seed(seed)
    return Linear(40, width, generator=generator).double()(x).relu()


h, targets = features(few.x, 800, seed=0), F.one_hot(few.y).double()
shortest, kept = last_layer(h, targets), last_layer(h, targets, decay=10.0)
torch.testing.assert_close(h @ shortest, targets, rtol=0, atol=1e-8)
direction = torch.randn(800, 10, generator=torch.Generator().manual_seed(0)).double()
unseen = direction - torch.linalg.pinv(h) @ (h @ direction)  # changes no output
torch.testing.assert_close(h @ (shortest + unseen), targets, rtol=0, atol=1e-8)
assert abs((shortest * unseen).sum()) < 1e-8  # at right angles: any other is longer
torch.testing.assert_close(last_layer(h, targets, 1e-7), shortest, rtol=0, atol=1e-5)
gradient = h.T @ (h @ kept - targets) + 10.0 * kept
torch.testing.assert_close(gradient, torch.zeros_like(gradient), rtol=0, atol=1e-8)


# The experiment
# ==============

# 500 series, widths from 10 to 2,000, three first layers each. Without decay, and with
# decays of 1 and 10:

@torch.no_grad()
def solved(width, seed, decays, new=many):
    """For each decay: share right of the 500 series, of new ones; length of weights."""
    h, targets = features(few.x, width, seed), F.one_hot(few.y).double()
    unseen, found = features(new.x, width, seed), []
    for decay in decays:
        last = last_layer(h, targets, decay)
        seen = ((h @ last).argmax(1) == few.y).double().mean()
        right = ((unseen @ last).argmax(1) == new.y).double().mean()
        found.append([seen, right, last.norm()])
    return found


sizes = [10, 30, 100, 200, 300, 400, 500, 600, 800, 1200, 2000]
runs = [[solved(size, seed, [0, 1, 10]) for size in sizes] for seed in range(3)]
exact, light, strong = torch.tensor(runs).movedim(2, 0)  # (3 seeds, 11 widths, 3) each

fig, ax = plots.figure()
plots.log_ticks(ax, x=[10, 30, 100, 300, 500, 1000, 2000])
ax.set(xlim=(9, 2100), ylim=(0, 1.05), xlabel="units", ylabel="accuracy")
plots.level(ax, x=500)
plots.curves(ax, sizes, exact[..., 0], "ink", "training")
plots.curves(ax, sizes, exact[..., 1], "mlp", "fresh")
plots.curves(ax, sizes, strong[..., 1], "brand", "with decay")
_ = ax.set_xticks([10, 30, 100, 500, 2000], ["10", "30", "100", "500", "2,000"])

new, lengths = exact[..., 1].mean(0), exact[..., 2]
at = sizes.index(500)
best, narrower = new[:at].argmax(), sizes.index(200)
assert new[at] < 0.14 and new[-1] > new[best] + 0.015
assert best < at - 1 and (new[at:].diff() > 0.02).all()
assert (exact[:, at:, 0] > 0.999).all()
assert lengths[:, at].min() > 10 * lengths[:, narrower].max()
assert lengths[:, -1].max() < 8
assert light[:, at, 0].min() > 0.99 and light[:, at, 1].min() > 0.28
assert light[:, at, 2].max() < 8
smooth = strong[..., 1].mean(0)
assert (smooth.diff() > -0.01).all() and smooth[at] > 0.3
note(
    at_threshold=f"{spread(exact[:, at, 1])}%",
    beyond=f"{spread(exact[:, -1, 1])}%",
    before=f"{spread(exact[:, best, 1])}%",
    length_before=f"{lengths[:, narrower].mean():.0f}",
    length_beyond=f"{lengths[:, -1].mean():.0f}",
    light_seen=f"{light[:, at, 0].mean():.0%}",
    light_at=f"{spread(light[:, at, 1])}%",
    light_length=f"{light[:, at, 2].mean():.0f}",
    strong_seen=f"{strong[:, at, 0].mean():.0%}",
    strong_at=f"{spread(strong[:, at, 1])}%",
)

# The error falls, rises, and falls a second time: double descent (Belkin et al., 2019).
# The peak stands at the interpolation threshold, where the units just suffice to fit
# every training example.

# Why there? Two causes offer themselves. Every training series is fitted, the odd ones
# too. Or: with 500 units for 500 series exactly one solution fits, whatever weights it
# needs. With 200 units the weights have a length of about 7, at the threshold more than
# ten times as much, with 2,000 about 7, since of many solutions the shortest is taken.
# A small decay tells the two apart. At 1 the 500 units still get 100% of the training
# series right, with weights of length 7, and 31.3 ± 0.5% of the fresh ones are right.
# So the long weights do the harm; that every series is in its right class does none
# here.

# A decay of 10, which the validation split prefers to 0.1, 1 and 100, gives up a little
# of the fit, 94%, and reaches 34.1 ± 0.5%. With it no width is visibly worse than a
# smaller one. Nakkiran et al. (2021) prove that for some linear models with the best
# decay, and find it for networks too.

held = Examples(data.validation.x.double(), data.validation.y)
tried = torch.tensor([solved(width, 0, [0.1, 1, 10, 100], held) for width in sizes])
assert tried[..., 1].mean(0).argmax() == 2  # of 0.1, 1, 10, 100


# A trained network
# -----------------

# Does a trained MLP do the same? The authors of MNIST-1D have a run of it in a notebook
# that goes with Greydanus and Kobak (2024): two hidden layers, 4,000 series, 40,000
# steps, and 15% of the training labels drawn at random, which is called label noise.
# The logged test error falls to about 50% at 18 units a layer, rises to about 58% at
# 40, and falls to 44% at 400.

# Our small version has 500 series, a random class in place of the label in a fifth of
# them, and 600 steps of Adam; five seeds.

def fade(done):
    return 1 - done


def of_width(width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return MLP([40, width, width, 10], generator=generator)


draw = torch.Generator().manual_seed(0)
wrong = torch.rand(500, generator=draw) < 0.2
labels = torch.where(wrong, torch.randint(10, (500,), generator=draw), few.y)
noisy = Examples(few.x.float(), labels)
of_seed = [minibatches(noisy, 100, seed=seed) for seed in range(5)]
seen, new = [], []
for group in ([3, 6, 9, 12, 16], [24, 36, 64]):
    pairs = [(width, seed) for width in group for seed in range(5)]
    models = Several([padded(of_width(*pair), of_width(group[-1])) for pair in pairs])
    fit(
        models,
        stacked([of_seed[seed] for _, seed in pairs]),
        loss=each(classification_loss),
        optimizer=torch.optim.Adam(models.parameters(), lr=0.02),
        steps=600,
        schedule=fade,
    )
    seen.append(accuracies(models.members(), noisy).reshape(-1, 5).T)
    new.append(accuracies(models.members(), fresh).reshape(-1, 5).T)
seen, new = torch.cat(seen, 1), torch.cat(new, 1)  # (5 seeds, 8 widths)

widths = [3, 6, 9, 12, 16, 24, 36, 64]
fig, ax = plots.figure(4.9, 2.8)
plots.log_ticks(ax, x=widths)
ax.set(xlim=(2.8, 66), ylim=(0.2, 0.32), xlabel="units a layer", ylabel="accuracy")
plots.level(ax, x=24)
plots.curves(ax, widths, new, "mlp")

middle = new.mean(0)
among_seeds = (new.max(0).values - new.min(0).values)[1:6].mean()
assert middle[1:6].max() - middle[1:6].min() < among_seeds
assert seen[:, 5:].min() > 0.99 > seen[:, 4].max()
assert 0.35 < seen[:, 1].mean() < 0.6 and seen[:, 4].mean() > 0.88
assert middle[-1] > middle[:6].max() + 0.005 and middle[-1] > middle[6]
note(
    narrow=f"{100 * middle[1:6].min():.0f}",
    near=f"{100 * middle[1:6].max():.0f}%",
    wide=f"{spread(new[:, -1])}%",
)

# A peak of the error hardly stands out here. From 6 to 24 units the training accuracy
# climbs from about a half to all, and the accuracy on fresh series stays between 25 and
# 26%: the means of these widths lie closer together than the seeds of one. (With 20
# seeds, when we tried, 16 units were 1.2 ± 0.4 points below 6, ± the standard error.)
# Beyond, it climbs to 29.4 ± 0.7% at 64 (mean and standard deviation over five seeds).
# That agrees with the second descent and leaves the peak open: Liu and Flanigan (2023)
# argue that a peak shows only where the optimiser reaches a very low loss. In both
# experiments the widest network, with the most parameters, was the best. More
# parameters than examples are no reason to expect a worse network, and a smaller one is
# no remedy here.


# Where it fails
# ==============

# Noise, dropout, weight decay, size: four answers to memorising. Is any of them what
# the MLP is missing? Overfitting ended with a test. Permute the 40 positions of all
# series, the same way for each. A person falls from 96% to about 30% then, and the MLP
# lost nothing. Here are three networks with noise, and with shift, as on the page
# before but for 1,200 steps, on series in order and on permuted ones, counted on 10,000
# fresh series:

mixed = mnist1d(shuffle_positions=True, n_train=13_500).train
permuted = Examples(mixed.x[:3500], mixed.y[:3500])
unknown = Examples(mixed.x[3500:], mixed.y[3500:])  # the fresh series, permuted


def network(seed=0, p=0.0):
    mlp = of_width(100, seed)
    for i in (1, 2):
        mlp.layers[i] = nn.Sequential(Dropout(p), mlp.layers[i])
    return mlp


def train(examples, augments):
    """Three networks for each way to change the series, all side by side."""
    models = Several([network(seed) for _ in augments for seed in range(3)])
    batches = [
        augmented(minibatches(examples, 100, seed=seed), augment)
        for augment in augments
        for seed in range(3)
    ]
    fit(
        models,
        stacked(batches),
        loss=each(classification_loss),
        optimizer=torch.optim.SGD(models.parameters(), lr=2.0),
        steps=1200,
        schedule=fade,
    )
    return models.members()


augments = [Augment(), Augment(noise=0.4), Augment(shift=3)]
plain, ordered, shifted = accuracies(train(data.train, augments), fresh).reshape(3, 3)
blind, lost = accuracies(train(permuted, augments[1:]), unknown).reshape(2, 3)

def difference(ours, theirs):
    """Points, and half of their 95% interval."""
    half = 2.78 * ((ours.var() + theirs.var()) / 3).sqrt()
    return 100 * (ours.mean() - theirs.mean()).item(), 100 * half.item()


gap, half = difference(ordered, blind)
gained, gained_half = difference(shifted, plain)
assert abs(gap) < max(1.5 * half, 2)
assert gained > 8 and lost.max() < plain.min() - 0.05
note(
    noise_order=f"{spread(ordered)}%",
    noise_permuted=f"{spread(blind)}%",
    noise_gap=f"{gap:.1f} ± {half:.1f}".replace("-", "−"),
    gain_shift=f"{gained:.1f} ± {gained_half:.1f}",
    plain_order=f"{spread(plain)}%",
    shift_order=f"{spread(shifted)}%",
    shift_permuted=f"{spread(lost)}%",
)

# With noise 74.1 ± 0.7% in order and 73.1 ± 0.5% permuted, a difference of −0.1 ± 1.1
# points (with its 95% interval). That the true one is zero can be proved, with noise,
# weight decay and dropout at once. A network that has its first weights permuted, and
# learns permuted series with the noise permuted, takes the very same steps:

order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
ours, other = network(p=0.1).double(), network(p=0.1).double()
other.layers[0].weight.data = other.layers[0].weight.data[:, order]
for model, see in [(ours, lambda x: x), (other, lambda x: x[:, order])]:
    sgd = torch.optim.SGD(model.parameters(), lr=0.5, weight_decay=0.002)
    for step in range(100):
        x = Augment(noise=0.4)(few.x, torch.Generator().manual_seed(step))
        with seeded(step):
            F.cross_entropy(model(see(x)), few.y).backward()
        sgd.step()
        sgd.zero_grad()
first, renamed = ours.layers[0].weight, other.layers[0].weight
torch.testing.assert_close(renamed, first[:, order], rtol=0, atol=1e-10)

# First weights and noise are drawn for each position by itself, so every order of them
# is as likely as any other. The proof asks neither for the width nor for the strengths:
# none of these remedies sees the order, and together they leave the network as blind to
# neighbourhood as it was.

# But perhaps an MLP has no use for the order of its inputs? Shift has refuted that
# already: it is the one change that says which position is next to which, and it gained
# 11.4 ± 1.0 points. Or does shift help only because it makes so many different series
# of one? Then it should help as well along the permuted positions, where it makes just
# as many.

# Told, not built in:

# Noise makes an MLP better by a few points, more units too, and permuting all positions
# still costs it nothing. What helps is the notion of neighbourhood. Handed over as
# data, it gains 11.4 ± 1.0 points, and still every place has to be learned with weights
# of its own. Greydanus and Kobak (2024) report 94% for a network that has the notion
# built in. That is an inductive bias, and it is the next stop of the map: convolution,
# the same detector at every place.
