"""HTTP of arriving children: who is to start, when, and what is still missing, for the institution, the tovholder and leaders."""

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.chassis.calendar import date_of
from services.chassis.errors import NotFound, NotUnderstood
from services.chassis.request import Reading, answer, reading
from services.chassis.route import UsualRoute
from services.chassis.service import runtime_of
from services.daycare import domain, repository
from services.daycare.domain import transition as rules
from services.daycare.endpoints.related import asker, parents_agree, relations
from services.daycare.repository import transitions
from services.daycare.schemas import ArrivalOut, ArrivalsOut, start_out
from services.events.access import may

router = APIRouter(route_class=UsualRoute)
Looking = Annotated[Reading, Depends(reading(runtime_of("daycare")))]


@router.get("/arrivals", response_model=ArrivalsOut)
async def arrivals(
    request: Looking,
    unit: UUID | None = None,
    of: Literal["me", "led"] | None = None,
    incomplete: bool = False,
    within_days: Annotated[int | None, Query(ge=0, le=400)] = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> Response:
    """Starts that lie ahead, the nearest first: of a `unit`, of the caller's own children (`of=me`), or of all that the caller
    leads, as the tovholder's leader or the institution's (`of=led`). `incomplete`: only where something is missing.

    As far as the caller may see them: a page may be short.
    """
    if (unit is None) == (of is None):
        raise NotUnderstood("Name a unit, or say whose: `of=me` or `of=led`.")
    async with request.begin() as look:
        asking = asker(look.caller)
        if of and asking.professional is None:
            raise NotUnderstood("A system names a unit.")
        led = sorted(asking.leads) if of == "led" else []
        begins = await repository.start_of(look.tx, after) if after else None
        if after and begins is None:
            raise NotFound("There is no such start to go on after.")
        until = date_of(look.at) + timedelta(days=within_days) if within_days is not None else None
        found = await transitions.arrivals(
            look.tx, [unit] if unit else led, asking.professional if of == "me" else None, led, until, incomplete, begins, limit
        )
        related = await relations(look.tx, [it.start for it in found], look.caller, look.at)
    shown = [
        it
        for it, known in zip(found, related, strict=True)
        if may(known, "transition", "see")
        or (domain.only_by_the_parents(it.start, asking) and await parents_agree(request.runtime, it.start.child, it.start.unit))
    ]
    async with request.begin() as look:
        for it in shown:
            await look.saw(it.start.child, "transition", "arrivals")
    lines = [arrival_out(it) for it in shown]
    return answer(200, ArrivalsOut(arrivals=lines, next=found[-1].start.id if len(found) == limit else None).model_dump())


def arrival_out(it: transitions.Arrival) -> ArrivalOut:
    return ArrivalOut(start=start_out(it.start), tovholder=it.tovholder, missing=list(rules.missing(it.start, it.checklist)))
