"""HTTP of working with an institution: talks for its staff, and cooperation agreements with the days they were held."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.chassis.calendar import date_of
from services.chassis.errors import NotFound
from services.chassis.ids import new_id
from services.chassis.request import Change, Reading, answer, change, reading
from services.chassis.route import UsualRoute
from services.chassis.service import runtime_of
from services.daycare import repository
from services.daycare.domain import cooperation as rules
from services.daycare.domain.cooperation import Agreement
from services.daycare.endpoints.related import asker
from services.daycare.repository import cooperation, places
from services.daycare.schemas import AgreementIn, AgreementOut, AgreementsOut, HeldIn, TalkIn, TalkOut, TalksOut
from services.events.daycare import AgreementHeld, TalkHeld

router = APIRouter(route_class=UsualRoute)
runtime = runtime_of("daycare")
Changing = Annotated[Change, Depends(change(runtime))]
Looking = Annotated[Reading, Depends(reading(runtime))]


@router.post("/units/{unit}/agreements", status_code=201)
async def agree(unit: UUID, body: AgreementIn, request: Changing) -> Response:
    """An institution and another unit agree to meet every so many months; for a leader of either and the placement office."""
    async with request.begin() as opened:
        municipality = await places.unit_municipality(opened.tx, unit)
        if municipality is None:
            raise NotFound("There is no such institution or dagpleje, or not for you.")
        rules.may_agree(asker(opened.caller), municipality, unit, body.with_unit)
        other = await repository.unit_of(opened.tx, body.with_unit, municipality)
        if other is None or not other.active or other.id == unit:
            raise rules.TheUnitsAreOfOneMunicipality
        made = Agreement(new_id(), unit, municipality, body.with_unit, body.agreed_on, body.every_months, None)
        await cooperation.save_agreement(opened.tx, made)
        return await opened.answer(201, {"id": str(made.id), "due_on": made.due_on.isoformat()})


@router.post("/agreements/{number}/meetings", status_code=201)
async def hold(number: UUID, body: HeldIn, request: Changing) -> Response:
    """The meeting that an agreement asks for was held."""
    async with request.begin() as opened:
        found = await cooperation.agreement(opened.tx, number)
        if found is None:
            raise NotFound("There is no such agreement, or not for you.")
        rules.may_hold(asker(opened.caller), found)
        rules.check_held(body.held_on, date_of(opened.at))
        meeting = new_id()
        await cooperation.save_held(opened.tx, meeting, found, body.held_on, body.participants, opened.at)
        said = AgreementHeld(
            agreement=found.id, unit=found.unit, municipality=found.municipality, with_unit=found.with_unit, held_on=body.held_on
        )
        opened.tx.publish(found.unit, said, dataref=f"/daycare/agreements?unit={found.unit}")
        return await opened.answer(201, {"id": str(meeting), "agreement": str(found.id)})


@router.get("/agreements", response_model=AgreementsOut)
async def agreements(
    request: Looking, unit: UUID | None = None, after: UUID | None = None, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> Response:
    """Cooperation agreements of a unit, or of the whole municipality, and when each was last held."""
    async with request.begin() as look:
        found, today = await cooperation.agreements(look.tx, unit, after, limit), date_of(look.at)
        lines = [AgreementOut.model_validate({**vars(it), "due_on": it.due_on, "overdue": it.due_on < today}) for it in found]
        return answer(200, AgreementsOut(agreements=lines, next=found[-1].id if len(found) == limit else None).model_dump())


@router.post("/units/{unit}/talks", status_code=201)
async def record_talk(unit: UUID, body: TalkIn, request: Changing) -> Response:
    """A talk (oplæg) was given to the staff of an institution."""
    async with request.begin() as opened:
        municipality = await places.unit_municipality(opened.tx, unit)
        if municipality is None:
            raise NotFound("There is no such institution or dagpleje, or not for you.")
        of_sundhedspleje = opened.caller.party.municipality == municipality and any(
            seat.unit_kind == "sundhedspleje" for seat in opened.caller.seats
        )
        rules.may_record_talk(asker(opened.caller), unit, of_sundhedspleje)
        rules.check_held(body.held_on, date_of(opened.at))
        number = new_id()
        await cooperation.save_talk(
            opened.tx, number, unit, municipality, body.topic, body.held_on, body.speakers, body.listeners, opened.at
        )
        said = TalkHeld(
            talk=number, unit=unit, municipality=municipality, topic=body.topic, held_on=body.held_on, speakers=body.speakers,
            listeners=body.listeners,
        )  # fmt: skip
        opened.tx.publish(unit, said, dataref=f"/daycare/units/{unit}/talks")
        return await opened.answer(201, {"id": str(number)})


@router.get("/units/{unit}/talks", response_model=TalksOut)
async def see_talks(
    unit: UUID, request: Looking, after: UUID | None = None, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> Response:
    """Talks given in an institution. They say nothing of any child."""
    async with request.begin() as look:
        if await places.unit_municipality(look.tx, unit) is None:
            raise NotFound("There is no such institution or dagpleje, or not for you.")
        found = await cooperation.talks(look.tx, unit, after, limit)
        lines = [TalkOut.model_validate(dict(it)) for it in found]
        return answer(200, TalksOut(talks=lines, next=found[-1]["id"] if len(found) == limit else None).model_dump())
