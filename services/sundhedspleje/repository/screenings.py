"""Screenings, the thresholds they are measured by, and the follow-ups they open, in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.chassis.store import Tx
from services.events.envelope import Seat
from services.events.sundhedspleje import Whose
from services.sundhedspleje.domain import Case
from services.sundhedspleje.domain.screenings import Result, Threshold


async def thresholds_set(tx: Tx, municipality: str, instrument: str) -> list[Threshold]:
    """Those set over HTTP, oldest first."""
    rows = await tx.fetch(
        "select whose, from_on, score from threshold where municipality = $1 and instrument = $2 order by from_on",
        municipality,
        instrument,
    )
    return [Threshold(**row) for row in rows]


async def save_threshold(tx: Tx, municipality: str, instrument: str, threshold: Threshold, by: UUID, at: datetime) -> None:
    await tx.execute(
        "insert into threshold (municipality, instrument, whose, from_on, score, set_by, set_at)"
        " values ($1, $2, $3, $4, $5, $6, $7)",
        municipality, instrument, threshold.whose, threshold.from_on, threshold.score, by, at,
    )  # fmt: skip


@dataclass(frozen=True)
class Screening:
    """One result. `subject`: whose record it is."""

    id: UUID
    child: UUID
    subject: UUID
    whose: Whose
    municipality: str
    instrument: str
    score: int
    threshold: int | None
    scored_on: date
    by_professional: UUID
    by_unit: UUID
    follow_up: UUID | None
    withdrawn_reason: str | None


_SCREENING = (
    "select id, child, subject, whose, municipality, instrument, score, threshold, scored_on, by_professional, by_unit,"
    " follow_up, withdrawn_reason from screening"
)


async def save_screening(
    tx: Tx, case: Case, number: UUID, subject: UUID, result: Result, on: date, by: Seat, at: datetime, follow_up: UUID | None
) -> None:
    """With its follow-up where there is one: neither stands without the other."""
    await tx.execute(
        "insert into screening (id, child, subject, whose, municipality, instrument, score, lowest, highest, threshold,"
        " scored_on, by_professional, by_unit, recorded_at, follow_up)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        number, case.child, subject, result.whose, case.municipality, result.instrument, result.score, result.lowest,
        result.highest, result.threshold, on, by.professional, by.unit, at, follow_up,
    )  # fmt: skip


async def open_follow_up(tx: Tx, case: Case, number: UUID, screening: UUID, result: Result, today: date) -> None:
    await tx.execute(
        "insert into follow_up (id, screening, child, municipality, instrument, whose, opened_on, due_on)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8)",
        number, screening, case.child, case.municipality, result.instrument, result.whose, today, result.follow_up_due,
    )  # fmt: skip


async def screening(tx: Tx, number: UUID) -> Screening | None:
    row = await tx.fetchrow(f"{_SCREENING} where id = $1", number)
    return Screening(**row) if row else None


async def screenings_of(tx: Tx, child: UUID, parents: bool) -> list[Screening]:
    """The child's own results, or those of its parents."""
    rows = await tx.fetch(f"{_SCREENING} where child = $1 and (whose <> 'child') = $2 order by scored_on, id", child, parents)
    return [Screening(**row) for row in rows]


async def instruments_since(tx: Tx, child: UUID, since: date) -> list[str]:
    """The instruments by which the child has been screened since a day, what was in error apart."""
    rows = await tx.fetch(
        "select distinct instrument from screening where child = $1 and whose = 'child' and scored_on >= $2"
        " and withdrawn_at is null",
        child,
        since,
    )
    return [row["instrument"] for row in rows]


async def withdraw(tx: Tx, number: UUID, reason: str, by: UUID, at: datetime) -> None:
    await tx.execute(
        "update screening set withdrawn_at = $2, withdrawn_by = $3, withdrawn_reason = $4 where id = $1", number, at, by, reason
    )


@dataclass(frozen=True)
class FollowUp:
    """One follow-up as it stands."""

    id: UUID
    screening: UUID
    child: UUID
    municipality: str
    instrument: str
    whose: Whose
    opened_on: date
    due_on: date
    state: str
    outcome: str | None
    ended_by: UUID | None


_FOLLOW_UP = (
    "select f.id, f.screening, f.child, f.municipality, f.instrument, f.whose, f.opened_on, f.due_on, f.state, f.outcome,"
    " f.ended_by from follow_up f"
)


def follow_up_in(row: asyncpg.Record) -> FollowUp:
    return FollowUp(**row)


async def follow_up(tx: Tx, number: UUID) -> FollowUp | None:
    row = await tx.fetchrow(f"{_FOLLOW_UP} where f.id = $1", number)
    return FollowUp(**row) if row else None


async def follow_ups_of(tx: Tx, child: UUID, parents: bool | None = None, state: str | None = None) -> list[FollowUp]:
    """Of the child's own results, of its parents', or of all."""
    rows = await tx.fetch(
        f"{_FOLLOW_UP} where f.child = $1 and ($2::boolean is null or (f.whose <> 'child') = $2)"
        " and ($3::text is null or f.state = $3) order by f.opened_on, f.id",
        child, parents, state,
    )  # fmt: skip
    return [FollowUp(**row) for row in rows]


async def end_follow_up(tx: Tx, number: UUID, outcome: str, by: UUID | None, at: datetime) -> None:
    await tx.execute(
        "update follow_up set state = 'ended', outcome = $2, ended_by = $3, ended_at = $4 where id = $1", number, outcome, by, at
    )


async def listed_follow_ups(
    tx: Tx, visitors: Sequence[UUID], overdue_on: date | None, after: UUID | None, limit: int
) -> list[FollowUp]:
    """Open ones of these health visitors' children, by their date; those of a merged file are the survivor's."""
    rows = await tx.fetch(
        f"{_FOLLOW_UP} join child_case m on m.child = f.child join child_case c on c.child = coalesce(m.merged_into, m.child)"  # noqa: S608 - our own text
        " where f.state = 'open' and not c.closed and c.visitor = any ($1) and ($2::date is null or f.due_on < $2)"
        " and ($3::uuid is null or (f.due_on, f.id) > (select a.due_on, a.id from follow_up a where a.id = $3))"
        " order by f.due_on, f.id limit $4",
        visitors, overdue_on, after, limit,
    )  # fmt: skip
    return [FollowUp(**row) for row in rows]


async def thresholds_of(tx: Tx, municipality: str) -> list[dict[str, Any]]:
    rows = await tx.fetch(
        "select instrument, whose, from_on, score, set_by, set_at from threshold where municipality = $1"
        " order by instrument, whose, from_on",
        municipality,
    )
    return [dict(row) for row in rows]
