"""HTTP of a professional's week in daycare: starts that lack something, and pluspladser still to be decided, by one question."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response

from services.chassis.calendar import date_of
from services.chassis.errors import NotAllowed
from services.chassis.party import Caller
from services.chassis.request import OpenReading, Reading, answer, reading
from services.chassis.route import UsualRoute
from services.chassis.service import runtime_of
from services.daycare import domain, repository
from services.daycare.domain.asked import Asked
from services.daycare.endpoints.arrivals import arrival_out
from services.daycare.endpoints.asking import asked_out, sees
from services.daycare.endpoints.related import asker, parents_agree, relations
from services.daycare.repository import asked as stored
from services.daycare.repository import transitions
from services.daycare.repository.transitions import Arrival
from services.daycare.schemas import WeekOut
from services.events.access import may

router = APIRouter(route_class=UsualRoute)
Looking = Annotated[Reading, Depends(reading(runtime_of("daycare")))]
Whose = Literal["me", "led", "municipality"]
_DAYCARE = ("institution", "dagpleje")
_HOLDING = ("sundhedspleje", "intake", "social", *_DAYCARE)


@router.get("/week", response_model=WeekOut)
async def see_week(
    request: Looking,
    within_days: Annotated[int, Query(ge=0, le=400, description="Starts until that day, past ones too.")] = 14,
    limit: Annotated[int, Query(ge=1, le=100, description="The most of each list.")] = 20,
) -> Response:
    """Incomplete starts of the caller's own children and of all that they lead, and the pluspladser that wait for them.

    Of pluspladser those of the caller's own children, of the units they lead or put to them as a leader, or, for the placement
    office, the municipality's.
    As far as the caller may see them, as in `arrivals` and `asked-pluspladser`.
    """
    async with request.begin() as look:
        if look.caller.professional is None:
            raise NotAllowed("A week is a professional's. Log in as one.")
        arriving, further = await _arriving(look, within_days, limit)
        related = await relations(look.tx, [it.start for it in arriving], look.caller, look.at)
        asked, more = await _asked(look, limit)
        standings = await repository.standings(look.tx, {it.child for it in asked}, look.caller.professional, date_of(look.at))
        pluspladser = [asked_out(it) for it in asked if await sees(look, it, standings.get(it.child))]
        shown = [it for it, known in zip(arriving, related, strict=True) if may(known, "transition", "see")]
        for it in shown:
            await look.saw(it.start.child, "transition", "arrivals")
        unsure = [it for it in arriving if it not in shown and domain.only_by_the_parents(it.start, asker(look.caller))]
    # A private unit's people see what the parents let them: persons is asked, with no transaction open meanwhile.
    if agreed := [it for it in unsure if await parents_agree(request.runtime, it.start.child, it.start.unit)]:
        async with request.begin() as look:
            for it in agreed:
                await look.saw(it.start.child, "transition", "arrivals")
    lines = [arrival_out(it) for it in arriving if it in shown or it in agreed]
    return answer(200, WeekOut(arrivals=lines, asked=pluspladser, more=further or more).model_dump())


async def _arriving(look: OpenReading, within_days: int, limit: int) -> tuple[list[Arrival], bool]:
    """One's own children's and those of all that one leads, each once; and whether there is more."""
    until, led = date_of(look.at) + timedelta(days=within_days), sorted(asker(look.caller).leads)
    own = await transitions.arrivals(look.tx, [], look.caller.professional, [], until, True, None, limit)
    others = await transitions.arrivals(look.tx, led, None, led, until, True, None, limit) if led else []
    each = {it.start.id: it for it in (*own, *others)}
    return list(each.values()), limit in (len(own), len(others))


async def _asked(look: OpenReading, limit: int) -> tuple[list[Asked], bool]:
    found: dict[object, Asked] = {}
    more = False
    led = sorted(asker(look.caller).leads)
    for whose in whose_pluspladser(look.caller):
        units = None if whose == "municipality" else led if whose == "led" else []
        person = look.caller.professional
        holder, put_to = person if whose == "me" else None, person if whose == "led" else None
        some = await stored.open_in(look.tx, units, holder, put_to, None, limit)
        found |= {it.id: it for it in some}
        more |= len(some) == limit
    return list(found.values()), more


def whose_pluspladser(caller: Caller) -> Sequence[Whose]:
    """Whose pluspladser wait for somebody: their own children's, as a leader, or all.

    As a leader: of the daycares one leads, and what was put to one when it was overdue.
    """
    kinds = {seat.unit_kind for seat in caller.seats}
    if "placement" in kinds:
        return ("municipality",)
    leads = any(seat.leads for seat in caller.seats)
    return (*(("me",) if kinds & set(_HOLDING) else ()), *(("led",) if leads else ()))
