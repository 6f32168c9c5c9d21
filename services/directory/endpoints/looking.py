"""What the directory shows of people, units, intakes; what is foreign is not found."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.encoders import jsonable_encoder

from services.chassis.calendar import date_of
from services.chassis.errors import NotFound
from services.chassis.request import answer
from services.chassis.route import UsualRoute
from services.chassis.store import Tx
from services.directory import domain, repository
from services.directory.domain import Absence, Professional
from services.directory.endpoints.asking import Looking, professional_here, voice
from services.directory.schemas import (
    AbsenceOut,
    AbsencesOut,
    AccountOut,
    CompetenceOut,
    ContactOut,
    HistoryLineOut,
    HistoryOut,
    IntakeOut,
    IntakesOut,
    LeaderOut,
    MunicipalityOut,
    ProfessionalOut,
    ProfessionalsOut,
    ProfessionalWithAbsences,
    SeatOut,
    UnitOut,
    UnitsOut,
)
from services.events.directory import UnitKind, subject_of_municipality
from services.events.envelope import Code, Municipality

router = APIRouter(route_class=UsualRoute)


@router.get("/professionals", response_model=ProfessionalsOut)
async def list_professionals(
    request: Looking,
    unit: UUID | None = None,
    q: Annotated[str | None, Query(min_length=2, max_length=60, description="The beginning of a word of the name.")] = None,
    municipality: Municipality | None = None,
    competence: Annotated[Code | None, Query(description="Trained in this today.")] = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Professionals who have not left, by name, a page at a time."""
    async with request.begin() as look:
        trained = (competence, date_of(look.at)) if competence else None
        found = await repository.list_professionals(
            look.tx, unit=unit, query=q, municipality=municipality, trained=trained, after=after, limit=limit + 1
        )
    page = found[:limit]
    further = page[-1].id if len(found) > limit else None
    return given(ProfessionalsOut(professionals=[shown(person) for person in page], next=further))


@router.get("/professionals/{professional}", response_model=ProfessionalWithAbsences)
async def show_professional(professional: UUID, request: Looking) -> Response:
    """One professional, with absences of today and later."""
    async with request.begin() as look:
        person = await professional_here(look.tx, professional)
        today = date_of(look.at)
        known = await repository.absences_of(look.tx, professional)
        absences = [absence_out(absence) for absence in known if absence.covers_some_of(today, None)]
        version = await repository.version_of(look.tx, professional)
    return given(ProfessionalWithAbsences(**shown(person).model_dump(), version=version, absences=absences), version)


@router.get("/absences", response_model=AbsencesOut)
async def list_absences(request: Looking, deputy: UUID) -> Response:
    """The absences of today in which somebody stands in: the usual deputy, or whoever was named for this one."""
    async with request.begin() as look:
        found = await repository.deputised_by(look.tx, deputy, date_of(look.at))
    return given(AbsencesOut(absences=[absence_out(absence) for absence in found]))


@router.get("/professionals/{professional}/contact", response_model=ContactOut)
async def show_contact(professional: UUID, request: Looking) -> Response:
    """A professional's e-mail address, for the product's own services at the moment of sending."""
    async with request.begin() as look:
        look.only_services()
        person = await professional_here(look.tx, professional)
        await look.saw(professional, "contact", "notice")
    return given(ContactOut(professional=person.id, email=person.email if person.state != "left" else None))


@router.get("/professionals/{professional}/account", response_model=AccountOut)
async def show_account(professional: UUID, request: Looking) -> Response:
    """A professional's log-in and e-mail address, for the administrator who keeps them."""
    async with request.begin() as look:
        domain.changes_structure((await voice(look)).administers)
        person = await professional_here(look.tx, professional)
        await look.saw(professional, "contact", "administration")
    return given(AccountOut(professional=person.id, email=person.email, issuer=person.issuer, login=person.login))


@router.get("/units", response_model=UnitsOut)
async def list_units(
    request: Looking,
    kind: UnitKind | None = None,
    municipality: Municipality | None = None,
    district: Annotated[UUID | None, Query(description="Those that serve this district.")] = None,
    sor: Annotated[str | None, Query(pattern=r"^\d{6,18}$", description="The one this SOR number stands for.")] = None,
) -> Response:
    """Units of the caller's municipality, and wards and midwife centres, which belong to none."""
    async with request.begin() as look:
        units = await _units(look.tx, kind=kind, municipality=municipality, district=district, sor=sor)
    return given(UnitsOut(units=units))


@router.get("/units/{unit}", response_model=UnitOut)
async def show_unit(unit: UUID, request: Looking) -> Response:
    """One unit with its leaders."""
    async with request.begin() as look:
        found = await _units(look.tx, number=unit)
        version = await repository.version_of(look.tx, unit)
    if not found:
        raise NotFound("There is no such unit, or not for you.")
    return given(found[0], version)


@router.get("/intakes", response_model=IntakesOut)
async def list_intakes(request: Looking, municipality: Municipality | None = None) -> Response:
    """Who takes in children: a municipality's own intake before those of its districts."""
    async with request.begin() as look:
        intakes = await repository.intakes(look.tx, municipality)
    return given(IntakesOut(intakes=[IntakeOut(**vars(intake)) for intake in intakes]))


@router.get("/municipalities/{municipality}", response_model=MunicipalityOut)
async def show_municipality(municipality: Municipality, request: Looking) -> Response:
    """A municipality's rules: local closing days, deadlines, and what a legal basis switches on; the ETag is its version."""
    async with request.begin() as look:
        found = await repository.municipality(look.tx, municipality)
        if found is None:
            raise NotFound("There is no such municipality, or not for you.")
        version = await repository.version_of(look.tx, subject_of_municipality(municipality))
    return given(MunicipalityOut(**vars(found)), version)


@router.get("/history", response_model=HistoryOut)
async def show_history(
    request: Looking,
    kind: Annotated[str | None, Query(max_length=40)] = None,
    key: Annotated[str | None, Query(max_length=100, description="The id, or the code, of what was changed.")] = None,
    municipality: Municipality | None = None,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Who changed what, and when, the newest first: for the administrator. `before`: the last line of the page before."""
    async with request.begin() as look:
        domain.sees_history((await voice(look)).administers)
        found = await repository.history(look.tx, municipality=municipality, kind=kind, key=key, before=before, limit=limit + 1)
    lines = [HistoryLineOut(**row) for row in found[:limit]]
    return given(HistoryOut(changes=lines, next=lines[-1].id if len(found) > limit else None))


async def _units(
    tx: Tx,
    *,
    kind: UnitKind | None = None,
    municipality: str | None = None,
    district: UUID | None = None,
    sor: str | None = None,
    number: UUID | None = None,
) -> list[UnitOut]:
    units = await repository.units(tx, kind=kind, municipality=municipality, district=district, sor=sor, number=number)
    leaders = await repository.leaders(tx, [unit.id for unit in units])
    return [
        UnitOut(
            **{**vars(unit), "sor": list(unit.sor)},
            leaders=[LeaderOut(professional=row["professional"], name=row["name"]) for row in leaders if row["unit"] == unit.id],
        )
        for unit in units
    ]


def shown(person: Professional) -> ProfessionalOut:
    seats = [SeatOut(**vars(seat)) for seat in person.seats]
    return ProfessionalOut(
        id=person.id,
        municipality=person.municipality,
        name=person.name,
        state=person.state,
        leaving_on=person.leaving_on,
        administers=person.administers,
        seats=seats,
        competences=[CompetenceOut(**vars(held)) for held in person.competences],
    )


def absence_out(absence: Absence) -> AbsenceOut:
    return AbsenceOut(
        id=absence.id,
        professional=absence.professional,
        from_on=absence.from_on,
        until_on=absence.until_on,
        deputy=absence.deputy,
        ended_on=absence.ended_on,
    )


def given(body: object, version: int | None = None) -> Response:
    return answer(200, jsonable_encoder(body), version)
