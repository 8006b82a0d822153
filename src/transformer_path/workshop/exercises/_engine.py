"""Does an operation on our own engine give the right value and the right gradient?"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from transformer_path.networks.autograd import Variable

from ._compare import same_tensor
from ._functions import as_function, guarded
from ._words import different, kind

Array = NDArray[np.float64]


def same_operation(
    answer: object,
    numbers: Array,
    value: Tensor,
    gradient: Tensor,
    *,
    weights: Array,
    name: str,
    hint: str = "",
) -> None:
    """Raise :class:`Different` unless an operation on a Variable is right.

    Parameters
    ----------
    answer : object
        The reader's operation, a function of one Variable.
    numbers : array
        What the Variable holds.
    value, gradient : Tensor
        What the operation should give, and the gradient that should arrive at the
        Variable from the weighted sum.
    weights : array
        The weights of that sum; all one for the plain sum.
    name : str
        What to call the argument.
    hint : str
        Ends the message.
    """
    function, x = as_function(answer, [name]), Variable(numbers)
    y = guarded(lambda: function(x), f"answer({name}) stopped", [x.data], hint)
    if not np.array_equal(x.data, numbers):
        raise different(f"answer({name}) changes its argument {name}.", hint)
    if not isinstance(y, Variable):
        raise different(
            f"answer({name}) is {kind(y)}; a Variable was expected, made by operations "
            "on Variables, or by hand: Variable(value, (x, rule)).",
            hint,
        )
    same_tensor(y.data, value, name=f"answer({name}).data", hint=hint)
    said = "" if (weights == 1).all() else f" * {weights.tolist()}"
    walk = f"(answer({name}){said}).sum()"
    guarded((y * weights).sum().backward, f"{walk}.backward() stopped", [x.data], hint)
    if not _leads_to(y, x):
        raise different(
            f"No gradient reaches {name}: the result does not know that it was "
            f"computed from {name}.",
            hint,
        )
    same_tensor(x.grad, gradient, name=f"the gradient of {walk}", hint=hint)


def _leads_to(y: Variable, x: Variable) -> bool:
    """Whether the result was computed from x."""
    waiting, seen = [y], {y}
    while waiting:
        for source, _ in waiting.pop().inputs:
            if source not in seen:
                seen.add(source)
                waiting.append(source)
    return x in seen
