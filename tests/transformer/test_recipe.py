import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from transformer_path.transformer.recipe import inverse_root, smoothed_cross_entropy

EXACT = {"rtol": 1e-10, "atol": 1e-10}


@settings(deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(2, 6)),
    smoothing=st.sampled_from([0.0, 0.1, 0.5, 0.9]),
    seed=st.integers(0, 99),
)
def test_label_smoothing_equals_torchs_in_value_and_gradient(sizes, smoothing, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(*sizes, generator=generator).double().requires_grad_()
    target = torch.randint(0, sizes[-1], sizes[:2], generator=generator)
    target[0, 0] = 1  # not all of it is padding
    ours = smoothed_cross_entropy(logits, target, smoothing=smoothing)
    theirs = F.cross_entropy(
        logits.flatten(0, 1),
        target.flatten(),
        ignore_index=0,
        label_smoothing=smoothing,
    )
    torch.testing.assert_close(ours, theirs, **EXACT)
    a, b = (torch.autograd.grad(loss, logits)[0] for loss in (ours, theirs))
    torch.testing.assert_close(a, b, **EXACT)


@given(steps=st.integers(10, 10_000), warm=st.integers(1, 100))
def test_the_rate_is_the_papers_up_to_a_factor(steps, warm):
    warm = min(warm, steps)
    for step in {1, warm, warm + 1, steps}:
        paper = min(step**-0.5, step * warm**-1.5) * warm**0.5
        if step <= steps:
            ours = inverse_root(step / steps, share=warm / steps)
            assert ours == pytest.approx(paper)


def test_bad_settings_are_refused():
    logits, target = torch.zeros(2, 3, 5), torch.ones(2, 3).long()
    with pytest.raises(
        ValueError, match=r"^logits of shape \(2, 3, 5\), target \(2,\)"
    ):
        smoothed_cross_entropy(logits, target[:, 0])
    with pytest.raises(ValueError, match=r"smoothing=1; expected .* a share below 1"):
        smoothed_cross_entropy(logits, target, smoothing=1)
    with pytest.raises(
        ValueError, match=r"^done=1\.5 is out of range; it must be a share"
    ):
        inverse_root(1.5)
    with pytest.raises(
        ValueError, match=r"^share=0 is out of range; it must be above 0 and"
    ):
        inverse_root(0.5, share=0)
