import math
import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from transformer_path.workshop.batches import stacked
from transformer_path.workshop.datasets import Examples
from transformer_path.workshop.ensembles import Several, each
from transformer_path.workshop.scores import (
    accuracy,
    classification_loss,
    regression_loss,
    validation,
)

SAME = nn.Identity()
GENERATOR = torch.Generator().manual_seed(0)
LOGITS = torch.randn(2, 3, 5, generator=GENERATOR)
PADDED = torch.tensor([[4, -100, -100], [2, 1, -100]])


def raises(message):
    return pytest.raises(ValueError, match=f"^{re.escape(message)}$")


def test_cross_entropy_of_one_is_the_surprise_at_its_label():
    probability = torch.tensor([[0.2, 0.7, 0.1]])
    loss = classification_loss(SAME, (probability.log(), torch.tensor([1])))
    assert loss.item() == pytest.approx(-math.log(0.7))


def test_padding_does_not_count():
    """Three of six positions count."""
    surprise = -LOGITS.log_softmax(-1)
    by_hand = (surprise[0, 0, 4] + surprise[1, 0, 2] + surprise[1, 1, 1]) / 3
    assert torch.allclose(classification_loss(SAME, (LOGITS, PADDED)), by_hand)

    logits = torch.zeros(2, 3, 5)
    logits[0, 0, 4] = logits[1, 0, 3] = logits[1, 1, 1] = 1.0
    assert accuracy(SAME, Examples(logits, PADDED)) == pytest.approx(2 / 3)


def test_a_batch_may_have_several_inputs():
    def model(x, scale):
        return x * scale

    batch = (LOGITS, torch.tensor(3.0), PADDED)
    expected = classification_loss(SAME, (3 * LOGITS, PADDED))
    assert torch.equal(classification_loss(model, batch), expected)
    targets = torch.ones(2, 3, 5)
    assert torch.equal(
        regression_loss(model, (LOGITS, torch.tensor(3.0), targets)),
        F.mse_loss(3 * LOGITS, targets),
    )


@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32]
)
def test_labels_of_any_whole_type_mean_the_same(dtype):
    logits, labels = LOGITS[0, :, :2], torch.tensor([1, 0, 1])
    batch, other = Examples(logits, labels), Examples(logits, labels.to(dtype))
    assert torch.equal(
        classification_loss(SAME, batch), classification_loss(SAME, other)
    )
    right = (logits.argmax(1) == labels).float().mean().item()
    assert accuracy(SAME, other) == pytest.approx(right)


def test_156_is_a_label_and_not_what_is_left_out():
    """In eight bits, -100 and 156 look alike."""
    x, y = torch.zeros(2, 200), torch.tensor([156, 0], dtype=torch.uint8)
    x[0, 156] = x[1, 0] = 9.0
    assert accuracy(SAME, Examples(x, y)) == 1.0
    assert classification_loss(SAME, (x, y)) < 0.1


def test_accuracy_of_many_and_the_mode_of_the_model():
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(5, 3))
    x = torch.randn(2500, 5, generator=GENERATOR)
    y = model.eval()(x).argmax(1)
    y[:500] = (y[:500] + 1) % 3
    assert accuracy(model.train(), Examples(x, y)) == 0.8
    assert model.training
    assert accuracy(model.eval(), Examples(x, y), size=7) == 0.8
    assert not model.training


def test_the_mode_of_the_model_survives_an_error():
    model = nn.Linear(5, 3).train()
    with pytest.raises(RuntimeError):
        accuracy(model, Examples(torch.zeros(2, 4), torch.zeros(2).long()))
    assert model.training


def fit_error(logits, labels, dtype="torch.int64"):
    return (
        f"logits of shape {logits} do not fit labels of shape {labels} and type "
        f"{dtype}; expected (N, K) and (N,), or (B, T, V) and (B, T): whole numbers, "
        "and one logit for each of two classes or more."
    )


def out_of_range(low, high, advice):
    return (
        f"labels run from {low} to {high}, but the model gives 3 logits, for labels "
        f"from 0 to 2; {advice}."
    )


ZEROS = torch.zeros(4, 3)
LABELS = {
    "one column": (
        torch.zeros(4, 1),
        torch.zeros(4).long(),
        fit_error((4, 1), (4,)),
    ),
    "no column": (torch.zeros(4), torch.zeros(4).long(), fit_error((4,), (4,))),
    "numbers": (ZEROS, torch.zeros(4), fit_error((4, 3), (4,), "torch.float32")),
    "lengths": (ZEROS, torch.zeros(3).long(), fit_error((4, 3), (3,))),
    "column": (ZEROS, torch.zeros(4, 1).long(), fit_error((4, 3), (4, 1))),
    "classes second": (
        torch.zeros(2, 5, 3),
        torch.zeros(2, 3).long(),
        fit_error((2, 5, 3), (2, 3)),
    ),
    "from 1": (ZEROS, torch.tensor([1, 2, 3, 1]), out_of_range(1, 3, "count from 0")),
    "too many": (
        ZEROS,
        torch.tensor([0, 4, -100, 1]),
        out_of_range(0, 4, "give the last layer 5 outputs"),
    ),
    "negative": (
        ZEROS,
        torch.tensor([-1, 0, 1, -100]),
        out_of_range(-1, 1, "mark what does not count by -100, and count the rest "
                     "from 0"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("score", [classification_loss, accuracy])
@pytest.mark.parametrize(("x", "y", "message"), LABELS.values(), ids=LABELS)
def test_labels_that_name_no_logit_are_explained(score, x, y, message):
    with raises(message):
        score(SAME, Examples(x, y))


def test_one_number_is_no_batch():
    with pytest.raises(ValueError, match=r"^logits of shape \(3,\) do not fit labels"):
        classification_loss(SAME, (torch.zeros(3), torch.tensor(0)))


def test_accuracy_of_nothing_is_refused():
    message = "no label counts (there are none, or all of them are -100)."
    for y in (torch.full((4,), -100), torch.zeros(0).long()):
        with raises(message):
            accuracy(SAME, Examples(ZEROS[: len(y)], y))


def test_outputs_never_meet_the_targets_of_others():
    with raises(
        "outputs of shape (4, 1) and targets of shape (4,) differ; reshape one, so "
        "that each meets its own."
    ):
        regression_loss(SAME, (torch.zeros(4, 1), torch.zeros(4)))
    x = torch.tensor([[1.0], [3.0]])
    assert regression_loss(SAME, (x, torch.zeros(2, 1))).item() == 5.0


def test_validation_looks_at_one_model_and_at_several():
    models = [nn.Linear(5, 3) for _ in range(4)]
    x = torch.randn(11, 5, generator=GENERATOR)
    examples = Examples(x, torch.arange(11) % 3)
    found = [validation(examples)(model) for model in models]
    for model, numbers in zip(models, found, strict=True):
        assert numbers == {
            "validation_loss": pytest.approx(
                F.cross_entropy(model(x), examples.y).item()
            ),
            "validation_accuracy": accuracy(model, examples),
        }
    assert validation(examples)(Several(models)) == {
        name: pytest.approx([numbers[name] for numbers in found]) for name in found[0]
    }


def test_validation_by_another_loss_gives_no_accuracy():
    examples = Examples(torch.ones(3, 2), torch.zeros(3, 2))
    assert validation(examples, regression_loss)(SAME) == {"validation_loss": 1.0}


def test_labels_of_several_models_are_checked_too():
    both = Several([nn.Linear(5, 3) for _ in range(2)])
    batch = stacked([lambda _: (torch.zeros(4, 5), torch.full((4,), 3))] * 2)
    with pytest.raises(RuntimeError, match="index 3 is out of bounds"):
        each(classification_loss)(both, batch(0))
