"""Rows of digits, to be written backwards: can a model learn an order?"""

import torch
import torch.nn.functional as F

from transformer_path.workshop._inputs import whole
from transformer_path.workshop.datasets import Examples
from transformer_path.workshop.vocabulary import END, PADDING

DIGITS = 10
HELD_OUT = 5  # one row in five: its digits add up to a multiple of it


def backwards(
    n: int, seed: int, *, shortest: int = 3, longest: int = 5, held_out: bool = False
) -> Examples:
    """Draw rows of digits, and give the same rows from their end.

    There are few short rows, and a test on rows drawn like those of the training
    would meet most of them again. So each row belongs to one side: those whose
    digits add up to a multiple of five are held out. The digit 0 is word 3, as
    three words are taken: padding, begin and end.

    Parameters
    ----------
    n : int
        How many rows.
    seed : int
        Decides their digits and lengths.
    shortest, longest : int
        How many digits a row has, at least and at most.
    held_out : bool
        Whether all rows are held out, for the test, or none is, for the training.

    Shapes
    ------
    x, y
        (n, longest + 1) each: words, with the end and padding behind

    Raises
    ------
    ValueError
        If ``n`` or ``shortest`` is below 1, or ``longest`` below ``shortest``.

    Examples
    --------
    >>> rows = backwards(2, seed=0, held_out=True)
    >>> rows.x[0].tolist(), rows.y[0].tolist()
    ([3, 12, 6, 3, 6, 2], [6, 3, 6, 12, 3, 2])
    """
    n, shortest = whole("n", n, 1), whole("shortest", shortest, 1)
    longest = whole("longest", longest, shortest)
    generator = torch.Generator().manual_seed(seed)
    digits = torch.randint(DIGITS, (n, longest), generator=generator)
    lengths = torch.randint(shortest, longest + 1, (n, 1), generator=generator)
    place = torch.arange(longest + 1)
    padding = place >= lengths
    digits = F.pad(digits, (0, 1)).masked_fill(padding, 0)
    remainder = torch.randint(1, HELD_OUT, (n,), generator=generator)
    remainder = 0 * remainder if held_out else remainder
    first, rest = digits[:, 0], digits[:, 1:].sum(1)
    digits[:, 0] = first - first % HELD_OUT + (remainder - rest) % HELD_OUT
    words = (digits + 3).masked_fill(padding, PADDING)
    turned = words.gather(1, (lengths - 1 - place).clamp(min=0))
    turned = turned.masked_fill(padding, PADDING)
    return Examples(*(rows.scatter(1, lengths, END) for rows in (words, turned)))
