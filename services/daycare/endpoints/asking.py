"""HTTP of pluspladser that programmes ask for: the institution's task, reserved or declined with a reason."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.chassis.calendar import date_of
from services.chassis.errors import NotFound, NotUnderstood
from services.chassis.ids import new_id
from services.chassis.request import Change, OpenChange, OpenReading, Reading, answer, change, reading
from services.chassis.route import UsualRoute
from services.chassis.service import runtime_of
from services.daycare import domain, repository
from services.daycare.domain import asked as rules
from services.daycare.domain import places as of_places
from services.daycare.domain.asked import Answered, Asked
from services.daycare.domain.places import Holding
from services.daycare.endpoints.related import asker, standing_of
from services.daycare.repository import asked as stored
from services.daycare.repository import places
from services.daycare.schemas import AskedOut, AskedPageOut, NoPlusPladsIn, ReserveAskedIn
from services.events.access import may

router = APIRouter(route_class=UsualRoute)
runtime = runtime_of("daycare")
Changing = Annotated[Change, Depends(change(runtime))]
Looking = Annotated[Reading, Depends(reading(runtime))]


@router.get("/asked-pluspladser", response_model=AskedPageOut)
async def see_asked(
    request: Looking,
    unit: UUID | None = None,
    of: Literal["me", "led", "municipality"] | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> Response:
    """What is still to be decided: of a `unit`, of the caller's own children (`of=me`), of the units that the caller leads or
    put to them when it was overdue (`of=led`), or of the whole municipality (`of=municipality`), for the placement office.

    As far as the caller may see the child's place: a page may be short.
    """
    if (unit is None) == (of is None):
        raise NotUnderstood("Name a unit, or say whose: `of=me`, `of=led` or `of=municipality`.")
    async with request.begin() as look:
        asking = asker(look.caller)
        units = [unit] if unit else sorted(asking.leads) if of == "led" else None if of == "municipality" else []
        me = asking.professional
        found = await stored.open_in(look.tx, units, me if of == "me" else None, me if of == "led" else None, after, limit)
        standings = await repository.standings(look.tx, {it.child for it in found}, asking.professional, date_of(look.at))
        shown = [asked_out(it) for it in found if await sees(look, it, standings.get(it.child))]
        return answer(200, AskedPageOut(asked=shown, next=found[-1].id if len(found) == limit else None).model_dump())


@router.get("/asked-pluspladser/{number}", response_model=AskedOut)
async def see_one_asked(number: UUID, request: Looking) -> Response:
    """What was asked for, and what became of it; for whoever may see the child's place."""
    async with request.begin() as look:
        asked = await stored.one(look.tx, number)
        professional, today = look.caller.professional, date_of(look.at)
        standings = await repository.standings(look.tx, {asked.child}, professional, today) if asked else {}
        if asked is None or not await sees(look, asked, standings.get(asked.child)):
            raise NotFound("There is no such task, or not for you.")
        return answer(200, asked_out(asked).model_dump(mode="json"))


async def sees(look: OpenReading, it: Asked, standing: repository.Standing | None) -> bool:
    """Whether the caller may see the child's place; logged where they may. A private unit hears by the parents alone."""
    asking = asker(look.caller)
    related = domain.relations(standing.child, asking, standing.stands) if standing else frozenset[str]()
    own = await repository.unit_of(look.tx, it.unit, it.municipality)
    if own and not own.private and it.unit in asking.works_in:
        related |= {"daycare"}
    # Who leads above the tovholder's unit has no part in its children otherwise.
    if it.put_to and it.put_to == asking.professional:
        related |= {"leader"}
    sees = may(related, "place", "see")
    if sees:
        await look.saw(it.child, "place", "asked")
    return sees


@router.post("/asked-pluspladser/{number}/reservation", response_model=AskedOut)
async def reserve_asked(number: UUID, body: ReserveAskedIn, request: Changing) -> Response:
    """Holds the plusplads that was asked for, by the rules of every reservation."""
    async with request.begin() as opened:
        asked, standing = await _answering(opened, number)
        rules.must_be_open(asked)
        unit, today = await repository.unit_of(opened.tx, asked.unit, asked.municipality), date_of(opened.at)
        seating = of_places.reserve(
            new_id(), standing.child, unit, asked.method, body.from_on or today,
            await places.capacities_of(opened.tx, asked.unit), await places.holdings_in(opened.tx, asked.unit),
            await places.holdings_of(opened.tx, asked.child), await repository.open_start(opened.tx, asked.child), today,
        )  # fmt: skip
        await places.save_holdings(opened.tx, seating.holdings, opened.at)
        opened.tx.publish(asked.child, *seating.events, dataref=f"/daycare/plusplads?unit={asked.unit}")
        return await _answered(opened, rules.reserve(asked, seating.holdings[-1].id, opened.caller.professional))


@router.post("/asked-pluspladser/{number}/refusal", response_model=AskedOut)
async def decline_asked(number: UUID, body: NoPlusPladsIn, request: Changing) -> Response:
    """There is no plusplads for this child there; the tovholder is told why."""
    async with request.begin() as opened:
        asked, _ = await _answering(opened, number)
        return await _answered(opened, rules.decline(asked, body.reason, opened.caller.professional))


async def answered_by(opened: OpenChange, held: Holding) -> None:
    """A plusplads that is reserved in the ordinary way answers what was asked for of that child there."""
    for asked in await stored.open_of(opened.tx, held.child, held.unit):
        answered = rules.reserve(asked, held.id, opened.caller.professional)
        opened.tx.publish(asked.child, *answered.events, dataref=f"/daycare/plusplads?unit={asked.unit}")
        await stored.save(opened.tx, answered.asked, opened.at)


async def _answering(opened: OpenChange, number: UUID) -> tuple[Asked, repository.Standing]:
    """What was asked, locked after its unit's places, for someone who may answer it."""
    asked = await stored.one(opened.tx, number)
    if asked is None:
        raise NotFound("There is no such task, or not for you.")
    standing, related = await standing_of(opened, asked.child)
    asking = asker(opened.caller)
    unit = await repository.unit_of(opened.tx, asked.unit, asked.municipality)
    private = unit is None or unit.private
    if not related and (private or asked.unit not in asking.works_in):
        raise NotFound("There is no such task, or not for you.")
    rules.may_answer(asking, related, asked, private)
    await places.take_turns(opened.tx, asked.unit)
    locked = await stored.one(opened.tx, number, for_change=True)
    assert locked is not None, "a task is never deleted"
    return locked, standing


async def _answered(opened: OpenChange, answered: Answered) -> Response:
    asked = answered.asked
    await stored.save(opened.tx, asked, opened.at)
    opened.tx.publish(asked.child, *answered.events, expected=opened.expected, dataref=f"/daycare/plusplads?unit={asked.unit}")
    versions = await opened.tx.flush()
    return await opened.answer(200, asked_out(asked).model_dump(mode="json"), versions[str(asked.child)])


def asked_out(asked: Asked) -> AskedOut:
    return AskedOut.model_validate({name: value for name, value in vars(asked).items() if name in AskedOut.model_fields})
