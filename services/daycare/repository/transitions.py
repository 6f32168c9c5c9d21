"""Transitions in PostgreSQL: checklists, meetings with families, settings by day, and the list of arriving children."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.chassis.store import Tx
from services.daycare.domain import Start
from services.daycare.domain.transition import DEFAULT, Checklist, Meeting, Setting, Settling
from services.daycare.repository import START_COLUMNS, save_start
from services.events.envelope import Seat

_CHECKLIST = ("overlevering", "meeting", "method", "continues", "baton", "baton_by", "warned_for")
_MEETING = "select id, start, child, unit, municipality, state, held_on, participants from meeting"


async def checklist_of(tx: Tx, start: UUID) -> Checklist:
    row = await tx.fetchrow(f"select {', '.join(_CHECKLIST)} from checklist where start = $1", start)  # noqa: S608 - no input
    return Checklist(**row) if row else Checklist()


async def save_settling(tx: Tx, settling: Settling, at: datetime) -> None:
    """The start, its checklist, and the meeting if one was decided on."""
    start, it = settling.start, settling.checklist
    await save_start(tx, start, at)
    await tx.execute(
        "insert into checklist (start, municipality, overlevering, meeting, method, continues, baton, baton_by, baton_at,"
        " warned_for) values ($1, $2, $3, $4, $5, $6, $7, $8, case when $7::text is not null then $10::timestamptz end, $9)"
        " on conflict (start) do update set overlevering = excluded.overlevering, meeting = excluded.meeting,"
        " method = excluded.method, continues = excluded.continues, baton = excluded.baton, baton_by = excluded.baton_by,"
        " baton_at = case when checklist.baton is distinct from excluded.baton then excluded.baton_at"
        " else checklist.baton_at end,"
        " warned_for = excluded.warned_for",
        start.id, start.municipality, it.overlevering, it.meeting, it.method, it.continues, it.baton, it.baton_by, it.warned_for,
        at,
    )  # fmt: skip
    if settling.meeting:
        await _save_meeting(tx, settling.meeting, at)


async def _save_meeting(tx: Tx, meeting: Meeting, at: datetime) -> None:
    await tx.execute(
        "insert into meeting (id, unit, municipality, kind, state, held_on, child, start, participants, recorded_at)"
        " values ($1, $2, $3, 'with-family', $4, $5, $6, $7, $8, $9) on conflict (id) do update set state = excluded.state,"
        " held_on = excluded.held_on",
        meeting.id, meeting.unit, meeting.municipality, meeting.state, meeting.held_on, meeting.child, meeting.start,
        list(meeting.participants), at,
    )  # fmt: skip


async def carry_method(tx: Tx, start: Start, method: str | None, at: datetime) -> None:
    """The method that a plusplads is for is the one to go on with, unless somebody has named one."""
    checklist = await checklist_of(tx, start.id)
    if method and checklist.method is None:
        await save_settling(tx, Settling(start, replace(checklist, method=method)), at)


async def meeting(tx: Tx, number: UUID) -> Meeting | None:
    """Locked, so that of two outcomes one finds the other."""
    row = await tx.fetchrow(f"{_MEETING} where id = $1 and kind = 'with-family' for no key update", number)
    return Meeting(**{**row, "participants": tuple(row["participants"])}) if row else None


async def meetings_of(tx: Tx, start: UUID) -> list[Meeting]:
    rows = await tx.fetch(f"{_MEETING} where start = $1 order by held_on, id", start)
    return [Meeting(**{**row, "participants": tuple(row["participants"])}) for row in rows]


async def settings_of(tx: Tx, municipality: str) -> list[Setting]:
    rows = await tx.fetch(
        "select from_on, baton, warn_days, plusplads_days from setting where municipality = $1 order by from_on", municipality
    )
    return [Setting(**row) for row in rows]


async def save_setting(tx: Tx, municipality: str, setting: Setting, at: datetime) -> None:
    await tx.execute(
        "insert into setting (municipality, from_on, baton, warn_days, plusplads_days, recorded_at)"
        " values ($1, $2, $3, $4, $5, $6) on conflict (municipality, from_on) do update set baton = excluded.baton,"
        " warn_days = excluded.warn_days, plusplads_days = excluded.plusplads_days, recorded_at = excluded.recorded_at",
        *(municipality, setting.from_on, setting.baton, setting.warn_days, setting.plusplads_days, at),
    )


@dataclass(frozen=True)
class Arrival:
    """A start that lies ahead, with its checklist and the child's tovholder."""

    start: Start
    checklist: Checklist
    tovholder: Seat | None


_COLUMNS = ", ".join([*(f"s.{name}" for name in START_COLUMNS), *(f"l.{name} as l_{name}" for name in _CHECKLIST)])
_FROM = "from start s join child c on c.id = s.child left join checklist l on l.start = s.id"
_AHEAD = "where s.state in ('planned', 'prepared')"
# What `missing` of the domain says, for lists: tests compare the two.
_LACKS = """ and (l.overlevering is null or l.overlevering = 'nothing-passed' or l.meeting is null or s.pedagogue is null
  or (l.method is not null and l.continues is null))"""


async def arrivals(
    tx: Tx, units: list[UUID], holder: UUID | None, holder_units: list[UUID], until: date | None, incomplete: bool,
    after: Start | None, limit: int,
) -> list[Arrival]:  # fmt: skip
    """In order of day: those who start in one of `units`, are held by `holder`, or held in one of `holder_units`."""
    rows = await tx.fetch(
        f"select {_COLUMNS}, c.holder, c.holder_unit {_FROM} {_AHEAD}"
        " and (s.unit = any ($1) or c.holder = $2 or c.holder_unit = any ($3)) and ($4::date is null or s.starts_on <= $4)"
        " and ($5::date is null or (s.starts_on, s.id) > ($5, $6))"
        f"{_LACKS if incomplete else ''} order by s.starts_on, s.id limit $7",
        units, holder, holder_units, until, after.starts_on if after else None, after.id if after else None, limit,
    )  # fmt: skip
    return [_arrival(row) for row in rows]


async def near(tx: Tx, today: date, limit: int) -> list[tuple[Arrival, int]]:
    """Incomplete transitions whose start is so near that people are to be told, and have not been; with that number of days.

    Of living children only; locked.
    """
    rows = await tx.fetch(
        f"select {_COLUMNS}, c.holder, c.holder_unit, d.warn_days {_FROM}"  # noqa: S608 - no input
        " cross join lateral (select coalesce((select warn_days from setting t where t.municipality = s.municipality"
        f" and t.from_on <= $1 order by t.from_on desc limit 1), $2::int) as warn_days) d {_AHEAD}"
        " and s.starts_on > $1 and s.starts_on <= $1 + d.warn_days and not c.life_ended"
        f" and l.warned_for is distinct from s.starts_on {_LACKS} order by s.starts_on, s.id limit $3 for no key update of s",
        *(today, DEFAULT.warn_days, limit),
    )
    return [(_arrival(row), row["warn_days"]) for row in rows]


def _arrival(row: Any) -> Arrival:
    return Arrival(
        Start(*(row[name] for name in START_COLUMNS)),
        Checklist(*(row[f"l_{name}"] for name in _CHECKLIST)),
        Seat(professional=row["holder"], unit=row["holder_unit"]) if row["holder"] and row["holder_unit"] else None,
    )
