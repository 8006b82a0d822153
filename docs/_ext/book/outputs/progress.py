"""Which page runs, how many remain, and where is the book?

::

    running 04a-feedforward-networks, 3 of 9 pages to run
        ran 03a-autograd in 31 s, 6 to go
    The book is at _build/html/index.html

Plain lines, as soon as they are known: they read the same in a terminal and in a log,
with one worker or with several. Pages whose outputs are kept do not run and are not
counted.
"""

import logging
import os
import sys
from collections.abc import Sequence
from functools import partial
from multiprocessing import Value
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from time import monotonic

from sphinx import builders
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.parallel import make_chunks

from book.outputs.fresh import kept_outputs
from book.outputs.kernel import environment
from book.outputs.warm import NURSERY


class Progress:
    """Counts the pages that run, over all workers."""

    def __init__(self) -> None:
        self.waiting: set[str] = set()
        self.started = Value("i", 0)  # shared with the workers, which are forked
        self.ended = Value("i", 0)
        self.since = 0.0

    def plan(self, app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
        """Count the pages that will run, and share them fairly among the workers."""
        runs = {d for d in docnames if kept_outputs(env, d) is False}
        self.waiting = runs
        # Sphinx hands out a dozen pages at a time, and one worker idles while the other
        # runs the last dozen. A page that runs is a piece of its own: those that do not
        # (one of them is the whole reference) come first, then the later, longer ones.
        docnames.sort(key=lambda docname: docname not in runs)
        docnames[: len(runs)] = sorted(runs, reverse=True)
        setattr(builders, "make_chunks", partial(pieces, alone=len(runs)))  # noqa: B010

    def warm_up(self, app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
        """Import once what many pages import, if several are going to run."""
        modules: list[str] = app.config.kernel_imports
        # Elsewhere a copy is not safe.
        if modules and sys.platform == "linux" and len(self.waiting) > 1:
            NURSERY.start(modules, environment(env, ()))

    def plan_writing(self, _: Sphinx, __: BuildEnvironment) -> None:
        """Have what is written cut into many pieces: the workers end together."""
        setattr(builders, "make_chunks", partial(make_chunks, maxbatch=1))  # noqa: B010

    def start_page(self, app: Sphinx, docname: str, content: list[str]) -> None:
        """Say that a page starts to run."""
        self.since = monotonic()
        if docname in self.waiting:
            count = _add_one(self.started)
            say(app, f"running {docname}, {count} of {len(self.waiting)} pages to run")

    def end_page(self, app: Sphinx, doctree: object) -> None:
        """Say how long it took."""
        docname = app.env.docname
        if docname in self.waiting:
            left = len(self.waiting) - _add_one(self.ended)
            seconds = monotonic() - self.since
            say(app, f"    ran {docname} in {seconds:.0f} s, {left} to go")


def pieces(names: Sequence[str], workers: int, *, alone: int) -> list[Sequence[str]]:
    """Cut a list for workers: the first ones singly, after the others as Sphinx does.

    Sphinx hands out as many pieces as there are workers, and then goes on from the end
    of the list: so the order is turned round from there.

    Examples
    --------
    >>> pieces(["a", "b", "c", "d", "e", "f"], 2, alone=3)
    [['d'], ['e'], ['c'], ['b'], ['a'], ['f']]
    """
    rest: list[Sequence[str]] = make_chunks(names[alone:], workers)
    wanted = [*rest, *([name] for name in names[:alone])]
    return [*wanted[:workers], *reversed(wanted[workers:])]


def _add_one(counter: "Synchronized[int]") -> int:
    with counter.get_lock():
        counter.value += 1
        return counter.value


def say(app: Sphinx, line: str) -> None:
    """Print a line now; Sphinx would hold a worker's messages back until its end."""
    if not app.quiet:
        print(line, flush=True)


def say_where(app: Sphinx, error: Exception | None) -> None:
    """Name the first page of the finished book."""
    index = Path(app.outdir, "index.html")
    if error is None and app.builder.format == "html" and index.exists():
        say(app, f"The book is at {os.path.relpath(index)}")


def quieten() -> None:
    """Turn off the logs of libraries that the theme's highlighting turns on."""
    for name in ("traitlets", "matplotlib.font_manager"):
        logging.getLogger(name).setLevel(logging.ERROR)
