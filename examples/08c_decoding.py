"""Decoding.

Stop 8c of the path as a script: the code of the page
https://transformer-path.github.io/transformer-path/08c-decoding.html, its prose as
comments. You will have beam search, with a width that is proven wide enough, and each
wrong sentence sorted by whose fault it is. The numbers in the comments are the page's;
the script computes and prints them. It needs the book's package, runs from anywhere,
and can save the figures in a folder:

    pip install "transformer-path @ git+https://github.com/transformer-path/transformer-path"
    python examples/08c_decoding.py
    python examples/08c_decoding.py --figures FOLDER
"""

from transformer_path.workshop import script

script.start()


# The question
# ============

# In training a translator is asked for one word at a time, and before each word it is
# told the true ones. In use it has to choose a whole sentence, and nobody tells it
# anything. How a sentence is chosen is called decoding. So far we were greedy: take the
# word that is best now, never take it back. What is lost when the true words are gone?
# And is the sentence that greedy decoding writes the one to which the network gives the
# highest probability?

from itertools import product

import numpy as np
import torch
import torch.nn.functional as F

from transformer_path.sequences.seq2seq import EncoderDecoder, beam, greedy
from transformer_path.workshop import plots
from transformer_path.workshop.batches import stacked
from transformer_path.workshop.ensembles import Several, each
from transformer_path.workshop.leaderboard import spread
from transformer_path.workshop.notes import note
from transformer_path.workshop.number_words import numbers
from transformer_path.workshop.sentences import word_loss
from transformer_path.workshop.training import fit, seeded
from transformer_path.workshop.translation import NumberPairs
from transformer_path.workshop.vocabulary import BEGIN, END, PADDING

# A network that makes no errors has nothing to show here. So take the one with additive
# attention of the page before, with half its width, with minibatches of 64 in place of
# 48, and all else the same; three seeds. Its learning rate stays at 0.02. By the loss
# on validation numbers of nine digits 0.04 is better for all three seeds and 0.01
# worse, but errors are what we look at. We test on numbers of nine digits, the longest.

task = NumberPairs(range(3, 10))


def loss(model, batch):
    return word_loss(model(batch.x, batch.y)[0], batch.y)


models = []
for seed in range(3):
    with seeded(seed):
        models.append(EncoderDecoder(len(task.source), len(task.target), width=16))
several = Several(models)
fit(
    several,
    stacked([task.batches(64, seed=seed) for seed in range(3)]),
    loss=each(loss),
    optimizer=torch.optim.Adam(several.parameters(), 0.02, fused=True),
    schedule=lambda done: 1 - done,
    steps=300,
)
models = several.members()
x, y = task.pairs(numbers(150, 9, part="test"))


# Its own words
# =============

# Who says what the word before was? Let a function decide. Where a word is given, the
# decoder reads that one. Where none is, it reads its own.

@torch.no_grad()
def write(model, x, given):
    """The words that it chooses, (B, U), when it reads the given ones, or its own."""
    memory = model.encode(x)
    state, word, chosen = model.start(memory), x.new_full((len(x),), BEGIN), []
    for u in range(given.shape[1]):
        logits, state, _ = model.step(word, state, memory)
        chosen.append(logits.argmax(-1))
        word = torch.where(given[:, u] == PADDING, chosen[-1], given[:, u])
    return torch.stack(chosen, 1)


def up_to_the_end(words):
    ended = (words == END).int()
    return words.masked_fill(ended.cumsum(1) > ended, PADDING)


nothing = torch.zeros_like(y)
helped = [write(model, x, given=y) for model in models]
alone = [up_to_the_end(write(model, x, given=nothing)) for model in models]
real, place = y != PADDING, torch.arange(y.shape[1])

# With everything given this is teacher forcing, with nothing given it is greedy
# decoding.

same = [((a == y) | ~real).all(1) for a in alone]  # (3 seeds, 150 sentences)
for right, with_help in zip(same, helped):
    assert torch.equal(right, ((with_help == y) | ~real).all(1))

shares = {}
for d in (5, 7, 9):
    x_, y_ = task.pairs(numbers(150, d, part="test"))
    there = y_ != PADDING
    good = {
        "helped": [write(model, x_, y_) == y_ for model in models],
        "alone": [up_to_the_end(write(model, x_, 0 * y_)) == y_ for model in models],
    }
    for name, of_seeds in good.items():
        shares[name, d] = np.array([one[there].double().mean() for one in of_seeds])
        note(**{f"{name}_{d}": f"{spread(shares[name, d])}%"})
    whole = {
        name: torch.stack([(one | ~there).all(1) for one in of_seeds])
        for name, of_seeds in good.items()
    }
    assert torch.equal(whole["helped"], whole["alone"])
    note(**{f"whole_{d}": f"{spread(whole['alone'].double().mean(1))}%"})
gap = {d: shares["helped", d] - shares["alone", d] for d in (5, 7, 9)}
assert gap[9].min() > 0 and gap[9].mean() > max(0.02, gap[5].mean())

# - 5: 99.6 ± 0.3%; 98.9 ± 1.5%; 97.1 ± 1.7%
# - 7: 98.9 ± 0.9%; 95.0 ± 4.0%; 87.6 ± 9.1%
# - 9: 98.3 ± 0.3%; 92.9 ± 2.2%; 79.6 ± 1.4%

# (Mean and standard deviation over three seeds, as everywhere on this page.) So look
# behind the first error. In the sentences of nine digits that are not right, how many
# of the words are right, counted from the first error on?

steps = range(-4, 9)


def from_the_error(chosen):
    """Share right by distance from the first error; and over all words behind it."""
    wrong = (chosen != y) & real
    rows = wrong.any(1)
    distance = place - wrong.int().argmax(1)[:, None]
    here = rows[:, None] & real
    by_step = [(~wrong)[here & (distance == d)].double().mean() for d in steps]
    return by_step, (~wrong)[here & (distance > 0)].double().mean()


curve_helped, after_helped = zip(*map(from_the_error, helped))
curve_alone, after_alone = zip(*map(from_the_error, alone))
fig, ax = plots.figure(4.9, 2.8)
ax.set(xlabel="words from the first error", ylabel="words right", ylim=(-0.03, 1.05))
ax.set(xlim=(-4.2, 8.2))
plots.curves(ax, steps, curve_helped, "ink", "true words", style="--")
plots.curves(ax, steps, curve_alone, "attention", "its own")

# It looks as if errors feed on themselves: 94.3 ± 2.5% of the words behind the first
# error are right with the true words before them, and 30.3 ± 19.9% with its own. They
# are the same sentences and the same places, so it is not that these sentences are
# harder. But there is a rival. We compare place by place, and one word too many moves
# all the words behind it. A fairer count is the edit distance: the least number of
# words to insert, to drop or to replace until one sentence is the other.

def edits(a, b):
    row = list(range(len(b) + 1))  # from nothing to each beginning of b
    for i, word in enumerate(a, 1):
        above, row = row, [i]
        for j, other in enumerate(b, 1):
            replace, drop, insert = above[j - 1] + (word != other), above[j], row[-1]
            row.append(min(replace, drop + 1, insert + 1))
    return row[-1]

read = task.target.decode
limit = y.shape[1] + 20
written = [greedy(model, x, limit=limit).words for model in models]
by_itself, with_help, in_place = [], [], []
for words, right, forced, own in zip(written, same, helped, alone):
    bad = (~right).nonzero()[:, 0].tolist()
    in_place.append(((own != y) & real)[bad].sum(1).double().mean().item())
    by_itself.append(np.mean([edits(read(words[i]), read(y[i])) for i in bad]))
    told = [forced[i][real[i]].tolist() for i in bad]
    with_help.append(
        np.mean([edits(a, y[i][real[i]].tolist()) for a, i in zip(told, bad)])
    )


def plain(values, digits=1):
    said = f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"
    return said.replace("-", "−")


assert (np.array(after_helped) - np.array(after_alone)).min() > 0.15
assert min(after_helped) > 0.85 and np.mean(after_alone) < 0.5
assert (np.array(by_itself) > np.array(with_help)).all() and max(by_itself) < 4
extra = np.mean(by_itself) - np.mean(with_help)
assert extra < 0.5 * (np.mean(in_place) - np.mean(with_help))
note(
    after_helped=f"{spread(after_helped)}%",
    after_alone=f"{spread(after_alone)}%",
    edits_alone=plain(by_itself),
    edits_helped=plain(with_help),
    in_place=plain(in_place),
    wrong=f"{spread([1 - right.double().mean() for right in same])}%",
)

# Place by place, a wrong sentence has 5.6 ± 1.8 errors when the decoder is alone; by
# edit distance it has 2.1 ± 0.4. With the true words before them there are 1.4 ± 0.1,
# the first one included. So something does follow from an error, but more than half of
# the gap was a matter of counting.

# Whether one error makes the next is best asked by making one. Take sentences that it
# writes without an error. Put a wrong word into one place, drawn by lot among the units
# zwei to neun: either another unit, or any other word. Then let it go on alone.

units = torch.tensor(
    task.target.encode("zwei drei vier fünf sechs sieben acht neun".split())[:-1]
)
any_word = torch.arange(END + 1, len(task.target))


def planted(model, right, kind):
    """Share of rests that are right behind a wrong word of a kind; edits of a rest."""
    generator = torch.Generator().manual_seed(0)
    rows = right & torch.isin(y, units).any(1)
    x_, y_ = x[rows], y[rows]
    lot = torch.rand(y_.shape, generator=generator) * torch.isin(y_, units)
    at = lot.argmax(1, keepdim=True)
    old = (kind == y_.gather(1, at)).int().argmax(1)
    shift = torch.randint(1, len(kind), old.shape, generator=generator)
    new = kind[(old + shift) % len(kind)]
    given = torch.zeros_like(y_).scatter(1, at, new[:, None])
    after = write(model, x_, F.pad(given, (0, 8)))
    rows = zip(after, y_, at[:, 0].tolist())
    needed = [edits(read(a[i + 1 :]), read(b[i + 1 :])) for a, b, i in rows]
    return np.mean([n == 0 for n in needed]), np.mean(needed)


rests = {
    name: np.array([planted(*pair, kind) for pair in zip(models, same)])
    for name, kind in (("unit", units), ("any", any_word))
}

(unit, unit_edits), (other, other_edits) = rests["unit"].T, rests["any"].T
assert unit.min() > 0.9 and other.max() < 0.5
assert unit_edits.max() < 0.2 and other_edits.min() > 1
note(rest_unit=f"{spread(unit)}%", rest_any=f"{spread(other)}%")
note(edits_unit=plain(unit_edits, 2), edits_any=plain(other_edits))

# So errors feed on themselves is too simple. It depends on the error. A wrong digit
# where a digit belongs does almost no harm to the rest; a word drawn from all harms
# most rests. Bengio et al. (2015), who warn that such errors can accumulate quickly,
# let the network read some of its own words while it is trained.


# The idea: keep several beginnings
# =================================

# Now to the choice itself. The network gives a probability to each next word. By the
# product of them it gives one to every sentence y for a source x, and in logarithms the
# product is a sum:

#     log p(y | x) = Σ_(u=1)^U log p(y_u | y_1, ..., y_(u-1), x)

@torch.no_grad()
def log_probability(model, x, y):
    of_all = model(x, y)[0].log_softmax(-1)  # (B, U, V)
    of_chosen = of_all.gather(-1, y[..., None])[..., 0]  # (B, U)
    return (of_chosen * (y != PADDING)).sum(1)

# Greedy decoding makes each term as large as it can, one after the other. That does not
# make the sum the largest.

# To try all sentences is hopeless: V words in U places are V^U. Beam search is the
# middle way. Keep not one beginning in hand but several; how many is the beam width.
# Continue each of them by every word, and of all that result, and of the sentences that
# have ended, keep as many again, the most probable (Sutskever et al., 2014).

# The lines of the package: transformer_path.sequences.seq2seq.beam

# Here it works, on a number that greedy decoding gets wrong and a beam of width 2 gets
# right. Step through it. The beginning that greedy would have is grey.

cases = []
for d in range(4, 9):
    for model in models:
        short = task.pairs(numbers(60, d, part="test"))
        first = greedy(model, short.x, limit=limit).words
        own, true = (log_probability(model, short.x, z) for z in (first, short.y))
        cases += [
            (len(read(short.y[i])), model, short.x[i], short.y[i], first[i])
            for i in (true > own + 0.01).nonzero()[:, 0]
        ]
cases.sort(key=lambda case: case[0])
shown = None
for _, model, a, b, first in cases:
    a, b, first = (words[words != PADDING] for words in (a, b, first))
    if shown is None and beam(model, a, width=2, limit=limit)[0][1] == b.tolist():
        shown = model, a, b, first
model, a, b, first = shown
stepper = plots.Stepper("the two most probable beginnings, word by word")
for u in range(1, max(len(b), len(first)) + 1):
    fig, ax = plots.figure(4.9, 1.7)
    for i, (score, words) in enumerate(beam(model, a, width=2, limit=u)):
        grey = words == first[:u].tolist()
        hue = plots.LIGHT["ink-2" if grey else "attention"]
        ax.barh(i, np.exp(score), height=0.3, color=hue)
        text = " ".join(read(words)) + (" (end)" if words[-1] == END else "")
        ax.text(0.01, i - 0.27, text, color=hue, weight="bold")
        if i == 0:
            best = text
    ax.set(xlim=(0, 1), ylim=(1.4, -0.7), yticks=[], xlabel="probability")
    ax.grid(False, axis="y")
    stepper.add(fig, f"Step {u}. The most probable so far: {best}")
script.keep(stepper)


# How wide is wide enough?
# ------------------------

# There is a bound, and it needs no more than that probabilities add up to 1. Let greedy
# decoding, or any search, have found a sentence, with its end, of probability p. No two
# of the beginnings in hand can become the same sentence, so their probabilities add up
# to at most 1, and at most 1/p of them have p or more. The most probable sentence has p
# or more, and each of its beginnings too, as a beginning is never less probable than
# what becomes of it. So it is always among the best 1/p: a beam of width 1/p, rounded
# down, cannot miss the most probable sentence. In particular, what greedy decoding
# writes with more than 1/2 is the best there is.


# Proof
# =====

# Width 1 is greedy decoding, checked on every tenth sentence of the test. And on twenty
# small networks drawn by lot, each with five words and sentences of at most four (those
# without an end are cut off there, and count as sentences here), a beam of width 1/p
# finds what trying all finds.

for model, words in zip(models, written):
    for i in range(0, 150, 10):
        ((_, found),) = beam(model, x[i][x[i] != PADDING], width=1, limit=limit)
        assert found == words[i][words[i] != PADDING].tolist()


def by_trying_all(model, x):
    best = -np.inf
    for n in range(1, 5):
        every = [s for s in product(range(5), repeat=n) if END not in s[:-1]]
        every = torch.tensor([s for s in every if s[-1] == END or n == 4])
        of_all = model(x.expand(len(every), -1), every)[0].log_softmax(-1)
        found = of_all.gather(-1, every[..., None]).sum((1, 2))
        best = max(best, found.max().item())
    return best


missed, widths = 0, []
with torch.no_grad():
    for seed in range(20):
        with seeded(seed):
            small = EncoderDecoder(9, 5, width=7).double()
        small.readout.weight.mul_(8)  # else all its words are equally probable
        number = torch.tensor([3 + seed % 5, 8, 4, END])
        best = by_trying_all(small, number[None])
        ((score, _),) = beam(small, number, width=1, limit=4)
        widths.append(int(1 / np.exp(score)))
        wide, _ = beam(small, number, width=widths[-1], limit=4)[0]
        np.testing.assert_allclose(wide, best, rtol=0, atol=1e-10)
        missed += score < best - 1e-6

assert missed >= 3 and max(widths) < 341 / 3
note(missed=f"{missed}", widest=f"{max(widths)}")

# Of these twenty, greedy decoding misses the most probable sentence in 6. There are 341
# sentences in each; the widest beam that it took had 57 beginnings.


# The experiment
# ==============

# Now the test. For each sentence and each width: how probable is what was found, is it
# the most probable sentence there is, and is it right? The last row takes for each
# sentence the width that is proven to be enough: 1/p with the p of the best sentence so
# far that has an end, and one more against rounding. (Where greedy decoding finds more
# than 1/2, nothing has to be searched.)

# When a sentence is wrong, whose fault is it? Compare it with the right one, which we
# know. If the network gives the right one a higher probability, the search has missed
# it: a search error. If it gives the right one a lower probability, the search is not
# to blame: a model error. Stahlberg and Byrne (2019), who have both terms, count as a
# search error every sentence that is not the most probable: here those that the third
# column of the table leaves out.

widths = [1, 2, 4, 8, "enough"]


def enough(found):
    """The width that misses nothing, by the best sentence so far with its end."""
    ended = [score for score, words in found.values() if words[-1] == END]
    return int(1 / np.exp(max(ended, default=-5.0))) + 1


def searched(model, words):
    """For each width and sentence: log-probability, right, length less the true one."""
    scores = log_probability(model, x, words).tolist()
    rows = []
    for source, target, first, score in zip(x, y, words, scores):
        source, target, first = (z[z != PADDING] for z in (source, target, first))
        found = {1: (score, first.tolist())}
        for k in (2, 4, 8, None):
            needed = enough(found)
            width = k or needed
            if needed > 2 and max(found) < width <= needed:
                found[width] = beam(model, source, width=width, limit=limit)[0]
        best = found[max(found)]
        assert best[1][-1] == END
        rows.append([found.get(k, best) for k in widths])
        rows[-1] = [
            (s, w == target.tolist(), len(w) - len(target)) for s, w in rows[-1]
        ]
    return np.array(rows).transpose(2, 1, 0)  # (3, widths, sentences)


found, right, longer = np.stack(
    [searched(*pair) for pair in zip(models, written)], axis=1
)  # each (seeds, widths, sentences)
truth = torch.stack([log_probability(model, x, y) for model in models]).numpy()
best = found >= found[:, -1:] - 1e-4
search_error = (right == 0) & (truth[:, None] > found + 1e-4)
model_error = (right == 0) & ~search_error

fig, ax = plots.figure(4.9, 2.8)
ax.set(xlabel="width", ylabel="share of sentences", xlim=(0.9, 8.8), ylim=(0.6, 1.02))
plots.log_ticks(ax, x=widths[:4])
plots.curves(ax, widths[:4], best.mean(-1)[:, :4], "ink-2", "most probable")
plots.curves(ax, widths[:4], right.mean(-1)[:, :4], "attention", "right")

assert (np.diff(best.mean(-1).mean(0)) > -0.005).all()
assert best[:, 0].mean() < 0.97 and best[:, 3].mean() > 0.98
assert search_error[:, -1].sum() == 0
assert model_error[:, 0].sum() > 1.5 * search_error[:, 0].sum()
assert search_error[:, 2:].mean() < 0.01
gain = right[:, -1].mean(-1) - right[:, 0].mean(-1)
assert np.abs(gain).max() < 0.1
assert np.abs(gain.mean()) < 0.06 and best[:, 1].mean() > 0.95
was_right, is_right = right[:, 0] == 1, right[:, -1] == 1
mended = (search_error[:, 0] & is_right).mean(-1)
lost = (was_right & ~is_right).mean(-1)
np.testing.assert_allclose(mended - lost, gain, rtol=0, atol=1e-12)
assert not (model_error[:, 0] & is_right).any()  # no search mends them
another, change = ~best[:, 0], longer[:, -1] - longer[:, 0]
assert (another & (change < 0)).sum() > 0.5 * another.sum()
another = another & ~is_right
assert (another & (change < 0)).sum() > 1.5 * (another & (change > 0)).sum()
assert (longer[:, -1] + real.sum(1).numpy() > 1).all()  # not its end alone
for j, k in enumerate(widths):
    note(
        **{f"logp_{k}": plain(found[:, j].mean(-1), 2)},
        **{f"best_{k}": spread(best[:, j].mean(-1))},
        **{f"right_{k}": spread(right[:, j].mean(-1))},
        **{f"search_{k}": spread(search_error[:, j].mean(-1))},
        **{f"model_{k}": spread(model_error[:, j].mean(-1))},
    )
note(
    gain=spread(gain),
    mended=spread(mended),
    lost=spread(lost),
)

# - 1, greedy: -1.01 ± 0.19; 93.8 ± 1.7; 79.6 ± 1.4; 2.2 ± 1.0; 18.2 ± 2.3
# - 2: -0.96 ± 0.16; 98.2 ± 1.0; 81.1 ± 1.5; 0.2 ± 0.4; 18.7 ± 1.8
# - 4: -0.96 ± 0.17; 99.8 ± 0.4; 81.3 ± 1.8; 0.0 ± 0.0; 18.7 ± 1.8
# - 8: -0.96 ± 0.17; 100.0 ± 0.0; 81.3 ± 1.8; 0.0 ± 0.0; 18.7 ± 1.8
# - 1/p, enough: -0.96 ± 0.17; 100.0 ± 0.0; 81.3 ± 1.8; 0.0 ± 0.0; 18.7 ± 1.8

# The search does its work. With two beginnings in hand the most probable sentence is
# found for 98.2 ± 1.0 percent of the numbers, with eight for 100.0 ± 0.0. And the
# translations hardly change: from greedy decoding to the widest beam, the share that is
# right moves by 1.8 ± 0.4 points. There was little to gain. Only 2.2 ± 1.0 percent of
# all sentences are wrong although the network gives the right one a higher probability;
# 18.2 ± 2.3 percent are errors of the model, and the last row mends none of these. Even
# a search error need not end well, as the most probable sentence may be a third one,
# and wrong too: 1.8 ± 0.4 percent are mended. And what greedy decoding has right by
# luck, while the network gives a wrong sentence a higher probability, a perfect search
# loses: 0.0 ± 0.0 percent.

# In a large translator the most probable sentence was even the empty one, for more than
# half of the sentences (Stahlberg and Byrne, 2019). Here it never is. But where the
# search finds another sentence than greedy decoding, it is in most cases a shorter one.
# And not only because it mends some that were too long: where what it finds is wrong,
# too, more become shorter than longer.


# Where it fails
# ==============

# No search mends the model, and every word waits:

# Of 20.4 ± 1.4% of the numbers the network writes a wrong sentence, and to most of
# these it gives a higher probability than to the right one: 18.2 ± 2.3 percent of all
# are model errors, 2.2 ± 1.0 percent search errors. With the best search there is, 18.7
# ± 1.8 percent are wrong, and all of them are model errors. What remains to be improved
# is the network.

# And any search writes one word after the other. A beam continues all its beginnings in
# one step, but the step for the next word has to know which they are. In writing, that
# chain cannot be broken by any network that reads its own words. In reading it can, as
# self-attention shows.
