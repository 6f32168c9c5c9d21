"""Takes in whole municipalities from one file, in one transaction, as often as wanted: only what differs is written and told."""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import orjson
import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from services.chassis.calendar import date_of
from services.chassis.errors import Problem
from services.chassis.store import Store, Tx, broken_rule
from services.directory import domain, repository, service
from services.directory.domain import Intake, Municipality, OwnSeat, Professional, Snapshot, System, Unit
from services.events.directory import ClientKind, UnitKind
from services.events.envelope import Code, Seat
from services.events.envelope import Municipality as MunicipalityCode

_SUBJECTS_AT_ONCE = 500
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Sor = Annotated[str, StringConstraints(pattern=r"^\d{6,18}$")]
ClientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
# An id, or the unit's `key` or the professional's `username` in the same file.
Reference = str


class TheFileCannotBeImported(Problem):
    """Something in the file does not fit; `places` says where and what. Nothing was written."""

    status = 422


@dataclass(frozen=True)
class Place:
    """A place in the file, as `professionals[3].seats[0].unit`, and what is wrong there; never the content itself."""

    at: str
    says: str

    def __str__(self) -> str:
        return f"{self.at}: {self.says}"


class _InFile(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=False)


class FileMunicipality(_InFile):
    """`complete`: the file names everybody; who is missing is leaving, what is missing is no longer active."""

    code: MunicipalityCode
    name: str = Field(min_length=1)
    enabled: bool = True
    complete: bool = False
    answer_working_days: int = Field(3, gt=0)
    remind_working_days_before: int = Field(1, ge=0)
    escalate_working_days: int = Field(1, gt=0)
    absence_limit_days: int = Field(14, gt=0)
    support_days: int = Field(30, ge=0)
    closing_days: list[date] = []
    hospital_notification_basis: bool = False


class FileUnit(_InFile):
    """A unit of a municipality, or of an organisation such as a region."""

    id: UUID
    key: str | None = None
    municipality: MunicipalityCode | None = None
    organisation: Code | None = None
    kind: UnitKind
    name: str = Field(min_length=1)
    parent: Reference | None = None
    district: Reference | None = None
    sor: list[Sor] = []
    private: bool = False
    active: bool = True


class FileSeat(_InFile):
    """A named person's seat."""

    professional: Reference
    unit: Reference


class FileOwnSeat(_InFile):
    """A seat of the professional it stands under."""

    unit: Reference
    leads: bool = False
    deputy: FileSeat | None = None


class FileProfessional(_InFile):
    """`login` is the provider's `sub`; `username` is what the person types there: a name to refer by in this file, not kept."""

    id: UUID
    username: str | None = None
    municipality: MunicipalityCode
    name: str = Field(min_length=1)
    email: str | None = Field(None, pattern=r"^[^@\s]+@[^@\s]+$")
    issuer: str | None = None
    login: str | None = None
    seats: list[FileOwnSeat] = []


class FileIntake(_InFile):
    """`unit` is the intake's own; without `district` it is the whole municipality's."""

    unit: Reference
    municipality: MunicipalityCode
    district: Reference | None = None
    lead: FileSeat
    deputy: FileSeat
    leader: FileSeat


class FileClient(_InFile):
    """A system with its own key at the provider."""

    id: UUID
    client_id: ClientId
    kind: ClientKind
    municipality: MunicipalityCode | None = None
    organisation: Code | None = None
    sends_for: list[str] = []
    roles: list[Code] = []
    active: bool = True


class File(_InFile):
    """A whole file. `issuer`: the log-in provider of every professional who names none."""

    issuer: str | None = None
    municipalities: list[FileMunicipality] = []
    units: list[FileUnit] = []
    professionals: list[FileProfessional] = []
    intakes: list[FileIntake] = []
    clients: list[FileClient] = []


@dataclass
class Changes:
    """What an import wrote and told: lines for people (kinds and ids, no names), and how many events of each kind."""

    lines: list[str] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    dry_run: bool = False

    def __bool__(self) -> bool:
        return bool(self.lines or self.events)

    def __str__(self) -> str:
        if not self:
            return "Nothing differs."
        told = ", ".join(f"{count} {name}" for name, count in sorted(self.events.items())) or "nobody"
        return "\n".join([*self.lines, f"{'Would tell' if self.dry_run else 'Told'}: {told}."])


class _OnlyLooking(Exception):
    """Undoes a dry run."""


async def import_file(store: Store, path: Path, *, issuer: str | None = None, dry_run: bool = False) -> Changes:
    """The same from a YAML or JSON file. TheFileCannotBeImported where it is neither, or cannot be read."""
    try:
        # JSON is YAML; the faster reader for it matters from a few thousand employees on.
        text = await asyncio.to_thread(path.read_text)
        content = orjson.loads(text) if path.suffix == ".json" else yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except OSError as error:
        raise TheFileCannotBeImported(f"The file cannot be read: {error.strerror}.") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise TheFileCannotBeImported(f"The file is not YAML: line {line}: {error.problem}.") from None
    except ValueError as error:
        raise TheFileCannotBeImported("The file is neither YAML nor JSON.") from error
    return await import_municipality(store, content, issuer=issuer, dry_run=dry_run)


async def import_municipality(
    store: Store, content: dict[str, Any], *, issuer: str | None = None, dry_run: bool = False
) -> Changes:
    """Makes the directory say what the file says, for the municipalities it names. The same file again changes nothing.

    `content`: a File as YAML or JSON gives it. `issuer`: the log-in provider where the file names none. A departure is never
    undone: who is leaving or has left stays so. TheFileCannotBeImported names each place; where something unique is taken by
    another municipality, a rule says so.
    """
    reading = _Reading(_parsed(content), issuer)
    changes = Changes(dry_run=dry_run)
    try:
        async with store.transaction() as tx:
            await repository.lock_municipalities(tx, reading.codes)
            before = await repository.snapshot(tx, reading.codes, reading.units_by_id, reading.people_by_id, reading.clients)
            reading.refuse_strangers(before)
            after = _merged(before, reading, date_of(await tx.now()))
            await repository.write(tx, before, after)
            await _tell(tx, before, after, changes)
            if dry_run:
                raise _OnlyLooking
    except _OnlyLooking:
        pass
    except asyncpg.IntegrityConstraintViolationError as error:
        refused = TheFileCannotBeImported(f"The database refuses it by its rule {error.constraint_name}.")
        raise broken_rule(error, dict(service.rules)) or refused from error
    return changes


def _parsed(content: object) -> File:
    try:
        return File.model_validate(content)
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)
        raise _refused([Place(_path(found["loc"]), found["msg"]) for found in wrong]) from None


def _refused(places: list[Place]) -> TheFileCannotBeImported:
    shown = "\n".join(f"  {place}" for place in places[:50])
    count = "One place" if len(places) == 1 else f"{len(places)} places"
    says = f"{count} in the file must be put right; nothing was written.\n{shown}"
    return TheFileCannotBeImported(says, places=[vars(place) for place in places[:50]])


def _path(location: Iterable[int | str]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "the file"


class _Reading:
    """One file, with its references followed; each reference that leads nowhere is noted, and all are told at once."""

    def __init__(self, file: File, issuer: str | None) -> None:
        self.file = file
        self.codes = {municipality.code for municipality in file.municipalities}
        self.complete = {municipality.code for municipality in file.municipalities if municipality.complete}
        self.clients = {client.client_id for client in file.clients}
        self.units_by_id = {unit.id: unit for unit in file.units}
        self.people_by_id = {person.id: person for person in file.professionals}
        self._issuer = file.issuer or issuer
        self._units = _names((unit.id, unit.key) for unit in file.units)
        self._people = _names((person.id, person.username) for person in file.professionals)
        self._wrong: list[Place] = []
        self._nothing_twice()
        self.snapshot = self._followed()
        self._nothing_impossible()
        if self._wrong:
            raise _refused(self._wrong)

    def refuse_strangers(self, before: Snapshot) -> None:
        """What the directory knows under the same id in another municipality is not this file's to change."""
        for index, unit in enumerate(self.file.units):
            known = before.units.get(unit.id)
            if known and known.municipality != unit.municipality:
                self._note(f"units[{index}].municipality", "belongs to another municipality already")
        for index, person in enumerate(self.file.professionals):
            employee = before.professionals.get(person.id)
            if employee and employee.municipality != person.municipality:
                self._note(f"professionals[{index}].municipality", "belongs to another municipality already")
        for index, client in enumerate(self.file.clients):
            system = before.systems.get(client.client_id)
            if system and (system.id, system.municipality) != (client.id, client.municipality):
                self._note(f"clients[{index}].client_id", "belongs to another system already")
        if self._wrong:
            raise _refused(self._wrong)

    def _note(self, at: str, says: str) -> None:
        self._wrong.append(Place(at, says))

    def _nothing_twice(self) -> None:
        file = self.file
        self._once("municipalities[{}].code", ((municipality.code,) for municipality in file.municipalities))
        self._once("units[{}].id", ((unit.id,) for unit in file.units))
        self._once("units[{}].key", ((unit.key,) for unit in file.units))
        self._once("units[{}].sor", (tuple(unit.sor) for unit in file.units))
        self._once("professionals[{}].id", ((person.id,) for person in file.professionals))
        self._once("professionals[{}].username", ((person.username,) for person in file.professionals))
        logins = [(person.issuer or self._issuer, person.login) for person in file.professionals]
        self._once("professionals[{}].login", ((login if login[1] else None,) for login in logins))
        self._once("clients[{}].client_id", ((client.client_id,) for client in file.clients))
        self._once("clients[{}].id", ((client.id,) for client in file.clients))
        self._once("intakes[{}].unit", ((self._units.get(intake.unit),) for intake in file.intakes))
        for index, person in enumerate(file.professionals):
            self._once(f"professionals[{index}].seats[{{}}].unit", ((self._units.get(seat.unit),) for seat in person.seats))

    def _once(self, at: str, values: Iterable[Iterable[object]]) -> None:
        first: dict[object, int] = {}
        for index, group in enumerate(values):
            for value in group:
                if value is not None and first.setdefault(value, index) != index:
                    self._note(at.format(index), f"stands already at {at.format(first[value])}")

    def _unit(self, at: str, reference: Reference, municipality: str | None) -> UUID:
        number = self._units.get(reference)
        if number is None:
            self._note(at, "no such unit in the file")
        elif municipality is not None and self.units_by_id[number].municipality != municipality:
            self._note(at, "is a unit of another municipality")
        return number or UUID(int=0)

    def _maybe(self, at: str, reference: Reference | None, municipality: str | None) -> UUID | None:
        return self._unit(at, reference, municipality) if reference is not None else None

    def _seat(self, at: str, seat: FileSeat, municipality: str) -> Seat:
        number = self._people.get(seat.professional)
        unit = self._unit(f"{at}.unit", seat.unit, municipality)
        if number is None:
            self._note(f"{at}.professional", "no such professional in the file")
        elif unit not in {self._units.get(own.unit) for own in self.people_by_id[number].seats}:
            self._note(at, "this professional has no seat in this unit")
        return Seat(professional=number or UUID(int=0), unit=unit)

    def _municipality(self, at: str, code: str | None) -> None:
        if code is not None and code not in self.codes:
            self._note(at, "no such municipality in the file")

    def _followed(self) -> Snapshot:
        file = self.file
        municipalities = {
            given.code: Municipality(**{**given.model_dump(exclude={"complete"}), "closing_days": tuple(given.closing_days)})
            for given in file.municipalities
        }
        return Snapshot(
            municipalities=municipalities,
            units=dict(self._followed_units()),
            professionals=dict(self._followed_people()),
            intakes=dict(self._followed_intakes()),
            systems=dict(self._followed_systems()),
        )

    def _followed_units(self) -> Iterator[tuple[UUID, Unit]]:
        for index, given in enumerate(self.file.units):
            at = f"units[{index}]"
            self._municipality(f"{at}.municipality", given.municipality)
            if (given.municipality is None) == (given.organisation is None):
                self._note(at, "belongs either to a municipality or to an organisation")
            yield (
                given.id,
                Unit(
                    **given.model_dump(include={"id", "municipality", "organisation", "kind", "name", "private", "active"}),
                    parent=self._maybe(f"{at}.parent", given.parent, given.municipality),
                    district=self._maybe(f"{at}.district", given.district, given.municipality),
                    sor=tuple(sorted(given.sor)),
                ),
            )

    def _followed_people(self) -> Iterator[tuple[UUID, Professional]]:
        for index, given in enumerate(self.file.professionals):
            at = f"professionals[{index}]"
            self._municipality(f"{at}.municipality", given.municipality)
            issuer = given.issuer or self._issuer
            if given.login and not issuer:
                self._note(f"{at}.login", "whose log-in? Name the provider as `issuer`")
            seats = [self._own_seat(f"{at}.seats[{number}]", seat, given) for number, seat in enumerate(given.seats)]
            yield (
                given.id,
                Professional(
                    id=given.id,
                    municipality=given.municipality,
                    name=given.name,
                    email=given.email,
                    issuer=issuer if given.login else None,
                    login=given.login,
                    seats=tuple(sorted(seats, key=lambda seat: seat.unit)),
                ),
            )

    def _own_seat(self, at: str, given: FileOwnSeat, person: FileProfessional) -> OwnSeat:
        deputy = self._seat(f"{at}.deputy", given.deputy, person.municipality) if given.deputy else None
        if deputy and deputy.professional == person.id:
            self._note(f"{at}.deputy", "nobody is their own deputy")
        return OwnSeat(self._unit(f"{at}.unit", given.unit, person.municipality), given.leads, deputy)

    def _followed_intakes(self) -> Iterator[tuple[UUID, Intake]]:
        districts: set[tuple[str, UUID | None]] = set()
        for index, given in enumerate(self.file.intakes):
            at = f"intakes[{index}]"
            self._municipality(f"{at}.municipality", given.municipality)
            unit = self._unit(f"{at}.unit", given.unit, given.municipality)
            district = self._maybe(f"{at}.district", given.district, given.municipality)
            if (given.municipality, district) in districts:
                self._note(f"{at}.district", "has an intake already")
            districts.add((given.municipality, district))
            places = (("lead", given.lead), ("deputy", given.deputy), ("leader", given.leader))
            lead, deputy, leader = (self._seat(f"{at}.{name}", seat, given.municipality) for name, seat in places)
            if len({lead.professional, deputy.professional, leader.professional}) < 3:
                self._note(at, "lead, deputy and leader are three people")
            yield unit, Intake(unit, given.municipality, district, lead, deputy, leader)

    def _followed_systems(self) -> Iterator[tuple[str, System]]:
        for index, given in enumerate(self.file.clients):
            at = f"clients[{index}]"
            self._municipality(f"{at}.municipality", given.municipality)
            named = {name for name in ("municipality", "organisation") if getattr(given, name) is not None}
            if named != {given.kind} - {"service"}:
                self._note(
                    at, "a municipality's system names its municipality, an organisation's its organisation, a service none"
                )
            lists = {"sends_for": tuple(given.sends_for), "roles": tuple(given.roles)}
            yield given.client_id, System(**{**given.model_dump(), **lists})

    def _nothing_impossible(self) -> None:
        units = self.snapshot.units
        for index, unit in enumerate(units.values()):
            above, seen = unit.parent, {unit.id}
            while above is not None and above in units and above not in seen:
                seen.add(above)
                above = units[above].parent
            if above in seen:
                self._note(f"units[{index}].parent", "stands above itself")


def _names(pairs: Iterable[tuple[UUID, str | None]]) -> Mapping[str, UUID]:
    return {name: number for number, key in pairs for name in (str(number), key) if name is not None}


def _merged(before: Snapshot, reading: _Reading, today: date) -> Snapshot:
    """What stands after the file: its word on what it names, what stood on the rest; what a complete file leaves out goes."""
    wanted = reading.snapshot
    gone = {number: person for number, person in before.professionals.items() if person.state != "active"}
    merged = Snapshot(
        municipalities={**before.municipalities, **wanted.municipalities},
        units={**before.units, **wanted.units},
        professionals={**before.professionals, **wanted.professionals, **gone},
        intakes={**_without_moved(before.intakes, wanted.intakes), **wanted.intakes},
        systems={**before.systems, **wanted.systems},
    )
    return domain.settled(_without_missing(merged, reading, today))


def _without_moved(present: Mapping[UUID, Intake], wanted: Mapping[UUID, Intake]) -> dict[UUID, Intake]:
    """An intake that the file gives another unit stands once, at the new one."""
    moved = {(intake.municipality, intake.district) for intake in wanted.values()}
    return {unit: intake for unit, intake in present.items() if (intake.municipality, intake.district) not in moved}


def _without_missing(merged: Snapshot, reading: _Reading, today: date) -> Snapshot:
    if not reading.complete:
        return merged
    missing = _missing(merged.professionals, reading.people_by_id, reading.complete)
    closed = _missing(merged.units, reading.units_by_id, reading.complete)
    silent = _missing(merged.systems, reading.clients, reading.complete)
    units = {**merged.units, **{number: replace(merged.units[number], active=False) for number in closed}}
    systems = {**merged.systems, **{name: replace(merged.systems[name], active=False) for name in silent}}
    merged = replace(merged, units=units, systems=systems)
    return domain.leave(merged, missing, today)


def _missing(present: Mapping[Any, Any], named: Collection[Any], complete: Collection[str]) -> list[Any]:
    return [key for key, value in present.items() if value.municipality in complete and key not in named]


async def _tell(tx: Tx, before: Snapshot, after: Snapshot, changes: Changes) -> None:
    for name in ("municipalities", "units", "professionals", "intakes", "systems"):
        present, wanted = getattr(before, name), getattr(after, name)
        changes.lines += [f"{'~' if key in present else '+'} {name} {key}" for key in wanted if present.get(key) != wanted[key]]
    for number, (subject, event) in enumerate(domain.differences(before, after), start=1):
        tx.publish(subject, event)
        changes.events[type(event).__name__] += 1
        if number % _SUBJECTS_AT_ONCE == 0:
            await tx.flush()
