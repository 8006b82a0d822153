"""The workings of the book: everything it adds to Sphinx, in one list.

The rooms, by purpose:

- ``outputs``: pages run when something changed, and never show what may not be shown;
- ``forms``: a page as a script and as a notebook;
- ``path``: the concept graph, its map, and the head and foot of a chapter;
- ``maths``: formulas as MathML, without a script;
- ``figures``: drawings that follow the reader's theme;
- ``blocks``: the directives of a chapter's prose;
- ``board``: the leaderboard;
- ``reference``: links to other projects, the API page, complete markup.
"""

import hashlib
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from book.blocks import beside, boxes, cells, sidenote, source
from book.board import leaderboard
from book.figures import explorable, links, stepper, themed
from book.forms import install, three
from book.maths import font, mathml
from book.outputs import checks, complete, connection, fresh, progress, warm
from book.path import chapters, concepts, finished, glossary, header, maps, reading_time
from book.reference import accessible, api_fields, citations, inventories


def setup(app: Sphinx) -> ExtensionMetadata:
    """Add everything to Sphinx."""
    for needed in ("myst_nb", "sphinx.ext.autodoc", "sphinx.ext.intersphinx"):
        app.setup_extension(needed)
    _outputs(app)
    _path(app)
    _blocks(app)
    _maths(app)
    app.connect("autodoc-skip-member", api_fields.skip)
    app.add_config_value("local_inventories", "docs/_inventories", "env", [str])
    app.connect("config-inited", inventories.map_inventories)
    app.connect("config-inited", citations.remember)
    app.connect("html-page-context", accessible.repair, priority=900)  # after furo
    app.connect("build-finished", three.copy)
    return {
        "version": "1",
        "env_version": _version(),
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }


def _version() -> int:
    """Read every page again when one of these files has changed."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files))
    return int(digest.hexdigest()[:12], 16)


def _outputs(app: Sphinx) -> None:
    app.add_config_value("kernel_environment", {}, "", [dict])
    app.add_config_value("kernel_imports", [], "", [list])
    app.add_config_value("fresh_source_root", "src", "", [str])
    progress.quieten()
    whole, reading, said = complete.Completeness(), fresh.Reading(), progress.Progress()
    app.connect("config-inited", fresh.find_source)
    app.connect("config-inited", checks.quieten)
    app.connect("config-inited", connection.use_files)
    app.connect("builder-inited", whole.start, priority=900)
    app.connect("env-get-outdated", fresh.outdated)
    app.connect("env-get-outdated", whole.to_read)
    app.connect("env-purge-doc", fresh.forget)
    app.connect("env-before-read-docs", whole.read)
    app.connect("env-before-read-docs", said.plan)
    app.connect("env-before-read-docs", said.warm_up)
    app.connect("source-read", reading.start)
    app.connect("source-read", said.start_page)
    app.add_transform(checks.CheckOutputs)
    app.connect("doctree-read", checks.check_run)
    app.connect("doctree-read", reading.end)
    app.connect("doctree-read", said.end_page)
    app.connect("env-updated", said.plan_writing)
    app.connect("env-updated", warm.NURSERY.end)
    app.connect("env-updated", whole.to_write)
    app.connect("build-finished", checks.sum_up)
    app.connect("build-finished", warm.NURSERY.end)
    app.connect("build-finished", fresh.tidy)
    app.connect("build-finished", whole.finish)
    app.connect("build-finished", progress.say_where, priority=900)


def _path(app: Sphinx) -> None:
    nothing = header.write_nothing
    app.add_config_value("repository_url", "", "html", str)
    app.add_node(header.header_part, html=(nothing, nothing))
    app.add_node(maps.path_map)
    app.add_node(chapters.chapter_list)
    app.add_directive("path-map", maps.PathMap)
    app.add_directive("chapter-list", chapters.ChapterList)
    app.add_transform(header.KeepOutcome)
    app.add_transform(reading_time.CountMinutes)
    app.connect("env-updated", concepts.warn)
    app.connect("doctree-resolved", maps.draw_maps)
    app.connect("doctree-resolved", chapters.write_lists)
    app.connect("doctree-resolved", glossary.link_terms)
    app.connect("doctree-resolved", header.add_header, priority=600)  # above the map
    app.connect("doctree-resolved", finished.add_button, priority=700)
    app.add_css_file("path.css")
    app.add_js_file("path.js", loading_method="defer")


def _blocks(app: Sphinx) -> None:
    others = ("latex", "text", "man")
    fold = boxes.visit_folded, boxes.depart_folded
    plain: Any = dict.fromkeys(others, (boxes.visit_open, boxes.visit_open))
    app.add_node(boxes.folded, html=fold, **plain)
    title = boxes.visit_summary, boxes.depart_summary
    left_out: Any = dict.fromkeys(others, (boxes.skip, None))
    app.add_node(boxes.summary, html=title, **left_out)
    app.add_directive("beside", beside.Beside)
    app.add_directive("failure", boxes.Box)
    app.add_directive("exercise", boxes.Exercise)
    # Docutils' own admonition of that name is not used in the book.
    app.add_directive("hint", boxes.Fold, override=True)
    app.add_directive("solution", boxes.Fold)
    app.add_directive("dropdown", boxes.Dropdown)
    app.add_directive("sidenote", sidenote.Sidenote)
    app.add_directive("source", source.Source)
    app.add_directive("install", install.Install)
    app.connect("missing-reference", source.stay_quiet, priority=900)
    app.add_transform(cells.ShowIdeas)
    app.add_post_transform(themed.ThemeSvg)
    app.add_post_transform(stepper.ThemeStepper)
    app.add_post_transform(links.LinkLines)
    app.add_js_file("stepper.js", loading_method="defer")
    app.add_css_file("explorable.css")
    app.connect("html-page-context", explorable.add_scripts)
    app.add_node(leaderboard.board)
    app.add_directive("leaderboard", leaderboard.Leaderboard)
    app.connect("doctree-resolved", leaderboard.place)
    app.add_css_file("leaderboard.css")


def _maths(app: Sphinx) -> None:
    inline, display = mathml.visit_inline, mathml.visit_display
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    app.add_transform(mathml.RenderFormulas)
    app.add_css_file("mathml.css")
    app.connect("build-finished", font.write)
