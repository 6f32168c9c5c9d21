"""Cases, visits and overleveringer in PostgreSQL, projections of registry and directory, and the visit plans in their files."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import yaml
from pydantic import ValidationError

from services.chassis.sealed import seal_of
from services.chassis.settings import Secrets
from services.chassis.store import Tx
from services.events.directory import AbsenceEnded, AbsenceRegistered, UnitChanged
from services.events.envelope import Seat
from services.events.registry import SupporterJoined, SupporterLeft
from services.sundhedspleje.domain import Case, Composed, Recipient, Unit, Visit, VisitPlan

_PLACE = "overlevering.sealed"

_CASE = (
    "select c.child, c.municipality, c.mother, c.status, c.birth_order, c.sibling_of, c.due_on,"
    " coalesce(c.corrected_born_on, c.born_on) as born_on, c.holder, c.holder_unit, c.since, c.version, c.closed, c.life_ended,"
    " c.merged_into from child_case c"
)


@cache
def plan_of(municipality: str) -> VisitPlan:
    """The municipality's own plan, else the standard one. ValueError names the file and what is wrong in it."""
    return plan_in(files("services.sundhedspleje").joinpath("plans"), municipality)


def plan_in(folder: Traversable, municipality: str) -> VisitPlan:
    """The same, of a folder of plans."""
    own = folder.joinpath(f"{municipality}.yaml")
    file = own if own.is_file() else folder.joinpath("standard.yaml")
    try:
        return VisitPlan.model_validate(yaml.safe_load(file.read_text()))
    except (yaml.YAMLError, ValidationError) as error:
        raise ValueError(f"{file.name}: {error}") from error


def _case(row: asyncpg.Record) -> Case:
    return Case(
        child=row["child"],
        municipality=row["municipality"],
        mother=row["mother"],
        status=row["status"],
        order=row["birth_order"],
        sibling_of=row["sibling_of"],
        due_on=row["due_on"],
        born_on=row["born_on"],
        holder=row["holder"],
        holder_unit=row["holder_unit"],
        since=row["since"],
        version=row["version"],
        closed=row["closed"],
        life_ended=row["life_ended"],
        merged_into=row["merged_into"],
    )


async def open_case(tx: Tx, case: Case, opened_at: datetime) -> bool:
    """Whether the case is new."""
    found = await tx.fetchval(
        "insert into child_case"
        " (child, municipality, mother, status, birth_order, sibling_of, due_on, born_on, version, opened_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing returning true",
        case.child, case.municipality, case.mother, case.status, case.order, case.sibling_of, case.due_on, case.born_on,
        case.version, opened_at,
    )  # fmt: skip
    return bool(found)


async def case_of(tx: Tx, child: UUID, for_change: bool = False) -> Case | None:
    row = await tx.fetchrow(f"{_CASE} where c.child = $1{' for update' if for_change else ''}", child)
    return _case(row) if row else None


async def record_birth(tx: Tx, child: UUID, born_on: date | None, order: int, version: int) -> None:
    await tx.execute(
        "update child_case set status = 'born', born_on = coalesce($2, born_on),"
        " birth_order = case when corrected then birth_order else $3 end, version = greatest(version, $4) where child = $1",
        child,
        born_on,
        order,
        version,
    )


async def record_correction(tx: Tx, child: UUID, born_on: date | None, order: int) -> None:
    """What persons corrects stands above what the registry heard at birth, whichever comes first."""
    await tx.execute(
        "update child_case set corrected = true, corrected_born_on = coalesce($2, corrected_born_on), birth_order = $3"
        " where child = $1",
        child,
        born_on,
        order,
    )


async def record_holder(tx: Tx, child: UUID, holder: Seat, municipality: str, since: datetime, version: int) -> None:
    """Written with its like in one go: nothing is read per event. An older version changes nothing.

    A child that has moved takes its file along; an overlevering stays as and where it was given.
    """
    await tx.later(
        "with moved as (update visit v set municipality = $6 from child_case c"
        "  where c.child = $1 and c.version < $5 and c.municipality <> $6 and v.child = $1)"
        " update child_case set holder = $2, holder_unit = $3, since = $4, version = $5, municipality = $6"
        " where child = $1 and version < $5",
        child,
        holder.professional,
        holder.unit,
        since,
        version,
        municipality,
    )


async def record_closing(tx: Tx, child: UUID, closed: bool, version: int) -> None:
    """A closed case has no holder; its last unit stays, whose leaders may look. Who holds a reopened one is said next."""
    await tx.execute(
        "update child_case set closed = $2, holder = null, since = null, version = $3 where child = $1 and version < $3",
        child,
        closed,
        version,
    )


async def record_end_of_life(tx: Tx, child: UUID, ended: bool) -> None:
    await tx.execute("update child_case set life_ended = $2 where child = $1", child, ended)


async def link(tx: Tx, child: UUID, merged_into: UUID | None) -> None:
    await tx.execute("update child_case set merged_into = $2 where child = $1", child, merged_into)


async def linked_to(tx: Tx, child: UUID) -> list[UUID]:
    """The files of references that turned out to be this child."""
    return [row["child"] for row in await tx.fetch("select child from child_case where merged_into = $1 order by child", child)]


async def visits_of(tx: Tx, child: UUID) -> list[Visit]:
    rows = await tx.fetch("select id, kind, from_on, until_on, state from visit where child = $1 order by from_on, kind", child)
    return [Visit(**row) for row in rows]


async def save_visits(tx: Tx, case: Case, visits: Iterable[Visit]) -> None:
    for visit in visits:
        await tx.later(
            "insert into visit (id, child, municipality, kind, from_on, until_on, state) values ($1, $2, $3, $4, $5, $6, $7)"
            " on conflict (id) do update set from_on = excluded.from_on, until_on = excluded.until_on, state = excluded.state",
            visit.id,
            case.child,
            case.municipality,
            visit.kind,
            visit.from_on,
            visit.until_on,
            visit.state,
        )


@dataclass(frozen=True)
class Standing:
    """A case and how one professional stands to it besides holding the baton."""

    case: Case
    deputises: bool
    supports: bool


async def standing(tx: Tx, child: UUID, professional: UUID | None, today: date) -> Standing | None:
    """None where there is no such case for the party."""
    row = await tx.fetchrow(
        f"with c as ({_CASE} where c.child = $1)"  # noqa: S608 - our own text
        " select c.*, exists (select from absence a where a.professional = c.holder and a.deputy = $2 and a.from_on <= $3"
        "    and (a.until_on is null or a.until_on >= $3) and (a.ended_on is null or a.ended_on > $3)) as deputises,"
        "  exists (select from supporter s where s.child = c.child and s.professional = $2"
        "    and (s.until_on is null or s.until_on >= $3)) as supports from c",
        child,
        professional,
        today,
    )
    return Standing(_case(row), row["deputises"], row["supports"]) if row else None


async def caseload(tx: Tx, holder: UUID, after: UUID | None, limit: int) -> list[Case]:
    rows = await tx.fetch(
        f"{_CASE} where c.holder = $1 and ($2::uuid is null or c.child > $2) order by c.child limit $3", holder, after, limit
    )
    return [_case(row) for row in rows]


async def unit_of(tx: Tx, unit: UUID, municipality: str) -> Unit | None:
    row = await tx.fetchrow("select id, kind, active from unit where id = $1 and municipality = $2", unit, municipality)
    return Unit(**row) if row else None


async def works_in(tx: Tx, professional: UUID, unit: UUID) -> bool:
    found = await tx.fetchval("select true from workplace where professional = $1 and unit = $2", professional, unit)
    return bool(found)


@dataclass(frozen=True)
class Overlevering:
    """What was given, to whom and by whom."""

    id: UUID
    child: UUID
    municipality: str
    to_unit: UUID
    to_professional: UUID | None
    start: UUID | None
    recipient: Recipient
    given_by: UUID
    given_at: datetime
    content: Composed


async def save_overlevering(tx: Tx, secrets: Secrets, given: Overlevering) -> None:
    """Sealed under the child's key; the table takes no change and no deletion afterwards."""
    seal, content = await seal_of(tx, secrets, given.municipality, given.child), given.content
    await tx.execute(
        "insert into overlevering (id, child, municipality, to_unit, to_professional, start, recipient_kind, purpose, basis,"
        " bases, categories, withheld, given_by, given_at, sealed)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        given.id, given.child, given.municipality, given.to_unit, given.to_professional, given.start, given.recipient.kind,
        given.recipient.purpose, content.basis, content.bases, content.categories, list(content.withheld),
        given.given_by, given.given_at,
        seal.close(orjson.dumps(content.parts).decode(), f"{_PLACE}/{given.id}"),
    )  # fmt: skip


_OVERLEVERING = (
    "select id, child, municipality, to_unit, to_professional, start, recipient_kind, purpose, basis, bases, categories,"
    " withheld, given_by, given_at from overlevering"
)


async def overlevering(tx: Tx, number: UUID) -> asyncpg.Record | None:
    """Without its text."""
    return await tx.fetchrow(f"{_OVERLEVERING} where id = $1", number)


async def text_of(tx: Tx, secrets: Secrets, given: asyncpg.Record) -> dict[str, str]:
    """The text by category, as given. TextWasErased where the child's key is destroyed."""
    seal = await seal_of(tx, secrets, given["municipality"], given["child"])
    sealed = await tx.fetchval("select sealed from overlevering where id = $1", given["id"])
    parts: dict[str, str] = orjson.loads(seal.open(sealed, f"{_PLACE}/{given['id']}"))
    return parts


async def overleveringer_of(tx: Tx, child: UUID) -> list[dict[str, Any]]:
    rows = await tx.fetch(f"{_OVERLEVERING} where child = $1 order by given_at, id", child)
    return [dict(row) for row in rows]


async def save_unit(tx: Tx, unit: UnitChanged) -> None:
    await tx.later(
        "insert into unit (id, municipality, kind, active) values ($1, $2, $3, $4) on conflict (id) do update set"
        " municipality = excluded.municipality, kind = excluded.kind, active = excluded.active",
        unit.unit,
        unit.municipality,
        unit.kind,
        unit.active,
    )


async def save_absence(tx: Tx, absence: AbsenceRegistered) -> None:
    await tx.later(
        "insert into absence (id, professional, municipality, from_on, until_on, deputy) values ($1, $2, $3, $4, $5, $6)"
        " on conflict (id) do update set from_on = excluded.from_on, until_on = excluded.until_on, deputy = excluded.deputy",
        absence.absence,
        absence.professional,
        absence.municipality,
        absence.from_on,
        absence.until_on,
        absence.deputy.professional if absence.deputy else None,
    )


async def end_absence(tx: Tx, absence: AbsenceEnded) -> None:
    await tx.later("update absence set ended_on = $2 where id = $1", absence.absence, absence.ended_on)


async def save_supporter(tx: Tx, joined: SupporterJoined) -> None:
    await tx.later(
        "insert into supporter (child, professional, unit, municipality, until_on) values ($1, $2, $3, $4, $5)"
        " on conflict (child, professional, unit) do update set until_on = excluded.until_on",
        joined.child,
        joined.supporter.professional,
        joined.supporter.unit,
        joined.municipality,
        joined.until_on,
    )


async def remove_supporter(tx: Tx, left: SupporterLeft) -> None:
    await tx.later(
        "delete from supporter where child = $1 and professional = $2 and unit = $3",
        left.child,
        left.supporter.professional,
        left.supporter.unit,
    )
