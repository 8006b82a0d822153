"""Where does the path break, and what can be done about it?

Not an extension: pure checks of the stops, which :mod:`concepts` turns into warnings.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from book.path.graph import Stop, before, sort_key, teachers
from transformer_path.workshop.palette import MARKERS


@dataclass(frozen=True)
class Problem:
    """A break in the order: on which page, under which key, and what to do."""

    page: str
    key: str
    kind: str
    text: str


def problems(path: Sequence[Stop], terms: set[str], root: str) -> Iterator[Problem]:
    """Find every break in the order; ``terms`` are the glossary's, in lower case."""
    taught = teachers(path)
    for stop in path:
        way = before(stop, path)
        for concept in stop.needs:
            if text := _why_not_known(concept, stop, taught, way):
                yield Problem(stop.page, "needs", "order", f"{_name(stop)} {text}")
        for concept in stop.teaches:
            if (first := taught[concept.lower()]) is not stop:
                yield Problem(
                    stop.page,
                    "teaches",
                    "twice",
                    f"{_name(stop)} teaches '{concept}', which {_name(first)} has "
                    f"taught already; keep it in the `teaches` of one of them.",
                )
            if concept.lower() not in terms:
                yield Problem(
                    stop.page,
                    "teaches",
                    "glossary",
                    f"{_name(stop)} teaches '{concept}', which is no term of the "
                    f"glossary; define it in reference/glossary.md.",
                )
        yield from _misplaced(stop, path, root)
    yield from _cycle(path, taught)


def _why_not_known(
    concept: str, stop: Stop, taught: dict[str, Stop], way: set[str]
) -> str:
    teacher = taught.get(concept.lower())
    if teacher is None:
        near = get_close_matches(concept.lower(), taught, n=1)
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        return (
            f"needs '{concept}', which no page teaches{hint}; add it to the `teaches` "
            f"of the page that explains it, or drop it from `needs`."
        )
    if teacher is stop:
        return f"needs '{concept}' and teaches it itself; drop it from `needs`."
    if sort_key(teacher.number) > sort_key(stop.number):
        return (
            f"needs '{concept}', which is taught only later, by {_name(teacher)}; "
            f"teach it earlier, move this page behind it, or do without it here."
        )
    if teacher.number not in way and teacher.number != "0":
        return (
            f"needs '{concept}' from {_name(teacher)}, which is not on the way here; "
            f"add that stop to `follows`, or do without the concept."
        )
    return ""


def _misplaced(stop: Stop, path: Sequence[Stop], root: str) -> Iterator[Problem]:
    def problem(key: str, text: str) -> Problem:
        return Problem(stop.page or root, key, "place", f"{_name(stop)} {text}")

    digits, letter = sort_key(stop.number)
    name = stop.page.rpartition("/")[2]
    if stop.page not in ("", root) and not name.startswith(f"{digits:02}{letter}-"):
        yield problem(
            "stop", f"should have a file name that begins with {digits:02}{letter}-."
        )
    if stop.architecture not in MARKERS:
        known = ", ".join(MARKERS)
        text = f"has architecture '{stop.architecture}'; choose one of {known}."
        yield problem("architecture", text)
    same = [s for s in path if s.number == stop.number]
    if len(same) > 1 and same[0] is stop:
        written = next((s.page for s in same if s.page), "")
        yield problem(
            "planned",
            f"is listed {len(same)} times; "
            + (f"{written} is written: drop it from `planned`." if written else ""),
        )
    numbers = {s.number for s in path}
    for number in stop.follows:
        if number not in numbers:
            yield problem("follows", f"follows stop {number}, which does not exist.")


def _cycle(path: Sequence[Stop], taught: dict[str, Stop]) -> Iterator[Problem]:
    """Find pages that wait for each other, so that no order would serve."""
    needs = {
        stop.page: {
            taught[concept.lower()].page: concept
            for concept in stop.needs
            if concept.lower() in taught and taught[concept.lower()] is not stop
        }
        for stop in path
    }
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        pages = error.args[1]
        text = "; ".join(
            f"{page} needs '{needs[page][teacher]}' from {teacher}"
            for teacher, page in pairwise(pages)
        )
        yield Problem(pages[0], "needs", "cycle", f"pages wait for each other: {text}.")


def _name(stop: Stop) -> str:
    return f"Stop {stop.number} ({stop.page or 'planned'})"
