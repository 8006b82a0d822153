"""A file holds all that writes; what is streamed is what ``generate`` gives."""

import os
import re

import pytest
import torch
from broken import broken_copy

from transformer_path.transformer.tokenizer import (
    BytePairTokenizer,
    CharacterTokenizer,
)
from transformer_path.variants import writer
from transformer_path.variants.generation import Taste, generate
from transformer_path.variants.gpt import GPT, Sizes
from transformer_path.variants.writer import END, Writer, end_of, stream
from transformer_path.workshop.training import seeded

PAIRS = BytePairTokenizer([(b"\xc3", b"\xb6"), (b"h", b"\xc3\xb6")], [END])
LETTERS = CharacterTokenizer("häöx")


def built(tokenizer=PAIRS, context=5):
    sizes = Sizes(
        vocabulary=end_of(tokenizer) + 1,
        context=context,
        d_model=6,
        n_heads=2,
        n_layers=2,
        dropout=0.3,
    )
    with seeded(0):
        model = GPT(sizes)
        for weight in model.parameters():
            torch.nn.init.normal_(weight, std=0.5)
    return Writer(model, tokenizer, {"step": 3, "bits_per_byte": 1.5})


def text_of(written, prompt="h", n=30, **taste):
    generator = torch.Generator().manual_seed(0)
    return "".join(written.write(prompt, n, Taste(**taste), generator=generator))


def check_stream(module):
    for temperature in (0.0, 1.0):
        for prompt in ([1], [1, 2, 3], [5, 4, 3, 2, 1, 0, 1]):
            model, taste = built(LETTERS).model, Taste(temperature=temperature)
            ours, theirs = (torch.Generator().manual_seed(5) for _ in range(2))
            found = [*module.stream(model, prompt, 12, taste, ours)]
            expected = generate(model, [prompt], 12, taste, generator=theirs)
            assert [found] == expected


def test_a_stream_is_what_generate_gives_also_past_the_context():
    check_stream(writer)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("> context", ">= 99"),
        ("tokens[-unread:]", "tokens[-1:]"),
        ("- cache.length", "- 0"),
        ("generator=generator", "generator=None"),
        ("logits, taste)", "logits, Taste(temperature=0.5))"),
    ],
)
def test_a_broken_copy_is_caught(right, wrong):
    with seeded(1), pytest.raises((AssertionError, ValueError)):
        check_stream(broken_copy(writer, right, wrong))


def test_tokens_are_drawn_one_at_a_time():
    calls, model = 0, built().model

    def count(*_):
        nonlocal calls
        calls += 1

    model.register_forward_hook(count)
    pieces = stream(model, [1], 9, Taste())
    for n in range(1, 10):
        next(pieces)
        assert calls == n


def draw(monkeypatch, tokens):
    """Let it draw what it is told, whatever the model says."""
    monkeypatch.setattr(writer, "stream", lambda *_: iter(tokens))


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (PAIRS.encode("höä€🙂"), "höä€🙂"),
        ([*PAIRS.encode("€")[:2], *PAIRS.encode("h")], "\ufffdh"),
        (PAIRS.encode("🙂")[:3], "\ufffd"),
        ([*PAIRS.encode("ä")[:1], PAIRS.special[END], 3], "\ufffd"),
        ([], ""),
    ],
)
def test_a_character_waits_for_its_last_byte(monkeypatch, tokens, expected):
    draw(monkeypatch, tokens)
    pieces = [*built().write("h", 9)]
    assert "".join(pieces) == expected
    assert all(pieces)
    valid = b"".join(PAIRS.tokens[n] for n in tokens if n < len(PAIRS.tokens))
    assert expected == valid.decode(errors="replace") or PAIRS.special[END] in tokens


def test_characters_end_too(monkeypatch):
    draw(monkeypatch, [1, 2, 4, 0])
    assert "".join(built(LETTERS).write("h", 9)) == LETTERS.decode([1, 2])


def test_without_a_prompt_a_new_text_begins(monkeypatch):
    seen = []
    monkeypatch.setattr(
        writer, "stream", lambda m, tokens, *_: seen.append(tokens) or []
    )
    for each in (built(), built(LETTERS)):
        [*each.write("", 1)]
        assert seen.pop() == [end_of(each.tokenizer)]
    assert built().opening() == "\n"
    assert built(LETTERS).opening() == ""


@pytest.mark.parametrize(
    "tokenizer", [PAIRS, LETTERS, BytePairTokenizer(special=[END])]
)
def test_what_is_saved_is_what_is_loaded(tmp_path, tokenizer):
    before, path = built(tokenizer), tmp_path / "model.pt"
    before.save(path)
    after = Writer.load(path)
    assert os.listdir(tmp_path) == ["model.pt"]
    assert after.about == before.about
    assert after.model.sizes == before.model.sizes
    assert after.tokenizer.encode("hhöä") == tokenizer.encode("hhöä")
    weights = after.model.state_dict()
    for name, weight in before.model.state_dict().items():
        assert torch.equal(weights[name], weight), name
    os.truncate(path, 0)  # nothing hangs on the file
    assert text_of(after) == text_of(before) != text_of(before, temperature=0.0)


class Trap:
    def __reduce__(self):
        return os.mkdir, ("trapped",)


def changed(**parts):
    def change(path):
        kept = torch.load(path) | parts
        torch.save(kept, path)

    return change


DAMAGE = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("hello"),
    "other": lambda path: torch.save({"weight": torch.zeros(2)}, path),
    "list": lambda path: torch.save([1], path),
    "code": changed(about=Trap()),
    "format": changed(format="transformer-path model 2"),
    "sizes": changed(sizes={"vocabulary": 7}),
    "huge": changed(sizes={"vocabulary": 10**12, "context": 5}),
    "weights": changed(weights={}),
    "about": changed(about=5),
    "tokenizer": changed(tokenizer={"merges": [["zz", "00"]]}),
    "vocabulary": changed(tokenizer={"merges": []}),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_what_is_no_model_is_named_and_left(tmp_path, monkeypatch, damage):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.pt"
    built().save(path)
    damage(path)
    before = path.read_bytes()
    message = re.escape(f"{path} is no model of this package, or is damaged (")
    with pytest.raises(ValueError, match=f"^{message}") as error:
        Writer.load(path)
    assert "\n" not in str(error.value)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model.pt"]


def test_half_a_file_is_no_model(tmp_path):
    path = tmp_path / "model.pt"
    built().save(path)
    whole = path.read_bytes()
    for share in range(10):
        path.write_bytes(whole[: len(whole) * share // 10])
        with pytest.raises(ValueError, match="is no model of this package"):
            Writer.load(path)


def test_a_tokenizer_and_a_model_must_fit():
    with pytest.raises(
        ValueError, match="has a vocabulary of 259; the tokenizer's, with"
    ):
        Writer(built().model, LETTERS)
    with pytest.raises(
        ValueError, match=r"special tokens are \['a'\]; the last must be"
    ):
        end_of(BytePairTokenizer(special=["a"]))
    with pytest.raises(ValueError, match=r"'q' \(at 1\) is none of the 4 characters"):
        built(LETTERS).write("hq", 1)
    with pytest.raises(ValueError, match="n=-1 must be a whole number"):
        built().write("h", -1)
