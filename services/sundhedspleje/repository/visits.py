"""Visits, who takes part in them, what decides on them, and the systematic screenings they open, in PostgreSQL."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.chassis.store import Tx
from services.events.envelope import Seat
from services.sundhedspleje.domain import Case
from services.sundhedspleje.domain.visits import Family, Participant, Visit
from services.sundhedspleje.repository import in_force

_VISIT = (
    "select v.id, v.kind, v.from_on, v.until_on, v.state, v.by_hand, v.because, v.reason, v.declined_reason, v.joint_with,"
    " v.held_on, v.held_where, v.settled_by, v.development from visit v"
)


def _visit(row: asyncpg.Record) -> Visit:
    return Visit(**{**row, "because": tuple(row["because"]), "joint_with": tuple(row["joint_with"])})


async def visits_of(tx: Tx, child: UUID) -> list[Visit]:
    return [_visit(row) for row in await tx.fetch(f"{_VISIT} where v.child = $1 order by v.from_on, v.kind, v.id", child)]


async def child_of_visit(tx: Tx, number: UUID) -> UUID | None:
    found: UUID | None = await tx.fetchval("select child from visit where id = $1", number)
    return found


async def visit_of(tx: Tx, number: UUID) -> Visit:
    """One that the caller knows to be there."""
    row = await tx.fetchrow(f"{_VISIT} where v.id = $1", number)
    assert row is not None
    return _visit(row)


async def save_visits(tx: Tx, case: Case, visits: Iterable[Visit]) -> None:
    """As the plan asks. The caller holds the case: nobody has changed these visits since they were read."""
    for visit in visits:
        if visit.is_need_visit:
            await tx.later("update visit set state = $2 where id = $1", visit.id, visit.state)
            continue
        await tx.later(
            "insert into visit (id, child, municipality, kind, from_on, until_on, state, by_hand, because, joint_with)"
            " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (id) do update set from_on = excluded.from_on,"
            " until_on = excluded.until_on, state = excluded.state, by_hand = excluded.by_hand, because = excluded.because,"
            " joint_with = excluded.joint_with, overdue_said = false",
            visit.id, case.child, case.municipality, visit.kind, visit.from_on, visit.until_on, visit.state, visit.by_hand,
            list(visit.because), list(visit.joint_with),
        )  # fmt: skip


async def lapse(tx: Tx, visits: Iterable[Visit]) -> None:
    for visit in visits:
        await tx.later("update visit set state = 'lapsed' where id = $1", visit.id)


async def settle(tx: Tx, visit: Visit) -> None:
    """What people did with a visit."""
    await tx.execute(
        "update visit set from_on = $2, until_on = $3, state = $4, by_hand = $5, declined_reason = $6, held_on = $7,"
        " held_where = $8, settled_by = $9, development = $10,"
        " overdue_said = overdue_said and from_on = $2 and until_on = $3 where id = $1",
        visit.id, visit.from_on, visit.until_on, visit.state, visit.by_hand, visit.declined_reason, visit.held_on,
        visit.held_where, visit.settled_by, visit.development,
    )  # fmt: skip


async def grant(tx: Tx, case: Case, visit: Visit, by: UUID, at: datetime) -> None:
    await tx.execute(
        "insert into visit (id, child, municipality, kind, from_on, until_on, by_hand, reason, granted_by, granted_at)"
        " values ($1, $2, $3, $4, $5, $6, true, $7, $8, $9)",
        visit.id, case.child, case.municipality, visit.kind, visit.from_on, visit.until_on, visit.reason, by, at,
    )  # fmt: skip


async def planned_by(tx: Tx, child: UUID, plan_on: date) -> None:
    await tx.later("update child_case set plan_on = $2 where child = $1 and plan_on is distinct from $2", child, plan_on)


async def to_plan_again(tx: Tx, since: Mapping[str, date | None], limit: int) -> list[UUID]:
    """Children that have moved, or whose visits follow a plan from before their municipality's last one for all.

    `since`: municipality → date of effect of that plan, None where it has none.
    """
    rows = await tx.fetch(
        "select c.child from unnest($1::bpchar[], $2::date[]) m(code, since) cross join lateral (select child from child_case"
        "   where municipality = m.code and not closed and not life_ended and (plan_on is null or plan_on < m.since)"
        "   order by plan_on nulls first limit $3) c limit $3",
        list(since), list(since.values()), limit,
    )  # fmt: skip
    return [row["child"] for row in rows]


async def municipalities(tx: Tx) -> list[str]:
    return [row["code"] for row in await tx.fetch("select code from municipality order by code")]


# -- Who takes part ---------------------------------------------------------------------------------------------------------


async def participants_of(tx: Tx, visit: UUID) -> list[tuple[Participant, bool | None]]:
    """Each with whether they took part, None before the visit was held."""
    rows = await tx.fetch(
        "select professional, unit, unit_kind, took_part from visit_participant where visit = $1 order by unit, professional",
        visit,
    )
    return [
        (Participant(Seat(professional=row["professional"], unit=row["unit"]), row["unit_kind"]), row["took_part"])
        for row in rows
    ]


async def save_participants(
    tx: Tx, case: Case, visit: UUID, participants: Sequence[Participant], took_part: bool | None = None
) -> None:
    """These and no others are to take part; after a visit, those who were invited and not named did not."""
    if took_part is None:
        await tx.execute("delete from visit_participant where visit = $1", visit)
    else:
        await tx.execute("update visit_participant set took_part = false where visit = $1", visit)
    for it in participants:
        await tx.later(
            "insert into visit_participant (visit, professional, unit, unit_kind, municipality, took_part)"
            " values ($1, $2, $3, $4, $5, $6) on conflict (visit, professional, unit)"
            " do update set took_part = excluded.took_part",
            visit, it.seat.professional, it.seat.unit, it.unit_kind, case.municipality, took_part,
        )  # fmt: skip


async def participant(tx: Tx, seat: Seat, municipality: str) -> Participant | None:
    """None where they do not work in an active unit of the municipality."""
    kind = await tx.fetchval(
        "select u.kind from unit u join workplace w on w.unit = u.id where u.id = $1 and w.professional = $2 and u.active"
        " and u.municipality = $3",
        seat.unit, seat.professional, municipality,
    )  # fmt: skip
    return Participant(seat, kind) if kind else None


async def takes_part(tx: Tx, visit: UUID, professional: UUID | None) -> bool:
    found = await tx.fetchval("select true from visit_participant where visit = $1 and professional = $2", visit, professional)
    return bool(found)


# -- What decides on visits -------------------------------------------------------------------------------------------------


async def family_of(tx: Tx, child: UUID) -> Family:
    row = await tx.fetchrow(
        "select array(select criterion from family_criterion where child = $1 and ended_at is null) as criteria,"
        " (select count(*) from visit where child = $1 and kind = 'need-visit' and state <> 'lapsed')::int as need_visits,"
        " (select json_agg(json_build_array(programme, effective_from)) from enrolment where child = $1"
        "   and kind = 'visit-series' and state in ('accepted', 'running', 'completed')) as series",
        child,
    )
    assert row is not None
    return Family(frozenset(row["criteria"]), row["need_visits"], await _kinds(tx, child, row["series"] or ()))


async def _kinds(tx: Tx, child: UUID, series: Sequence[tuple[str, str]]) -> frozenset[str]:
    """The kinds of contact of visit series, each as it was offered."""
    if not series:
        return frozenset()
    written = await in_force.programmes(tx, await tx.fetchval("select municipality from child_case where child = $1", child))
    offered = [written.as_offered(key, date.fromisoformat(since)) for key, since in series]
    return frozenset(kind for programme in offered if programme for kind in programme.visits)


@dataclass(frozen=True)
class Recorded:
    """A criterion as it was recorded of a family."""

    id: UUID
    child: UUID
    criterion: str
    recorded_by: UUID
    recorded_at: datetime
    ended_at: datetime | None


async def criteria_of(tx: Tx, child: UUID) -> list[Recorded]:
    rows = await tx.fetch(
        "select id, child, criterion, recorded_by, recorded_at, ended_at from family_criterion where child = $1"
        " order by recorded_at, id",
        child,
    )
    return [Recorded(**row) for row in rows]


async def criterion(tx: Tx, number: UUID) -> Recorded | None:
    row = await tx.fetchrow(
        "select id, child, criterion, recorded_by, recorded_at, ended_at from family_criterion where id = $1", number
    )
    return Recorded(**row) if row else None


async def record_criterion(tx: Tx, case: Case, number: UUID, code: str, by: UUID, at: datetime) -> UUID:
    """Its number; that of the one that stands, where the same was recorded before."""
    await tx.execute(
        "insert into family_criterion (id, child, municipality, criterion, recorded_by, recorded_at)"
        " values ($1, $2, $3, $4, $5, $6) on conflict (child, criterion) where ended_at is null do nothing",
        number, case.child, case.municipality, code, by, at,
    )  # fmt: skip
    stands: UUID = await tx.fetchval(
        "select id from family_criterion where child = $1 and criterion = $2 and ended_at is null", case.child, code
    )
    return stands


async def end_criterion(tx: Tx, number: UUID, by: UUID, at: datetime) -> None:
    await tx.execute(
        "update family_criterion set ended_by = $2, ended_at = $3 where id = $1 and ended_at is null", number, by, at
    )


# -- The systematic screening of who is granted a need-based visit ------------------------------------------------------------


@dataclass(frozen=True)
class Systematic:
    """One systematic screening as it stands."""

    id: UUID
    visit: UUID
    child: UUID
    municipality: str
    opened_on: date
    due_on: date
    parts: tuple[str, ...]
    parts_done: tuple[str, ...]
    state: str

    @property
    def missing(self) -> list[str]:
        return [part for part in self.parts if part not in self.parts_done]


_SYSTEMATIC = (
    "select s.id, s.visit, s.child, s.municipality, s.opened_on, s.due_on, s.parts, s.parts_done, s.state"
    " from systematic_screening s"
)


def systematic(row: asyncpg.Record) -> Systematic:
    return Systematic(**{**row, "parts": tuple(row["parts"]), "parts_done": tuple(row["parts_done"])})


async def open_systematic(tx: Tx, it: Systematic) -> None:
    await tx.execute(
        "insert into systematic_screening (id, visit, child, municipality, opened_on, due_on, parts)"
        " values ($1, $2, $3, $4, $5, $6, $7)",
        it.id, it.visit, it.child, it.municipality, it.opened_on, it.due_on, list(it.parts),
    )  # fmt: skip


async def systematic_of(tx: Tx, child: UUID) -> list[Systematic]:
    return [systematic(row) for row in await tx.fetch(f"{_SYSTEMATIC} where s.child = $1 order by s.opened_on, s.id", child)]


async def save_parts(tx: Tx, number: UUID, done: Sequence[str], state: str) -> None:
    await tx.execute("update systematic_screening set parts_done = $2, state = $3 where id = $1", number, list(done), state)


async def lapse_systematic(tx: Tx, child: UUID) -> None:
    await tx.later("update systematic_screening set state = 'lapsed' where child = $1 and state = 'open'", child)


async def resume_systematic(tx: Tx, child: UUID) -> None:
    """Those of visits that are planned again, or were held."""
    await tx.execute(
        "update systematic_screening s set state = 'open' from visit v where s.child = $1 and s.state = 'lapsed'"
        " and v.id = s.visit and v.state <> 'lapsed'",
        child,
    )


# -- Lists ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """Which visits a list is of. `visitors`, `unit`: whose children; `invited`: visits that one takes part in.

    `due_until`: whose window has begun by then; `overdue_on`: whose window was over before then; both of those planned.
    """

    visitors: Sequence[UUID] | None = None
    unit: UUID | None = None
    invited: UUID | None = None
    due_until: date | None = None
    overdue_on: date | None = None
    need: bool | None = None
    state: str | None = None


# Only what is asked for stands in the statement: PostgreSQL then finds it by the index that narrows it most.
_CONDITIONS = {
    "visitors": "c.visitor = any ({0})",
    "unit": "c.visitor_unit = {0}",
    "invited": "exists (select from visit_participant p where p.visit = v.id and p.professional = {0})",
    "due_until": "v.from_on <= {0} and v.state = 'planned'",
    "overdue_on": "v.until_on < {0} and v.state = 'planned'",
    "need": "(v.kind = 'need-visit') = {0}",
    "state": "v.state = {0}",
    "after": "(v.from_on, v.id) > (select a.from_on, a.id from visit a where a.id = {0})",
}


async def listed_visits(tx: Tx, wanted: Wanted, after: UUID | None, limit: int) -> list[dict[str, Any]]:
    """By their first day, of cases that are not closed."""
    asked = {name: value for name, value in {**vars(wanted), "after": after}.items() if value is not None}
    where = [_CONDITIONS[name].format(f"${number}") for number, name in enumerate(asked, 1)]
    rows = await tx.fetch(
        "select v.id, v.child, v.municipality, v.kind, v.from_on, v.until_on, v.state,"  # noqa: S608 - our own text
        " exists (select from visit_participant p where p.visit = v.id) as joint"
        f" from visit v join child_case c on c.child = v.child where {' and '.join(['not c.closed', *where])}"
        f" order by v.from_on, v.id limit ${len(asked) + 1}",
        *asked.values(),
        limit,
    )
    return [dict(row) for row in rows]


async def listed_systematic(
    tx: Tx, visitors: Sequence[UUID] | None, unit: UUID | None, overdue_on: date | None, after: UUID | None, limit: int
) -> list[Systematic]:
    """Those still to be done, by their date."""
    rows = await tx.fetch(
        f"{_SYSTEMATIC} join child_case c on c.child = s.child where s.state = 'open' and not c.closed"  # noqa: S608 - our own text
        " and ($1::uuid[] is null or c.visitor = any ($1)) and ($2::uuid is null or c.visitor_unit = $2)"
        " and ($3::date is null or s.due_on < $3)"
        " and ($4::uuid is null or (s.due_on, s.id) > (select a.due_on, a.id from systematic_screening a where a.id = $4))"
        " order by s.due_on, s.id limit $5",
        visitors, unit, overdue_on, after, limit,
    )  # fmt: skip
    return [systematic(row) for row in rows]
