"""Gatherings and trainings over HTTP: consultations, talks and forums with who took part, and who has had which training."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.chassis.calendar import date_of
from services.chassis.errors import NotAllowed, NotFound
from services.chassis.ids import new_id
from services.chassis.party import Caller
from services.chassis.request import OpenChange, OpenReading, answer
from services.chassis.route import UsualRoute
from services.events.access import may
from services.sundhedspleje import repository
from services.sundhedspleje.domain.programmes import courses, gatherings
from services.sundhedspleje.domain.programmes.gatherings import Gathering
from services.sundhedspleje.endpoints.programmes import line, method_out
from services.sundhedspleje.endpoints.related import Changing, Looking, stands
from services.sundhedspleje.repository import courses as stored
from services.sundhedspleje.repository import written as files
from services.sundhedspleje.schemas.programmes import (
    GatheringChangedOut,
    GatheringHeldIn,
    GatheringIn,
    GatheringOut,
    GatheringsOut,
    MethodTrainedOut,
    TrainedOut,
    TrainingIn,
    TrainingOut,
)

router = APIRouter(route_class=UsualRoute)


@router.get("/gatherings", response_model=GatheringsOut)
async def see_gatherings(
    request: Looking,
    programme: Annotated[str | None, Query(max_length=63)] = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """The municipality's consultations, talks and forums, page by page; no child is named."""
    async with request.begin() as look:
        _professional_of(look.caller)
        found = await stored.gatherings(look.tx, programme, after, limit)
        shown = [await _out(look, each, children=False) for each in found]
        last = found[-1].id if len(found) == limit else None
        return answer(200, GatheringsOut(gatherings=shown, next=last).model_dump())


@router.get("/gatherings/{number}", response_model=GatheringOut)
async def see_gathering(number: UUID, request: Looking) -> Response:
    """One gathering and who took part; children for those who hold it."""
    async with request.begin() as look:
        professional, _ = _professional_of(look.caller)
        found = await stored.gathering(look.tx, number)
        if found is None:
            raise NotFound("There is no such gathering, or not for you.")
        holds = professional in found.hosts or look.caller.works_in(found.unit)
        return answer(200, (await _out(look, found, children=holds)).model_dump())


@router.post("/gatherings", status_code=201, response_model=GatheringChangedOut)
async def plan_gathering(body: GatheringIn, request: Changing) -> Response:
    """A consultation, a talk or a forum, by the programme as it is in force today."""
    async with request.begin() as opened:
        professional, municipality = _professional_of(opened.caller)
        unit = await repository.unit_of(opened.tx, body.unit, municipality)
        courses.may_hold(unit.kind if unit else None, unit.active if unit else False)
        courses.may_change(opened.caller.works_in(body.unit), is_here=True)
        there = await repository.unit_of(opened.tx, body.held_in, municipality) if body.held_in else None
        if body.held_in and there is None:
            raise NotFound("There is no such unit to hold it in, or not for you.")
        hosts = body.hosts or [professional]
        await _all_work_here(opened, hosts, municipality)
        written = await files.programmes(opened.tx, municipality, date_of(opened.at))
        programme, held_in = written.programme(body.programme, date_of(opened.at)), (there.id, there.kind) if there else None
        planned, said = gatherings.plan(new_id(), municipality, programme, body.unit, held_in, body.on_date, hosts)
        await stored.add_gathering(opened.tx, planned, professional, opened.at)
        opened.tx.publish(planned.id, said, dataref=f"/sundhedspleje/gatherings/{planned.id}")
        return await _answered(opened, 201, planned)


@router.post("/gatherings/{number}/held", response_model=GatheringChangedOut)
async def hold_gathering(number: UUID, body: GatheringHeldIn, request: Changing) -> Response:
    """It was held. Each child named is one that the caller works with."""
    async with request.begin() as opened:
        found = await _changing(opened, number)
        await _all_work_here(opened, body.professionals, found.municipality)
        held, said = gatherings.hold(found, date_of(opened.at), set(body.professionals), set(body.children))
        for child in dict.fromkeys(body.children):
            _, relations = await stands(opened.tx, child, opened.caller, opened.at)
            if not may(relations, "programmes", "act"):
                raise gatherings.TheseAreNotKnownHere
        await stored.save_gathering(opened.tx, held, body.professionals, body.children)
        opened.tx.publish(held.id, said, expected=opened.expected, dataref=f"/sundhedspleje/gatherings/{held.id}")
        return await _answered(opened, 200, held)


@router.post("/gatherings/{number}/cancellation", response_model=GatheringChangedOut)
async def cancel_gathering(number: UUID, request: Changing) -> Response:
    """It is not held."""
    async with request.begin() as opened:
        cancelled, said = gatherings.cancel(await _changing(opened, number))
        await stored.save_gathering(opened.tx, cancelled)
        opened.tx.publish(cancelled.id, said, expected=opened.expected, dataref=f"/sundhedspleje/gatherings/{cancelled.id}")
        return await _answered(opened, 200, cancelled)


# -- Trainings ------------------------------------------------------------------------------------------------------------------


@router.post("/trainings", status_code=201, response_model=TrainingOut)
async def record_training(body: TrainingIn, request: Changing) -> Response:
    """A leader records who has had the training in a method; who had it already keeps the earlier day."""
    async with request.begin() as opened:
        professional, municipality = _professional_of(opened.caller)
        if not any(seat.leads for seat in opened.caller.seats):
            raise gatherings.OnlyALeaderRecordsTraining
        people = list(dict.fromkeys(body.professionals))
        await _all_work_here(opened, people, municipality)
        method = (await files.programmes(opened.tx, municipality, date_of(opened.at))).method(body.method)
        version, number = body.version or (method.version if method else ""), new_id()
        said = gatherings.train(number, method, version, municipality, body.held_on, date_of(opened.at), people)
        new = await stored.add_training(
            opened.tx, number, municipality, body.method, version, body.held_on, people, professional, opened.at
        )
        for each in said:
            if each.professional in new:
                opened.tx.publish(each.professional, each)
        had_it = [each for each in people if each not in new]
        return await opened.answer(201, TrainingOut(id=number, trained=new, had_it_before=had_it).model_dump(mode="json"))


@router.get("/methods/{method}/trained", response_model=MethodTrainedOut)
async def see_trained(method: str, request: Looking) -> Response:
    """Who has had the training, and who still lacks it where everyone is to have had it."""
    async with request.begin() as look:
        _, municipality = _professional_of(look.caller)
        written = await files.programmes(look.tx, municipality, date_of(look.at))
        found = written.method(method)
        if found is None:
            raise gatherings.ThereIsNoSuchMethod
        versions = courses.counting(found)
        trained = [
            TrainedOut(**each, counts=each["version"] is None or each["version"] in versions)
            for each in await stored.trained_in(look.tx, method)
        ]
        have = {each.professional for each in trained if each.counts}
        everyone = await stored.people_in(look.tx, found.everyone_in, municipality)
        lacking = [each for each in everyone if each not in have]
        return answer(200, MethodTrainedOut(method=method_out(written, found), trained=trained, lacking=lacking).model_dump())


# -- How it is done -------------------------------------------------------------------------------------------------------------


def _professional_of(caller: Caller) -> tuple[UUID, str]:
    if caller.professional is None or caller.party.municipality is None:
        raise NotAllowed("This is for the municipality's professionals.")
    return caller.professional, caller.party.municipality


async def _all_work_here(opened: OpenChange, professionals: list[UUID], municipality: str) -> None:
    people = await stored.members(opened.tx, professionals, municipality, date_of(opened.at))
    if not all(each.works_here for each in people):
        raise gatherings.TheseAreNotKnownHere


async def _changing(opened: OpenChange, number: UUID) -> Gathering:
    professional, _ = _professional_of(opened.caller)
    found = await stored.gathering(opened.tx, number, for_change=True)
    if found is None:
        raise NotFound("There is no such gathering, or not for you.")
    gatherings.may_change(found, professional, [seat.unit for seat in opened.caller.seats])
    return found


async def _out(look: OpenReading, gathering: Gathering, children: bool) -> GatheringOut:
    written = await files.programmes(look.tx, gathering.municipality, date_of(look.at))
    professionals, families = await stored.participants(look.tx, gathering.id)
    if children:
        for child in families:
            await look.saw(child, "programmes")
    return GatheringOut(
        id=gathering.id,
        programme=line(written, gathering.programme, gathering.kind),
        kind=gathering.kind,
        unit=gathering.unit,
        held_in=gathering.held_in,
        on_date=gathering.on_date,
        hosts=list(gathering.hosts),
        state=gathering.state,
        professionals=professionals,
        families=len(families),
        children=families if children else None,
    )


async def _answered(opened: OpenChange, status: int, gathering: Gathering) -> Response:
    versions = await opened.tx.flush()
    out = GatheringChangedOut(id=gathering.id, state=gathering.state)
    return await opened.answer(status, out.model_dump(mode="json"), versions[str(gathering.id)])
