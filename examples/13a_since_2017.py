"""What has changed since 2017.

Stop 13a of the path as a script: the code of the page
https://transformer-path.github.io/transformer-path/13a-since-2017.html, its prose as
comments. You will have a decoder whose parts can be exchanged one by one, and a
measurement of what each exchange is worth. The numbers in the comments are the page's;
the script computes and prints them. It needs the book's package, runs from anywhere,
and can save the figures in a folder:

    pip install "transformer-path @ git+https://github.com/transformer-path/transformer-path"
    python examples/13a_since_2017.py
    python examples/13a_since_2017.py --figures FOLDER
"""

from transformer_path.workshop import script

script.start()


# The question
# ============

# Take the layer of GPT, and beside it that of a language model of today. They have the
# same plan: attention, feedforward network, each with its norm and its sum. And yet
# there is hardly a part in it that has not been exchanged.

# - norm: LayerNorm; RMSNorm
# - feedforward network: one matrix, GELU, one matrix; the same with a gate, SwiGLU
# - positions: a learned vector for each, added once; queries and keys are turned, in
#   every layer
# - keys and values: as many as queries; shared by groups of heads
# - biases: everywhere; none

# Norm, feedforward network and positions of the right column are those of Llama
# (Touvron et al., 2023); shared keys came a few months after it (Ainslie et al., 2023).
# Each change came with a reason, and some with a table of results. Which of them can
# you measure?

import time
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from transformer_path.networks.optimization import cosine, warmup
from transformer_path.transformer.tokenizer import BytePairTokenizer
from transformer_path.variants.corpus import (
    joined,
    next_token_loss,
    total_bits,
    windows,
)
from transformer_path.variants.gpt import Cache, Sizes
from transformer_path.variants.llama import (
    Attention,
    Llama,
    Plain,
    RMSNorm,
    SwiGLU,
    rotate,
    stay,
)
from transformer_path.workshop import plots
from transformer_path.workshop.notes import note
from transformer_path.workshop.source import files
from transformer_path.workshop.training import fit, seeded


# The idea: the same plan, other parts
# ====================================


# A norm that leaves the mean alone
# ---------------------------------

# Layer normalisation does two things to the features at a position. It takes their mean
# away, and it scales what is left. The first can be left out, Zhang and Sennrich (2019)
# guessed, and its time saved. What remains divides by the root of the mean square:
# RMSNorm.

#     RMSNorm(x) = γ ⊙ x/√(1/C Σ_c x_c² + ε)

#     symbol  meaning           shape
#     x       the stream        `(B, T, C)`
#     γ       a learned scale   `(C,)`
#     ⊙       number by number

# The lines of the package: transformer_path.variants.llama.RMSNorm.forward

x = torch.randn(5, 7, 16, generator=torch.Generator().manual_seed(0))
old_norm, new_norm = nn.LayerNorm(16), RMSNorm(16)
for norm, notices in ((old_norm, False), (new_norm, True)):
    assert torch.allclose(norm(3 * x), norm(x), atol=1e-4)
    assert torch.allclose(norm(x + 3), norm(x), atol=1e-4) != notices


# A feedforward network with a gate
# ---------------------------------

# You know gates from the LSTM: one part of the network computes how much of another
# part passes. The feedforward network of today has one. Its hidden units are computed
# twice, by two matrices, and the two are multiplied. Shazeer (2020) tried several
# functions in front of the product. The one that stayed uses z · σ(z), which has two
# names, SiLU and Swish; with it the network is called SwiGLU.

#     SwiGLU(x) = (SiLU(x W_g) ⊙ x W_u) W_d

#     symbol   meaning                     shape
#     x W_g    the gate                    `(B, T, F)`
#     x W_u    what may pass               `(B, T, F)`
#     SiLU(z)  z σ(z), with σ the sigmoid

# The lines of the package: transformer_path.variants.llama.SwiGLU.forward

# Three matrices in place of two would be more weights. So there are fewer hidden units:
# F = 8/3 C in place of 4C, and the counts are equal again, 3 · 8/3 C² = 2 · 4 C². There
# are no biases.


# Fewer keys than queries
# -----------------------

# Recall what the cache costs. It keeps a key and a value for each position, in each
# layer, for every head. Nobody keeps the queries. So let several heads share keys and
# values: this is grouped-query attention. With H heads in G groups, the cache is
# smaller by the factor H/G. With G = H it is the attention that you know. With G = 1
# all heads share one set of keys; that extreme came first, and can lose quality.

#     head_h = softmax(1/√D Q_h K_(g(h))ᵀ) V_(g(h))

#     symbol    meaning                       shape
#     Q_h       queries of head h             `(B, T, D)`
#     K_g, V_g  keys, values of group g       `(B, S, D)`
#     g(h)      the group of head h: ⌊h G/H⌋

# The lines of the package: transformer_path.variants.llama.Attention.forward


# Positions that turn
# -------------------

# The same code holds the last change. `self.turn` is called on queries and keys, and it
# is told where each of them stands. In GPT the turn does nothing; positions are vectors
# that are added to the tokens, once, before the first layer. In Llama nothing is added.
# Instead the features of a query or key are taken in pairs, and each pair is turned in
# its plane by an angle that grows with the position (Su et al., 2021). These are rotary
# positions, RoPE. One property is all that we need of them on this page. The product of
# a turned query and a turned key depends on how far the one stands behind the other,
# and not on where they stand:

#     rotate(q, t) · rotate(k, s) = rotate(q, t + n) · rotate(k, s + n)

q, k = torch.randn(
    2, 1, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64
)
here = rotate(q, torch.tensor([7])) @ rotate(k, torch.tensor([3])).mT
far_away = rotate(q, torch.tensor([507])) @ rotate(k, torch.tensor([503])).mT
turned_back = rotate(q, torch.tensor([3])) @ rotate(k, torch.tensor([7])).mT
assert torch.allclose(here, far_away, atol=1e-12)
assert not torch.allclose(here, turned_back, atol=1e-3)  # before is not behind


# Proof
# =====

# The norm against torch's, output and gradients:

def same(ours, theirs, *pairs):
    """Equal outputs, and equal gradients of each pair of inputs or weights."""
    assert torch.allclose(ours, theirs, rtol=0, atol=1e-10)
    mine, others = zip(*pairs)
    push = torch.linspace(-1, 1, ours.numel()).double().view_as(ours)
    first = torch.autograd.grad((ours * push).sum(), mine)
    second = torch.autograd.grad((theirs * push).sum(), others)
    for a, b in zip(first, second):
        assert torch.allclose(a, b, rtol=0, atol=1e-10)


x = x.double().requires_grad_()
norm, torchs = RMSNorm(16).double(), nn.RMSNorm(16, eps=1e-5).double()
with torch.no_grad():
    norm.weight.uniform_(0.5, 2)
    torchs.weight.copy_(norm.weight)
same(norm(x), torchs(x), (x, x), (norm.weight, torchs.weight))

# The gate has no layer in torch to be compared with, so its formula is written out with
# other functions. And its weights are counted:

gated = SwiGLU(16).double()
with torch.no_grad():
    for weight in gated.parameters():
        weight.normal_()
into_gate = x @ gated.gate.weight.T
passes = into_gate / (1 + torch.exp(-into_gate))
by_hand = (passes * (x @ gated.up.weight.T)) @ gated.down.weight.T
same(gated(x), by_hand, (x, x), *[(w, w) for w in gated.parameters()])


def count(module):
    return sum(p.numel() for p in module.parameters())


assert count(SwiGLU(96)) == 3 * 96 * 256 == 2 * 96 * 384
assert count(Plain(96)) == count(SwiGLU(96)) + 384 + 96  # its biases

# Attention with eight heads in two groups must equal torch's function, told that keys
# are shared; with as many groups as heads, torch's module without biases:

def parts(layer):
    return [p.weight for p in (layer.query, layer.key, layer.value, layer.out)]


few = Attention(16, n_heads=8, n_groups=2, turn=stay).double()
w_q, w_k, w_v, w_out = parts(few)
query, key, value = (
    (x @ w.T).unflatten(-1, (-1, 2)).movedim(-2, 1) for w in (w_q, w_k, w_v)
)  # (B, 8, T, 2) and (B, 2, T, 2)
heads = F.scaled_dot_product_attention(
    query, key, value, is_causal=True, enable_gqa=True
)
same(
    few(x),
    heads.movedim(1, -2).flatten(-2) @ w_out.T,
    (x, x),
    *[(w, w) for w in parts(few)],
)

many = Attention(16, n_heads=8, turn=stay).double()
module = nn.MultiheadAttention(16, 8, bias=False, batch_first=True).double()
with torch.no_grad():
    module.in_proj_weight.copy_(torch.cat(parts(many)[:3]))
    module.out_proj.weight.copy_(many.out.weight)
mask = nn.Transformer.generate_square_subsequent_mask(7, dtype=torch.float64)
theirs, _ = module(x, x, x, attn_mask=mask, is_causal=True)
same(many(x), theirs, (x, x), (many.out.weight, module.out_proj.weight))


# The experiment
# ==============

# The text is Python's library, split by file. As at stop 12a, tokens are its bytes,
# before any merge, so that a short training is enough. The model is small: one layer of
# width 64 with four heads, and 32 bytes at once. (The first weights are drawn as in our
# GPT, but larger by the root of 768/64, as at stop 12a.)

# First all parts are old. (Attention has no biases in any of them, old or new.) Then
# one part is exchanged, each in its turn, and at last all four:

OLD = {
    "norm": nn.LayerNorm,
    "feedforward": Plain,
    "attention": partial(Attention, turn=stay),
    "places": nn.Embedding,
}
NEW = {
    "RMSNorm": {"norm": RMSNorm},
    "SwiGLU": {"feedforward": partial(SwiGLU, d_ff=172)},
    "GQA": {"attention": partial(Attention, n_groups=2, turn=stay)},
    "RoPE": {"attention": Attention, "places": None},
}
GROUPED = {"attention": partial(Attention, n_groups=2)}  # and turned
KINDS = {"old": {}, **NEW}
KINDS["all four"] = NEW["RMSNorm"] | NEW["SwiGLU"] | NEW["RoPE"] | GROUPED

# What is held equal? The number of steps; for the same seed, the batches; and the first
# value of each weight that two models both have, in the same shape. So a model and its
# old counterpart differ in one part, and can be compared seed by seed. What is not
# equal is the number of weights. Each new part has a few fewer, never more, and they
# are not given back.

texts = files()
tokenizer = BytePairTokenizer([], special=["<|endoftext|>"])
end = tokenizer.special["<|endoftext|>"]
some = texts.test[::30]
train, test = (joined(part, tokenizer, end) for part in (texts.train[::4], some))
n_bytes = sum(len(text.encode()) for text in some)
SIZES = Sizes(vocabulary=end + 1, context=32, d_model=64, n_layers=1)  # four heads


def build(parts, seed):
    with seeded(seed):
        old = Llama(SIZES, **OLD).state_dict()
    with seeded(seed):
        model = Llama(SIZES, **OLD | parts)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name in old and old[name].shape == weight.shape:
                weight.copy_(old[name])
            if weight.dim() == 2:
                weight *= (768 / 64) ** 0.5
    return model


def trained(model, seed, rate=0.004):
    adam = torch.optim.AdamW(model.parameters(), rate, betas=(0.9, 0.99), fused=True)
    begin = time.thread_time()
    fit(
        model,
        windows(train, 32, 16, seed=seed),
        loss=next_token_loss,
        optimizer=adam,
        schedule=lambda done: warmup(done) * cosine(done),
        clip=1.0,
        steps=240,
        seed=seed,
    )
    return time.thread_time() - begin


def per_byte(model):
    return total_bits(model, test, context=32, stride=32, size=128) / n_bytes

# The rate was chosen for each kind on validation files, with seeds that are not used
# again, out of 0.002, 0.004 and 0.008. For four of the six 0.004 was best with two
# seeds. For GQA and for all four parts 0.008 was ahead by up to 0.03 bits (0.016 was
# worse); two more seeds turned that round. So all have 0.004.

found, spent, models = {}, {}, {}
for kind, parts_ in KINDS.items():
    models[kind] = [build(parts_, seed) for seed in range(5)]
    runs = [trained(m, seed) for seed, m in enumerate(models[kind])]
    spent[kind] = np.median(runs)
    found[kind] = np.array([per_byte(model) for model in models[kind]])

gain = {kind: found[kind] - found["old"] for kind in list(KINDS)[1:]}  # by seed

def middle(values):
    """The mean over the seeds, and half of its interval of 95%."""
    return values.mean(), 2.78 * values.std(ddof=1) / len(values) ** 0.5


fig, ax = plots.figure(4.9, 2.8)
plots.dots(ax, gain, "attention")
for row, values in enumerate(gain.values()):
    mean, half = middle(values)
    ax.plot([mean - half, mean + half], [row + 0.28] * 2, color=plots.LIGHT["ink"])
ax.set(xlabel="bits per byte, against the old parts")
plots.level(ax, "as the old", x=0)

def signed(values):
    mean, half = middle(values)
    mean = round(mean, 2) or 0.0  # no minus before a zero
    return f"{mean:+.2f} ± {half:.2f}".replace("-", "−").replace("+0.00", "0.00")


counts = {kind: count(models[kind][0]) for kind in KINDS}
small = ["RMSNorm", "SwiGLU", "GQA"]
shown = -middle(gain["RoPE"])[0]
rest = found["all four"] - found["RoPE"]  # seed by seed
for kind in small:
    mean, half = middle(gain[kind])
    assert abs(mean) < half + 0.02 and abs(mean) + half < shown / 2
assert middle(gain["RoPE"])[1] < shown / 5 and shown > 0.12
assert middle(rest)[0] < 0.02
assert max(counts.values()) == counts["old"]
assert gain["RoPE"].std(ddof=1) < found["old"].std(ddof=1)
note(
    **{f"count_{kind.split()[0].lower()}": f"{n:,}" for kind, n in counts.items()},
    **{f"gain_{kind.split()[0].lower()}": signed(v) for kind, v in gain.items()},
    **{
        f"time_{kind.split()[0].lower()}": f"{t / spent['old']:.1f}"
        for kind, t in spent.items()
    },
    gain_rest=signed(rest),
    fewer=f"{1 - counts['all four'] / counts['old']:.0%}",
    sd_old=f"{found['old'].std(ddof=1):.2f}",
    sd_paired=f"{gain['RoPE'].std(ddof=1):.2f}",
    bits_old=f"{found['old'].mean():.2f} ± {found['old'].std(ddof=1):.2f}",
    gqa_within=f"{abs(middle(gain['GQA'])[0]) + middle(gain['GQA'])[1] + 0.005:.2f}",
    widest=f"{max(middle(gain[kind])[1] for kind in small):.2f}",
)

# - nothing: 68,352; (3.39 ± 0.04); 1
# - RMSNorm for LayerNorm: 68,160; −0.01 ± 0.01; 1.1
# - SwiGLU for GELU: 68,288; −0.01 ± 0.04; 0.9
# - two keys and values for four: 64,256; −0.01 ± 0.01; 1.0
# - RoPE for learned positions: 66,304; −0.19 ± 0.01; 1.1
# - all four: 61,952; −0.24 ± 0.02; 1.2

# ± is half the interval of 95% for the mean; in brackets, the standard deviation over
# the five seeds. The time is processor time for training, the median over the seeds,
# where the old model's is 1.

# Three of the four are about as small as the noise. The intervals of RMSNorm, SwiGLU
# and GQA hold the zero, or end within 0.02 of it. It does not follow that these parts
# are worth nothing. It follows that what they are worth here, one at a time, is hardly
# more than this experiment can see. How much is that? Half an interval is up to 0.04: a
# difference much smaller than that could not have been told from none.

# It is that narrow because we compared seed by seed. Over the seeds, the old model's
# own result has a standard deviation of 0.04. The difference between it and the one
# with RoPE has only 0.01. Models that begin alike and read the same batches are lucky
# together.

# And together? Against RoPE alone, the model with all four parts has −0.05 ± 0.02 bits
# a byte, and the fewest weights of all, 9% fewer than the old one. With other seeds,
# tried afterwards, the interval held the zero. So only this is safe: beside RoPE the
# three do no harm, and they need fewer weights. What two parts do only together, the
# rows above could not have shown. That is the price of exchanging one at a time.

shares = []


def look(_norm, given):
    (x,) = given
    shares.append((x.mean(-1).square().mean() / x.square().mean()).item())


for model in models["old"]:
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            module.register_forward_pre_hook(look)
    with torch.no_grad():
        model(test[:2048].view(64, 32))

assert np.mean(shares) < 0.02


# Is it the turning?
# ------------------

# RoPE stands for two changes: a table is gone, and queries and keys are turned. Perhaps
# the table did harm, and whoever throws it away wins. It begins with random numbers, as
# large as those of the tokens; perhaps it should begin with zeros. So two more kinds,
# with the first two seeds: no positions at all, and the old table, from 0.

CONTROLS = {"no positions": {"places": None}, "table from 0": {}}
for kind, parts_ in CONTROLS.items():
    models[kind] = [build(parts_, seed) for seed in range(2)]
    for seed, model in enumerate(models[kind]):
        if kind == "table from 0":
            nn.init.zeros_(model.places.weight)
        trained(model, seed)
    found[kind] = np.array([per_byte(model) for model in models[kind]])
    gain[kind] = found[kind] - found["old"][:2]

none, zeros = gain["no positions"], gain["table from 0"]
assert none.min() > 0 and -shown / 2 < zeros.mean() and zeros.max() < 0
note(none=f"{none.mean():.2f}", zeros=f"{-zeros.mean():.2f}", turned=f"{shown:.2f}")

# Without any positions a byte costs 0.06 bits more than with the old table (means of
# two seeds): the table is good for something. From 0 it is better, by 0.04. That is a
# part of the 0.19 that RoPE brings, less than half of it. The rest, this beginning does
# not explain.


# What the cache gains
# --------------------

# GQA did not make the model better by much, nor is that its purpose. What it saves can
# be counted, without any noise. Let the caches of two models read the same text:

class Counted(Cache):
    numbers = 0

    def extend(self, layer, key, value):
        self.numbers += key.numel() + value.numel()
        return super().extend(layer, key, value)


kept = {}
for kind in ("old", "GQA"):
    cache = Counted()
    with torch.no_grad():
        models[kind][0](test[None, :32], cache=cache)
    kept[kind] = cache.numbers
assert kept["old"] == 2 * 32 * 64 and kept["GQA"] == kept["old"] / 2

# Half the keys and values, half the cache, and a result that is within 0.03 bits of the
# old one. With one group it would be a quarter. You have seen how many texts it takes
# until their caches weigh as much as the model; now it takes twice as many. (Our code
# copies each key for all heads of its group before it computes. So what it saves here
# is memory between two tokens.)


# Where it fails
# ==============

# We know that the positions matter here, and not what a turned query finds. So show the
# models less. Ask for the same 800 bytes of the test files, and let them see only the
# last k before each:

spans = [1, 2, 4, 8, 16, 32]
asked = windows(test, context=32, size=800, seed=1)(0)  # (800, 33)


@torch.no_grad()
def with_last(model, k):
    """Bits for the last byte of each window, seeing the k before it."""
    logits = model(asked[:, -1 - k : -1])[:, -1]
    return F.cross_entropy(logits, asked[:, -1]).item() / np.log(2)


lines = {
    kind: np.array([[with_last(model, k) for k in spans] for model in models[kind][:3]])
    for kind in ("old", "RoPE", "no positions")
}

fig, ax = plots.figure(4.9, 2.9)
ax.set(xlabel="bytes shown before", ylabel="bits per byte", xscale="log")
hues = {"old": "ink", "RoPE": "attention", "no positions": "ink-2"}
for kind, values in lines.items():
    plots.curves(ax, spans, values, hues[kind], kind)
ax.set_xticks(spans, map(str, spans))
ax.minorticks_off()

near = {kind: values[:, 0] - values[:, 2] for kind, values in lines.items()}
far = {kind: (values[:, 2] - values[:, 5]).mean() for kind, values in lines.items()}
assert near["RoPE"].min() > max(near["old"].max(), near["no positions"].max()) + 0.1
assert near["old"].mean() < near["no positions"].mean() + 0.02
assert lines["RoPE"][:, 0].mean() > lines["old"][:, 0].mean() - 0.02
assert max(abs(far["old"]), abs(far["RoPE"])) < 0.1
bag = lines["no positions"]
assert (bag[:, 5] > bag[:, 3] + 0.05).all()  # worse with 32 than with 8
note(
    asked=f"{len(asked):,}",
    near_rope=f"{near['RoPE'].mean():.1f}",
    near_old=f"{near['old'].mean():.1f}",
    near_none=f"{near['no positions'].mean():.1f}",
)

# One change is clear, and its reason is not:

# Of four changes, one can be measured alone: how a position is told. Shown one byte,
# the model with RoPE is no better than the old one. From the next three it takes 0.7
# bits, the old one 0.4. The model without positions takes no less, 0.4: it sees which
# three they are, and not their order. Farther back, what RoPE and the old one find is
# worth less than a tenth of a bit. (The model without positions gets worse there: to
# it, a far byte counts like a near one.)

# So turned queries find something in the order of the nearest neighbours, and learned
# places, in the same time, do not. Why? What does a turn tell a query that a vector,
# added to the token, does not? That needs a page of its own: rotary positions.
