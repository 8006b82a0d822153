import sys

import pytest

from transformer_path.workshop.notes import note


def test_a_script_prints_a_line_for_each_number(capsys):
    note(digits_accuracy="97.2 %", digits_error="2.8 %")
    assert capsys.readouterr().out == (
        "digits_accuracy = 97.2 %\ndigits_error = 2.8 %\n"
    )


def test_a_kernel_publishes_what_glue_would(monkeypatch):
    shown = []
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    monkeypatch.setattr("IPython.display.display", lambda *a, **k: shown.append((a, k)))
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
