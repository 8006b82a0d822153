"""How long must a computation take, however many cores there are?"""

from typing import Any

from torch import Tensor


def critical_path(output: Tensor) -> int:
    """Count the operations of the longest chain that leads to the output.

    In torch's computation graph, where each operation waits for the one before it.

    Raises
    ------
    ValueError
        If no operation led to the output of which torch keeps a graph.

    Examples
    --------
    Of two branches the longer one counts, and what both share counts once:

    >>> import torch
    >>> x = torch.ones(3, requires_grad=True)
    >>> critical_path(x.exp().sin() + x.exp())
    3
    """
    if output.grad_fn is None:
        raise ValueError(
            "the output has no computation graph; compute it from a tensor with "
            "requires_grad=True, outside of torch.no_grad()."
        )
    depth: dict[Any, int] = {}
    waiting: list[Any] = [output.grad_fn]
    while waiting:
        needs = [node for node, _ in waiting[-1].next_functions if node]
        missing = [node for node in needs if node not in depth]
        if missing:
            waiting += missing
        else:
            node = waiting.pop()
            depth[node] = 1 + max((depth[n] for n in needs), default=-1)  # inputs: 0
    return depth[output.grad_fn]
