"""Values and gradients equal torch's, and every known bug of such engines is caught."""

import pickle
import re
from copy import copy, deepcopy
from functools import partial

import numpy as np
import pytest
import torch
from broken import broken_copy, try_all
from hypothesis import given, settings
from hypothesis import strategies as st

from transformer_path.networks import autograd
from transformer_path.networks.autograd import Variable

RNG = np.random.default_rng(0)

# ---- random programs, run by our engine and by torch --------------------------------

SHAPES = [(), (1,), (5,), (3, 1), (3, 5), (1, 5), (2, 1, 5), (2, 3, 5)]


def swapped(x):
    """Exchange the last two axes, in either library."""
    if isinstance(x, torch.Tensor):
        return x.transpose(-1, -2)
    n = len(x.shape)
    return x.transpose(*range(n - 2), n - 1, n - 2)


def log_softmax(x):
    return x.log_softmax(-1) if x.shape else x - x


def gram(x):
    """Rows times rows, summed so that the result still broadcasts with the rest."""
    return (x @ swapped(x)).sum(-1, keepdims=True) * 0.1 if len(x.shape) > 1 else -x


ONE = {
    "neg": lambda x: -x,
    "tanh": lambda x: x.tanh(),
    "sigmoid": lambda x: x.sigmoid(),
    "log sigmoid": lambda x: (x * 9).sigmoid().log() * 0.1,
    "relu": lambda x: (x + 0.1234).relu(),  # away from the kink after x - x
    "exp": lambda x: x.tanh().exp(),
    "log": lambda x: (x * x + 1).log(),
    "root": lambda x: (x * x + 1) ** 0.5,
    "cube": lambda x: x.tanh() ** 3,
    "reciprocal": lambda x: 2 / (x * x + 1),
    "from one": lambda x: 1 - x,
    "sum": lambda x: x.sum() * 0.1,
    "first sum": lambda x: x.sum(0) * 0.1,
    "first sum, kept": lambda x: x.sum(0, keepdims=True) * 0.1,
    "last mean": lambda x: x.mean(-1, keepdims=True),
    "first mean": lambda x: x.mean(0),
    "mean": lambda x: x.mean(-1, keepdims=True) if x.shape else x.mean(),
    "log softmax": log_softmax,
    "gram": gram,
}
TWO = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y.tanh(),
    "div": lambda x, y: x / (y * y + 1),
}
steps = st.one_of(
    st.tuples(st.sampled_from(sorted(ONE)), st.integers(0, 30)),
    st.tuples(st.sampled_from(sorted(TWO)), st.integers(0, 30), st.integers(0, 30)),
)
programs = st.tuples(
    st.lists(st.sampled_from(SHAPES), min_size=2, max_size=4),
    st.lists(steps, min_size=1, max_size=10),
    st.integers(0, 999),
)


def execute(program, values):
    """Run the steps; each may use any value so far, so values are used many times."""
    for name, *operands in program:
        picked = [values[i % len(values)] for i in operands]
        values.append((ONE | TWO)[name](*picked))
    return values[-1]


def agrees_with_torch(engine, program):
    """Compare value and every gradient with torch's, to 1e-10."""
    shapes, steps, seed = program
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=shape) for shape in shapes]
    ours = [engine.Variable(array) for array in arrays]
    theirs = [torch.tensor(array, requires_grad=True) for array in arrays]
    y, t = execute(steps, list(ours)), execute(steps, list(theirs))
    start = rng.normal(size=y.shape)
    y.backward(start)
    t.backward(torch.tensor(start))
    close(y.data, t)
    for variable, tensor in zip(ours, theirs, strict=True):
        close(
            variable.grad,
            torch.zeros_like(tensor) + (0 if tensor.grad is None else tensor.grad),
        )


def close(ours, theirs):
    theirs = np.asarray(theirs.detach() if isinstance(theirs, torch.Tensor) else theirs)
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype == np.float64
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


@settings(max_examples=300, deadline=None)
@given(programs)
def test_random_programs_agree_with_torch(program):
    agrees_with_torch(autograd, program)


# ---- what random programs do not reach: one operation at a time ---------------------

ROWS = np.array([0, 2, 2, 1])
ALONE = {
    "matmul": (lambda x, y: x @ y, [(3, 5), (5, 2)]),
    "matrices transposed": (lambda x: x.mT, [(7, 3, 5)]),
    "batched matmul": (lambda x, y: x @ y, [(7, 3, 5), (7, 5, 2)]),
    "matmul, right shared": (lambda x, y: x @ y, [(7, 3, 5), (5, 2)]),
    "matmul, left shared": (lambda x, y: x @ y, [(3, 5), (7, 1, 5, 2)]),
    "sum of an axis": (lambda x: x.sum(1), [(2, 3, 5)]),
    "sum of the last axis": (lambda x: x.sum(-1), [(2, 3, 5)]),
    "sum of two axes": (lambda x: x.sum((0, 2)), [(2, 3, 5)]),
    "sum of two axes, kept": (lambda x: x.sum((0, 2), keepdims=True), [(2, 3, 5)]),
    "mean of an axis": (lambda x: x.mean(0), [(2, 3, 5)]),
    "mean of two axes": (lambda x: x.mean((-1, 0)), [(2, 3, 5)]),
    "reshape": (lambda x: x.reshape(5, -1), [(2, 3, 5)]),
    "a slice": (lambda x: x[1:, ::2], [(3, 5)]),
    "a row": (lambda x: x[-1], [(3, 5)]),
    "a new axis": (lambda x: x[:, None], [(3, 5)]),
    "rows, one twice": (lambda x: x[ROWS], [(3, 5)]),
    "pairs of indices": (lambda x: x[ROWS, [4, 0, 0, 3]], [(3, 5)]),
    "log softmax down": (lambda x: x.log_softmax(0), [(3, 5)]),
    "log softmax of large": (lambda x: (x * 1e4).log_softmax(1) * 1e-4, [(3, 5)]),
    "x⁰": (lambda x: x**0, [(3, 5)]),
    "array + x": (lambda x: _as(x, np.ones((3, 1))) + x, [(3, 5)]),
    "array - x": (lambda x: _as(x, np.ones((3, 1))) - x, [(3, 5)]),
    "array * x": (lambda x: _as(x, np.full((3, 1), 2.0)) * x, [(3, 5)]),
    "array / x": (lambda x: _as(x, np.full((3, 1), 2.0)) / x, [(3, 5)]),
    "array @ x": (lambda x: _as(x, np.arange(6.0).reshape(2, 3)) @ x, [(3, 5)]),
    "numpy number * x": (lambda x: np.float64(3) * x, [(3, 5)]),
}


def _as(x, array):
    return torch.tensor(array) if isinstance(x, torch.Tensor) else array


@pytest.mark.parametrize("name", ALONE)
def test_operation_agrees_with_torch_and_finite_differences(name):
    operation, shapes = ALONE[name]
    arrays = [RNG.normal(size=shape) for shape in shapes]
    ours = [Variable(array) for array in arrays]
    theirs = [torch.tensor(array, requires_grad=True) for array in arrays]
    y, t = operation(*ours), operation(*theirs)
    start = RNG.normal(size=y.shape)
    y.backward(start)
    t.backward(torch.tensor(start))
    close(y.data, t)
    for i, (variable, tensor) in enumerate(zip(ours, theirs, strict=True)):
        close(variable.grad, tensor.grad)
        differences = central_differences(
            lambda array, i=i: float(
                (
                    operation(
                        *map(Variable, [*arrays[:i], array, *arrays[i + 1 :]])
                    ).data
                    * start
                ).sum()
            ),
            arrays[i],
        )
        np.testing.assert_allclose(variable.grad, differences, rtol=1e-5, atol=1e-6)


def central_differences(f, x, h=1e-6):
    gradient = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = h
        gradient[place] = (f(x + step) - f(x - step)) / (2 * h)
    return gradient


@pytest.mark.parametrize("axes", [(), (1, 0, 2), (2, 0, 1), (-1, 0, 1)])
def test_transpose_agrees_with_torch(axes):
    array, start = RNG.normal(size=(2, 3, 5)), RNG.normal(size=(2, 3, 5))
    x, t = Variable(array), torch.tensor(array, requires_grad=True)
    y, u = x.transpose(*axes), t.permute(*(axes or (2, 1, 0)))
    start = RNG.normal(size=y.shape)
    y.backward(start)
    u.backward(torch.tensor(start))
    close(y.data, u)
    close(x.grad, t.grad)


def test_a_whole_mlp_agrees_with_torch():
    x, y = RNG.normal(size=(11, 7)), RNG.integers(0, 3, 11)
    arrays = [RNG.normal(size=s) for s in [(7, 5), (5,), (5, 3), (3,)]]

    def loss(x, w1, b1, w2, b2):
        logp = ((x @ w1 + b1).relu() @ w2 + b2).log_softmax(-1)
        return -logp[np.arange(11), y].mean()

    ours = [Variable(a) for a in [x, *arrays]]
    theirs = [torch.tensor(a, requires_grad=True) for a in [x, *arrays]]
    a, b = loss(*ours), loss(*theirs)
    a.backward()
    b.backward()
    close(a.data, b)
    for variable, tensor in zip(ours, theirs, strict=True):
        close(variable.grad, tensor.grad)


# ---- properties of the backward pass -------------------------------------------------


def test_a_long_chain_needs_no_recursion():
    x = Variable(1.0)
    y = x
    for _ in range(10_000):
        y = y * 1.0001
    y.backward()
    assert x.grad == pytest.approx(1.0001**10_000)


def test_a_variable_reached_by_many_paths_is_passed_once():
    x = Variable(1.0)
    y = x
    for _ in range(200):  # 2²⁰⁰ paths from y to x
        y = y * 0.5 + y * 0.5
    y.backward()
    assert x.grad == pytest.approx(1)


def test_every_variable_on_the_way_has_its_gradient():
    x = Variable([3.0, 4.0])
    y = x * x
    y.sum().backward()
    np.testing.assert_array_equal(y.grad, [1, 1])
    np.testing.assert_array_equal(x.grad, [6, 8])


def test_backward_twice_adds_the_same_once_more():
    x = Variable([3.0, 4.0])
    y = (x * x).sum()
    y.backward()
    y.backward()
    np.testing.assert_array_equal(x.grad, [12, 16])
    assert y.grad == 2


def test_a_step_taken_after_recording_does_not_touch_the_recorded_numbers():
    w = Variable([2.0])
    loss = (w * w).sum()
    w.data = w.data - 0.5
    loss.backward()
    np.testing.assert_array_equal(w.grad, [4])


def test_what_came_in_may_change_afterwards():
    array, index = np.array([1.0, 2.0]), np.array([0, 0])
    x = Variable(array)
    y = (array * x)[index]
    array[:] = index[:] = 1
    y.sum().backward()
    np.testing.assert_array_equal(x.data, [1, 2])
    np.testing.assert_array_equal(x.grad, [2, 0])


def test_x_plus_equals_makes_a_new_variable():
    x = Variable([1.0])
    y = x
    y += 1
    assert y is not x
    np.testing.assert_array_equal(x.data, [1])


def test_nan_passes_through_and_numpy_warns_where_it_arises():
    x = Variable([np.nan, -1.0, 2.0])
    x.relu().sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 0, 1])
    with pytest.warns(RuntimeWarning, match="invalid value encountered in log"):
        y = x.log()
    np.testing.assert_array_equal(np.isnan(y.data), [True, True, False])


# ---- numbers and shapes at the edge -------------------------------------------------


@pytest.mark.parametrize("x", [-700.0, -38.0, -17.0, -1.0, 0.0, 1.0, 17.0, 38.0])
def test_minus_the_log_of_a_sigmoid_is_exact_far_out(x):
    variable = Variable(x)
    loss = -variable.sigmoid().log()
    loss.backward()
    tensor = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    exact = torch.nn.functional.softplus(-tensor, threshold=800)
    exact.backward()
    np.testing.assert_allclose(loss.data, exact.item(), rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(variable.grad, tensor.grad, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_a_quotient_of_small_or_large_numbers_has_its_gradient(size):
    x, y = Variable(3 * size), Variable(2 * size)
    (x / y).backward()
    np.testing.assert_allclose([x.grad * size, y.grad * size], [0.5, -0.75], rtol=1e-12)


def test_a_sigmoid_never_overflows():
    x = Variable([-np.inf, -1e300, 1e300, np.inf])
    y = x.sigmoid()
    y.sum().backward()
    np.testing.assert_array_equal(y.data, [0, 0, 1, 1])
    np.testing.assert_array_equal(x.grad, [0, 0, 0, 0])


@pytest.mark.parametrize("keepdims", [True, False])
@pytest.mark.parametrize("axis", [0, -1, None])
def test_a_single_number_has_sums_and_means(axis, keepdims):
    for reduce in ("sum", "mean"):
        x = Variable(3.0)
        y = getattr(x, reduce)(axis, keepdims)
        y.backward()
        assert (y.shape, y.data, x.grad) == ((), 3, 1)


@pytest.mark.parametrize("axis", [1, -1, (1,)])
def test_means_of_no_rows_are_none(axis):
    x = Variable(np.zeros((0, 3)))
    y = x.mean(axis)
    y.sum().backward()
    assert y.shape == (0,)
    assert x.grad.shape == (0, 3)


def test_the_mean_of_nothing_is_nan_as_in_torch():
    with pytest.warns(RuntimeWarning, match="invalid value"):
        y = Variable(np.zeros((0, 3))).mean(0)
    expected = torch.zeros(0, 3).mean(0)
    np.testing.assert_array_equal(y.data, expected)


def test_a_variable_is_as_long_as_its_first_axis():
    x = Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    rows = list(x)
    assert len(x) == len(rows) == 3
    (rows[0] * 10 + sum(x)).sum().backward()
    np.testing.assert_array_equal(x.grad, [[11, 11], [1, 1], [1, 1]])


@pytest.mark.parametrize("walk", [len, list, sum, iter, max])
def test_a_single_number_is_no_list(walk):
    with pytest.raises(TypeError, match=r"^len\(\) of unsized object$"):
        walk(Variable(3.0))
    with pytest.raises(TypeError):
        walk(torch.tensor(3.0))


def test_no_rows_have_a_softmax():
    x = Variable(np.zeros((0, 3)))
    x.log_softmax(1).sum().backward()
    assert x.grad.shape == (0, 3)


@pytest.mark.parametrize(
    "again", [copy, deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_a_copy_cannot_be_changed_in_place_either(again):
    x = Variable([1.0, 2.0])
    (x * x).sum().backward()
    other = again(x)
    with pytest.raises(ValueError, match="read-only"):
        other.data[0] = 5
    np.testing.assert_array_equal(other.grad, [2, 4])
    (other * 3).sum().backward()
    np.testing.assert_array_equal(other.grad, [5, 7])
    np.testing.assert_array_equal(x.grad, [2, 4])


def test_a_copied_graph_flows_into_its_own_inputs():
    x = Variable([1.0, 2.0])
    inputs, loss = deepcopy((x, (x * x).sum()))
    loss.backward()
    np.testing.assert_array_equal(inputs.grad, [2, 4])
    np.testing.assert_array_equal(x.grad, [0, 0])


@pytest.mark.parametrize("n", [2, np.int64(2), np.float32(2), np.float64(2), True])
def test_every_plain_number_is_an_exponent(n):
    x = Variable([3.0])
    (x**n).backward()
    np.testing.assert_array_equal(x.grad, n * 3.0 ** (n - 1))


def test_repr_shows_the_numbers():
    assert repr(Variable([[1, 2], [3, 4]]) * 1.5) == (
        "Variable([[1.5, 3. ],\n          [4.5, 6. ]])"
    )


# ---- errors say what was given, what was expected, what to do -----------------------

NOT_RECORDED = (
    " is not recorded, so no gradient could flow back through it; use the operations "
    "of Variable, or take its plain numbers: x.data."
)
X = Variable(np.ones((2, 3)))
ERRORS = {
    "no seed": (
        lambda: X.backward(),
        "backward() starts from one number, not from shape (2, 3); take the sum or the "
        "mean first, or pass the gradient to start from as seed.",
    ),
    "seed": (
        lambda: X.backward(np.ones(3)),
        "seed of shape (3,) does not fit the variable, which has shape (2, 3); it "
        "needs a number for each of the variable's.",
    ),
    "broadcast": (
        lambda: X * np.ones(2),
        "operands could not be broadcast together with shapes (2,3) (2,) ",
    ),
    "matmul": (
        lambda: X @ X,
        "matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc "
        "signature (n?,k),(k,m?)->(n?,m?) (size 2 is different from 3)",
    ),
    "vector": (
        lambda: X @ [1, 2, 3],
        "matrix transpose with ndim < 2 is undefined",
    ),
    "vector first": (
        lambda: np.ones(2) @ X,
        "matrix transpose with ndim < 2 is undefined",
    ),
    "softmax": (
        lambda: Variable(np.zeros((3, 0))).log_softmax(),
        "a softmax along axis -1 of shape (3, 0) has nothing to choose from; that axis "
        "needs one entry or more.",
    ),
    "exponent": (
        lambda: X**X,
        "x ** n takes a plain number n, not a Variable; for positive x write "
        "(n * x.log()).exp().",
    ),
    "ufunc": (lambda: np.exp(X), "np.exp" + NOT_RECORDED),
    "ufunc, out": (lambda: np.add(X, 1, out=np.ones(3)), "np.add" + NOT_RECORDED),
    "reduction": (lambda: np.add.reduce(X), "np.add" + NOT_RECORDED),
    "numpy": (lambda: np.concatenate([X, X]), "A function of numpy" + NOT_RECORDED),
    "array": (lambda: np.asarray(X), "A function of numpy" + NOT_RECORDED),
    "list": (lambda: Variable([X, X]), "A function of numpy" + NOT_RECORDED),
    "float": (lambda: float(X), "Making a number of a Variable" + NOT_RECORDED),
    "truth": (lambda: bool(X), "Making a number of a Variable" + NOT_RECORDED),
    "less": (lambda: X < 0, "A comparison" + NOT_RECORDED),
    "equal": (lambda: X == 0, "A comparison" + NOT_RECORDED),
    "equal, from an array": (lambda: np.ones(3) == X, "np.equal" + NOT_RECORDED),
    "in place": (lambda: X.data.__iadd__(1), "output array is read-only"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_teach(name):
    call, message = ERRORS[name]
    with pytest.raises((ValueError, TypeError), match=f"^{re.escape(message)}$"):
        call()


@pytest.mark.parametrize("numbers", [1j, np.array([1j]), "x", None])
def test_only_real_numbers_come_in(numbers):
    with pytest.raises(TypeError, match=r"^Cannot cast"):
        Variable(numbers)


# ---- the bug museum: broken copies of the engine, each caught -----------------------


def check_programs(engine):
    try_all(partial(agrees_with_torch, engine), programs, max_examples=200)


def check_in_place(engine):
    """A number changed after recording is refused, or does no harm."""
    w = engine.Variable([3.0])
    loss = (w * w).sum()
    try:
        w.data[:] = 5
    except ValueError:
        return
    loss.backward()
    np.testing.assert_array_equal(w.grad, [6])


def check_cleared(engine):
    """After zero_grad, a gradient is that of the last backward alone."""
    w = engine.Variable([3.0])
    for _ in range(2):
        w.zero_grad()
        (w * w).sum().backward()
    np.testing.assert_array_equal(w.grad, [6])


def check_added_up(engine):
    """Without zero_grad, the gradients of two losses add up."""
    w = engine.Variable([3.0])
    (w * w).sum().backward()
    (w * 2).sum().backward()
    np.testing.assert_array_equal(w.grad, [8])


def check_indices(engine):
    """A row taken twice counts twice."""
    x = engine.Variable([1.0, 2.0])
    x[[1, 1]].sum().backward()
    np.testing.assert_array_equal(x.grad, [0, 2])


def check_tail(engine):
    """The logarithm of a sigmoid is exact where the sigmoid is tiny."""
    x = engine.Variable(-38.0)
    with np.errstate(all="ignore"):
        y = x.sigmoid().log()
        y.backward()
    np.testing.assert_allclose([y.data, x.grad], [-38, 1], rtol=1e-12)


def check_copies(engine):
    """A copy is as frozen as the original."""
    assert not deepcopy(engine.Variable([1.0])).data.flags.writeable


def check_large(engine):
    """A softmax of large numbers stays finite."""
    x = engine.Variable([1000.0, 0.0])
    with np.errstate(over="ignore"):
        y = x.log_softmax()
    np.testing.assert_array_equal(y.data, [0, -1000])


CHECKS = [
    check_programs,
    check_in_place,
    check_cleared,
    check_added_up,
    check_indices,
    check_large,
    check_tail,
    check_copies,
]
BUGS = {
    "a value used twice is overwritten": (
        "pending[source] = pending[source] + part if source in pending else part",
        "pending[source] = part",
        check_programs,
    ),
    "the first use wins": (
        "pending[source] = pending[source] + part if source in pending else part",
        "pending.setdefault(source, part)",
        check_programs,
    ),
    "broadcasting is not summed back": (
        "part = _unbroadcast(rule(gradient), source.shape)",
        "part = rule(gradient)",
        check_programs,
    ),
    "broadcasting is summed over new axes only": (
        "return np.asarray(g.sum(axis=repeated, keepdims=True))",
        "return g",
        check_programs,
    ),
    "numbers change in place after recording": (
        "self._data.flags.writeable = False",
        "pass",
        check_in_place,
    ),
    "gradients are not cleared": (
        "self.grad: Array = np.zeros(self.shape)",
        "self.grad = getattr(self, 'grad', np.zeros(self.shape))",
        check_cleared,
    ),
    "a second call forgets the first": (
        "variable.grad = np.asarray(variable.grad + gradient)",
        "variable.grad = gradient",
        check_added_up,
    ),
    "inputs are passed before all uses of them": (
        "stack.append((variable, True))",
        "order.insert(0, variable)",
        check_programs,
    ),
    "a row taken twice counts once": (
        "np.add.at(gradient, index, g)",
        "gradient[index] = g",
        check_indices,
    ),
    "the softmax is not shifted": (
        "x = self.data - self.data.max(axis, keepdims=True)",
        "x = self.data",
        check_large,
    ),
    "the sigmoid is a shifted tanh": (
        "np.exp(-np.logaddexp(0, -self.data))",
        "(1 + np.tanh(self.data / 2)) / 2",
        check_tail,
    ),
    "a copy is not frozen": (
        "self.data = self._data  #",
        "pass  #",
        check_copies,
    ),
    "a transpose is missing": (
        "(b, lambda g: x_turned @ g)",
        "(b, lambda g: x @ g)",
        check_programs,
    ),
    "the sign of a quotient's rule": (
        "-g * (x / y) / y",
        "g * (x / y) / y",
        check_programs,
    ),
}


@pytest.mark.parametrize("check", CHECKS)
def test_the_engine_passes_every_check(check):
    check(autograd)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("bug", BUGS)
def test_each_bug_is_caught(bug):
    right, wrong, check = BUGS[bug]
    with pytest.raises((AssertionError, ValueError, KeyError)):
        check(broken_copy(autograd, right, wrong))
