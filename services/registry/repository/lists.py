"""Lists and looks back: paged, in order of id, only what row-level security and the person's own part in it let through."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.chassis.store import Tx

# Whose children someone may list: their own, those of the units they lead or that stand below, and of those they stand for.
_SEATS = """
with seats as materialized (
  select s.professional, s.unit from seat s where s.professional = $1
  union select s.professional, s.unit from leadership l join seat s on s.unit = l.unit where l.professional = $1
  union select s.professional, s.unit from deputised d join seat s on s.professional = d.professional where d.deputy = $1)
"""
_CHILDREN = """
select a.child_id, c.municipality, c.status, c.version, a.professional, a.unit, a.why, a.started_at,
    a.unseen, a.seen_due_at, a.seen_level,
    h.id as handover, h.state, h.receiver, h.receiver_unit, h.due_at, h.effective_on, h.asked_at, h.overdue_at, h.level
  from {whose} join child c on c.id = a.child_id
    left join handover h on h.child_id = a.child_id and h.state in ('proposed', 'scheduled')
  where {who} and a.open and ($2::uuid is null or a.professional = $2) and ($3::uuid is null or a.unit = $3)
    and ($4::boolean is null or (h.overdue_at is not null) = $4) and ($5::boolean is null or (a.unseen is not null) = $5)
    and ($6::uuid is null or a.child_id > $6) and ($8::text is null or a.why = $8)
  order by a.child_id limit $7
"""
_OF_SOMEONE = _SEATS + _CHILDREN.format(whose="seats join assignment a using (professional, unit)", who="true")
_OF_ANYONE = _CHILDREN.format(whose="assignment a", who="$1::uuid is null")
_HANDOVERS = """
select h.id, h.child_id, h.state, h.municipality, h.giver, h.giver_unit, h.receiver, h.receiver_unit, h.reason, h.proposed_at,
    h.due_at, h.effective_on, h.asked_at, h.overdue_at, h.level, h.closed_at
  from {whose}
  where {who} and ($2::uuid is null or h.receiver = $2) and ($3::text[] is null or h.state = any ($3))
    and ($4::uuid is null or h.id > $4)
    and ($6::uuid is null or h.giver = $6) and ($7::uuid is null or $7 in (h.receiver_unit, h.giver_unit))
    and ($8::timestamptz is null or h.due_at < $8) and ($9::boolean is null or (h.overdue_at is not null) = $9)
    and ($10::boolean is null or (h.level > 0) = $10)
  order by h.id limit $5
"""
# Each part by a key of its own, and together: one condition with an `or` for each would be looked for in everyone's handovers.
_PARTS = """
with concerned as materialized (
  select h.id from handover h where h.receiver = $1 and {so}
  union select h.id from handover h where h.giver = $1 and {so}
  union select h.id from handover h where h.proposer = $1 and h.proposer <> h.giver and {so}
  union select h.id from leadership l join seat s on s.unit = l.unit
    join handover h on h.receiver = s.professional and h.receiver_unit = s.unit where l.professional = $1 and {so}
  union select h.id from leadership l join seat s on s.unit = l.unit
    join handover h on h.giver = s.professional and h.giver_unit = s.unit where l.professional = $1 and {so}
  union select h.id from deputised d join handover h on h.receiver = d.professional where d.deputy = $1 and {so})
"""
_WANTED = (
    "($2::uuid is null or h.receiver = $2) and ($3::text[] is null or h.state = any ($3)) and ($4::uuid is null or h.id > $4)"
)
_CONCERNED = _PARTS.format(so=_WANTED)
_CONCERNING_SOMEONE = _CONCERNED + _HANDOVERS.format(whose="concerned join handover h using (id)", who="true")
_CONCERNING_ANYONE = _HANDOVERS.format(whose="handover h", who="$1::uuid is null")
_CASELOADS = """
select s.professional, s.unit,
    (select count(*) from assignment a where a.professional = s.professional and a.unit = s.unit and a.open)::int as children,
    (select count(*) from handover h
      where h.receiver = s.professional and h.receiver_unit = s.unit and h.state = 'proposed')::int as waiting
  from seat s where s.unit = $1 and s.open order by s.professional
"""
_LINK = """
select a.episode, a.seq, a.municipality, a.professional, a.unit, a.why, a.by, a.reason, a.started_at,
    nullif(a.finished_at, 'infinity') as finished_at, a.handover, a.seen_at, h.proposer, h.accepted_by
  from assignment a left join handover h on h.id = a.handover where a.child_id = $1
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which children: held by someone, in a unit, with an overdue handover, not yet seen by their tovholder; None = either.

    `why`: how their tovholder came to hold the baton, as by standing in or reopening.
    """

    holder: UUID | None = None
    unit: UUID | None = None
    overdue: bool | None = None
    unseen: bool | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Which handovers; None = any. `unit`: the receiver's or the giver's. `state`: a state, or `open`."""

    to: UUID | None = None
    from_: UUID | None = None
    unit: UUID | None = None
    state: str | None = None
    due_before: datetime | None = None
    overdue: bool | None = None
    escalated: bool | None = None


async def children(tx: Tx, person: UUID | None, wanted: Wanted, after: UUID | None, limit: int) -> list[Any]:
    """Children and their tovholdere as things are now, for a person (None: a service, which sees all)."""
    query = _OF_SOMEONE if person else _OF_ANYONE
    return await tx.fetch(query, person, wanted.holder, wanted.unit, wanted.overdue, wanted.unseen, after, limit, wanted.why)


async def handovers(tx: Tx, person: UUID | None, asked: Asked, after: UUID | None, limit: int) -> list[Any]:
    """Handovers that concern a person (None: a service, which sees all), oldest first."""
    states = ["proposed", "scheduled"] if asked.state == "open" else [asked.state] if asked.state else None
    return await tx.fetch(
        _CONCERNING_SOMEONE if person else _CONCERNING_ANYONE,
        person,
        asked.to,
        states,
        after,
        limit,
        asked.from_,
        asked.unit,
        asked.due_before,
        asked.overdue,
        asked.escalated,
    )


async def assignments(tx: Tx, child: UUID) -> Sequence[Any]:
    """The chain of a child's tovholdere, oldest first, with why and by whom each link began."""
    return await tx.fetch(f"{_LINK} order by a.episode, a.seq", child)


async def assignment_at(tx: Tx, child: UUID, at: datetime) -> Any | None:
    """Who held the baton at an instant; None before the first and between two episodes."""
    return await tx.fetchrow(f"{_LINK} and a.started_at <= $2 and a.finished_at > $2", child, at)


async def caseloads(tx: Tx, unit: UUID) -> Sequence[Any]:
    """How many children each person of a unit holds there, and how many they are asked to take, as far as the party sees."""
    return await tx.fetch(_CASELOADS, unit)
