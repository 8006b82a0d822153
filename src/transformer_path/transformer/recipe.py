"""How was the transformer of 2017 trained? Two pieces besides Adam and dropout.

Labels that are a little less than certain, and a learning rate that rises, then falls
with the root of the step (:cite:t:`vaswani2017attention`, Sections 5.3 and 5.4).
"""

from math import sqrt

from torch import Tensor

from transformer_path.networks.optimization import warmup
from transformer_path.workshop.vocabulary import PADDING


def smoothed_cross_entropy(
    logits: Tensor, target: Tensor, *, smoothing: float = 0.1
) -> Tensor:
    """Cross-entropy with a target that gives every word a little.

    The right word gets 1 - smoothing, and the rest is shared by all words alike. Equals
    :func:`torch.nn.functional.cross_entropy` with ``label_smoothing``.

    Shapes
    ------
    logits
        (B, T, V)
    target
        (B, T), words; padding counts for nothing
    result
        one number, the mean over all that is no padding

    Raises
    ------
    ValueError
        If shapes do not fit, or ``smoothing`` does not lie between 0 and 1.

    References
    ----------
    :cite:t:`szegedy2016rethinking`, Section 7.

    Examples
    --------
    Certainty costs:

    >>> import torch
    >>> target, sure = torch.tensor([[3]]), torch.zeros(1, 1, 5)
    >>> sure[..., 3] = 99.0
    >>> smoothed_cross_entropy(sure, target) > smoothed_cross_entropy(sure / 30, target)
    tensor(True)
    """
    if logits.shape[:-1] != target.shape or not 0 <= smoothing < 1:
        raise ValueError(
            f"logits of shape {tuple(logits.shape)}, target {tuple(target.shape)}, "
            f"smoothing={smoothing}; expected (B, T, V), (B, T), and a share below 1."
        )
    cost = -logits.log_softmax(-1)  # (B, T, V), in nats, of each word
    of_the_right = cost.gather(-1, target[..., None])[..., 0]
    smoothed = (1 - smoothing) * of_the_right + smoothing * cost.mean(-1)  # (B, T)
    return smoothed[target != PADDING].mean()


def inverse_root(done: float, share: float = 0.1) -> float:
    """Rise over the first ``share`` of a run to 1, then fall with the root of the step.

    A schedule, for ``fit(schedule=...)``.

    Raises
    ------
    ValueError
        If ``done`` is no share of a run, or ``share`` is not above 0 and at most 1.

    References
    ----------
    :cite:t:`vaswani2017attention`, Equation 3, divided by its largest value.

    Examples
    --------
    >>> [inverse_root(done, share=0.25) for done in (0, 0.125, 0.25, 1)]
    [0.0, 0.5, 1.0, 0.5]
    """
    return warmup(done, share) * sqrt(share / max(done, share))
