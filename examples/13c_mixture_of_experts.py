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
from transformer_path.workshop.notes import note
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

# Our experts are feedforward networks with a gate, as most decoders of today have them
# (Shazeer, 2020): W_down(silu(W_gate x) · W_up x), without biases. With F hidden units
# that is 3 · C · F weights. (Silu, z σ(z), looks much like GELU.)

# The choice itself has no gradient. The router learns through the shares: if an
# expert's answer would have helped more, its share grows. With k = 1 the fraction above
# is 1, whatever the router says, and it would learn nothing. So there the answer counts
# with p_i itself, as in the Switch transformer (Fedus et al., 2022).


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
# asked more often still. The remedy that most use is a term in the loss, for load
# balancing. It grows with how unevenly the experts are asked (Fedus et al., 2022):

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

# The text is the source of Python's library once more, in 513 tokens. The decoder has
# the parts of today: one layer, width 32, four heads, a window of 16 tokens. (As in
# stop 12, the first weights are larger than GPT-2's, in all networks alike, since the
# network is narrower.)

texts = files()
merges = learn_merges(texts.train[::4], 512)
tokenizer = BytePairTokenizer(merges, special=["<|endoftext|>"])
end, V = tokenizer.special["<|endoftext|>"], len(tokenizer)
train, asked, test = (
    joined(part, tokenizer, end)
    for part in (texts.train, texts.validation[::6], texts.test[::24])
)
n_bytes = sum(len(text.encode()) for text in texts.test[::24])
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

# Four networks, five seeds each (the third: three). The first has a feedforward network
# of 32 hidden units. The second has sixteen experts of 16 units in its place, and each
# token asks two: 32 units again, so equal active weights, but for the router. The third
# has all of these 256 units for every token: equal total weights. The fourth is the
# second without balancing.

def learn(models, rate, balance=0.0, log=None, part=1.0):
    """Train side by side, or a part of it; log who gets which share of choices."""

    def loss(model, window):
        logits, *seen = model(window[:, :-1])
        nats = F.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())
        return nats + balance * imbalance(*seen[:2]) if balance else nats

    def look(several):
        if log is not None:
            _, _, chosen, x = several(on)
            share = F.one_hot(chosen.flatten(1), 16).float().mean(1)  # (S, E)
            alike = F.normalize(x, dim=-1).mean(1).square().sum(-1)  # (S,)
            log.append((share, alike))  # alike: the mean cosine of two vectors
        return {}

    several = Several(models)
    with sdpa_kernel(SDPBackend.MATH):  # the one that runs side by side
        fit(
            several,
            stacked([windows(train, 16, 16, seed=s) for s in range(len(models))]),
            optimizer=torch.optim.Adam(several.parameters(), rate, (0.9, 0.99)),
            loss=each(loss),
            schedule=lambda done: warmup(part * done) * cosine(part * done),
            steps=round(640 * part),
            evaluate=look,
            every=40,
        )
    return several.members()

def mixture(width):
    return Switched(width, n_experts=16, top_k=2, d_ff=16)


shares = {"balanced": [], "left alone": []}
models = {
    "32 units": learn([Decoder(s, lambda w: SwiGLU(w, 32)) for s in range(5)], 0.024),
    "256 units": learn([Decoder(s, lambda w: SwiGLU(w, 256)) for s in range(3)], 0.012),
    "2 of 16 experts": learn(
        [Decoder(s, mixture) for s in range(5)], 0.012, 0.01, shares["balanced"]
    ),
    "left alone": learn(
        [Decoder(s, mixture) for s in range(5)], 0.012, 0.0, shares["left alone"]
    ),
}
found = {
    name: np.array([total_bits(m.llama, test, 16, size=128) / n_bytes for m in group])
    for name, group in models.items()
}

# The rates were chosen on validation files, for each of the four, out of 0.006, 0.012,
# 0.024 and 0.048. (For all but the first, 0.012 and 0.024 differ by less than the seeds
# do.)

def plus_minus(values, digits=3):
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"


def interval(values):
    """A mean and its 95% interval, over five seeds."""
    half = 2.78 * np.std(values, ddof=1) / 5**0.5
    return f"{np.mean(values):.3f} ± {half:.3f}"


gain = found["32 units"] - found["2 of 16 experts"]
gain_all = found["32 units"][:3] - found["256 units"]
cost = found["left alone"] - found["2 of 16 experts"]
assert gain.mean() > 0 and gain.mean() < gain_all.mean()
note(
    vocabulary=f"{V}",
    bits_small=plus_minus(found["32 units"], 2),
    bits_mixture=plus_minus(found["2 of 16 experts"], 2),
    bits_large=plus_minus(found["256 units"], 2),
    bits_alone=plus_minus(found["left alone"], 2),
    gain=interval(gain),
    gain_all=plus_minus(gain_all, 2),
    cost=interval(cost),
)

#                      weights of the layer  met by a token  bits per byte, test files
#     32 units         3,072                 3,072           2.67 ± 0.02
#     2 of 16 experts  25,088                3,584           2.64 ± 0.01
#     256 units        24,576                24,576          2.59 ± 0.02

# (Mean and standard deviation over the seeds. The gain of the mixture is paired by
# seed, since seeds share their batches, and comes with the 95% interval of its mean;
# that of the 256 units with its standard deviation.) So weights that a token does not
# meet can help, a little. But not at once. When we stopped after 480 steps, with the
# same rates, no gain could be told from the scatter of the seeds: an expert has read an
# eighth of the tokens, and has to catch up. A network in which each token meets all the
# weights gained far more, in both.

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
    lines = torch.stack([share[0] for share, _ in log])  # (17, 16)
    fig, ax = plots.figure(3.4, 2.6)
    ax.set(xlabel="step", ylabel="share of the choices", ylim=(0, 0.5), xlim=(0, 640))
    for line in lines.T:
        ax.plot(range(0, 641, 40), line, color=plots.LIGHT["attention"], lw=0.9)
    plots.level(ax, "even", y=1 / 16)
    pair.add(fig, f"{name}, first seed")
script.keep(pair)

def of_two(log):
    """The share of the two that are asked most, (rows, S)."""
    return torch.stack([share for share, _ in log]).topk(2).values.sum(-1)


def unasked(log):
    """How many experts get less than a tenth of an even share, at the end, (S,)."""
    return (log[-1][0] < 0.1 / 16).sum(1).numpy()


alone, balanced = (of_two(shares[name]) for name in ("left alone", "balanced"))
assert alone[0].max() < 0.3 and alone[1].mean() > 0.5
assert (unasked(shares["left alone"]) > 0).all()
assert unasked(shares["balanced"]).max() == 0 and balanced[-1].max() < 0.3
assert abs(cost.mean()) < 0.05
note(
    two_start=f"{100 * alone[0].mean():.0f}%",
    two_early=f"{100 * alone[1].mean():.0f}%",
    two_end=f"{100 * alone[-1].mean():.0f}%",
    two_balanced=f"{100 * balanced[-1].mean():.0f}%",
    dead=plus_minus(unasked(shares["left alone"]), 0),
)

# If all were asked alike, any two would get an eighth of the choices. At the start the
# two that are asked most get 20%, after 40 steps 78%, at the end 55%. Some that nobody
# asked come back. But at the end 3 ± 1 of the 16 get less than a tenth of an even share
# (mean and standard deviation over seeds): weights that were paid for in memory, and
# are hardly used. With balancing it is none, and the two most asked get 19%. In bits it
# makes little difference here: the balance brings 0.019 ± 0.017 (the 95% interval of a
# mean over the five).


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
    log = []
    group = [without_learning(seed, *parts) for seed in range(5)]
    learn(group, 0.012, 0.0, log, part=1 / 4)
    cleared[name] = of_two(log), torch.stack([alike for _, alike in log])

likeness = torch.stack([alike for _, alike in shares["left alone"]])
rows = {"all": (alone, likeness), **cleared}
for name, (two, alike) in rows.items():
    assert two[1].mean() > 0.45
    assert alike[0].max() < 0.1 and alike[1].min() > 0.6
    assert alike[4].max() < 0.55
    for step in (1, 4):
        note(
            **{f"{name}_{40 * step}": f"{100 * two[step].mean():.0f}%"},
            **{f"alike_{name}_{40 * step}": f"{alike[step].mean():.1f}"},
        )
assert cleared["experts"][0][4].mean() > 0.4
assert alone[4].mean() > cleared["router"][0][4].mean() + 0.03

# - all learn: 78%; 57%; 0.9; 0.2
# - the experts do not: 77%; 64%; 0.9; 0.4
# - the router does not: 79%; 38%; 0.9; 0.2

# So in this network the rush of the first steps comes neither from experts that improve
# nor from a router that learns to prefer them. A router that does not move changes its
# choices only if what it reads changes. And it does: the right half of the table is the
# mean cosine of the angle between two of the vectors that it reads. At the start it is
# below 0.1, and 40 steps later almost all tokens point the same way. Whoever they
# choose, they choose alike. Later they part again. Then the router that did not learn
# spreads the choices by itself, and the one that learns keeps a part of its preference,
# whether the experts learn or not.

# What the favoured experts have learned may matter in larger networks, and over longer
# times. Here it is not needed to explain what we see.


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
def choices(model, router=None):
    """Which two experts each token asks, (24000, 2); by another router, if given."""
    layer = model.llama.layers[0].feedforward
    own = layer.router.weight.data
    layer.router.weight.data = own if router is None else router
    chosen = model(read)[2]
    layer.router.weight.data = own
    return chosen


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
# a token says nothing about whom it asks, and 1 if it says all.

# A number like this needs something to be compared with. If we shuffle the choices
# among the tokens, nothing may be left. And the second comparison is harder. Leave the
# network as it is, and give it a router that never learned anything, a random matrix as
# large as its own.

def random_router(model, seed):
    own = model.llama.layers[0].feedforward.router.weight.data
    dice = torch.Generator().manual_seed(seed)
    other = torch.randn(own.shape, generator=dice)
    return other * own.norm() / other.norm()

table = {"learned": [], "random": [], "shuffled": []}
tokens = read.flatten()
for model in models["2 of 16 experts"]:
    chosen = choices(model)
    order = torch.randperm(len(tokens), generator=torch.Generator().manual_seed(0))
    routers = [choices(model, random_router(model, seed)) for seed in range(8)]
    for name, group in {"kind": of_token[tokens], "token": tokens}.items():
        table["learned"].append((name, told(group, chosen)))
        table["random"].append((name, np.mean([told(group, r) for r in routers])))
        table["shuffled"].append((name, told(group, chosen[order])))

def by_kind(chosen):
    """Where the choices of each kind went, (5, 16)."""
    group = of_token[tokens][:, None].expand_as(chosen).flatten()
    counts = torch.bincount(16 * group + chosen.flatten(), minlength=80).view(5, 16)
    return counts / counts.sum(1, keepdim=True)


first = models["2 of 16 experts"][0]
routers = {
    "the router that learned": choices(first),
    "a router that did not": choices(first, random_router(first, 0)),
}
pair = plots.SideBySide("who is asked by which kind of token")
for title, chosen in routers.items():
    fig, ax = plots.figure(3.4, 1.9)
    places = by_kind(chosen)
    plots.heatmap(ax, places[:, places.argmax(0).argsort()], scale=0.5)
    ax.set_aspect("auto")
    ax.set(xlabel="expert", yticks=range(5), yticklabels=KINDS, xticks=[])
    pair.add(fig, title)
script.keep(pair)

shown = {
    (name, group): np.array([value for g, value in rows if g == group])
    for name, rows in table.items()
    for group in ("kind", "token")
}
for group in ("kind", "token"):
    added = shown["learned", group] - shown["random", group]
    assert added.mean() > 0
    assert added.mean() < shown["random", group].mean()
    assert shown["random", group].min() > 5 * shown["shuffled", group].max()
    note(**{f"added_{group}": plus_minus(100 * added, 0)})
for (name, group), values in shown.items():
    note(**{f"{name}_{group}": f"{100 * values.mean():.0f}%"})

#                                    the kind of a token tells  the token itself tells
#     the router that learned        11%                        58%
#     a random router, same network  8%                         54%
#     shuffled                       0%                         2%

# (Of what there is to know about a choice; means over five seeds, and eight random
# routers for each.)

# Against a shuffle, both routers look like specialists. (The token's 2% there are
# chance: five hundred tokens, and few examples of most.) But a router that has learned
# nothing is told nearly as much as the one that did. It need not know anything: tokens
# of a kind have similar vectors, and any router sends alike to alike. What learning has
# added is 3 ± 2 points for the kind, and 3 ± 1 for the token (standard deviation over
# seeds). So much, and no more, is above the control. The rest was there in the vectors,
# before anybody was chosen.

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
assert took[256][1] < took[256][2]
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
