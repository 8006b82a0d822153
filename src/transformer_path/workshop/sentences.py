"""How wrong is a model that writes sentences, and how often is a whole one right?"""

import torch.nn.functional as F
from torch import Tensor

from transformer_path.workshop.vocabulary import PADDING


def word_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of words, averaged over all that are no padding.

    Shapes
    ------
    logits
        (B, U, V)
    target
        (B, U), words; 0 is padding

    Examples
    --------
    >>> import torch
    >>> logits, target = torch.zeros(1, 3, 5), torch.tensor([[4, 2, 0]])
    >>> torch.allclose(word_loss(logits, target), torch.tensor(5.0).log())
    True
    """
    return F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=PADDING)


def exact_match(written: Tensor, target: Tensor) -> Tensor:
    """Tell which sentences are right from beginning to end, (B,).

    Shapes
    ------
    written, target
        (B, U'), (B, U): words, 0 behind the end

    Examples
    --------
    >>> import torch
    >>> written, target = [[4, 2, 0], [4, 3, 2]], [[4, 2], [4, 2]]
    >>> exact_match(torch.tensor(written), torch.tensor(target))
    tensor([ True, False])
    """
    longest = max(written.shape[1], target.shape[1])
    written, target = (
        F.pad(words, (0, longest - words.shape[1])) for words in (written, target)
    )
    return (written == target).all(1)
