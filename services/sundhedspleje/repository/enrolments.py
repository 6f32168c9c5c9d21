"""Enrolments in PostgreSQL: a family's place, its turn to wait, and what is known of it when it is offered something."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.chassis.calendar import date_of
from services.chassis.errors import Problem
from services.chassis.sealed import seal_of
from services.chassis.settings import Secrets
from services.chassis.store import Tx, broken_rule
from services.sundhedspleje.domain import Case
from services.sundhedspleje.domain.programmes.courses import NeverMoreFamiliesThanPlaces
from services.sundhedspleje.domain.programmes.definitions import NeededConsent
from services.sundhedspleje.domain.programmes.eligibility import Facts, Screened
from services.sundhedspleje.domain.programmes.enrolling import (
    HOLDS_A_PLACE,
    OPEN,
    Continuing,
    Enrolment,
    Room,
    ThisFamilyHasAnOpenOffer,
)

_PLACE = "enrolment.sealed"
_OF = (
    "select id, child, municipality, programme, kind, effective_from, state, because, offered_by, unit, course, waits_for,"
    " reason, continues, continued_by from enrolment"
)
_RULES: dict[str, type[Problem]] = {
    "one_open_enrolment": ThisFamilyHasAnOpenOffer,
    "never_over_capacity": NeverMoreFamiliesThanPlaces,
    "one_family_on_a_place": NeverMoreFamiliesThanPlaces,
    # What holds a place has a number: there was none left to give.
    "a_place_is_held_or_free": NeverMoreFamiliesThanPlaces,
}


def _enrolment(row: asyncpg.Record) -> Enrolment:
    return Enrolment(**{**dict(row), "because": tuple(row["because"])})


async def facts_of(tx: Tx, case: Case, on: date) -> Facts:
    """What sundhedspleje knows of a family on a day: of each instrument and person the latest result that stands.

    A first-time parent: no other pregnancy of the mother is known here.
    """
    row = await tx.fetchrow(
        "select array(select programme from enrolment where child = $1 and state = 'completed') as completed,"
        " exists (select from child_case o where o.mother = $2 and coalesce(o.sibling_of, o.child) <> $3) as has_another,"
        " exists (select from visit v where v.child = $1 and v.kind = 'need-visit' and v.state in ('planned', 'held'))"
        "   as granted,"
        " array(select criterion from family_criterion where child = $1 and ended_at is null) as vulnerabilities,"
        " coalesce((select jsonb_agg(jsonb_build_array(r.instrument, r.whose, r.above)) from ("
        "   select distinct on (instrument, whose) instrument, whose, coalesce(score >= threshold, false) as above"
        "   from screening where child = $1 and withdrawn_at is null"
        "   order by instrument, whose, scored_on desc, recorded_at desc) r), '[]') as screenings",
        case.child,
        case.mother,
        case.sibling_of or case.child,
    )
    assert row is not None, "one row always"
    return Facts(
        on=on,
        status=case.status,
        due_on=case.due_on,
        born_on=case.born_on,
        first_time_parent=None if case.mother is None else not row["has_another"],
        need_visit_granted=row["granted"],
        vulnerabilities=frozenset(row["vulnerabilities"]),
        screenings=tuple(Screened(instrument, whose, above) for instrument, whose, above in row["screenings"]),
        completed=frozenset(row["completed"]),
    )


async def add(tx: Tx, offered: Enrolment, consent: NeededConsent | None, at: datetime) -> None:
    """ThisFamilyHasAnOpenOffer where one is there already, also of two at once."""
    try:
        await tx.execute(
            "insert into enrolment (id, child, municipality, programme, kind, effective_from, state, because, offered_by, unit,"
            " offered_at, consent) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            offered.id, offered.child, offered.municipality, offered.programme, offered.kind, offered.effective_from,
            offered.state, list(offered.because), offered.offered_by, offered.unit, at,
            consent.model_dump() if consent else None,
        )  # fmt: skip
    except asyncpg.PostgresError as error:
        raise broken_rule(error, _RULES) or error from error


async def times_of(tx: Tx, number: UUID) -> dict[str, datetime | None]:
    """When it was offered, answered and over, as far as it has come."""
    row = await tx.fetchrow("select offered_at, answered_at, ended_at from enrolment where id = $1", number)
    assert row is not None, "never deleted"
    return dict(row)


async def open_of(tx: Tx, professionals: Sequence[UUID], after: UUID | None, limit: int) -> list[Enrolment]:
    """Those not yet over, of families these professionals visit or are tovholder for, in the order of the offers."""
    rows = await tx.fetch(
        f"{_OF} where state = any ($1) and child in"  # noqa: S608 - our own text
        " (select child from child_case where not closed and (visitor = any ($2) or holder = any ($2)))"
        " and ($3::uuid is null or (offered_at, id) > (select a.offered_at, a.id from enrolment a where a.id = $3))"
        " order by offered_at, id limit $4",
        sorted(OPEN), list(professionals), after, limit,
    )  # fmt: skip
    return [_enrolment(row) for row in rows]


async def save(tx: Tx, enrolment: Enrolment, at: datetime, sealed: bytes | None = None) -> None:
    """A place gets the smallest free number, a turn the next one: the course is locked before, by `room_of`."""
    turn = None
    if enrolment.waits_for:
        turn = await tx.fetchval(
            "update course set last_turn = last_turn + 1 where id = $1 returning last_turn", enrolment.waits_for
        )
    try:
        await tx.execute(
            "update enrolment e set state = $2, course = $3, waits_for = $4, reason = $5, continues = $6, continued_by = $7,"
            " turn = case when $4::uuid is null then null else coalesce(e.turn, $8) end,"
            " course_capacity = (select capacity from course where id = $3),"
            " place_number = case when $3::uuid is null or not $9 then null else coalesce(e.place_number, (select min(n)"
            "   from course c, generate_series(1, c.capacity) n where c.id = $3 and not exists"
            "   (select from enrolment o where o.course = $3 and o.place_number = n))) end,"
            " answered_at = case when e.state = 'offered' and $2 <> 'stopped' then $10 else e.answered_at end,"
            " ended_at = case when $11 then null else $10 end, sealed = coalesce($12, e.sealed) where id = $1",
            enrolment.id, enrolment.state, enrolment.course, enrolment.waits_for, enrolment.reason, enrolment.continues,
            enrolment.continued_by, turn, enrolment.state in HOLDS_A_PLACE, at, enrolment.state in OPEN, sealed,
        )  # fmt: skip
    except asyncpg.PostgresError as error:
        raise broken_rule(error, _RULES) or error from error


async def sealed(tx: Tx, secrets: Secrets, enrolment: Enrolment, text: str | None) -> bytes | None:
    """What was said besides the reason's code, under the child's key."""
    if text is None:
        return None
    seal = await seal_of(tx, secrets, enrolment.municipality, enrolment.child)
    return seal.close(text, f"{_PLACE}/{enrolment.id}")


async def text_of(tx: Tx, secrets: Secrets, enrolment: Enrolment) -> str | None:
    kept = await tx.fetchval("select sealed from enrolment where id = $1", enrolment.id)
    if kept is None:
        return None
    seal = await seal_of(tx, secrets, enrolment.municipality, enrolment.child)
    return seal.open(kept, f"{_PLACE}/{enrolment.id}")


async def enrolment(tx: Tx, number: UUID) -> Enrolment | None:
    row = await tx.fetchrow(f"{_OF} where id = $1", number)
    return _enrolment(row) if row else None


async def locked(tx: Tx, number: UUID, course: UUID | None = None) -> Enrolment | None:
    """For change. The course it has to do with, or is to have to do with, is locked first: in this order everywhere."""
    found = await enrolment(tx, number)
    courses = sorted({each for each in (course, found.course if found else None, found.waits_for if found else None) if each})
    await tx.fetch("select from course where id = any($1) order by id for update", courses)
    row = await tx.fetchrow(f"{_OF} where id = $1 for update", number)
    return _enrolment(row) if row else None


async def of_child(tx: Tx, child: UUID) -> list[Enrolment]:
    return [_enrolment(row) for row in await tx.fetch(f"{_OF} where child = $1 order by offered_at, id", child)]


async def open_of_child(tx: Tx, child: UUID) -> list[Enrolment]:
    """Locked, their courses before them."""
    await tx.fetch(
        "select from course where id in (select coalesce(course, waits_for) from enrolment where child = $1 and state = any($2))"
        " order by id for update",
        child,
        list(OPEN),
    )
    rows = await tx.fetch(f"{_OF} where child = $1 and state = any($2) order by id for update", child, list(OPEN))
    return [_enrolment(row) for row in rows]


async def of_course(tx: Tx, course: UUID, states: Sequence[str]) -> list[Enrolment]:
    rows = await tx.fetch(
        f"{_OF} where (course = $1 or waits_for = $1) and state = any($2) order by turn nulls first, place_number, id",
        course,
        list(states),
    )
    return [_enrolment(row) for row in rows]


async def next_in_line(tx: Tx, course: UUID) -> Enrolment | None:
    """Who has waited longest, for change."""
    row = await tx.fetchrow(f"{_OF} where waits_for = $1 order by turn limit 1 for update", course)
    return _enrolment(row) if row else None


async def turn_of(tx: Tx, enrolment: Enrolment) -> int | None:
    """The place on the waiting list, from 1."""
    if enrolment.waits_for is None:
        return None
    found: int = await tx.fetchval(
        "select count(*) from enrolment where waits_for = $1 and turn <= (select turn from enrolment where id = $2)",
        enrolment.waits_for,
        enrolment.id,
    )
    return found


async def turns_of(tx: Tx, numbers: Sequence[UUID]) -> dict[UUID, int]:
    """The places of these enrolments on their waiting lists, from 1; of those that wait."""
    rows = await tx.fetch(
        "select e.id, (select count(*) from enrolment o where o.waits_for = e.waits_for and o.turn <= e.turn) as turn"
        " from enrolment e where e.id = any ($1) and e.waits_for is not null",
        list(numbers),
    )
    return {row["id"]: row["turn"] for row in rows}


async def room_of(tx: Tx, course: UUID) -> Room | None:
    """A course as places in it are given, locked: nobody else gives one meanwhile. Free places are for those who wait first."""
    row = await tx.fetchrow("select id, programme, state, capacity from course where id = $1 for update", course)
    if row is None or row["state"] not in ("planned", "running"):
        return None
    used: int = await tx.fetchval(
        "select count(*) from enrolment where (course = $1 and place_number is not null) or waits_for = $1", course
    )
    return Room(course, row["programme"], row["state"] == "running", row["capacity"] - used)


async def consent_of(tx: Tx, enrolment: UUID) -> NeededConsent | None:
    """The consent that the family must have given to take part, as the programme said when it was offered."""
    found: dict[str, Any] | None = await tx.fetchval("select consent from enrolment where id = $1", enrolment)
    return NeededConsent.model_validate(found) if found else None


async def continuing(tx: Tx, unit: UUID, professional: UUID | None, municipality: str, method: str | None) -> Continuing:
    """The unit that is to go on, and whether somebody who works there knows the method."""
    row = await tx.fetchrow(
        "select u.kind, u.active, $2::uuid is null or exists (select from workplace w where w.unit = u.id"
        "   and w.professional = $2) as works_there,"
        " exists (select from workplace w where w.unit = u.id and (exists (select from trained t where t.professional ="
        "   w.professional and t.method = $4) or exists (select from competence c where c.professional = w.professional"
        "   and c.competence = $4 and c.from_on <= $5 and (c.until_on is null or c.until_on >= $5)))) as trained"
        " from unit u where u.id = $1 and u.municipality = $3",
        unit,
        professional,
        municipality,
        method,
        date_of(await tx.now()),
    )
    if row is None:
        return Continuing(unit, "", False, professional, False, False)
    return Continuing(unit, row["kind"], row["active"], professional, row["works_there"], row["trained"])


async def renumber(tx: Tx, course: UUID) -> None:
    """The families' places from 1 on without a gap, so that the number of places can be lowered to that of the families."""
    rows = await tx.fetch("select id from enrolment where course = $1 and place_number is not null order by place_number", course)
    for number, row in enumerate(rows, start=1):
        await tx.execute("update enrolment set place_number = $2 where id = $1", row["id"], number)
