"""A file holds all that writes; what is streamed is what ``generate`` gives."""

import os
import re

import pytest
import torch

from transformer_path.transformer.tokenizer import (
    BytePairTokenizer,
    CharacterTokenizer,
)
from transformer_path.variants import writer
from transformer_path.variants.generation import Taste, generate
from transformer_path.variants.gpt import GPT, Sizes
from transformer_path.variants.writer import END, Writer, end_of
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


def test_what_is_written_is_what_generate_gives_also_past_the_context():
    written = built(LETTERS)
    for prompt in ("h", "äöx", "xöähäöx"):
        for seed, taste in enumerate((Taste(temperature=0), Taste(), Taste())):
            ours, theirs = (torch.Generator().manual_seed(seed) for _ in range(2))
            found = "".join(written.write(prompt, 12, taste, generator=ours))
            tokens = [LETTERS.encode(prompt)]
            (new,) = generate(written.model, tokens, 12, taste, generator=theirs)
            ending = new.index(4) if 4 in new else 12
            assert found == LETTERS.decode(new[:ending])


def test_pieces_come_one_at_a_time():
    calls, written = 0, built(LETTERS)

    def count(*_):
        nonlocal calls
        calls += 1

    written.model.register_forward_hook(count)
    pieces = written.write("h", 9)
    for n, _ in enumerate(pieces, start=1):
        assert calls == n


def draw(monkeypatch, tokens):
    """Let it draw what it is told, whatever the model says."""
    monkeypatch.setattr(writer, "stream", lambda *_, **_kind: iter(tokens))


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
        writer, "stream", lambda m, prompts, *_, **_kind: seen.extend(prompts) or []
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
