"""Tokens.

Stop 11a of the path as a script: the code of the page
https://transformer-path.github.io/transformer-path/11a-tokens.html, its prose as
comments. You will have a tokenizer that equals the one in use, token by token, and its
price in bits. The numbers in the comments are the page's; the script computes and
prints them. It needs the book's package, runs from anywhere, and can save the figures
in a folder:

    pip install "transformer-path @ git+https://github.com/transformer-path/transformer-path"
    python examples/11a_tokens.py
    python examples/11a_tokens.py --figures FOLDER
"""

from transformer_path.workshop import script

script.start()


# The question
# ============

# Twice on this path a network has read text. The model of characters read letter by
# letter, the translator word by word. Both knew their vocabulary beforehand: we had
# kept only lines in ASCII, and only words for numbers. A model that reads any text,
# also what nobody has written yet, needs another answer. What should be a token?

# Our text is the source of Python's own library again, this time whole files; every
# second of those for training is enough. Try the two answers that you know. The words
# are cut out by a pattern, to which we come back: a word with the space before it, a
# number, other signs, white space.

import io
import json
import lzma
import math
import random
import time
from collections import Counter
from itertools import pairwise

import tokenizers
from tokenizers import models, pre_tokenizers, trainers

from transformer_path.transformer.tokenizer import (
    PIECE,
    BytePairTokenizer,
    read_merges,
)
from transformer_path.transformer.tokenizer_training import train
from transformer_path.workshop import plots
from transformer_path.workshop.notes import note
from transformer_path.workshop.number_words import german
from transformer_path.workshop.source import files

texts = files()
texts = texts._replace(train=texts.train[::2])
print(PIECE.findall("    return self.x, 1024  # don't"))

letters = Counter("".join(texts.train))
words = Counter(piece for text in texts.train for piece in PIECE.findall(text))
new_letters = Counter("".join(texts.validation))
new_words = Counter(piece for text in texts.validation for piece in PIECE.findall(text))


def unknown(new, known):
    """How many of the new ones have never been seen?"""
    return sum(n for one, n in new.items() if one not in known)


lost = unknown(new_words, words) / new_words.total()
once = sum(n == 1 for n in words.values()) / len(words)
assert unknown(new_letters, letters) > 0 and 0.01 < lost < 0.1 and once > 0.25
assert len(words) > 100 * len(letters)
assert new_letters.total() > 3 * new_words.total()
note(
    n_letters=f"{len(letters)}",
    n_words=f"{len(words):,}",
    lost_letters=f"{unknown(new_letters, letters)}",
    lost_words=f"{lost:.1%}",
    once=f"{once:.0%}",
    long_letters=f"{new_letters.total():,}",
    long_words=f"{new_words.total():,}",
    n_train=f"{sum(map(len, texts.train)) / 1e6:.1f}",
)

#                                                                characters  words
#     vocabulary of the training files (3.4 million characters)  148         25,626
#     tokens in the validation files                             899,793     206,657
#     of these never seen before                                 63          4.9%

# Characters are few, and a text has many of them. Attention pays for that with the
# square of the length. Words make short sequences, but the vocabulary never ends: 36%
# of all words were seen only once, and of the new text 4.9% are words without a number.
# And even among characters some are new. What lies between the letter and the word, and
# is never unknown?


# The idea: join what stands together often
# =========================================

# Start below the letters. A file is made of bytes, numbers from 0 to 255. By UTF-8 a
# plain letter is one byte, an é is two, most emoji are four. Any text is bytes, so with
# 256 tokens nothing is ever unknown. But the sequences are the longest of all.

# Now make them shorter. Look at all pairs of neighbours, and count. The pair that
# occurs most often is written as one new token from now on. This is a merge. Count
# again, with the new token in place; join the next pair; and so on, until the
# vocabulary is as large as you want it. This is byte-pair encoding (Sennrich et al.,
# 2016).

# Step through it:

def boxes(ax, tokens, x, y, color="attention"):
    """Draw tokens side by side, each as wide as its text."""
    for token in tokens:
        width = 0.62 * len(token)
        box = plots.plt.Rectangle((x, y), width - 0.08, 0.8, alpha=0.22, lw=0)
        box.set_facecolor(plots.LIGHT[color if len(token) > 1 else "ink-2"])
        ax.add_patch(box)
        shown = token.replace(" ", "␣").replace("\n", "⏎")
        style = {"ha": "center", "va": "center", "family": "DejaVu Sans Mono"}
        ax.text(x + width / 2 - 0.04, y + 0.4, shown, fontsize=9.5, **style)
        x += width


def page(lines, color="attention"):
    """Several lines of tokens in one figure."""
    fig, ax = plots.figure(4.9, 0.33 * len(lines) + 0.3)
    for y, tokens in enumerate(lines):
        boxes(ax, tokens, 0, y, color)
    longest = max(sum(map(len, tokens)) for tokens in lines)
    ax.set(xlim=(-0.1, 0.62 * max(longest, 24)), ylim=(len(lines), -0.1))
    ax.axis("off")
    return fig


def cut(text, merges):
    """The tokens of a text, as texts."""
    tokenizer = BytePairTokenizer(merges)
    return [
        tokenizer.tokens[n].decode(errors="replace") for n in tokenizer.encode(text)
    ]


small = "low lower new newer slow slower"
first = train([small], 256 + 8)
stepper = plots.Stepper("byte-pair encoding of six words, merge by merge")
for n in range(len(first) + 1):
    pieces = [cut(piece, first[:n]) for piece in PIECE.findall(small)]
    count = Counter(pair for piece in pieces for pair in pairwise(piece))
    said = "Bytes. " if n == 0 else f"{n} joined. "
    if n < len(first):
        left, right = (half.decode() for half in first[n])
        assert count[left, right] == max(count.values())
        said += f"Most often: “{left}” and “{right}”, {count[left, right]} times."
    stepper.add(page(pieces), said.replace("“ ", "“␣"))
script.keep(stepper)

# No pair is counted across two pieces. Otherwise the, the, and the. could become three
# tokens, each with an embedding that has to be learned. GPT-2 has the pieces for this
# reason (Radford et al., 2019). The pieces have a second use. Equal ones need to be
# counted only once: the 3.4 million characters are only 25,626 different pieces. After
# each merge, only those are looked at that held the pair:

# The lines of the package: transformer_path.transformer.tokenizer_training.train

# What has been learned is a list of merges, in order. To encode a new text, cut it into
# pieces, write each as bytes, and carry out the merges in that order:

def encode_plainly(piece, merges):
    tokens = [bytes([byte]) for byte in piece.encode()]
    for pair in merges:
        for place in range(len(tokens) - 1):
            if (*tokens[place : place + 2],) == pair:
                tokens[place : place + 2] = [b"".join(pair)]
    return tokens

assert first[:2] == [(b"l", b"o"), (b"lo", b"w")]
assert len(first) == 8 and len(train([small], 300)) == 8
assert encode_plainly(" flowers", first) == [b" ", b"f", b"low", b"er", b"s"]
assert BytePairTokenizer(first).encode(" slower") == [263, 258]

# That goes through all merges for every piece. The package keeps the pairs that can be
# merged in a queue: `heappush` puts one in, `heappop` takes out the one whose merge was
# learned first. It also remembers the tokens of pieces that it has met:

# The lines of the package:
# transformer_path.transformer.tokenizer.BytePairTokenizer._merge_piece

# One thing is missing. Where one text ends and another begins, a model needs a sign
# that is no text: a special token, often written `<|endoftext|>`. It gets a number that
# no text is ever given. Somebody may write those very letters, and they are letters:

marked = BytePairTokenizer(first, special=["<|endoftext|>"])
end = marked.special["<|endoftext|>"]
assert end not in marked.encode("low<|endoftext|>")
assert marked.decode([*marked.encode("low"), end]) == "low<|endoftext|>"


# Proof
# =====

# The library `tokenizers`, written in Rust, is in wide use. Trained on the same files,
# it must learn the same merges in the same order, and cut new files into the same
# tokens with the same numbers.

def library(texts, vocabulary):
    theirs = tokenizers.Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    all_bytes = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        initial_alphabet=all_bytes,
        show_progress=False,
    )
    theirs.train_from_iterator(texts, trainer)
    return theirs


begin = time.process_time()
theirs = library(texts.validation, 4096)
middle = time.process_time()
merges = train(texts.validation, 4096)
ours = BytePairTokenizer(merges)
finish = time.process_time()
assert len(ours) == theirs.get_vocab_size() == 4096
written = json.loads(theirs.to_str())["model"]["merges"]
assert read_merges(map(" ".join, written)) == merges
for text in texts.train[:40]:
    assert ours.encode(text) == theirs.encode(text).ids

# In processor time, on the machine that built this book, ours took 3 times as long.

note(time_training=f"{(finish - middle) / (middle - begin):.0f}")

# Any text comes back, also one that means nothing. A file that is read in small parts
# gives the tokens that it gives as a whole, so it need not fit into memory. And the
# loop that goes through all merges agrees with the queue:

dice = random.Random(0)
signs = [32, 39, 97, 233, 0x4E00, 0x1F600]  # space, ', a, é, a Chinese sign, a face
for _ in range(300):
    text = "".join(chr(dice.choice(signs)) for _ in range(20))
    assert ours.decode(ours.encode(text)) == text
    stream = ours.encode_stream(io.StringIO(text), size=dice.randint(1, 9))
    assert [*stream] == ours.encode(text)

merges = merges[: 1024 - 256]
quick = BytePairTokenizer(merges)
for piece in dice.sample(sorted(new_words), 200):
    found = [quick.tokens[n] for n in quick.encode(piece)]
    assert found == encode_plainly(piece, merges)


# The experiment
# ==============

# How large should the vocabulary be? The merges of a small one are the first merges of
# a larger one. So we train once, on the training files, up to 16,384 tokens, and then
# cut the list where we like. What counts is how many bytes one token stands for, in
# files that took no part.

sizes = [2**n for n in range(8, 15)]  # 256 to 16,384
merges = train(texts.train, sizes[-1])
by_size = {size: BytePairTokenizer(merges[: size - 256]) for size in sizes}


def tokens(pieces, tokenizer):
    """How often does each token occur? Equal pieces are cut only once."""
    count = Counter()
    for piece, n in pieces.items():
        for token in tokenizer.encode(piece):
            count[token] += n
    return count


new = "".join(texts.validation)
numbers = "\n".join(" ".join(german(n)) for n in range(1000, 9000, 7))
in_training, in_new = (
    {size: tokens(pieces, by_size[size]) for size in sizes}
    for pieces in (words, new_words)
)

def per_token(counts):
    """Bytes per token; of 256 tokens each is a byte."""
    return [counts[256].total() / counts[size].total() for size in sizes]


in_numbers = {size: Counter(by_size[size].encode(numbers)) for size in sizes}
length = {"training files": per_token(in_training), "new files": per_token(in_new)}
length["German numbers"] = per_token(in_numbers)
fig, ax = plots.figure(4.9, 2.9)
ax.set(xlabel="tokens in the vocabulary", ylabel="bytes per token", xscale="log")
colors = dict(zip(length, ["ink-2", "attention", "rnn"], strict=True))
for name, found in length.items():
    plots.curves(ax, sizes, [found], colors[name], name)
ax.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=30)
ax.minorticks_off()
_ = ax.set(ylim=(0, None))

found = length["new files"]
for line in (found, length["training files"]):
    steps = [b - a for a, b in pairwise(line)]
    assert all(later < earlier for earlier, later in pairwise(steps))
    assert line[1] > 2
assert all(abs(a / b - 1) < 0.25 for a, b in zip(length["training files"], found))
idle = {n: 1 - len(in_new[n]) / n for n in (4096, 16_384)}
assert idle[16_384] > idle[4096] + 0.2 and idle[16_384] > 0.4
note(
    largest=f"{sizes[-1]:,}",
    per_512=f"{found[1]:.1f}",
    per_4096=f"{found[4]:.1f}",
    per_8192=f"{found[5]:.1f}",
    per_16384=f"{found[6]:.1f}",
    idle_4096=f"{idle[4096]:.0%}",
    idle_16384=f"{idle[16_384]:.0%}",
    shorter=f"{found[4] ** 2:.0f}",
)

# The first 256 merges more than halve the sequence: 2.1 bytes a token. After that, each
# doubling of the vocabulary adds less than the one before: 3.5 bytes at 4,096 tokens,
# 3.8 at 8,192, 4.0 at 16,384. And from about 2,000 tokens on, more and more of it lies
# idle. Of 4,096 tokens 13% do not occur in the new files at all, of 16,384 54%, and
# each of them has an embedding. On the other side stands what attention saves: with 3.5
# bytes a token, a text's table of attention weights is 12 times as small as that of its
# bytes.

# Here is how three lines of code fall apart, from bytes to the largest vocabulary:

snippet = """def attention(query, key, value):
    scores = query @ key.mT / 8
    return scores.softmax(-1) @ value"""
stepper = plots.Stepper("three lines of code, cut with larger and larger vocabularies")
for size in (256, 512, 1024, 4096, 16_384):
    lines = [[]]
    for token in cut(snippet, merges[: size - 256]):
        lines[-1].append(token)
        if "\n" in token:
            lines.append([])
    total = sum(map(len, lines))
    stepper.add(page(lines), f"A vocabulary of {size:,}: {total} tokens.")
script.keep(stepper)


# The price in bits
# -----------------

# Shorter is not yet better. A model has to guess each token, and among 16,384 it is
# harder to guess than among 256. So a loss per token cannot be compared between two
# tokenizers. But both write the same text. Sum the bits of all tokens, and divide by
# the bytes of the text: these are the bits per byte, the bits per character with
# another divisor. Token w_t stands at position t:

#     bits per byte = 1/bytes Σ_t - log_2 p(w_t)

# Take the simplest model there is. It looks at nothing that came before, and gives each
# token its share among the tokens of the training files (with one added to every count,
# so that none has probability 0).

def bits(size):
    """Per token and per byte of the new files, by the shares in the training files."""
    known, new_ones = in_training[size], in_new[size]
    total = known.total() + size
    summed = sum(-n * math.log2((known[w] + 1) / total) for w, n in new_ones.items())
    return summed / new_ones.total(), summed / len(new.encode())


price = {size: bits(size) for size in (256, 1024, 4096, 16_384)}

def packed(text):
    """Bits per byte that a program for packing files needs."""
    return 8 * len(lzma.compress(text.encode(), preset=9)) / len(text.encode())


in_order, pieces = packed(new), PIECE.findall(new)
mixed = packed("".join(dice.sample(pieces, len(pieces))))
per_token_bits, per_byte_bits = zip(*price.values(), strict=True)
assert all(a < b for a, b in pairwise(per_token_bits))
gains = [a - b for a, b in pairwise(per_byte_bits)]
assert min(gains) > 0 and all(b < 0.8 * a for a, b in pairwise(gains))
assert in_order < 0.85 * per_byte_bits[-1] < 0.95 * mixed
note(packed=f"{in_order:.2f}", mixed=f"{mixed:.1f}")
for size, (one_token, one_byte) in price.items():
    note(**{f"token_{size}": f"{one_token:.1f}", f"byte_{size}": f"{one_byte:.2f}"})

#     vocabulary                          bits per token  bits per byte
#     256                                 4.5             4.55
#     1,024                               8.7             3.22
#     4,096                               9.6             2.75
#     16,384                              9.9             2.51
#     `lzma`, a program that packs files                  1.66

# So for this model joining pays in bits, too. Each vocabulary is four times as large as
# the one before, and the gains shrink. The small networks of the next pages take fewer
# still, from single bytes to about a thousand tokens: a readout computes a number for
# each of them, at every position.


# Made for one text
# -----------------

# A tokenizer is good at what it was trained on. The lowest line of the figure with
# bytes per token is a text in German: number words, one number a line. With 4,096
# tokens for Python it gets 1.9 bytes a token, where new Python gets 3.5. German is not
# to blame: 339 tokens, learned from other number words, get 5.5. So a network with the
# tokens of Python would read less German at once, and at a higher cost. And digits are
# cut as they happened to be counted:

for number in ("1000", "1001", "1024", "65536", "3.14159"):
    print(number, cut(number, merges[: 4096 - 256]))

# A token is only a name. That one number is the next after another, a network would
# have to learn from such pieces. A pattern that cuts between any two digits is one
# remedy.

in_german = length["German numbers"][4]
others = [" ".join(german(n)) for n in range(1001, 9000, 7)]
own = BytePairTokenizer(train(others, 4096))
in_own = len(numbers.encode()) / len(own.encode(numbers))
assert in_german < 0.75 * found[4] and in_own > 1.5 * in_german
note(german_4096=f"{in_german:.1f}", own=f"{len(own)}", german_own=f"{in_own:.1f}")


# Where it fails
# ==============

# A share is no forecast:

# With 16,384 tokens, each by its share, the new files take 2.51 bits a byte. `lzma`,
# which has not seen one training file, packs them into 1.66: it looks at what came
# before. With the same words in random order, each as often as before, it needs 3.0. A
# tokenizer takes a text apart, and gives its parts numbers. Which part comes next, it
# does not know.

# To say that, a model has to read what stands before, all of it, and at every position.
# The encoder–decoder can write, but it answers another text. What is left of it, when
# there is only one? That is GPT.
