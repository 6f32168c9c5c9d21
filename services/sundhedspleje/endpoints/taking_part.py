"""HTTP of what a family takes part in: its open enrolments with the group's place and days, and nothing of the other families."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from fastapi import APIRouter, Response

from services.chassis.calendar import date_of
from services.chassis.errors import require
from services.chassis.request import answer
from services.chassis.route import UsualRoute
from services.events.access import may
from services.sundhedspleje.domain.programmes.courses import Course, Session
from services.sundhedspleje.domain.programmes.definitions import Programmes
from services.sundhedspleje.domain.programmes.enrolling import OPEN, Enrolment
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
        open_ = [each for each in await enrolments.of_child(look.tx, child_ref) if each.state in OPEN]
        groups = {found for each in open_ if (found := each.course or each.waits_for)}
        known = await courses.these(look.tx, groups) if groups else {}
        ahead = await courses.sessions_planned(look.tx, groups, today) if groups else []
        turns = await enrolments.turns_of(look.tx, [it.id for it in open_]) if groups else {}
        out = [_taken(each, known, ahead, turns.get(each.id), written) for each in open_]
        return answer(200, TakesPartOut(takes_part=out).model_dump(mode="json"))


def _taken(
    each: Enrolment, known: Mapping[UUID, Course], ahead: Sequence[Session], turn: int | None, written: Programmes
) -> TakesPart:
    group = each.course or each.waits_for
    course = known.get(group) if group else None
    days = [SessionDay(number=it.number, on_date=it.on_date) for it in ahead if it.course == each.course]
    return TakesPart(
        enrolment=each.id, state=each.state, programme=line(written, each.programme, each.kind), turn=turn,
        unit=course.unit if course else each.unit,
        place=next((it.title for it in written.places if course and it.key == course.place), None),
        begins_on=course.begins_on if course else None, ends_on=course.ends_on if course else None, sessions=days,
    )  # fmt: skip
