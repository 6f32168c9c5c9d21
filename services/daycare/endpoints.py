"""daycare over HTTP: starts planned, moved, cancelled and seen."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.chassis.calendar import date_of
from services.chassis.errors import NotFound, NotUnderstood, require
from services.chassis.ids import new_id
from services.chassis.party import Caller
from services.chassis.request import Change, OpenChange, Reading, answer, change, reading
from services.chassis.route import UsualRoute
from services.chassis.service import runtime_of
from services.chassis.store import Tx
from services.daycare import domain, repository
from services.daycare.domain import Asker, Decision, Start
from services.daycare.schemas import CancellationIn, DateIn, StartIn, StartOut, StartsOut
from services.events.access import may
from services.events.envelope import Seat

router = APIRouter(prefix="/daycare", tags=["daycare"], route_class=UsualRoute)
runtime = runtime_of("daycare")
Changing = Annotated[Change, Depends(change(runtime))]
Looking = Annotated[Reading, Depends(reading(runtime))]


@router.post("/starts", status_code=201, response_model=StartOut)
async def plan_start(body: StartIn, request: Changing) -> Response:
    """Plans a child's start, as the tovholder or as the municipality's placement system."""
    async with request.begin() as opened:
        today = date_of(opened.at)
        standing = (await repository.standings(opened.tx, [body.child], opened.caller.professional, today)).get(body.child)
        if standing is None:
            raise NotFound("There is no such child, or not for you.")
        child = standing.child
        domain.may_plan(domain.relations(child, _asker(opened.caller), standing.deputises, standing.supports))
        unit = await repository.unit_of(opened.tx, body.unit, child.municipality)
        pedagogue = body.pedagogue.professional if body.pedagogue else None
        works_there = pedagogue is None or await repository.works_in(opened.tx, pedagogue, body.unit)
        decision = domain.plan(new_id(), child, unit, body.starts_on, pedagogue, works_there, today)
        await repository.plan_start(opened.tx, decision.start, opened.at)
        return await _answered(opened, decision, 201)


@router.post("/starts/{number}/date", response_model=StartOut)
async def move_start(number: UUID, body: DateIn, request: Changing) -> Response:
    """Moves an open start to another date."""
    async with request.begin() as opened:
        start = await _changeable(opened, number)
        decision = domain.move(start, body.starts_on, date_of(opened.at))
        await repository.save_start(opened.tx, decision.start, opened.at)
        return await _answered(opened, decision, 200)


@router.post("/starts/{number}/cancellation", response_model=StartOut)
async def cancel_start(number: UUID, body: CancellationIn, request: Changing) -> Response:
    """Cancels an open start, saying why."""
    async with request.begin() as opened:
        decision = domain.cancel(await _changeable(opened, number), body.cause)
        await repository.save_start(opened.tx, decision.start, opened.at)
        return await _answered(opened, decision, 200)


@router.get("/starts/{number}", response_model=StartOut)
async def see_start(number: UUID, request: Looking) -> Response:
    """One start, with the version of what daycare has said of the child as ETag."""
    async with request.begin() as look:
        start = await repository.start_of(look.tx, number)
        relations = (await _relations(look.tx, [start], look.caller, look.at))[0] if start else frozenset[str]()
        require(may(relations, "start", "see"), bool(relations))
        assert start is not None
        await look.saw(start.child, "start")
        return answer(200, _out(start).model_dump(), await repository.version_of(look.tx, start.child))


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
        relations = await _relations(look.tx, found, look.caller, look.at)
        seen = [start for start, related in zip(found, relations, strict=True) if may(related, "start", "see")]
        for start in seen:
            await look.saw(start.child, "start")
        last = found[-1].id if len(found) == limit else None
        return answer(200, StartsOut(starts=[_out(start) for start in seen], next=last).model_dump())


async def _changeable(opened: OpenChange, number: UUID) -> Start:
    """The start, locked, for someone who may act on it."""
    start = await repository.start_of(opened.tx, number, for_change=True)
    relations = (await _relations(opened.tx, [start], opened.caller, opened.at))[0] if start else frozenset[str]()
    require(may(relations, "start", "act"), bool(relations))
    assert start is not None
    return start


async def _relations(tx: Tx, starts: list[Start], caller: Caller, at: datetime) -> list[frozenset[str]]:
    standings = await repository.standings(tx, {start.child for start in starts}, caller.professional, date_of(at))
    found = []
    for start in starts:
        standing = standings[start.child]
        found.append(domain.relations(standing.child, _asker(caller), standing.deputises, standing.supports, start.unit))
    return found


async def _answered(opened: OpenChange, decision: Decision, status: int) -> Response:
    start = decision.start
    if decision.events:
        opened.tx.publish(start.child, *decision.events, expected=opened.expected, dataref=f"/daycare/starts/{start.id}")
    versions = await opened.tx.flush()
    version = versions.get(str(start.child)) or await repository.version_of(opened.tx, start.child)
    return await opened.answer(status, _out(start).model_dump(mode="json"), version)


def _asker(caller: Caller) -> Asker:
    return Asker(
        professional=caller.professional,
        works_in=frozenset(seat.unit for seat in caller.seats),
        leads=frozenset(seat.unit for seat in caller.seats if seat.leads),
        places_in=caller.party.municipality if caller.professional is None and "placement" in caller.roles else None,
        is_service=caller.is_service,
    )


def _out(start: Start) -> StartOut:
    pedagogue = Seat(professional=start.pedagogue, unit=start.unit) if start.pedagogue else None
    return StartOut.model_validate({**vars(start), "pedagogue": pedagogue})
