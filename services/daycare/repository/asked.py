"""Pluspladser that programmes ask for, in PostgreSQL."""

from datetime import datetime
from uuid import UUID

import asyncpg

from services.chassis.store import Tx
from services.daycare.domain.asked import Asked

_ASKED = (
    "select id, child, municipality, unit, programme, method, due_on, state, holding, reason, answered_by from asked_plusplads"
)


def _asked(row: asyncpg.Record) -> Asked:
    return Asked(**row)


async def ask(tx: Tx, asked: Asked, at: datetime) -> bool:
    """False where it was asked before."""
    done = await tx.execute(
        "insert into asked_plusplads (id, child, municipality, unit, programme, method, asked_at, state, holding, answered_at,"
        " due_on) values ($1, $2, $3, $4, $5, $6, $7, $8::text, $9, case when $8::text <> 'open' then $7::timestamptz end, $10)"
        " on conflict (id) do nothing",
        *(asked.id, asked.child, asked.municipality, asked.unit, asked.programme, asked.method, at, asked.state, asked.holding),
        asked.due_on,
    )
    return bool(done == "INSERT 0 1")


async def one(tx: Tx, number: UUID, for_change: bool = False) -> Asked | None:
    row = await tx.fetchrow(f"{_ASKED} where id = $1{' for no key update' if for_change else ''}", number)
    return _asked(row) if row else None


async def save(tx: Tx, asked: Asked, at: datetime) -> None:
    await tx.execute(
        "update asked_plusplads set state = $2, holding = $3, reason = $4, answered_by = $5, answered_at = $6 where id = $1",
        *(asked.id, asked.state, asked.holding, asked.reason, asked.answered_by, at),
    )


async def open_of(tx: Tx, child: UUID, unit: UUID | None = None) -> list[Asked]:
    """Locked; of one unit or of all."""
    rows = await tx.fetch(
        f"{_ASKED} where child = $1 and state = 'open' and ($2::uuid is null or unit = $2) order by id for no key update",
        *(child, unit),
    )
    return [_asked(row) for row in rows]


async def open_in(tx: Tx, units: list[UUID] | None, holder: UUID | None, after: UUID | None, limit: int) -> list[Asked]:
    """What is still to be answered in these units, or for the children of a tovholder; of living children with a running case.

    `units` None: in all of the municipality's.
    """
    rows = await tx.fetch(
        f"{_ASKED} where state = 'open' and ($3::uuid is null or id > $3) and ($1::uuid[] is null or unit = any ($1) or child in"  # noqa: S608 - no input
        "   (select c.id from child c where c.holder = $2)) and exists (select from child c where c.id = child and not c.closed"
        "   and not c.life_ended) order by id limit $4",
        *(units, holder, after, limit),
    )
    return [_asked(row) for row in rows]


async def save_child(tx: Tx, asked: Asked) -> None:
    """Two references are one child."""
    await tx.execute("update asked_plusplads set child = $2 where id = $1", asked.id, asked.child)
