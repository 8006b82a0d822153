"""Settings of the book's kernels, copied into the build and run as each one starts.

Figures are SVG, nothing is said at the start, and a file that the page does not declare
cannot be opened: its outputs would stay as they are when the file changes.
"""

import logging
import os
import sys
from pathlib import Path
from typing import Any

c = get_config()  # noqa: F821
c.InlineBackend.figure_formats = {"svg"}
c.InlineBackend.rc = {}
c.InlineBackend.print_figure_kwargs = {"bbox_inches": None}
c.IPKernelApp.log_level = "ERROR"
logging.getLogger("matplotlib.font_manager").setLevel("ERROR")  # is making its cache


def _real(path: str | bytes) -> str:
    return os.path.realpath(os.fsdecode(path))


class OnlyWhatIsDeclared:
    """Refuses to open a file of the machine of which the fingerprint knows nothing.

    Free are Python's and the system's own files, the folder in which the page runs,
    and what it has written itself. ``BOOK_MAY_READ`` lists what is in the fingerprint.
    """

    SYSTEM = ("/bin", "/dev", "/etc", "/lib", "/nix", "/proc", "/sys", "/usr/lib")
    SYSTEM += ("/usr/local/lib", "/usr/local/share", "/usr/share", "/var/cache")
    SYSTEM += ("/Library", "/System", os.environ.get("SYSTEMROOT", "/bin"))

    def __init__(self) -> None:
        declared = os.environ.get("BOOK_MAY_READ", "").split(os.pathsep)
        self.files = {_real(path) for path in (*declared, *sys.argv) if path}
        prefixes = {sys.prefix, sys.base_prefix, os.getcwd(), os.environ["HOME"]}
        packages = [path for path in sys.path if "site-packages" in path]
        folders = [*self.SYSTEM, *prefixes, *packages]
        self.folders = [_real(folder) + os.sep for folder in folders]

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Look at one event of the interpreter."""
        if event == "tempfile.mkdtemp":
            self.folders.append(_real(arguments[0]) + os.sep)
        elif event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            path, _, flags = arguments
            path = _real(path)
            if flags & (os.O_TRUNC | os.O_EXCL):
                self.files.add(path)  # made by the page itself
            elif not self.is_free(path) and os.path.isfile(path):
                raise PermissionError(
                    f"{path} is not declared, so a change of it would go unseen; add "
                    "it to `reads` in the page's front matter, relative to the page."
                )

    def is_free(self, path: str) -> bool:
        """Say whether a file may be opened."""
        source = Path(path)
        if source.parent.name == "__pycache__":  # a module's, compiled
            path = str(source.parents[1] / f"{source.name.partition('.')[0]}.py")
        return path in self.files or path.startswith(tuple(self.folders))


sys.addaudithook(OnlyWhatIsDeclared())
