"""Loads and keeps what the directory holds; selects are written in SQLModel and run on the transaction's own connection."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

import asyncpg
from sqlalchemy import ColumnElement, Select, and_, any_, bindparam, func, or_, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import CHAR, Text, TypeEngine, Uuid
from sqlmodel import SQLModel, col, select

from services.chassis.ids import new_id
from services.chassis.store import Tx
from services.directory.domain import (
    Absence,
    Author,
    Competence,
    Intake,
    Municipality,
    OwnSeat,
    Professional,
    Snapshot,
    System,
    Unit,
)
from services.directory.tables import (
    AbsenceRow,
    ChangeRow,
    CompetenceRow,
    EmployeeRow,
    IntakeRow,
    MunicipalityRow,
    SeatRow,
    SorNumberRow,
    SystemRow,
    UnitRow,
)
from services.events.envelope import Seat

_ROWS_AT_ONCE = 5_000
_DIALECT: Dialect = dialect()  # type: ignore[no-untyped-call]


async def rows(tx: Tx, statement: Select[Any] | Any) -> list[asyncpg.Record]:
    """Runs a SQLModel select in the transaction; columns by their names."""
    compiled = cast(SQLCompiler, statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True}))
    return await tx.fetch(compiled.string, *(compiled.params[name] for name in compiled.positiontup or ()))


def _among(column: Any, values: Iterable[Any], of: TypeEngine[Any]) -> ColumnElement[bool]:
    """`column = any ($1)`: one parameter for as many values as there are."""
    return cast(ColumnElement[bool], column == any_(bindparam(None, list(values), type_=ARRAY(of))))


async def snapshot(
    tx: Tx,
    codes: Collection[str],
    units: Collection[UUID] = (),
    professionals: Collection[UUID] = (),
    clients: Collection[str] = (),
) -> Snapshot:
    """Everything of these municipalities, and whatever else is named."""
    here = _here(codes)
    municipalities = await rows(tx, select(MunicipalityRow).where(here(MunicipalityRow.code)))
    people = await professionals_where(
        tx, or_(here(EmployeeRow.municipality), _among(col(EmployeeRow.id), professionals, Uuid()))
    )
    # A midwife's seat is in a ward, which is no municipality's.
    named_units = {*units, *(seat.unit for person in people for seat in person.seats)}
    found = await units_where(tx, or_(here(UnitRow.municipality), _among(col(UnitRow.id), named_units, Uuid())))
    intakes = await rows(tx, select(IntakeRow).where(here(IntakeRow.municipality)))
    named = _among(col(SystemRow.client_id), clients, Text())
    systems = await rows(tx, select(SystemRow).where(or_(here(SystemRow.municipality), named)))
    absences = await rows(tx, select(AbsenceRow).where(here(AbsenceRow.municipality)))
    return Snapshot(
        municipalities={row["code"]: _municipality(row) for row in municipalities},
        units={unit.id: unit for unit in found},
        professionals={professional.id: professional for professional in people},
        intakes={row["unit"]: _intake(row) for row in intakes},
        systems={row["client_id"]: _system(row) for row in systems},
        absences={row["id"]: _absence(row) for row in absences},
    )


def _here(codes: Collection[str]) -> Callable[[Any], ColumnElement[bool]]:
    return lambda column: _among(col(column), codes, CHAR(4))


async def professionals_where(tx: Tx, condition: Any, limit: int | None = None) -> list[Professional]:
    """Professionals with their seats, by name."""
    by_name = select(EmployeeRow).where(condition).order_by(col(EmployeeRow.name), col(EmployeeRow.id)).limit(limit)
    people = await rows(tx, by_name)
    theirs = _among(col(SeatRow.professional), [row["id"] for row in people], Uuid())
    of: dict[UUID, list[OwnSeat]] = {}
    for row in await rows(tx, select(SeatRow).where(theirs).order_by(col(SeatRow.unit))):
        deputy = _seat(row["deputy"], row["deputy_unit"])
        of.setdefault(row["professional"], []).append(OwnSeat(row["unit"], row["leads"], deputy, row["function"]))
    held = await _competences(tx, [row["id"] for row in people])
    return [
        Professional(**dict(row), seats=tuple(of.get(row["id"], ())), competences=tuple(held.get(row["id"], ())))
        for row in people
    ]


async def _competences(tx: Tx, of: list[UUID]) -> dict[UUID, list[Competence]]:
    theirs = _among(col(CompetenceRow.professional), of, Uuid())
    in_order = select(CompetenceRow).where(theirs).order_by(col(CompetenceRow.competence), col(CompetenceRow.from_on))
    held: dict[UUID, list[Competence]] = {}
    for row in await rows(tx, in_order):
        held.setdefault(row["professional"], []).append(Competence(row["competence"], row["from_on"], row["until_on"]))
    return held


async def administers(tx: Tx, number: UUID | None) -> bool:
    """Whether this professional speaks for the municipality in the directory."""
    found = await rows(tx, select(EmployeeRow.administers).where(EmployeeRow.id == number, EmployeeRow.state == "active"))
    return bool(found and found[0]["administers"])


async def professional(tx: Tx, number: UUID) -> Professional | None:
    """None also for one whom the asking party may not see."""
    return next(iter(await professionals_where(tx, col(EmployeeRow.id) == number)), None)


async def list_professionals(
    tx: Tx,
    *,
    unit: UUID | None,
    query: str | None,
    municipality: str | None,
    trained: tuple[str, date] | None,
    after: UUID | None,
    limit: int,
) -> list[Professional]:
    """Those who have not left, by name. `query`: the beginning of any word of it; `after`: the last of the page before.

    `trained`: a competence that is held on a day.
    """
    name, number = col(EmployeeRow.name), col(EmployeeRow.id)
    wanted: list[Any] = [col(EmployeeRow.state) != "left"]
    if unit:
        wanted.append(number.in_(select(SeatRow.professional).where(SeatRow.unit == unit)))
    if query:
        folded, word = func.lower(name), query.lower()
        wanted.append(or_(folded.startswith(word, autoescape=True), folded.contains(f" {word}", autoescape=True)))
    if municipality:
        wanted.append(col(EmployeeRow.municipality) == municipality)
    if trained:
        code, day = trained
        until = col(CompetenceRow.until_on)
        on_the_day = and_(CompetenceRow.from_on <= day, or_(until.is_(None), until >= day))  # type: ignore[arg-type]
        wanted.append(number.in_(select(CompetenceRow.professional).where(CompetenceRow.competence == code, on_the_day)))
    if after:
        last = select(EmployeeRow.name).where(EmployeeRow.id == after).scalar_subquery()
        wanted.append(or_(name > last, and_(name == last, number > after)))
    return await professionals_where(tx, and_(*wanted), limit)


async def lock(tx: Tx, professional: UUID) -> None:
    """Others who would change this professional's absences wait until this transaction is over."""
    await rows(tx, select(EmployeeRow.id).where(EmployeeRow.id == professional).with_for_update())


async def lock_municipalities(tx: Tx, codes: Iterable[str]) -> None:
    """One change of structure at a time in a municipality: import, departure, release."""
    for code in sorted(codes):
        await tx.execute("select pg_advisory_xact_lock(hashtext('directory'), hashtext($1))", code)


async def units(
    tx: Tx,
    *,
    kind: str | None = None,
    municipality: str | None = None,
    district: UUID | None = None,
    sor: str | None = None,
    number: UUID | None = None,
) -> list[Unit]:
    """Units the asking party may see, by name. `district`: those that serve it; `sor`: the one a SOR number stands for."""
    asked: dict[Any, Any] = {
        col(UnitRow.kind): kind,
        col(UnitRow.municipality): municipality,
        col(UnitRow.district): district,
        col(UnitRow.id): number,
    }
    if sor is not None:
        found = await rows(tx, select(SorNumberRow.unit).where(SorNumberRow.sor == sor))
        asked[col(UnitRow.id)] = found[0]["unit"] if found else UUID(int=0)
    return await units_where(tx, and_(true(), *(column == value for column, value in asked.items() if value is not None)))


async def units_where(tx: Tx, condition: Any) -> list[Unit]:
    """Units with their SOR numbers, by name."""
    found = await rows(tx, select(UnitRow).where(condition).order_by(col(UnitRow.name), col(UnitRow.id)))
    theirs = _among(col(SorNumberRow.unit), [row["id"] for row in found], Uuid())
    numbers: dict[UUID, list[str]] = {}
    for row in await rows(tx, select(SorNumberRow).where(theirs).order_by(col(SorNumberRow.sor))):
        numbers.setdefault(row["unit"], []).append(row["sor"])
    return [Unit(**dict(row), sor=tuple(numbers.get(row["id"], ()))) for row in found]


async def intakes(tx: Tx, municipality: str | None = None) -> list[Intake]:
    """The intakes the asking party may see: a municipality's own before those of its districts."""
    wanted = col(IntakeRow.municipality) == municipality if municipality else true()
    in_order = (col(IntakeRow.municipality), col(IntakeRow.district).nulls_first())
    return [_intake(row) for row in await rows(tx, select(IntakeRow).where(wanted).order_by(*in_order))]


async def leaders(tx: Tx, units: Collection[UUID]) -> list[asyncpg.Record]:
    """(unit, professional, name) of who leads these units now."""
    statement = (
        select(SeatRow.unit, SeatRow.professional, EmployeeRow.name)
        .join(EmployeeRow, col(EmployeeRow.id) == col(SeatRow.professional))
        .where(_among(col(SeatRow.unit), units, Uuid()), col(SeatRow.leads).is_(True), EmployeeRow.state == "active")
        .order_by(col(EmployeeRow.name))
    )
    return await rows(tx, statement)


async def units_and_above(tx: Tx, of: Collection[UUID]) -> set[UUID]:
    """These units and every unit above them."""
    above = select(UnitRow.id, UnitRow.parent).where(_among(col(UnitRow.id), of, Uuid())).cte("above", recursive=True)
    above = above.union(select(UnitRow.id, UnitRow.parent).join(above, col(UnitRow.id) == above.c.parent))
    return {row["id"] for row in await rows(tx, select(above.c.id))}


async def absences_of(tx: Tx, professional: UUID) -> list[Absence]:
    """All of a professional's absences, past and coming."""
    found = await rows(tx, select(AbsenceRow).where(AbsenceRow.professional == professional).order_by(col(AbsenceRow.from_on)))
    return [_absence(row) for row in found]


async def deputised_by(tx: Tx, deputy: UUID, today: date) -> list[Absence]:
    """The absences of today in which somebody stands in, the oldest first."""
    named = select(AbsenceRow).where(AbsenceRow.deputy == deputy, col(AbsenceRow.from_on) <= today)
    found = [_absence(row) for row in await rows(tx, named.order_by(col(AbsenceRow.from_on)))]
    return [it for it in found if it.covers_some_of(today, today)]


async def absence(tx: Tx, number: UUID) -> Absence | None:
    """None also for one whom the asking party may not see."""
    found = await rows(tx, select(AbsenceRow).where(AbsenceRow.id == number).with_for_update())
    return _absence(found[0]) if found else None


async def add_absence(tx: Tx, absence: Absence, by: UUID | None, at: datetime) -> None:
    deputy = absence.deputy
    await tx.execute(
        "insert into absence (id, professional, municipality, from_on, until_on, deputy, deputy_unit, registered_by,"
        " registered_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        *(absence.id, absence.professional, absence.municipality, absence.from_on, absence.until_on),
        *(deputy and deputy.professional, deputy and deputy.unit, by, at),
    )


async def end_absence(tx: Tx, number: UUID, on: date) -> None:
    await tx.execute("update absence set ended_on = $2 where id = $1", number, on)


async def mark_left(tx: Tx, number: UUID) -> None:
    """The seats go with their professional; they were empty before."""
    await tx.execute("update employee set state = 'left' where id = $1", number)
    await tx.execute("delete from seat where professional = $1", number)


async def remember(tx: Tx, lines: Sequence[tuple[str | None, str, str, str, Sequence[str]]], by: Author) -> None:
    """Lines of the history, (municipality, sign, kind, key, says), at the time of facts and in their order."""
    at = await tx.now()
    values = [
        {
            "id": new_id(), "municipality": municipality, "at": at, "by_professional": by.professional, "by_system": by.system,
            "sign": sign, "kind": kind, "key": key, "says": list(says),
        }
        for municipality, sign, kind, key, says in lines
    ]  # fmt: skip
    await _upsert(tx, ChangeRow, values, exchange=False)


async def history(
    tx: Tx, *, municipality: str | None, kind: str | None, key: str | None, before: UUID | None, limit: int
) -> list[asyncpg.Record]:
    """The newest first. `before`: the last line of the page before."""
    asked: dict[Any, Any] = {
        col(ChangeRow.municipality): municipality,
        col(ChangeRow.kind): kind,
        col(ChangeRow.key): key,
    }
    wanted = [column == value for column, value in asked.items() if value is not None]
    if before is not None:
        wanted.append(col(ChangeRow.id) < before)
    return await rows(tx, select(ChangeRow).where(and_(true(), *wanted)).order_by(col(ChangeRow.id).desc()).limit(limit))


async def municipality(tx: Tx, code: str) -> Municipality | None:
    """None also for one whom the asking party may not see."""
    found = await rows(tx, select(MunicipalityRow).where(MunicipalityRow.code == code))
    return _municipality(found[0]) if found else None


async def version_of(tx: Tx, subject: UUID) -> int:
    """The last version published of a subject, 0 where there is none."""
    return await tx.fetchval("select version from subject where id = $1", subject) or 0


async def write(tx: Tx, before: Snapshot, after: Snapshot) -> None:
    """Makes the tables say `after` where it differs from `before`. Where another holds what is unique, a constraint refuses."""
    await _upsert(tx, MunicipalityRow, [asdict(changed) for changed in _changed(before.municipalities, after.municipalities)])
    await _write_units(tx, list(_changed(before.units, after.units)))
    await _write_professionals(tx, before, list(_changed(before.professionals, after.professionals)))
    if moved := [unit for unit in before.intakes if unit not in after.intakes]:
        await tx.execute("delete from intake where unit = any ($1)", moved)
    await _upsert(tx, IntakeRow, [_intake_row(changed) for changed in _changed(before.intakes, after.intakes)])
    await _upsert(tx, SystemRow, [asdict(changed) for changed in _changed(before.systems, after.systems)])
    at = await tx.now()
    await _upsert(tx, AbsenceRow, [_absence_row(changed, at) for changed in _changed(before.absences, after.absences)])


def _changed(before: Any, after: Any) -> Iterable[Any]:
    return (value for key, value in after.items() if before.get(key) != value)


async def _write_units(tx: Tx, changed: Sequence[Unit]) -> None:
    if not changed:
        return
    await _upsert(tx, UnitRow, [asdict(unit) for unit in changed])
    # All numbers of the changed units go first, so that two units may exchange theirs.
    await tx.execute("delete from sor_number where unit = any ($1)", [unit.id for unit in changed])
    numbers = [{"sor": sor, "unit": unit.id, "municipality": unit.municipality} for unit in changed for sor in unit.sor]
    await _upsert(tx, SorNumberRow, numbers, exchange=False)


async def _write_professionals(tx: Tx, before: Snapshot, changed: Sequence[Professional]) -> None:
    earlier = before.professionals
    moved = [person.id for person in changed if person.id in earlier and earlier[person.id].login != person.login]
    if moved:
        # Two people may exchange log-ins within one statement's rows, which the unique index would refuse on the way.
        await tx.execute("update employee set login = null where id = any ($1)", moved)
    await _upsert(tx, EmployeeRow, [vars(person) for person in changed])
    for person in changed:
        if person.id in earlier and (gone := _units(earlier[person.id]) - _units(person)):
            await tx.later("delete from seat where professional = $1 and unit = any ($2)", person.id, list(gone))
    await _upsert(tx, SeatRow, [_seat_row(person, seat) for person in changed for seat in person.seats])
    trained = [
        person for person in changed if person.competences != (earlier[person.id].competences if person.id in earlier else ())
    ]
    if trained:
        await tx.execute("delete from competence where professional = any ($1)", [person.id for person in trained])
        held = [
            {"professional": person.id, "municipality": person.municipality, **vars(each)}
            for person in trained
            for each in person.competences
        ]
        await _upsert(tx, CompetenceRow, held, exchange=False)


def _units(professional: Professional) -> set[UUID]:
    return {seat.unit for seat in professional.seats}


def _seat_row(person: Professional, seat: OwnSeat) -> dict[str, Any]:
    deputy = seat.deputy
    return {
        "professional": person.id,
        "unit": seat.unit,
        "municipality": person.municipality,
        "leads": seat.leads,
        "deputy": deputy and deputy.professional,
        "deputy_unit": deputy and deputy.unit,
        "function": seat.function,
    }


def _absence_row(absence: Absence, at: datetime) -> dict[str, Any]:
    deputy = absence.deputy
    places = {"deputy": deputy and deputy.professional, "deputy_unit": deputy and deputy.unit}
    return {**vars(absence), **places, "registered_at": at}


async def _upsert(tx: Tx, table: type[SQLModel], values: Sequence[dict[str, Any]], exchange: bool = True) -> None:
    """Writes rows by thousands in one statement each. `exchange`: a row with the same primary key is replaced, else refused."""
    of = table.__table__  # type: ignore[attr-defined]
    columns, keys = [column.name for column in of.columns], [column.name for column in of.primary_key.columns]
    names = ", ".join(columns)
    query = f"insert into {of.name} ({names}) select {names} from jsonb_populate_recordset(null::{of.name}, $1)"  # noqa: S608 - names are ours
    if exchange:
        others = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in keys)
        query += f" on conflict ({', '.join(keys)}) do update set {others}"
    for start in range(0, len(values), _ROWS_AT_ONCE):
        wanted = [{name: row[name] for name in columns} for row in values[start : start + _ROWS_AT_ONCE]]
        await tx.execute(query, wanted)


def _seat(professional: UUID | None, unit: UUID | None) -> Seat | None:
    return Seat(professional=professional, unit=unit) if professional and unit else None


def _municipality(row: asyncpg.Record) -> Municipality:
    return Municipality(**{**dict(row), "closing_days": tuple(row["closing_days"])})


def _intake(row: asyncpg.Record) -> Intake:
    lead, deputy, leader = (Seat(professional=row[place], unit=row[f"{place}_unit"]) for place in ("lead", "deputy", "leader"))
    return Intake(row["unit"], row["municipality"], row["district"], lead, deputy, leader)


def _intake_row(intake: Intake) -> dict[str, Any]:
    row: dict[str, Any] = {"unit": intake.unit, "municipality": intake.municipality, "district": intake.district}
    for place, seat in zip(("lead", "deputy", "leader"), intake.seats, strict=True):
        row |= {place: seat.professional, f"{place}_unit": seat.unit}
    return row


def _system(row: asyncpg.Record) -> System:
    return System(**{**dict(row), "sends_for": tuple(row["sends_for"]), "roles": tuple(row["roles"])})


def _absence(row: asyncpg.Record) -> Absence:
    deputy = _seat(row["deputy"], row["deputy_unit"])
    days = (row["from_on"], row["until_on"], deputy, row["ended_on"])
    return Absence(row["id"], row["professional"], row["municipality"], *days, row["registered_by"])
