"""Starts in PostgreSQL, and the projections of registry and directory that decide who may plan them and where."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg

from services.chassis.store import Tx
from services.daycare.domain import Child, Stands, Start, Unit
from services.events.directory import AbsenceEnded, AbsenceRegistered, IntakeChanged, UnitChanged
from services.events.envelope import Seat
from services.events.registry import HandoverProposed, SupporterJoined, SupporterLeft

START_COLUMNS = ("id", "child", "municipality", "unit", "starts_on", "pedagogue", "state", "private", "overlevering", "cause")
_START = f"select {', '.join(START_COLUMNS)} from start"  # noqa: S608 - no input


async def save_child(tx: Tx, child: Child, version: int) -> None:
    await tx.later(
        "insert into child (id, municipality, status, version) values ($1, $2, $3, $4) on conflict (id) do nothing",
        child.id,
        child.municipality,
        child.status,
        version,
    )


async def record_birth(tx: Tx, child: UUID, version: int) -> None:
    await tx.later("update child set status = 'born', version = $2 where id = $1 and version < $2", child, version)


async def record_holder(tx: Tx, child: UUID, holder: Seat, municipality: str, version: int) -> None:
    """Written with its like in one go: nothing is read per event. An older version changes nothing."""
    await tx.later(
        "update child set holder = $2, holder_unit = $3, version = $4, municipality = $5 where id = $1 and version < $4",
        child,
        holder.professional,
        holder.unit,
        version,
        municipality,
    )


async def knows(tx: Tx, child: UUID) -> bool:
    """Whether the child is registered; its row is locked."""
    return bool(await tx.fetchval("select true from child where id = $1 for update", child))


async def record_closing(tx: Tx, child: UUID, closed: bool, version: int) -> None:
    """A closed case has no holder. Who holds a reopened one is said next."""
    await tx.execute(
        "update child set closed = $2, holder = null, version = $3 where id = $1 and version < $3", child, closed, version
    )


async def record_end_of_life(tx: Tx, child: UUID, ended: bool) -> None:
    await tx.execute("update child set life_ended = $2 where id = $1", child, ended)


async def link(tx: Tx, child: UUID, merged_into: UUID | None) -> None:
    await tx.execute("update child set merged_into = $2 where id = $1", child, merged_into)


async def open_start(tx: Tx, child: UUID) -> Start | None:
    """Locked."""
    row = await tx.fetchrow(f"{_START} where child = $1 and state in ('planned', 'prepared') for update", child)
    return _start(row) if row else None


@dataclass(frozen=True)
class Standing:
    """A child and how one professional stands to it besides holding the baton."""

    child: Child
    stands: Stands


async def standings(tx: Tx, children: Collection[UUID], professional: UUID | None, today: date) -> dict[UUID, Standing]:
    """By child; those the party may not see are left out."""
    rows = await tx.fetch(
        "select c.id, c.municipality, c.status, c.holder, c.holder_unit, c.closed, c.life_ended, c.merged_into,"
        "  exists (select from absence a where a.professional = c.holder and a.deputy = $2 and a.from_on <= $3"
        "    and (a.until_on is null or a.until_on >= $3) and (a.ended_on is null or a.ended_on > $3)) as deputises,"
        "  exists (select from supporter s where s.child = c.id and s.professional = $2"
        "    and (s.until_on is null or s.until_on >= $3)) as supports,"
        "  exists (select from receiver r where r.child = c.id and r.professional = $2) as receives,"
        "  exists (select from intake i where i.municipality = c.municipality and $2 in (i.lead, i.deputy)) as takes_in"
        " from child c where c.id = any ($1)",
        list(children),
        professional,
        today,
    )
    return {
        row["id"]: Standing(
            Child(
                *(row["id"], row["municipality"], row["status"], row["holder"], row["holder_unit"]),
                *(row["closed"], row["life_ended"], row["merged_into"]),
            ),
            Stands(row["deputises"], row["supports"], row["receives"], row["takes_in"]),
        )
        for row in rows
    }


async def unit_of(tx: Tx, unit: UUID, municipality: str) -> Unit | None:
    row = await tx.fetchrow("select id, kind, private, active from unit where id = $1 and municipality = $2", unit, municipality)
    return Unit(**row) if row else None


async def works_in(tx: Tx, professional: UUID, unit: UUID) -> bool:
    return bool(await tx.fetchval("select true from workplace where professional = $1 and unit = $2", professional, unit))


def _start(row: asyncpg.Record) -> Start:
    return Start(*(row[name] for name in START_COLUMNS))


async def start_of(tx: Tx, number: UUID, for_change: bool = False) -> Start | None:
    row = await tx.fetchrow(f"{_START} where id = $1{' for update' if for_change else ''}", number)
    return _start(row) if row else None


async def version_of(tx: Tx, child: UUID) -> int:
    """The last version of what daycare has said of a child."""
    return int(await tx.fetchval("select version from subject where id = $1", child) or 0)


async def starts(tx: Tx, unit: UUID | None, child: UUID | None, after: UUID | None, limit: int) -> list[Start]:
    rows = await tx.fetch(
        f"{_START} where ($1::uuid is null or unit = $1) and ($2::uuid is null or child = $2) and ($3::uuid is null or id > $3)"
        " order by id limit $4",
        unit,
        child,
        after,
        limit,
    )
    return [_start(row) for row in rows]


async def due(tx: Tx, today: date, limit: int) -> list[tuple[Start, str]]:
    """Open starts of born children whose date has come, locked, each with the child's status."""
    rows = await tx.fetch(
        "select s.id, s.child, s.municipality, s.unit, s.starts_on, s.pedagogue, s.state, s.private, s.overlevering, s.cause,"
        " c.status as child_status from start s join child c on c.id = s.child"
        " where s.state in ('planned', 'prepared') and s.starts_on <= $1 and c.status = 'born' and not c.life_ended"
        " order by s.id limit $2"
        " for update of s",
        today,
        limit,
    )
    return [(_start(row), row["child_status"]) for row in rows]


async def plan_start(tx: Tx, start: Start, at: datetime) -> None:
    """The index `one_open_start` refuses a second open start of the child."""
    await tx.execute(
        "insert into start (id, child, municipality, unit, starts_on, pedagogue, state, private, planned_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        start.id,
        start.child,
        start.municipality,
        start.unit,
        start.starts_on,
        start.pedagogue,
        start.state,
        start.private,
        at,
    )


async def save_start(tx: Tx, start: Start, at: datetime) -> None:
    """A decided change. `at`: when it was cancelled or the child started."""
    await tx.execute(
        "update start set starts_on = $2, state = $3, overlevering = $4, cause = $5, child = $7, pedagogue = $8,"
        " started_at = case when $3 in ('started', 'settled') then coalesce(started_at, $6::timestamptz) end,"
        " settled_at = case when $3 = 'settled' then coalesce(settled_at, $6::timestamptz) end,"
        " cancelled_at = case when $3 = 'cancelled' then coalesce(cancelled_at, $6::timestamptz) end where id = $1",
        start.id,
        start.starts_on,
        start.state,
        start.overlevering,
        start.cause,
        at,
        start.child,
        start.pedagogue,
    )


async def save_unit(tx: Tx, unit: UnitChanged) -> None:
    await tx.later(
        "insert into unit (id, municipality, kind, private, active, parent) values ($1, $2, $3, $4, $5, $6)"
        " on conflict (id) do update set municipality = excluded.municipality, kind = excluded.kind, private = excluded.private,"
        " active = excluded.active, parent = excluded.parent",
        unit.unit,
        unit.municipality,
        unit.kind,
        unit.private,
        unit.active,
        unit.parent,
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


async def save_receiver(tx: Tx, proposed: HandoverProposed) -> None:
    await tx.later(
        "insert into receiver (child, handover, professional, municipality) values ($1, $2, $3, $4)"
        " on conflict (child) do update set handover = excluded.handover, professional = excluded.professional,"
        " municipality = excluded.municipality",
        proposed.child,
        proposed.handover,
        proposed.receiver.professional,
        proposed.municipality,
    )


async def remove_receiver(tx: Tx, child: UUID, handover: UUID) -> None:
    await tx.later("delete from receiver where child = $1 and handover = $2", child, handover)


async def save_intake(tx: Tx, intake: IntakeChanged) -> None:
    await tx.later(
        "insert into intake (municipality, district, lead, deputy) values ($1, $2, $3, $4)"
        " on conflict (municipality, district) do update set lead = excluded.lead, deputy = excluded.deputy",
        intake.municipality,
        intake.district,
        intake.lead.professional,
        intake.deputy.professional,
    )
