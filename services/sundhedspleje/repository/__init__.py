"""Cases and overleveringer in PostgreSQL, and what is kept of registry and directory to know who may see and give them."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from services.chassis.sealed import seal_of
from services.chassis.settings import Secrets
from services.chassis.store import Tx
from services.events.directory import AbsenceEnded, AbsenceRegistered, MunicipalityChanged, UnitChanged
from services.events.envelope import Seat
from services.events.registry import SupporterJoined, SupporterLeft
from services.sundhedspleje.domain import Case, Composed, Recipient, Unit

_PLACE = "overlevering.sealed"

_CASE = (
    "select c.child, c.municipality, c.mother, c.status, c.birth_order, c.sibling_of, c.due_on,"
    " coalesce(c.corrected_born_on, c.born_on) as born_on, c.holder, c.holder_unit, c.since, c.version, c.closed, c.life_ended,"
    " c.merged_into, c.visitor, c.visitor_unit, c.opened_at from child_case c"
)
# Whoever holds the baton in one of these visits the family, and goes on with it when the baton passes to another kind of unit.
_VISITING = "('sundhedspleje', 'intake')"


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
        visitor=row["visitor"],
        visitor_unit=row["visitor_unit"],
        opened_at=row["opened_at"],
    )


async def take_turns(tx: Tx, child: UUID) -> None:
    """Until the transaction ends nobody else decides on this child's visits; the API may not lock the case's row itself."""
    await tx.execute("select pg_advisory_xact_lock(hashtextextended('case ' || $1::uuid::text, 0))", child)


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
    if for_change:
        await take_turns(tx, child)
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

    A child that has moved takes its file along (a trigger sees to it), has no health visitor but one of its new municipality, and
    is planned for again by the clock: plan_on is null.
    """
    await tx.later(
        "update child_case c set holder = $2, holder_unit = $3, since = $4, version = $5, municipality = $6,"  # noqa: S608 - our own text
        " visitor = case when u.visits then $2 when municipality = $6 then visitor end,"
        " visitor_unit = case when u.visits then $3 when municipality = $6 then visitor_unit end,"
        " plan_on = case when municipality = $6 then plan_on end"
        f" from (select exists (select from unit where id = $3 and kind in {_VISITING}) as visits) u"
        " where c.child = $1 and c.version < $5",
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


@dataclass(frozen=True)
class Standing:
    """A case and how one professional stands to it besides holding the baton or visiting."""

    case: Case
    deputises: bool
    supports: bool
    visits_instead: bool = False


_STANDS_IN = (
    "exists (select from absence a where a.professional = c.{who} and a.deputy = $2 and a.from_on <= $3"
    " and (a.until_on is null or a.until_on >= $3) and (a.ended_on is null or a.ended_on > $3))"
)


async def standing(tx: Tx, child: UUID, professional: UUID | None, today: date) -> Standing | None:
    """None where there is no such case for the party."""
    row = await tx.fetchrow(
        f"with c as ({_CASE} where c.child = $1)"  # noqa: S608 - our own text
        f" select c.*, {_STANDS_IN.format(who='holder')} as deputises, {_STANDS_IN.format(who='visitor')} as visits_instead,"
        "  exists (select from supporter s where s.child = c.child and s.professional = $2"
        "    and (s.until_on is null or s.until_on >= $3)) as supports from c",
        child,
        professional,
        today,
    )
    return Standing(_case(row), row["deputises"], row["supports"], row["visits_instead"]) if row else None


async def deputised_by(tx: Tx, deputy: UUID, today: date) -> list[UUID]:
    """Whom someone stands in for today."""
    rows = await tx.fetch(
        "select distinct professional from absence where deputy = $1 and from_on <= $2 and (until_on is null or until_on >= $2)"
        " and (ended_on is null or ended_on > $2)",
        deputy,
        today,
    )
    return [row["professional"] for row in rows]


async def caseload(tx: Tx, holder: UUID, after: UUID | None, limit: int) -> list[Case]:
    """Those whom one is tovholder of, or visits."""
    rows = await tx.fetch(
        f"{_CASE} where (c.holder = $1 or c.visitor = $1) and not c.closed and ($2::uuid is null or c.child > $2)"
        " order by c.child limit $3",
        holder,
        after,
        limit,
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
    not_told_because: str | None = None


async def save_overlevering(tx: Tx, secrets: Secrets, given: Overlevering) -> None:
    """Sealed under the child's key; the table takes no change and no deletion afterwards."""
    seal, content = await seal_of(tx, secrets, given.municipality, given.child), given.content
    await tx.execute(
        "insert into overlevering (id, child, municipality, to_unit, to_professional, start, recipient_kind, purpose, basis,"
        " bases, categories, withheld, given_by, given_at, sealed, not_told_because)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        given.id, given.child, given.municipality, given.to_unit, given.to_professional, given.start, given.recipient.kind,
        given.recipient.purpose, content.basis, content.bases, content.categories, list(content.withheld),
        given.given_by, given.given_at,
        seal.close(orjson.dumps(content.parts).decode(), f"{_PLACE}/{given.id}"),
        given.not_told_because,
    )  # fmt: skip


_OVERLEVERING = (
    "select id, child, municipality, to_unit, to_professional, start, recipient_kind, purpose, basis, bases, categories,"
    " withheld, given_by, given_at, not_told_because from overlevering"
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
    # Who took a baton there before the directory's word of the unit had come.
    await tx.later(
        "update child_case c set visitor = holder, visitor_unit = holder_unit from unit u"  # noqa: S608 - our own text
        " where c.holder_unit = $1 and c.visitor is null"
        f" and c.holder is not null and u.id = $1 and u.kind in {_VISITING}",
        unit.unit,
    )


async def save_calendar(tx: Tx, municipality: MunicipalityChanged) -> None:
    await tx.later(
        "insert into municipality (code, closing_days) values ($1, $2)"
        " on conflict (code) do update set closing_days = excluded.closing_days",
        municipality.municipality,
        municipality.closing_days,
    )


async def closing_days(tx: Tx, municipality: str) -> list[date]:
    """The municipality's own closing days; none where nothing has been heard of it."""
    found: list[date] | None = await tx.fetchval("select closing_days from municipality where code = $1", municipality)
    return found or []


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
