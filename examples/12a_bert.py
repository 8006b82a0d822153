"""Reading in both directions.

Stop 12a of the path as a script: the code of the page
https://transformer-path.github.io/transformer-path/12a-bert.html, its prose as
comments. You will have an encoder that reads in both directions, and what it costs,
measured. The numbers in the comments are the page's; the script computes and prints
them. It needs the book's package, runs from anywhere, and can save the figures in a
folder:

    pip install "transformer-path @ git+https://github.com/transformer-path/transformer-path"
    python examples/12a_bert.py
    python examples/12a_bert.py --figures FOLDER
"""

from transformer_path.workshop import script

script.start()


# The question
# ============

# A language model reads from left to right, since it is asked what comes next. But who
# only wants to understand a text has all of it before them. What stands in the gap of
# `import ▢`? With no more than that, it could be any of hundreds of modules. And in the
# gap of `import ▢; ▢.path.join`? What comes after a word says a lot about it.

# You know one way to read in both directions: two recurrent networks, one from either
# end. In a transformer it takes less. Take the causal mask away, and every position
# sees all others. Only: what is such a network to be asked? The next token it can see.
# How does a network learn that sees everything, and how much do two sides help?

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from transformer_path.transformer.attention import causal_mask
from transformer_path.transformer.tokenizer import BytePairTokenizer
from transformer_path.variants.bert import BERT, masked
from transformer_path.variants.corpus import joined, windows
from transformer_path.variants.gpt import GPT, Sizes
from transformer_path.workshop import plots
from transformer_path.workshop.batches import mixed, stacked
from transformer_path.workshop.ensembles import Several, each
from transformer_path.workshop.notes import note, plus_minus
from transformer_path.workshop.source import files
from transformer_path.workshop.training import fit, seeded


# The idea: hide something, and ask for it
# ========================================

# Take a text and hide some of its tokens. In their place stands a special token, the
# mask token. The network is asked for what stood there, and it may look at everything
# that was left, on both sides. This is a masked language model, and the encoder that
# made it famous is BERT (Devlin et al., 2019).

# With M for the positions that are asked, and w̃ for the text as the network sees it,
# the loss is the cross-entropy of the answers there, and nowhere else:

#     L = -1/|M| Σ_(t∈M) log p(w_t | w̃)

#     # tokens: (B, T), hidden in part
#     logits = model(tokens)  # (B, T, V)
#     # targets: (B, T), -100 if not asked
#     loss = F.cross_entropy(
#         logits.flatten(0, 1),
#         targets.flatten(),
#     )

# How many are hidden? If all were, there would be nothing to read. BERT chooses 15% of
# the tokens. Of these, 80% become the mask token. Another 10% become some other token
# at random, and 10% stay as they are. For when BERT is used, no text has mask tokens in
# it. A network that was only ever asked at masks need not say anything useful
# elsewhere; this one cannot know which of the tokens that it sees will be asked for.

# The lines of the package: transformer_path.variants.bert.masked

# The network itself is nothing new. Tokens and positions are added up, layers follow,
# and the readout is the embedding once more. Layer for layer it is a decoder that may
# look to the right. (The published BERT normalises after each sum, as in 2017, and was
# trained on pairs of sentences.)

# The lines of the package: transformer_path.variants.bert.BERT.read


# Proof
# =====

# Without a mask, this must be torch's encoder. With a causal mask it must be our GPT:
# same weights, same logits, same gradients. So all that separates the two is who may
# look at whom.

sizes = Sizes(vocabulary=11, context=9, d_model=12, n_heads=3, n_layers=2)
with seeded(0):
    bert, gpt = BERT(sizes).double(), GPT(sizes).double()
    text = torch.randint(11, (5, 9))
bert.load_state_dict(gpt.state_dict())
results = []
for model, logits in ((gpt, gpt(text)), (bert, bert(text, mask=causal_mask(9)))):
    gradients = torch.autograd.grad(logits.square().sum(), list(model.parameters()))
    results.append((logits, *gradients))
for a, b in zip(*results):
    assert torch.allclose(a, b, atol=1e-10)

layer = nn.TransformerEncoderLayer(
    12, 3, 48, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
)
encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(12), False).double()
names = {n: w for n, w in bert.state_dict().items() if n.startswith(("layers", "norm"))}
encoder.load_state_dict(names)
x = bert.tokens(text) + bert.positions.weight
assert torch.allclose(encoder(x), bert.read(text), atol=1e-10)
assert not torch.allclose(bert(text), gpt(text), atol=1e-3)

# And does `masked` hide what it should? Over many tokens:

rows = torch.randint(1000, (5000, 40), generator=torch.Generator().manual_seed(0))
hidden, targets = masked(rows, 1000, generator=torch.Generator().manual_seed(1))
chosen = targets >= 0
gone = (hidden == 1000)[chosen].float().mean().item()
same = (hidden == rows)[chosen].float().mean().item()
assert torch.equal(hidden[~chosen], rows[~chosen])
assert chosen.float().mean() == 0.15
assert abs(gone - 0.8) < 0.015 and abs(same - 0.1) < 0.015


# The experiment
# ==============

# The text is Python's library, as at the last stop, split by file. So that a minute is
# enough, the tokens are its bytes, before any merge, and a window has 16 of them. All
# networks on this page are the same: one layer, width 64, four heads. (GPT-2's first
# weights are made for a width of 768; ours are larger by the root of 768/64, in all
# networks alike.)

texts = files()
tokenizer = BytePairTokenizer([], special=["<|endoftext|>", "<|mask|>"])
end, MASK = tokenizer.special.values()
parts = texts.train[::4], texts.test  # every fourth file is enough to learn from
train, test = (joined(part, tokenizer, end) for part in parts)

# Three of them learn from hidden tokens, two in each window of 16. They see the same
# windows with the same tokens hidden, and differ in one thing: in the first, positions
# look to both sides; in the second only to the left, in the third only to the right.
# Two more are decoders: nothing is hidden, each position sees those before it, and is
# asked for the next token. One is asked at all 16 positions, the other at two of them,
# drawn at random, as many as the encoders are. `Asked` is the same network, but past
# the attention it computes only the positions that are asked: the same logits, sooner.

LEFT = causal_mask(16)
RIGHT = LEFT.T
BOTH = LEFT | RIGHT


def up_and_down(done):
    return min(done / 0.1, (1 - done) / 0.9)


class Asked(BERT):
    """The logits where asked."""

    def forward(self, tokens, sight, where):
        (layer,) = self.layers
        x = self.tokens(tokens) + self.positions.weight  # (B, T, C)
        x = x + layer._attend(layer.norm1(x), sight, None)
        x = x.gather(1, where[..., None].expand(-1, -1, 64))  # (B, K, C)
        x = x + layer.linear2(F.gelu(layer.linear1(layer.norm2(x))))
        return F.linear(self.norm(x), self.tokens.weight)  # (B, K, V)


def network(seed):
    sizes = Sizes(vocabulary=MASK + 1, context=16, d_model=64, n_heads=4, n_layers=1)
    with seeded(seed):
        model = Asked(sizes)
    for weight in model.parameters():
        if weight.dim() == 2:
            weight.data *= (768 / 64) ** 0.5
    return model


def lessons(seed, sight, decoder=False, share=0.15):
    """From a step to tokens, who looks at whom, where is asked, what stands there."""
    draw = windows(train, 16, 32, seed=seed)

    def batch(step):
        window = draw(step)  # (32, 17)
        generator = torch.Generator().manual_seed(mixed(seed, step))
        asked = window[:, 1:] if decoder else window[:, :-1]
        found = masked(asked, MASK, generator=generator, share=share)
        where = (found.targets >= 0).nonzero()[:, 1].view(32, -1)  # (32, K)
        tokens = window[:, :-1] if decoder else found.tokens
        return tokens, sight, where, asked.gather(1, where)

    return batch


def loss(model, batch):
    *given, wanted = batch
    return F.cross_entropy(model(*given).flatten(0, 1), wanted.flatten())


def learn(model, batch, loss, steps=400):
    adamw = torch.optim.AdamW(model.parameters(), 0.004, weight_decay=0.01, fused=True)
    fit(model, batch, loss=loss, optimizer=adamw, schedule=up_and_down, steps=steps)
    return model

def side_by_side(group):
    """Networks, each with its seed and its lessons."""
    models = Several([network(seed) for seed, *_ in group])
    with sdpa_kernel(SDPBackend.MATH):  # the one that runs side by side
        learn(models, stacked([lessons(*how) for how in group]), each(loss))
    return models.members()

kinds = {
    "both sides": (BOTH,),
    "left only": (LEFT,),
    "right only": (RIGHT,),
    "decoder, as few": (LEFT, True),
    "decoder": (LEFT, True, 1.0),
}
groups = {
    name: [(seed, *how) for seed in range(3 if name == "both sides" else 2)]
    for name, how in kinds.items()
}
*at_two, at_all = groups
found = iter(side_by_side([how for name in at_two for how in groups[name]]))
models = {name: [next(found) for _ in groups[name]] for name in at_two}
models[at_all] = side_by_side(groups[at_all])

# Each learns from 400 batches of 32 windows, the first from three seeds and the others
# from two, at the best of the rates 0.002, 0.004 and 0.008 by the bits on the
# validation files. Now all are asked the same question: which token is this? We draw
# 4,000 tokens from the test files, and lay the window of 16 around each of them so that
# it stands at the first position, at the second, and so on. The encoders get the window
# with that one token hidden; the decoders get what stands before it in the window. We
# count the bits that each needs.

generator = torch.Generator().manual_seed(0)
wanted = torch.randint(16, len(test) - 16, (4000,), generator=generator)


@torch.no_grad()
def bits(model, sight, decoder=False, *_):
    """Bits at each position, (16,); for decoders in the middle and at the end."""
    found = torch.full((16,), torch.nan)
    for place in (6, 7, 8, 9, 15) if decoder else range(16):
        text = test[(wanted - place)[:, None] + torch.arange(16)]  # (4000, 16)
        if not decoder:
            text[:, place] = MASK
        where = torch.full((4000, 1), place - int(decoder))
        logits = model(text, sight, where)[:, 0]  # (4000, V)
        found[place] = F.cross_entropy(logits, test[wanted])
    return found / torch.tensor(2.0).log()


needed = {
    name: torch.stack([bits(model, sight, *how) for model in models[name]])
    for name, (sight, *how) in kinds.items()
}  # (3, 16), or (2, 16)

fig, ax = plots.figure(4.9, 3.0)
ax.set(xlabel="position of the hidden token", ylabel="bits", xlim=(0, 15))
colors = {"both sides": "attention", "left only": "ink", "right only": "ink-2"}
for name, color in colors.items():
    plots.curves(ax, range(16), needed[name].numpy(), color, name)

with torch.no_grad():
    text, model = test[:800].view(50, 16), models["left only"][0]
    where = text % 16  # one of the positions for each, some of them twice
    whole = BERT.forward(model, text, mask=LEFT)  # (50, 16, V)
    whole = whole.gather(1, where[..., None].expand(-1, -1, MASK + 1))
    assert torch.allclose(model(text, LEFT, where), whole, atol=1e-3)

MIDDLE = slice(6, 10)
middle = {name: found[:, MIDDLE].mean(1) for name, found in needed.items()}
two = needed["both sides"]
ends = two[:, [0, 15]].mean(1)
nearly = two[:, [1, 14]].mean(1)  # one token on one side, 14 on the other
more_left = middle["left only"] - needed["left only"][:, 12:].mean(1)
for name in ("left only", "right only", "decoder, as few"):
    assert middle[name].mean() > middle["both sides"].mean() + 0.05
assert (ends > middle["both sides"] + 0.2).all()
assert more_left.abs().max() < 0.15
assert ends.mean() > max(middle[f"{n} only"].mean() for n in ("left", "right")) + 0.05
one_side = middle["left only"].mean()
apart = one_side - middle["both sides"].mean()
assert (nearly - middle["both sides"]).mean() < apart / 2
assert two[:, 0].max() < needed["left only"][:, 0].min() - 0.3


note(
    middle_both=plus_minus(middle["both sides"]),
    middle_left=plus_minus(middle["left only"]),
    middle_right=plus_minus(middle["right only"]),
    middle_few=plus_minus(middle["decoder, as few"]),
    middle_decoder=plus_minus(middle["decoder"]),
    ends=plus_minus(ends),
    nearly=plus_minus(nearly),
)

# In the middle (positions 6 to 9) the network that looks to the left needs 3.64 ± 0.04
# bits for a token, and the one that looks to the right 3.65 ± 0.01. With both sides it
# takes 3.35 ± 0.03 (mean and standard deviation over the seeds, all asked the same
# tokens; other tokens move all rows together, and by more).


# Two sides, or more text?
# ------------------------

# In the middle the first network also sees more: 15 tokens instead of 6 to 9. Perhaps
# any others would have done, on whichever side? The figure knows the answer. At every
# position the first network sees 15 tokens. In the middle they stand on two sides, at
# the ends on one. There the same network, with the same number of tokens, needs 3.87 ±
# 0.02 bits, more even than the networks that had only one side to learn. And from the
# middle of the window to its end the second network gains six more tokens on the left.
# They change what it needs by less than 0.15 bits.


# The price
# ---------

# Now the decoders, which are asked the same question, and see what stands before.

#     middle of the window  sees        asked in training, per window  bits
#     encoder               both sides  2 of 16                        3.35 ± 0.03
#     encoder               left        2 of 16                        3.64 ± 0.04
#     decoder               left        2 of 16                        3.56 ± 0.01
#     decoder               left        16 of 16                       3.02 ± 0.04

# With as many targets, both sides win. But a decoder need not hide anything, so it can
# be asked everywhere. After the same number of steps it needs the fewest bits, though
# it sees only one side. The last two rows differ in nothing but how often the network
# is asked. That is the price of hiding: only a few tokens of each text can be targets.
# (Rows two and three see the same and are asked as often. There, too, hiding costs
# something: what is hidden cannot be read, and a mask tells its position nothing. Which
# of these it is, we did not test.)

long = {
    name: bits(learn(network(0), lessons(0, *how), loss, steps=1600), *how)
    for name, how in kinds.items()
    if name in ("both sides", "decoder")
}

late = {name: found[MIDDLE].mean().item() for name, found in long.items()}
assert middle["decoder"].max() < middle["both sides"].min() - 0.05
lead = middle["both sides"].mean() - middle["decoder"].mean()
assert late["both sides"] - late["decoder"] < lead / 2
assert long["both sides"][15] > long["decoder"][15] + 0.3
note(
    long_both=f"{late['both sides']:.2f}",
    long_decoder=f"{late['decoder']:.2f}",
    last_both=f"{long['both sides'][15]:.1f}",
    last_decoder=f"{long['decoder'][15]:.1f}",
)


# What these bits are not
# -----------------------

# The bits for hidden tokens do not add up to the bits for a text, as the bits per byte
# did. Take a text of two letters: the first is any of 256, all equally probable, and
# the second is always the same as the first. Hide the first, and the second says what
# it is: 0 bits. Hide the second: 0 bits again. But to send this text takes 8. A
# decoder's bits add up: 8 for the first letter, 0 for the second. So never compare a
# masked model's loss with a decoder's over a whole text; ask both the same question, as
# we did.


# Where it fails
# ==============

# An encoder is for texts that are there: to sort them, to find one that fits a
# question, to mark the names in them. It is not for writing. Who writes stands at the
# end of a text and sees one side.

text = test[:800].view(50, 16)
with torch.no_grad():
    for name, sight in (("decoder", LEFT), ("both sides", BOTH)):
        model = models[name][0]
        short = model.read(text[:, :8], mask=sight[:8, :8])
        longer = model.read(text[:, :9], mask=sight[:9, :9])[:, :8]
        change = (short - longer).abs().amax(-1)  # (50, 8)
        stays = change.max() < 1e-5
        assert stays if name == "decoder" else change.mean(0).min() > 1e-3

# It cannot write:

# At the last position of the window, where a writer stands, the long-trained encoder
# needs 3.3 bits for a byte, and the decoder 2.5. In the middle the decoder had no such
# lead. And it has to read the whole text again for each token that it adds.

# But there are things that nobody writes from left to right, and that have no next. An
# image is there all at once, to the left and to the right, above and below. Can it be
# read as a text?
