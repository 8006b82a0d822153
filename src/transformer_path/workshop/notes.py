"""How does a number get from the code into the sentence beside it?

A chapter computes a number, formats it and notes it under a name; the prose of the
book pastes it by that name (``{glue:text}`digits_accuracy```). Run as a script, the
same line prints the number.
"""

import sys
from collections.abc import Iterable
from statistics import mean, stdev

from transformer_path.workshop.terminal import say


def note(**numbers: str) -> None:
    """Note formatted numbers under their names.

    In the book the numbers become available to the prose; elsewhere they are printed,
    one a line. Names that begin with ``time_`` are wall-clock measurements: they may
    differ from run to run, all others may not.

    Parameters
    ----------
    **numbers : str
        The number as the reader is to see it, unit included.

    Raises
    ------
    ValueError
        If a number is not formatted yet.

    Examples
    --------
    >>> note(digits_accuracy=f"{0.9722:.1%}")
    digits_accuracy = 97.2%
    """
    for name, text in numbers.items():
        if not isinstance(text, str):
            raise ValueError(
                f"note({name}={text!r}) is a {type(text).__name__}; format it as the "
                f'reader is to see it, for example {name}=f"{{{name}:.1f}}%".'
            )
    if _in_a_kernel():
        from IPython.display import display

        for name, text in numbers.items():
            # The output that myst_nb's glue would publish: a page needs no myst_nb.
            # In quotes, or the prose would show "1,097" as the pair (1, 97). The second
            # entry is for readers of the notebook; the book does not show it.
            display(
                {
                    "application/papermill.record/text/plain": repr(text),
                    "text/plain": f"{name} = {text}",
                },
                metadata={
                    "scrapbook": {
                        "name": name,
                        "mime_prefix": "application/papermill.record/",
                    }
                },
                raw=True,
            )
    else:
        for name, text in numbers.items():
            say(f"{name} = {text}")


def plus_minus(values: Iterable[float], digits: int = 2) -> str:
    """Write numbers, one for each seed, as mean ± standard deviation (ddof 1).

    Examples
    --------
    >>> plus_minus([2.0, 2.1, 2.2])
    '2.10 ± 0.10'
    >>> plus_minus([-3.0], digits=0)  # of one seed there is no spread
    '−3'
    """
    found = [float(value) for value in values]
    told = f"{mean(found):.{digits}f}"
    if len(found) > 1:
        told += f" ± {stdev(found):.{digits}f}"
    return told.replace("-", "−")


def _in_a_kernel() -> bool:
    """Whether a Jupyter kernel runs this cell; that it is installed says nothing."""
    ipython = sys.modules.get("IPython")  # not imported where nothing needs it
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None
