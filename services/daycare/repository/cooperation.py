"""Talks and cooperation agreements in PostgreSQL."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.chassis.store import Tx
from services.daycare.domain.cooperation import Agreement

_AGREEMENT = (
    "select a.id, a.unit, a.municipality, a.with_unit, a.agreed_on, a.every_months,"
    " (select max(held_on) from meeting m where m.agreement = a.id and m.state = 'held') as last_held_on from agreement a"
    " where a.ended_on is null"
)


async def save_agreement(tx: Tx, agreement: Agreement) -> None:
    """The index `one_agreement_between_two_units` refuses a second one."""
    await tx.execute(
        "insert into agreement (id, unit, municipality, with_unit, agreed_on, every_months) values ($1, $2, $3, $4, $5, $6)",
        *(agreement.id, agreement.unit, agreement.municipality, agreement.with_unit, agreement.agreed_on, agreement.every_months),
    )


async def agreement(tx: Tx, number: UUID) -> Agreement | None:
    row = await tx.fetchrow(f"{_AGREEMENT} and a.id = $1", number)
    return Agreement(**row) if row else None


async def agreements(tx: Tx, unit: UUID | None, after: UUID | None, limit: int) -> list[Agreement]:
    rows = await tx.fetch(
        f"{_AGREEMENT} and ($1::uuid is null or $1 in (a.unit, a.with_unit)) and ($2::uuid is null or a.id > $2)"
        " order by a.id limit $3",
        *(unit, after, limit),
    )
    return [Agreement(**row) for row in rows]


async def save_held(
    tx: Tx, number: UUID, agreement: Agreement, held_on: date, participants: Sequence[UUID], at: datetime
) -> None:
    await tx.execute(
        "insert into meeting (id, unit, municipality, kind, state, held_on, agreement, participants, recorded_at)"
        " values ($1, $2, $3, 'agreement', 'held', $4, $5, $6, $7)",
        *(number, agreement.unit, agreement.municipality, held_on, agreement.id, list(participants), at),
    )


async def save_talk(
    tx: Tx, number: UUID, unit: UUID, municipality: str, topic: str, held_on: date, speakers: Sequence[UUID],
    listeners: int | None, at: datetime,
) -> None:  # fmt: skip
    await tx.execute(
        "insert into meeting (id, unit, municipality, kind, state, held_on, topic, participants, listeners, recorded_at)"
        " values ($1, $2, $3, 'talk', 'held', $4, $5, $6, $7, $8)",
        *(number, unit, municipality, held_on, topic, list(speakers), listeners, at),
    )


async def talks(tx: Tx, unit: UUID, after: UUID | None, limit: int) -> list[Any]:
    return await tx.fetch(
        "select id, unit, topic, held_on, participants as speakers, listeners from meeting where unit = $1 and kind = 'talk'"
        " and ($2::uuid is null or id > $2) order by id limit $3",
        *(unit, after, limit),
    )
