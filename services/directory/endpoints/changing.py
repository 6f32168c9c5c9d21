"""Single changes and whole imports over HTTP: each is a file of one entry or more, taken in through the one door."""

from collections.abc import Collection
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Query, Response
from pydantic import BaseModel, SkipValidation

from services.chassis.errors import NotFound, NotUnderstood
from services.chassis.ids import new_id
from services.chassis.request import OpenChange
from services.chassis.route import UsualRoute
from services.directory import domain, importing, repository
from services.directory.domain import Professional, Unit
from services.directory.endpoints.asking import (
    Changing,
    administrator,
    answered,
    author,
    leads_above,
    leads_all,
    professional_here,
    voice,
)
from services.directory.importing import Changes, TheFileCannotBeImported, shape
from services.directory.schemas import (
    CompetencesIn,
    DifferenceOut,
    ImportOut,
    IntakeIn,
    MunicipalityChangeIn,
    MunicipalityOut,
    ProfessionalChangeIn,
    ProfessionalIn,
    ReferenceOut,
    ReturnIn,
    SeatIn,
    UnitChangeIn,
    UnitIn,
)
from services.events.directory import subject_of_municipality
from services.events.envelope import Municipality as MunicipalityCode

router = APIRouter(route_class=UsualRoute)
_SHOWN = 1_000


@router.post("/imports", response_model=ImportOut)
async def take_in(
    # Checked by the import itself, which tells every place at once.
    body: Annotated[shape.File, SkipValidation, Body()],
    request: Changing,
    dry_run: bool = False,
    yes_many_leave: Annotated[bool, Query(description="More than a third of the people or units may go.")] = False,
) -> Response:
    """Makes the directory say what the body says; repeatable. By an administrator of the municipality, or the product's services.

    Whom a municipality marked `complete` leaves out is *leaving*. One transaction: all of it, or nothing and every place told.
    """
    async with request.begin() as change:
        asking = await administrator(change)
        changes = await importing.take_in(
            change.tx,
            importing.Given(body, shape.in_words_of_the_contract),
            issuer=request.runtime.settings.issuer,
            dry_run=dry_run,
            yes_many_leave=yes_many_leave,
            within=asking.within,
            by=author(change.caller),
        )
        await change.tx.flush()
        return await change.answer(200, _told(changes).model_dump(mode="json"))


@router.post("/professionals", status_code=201, response_model=ReferenceOut)
async def add_professional(body: ProfessionalIn, request: Changing) -> Response:
    """By the administrator, or someone who leads every unit named. Who logs in as whom: the administrator alone."""
    async with request.begin() as change:
        asking = await voice(change)
        domain.takes_on(asking.administers, await leads_all(change.tx, change.caller, [seat.unit for seat in body.seats]))
        _only_ordinary(body, asking.administers)
        number = body.id or new_id()
        if await repository.professional(change.tx, number):
            raise NotUnderstood("There is a professional with this id already; change them at their own address.")
        await _taken_in(change, "professionals", {**_said(body), "id": number}, asking.within, number, request)
        return await answered(change, 201, ReferenceOut(id=number), number)


@router.post("/professionals/{professional}", response_model=ReferenceOut)
async def change_professional(professional: UUID, body: ProfessionalChangeIn, request: Changing) -> Response:
    """Seats: by someone who leads every unit where something changes; everything: by the administrator."""
    async with request.begin() as change:
        asking, person = await voice(change), await professional_here(change.tx, professional)
        touched = _touched(person, body.seats) if "seats" in body.model_fields_set else set()
        domain.takes_on(asking.administers, await leads_all(change.tx, change.caller, touched))
        _only_ordinary(body, asking.administers)
        await _taken_in(change, "professionals", {**_known(person), **_said(body)}, asking.within, person.id, request)
        return await answered(change, 200, ReferenceOut(id=person.id), person.id)


@router.post("/professionals/{professional}/competences", response_model=ReferenceOut)
async def name_competences(professional: UUID, body: CompetencesIn, request: Changing) -> Response:
    """By the administrator, or a leader of the professional's unit or above."""
    async with request.begin() as change:
        asking, person = await voice(change), await professional_here(change.tx, professional)
        domain.names_competences(asking.administers, await leads_above(change.tx, change.caller, person))
        await _taken_in(change, "professionals", {**_known(person), **_said(body)}, asking.within, person.id, request)
        return await answered(change, 200, ReferenceOut(id=person.id), person.id)


@router.post("/professionals/{professional}/return", response_model=ReferenceOut)
async def take_on_again(professional: UUID, body: ReturnIn, request: Changing) -> Response:
    """Someone who has left begins anew, on new seats; no child comes back by it. By who may take someone on."""
    async with request.begin() as change:
        asking, person = await voice(change), await professional_here(change.tx, professional)
        domain.takes_on(asking.administers, await leads_all(change.tx, change.caller, [seat.unit for seat in body.seats]))
        _only_ordinary(body, asking.administers)
        entry = {**_known(person), **_said(body)}
        await _taken_in(change, "professionals", entry, asking.within, person.id, request, again=person.id)
        return await answered(change, 200, ReferenceOut(id=person.id), person.id)


@router.post("/units", status_code=201, response_model=ReferenceOut)
async def add_unit(body: UnitIn, request: Changing) -> Response:
    """By the administrator of its municipality; a ward or midwife centre, which belongs to none: by the product's services."""
    async with request.begin() as change:
        asking, number = await administrator(change), body.id or new_id()
        if await repository.units(change.tx, number=number):
            raise NotUnderstood("There is a unit with this id already; change it at its own address.")
        await _taken_in(change, "units", {**_said(body), "id": number}, asking.within, number, request)
        return await answered(change, 201, ReferenceOut(id=number), number)


@router.post("/units/{unit}", response_model=ReferenceOut)
async def change_unit(unit: UUID, body: UnitChangeIn, request: Changing) -> Response:
    """By the administrator. An inactive unit stays, for what happened in it; its people are moved or leave one by one."""
    async with request.begin() as change:
        asking, found = await voice(change), await repository.units(change.tx, number=unit)
        if not found:
            raise NotFound("There is no such unit, or not for you.")
        domain.changes_structure(asking.administers)
        await _taken_in(change, "units", {**_known_unit(found[0]), **_said(body)}, asking.within, unit, request)
        return await answered(change, 200, ReferenceOut(id=unit), unit)


@router.post("/intakes", response_model=ReferenceOut)
async def name_intake(body: IntakeIn, request: Changing) -> Response:
    """Who takes in children from now on: by the administrator, or the leader who stands in the intake. Answers with its unit."""
    async with request.begin() as change:
        asking = await voice(change)
        standing = await repository.intakes(change.tx, body.municipality)
        present = next((intake for intake in standing if intake.district == body.district), None)
        domain.names_intake(asking.administers, change.caller.professional, present)
        await _taken_in(change, "intakes", _said(body), asking.within, body.unit, request)
        return await answered(change, 200, ReferenceOut(id=body.unit), body.unit)


@router.post("/municipalities/{municipality}", response_model=MunicipalityOut)
async def change_municipality(municipality: MunicipalityCode, body: MunicipalityChangeIn, request: Changing) -> Response:
    """Local closing days, deadlines, and what a legal basis switches on: by the administrator. In force at once, told to all."""
    async with request.begin() as change:
        asking, found = await voice(change), await repository.municipality(change.tx, municipality)
        if found is None:
            raise NotFound("There is no such municipality, or not for you.")
        domain.changes_structure(asking.administers)
        subject = subject_of_municipality(municipality)
        entry = {"code": found.code, "name": found.name, **_said(body)}
        await _taken_in(change, "municipalities", entry, asking.within, subject, request)
        after = await repository.municipality(change.tx, municipality)
        assert after is not None, "it was there before"
        return await answered(change, 200, MunicipalityOut(**vars(after)), subject)


async def _taken_in(
    change: OpenChange,
    kind: str,
    entry: dict[str, Any],
    within: str | None,
    subject: UUID,
    request: Changing,
    again: UUID | None = None,
) -> Changes:
    """NotUnderstood with every place, where the file would be refused."""
    # Also where nothing is said of it in the end.
    change.only_if_unchanged(subject)
    expected = (subject, change.expected) if change.expected is not None else None
    issuer = request.runtime.settings.issuer
    given = importing.of_one(kind, _as_in_a_file(entry))
    try:
        by = author(change.caller)
        return await importing.take_in(change.tx, given, issuer=issuer, within=within, expected=expected, again=again, by=by)
    except TheFileCannotBeImported as error:
        raise NotUnderstood(error.detail, **error.more) from error


def _said(body: BaseModel) -> dict[str, Any]:
    return body.model_dump(exclude_unset=True)


def _as_in_a_file(entry: dict[str, Any]) -> dict[str, Any]:
    """References in a file are texts: an id, or a key of the same file."""
    return {name: _texts(value) if name not in ("id", "function") else value for name, value in entry.items()}


def _texts(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, dict):
        return _as_in_a_file(value)
    return [_texts(each) for each in value] if isinstance(value, list) else value


def _known(person: Professional) -> dict[str, Any]:
    return {"id": person.id, "municipality": person.municipality, "name": person.name}


def _known_unit(unit: Unit) -> dict[str, Any]:
    owner = {"municipality": unit.municipality} if unit.municipality else {"organisation": unit.organisation}
    return {"id": unit.id, "kind": unit.kind, "name": unit.name, **owner}


def _touched(person: Professional, seats: Collection[SeatIn]) -> set[UUID]:
    """The units where this professional's seats are other than before."""
    before = {(seat.unit, seat.leads, seat.deputy, seat.function) for seat in person.seats}
    after = {(seat.unit, seat.leads, seat.deputy, seat.function) for seat in seats}
    return {seat[0] for seat in before ^ after} or {seat.unit for seat in person.seats}


def _only_ordinary(body: BaseModel, administers: bool) -> None:
    """Who someone is when they log in, and who administers, is no leader's to say: it would lend them another's authority."""
    if {"login", "issuer", "administers", "name", "email"} & body.model_fields_set - _FREE.get(type(body), set()):
        domain.changes_structure(administers)


# A new person's name and address belong to being taken on.
_FREE: dict[type[BaseModel], set[str]] = {ProfessionalIn: {"name", "email"}}


def _told(changes: Changes) -> ImportOut:
    shown = changes.differences[:_SHOWN]
    return ImportOut(
        dry_run=changes.dry_run,
        differences=[DifferenceOut(**{**vars(each), "says": list(each.says)}) for each in shown],
        more=len(changes.differences) - len(shown),
        events=dict(changes.events),
        notes=changes.notes[:_SHOWN],
    )
