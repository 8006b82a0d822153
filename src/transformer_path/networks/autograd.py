"""Who computes the gradients?

A :class:`Variable` is an array that remembers what it was computed from. Each
operation stores, beside its value, one *rule* for each input: a function that turns
the gradient of the output into the gradient of that input (the vector-Jacobian
product). :meth:`Variable.backward` calls the rules from the last operation to the
first: reverse mode (:cite:t:`baydin2018automatic`, Section 3.2).

All numbers are float64. Infinity and NaN pass through; numpy warns where they arise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from numbers import Real
from operator import add, matmul, mul, sub, truediv
from typing import Any, NoReturn, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Rule = Callable[[Array], Array]  # the output's gradient to one input's
Operand: TypeAlias = "Variable | ArrayLike"
Pair = tuple["Variable", "Variable", Array, Array]
Axis = int | tuple[int, ...] | None


def _refusal(what: str) -> Callable[..., NoReturn]:
    """Make a method that says why an operation cannot be done on a Variable."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise TypeError(
            f"{what} is not recorded, so no gradient could flow back through it; use "
            "the operations of Variable, or take its plain numbers: x.data."
        )

    return refuse


class Variable:
    """An array that remembers what it was computed from.

    Parameters
    ----------
    data : array_like
        The numbers, of any shape. They are copied and can then be read, not changed:
        a gradient computed later needs them as they were. To change a parameter,
        assign a new array: ``w.data = w.data - lr * w.grad``.
    *inputs : tuple of (Variable, Rule)
        What they were computed from, each with its rule, which may leave broadcasting.

    Attributes
    ----------
    grad : numpy.ndarray
        What :meth:`backward` found. It adds up until :meth:`zero_grad` clears it.

    Examples
    --------
    The derivative of x² + x is 2x + 1; both uses of x count.

    >>> x = Variable([1.0, 2.0, 3.0])
    >>> (x * x + x).sum().backward()
    >>> x.grad
    array([3., 5., 7.])

    A new operation is its value and its rule:

    >>> sine = Variable(np.sin(x.data), (x, lambda g: g * np.cos(x.data)))
    """

    def __init__(self, data: ArrayLike, *inputs: tuple[Variable, Rule]) -> None:
        self.inputs = inputs
        self.data = data
        self.zero_grad()

    @property
    def data(self) -> Array:
        """The numbers, in an array that cannot be changed in place."""
        return self._data

    @data.setter
    def data(self, new: ArrayLike) -> None:
        self._data = np.asarray(new).astype(np.float64, casting="same_kind")
        self._data.flags.writeable = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the data."""
        return self._data.shape

    @property
    def mT(self) -> Variable:  # noqa: N802 - its name in numpy and torch
        """The same matrices, each transposed, the last two axes exchanged."""
        return Variable(self.data.mT, (self, lambda g: g.mT))

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Variable]:
        return map(self.__getitem__, range(len(self)))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.data = self._data  # a copy cannot be changed in place either

    def __repr__(self) -> str:
        return f"Variable({np.array2string(self.data, separator=', ', prefix=' ' * 9)})"

    def backward(self, seed: ArrayLike | None = None) -> None:
        """Add the gradient of this variable to ``grad`` of all it was computed from.

        Parameters
        ----------
        seed : array_like, optional
            The gradient to start from, in the shape of ``data``; 1 for one number.

        Raises
        ------
        ValueError
            If several numbers have no seed, or one of another shape.
        """
        pending = {self: _seed(self, seed)}
        for variable in reversed(self._inputs_first()):
            gradient = pending.pop(variable)  # complete: all uses came before
            variable.grad = np.asarray(variable.grad + gradient)
            for source, rule in variable.inputs:
                part = _unbroadcast(rule(gradient), source.shape)
                pending[source] = pending[source] + part if source in pending else part

    def _inputs_first(self) -> list[Variable]:
        """List all variables this one depends on, each after its own inputs."""
        order: list[Variable] = []
        seen: set[Variable] = set()
        stack = [(self, False)]
        while stack:
            variable, inputs_are_listed = stack.pop()
            if inputs_are_listed:
                order.append(variable)
            elif variable not in seen:
                seen.add(variable)
                stack.append((variable, True))
                stack.extend((source, False) for source, _ in variable.inputs)
        return order

    def zero_grad(self) -> None:
        """Forget the gradient, as before every training step."""
        self.grad: Array = np.zeros(self.shape)

    # The operations: a value, and a rule for each input.

    def __add__(self, other: Operand) -> Variable:
        a, b, x, y = _pair(self, other)
        return Variable(x + y, (a, lambda g: g), (b, lambda g: g))

    def __sub__(self, other: Operand) -> Variable:
        a, b, x, y = _pair(self, other)
        return Variable(x - y, (a, lambda g: g), (b, lambda g: -g))

    def __mul__(self, other: Operand) -> Variable:
        a, b, x, y = _pair(self, other)
        return Variable(
            x * y,
            (a, lambda g: g * y),
            (b, lambda g: g * x),
        )

    def __truediv__(self, other: Operand) -> Variable:
        a, b, x, y = _pair(self, other)
        return Variable(x / y, (a, lambda g: g / y), (b, lambda g: -g * (x / y) / y))

    def __matmul__(self, other: Operand) -> Variable:
        a, b, x, y = _pair(self, other)
        x_turned, y_turned = x.mT, y.mT  # (..., K, N), (..., M, K)
        return Variable(
            x @ y,  # (..., N, K) @ (..., K, M) -> (..., N, M)
            (a, lambda g: g @ y_turned),
            (b, lambda g: x_turned @ g),
        )

    def __neg__(self) -> Variable:
        return Variable(-self.data, (self, lambda g: -g))

    def __pow__(self, n: float) -> Variable:
        _check_exponent(n)
        x = self.data
        slope = n * x ** (n - 1) if n else np.zeros(x.shape)  # x⁰ is flat, at 0 too
        return Variable(x**n, (self, lambda g: g * slope))

    def exp(self) -> Variable:
        """Return e to the power of every number."""
        y = np.exp(self.data)
        return Variable(y, (self, lambda g: g * y))

    def log(self) -> Variable:
        """Return the natural logarithm of every number."""
        x = self.data
        return Variable(np.log(x), (self, lambda g: g / x))

    def tanh(self) -> Variable:
        """Return the hyperbolic tangent of every number."""
        y = np.tanh(self.data)
        return Variable(y, (self, lambda g: g * (1 - y**2)))

    def sigmoid(self) -> Variable:
        """Return every number squashed into the range from 0 to 1."""
        y = np.exp(-np.logaddexp(0, -self.data))  # 1 / (1 + exp(-x)), never overflowing
        return Variable(y, (self, lambda g: g * y * (1 - y)))

    def relu(self) -> Variable:
        """Return every number, the negative ones as 0; the slope at 0 is 0."""
        x = self.data
        return Variable(np.maximum(x, 0), (self, lambda g: g * ~(x <= 0)))

    def log_softmax(self, axis: int = -1) -> Variable:
        """Return the logarithm of the softmax along an axis, safe for large numbers."""
        _check_choices(self, axis)
        x = self.data - self.data.max(axis, keepdims=True)  # the largest becomes 0
        y = x - np.log(np.exp(x).sum(axis, keepdims=True))
        return Variable(y, (self, lambda g: g - np.exp(y) * g.sum(axis, keepdims=True)))

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Variable:
        """Return the sum along one axis, several or all."""
        y = self.data.sum(axis, keepdims=True)
        shape, kept = self.shape, y.shape
        y = y if keepdims else y.squeeze(axis)
        return Variable(y, (self, lambda g: np.broadcast_to(g.reshape(kept), shape)))

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Variable:
        """Return the mean along one axis, several or all."""
        total = self.sum(axis, keepdims)
        return total / (self.data.size / max(total.data.size, 1))

    def reshape(self, *shape: int) -> Variable:
        """Return the same numbers in another shape."""
        old = self.shape
        return Variable(self.data.reshape(shape), (self, lambda g: g.reshape(old)))

    def transpose(self, *axes: int) -> Variable:
        """Return the axes in another order, reversed if none is given."""
        order = axes or tuple(reversed(range(self.data.ndim)))
        back = np.argsort(np.arange(self.data.ndim)[list(order)])
        return Variable(self.data.transpose(order), (self, lambda g: g.transpose(back)))

    def __getitem__(self, index: Any) -> Variable:
        shape, index = self.shape, deepcopy(index)

        def rule(g: Array) -> Array:
            gradient = np.zeros(shape)
            np.add.at(gradient, index, g)  # a number taken twice counts twice
            return gradient

        return Variable(self.data[index], (self, rule))

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: ArrayLike) -> Variable:
        return Variable(other) - self

    def __rtruediv__(self, other: ArrayLike) -> Variable:
        return Variable(other) / self

    def __array_ufunc__(self, ufunc: Any, method: str, *ab: Any, **o: Any) -> Variable:
        """Let ``array + variable`` be ours; refuse all else of numpy's."""
        operators: dict[Any, Callable[..., Variable]] = {
            np.add: add,
            np.subtract: sub,
            np.multiply: mul,
            np.divide: truediv,
            np.matmul: matmul,
        }
        if ufunc not in operators or method != "__call__" or o:
            _refusal(f"np.{ufunc.__name__}")()
        a, b = (i if isinstance(i, Variable) else Variable(i) for i in ab)
        return operators[ufunc](a, b)

    __array__ = __array_function__ = _refusal("A function of numpy")
    __float__ = __int__ = __bool__ = _refusal("Making a number of a Variable")
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refusal("A comparison")
    __hash__ = object.__hash__


def _unbroadcast(g: Array, shape: tuple[int, ...]) -> Array:
    """Sum a gradient over the axes along which its input was repeated."""
    g = np.asarray(g.sum(axis=tuple(range(g.ndim - len(shape)))))
    repeated = tuple(axis for axis, size in enumerate(shape) if size == 1)
    return np.asarray(g.sum(axis=repeated, keepdims=True))


def _pair(a: Variable, b: Operand) -> Pair:
    """Give both inputs of an operation as variables, and their numbers."""
    b = b if isinstance(b, Variable) else Variable(b)
    return a, b, a.data, b.data


def _seed(variable: Variable, seed: ArrayLike | None) -> Array:
    """Give the gradient to start from, which one number need not be told."""
    if seed is None and variable.data.size != 1:
        raise ValueError(
            f"backward() starts from one number, not from shape {variable.shape}; take "
            "the sum or the mean first, or pass the gradient to start from as seed."
        )
    start = np.ones(variable.shape) if seed is None else np.array(seed, np.float64)
    if start.shape != variable.shape:
        raise ValueError(
            f"seed of shape {start.shape} does not fit the variable, which has shape "
            f"{variable.shape}; it needs a number for each of the variable's."
        )
    return start


def _check_exponent(n: object) -> None:
    if not isinstance(n, Real):
        raise TypeError(
            f"x ** n takes a plain number n, not a {type(n).__name__}; for "
            "positive x write (n * x.log()).exp()."
        )


def _check_choices(scores: Variable, axis: int) -> None:
    if scores.shape[axis : axis + 1 or None] == (0,):
        raise ValueError(
            f"a softmax along axis {axis} of shape {scores.shape} has nothing to "
            "choose from; that axis needs one entry or more."
        )
