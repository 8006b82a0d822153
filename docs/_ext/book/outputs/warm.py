"""Kernels that have imported the large libraries before they start.

Each page runs in a process of its own, and nearly all pages import the same libraries,
which takes seconds of each. Where the system can fork, one process imports them once,
the *nursery*, and every kernel begins as a copy of it (``forked``). So a page sees
nothing of another page, as with kernels that begin with nothing.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from ipykernel.kernelspec import make_ipkernel_cmd
from sphinx.application import Sphinx

FORKED = str(Path(__file__).with_name("forked.py"))


class Nursery:
    """The process that kernels are copies of; none, unless it is started."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.folder: Path | None = None  # of this build alone

    def start(self, modules: list[str], environment: dict[str, str]) -> None:
        """Begin to import; kernels that are asked for meanwhile will wait."""
        self.folder = Path(tempfile.mkdtemp(prefix="book-"))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.folder / "socket"))
            listener.listen()
            number = listener.fileno()
            self.process = subprocess.Popen(
                [sys.executable, "-P", FORKED, str(number), *modules],
                env=environment,
                stdin=subprocess.PIPE,  # closed as soon as the build is no more
                pass_fds=[number],
                start_new_session=True,  # Ctrl-C is for the build, not for its kernels
            )

    def command(self) -> list[str]:
        """Give the command that starts a kernel."""
        if self.folder is None:
            return list(make_ipkernel_cmd())
        path = str(self.folder / "socket")
        # To ask for a kernel, Python needs no more than its own library.
        return [sys.executable, "-I", "-S", FORKED, path, "-f", "{connection_file}"]

    def end(self, app: Sphinx, *_: object) -> None:
        """Let it go, after the last page."""
        if self.process is not None and self.folder is not None:
            assert self.process.stdin is not None
            self.process.stdin.close()
            self.process.wait()
            shutil.rmtree(self.folder)
        self.process = self.folder = None


NURSERY = Nursery()  # one for the build, inherited by its workers
