"""How does a build talk to its kernels? Through files: a port may be taken by others.

Jupyter looks for five free ports and lets them go, for the kernel to take them a little
later. A program that connects to anything meanwhile may get one of the five: then the
kernel ends, or is never heard. A file in a folder of its own is nobody else's.
"""

import os
from tempfile import TemporaryDirectory
from typing import Any

import jupyter_client
from jupyter_client.manager import AsyncKernelManager
from sphinx.application import Sphinx
from sphinx.config import Config


class ThroughFiles(AsyncKernelManager):
    """Starts a kernel and talks to it through files."""

    def __init__(self, **options: Any) -> None:
        self.folder = TemporaryDirectory(prefix="kernel-")
        options["connection_file"] = os.path.join(self.folder.name, "kernel.json")
        super().__init__(transport="ipc", **options)

    async def cleanup_resources(  # type: ignore[override]
        self, restart: bool = False
    ) -> None:
        """Take the folder away, too, when the kernel has ended."""
        await super().cleanup_resources(restart)
        if not restart:
            self.folder.cleanup()


def use_files(app: Sphinx, config: Config) -> None:
    """Have pages run through files, where there are such."""
    if os.name == "posix":
        setattr(jupyter_client, "AsyncKernelManager", ThroughFiles)  # noqa: B010
