"""Which pairs of number words does a translator learn from, and in which batches?"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from transformer_path.workshop.batches import minibatches
from transformer_path.workshop.datasets import Examples
from transformer_path.workshop.number_words import english, german, numbers
from transformer_path.workshop.vocabulary import Vocabulary


class NumberPairs:
    """Numbers in English and in German to learn from, and their two vocabularies.

    Parameters
    ----------
    digits : iterable of int
        How long the numbers to learn from are, from 3 on: 1,500 of each length, of
        three digits 600.

    Attributes
    ----------
    source, target : Vocabulary
        The English and the German words of all the numbers to learn from.
    train : dict
        For each number of digits its pairs, ``Examples``: ``x`` is English and ``y``
        German, each sentence with its end, and padding behind it.

    Raises
    ------
    ValueError
        If there is no length, or there are too few numbers of one.

    Examples
    --------
    >>> task = NumberPairs(digits=[3])
    >>> len(task.train[3].x)
    600
    >>> task.source.decode(task.pairs([321]).x[0])
    ['three', 'hundred', 'and', 'twenty', 'one']
    """

    def __init__(self, digits: Iterable[int]) -> None:
        some = {d: _sentences(numbers(600 if d == 3 else 1500, d)) for d in digits}
        self.source = Vocabulary(words for x, _ in some.values() for words in x)
        self.target = Vocabulary(words for _, y in some.values() for words in y)
        self.train = {
            d: Examples(self.source.batch(x), self.target.batch(y))
            for d, (x, y) in some.items()
        }

    def pairs(self, some: Sequence[int]) -> Examples:
        """Give numbers as pairs of sentences: (N, T) English words, (N, U) German."""
        x, y = _sentences(some)
        return Examples(self.source.batch(x), self.target.batch(y))

    def batches(
        self, size: int, *, seed: int, lengths: Sequence[int] = ()
    ) -> Callable[[int], Examples]:
        """Give for each step pairs of one length; which, is the same for all seeds.

        Parameters
        ----------
        size : int
            Pairs in a minibatch.
        seed : int
            Decides which pairs.
        lengths : sequence of int
            The digits that may come; as it is left, all that there are.

        Examples
        --------
        >>> batch = NumberPairs(digits=[3, 4]).batches(64, seed=0)
        >>> len(batch(0).x)
        64
        """
        by_length = {
            d: minibatches(pairs, size, seed=seed) for d, pairs in self.train.items()
        }
        order = np.random.default_rng(0).choice(lengths or list(by_length), 10_000)
        return lambda step: by_length[order[step % 10_000]](step)


def _sentences(some: Sequence[int]) -> tuple[list[list[str]], list[list[str]]]:
    """Write numbers in English and in German."""
    return [english(number) for number in some], [german(number) for number in some]
