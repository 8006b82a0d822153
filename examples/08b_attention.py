"""Attention.

Stop 8b of the path as a script: the code of the page
https://transformer-path.github.io/transformer-path/08b-attention.html, its prose as
comments. You will have additive and multiplicative attention, each equal to an
independent computation, and a map of where a translator looks. The numbers in the
comments are the page's; the script computes and prints them. It needs the book's
package, runs from anywhere, and can save the figures in a folder:

    pip install "transformer-path @ git+https://github.com/transformer-path/transformer-path"
    python examples/08b_attention.py
    python examples/08b_attention.py --figures FOLDER
"""

from transformer_path.workshop import script

script.start()


# The question
# ============

# The translator with one vector fails as the numbers get longer. A wider vector and a
# longer training move the fall to longer numbers. One suspect is left: all of the
# sentence has to pass through one vector before the first word is written. Yet the
# encoder had a state at every word, and we threw all but two of them away. What if the
# decoder may look back at all of them, for every word that it writes?

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from transformer_path.sequences.seq2seq import (
    AdditiveAttention,
    EncoderDecoder,
    greedy,
)
from transformer_path.workshop import plots
from transformer_path.workshop.batches import stacked
from transformer_path.workshop.ensembles import Several, each
from transformer_path.workshop.graphs import critical_path
from transformer_path.workshop.leaderboard import spread
from transformer_path.workshop.notes import note
from transformer_path.workshop.number_words import english, german, numbers, sources
from transformer_path.workshop.sentences import exact_match, word_loss
from transformer_path.workshop.training import fit, seeded
from transformer_path.workshop.translation import NumberPairs
from transformer_path.workshop.vocabulary import BEGIN, PADDING


# The idea: choose what to read, word by word
# ===========================================

# How would you write drei und zwanzig for twenty three? You would not learn the English
# by heart. You would put your finger on three, write, move it to twenty, write. The
# decoder shall have such a finger. It has to be learned by gradient descent, so it
# cannot point at one word only: it points at all of them, at each with a weight.

# Let h_1, ..., h_T be the states of the encoder, one for each word of the source, and
# s_(u-1) the state of the decoder before it writes word u. Each state of the encoder
# gets a score e_ut, a number that says how useful it is now. A softmax makes weights of
# the scores, positive and with a sum of 1. The context is the average of the states
# with these weights. It is a new one for every word:

#     α_ut = (exp e_ut)/(Σ_(t') exp e_(ut'))
#     c_u = Σ_(t=1)^T α_ut h_t

# The lines of the package: transformer_path.sequences.seq2seq.attend

# This is attention (Bahdanau et al., 2015). Where padding stands, the score is replaced
# by the lowest number there is, so the weight is 0: nobody may look at a word that is
# not there.

# Where does the score come from? From the two states that it is about. There are two
# classical ways. Additive attention (Bahdanau et al., 2015) asks a small MLP:

#     e_ut = vᵀ tanh(W s_(u-1) + b + U h_t)

# The lines of the package: transformer_path.sequences.seq2seq.AdditiveAttention.forward

# Multiplicative attention brings the encoder's state to the size of the decoder's, and
# takes the product of the two. Vectors that point the same way get a high score. It is
# one of the scores of Luong et al. (2015), who put the new state s_u in the place of
# s_(u-1):

#     e_ut = s_(u-1)ᵀ W h_t

# The lines of the package:
# transformer_path.sequences.seq2seq.MultiplicativeAttention.forward

# Shapes: s_(u-1) is (B, F), the encoder's states are (B, T, 2F), since two readers
# stand side by side, and the scores are (B, T). All else is as it was: the decoder
# reads the word before and the context, and the state begins where the encoder has
# ended.

# The lines of the package: transformer_path.sequences.seq2seq.EncoderDecoder.step

# Nobody tells it where to look. The weights are differentiable, so the loss of the
# words that are written teaches it.


# Proof
# =====

# An independent computation: one sentence at a time, without its padding and so without
# any mask. The encoder and the softmax are torch's. For the product torch has a
# function of its own; the sum is written as one matrix that acts on both states at
# once. Same weights, double precision; the logits and all gradients must be equal.

def alone(model, x, y):
    """Logits of one sentence, (U, V)."""
    weights = dict(model.encoder.named_parameters())
    width, score = model.target.embedding_dim, model.score
    reader = nn.GRU(width, width, batch_first=True, bidirectional=True).double()
    embedded = model.source.weight[x[x != PADDING]]
    h, last = functional_call(reader, weights, embedded[None])
    h, s, logits = h[0], model.first(last.flatten()).tanh(), []
    for word in [BEGIN, *y[:-1].tolist()]:
        if isinstance(score, AdditiveAttention):
            matrix = torch.cat([score.of_query.weight, score.of_key.weight], 1)
            both = torch.cat([s.expand(len(h), -1), h], 1)  # (T, F + 2F)
            hidden = F.linear(both, matrix, score.of_query.bias).tanh()
            c = F.softmax(hidden @ score.v.weight[0], 0) @ h
        else:
            keys = h @ score.of_key.weight.T
            c = F.scaled_dot_product_attention(s[None], keys, h, scale=1)[0]
        read = torch.cat([model.target.weight[word], c])
        s = model.decoder(read[None], s[None])[0]
        logits.append(model.readout(torch.cat([s, c])))
    return torch.stack(logits)


x = torch.tensor([[3, 4, 5, 6, 2], [8, 3, 2, PADDING, PADDING], [7, 2, 0, 0, 0]])
y = torch.tensor([[3, 9, 4, 2], [5, 5, 8, 2], [10, 3, 6, 2]])
for score in ("additive", "multiplicative"):
    with seeded(0):
        model = EncoderDecoder(9, 11, width=5, score=score).double()
    parameters = list(model.parameters())
    ours = model(x, y)[0]
    theirs = torch.stack([alone(model, *pair) for pair in zip(x, y)])
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)
    gradients = [
        torch.autograd.grad(logits.square().sum(), parameters)
        for logits in (ours, theirs)
    ]
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-10)
    looked = model(x, y)[1]  # (B, U, T)
    torch.testing.assert_close(looked.sum(-1), torch.ones(3, 4).double())
    assert (looked[(x == PADDING)[:, None].expand_as(looked)] == 0).all()


# The experiment
# ==============

# The task, the numbers, the networks' width and the minibatches are those of the page
# before. The steps are 300 here, for all networks alike.

digits = range(3, 10)
task = NumberPairs(digits)
source, target = task.source, task.target
asked = {d: numbers(70, d, part="test") for d in digits}
test = {d: task.pairs(some) for d, some in asked.items()}


def loss(model, batch):
    return word_loss(model(batch.x, batch.y)[0], batch.y)

# Only the context differs. To the three networks comes a fourth, for a rival
# explanation. Perhaps what helps is not the choice for every word, but only that the
# context is made of all the states, or that there are more parameters. So the fourth is
# additive attention with all its parameters and the same first weights, but its scores
# get zeros in the place of the decoder's state: an average of all states, with learned
# weights, the same for every word. One number that is not learned, 1 or 0, is all that
# tells the two apart, so they can be trained side by side.

class Switched(nn.Module):
    """A score; with choice=0 it is the same for every word."""

    def __init__(self, score, choice):
        super().__init__()
        self.score = score
        self.choice = nn.Parameter(torch.tensor(choice), requires_grad=False)

    def forward(self, query, keys):
        return self.score(self.choice * query, keys)


def build(seed, score, choice=None, width=32):
    with seeded(seed):
        model = EncoderDecoder(len(source), len(target), width=width, score=score)
    if choice is not None:
        model.score = Switched(model.score, choice)
    return model


def trained(score, choices=(None,)):
    """Three networks for each choice, all side by side."""
    pairs = [(seed, choice) for choice in choices for seed in range(3)]
    several = Several([build(seed, score, choice) for seed, choice in pairs])
    fit(
        several,
        stacked([task.batches(48, seed=seed) for seed, _ in pairs]),
        loss=each(loss),
        optimizer=torch.optim.Adam(several.parameters(), 0.02, fused=True),
        schedule=lambda done: 1 - done,
        steps=300,
    )
    return several.members()


either = trained("additive", choices=(0.0, 1.0))
networks = {
    "one vector": trained("none"),
    "same average": either[:3],
    "additive": either[3:],
    "multiplicative": trained("multiplicative"),
}

# The learning rate is 0.02 for all four, chosen for each of them on the validation
# numbers: 0.01 and 0.04 were worse, or no better by more than the seeds differ. With
# other first weights (orthogonal for the recurrence, smaller embeddings) the order is
# the same.

# All four write by themselves, and a sentence counts if all of it is right. (What else
# greedy decoding could do is a page of its own.)

written = {
    name: [
        {d: greedy(model, x, limit=y.shape[1]) for d, (x, y) in test.items()}
        for model in models
    ]
    for name, models in networks.items()
}


exact = {
    name: np.array(
        [
            [exact_match(one[d].words, test[d].y).double().mean() for d in digits]
            for one in all_seeds
        ]
    )
    for name, all_seeds in written.items()
}
fig, ax = plots.figure(4.9, 2.9)
ax.set(xlabel="digits", ylabel="sentences right", xlim=(2.8, 9.2), ylim=(-0.03, 1.05))
plots.curves(ax, digits, exact["one vector"], "rnn", "one vector")
plots.curves(ax, digits, exact["same average"], "ink-2", "same average", style=":")
plots.curves(ax, digits, exact["additive"], "attention", "additive")
plots.curves(ax, digits, exact["multiplicative"], "ink", "multiplicative", style="--")

keys = {"one vector": "one", "same average": "same"}
for name, found in exact.items():
    key = keys.get(name, name)
    parts = {"five": found[:, 2], "nine": found[:, 6]}
    note(**{f"{key}_{part}": f"{spread(value)}%" for part, value in parts.items()})
for name in ("additive", "multiplicative"):
    for fixed in ("one vector", "same average"):
        gains = exact[name][:, None, 6] - exact[fixed][None, :, 6]
        assert gains.min() > 0.4  # each seed against each
    assert exact[name][:, 2].min() > 0.85

#     context                              5 digits     9 digits
#     one vector                           53.8 ± 3.0%  0.5 ± 0.8%
#     an average, the same for every word  38.6 ± 3.8%  0.0 ± 0.0%
#     additive attention                   99.0 ± 0.8%  98.1 ± 3.3%
#     multiplicative attention             99.0 ± 0.8%  98.6 ± 2.5%

# (Mean and standard deviation over three seeds, as everywhere on this page.) At nine
# digits every network with attention gets over 40 points more sentences right than any
# without. The average of all states that stays the same does not repair the fall, with
# as many parameters. So the suspect is convicted, and it can be named more exactly: it
# was not the size of the vector alone, but that the vector stays the same from the
# first word to the last. This figure, quality against length with and without
# attention, is the one with which Bahdanau et al. (2015) made their case, from English
# to French.


# Where does it look?
# ===================

# The weights can be looked at. Each row below is a German word that was written, each
# column an English word, and the darker a square, the more weight.

come_from = {number: sources(number) for some in asked.values() for number in some}


def places(number, weights):
    """Where each German word comes from, and where the largest weight lies."""
    come = come_from[number]
    looked = weights[: len(come)].argmax(-1).tolist()
    return [(a, b) for a, b in zip(come, looked) if a is not None]


def swaps(number, weights):
    """Whether unit and ten are looked at where they stand, for each swapped pair."""
    come, looked = come_from[number], weights.argmax(-1).tolist()
    return [
        (looked[u], looked[u + 2]) == (come[u], come[u + 2])
        for u in range(len(come) - 2)
        if come[u + 1] is None and come[u] == come[u + 2] + 1
    ]


def shares(one):
    """Words looked at where they come from, swaps seen, exact yet not aligned."""
    hits, seen, astray = [], [], []
    for d in digits:
        correct = exact_match(one[d].words, test[d].y)
        for number, weights, ok in zip(asked[d], one[d].weights, correct):
            if ok:
                found = [a == b for a, b in places(number, weights)]
                hits += found
                astray.append(not all(found))
                seen += swaps(number, weights)
    return np.mean(hits), np.mean(seen), np.mean(astray)


aligned = {
    name: np.array([shares(one) for one in written[name]])
    for name in ("additive", "multiplicative")
}
in_order = []  # as if it read at an even pace
for d in digits:
    for number in asked[d]:
        come, last = come_from[number], len(english(number)) - 1
        pace = last / max(len(come) - 1, 1)
        in_order += [a == round(u * pace) for u, a in enumerate(come) if a is not None]

name, seed = max(
    ((name, seed) for name in aligned for seed in range(3)),
    key=lambda which: aligned[which[0]][which[1], 0],
)
tidiest = written[name][seed]
index = max(
    np.flatnonzero(exact_match(tidiest[5].words, test[5].y)),
    key=lambda i: (
        np.mean(swaps(asked[5][i], tidiest[5].weights[i]) or [0]),
        len(english(asked[5][i])),
    ),
)
number, weights = asked[5][index], tidiest[5].weights[index]
rows, columns = [*german(number), "(end)"], [*english(number), "(end)"]
fig, ax = plots.figure(4.9, 3.9)
plots.heatmap(ax, weights[: len(rows), : len(columns)], "attention", scale=1)
ax.set(xlabel="English, read", ylabel="German, written")
_ = ax.set_xticks(range(len(columns)), columns, rotation=60, ha="right")
_ = ax.set_yticks(range(len(rows)), rows)

# That is one number, of the network among the six that comes out best. So measure: of
# which English word each German word comes from, we know the answer, for all but und.
# This is the alignment, and no network was ever told it. Among the sentences that were
# right, on what share of the words does the largest weight lie where the word comes
# from?

for name, found in aligned.items():
    note(
        **{f"{name}_aligned": f"{spread(found[:, 0])}%"},
        **{f"{name}_swaps": f"{spread(found[:, 1])}%"},
        **{f"{name}_astray": f"{spread(found[:, 2])}%"},
    )
both = np.concatenate([*aligned.values()])
assert both[:, 0].mean() > np.mean(in_order) + 0.2
assert both[:, 1].mean() > 0.75
assert both[:, 2].mean() > 0.25  # right, though not aligned
note(in_order=f"{100 * np.mean(in_order):.0f}%")

#                                                           additive      multiplicative
#     words whose largest weight is where they come from    88.3 ± 10.4%  80.1 ± 20.6%
#     swapped pairs, both words looked at where they stand  94.9 ± 2.0%   89.7 ± 5.0%
#     right sentences with a word that looks elsewhere      95.3 ± 6.5%   62.5 ± 32.9%

# Who reads from left to right at an even pace hits 48%. The six networks hit more than
# 20 points more on average, and of the swapped pairs they find more than three
# quarters. So attention has learned the alignment by itself, from pairs of sentences
# alone. But it need not be clean. The ± say how much seeds differ, and of the sentences
# without an error on average more than a quarter have a word whose largest weight lies
# elsewhere. A right translation does not need a tidy map.

# Which words are written without looking where they come from? Here are four numbers
# that the network of the map wrote without an error: its tidiest of three digits, that
# of the map, and its least tidy of five and of six digits. Point at a German word.
# Lines lead to what was read, the thicker, the more weight; dashed is the word that it
# comes from.

tidy = {d: {} for d in (3, 5, 6)}  # of each sentence without an error
for d, found in tidy.items():
    for i in np.flatnonzero(exact_match(tidiest[d].words, test[d].y)):
        pairs = places(asked[d][i], tidiest[d].weights[i])
        found[i] = np.mean([a == b for a, b in pairs])
picked = [(3, max(tidy[3], key=tidy[3].get)), (5, index)]
picked += [(d, min(tidy[d], key=tidy[d].get)) for d in (5, 6)]

read, wrote, origin, looked = {}, {}, {}, {}
for d, i in picked:
    which = f"{asked[d][i]:,}"
    read[which] = [*english(asked[d][i]), "(end)"]
    wrote[which] = [*german(asked[d][i]), "(end)"]
    origin[which] = [-1 if s is None else s for s in (*come_from[asked[d][i]], None)]
    all_weights = tidiest[d].weights[i]
    looked[which] = all_weights[: len(wrote[which]), : len(read[which])].double()
    assert (looked[which].sum(-1) - 1).abs().max() < 1e-5

which = f"{number:,}"
word = min(  # that looks the least where it comes from
    (u for u, place in enumerate(origin[which]) if place >= 0),
    key=lambda u: looked[which][u, origin[which][u]],
)
seen, place = looked[which][word].tolist(), origin[which][word]
explorable = plots.Explorable(
    "alignment",
    "a German word to point at, and the English words that were read for it",
    english=read,
    german=wrote,
    weights=looked,
    sources=origin,
    number=list(read).index(which),
    word=word,
)
fig, ax = plots.figure(4.9, 4.6)
box = {"height": 0.92, "facecolor": "none", "gid": "moves"}
for t, (each_word, weight) in enumerate(zip(read[which], seen)):
    line = {"lw": 12 * weight, "solid_capstyle": "butt", "gid": "moves"}
    ax.plot((0.42, 0.68), (t, word), color=plots.LIGHT["attention"], **line)
    ax.text(0.4, t, each_word, ha="right", va="center", gid="moves")
    ax.text(0.02, t, f"{weight:.2f}", va="center", gid="moves")
for u, each_word in enumerate(wrote[which]):
    ax.text(0.7, u, each_word, va="center", gid="moves")
for x, at, width, color, style in (
    (0.13, place, 0.29, "ink-2", "--"),
    (0.68, word, 0.3, "brand", "-"),
):
    edge = {"edgecolor": plots.LIGHT[color], "linestyle": style}
    ax.add_patch(plt.Rectangle((x, at - 0.46), width, **box, **edge))
ax.text(0.4, -1, "English, read", ha="right", va="center", weight="bold")
ax.text(0.7, -1, "German, written", va="center", weight="bold")
ax.set(xlim=(0, 1), ylim=(max(map(len, [*read.values(), *wrote.values()])) - 0.5, -1.5))
ax.axis("off")
told = sorted(zip(seen, read[which]), reverse=True)
listed = ", ".join(f"{text} {weight:.2f}" for weight, text in told if weight >= 0.05)
explorable.add(
    fig,
    f"{wrote[which][word]} looked at {listed}. It comes from {read[which][place]}.",
)
script.keep(explorable)

d, i = picked[-1]
assert tidy[d][i] < 1

# In the last number there is at least one. Perhaps a network can do without because
# each state of the encoder has read its neighbours too; that is a guess, not tested
# here. What is sure: a map says where the decoder looked, not what it found there.


# Where it fails
# ==============

# Attention has freed the decoder from the one vector. But the encoder still reads one
# word after the other, and the decoder still waits for its own last state before it can
# ask. How long is the critical path, the longest chain of operations in which each
# waits for the one before? It is counted as for the GRU, in the computation graph.
# Source and target are equally long, and the true words are given, so nothing here
# waits for a word to be chosen.

def all_at_once(T):
    """Multiplicative attention by itself, when all states are there already."""
    s, h, W = (torch.randn(*n, requires_grad=True) for n in ((T, 8), (T, 16), (16, 8)))
    return ((s @ (h @ W).T).softmax(-1) @ h).sum(-1)


lengths = [10, 20, 40]
chains = {"attention by itself": [critical_path(all_at_once(T)) for T in lengths]}
for score in ("none", "multiplicative", "additive"):
    model = EncoderDecoder(9, 9, width=8, score=score)
    words = [torch.randint(3, 9, (1, T)) for T in lengths]
    chains[score] = [critical_path(model(w, w)[0]) for w in words]

for name, (ten, twenty, forty) in chains.items():
    assert forty - twenty == 2 * (twenty - ten)  # a straight line
assert len({*chains["attention by itself"]}) == 1
step = {name: (found[1] - found[0]) // 10 for name, found in chains.items()}
assert step["none"] < step["multiplicative"] < step["additive"]
for name, found in chains.items():
    key = name.replace("attention by itself", "alone")
    note(
        **{f"chain_{key}": f"{found[0]}", f"forty_{key}": f"{found[2]:,}"},
        **({f"step_{key}": f"{step[name]}"} if step[name] else {}),
    )

#                                                           10 words  40 words
#     one vector                                            223       853
#     multiplicative attention                              323       1,253
#     additive attention                                    373       1,453
#     multiplicative attention by itself, all states given  6         6

# Still one step at a time:

# The translator with attention needs a chain of 323 operations for 10 words and of
# 1,253 for 40, longer than that of the one vector, and no further core makes it
# shorter. But look at the last row: attention by itself needs 6, whatever the length.
# What waits is the recurrence.

# The recurrence is still there to let each word know of the others. Could attention do
# that, too? A sentence that looks at itself: that is self-attention.
