"""Places in PostgreSQL: capacities by day, holdings of numbered places, one unit's changes at a time."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.chassis.ids import new_id
from services.chassis.store import Tx
from services.daycare.domain.places import Capacity, Holding, Kind

_HOLDING = (
    "select h.id, h.unit, h.kind, p.number, h.child, h.municipality, h.start, h.method, h.state, h.from_on, h.until_on, h.reason"
    " from holding h join place p on p.id = h.place"
)


async def take_turns(tx: Tx, *units: UUID) -> None:
    """Until this transaction ends nobody else changes the places of these units; in order of key."""
    for unit in sorted(set(units)):
        await tx.execute("select pg_advisory_xact_lock(hashtextextended($1::text, 11))", str(unit))


async def capacities_of(tx: Tx, unit: UUID) -> list[Capacity]:
    rows = await tx.fetch(
        "select unit, municipality, from_on, places, plus_places, high_quality, methods from capacity where unit = $1"
        " order by from_on",
        unit,
    )
    return [Capacity(**{**row, "methods": frozenset(row["methods"])}) for row in rows]


async def save_capacity(tx: Tx, capacity: Capacity, at: datetime) -> None:
    await tx.execute(
        "insert into capacity (unit, municipality, from_on, places, plus_places, high_quality, methods, recorded_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (unit, from_on) do update set places = excluded.places,"
        " plus_places = excluded.plus_places, high_quality = excluded.high_quality, methods = excluded.methods,"
        " recorded_at = excluded.recorded_at",
        capacity.unit, capacity.municipality, capacity.from_on, capacity.places, capacity.plus_places, capacity.high_quality,
        sorted(capacity.methods), at,
    )  # fmt: skip


async def holdings_in(tx: Tx, unit: UUID, kind: Kind | None = None) -> list[Holding]:
    """All that stand, of whatever day."""
    rows = await tx.fetch(
        f"{_HOLDING} where h.unit = $1 and h.state <> 'released' and ($2::text is null or h.kind = $2) order by h.kind, p.number",
        unit,
        kind,
    )
    return [Holding(**row) for row in rows]


async def holdings_of(tx: Tx, child: UUID) -> list[Holding]:
    rows = await tx.fetch(f"{_HOLDING} where h.child = $1 and h.state <> 'released' order by h.id", child)
    return [Holding(**row) for row in rows]


async def holding(tx: Tx, number: UUID) -> Holding | None:
    row = await tx.fetchrow(f"{_HOLDING} where h.id = $1", number)
    return Holding(**row) if row else None


async def save_holdings(tx: Tx, holdings: Sequence[Holding], at: datetime) -> None:
    """In the order given, so that what is released is free for what follows. `a_place_is_held_once` refuses a second holding."""
    for it in holdings:
        await tx.execute(
            "insert into holding (id, place, kind, unit, child, municipality, start, method, state, from_on, until_on,"
            " reserved_at, released_at, reason) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,"
            " case when $9 = 'released' then $12::timestamptz end, $13) on conflict (id) do update set place = excluded.place,"
            " child = excluded.child, start = excluded.start, state = excluded.state, from_on = excluded.from_on,"
            " until_on = excluded.until_on, released_at = excluded.released_at, reason = excluded.reason",
            it.id, await _place(tx, it), it.kind, it.unit, it.child, it.municipality, it.start, it.method, it.state, it.from_on,
            it.until_on, at, it.reason,
        )  # fmt: skip


async def _place(tx: Tx, held: Holding) -> UUID:
    """The place of that number; its row is made when it is first held."""
    found: UUID | None = await tx.fetchval(
        "with new as (insert into place (id, unit, municipality, kind, number) values ($1, $2, $3, $4, $5)"
        " on conflict (unit, kind, number) do nothing returning id)"
        " select id from new union all select id from place where unit = $2 and kind = $4 and number = $5 limit 1",
        *(new_id(), held.unit, held.municipality, held.kind, held.number),
    )
    assert found is not None, "made or found"
    return found


async def board(tx: Tx, municipality: str | None, unit: UUID | None, after: UUID | None, limit: int) -> list[UUID]:
    """Units with pluspladser, now or later, page by page."""
    rows: list[Any] = await tx.fetch(
        "select distinct unit from capacity where plus_places > 0 and ($1::text is null or municipality = $1)"
        " and ($2::uuid is null or unit = $2) and ($3::uuid is null or unit > $3) order by unit limit $4",
        *(municipality, unit, after, limit),
    )
    return [row["unit"] for row in rows]


async def placed(tx: Tx, client: str, reference: str) -> UUID | None:
    """The start that a placement system knows by a reference of its own."""
    found: UUID | None = await tx.fetchval("select start from placement where client = $1 and reference = $2", client, reference)
    return found


async def remember_placement(tx: Tx, client: str, reference: str, municipality: str, start: UUID) -> None:
    await tx.execute(
        "insert into placement (client, reference, municipality, start) values ($1, $2, $3, $4)",
        *(client, reference, municipality, start),
    )


async def unit_municipality(tx: Tx, unit: UUID) -> str | None:
    """Of an active institution or dagpleje that the party may see."""
    found: str | None = await tx.fetchval(
        "select municipality from unit where id = $1 and active and kind in ('institution', 'dagpleje')", unit
    )
    return found


async def latest(tx: Tx, today: date, units: Sequence[UUID]) -> dict[UUID, Capacity]:
    """What each of these units offers today."""
    rows = await tx.fetch(
        "select distinct on (unit) unit, municipality, from_on, places, plus_places, high_quality, methods from capacity"
        " where unit = any ($1) and from_on <= $2 order by unit, from_on desc",
        list(units),
        today,
    )
    return {row["unit"]: Capacity(**{**row, "methods": frozenset(row["methods"])}) for row in rows}
