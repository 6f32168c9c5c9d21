"""HTTP of a transition: its checklist, the pedagogue, the method, meetings with the family, and whether the baton goes along."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from services.chassis.calendar import date_of
from services.chassis.errors import NotFound
from services.chassis.ids import new_id
from services.chassis.request import Change, OpenChange, OpenReading, Reading, answer, change, reading
from services.chassis.route import UsualRoute
from services.chassis.service import runtime_of
from services.daycare import domain, repository
from services.daycare.domain import Start
from services.daycare.domain import transition as rules
from services.daycare.domain.transition import Checklist, Settling
from services.daycare.endpoints.related import changeable, parents_agree, seen
from services.daycare.repository import places, transitions
from services.daycare.schemas import (
    BatonIn,
    ContinuationIn,
    MeetingIn,
    MeetingOut,
    MethodIn,
    OutcomeIn,
    OverleveringDeclinedIn,
    PedagogueIn,
    TransitionOut,
    start_out,
)
from services.events.access import may
from services.events.envelope import Seat

router = APIRouter(route_class=UsualRoute)
runtime = runtime_of("daycare")
Changing = Annotated[Change, Depends(change(runtime))]
Looking = Annotated[Reading, Depends(reading(runtime))]


@router.get("/starts/{number}/transition", response_model=TransitionOut)
async def see_transition(number: UUID, request: Looking) -> Response:
    """What the start still lacks, and what has been settled how."""
    related = await seen(request, number, "transition")
    async with request.begin() as look:
        start = await repository.start_of(look.tx, number)
        assert start is not None, "seen a moment ago, and never deleted"
        checklist = await transitions.checklist_of(look.tx, number)
        rule = rules.setting_on(await transitions.settings_of(look.tx, start.municipality), date_of(look.at)).baton
        plus = next((it for it in await places.holdings_of(look.tx, start.child) if it.kind == "plus"), None)
        await look.saw(start.child, "transition")
        # A private unit is let in for what the parents have agreed to, which the baton is no part of.
        told = may(related - {"daycare"} if start.private else related, "baton", "see")
        holder = await _tovholder(look, start) if told else None
        out = TransitionOut(
            start=start_out(start),
            tovholder=holder,
            overlevering=checklist.overlevering,
            meeting=checklist.meeting, method=checklist.method, continues=checklist.continues,
            baton=rules.baton_of(start, checklist, rule), baton_rule=rule,
            missing=list(rules.missing(start, checklist)),
            plusplads=plus.id if plus and may(related, "place", "see") else None,
            meetings=[MeetingOut.model_validate(vars(it)) for it in await transitions.meetings_of(look.tx, number)],
        )  # fmt: skip
        return answer(200, out.model_dump(), await repository.version_of(look.tx, start.child))


async def _tovholder(look: OpenReading, start: Start) -> Seat | None:
    child = (await repository.standings(look.tx, [start.child], None, date_of(look.at)))[start.child].child
    return Seat(professional=child.holder, unit=child.holder_unit) if child.holder and child.holder_unit else None


@router.post("/starts/{number}/pedagogue")
async def name_pedagogue(number: UUID, body: PedagogueIn, request: Changing) -> Response:
    """Names who meets the child, also after the start was planned."""
    async with request.begin() as opened:
        start, checklist = await _loaded(opened, number)
        if not await repository.works_in(opened.tx, body.professional, start.unit):
            raise domain.ThePedagogueDoesNotWorkInThatUnit
        return await _answered(opened, rules.name_pedagogue(start, checklist, body.professional))


@router.post("/starts/{number}/overlevering-declined")
async def decline_overlevering(number: UUID, body: OverleveringDeclinedIn, request: Changing) -> Response:
    """The family wants nothing handed over: said expressly, it settles the item."""
    async with request.begin() as opened:
        start, checklist = await _loaded(opened, number)
        return await _answered(opened, rules.decline_overlevering(start, checklist))


@router.post("/starts/{number}/method")
async def name_method(number: UUID, body: MethodIn, request: Changing) -> Response:
    """The method that the family has been working with and the institution is to go on with."""
    async with request.begin() as opened:
        start, checklist = await _loaded(opened, number)
        return await _answered(opened, rules.name_method(start, checklist, body.method))


@router.post("/starts/{number}/continuation")
async def continue_method(number: UUID, body: ContinuationIn, request: Changing) -> Response:
    """Whether the institution goes on with the method; only if it is trained in it."""
    async with request.begin() as opened:
        start, checklist = await _loaded(opened, number)
        capacities = await places.capacities_of(opened.tx, start.unit)
        return await _answered(opened, rules.continue_method(start, checklist, body.continues, capacities))


@router.post("/starts/{number}/baton")
async def decide_baton(number: UUID, body: BatonIn, request: Changing) -> Response:
    """The tovholder's decision whether the baton goes along, within the municipality's rule.

    It passes by a handover at the registry, as ever. To a private unit it goes only if the parents agree, which persons is asked.
    """
    async with request.begin() as opened:
        start, _ = await changeable(opened, number, "transition")
    agree = not (body.moves and start.private) or await parents_agree(request.runtime, start.child, start.unit)
    async with request.begin() as opened:
        start, related = await changeable(opened, number, "transition")
        checklist = await transitions.checklist_of(opened.tx, number)
        rule = rules.setting_on(await transitions.settings_of(opened.tx, start.municipality), date_of(opened.at)).baton
        by = opened.caller.professional
        return await _answered(opened, rules.decide_baton(start, checklist, related, by, body.moves, rule, agree))


@router.post("/starts/{number}/meetings", status_code=201)
async def plan_meeting(number: UUID, body: MeetingIn, request: Changing) -> Response:
    """Plans a joint meeting with the parents in the institution, before the start or an extra one later."""
    async with request.begin() as opened:
        start, checklist = await _loaded(opened, number)
        return await _answered(opened, rules.plan_meeting(start, checklist, new_id(), body.held_on, body.participants), 201)


@router.post("/meetings/{number}/outcome")
async def end_meeting(number: UUID, body: OutcomeIn, request: Changing) -> Response:
    """A planned meeting was held, was declined by the family, or will not be."""
    async with request.begin() as opened:
        meeting = await transitions.meeting(opened.tx, number)
        if meeting is None:
            raise NotFound("There is no such meeting, or not for you.")
        start, checklist = await _loaded(opened, meeting.start)
        today = date_of(opened.at)
        held_on = body.held_on or meeting.held_on
        return await _answered(opened, rules.end_meeting(start, checklist, meeting, body.outcome, held_on, today))


async def _loaded(opened: OpenChange, number: UUID) -> tuple[Start, Checklist]:
    start, _ = await changeable(opened, number, "transition")
    return start, await transitions.checklist_of(opened.tx, number)


async def _answered(opened: OpenChange, settling: Settling, status: int = 200) -> Response:
    start = settling.start
    await transitions.save_settling(opened.tx, settling, opened.at)
    if settling.events:
        opened.tx.publish(
            start.child, *settling.events, expected=opened.expected, dataref=f"/daycare/starts/{start.id}/transition"
        )
    versions = await opened.tx.flush()
    version = versions.get(str(start.child)) or await repository.version_of(opened.tx, start.child)
    body = {
        "start": str(start.id), "child": str(start.child), "missing": list(rules.missing(start, settling.checklist)),
        "meeting": str(settling.meeting.id) if settling.meeting else None,
    }  # fmt: skip
    return await opened.answer(status, body, version)
