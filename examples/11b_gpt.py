"""GPT.

Stop 11b of the path as a script: the code of the page
https://transformer-path.github.io/transformer-path/11b-gpt.html, its prose as comments.
You will have a decoder that reads one text, equal to torch's layers, and what it knows
in bits. The numbers in the comments are the page's; the script computes and prints
them. It needs the book's package, runs from anywhere, and can save the figures in a
folder:

    pip install "transformer-path @ git+https://github.com/transformer-path/transformer-path"
    python examples/11b_gpt.py
    python examples/11b_gpt.py --figures FOLDER
"""

from transformer_path.workshop import script

script.start()


# The question
# ============

# A tokenizer takes a text apart. Which part comes next, it does not know, and shares
# alone cost more bits than `lzma`, a program that has never seen a line of Python. A
# language model has to read what stands before. You know a network that reads a
# sequence and writes another: the transformer of 2017. Here there is only one sequence.
# What is left of the transformer, when nothing is translated?

import lzma
import time

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
from transformer_path.variants.gpt import GPT, Sizes
from transformer_path.workshop import plots
from transformer_path.workshop.notes import note, plus_minus
from transformer_path.workshop.source import files
from transformer_path.workshop.training import fit, seeded


# The idea: a decoder alone
# =========================

# Take the plan of stop 10a and strike out what has lost its job. There is no source, so
# there is no encoder. So cross-attention has nobody to ask. What stays is the decoder's
# own stream: attention with a causal mask, and a feedforward network, layer upon layer.
# This is a decoder-only transformer. The first of its name was GPT; ours follows the
# second (Radford et al., 2019). It is pre-norm: each branch normalises what it reads.

#     z = x + Masked(LN(x))
#     x' = z + FFN(LN(z))

#     symbol    meaning                 shape
#     x, z, x'  the stream              `(B, T, C)`
#     Masked    masked self-attention
#     LN        layer normalisation
#     FFN       C → 4 C → C, with GELU

# The lines of the package: transformer_path.variants.gpt.Block.forward

# GELU is a ReLU with a rounded corner. Before the layers stand the embedding of the
# tokens and a learned vector for each position; behind them, one more norm and the
# embedding again, by weight tying. That is the whole model, and it fits on a few lines:

def plainly(model, tokens):
    """Logits for the token after each, (B, T) to (B, T, V)."""
    T = tokens.shape[1]
    x = model.tokens(tokens) + model.positions.weight[:T]  # (B, T, C)
    for layer in model.layers:
        x = layer(x)
    return model.norm(x) @ model.tokens.weight.T


with seeded(0):
    small = GPT(Sizes(vocabulary=50, context=16, d_model=24, n_heads=3, n_layers=3))
small = small.double().eval()
tokens = torch.randint(50, (4, 16), generator=torch.Generator().manual_seed(1))
assert torch.allclose(small(tokens), plainly(small, tokens), rtol=0, atol=1e-12)

# How many tokens it reads at once is its context window, T. A longer text has to be
# cut: there is no learned vector for position T + 1.


# Every position is an example
# ----------------------------

# What is the label? The text itself, moved by one. The logits at position t are a guess
# at token t + 1. The causal mask sees to it that the answer is not read. So one window
# of the text teaches T guesses at once, by teacher forcing:

#     L = -1/T Σ_(t=1)^T log p (w_(t+1) | w_1, ..., w_t)

#     symbol  meaning
#     w_t     token t of a window
#     p       softmax of the logits at t

# The lines of the package: transformer_path.variants.corpus.next_token_loss

batch = windows(torch.arange(1000), context=64, size=8)(0)
note(examples=f"{batch[:, 1:].numel()}")
assert batch.shape == (8, 65)


# Proof
# =====

# torch has no decoder layer without cross-attention. But its encoder layer, with a
# causal mask, is the same thing: what is left of a decoder layer is an encoder layer
# that may not look ahead. Give it our weights, and compare logits and the gradients of
# all weights:

def torchs(model, tokens):
    sizes, T = model.sizes, tokens.shape[1]
    layer = nn.TransformerEncoderLayer(
        sizes.d_model,
        sizes.n_heads,
        4 * sizes.d_model,
        dropout=0.0,
        activation="gelu",
        batch_first=True,
        norm_first=True,
        dtype=torch.float64,
    )
    encoder = nn.TransformerEncoder(layer, sizes.n_layers, enable_nested_tensor=False)
    encoder.layers.load_state_dict(model.layers.state_dict())
    mask = nn.Transformer.generate_square_subsequent_mask(T, dtype=torch.float64)
    x = model.tokens(tokens) + model.positions(torch.arange(T))
    logits = model.norm(encoder(x, mask, is_causal=True)) @ model.tokens.weight.T
    return logits, encoder.layers


ours = small(tokens)
theirs, layers = torchs(small, tokens)
assert torch.allclose(ours, theirs, rtol=0, atol=1e-10)

next_token_loss(small, tokens).backward()
F.cross_entropy(theirs[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()).backward()
for mine, other in zip(small.layers.parameters(), layers.parameters(), strict=True):
    assert torch.allclose(mine.grad, other.grad, rtol=0, atol=1e-10)

# And nothing looks ahead. Change one token, and no logit before it moves, while every
# one from there on does:

changed = tokens.clone()
changed[:, 9] = (changed[:, 9] + 1) % 50
moved = (small(changed) != ours).any(-1).any(0)  # which of the 16 positions?
assert moved.tolist() == [False] * 9 + [True] * 7


# The experiment
# ==============

# The text is the source of Python's library: of its training files every second, of the
# validation files every sixth, of the test files every sixteenth. It is cut into tokens
# from a vocabulary of 513, a small one, for a short training: the readout computes a
# number for every token at every position. The merges are learned from every eighth
# training file. Between two files stands the special token that ends a text.

texts = files()
parts = [texts.train[::2], texts.validation[::6], texts.test[::16]]  # some of the files
merges = learn_merges(texts.train[::8], 512)
tokenizer = BytePairTokenizer(merges, special=["<|endoftext|>"])
end, V = tokenizer.special["<|endoftext|>"], len(tokenizer)
train, validation, test = (joined(part, tokenizer, end) for part in parts)
n_bytes = [sum(len(text.encode()) for text in part) for part in parts]

# Four models guess the next token. They look back one token, four, and 64:

class MLP(nn.Module):
    """Looks at the last n tokens, as vectors side by side."""

    def __init__(self, n=4, width=64, d_hidden=256):
        super().__init__()
        self.n = n
        self.tokens = nn.Embedding(V, width)
        self.hidden = nn.Linear(n * width, d_hidden)
        self.readout = nn.Linear(d_hidden, V)

    def forward(self, x):
        x = F.pad(x, (self.n - 1, 0), value=end)
        last = self.tokens(x).unfold(1, self.n, 1).flatten(2)  # (B, T, n · width)
        return self.readout(self.hidden(last).tanh())


class GRU(nn.Module):
    """Reads from left to right, and keeps what it has read in one state."""

    def __init__(self, width=128, d_state=192):
        super().__init__()
        self.tokens = nn.Embedding(V, width)
        self.network = nn.GRU(width, d_state, batch_first=True)
        self.readout = nn.Linear(d_state, V)

    def forward(self, x):
        return self.readout(self.network(self.tokens(x))[0])


def gpt():
    return GPT(Sizes(vocabulary=V, context=64, d_model=128, n_layers=1))


count = torch.bincount(train[:-1] * V + train[1:], minlength=V * V).view(V, V)
share = count.sum(0) / count.sum()


def bigram(a):
    """A table: how often did each token follow each? No training at all."""
    p = (count + a * share) / (count.sum(1, keepdim=True) + a)
    scores = p.clamp(min=1e-9).log()  # (V, V)
    return lambda x: scores[x]

# The bigram looks at one token. The MLP is the language model of Bengio et al. (2003):
# the last four tokens, as learned vectors side by side, one hidden layer. A GRU carries
# its state from token to token. And the GPT looks at each token of its context window,
# 64 of them. The GRU reads the same windows.

# Equal time. Each network gets about the same processor time, so each a number of steps
# of its own. The rate was chosen for each of them on validation files: out of 0.005,
# 0.01, 0.02 and 0.04 for the MLP, out of the first three for the GRU, out of 0.001,
# 0.002, 0.004 and 0.008 for the GPT; for the GRU we also tried 128 units; for the GPT
# two layers, half the width, larger first weights and a readout of its own. None of
# these took the GPT past the others. The rest is the same for all: AdamW, a batch of 8
# windows of 64 tokens, a tenth of the run to warm up, then a cosine down.

STEPS = {"MLP": 680, "GRU": 300, "GPT": 480}
RATES = {"MLP": 0.01, "GRU": 0.01, "GPT": 0.002}
BUILD = {"MLP": MLP, "GRU": GRU, "GPT": gpt}
SEEDS = {"MLP": range(1), "GRU": range(2), "GPT": range(2)}


def trained(name, seed):
    with seeded(seed):
        model = BUILD[name]()
    adam = torch.optim.AdamW(
        model.parameters(), lr=RATES[name], betas=(0.9, 0.99), fused=True
    )
    history = fit(
        model,
        windows(train, 64, 8, seed=seed),
        optimizer=adam,
        loss=next_token_loss,
        steps=STEPS[name],
        every=STEPS[name] // 10,
        schedule=lambda done: warmup(done) * cosine(done),
        clip=1.0,
        seed=seed,
    )
    return model, history


def per_byte(model, tokens, n_bytes):
    return total_bits(model, tokens, context=64) / n_bytes


used, models, curves, found = {}, {}, {}, {}
for name in STEPS:
    begin = time.process_time()
    runs = [trained(name, seed) for seed in SEEDS[name]]
    used[name] = (time.process_time() - begin) / len(runs)
    models[name], curves[name] = zip(*runs, strict=True)
    found[name] = [per_byte(model, test, n_bytes[2]) for model in models[name]]

some = validation[:40_000]
a = min([1, 10, 100], key=lambda a: total_bits(bigram(a), some, context=64))
found["bigram"] = [per_byte(bigram(a), test, n_bytes[2])]
everything = "".join(parts[2]).encode()
packed = 8 * len(lzma.compress(everything, preset=9)) / len(everything)

colors = {"MLP": "mlp", "GRU": "rnn", "GPT": "attention"}
length = n_bytes[0] / len(train) * np.log(2)  # nats per token to bits per byte
fig, ax = plots.figure(4.9, 2.9)
ax.set(xlabel="share of the time", ylabel="bits per byte, training")
for name, histories in curves.items():
    lines = [h["train_loss"][1:].numpy() / length for h in histories]
    steps = histories[0]["step"][1:].numpy() / STEPS[name]
    plots.curves(ax, steps, lines, colors[name], name)

time_all = max(used.values()) / min(used.values())
note(
    vocabulary=f"{V}",
    context="64",
    bigram=f"{found['bigram'][0]:.2f}",
    mlp=plus_minus(found["MLP"]),
    gru=plus_minus(found["GRU"]),
    gpt=plus_minus(found["GPT"]),
    packed=f"{packed:.2f}",
    all_tokens=f"{len(train) / 1e6:.1f}",
    least=f"{min(STEPS.values()) * 512 / 1e6:.2f}",
    most=f"{max(STEPS.values()) * 512 / 1e6:.2f}",
    time_each=f"{np.mean(list(used.values())):.0f}",
    time_ratio=f"{time_all:.1f}",
)

#                      sees                             bits per byte, test files
#     bigram, a table  1 token                          2.45
#     MLP              4 tokens                         2.21
#     GRU              32 to 64 tokens, in one state    2.24 ± 0.01
#     GPT              32 to 64 tokens, each by itself  2.55 ± 0.00
#     `lzma`           all before in the test files     1.87

# (The windows of the test files overlap by half, and each token is counted once.)
# Standard deviations are over seeds: two for the GPT and the GRU; the MLP has one. A
# network's time was about 10 s of one processor core, and the longest 1.0 times the
# shortest.

# The table has counted all of the training text, 1.6 million tokens. In its time a
# network reads 0.2 to 0.3 million.

# And all of them are behind `lzma`, which learns nothing beforehand, but copies: a name
# that it has met in these files costs it little the second time.

spread = max(np.std(found[name], ddof=1) for name in ("GRU", "GPT"))
networks = {name: np.mean(found[name]) for name in ("MLP", "GRU", "GPT")}
table = found["bigram"][0]
assert networks["GPT"] > table + 0.03
assert max(networks["MLP"], networks["GRU"]) < table - 0.1
assert max(networks["MLP"], networks["GRU"]) < networks["GPT"] - max(0.15, 4 * spread)
assert packed < min(networks.values()) - 0.15


# Slow to start
# =============

# What does each network use of what it may see? Ask all of them for the same tokens,
# and show only the last k before each. Then no token is easier than another, and what
# changes is what can be read:

spans = [1, 2, 4, 16, 64]
asked = windows(validation, context=64, size=500, seed=1)(0)  # (500, 65)


@torch.no_grad()
def with_last(model, k):
    """Bits for the last token of each window, seeing the k before it."""
    parts = asked[:, -1 - k :].split(250)
    bits = [F.cross_entropy(model(p[:, :-1])[:, -1], p[:, -1]) for p in parts]
    return torch.stack(bits).mean().item() / np.log(2)


reach = {
    name: np.array([[with_last(model, k) for k in spans] for model in models[name]])
    for name in ("MLP", "GRU", "GPT")
}

fig, ax = plots.figure(4.9, 2.9)
ax.set(xlabel="tokens shown before", ylabel="bits per token", xscale="log")
for name, lines in reach.items():
    plots.curves(ax, spans, lines, colors[name], name)
ax.set_xticks(spans, map(str, spans))
ax.minorticks_off()

mean = {name: lines.mean(0) for name, lines in reach.items()}
gain = {name: line[0] - line[1] for name, line in mean.items()}  # the second token
assert max(line[0] for line in mean.values()) - min(m[0] for m in mean.values()) < 0.3
assert gain["GPT"] < 0.6 * min(gain["MLP"], gain["GRU"])
assert mean["GPT"].min() > max(mean["GRU"][2], mean["MLP"][2]) + 0.15
note(
    asked=f"{len(asked):,}",
    gain_gpt=f"{gain['GPT']:.1f}",
    gain_mlp=f"{gain['MLP']:.1f}",
    gain_gru=f"{gain['GRU']:.1f}",
)

# With one token to look at, the three differ by less than 0.3 bits. Now show the token
# before that one, too. The MLP saves 0.7 bits, the GRU 0.7, the GPT 0.2. All 64 tokens
# together do not bring it to where the others are with four.

# Here may be the reason. In the MLP the last but one token has a place of its own. To
# the GRU it came in a step ago. For attention it is one of many, to be found by its
# position, and a network that has just been drawn looks everywhere nearly alike. It has
# to learn first where to look.

with seeded(0):
    fresh = gpt()
with torch.no_grad():
    x = fresh.tokens(asked[:50, :64]) + fresh.positions.weight
    see = torch.ones(64, 64, dtype=torch.bool).tril()
    _, weights = fresh.layers[0].self_attn(fresh.layers[0].norm1(x), mask=see)
alike = (weights * torch.arange(1, 65)[:, None])[..., see]  # 1, if all have the same
assert 0.5 < alike.min() < alike.max() < 2

# If that is what the GPT lacks, we can give it. A second table of vectors describes the
# token before, and is added to the embedding. But then it has more weights, too. So a
# control gets a second table as well, for the token itself, which it knows already:

class Hint(GPT):
    """A GPT that is told, at each position, which token stands some places back."""

    def __init__(self, back):
        super().__init__(gpt().sizes)
        self.back, self.hint = back, nn.Embedding(V, 128)
        nn.init.normal_(self.hint.weight, std=0.02)

    def forward(self, tokens):
        before = F.pad(tokens, (self.back, 0), value=end)[:, : tokens.shape[1]]
        x = self.tokens(tokens) + self.positions.weight[: tokens.shape[1]]
        x = x + self.hint(before)
        for layer in self.layers:
            x = layer(x)
        return self.norm(x) @ self.tokens.weight.T


for back in (1, 0):
    name = f"hint {back}"
    BUILD[name] = lambda b=back: Hint(b)
    STEPS[name], RATES[name] = STEPS["GPT"], RATES["GPT"]
    model, _ = trained(name, seed=0)
    found[name] = [per_byte(model, test, n_bytes[2])]

told, control = found["hint 1"][0], found["hint 0"][0]
assert told < networks["GPT"] - max(0.1, 4 * spread)
assert networks["GPT"] - control < 0.5 * (networks["GPT"] - told)
note(told=f"{told:.2f}", control=f"{control:.2f}")

# Told which token stands before, it needs 2.37 bits a byte, where it needed 2.55 ±
# 0.00. With a second table for the token itself it needs 2.49 (one seed each). The
# weights alone bring less than half of that.

# So after 10 seconds a GPT seems only to have begun to learn where to look. Whether it
# overtakes the others with more time, this page does not show. Multiply `STEPS` by ten,
# if you have a quarter of an hour, and see how the order changes, or does not. What
# shortens the start is a question for stop 13.


# Let it write
# ============

# Draw a token from the probabilities, at a temperature of 0.7, put it behind the text,
# ask again:

@torch.no_grad()
def go_on(model, tokens, n):
    """Write n tokens behind a text, (1, T)."""
    dice = torch.Generator().manual_seed(0)
    for _ in range(n):
        read = tokens[:, -model.sizes.context :]  # all that it can read, every time
        logits = model(read)[:, -1]  # (1, V)
        new = (logits / 0.7).softmax(-1).multinomial(1, generator=dice)
        tokens = torch.cat([tokens, new], 1)
    return tokens


start = torch.tensor([tokenizer.encode("def read(self")])
print(tokenizer.decode(go_on(models["GPT"][0].eval(), start, 60)[0].tolist()))

# It has seen 0.25 million tokens. Its line breaks and brackets begin to look like
# Python. It means nothing yet.


# Where it fails
# ==============

# Training computes all positions of a window at once. Writing cannot: the next token is
# not there. And to draw one token, our loop reads all that stands before once more.
# What does one more token cost behind a text of length n? The weights do not matter
# here; take a GPT of two layers with a context window of 1,024:

with seeded(0):
    wide = GPT(Sizes(vocabulary=V, context=1024, d_model=128, n_layers=2)).eval()
lengths = [64, 256, 1023]
cost = []
for n in lengths:
    text, each = torch.arange(n).remainder(V)[None], []
    for _ in range(7):
        begin = time.process_time()
        go_on(wide, text, 1)
        each.append(time.process_time() - begin)
    cost.append(np.median(each))

assert cost[-1] > 4 * cost[0]
note(
    time_short=f"{1000 * cost[0]:.0f}",
    time_long=f"{1000 * cost[-1]:.0f}",
    read_tokens=f"{STEPS['GPT'] * 8 * 64 / 1e6:.2g}",
)

# Each token reads the whole text again:

# One token behind 64 others takes 1 ms of processor time, behind 1,023 25 ms. A text of
# n tokens is read n times while it is written. Yet the tokens before have not changed,
# and by the causal mask nothing that was computed at their positions has.

# And how should one draw? The temperature above was a guess.
