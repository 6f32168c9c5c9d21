"""HTTP of places: capacities by day, pluspladser held, released and shown on the board, and children who leave."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.chassis.calendar import date_of
from services.chassis.errors import NotAllowed, NotFound, require
from services.chassis.ids import new_id
from services.chassis.request import Change, OpenChange, OpenReading, Reading, answer, change, reading
from services.chassis.route import UsualRoute
from services.chassis.service import runtime_of
from services.daycare import domain, repository
from services.daycare.domain import places as rules
from services.daycare.domain import transition as transition_rules
from services.daycare.domain.places import Capacity, Holding, Seating
from services.daycare.endpoints.asking import answered_by
from services.daycare.endpoints.related import asker, changeable, standing_of
from services.daycare.repository import places, transitions
from services.daycare.schemas import (
    BoardLine,
    BoardOut,
    CapacityIn,
    CapacityLine,
    CapacityOut,
    HoldingOut,
    LeavingIn,
    ReleaseIn,
    ReservationIn,
    SettingIn,
    SettingsOut,
)
from services.events.access import may
from services.events.daycare import BatonRuleSet
from services.events.directory import subject_of_municipality

router = APIRouter(route_class=UsualRoute)
runtime = runtime_of("daycare")
Changing = Annotated[Change, Depends(change(runtime))]
Looking = Annotated[Reading, Depends(reading(runtime))]


class TheBoardIsTheMunicipalitys(NotAllowed):
    """People and systems of a municipality see the places of its own institutions."""


@router.post("/units/{unit}/capacity")
async def set_capacity(unit: UUID, body: CapacityIn, request: Changing) -> Response:
    """How many places a unit has from a day on, how many are pluspladser, and what it is trained in. For the placement office."""
    async with request.begin() as opened:
        municipality = await _unit(opened, unit)
        rules.may_set_capacity(asker(opened.caller), municipality)
        await places.take_turns(opened.tx, unit)
        new = Capacity(
            unit, municipality, body.from_on, body.places, body.plus_places, body.high_quality, frozenset(body.methods)
        )
        seating = rules.change_capacity(
            new, await places.capacities_of(opened.tx, unit), await places.holdings_in(opened.tx, unit), date_of(opened.at)
        )
        await places.save_capacity(opened.tx, new, opened.at)
        await places.save_holdings(opened.tx, seating.holdings, opened.at)
        opened.tx.publish(unit, *seating.events, expected=opened.expected, dataref=f"/daycare/units/{unit}/capacity")
        versions = await opened.tx.flush()
        return await opened.answer(200, {"unit": str(unit), "from_on": body.from_on.isoformat()}, versions[str(unit)])


@router.get("/units/{unit}/capacity", response_model=CapacityOut)
async def see_capacity(unit: UUID, request: Looking) -> Response:
    """A unit's capacities by day, for everybody of the municipality: it says nothing of any child."""
    async with request.begin() as look:
        municipality = await _unit(look, unit)
        _of_the_municipality(look, municipality)
        today = date_of(look.at)
        kept = [it for it in await places.holdings_in(look.tx, unit) if it.from_on <= today and it.overlaps(today)]
        out = CapacityOut(
            unit=unit,
            capacities=[
                CapacityLine.model_validate({**vars(it), "methods": sorted(it.methods)})
                for it in await places.capacities_of(look.tx, unit)
            ],
            kept=len(kept),
            kept_plus=sum(it.kind == "plus" for it in kept),
        )
        return answer(200, out.model_dump(), await repository.version_of(look.tx, unit))


@router.post("/plusplads", status_code=201)
async def reserve(body: ReservationIn, request: Changing) -> Response:
    """Holds a plusplads for a child until it starts: for the tovholder (the deputy in absence) and the placement office."""
    async with request.begin() as opened:
        standing, related = await standing_of(opened, body.child)
        require(may(related, "place", "act"), bool(related))
        child, today = standing.child, date_of(opened.at)
        unit = await repository.unit_of(opened.tx, body.unit, child.municipality)
        await places.take_turns(opened.tx, body.unit)
        seating = rules.reserve(
            new_id(), child, unit, body.method, body.from_on or today,
            await places.capacities_of(opened.tx, body.unit), await places.holdings_in(opened.tx, body.unit),
            await places.holdings_of(opened.tx, child.id), await repository.open_start(opened.tx, child.id), today,
        )  # fmt: skip
        held = seating.holdings[-1]
        if held.start and (start := await repository.start_of(opened.tx, held.start, for_change=True)):
            await transitions.carry_method(opened.tx, start, held.method, opened.at)
        return await _saved(opened, seating, held, 201)


@router.post("/plusplads/{number}/release")
async def release(number: UUID, body: ReleaseIn, request: Changing) -> Response:
    """Gives a plusplads up, with a reason; an open start goes on with an ordinary place, or the release is refused."""
    async with request.begin() as opened:
        held = await _held(opened, number)
        start = await repository.start_of(opened.tx, held.start, for_change=True) if held.start else None
        if start:
            # The clock may have let the child start while this waited for the row.
            held = await places.holding(opened.tx, number) or held
        seating = rules.release(
            held, body.reason, new_id(), start, await places.capacities_of(opened.tx, held.unit),
            await places.holdings_in(opened.tx, held.unit), date_of(opened.at),
        )  # fmt: skip
        return await _saved(opened, seating, seating.holdings[0], 200)


async def _held(opened: OpenChange, number: UUID) -> Holding:
    found = await places.holding(opened.tx, number)
    if found is None:
        raise NotFound("There is no such place, or not for you.")
    _, related = await standing_of(opened, found.child)
    require(may(related, "place", "act"), bool(related))
    await places.take_turns(opened.tx, found.unit)
    held = await places.holding(opened.tx, number)
    assert held is not None, "a holding is never deleted"
    return held


@router.post("/starts/{number}/leaving")
async def leave(number: UUID, body: LeavingIn, request: Changing) -> Response:
    """The child comes no longer from that day on: its place is free for another from then."""
    async with request.begin() as opened:
        start, _ = await changeable(opened, number)
        held = next((it for it in await places.holdings_of(opened.tx, start.child) if it.start == start.id), None)
        if held is None:
            raise NotFound("Nothing is kept of this start's place.")
        seating = rules.leave(held, start, body.left_on)
        return await _saved(opened, seating, seating.holdings[0], 200)


async def _saved(opened: OpenChange, seating: Seating, held: Holding, status: int) -> Response:
    await places.save_holdings(opened.tx, seating.holdings, opened.at)
    if held.kind == "plus" and held.state == "held":
        await answered_by(opened, held)
    if seating.events:
        opened.tx.publish(held.child, *seating.events, expected=opened.expected, dataref=f"/daycare/plusplads?unit={held.unit}")
    versions = await opened.tx.flush()
    version = versions.get(str(held.child)) or await repository.version_of(opened.tx, held.child)
    return await opened.answer(status, _holding(held, shows=True).model_dump(mode="json"), version)


@router.get("/plusplads/{number}", response_model=HoldingOut)
async def see_holding(number: UUID, request: Looking) -> Response:
    """One plusplads and the child it is kept for, for those who may see the child's place."""
    async with request.begin() as look:
        held = await places.holding(look.tx, number)
        related = await _related(look, held) if held and held.kind == "plus" else frozenset[str]()
        require(may(related, "place", "see"), bool(related))
        assert held is not None
        await look.saw(held.child, "place")
        return answer(200, _holding(held, shows=True).model_dump(), await repository.version_of(look.tx, held.child))


async def _related(look: OpenReading, held: Holding) -> frozenset[str]:
    """How the caller stands to the child, also as one of the people of a public unit where its place is."""
    standing = (await repository.standings(look.tx, [held.child], look.caller.professional, date_of(look.at))).get(held.child)
    if standing is None:
        return frozenset()
    related = domain.relations(standing.child, asker(look.caller), standing.stands)
    own = await repository.unit_of(look.tx, held.unit, held.municipality)
    return related | {"daycare"} if own and not own.private and look.caller.works_in(held.unit) else related


@router.get("/plusplads", response_model=BoardOut)
async def board(
    request: Looking,
    unit: UUID | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=50)] = 20,
) -> Response:
    """The municipality's pluspladser: which are held or taken, and for whom, as far as the caller may see the child's place."""
    async with request.begin() as look:
        municipality = look.caller.party.municipality
        if look.caller.party.kind not in ("municipality", "service"):
            raise TheBoardIsTheMunicipalitys
        today = date_of(look.at)
        units = await places.board(look.tx, municipality, unit, after, limit)
        offered = await places.latest(look.tx, today, units)
        lines = [await _line(look, one, offered.get(one), today) for one in units]
        return answer(200, BoardOut(units=lines, next=units[-1] if len(units) == limit else None).model_dump())


async def _line(look: OpenReading, unit: UUID, offered: Capacity | None, today: date) -> BoardLine:
    held = [it for it in await places.holdings_in(look.tx, unit, "plus") if it.overlaps(today)]
    shown = []
    for it in held:
        sees = may(await _related(look, it), "place", "see")
        if sees:
            await look.saw(it.child, "place")
        shown.append(_holding(it, shows=sees))
    number = offered.plus_places if offered else 0
    in_use = {it.number for it in held if it.from_on <= today}
    free = sum(place not in in_use for place in range(1, number + 1))
    return BoardLine(unit=unit, plus_places=number, free=free, methods=sorted(offered.methods if offered else ()), holdings=shown)


@router.get("/settings", response_model=SettingsOut)
async def see_settings(request: Looking) -> Response:
    """The municipality's own rules for starts, by day."""
    async with request.begin() as look:
        municipality = look.caller.party.municipality
        if municipality is None:
            raise TheBoardIsTheMunicipalitys
        found = [SettingIn(**vars(it)) for it in await transitions.settings_of(look.tx, municipality)]
        return answer(200, SettingsOut(settings=found).model_dump())


@router.post("/settings")
async def set_rules(body: SettingIn, request: Changing) -> Response:
    """Changes the municipality's rules from today or a later day on. For the placement office."""
    async with request.begin() as opened:
        municipality = opened.caller.party.municipality
        rules.may_set_capacity(asker(opened.caller), municipality)
        assert municipality is not None, "the placement office is a municipality's"
        if body.from_on < date_of(opened.at):
            raise transition_rules.SettingsOfAPastDayStand
        setting = transition_rules.Setting(body.from_on, body.baton, body.warn_days, body.plusplads_days)
        await transitions.save_setting(opened.tx, municipality, setting, opened.at)
        said = BatonRuleSet(municipality=municipality, from_on=body.from_on, baton=body.baton)
        opened.tx.publish(subject_of_municipality(municipality), said)
        return await opened.answer(200, body.model_dump(mode="json"))


async def _unit(opened: OpenChange | OpenReading, unit: UUID) -> str:
    municipality = await places.unit_municipality(opened.tx, unit)
    if municipality is None:
        raise NotFound("There is no such institution or dagpleje, or not for you.")
    return municipality


def _of_the_municipality(look: OpenReading, municipality: str) -> None:
    if not look.caller.is_service and look.caller.party.municipality != municipality:
        raise NotFound("There is no such institution or dagpleje, or not for you.")


def _holding(held: Holding, shows: bool) -> HoldingOut:
    return HoldingOut.model_validate(
        {**vars(held), "child": held.child if shows else None, "start": held.start if shows else None}
    )
