"""The exercises of chapter 1, supervised learning."""

import torch
from torch import Tensor
from torch.nn import functional as F

from transformer_path.learning.supervised import fit_softmax_regression
from transformer_path.workshop.datasets import mnist1d

from ._compare import Different, same_function, same_number, same_tensor

KILOMETRES = torch.tensor([0.4, 0.8, 1.1, 1.5, 1.9, 2.3, 2.6, 3.0])


def largest_learning_rate(answer: object) -> str:
    """1.1: the edge beyond which the descent on the taxi line diverges."""
    x = KILOMETRES
    curvature = 2 * torch.tensor([[(x * x).mean(), x.mean()], [x.mean(), 1.0]])
    edge = 2 / torch.linalg.eigvalsh(curvature).max().item()
    hint = (
        "Below the edge the loss after 1,000 steps is as small as fit_line's, "
        "above it is huge."
    )
    same_number(answer, edge, tolerance=0.006, hint=hint)
    return f"The edge lies at {edge:.4f}: two, divided by the steepest curvature."


def two_classes(answer: object) -> str:
    """1.2: binary cross-entropy from one logit, stable and with its gradient."""

    def reference(logits: Tensor, labels: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, labels.to(logits))

    generator = torch.Generator().manual_seed(1)
    labels = torch.tensor([0, 1, 1, 0, 1])
    plain = (torch.randn(5, generator=generator), labels)
    large = (torch.tensor([-800.0, 800.0, -800.0, 800.0, 0.0]), labels)
    formula = "Wanted: the mean of log(1 + exp(z)) - y z."
    same_function(answer, reference, [plain], hint=formula, gradient=True)
    stable = (
        "Large logits overflow exp(z); cross_entropy(stack([0, z]), y) "
        "is the same number and does not."
    )
    same_function(answer, reference, [large], hint=stable, gradient=True)
    return "Two classes need one score: softmax of (0, z) is the logistic function."


def features_that_do_not_move(answer: object) -> str:
    """1.3: features of MNIST-1D that a shift does not change, and that help."""
    if not callable(answer):
        raise Different("answer is no function; expected features(x) of x (N, 40).")
    train, validation, _ = mnist1d()
    features, others = answer(train.x), answer(validation.x)
    if not isinstance(features, Tensor) or features.shape[:1] != train.y.shape:
        raise Different(
            "answer(x) must be a tensor with one row for each of the rows of x."
        )
    for places in (1, 7, 20):
        same_tensor(
            answer(validation.x.roll(places, 1)),
            others,
            tolerance=1e-4,
            name=f"answer(x) after moving x by {places} places",
            hint="Which quantities of a series stay the same wherever it starts?",
        )
    mean, std = features.mean(0), features.std(0) + 1e-6
    model = fit_softmax_regression(
        (features - mean) / std, train.y, 10, lr=0.3, steps=600
    )
    right = model((others - mean) / std).argmax(1) == validation.y
    share = right.float().mean().item()
    if share < 0.45:
        raise Different(
            f"A shift changes nothing, well done, but only {share:.0%} of the "
            "validation set are right; more than half are possible. What else survives "
            "a shift? How often each value occurs does."
        )
    return (
        f"{share:.0%} of the validation set are right, by a linear classifier that "
        "cannot see where anything is."
    )


CHECKS = {
    "1.1": largest_learning_rate,
    "1.2": two_classes,
    "1.3": features_that_do_not_move,
}
WRONG = {
    "1.1": [0.1, 0.4, None, "0.22", float("nan")],
    "1.2": [
        lambda logits, _: logits.sigmoid(),
        lambda logits, labels: F.mse_loss(logits.sigmoid(), labels.to(logits)),
        # Right on small logits, and infinite or without gradient on large ones:
        lambda logits, labels: (logits.exp().add(1).log() - labels * logits).mean(),
        lambda logits, labels: F.binary_cross_entropy(logits.sigmoid(), labels.float()),
        lambda logits, labels: F.binary_cross_entropy_with_logits(
            logits.detach(), labels.float()
        ),
        3,
    ],
    "1.3": [
        lambda x: x,  # moves with the series
        lambda x: torch.fft.rfft(x).abs(),  # does not move, and says too little
        lambda x: x.mean(),
        "sort",
    ],
}
