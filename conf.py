"""The book's configuration: settings here, behaviour in ``docs/_ext``."""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "docs" / "_ext")]

from transformer_path.workshop.palette import DARK, LIGHT  # noqa: E402

META = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# What the kernels that run the pages are told besides what every program needs: this
# tree's package, no accelerator, one thread, nothing that differs from run to run.
kernel_environment = {
    "PYTHONPATH": str(ROOT / "src"),
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "PYTHONHASHSEED": "0",
    "CUDA_VISIBLE_DEVICES": "",
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "passive",  # a page that asks for more shares its cores
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # Large pages, and memory is kept: 3% less time (Linux; elsewhere without effect).
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296"
    ":glibc.malloc.trim_threshold=4294967296",
    "TQDM_DISABLE": "1",
}
# What nearly every page imports, or what it uses does: imported once for all of them.
kernel_imports = [
    "ipykernel.kernelapp",
    "matplotlib.pyplot",
    "torch._dynamo",  # by the first step of any of torch's optimisers
]

project = "transformer-path"
author = META["authors"][0]["name"]
copyright = author  # noqa: A001
release = version = META["version"]
repository_url = META["urls"]["Source"]

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.extlinks",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinxcontrib.bibtex",
    "sphinxext.opengraph",
    "book",
]
exclude_patterns = ["_*", "**/.*"]
templates_path = ["docs/_templates"]
nitpicky = True
# A page links what lies there with {repository}`words <path>`.
extlinks = {"repository": (f"{repository_url}/%s", None)}
bibtex_bibfiles = ["docs/references.bib"]
bibtex_reference_style = "author_year"

myst_enable_extensions = [
    "amsmath",
    "attrs_block",
    "attrs_inline",
    "colon_fence",
    "deflist",
    "dollarmath",
    "smartquotes",
]
# The API's types are written for people ("Tensor, shape (N, C)"): no links from them.
napoleon_custom_sections = [("Shapes", "params_style")]
napoleon_use_param = False
napoleon_use_rtype = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
add_module_names = False
nb_execution_mode = "cache"
nb_execution_timeout = 600
nb_execution_in_temp = True
nb_merge_streams = True

html_theme = "furo"
html_math_renderer = "mathml"
html_title = project
html_baseurl = META["urls"]["Book"]
html_static_path = ["docs/_static"]
html_favicon = "docs/_static/favicon.svg"
html_show_sourcelink = False
html_css_files = ["book.css", "stepper.css", "marks.css"]
html_js_files = [("book.js", {"defer": "defer"})]
pygments_style = "a11y-light"
pygments_dark_style = "a11y-dark"
copybutton_selector = "div:not(.output) > div.highlight pre"
copybutton_exclude = ".linenos, .gp, .go"


def theme(tokens: dict[str, str]) -> dict[str, str]:
    """Name the book's tokens for the style sheets, and give the theme its colours."""
    return {f"tp-{name}": colour for name, colour in tokens.items()} | {
        "font-stack": "Inter, system-ui, sans-serif",
        "font-stack--monospace": "'JetBrains Mono', ui-monospace, monospace",
        "color-foreground-primary": "var(--tp-ink)",
        "color-foreground-secondary": "var(--tp-ink-2)",
        "color-foreground-muted": "var(--tp-ink-2)",
        "color-background-border": "var(--tp-hairline)",
        "color-brand-primary": "var(--tp-brand)",
        "color-brand-content": "var(--tp-brand)",
        "color-brand-visited": "var(--tp-brand)",
    }


html_theme_options = {
    "light_css_variables": theme(LIGHT),
    "dark_css_variables": theme(DARK),
    "top_of_page_buttons": [],
}
