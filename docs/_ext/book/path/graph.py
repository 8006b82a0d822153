"""The path as a graph: which stop teaches what, and which stop follows which.

Not an extension: the map, the headers and the checks all read the path from here.
The pages' front matter is the only source (see :mod:`concepts`).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sphinx.environment import BuildEnvironment


@dataclass(frozen=True)
class Stop:
    """One stop of the path; ``page`` is empty while it is only planned."""

    number: str
    short: str
    part: str
    architecture: str
    page: str = ""
    title: str = ""
    outcome: str = ""
    needs: tuple[str, ...] = ()
    teaches: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()


def path_of(env: BuildEnvironment) -> list[Stop]:
    """Return all stops in the order of their numbers, each with what it follows."""
    stops = [
        _stop(data, page, env.titles[page].astext())
        for page, data in env.metadata.items()
        if "stop" in data and page in env.titles
    ]
    for data in _decoded(env.metadata.get(env.config.root_doc, {}).get("planned", [])):
        stops.append(_stop(data, "", str(data.get("short", ""))))
    return in_order(stops)


def in_order(stops: Sequence[Stop]) -> list[Stop]:
    """Sort the stops; one that names no predecessor follows the stop before it."""
    path: list[Stop] = []
    for stop in sorted(stops, key=lambda stop: sort_key(stop.number)):
        follows = stop.follows or tuple(s.number for s in path[-1:])
        path.append(replace(stop, follows=follows))
    return path


def sort_key(number: str) -> tuple[int, str]:
    """Order stop numbers as a reader does: 3, 4a, 4b, 10."""
    letter = number.lstrip("0123456789")
    return int(number.removesuffix(letter) or -1), letter


def before(stop: Stop, path: Sequence[Stop]) -> set[str]:
    """Return the numbers of all stops on the way to this one."""
    by_number = {s.number: s for s in path}
    seen: set[str] = set()
    ahead = list(stop.follows)
    while ahead:
        number = ahead.pop()
        if number in by_number and number not in seen:
            seen.add(number)
            ahead.extend(by_number[number].follows)
    return seen


def teachers(path: Sequence[Stop]) -> dict[str, Stop]:
    """Map each concept, in lower case, to the first stop that teaches it."""
    taught: dict[str, Stop] = {}
    for stop in path:
        for concept in stop.teaches:
            taught.setdefault(concept.lower(), stop)
    return taught


def _stop(data: dict[str, Any], page: str, title: str) -> Stop:
    def several(key: str) -> tuple[str, ...]:
        return tuple(str(value) for value in _decoded(data.get(key, [])))

    return Stop(
        number=str(data.get("stop", "")),
        short=str(data.get("short", title)),
        part=str(data.get("part", "")),
        architecture=str(data.get("architecture", "")),
        page=page,
        title=str(data.get("title", title)),
        outcome=str(data.get("you_will_have", "")),
        needs=several("needs"),
        teaches=several("teaches"),
        follows=several("follows"),
    )


def _decoded(value: Any) -> list[Any]:
    """Return a front matter list: MyST hands nested values over as JSON."""
    return list(json.loads(value) if isinstance(value, str) else value)
