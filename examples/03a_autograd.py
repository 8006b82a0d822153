"""Autograd.

Stop 3a of the path as a script: the code of the page
https://transformer-path.github.io/transformer-path/03a-autograd.html, its prose as
comments. You will have an engine whose gradients equal torch's. The numbers in the
comments are the page's; the script computes and prints them. It needs the book's
package, runs from anywhere, and can save the figures in a folder:

    pip install "transformer-path @ git+https://github.com/transformer-path/transformer-path"
    python examples/03a_autograd.py
    python examples/03a_autograd.py --figures FOLDER
"""

from transformer_path.workshop import script

script.start()


# The question
# ============

# Two chapters, one lesson. A linear model cannot fit even the series it was shown, and
# clusters are not classes. The raw inputs have to be reworked first, in a way that must
# itself be learned. So there will be parameters in the middle of the function, layer
# behind layer, far from the loss.

# Gradient descent asks for one thing only: the derivative of the loss with respect to
# every parameter. In chapter 1 you worked it out on paper, and it came out short:
# probabilities minus answers, p - y. That was one layer. For many layers, the paper
# would have to be written again with every line you change.

# You could change each number a little and look at the loss. Such finite differences
# work for any program that you can run, and they cost an evaluation of the loss per
# parameter, or two if they are to be accurate. The network of the next chapter has
# 15,210; a small language model has a hundred million.

# Who computes the gradients: exactly, for any program that you write, and at a price
# that does not grow with the number of parameters?

from itertools import pairwise
from time import process_time

import numpy as np
import torch
from matplotlib.patches import Rectangle

from transformer_path.networks.autograd import Variable
from transformer_path.workshop import plots
from transformer_path.workshop.datasets import mnist1d
from transformer_path.workshop.notes import note


# The idea: let the numbers remember
# ==================================

# Any program, however long, is made of small steps: a product here, a sum there, a tanh
# (an S-shaped curve from −1 to 1). The derivative of each step stands in any table. The
# chain rule joins them: if L depends on u, and u on w, then

#     ∂L/∂w = ∂L/∂u · ∂u/∂w.

# What remains is bookkeeping: which number came from which, and by what step. Let every
# number keep that record itself. Here is a neuron, the smallest part of a neural
# network, with its squared error against a target of 1. No line of it mentions a
# derivative.

w, x, b = Variable(0.8), Variable(1.5), Variable(-0.4)
u = w * x
z = u + b
h = z.tanh()
e = h - 1.0
L = e * e
L.backward()
print(f"L = {L.data:.4f}, dL/dw = {w.grad:.4f}, dL/db = {b.grad:.4f}")

# The record is a computation graph: a node for every number, an edge from each input to
# what was made of it. Running the program from left to right is the forward pass; it
# leaves a value in every node. `backward` then walks from right to left, the backward
# pass, and leaves in every node its gradient: how fast L grows when this number grows.
# Step through it.

PLACES = {
    "w": (0, 2),
    "x": (0, 0),
    "u": (1, 1),
    "b": (1, 0),
    "z": (2, 1),
    "h": (3, 1),
    "e": (4, 1),
    "L": (5, 1),
}
EDGES = {
    "u": ("w x", "×"),
    "z": ("u b", "+"),
    "h": ("z", "tanh"),
    "e": ("h", "− 1"),
    "L": ("e e", "e · e"),
}
LIFTS = {"u": (0, 0), "z": (0, 0), "h": (0,), "e": (0,), "L": (0.15, -0.15)}


def shown(number, form=".2f"):
    """Two decimals, and a minus sign that is one."""
    return f"{number:{form}}".replace("-", "−")


def draw_graph(variables, reached, here):
    """Draw the graph; nodes in ``reached`` show their gradient, ``here`` is marked."""
    fig, ax = plots.figure(4.9, 2.5)
    ink, grey, blue = (plots.LIGHT[name] for name in ("ink", "ink-2", "brand"))
    for name, (sources, sign) in EDGES.items():
        for source, lift in zip(sources.split(), LIFTS[name], strict=True):
            (i, j), (k, m) = PLACES[source], PLACES[name]
            moved = name in reached and source in reached
            ax.annotate(
                "",
                (k - 0.36, m + lift),
                (i + 0.36, j + lift),
                arrowprops={
                    "arrowstyle": "<-" if moved else "->",
                    "lw": 1.6 if moved else 0.9,
                    "color": blue if moved else grey,
                    "shrinkA": 0,
                    "shrinkB": 0,
                },
            )
        ax.text(PLACES[name][0], PLACES[name][1] + 0.52, sign, ha="center", color=grey)
    for name, (i, j) in PLACES.items():
        edge = {"ec": blue, "lw": 2.2} if name == here else {"ec": ink, "lw": 0.9}
        ax.add_patch(Rectangle((i - 0.36, j - 0.37), 0.72, 0.74, fill=False, **edge))
        ax.text(i, j + 0.19, name, ha="center", va="center", weight="bold")
        ax.text(i, j - 0.03, shown(variables[name].data), ha="center", va="center")
        gradient = shown(variables[name].grad, "+.2f") if name in reached else "·"
        ax.text(i, j - 0.25, gradient, ha="center", va="center", color=blue)
    ax.set(xlim=(-0.45, 5.45), ylim=(-0.5, 2.5))
    ax.axis("off")
    return fig


values = {"w": w, "x": x, "u": u, "b": b, "z": z, "h": h, "e": e, "L": L}
slope = 1 - h.data**2
walk = {
    "": "The forward pass is done: every node has its value.",
    "L": f"L grows as fast as itself: its gradient, below, is {L.grad:.0f}.",
    "e": "e is used twice, as both factors of e · e. Each use sends "
    f"e · 1 = {shown(e.data)}; together {shown(e.grad)}.",
    "h": f"e = h − 1 grows with h one to one: {shown(h.grad)} passes through.",
    "z": f"The slope of tanh is 1 − h² = {slope:.2f}, and "
    f"{shown(h.grad)} · {slope:.2f} = {shown(z.grad)}.",
    "b": f"A sum hands its gradient to every term: b gets {shown(b.grad)}.",
    "u": f"And so does u: {shown(u.grad)}.",
    "w": "In a product each factor gets the other: "
    f"w gets {shown(u.grad)} · x = {shown(w.grad)}.",
    "x": f"And x gets {shown(u.grad)} · w = {shown(x.grad)}. Done, in one pass.",
}
stepper = plots.Stepper("The gradient walks back through the graph of one neuron")
reached = set()
for here, text in walk.items():
    reached |= {here}
    stepper.add(draw_graph(values, reached, here), text)
script.keep(stepper)

# Two rules of this walk are easy to miss.

# Gradients add up. A number that is used in two places acts on the loss along two ways,
# and both count. Look at e again.

# A node passes on only what is complete. It may send its gradient back when every one
# of its uses has reported, not before. So the nodes are put in an order, inputs before
# outputs, and the walk follows it backwards. Such an order is a topological sort. It
# exists because no step can use a number before it has been computed: the graph has no
# circles.

three = Variable(2.0)
square = three * three
(square * three).backward()
note(cube_y=f"{square.grad:.0f}", cube_x=f"{three.grad:.0f}")
assert (square.grad, three.grad) == (2, 12)

# What does a number have to remember? Only what it was computed from, and for each of
# these inputs a rule that turns its own gradient into the input's:

# The lines of the package: transformer_path.networks.autograd.Variable.__init__

# Reverse mode was found several times over. Section 3.3 of the survey by Baydin and
# colleagues tells that story.

# To take derivatives of a program in this way, neither on paper nor by finite
# differences, is automatic differentiation; to walk back from the loss is its reverse
# mode (Baydin et al., 2018). In neural networks it is called backpropagation (Rumelhart
# et al., 1986).


# The idea, for arrays
# ====================

# One node for every number would be slow, so a node holds a whole array, and a step is
# a whole operation on arrays. What becomes of the rules?

# Take a step z = f(x) from C numbers to F. All its derivatives together form a matrix
# of F rows and C columns, the Jacobian ∂z/∂x. Write z̄ for the gradient of the loss
# with respect to z, as a row. Then the chain rule is a product of a vector and this
# matrix:

#     x̄ = z̄ ∂z/∂x,    x̄_c = Σ_f z̄_f ∂z_f/∂x_c.

# This is a vector-Jacobian product, and it is what a rule computes. The matrix itself
# is never needed. To see it, ask for it row by row: start the backward pass with a one
# at one output and zeros at the others.

rows = []
for one_output in np.eye(3):
    x = Variable([0.3, -0.5, 1.2])
    x.tanh().backward(one_output)
    rows.append(x.grad)
jacobian = np.array(rows)  # (F, C)
print(jacobian.round(4))

x, g = Variable([0.3, -0.5, 1.2]), np.array([2.0, 1.0, -3.0])
x.tanh().backward(g)
assert np.allclose(x.grad, g @ jacobian, rtol=1e-14)
note(jacobian_numbers=f"{(100 * 100) ** 2:,}", jacobian_diagonal=f"{100 * 100:,}")

# For 100 rows of 100 numbers the Jacobian of tanh has 100,000,000 entries, and all but
# the 10,000 on its diagonal are zero. The vector-Jacobian product multiplies by 1 - h²,
# number by number, and is done.


# One matrix layer
# ----------------

# Here is the step that does most of the work in every network: N examples of C features
# meet a weight matrix and become N rows of F numbers. Its Jacobian with respect to the
# examples would have N F · N C entries; its vector-Jacobian products are again two
# matrix products.

N, C, F = 5, 3, 2
fig, ax = plots.figure(4.9, 3.9)


def matrix(x, y, name, rows, columns, marked):
    """Draw a grid centred on height y; the marked cells are filled."""
    letter, shape = name.split(" ", 1)
    hue = plots.LIGHT["brand" if "\u0304" in letter else "ink-2"]
    top = y + rows / 2
    for i, j in np.ndindex(rows, columns):
        face = hue if (i, j) in marked else "none"
        ax.add_patch(Rectangle((x + j, top - i - 1), 1, 1, fc=face, ec=hue, lw=0.8))
    middle = {"ha": "center", "color": hue}
    ax.text(x + columns / 2, top + 0.3, letter, va="bottom", weight="bold", **middle)
    ax.text(x + columns / 2, top - rows - 0.3, shape, va="top", **middle)


def product(x, y, title, left, right, result):
    """Draw left @ right = result, each with its name, shape and marked cells."""
    ax.text(x, y + 5, title, weight="bold")
    for sign, (name, size, marked) in zip("@= ", (left, right, result), strict=True):
        matrix(x, y, name, *size, marked)
        ax.text(x + size[1] + 0.95, y, sign, ha="center", va="center")
        x += size[1] + 1.9


row, column = {(1, k) for k in range(5)}, {(k, 1) for k in range(5)}
product(
    0,
    9,
    "Forward",
    ("X (N, C)", (N, C), row),
    ("W (C, F)", (C, F), column),
    ("Z (N, F)", (N, F), {(1, 1)}),
)
product(
    0,
    -2,
    "Back to the input",
    ("Z̄ (N, F)", (N, F), row),
    ("Wᵀ (F, C)", (F, C), column),
    ("X̄ (N, C)", (N, C), {(1, 1)}),
)
product(
    14,
    -2,
    "Back to the weights",
    ("Xᵀ (C, N)", (C, N), row),
    ("Z̄ (N, F)", (N, F), column),
    ("W̄ (C, F)", (C, F), {(1, 1)}),
)
ax.text(14, 14, "Back to the bias", weight="bold")
matrix(14, 9, "Z̄ (N, F)", N, F, column)
ax.text(18.2, 9, "sum of\nrows →", ha="center", va="center")
matrix(20.5, 9, "b̄ (F,)", 1, F, {(0, 1)})
ax.set(xlim=(-0.5, 27), ylim=(-6.5, 15.2), aspect="equal")
_ = ax.axis("off")

# Follow one number. Element z_nf = Σ_c x_nc w_cf + b_f. The weight w_cf acts on a whole
# column of Z, once per example and each time with the factor x_nc. So its gradient adds
# up over the examples. The input x_nc acts on a row of Z, and adds up over its F
# numbers:

#     X̄ = Z̄ Wᵀ    W̄ = Xᵀ Z̄

#     symbol  shape
#     X, X̄    `(..., N, C)`
#     W, W̄    `(..., C, F)`
#     Z, Z̄    `(..., N, F)`

# The lines of the package: transformer_path.networks.autograd.Variable.__matmul__

# You need not remember where the transposes go: a gradient has the shape of its
# variable, and with N, C and F all different there is only one product that fits.

# The product of numbers, place by place, has the plainest rules of all. In the code `a`
# and `b` are the two variables, and `g` is the gradient that arrives.

#     Z = A ⊙ B    Ā = Z̄ ⊙ B    B̄ = Z̄ ⊙ A

# The lines of the package: transformer_path.networks.autograd.Variable.__mul__


# Broadcasting, backwards
# -----------------------

# When a bias of shape `(F,)` is added to a matrix of shape `(N, F)`, it is used N
# times, and gradients of several uses add up. So what broadcasting repeated in the
# forward pass is summed in the backward pass:

#     z_nf = x_nf + b_f    ⇒    b̄_f = Σ_n z̄_nf

# Axes that broadcasting put in front are summed away; axes of size 1 that it stretched
# are summed to size 1 again.

# The lines of the package: transformer_path.networks.autograd._unbroadcast

stretched = Variable(np.zeros((3, 1)))
(stretched + np.zeros(4)).sum().backward()
assert np.array_equal(stretched.grad, [[4], [4], [4]])
note(broadcast_grad=str(stretched.grad.tolist()))


# The softmax, once more
# ----------------------

# A classifier's loss needs the logarithm of the softmax:

#     log p_k = z_k - log Σ_j e^(z_j)    z̄_k = ℓ̄_k - p_k Σ_j ℓ̄_j

# Here ℓ̄ is the gradient that arrives at log p.

# The lines of the package: transformer_path.networks.autograd.Variable.log_softmax

# For one example of class c the loss is - log p_c, so ℓ̄ is -1 at c and zero elsewhere.
# Put it in: z̄ is p minus a one at c. This is the p - y of chapter 1, now without
# paper.

z = Variable([[2.0, -1.0, 0.5]])
loss = -z.log_softmax()[0, 2]
loss.backward()
p = np.exp(z.data) / np.exp(z.data).sum()
print("gradient ", z.grad.round(4))
print("p − y    ", (p - [0, 0, 1]).round(4))
assert np.abs(z.grad - (p - [0, 0, 1])).max() < 1e-15


# The backward pass in code
# =========================

# Here is the walk, with nothing left out. `pending` holds the gradients that are still
# being added up; when a variable's turn comes, all its uses have reported.

# The lines of the package: transformer_path.networks.autograd.Variable.backward

# And the topological sort. A function that calls itself for every input would be
# shorter, but Python allows it only about a thousand calls deep, and longer programs
# than that will come. So this one keeps a stack of its own. A variable has two turns:
# first to put its inputs on the stack, then, when they are listed, to be listed itself.
# If other uses put it there again, it is passed over.

# The lines of the package: transformer_path.networks.autograd.Variable._inputs_first

y = x = Variable(1.0)
for _ in range(10_000):
    y = y * 1.0001
y.backward()
print(f"through 10,000 steps: {x.grad:.6f}")
assert abs(x.grad - 1.0001**10_000) < 1e-9

# To train, you assign new numbers: `w.data = w.data - lr * w.grad`. Changing them in
# place is refused, since a rule may still need them as they were. And gradients add up
# over several calls of `backward` too, so you clear them before every step with
# `w.zero_grad()`.


# Why backward?
# -------------

# The chain rule is a product of Jacobians, and a product can be worked out from either
# end. From the input's end it is called forward mode: one input's derivative is pushed
# along with the values. Count the multiplications by the matrices for the network of
# the next chapter: 40 inputs, two layers of 100 numbers, 10 scores, one loss.

widths = [40, 100, 100, 10, 1]
sizes = [rows * columns for columns, rows in pairwise(widths)]  # of the Jacobians

from_the_loss = sum(sizes)  # one row, times each of them
from_the_inputs = 40 * sum(sizes[1:])  # a column for every input

parameters = sum((a + 1) * b for a, b in pairwise(widths[:4]))
note(
    multiplications_back=f"{from_the_loss:,}",
    multiplications_forward=f"{from_the_inputs:,}",
    mlp_parameters=f"{parameters:,}",
)
assert from_the_inputs > 20 * from_the_loss

# From the loss it takes 15,010, from the inputs 440,400. And what you want is not the
# derivative for 40 inputs but for 15,210 parameters, each of which would be a column of
# its own.


# Proof
# =====

# Torch has an autograd of its own, written by others and used by everyone. Give both
# the same network, the same weights and the same hundred series from MNIST-1D. The
# lines of the loss run on both; `relu` replaces negative numbers by 0.

def mlp_loss(x, w1, b1, w2, b2, w3, b3):
    """Three layers and the mean loss: the same lines for both engines."""
    h = (x @ w1 + b1).relu()  # (N, 100)
    h = (h @ w2 + b2).tanh()  # (N, 100)
    log_p = (h @ w3 + b3).log_softmax(-1)  # (N, 10)
    return -log_p[np.arange(len(classes)), classes].mean()


data = mnist1d().train
series, classes = data.x[:100].double().numpy(), data.y[:100].numpy()  # (N, 40), (N,)

def arrays_for(units, rng):
    """The series, and random weights and biases of three layers."""
    shapes = [(40, units), (units,), (units, units), (units,), (units, 10), (10,)]
    return [series, *(rng.normal(size=s) / np.sqrt(s[0]) for s in shapes)]


arrays = arrays_for(100, np.random.default_rng(0))
ours = [Variable(array) for array in arrays]
theirs = [torch.tensor(array, requires_grad=True) for array in arrays]
our_loss, their_loss = mlp_loss(*ours), mlp_loss(*theirs)
our_loss.backward()
their_loss.backward()

names = ["input", "weight 1", "bias 1", "weight 2", "bias 2", "weight 3", "bias 3"]
for name, variable, tensor in zip(names, ours, theirs, strict=True):
    equal = np.abs(variable.grad - tensor.grad.numpy()).max() < 1e-12
    print(f"gradient of {name:9} {variable.shape!s:10} equal to within 1e-12: {equal}")
    assert equal
assert abs(our_loss.data - their_loss.item()) < 1e-12

# One network proves one network. The package's tests go on from there: hundreds of
# random programs, in which any number may be used again by any later step and shapes
# broadcast as they please, each of them run by torch too.

# A second witness, who knows nothing of graphs, are finite differences: for thirty of
# the weights, the loss a little above minus the loss a little below, divided by the
# distance.

step, gaps = 1e-6, []
for place in np.random.default_rng(1).integers(0, 40 * 100, 30):
    losses = []
    for change in (step, -step):
        moved = arrays[1].copy()
        moved.flat[place] += change
        losses.append(mlp_loss(Variable(series), Variable(moved), *ours[2:]).data)
    gaps.append((losses[0] - losses[1]) / (2 * step) - ours[1].grad.flat[place])
print("equal to within 1e-7:", np.abs(gaps).max() < 1e-7)
assert np.abs(gaps).max() < 1e-7


# The experiment: what does a gradient cost?
# ==========================================

# The question asked for a price that does not grow with the number of parameters. So
# make the network wider and wider, and time the forward pass alone, then forward and
# backward pass together (in processor time, on one core).

ratios, alone = {}, {}
for units in (10, 100, 300):
    inputs = [Variable(a) for a in arrays_for(units, np.random.default_rng(2))]
    times = []
    for _ in range(20):
        began = process_time()
        loss = mlp_loss(*inputs)
        forward = process_time() - began
        loss.backward()
        times.append((forward, process_time() - began))
    alone[units], both = np.min(times, 0)  # the least disturbed of 20
    ratios[units] = both / alone[units]

for units, ratio in ratios.items():
    count = sum((a + 1) * b for a, b in pairwise([40, units, units, 10]))
    seconds = 2 * count * alone[units]
    note(
        **{
            f"parameters_{units}": f"{count:,}",
            f"time_ratio_{units}": f"{ratio:.0f}",
            f"time_differences_{units}": f"{float(f'{seconds:.1g}'):g} s",
        }
    )
assert max(ratios.values()) < 10

# - 10: 630; 3; 0.1 s
# - 100: 15,210; 3; 6 s
# - 300: 105,610; 3; 200 s

# With more than a hundred times as many parameters, loss and gradient together still
# cost a few evaluations of the loss, on the machine that built this page. There is a
# theorem behind it: counted in operations, reverse mode takes less than 6 times the
# work of the function itself, and typically 2 to 3 times (Baydin et al., 2018). The
# figure of the matrix layer shows how: its forward pass is one matrix product, its
# backward pass two of the same size.

# From the next chapter on, torch's autograd will do the work. It is the same idea,
# further developed: it frees the graph after the backward pass, keeps gradients of the
# parameters only, counts versions of an array instead of freezing it, and runs on other
# devices. You know now what happens when you write `loss.backward()`.


# Where it fails
# ==============

# The price is paid in another currency. The rules need values of the forward pass, and
# our engine keeps all of them until the backward pass comes by. (Larger engines drop
# what no rule needs, and can compute the rest a second time to save memory.) Without a
# gradient, a layer's numbers can be thrown away as soon as the next layer has been
# computed. Count the numbers in the graph of a program that is a chain of layers, each
# with the same small matrix:

def numbers_kept(layers, examples):
    """How many numbers the graph holds for one backward pass."""
    weight, h = Variable(np.zeros((40, 40))), Variable(np.zeros((examples, 40)))
    for _ in range(layers):
        h = (h @ weight).tanh()  # (N, 40)
    return sum(variable.data.size for variable in h._inputs_first())


kept = {key: numbers_kept(*key) for key in [(3, 100), (30, 100), (30, 1000)]}
for (layers, examples), count in kept.items():
    print(f"{layers:2} layers, {examples:5,} examples: {count:9,} numbers kept")

note(
    kept_few=f"{kept[3, 100]:,}",
    kept_deep=f"{kept[30, 100]:,}",
    kept_wide=f"{kept[30, 1000]:,}",
    kept_weights=f"{40 * 40:,}",
)
for (layers, examples), count in kept.items():
    assert count == 40 * 40 + examples * 40 * (2 * layers + 1)

# Memory grows with depth:

# With 1,600 weights the graph holds 29,600 numbers for the gradient of 3 layers and 100
# examples, 245,600 for 30 layers and 2,441,600 for ten times the examples: it grows
# with depth times examples. At the end of this path it has a part in how large a
# transformer fits into a machine.

# And something else is missing. The gradients are exact on the networks that we
# compared. Would you notice if they were not? The next page trains on them, and on four
# engines that are broken.
