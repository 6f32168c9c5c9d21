"""HTTP of a professional's week: everything that waits for them here, of every kind, by one question."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.chassis.calendar import date_of
from services.chassis.request import OpenReading, answer
from services.chassis.route import UsualRoute
from services.sundhedspleje.domain.programmes.definitions import Programmes
from services.sundhedspleje.endpoints.programmes import line
from services.sundhedspleje.endpoints.related import Looking, visited_by
from services.sundhedspleje.endpoints.screenings import CLASS_OF, follow_up_out, systematic_out
from services.sundhedspleje.repository import courses, in_force, screenings, visits
from services.sundhedspleje.repository.screenings import FollowUp
from services.sundhedspleje.repository.visits import Systematic, Wanted
from services.sundhedspleje.schemas import VisitListed
from services.sundhedspleje.schemas.working import GatheringLine, SessionLine, WeekOut

router = APIRouter(route_class=UsualRoute)

# Until the seventh day from today.
_DAYS = 6
# Whoever works in such a unit visits families.
_VISITING = ("sundhedspleje", "intake")
_GATHERINGS = 200
D = TypeVar("D", FollowUp, Systematic)


@router.get("/week", response_model=WeekOut)
async def see_week(
    request: Looking, limit: Annotated[int, Query(ge=1, le=200, description="The most of each kind.")] = 20
) -> Response:
    """What one must do until the seventh day from today, and what is overdue: each kind as its own list says, the nearest first.

    Visits, follow-ups and systematic screenings for those who visit families, with those of whom one stands in for.
    """
    async with request.begin() as look:
        mine, today = await visited_by(look, "Weeks"), date_of(look.at)
        until = today + timedelta(days=_DAYS)
        week = WeekOut(until_on=until)
        if any(seat.unit_kind in _VISITING for seat in look.caller.seats):
            await _visiting(look, week, mine, today, limit)
        week.joint = await _visits(look, Wanted(invited=mine[0], due_until=until), today, limit)
        await _together(look, week, mine[0], today, limit)
        lists = (week.visits, week.joint, week.follow_ups, week.systematic, week.sessions)
        week.more |= any(len(found) == limit for found in lists)
        return answer(200, week.model_dump())


async def _visiting(look: OpenReading, week: WeekOut, mine: Sequence[UUID], today: date, limit: int) -> None:
    week.visits = await _visits(look, Wanted(visitors=mine, due_until=week.until_on), today, limit)
    follow_ups = _due(await screenings.listed_follow_ups(look.tx, mine, None, None, limit), week.until_on)
    systematic = _due(await visits.listed_systematic(look.tx, mine, None, None, None, limit), week.until_on)
    for it in follow_ups:
        await look.saw(it.child, CLASS_OF[it.whose], "list")
    for one in systematic:
        await look.saw(one.child, "visits", "list")
    week.follow_ups, week.systematic = [follow_up_out(it) for it in follow_ups], [systematic_out(it) for it in systematic]


async def _visits(look: OpenReading, wanted: Wanted, today: date, limit: int) -> list[VisitListed]:
    found = await visits.listed_visits(look.tx, wanted, None, limit)
    for it in found:
        await look.saw(it["child"], "visits", "list")
    return [VisitListed(**it, overdue=it["until_on"] < today) for it in found]


def _due(found: Sequence[D], until: date) -> list[D]:
    """Of lines in the order of their days."""
    return [it for it in found if it.due_on <= until]


async def _together(look: OpenReading, week: WeekOut, person: UUID, today: date, limit: int) -> None:
    """Sessions in whose team one is, and gatherings one is a host of: no family is named."""
    written: dict[str, Programmes] = {}
    for session, course in await courses.sessions_ahead(look.tx, person, None, week.until_on, None, limit):
        known = written.get(course.municipality) or await in_force.programmes(look.tx, course.municipality)
        written[course.municipality] = known
        week.sessions.append(
            SessionLine(
                id=session.id, course=course.id, programme=line(known, course.programme, course.kind), unit=course.unit,
                place=course.place, number=session.number, on_date=session.on_date, overdue=session.on_date < today,
            )
        )  # fmt: skip
    gatherings = await courses.gatherings(look.tx, None, None, _GATHERINGS, host=person, state="planned")
    week.more |= len(gatherings) == _GATHERINGS
    for it in gatherings:
        if it.on_date <= week.until_on:
            known = written.get(it.municipality) or await in_force.programmes(look.tx, it.municipality)
            written[it.municipality] = known
            programme = line(known, it.programme, it.kind)
            week.gatherings.append(GatheringLine(id=it.id, programme=programme, unit=it.unit, on_date=it.on_date))
