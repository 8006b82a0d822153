"""The transformer.

Stop 10a of the path as a script: the code of the page
https://transformer-path.github.io/transformer-path/10a-the-transformer.html, its prose
as comments. You will have the encoder–decoder of 2017, whole, equal to torch's. The
numbers in the comments are the page's; the script computes and prints them. It needs
the book's package, runs from anywhere, and can save the figures in a folder:

    pip install "transformer-path @ git+https://github.com/transformer-path/transformer-path"
    python examples/10a_the_transformer.py
    python examples/10a_the_transformer.py --figures FOLDER
"""

from transformer_path.workshop import script

script.start()


# The question
# ============

# You have built every part of it. Attention lets a position look at any other; heads
# let it ask several questions at once; positions give it back the order that it cannot
# see. What is missing is the plan: which parts, in which order, and why each of them?
# The plan of Vaswani et al. (2017) is this page, and three files of the package.

# No part of it is there for its own sake. Each repairs a failure that you have
# measured:

# - attention from target to source: one vector of fixed size for the whole source; 8a,
#   8b
# - self-attention in place of recurrence: a chain of operations that grows with every
#   position; 7d
# - several heads: multi-head attention: one softmax gives one average; 9b
# - positions, added to the embeddings: attention does not see the order; 9c
# - the causal mask of the decoder: a writer that has read the word it is to predict; 9b
# - a feedforward network: once its weights are given, attention is a linear map; 4a
# - residual connections, layer norm: signals and gradients die out, or explode, with
#   depth; 5b

from itertools import product

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from transformer_path.transformer.attention import causal_mask, padding_mask
from transformer_path.transformer.blocks import DecoderLayer, EncoderLayer
from transformer_path.transformer.encoder_decoder import Sizes, Transformer, greedy
from transformer_path.workshop import plots
from transformer_path.workshop.notes import note
from transformer_path.workshop.plots.flow import Words
from transformer_path.workshop.training import seeded
from transformer_path.workshop.vocabulary import END
from transformer_path.workshop.where import where


# The idea: two streams and a bridge
# ==================================

# An encoder reads the source, a decoder writes the target, as with the two GRUs. But
# each of them is now a stream that runs straight down, one vector of d_model numbers at
# every position, and all positions at the same time. Beside the stream stand branches.
# Each reads what is in the stream, and adds to it what it has found.

# There are two kinds. Attention moves numbers between positions. A small MLP works at
# each position, the same at all of them: the position-wise feedforward network. The two
# streams meet in one place, the bridge in the middle. There the decoder's positions
# ask, and the encoder's answer: cross-attention. It is the attention that the GRU's
# translator had. What is new is everything around it.

# Step through it. Every box leads to the line that computes it, further down on this
# page.

B, T, U, V = 3, 5, 7, 37_000  # sentences, words of source and target, vocabulary
letters = {B: "B", T: "T", U: "U", V: "V"}
with torch.device("meta"):  # shapes without numbers
    base = Transformer(Sizes(n_source=V, n_target=V)).eval()
    source, target = torch.ones(B, T).long(), torch.ones(B, U).long()
seen = {}
for name, module in base.named_modules():
    module.register_forward_hook(
        lambda module, given, result, name=name: seen.update({name: result})
    )
logits = base(source, target)


def shape(x):
    """Write a shape with the letters of its sizes."""
    return f"({', '.join(letters.get(n, str(n)) for n in x.shape)})"


flow = plots.Flow(49, 59.5)
LEFT, RIGHT = 15.4, 34.6  # where the two streams run
WORDS, LARGE, SMALL, ROUND = (11.4, 2.8), (10.4, 4.2), (5.4, 2.4), (2.2, 2.2)
embed = where(Transformer._embed, "look_up")
place = where(Transformer._embed, "x + self.positions")
add = where(EncoderLayer._add, "norm(x + ")
feed = where(EncoderLayer._feedforward, "self.linear2")
ask = {
    layer: where(layer.forward, "self.self_attn")
    for layer in (EncoderLayer, DecoderLayer)
}
bridge = where(DecoderLayer.forward, "self.multihead_attn")


def begin(who, x, top, aside, words, line):
    """From words to vectors that know their places."""
    flow.box(f"{who}: words", words, (x, top + 1.8), WORDS, "ink-2", line)
    flow.box(f"{who}: embedding", "embedding·√d", (x, top + 6), WORDS, "linear", embed)
    flow.box(f"{who}: add positions", "+", (x, top + 9.8), ROUND, "linear", place)
    flow.box(
        f"{who}: positions",
        "positions",
        (aside, top + 9.8),
        (10.4, 2.8),
        "linear",
        place,
    )
    way = 1 if aside > x else -1
    flow.wire(f"{who}: words", (x, top + 3.2), (x, top + 4.6), width=2.6)
    flow.wire(f"{who}: embedding", (x, top + 7.4), (x, top + 8.7), width=2.6)
    flow.wire(
        f"{who}: positions", (aside - 5.2 * way, top + 9.8), (x + 1.1 * way, top + 9.8)
    )
    return f"{who}: add positions"


def branch(name, text, color, line, before, x, aside, y, asks=()):
    """A box beside the stream, what it reads, what it adds, and the norm behind."""
    way, start = 1 if aside > x else -1, 1.1 if "positions" in before else 0.3
    flow.wire(before, (x, y - start), (x, y + 4.2), width=2.6)
    for hue, place in asks or [("ink-2", 0)]:
        to = aside + place * way
        letter = hue[0] if asks else ""
        flow.wire(
            before, (x, y + 0.4), (to, y + 0.4), (to, y + 1.7), color=hue, text=letter
        )
    flow.box(name, text, (aside, y + 3.8), LARGE, color, line)
    flow.box(f"{name}, added", "+", (x, y + 5.3), ROUND, "mlp", add)
    flow.box(f"{name}, norm", "norm", (x, y + 7.7), SMALL, "mlp", add)
    flow.wire(name, (aside - 5.2 * way, y + 5.3), (x + 1.1 * way, y + 5.3))
    return f"{name}, norm"


all_three = [("value", 3), ("key", 0), ("query", -3)]
now = begin(
    "encoder", LEFT, 0, 6, "source words", where(Transformer.encode, "self._embed")
)
name = "encoder: self-attention"
now = branch(
    name,
    "self-\nattention",
    "attention",
    ask[EncoderLayer],
    now,
    LEFT,
    6,
    12,
    all_three,
)
now = branch("encoder: feedforward", "feedforward", "mlp", feed, now, LEFT, 6, 21.2)
for hue, y in ("key", 33.2), ("value", 35):
    flow.wire(now, (LEFT, 30.1), (LEFT, y), (20.8, y), color=hue, text=hue[0])
now = begin(
    "decoder", RIGHT, 9.2, 43, "words so far", where(Transformer.forward, "before =")
)
name = "decoder: masked self-attention"
now = branch(
    name,
    "masked self-\nattention",
    "attention",
    ask[DecoderLayer],
    now,
    RIGHT,
    43,
    21.2,
    all_three,
)
name = "decoder: cross-attention"
now = branch(
    name, "cross-\nattention", "attention", bridge, now, RIGHT, 26, 30.4, [("query", 0)]
)
now = branch("decoder: feedforward", "feedforward", "mlp", feed, now, RIGHT, 43, 39.6)
tied = where(Transformer.decode, "self.target.weight.mT")
flow.box("logits", "· embeddingᵀ", (RIGHT, 52.6), WORDS, "linear", tied)
flow.box(
    "next word", "next word", (RIGHT, 57.4), WORDS, "ink-2", where(greedy, "word = ")
)
flow.wire(now, (RIGHT, 48.5), (RIGHT, 51.2), width=2.6)
flow.wire("logits", (RIGHT, 54), (RIGHT, 56), width=2.6)
flow.frame((0.3, 12), (19.3, 31.2))
flow.frame((20.1, 21.2), (48.7, 49.6))
flow.say("6 layers", (0.9, 30))
flow.say("6 layers", (20.8, 48.3))
flow.say("Encoder", (0.8, 1.8), size=10.5, bold=True)
flow.say("Decoder", (40.9, 11), size=10.5, bold=True)
for i, line in enumerate(
    [
        "B  sentences",
        "T  words of the source",
        "U  words of the target",
        "V  words there are",
    ]
):
    flow.say(line, (0.9, 51.6 + 2 * i))

first, third = "encoder.0", "decoder.0"
steps = [
    (
        "",
        None,
        "The plan: on the left an encoder reads, on the right a decoder writes.",
    ),
    ("encoder: words", source, "Sentences of T words, each of them a number."),
    ("encoder: embedding", seen["source"], "Each word becomes a vector, times √512."),
    (
        "encoder: positions; encoder: add positions",
        seen["source"],
        "To each vector the pattern of its position is added.",
    ),
    (
        "encoder: self-attention",
        seen[f"{first}.self_attn"][1],
        "Eight heads: each word of the source weighs all. These are the weights.",
    ),
    (
        "encoder: self-attention, added; encoder: self-attention, norm",
        seen[f"{first}.norm1"],
        "What the heads found is added to the stream, and the sum is normalised.",
    ),
    (
        "encoder: feedforward",
        seen[f"{first}.linear1"],
        "At each position alone: 512 numbers become 2,048, a ReLU, and 512 again.",
    ),
    (
        "encoder: feedforward, added; encoder: feedforward, norm",
        seen["encoder.5.norm2"],
        "Added and normalised; after six layers the source has been read.",
    ),
    ("decoder: words", target, "The target, moved by one: the words before each word."),
    (
        "decoder: embedding; decoder: positions; decoder: add positions",
        seen["target"],
        "Words and positions become vectors, as before.",
    ),
    (
        "decoder: masked self-attention",
        seen[f"{third}.self_attn"][1],
        "Each word of the target weighs itself and those before it.",
    ),
    (
        "decoder: masked self-attention, added; decoder: masked self-attention, norm",
        seen[f"{third}.norm1"],
        "Added and normalised.",
    ),
    (
        "decoder: cross-attention",
        seen[f"{third}.multihead_attn"][1],
        "The bridge: U positions ask, T positions of the source answer.",
    ),
    (
        "decoder: cross-attention, added; decoder: cross-attention, norm",
        seen[f"{third}.norm2"],
        "What came from the source is added, and normalised.",
    ),
    ("decoder: feedforward", seen[f"{third}.linear1"], "At each position alone."),
    (
        "decoder: feedforward, added; decoder: feedforward, norm",
        seen["decoder.5.norm3"],
        "And all this six times.",
    ),
    ("logits", logits, "The embeddings once more: a score for every word there is."),
    (
        "next word",
        target,
        "The best of each row. What is new stands in the last place.",
    ),
]
stepper = plots.Stepper("the transformer, lit in the order in which the data flows")
done = set()
for names, x, text in steps:
    lit = {*names.split("; ")} - {""}
    here = "" if x is None else shape(x)
    words = [
        Words("here", (28.9, 1.6), 8.5, "normal"),
        Words(here, (28.9, 4.2), 14, "bold"),
    ]
    stepper.add(flow.draw(lit, done, words if here else ()), f"{text} {here}")
    done |= lit
script.keep(stepper)

boxes = {name for names, *_ in steps for name in names.split("; ")} - {""}
assert boxes == set(flow.boxes) == done  # every box is lit once
assert all(box.line for box in flow.boxes.values())
assert shape(seen["encoder.0.linear1"]) == "(B, T, 2048)"
assert shape(seen["encoder.0.linear2"]) == shape(seen["encoder.0.self_attn"][0])
assert shape(logits) == "(B, U, V)" and len(base.encoder) == len(base.decoder) == 6


# A layer of the encoder
# ======================

# The decisions of the paper fit on two lines. Attention, added, normalised;
# feedforward, added, normalised:

#     z = LN(x + MultiHead(x, x, x))
#     x' = LN(z + FFN(z))

#     symbol    meaning              shape
#     x, z, x'  the stream           `(B, T, d_model)`
#     LN        layer normalisation

# The lines of the package: transformer_path.transformer.blocks.EncoderLayer.forward

#     FFN(z) = max(0, z W_1 + b_1) W_2 + b_2

#     symbol       meaning       shape
#     z            the stream    `(B, T, d_model)`
#     z W_1 + b_1  hidden units  `(B, T, d_ff)`

# The lines of the package:
# transformer_path.transformer.blocks.EncoderLayer._feedforward

# The last dimension is multiplied, and the positions never meet: the MLP of stop 4a,
# once for every position. How a branch is added stands in one place:

# The lines of the package: transformer_path.transformer.blocks.EncoderLayer._add

# In the paper the sum is normalised: post-norm. The other order normalises what goes
# into the branch and leaves the stream alone, as the residual network of stop 5b did:
# pre-norm (Xiong et al., 2020). One argument chooses. What it decides is a matter of
# training.


# A layer of the decoder
# ======================

# Two things are different. The first attention gets a mask, so that no position sees a
# later word. And between it and the feedforward network stands the bridge. Its queries
# come from the decoder's stream. Keys and values come from what the encoder has read,
# the same for all six layers.

#     u = LN(y + Masked(y, y, y))
#     z = LN(u + MultiHead(u, x, x))
#     y' = LN(z + FFN(z))

#     symbol       meaning               shape
#     y, u, z, y'  the decoder's stream  `(B, U, d_model)`
#     x            what was read         `(B, T, d_model)`

# The lines of the package: transformer_path.transformer.blocks.DecoderLayer.forward


# The whole
# =========

# Around the layers there is little. The encoder embeds, runs its layers, and hands on
# what it has read with the mask of what is no padding:

# The lines of the package:
# transformer_path.transformer.encoder_decoder.Transformer.encode

# The decoder does the same with the words before, and ends in a score for every word of
# the vocabulary:

# The lines of the package:
# transformer_path.transformer.encoder_decoder.Transformer.decode

# In training the target is known, so all its positions are computed at once, by teacher
# forcing:

# The lines of the package:
# transformer_path.transformer.encoder_decoder.Transformer.forward

# In use it is not, and the decoder writes one word after the other. This loop is the
# one thing in a transformer that still goes step by step:

# The lines of the package: transformer_path.transformer.encoder_decoder.greedy


# One table, two jobs
# ===================

# The words of the target come in through a table of vectors and go out through the same
# table: the score of a word is the product of the last vector with its embedding. (In
# the paper the source uses this table too. Ours has a second one for it, and can
# share.) This is weight tying (Press and Wolf, 2017). And on the way in the vectors are
# multiplied by √d_model:

#     x_t = √d_model E_(w_t) + p_t,    scores_t = y_t Eᵀ

#     symbol    meaning                         shape
#     E         the table                       `(V, d_model)`
#     w_t, p_t  word and pattern at position t

# The lines of the package:
# transformer_path.transformer.encoder_decoder.Transformer._embed

# The paper gives no reason for the factor. Measure what each job asks of the table. As
# scores: the last vector comes from a layer norm, so its numbers are about 1 in size,
# and to make scores of about 1 the table's must be small, d_model^(-1/2). As vectors:
# beside the patterns of the positions, which are about 0.7 in size, such small numbers
# would drown.

def first_steps(std, factor, d_model=512, n_words=1000):
    """How much of the sum is the word, and the loss before training."""
    generator = torch.Generator().manual_seed(0)
    table = std * torch.randn(n_words, d_model, generator=generator)
    vectors, positions = factor * table[:50], base_positions
    last = F.layer_norm(torch.randn(2000, d_model, generator=generator), (d_model,))
    target = torch.randint(0, n_words, (2000,), generator=generator)
    word = vectors.var() / (vectors.var() + positions.square().mean())
    return word.item(), F.cross_entropy(last @ table.T, target).item()


base_positions = Transformer(Sizes(n_source=9, n_target=9, n_layers=1)).positions[:50]
root = 512**0.5
small, scaled, large = (
    first_steps(std, factor)
    for std, factor in ((1 / root, 1), (1 / root, root), (1, 1))
)

even = np.log(1000)
assert small[0] < 0.01 and 0.6 < scaled[0] < 0.75 and abs(large[0] - scaled[0]) < 0.05
assert small[1] == scaled[1] < even + 1 and large[1] > 5 * even
note(
    share_small=f"{small[0]:.1%}",
    share_scaled=f"{scaled[0]:.0%}",
    share_large=f"{large[0]:.0%}",
    loss_small=f"{small[1]:.1f}",
    loss_large=f"{large[1]:.0f}",
    loss_even=f"{even:.1f}",
)

# - d_model^(-1/2): 1; 0.4%; 7.5
# - d_model^(-1/2): √d_model; 67%; 7.5
# - 1: 1; 67%; 74

# (512 numbers, 1,000 words, 50 positions; whoever gives all words the same probability
# has a loss of 6.9. The word's share is its part of the mean square.) Small numbers are
# right for the scores, and the word all but vanishes in the sum. Large numbers are
# right for the sum, and the untrained model is sure of wrong words. With the factor one
# table does both jobs. Whether training needs it is another question; it is asked on
# the next page.


# Proof
# =====

# Both layers against torch's, in double precision: the state dict goes over as it is,
# and result and gradients are equal. Both orders of the norm, without masks and with
# those that each layer has in the whole.

generator = torch.Generator().manual_seed(0)
x, source, direction = (
    torch.randn(3, n, 12, generator=generator, dtype=torch.float64) for n in (5, 7, 5)
)
alive = torch.arange(7) < torch.tensor([[7], [4], [1]])
causal, padding = causal_mask(5), padding_mask(alive)
few = alive[:, :5]  # the encoder's own padding


def outcome(layer, call):
    """A result, and the gradient of every parameter and of what was read."""
    layer.zero_grad()
    inputs = [x.clone().requires_grad_(), source.clone().requires_grad_()]
    result = call(*inputs)
    result.backward(direction)
    found = {name: p.grad for name, p in layer.named_parameters()}
    of_inputs = {"x": inputs[0].grad, "source": inputs[1].grad}
    read = {name: grad for name, grad in of_inputs.items() if grad is not None}
    return {"result": result, **read, **found}


def built(pre_norm):
    """Our two layers and torch's, with the same weights."""
    options = {"batch_first": True, "norm_first": pre_norm, "dtype": torch.float64}
    for ours, theirs in (
        (EncoderLayer, nn.TransformerEncoderLayer),
        (DecoderLayer, nn.TransformerDecoderLayer),
    ):
        given, layer = theirs(12, 3, 17, **options), ours(12, 3, 17, pre_norm=pre_norm)
        for parameter in given.parameters():
            nn.init.normal_(parameter, std=0.5, generator=generator)
        layer.double().load_state_dict(given.state_dict())
        yield from (layer.eval(), given.eval())

compared = 0
for pre_norm, masked in product([False, True], [False, True]):
    show = (causal, padding, padding_mask(few)) if masked else [None] * 3  # True shows
    hide = (~causal, ~alive, ~few) if masked else [None] * 3  # in torch, True hides
    encoder, encoder_there, decoder, decoder_there = built(pre_norm)
    calls = {
        encoder: lambda x, s: encoder(x, mask=show[2]),
        encoder_there: lambda x, s: encoder_there(x, None, hide[2]),
        decoder: lambda x, s: decoder(x, s, mask=show[0], source_mask=show[1]),
        decoder_there: lambda x, s: decoder_there(x, s, hide[0], None, None, hide[1]),
    }
    found = {layer: outcome(layer, call) for layer, call in calls.items()}
    for ours, theirs in ((encoder, encoder_there), (decoder, decoder_there)):
        torch.testing.assert_close(found[ours], found[theirs], rtol=0, atol=1e-10)
        compared += len(found[ours])

assert compared == 4 * (2 + 12) + 4 * (3 + 18)
note(compared=f"{compared}")

# That makes 140 equal tensors. And the mask does in the whole model what it is for.
# Change a later word of the target, and the scores before it stay the same, bit for
# bit:

with seeded(0):
    model = Transformer(
        Sizes(n_source=9, n_target=9, d_model=16, n_heads=4, d_ff=32, n_layers=2)
    )
words = torch.randint(3, 9, (1, 8), generator=generator)
changed = words.clone()
changed[:, 5] = 11 - words[:, 5]  # another word
before, after = model.eval()(words, words), model(words, changed)
same = (before == after).all(-1)[0]  # (8,)

assert same.tolist() == [True] * 6 + [False] * 2
note(unchanged=f"{int(same.sum())}")


# Where it fails
# ==============

# In training all positions of the target are computed in one pass. The loop that writes
# calls the decoder once for each word, with all words before it. How much work is that?
# Count the positions that go through a layer of the decoder.

computed = []
layer = model.decoder[0]
layer.register_forward_hook(lambda _, given, __: computed.append(given[0].shape[1]))
model.target.weight.data[END] = 0  # its score is 0, never the best: it writes on
work = {}
for U in (5, 10, 20):
    computed.clear()
    written = greedy(model, words, limit=U)
    work[U] = sum(computed)
    assert written.shape == (1, U) and len(computed) == U
computed.clear()
model(words, written)
in_training = sum(computed)

assert in_training == 20
assert all(done == U * (U + 1) // 2 for U, done in work.items())
note(
    work_five=f"{work[5]}",
    work_ten=f"{work[10]}",
    work_twenty=f"{work[20]}",
    pass_twenty=f"{in_training}",
)

# It computes again what it knows:

# For five words a layer of the decoder computes 15 positions, for ten 55, for twenty
# 210. The mask keeps earlier positions as they were, so all but one of each call have
# been computed before. A cache repairs this at stop 11c.

# There is also something that no proof on this page can tell: whether the plan learns,
# and which of its parts it needs for that. Equal to torch's is not the same as useful.
# So count what each part holds, and leave them out one at a time.
