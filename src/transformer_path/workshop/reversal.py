"""Rows of digits, to be written backwards: can a model learn an order?"""

import torch
import torch.nn.functional as F

from transformer_path.workshop._inputs import whole
from transformer_path.workshop.datasets import Examples
from transformer_path.workshop.vocabulary import END, PADDING

DIGITS = 10


def backwards(n: int, seed: int, *, shortest: int = 3, longest: int = 5) -> Examples:
    """Draw rows of digits, and give the same rows from their end.

    The digit 0 is word 3, as three words are taken: padding, begin and end.

    Parameters
    ----------
    n : int
        How many rows.
    seed : int
        Decides their digits and lengths.
    shortest, longest : int
        How many digits a row has, at least and at most.

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
    >>> rows = backwards(2, seed=0)
    >>> rows.x[0].tolist(), rows.y[0].tolist()
    ([7, 12, 6, 3, 6, 2], [6, 3, 6, 12, 7, 2])
    """
    n, shortest = whole("n", n, 1), whole("shortest", shortest, 1)
    longest = whole("longest", longest, shortest)
    generator = torch.Generator().manual_seed(seed)
    digits = torch.randint(3, 3 + DIGITS, (n, longest), generator=generator)
    lengths = torch.randint(shortest, longest + 1, (n, 1), generator=generator)
    place = torch.arange(longest + 1)
    digits = F.pad(digits, (0, 1)).masked_fill(place >= lengths, PADDING)
    turned = digits.gather(1, (lengths - 1 - place).clamp(min=0))
    turned = turned.masked_fill(place >= lengths, PADDING)
    return Examples(*(rows.scatter(1, lengths, END) for rows in (digits, turned)))
