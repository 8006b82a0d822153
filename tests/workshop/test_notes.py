import sys
from types import SimpleNamespace

import pytest

from transformer_path.workshop.notes import note


def test_a_script_prints_a_line_for_each_number(capsys):
    note(digits_accuracy="97.2 %", digits_error="2.8 %")
    assert capsys.readouterr().out == (
        "digits_accuracy = 97.2 %\ndigits_error = 2.8 %\n"
    )


def shell(monkeypatch, running):
    """Let IPython say that this shell runs the code."""
    module = SimpleNamespace(get_ipython=lambda: running)
    monkeypatch.setitem(sys.modules, "IPython", module)


@pytest.mark.parametrize("running", [None, SimpleNamespace()], ids=["none", "terminal"])
def test_a_shell_without_a_kernel_prints(monkeypatch, capsys, running):
    monkeypatch.setitem(sys.modules, "ipykernel", sys)  # as any other test may import
    shell(monkeypatch, running)
    note(digits_accuracy="97.2 %")
    assert capsys.readouterr().out == "digits_accuracy = 97.2 %\n"


def test_a_kernel_publishes_what_glue_would(monkeypatch):
    shown = []
    display = SimpleNamespace(display=lambda *a, **k: shown.append((a, k)))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    shell(monkeypatch, SimpleNamespace(kernel=object()))
    note(digits_accuracy="97.2 %")
    [((data,), options)] = shown
    assert data == {
        "application/papermill.record/text/plain": "'97.2 %'",
        "text/plain": "digits_accuracy = 97.2 %",  # what a notebook shows
    }
    assert options == {
        "raw": True,
        "metadata": {
            "scrapbook": {
                "name": "digits_accuracy",
                "mime_prefix": "application/papermill.record/",
            }
        },
    }


def test_a_bare_number_is_refused():
    with pytest.raises(ValueError, match="format it") as error:
        note(accuracy=0.97)
    assert str(error.value) == (
        "note(accuracy=0.97) is a float; format it as the reader is to see it, for "
        'example accuracy=f"{accuracy:.1f}%".'
    )
