"""daycare over HTTP: starts planned, moved, cancelled, settled and seen; places, transitions and cooperation beside them."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.chassis.calendar import date_of
from services.chassis.errors import NotAllowed, NotUnderstood, RuleViolated
from services.chassis.ids import new_id
from services.chassis.request import Change, OpenChange, Reading, answer, change, reading
from services.chassis.route import UsualRoute
from services.chassis.service import runtime_of
from services.daycare import domain, repository
from services.daycare.domain import Asker, Cause, Decision, Start, places
from services.daycare.domain import transition as transitions
from services.daycare.endpoints import arrivals, asking, cooperation, placing, transition, week
from services.daycare.endpoints.related import asker, changeable, parents_agree, relations, seen, standing_of
from services.daycare.repository import places as stored_places
from services.daycare.repository.transitions import carry_method
from services.daycare.schemas import CancellationIn, DateIn, PlacementEventIn, StartIn, StartOut, StartsOut, start_out
from services.events.access import may

router = APIRouter(prefix="/daycare", tags=["daycare"], route_class=UsualRoute)
runtime = runtime_of("daycare")
Changing = Annotated[Change, Depends(change(runtime))]
Looking = Annotated[Reading, Depends(reading(runtime))]


class OnlyAPlacementSystemSendsEvents(NotAllowed):
    """A system of the municipality with the role `placement`."""


class ThatStartWasNeverPlanned(RuleViolated):
    """This system has told of no such start. Where its `start-planned` is still on its way, send this again after it."""

    retry = True


@router.post("/starts", status_code=201, response_model=StartOut)
async def plan_start(body: StartIn, request: Changing) -> Response:
    """Plans a child's start, as the tovholder or the municipality's placement office; it takes a place, or the plusplads held."""
    async with request.begin() as opened:
        return await _answered(opened, await _planned(opened, body), 201)


async def _planned(opened: OpenChange, body: StartIn) -> Decision:
    today = date_of(opened.at)
    standing, related = await standing_of(opened, body.child)
    child = standing.child
    domain.may_plan(related)
    unit = await repository.unit_of(opened.tx, body.unit, child.municipality)
    pedagogue = body.pedagogue.professional if body.pedagogue else None
    works_there = pedagogue is None or await repository.works_in(opened.tx, pedagogue, body.unit)
    decision = domain.plan(new_id(), child, unit, body.starts_on, pedagogue, works_there, today)
    await stored_places.take_turns(opened.tx, body.unit)
    await repository.plan_start(opened.tx, decision.start, opened.at)
    return await _seated(opened, decision)


async def _seated(opened: OpenChange, decision: Decision) -> Decision:
    """The start's place for its date, in the store and in what is said."""
    start = decision.start
    seating = places.seat_start(
        new_id(),
        start,
        await stored_places.capacities_of(opened.tx, start.unit),
        await stored_places.holdings_in(opened.tx, start.unit),
        await stored_places.holdings_of(opened.tx, start.child),
    )
    await stored_places.save_holdings(opened.tx, seating.holdings, opened.at)
    for it in seating.holdings:
        await carry_method(opened.tx, start, it.method, opened.at)
    return places.with_places(decision, seating)


@router.post("/starts/{number}/date", response_model=StartOut)
async def move_start(number: UUID, body: DateIn, request: Changing) -> Response:
    """Moves an open start to another date, if the unit has a place from then on."""
    async with request.begin() as opened:
        start, _ = await changeable(opened, number)
        return await _answered(opened, await _moved(opened, start, body.starts_on), 200)


async def _moved(opened: OpenChange, start: Start, starts_on: date) -> Decision:
    decision = domain.move(start, starts_on, date_of(opened.at))
    await repository.save_start(opened.tx, decision.start, opened.at)
    return await _seated(opened, decision)


@router.post("/starts/{number}/cancellation", response_model=StartOut)
async def cancel_start(number: UUID, body: CancellationIn, request: Changing) -> Response:
    """Cancels an open start, saying why; its place is free again."""
    async with request.begin() as opened:
        start, _ = await changeable(opened, number)
        return await _answered(opened, await _cancelled(opened, start, body.cause), 200)


async def _cancelled(opened: OpenChange, start: Start, cause: Cause) -> Decision:
    decision = domain.cancel(start, cause)
    await repository.save_start(opened.tx, decision.start, opened.at)
    held = [it for it in await stored_places.holdings_of(opened.tx, start.child) if it.start == start.id]
    given_back = places.give_back(held, "start-cancelled", date_of(opened.at))
    await stored_places.save_holdings(opened.tx, given_back.holdings, opened.at)
    return places.with_places(decision, given_back)


@router.post("/starts/{number}/settled", response_model=StartOut)
async def settle_child(number: UUID, request: Changing) -> Response:
    """The child has settled in: the giver's support ends, the episode goes on."""
    async with request.begin() as opened:
        start, _ = await changeable(opened, number, "transition")
        decision = transitions.settle(start)
        await repository.save_start(opened.tx, decision.start, opened.at)
        return await _answered(opened, decision, 200)


@router.post("/placement-events", response_model=StartOut, summary="For placement systems: what happened there")
async def hear_placement_system(body: PlacementEventIn, request: Changing) -> Response:
    """A CloudEvent of the system, with its own reference of the start as subject and the event's id as Idempotency-Key.

    `start-planned` told again under the same reference changes nothing; what follows on one not yet told is refused with `retry`.
    """
    async with request.begin() as opened:
        system = opened.caller
        municipality = system.party.municipality
        if system.professional or "placement" not in system.roles or municipality is None:
            raise OnlyAPlacementSystemSendsEvents
        known = await stored_places.placed(opened.tx, system.client, body.subject)
        if known is None:
            if body.plan is None:
                raise ThatStartWasNeverPlanned
            decision = await _planned(opened, body.plan)
            await stored_places.remember_placement(opened.tx, system.client, body.subject, municipality, decision.start.id)
            return await _answered(opened, decision, 200)
        start, _ = await changeable(opened, known)
        return await _answered(opened, await _follows(opened, start, body), 200)


async def _follows(opened: OpenChange, start: Start, body: PlacementEventIn) -> Decision:
    if body.date is not None:
        return await _moved(opened, start, body.date.starts_on)
    if body.cancellation is not None:
        return Decision(start, ()) if start.state == "cancelled" else await _cancelled(opened, start, body.cancellation.cause)
    return Decision(start, ())


@router.get("/starts/{number}", response_model=StartOut)
async def see_start(number: UUID, request: Looking) -> Response:
    """One start, with the version of what daycare has said of the child as ETag."""
    await seen(request, number, "start")
    async with request.begin() as look:
        start = await repository.start_of(look.tx, number)
        assert start is not None, "seen a moment ago, and never deleted"
        await look.saw(start.child, "start")
        return answer(200, start_out(start).model_dump(), await repository.version_of(look.tx, start.child))


@router.get("/starts", response_model=StartsOut)
async def see_starts(
    request: Looking,
    unit: UUID | None = None,
    child: UUID | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """The starts of a unit or of a child, closed ones too, as far as the caller may see them: a page may be short."""
    if unit is None and child is None:
        raise NotUnderstood("Name a unit or a child.")
    async with request.begin() as look:
        found = await repository.starts(look.tx, unit, child, after, limit)
        related = await relations(look.tx, found, look.caller, look.at)
        asking = asker(look.caller)
    shown = [
        start
        for start, known in zip(found, related, strict=True)
        if may(known, "start", "see") or await _by_the_parents(request, start, asking)
    ]
    async with request.begin() as look:
        for start in shown:
            await look.saw(start.child, "start")
    last = found[-1].id if len(found) == limit else None
    return answer(200, StartsOut(starts=[start_out(start) for start in shown], next=last).model_dump())


async def _by_the_parents(request: Reading, start: Start, asking: Asker) -> bool:
    return domain.only_by_the_parents(start, asking) and await parents_agree(request.runtime, start.child, start.unit)


async def _answered(opened: OpenChange, decision: Decision, status: int) -> Response:
    start = decision.start
    if decision.events:
        opened.tx.publish(start.child, *decision.events, expected=opened.expected, dataref=f"/daycare/starts/{start.id}")
    versions = await opened.tx.flush()
    version = versions.get(str(start.child)) or await repository.version_of(opened.tx, start.child)
    return await opened.answer(status, start_out(start).model_dump(mode="json"), version)


for part in (transition, placing, arrivals, cooperation, asking, week):
    router.include_router(part.router)
