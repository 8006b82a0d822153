import torch
from torch.nn import functional as F

from transformer_path.workshop.sentences import exact_match, word_loss
from transformer_path.workshop.vocabulary import PADDING

TARGET = torch.tensor([[4, 3, 2], [4, 2, PADDING]])


def test_the_loss_is_the_mean_over_the_words_that_are_there():
    logits = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    costs = -logits.log_softmax(-1).gather(-1, TARGET[..., None])[..., 0]
    real = [costs[0, 0], costs[0, 1], costs[0, 2], costs[1, 0], costs[1, 1]]
    torch.testing.assert_close(word_loss(logits, TARGET), sum(real) / 5)


def test_padding_changes_no_loss():
    logits = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    longer = F.pad(logits, (0, 0, 0, 2), value=7.0), F.pad(TARGET, (0, 2))
    torch.testing.assert_close(word_loss(*longer), word_loss(logits, TARGET))


def test_a_sentence_is_right_from_beginning_to_end():
    assert exact_match(TARGET, TARGET).tolist() == [True, True]
    for row in range(2):
        for place in range(3):
            written = TARGET.clone()
            written[row, place] = 1
            assert exact_match(written, TARGET).tolist() == [row != 0, row != 1]


def test_what_is_shorter_or_longer_is_compared_to_the_end():
    assert exact_match(TARGET[:, :2], TARGET).tolist() == [False, True]
    assert exact_match(F.pad(TARGET, (0, 2)), TARGET).tolist() == [True, True]
    assert exact_match(F.pad(TARGET, (0, 1), value=4), TARGET).tolist() == [False] * 2
