"""What may be asked of the program: its options, and what they are if nobody asks."""

import argparse
from collections.abc import Callable
from pathlib import Path

from transformer_path.variants.pretraining import Settings

NAME = "python -m transformer_path"
MINUTES = 3.0
SIZES = {
    "context": (int, "tokens that the model reads at once"),
    "d_model": (int, "numbers for each token"),
    "n_heads": (int, "attention heads in a layer"),
    "n_layers": (int, "layers"),
    "dropout": (float, "share of the numbers left out in training"),
    "batch": (int, "windows of text in a step"),
    "rate": (float, "highest learning rate"),
    "every": (int, "steps between two looks at the validation text"),
    "seed": (int, "decides what is drawn"),
}
Command = Callable[[argparse.Namespace], None]


def parser(train: Command, generate: Command) -> argparse.ArgumentParser:
    """Read the command line; ``run`` is then one of the two commands."""
    both = argparse.ArgumentParser(
        prog=NAME, description="Train a GPT on your own text, and let it write."
    )
    commands = both.add_subparsers(required=True, metavar="train | generate")
    for name, run, add, words in (
        ("train", train, _add_train, "Learn a text. The same command goes on."),
        ("generate", generate, _add_generate, "Write, after a prompt."),
    ):
        command = commands.add_parser(name, help=words, description=words)
        command.set_defaults(run=run)
        add(command)
        command.add_argument("--device", default="cpu", help=_told("cpu, cuda, mps"))
    return both


def _add_train(command: argparse.ArgumentParser) -> None:
    option = command.add_argument
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--text", nargs="+", metavar="FILE", help="text files in UTF-8, or folders"
    )
    what.add_argument(
        "--python",
        dest="text",
        action="store_const",
        const=None,
        help="the source of Python's own library, as in the book",
    )
    option("--out", metavar="FOLDER", help="where to (default: named after the text)")
    much = command.add_mutually_exclusive_group()
    much.add_argument(
        "--minutes",
        type=float,
        metavar="N",
        help=f"how long to train, looks not counted (default: {MINUTES:g})",
    )
    much.add_argument("--steps", type=int, metavar="N", help="how many steps to take")
    kinds, words = ("pairs", "bytes", "characters"), _told("pairs of bytes, or others")
    option("--tokens", choices=kinds, default="pairs", help=words)
    words = "how many pairs to learn, the 256 bytes included (default: by the text)"
    option("--vocabulary", type=int, metavar="N", help=words)
    for name, (kind, words) in SIZES.items():
        default = getattr(Settings, name)
        flag = f"--{name.replace('_', '-')}"
        option(flag, type=kind, metavar="N", default=default, help=_told(words))
    words = _told("characters of the validation text that are looked at")
    option("--validate-on", type=int, metavar="N", default=100_000, help=words)


def _add_generate(command: argparse.ArgumentParser) -> None:
    option = command.add_argument
    option(
        "--from",
        dest="folder",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="what train has written",
    )
    option("--prompt", metavar="TEXT", help="how it begins (default: on a new line)")
    words = _told("how many to write at most")
    option("--tokens", dest="n", type=int, default=200, metavar="N", help=words)
    for name, default, words in (
        ("--temperature", 0.8, "0 takes the most probable token, 1 draws as it is"),
        ("--top-p", 1.0, "only the most probable tokens with this share together"),
        ("--min-p", 0.0, "only tokens with this share of the best one's probability"),
    ):
        option(name, type=float, default=default, metavar="X", help=_told(words))
    option("--top-k", type=int, metavar="N", help="only the N most probable tokens")
    option("--seed", type=int, metavar="N", help="the same seed writes the same")


def _told(words: str) -> str:
    return f"{words} (default: %(default)s)"
