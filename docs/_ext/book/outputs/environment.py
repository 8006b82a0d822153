"""Kernels of the book run in the book's environment, not in the reader's.

``kernel_environment`` in ``conf.py`` names the variables; they are part of the
fingerprint of every page (``fresh``).
"""

import os

from sphinx.application import Sphinx
from sphinx.config import Config


def apply(app: Sphinx, config: Config) -> None:
    """Set the variables; kernels inherit them."""
    os.environ.update(config.kernel_environment)
