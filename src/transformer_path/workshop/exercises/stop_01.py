"""The exercises of chapter 1, supervised learning."""

import torch
from torch import Tensor
from torch.nn import functional as F

from transformer_path.learning.supervised import fit_softmax_regression
from transformer_path.workshop.datasets import mnist1d

from ._compare import as_numbers, same_number, same_tensor
from ._functions import call, same_function
from ._words import different

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
    # No logit of exactly 0, where relu and the absolute value have a kink: what stable
    # forms are made of may take either slope there.
    large = (torch.tensor([-800.0, 800.0, -800.0, 800.0, 0.5]), labels)
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
    train, validation, _ = mnist1d()
    features, others = _rows(answer, train.x), _rows(answer, validation.x)
    if features.shape[1] != others.shape[1]:
        raise different(
            f"answer(x) has {features.shape[1]} columns for the training set, and "
            f"{others.shape[1]} for the validation set; they should be the same."
        )
    # On one scale, or features that are tiny would not seem to move. What hardly
    # varies is rounding noise.
    size = features.abs().amax(0)
    std = features.std(0) + 1e-4 * size + 1e-6 * size.max() + 1e-30
    mean = features.mean(0)
    z, z_val = (features - mean) / std, (others - mean) / std
    for places in (1, 7, 20):
        same_tensor(
            (_rows(answer, validation.x.roll(places, 1)) - mean) / std,
            z_val,
            tolerance=1e-2,
            name=f"answer(x) after moving x by {places} places",
            hint="Which quantities of a series stay the same wherever it starts?",
        )
    model = fit_softmax_regression(z.float(), train.y, 10, lr=0.5, steps=200)
    right = model(z_val.float()).argmax(1) == validation.y
    share = right.float().mean().item()
    if share < 0.45:
        raise different(
            f"A shift changes nothing, well done, but only {share:.0%} of the "
            "validation set are right; more than half are possible. What else survives "
            "a shift? How often each value occurs does."
        )
    return (
        f"{share:.0%} of the validation set are right, by a linear classifier that "
        "cannot see where anything is."
    )


def _rows(answer: object, x: Tensor) -> Tensor:
    """Let the answer describe each series by a row of finite numbers."""
    rows = as_numbers(call(answer, (x,), ("x",)), "answer(x)")
    if rows.dim() != 2 or len(rows) != len(x) or rows.shape[1] == 0:
        raise different(
            f"answer(x) has the shape {tuple(rows.shape)} for x of the shape "
            f"{tuple(x.shape)}; a row of features for each row of x was expected, "
            f"({len(x)}, D)."
        )
    if not rows.isfinite().all():
        raise different("answer(x) is not finite everywhere: NaN or infinite.")
    return rows


CHECKS = {
    "1.1": largest_learning_rate,
    "1.2": two_classes,
    "1.3": features_that_do_not_move,
}
WRONG = {
    "1.1": [0.1, 0.4, None, "0.22", float("nan"), 10**400, torch.tensor([0.2, 0.24])],
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
        lambda x: x.mean(1),  # no columns
        lambda x: x.sort(1).values[:100],  # not all rows
        lambda x: 1e-9 * x,  # moves, however little
        lambda x: x.sort(1).values / 0,
        lambda x: x.copy_(x.sort(1).values),
        lambda x: x[:, :0],
        "sort",
    ],
}
