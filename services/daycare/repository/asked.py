"""Pluspladser that programmes ask for, in PostgreSQL."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg

from services.chassis.store import Tx
from services.daycare.domain.asked import Asked
from services.events.envelope import Seat

_ASKED = (
    "select id, child, municipality, unit, programme, method, due_on, state, holding, reason, answered_by, overdue_said,"
    " put_to from asked_plusplads"
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


async def open_in(
    tx: Tx, units: list[UUID] | None, holder: UUID | None, put_to: UUID | None, after: UUID | None, limit: int
) -> list[Asked]:
    """What is still to be answered in these units, for the children of a tovholder, or put to a leader when it was overdue.

    Of living children with a running case. `units` None: in all of the municipality's.
    """
    rows = await tx.fetch(
        f"{_ASKED} where state = 'open' and ($3::uuid is null or id > $3) and ($1::uuid[] is null or unit = any ($1) or child in"  # noqa: S608 - no input
        "   (select c.id from child c where c.holder = $2) or put_to = $5)"
        " and exists (select from child c where c.id = child and not c.closed and not c.life_ended) order by id limit $4",
        *(units, holder, after, limit, put_to),
    )
    return [_asked(row) for row in rows]


async def save_child(tx: Tx, asked: Asked) -> None:
    """Two references are one child."""
    await tx.execute("update asked_plusplads set child = $2 where id = $1", asked.id, asked.child)


# A leader of the unit where the tovholder works, or above it; else of the institution that is asked, else of the intake.
# Who is away today, or is the tovholder, only where there is nobody else. A private unit's own leader is not asked.
_LEADER = """
with recursive above as (
  select id, parent, private, 1 as side, 0 as step from unit where id = $1
  union all select id, parent, private, 2, 0 from unit where id = $2
  union all select u.id, u.parent, u.private, above.side, above.step + 1 from above join unit u on u.id = above.parent
    where above.step < 10),
leaders as (
  select w.professional, w.unit, a.side, a.step from above a join workplace w on w.unit = a.id and w.leads where not a.private
  union all select w.professional, w.unit, 3, 0 from intake i
    join workplace w on w.professional in (i.lead, i.deputy) and w.unit_kind = 'intake' where i.municipality = $3)
select professional, unit from leaders order by exists (select from absence b where b.professional = leaders.professional
    and b.from_on <= $5 and (b.until_on is null or b.until_on >= $5) and (b.ended_on is null or b.ended_on > $5)),
  professional is not distinct from $4::uuid, side, step, professional limit 1
"""


@dataclass(frozen=True)
class Unanswered:
    """A task whose last day has passed, the child's tovholder, and the leader who is to see to it."""

    asked: Asked
    tovholder: Seat | None
    leader: Seat | None


async def unanswered(tx: Tx, today: date, limit: int) -> list[Unanswered]:
    """Those of which it has not been said yet, of living children with a running case, locked."""
    rows = await tx.fetch(
        "select a.id, a.child, a.municipality, a.unit, a.programme, a.method, a.due_on, a.state, a.holding, a.reason,"
        " a.answered_by, a.overdue_said, a.put_to, c.holder, c.holder_unit from asked_plusplads a join child c on c.id = a.child"
        " where a.state = 'open' and a.due_on < $1 and a.overdue_said is distinct from a.due_on and not c.closed"
        " and not c.life_ended order by a.due_on, a.id limit $2 for no key update of a",
        *(today, limit),
    )
    return [await _unanswered(tx, row, today) for row in rows]


async def _unanswered(tx: Tx, row: asyncpg.Record, today: date) -> Unanswered:
    found = dict(row)
    holder, holder_unit = found.pop("holder"), found.pop("holder_unit")
    tovholder = Seat(professional=holder, unit=holder_unit) if holder and holder_unit else None
    asked = Asked(**found)
    leads = await tx.fetchrow(_LEADER, holder_unit, asked.unit, asked.municipality, holder, today)
    return Unanswered(asked, tovholder, Seat(professional=leads["professional"], unit=leads["unit"]) if leads else None)


async def save_overdue(tx: Tx, asked: Asked) -> None:
    await tx.execute(
        "update asked_plusplads set overdue_said = $2, put_to = $3 where id = $1", asked.id, asked.overdue_said, asked.put_to
    )
