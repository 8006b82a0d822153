"""How does a chapter run as a script, and give the numbers of its page?

One line at a script's top, :func:`start`: one thread, since sums of floats differ in
their last digits from one number of threads to another; no window; and figures in a
folder for whoever asks for them (``--figures FOLDER``).
"""

import argparse
import atexit
import io
import os
import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import torch
from threadpoolctl import threadpool_limits

from transformer_path.workshop.plots import Stepper

_steppers: list[Stepper] = []


def start(arguments: list[str] | None = None) -> None:
    """Set this process up as the book's own: the same numbers on any machine's cores.

    Parameters
    ----------
    arguments : list of str, optional
        What stands behind the script's name; by default, that of this process.
    """
    parser = argparse.ArgumentParser(
        description="Compute and print the numbers of a chapter of transformer-path."
    )
    parser.add_argument(
        "--figures", metavar="FOLDER", type=Path, help="save the figures in a folder"
    )
    folder = parser.parse_args(arguments).figures
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"  # for libraries that are loaded later
    threadpool_limits(1)
    torch.set_num_threads(1)
    if not sys.stderr.isatty():
        os.environ["TQDM_DISABLE"] = "1"  # a bar is for people
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="namereplace")  # terminals without a sign for ×
    matplotlib.use("Agg")
    matplotlib.rcParams["figure.max_open_warning"] = 0
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        atexit.register(save_figures, folder)


def keep(stepper: Stepper) -> None:
    """Keep a stepper: what ends a cell of the page is saved with the figures.

    Parameters
    ----------
    stepper : Stepper
        Its frames become one file, ``stepper-01.html``, or
        ``explorable-01.html`` for an explorable.
    """
    _steppers.append(stepper)


def save_figures(folder: Path) -> None:
    """Save every open figure and every stepper that was kept, in their order.

    Parameters
    ----------
    folder : Path
        Where ``figure-01.svg``, ... and ``stepper-01.html``, ... are written.
    """
    for number, figure in enumerate(plt.get_fignums(), 1):
        plt.figure(figure).savefig(folder / f"figure-{number:02}.svg")
    for number, stepper in enumerate(_steppers, 1):
        page = f"<!doctype html><meta charset=utf-8>{stepper._repr_html_()}"
        path = folder / f"{type(stepper).__name__.lower()}-{number:02}.html"
        path.write_text(page, encoding="utf-8")
