"""Courses, their teams and sessions, gatherings and trainings in PostgreSQL."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.chassis.errors import Problem
from services.chassis.store import Tx, broken_rule
from services.events.directory import HeldCompetence
from services.events.sundhedspleje import Attendance
from services.sundhedspleje.domain.programmes.courses import (
    ASessionLiesWithinItsCourse,
    Course,
    Member,
    OnlyTheEnrolledAttend,
    Session,
    ThereAreMoreFamiliesThanThat,
)
from services.sundhedspleje.domain.programmes.gatherings import Gathering

_COURSE = (
    "select id, municipality, programme, kind, effective_from, unit, state, place, begins_on, ends_on, capacity, sessions_min,"
    " sessions_max, team from course"
)
_SESSION = "select id, course, number, on_date, state from session"
_GATHERING = "select id, municipality, programme, kind, effective_from, unit, held_in, on_date, hosts, state from gathering"
_RULES: dict[str, type[Problem]] = {
    "never_over_capacity": ThereAreMoreFamiliesThanThat,
    "within_its_course": ASessionLiesWithinItsCourse,
    "only_the_enrolled_attend": OnlyTheEnrolledAttend,
}


def _course(row: asyncpg.Record) -> Course:
    return Course(**{**dict(row), "team": tuple(row["team"])})


async def add_course(tx: Tx, course: Course, by: UUID, at: datetime) -> None:
    await tx.execute(
        "insert into course (id, municipality, programme, kind, effective_from, unit, state, place, begins_on, ends_on, capacity,"
        " sessions_min, sessions_max, team, planned_by, planned_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        course.id, course.municipality, course.programme, course.kind, course.effective_from, course.unit, course.state,
        course.place, course.begins_on, course.ends_on, course.capacity, course.sessions_min, course.sessions_max,
        list(course.team), by, at,
    )  # fmt: skip


async def save_course(tx: Tx, course: Course) -> None:
    """The store refuses fewer places than families, and days that leave a session outside."""
    try:
        await tx.execute(
            "update course set state = $2, place = $3, begins_on = $4, ends_on = $5, capacity = $6, team = $7 where id = $1",
            course.id, course.state, course.place, course.begins_on, course.ends_on, course.capacity, list(course.team),
        )  # fmt: skip
    except asyncpg.PostgresError as error:
        raise broken_rule(error, _RULES) or error from error


async def course(tx: Tx, number: UUID, for_change: bool = False) -> Course | None:
    row = await tx.fetchrow(f"{_COURSE} where id = $1{' for update' if for_change else ''}", number)
    return _course(row) if row else None


async def these(tx: Tx, numbers: Iterable[UUID]) -> dict[UUID, Course]:
    """Courses by id."""
    return {row["id"]: _course(row) for row in await tx.fetch(f"{_COURSE} where id = any ($1)", list(numbers))}


async def courses_of(
    tx: Tx, programme: str | None, after: UUID | None, limit: int, unit: UUID | None = None, member: UUID | None = None
) -> list[Course]:
    """`unit` holds it; `member` is in its team."""
    rows = await tx.fetch(
        f"{_COURSE} where ($1::text is null or programme = $1) and ($2::uuid is null or id > $2)"
        " and ($4::uuid is null or unit = $4) and ($5::uuid is null or $5 = any (team)) order by id limit $3",
        programme, after, limit, unit, member,
    )  # fmt: skip
    return [_course(row) for row in rows]


async def numbers_of(tx: Tx, course: UUID) -> tuple[int, int]:
    """How many places are taken, and how many families wait."""
    row = await tx.fetchrow(
        "select count(*) filter (where course = $1 and place_number is not null) as taken,"
        " count(*) filter (where waits_for = $1) as waiting from enrolment where course = $1 or waits_for = $1",
        course,
    )
    assert row is not None, "one row always"
    return row["taken"], row["waiting"]


async def holds(tx: Tx, professional: UUID, course: UUID) -> bool:
    """Whether someone is in the team of a course."""
    found = await tx.fetchval("select true from course where id = $1 and $2 = any(team)", course, professional)
    return bool(found)


async def members(tx: Tx, professionals: Sequence[UUID], municipality: str, on: date) -> list[Member]:
    """Each with what they are competent in and trained in on that day; in the order asked for."""
    rows = await tx.fetch(
        "select q.id, exists (select from professional p where p.id = q.id and p.municipality = $2"
        "   and p.state <> 'left') as here,"
        " array(select c.competence from competence c where c.professional = q.id and c.from_on <= $3"
        "   and (c.until_on is null or c.until_on >= $3)) as competences,"
        " coalesce((select jsonb_agg(jsonb_build_array(t.method, t.version)) from trained t where t.professional = q.id"
        "   and t.trained_on <= $3), '[]') as trained"
        " from unnest($1::uuid[]) with ordinality q(id, n) order by q.n",
        list(dict.fromkeys(professionals)),
        municipality,
        on,
    )
    return [
        Member(row["id"], row["here"], frozenset(row["competences"]), frozenset((m, v) for m, v in row["trained"]))
        for row in rows
    ]


async def sessions_of(tx: Tx, course: UUID) -> list[Session]:
    return [Session(**row) for row in await tx.fetch(f"{_SESSION} where course = $1 order by number", course)]


async def sessions_planned(tx: Tx, courses: Iterable[UUID], since: date) -> list[Session]:
    """Of these courses those still to be held on that day or later, in their order."""
    rows = await tx.fetch(
        f"{_SESSION} where course = any ($1) and on_date >= $2 and state = 'planned' order by course, number",
        list(courses),
        since,
    )
    return [Session(**row) for row in rows]


async def sessions_ahead(
    tx: Tx, member: UUID | None, unit: UUID | None, until: date | None, after: UUID | None, limit: int
) -> list[tuple[Session, Course]]:
    """Planned sessions of open courses, by their day: those `member` is in the team of, or that `unit` holds."""
    rows = await tx.fetch(
        "select s.id as session, s.number, s.on_date, c.* from session s join course c on c.id = s.course"
        " where s.state = 'planned' and c.state in ('planned', 'running') and ($1::uuid is null or $1 = any (c.team))"
        " and ($2::uuid is null or c.unit = $2) and ($3::date is null or s.on_date <= $3)"
        " and ($4::uuid is null or (s.on_date, s.id) > (select a.on_date, a.id from session a where a.id = $4))"
        " order by s.on_date, s.id limit $5",
        member, unit, until, after, limit,
    )  # fmt: skip
    of_course = [field.name for field in fields(Course)]
    return [
        (
            Session(row["session"], row["id"], row["number"], row["on_date"], "planned"),
            Course(**{**{name: row[name] for name in of_course}, "team": tuple(row["team"])}),
        )
        for row in rows
    ]


async def session(tx: Tx, number: UUID) -> Session | None:
    row = await tx.fetchrow(f"{_SESSION} where id = $1", number)
    return Session(**row) if row else None


async def add_session(tx: Tx, session: Session, course: Course) -> None:
    try:
        await tx.execute(
            "insert into session (id, course, municipality, number, on_date, state, begins_on, ends_on, sessions_max)"
            " values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            session.id, course.id, course.municipality, session.number, session.on_date, session.state, course.begins_on,
            course.ends_on, course.sessions_max,
        )  # fmt: skip
    except asyncpg.PostgresError as error:
        raise broken_rule(error, _RULES) or error from error


async def save_session(tx: Tx, session: Session, held_by: Sequence[UUID] = ()) -> None:
    await tx.execute("update session set state = $2, held_by = $3 where id = $1", session.id, session.state, list(held_by))


async def attendance_of(tx: Tx, sessions: Sequence[UUID]) -> dict[UUID, dict[UUID, Attendance]]:
    """Session → enrolment → whether the family was there."""
    found: dict[UUID, dict[UUID, Attendance]] = {each: {} for each in sessions}
    rows = await tx.fetch("select session, enrolment, attendance from attendance where session = any($1)", list(sessions))
    for row in rows:
        found[row["session"]][row["enrolment"]] = row["attendance"]
    return found


async def save_attendance(
    tx: Tx, session: Session, municipality: str, said: Mapping[UUID, Attendance], by: UUID, at: datetime
) -> None:
    """The store refuses who is not enrolled in the session's course."""
    try:
        for enrolment, attendance in said.items():
            await tx.execute(
                "insert into attendance (session, enrolment, course, municipality, attendance, recorded_by, recorded_at)"
                " values ($1, $2, $3, $4, $5, $6, $7) on conflict (session, enrolment) do update"
                " set attendance = excluded.attendance, recorded_by = excluded.recorded_by, recorded_at = excluded.recorded_at",
                session.id, enrolment, session.course, municipality, attendance, by, at,
            )  # fmt: skip
    except asyncpg.PostgresError as error:
        raise broken_rule(error, _RULES) or error from error


# -- Gatherings -------------------------------------------------------------------------------------------------------------


def _gathering(row: asyncpg.Record) -> Gathering:
    return Gathering(**{**dict(row), "hosts": tuple(row["hosts"])})


async def add_gathering(tx: Tx, gathering: Gathering, by: UUID, at: datetime) -> None:
    await tx.execute(
        "insert into gathering (id, municipality, programme, kind, effective_from, unit, held_in, on_date, hosts, state,"
        " planned_by, planned_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        gathering.id, gathering.municipality, gathering.programme, gathering.kind, gathering.effective_from, gathering.unit,
        gathering.held_in, gathering.on_date, list(gathering.hosts), gathering.state, by, at,
    )  # fmt: skip


async def gathering(tx: Tx, number: UUID, for_change: bool = False) -> Gathering | None:
    row = await tx.fetchrow(f"{_GATHERING} where id = $1{' for update' if for_change else ''}", number)
    return _gathering(row) if row else None


async def gatherings(
    tx: Tx,
    programme: str | None,
    after: UUID | None,
    limit: int,
    unit: UUID | None = None,
    host: UUID | None = None,
    state: str | None = None,
) -> list[Gathering]:
    """`unit` holds it; `host` is among its hosts."""
    rows = await tx.fetch(
        f"{_GATHERING} where ($1::text is null or programme = $1) and ($2::uuid is null or id > $2)"
        " and ($4::uuid is null or unit = $4) and ($5::uuid is null or $5 = any (hosts)) and ($6::text is null or state = $6)"
        " order by id limit $3",
        programme, after, limit, unit, host, state,
    )  # fmt: skip
    return [_gathering(row) for row in rows]


async def save_gathering(tx: Tx, gathering: Gathering, professionals: Iterable[UUID] = (), children: Iterable[UUID] = ()) -> None:
    """As it stands now, and who took part."""
    await tx.execute("update gathering set state = $2 where id = $1", gathering.id, gathering.state)
    for professional in dict.fromkeys(professionals):
        await _add_participant(tx, gathering, professional, None)
    for child in dict.fromkeys(children):
        await _add_participant(tx, gathering, None, child)


async def _add_participant(tx: Tx, gathering: Gathering, professional: UUID | None, child: UUID | None) -> None:
    await tx.later(
        "insert into participant (gathering, municipality, professional, child) values ($1, $2, $3, $4)",
        gathering.id,
        gathering.municipality,
        professional,
        child,
    )


async def participants(tx: Tx, gathering: UUID) -> tuple[list[UUID], list[UUID]]:
    """Professionals and children."""
    rows = await tx.fetch(
        "select professional, child from participant where gathering = $1 order by professional, child", gathering
    )
    return [row["professional"] for row in rows if row["professional"]], [row["child"] for row in rows if row["child"]]


# -- Trainings and competences ------------------------------------------------------------------------------------------------


async def add_training(
    tx: Tx,
    number: UUID,
    municipality: str,
    method: str,
    version: str,
    held_on: date,
    people: Sequence[UUID],
    by: UUID,
    at: datetime,
) -> list[UUID]:
    """Records who has had it; who had it already keeps the earlier day. Returns those it is new for."""
    await tx.execute(
        "insert into training (id, municipality, method, version, held_on, recorded_by, recorded_at)"
        " values ($1, $2, $3, $4, $5, $6, $7)",
        number, municipality, method, version, held_on, by, at,
    )  # fmt: skip
    rows = await tx.fetch(
        "insert into trained (professional, method, version, municipality, trained_on, training)"
        " select p, $2, $3, $4, $5, $6 from unnest($1::uuid[]) p on conflict do nothing returning professional",
        list(dict.fromkeys(people)), method, version, municipality, held_on, number,
    )  # fmt: skip
    return [row["professional"] for row in rows]


async def trained_in(tx: Tx, method: str) -> list[dict[str, Any]]:
    """Everyone of the municipality who has had the training, by version, and who holds the competence of the same code."""
    rows = await tx.fetch(
        "select professional, version, trained_on from trained where method = $1"
        " union all select professional, null, from_on from competence where competence = $1 order by 1, 3",
        method,
    )
    return [dict(row) for row in rows]


async def people_in(tx: Tx, kinds: Sequence[str], municipality: str) -> list[UUID]:
    """Everyone who works in units of these kinds."""
    rows = await tx.fetch(
        "select distinct w.professional from workplace w join professional p on p.id = w.professional and p.state <> 'left'"
        " where w.unit_kind = any($1) and p.municipality = $2 order by 1",
        list(kinds),
        municipality,
    )
    return [row["professional"] for row in rows]


async def save_competences(tx: Tx, professional: UUID, municipality: str, held: Sequence[HeldCompetence]) -> None:
    """All there is of one professional."""
    await tx.execute("delete from competence where professional = $1", professional)
    for each in held:
        await tx.later(
            "insert into competence (professional, municipality, competence, from_on, until_on) values ($1, $2, $3, $4, $5)"
            " on conflict do nothing",
            professional,
            municipality,
            each.competence,
            each.from_on,
            each.until_on,
        )
