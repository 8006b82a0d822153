"""Which pairs of tokens should be written as one? Those that occur most often.

The texts are cut into pieces, and equal pieces are counted once: tens of thousands, in
place of millions. After each merge only the pieces that held the pair are looked at.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush
from itertools import pairwise

from transformer_path.transformer.tokenizer import (
    GONE,
    PIECE,
    BytePairTokenizer,
    Pair,
)
from transformer_path.workshop._inputs import whole


def train(texts: Iterable[str], vocabulary: int) -> list[tuple[bytes, bytes]]:
    """Learn merges: join the pair that occurs most often, until there are enough.

    The texts are cut into pieces, and equal pieces are counted once. After a merge only
    the pieces that held the pair are counted again. Of pairs that occur equally often
    the one with the lower numbers is joined first.

    Parameters
    ----------
    texts : iterable of str
        What to learn from; it is gone through once.
    vocabulary : int
        How many tokens there are to be, the 256 bytes included. Fewer are made if no
        pair is left that occurs twice.

    Raises
    ------
    ValueError
        If ``vocabulary`` is below 256, or all texts are empty.

    Examples
    --------
    >>> train(["low lower lowest"], vocabulary=259)
    [(b'l', b'o'), (b'lo', b'w'), (b' ', b'low')]
    """
    vocabulary = whole("vocabulary", vocabulary, at_least=256)
    if isinstance(texts, str):
        raise ValueError("texts is one string; pass a list of texts: [text].")
    pieces = Counter[str]()
    for text in texts:
        pieces.update(PIECE.findall(text))
    if not pieces:
        raise ValueError("the texts are empty; byte pairs are learned from some text.")
    as_bytes = BytePairTokenizer()
    tokens = [*as_bytes.tokens]
    words = {piece: as_bytes.encode(piece) for piece in pieces}
    where = defaultdict[Pair, set[str]](set)  # which pieces have held a pair?
    count, queue = Counter[Pair](), list[tuple[int, Pair]]()
    change = Counter[Pair]()  # of the counts, by the last merge
    merges = list[tuple[bytes, bytes]]()

    def tally(piece: str, sign: int) -> None:
        """Add the pairs of a piece to the change (sign 1), or take them away (-1)."""
        for pair in pairwise(words[piece]):
            change[pair] += sign * pieces[piece]
            where[pair].add(piece)

    for piece in words:
        tally(piece, 1)
    while True:
        for pair, difference in change.items():
            count[pair] += difference
            if difference > 0:
                heappush(queue, (-count[pair], pair))
        best = commonest(queue, count)
        if len(tokens) == vocabulary or count[best] < 2:
            return merges
        merges.append((tokens[best[0]], tokens[best[1]]))
        tokens.append(tokens[best[0]] + tokens[best[1]])
        change.clear()
        for piece in where.pop(best):
            tally(piece, -1)
            words[piece] = replaced(words[piece], best, len(tokens) - 1)
            tally(piece, 1)


def commonest(queue: list[tuple[int, Pair]], count: Mapping[Pair, int]) -> Pair:
    """Take the pair with the highest count; a count in the queue may be too high."""
    while queue:
        n, pair = heappop(queue)
        if -n == count[pair]:
            return pair
        heappush(queue, (-count[pair], pair))
    return (GONE, GONE)


def replaced(tokens: Sequence[int], pair: Pair, new: int) -> list[int]:
    """Write a pair as one token wherever it stands, from the left.

    Examples
    --------
    >>> replaced([1, 1, 1, 2], (1, 1), 3)
    [3, 1, 2]
    """
    result, place = list[int](), 0
    while place < len(tokens):
        here = tuple(tokens[place : place + 2]) == pair
        result.append(new if here else tokens[place])
        place += 1 + here
    return result
