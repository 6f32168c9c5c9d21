"""A municipality of 20,000 employees into an empty directory from CSV, and the same files again."""

import asyncio
import csv
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import UUID

from benchmarks.figures import Figure, median
from benchmarks.installation import Installation
from services.chassis.store import Store
from services.directory.importing import import_file

PEOPLE, UNITS, ROUNDS = 20_000, 800, 3


def directory_import(installation: Installation) -> list[Figure]:
    """`directory_import_20k_s` and `directory_import_again_s`, each three times, for three municipalities of the same size."""
    first, again = [], []
    for number in range(ROUNDS):
        folder = written(installation.folder / f"municipality-{number}", f"08{number:02}")
        first.append(asyncio.run(_imported(installation, folder)))
        again.append(asyncio.run(_imported(installation, folder)))
        shutil.rmtree(folder)
    return [
        median("directory_import_20k_s", first, "s", None, "≤ 20 s"),
        median("directory_import_again_s", again, "s", None, ""),
    ]


async def _imported(installation: Installation, folder: Path) -> float:
    store = Store(installation.settings, "directory")
    began = time.perf_counter()
    try:
        await import_file(store, folder, issuer=installation.provider.issuer)
        return time.perf_counter() - began
    finally:
        await store.close()


def written(folder: Path, code: str, people: int = PEOPLE, units: int = UNITS) -> Path:
    """A whole municipality as CSV: units in a tree, everybody with a seat, a deputy and a log-in, some away, some trained."""
    folder.mkdir(parents=True)
    unit = [_id(code, 1, number) for number in range(units)]
    person = [_id(code, 2, number) for number in range(people)]
    place = [unit[number % units] for number in range(people)]
    _table(folder, "municipalities", ("code", "name", "complete"), [(code, f"Kommune {code}", "ja")])
    _table(
        folder, "units", ("id", "municipality", "kind", "name", "parent", "sor"),
        [(each, code, "institution" if number else "intake", f"Enhed {number}", unit[(number - 1) // 20] if number else "", f"{code}{number:011}") for number, each in enumerate(unit)],
    )  # fmt: skip
    _table(
        folder, "professionals", ("id", "municipality", "name", "email", "login"),
        [(each, code, f"Ansat Nummer {number}", f"ansat{number}@{code}.example", _id(code, 3, number)) for number, each in enumerate(person)],
    )  # fmt: skip
    _table(
        folder, "seats", ("professional", "unit", "function", "leads", "deputy", "deputy_unit"),
        [(each, place[number], _id(code, 4, number), "ja" if number < units else "", person[(number + units) % people], place[(number + units) % people]) for number, each in enumerate(person)],
    )  # fmt: skip
    _table(
        folder, "competences", ("professional", "competence", "from_on"), [(each, "cos-p", "01-01-2024") for each in person[::10]]
    )
    _table(
        folder, "absences", ("professional", "from_on", "until_on"), [(each, "01-06-2027", "31-12-2027") for each in person[::20]]
    )
    three = (person[units], unit[0], person[2 * units], unit[0], person[0], unit[0])
    columns = ("unit", "municipality", "lead", "lead_unit", "deputy", "deputy_unit", "leader", "leader_unit")
    _table(folder, "intakes", columns, [(unit[0], code, *three)])
    return folder


def _id(code: str, kind: int, number: int) -> str:
    return str(UUID(f"{code}0000-{kind:04}-4000-8000-{number:012}"))


def _table(folder: Path, name: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """As Danish spreadsheets write it: semicolons, Windows-1252."""
    with (folder / f"{name}.csv").open("w", encoding="cp1252", newline="") as file:
        csv.writer(file, delimiter=";").writerows([columns, *rows])
