"""How does one walk downhill faster than by the gradient alone?

A *rule* makes a direction of a gradient and of what it remembers of the gradients
before, :func:`sgd` to :func:`muon`. :class:`Descent` walks along it. Beside them stand
the other things that are done to a step: a *schedule* scales its learning rate in the
course of a run, and :func:`clip_norm` shortens gradients that are too long.

The conventions and the defaults are those of :mod:`torch.optim`.
"""

from collections.abc import Callable, Iterable
from functools import partial
from math import cos, inf, pi, sqrt
from typing import Any

import torch
from torch import Tensor

Memory = dict[str, Any]  # of one parameter; empty before the first step
Rule = Callable[[Tensor, Memory], Tensor]


def sgd(g: Tensor, _: Memory) -> Tensor:
    """Follow the gradient, and remember nothing."""
    return g


def momentum(g: Tensor, memory: Memory, beta: float = 0.9) -> Tensor:
    """Keep the share ``beta`` of the last step's direction, and add the gradient.

    Shapes
    ------
    g, result
        any shape, that of the parameter

    Raises
    ------
    ValueError
        If ``beta`` is not in [0, 1).

    References
    ----------
    :cite:t:`goh2017momentum`, and :class:`torch.optim.SGD`: what is new counts in full.

    Examples
    --------
    Where the gradient stays the same, the steps grow tenfold:

    >>> memory = {}
    >>> for _ in range(200):
    ...     v = momentum(torch.ones(1), memory)
    >>> v
    tensor([10.0000])
    """
    _check_share("beta", beta)
    v: Tensor = beta * memory.get("v", 0.0) + g
    memory["v"] = v
    return v


def nesterov(g: Tensor, memory: Memory, beta: float = 0.9) -> Tensor:
    """Take momentum's direction as it will be if the next gradient is the same.

    References
    ----------
    :cite:t:`sutskever2013importance`, in the form of :class:`torch.optim.SGD`.
    """
    return g + beta * momentum(g, memory, beta)


def rmsprop(g: Tensor, memory: Memory, beta: float = 0.99, eps: float = 1e-8) -> Tensor:
    """Divide each number of the gradient by its usual size.

    Usual is the root of the mean of its squares, a mean in which every step weighs
    ``beta`` times as much as the step after.

    Raises
    ------
    ValueError
        If ``beta`` is not in [0, 1) or ``eps`` is not positive.

    References
    ----------
    :cite:t:`hinton2012rmsprop`.

    Examples
    --------
    A gradient a million times as long gives the same direction:

    >>> g = torch.tensor([1.0, -3.0])
    >>> torch.allclose(rmsprop(g, {}), rmsprop(1e6 * g, {}))
    True
    """
    _check_share("beta", beta)
    _check_eps(eps)
    memory["s"] = beta * memory.get("s", 0.0) + (1 - beta) * g * g
    usual: Tensor = memory["s"].sqrt() + eps
    return g / usual


def adam(
    g: Tensor,
    memory: Memory,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> Tensor:
    """Divide a mean of the gradients by the root of a mean of their squares.

    Both means start from 0 and would be too small at first: they are divided by the
    weight that all gradients so far have in them (the *bias correction*).

    Raises
    ------
    ValueError
        If ``betas`` are not two numbers in [0, 1) or ``eps`` is not positive.

    References
    ----------
    :cite:t:`kingma2015adam`, Algorithm 1.

    Examples
    --------
    So the first step has the length 1 in every coordinate:

    >>> adam(torch.tensor([1e-3, -50.0]), {})
    tensor([ 1.0000, -1.0000])
    """
    _check_share("betas", *betas)
    _check_eps(eps)
    (b1, b2), t = betas, memory.get("t", 0) + 1
    m = b1 * memory.get("m", 0.0) + (1 - b1) * g
    s = b2 * memory.get("s", 0.0) + (1 - b2) * g * g
    memory.update(t=t, m=m, s=s)
    usual = (s / (1 - b2**t)).sqrt() + eps
    direction: Tensor = m / (1 - b1**t) / usual
    return direction


def muon(
    g: Tensor,
    memory: Memory,
    beta: float = 0.95,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Follow Nesterov's momentum, turned to a matrix that moves all directions alike.

    For the weights of layers; what is no matrix, and embeddings and readout, are
    better given to :func:`adam`. Equals :class:`torch.optim.Muon`, which orthogonalises
    in ``torch.bfloat16``.

    Parameters
    ----------
    beta : float
        The share of the last step's direction that is kept.
    dtype : torch.dtype, optional
        The type to orthogonalise in; that of the gradient, if nothing is said.

    Shapes
    ------
    g, result
        (..., R, C): a matrix from C numbers to R, or a stack of such matrices

    Raises
    ------
    ValueError
        If ``beta`` is not in [0, 1), or the parameter is no matrix.

    References
    ----------
    :cite:t:`jordan2024muon`.

    Examples
    --------
    The gradient moves one direction 1000 times as far as the other, the step does not:

    >>> g = torch.tensor([[1000.0, 0.0], [0.0, 1.0]])
    >>> step = muon(g, {})
    >>> bool(0.5 < step[0, 0] / step[1, 1] < 2)
    True
    """
    if g.dim() < 2:
        raise ValueError(
            f"a parameter of shape {tuple(g.shape)} is no matrix; give muon the "
            "matrices and adam the rest: fit(..., optimizer=[Descent(matrices, muon, "
            "lr=0.02), Descent(rest, adam, lr=0.003)])."
        )
    direction = nesterov(g, memory, beta)
    longer = sqrt(max(1, g.shape[-2] / g.shape[-1]))
    alike = orthogonalized(direction.to(dtype or g.dtype)).to(g.dtype)
    return longer * alike


def orthogonalized(matrix: Tensor, steps: int = 5) -> Tensor:
    """Bring the singular values of a matrix close to 1, and keep its directions.

    For a matrix U S Vᵀ it gives about U Vᵀ, without a decomposition: divided by its
    length it has no singular value above 1, and each step of *Newton-Schulz* takes all
    of them, s, to a·s + b·s³ + c·s⁵. These a, b and c lift the small ones fast, 3.4
    times a step, and do not end at 1: after five steps, what was above 0.0016 lies
    between 0.68 and 1.21.

    Shapes
    ------
    matrix, result
        (..., R, C)

    References
    ----------
    :cite:t:`jordan2024muon`, whose a, b and c these are.

    Examples
    --------
    >>> matrix = torch.randn(5, 11, generator=torch.Generator().manual_seed(0))
    >>> found = torch.linalg.svdvals(orthogonalized(matrix))
    >>> bool(0.68 < found.min()), bool(found.max() < 1.21)
    (True, True)
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrix.shape[-2] > matrix.shape[-1]
    x: Tensor = matrix.mT if tall else matrix  # the smaller square of the two
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(steps):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x


class Descent(torch.optim.Optimizer):
    """Walk against the direction that a rule gives; equals torch's optimisers.

    Parameters
    ----------
    parameters : iterable of Tensor, or of dict
        What is learned; dictionaries give groups settings of their own, as in torch.
    rule : callable
        From a gradient and the memory of one parameter, a dictionary that it may write
        to, to a direction: :func:`sgd`, :func:`momentum`, :func:`nesterov`,
        :func:`rmsprop`, :func:`adam`, :func:`muon` or your own. Other settings than
        the usual: ``partial(adam, betas=(0.9, 0.99))``.
    lr : float
        The learning rate.
    l2 : float
        Weight decay *inside* the rule: the gradient of ``l2 / 2`` times the squared
        weights is added to that of the loss. What torch calls ``weight_decay`` in
        :class:`torch.optim.SGD` and :class:`torch.optim.Adam`.
    weight_decay : float
        Weight decay *outside* the rule: each step takes the share ``lr *
        weight_decay`` of every weight. With :func:`adam` it is
        :class:`torch.optim.AdamW`.

    Raises
    ------
    ValueError
        If ``lr`` is not positive, ``l2`` or ``weight_decay`` is negative, or the rule
        does not take its settings.

    References
    ----------
    :cite:t:`loshchilov2019decoupled` for the two places of weight decay.

    Examples
    --------
    Without a gradient from the loss, decay outside takes a hundredth of the weights;
    inside, Adam's rule makes a full step of it however small it is:

    >>> def decayed(**decay):
    ...     w = torch.tensor([4.0, 8.0], requires_grad=True)
    ...     w.grad = torch.zeros(2)
    ...     Descent([w], adam, lr=0.1, **decay).step()
    ...     return w.detach()
    >>> decayed(weight_decay=0.1), decayed(l2=0.1)
    (tensor([3.9600, 7.9200]), tensor([3.9000, 7.9000]))
    """

    def __init__(
        self,
        parameters: Iterable[Any],
        rule: Rule,
        lr: float,
        *,
        l2: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        rule(
            torch.zeros(1, 1), {}
        )  # a wrong setting is told now, not at the first step
        self.rule = rule
        told = {"lr": lr, "l2": l2, "weight_decay": weight_decay, "rule": _name(rule)}
        super().__init__(parameters, told)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Take more parameters along, with settings of their own."""
        super().add_param_group(param_group)
        _check_group(self.param_groups[-1])

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            lr, l2, decay = group["lr"], group["l2"], group["weight_decay"]
            for p in group["params"]:
                if p.grad is not None:
                    direction = self.rule(p.grad + l2 * p, self.state[p])
                    p -= lr * (direction + decay * p)


def warmup(done: float, share: float = 0.1, start: float = 0.0) -> float:
    """Rise from ``start`` to 1 over the first ``share`` of a run, then stay there.

    A schedule, for ``fit(schedule=...)``: from the share of the run that is done to a
    factor for the learning rate. Schedules multiply.

    Raises
    ------
    ValueError
        If ``done`` is no share of a run, or a setting is out of its range.

    References
    ----------
    :class:`torch.optim.lr_scheduler.LinearLR`, which is the same.

    Examples
    --------
    >>> [round(warmup(done) * cosine(done), 2) for done in (0, 0.05, 0.1, 0.5, 1)]
    [0.0, 0.5, 0.98, 0.5, 0.0]
    """
    _check_done(done)
    _check_range("share", share, 0 < share <= 1, "above 0 and at most 1")
    _check_range("start", start, 0 <= start <= 1, "from 0 to 1")
    return start + (1 - start) * min(1.0, done / share)


def cosine(done: float, end: float = 0.0) -> float:
    """Fall from 1 to ``end`` along half a wave: slowly, fast, slowly.

    Raises
    ------
    ValueError
        If ``done`` is no share of a run, or ``end`` is not from 0 to 1.

    References
    ----------
    :cite:t:`loshchilov2017sgdr`.
    :class:`torch.optim.lr_scheduler.CosineAnnealingLR` is the same.
    """
    _check_done(done)
    _check_range("end", end, 0 <= end <= 1, "from 0 to 1")
    return end + (1 - end) * (1 + cos(pi * done)) / 2


def one_cycle(
    done: float, peak: float = 0.3, start: float = 1 / 25, end: float = 1 / 250_000
) -> float:
    """Rise from ``start`` to 1 at the share ``peak`` of the run, then fall to ``end``.

    Raises
    ------
    ValueError
        If ``done`` is no share of a run, or a setting is out of its range.

    References
    ----------
    :cite:t:`smith2018super`. :class:`torch.optim.lr_scheduler.OneCycleLR` has the same
    waves and defaults, but reaches the end at the last step, where a schedule of
    ``fit`` reaches it after the last.

    Examples
    --------
    >>> [one_cycle(done) for done in (0, 0.3, 1)]
    [0.04, 1.0, 4e-06]
    """
    _check_done(done)
    _check_range("peak", peak, 0 < peak < 1, "above 0 and below 1")
    _check_range("start", start, 0 <= start <= 1, "from 0 to 1")
    if done < peak:
        return cosine(1 - done / peak, start)
    return cosine((done - peak) / (1 - peak), end)


def clip_norm(parameters: Iterable[Tensor], limit: float) -> Tensor:
    """Shorten the gradient of all parameters together to ``limit`` if it is longer.

    Its direction stays. As in :func:`torch.nn.utils.clip_grad_norm_`, a millionth is
    added to the length that is divided by.

    Returns
    -------
    Tensor, shape ()
        The length before.

    Raises
    ------
    ValueError
        If ``limit`` is not positive or no parameter has a gradient.

    References
    ----------
    :cite:t:`pascanu2013difficulty`, Algorithm 1.

    Examples
    --------
    >>> v, w = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    >>> v.grad, w.grad = torch.tensor([30.0]), torch.tensor([40.0])
    >>> clip_norm([v, w], 5.0), v.grad, w.grad
    (tensor(50.), tensor([3.0000]), tensor([4.0000]))
    """
    _check_range("limit", limit, limit > 0, "above 0")
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        raise ValueError("no parameter has a gradient; call loss.backward() first.")
    length: Tensor = torch.stack([g.norm() for g in gradients]).norm()
    for g in gradients:
        g *= (limit / (length + 1e-6)).clamp(max=1)
    return length


def _name(rule: Rule) -> str:
    """Name a rule and its settings: a checkpoint is known by them."""
    if isinstance(rule, partial):
        settings = "".join(f" {key}={value}" for key, value in rule.keywords.items())
        return _name(rule.func) + settings
    return getattr(rule, "__name__", type(rule).__name__)


def _check_group(group: dict[str, Any]) -> None:
    if not 0 < group["lr"] < inf:
        raise ValueError(
            f"lr={group['lr']} does not go downhill; the learning rate must be a "
            "positive number, for example 0.001."
        )
    for name in ("l2", "weight_decay"):
        _check_range(name, group[name], 0 <= group[name] < inf, "0 or more")


def _check_share(name: str, *shares: float) -> None:
    wanted = "in [0, 1): the share that is kept of the past, for example 0.9"
    for beta in shares:
        _check_range(name, beta, 0 <= beta < 1, wanted)


def _check_eps(eps: float) -> None:
    wanted = "above 0, so that nothing is divided by 0; 1e-8 is usual"
    _check_range("eps", eps, 0 < eps < inf, wanted)


def _check_done(done: float) -> None:
    wanted = "a share of the run, from 0 to 1; divide the step by the number of steps"
    _check_range("done", done, 0 <= done <= 1, wanted)


def _check_range(name: str, given: float, right: bool, wanted: str) -> None:
    if not right:
        raise ValueError(f"{name}={given} is out of range; it must be {wanted}.")
