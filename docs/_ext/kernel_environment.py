"""Kernels of the book run in the book's environment, not in the reader's.

``kernel_environment`` in ``conf.py`` names the variables; they are part of the
fingerprint of every page (``fresh_outputs``).
"""

import os

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.typing import ExtensionMetadata


def apply(app: Sphinx, config: Config) -> None:
    """Set the variables; kernels inherit them."""
    os.environ.update(config.kernel_environment)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Add the extension to Sphinx."""
    app.add_config_value("kernel_environment", {}, "", [dict])
    app.connect("config-inited", apply)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
