"""How does text become the numbers that a network reads?

Characters are the simplest answer, and fail at the first that is new. Bytes never fail:
there are 256, and any text is made of them. Byte-pair encoding starts from bytes, and
writes what is frequent as one token: shorter sequences, and still any text.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from heapq import heappop, heappush
from operator import index
from pathlib import Path
from typing import TextIO

import regex

from transformer_path.workshop._inputs import whole
from transformer_path.workshop.checkpoints import replace

Pair = tuple[int, int]
GONE = -1  # no token: it is part of the one before

# A word with the space before it, a number, other signs, or white space: no pair is
# counted or merged across two of them.
PIECE = regex.compile(
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)
# GPT-2 numbers the bytes that are visible in Latin-1 first, then the others.
VISIBLE = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
BYTES = sorted(range(256), key=lambda byte: (byte not in VISIBLE, byte))


class CharacterTokenizer:
    """One number for each character of a text, in the order of Unicode.

    Parameters
    ----------
    text : str
        Its characters are all that the tokenizer will know.

    Raises
    ------
    ValueError
        If the text is empty.

    Examples
    --------
    >>> tokenizer = CharacterTokenizer("hello")
    >>> tokenizer.encode("hole")
    [1, 3, 2, 0]
    >>> tokenizer.decode([1, 3, 2, 0])
    'hole'
    """

    def __init__(self, text: str) -> None:
        if not text:
            raise ValueError("the text is empty; a tokenizer needs some characters.")
        self.characters = sorted(set(text))
        self._numbers = {character: n for n, character in enumerate(self.characters)}

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str) -> list[int]:
        """Give the characters' numbers.

        Raises
        ------
        ValueError
            If a character is unknown.
        """
        try:
            return [self._numbers[character] for character in text]
        except KeyError as error:
            unknown = error.args[0]
            raise ValueError(
                f"{unknown!r} (at {text.index(unknown)}) is none of the {len(self)} "
                "characters of this tokenizer; take a BytePairTokenizer, which knows "
                "every text."
            ) from None

    def decode(self, tokens: Iterable[int]) -> str:
        """Give the text of some tokens."""
        return "".join(self.characters[n] for n in valid(tokens, len(self)))


class BytePairTokenizer:
    """Byte-pair encoding, as GPT-2 has it.

    Tokens 0 to 255 are the bytes. Each merge adds a token, two others written as one.
    To encode a text is to cut it into pieces (words, numbers, signs, white space), and
    to carry out in each piece the merges that apply, in the order in which they were
    learned. Without merges this is a tokenizer of bytes.

    Parameters
    ----------
    merges : sequence of (bytes, bytes)
        Which two tokens become one, in order.
    special : sequence of str
        Names of tokens that no text is encoded as, such as ``"<|endoftext|>"``. They
        get the last numbers, which stand in ``special``. A text that holds such a name
        is encoded as any other text, so nobody can put one in from outside.

    Raises
    ------
    ValueError
        If a merge joins what is no token yet, or a name stands twice.

    References
    ----------
    Sennrich, Haddow and Birch (2016), "Neural Machine Translation of Rare Words with
    Subword Units", algorithm 1. On bytes: Radford et al. (2019), "Language Models are
    Unsupervised Multitask Learners", section 2.2.

    Examples
    --------
    >>> tokenizer = BytePairTokenizer([(b"l", b"o"), (b"lo", b"w")])
    >>> [tokenizer.tokens[n] for n in tokenizer.encode("lower")]
    [b'low', b'e', b'r']
    >>> tokenizer.decode(tokenizer.encode("höher"))
    'höher'
    """

    def __init__(
        self, merges: Sequence[tuple[bytes, bytes]] = (), special: Sequence[str] = ()
    ) -> None:
        self.tokens = [bytes([byte]) for byte in BYTES]
        numbers = {token: n for n, token in enumerate(self.tokens)}
        self.merges: dict[Pair, tuple[int, int]] = {}  # which rank, and which token?
        for rank, (left, right) in enumerate(merges):
            if left not in numbers or right not in numbers:
                raise ValueError(
                    f"merge {rank} joins {left!r} and {right!r}, but no earlier merge "
                    "makes both; pass the merges in the order of their training."
                )
            if left + right not in numbers:
                numbers[left + right] = len(self.tokens)
                self.tokens.append(left + right)
            pair = numbers[left], numbers[right]
            self.merges[pair] = rank, numbers[left + right]
        if len({*special}) < len(special):
            raise ValueError(f"special={[*special]} names a token twice; name it once.")
        self.special = {name: len(self.tokens) + n for n, name in enumerate(special)}
        self._numbers = numbers
        self._piece = lru_cache(2**16)(self._merge_piece)  # words come again and again

    def __len__(self) -> int:
        return len(self.tokens) + len(self.special)

    def encode(self, text: str) -> list[int]:
        """Give the tokens of a text.

        Raises
        ------
        ValueError
            If the text holds half of a character (a lone surrogate), which is no text.
        """
        return [n for piece in PIECE.findall(text) for n in self._piece(piece)]

    def encode_stream(self, file: TextIO, size: int = 2**16) -> Iterator[int]:
        """Give the tokens of a file one by one, without ever holding it as a whole.

        They are those that :meth:`encode` gives for its text. The file is read
        ``size`` characters at a time. What comes next may still change the last two
        pieces read (``'`` and ``l`` become ``'ll``), so these wait for it.

        Raises
        ------
        ValueError
            If ``size`` is below 1.
        """
        rest, size = "", whole("size", size, at_least=1)
        while more := file.read(size):
            pieces = PIECE.findall(rest + more)
            rest = "".join(pieces[-2:])
            for piece in pieces[:-2]:
                yield from self._piece(piece)
        yield from self.encode(rest)

    def decode(self, tokens: Iterable[int]) -> str:
        """Give the text of some tokens; half a character becomes the sign for one."""
        names = {n: name.encode() for name, n in self.special.items()}
        numbers = valid(tokens, len(self))
        found = b"".join(names[n] if n in names else self.tokens[n] for n in numbers)
        return found.decode(errors="replace")

    def _merge_piece(self, piece: str) -> list[int]:
        """Merge in one piece what can be merged, the lowest rank first."""
        tokens = [self._numbers[bytes([byte])] for byte in in_utf_8(piece)]
        # Which place holds the token before, which the one after? Merging skips places.
        before, after = [*range(-1, len(tokens) - 1)], [*range(1, len(tokens) + 1)]
        queue = list[tuple[int, int, Pair]]()

        def wait(place: int) -> None:
            """Put the pair that begins here into the queue, if it can be merged."""
            if place >= 0 and after[place] < len(tokens):
                pair = tokens[place], tokens[after[place]]
                if pair in self.merges:
                    heappush(queue, (self.merges[pair][0], place, pair))

        for place in range(len(tokens)):
            wait(place)
        while queue:
            _, place, pair = heappop(queue)
            behind = after[place]
            if behind == len(tokens) or (tokens[place], tokens[behind]) != pair:
                continue  # another merge has taken one of the two
            # The first place takes the new token, the second is skipped from now on.
            tokens[place], tokens[behind] = self.merges[pair][1], GONE
            after[place] = after[behind]
            if after[place] < len(tokens):
                before[after[place]] = place
            wait(before[place])
            wait(place)
        return [token for token in tokens if token != GONE]

    def save(self, path: Path | str) -> None:
        """Write the merges and the special tokens into a file."""
        pairs = [[self.tokens[a].hex(), self.tokens[b].hex()] for a, b in self.merges]
        content = {"format": FORMAT, "merges": pairs, "special": [*self.special]}
        replace(path, lambda file: file.write(json.dumps(content).encode()))

    @classmethod
    def load(cls, path: Path | str) -> "BytePairTokenizer":
        """Read what :meth:`save` has written.

        Raises
        ------
        ValueError
            If the file is damaged, or was not written by :meth:`save`.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise ValueError(content["format"])
            pairs = [(bytes.fromhex(a), bytes.fromhex(b)) for a, b in content["merges"]]
            return cls(pairs, content["special"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path} is no tokenizer, or it is damaged; expected a file that "
                "BytePairTokenizer.save has written."
            ) from error


FORMAT = "transformer-path byte pairs 1"


def read_merges(lines: Iterable[str]) -> list[tuple[bytes, bytes]]:
    """Read merges as GPT-2's file ``merges.txt`` has them: two tokens a line.

    A byte is written there as one visible character: as itself, where Latin-1 shows it,
    else as the next character after Latin-1.

    Raises
    ------
    ValueError
        If a line is none of these.

    Examples
    --------
    >>> read_merges(["#version: 0.2", "l o", "Ġ lo"])
    [(b'l', b'o'), (b' ', b'lo')]
    """
    hidden = sorted({*range(256)} - VISIBLE)
    byte_of = {chr(byte): byte for byte in VISIBLE}
    byte_of |= {chr(256 + n): byte for n, byte in enumerate(hidden)}
    merges = list[tuple[bytes, bytes]]()
    for line in lines:
        if line.startswith("#version") or not line.strip():
            continue
        try:
            left, right = (bytes(byte_of[c] for c in word) for word in line.split())
        except (KeyError, ValueError):
            raise ValueError(
                f"{line!r} is no merge; expected two tokens with a space between, as "
                "in 'Ġ lo'."
            ) from None
        merges.append((left, right))
    return merges


def in_utf_8(text: str) -> bytes:
    """Give the bytes of a text; refuse half of a character."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{text!r} holds half of a character, {text[error.start]!r}, which no "
            "file in UTF-8 can hold; read the text with errors='replace'."
        ) from None


def valid(tokens: Iterable[int], size: int) -> Iterator[int]:
    """Give whole numbers below ``size``; refuse what is no token."""
    for token in tokens:
        try:
            number = index(token)
        except TypeError:
            number = -1
        if not 0 <= number < size:
            raise ValueError(f"{token} is no token; expected 0 to {size - 1}.")
        yield number
