"""Professionals, units, absences and departures over HTTP, within the caller's municipality: what is foreign is not found."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.encoders import jsonable_encoder

from services.chassis.calendar import date_of
from services.chassis.errors import NotAllowed, NotFound
from services.chassis.ids import new_id
from services.chassis.party import Caller
from services.chassis.request import Change, OpenChange, Reading, answer, change, reading
from services.chassis.route import UsualRoute
from services.chassis.service import runtime_of
from services.chassis.store import Tx
from services.directory import domain, repository
from services.directory.domain import Absence, Professional
from services.directory.schemas import (
    AbsenceIn,
    AbsenceOut,
    ContactOut,
    DepartureIn,
    DepartureOut,
    LeaderOut,
    ProfessionalOut,
    ProfessionalsOut,
    ProfessionalWithAbsences,
    SeatOut,
    UnitOut,
    UnitsOut,
)
from services.events.directory import UnitKind
from services.events.envelope import Municipality

router = APIRouter(prefix="/directory", tags=["directory"], route_class=UsualRoute)
runtime = runtime_of("directory")
Changing = Annotated[Change, Depends(change(runtime))]
Looking = Annotated[Reading, Depends(reading(runtime))]


@router.get("/professionals", response_model=ProfessionalsOut)
async def list_professionals(
    request: Looking,
    unit: UUID | None = None,
    q: Annotated[str | None, Query(min_length=2, max_length=60, description="The beginning of a word of the name.")] = None,
    municipality: Municipality | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Professionals who have not left, by name, a page at a time."""
    async with request.begin() as look:
        found = await repository.list_professionals(
            look.tx, unit=unit, query=q, municipality=municipality, trained=None, after=after, limit=limit + 1
        )
    page = found[:limit]
    further = page[-1].id if len(found) > limit else None
    return _given(ProfessionalsOut(professionals=[_shown(person) for person in page], next=further))


@router.get("/professionals/{professional}", response_model=ProfessionalWithAbsences)
async def show_professional(professional: UUID, request: Looking) -> Response:
    """One professional, with absences of today and later."""
    async with request.begin() as look:
        person = await _professional(look.tx, professional)
        today = date_of(look.at)
        known = await repository.absences_of(look.tx, professional)
        absences = [_absence(absence) for absence in known if absence.covers_some_of(today, None)]
        version = await repository.version_of(look.tx, professional)
    return _given(ProfessionalWithAbsences(**_shown(person).model_dump(), version=version, absences=absences), version)


@router.get("/professionals/{professional}/contact", response_model=ContactOut)
async def show_contact(professional: UUID, request: Looking) -> Response:
    """A professional's e-mail address, for the product's own services at the moment of sending."""
    async with request.begin() as look:
        look.only_services()
        person = await _professional(look.tx, professional)
        await look.saw(professional, "contact", "notice")
    return _given(ContactOut(professional=person.id, email=person.email if person.state != "left" else None))


@router.get("/units", response_model=UnitsOut)
async def list_units(request: Looking, kind: UnitKind | None = None, municipality: Municipality | None = None) -> Response:
    """Units of the caller's municipality, and the maternity wards, which belong to none."""
    async with request.begin() as look:
        units = await _units(look.tx, kind=kind, municipality=municipality)
    return _given(UnitsOut(units=units))


@router.get("/units/{unit}", response_model=UnitOut)
async def show_unit(unit: UUID, request: Looking) -> Response:
    """One unit with its leaders."""
    async with request.begin() as look:
        found = await _units(look.tx, number=unit)
    if not found:
        raise NotFound("There is no such unit, or not for you.")
    return _given(found[0])


@router.post("/absences", status_code=201, response_model=AbsenceOut)
async def register_absence(body: AbsenceIn, request: Changing) -> Response:
    """By the professional, or a leader of their unit or above. A baton moves only beyond the municipality's limit."""
    async with request.begin() as change:
        by = _person(change.caller)
        person = await _professional(change.tx, body.professional)
        await repository.lock(change.tx, person.id)
        domain.speaks_of_absence(by, await _leads_above(change.tx, change.caller, person), person)
        named = body.deputy or domain.usual_deputy(person)
        absence = Absence(new_id(), person.id, person.municipality, body.from_on, body.until_on, named)
        deputy = await repository.professional(change.tx, absence.deputy.professional) if absence.deputy else None
        if deputy and deputy.municipality != person.municipality:
            deputy = None
        registered = domain.register_absence(absence, person, deputy, await repository.absences_of(change.tx, person.id))
        await repository.add_absence(change.tx, absence, by, change.at)
        change.tx.publish(person.id, registered, expected=change.expected)
        return await _answered(change, 201, _absence(absence), person.id)


@router.post("/absences/{absence}/end", response_model=AbsenceOut)
async def end_absence(absence: UUID, request: Changing) -> Response:
    """The professional is back today; an absence still to come is cancelled. No baton moves by it."""
    async with request.begin() as change:
        by = _person(change.caller)
        found = await repository.absence(change.tx, absence)
        if found is None:
            raise NotFound("There is no such absence, or not for you.")
        person = await _professional(change.tx, found.professional)
        domain.speaks_of_absence(by, await _leads_above(change.tx, change.caller, person), person)
        ended = domain.end_absence(found, date_of(change.at))
        await repository.end_absence(change.tx, found.id, ended.ended_on)
        change.tx.publish(person.id, ended, expected=change.expected)
        return await _answered(change, 200, {**jsonable_encoder(_absence(found)), "ended_on": ended.ended_on}, person.id)


@router.post("/professionals/{professional}/departure", status_code=202, response_model=DepartureOut)
async def register_departure(professional: UUID, body: DepartureIn, request: Changing) -> Response:
    """By a leader. Never refused: said again, it answers what stands. Once the registry has emptied the seats: *left*."""
    async with request.begin() as change:
        _person(change.caller)
        code = (await _professional(change.tx, professional)).municipality
        await repository.lock_municipalities(change.tx, [code])
        before = await repository.snapshot(change.tx, [code])
        domain.registers_departure(await _leads_above(change.tx, change.caller, before.professionals[professional]))
        after = domain.leave(before, [professional], body.leaving_on or date_of(change.at))
        await repository.write(change.tx, before, after)
        for subject, event in domain.differences(before, after):
            change.tx.publish(subject, event, expected=change.expected if subject == professional else None)
        leaving = after.professionals[professional]
        out = {"professional": professional, "state": leaving.state, "leaving_on": leaving.leaving_on}
        return await _answered(change, 202, out, professional)


async def _answered(change: OpenChange, status: int, body: object, subject: UUID) -> Response:
    versions = await change.tx.flush()
    version = versions.get(str(subject)) or await repository.version_of(change.tx, subject)
    return await change.answer(status, jsonable_encoder(body), version)


def _person(caller: Caller) -> UUID:
    if caller.professional is None:
        raise NotAllowed("A person says this, logged in as themselves; a system may not.")
    return caller.professional


async def _professional(tx: Tx, number: UUID) -> Professional:
    found = await repository.professional(tx, number)
    if found is None:
        raise NotFound("There is no such professional, or not for you.")
    return found


async def _leads_above(tx: Tx, caller: Caller, person: Professional) -> bool:
    """Whether the caller leads a unit where the person has a seat, or one above it."""
    return any(caller.leads(unit) for unit in await repository.units_and_above(tx, [seat.unit for seat in person.seats]))


async def _units(
    tx: Tx, *, kind: UnitKind | None = None, municipality: str | None = None, number: UUID | None = None
) -> list[UnitOut]:
    units = await repository.units(tx, kind=kind, municipality=municipality, number=number)
    leaders = await repository.leaders(tx, [unit.id for unit in units])
    return [
        UnitOut(
            **{**vars(unit), "sor": list(unit.sor)},
            leaders=[LeaderOut(professional=row["professional"], name=row["name"]) for row in leaders if row["unit"] == unit.id],
        )
        for unit in units
    ]


def _shown(person: Professional) -> ProfessionalOut:
    seats = [SeatOut(unit=seat.unit, leads=seat.leads, deputy=seat.deputy) for seat in person.seats]
    return ProfessionalOut(
        id=person.id,
        municipality=person.municipality,
        name=person.name,
        state=person.state,
        leaving_on=person.leaving_on,
        seats=seats,
    )


def _absence(absence: Absence) -> AbsenceOut:
    return AbsenceOut(
        id=absence.id,
        professional=absence.professional,
        from_on=absence.from_on,
        until_on=absence.until_on,
        deputy=absence.deputy,
        ended_on=absence.ended_on,
    )


def _given(body: object, version: int | None = None) -> Response:
    return answer(200, jsonable_encoder(body), version)
