"""What does a kernel of the book know of the machine? Only what is listed here.

A kernel runs with this interpreter, in an environment made from nothing: a few
variables without which no program runs, folders of the build in place of the reader's,
and ``kernel_environment`` from ``conf.py``. So no optimisation, startup file, profile,
style or kernel of the reader's changes an output behind the fingerprint's back.

While a page is read, this environment is the build's own: kernels inherit it.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sphinx.environment import BuildEnvironment

from book.outputs.warm import NURSERY

CONFIGURATION = Path(__file__).with_name("ipython_kernel_config.py")
PASSED = ("PATH", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT")  # change no output
LOADER = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # may change outputs: are hashed
FIXED = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1", "TZ": "UTC"}


def myst(env: BuildEnvironment) -> Any:
    """Give the environment with what MyST-NB keeps in it, of which no type knows."""
    return env


def build_folder(env: BuildEnvironment) -> Path:
    """Give the folder in which the build keeps what it makes, ``_build``."""
    return Path(myst(env).mystnb_config.output_folder).parent


def hashed(env: BuildEnvironment) -> dict[str, str]:
    """Give the variables on which outputs may depend."""
    given: dict[str, str] = env.config.kernel_environment
    return _from_outside(LOADER) | FIXED | given


def environment(env: BuildEnvironment, may_read: Iterable[Path]) -> dict[str, str]:
    """Give the whole environment of a kernel, and make the folders it names."""
    folder = build_folder(env) / "kernel"
    jupyter = NURSERY.folder or folder
    python = {
        "argv": NURSERY.command(),
        "display_name": "Python",
        "language": "python",
    }
    _write(jupyter / "kernels" / "python3" / "kernel.json", json.dumps(python))
    profile = folder / "ipython" / "profile_default"
    _write(profile / "ipython_kernel_config.py", CONFIGURATION.read_text("utf-8"))
    return (
        _from_outside(PASSED)
        | {
            "HOME": str(folder),
            "USERPROFILE": str(folder),
            "IPYTHONDIR": str(folder / "ipython"),
            "JUPYTER_PATH": str(jupyter),
            "BOOK_MAY_READ": os.pathsep.join(map(str, may_read)),
        }
        | hashed(env)
    )


class Replaced:
    """The environment of this process, replaced for a while."""

    def __init__(self) -> None:
        self.outside: dict[str, str] | None = None

    def start(self, variables: dict[str, str]) -> None:
        """Replace it."""
        self.outside = dict(os.environ)
        _become(variables)

    def end(self) -> None:
        """Take it back."""
        if self.outside is not None:
            _become(self.outside)
        self.outside = None


def _become(variables: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)


def _from_outside(names: Iterable[str]) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}


def _write(path: Path, text: str) -> None:
    """Write a file whole, or leave it: other workers read it."""
    if path.exists() and path.read_text("utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(f".{os.getpid()}")
    new.write_text(text, "utf-8")
    new.replace(path)
