"""HTTP of what a family takes part in: its open enrolments with the group's place and days, and nothing of the other families."""

from uuid import UUID

from fastapi import APIRouter, Response

from services.chassis.calendar import date_of
from services.chassis.errors import require
from services.chassis.request import answer
from services.chassis.route import UsualRoute
from services.events.access import may
from services.sundhedspleje.domain.programmes.enrolling import OPEN
from services.sundhedspleje.endpoints.programmes import line
from services.sundhedspleje.endpoints.related import Looking, stands
from services.sundhedspleje.repository import courses, enrolments, in_force
from services.sundhedspleje.schemas.programmes import SessionDay, TakesPart, TakesPartOut

router = APIRouter(route_class=UsualRoute)


@router.get("/cases/{child_ref}/taking-part", response_model=TakesPartOut)
async def see_taking_part(child_ref: UUID, request: Looking) -> Response:
    """What the family is offered, waits for or takes part in, with the days of its group that lie ahead, today's among them."""
    async with request.begin() as look:
        standing, relations = await stands(look.tx, child_ref, look.caller, look.at)
        require(may(relations, "programmes", "see"), bool(relations))
        await look.saw(child_ref, "programmes")
        written, today = await in_force.programmes(look.tx, standing.case.municipality), date_of(look.at)
        out = []
        for each in await enrolments.of_child(look.tx, child_ref):
            if each.state not in OPEN:
                continue
            found = each.course or each.waits_for
            course = await courses.course(look.tx, found) if found else None
            place = next((it.title for it in written.places if course and it.key == course.place), None)
            sessions = await courses.sessions_of(look.tx, course.id) if course else []
            out.append(
                TakesPart(
                    enrolment=each.id, state=each.state, programme=line(written, each.programme, each.kind),
                    turn=await enrolments.turn_of(look.tx, each), unit=course.unit if course else each.unit,
                    place=place, begins_on=course.begins_on if course else None,
                    ends_on=course.ends_on if course else None,
                    sessions=[
                        SessionDay(number=it.number, on_date=it.on_date)
                        for it in sessions
                        if it.on_date >= today and it.state == "planned" and each.course
                    ],
                )
            )  # fmt: skip
        return answer(200, TakesPartOut(takes_part=out).model_dump(mode="json"))
