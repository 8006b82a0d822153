"""Mixture of experts.

Stop 13c of the path as a script: the code of the page
https://transformer-path.github.io/transformer-path/13c-mixture-of-experts.html, its
prose as comments. You will have a mixture of experts, equal to a loop over tokens and
experts, and what it costs, saves and learns. The numbers in the comments are the
page's; the script computes and prints them. It needs the book's package, runs from
anywhere, and can save the figures in a folder:

    pip install "transformer-path @ git+https://github.com/transformer-path/transformer-path"
    python examples/13c_mixture_of_experts.py
    python examples/13c_mixture_of_experts.py --figures FOLDER
"""

from transformer_path.workshop import script

script.start()


# The question
# ============

# A token passes through a layer and meets every weight of it. A comma pays for what the
# network knows about decorators, and a digit for what it knows about exceptions. To
# know more, a network needs more weights, and then each token pays for more. Could a
# token pay for a part of them, chosen by what it is?

import keyword
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from transformer_path.networks.optimization import cosine, warmup
from transformer_path.transformer.tokenizer import BytePairTokenizer
from transformer_path.transformer.tokenizer_training import train as learn_merges
from transformer_path.variants.corpus import (
    joined,
    total_bits,
    windows,
)
from transformer_path.variants.gpt import Sizes
from transformer_path.variants.llama import Llama, SwiGLU
from transformer_path.variants.mixture import Mixture, imbalance
from transformer_path.workshop import plots
from transformer_path.workshop.batches import stacked
from transformer_path.workshop.ensembles import Several, each
from transformer_path.workshop.notes import note, plus_minus
from transformer_path.workshop.source import files
from transformer_path.workshop.training import fit, seeded


# The idea: ask the best few
# ==========================

# Most weights of a transformer's layer belong to its feedforward network, which works
# at each position alone. So make E of them in place of one. Each is called an expert,
# and all together are a mixture of experts (Shazeer et al., 2017). Which expert a token
# asks is decided by a router: one linear layer with a score for each expert, and a
# softmax. The token asks the k experts with the largest shares, and adds up what they
# say, in proportion to their shares.

#     p = softmax(W_r x)
#     y = Σ_(i ∈ best k) p_i/(Σ_(j ∈ best k) p_j) FFN_i(x)

#     symbol  meaning                 shape
#     x, y    tokens, each alone      `(N, C)`
#     W_r     the router              `(E, C)`
#     p       shares                  `(N, E)`
#     FFN_i   an expert, from C to C

# The lines of the package: transformer_path.variants.mixture.Mixture.forward

# Our experts are SwiGLU networks, as at stop 13a: feedforward networks with a gate.
# With F hidden units, that is 3 · C · F weights.

# The choice itself has no gradient. The router learns through the shares: if more of an
# asked expert's answer would have helped, its share grows. With k = 1 the fraction
# above is 1, whatever the router says, and it would learn nothing. So there the answer
# counts with p_i itself, as in the Switch transformer (Fedus et al., 2022).


# Proof
# =====

# A loop over tokens and experts, as slow as can be, and nothing taken from the layer
# but its weights. Result and gradients agree:

def by_loops(layer, x):
    rows = []
    for token in x:
        scores = layer.router.weight @ token
        shares = scores.exp() / scores.exp().sum()
        best = sorted(range(len(scores)), key=lambda i: -shares[i])[: layer.top_k]
        total = sum(shares[i] for i in best) if layer.top_k > 1 else 1.0
        rows.append(sum(shares[i] / total * layer.experts[i](token) for i in best))
    return torch.stack(rows)


for top_k in (1, 2, 4):
    with seeded(top_k):
        layer = Mixture(12, n_experts=4, top_k=top_k).double()
        x = torch.randn(30, 12, dtype=torch.float64, requires_grad=True)
        upstream = torch.randn(30, 12, dtype=torch.float64)
    wanted = [x, *layer.parameters()]
    ours, theirs = layer(x), by_loops(layer, x)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    one, other = (
        torch.autograd.grad((y * upstream).sum(), wanted) for y in (ours, theirs)
    )
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)

alone = Mixture(12, n_experts=1, top_k=1).double()
torch.testing.assert_close(alone(x), alone.experts[0](x), rtol=0, atol=0)

# With one expert it is that expert, to the last bit.


# One wide network, mostly switched off
# -------------------------------------

# Put the experts' matrices one above the other, and you see what a mixture is: one wide
# feedforward network, of whose hidden units each token switches most off. For a proof,
# and for training several seeds side by side, this form is handy. It computes all and
# throws most of it away, so it saves nothing; the layer of the package does.

class Switched(SwiGLU):
    """The same mixture as one network of E · F hidden units."""

    def __init__(self, d_model, n_experts, top_k, d_ff):
        super().__init__(d_model, n_experts * d_ff)
        self.router = nn.Linear(d_model, n_experts, bias=False)
        self.top_k = top_k

    def forward(self, x):
        shares = self.router(x).softmax(-1)  # (..., E)
        weights, chosen = shares.topk(self.top_k)  # (..., k)
        if self.top_k > 1:
            weights = weights / weights.sum(-1, keepdim=True)
        on = torch.zeros_like(shares).scatter(-1, chosen, weights)  # (..., E)
        hidden = F.silu(self.gate(x)) * self.up(x)  # (..., E · F)
        hidden = hidden.unflatten(-1, (shares.shape[-1], -1)) * on[..., None]
        self.seen = [a.flatten(0, -2) for a in (shares, chosen, x)]
        return self.down(hidden.flatten(-2))


layer = Mixture(12, n_experts=4, top_k=2).double()
wide = Switched(12, 4, 2, d_ff=layer.experts[0].up.out_features).double()
for name, axis in (("gate", 0), ("up", 0), ("down", 1)):
    parts = [getattr(expert, name).weight for expert in layer.experts]
    getattr(wide, name).weight.data = torch.cat(parts, axis)
wide.router = layer.router
torch.testing.assert_close(wide(x), layer(x), rtol=1e-10, atol=1e-10)


# Balance
# =======

# Nothing so far keeps the router from sending all tokens to the same two. Shazeer et
# al. (2017) saw it happen: an expert that is asked more often learns faster, and is
# asked more often still. The usual remedy is a term in the loss, for load balancing. It
# grows with how unevenly the experts are asked (Fedus et al., 2022):

#     L_balance = α · E Σ_(i=1)^E f_i P_i

#     symbol  meaning
#     f_i     share of the choices that fell on expert i
#     P_i     what the router gave it, on average
#     α       a small number; 0.01 in the paper

# The lines of the package: transformer_path.variants.mixture.imbalance

# A count has no gradient. So f_i only says whom to push, and the push goes through P_i:
# the shares of those who were asked most go down.

chosen = torch.zeros(40, 1, dtype=torch.int64)  # all ask the first
shares = torch.full((40, 8), 0.8 / 7).index_fill(1, torch.tensor([0]), 0.2)
even = torch.arange(40)[:, None] % 8
assert torch.isclose(imbalance(shares, even), torch.tensor(1.0))
assert imbalance(F.one_hot(chosen[:, 0], 8).float(), chosen) == 8
note(undecided=f"{imbalance(shares, chosen):.1f}")


# The experiment
# ==============

# The text is the source of Python's library once more, in 513 tokens. The decoder is
# built as those of the last two stops, with RMSNorm and rotary positions: one layer,
# width 32, four heads, a window of 16 tokens. (As in stop 12, the first weights are
# larger than GPT-2's, in all networks alike, since the network is narrower.)

texts = files()
merges = learn_merges(texts.train[::4], 512)
tokenizer = BytePairTokenizer(merges, special=["<|endoftext|>"])
end, V = tokenizer.special["<|endoftext|>"], len(tokenizer)
train, asked, test = (
    joined(part, tokenizer, end)
    for part in (texts.train[::2], texts.validation[::6], texts.test[1::10])
)
n_bytes = sum(len(text.encode()) for text in texts.test[1::10])
on = windows(asked, context=16, size=64)(0)[:, :-1]  # (64, 16): whom do they ask?


class Decoder(nn.Module):
    """Logits, and what the router gave, chose and read."""

    def __init__(self, seed, feedforward):
        super().__init__()
        sizes = Sizes(vocabulary=V, context=16, d_model=32, n_heads=4, n_layers=1)
        with seeded(seed):
            self.llama = Llama(sizes, feedforward=feedforward)
        for weight in self.parameters():
            weight.data *= (768 / 32) ** 0.5 if weight.dim() == 2 else 1

    def forward(self, tokens):
        logits = self.llama(tokens)
        seen = vars(self.llama.layers[0].feedforward).pop("seen", ())
        return logits, *seen

# Four networks, of several seeds each. The first has a feedforward network of 32 hidden
# units. The second has sixteen experts of 16 units in its place, and each token asks
# two: 32 units again, so equal active weights, but for the router. The third has all of
# these 256 units for every token: equal total weights. The fourth is the second without
# balancing.

def share_of(chosen):
    """From whom each model's tokens ask, (S, N, 2), to their shares, (S, E)."""
    return F.one_hot(chosen.flatten(1), 16).float().mean(1)


def learn(models, rate, balance=0.0, log=None, part=1.0):
    """Train side by side, or a part of it; log who gets which share of choices."""
    balances = torch.as_tensor(balance).expand(len(models))  # α, each its own
    draw = stacked(
        [windows(train, 16, 16, seed=s % len(SEEDS)) for s in range(len(models))]
    )

    def loss(model, batch):
        window, strength = batch
        logits, *seen = model(window[:, :-1])
        nats = F.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())
        return nats + strength * imbalance(*seen[:2]) if seen else nats

    def look(several):
        if log is not None:
            _, given, chosen, x = several(on)
            alike = F.normalize(x, dim=-1).mean(1).square().sum(-1)  # (S,)
            # the same router, if the mean of all x is taken from each: W (x - m)
            apart = given.log() - given.log().mean(1, keepdim=True)
            log.append((share_of(chosen), alike, share_of(apart.topk(2).indices)))
        return {}

    several = Several(models)
    with sdpa_kernel(SDPBackend.MATH):  # the one that runs side by side
        fit(
            several,
            lambda step: (draw(step), balances),
            optimizer=torch.optim.Adam(
                several.parameters(), rate, (0.9, 0.99), fused=True
            ),
            loss=each(loss),
            schedule=lambda done: warmup(part * done) * cosine(part * done),
            steps=round(640 * part),
            evaluate=look,
            every=40,
        )
    return several.members()

def mixture(width):
    return Switched(width, n_experts=16, top_k=2, d_ff=16)


log, SEEDS = [], range(5)
both = [Decoder(seed, mixture) for seed in (*SEEDS, *SEEDS)]
both = learn(both, 0.012, [0.01] * len(SEEDS) + [0.0] * len(SEEDS), log)
models = {
    "32 units": learn([Decoder(s, lambda w: SwiGLU(w, 32)) for s in SEEDS], 0.024),
    "256 units": learn([Decoder(s, lambda w: SwiGLU(w, 256)) for s in range(3)], 0.012),
    "2 of 16 experts": both[: len(SEEDS)],
    "left alone": both[len(SEEDS) :],
}

found = {
    name: np.array([total_bits(m.llama, test, 16, stride=16, size=256) for m in group])
    / n_bytes
    for name, group in models.items()
}
shares = {
    "balanced": [[part[: len(SEEDS)] for part in row] for row in log],
    "left alone": [[part[len(SEEDS) :] for part in row] for row in log],
}

# The rates were chosen on validation files, with five other seeds. For the network of
# 32 units 0.024 was better than 0.012 and 0.048. For the others 0.012 and 0.024
# differed by less than the seeds do; they got 0.012.

gain = found["32 units"] - found["2 of 16 experts"]
gain_all = found["32 units"][:3] - found["256 units"]
cost = found["left alone"] - found["2 of 16 experts"]
half = 2.78 * gain.std(ddof=1) / 5**0.5  # of the 95% interval, five seeds
assert -0.015 < gain.mean() < gain_all.mean() / 2
assert gain.mean() + half < gain_all.mean()
assert abs(cost.mean()) < gain_all.mean() / 3
note(
    vocabulary=f"{V}",
    bits_small=plus_minus(found["32 units"], 2),
    bits_mixture=plus_minus(found["2 of 16 experts"], 2),
    bits_large=plus_minus(found["256 units"], 2),
    bits_alone=plus_minus(found["left alone"], 2),
    gain=f"{gain.mean():.2f} ± {half:.2f}".replace("-", "−"),
    gain_all=plus_minus(gain_all, 2),
)

# - 32 units: 3,072; 3,072; 2.48 ± 0.02
# - 2 of 16 experts: 25,088; 3,584; 2.47 ± 0.01
# - the same, not balanced: 25,088; 3,584; 2.47 ± 0.01
# - 256 units: 24,576; 24,576; 2.40 ± 0.02

# (Mean and standard deviation over the seeds: five each, and three of the last.)
# Networks of one seed read the same batches, so a gain is the mean of differences seed
# by seed. That of the mixture comes with its 95% interval: a little, or nothing. Even
# its upper end is below what a network gains in which each token meets all the weights.

def n_weights(layer):
    return sum(p.numel() for p in layer.parameters())


layers = {
    "small": SwiGLU(32, 32),
    "mixture": Mixture(32, 16, 2, expert=lambda width: SwiGLU(width, 16)),
    "large": SwiGLU(32, 256),
}
note(
    **{f"layer_{name}": f"{n_weights(layer):,}" for name, layer in layers.items()},
    active_mixture=f"{n_weights(SwiGLU(32, 32)) + 32 * 16:,}",
)


# Left alone
# ==========

# What becomes of the router without the balancing loss? On the same 1,024 validation
# tokens, every 40 steps, which share of the choices falls on each expert?

pair = plots.SideBySide("shares of 16 experts over the training")
for name, log in shares.items():
    lines = torch.stack([share[0] for share, *_ in log])  # (17, 16)
    fig, ax = plots.figure(3.4, 2.6)
    ax.set(xlabel="step", ylabel="share of the choices", ylim=(0, 0.5), xlim=(0, 640))
    for line in lines.T:
        ax.plot(range(0, 641, 40), line, color=plots.LIGHT["attention"], lw=0.9)
    plots.level(ax, "even", y=1 / 16)
    pair.add(fig, f"{name}, first seed")
script.keep(pair)

def of_two(log, place=0):
    """The share of the two that are asked most, (rows, S)."""
    return torch.stack([row[place] for row in log]).topk(2).values.sum(-1)


def unasked(log, row=-1):
    """How many experts get less than a tenth of an even share, (S,)."""
    return (log[row][0] < 0.1 / 16).sum(1).numpy()


alone, balanced = (of_two(shares[name]) for name in ("left alone", "balanced"))
start, early, late = (alone[n].mean() for n in (0, 1, -1))
assert start + 0.15 < late < early - 0.1
early_dead, dead = (unasked(shares["left alone"], n) for n in (1, -1))
assert early_dead.mean() - 2 > dead.mean() > 1
assert unasked(shares["balanced"]).max() == 0 and balanced[-1].max() < 0.3
note(
    two_start=f"{100 * start:.0f}%",
    two_early=f"{100 * early:.0f}%",
    two_end=f"{100 * late:.0f}%",
    two_balanced=f"{100 * balanced[-1].mean():.0f}%",
    dead=plus_minus(dead, 0),
)

# If all were asked alike, any two would get an eighth of the choices. At the start the
# two that are asked most get 20%, after 40 steps 86%, at the end 52%. Some that nobody
# asked come back. But at the end 3 ± 1 of the 16 get less than a tenth of an even share
# (mean and standard deviation over seeds): weights that were paid for in memory, and
# are hardly used. With balancing it is none, and the two most asked get 19%. In bits
# there is little to be seen of it, in so short a training: left alone and balanced
# differ by less than a third of what all 256 units bring.


# Whose fault is it?
# ------------------

# The explanation above was that favoured experts learn faster. That can be tested: let
# the experts not learn at all. If they stay as they were drawn, none becomes better
# than another. And a second suspect, the router, can be tested in the same way. (160
# steps, the first quarter of the schedule.)

def without_learning(seed, *names):
    model = Decoder(seed, mixture)
    for name in names:
        layer = getattr(model.llama.layers[0].feedforward, name)
        layer.weight.requires_grad_(False)
    return model


suspects = {"experts": ("gate", "up", "down"), "router": ("router",)}
cleared = {}
for name, parts in suspects.items():
    group = [without_learning(seed, *parts) for seed in range(5)]
    learn(group, 0.012, 0.0, cleared.setdefault(name, []), part=1 / 4)

rows = {"all": shares["left alone"], **cleared}
at_160 = {}
for name, rows_of in rows.items():
    two, apart = of_two(rows_of), of_two(rows_of, 2)
    alike = torch.stack([row[1] for row in rows_of])
    at_160[name] = two[4].mean()
    rush = two[1].mean() - start
    assert rush > 0.35 and apart[1].mean() - start < rush / 2
    assert alike[0].max() < 0.1 and alike[1].mean() > 0.7 and alike[4].mean() < 0.55
    note(
        **{f"{name}_40": f"{100 * two[1].mean():.0f}%"},
        **{f"{name}_160": f"{100 * at_160[name]:.0f}%"},
        **{f"apart_{name}": f"{100 * apart[1].mean():.0f}%"},
        **{f"alike_{name}_40": f"{alike[1].mean():.1f}"},
        **{f"alike_{name}_160": f"{alike[4].mean():.1f}"},
    )
assert at_160["router"] < of_two(cleared["router"])[1].mean() - 0.15
assert min(at_160["all"], at_160["experts"]) > at_160["router"] > start

# - all learn: 86%; 57%; 0.9; 0.2; 28%
# - the experts do not: 81%; 56%; 0.9; 0.4; 27%
# - the router does not: 85%; 36%; 0.9; 0.2; 23%

# (Share is that of the two most asked.) So in this network the rush of the first steps
# needs neither experts that improve nor a router that learns to prefer them. A router
# that does not move changes its choices only if what it reads changes. And it does. The
# mean cosine of the angle between two of the vectors that it reads is below 0.1 at the
# start. After 40 steps most point much the same way, and whoever they choose, they
# choose alike. If that is the cause, it can be taken away: subtract from each vector
# the mean of all, and ask the same routers again, after the same 40 steps. That is the
# last column, and most of the rush is gone: the start had 20%.

# Later the vectors part again. Then the router that did not learn spreads the choices
# again, though not so evenly as at the start. One that learns keeps more of its
# preference, whether the experts learn or not. What the favoured experts have learned
# may matter in larger networks, and over longer times. Here it is not needed to explain
# what we see.


# What does an expert know?
# =========================

# Expert is a large word. The experts started alike, and nobody told them what to
# become. Sort the tokens into kinds, by nothing but their text, and count who is asked
# by whom. A part of a name, as `elf`, counts as a name.

KINDS = ["white space", "keyword", "digits", "sign", "name"]


def kind(text):
    bare = text.strip()
    if not bare:
        return "white space"
    if bare in keyword.kwlist and text != bare:  # " in", but not the "in" of "string"
        return "keyword"
    if bare.isdigit():
        return "digits"
    return "name" if bare.isidentifier() else "sign"


kinds = [kind(tokenizer.decode([token])) for token in range(V)]
of_token = torch.tensor([KINDS.index(name) for name in kinds])
read = windows(test, context=16, size=1500)(0)[:, :-1]  # (1500, 16)


@torch.no_grad()
def read_by(model):
    """What the feedforward network of a model reads, (24000, 32)."""
    given, layer = [], model.llama.layers[0].feedforward
    hook = layer.register_forward_pre_hook(lambda _, inputs: given.extend(inputs))
    model(read)
    hook.remove()
    return given[0].flatten(0, -2)


def choices(x, router):
    """Which two experts the vectors ask, (24000, 2)."""
    return (x @ router.T).topk(2).indices


def told(group, chosen):
    """Mutual information of a token's group and a choice, as a share of its entropy."""
    group = group[:, None].expand_as(chosen).flatten()
    counts = torch.bincount(16 * group + chosen.flatten(), minlength=16 * V)
    p = counts.view(-1, 16).double() / counts.sum()  # (groups, E)
    experts, groups = torch.special.entr(p.sum(0)), torch.special.entr(p.sum(1))
    both = torch.special.entr(p).sum()
    return ((experts.sum() + groups.sum() - both) / experts.sum()).item()

# You know mutual information from clusters and classes: how many bits one thing tells
# about another. Here it is divided by the entropy of the choice. It is 0 if the kind of
# a token says nothing about whom it asks. It cannot reach 1: each token asks two
# experts, and nothing tells which of the two a choice is. That is one bit of at most
# four, so three quarters is the most.

# A number like this needs something to be compared with. If we shuffle the choices
# among the tokens, nothing may be left. The second comparison is harder: leave the
# network as it is, and give it a router that never learned anything, a random matrix.
# And the third: give such a router to the network of 32 units, which never had an
# expert.

def random_router(seed):
    return torch.randn(16, 32, generator=torch.Generator().manual_seed(seed))


tokens, table = read.flatten(), {}
groups = {"kind": of_token[tokens], "token": tokens}
order = torch.randperm(len(tokens), generator=torch.Generator().manual_seed(0))
for name in ("2 of 16 experts", "32 units"):
    for model in models[name]:
        x = read_by(model)
        found_by = {("random", name): [choices(x, random_router(s)) for s in range(8)]}
        if name == "2 of 16 experts":
            chosen = choices(x, model.llama.layers[0].feedforward.router.weight.data)
            found_by |= {"learned": [chosen], "shuffled": [chosen[order]]}
        for row, several in found_by.items():
            for group, numbers in groups.items():
                mean = np.mean([told(numbers, chosen) for chosen in several])
                table.setdefault((row, group), []).append(mean)
table = {place: np.array(values) for place, values in table.items()}

def by_kind(chosen):
    """Where the choices of each kind went, (5, 16)."""
    group = of_token[tokens][:, None].expand_as(chosen).flatten()
    counts = torch.bincount(16 * group + chosen.flatten(), minlength=80).view(5, 16)
    return counts / counts.sum(1, keepdim=True)


first = models["2 of 16 experts"][0]
routers = {
    "the router that learned": first.llama.layers[0].feedforward.router.weight.data,
    "a router that did not": random_router(0),
}
pair = plots.SideBySide("who is asked by which kind of token")
for title, router in routers.items():
    fig, ax = plots.figure(3.4, 1.9)
    places = by_kind(choices(read_by(first), router))
    plots.heatmap(ax, places[:, places.argmax(0).argsort()], scale=0.5)
    ax.set_aspect("auto")
    ax.set(xlabel="expert", yticks=range(5), yticklabels=KINDS, xticks=[])
    pair.add(fig, title)
script.keep(pair)

same, other = ("random", "2 of 16 experts"), ("random", "32 units")
for group in groups:
    added = table["learned", group] - table[same, group]
    assert 0 < added.mean() < 0.08
    for control in (same, other):
        assert table[control, group].mean() > 0.5 * table["learned", group].mean()
        assert table[control, group].min() > 5 * table["shuffled", group].max()
    note(**{f"added_{group}": plus_minus(100 * added, 0)})
for name, row in {"learned": "learned", "random": same, "other": other}.items():
    for group in groups:
        note(**{f"{name}_{group}": f"{100 * table[row, group].mean():.0f}%"})
note(shuffled_token=f"{100 * table['shuffled', 'token'].mean():.0f}%")

# - the router that learned: 9%; 58%
# - a random router, same network: 8%; 54%
# - a random router, network without experts: 7%; 59%
# - shuffled: nothing; 2%

# (Shares of the choice's entropy; means over five seeds, and eight random routers for
# each.)

# Against a shuffle, all three look like specialists. (The token's 2% there are chance:
# five hundred tokens, and few examples of most.) But a router that has learned nothing
# is told most of what the learned one is. It need not know anything, and not even the
# network need have had experts: tokens of a kind have similar vectors, and any router
# sends alike to alike. What learning has added is 3 ± 2 points for the kind, and 3 ± 1
# for the token (standard deviation over seeds). So much, and no more, is above the
# control.

# Jiang and others (2024) looked at the experts of a large model. They found no pattern
# by topic, but one by syntax: the indentation of Python code, for example, always goes
# to the same experts. Before you read such a picture as knowledge of an expert, ask
# what a random router would have drawn.


# Where it fails
# ==============

# The layer saves products. Does it save time? A step forward and back through the layer
# alone, for 256 tokens, on one processor: once at our width, and once at a width of
# 256, with everything else in proportion.

def milliseconds(layer, width):
    x, each_time = torch.randn(256, width, requires_grad=True), []
    for _ in range(7):
        begin = time.process_time()
        layer(x).square().sum().backward()
        each_time.append(time.process_time() - begin)
    return 1000 * np.median(each_time)

def of_width(C):
    """A dense layer, 2 of 16 experts with as many active units, and all units."""
    experts = Mixture(C, 16, 2, expert=lambda width: SwiGLU(width, C // 2))
    return SwiGLU(C, C), experts, SwiGLU(C, 8 * C)


took = {C: [milliseconds(layer, C) for layer in of_width(C)] for C in (32, 256)}

assert took[32][1] > 1.5 * took[32][2]
assert 1.3 * took[256][0] < took[256][1] < took[256][2]
for C, (dense, experts, whole) in took.items():
    note(
        **{
            f"time_dense_{C}": f"{dense:.1f} ms",
            f"time_mixture_{C}": f"{experts:.1f} ms",
            f"time_whole_{C}": f"{whole:.1f} ms",
        }
    )

#     width  equal active units  2 of 16 experts  all units
#     32     0.2 ms              3.5 ms           0.8 ms
#     256    3.9 ms              11.1 ms          28.7 ms

# Sixteen small products, each with a gathering of rows before it and a scattering
# behind, take longer than one large one. At a width of 256 the products are large
# enough, and the mixture is faster than the network of all its weights. It is still
# slower than the one of equal active weights. And the weights that a token does not
# meet still have to lie in memory: all of them.

# Fewer products, more time:

# At our width the network of 256 units takes less time than the mixture, and needs
# fewer bits. Who has a fixed time, and a small machine, does better with the plain one.
# In the large, the reckoning is another: at equal computation Fedus et al. (2022)
# report the loss of a dense network in a seventh of the time.

# Of all that has changed since 2017, how much is left if the clock decides? What does
# lower the loss of a language model in a few minutes of two cores? That is the next
# question.
