"""Random sentences for what reads and writes them."""

import torch

from transformer_path.workshop.vocabulary import END


def sentences(lengths, n_words, seed=0):
    """Draw words, (B, T); each sentence ends in END and is padded."""
    generator = torch.Generator().manual_seed(seed)
    words = torch.zeros(len(lengths), max(lengths), dtype=torch.int64)
    for row, length in zip(words, lengths, strict=True):
        row[:length] = torch.randint(3, n_words, (length,), generator=generator)
        row[length - 1] = END
    return words
