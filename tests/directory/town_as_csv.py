"""The demo town as a municipality's own systems would export it: one CSV file for each kind of row."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Rows = list[dict[str, Any]]
PEOPLE_ONLY = ("seats", "competences", "absences")


def tables(content: dict[str, Any]) -> dict[str, Rows]:
    """The rows of each file, by file name without its ending; `seats`, `competences` and `absences` name their professional."""
    found: dict[str, Rows] = {name: [_flat(entry) for entry in content[name]] for name in ("municipalities", "units", "clients")}
    found["professionals"] = [{k: v for k, v in person.items() if k not in PEOPLE_ONLY} for person in content["professionals"]]
    for name in PEOPLE_ONLY:
        found[name] = [
            {"professional": person["id"], **_flat(row)} for person in content["professionals"] for row in person.get(name, ())
        ]
    found["intakes"] = [_flat(intake) for intake in content["intakes"]]
    return {name: rows for name, rows in found.items() if rows}


def write(folder: Path, found: dict[str, Rows], encoding: str = "utf-8", delimiter: str = ",") -> Path:
    folder.mkdir(exist_ok=True)
    for name, rows in found.items():
        columns = list(dict.fromkeys(column for row in rows for column in row))
        with (folder / f"{name}.csv").open("w", encoding=encoding, newline="") as file:
            written = csv.DictWriter(file, columns, delimiter=delimiter)
            written.writeheader()
            written.writerows({column: _cell(value) for column, value in row.items()} for row in rows)
    return folder


def _flat(entry: dict[str, Any]) -> dict[str, Any]:
    """A seat within a row becomes two cells."""
    flat: dict[str, Any] = {}
    for name, value in entry.items():
        flat |= {name: value["professional"], f"{name}_unit": value["unit"]} if isinstance(value, dict) else {name: value}
    return flat


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "ja" if value else "nej"
    if isinstance(value, Iterable) and not isinstance(value, str):
        return " ".join(str(each) for each in value)
    return str(value)
