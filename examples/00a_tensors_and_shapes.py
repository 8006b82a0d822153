"""Tensors and shapes.

Stop 0a of the path as a script: the code of the page
https://transformer-path.github.io/transformer-path/00a-tensors-and-shapes.html, its
prose as comments. You will have the handful of moves on arrays in which every model of
this book is written. The numbers in the comments are the page's; the script computes
and prints them. It needs the book's package, runs from anywhere, and can save the
figures in a folder:

    pip install "transformer-path @ git+https://github.com/transformer-path/transformer-path"
    python examples/00a_tensors_and_shapes.py
    python examples/00a_tensors_and_shapes.py --figures FOLDER
"""

from transformer_path.workshop import script

script.start()


# The question
# ============

# Every model in this book, from a straight line to a transformer, is arithmetic on
# blocks of numbers. There are only a handful of moves, and you can learn them in one
# sitting. Which are they, and how do you keep track of what meets what?

# The answer to the second half is one habit: beside every line, write down the shape of
# what it computes. You will see such comments on every page from here on. Many mistakes
# are mistakes of shape, and the worst of them raise no error. The last section shows
# one.

# If you know NumPy or PyTorch well, do the three exercises and go on.


# One image, sixty-four numbers
# =============================

# We use PyTorch, a library for arithmetic on arrays that can also compute derivatives.
# The derivatives come later. In Python it is called `torch`. Here is a handwritten
# digit, 8 by 8 pixels:

import torch

from transformer_path.workshop import plots
from transformer_path.workshop.datasets import digits
from transformer_path.workshop.notes import note

images = digits().train.x.reshape(-1, 8, 8)  # (1097, 8, 8)
image = images[9]
print(image.shape, image.dtype)
print(image[2])

fig, ax = plots.figure(2.6, 2.4)
plots.heatmap(ax, image, "linear", scale=1)
_ = ax.set(xlabel="column", ylabel="row", xticks=range(0, 8, 2), yticks=range(0, 8, 2))

# `image` is a tensor: a block of numbers in rows, columns and as many further
# directions as you like. Three things are worth knowing of every tensor:

# - its shape, here `(8, 8)`: how many numbers lie along each of its axes. A single
#   number has shape `()`, a vector of forty `(40,)`, a colour film perhaps `(frames,
#   rows, columns, 3)`;
# - its dtype, here `torch.float32`: what kind of numbers it holds. Measurements are
#   `float32`, in about seven digits; where we check our work we use `float64`, in about
#   sixteen. Labels and positions are whole numbers, `int64`; yes and no are `bool`;
# - its device: the memory of the processor or of an accelerator. In this book, the
#   processor.

# `reshape` reads the same numbers in another shape, as long as there are as many
# places; a `-1` stands for "whatever is left".

flat = images.reshape(-1, 64)  # (1097, 64): one row per image
print(flat.shape)
print(torch.tensor([[1, 2, 3], [4, 5, 6]]).reshape(3, 2))

# Look at the last two lines: `reshape` reads row by row and writes row by row. It does
# not turn rows into columns; the transpose, written `.T`, does.


# A part of it
# ============

# Indexing takes a part of a tensor. A number picks one place along an axis, and the
# axis is gone. A slice `a:b` keeps a stretch, from `a` up to but without `b`. A colon
# alone keeps everything. Axes that you do not mention stay as they are.

print(images[0].shape)  # one image
print(images[:100].shape)  # the first hundred
print(images[:, 0, :].shape)  # the top row of every image
print(images[:, :, -1].shape)  # the last column of every image
print(image[image > 0.9].shape)  # the pixels for which something holds

assert torch.equal(flat[:, 28], images[:, 3, 4])

# Indexing with a tensor of positions picks in that order, as often as a position
# occurs. This is how examples are drawn at random, how classes are looked up and, at
# the end of the path, how words become vectors.

rows = torch.tensor([2, 0, 0])
print(torch.tensor([[10, 11], [20, 21], [30, 31]])[rows])


# All at once
# ===========

# Arithmetic between tensors of one shape works number by number: `+`, `*`, `.exp()` and
# so on. No loop is written. Then there are the reductions, which turn many numbers into
# few: `sum`, `mean`, `amax` (the largest), `argmax` (the place of the largest). You
# name the axis along which they work, and that axis disappears. With `keepdim=True` it
# stays, with length 1.

print(image.mean())  # of all numbers: shape ()
print(flat.mean(0).shape)  # along axis 0: the average image
print(flat.mean(1).shape)  # along axis 1: how dark each image is
print(flat.mean(1, keepdim=True).shape)

# A trick to remember which axis is meant: it is the one that is no longer there.


# Shapes that do not match
# ========================

# What is `flat - flat.mean(0)`? The one has shape `(1097, 64)`, the other `(64,)`. What
# you want is clear: subtract the average image from each. It works, and the rule is
# called broadcasting:

# 1. Write the two shapes below each other, aligned at the right.
# 2. Where one of them has no axis, or an axis of length 1, it is used again and again.
# 3. Everywhere else the lengths must be equal, or there is an error.

#     flat          1097  64       flat                   1097  64
#     flat.mean(0)        64       flat.mean(1)               1097   error
#     result        1097  64       flat.mean(1, keepdim)  1097   1   fine

centred = flat - flat.mean(0)  # (1097, 64) - (64,)
print(centred.shape, centred.mean(0).abs().max() < 1e-5)

per_image = flat - flat.mean(1, keepdim=True)  # (1097, 64) - (1097, 1)
print(per_image.shape)

try:
    flat - flat.mean(1)
except RuntimeError as error:
    print(error)

# An index of `None` puts in an axis of length 1. So you decide yourself what meets
# what. Two vectors, `a[:, None]` of shape `(N, 1)` and `b` of shape `(K,)`, meet in a
# table of shape `(N, K)`, each with each:

a, b = torch.tensor([1, 2, 3]), torch.tensor([10, 20])
print(a[:, None] + b)  # (3, 1) + (2,) = (3, 2)

assert (torch.ones(5, 1, 4) * torch.ones(3, 4)).shape == (5, 3, 4)


# The matrix product
# ==================

# One move does most of the work in every network you will meet. A row of numbers and a
# column of numbers, equally long, are multiplied place by place and added up. The
# matrix product does this for every row of the first matrix with every column of the
# second:

#     z_nf = Σ_(c=1)^C x_nc w_cf.

# In shapes: `(N, C) @ (C, F)` gives `(N, F)`. The inner lengths must agree, and they
# disappear; the outer ones stay.

def block(ax, x, y, rows, columns, text, marked):
    """Draw a matrix as a grid, with the marked cells filled."""
    for i in range(rows):
        for j in range(columns):
            fill = plots.LIGHT["linear"] if (i, j) in marked else "none"
            corner = (x + j, y - i - 1)
            ax.add_patch(
                plt.Rectangle(corner, 1, 1, fc=fill, ec=plots.LIGHT["ink-2"], lw=0.6)
            )
    ax.text(x + columns / 2, y + 0.5, text, ha="center")


from matplotlib import pyplot as plt

fig, ax = plots.figure(4.9, 2.3)
block(ax, 0, 4, 4, 6, "(N, C)", {(1, k) for k in range(6)})
block(ax, 7.5, 6, 6, 3, "(C, F)", {(k, 2) for k in range(6)})
block(ax, 12, 4, 4, 3, "(N, F)", {(1, 2)})
ax.text(6.75, 2, "@", ha="center", va="center")
ax.text(11.25, 2, "=", ha="center", va="center")
ax.set(xlim=(-0.2, 15.2), ylim=(-0.3, 7.3), aspect="equal")
_ = ax.axis("off")

# Here is the whole of a linear model, as you will meet it in the next chapter: 1,097
# images, ten classes, one row of 64 weights per class, and a bias for each, which is
# broadcast.

weight, bias = torch.zeros(10, 64), torch.zeros(10)
scores = flat @ weight.T + bias  # (1097, 64) @ (64, 10) + (10,) = (1097, 10)
print(scores.shape)

# Further axes in front are carried along: `(B, T, C) @ (C, F)` is `(B, T, F)`, a matrix
# product for each of the `B` blocks. So a transformer treats all positions of all
# sequences in one line.


# Proof
# =====

# The three loops below are the formula, letter by letter. They agree with `@` to the
# last digits of `float64`.

def matrix_product(a, b):
    """(N, C), (C, F) to (N, F), one number at a time."""
    result = torch.zeros(a.shape[0], b.shape[1], dtype=a.dtype)
    for n in range(a.shape[0]):
        for f in range(b.shape[1]):
            for c in range(a.shape[1]):
                result[n, f] += a[n, c] * b[c, f]
    return result


generator = torch.Generator().manual_seed(0)
a = torch.randn(7, 11, dtype=torch.float64, generator=generator)
b = torch.randn(11, 5, dtype=torch.float64, generator=generator)
torch.testing.assert_close(matrix_product(a, b), a @ b, rtol=0, atol=1e-12)


# The experiment
# ==============

# Why not simply write loops? Measure it. Both compute the same table of 200 × 10 scores
# from 64 numbers each.

from time import perf_counter

began = perf_counter()
by_loop = matrix_product(flat[:200], torch.ones(64, 10))
loop_time = perf_counter() - began

began = perf_counter()
for _ in range(100):
    at_once = flat[:200] @ torch.ones(64, 10)
product_time = (perf_counter() - began) / 100

rows, columns = flat[:200].tolist(), torch.ones(10, 64).tolist()  # Python's own numbers
began = perf_counter()
plain = [[sum(p * q for p, q in zip(r, c)) for c in columns] for r in rows]
plain_time = perf_counter() - began

torch.testing.assert_close(by_loop, at_once)
torch.testing.assert_close(torch.tensor(plain), at_once)
assert plain_time < loop_time / 5
assert product_time < plain_time / 5
note(
    time_loop=f"{loop_time:.1f} s",
    time_product=f"{1e6 * product_time:.0f} µs",
    time_plain=f"{1e3 * plain_time:.0f} ms",
    time_ratio=f"{float(f'{loop_time / product_time:.0e}'):,.0f}",  # one digit
)

# The loop took 1.8 s, the product 25 µs: about 70,000 times less, on the machine that
# built this book. Both do the same 128,000 multiplications. What the loop does besides
# is to make a tensor for every single number, and that is most of its time: the same
# three loops over Python's own numbers take 6 ms. That is still far from the product,
# so the rest is Python, which goes through the loops step by step. Hence the rule for
# the whole book: say in one line what should happen to all numbers, and leave the loops
# to the library.


# Where it fails
# ==============

# Broadcasting does not ask whether you meant it. Suppose a model predicts the right
# answer for each of a thousand examples. Its predictions come as a column, `(1000, 1)`,
# as most layers give them; the answers are a vector, `(1000,)`. The mean squared error
# of perfect predictions must be 0.

answers = torch.randn(1000, dtype=torch.float64, generator=generator)
predictions = answers[:, None].clone()  # (1000, 1), every one of them right

error = ((predictions - answers) ** 2).mean()
constant = ((answers.mean().expand(1000, 1) - answers) ** 2).mean()
print((predictions - answers).shape)

twice_the_variance = 2 * answers.var(correction=0)
torch.testing.assert_close(error, twice_the_variance)
torch.testing.assert_close(constant, twice_the_variance / 2)
note(error=f"{error:.2f}", constant=f"{constant:.2f}")

# It is 2.15. Aligned at the right, 1000 meets 1 and nothing meets 1000, so the
# difference has shape `(1000, 1000)`: every prediction was compared with every answer.
# What came out is twice the variance of the answers. It gets worse: predict the average
# answer for all of them, and the same line gives half of that, 1.07. So a model that is
# trained on this number unlearns what it knows and ends at the average, and nothing
# says why.

# Shapes that fit by accident:

# Perfect predictions, and a measured error of 2.15, without a warning. A library that
# fills in what is missing cannot know what you meant. This book answers with two
# habits: a comment with the shape beside every line that changes one, and functions
# that compare shapes before they subtract. The mean squared error of the next page is
# such a function.
