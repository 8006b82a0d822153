"""LoRA: teach a trained model anew.

Stop 13e of the path as a script: the code of the page
https://transformer-path.github.io/transformer-path/13e-lora.html, its prose as
comments. You will have a trained model taught a second kind of text by a few per cent
of its weights, and what that costs, gains and forgets. The numbers in the comments are
the page's; the script computes and prints them. It needs the book's package, runs from
anywhere, and can save the figures in a folder:

    pip install "transformer-path @ git+https://github.com/transformer-path/transformer-path"
    python examples/13e_lora.py
    python examples/13e_lora.py --figures FOLDER
"""

from transformer_path.workshop import script

script.start()


# The question
# ============

# A model hardly knows what it has not read: so stop 13d ended. Then let it read on. A
# model that was trained on Python code goes on with another text, from the weights that
# it has. This is fine-tuning, and in its plain form all weights learn.

# That takes memory. Beside each weight lie its gradient and the two running means of
# Adam: four numbers in place of one. And it ends with a second model, as large as the
# first. Who wants ten kinds of text keeps ten. Must all weights learn, to teach a
# trained model something new?

import time
from copy import deepcopy
from functools import partial
from pydoc_data.topics import topics

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from transformer_path.networks.optimization import cosine, warmup
from transformer_path.transformer.tokenizer import BytePairTokenizer
from transformer_path.transformer.tokenizer_training import train as learn_merges
from transformer_path.variants.corpus import (
    joined,
    next_token_loss,
    total_bits,
    windows,
)
from transformer_path.variants.gpt import Sizes
from transformer_path.variants.llama import Llama
from transformer_path.variants.lora import LoRA, adapt, merge
from transformer_path.workshop import plots
from transformer_path.workshop.datasets import part_of
from transformer_path.workshop.notes import note, plus_minus
from transformer_path.workshop.source import files
from transformer_path.workshop.training import fit, seeded


# The idea: a change of low rank
# ==============================

# Whatever fine-tuning does to a weight matrix W, at the end it is W + Δ W. Full
# fine-tuning lets this change be any matrix. LoRA, low-rank adaptation, writes it as a
# product of two thin ones (Hu et al., 2022):

#     y = W x + Δ W x
#     Δ W = W_up W_down

#     symbol  meaning                  shape
#     W       stays as it is           `(n_out, n_in)`
#     W_down  learns; drawn at random  `(r, n_in)`
#     W_up    learns; at first all 0   `(n_out, r)`

# The lines of the package: transformer_path.variants.lora.LoRA.forward

# What comes in is squeezed into r numbers, and these are spread out again. So the
# change can look in r directions only, and answer in r directions: its rank is at most
# r. It has r · (n_in + n_out) weights in place of n_in · n_out. At first it is 0, and
# the model is the one that you were given. At the end you can add the product to W, and
# nothing is left of the two matrices: the model is as fast as before. (The paper calls
# the two B and A, and multiplies them by a constant, our `scale`. It acts much like the
# learning rate, so here it is 1.)

# Why should so little be enough? Here two voices differ. Aghajanyan et al. (2021)
# fine-tuned a model that reads in both directions by no more than 200 numbers, spread
# over all its weights by a random matrix; on one task that gave 90% of what full
# fine-tuning gives. From this comes the hypothesis of LoRA: what a trained model has to
# change for a new task has a low rank. Biderman et al. (2024) looked at what full
# fine-tuning does change, in models of seven billion weights that learn to program and
# to calculate. The rank of that was 10 to 100 times that of a usual LoRA, and LoRA
# learned less; it also forgot less. You can measure all of that.


# Proof
# =====

# One layer. With rank 0 it is the linear layer. With any rank, result and gradients are
# those of the formula, written out. And when the rank is that of the matrix, every
# change is within reach: split it by its singular values.

with seeded(0):
    layer, other = nn.Linear(7, 5).double(), nn.Linear(7, 5).double()
    x = torch.randn(3, 7, dtype=torch.float64)
assert torch.equal(LoRA(layer, rank=0)(x), layer(x))

lora = LoRA(layer, rank=2)
nn.init.normal_(lora.up)
W, b = layer.weight, layer.bias
theirs = F.linear(x, W + lora.up @ lora.down, b)
assert torch.allclose(lora(x), theirs, rtol=0, atol=1e-10)
learn_here = [lora.up, lora.down]
mine = torch.autograd.grad(lora(x).square().sum(), learn_here)
written = torch.autograd.grad(theirs.square().sum(), learn_here)
for ours, wanted in zip(mine, written, strict=True):
    assert torch.allclose(ours, wanted, rtol=0, atol=1e-10)

U, s, Vt = torch.linalg.svd(other.weight.detach() - W, full_matrices=False)
lora = LoRA(layer, rank=5)  # as many as the matrix has rows
lora.up.data, lora.down.data = U * s, Vt
assert torch.allclose(lora(x), F.linear(x, other.weight, b), rtol=0, atol=1e-10)

# `adapt` puts such a change beside all linear layers of a model, or beside those of the
# names that you give; `merge` adds all of them to the weights. Before and after, the
# model says the same:

with seeded(0):
    model = Llama(Sizes(vocabulary=11, context=8, d_model=12, n_heads=2)).double()
    before = model(torch.arange(8)[None])
    adapt(model, rank=2, names=("query", "value"))
    assert torch.equal(model(torch.arange(8)[None]), before)
    for name, weight in model.named_parameters():
        if name.endswith((".query.up", ".value.up")):
            nn.init.normal_(weight)
changed = model(torch.arange(8)[None])
assert not torch.allclose(changed, before, rtol=0, atol=1e-3)
merged = merge(model)(torch.arange(8)[None])
assert torch.allclose(merged, changed, rtol=0, atol=1e-10)
assert not any(isinstance(part, LoRA) for part in model.modules())


# The experiment
# ==============

# The old text is the source of Python's library, as at stop 11b. The new text is
# English: the help texts that Python carries with it, a manual of the language in 79
# topics, 162,000 tokens to learn from. Topics repeat one another. So each paragraph is
# kept once, and where a test topic has it, there. Of the longer lines of the test
# topics fewer than one in a hundred stands anywhere in the code.

def by_topic():
    """Split the help texts by topic, each paragraph in one part only."""
    parts, known = {"test": [], "validation": [], "train": []}, set()
    for part, own in parts.items():
        for name in sorted(topics):
            if part_of(name) == part:
                fresh = [p for p in topics[name].split("\n\n") if p not in known]
                known.update(fresh)
                own.append("\n\n".join(fresh))
    return parts


def row(texts):
    """Give texts as one row of tokens, and count their bytes."""
    return joined(texts, tokenizer, end), sum(len(text.encode()) for text in texts)


def beginnings(texts):
    return [text[:4000] for text in texts if text]

library, prose = files(), by_topic()
merges = learn_merges(library.train[::8], 512)
tokenizer = BytePairTokenizer(merges, special=["<|endoftext|>"])
end, V = tokenizer.special["<|endoftext|>"], len(tokenizer)
(old_train, _), (new_train, _) = row(library.train[::6]), row(prose["train"])
old_test, new_test = row(beginnings(library.test[::16])), row(beginnings(prose["test"]))

lines = {line.strip() for text in library.train for line in text.splitlines()}
sentences = [line for text in prose["test"] for line in text.splitlines()]
sentences = [line.strip() for line in sentences if len(line.strip()) > 50]
known = np.mean([line in lines for line in sentences])
assert known < 0.01 and len(sentences) > 100
note(
    new_tokens=f"{round(len(new_train), -3):,}",
    topics=f"{len(topics)}",
)

# The model is a small Llama, of two layers. First it learns the code. Then it is
# fine-tuned on the prose, 60 steps of 4 windows of 64 tokens. What learns differs:

def learn(model, text, rate, *, steps, size, seed=0):
    learning = [weight for weight in model.parameters() if weight.requires_grad]
    adam = torch.optim.Adam(learning, rate, betas=(0.9, 0.99), fused=True)
    fit(
        model,
        windows(text, 64, size, seed=seed),
        optimizer=adam,
        loss=next_token_loss,
        steps=steps,
        every=steps,
        schedule=lambda done: warmup(done) * cosine(done),
        clip=1.0,
    )
    return model


def only(model, learns):
    """Let those weights learn whose names are chosen."""
    for name, weight in model.named_parameters():
        weight.requires_grad_(learns(name))
    return model


def matrices(model):
    """Let the linear layers learn: all but norms and the tokens' vectors."""
    return only(model, lambda name: name.startswith("layers") and "norm" not in name)


def scattered(model, rank=4):
    """Let as many weights learn as LoRA has, drawn from all over the matrices."""
    for weight in matrices(model).parameters():
        if weight.requires_grad:
            drawn = torch.randperm(weight.numel())[: rank * sum(weight.shape)]
            mask = torch.zeros(weight.numel())
            mask[drawn] = 1
            weight.register_hook(mask.view_as(weight).mul)  # of its gradient
    return model


class Biased(nn.Module):
    """A model, with a bias for each of its logits."""

    def __init__(self, model):
        super().__init__()
        self.model, self.bias = model, nn.Parameter(torch.zeros(V))

    def forward(self, tokens):
        return self.model(tokens) + self.bias

# The rate of each was chosen on validation topics, on average over three seeds, from
# another base, which had read twice as much of the library: of rates about a factor of
# two apart, the best, and where two were level, the lower. (On a third base twice the
# rate was a little better for ranks 4 and 16. The order stayed; that run is not shown.)
# Gently means a rate that is too low on purpose, for a question that comes later.

everything = partial(only, learns=lambda _: True)
ARMS = {  # what is done to a model, and the learning rate
    "all weights": (everything, 0.004),
    "all matrices": (matrices, 0.004),
    "LoRA, rank 16": (partial(adapt, rank=16), 0.008),
    "LoRA, rank 4": (partial(adapt, rank=4), 0.016),
    "LoRA, rank 1": (partial(adapt, rank=1), 0.03),
    "scattered weights": (scattered, 0.03),
    "query and value, rank 19": (
        partial(adapt, rank=19, names=("query", "value")),
        0.016,
    ),
    "biases of the logits": (Biased, 0.2),
    "rank 4 and biases": (lambda model: Biased(adapt(model, 4)), 0.03),
    "rank 16, gently": (partial(adapt, rank=16), 0.004),
    "all matrices, gently": (matrices, 0.001),
}
STEPS, SEEDS = 60, range(3)


def tuned(arm, seed, start):
    change, rate = ARMS[arm]
    with seeded(100 + seed):
        model = change(deepcopy(start).requires_grad_(False))
    return learn(model, new_train, rate, steps=STEPS, size=4, seed=seed)


def per_byte(model, part):
    tokens, n_bytes = part
    return total_bits(model, tokens, 64, stride=64, size=32) / n_bytes


sizes = Sizes(vocabulary=V, context=64, d_model=64, n_heads=4, n_layers=2)
with seeded(0):
    base = Llama(sizes)
learn(base, old_train, 0.004, steps=500, size=8)
models = {arm: [tuned(arm, seed, base) for seed in SEEDS] for arm in ARMS}
new = {arm: np.array([per_byte(m, new_test) for m in models[arm]]) for arm in ARMS}
old = {arm: np.array([per_byte(m, old_test) for m in models[arm]]) for arm in ARMS}
before, old_before = per_byte(base, new_test), per_byte(base, old_test)

def percent(values):
    return f"{plus_minus(100 * values, 0)}%"


def size_of(arm):
    learning = [w for w in models[arm][0].parameters() if w.requires_grad]
    return sum(w.numel() for w in learning)


learning = {arm: size_of(arm) for arm in ARMS}
learning["scattered weights"] = learning["LoRA, rank 4"]  # the others get no gradient
SHORT = {
    "all": "all weights",
    "matrices": "all matrices",
    "r16": "LoRA, rank 16",
    "r4": "LoRA, rank 4",
    "r1": "LoRA, rank 1",
    "scattered": "scattered weights",
    "qv": "query and value, rank 19",
    "biases": "biases of the logits",
    "both": "rank 4 and biases",
    "r16_gently": "rank 16, gently",
    "gently": "all matrices, gently",
}
for short, arm in SHORT.items():
    note(
        **{
            f"n_{short}": f"{learning[arm]:,}",
            f"new_{short}": plus_minus(new[arm]),
            f"old_{short}": plus_minus(old[arm]),
        }
    )
gain = {arm: before - bits for arm, bits in new.items()}
lost = {arm: bits - old_before for arm, bits in old.items()}
mean = {arm: bits.mean() for arm, bits in new.items()}
order = ["LoRA, rank 16", "LoRA, rank 4", "LoRA, rank 1"]
assert mean["all weights"] < mean["all matrices"] < mean["LoRA, rank 16"] + 0.01
assert mean["LoRA, rank 16"] < mean["all matrices"] + 0.05
assert mean["all matrices"] < mean["LoRA, rank 4"] - 0.02
assert sorted(order, key=mean.get) == order
beyond_rank = mean["all matrices"] - mean["all weights"]
assert beyond_rank > mean["LoRA, rank 4"] - mean["all matrices"]
assert max(new["LoRA, rank 1"]) < before - 0.05
assert f"{learning['LoRA, rank 4'] / learning['all weights']:.0%}" == "7%"
note(
    steps=f"{STEPS}",
    new_before=f"{before:.2f}",
    old_before=f"{old_before:.2f}",
    share_all=percent(gain["LoRA, rank 4"] / gain["all weights"]),
    share_matrices=percent(gain["LoRA, rank 4"] / gain["all matrices"]),
)

#     what learns        weights that learn  prose, bits per byte  code, bits per byte
#     nothing: the base  0                   3.45                  3.06
#     LoRA, rank 1       2,416               3.32 ± 0.00           3.14 ± 0.01
#     LoRA, rank 4       9,664               3.31 ± 0.01           3.16 ± 0.02
#     LoRA, rank 16      38,656              3.28 ± 0.01           3.17 ± 0.01
#     all matrices       97,280              3.23 ± 0.01           3.22 ± 0.01
#     all weights        130,432             3.03 ± 0.02           3.41 ± 0.00

# Test topics and test files; means and standard deviations over three seeds, which
# decide the windows and the first weights of LoRA. The base is the same for all. What
# follows was tried with three other bases, and three other seeds for each, too; those
# runs are not shown.

# More rank brings more. Rank 16 comes close to the matrices as a whole; rank 4 and rank
# 1 learn less. (The larger part of what rank 4 lacks to all weights is no matter of
# rank: the matrices as a whole lack it, too.) But for its size it learns much. Why?


# Is the change of low rank?
# --------------------------

# Take the matrices that learned as a whole, and look at the change Δ W of each. If the
# hypothesis holds, few directions carry it. So cut it to its best r directions, those
# of the largest singular values, put only these back on the base, and measure. The
# control is r directions drawn at random.

def best(change, r):
    U, s, Vt = torch.linalg.svd(change, full_matrices=False)
    return U[:, :r] * s[:r] @ Vt[:r]


def drawn(change, r):
    dice = torch.Generator().manual_seed(r)
    Q, _ = torch.linalg.qr(torch.randn(change.shape[1], r, generator=dice))
    return change @ Q @ Q.T


def largest(change, r):
    """Keep as many entries as two matrices of rank r have weights."""
    n = min(r * sum(change.shape), change.numel())
    smallest = change.abs().flatten().topk(n).values[-1]
    return change * (change.abs() >= smallest)


@torch.no_grad()
def with_part(model, cut, r):
    """Give the base a part of what a model has changed."""
    some = deepcopy(base)
    for mine, theirs in zip(some.parameters(), model.parameters(), strict=True):
        if theirs.requires_grad:
            mine += cut(theirs - mine, r)
    return per_byte(some, new_test)


ranks = [1, 4, 16]
whole = models["all matrices"]
cuts = {
    cut.__name__: np.array([[with_part(m, cut, r) for r in ranks] for m in whole])
    for cut in (best, drawn, largest)
}

fig, ax = plots.figure(4.9, 3.1)
ax.set(xlabel="rank", ylabel="bits per byte, prose")
plots.log_ticks(ax, ranks)
trained = np.array([new[f"LoRA, rank {r}"] for r in (1, 4, 16)]).T
plots.curves(ax, ranks, cuts["drawn"], "ink-2", "random directions")
plots.curves(ax, ranks, cuts["best"], "linear", "best directions")
plots.curves(ax, ranks, cuts["largest"], "mlp", "largest entries")
plots.curves(ax, [1, 4, 16], trained, "attention", "LoRA")
plots.level(ax, y=before)
plots.level(ax, y=new["all matrices"].mean())

def holding(change, share=0.9):
    """Count the directions that hold so much of the squared length."""
    strength = torch.linalg.svdvals(change).square()
    return int((strength.cumsum(0) < share * strength.sum()).sum()) + 1


@torch.no_grad()
def alike(model, other):
    """Average the cosine between the best four directions of two models' changes."""
    cosines = [
        F.cosine_similarity(
            best(one - mine, 4).flatten(), best(two - mine, 4).flatten(), dim=0
        )
        for (name, mine), one, two in zip(
            base.named_parameters(), model.parameters(), other.parameters(), strict=True
        )
        if name.startswith("layers") and "norm" not in name
    ]
    return torch.stack(cosines).mean().item()


changes = [
    (theirs - mine).detach()
    for model in whole
    for mine, theirs in zip(base.parameters(), model.parameters(), strict=True)
    if theirs.requires_grad
]
dice = torch.Generator().manual_seed(0)
shuffled = [
    w.flatten()[torch.randperm(w.numel(), generator=dice)].view_as(w) for w in changes
]
held = np.mean([holding(w) for w in changes])
held_shuffled = np.mean([holding(w) for w in shuffled])
thin = [merge(deepcopy(model)) for model in models["LoRA, rank 4"]]
near = np.mean([alike(*pair) for pair in zip(whole, thin, strict=True)])
near_whole = np.mean([alike(*pair) for pair in zip(whole, whole[1:] + whole[:1])])
longer = np.array([with_part(m, lambda W, r: 1.5 * best(W, r), 4) for m in whole])
kept = {
    name: (before - bits) / (before - new["all matrices"])[:, None]
    for name, bits in {**cuts, "lora": trained}.items()
}  # (3 seeds, 3 ranks)
assert 2 * 4 < held < 0.75 * held_shuffled
low, middle, high = (
    {name: part[:, n] for name, part in kept.items()} for n in range(3)
)
assert low["lora"].mean() > max(low[cut].mean() for cut in cuts) + 0.1
assert middle["lora"].mean() > middle["best"].mean() + 0.05
assert min(middle["best"]) > max(middle["drawn"]) + 0.2 and middle["best"].mean() < 0.75
assert near < 0.75 * near_whole
assert longer.mean() > cuts["best"][:, 1].mean()
assert middle["largest"].mean() > middle["best"].mean()
assert abs(high["lora"].mean() - high["best"].mean()) < 0.12
note(
    held=f"{held:.0f}",
    held_shuffled=f"{held_shuffled:.0f}",
    cosine=f"{near:.1f}",
    cosine_whole=f"{near_whole:.1f}",
)
for name, shares in kept.items():
    note(**{f"kept_{name}_{r}": percent(s) for r, s in zip(ranks, shares.T)})
gap = new["scattered weights"] - new["LoRA, rank 4"]
assert gap.mean() < 0.02
assert mean["query and value, rank 19"] > mean["LoRA, rank 4"] + 0.02
assert mean["biases of the logits"] < mean["LoRA, rank 1"] + 0.01
assert mean["rank 4 and biases"] < mean["LoRA, rank 4"] - 0.03
assert mean["rank 4 and biases"] < mean["all matrices"] + 0.03
parts = gain["LoRA, rank 4"] + gain["biases of the logits"]
assert gain["rank 4 and biases"].mean() < parts.mean() - 0.02

# Few directions do carry more than their share. On average over the matrices, 15 of 64
# directions hold 90% of the squared length of a change; shuffle its entries, and it
# takes 38. The best four bring back 66 ± 4% of the gain, four random ones 14 ± 1%. But
# of this change four are not enough, and one brings 34 ± 1%. LoRA of rank 4 gets 75 ±
# 3%, of rank 1 62 ± 1%. Is the best part only too short, once the rest is cut off? One
# and a half times as long, it brings back less. So LoRA does not find the best part of
# what the whole matrices change. It finds another change: the cosine between the two is
# 0.2 on average. Between the best four of two such whole changes it is 0.4, though
# these have read other windows. With rank 16 the two are close. So both voices above
# can be right: what changes when all may change is not of low rank, and yet a change of
# low rank does much of the work.

# Now the rival. Perhaps it is not the rank that matters, and any few numbers would do.
# The largest entries of the whole change, as many as LoRA of rank 4 has weights, bring
# back 73 ± 1%: no less than the best directions. And `scattered` lets 9,664 weights
# learn that are drawn at random from all over the matrices. It comes to 3.27 ± 0.01
# bits, LoRA with as many to 3.31 ± 0.01: LoRA is not ahead. (On the code it has lost
# less, 0.09 ± 0.02 bits against 0.14 ± 0.01; its rate is lower, too.) So a low rank is
# one way to say much in few numbers, and here no better than a draw. What speaks for it
# is its form. It is two thin matrices, with small gradients; `scattered` computes the
# gradients of whole matrices and throws most of them away.


# Where counts
# ------------

# In its main experiments the paper put its changes beside queries and values only. With
# as many weights, this comes to 3.35 ± 0.00 here; beside all matrices it was 3.31 ±
# 0.01.

# And how about a place outside the matrices? The prose has its tokens in other
# proportions than the code. A bias for each logit can say just that. So let these 513
# numbers learn, and nothing else.

# So before you raise the rank, ask what is new in the new text, and what the base
# lacks: to one that had read for 300 steps in place of 500, the biases alone brought
# more than all matrices (that run is not shown).


# Does it forget?
# ---------------

# Look at the last column of the table. All weights lose 0.35 ± 0.00 bits a byte of the
# code, LoRA of rank 16 0.10 ± 0.03, of rank 4 0.09 ± 0.02. This is forgetting, and LoRA
# forgets less: so Biderman et al. (2024) found it, too. But it also has learned less.
# Is that all there is to it? The rival is the rate. So give LoRA, and the same matrices
# as a whole, a rate that is too low, and compare what they gain with what they lose:

#     bits per byte                        gained on prose  lost on code
#     LoRA, rank 16                        0.17 ± 0.01      0.10 ± 0.03
#     LoRA, rank 16, half the rate         0.15 ± 0.01      0.07 ± 0.02
#     all matrices                         0.19 ± 0.01      0.13 ± 0.02
#     all matrices, a quarter of the rate  0.15 ± 0.01      0.05 ± 0.01

# Compare the second row with the last: about the same gain, and the matrices as a whole
# lose no more than LoRA. So it is not the low rank that keeps the code. At its best
# rate LoRA forgets less than all weights do at theirs, and learns less; at an equal
# gain nothing speaks for it here.

for short, arm in SHORT.items():
    note(**{f"gained_{short}": plus_minus(gain[arm])})
    note(**{f"lost_{short}": plus_minus(lost[arm])})
thin, thick = "rank 16, gently", "all matrices, gently"
assert abs(gain[thick].mean() - gain[thin].mean()) < 0.03
assert lost[thick].mean() < lost[thin].mean() + 0.02
assert lost["biases of the logits"].mean() > 1.5 * lost["LoRA, rank 1"].mean()
assert lost["LoRA, rank 4"].mean() < lost["scattered weights"].mean()
order = [lost[arm].mean() for arm in ("LoRA, rank 4", "LoRA, rank 16", "all weights")]
assert order[2] > order[1] + 0.1 and order[2] > order[0] + 0.1


# What it costs
# -------------

def seconds(*several):
    """Time a step of each model, in turns; the best of seven tries of five."""
    times = [[] for _ in several]
    for _ in range(7):
        for model, own in zip(several, times):
            start = time.perf_counter()
            learn(model, new_train, 0.0, steps=5, size=4)
            own.append((time.perf_counter() - start) / 5)
    return [min(own) for own in times]


time_full, time_thin = seconds(everything(deepcopy(base)), adapt(deepcopy(base), 4))
merged = merge(deepcopy(models["LoRA, rank 4"][0]))

window = new_train[None, :64]
assert torch.allclose(merged(window), models["LoRA, rank 4"][0](window), atol=1e-4)
assert {name: w.shape for name, w in merged.named_parameters()} == {
    name: w.shape for name, w in base.named_parameters()
}
note(
    time_full=f"{1000 * time_full:.0f}",
    time_thin=f"{1000 * time_thin:.0f}",
    kept_all=f"{12 * learning['all weights'] / 1000:,.0f}",
    kept_r4=f"{12 * learning['LoRA, rank 4'] / 1000:,.0f}",
)

# A gradient and two running means, 4 bytes each, are 1,565 kB for all weights, 116 kB
# for LoRA of rank 4. The weights themselves must be there for either. Time is another
# matter. A full step takes 19 ms, one of LoRA 24 ms, on the machine that built this
# page. For each matrix, full training takes three products: forwards, and backwards to
# its input and to its weights. LoRA saves the third, and adds small ones of its own.
# What it saves is memory, and the file: a text is kept in 9,664 numbers.


# Where it fails
# ==============

# Now take the same model as it was drawn, before it had read anything, and teach it the
# prose in the same way, with rates of its own.

def with_vectors(model):
    adapt(model, 4).tokens.weight.requires_grad_(True)
    return model


BLANK = {
    "raw, rank 4": (partial(adapt, rank=4), 0.008),
    "raw, rank 4 and vectors": (with_vectors, 0.016),
    "raw, all weights": (everything, 0.004),
}
ARMS |= BLANK
with seeded(0):
    raw = Llama(sizes)
blank = {
    arm: np.array([per_byte(tuned(arm, seed, raw), new_test) for seed in SEEDS])
    for arm in BLANK
}

for short, bits in zip(("r4", "vectors", "all"), blank.values()):
    note(**{f"raw_{short}": plus_minus(bits)})
note(raw_before=f"{per_byte(raw, new_test):.2f}")
thin, with_them, whole_model = blank.values()
assert min(thin) > before + 0.8
assert max(with_them) < min(thin) - 0.8
assert with_them.mean() < whole_model.mean() - 0.1
assert whole_model.mean() > before + 0.1

# It steers what is there:

# LoRA of rank 4 brings a blank model from 4.86 to 4.76 ± 0.02 bits a byte. The trained
# base stood at 3.45 before it had seen a single help text. The matrices read the
# tokens' vectors, and the guesses are made with the same vectors; with LoRA these stay
# as they were drawn. Let them learn beside LoRA of the same rank, and it comes to 3.51
# ± 0.04, further than all weights together at a quarter of the rate, 3.91 ± 0.08. So
# what a blank model lacks first lies outside the matrices, where LoRA does not reach.

# And even all weights, taught in this way, stay behind the base that nobody has taught:
# fine-tuning lives on what the base has learned. Ours has read a part of one library.
# Others have read for weeks, on many machines, and are given away, with all their
# weights. Are they made of the parts that you have built? That is the next stop of the
# map.
