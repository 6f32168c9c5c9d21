"""Underretninger over HTTP: given by whoever works with the child, seen only by whom they concern."""

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.chassis.calendar import after_working_days
from services.chassis.errors import NotAllowed, NotFound, NotUnderstood, require
from services.chassis.ids import new_id
from services.chassis.party import Caller
from services.chassis.request import OpenChange, answer
from services.chassis.route import UsualRoute
from services.chassis.service import Runtime
from services.events.access import may
from services.events.envelope import Seat
from services.events.sundhedspleje import UnderretningAcknowledged, UnderretningAssessed, UnderretningGiven
from services.sundhedspleje import repository
from services.sundhedspleje.domain import TheReferenceIsMerged
from services.sundhedspleje.domain import underretning as rules
from services.sundhedspleje.domain.underretning import Underretning
from services.sundhedspleje.endpoints.related import Changing, Limit, Looking, deciding, last_of, stands
from services.sundhedspleje.repository import underretninger
from services.sundhedspleje.schemas import (
    AssessmentIn,
    ConcernedOut,
    MadeOut,
    UnderretningerOut,
    UnderretningGivenOut,
    UnderretningIn,
    UnderretningLine,
    UnderretningOut,
)

router = APIRouter(route_class=UsualRoute)


@router.post("/cases/{child_ref}/underretninger", status_code=201, response_model=UnderretningGivenOut)
async def give_underretning(child_ref: UUID, body: UnderretningIn, request: Changing) -> Response:
    """A personal duty (Barnets Lov s. 133): whoever works with the child gives it, and nobody is asked for consent.

    Also of a child whose case is closed: the duty does not end with it.
    """
    async with request.begin() as opened:
        at = await deciding(opened, child_ref)
        rules.may_notify(at.relations)
        if at.case.merged_into:
            raise TheReferenceIsMerged(merged_into=at.case.merged_into)
        unit = await repository.unit_of(at.tx, body.to_unit, at.case.municipality)
        rules.received_by(unit.kind if unit else None, bool(unit and unit.active))
        given_at = body.given_at or opened.at
        if not at.case.opened_at or not at.case.opened_at - timedelta(days=365) <= given_at <= opened.at:
            raise NotUnderstood("`given_at` is a time that has come, and not long before the child was known here.")
        closing_days = await repository.closing_days(at.tx, at.case.municipality)
        given = Underretning(
            id=new_id(), child=child_ref, municipality=at.case.municipality, notifier=at.by, notifier_unit=at.seat.unit,
            to_unit=body.to_unit, given_at=given_at, assess_by=given_at + rules.ASSESS_WITHIN,
            receipt_by=after_working_days(given_at, rules.RECEIPT_WORKING_DAYS, closing_days),
        )  # fmt: skip
        await underretninger.save(at.tx, request.runtime.settings.secrets, given, body.text)
        said = UnderretningGiven(**_named(given), given_at=given_at, assess_by=given.assess_by, receipt_by=given.receipt_by)
        # Its own subject, and the child is not in it: whoever follows the child's facts learns nothing of it.
        opened.tx.publish(given.id, said, dataref=f"/sundhedspleje/underretninger/{given.id}")
        out = UnderretningGivenOut(id=given.id, assess_by=given.assess_by, receipt_by=given.receipt_by)
        return await at.answer(201, out, (await opened.tx.flush())[str(given.id)])


@router.get("/underretninger", response_model=UnderretningerOut)
async def see_underretninger(
    request: Looking,
    given_by: Literal["me"] | None = None,
    unit: UUID | None = None,
    child: UUID | None = None,
    within_hours: Annotated[
        int | None,
        Query(ge=0, le=720, description="Only those with an unanswered clock that runs out within so many hours, or has."),
    ] = None,
    after: UUID | None = None,
    limit: Limit = 50,
) -> Response:
    """One's own, those given to a unit in which one works, or those about a child, as far as they concern the caller."""
    if (given_by, unit, child) == (None, None, None):
        raise NotUnderstood("Say whose: given_by=me, unit=… or child=….")
    async with request.begin() as look:
        if look.caller.professional is None or (unit and not look.caller.works_in(unit)):
            raise NotAllowed("Underretninger are seen by who gave them and by the people of the unit they were given to.")
        until = look.at + timedelta(hours=within_hours) if within_hours is not None else None
        page = await underretninger.listed(
            look.tx, look.caller.professional if given_by else None, unit, child, until, after, limit
        )  # fmt: skip
        relations = (await stands(look.tx, child, look.caller, look.at))[1] if child else frozenset[str]()
        found = [it for it in page if may(relations | _to_underretning(it, look.caller), "underretning", "see")]
        for line in found:
            # Under its own number: whoever reads the child's lines of the log learns nothing of it.
            await look.saw(line.id, "underretning", "list")
        shown = [UnderretningLine.model_validate(_line(it)) for it in found]
        return answer(200, UnderretningerOut(underretninger=shown, next=last_of(page, limit)).model_dump())


@router.get("/underretninger/{number}", response_model=UnderretningOut)
async def see_underretning(number: UUID, request: Looking) -> Response:
    """For the notifier, the receiving unit's people, and the child's health visitor."""
    async with request.begin() as look:
        found = await underretninger.underretning(look.tx, number)
        if found is None:
            raise NotFound("There is no such underretning, or not for you.")
        _, relations = await stands(look.tx, found.child, look.caller, look.at)
        relations |= _to_underretning(found, look.caller)
        require(may(relations, "underretning", "see"), may(relations, "underretning", "see"))
        await look.saw(number, "underretning")
        text = await underretninger.text_of(look.tx, request.runtime.settings.secrets, found)
        out = UnderretningOut.model_validate({**_line(found), "assessment": found.assessment, "text": text})
        return answer(200, out.model_dump())


@router.get("/underretninger/{number}/child", response_model=ConcernedOut)
async def see_whom_it_is_about(number: UUID, request: Looking) -> Response:
    """Who the child is, for those whom the underretning concerns: persons is asked at that moment, nothing of it is kept here.

    Logged here under the underretning's own number, and at persons as this service's asking: no line of the child's log
    tells that there is an underretning.
    """
    async with request.begin() as look:
        found = await underretninger.underretning(look.tx, number)
        if found is None:
            raise NotFound("There is no such underretning, or not for you.")
        standing, relations = await stands(look.tx, found.child, look.caller, look.at)
        relations |= _to_underretning(found, look.caller)
        require(may(relations, "underretning", "see"), may(relations, "underretning", "see"))
        await look.saw(number, "identity", "underretning")
        child = standing.case.merged_into or found.child
    return answer(200, (await _whom(request.runtime, child)).model_dump(mode="json"))


async def _whom(run: Runtime, child: UUID) -> ConcernedOut:
    """An unborn child, or one without a name yet, is known by its mother."""
    person = await run.peers.get("persons", f"/persons/{child}")
    mother = None
    if not person.get("name") and person.get("mother"):
        mother = (await run.peers.get("persons", f"/persons/{person['mother']}")).get("name")
    shown = {name: person.get(name) for name in ("status", "name", "born_at", "due_on")}
    return ConcernedOut.model_validate({"child": child, **shown, "mother_name": mother})


@router.post("/underretninger/{number}/assessment", response_model=MadeOut)
async def assess_underretning(number: UUID, body: AssessmentIn, request: Changing) -> Response:
    """Within 24 hours: whether something must be done at once."""
    async with request.begin() as opened:
        found, standing = await _concerned(opened, number)
        assessed = rules.assess(found, standing, body.assessment, opened.at)
        said = UnderretningAssessed(**_named(assessed), assessed_at=opened.at)
        return await _recorded(opened, assessed, said)


@router.post("/underretninger/{number}/receipt", response_model=MadeOut)
async def acknowledge_underretning(number: UUID, request: Changing) -> Response:
    """Within six working days: the notifier has been told that it was received."""
    async with request.begin() as opened:
        found, standing = await _concerned(opened, number)
        acknowledged = rules.acknowledge(found, standing, opened.at)
        said = UnderretningAcknowledged(**_named(acknowledged), receipt_at=opened.at)
        return await _recorded(opened, acknowledged, said)


async def _concerned(opened: OpenChange, number: UUID) -> tuple[Underretning, frozenset[str]]:
    """The underretning, locked, for those whom it concerns; to others it is as if there were none."""
    found = await underretninger.underretning(opened.tx, number, for_change=True)
    relations: frozenset[str] = frozenset()
    if found is not None and opened.caller.professional:
        _, relations = await stands(opened.tx, found.child, opened.caller, opened.at)
        relations |= _to_underretning(found, opened.caller)
    if found is None or not may(relations, "underretning", "see"):
        raise NotFound("There is no such underretning, or not for you.")
    require(may(relations, "underretning", "act"), related=True)
    return found, relations


async def _recorded(
    opened: OpenChange, stands_now: Underretning, said: UnderretningAssessed | UnderretningAcknowledged
) -> Response:
    assert opened.caller.professional is not None
    await underretninger.record(opened.tx, stands_now, opened.caller.professional)
    opened.tx.publish(stands_now.id, said, expected=opened.expected, dataref=f"/sundhedspleje/underretninger/{stands_now.id}")
    version = (await opened.tx.flush())[str(stands_now.id)]
    return await opened.answer(200, MadeOut(id=stands_now.id).model_dump(mode="json"), version)


def _to_underretning(found: Underretning, caller: Caller) -> frozenset[str]:
    """Further relations to one underretning: who gave it, and the people of the unit it went to."""
    is_notifier = caller.professional is not None and caller.professional == found.notifier
    standing = {"notifier": is_notifier, "assessor": caller.works_in(found.to_unit)}
    return frozenset(relation for relation, holds in standing.items() if holds)


def _named(given: Underretning) -> dict[str, object]:
    return {
        "underretning": given.id,
        "municipality": given.municipality,
        "notifier": Seat(professional=given.notifier, unit=given.notifier_unit),
        "to_unit": given.to_unit,
    }


def _line(it: Underretning) -> dict[str, object]:
    return {name: getattr(it, name) for name in UnderretningLine.model_fields}
