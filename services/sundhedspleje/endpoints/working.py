"""What professionals work by: the codes they may choose from, the sessions ahead of them, and their families' enrolments."""

from datetime import date, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.chassis.calendar import date_of
from services.chassis.errors import NotAllowed, NotUnderstood
from services.chassis.request import answer
from services.chassis.route import UsualRoute
from services.chassis.store import Tx
from services.sundhedspleje.domain.programmes.courses import Course, Session
from services.sundhedspleje.endpoints import programmes
from services.sundhedspleje.endpoints.related import Limit, Looking, last_of, stands, visited_by
from services.sundhedspleje.repository import courses as stored
from services.sundhedspleje.repository import enrolments, in_force, plans, written
from services.sundhedspleje.schemas.working import (
    ChoicesOut,
    CriterionChoice,
    InstrumentChoice,
    OpenEnrolmentsOut,
    SessionLine,
    SessionsOut,
)

router = APIRouter(route_class=UsualRoute)


@router.get("/choices", response_model=ChoicesOut)
async def see_choices(request: Looking) -> Response:
    """The reasons, criteria, instruments and outcomes of one's own municipality, in the order of its files."""
    async with request.begin() as look:
        municipality = look.caller.party.municipality
        if municipality is None:
            raise NotAllowed("These codes are a municipality's.")
        visits = await written.visit_plans(look.tx, municipality, date_of(look.at))
        screenings = plans.screenings(municipality, request.runtime.settings.plans_folder)
        instruments = [
            InstrumentChoice(code=it.code, whose=it.whose, lowest=it.range[0], highest=it.range[1], results=it.results)
            for it in screenings.instruments
        ]
        out = ChoicesOut(
            decline_reasons=list(visits.decline_reasons),
            need_visit_reasons=list(visits.need_visit_reasons),
            criteria=[CriterionChoice(code=it.code, says=it.says) for it in visits.criteria],
            instruments=instruments,
            outcomes=[it.code for it in screenings.outcomes],
        )
        return answer(200, out.model_dump())


@router.get("/sessions", response_model=SessionsOut)
async def see_sessions(
    request: Looking,
    team: Literal["me"] | None = None,
    unit: UUID | None = None,
    due: Annotated[Literal["week"] | None, Query(description="Until the seventh day from today.")] = None,
    due_until: date | None = None,
    after: UUID | None = None,
    limit: Limit = 50,
) -> Response:
    """Sessions still to be held of open courses: of those in whose team one is, or of a unit one works in. No family is named."""
    if (team, unit) == (None, None):
        raise NotUnderstood("Say whose: team=me or unit=….")
    async with request.begin() as look:
        if look.caller.professional is None or (unit and not look.caller.works_in(unit)):
            raise NotAllowed("A unit's sessions are for the people who work there.")
        today = date_of(look.at)
        until = due_until or (today + timedelta(days=6) if due else None)
        found = await stored.sessions_ahead(look.tx, look.caller.professional if team else None, unit, until, after, limit)
        lines = [await _line(look.tx, session, course, today) for session, course in found]
        return answer(200, SessionsOut(sessions=lines, next=found[-1][0].id if len(found) == limit else None).model_dump())


@router.get("/enrolments", response_model=OpenEnrolmentsOut)
async def see_open_enrolments(request: Looking, holder: Literal["me"], after: UUID | None = None, limit: Limit = 50) -> Response:
    """Offered, accepted, waiting or running: of one's own families, and of those of whom one stands in for, the oldest first."""
    async with request.begin() as look:
        mine = await visited_by(look, "Enrolments")
        found = await enrolments.open_of(look.tx, mine, after, limit)
        shown = []
        for each in found:
            _, relations = await stands(look.tx, each.child, look.caller, look.at)
            await look.saw(each.child, "programmes", "list")
            written = await in_force.programmes(look.tx, each.municipality)
            shown.append(await programmes.shown(look.tx, written, each, relations))
        return answer(200, OpenEnrolmentsOut(enrolments=shown, next=last_of(list(found), limit)).model_dump())


async def _line(tx: Tx, session: Session, course: Course, today: date) -> SessionLine:
    written = await in_force.programmes(tx, course.municipality)
    return SessionLine(
        id=session.id, course=course.id, programme=programmes.line(written, course.programme, course.kind), unit=course.unit,
        place=course.place, number=session.number, on_date=session.on_date, overdue=session.on_date < today,
    )  # fmt: skip
