"""A citation as a script and a notebook show it: by names and year."""

from collections.abc import Callable
from pathlib import Path

from pybtex.database import BibliographyData, Entry, parse_file


def citing(bibliography: Path) -> Callable[[str, str], str]:
    """Read a bibliography; give the function that cites from it."""
    works = parse_file(bibliography)

    def cite(role: str, keys: str) -> str:
        return citation(works, role, keys)

    return cite


def citation(bibliography: BibliographyData, role: str, keys: str) -> str:
    """Cite by names and year, ``Vaswani et al. (2017)`` or ``(Rumelhart, 1986)``."""
    cited = []
    for key in map(str.strip, keys.split(",")):
        if key not in bibliography.entries:
            raise ValueError(f"{key!r} is cited, and docs/references.bib lacks it")
        entry = bibliography.entries[key]
        year, names = entry.fields.get("year", ""), _names(entry)
        cited.append(f"{names} ({year})" if role.endswith(":t") else f"{names}, {year}")
    joined = "; ".join(cited)
    return joined if role.endswith(":t") else f"({joined})"


def _names(entry: Entry) -> str:
    people = entry.persons.get("author") or entry.persons["editor"]
    last = [" ".join(person.last_names).strip("{}") for person in people]
    return " and ".join(last) if len(last) < 3 else f"{last[0]} et al."
