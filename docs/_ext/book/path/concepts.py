"""Is every concept taught before it is used?

Each page of the path says in its front matter which concepts it needs and which it
teaches::

    stop: "4a"
    short: MLP
    part: Networks
    architecture: mlp
    needs: [loss, gradient descent]
    teaches: [hidden layer]
    follows: ["3"]          # only where the path branches; else the stop before

The landing page adds the stops that are not written yet, in ``planned``: a list of
``stop``, ``short``, ``part``, ``architecture`` and ``follows``. The build warns about
every break in the order; the path map and the chapter headers are made from the same
graph.
"""

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from book.path.graph import path_of
from book.path.problems import problems

logger = logging.getLogger(__name__)


def warn(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Warn about every break, in every build, also in one that reads no page again."""
    terms = set(env.domains.standard_domain._terms)
    for problem in problems(path_of(env), terms, app.config.root_doc):
        logger.warning(
            problem.text,
            type="concepts",
            subtype=problem.kind,
            location=(problem.page, _line(env, problem.page, problem.key)),
        )
    return []


def _line(env: BuildEnvironment, page: str, key: str) -> int:
    lines = env.doc2path(page).read_text(encoding="utf-8").splitlines()
    found = (n for n, line in enumerate(lines, 1) if line.startswith(f"{key}:"))
    return next(found, 1)
