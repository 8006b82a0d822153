"""The program does what it says, says what it does, and loses nothing."""

import os
import re
import signal
import subprocess
import sys

import pytest
import torch

from transformer_path import __main__ as program
from transformer_path.__main__ import main
from transformer_path.variants import pretraining
from transformer_path.variants.pretraining import MODEL, RUN
from transformer_path.variants.writer import Writer

TEXT = "the cat sat on the mat,\nand the dog sat on the log.\n" * 40
SMALL = [
    *("--steps=30", "--every=10", "--context=8", "--batch=4"),
    *("--d-model=8", "--n-heads=2", "--n-layers=1"),
]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.txt").write_text(TEXT)
    return tmp_path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("program")
    (folder / "cat.txt").write_text(TEXT)
    arguments = ["train", "--text", f"{folder}/cat.txt", "--out", f"{folder}/model"]
    assert main([*arguments, *SMALL]) == 0
    return folder / "model"


def weights(folder):
    return torch.load(folder / RUN)["model"]


def test_it_says_what_it_does(place, capsys):
    assert main(["train", "--text", "cat.txt", *SMALL]) == 0
    lines = capsys.readouterr().out.splitlines()
    size = len(TEXT)
    assert lines[0] == (
        f"To learn from: {size * 0.9 / 1e3:.1f} kB. To validate on: the last tenth, "
        f"{size * 0.1:.0f} bytes."
    )
    assert re.fullmatch(r"\d+ tokens \(pairs\); a GPT of [\d,]+ weights\.", lines[1])
    found = [line for line in lines if line.startswith("step")]
    assert len(found) == 4
    for step, line in zip((0, 10, 20, 30), found, strict=True):
        end = ", the best so far" if step else ""
        assert re.fullmatch(rf"step +{step}  \d\.\d{{3}} bits per byte{end}", line), (
            line
        )
    about = Writer.load(place / "cat-model" / MODEL).about
    assert lines[-2] == f"Best: {about['bits_per_byte']:.3f} bits per byte, step 30."
    assert lines[-1].endswith("python -m transformer_path generate --from cat-model")
    assert sorted(os.listdir()) == ["cat-model", "cat.txt"]
    assert sorted(os.listdir("cat-model")) == [MODEL, RUN]

    assert main(["train", "--text", "cat.txt", *SMALL]) == 0
    again = capsys.readouterr().out.splitlines()
    assert again == [*lines[:2], "Going on with the run in cat-model.", *lines[-2:]]


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_stops_and_the_same_command_goes_on(
    place, trained, capsys, monkeypatch, times
):
    line, before = program._line, signal.getsignal(signal.SIGINT)

    def interrupted(look):
        if look.step == 20:
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)
        return line(look)

    arguments = ["train", "--text", "cat.txt", *SMALL]
    with monkeypatch.context() as patch:
        patch.setattr(program, "_line", interrupted)
        assert main(arguments) == 130
    said = capsys.readouterr().err
    assert "Stopping as soon as all is saved; Ctrl-C again stops at once." in said
    assert "Saved: the same command goes on with the run in cat-model." in said
    assert "Traceback" not in said
    assert torch.load("cat-model/run.pt")["step"] == (20 if times == 1 else 10)
    assert signal.getsignal(signal.SIGINT) is before

    assert main(arguments) == 0
    expected = weights(trained)
    for name, weight in weights(place / "cat-model").items():
        assert torch.equal(weight, expected[name]), name


def test_ctrl_c_before_the_first_step(place, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "_parts", interrupted)
    assert main(["train", "--text", "cat.txt", *SMALL]) == 130
    assert capsys.readouterr().err == "Stopped.\n"


def test_it_writes_on_and_past_the_context(trained, capsys):
    command = ["generate", "--from", str(trained), "--tokens", "40", "--prompt", "the"]
    said = []
    for more in (
        ["--seed=1"],
        ["--seed=1"],
        ["--seed=2"],
        ["--temperature=0"],
        ["--top-k=1"],
    ):
        assert main([*command, *more]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] != said[2]
    assert said[3] == said[4] != said[0]
    assert said[0].startswith("the")
    writer = Writer.load(trained / MODEL)
    generator = torch.Generator().manual_seed(1)
    taste = program.Taste(temperature=0.8)
    pieces = writer.write("the", 40, taste, generator=generator)
    assert said[0] == "".join(["the", *pieces, "\n"])
    for option in ("--top-p=0.3", "--min-p=0.95"):
        assert main([*command, "--seed=1", option]) == 0
        assert capsys.readouterr().out != said[0]
    assert main(["generate", "--from", str(trained), "--tokens=0"]) == 0
    assert capsys.readouterr().out == "\n\n"


def test_ctrl_c_while_it_writes(trained, capsys, monkeypatch):
    def pieces(*_, **__):
        yield " cat"
        raise KeyboardInterrupt

    monkeypatch.setattr(Writer, "write", pieces)
    assert main(["generate", "--from", str(trained), "--prompt=the"]) == 130
    assert capsys.readouterr() == ("the cat\n", "Stopped.\n")


def test_it_shows_each_piece_at_once(trained, monkeypatch):
    seen = []

    class Screen:
        encoding = "utf-8"

        def write(self, text):
            seen.append(text)

        def flush(self):
            seen.append(None)

    monkeypatch.setattr(sys, "stdout", Screen())
    main(["generate", "--from", str(trained), "--tokens=5", "--prompt=the", "--seed=0"])
    written = [each for each in seen if each != ""]
    assert written[0] == "the"
    assert len(written) > 4
    assert {*written[1::2]} == {None}
    assert None not in written[::2]


@pytest.mark.parametrize("tokens", ["bytes", "characters"])
def test_other_tokens(place, capsys, tokens):
    assert main(["train", "--text", "cat.txt", f"--tokens={tokens}", *SMALL]) == 0
    count = 257 if tokens == "bytes" else len(set(TEXT))
    assert f"\n{count} tokens ({tokens}); " in capsys.readouterr().out
    assert main(["generate", "--from=cat-model", "--tokens=9", "--prompt=the"]) == 0
    assert capsys.readouterr().out.startswith("the")
    if tokens == "characters":
        assert main(["generate", "--from=cat-model", "--prompt=dög"]) == 2
        assert capsys.readouterr().err.startswith("error: 'ö' (at 1) is none of the")


def test_many_files_a_folder_and_the_library(place, capsys, monkeypatch):
    (place / "notes").mkdir()
    for n in range(20):
        (place / "notes" / f"{n:02}.md").write_text(TEXT[n:])
    assert main(["train", "--text", "notes", *SMALL]) == 0
    assert "To validate on: every tenth file, " in capsys.readouterr().out
    assert (place / "notes-model" / MODEL).exists()
    command = ["train", "--text", "notes/01.md", "notes/02.md", "--validate-on=50"]
    assert main([*command, *SMALL, "--out=a/b"]) == 0
    said = capsys.readouterr().out
    assert "To validate on: the last tenth of each file, 50 bytes." in said
    assert (place / "a" / "b" / MODEL).exists()
    three = program.source.Texts([TEXT], [TEXT[5:]], ["never"])
    monkeypatch.setattr(program.source, "files", lambda: three)
    assert main(["train", "--python", *SMALL]) == 0
    assert "the files that the book keeps for it, " in capsys.readouterr().out
    assert (place / "python-model" / MODEL).exists()


def write(name, content):
    def change(place, trained):
        (place / name).write_bytes(content)

    return change


def copied(name, size):
    """A model folder in which one file is cut off."""

    def change(place, trained):
        (place / "cat-model").mkdir()
        for each in (MODEL, RUN):
            content = (trained / each).read_bytes()
            (place / "cat-model" / each).write_bytes(
                content[: size if each == name else None]
            )

    return change


TRAIN = ["train", "--text", "cat.txt", *SMALL]
GENERATE = ["generate", "--from", "cat-model"]
ERRORS = {
    "empty": (write("cat.txt", b""), TRAIN, "no text to learn from: cat.txt is empty"),
    "tiny": (write("cat.txt", b"abc"), TRAIN, "a text of 3 characters cannot be split"),
    "short": (write("cat.txt", b"abcdef"), TRAIN, "longer than the context of 8"),
    "not UTF-8": (
        write("cat.txt", b"ab\xffcd"),
        TRAIN,
        "cat.txt is no text in UTF-8: byte 2",
    ),
    "missing": (
        None,
        ["train", "--text", "dog.txt"],
        "dog.txt: No such file or directory",
    ),
    "unknown character": (
        write("cat.txt", TEXT.encode() + "é".encode()),
        [*TRAIN, "--tokens=characters"],
        "'é' (at ",
    ),
    "width": (None, [*TRAIN, "--n-heads=3"], "d_model=8 is not divisible by n_heads=3"),
    "no step": (None, [*TRAIN[:3], "--steps=0"], "steps=0 must be a whole number"),
    "no time": (
        None,
        [*TRAIN[:3], "--minutes=0"],
        "seconds=0.0 must be a number above 0",
    ),
    "vocabulary": (None, [*TRAIN, "--vocabulary=9"], "vocabulary=9 must be"),
    "both": (
        None,
        [*TRAIN, "--vocabulary=300", "--tokens=bytes"],
        "--vocabulary is for",
    ),
    "out is a file": (
        None,
        [*TRAIN, "--out=cat.txt"],
        "cat.txt is no folder that can be",
    ),
    "out below a file": (
        None,
        [*TRAIN, "--out=cat.txt/x"],
        "cat.txt is no folder that",
    ),
    "device": (None, [*TRAIN, "--device=abacus"], "--device abacus: "),
    "other run": (
        copied("", 0),
        [*TRAIN, "--seed=1"],
        "cat-model holds another run: seed is 0 there and 1 here. Name another",
    ),
    "damaged": (
        copied(MODEL, 99),
        TRAIN,
        "model.pt is no model of this package, or is",
    ),
    "damaged run": (copied(RUN, 99), TRAIN, "run.pt is not a checkpoint of fit, or is"),
    "nothing": (None, GENERATE, "cat-model/model.pt: No such file or directory"),
    "foreign": (copied(MODEL, 0), GENERATE, "cat-model/model.pt is no model of this"),
    "temperature": (None, [*GENERATE, "--temperature", "-1"], "temperature=-1.0 must"),
    "top_p": (
        None,
        [*GENERATE, "--top-p=0"],
        "top_p=0.0 must be above 0 and at most 1",
    ),
    "top_p above": (None, [*GENERATE, "--top-p=1.1"], "top_p=1.1 must be"),
    "top_k": (None, [*GENERATE, "--top-k=0"], "top_k=0 must be a whole number, 1 or"),
    "min_p": (None, [*GENERATE, "--min-p=nan"], "min_p=nan must lie between 0 and 1"),
    "tokens": (
        copied("", 0),
        [*GENERATE, "--tokens=-1"],
        "n=-1 must be a whole number",
    ),
    "seed": (copied("", 0), [*GENERATE, "--seed=-1"], "seed=-1 must be a whole number"),
    "prompt": (
        copied("", 0),
        [*GENERATE, "--prompt", "a\udcff"],
        "half of a character",
    ),
}


@pytest.mark.parametrize(("change", "command", "message"), ERRORS.values(), ids=ERRORS)
def test_what_cannot_be_done_is_said_and_nothing_is_lost(
    place, trained, capsys, change, command, message
):
    if change is not None:
        change(place, trained)

    def content():
        return {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}

    before = content()
    assert main(command) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert message in said
    assert len(said.splitlines()) == 1
    assert content() == before


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ([], "required: train | generate"),
        (["train"], "one of the arguments --text --python is required"),
        (["train", "--python", "--text", "a"], "not allowed with argument"),
        (
            ["train", "--python", "--steps=1", "--minutes=1"],
            "not allowed with argument",
        ),
        (["train", "--python", "--steps=x"], "invalid int value: 'x'"),
        (["train", "--python", "--tokens=words"], "invalid choice: 'words'"),
        (["generate"], "required: --from"),
    ],
)
def test_options_are_checked(capsys, command, message):
    with pytest.raises(SystemExit) as end:
        main(command)
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_a_smaller_vocabulary_for_a_smaller_text():
    known = [len(program._tokenizer("pairs", None, [TEXT * n])) for n in (1, 60)]
    assert known[0] <= 321
    assert len(program._tokenizer("pairs", 300, [TEXT])) <= 301


def test_as_a_command_whose_reader_leaves(trained):
    """``python -m``, on a terminal that lacks signs, into a pipe that is closed."""
    keep = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME"}}
    paths = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "transformer_path", "generate", "--from", trained]
    process = subprocess.Popen(
        [*command, "--prompt", "−", "--tokens", "100000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=keep | paths,
    )
    assert process.stdout.read(1) == b"-"
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0
    process.stderr.close()
    assert pretraining.MODEL in os.listdir(trained)
