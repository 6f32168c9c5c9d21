"""Absences and departures, said by people: the professional, or a leader of their unit or above."""

from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.encoders import jsonable_encoder

from services.chassis.calendar import date_of
from services.chassis.errors import NotFound
from services.chassis.ids import new_id
from services.chassis.route import UsualRoute
from services.directory import domain, importing, repository
from services.directory.domain import Absence
from services.directory.endpoints.asking import Changing, answered, author, leads_above, person_asking, professional_here, voice
from services.directory.endpoints.looking import absence_out
from services.directory.schemas import AbsenceIn, AbsenceOut, DepartureIn, DepartureOut

router = APIRouter(route_class=UsualRoute)


@router.post("/absences", status_code=201, response_model=AbsenceOut)
async def register_absence(body: AbsenceIn, request: Changing) -> Response:
    """By the professional, or a leader of their unit or above. A baton moves only beyond the municipality's limit."""
    async with request.begin() as change:
        by = person_asking(change.caller)
        person = await professional_here(change.tx, body.professional)
        await repository.lock(change.tx, person.id)
        domain.speaks_of_absence(by, await leads_above(change.tx, change.caller, person), person)
        named = body.deputy or domain.usual_deputy(person)
        absence = Absence(new_id(), person.id, person.municipality, body.from_on, body.until_on, named)
        deputy = await repository.professional(change.tx, absence.deputy.professional) if absence.deputy else None
        if deputy and deputy.municipality != person.municipality:
            deputy = None
        registered = domain.register_absence(absence, person, deputy, await repository.absences_of(change.tx, person.id))
        await repository.add_absence(change.tx, absence, by, change.at)
        line = (person.municipality, "+", "absence", str(person.id), [f"from_on {absence.from_on}"])
        await repository.remember(change.tx, [line], author(change.caller))
        change.tx.publish(person.id, registered, expected=change.expected)
        return await answered(change, 201, absence_out(absence), person.id)


@router.post("/absences/{absence}/end", response_model=AbsenceOut)
async def end_absence(absence: UUID, request: Changing) -> Response:
    """The professional is back today; an absence still to come is cancelled. No baton moves by it."""
    async with request.begin() as change:
        by = person_asking(change.caller)
        found = await repository.absence(change.tx, absence)
        if found is None:
            raise NotFound("There is no such absence, or not for you.")
        person = await professional_here(change.tx, found.professional)
        domain.speaks_of_absence(by, await leads_above(change.tx, change.caller, person), person)
        ended = domain.end_absence(found, date_of(change.at))
        await repository.end_absence(change.tx, found.id, ended.ended_on)
        line = (person.municipality, "-", "absence", str(person.id), [f"ended_on {ended.ended_on}"])
        await repository.remember(change.tx, [line], author(change.caller))
        change.tx.publish(person.id, ended, expected=change.expected)
        return await answered(change, 200, {**jsonable_encoder(absence_out(found)), "ended_on": ended.ended_on}, person.id)


@router.post("/professionals/{professional}/departure", status_code=202, response_model=DepartureOut)
async def register_departure(professional: UUID, body: DepartureIn, request: Changing) -> Response:
    """By a leader or the administrator. Never refused: said again, it answers what stands. Once the seats are empty: *left*."""
    async with request.begin() as change:
        person_asking(change.caller)
        code = (await professional_here(change.tx, professional)).municipality
        await repository.lock_municipalities(change.tx, [code])
        before = await repository.snapshot(change.tx, [code])
        leads = await leads_above(change.tx, change.caller, before.professionals[professional])
        domain.registers_departure(leads or (await voice(change)).administers)
        after = domain.leave(before, [professional], body.leaving_on or date_of(change.at))
        await repository.write(change.tx, before, after)
        await importing.remember(change.tx, before, importing.differences(before, after), author(change.caller))
        for subject, event in domain.differences(before, after):
            change.tx.publish(subject, event, expected=change.expected if subject == professional else None)
        leaving = after.professionals[professional]
        out = {"professional": professional, "state": leaving.state, "leaving_on": leaving.leaving_on}
        return await answered(change, 202, out, professional)
