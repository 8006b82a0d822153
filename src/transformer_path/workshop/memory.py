"""Does a network remember? Two tasks, as long as you like, and who answers them."""

import numpy as np
import torch
from torch import Tensor, nn

from transformer_path.workshop._inputs import whole
from transformer_path.workshop.datasets import Examples


def recall(n: int, lag: int, *, seed: int, kinds: int = 4) -> Examples:
    """Say at the end which letter stood at the beginning.

    The first position holds one of ``kinds`` letters; each of the ``lag`` positions
    after it holds one of as many other letters, at random. Position by position a
    letter is a one in its own place and zeros elsewhere.

    Parameters
    ----------
    n : int
        How many sequences.
    lag : int
        Positions between the letter and the end.
    seed : int
        Decides all letters.
    kinds : int
        How many letters may stand first.

    Returns
    -------
    examples : Examples
        ``x`` of shape (N, lag + 1, 2 · kinds) and the number of the first letter.

    Examples
    --------
    >>> x, y = recall(5, lag=3, seed=0)
    >>> x.shape, torch.equal(x[:, 0, :4].argmax(1), y)
    (torch.Size([5, 4, 8]), True)
    """
    n, lag = whole("n", n, at_least=1), whole("lag", lag, at_least=0)
    rng = np.random.default_rng(whole("seed", seed, at_least=0))
    kinds = whole("kinds", kinds, at_least=2)
    first = rng.integers(kinds, size=(n, 1))
    others = rng.integers(kinds, 2 * kinds, size=(n, lag))
    letters = torch.tensor(np.concatenate([first, others], 1))
    x = nn.functional.one_hot(letters, 2 * kinds).float()
    return Examples(x, letters[:, 0])


def adding(n: int, length: int, *, seed: int) -> Examples:
    """Add the two numbers that are marked, and forget the others.

    Each position holds a number, evenly between 0 and 1, and a mark, 1 or 0. One
    position in each half is marked. Who says 1, whatever comes, has a mean squared
    error of 1/6: the variance of a sum of two such numbers.

    Parameters
    ----------
    n : int
        How many sequences.
    length : int
        Positions of each.
    seed : int
        Decides numbers and marks.

    Returns
    -------
    examples : Examples
        ``x`` of shape (N, length, 2) and the sums, (N, 1), float.

    References
    ----------
    :cite:t:`hochreiter1997long`, Section 5.4, where numbers and sums are scaled
    otherwise.

    Examples
    --------
    >>> x, y = adding(1000, length=10, seed=0)
    >>> torch.allclose((x[..., 0] * x[..., 1]).sum(1, keepdim=True), y)
    True
    >>> round(float((y - 1).square().mean()), 2)
    0.17
    """
    n, length = whole("n", n, at_least=1), whole("length", length, at_least=2)
    rng = np.random.default_rng(whole("seed", seed, at_least=0))
    numbers, marks = rng.uniform(size=(n, length)), np.zeros((n, length))
    rows = np.arange(n)
    marks[rows, rng.integers(length // 2, size=n)] = 1
    marks[rows, rng.integers(length // 2, length, size=n)] = 1
    sums = (numbers * marks).sum(1, keepdims=True)
    x = torch.tensor(np.stack([numbers, marks], 2), dtype=torch.float32)
    return Examples(x, torch.tensor(sums, dtype=torch.float32))


class Reader(nn.Module):
    """Read a sequence, then answer from the last state alone.

    Parameters
    ----------
    network : nn.Module
        From sequences (B, T, C) to outputs (B, T, F) and something else.
    d_hidden, n_out : int
        How many numbers an output has, and how many the answer.

    Examples
    --------
    >>> rnn = nn.RNN(8, 16, batch_first=True)
    >>> Reader(rnn, 16, 4)(torch.randn(5, 9, 8)).shape
    torch.Size([5, 4])
    """

    def __init__(self, network: nn.Module, d_hidden: int, n_out: int) -> None:
        super().__init__()
        self.network, self.readout = network, nn.Linear(d_hidden, n_out)

    def forward(self, x: Tensor) -> Tensor:
        """From (B, T, C) to (B, n_out)."""
        outputs, _ = self.network(x)
        answer: Tensor = self.readout(outputs[:, -1])
        return answer
