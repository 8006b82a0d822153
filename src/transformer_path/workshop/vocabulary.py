"""How do words become the numbers that a network reads, and numbers words?"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import torch
from torch import Tensor, nn

PADDING, BEGIN, END = 0, 1, 2


class Vocabulary:
    """The words of some sentences, numbered.

    The first three numbers mean: nothing stands here (padding), a sentence begins, a
    sentence ends.

    Parameters
    ----------
    sentences : iterable of sequence of str
        Each word in them gets a number, in alphabetical order.

    Raises
    ------
    ValueError
        If there is no word in them.

    Examples
    --------
    >>> vocabulary = Vocabulary([["one", "hundred"], ["one"]])
    >>> vocabulary.encode(["one", "one"])
    [4, 4, 2]
    >>> vocabulary.decode([4, 4, 2, 0])
    ['one', 'one']
    """

    def __init__(self, sentences: Iterable[Sequence[str]]) -> None:
        words = sorted({word for sentence in sentences for word in sentence})
        if not words:
            raise ValueError("there is no word in the sentences; give at least one.")
        self.words = ["(padding)", "(begin)", "(end)", *words]
        self._numbers = {word: n for n, word in enumerate(words, start=END + 1)}

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, words: Sequence[str]) -> list[int]:
        """Give a sentence's numbers, with ``END`` behind.

        Raises
        ------
        ValueError
            If a word is unknown; the message names words that look like it.
        """
        if isinstance(words, str):
            raise ValueError(f"{words!r} is one string; pass a list: words.split().")
        for word in words:
            if word not in self._numbers:
                near = get_close_matches(word, self._numbers, n=3)
                hint = f"; it knows {', '.join(near)}" if near else ""
                raise ValueError(
                    f"{word!r} is none of the {len(self._numbers)} words of this "
                    f"vocabulary{hint}."
                )
        return [*(self._numbers[word] for word in words), END]

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """Give the words up to the first ``END``; padding is no word."""
        words = []
        for number in map(int, numbers):
            if number == END:
                break
            if number != PADDING:
                words.append(self.words[number])
        return words

    def batch(self, sentences: Sequence[Sequence[str]]) -> Tensor:
        """Encode sentences, one a row, padded to the longest.

        Shapes
        ------
        result
            (B, T), int64

        Examples
        --------
        >>> Vocabulary([["a", "b"]]).batch([["a"], ["b", "a"]])
        tensor([[3, 2, 0],
                [4, 3, 2]])
        """
        rows = [torch.tensor(self.encode(sentence)) for sentence in sentences]
        return nn.utils.rnn.pad_sequence(rows, batch_first=True)


def look_up(embedding: nn.Embedding, words: Tensor) -> Tensor:
    """Give each word's numbers.

    Shapes
    ------
    words
        (B, T), int64
    result
        (B, T, C)

    Raises
    ------
    ValueError
        If one of them is no word of the vocabulary.

    Examples
    --------
    >>> look_up(nn.Embedding(5, 3), torch.tensor([[1, 4]])).shape
    torch.Size([1, 2, 3])
    """
    try:
        found: Tensor = embedding(words)
    except (IndexError, RuntimeError) as error:
        raise ValueError(
            f"words of shape {tuple(words.shape)} and type {words.dtype}, from "
            f"{words.min()} to {words.max()}; expected whole numbers from 0 to "
            f"{embedding.num_embeddings - 1}, as Vocabulary.batch gives them."
        ) from error
    return found
