"""The address of a line leads to that line."""

import re

import pytest

from transformer_path.networks.normalization import LayerNorm
from transformer_path.transformer.blocks import EncoderLayer
from transformer_path.transformer.encoder_decoder import greedy
from transformer_path.workshop.where import FILES, ROOT, where


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (EncoderLayer._add, "norm(x + "),
        (EncoderLayer.forward, "self.self_attn"),
        (LayerNorm, "class LayerNorm"),
        (greedy, "word = "),  # behind a decorator
    ],
)
def test_the_line_holds_the_text(found, text):
    address = where(found, text)
    assert address.startswith(FILES)
    path, number = address.removeprefix(FILES).split("#L")
    assert text in (ROOT / path).read_text("utf-8").splitlines()[int(number) - 1]


def test_the_text_stands_in_one_line():
    message = (
        "'self' stands in 3 lines of EncoderLayer.forward; give a piece of text that "
        "stands in one."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        where(EncoderLayer.forward, "self")
    with pytest.raises(ValueError, match=r"^'nowhere' stands in 0 lines of"):
        where(EncoderLayer.forward, "nowhere")
