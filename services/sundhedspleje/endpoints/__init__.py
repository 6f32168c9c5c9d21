"""sundhedspleje over HTTP: cases and caseloads, and the overlevering, previewed, and decided on at the moment of giving."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.chassis.errors import CannotBeApplied, NotAllowed, NotFound, require
from services.chassis.ids import new_id
from services.chassis.party import Caller
from services.chassis.request import OpenChange, OpenReading, answer
from services.chassis.route import UsualRoute
from services.chassis.service import Runtime
from services.events.access import may
from services.events.sundhedspleje import DisclosedByLaw, MotherDisclosedByLaw, OverleveringGiven
from services.sundhedspleje import domain, repository
from services.sundhedspleje.domain import Case, Composed, Disclosure, Recipient
from services.sundhedspleje.endpoints import (
    courses,
    gatherings,
    programme_files,
    programmes,
    screenings,
    taking_part,
    underretninger,
    week,
    working,
)
from services.sundhedspleje.endpoints import visits as visiting
from services.sundhedspleje.endpoints.related import Changing, Limit, Looking, stands
from services.sundhedspleje.repository import Overlevering, visits
from services.sundhedspleje.schemas import (
    CaseLine,
    CaseloadOut,
    CaseOut,
    DecisionIn,
    GivenOut,
    OverleveringIn,
    OverleveringLine,
    OverleveringOut,
    PreviewOut,
    StartIn,
    TovholderOut,
    VisitLine,
)

router = APIRouter(prefix="/sundhedspleje", tags=["sundhedspleje"], route_class=UsualRoute)
router.include_router(visiting.router)
router.include_router(screenings.router)
router.include_router(underretninger.router)
router.include_router(programmes.router)
router.include_router(courses.router)
router.include_router(gatherings.router)
router.include_router(working.router)
router.include_router(taking_part.router)
router.include_router(programme_files.router)
router.include_router(week.router)

_DAYCARE = ("institution", "dagpleje")


@router.get("/cases/{child_ref}", response_model=CaseOut)
async def see_case(child_ref: UUID, request: Looking) -> Response:
    """The child's case: visits, and for those who may, overleveringer given."""
    async with request.begin() as look:
        standing, relations = await stands(look.tx, child_ref, look.caller, look.at)
        require(may(relations, "visits", "see"), bool(relations))
        case = standing.case
        await look.saw(case.child, "visits")
        out = CaseOut(
            **_line(case).model_dump(),
            visits=[VisitLine.model_validate(vars(visit)) for visit in await visits.visits_of(look.tx, case.child)],
            linked=await repository.linked_to(look.tx, case.child),
        )
        if case.mother and may(relations, "mother", "see"):
            await look.saw(case.child, "mother")
            out.mother = case.mother
        if may(relations, "overlevering", "see"):
            await look.saw(case.child, "overlevering")
            out.overleveringer = [OverleveringLine(**given) for given in await repository.overleveringer_of(look.tx, case.child)]
        return answer(200, out.model_dump())


@router.get("/cases", response_model=CaseloadOut)
async def see_caseload(
    request: Looking,
    holder: Annotated[Literal["me"], Query()],
    after: UUID | None = None,
    limit: Limit = 50,
) -> Response:
    """The caller's own children, page by page."""
    async with request.begin() as look:
        if look.caller.professional is None:
            raise NotAllowed("A caseload is a professional's. Log in as one.")
        cases = await repository.caseload(look.tx, look.caller.professional, after, limit)
        for case in cases:
            await look.saw(case.child, "visits", "caseload")
        last = cases[-1].child if len(cases) == limit else None
        return answer(200, CaseloadOut(cases=[_line(case) for case in cases], next=last).model_dump())


@router.post("/overleveringer", status_code=201, response_model=GivenOut)
async def give_overlevering(body: OverleveringIn, request: Changing) -> Response:
    """Hands information over: asks persons now what may pass, keeps exactly that, and says to both sides what was withheld."""
    async with request.begin() as opened:
        giving = await _giving(opened, body)
    decision = await _decided(request.runtime, body, giving.recipient)
    await _start_fits(request.runtime, body)

    async with request.begin() as opened:
        giving = await _giving(opened, body)
        given = Overlevering(
            id=new_id(),
            child=body.child,
            municipality=giving.case.municipality,
            to_unit=body.to.unit,
            to_professional=body.to.professional,
            start=body.start,
            recipient=giving.recipient,
            given_by=giving.giver,
            given_at=opened.at,
            content=_composed(body, decision),
            not_told_because=body.not_told_because,
        )
        await repository.save_overlevering(opened.tx, request.runtime.settings.secrets, given)
        said = (_said(given), *_to_be_told(given))
        opened.tx.publish(body.child, *said, expected=opened.expected, dataref=f"/sundhedspleje/overleveringer/{given.id}")
        versions = await opened.tx.flush()
        out = GivenOut(id=given.id, say=decision.say, **_passes(given.content))
        return await opened.answer(201, out.model_dump(mode="json"), versions[str(body.child)])


@router.post("/overleveringer/preview", response_model=PreviewOut)
async def preview_overlevering(body: OverleveringIn, request: Looking) -> Response:
    """What the same request would hand over if it were given now. Nothing is kept and nothing passes."""
    async with request.begin() as look:
        giving = await _giving(look, body)
        await look.saw(body.child, "overlevering", "preview")
    decision = await _decided(request.runtime, body, giving.recipient, preview=True)
    await _start_fits(request.runtime, body)
    content = _composed(body, decision)
    return answer(200, PreviewOut(say=decision.say, text=content.parts, **_passes(content)).model_dump())


@router.get("/overleveringer/{number}", response_model=OverleveringOut)
async def see_overlevering(number: UUID, request: Looking) -> Response:
    """What was handed over, for the giver, the receiving unit's people and the present tovholder."""
    async with request.begin() as look:
        given = await repository.overlevering(look.tx, number)
        if given is None:
            raise NotFound("There is no such overlevering, or not for you.")
        _, relations = await stands(look.tx, given["child"], look.caller, look.at)
        relations |= _to_overlevering(given, look.caller)
        require(may(relations, "overlevering", "see"), bool(relations))
        await look.saw(given["child"], "overlevering")
        text = await repository.text_of(look.tx, request.runtime.settings.secrets, given)
        return answer(200, OverleveringOut(**given, text=text).model_dump())


@dataclass(frozen=True)
class _Giving:
    """What is settled before anything is asked or written."""

    case: Case
    giver: UUID
    recipient: Recipient


async def _giving(opened: OpenChange | OpenReading, body: OverleveringIn) -> _Giving:
    standing, relations = await stands(opened.tx, body.child, opened.caller, opened.at)
    domain.may_hand_over(relations)
    if standing.case.merged_into:
        raise domain.TheReferenceIsMerged(merged_into=standing.case.merged_into)
    assert opened.caller.professional is not None
    unit = await repository.unit_of(opened.tx, body.to.unit, standing.case.municipality)
    works_there = body.to.professional is None or await repository.works_in(opened.tx, body.to.professional, body.to.unit)
    return _Giving(standing.case, opened.caller.professional, domain.recipient(unit, works_there, body.purpose))


async def _decided(runtime: Runtime, body: OverleveringIn, recipient: Recipient, preview: bool = False) -> DecisionIn:
    asked = {
        "child": str(body.child),
        "recipient_kind": recipient.kind,
        "purpose": recipient.purpose,
        "categories": body.categories,
        "to_unit": str(body.to.unit),
        "invoked": body.invoked,
        **({"preview": True} if preview else {}),
    }
    try:
        return DecisionIn.model_validate(await runtime.peers.post("persons", "/persons/decisions", asked))
    except CannotBeApplied as error:
        raise domain.PersonsDoesNotKnowTheChild("The child is not known to persons, so nothing may pass.") from error


def _composed(body: OverleveringIn, decision: DecisionIn) -> Composed:
    return domain.compose(body.categories, body.text, Disclosure(decision.basis, decision.bases))


def _passes(content: Composed) -> dict[str, Any]:
    return {
        "basis": content.basis,
        "bases": content.bases,
        "categories": content.categories,
        "withheld": list(content.withheld),
    }


async def _start_fits(runtime: Runtime, body: OverleveringIn) -> None:
    if body.start is None:
        return
    try:
        start = StartIn.model_validate(await runtime.peers.get("daycare", f"/daycare/starts/{body.start}"))
    except CannotBeApplied as error:
        raise domain.TheStartIsOfAnotherChildOrUnit from error
    if (start.child, start.unit) != (body.child, body.to.unit) or start.state not in ("planned", "prepared"):
        raise domain.TheStartIsOfAnotherChildOrUnit


def _said(given: Overlevering) -> OverleveringGiven:
    return OverleveringGiven(
        overlevering=given.id,
        child=given.child,
        municipality=given.municipality,
        to_unit=given.to_unit,
        start=given.start,
        basis=given.content.basis,
        categories=given.content.categories,
        withheld=list(given.content.withheld),
        given_by=given.given_by,
        given_at=given.given_at,
    )


def _to_be_told(given: Overlevering) -> list[DisclosedByLaw | MotherDisclosedByLaw]:
    """What makes notifications write to the family, or to the mother alone; nothing where the giver has said why not."""
    if given.not_told_because:
        return []
    about = {
        "overlevering": given.id, "child": given.child, "municipality": given.municipality, "to_unit": given.to_unit,
        "given_by": given.given_by, "given_at": given.given_at,
    }  # fmt: skip
    return [(DisclosedByLaw if whose == "child" else MotherDisclosedByLaw)(**about) for whose in given.content.to_be_told]


def _to_overlevering(given: Any, caller: Caller) -> frozenset[str]:
    """Further relations to one overlevering: its giver, and the people of the unit it went to."""
    there = next((seat for seat in caller.seats if seat.unit == given["to_unit"]), None)
    receiving = {"daycare" if there.unit_kind in _DAYCARE else "receiver"} if there else set()
    return frozenset(receiving | ({"giver"} if caller.professional == given["given_by"] else set()))


def _line(case: Case) -> CaseLine:
    holds = case.holder is not None
    return CaseLine(
        child=case.child,
        municipality=case.municipality,
        status="closed" if case.closed else case.status,
        order=case.order,
        due_on=case.due_on,
        born_on=case.born_on,
        tovholder=TovholderOut.model_validate({"professional": case.holder, "unit": case.holder_unit, "since": case.since})
        if holds
        else None,
        version=case.version,
        life_ended=case.life_ended,
        merged_into=case.merged_into,
    )
