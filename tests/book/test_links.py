"""A box of a drawing leads to the very line of code that it stands for."""

import os
import re
from pathlib import Path

import pytest
import test_look
from bs4 import BeautifulSoup

from book.figures.links import bare

ROOT = Path(__file__).parents[2]
BOOK = Path(os.environ.get("BOOK_HTML", ROOT / "_build" / "html")).resolve()
PLAN = "10a-the-transformer.html"
FORWARD = "transformer_path.transformer.blocks.EncoderLayer.forward"
PAGE = """# Links

```{{source}} {shown}
```

```{{code-cell}}
from transformer_path.transformer.blocks import EncoderLayer
from transformer_path.workshop import plots
from transformer_path.workshop.where import where

flow = plots.Flow(20, 10)
line = where(EncoderLayer.{method}, "{text}")
flow.box("the box", "a", (5, 5), (8, 4), "mlp", line)
flow.box("without", "b", (15, 5), (8, 4))
stepper = plots.Stepper("a drawing")
for lit in ((), ("the box",)):
    stepper.add(flow.draw(lit), "now")
stepper
```
"""


@pytest.fixture(autouse=True)
def _package(monkeypatch):
    """Let the page's kernel import this package, and read its files."""
    path = {"PYTHONPATH": str(ROOT / "src")}
    monkeypatch.setattr(
        test_look, "CONF", f"{test_look.CONF}\nkernel_environment = {path}\n"
    )


def built(folder, shown, method, text):
    done = test_look.build(folder, PAGE.format(shown=shown, method=method, text=text))
    page = (folder / "out" / "html" / "index.html").read_text()
    return done, BeautifulSoup(page, "html.parser")


def test_a_box_leads_to_its_line(tmp_path):
    done, page = built(tmp_path, FORWARD, "forward", "self.self_attn")
    assert done.returncode == 0, done.stderr
    links = page.select(".tp-frame a")
    assert len(links) == 2  # one box in two frames
    for link in links:
        assert link["aria-label"] == "the box"
        assert not link.has_attr("target")
        line = page.find(id=link["href"].removeprefix("#"))
        assert line.find_parent("pre")
        assert line.text.strip().startswith("x = self._add(x, self.norm1, lambda x:")
    assert {svg["role"] for svg in page.select(".tp-frame svg")} == {"group"}


def test_a_line_that_lost_its_type_is_found(tmp_path):
    shown = "transformer_path.transformer.blocks.EncoderLayer._add"
    done, page = built(tmp_path, shown, "_add", "normalised: Tensor = norm(x")
    assert done.returncode == 0, done.stderr
    target = page.select_one(".tp-frame a")["href"].removeprefix("#")
    assert page.find(id=target).text.strip().startswith("normalised = norm(x +")


def test_a_line_that_no_source_shows_is_a_warning(tmp_path):
    done, _ = built(tmp_path, FORWARD, "_feedforward", "self.linear2")
    assert done.returncode != 0
    assert re.search(
        r"a figure links to line \d+ of transformer_path/transformer/blocks.py, which "
        r"the sources of this page show 0 times; show it once with {source}",
        done.stderr,
    )


@pytest.fixture(scope="module")
def plan():
    file = BOOK / PLAN
    if not file.exists():
        reason = f"there is no built book in {BOOK.name}/; run: make html"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return BeautifulSoup(file.read_text("utf-8"), "html.parser")


@pytest.mark.book
def test_every_box_of_the_transformer_leads_to_a_line_of_its_file(plan):
    package = {
        bare(line)
        for path in (ROOT / "src/transformer_path/transformer").glob("*.py")
        for line in path.read_text("utf-8").splitlines()
    }
    frames = plan.select(".tp-stepper .tp-frame")
    boxes = [[link["aria-label"] for link in f.select("a")] for f in frames]
    assert len(frames) > 10
    assert all(names == boxes[0] for names in boxes)
    lines = {}
    for link in frames[0].select("a"):
        line = plan.find(id=link["href"].removeprefix("#"))
        assert line.find_parent(class_="tp-source")
        lines[link["aria-label"]] = bare(line.text)
    assert set(lines.values()) <= package
    for box, sign in {
        "encoder: embedding": "look_up(embedding, words)",
        "encoder: self-attention": "self.self_attn(x, mask=mask)",
        "encoder: feedforward": "self.linear2(relu(self.linear1(x)))",
        "decoder: cross-attention": "self.multihead_attn(x, source, mask=source_mask)",
        "decoder: cross-attention, norm": "norm(x + ",
        "logits": "self.target.weight.mT",
        "next word": "logits.argmax(-1)",
    }.items():
        assert sign in lines[box], box


@pytest.mark.book
def test_all_boxes_are_drawn_and_all_have_worked_at_the_end(plan):
    frames = plan.select(".tp-stepper .tp-frame")
    last = frames[-1].select("text")
    for frame in frames:
        assert len(frame.select("a")) == len(frames[0].select("a"))
    assert "--tp-hairline" not in "".join(
        path["style"]
        for path in frames[-1].select("path")
        if "stroke-width: 2.6" in path["style"]
    )
    assert any("next word" in text.text for text in last)
