"""Programmes over HTTP: what there is, whom it is for and why; a family's offer, answer, place and end."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.chassis.calendar import date_of
from services.chassis.errors import NotAllowed, NotFound, require
from services.chassis.ids import new_id
from services.chassis.party import Caller
from services.chassis.request import OpenChange, answer
from services.chassis.route import UsualRoute
from services.chassis.store import Tx
from services.events.access import may
from services.sundhedspleje.domain import TheReferenceIsMerged
from services.sundhedspleje.domain.programmes import definitions, eligibility, enrolling
from services.sundhedspleje.domain.programmes.courses import Course
from services.sundhedspleje.domain.programmes.definitions import Programme, Programmes
from services.sundhedspleje.domain.programmes.eligibility import Explanation, Finding
from services.sundhedspleje.domain.programmes.enrolling import Continuing, Decided, Enrolment, Room
from services.sundhedspleje.endpoints.related import Changing, Looking, stands
from services.sundhedspleje.repository import Standing, consents, courses, enrolments, placing
from services.sundhedspleje.repository import written as files
from services.sundhedspleje.schemas.programmes import (
    AcceptIn,
    AfterwardsOut,
    ChangedOut,
    CompleteIn,
    ContinuesIn,
    DeclineIn,
    EligibilityOut,
    EnrolmentOut,
    EnrolmentsOut,
    FindingOut,
    MethodOut,
    OfferIn,
    PlaceIn,
    ProgrammeLine,
    ProgrammeOut,
    ProgrammesOut,
    StepOut,
    StopIn,
    WhyOut,
)

router = APIRouter(route_class=UsualRoute)


# -- What there is ------------------------------------------------------------------------------------------------------------


@router.get("/programmes", response_model=ProgrammesOut)
async def see_programmes(request: Looking, municipality: Annotated[str | None, Query(pattern=r"^\d{4}$")] = None) -> Response:
    """The municipality's programmes in force today, each with its step in the Handleguide."""
    async with request.begin() as look:
        own = look.caller.party.municipality
        if not look.caller.is_service and (own is None or municipality not in (None, own)):
            raise NotAllowed("A municipality's programmes are for its own people and systems.")
        today = date_of(look.at)
        written = await files.programmes(look.tx, municipality or own or "", today)
        shown = [_shown(written, programme) for programme in written.in_force(today)]
        return answer(200, ProgrammesOut(title=written.title, on=today, programmes=shown).model_dump())


@router.get("/cases/{child_ref}/programmes", response_model=EligibilityOut)
async def see_whom_it_is_for(child_ref: UUID, request: Looking) -> Response:
    """Which programmes this family is offered, and why; which not, and what that would take."""
    async with request.begin() as look:
        standing, relations = await stands(look.tx, child_ref, look.caller, look.at)
        require(may(relations, "programmes", "see"), bool(relations))
        await look.saw(child_ref, "programmes")
        today = date_of(look.at)
        written = await files.programmes(look.tx, standing.case.municipality, today)
        facts = await enrolments.facts_of(look.tx, standing.case, today)
        states = {each.programme: each.state for each in await enrolments.of_child(look.tx, child_ref)}
        found = [
            _why(written, programme, eligibility.explain(programme.offered_to, facts), states.get(programme.key), relations)
            for programme in written.in_force(today)
            if programme.for_families
        ]
        return answer(200, EligibilityOut(child=child_ref, on=today, programmes=found).model_dump())


# -- A family's way through one -------------------------------------------------------------------------------------------------


@router.get("/cases/{child_ref}/enrolments", response_model=EnrolmentsOut)
async def see_enrolments(child_ref: UUID, request: Looking) -> Response:
    """All that this family was offered, and what became of it."""
    async with request.begin() as look:
        standing, relations = await stands(look.tx, child_ref, look.caller, look.at)
        require(may(relations, "programmes", "see"), bool(relations))
        await look.saw(child_ref, "programmes")
        found = await enrolments.of_child(look.tx, child_ref)
        written = await files.programmes(look.tx, standing.case.municipality, date_of(look.at))
        return answer(
            200, EnrolmentsOut(enrolments=[await _out(look.tx, written, each, relations) for each in found]).model_dump()
        )


@router.get("/enrolments/{number}", response_model=EnrolmentOut)
async def see_enrolment(number: UUID, request: Looking) -> Response:
    """One enrolment, with what was said besides the reason's code for those who may offer; a team sees no such word."""
    async with request.begin() as look:
        enrolment = await enrolments.enrolment(look.tx, number)
        relations = await _stands_to(look.tx, enrolment, look.caller, look.at)
        if enrolment is None:
            raise NotFound("There is no such enrolment, or not for you.")
        require(may(relations, "programmes", "see"), bool(relations))
        await look.saw(enrolment.child, "programmes")
        written = await files.programmes(look.tx, enrolment.municipality, date_of(look.at))
        out = await _out(look.tx, written, enrolment, relations)
        if enrolling.OFFERS & relations:
            out.text = await enrolments.text_of(look.tx, request.runtime.settings.secrets, enrolment)
        return answer(200, out.model_dump())


@router.post("/enrolments", status_code=201, response_model=ChangedOut)
async def offer_programme(body: OfferIn, request: Changing) -> Response:
    """The tovholder offers a family a programme; the reasons that matched are kept with it."""
    async with request.begin() as opened:
        standing, relations = await stands(opened.tx, body.child, opened.caller, opened.at)
        enrolling.may_offer(relations)
        case = standing.case
        if case.merged_into:
            raise TheReferenceIsMerged(merged_into=case.merged_into)
        today = date_of(opened.at)
        found = (await files.programmes(opened.tx, case.municipality, today)).programme(body.programme, today)
        programme = enrolling.may_be_offered(found, body.grounds, not (case.closed or case.life_ended))
        facts = await enrolments.facts_of(opened.tx, case, today)
        why = eligibility.explain(programme.offered_to, eligibility.judged(facts, body.grounds))
        assert opened.caller.professional is not None
        decided = enrolling.offer(
            new_id(), body.child, case.municipality, programme, why, opened.caller.professional, _unit(standing, opened.caller)
        )
        await enrolments.add(opened.tx, decided.enrolment, programme.consent, opened.at)
        opened.tx.publish(
            body.child, *decided.events, expected=opened.expected, dataref=f"/sundhedspleje/enrolments/{decided.enrolment.id}"
        )
        return await _answered(opened, 201, decided.enrolment)


@router.post("/enrolments/{number}/acceptance", response_model=ChangedOut)
async def accept_offer(number: UUID, body: AcceptIn, request: Changing) -> Response:
    """The family says yes. Where the programme needs a consent, persons is asked now whether it stands."""
    async with request.begin() as opened:
        enrolment = await _mine(opened, number)
        needed = await enrolments.consent_of(opened.tx, number)
    consented = needed is None or await consents.stands(request.runtime, enrolment.child, needed)
    async with request.begin() as opened:
        enrolment = await _mine(opened, number, body.course)
        room = await _room(opened.tx, body.course) if body.course else None
        return await _done(opened, enrolling.accept(enrolment, room, consented))


@router.post("/enrolments/{number}/refusal", response_model=ChangedOut)
async def decline_offer(number: UUID, body: DeclineIn, request: Changing) -> Response:
    """The family says no, with a reason."""
    async with request.begin() as opened:
        enrolment = await _mine(opened, number)
        text = await enrolments.sealed(opened.tx, request.runtime.settings.secrets, enrolment, body.text)
        return await _done(opened, enrolling.decline(enrolment, body.reason), text)


@router.post("/enrolments/{number}/place", response_model=ChangedOut)
async def give_place(number: UUID, body: PlaceIn, request: Changing) -> Response:
    """A place in a course for a family that has said yes; where it is full, the end of its list."""
    async with request.begin() as opened:
        enrolment = await _mine(opened, number, body.course)
        return await _done(opened, enrolling.place(enrolment, await _room(opened.tx, body.course)))


@router.post("/enrolments/{number}/start", response_model=ChangedOut)
async def start_alone(number: UUID, request: Changing) -> Response:
    """A programme without a course begins for this family."""
    async with request.begin() as opened:
        enrolment = await _mine(opened, number)
        return await _done(opened, enrolling.begin_alone(enrolment, await definition(opened.tx, enrolment, opened.at)))


@router.post("/enrolments/{number}/completion", response_model=ChangedOut)
async def complete(number: UUID, body: CompleteIn, request: Changing) -> Response:
    """It is through for this family, and somebody goes on: the tovholder, or the unit that is named."""
    async with request.begin() as opened:
        enrolment = await _mine(opened, number)
        programme = await definition(opened.tx, enrolment, opened.at)
        continuing = await continues(opened.tx, enrolment, programme, body.continues)
        return await _done(opened, enrolling.complete(enrolment, programme, continuing))


@router.post("/enrolments/{number}/stop", response_model=ChangedOut)
async def stop(number: UUID, body: StopIn, request: Changing) -> Response:
    """It ends before it is through; who waits first gets the place that becomes free."""
    async with request.begin() as opened:
        enrolment = await _mine(opened, number)
        text = await enrolments.sealed(opened.tx, request.runtime.settings.secrets, enrolment, body.text)
        decided = enrolling.stop(enrolment, body.reason)
        await placing.ended(opened.tx, decided, text)
        return await _answered(opened, 200, decided.enrolment)


# -- How it is done -------------------------------------------------------------------------------------------------------------


async def definition(tx: Tx, of: Enrolment | Course, at: datetime) -> Programme:
    """As it was offered or planned; as it is now where the file no longer holds that."""
    written = await files.programmes(tx, of.municipality, date_of(at))
    found = written.as_offered(of.programme, of.effective_from) or written.programme(of.programme, date_of(at))
    if found is None:
        raise enrolling.ThereIsNoSuchProgramme
    return found


async def _mine(opened: OpenChange, number: UUID, course: UUID | None = None) -> Enrolment:
    """The enrolment, locked, where the caller may act on it."""
    enrolment = await enrolments.locked(opened.tx, number, course)
    relations = await _stands_to(opened.tx, enrolment, opened.caller, opened.at)
    if enrolment is None:
        raise NotFound("There is no such enrolment, or not for you.")
    require(may(relations, "programmes", "act"), bool(relations))
    return enrolment


async def _stands_to(tx: Tx, enrolment: Enrolment | None, caller: Caller, at: datetime) -> frozenset[str]:
    """How the caller stands to the child; who is in the team of its course stands so to what the course is about."""
    if enrolment is None:
        return frozenset()
    _, relations = await stands(tx, enrolment.child, caller, at)
    course = enrolment.course or enrolment.waits_for
    if course and caller.professional and await courses.holds(tx, caller.professional, course):
        relations |= {"team"}
    return relations


def _unit(standing: Standing, caller: Caller) -> UUID:
    """The unit the offer comes from: the tovholder's, where the deputy sits elsewhere too."""
    own = [seat.unit for seat in caller.seats]
    unit = standing.case.holder_unit
    return unit if unit and (unit in own or not own) else own[0]


async def _room(tx: Tx, course: UUID) -> Room:
    room = await enrolments.room_of(tx, course)
    if room is None:
        raise NotFound("There is no such open course, or not for you.")
    return room


async def continues(tx: Tx, enrolment: Enrolment, programme: Programme, named: ContinuesIn | None) -> Continuing | None:
    if named is None:
        return None
    return await enrolments.continuing(tx, named.unit, named.professional, enrolment.municipality, programme.method)


async def _done(opened: OpenChange, decided: Decided, text: bytes | None = None) -> Response:
    return await _answered(opened, 200, await placing.done(opened.tx, decided, text))


async def _answered(opened: OpenChange, status: int, enrolment: Enrolment) -> Response:
    versions = await opened.tx.flush()
    out = ChangedOut(
        id=enrolment.id,
        state=enrolment.state,
        course=enrolment.course,
        waits_for=enrolment.waits_for,
        turn=await enrolments.turn_of(opened.tx, enrolment),
    )
    return await opened.answer(status, out.model_dump(mode="json"), versions.get(str(enrolment.child)))


async def _out(tx: Tx, written: Programmes, enrolment: Enrolment, relations: Collection[str]) -> EnrolmentOut:
    return EnrolmentOut(
        id=enrolment.id,
        child=enrolment.child,
        programme=line(written, enrolment.programme, enrolment.kind),
        effective_from=enrolment.effective_from,
        state=enrolment.state,
        because=[code for code in enrolment.because if _may_know(code, relations)],
        offered_by=enrolment.offered_by,
        course=enrolment.course,
        waits_for=enrolment.waits_for,
        turn=await enrolments.turn_of(tx, enrolment),
        reason=enrolment.reason,
        continues=enrolment.continues,
        continued_by=enrolment.continued_by,
    )


def line(written: Programmes, key: str, kind: str) -> ProgrammeLine:
    """The programme as it is called now, with its step in the Handleguide; by its key where the file no longer names it."""
    found = max((each for each in written.programmes if each.key == key), key=lambda each: each.effective_from, default=None)
    title = found.title if found else key
    return ProgrammeLine(key=key, title=title, kind=kind, handleguide=_step(written, found.handleguide if found else None))


def _step(written: Programmes, key: str | None) -> StepOut | None:
    step = written.step(key)
    return StepOut(step=key, title=step.title, address=step.address) if key and step else None


def method_out(written: Programmes, method: definitions.Method) -> MethodOut:
    return MethodOut(
        key=method.key,
        title=method.title,
        version=method.version,
        counts=method.counts,
        handleguide=_step(written, method.handleguide),
    )


def _shown(written: Programmes, programme: Programme) -> ProgrammeOut:
    method, after = written.method(programme.method), programme.afterwards
    return ProgrammeOut(
        key=programme.key,
        title=programme.title,
        kind=programme.kind,
        handleguide=_step(written, programme.handleguide),
        effective_from=programme.effective_from,
        effective_until=programme.effective_until,
        method=method_out(written, method) if method else None,
        team=programme.team,
        sessions_min=programme.sessions.min if programme.sessions else None,
        sessions_max=programme.sessions.max if programme.sessions else None,
        places=programme.places,
        capacity=programme.capacity or (1 if programme.kind == "individual-course" else None),
        visits=programme.visits,
        held_in=list(programme.held_in),
        consent_needed=programme.consent is not None,
        afterwards=AfterwardsOut.model_validate(after.model_dump()),
    )


def _may_know(code: str, relations: Collection[str]) -> bool:
    """Whoever may see that a family is offered something may not therefore know what the parents have told of themselves."""
    class_ = eligibility.class_of(code)
    return class_ is None or may(relations, class_, "see")


def _why(written: Programmes, programme: Programme, why: Explanation, state: str | None, relations: Collection[str]) -> WhyOut:
    return WhyOut(
        programme=line(written, programme.key, programme.kind),
        is_for_them=why.met,
        because=_findings(why.because, relations),
        lacking=_findings(why.lacking, relations),
        one_of=_findings(why.one_of, relations),
        if_judged=list(why.if_judged),
        state=state,
    )


def _findings(found: Sequence[Finding], relations: Collection[str]) -> list[FindingOut]:
    return [FindingOut(code=each.code, says=each.says) for each in found if _may_know(each.code, relations)]
