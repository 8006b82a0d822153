"""Does an operation on our own engine give the right value and the right gradient?"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from transformer_path.networks.autograd import Variable

from ._compare import same_tensor
from ._functions import call, guarded
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
    x = Variable(numbers)
    # The call itself gets a copy; what is recorded must lead to x.
    call(answer, (Variable(numbers),), (name,), hint)
    assert callable(answer)
    y = answer(x)
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
    if not y.inputs or not _leads_to(y, x):
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
