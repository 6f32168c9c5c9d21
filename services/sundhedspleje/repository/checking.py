"""What a municipality has written, for the operator's command: in a file before it is uploaded, and what is uploaded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import yaml
from pydantic import BaseModel

from services.chassis.calendar import date_of
from services.chassis.store import Store
from services.sundhedspleje.domain.programmes import definitions
from services.sundhedspleje.domain.programmes.definitions import Programmes
from services.sundhedspleje.domain.visits import VisitPlans
from services.sundhedspleje.repository import comparing, plans, written
from services.sundhedspleje.repository.written import PROGRAMMES, VISITS

_UPLOADED = (PROGRAMMES, VISITS)


@dataclass(frozen=True)
class Said:
    """One line for whoever checks. `wrong`: a mistake."""

    text: str
    wrong: bool = False


def in_folders(paths: Sequence[Path]) -> Iterator[Path]:
    """The files themselves; of a folder those that a municipality may have."""
    for path in paths:
        yield from [path / name for name in plans.FILES if (path / name).is_file()] or [path]


def what_it_is(file: Path, text: str) -> str:
    """`visits.yaml`, whatever the file is called: by its name, else by what stands at its top; else `programmes.yaml`."""
    if file.name in plans.FILES:
        return file.name
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return PROGRAMMES
    keys = {key.value for key, _ in node.value} if isinstance(node, yaml.MappingNode) else set()
    fits = {name: len(keys & _names(model)) for name, model in plans.FILES.items()}
    return max(fits, key=lambda name: fits[name]) if any(fits.values()) else PROGRAMMES


def _names(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def read(file: Path) -> tuple[str, str]:
    """What it is, and its text. OSError, or TheFileMakesNoSense where it is no text."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise plans.TheFileMakesNoSense([f"{file}:1: cannot be read as text. Allowed: YAML in UTF-8"]) from error
    return what_it_is(file, text), text


def of_file(file: Path) -> list[Said]:
    """Every mistake with its line; else what changes within the file, and when."""
    try:
        name, text = read(file)
        made = plans.read_text(text, plans.FILES[name], str(file))
    except OSError as error:
        return [Said(f"{file}: {error.strerror}", wrong=True)]
    except plans.TheFileMakesNoSense as error:
        return [Said(it, wrong=True) for it in error.mistakes]
    return [Said(f"{file}: makes sense"), *(Said(f"{file}: {it}") for it in _changes(made))]


def _changes(made: BaseModel) -> Iterator[str]:
    for change in definitions.changes(made) if isinstance(made, Programmes) else ():
        fields = ", ".join(change.fields) or "date only"
        yield f"from {change.on} {change.programme} has another {fields}; what was offered or planned before stays as it was"
    for plan in made.plans[1:] if isinstance(made, VisitPlans) else ():
        then = "all are planned again by it, which is said" if plan.applies_to == "all-children" else "older ones keep theirs"
        yield f"from {plan.from_on} another visit plan for {plan.applies_to}; {then}"


async def uploaded(store: Store, municipality: str) -> list[Said]:
    """What an administrator has uploaded: that which holds, and that which is coming; read anew, as by a process that begins."""
    said = []
    async with store.transaction() as tx:
        today = date_of(await tx.now())
        for name in _UPLOADED:
            lines = [it for it in await written.all_of(tx, municipality, name) if it["withdrawn_at"] is None]
            holds = next((it for it in sorted(lines, key=_day, reverse=True) if it["from_on"] <= today), None)
            if holds is None:
                said.append(Said(f"{municipality}/{name}: nothing uploaded holds today; the folder does"))
            for it in sorted((it for it in lines if it is holds or it["from_on"] > today), key=_day):
                place = f"{municipality}/{name} from {it['from_on']}"
                try:
                    plans.read_text(await written.content(tx, it["id"]), plans.FILES[name], place)
                except plans.TheFileMakesNoSense as error:
                    said += [Said(mistake, wrong=True) for mistake in error.mistakes]
                else:
                    said.append(Said(f"{place}: {'holds' if it is holds else 'is coming'}, and makes sense"))
    return said


def _day(line: dict[str, object]) -> tuple[str, str]:
    return str(line["from_on"]), str(line["id"])


async def as_upload(store: Store, municipality: str, file: Path, from_on: date | None) -> list[Said]:
    """What the file would change if it held from that day on (tomorrow where none is named), or why it would be refused."""
    async with store.transaction() as tx:
        today = date_of(await tx.now())
        day = from_on or today + timedelta(days=1)
        try:
            name, text = read(file)
            if day <= today:
                return [Said(f"{file}: a file holds from tomorrow on at the earliest. Allowed: a day after {today}", wrong=True)]
            if name == PROGRAMMES:
                found = [
                    (it.programme, it.what, it.on, it.fields) for it in await comparing.programmes(tx, municipality, text, day)
                ]
            elif name == VISITS:
                found = [
                    (f"{it.part} {it.code}", it.what, it.on, it.fields)
                    for it in await comparing.visits(tx, municipality, text, day)
                ]
            else:
                return [Said(f"{file}: {name} is not uploaded; it stands in the municipality's folder")]
        except plans.TheFileMakesNoSense as error:
            return [Said(f"{file}: as an upload for {municipality} from {day}: {it}", wrong=True) for it in error.mistakes]
    changed = [Said(f"{file}: {what} from {on}: {code}{_of(fields)}") for code, what, on, fields in found]
    return changed or [Said(f"{file}: as an upload for {municipality} from {day} it changes nothing")]


def _of(fields: Sequence[str]) -> str:
    return f" ({', '.join(name.replace('_', '-') for name in fields)})" if fields else ""
