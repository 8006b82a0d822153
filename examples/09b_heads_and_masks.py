"""Several questions at once: heads and masks.

Stop 9b of the path as a script: the code of the page
https://transformer-path.github.io/transformer-path/09b-heads-and-masks.html, its prose
as comments. You will have multi-head attention with every mask, equal to torch's, and
what it costs. The numbers in the comments are the page's; the script computes and
prints them. It needs the book's package, runs from anywhere, and can save the figures
in a folder:

    pip install "transformer-path @ git+https://github.com/transformer-path/transformer-path"
    python examples/09b_heads_and_masks.py
    python examples/09b_heads_and_masks.py --figures FOLDER
"""

from transformer_path.workshop import script

script.start()


# The question
# ============

# One attention brought back one average, and two side by side found what one could not.
# How do several attentions become one layer? Who may ask whom? And what does it cost?

from functools import cache
from time import thread_time

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from transformer_path.transformer.attention import (
    MultiHeadAttention,
    attention,
    causal_mask,
    merge_heads,
    padding_mask,
    split_heads,
)
from transformer_path.workshop import plots
from transformer_path.workshop.datasets import Examples
from transformer_path.workshop.notes import note
from transformer_path.workshop.trials import trials


# The idea: split, attend, merge
# ==============================

# Take the C numbers of a query and cut them into H pieces of D = C / H. Do the same
# with keys and values. Now there are H small attentions, the heads, and none of them
# knows of the others. Each gives D numbers at every position; laid side by side they
# are C numbers again, and a last matrix mixes them. This is multi-head attention
# (Vaswani et al., 2017). (Our layer adds biases; the formula leaves them out.)

#     Q_h = X W_h^Q,    K_h = X W_h^K,    V_h = X W_h^V
#     Y_h = softmax((Q_h K_hᵀ)/√D) V_h
#     Y = [Y_1 ... Y_H ] W^O

#     symbol               meaning                      shape
#     X, Y                 what goes in, and comes out  `(B, T, C)`
#     Q_h, K_h, V_h, Y_h   of one head                  `(B, T, D)`
#     W_h^Q, W_h^K, W_h^V  its matrices                 `(C, D)`
#     W^O                  mixes the heads              `(C, C)`

# The lines of the package: transformer_path.transformer.attention.split_heads

# The lines of the package: transformer_path.transformer.attention.merge_heads

# The matrices of all heads lie in one, so one product makes the queries of all of them.
# Then the heads become an axis of their own, beside that of the batch. `attention`
# works on the last two axes and leaves the others alone: not a line of it has to
# change. That is the whole layer:

# The lines of the package:
# transformer_path.transformer.attention.MultiHeadAttention.forward

# Step through it with one sequence of three positions, four numbers each, and two
# heads: B = 1, T = 3, C = 4, H = 2, D = 2.

def by_seed(seed):
    return torch.Generator().manual_seed(seed)


layer = MultiHeadAttention(4, n_heads=2, generator=by_seed(1))
x = 3 * torch.randint(-2, 3, (1, 3, 4), generator=by_seed(5)).float()
three = (x @ layer.in_proj_weight.mT + layer.in_proj_bias).chunk(3, -1)
query, key, value = (split_heads(part, 2) for part in three)  # (1, 2, 3, 2)
answers, weights = attention(query, key, value)  # (1, 2, 3, 2), (1, 2, 3, 3)
merged = merge_heads(answers)  # (1, 3, 4)
result = layer.out_proj(merged)

def table(ax, name, values, color, place):
    """A tensor as a grid of numbers."""
    x, y = place
    largest = values.abs().max().item()
    for i, row in enumerate(values.tolist()):
        for j, number in enumerate(row):
            shade = 0.06 + 0.26 * abs(number) / largest
            box = plots.plt.Rectangle((x + j, y + i), 1, 1, alpha=shade, lw=0)
            box.set_facecolor(plots.LIGHT[color])
            ax.add_patch(box)
            text = f"{number:.1f}".replace("-", "−")
            middle = (x + j + 0.5, y + i + 0.5)
            ax.text(*middle, text, ha="center", va="center", fontsize=8.5)
    hue = plots.LIGHT[color]
    ax.text(x, y - 0.25, name, va="bottom", fontsize=9.5, weight="bold", color=hue)


def frame(*tables):
    fig, ax = plots.figure(4.9, 3.2)
    for parts in tables:
        table(ax, *parts)
    ax.set(xlim=(0, 14.2), ylim=(9.3, 0), aspect="equal")
    ax.axis("off")
    return fig


def both(parts, color, name, column):
    """The tables of two heads, one above the other."""
    return [
        (f"{name} {h + 1}", parts[0, h], color, (column, 1.1 + 4.8 * h)) for h in (0, 1)
    ]


names = ["query", "key", "value"]
stepper = plots.Stepper("one layer of multi-head attention, step by step")
stepper.add(
    frame(
        ("x", x[0], "ink", (0, 1.1)),
        *[(n, p[0], n, (5 * i, 5.9)) for i, (n, p) in enumerate(zip(names, three))],
    ),
    "Three matrices make queries, keys and values of x: three times (1, 3, 4).",
)
stepper.add(
    frame(
        *both(query, "query", "query", 0),
        *both(key, "key", "key", 5),
        *both(value, "value", "value", 10),
    ),
    "Split: two columns belong to head 1, two to head 2. Three times (1, 2, 3, 2).",
)
stepper.add(
    frame(
        *both(weights, "attention", "weights", 0),
        *both(value, "value", "value", 5),
        *both(answers, "attention", "answers", 10),
    ),
    "Attend: each head has weights of its own, (1, 2, 3, 3), times its values.",
)
stepper.add(
    frame(
        *both(answers, "attention", "answers", 0),
        ("merged", merged[0], "attention", (3.6, 1.1)),
        ("result", result[0], "attention", (9, 1.1)),
    ),
    "Merge: side by side again, (1, 3, 4). The last matrix mixes all four columns.",
)
script.keep(stepper)

torch.testing.assert_close(result, layer(x)[0])
assert (weights[0, 0].argmax(-1) != weights[0, 1].argmax(-1)).any()
sizes = {sum(p.numel() for p in MultiHeadAttention(8, h).parameters()) for h in (1, 8)}
assert len(sizes) == 1


# Who may ask whom: masks
# =======================

# A mask is a table of True and False: a row for each query, a column for each key.
# Where it says False, the score z_ts is replaced before the softmax by the lowest
# number there is:

#     A_ts = (M_ts e^(z_ts))/(Σ_r M_tr e^(z_tr))

#     # scores: (B, H, T, S), mask: fits it
#     scores = scores.masked_fill(~mask, lowest)
#     weights = scores.softmax(-1) * mask

# So the weight is 0 and the rest of the row still adds up to 1, as long as one True is
# left in it. (To set weights to 0 after the softmax would be something else: the row
# would no longer add up to 1, and would depend on scores that were to be hidden.) Two
# masks are in daily use.

# - The causal mask, (T, T): each position looks at itself and at those before it.
#   Whoever is to predict the next word must not have read it.
# - The padding mask, (B, 1, 1, S): nobody looks at what only fills up a shorter
#   sequence.

# Each has an axis that the other lacks, so `causal_mask(T) & padding_mask(alive)` is a
# table of (B, 1, T, T), by broadcasting. How do you see that a mask does its work? Not
# by looking at it. Ask for what it promises: change one position; which results change?
# Not roughly: exactly, to the last bit.

T, alive = 6, torch.tensor([[True, True, True, True, False, False]])
masks = {
    "none": None,
    "causal": causal_mask(T),
    "padding": padding_mask(alive),
    "both": causal_mask(T) & padding_mask(alive),
}
wide = MultiHeadAttention(12, 3, generator=by_seed(0)).double()
x = torch.randn(1, T, 12, generator=by_seed(1), dtype=torch.float64)


def changed(mask):
    """Row s: the results that are another number if position s is another."""
    rows = []
    for s in range(T):
        other = x.clone()
        other[:, s] += 1
        rows.append((wide(other, mask=mask)[0] != wide(x, mask=mask)[0])[0].any(-1))
    return torch.stack(rows)  # (T, T)


moved = {name: changed(mask) for name, mask in masks.items()}

fig, axes = plots.panels(moved, 4, height=1.9)
for ax, table_of in zip(axes, moved.values()):
    plots.heatmap(ax, table_of.float())
    ax.set(xticks=range(T), yticks=range(T))
    ax.tick_params(length=0, labelsize=8)
    ax.spines[:].set_visible(True)
axes[0].set_ylabel("changed")
_ = fig.supxlabel("results", fontsize=9.75, color=plots.LIGHT["ink-2"])

later, own = torch.ones(T, T).triu().bool(), torch.eye(T).bool()
real = alive.expand(T, T).mT  # rows of real positions
assert moved["none"].all()
assert torch.equal(moved["causal"], later)
assert torch.equal(moved["padding"], real | own)
assert torch.equal(moved["both"], real & later | own)

# Read down a column: under the causal mask the result at position 2 changes with 0, 1
# and 2, and with nothing later. And no result of a real position depends on padding.


# Proof
# =====

# Torch's layer has parameters of the same names and shapes, so a state dict goes from
# one to the other. Ten draws of weights, biases and inputs, with five masks, the last
# one drawn for each head and sequence; what torch is told is written out anew, not made
# of our masks. Results, weights and the gradients of the input and all parameters, to
# ten digits after the point:

B, H, C = 2, 3, 12
alive = torch.arange(T) < torch.tensor([[4], [6]])
future = torch.ones(T, T).triu(1).bool()  # for torch's layer True hides
EXACT = {"rtol": 0, "atol": 1e-10}


def outcome(layer, ask, x, upstream):
    result, weights = ask(x)
    total = sum((part * up).sum() for part, up in zip((result, weights), upstream))
    return [result, weights, *torch.autograd.grad(total, [x, *layer.parameters()])]

for seed in range(10):
    generator = by_seed(seed)
    drawn = torch.rand(B, H, T, T, generator=generator) < 0.5
    drawn |= torch.eye(T).bool()  # so that each position sees something
    kinds = {
        "none": (None, {}),
        "causal": (causal_mask(T), {"attn_mask": future}),
        "padding": (padding_mask(alive), {"key_padding_mask": ~alive}),
        "both": (
            causal_mask(T) & padding_mask(alive),
            {"attn_mask": future, "key_padding_mask": ~alive},
        ),
        "drawn": (drawn, {"attn_mask": ~drawn.flatten(0, 1)}),
    }
    ours = MultiHeadAttention(C, H, generator=generator).double()
    for bias in (ours.in_proj_bias, ours.out_proj.bias):  # they begin with 0
        nn.init.normal_(bias, generator=generator)
    theirs = nn.MultiheadAttention(C, H, batch_first=True).double()
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(B, T, C, generator=generator, dtype=torch.float64).requires_grad_()
    upstream = [torch.randn_like(part) for part in ours(x)]
    for mask, told in kinds.values():
        told = {**told, "average_attn_weights": False}
        for a, b in zip(
            outcome(ours, lambda x: ours(x, mask=mask), x, upstream),
            outcome(theirs, lambda x: theirs(x, x, x, **told), x, upstream),
            strict=True,
        ):
            torch.testing.assert_close(a, b, **EXACT)

# And torch's function, `scaled_dot_product_attention`, on queries, keys and values that
# are cut into heads, with the same masks:

for seed in range(10):
    generator = by_seed(seed)
    heads = [
        torch.randn(
            B, H, T, 4, generator=generator, dtype=torch.float64
        ).requires_grad_()
        for _ in range(3)
    ]
    drawn = (torch.rand(B, H, T, T, generator=generator) < 0.5) | torch.eye(T).bool()
    seen = alive[:, None, None].expand(B, 1, T, T)
    for mask, told in (  # for torch's function True shows
        (None, None),
        (causal_mask(T), ~future),
        (padding_mask(alive), seen),
        (causal_mask(T) & padding_mask(alive), seen & ~future),
        (drawn, drawn),
    ):
        found = []
        for result in (
            attention(*heads, mask)[0],
            F.scaled_dot_product_attention(*heads, told),
        ):
            total = (result * torch.arange(4)).sum()
            found.append([result, *torch.autograd.grad(total, heads)])
        for a, b in zip(*found, strict=True):
            torch.testing.assert_close(a, b, **EXACT)

# True means two things. In this book, and in torch's function
# `scaled_dot_product_attention`, True means may look. In torch's layer
# `nn.MultiheadAttention` it means may not look, in `attn_mask` and in
# `key_padding_mask`. Give one the causal mask of the other, and there is no error: the
# shape is the same.

mask = causal_mask(T)
with torch.no_grad():
    right, swapped = (theirs(x, x, x, attn_mask=m)[0] for m in (~mask, mask))
    torch.testing.assert_close(ours(x, mask=mask)[0], right, **EXACT)
    assert (right - swapped)[:, :-1].abs().amax(-1).min() > 1e-3


# A position that may look nowhere
# ================================

# Put the padding at the left, and add the causal mask. The first position may look only
# at itself, says the causal mask; and not at itself, says the padding mask. So it may
# look nowhere. The softmax of a row without scores is 0 divided by 0. What is it to be?
# Here it is 0, by definition: the weights are multiplied by the mask, and the average
# is a vector of zeros, to which the last layer adds its bias. And torch?

left = torch.arange(T) >= torch.tensor([[0], [2]])  # (B, T): True where real
mask = causal_mask(T) & padding_mask(left)
nowhere = ~mask.any(-1)[:, 0]  # (B, T): those that may look nowhere
told = {"attn_mask": future, "key_padding_mask": ~left}


def empty_row(result):
    """What the average is there, and the gradient of a loss that leaves it out."""
    loss = result[left].square().sum()
    gradients = torch.autograd.grad(loss, inputs)
    finite = all(g.isfinite().all() for g in gradients)
    inside = result[nowhere] - ours.out_proj.bias  # drawn, and the same in all four
    zero = inside.abs().max() < 1e-12
    word = "0" if zero else "NaN" if inside.isnan().all() else "else"
    return word, "finite" if finite else "NaN", loss.item(), gradients[1:]


inputs = [x, *ours.parameters()]
found = {"ours": empty_row(ours(x, mask=mask)[0])}
inputs = [x, *theirs.parameters()]
for name, need in (("layer", True), ("quick", False)):
    found[name] = empty_row(theirs(x, x, x, need_weights=need, **told)[0])
query, key, value = (
    F.linear(x, w, b)
    for w, b in zip(theirs.in_proj_weight.chunk(3), theirs.in_proj_bias.chunk(3))
)
parts = [split_heads(part, H) for part in (query, key, value)]
found["function"] = empty_row(
    theirs.out_proj(merge_heads(F.scaled_dot_product_attention(*parts, mask)))
)

assert nowhere.sum() == 2 and not (nowhere & left).any()
assert {n: f[:2] for n, f in found.items()} == {
    "ours": ("0", "finite"),
    "layer": ("NaN", "NaN"),
    "quick": ("0", "finite"),
    "function": ("0", "finite"),
}
losses = torch.tensor([f[2] for f in found.values()])
torch.testing.assert_close(losses, losses[:1].expand(4))
assert ours.out_proj.bias.abs().min() > 1e-3  # so 0 is not what it adds
with torch.no_grad():  # one step of gradient descent
    for p, gradient in zip(theirs.parameters(), found["layer"][3]):
        p -= 0.01 * gradient
    assert theirs(x, x, x)[0].isnan().all()  # without any mask
note(torch_version=torch.__version__.partition("+")[0])
note(**{f"empty_{n}": f[0] for n, f in found.items()})
note(**{f"finite_{n}": f[1] for n, f in found.items()})

# - ours: 0; finite
# - `nn.MultiheadAttention`: NaN; NaN
# - the same, with `need_weights=False`: 0; finite
# - `F.scaled_dot_product_attention`: 0; finite

# (Torch 2.13.0; other versions may differ.) The same layer with the same parameters
# answers in two ways, depending on whether you want to see the weights. The loss is the
# same number in all four rows: it leaves the two empty positions out. But 0 times NaN
# is NaN, and so, in one row of the table, training is over after one step: then every
# result is NaN.


# The experiment: what are heads for?
# ===================================

# Begin with a task that needs them. Eight pairs of a key and a value stand in a
# sequence, and the last position holds four of the keys, each in a slot of its own. The
# answer is their four values, in order. One layer, 32 numbers wide, with a linear
# readout, and 1, 2, 4, 8 or 16 heads: always the same number of parameters.

KEYS, VALUES, PAIRS, ASKED = 8, 8, 8, 4
NOTHING = KEYS + VALUES + ASKED * KEYS  # the last of the symbols


@cache
def lookups(n, seed):
    """Eight pairs, then four of their keys, (n, 9, 4); their values, (n, 4)."""
    generator = by_seed(seed)
    key = torch.rand(n, KEYS, generator=generator).argsort(1)[:, :PAIRS]
    value = torch.randint(VALUES, (n, PAIRS), generator=generator)
    places = torch.rand(n, PAIRS, generator=generator).argsort(1)[:, :ASKED]
    slot = KEYS + VALUES + KEYS * torch.arange(ASKED)
    pairs = F.pad(torch.stack([key, KEYS + value], -1), (0, 2), value=NOTHING)
    last = key.gather(1, places)[:, None] + slot[None, None]
    return Examples(torch.cat([pairs, last], 1), value.gather(1, places))


class Asking(nn.Module):
    """Layers of attention; the last position answers."""

    def __init__(self, heads, start=1, width=32, layers=1, hidden=0, answers=ASKED):
        super().__init__()
        self.symbols = nn.Embedding(NOTHING + 1, width)
        nn.init.normal_(self.symbols.weight, std=start)
        self.layers = nn.ModuleList(
            MultiHeadAttention(width, heads) for _ in range(layers)
        )
        out = answers * VALUES
        self.readout = nn.Linear(width, out)
        if hidden:
            self.readout = nn.Sequential(
                nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, out)
            )

    def forward(self, symbols):
        x = self.symbols(symbols).sum(-2)  # (N, T, C)
        for layer in self.layers[:-1]:
            x = x + layer(x)[0]
        last = x[:, -1:]  # of the last layer, one result is enough
        last = last + self.layers[-1](last, x)[0]
        return self.readout(last[:, 0]).unflatten(-1, (-1, VALUES)).squeeze(1)

# Each kind learns from 500 batches of 32 fresh sequences by Adam, from four seeds, and
# is asked about 2,000 others. The standard deviation of its first embeddings and its
# learning rate are those with the smallest loss on further fresh sequences, in runs
# that are not repeated here: of 1, 0.5, 0.3 and 0.1, most with two to five rates from
# 0.001 to 0.016.

TEST = 2**41  # a seed of its own


def learn(build, task, rate, seeds=4):
    """Train one network for each seed, on fresh examples."""
    (trial,) = trials({0: build}, task, rates=[rate], steps=500, seeds=range(seeds))
    return trial.models


@torch.no_grad()
def hits(models, examples):
    """Which values each model names rightly, (models, N, 4)."""
    return torch.stack([m(examples.x).argmax(-1) == examples.y for m in models])


starts = {1: 0.3, 2: 0.3, 4: 0.3, 8: 1, 16: 0.5}
rates = {1: 0.002, 2: 0.008, 4: 0.008, 8: 0.008, 16: 0.012}
unseen = lookups(2000, TEST)
models = {
    heads: learn(lambda: Asking(heads, start), lookups, rates[heads])
    for heads, start in starts.items()
}
right = {h: hits(m, unseen).float().mean((1, 2)) for h, m in models.items()}  # (4,)

fig, ax = plots.figure(4.9, 2.8)
counts = list(right)
ax.set(xscale="log", ylim=(0, 1.05), xlabel="heads", ylabel="right values")
runs = torch.stack(list(right.values())).mT.numpy()  # (4, 5)
plots.curves(ax, counts, runs, "attention")
commonest = (unseen.y == unseen.y.mode(1, keepdim=True).values).float().mean()
ax.plot(1, commonest, "o", mfc="none", ms=11, color=plots.LIGHT["ink"])
plots.level(ax, "guess", y=1 / VALUES)
plots.log_ticks(ax, x=counts)

# With two heads 68 ± 2% are right: more than two answers and two guesses, (2 + 2/8)/4 =
# 56%. A head is not bound to one answer. But with four, which get 100%, you can see who
# asks for what:

key_asked = unseen.x[:, -1] - KEYS - VALUES - KEYS * torch.arange(ASKED)  # (N, 4)
fits = unseen.x[:, None, :-1, 0] == key_asked[..., None]  # (N, slot, pair)
finds = []
best = right[4].argsort(descending=True)[:3].tolist()  # three of four seeds
for model in [models[4][seed] for seed in best]:
    with torch.no_grad():
        x = model.symbols(unseen.x).sum(-2)
        _, weights = model.layers[0](x[:, -1:], x)  # (N, head, 1, T)
    finds.append((weights[..., :-1] * fits[:, None]).sum(-1).mean(0))  # (head, slot)

fig, axes = plots.panels([f"seed {seed}" for seed in best], 3, height=1.9)
for ax, found in zip(axes, finds):
    plots.heatmap(ax, found, scale=1)
    ax.set(xticks=range(4), yticks=range(4), xticklabels="1234", yticklabels="1234")
    ax.tick_params(length=0, labelsize=8)
    ax.spines[:].set_visible(True)
axes[0].set_ylabel("head")
_ = fig.supxlabel("slot", fontsize=9.75, color=plots.LIGHT["ink-2"])

# Nobody has told the heads to divide the work.

# So here more heads stop paying at four, as many as there are questions: eight get 99%,
# and sixteen only 94 ± 2%. Why fewer again? Each of them has two numbers to tell eight
# keys apart, and two to carry one of eight values. If the width is the reason, sixteen
# wider heads should do better. If it is their number, they should not.

# And is it heads that one head lacks? Twice the width did not help it with two
# questions. Two other rivals: one head with an MLP behind it, and two layers with one
# head each. Both have more parameters than the four heads had. Three seeds each, and
# the same choice of starts and rates.

rivals = {
    "sixteen heads, twice as wide": (lambda: Asking(16, 0.5, width=64), 0.004),
    "one head, then an MLP": (lambda: Asking(1, 0.3, hidden=128), 0.004),
    "one head in each of two layers": (lambda: Asking(1, 0.5, layers=2), 0.008),
}
for name, (build, rate) in rivals.items():
    models[name] = learn(build, lookups, rate, seeds=3)
    right[name] = hits(models[name], unseen).float().mean((1, 2))

fig, ax = plots.figure(4.9, 2.7)
rows = {"one head": right[1], "four heads": right[4], "sixteen heads": right[16]}
plots.dots(ax, rows | {name: right[name] for name in rivals}, "attention")
_ = ax.set(xlim=(0, 1.05), xlabel="right values")

sizes = {
    name: sum(p.numel() for p in found[0].parameters())
    for name, found in models.items()
}
assert len({sizes[h] for h in (1, 2, 4, 8, 16)}) == 1
assert all(sizes[name] > 1.2 * sizes[4] for name in rivals)
assert right[4].median() > 0.98 and right[4].mean() > 0.93 and right[8].mean() > 0.93
assert right[8].mean() < right[4].mean() + 0.04
assert (right[1] - commonest).abs().max() < 0.05
assert right[2].mean() > 0.5625 + 0.04  # more than two answers and two guesses
assert (
    right[1].max() + 0.1 < right[2].min() and right[2].max() < right[4].median() - 0.1
)
wide_16 = right["sixteen heads, twice as wide"]
assert right[16].mean() < wide_16.min() - 0.03 and wide_16.min() > 0.98
behind, deeper = right["one head, then an MLP"], right["one head in each of two layers"]
assert right[1].max() + 0.05 < behind.min() and max(behind.max(), deeper.max()) < 0.8
for found in finds:
    assert (
        sorted(found.argmax(1).tolist()) == [0, 1, 2, 3] and found.amax(1).min() > 0.8
    )
note(commonest=f"{commonest:.0%}")
shown = {f"heads_{h}": right[h] for h in counts}
shown |= {"wide_16": wide_16, "with_mlp": behind, "two_layers": deeper}
for name, shares in shown.items():
    note(**{name: f"{100 * shares.mean():.0f} ± {100 * shares.std():.0f}%"})

# Sixteen heads of four numbers get 100%. So it was not their number. Eight heads had
# four numbers each, too, and no more parameters than the sixteen narrow ones. It is the
# width of a head that more heads cost, as Bhojanapalli et al. (2020) argue for large
# models. (Mean and standard deviation over seeds. It says what is learned in 500
# batches, not what two numbers can hold in the end.)

# The rivals say something finer. One head with an MLP behind it comes to 56 ± 3%, two
# layers to 63 ± 2%: far less than four heads, after 500 batches. Longer training may
# change that: Liu et al. (2021) trained very deep models of one head that did better
# than those with many. Heads are one way to look at several places; they do it at the
# same time.


# What it costs
# =============

# Count multiplications and additions. A product of (n, m) and (m, k) takes n · m · k of
# each. The four matrices take 2T C² operations each. The scores take 2T² D in each
# head, the averages as many, and as H · D = C, the number of heads drops out:

#     [8 T C²: four matrices] + [4 T² C: scores and averages]

#     four_matrices = 4 * 2 * T * C * C
#     pairs = 2 * 2 * T * T * C

# And the code? Torch counts the operations of all matrix products while the layer runs,
# here on tensors that have shapes but no numbers. Beside the operations stands the
# memory: all that is kept until the gradient is asked for.

def operations(T, C, heads):
    """What the layer does: for pairs of positions, and in all."""
    with torch.device("meta"):  # shapes without numbers
        layer, x = MultiHeadAttention(C, heads), torch.empty(1, T, C)
    with FlopCounterMode(display=False) as counter:
        layer(x)
    counts = counter.get_flop_counts()["Global"]
    return counts[torch.ops.aten.bmm], counter.get_total_flops()


def kept(function, *inputs):
    """How many numbers are kept for the gradient."""
    storages = {}

    def keep(tensor):
        numbers = tensor.untyped_storage().nbytes() // tensor.element_size()
        storages[tensor.untyped_storage().data_ptr()] = numbers
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        function(*inputs)
    return sum(storages.values())


def by_hand(query, key, value):
    return attention(query, key, value)[0]


def parts(T, heads=4, C=64):
    """Queries, keys and values, cut into heads."""
    generator = by_seed(T)
    shape = (1, heads, T, C // heads)
    return [torch.randn(shape, generator=generator).requires_grad_() for _ in range(3)]


lengths = [64, 128, 256, 512, 1024, 2048]
counted = {T: operations(T, 512, 8) for T in lengths}
stored = {
    name: [kept(function, *parts(T)) for T in lengths]
    for name, function in {
        "by hand": by_hand,
        "torch's function": F.scaled_dot_product_attention,
    }.items()
}

fig, axes = plots.stacked(1, 1, height=4.6)
pairs = [counted[T][0] / 1e9 for T in lengths]
matrices = [(counted[T][1] - counted[T][0]) / 1e9 for T in lengths]
axes[0].set(ylabel="operations, billions", xscale="log", yscale="log")
axes[0].set(ylim=(5e-3, 20))
axes[1].set(ylabel="numbers kept, millions", xlabel="T", yscale="log", ylim=(0.01, 30))
plots.curves(axes[0], lengths, pairs, "attention", "pairs")
plots.curves(axes[0], lengths, matrices, "linear", "matrices")
plots.level(axes[0], "2C", x=1024)
by_hand_kept, torch_kept = (torch.tensor(n) / 1e6 for n in stored.values())
plots.curves(axes[1], lengths, by_hand_kept, "attention", "by hand")
plots.curves(axes[1], lengths, torch_kept, "ink-2", "torch's")
plots.log_ticks(axes[0], y=[0.01, 0.1, 1, 10])
plots.log_ticks(axes[1], x=lengths, y=[0.1, 1, 10])

for T in lengths:
    assert counted[T] == (4 * T * T * 512, 8 * T * 512**2 + 4 * T * T * 512)
assert len({operations(256, 512, heads) for heads in (1, 2, 4, 8, 16)}) == 1
ours, builtin = stored["by hand"], stored["torch's function"]
assert all(4 * T * T <= n < 4 * T * T + 8 * T * 64 for T, n in zip(lengths, ours))
assert all(n < 8 * T * 64 for T, n in zip(lengths, builtin))
assert "Flash" in F.scaled_dot_product_attention(*parts(64)).grad_fn.name()
by_heads = [kept(by_hand, *parts(1024, heads)) for heads in (1, 8)]
assert 6 < by_heads[1] / by_heads[0] < 8
note(kept_ours=f"{ours[-1] / 1e6:.0f}", kept_torch=f"{builtin[-1] / 1e6:.1f}")

# The counts agree with the formula to the last digit. More heads cost no further
# operations in these products (the softmax, which is not counted, grows with H). But
# they cost memory: each has weights of its own, H · T² numbers, and for the gradient
# all of them are kept. With 2,048 positions and no mask these are 17 million numbers
# for a layer whose input has 0.1 million.

# Must they be? Torch's function gives the same result and gradient, and keeps 0.5
# million. It never writes the whole table: it takes the keys in slices, carries the
# largest score and the sum of exponentials along, and computes the weights again when
# the gradient is asked for. The idea is known as FlashAttention (Dao et al., 2022), and
# torch's gradient of the function bears that name. Exercise 9.6 takes a first step
# towards it. What this does not take away is the number of operations:

def seconds(function, T):
    """The best of five runs, in seconds of one core, without gradients."""
    inputs, best = parts(T, heads=1), float("inf")
    with torch.no_grad():
        for _ in range(5):
            start = thread_time()
            function(*inputs)
            best = min(best, thread_time() - start)
    return best


growth = seconds(F.scaled_dot_product_attention, 2048) / seconds(
    F.scaled_dot_product_attention, 256
)

assert growth > 2 * 8
note(time_growth=f"{growth:.0f}")

# Eight times the length took torch's function 63 times the time, on the machine that
# built this book. The operations grow 64-fold.


# Where it fails
# ==============

# Length is a price. There is something else that one cannot buy. Here is a look-up that
# is only a little different: four keys stand twice in the sequence, with two values,
# and asked for is the later one. Four heads, the same training.

def latest(n, seed):
    """Four keys, then the same four with other values: which came last?"""
    generator = by_seed(seed)
    key = torch.rand(n, KEYS, generator=generator).argsort(1)[:, :4]
    order = torch.rand(n, 4, generator=generator).argsort(1)
    first = torch.randint(VALUES, (n, 4), generator=generator)
    step = torch.randint(1, VALUES, (n, 4), generator=generator)
    second = (first + step) % VALUES
    keys = torch.cat([key, key.gather(1, order)], 1)
    values = torch.cat([first, second.gather(1, order)], 1)
    pairs = F.pad(torch.stack([keys, KEYS + values], -1), (0, 1), value=NOTHING)
    last = F.pad(key[:, :1] + KEYS + VALUES, (0, 2), value=NOTHING)
    return Examples(torch.cat([pairs, last[:, None]], 1), second[:, 0])


blind = learn(lambda: Asking(4, answers=1), latest, 0.004, seeds=3)
x, y = latest(2000, TEST)
shuffled = torch.cat([x[:, torch.randperm(PAIRS, generator=by_seed(0))], x[:, -1:]], 1)
with torch.no_grad():
    said, again = (torch.stack([m(x) for m in blind]) for x in (x, shuffled))

torch.testing.assert_close(said, again, rtol=1e-4, atol=1e-4)
guess = said.argmax(-1)  # (3, N)
key_of = x[:, -1:, 0] - KEYS - VALUES
mine = x[:, :-1, 0] == key_of  # (N, 8): the two pairs of the key that is asked for
assert mine.sum(1).eq(2).all()
two = (x[:, :-1, 1] - KEYS)[mine].view(-1, 2)
either = (guess[..., None] == two).any(-1).float().mean(1)
right_ones = (guess == y).float().mean(1)
assert (right_ones - 0.5).abs().max() < 0.06 and either.min() > 0.9
note(blind_right=f"{right_ones.mean():.0%}", blind_either=f"{either.mean():.0%}")

# It does not know what came last:

# Four heads, asked for the later of two values: 51% (three seeds), though one of the
# two is named in 100% of the sequences. Shuffled sequences get the same answers.
# Without a mask nothing in the formula knows where something stands: every weight
# depends on what is there, and on nothing else.

# To such an attention a sequence is a bag. The next page makes that exact, repairs it,
# and asks what the causal mask knows.
