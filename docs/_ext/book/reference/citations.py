"""Citations in seconds: what shows them is looked for once, not for each of them."""

from functools import cache

import pybtex.plugin
from sphinx.application import Sphinx
from sphinx.config import Config


def remember(app: Sphinx, config: Config) -> None:
    """Have the search through all installed packages made once for each plug-in."""
    find = pybtex.plugin.find_plugin
    if not hasattr(find, "cache_info"):
        pybtex.plugin.find_plugin = cache(find)
