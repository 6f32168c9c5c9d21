"""Screenings over HTTP: results of child and parents apart, thresholds, follow-ups, and what is still to be screened."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Response

from services.chassis.calendar import date_of
from services.chassis.errors import NotAllowed, NotFound, require
from services.chassis.ids import new_id
from services.chassis.party import Caller
from services.chassis.request import OpenReading, answer
from services.chassis.route import UsualRoute
from services.chassis.settings import Settings
from services.events.access import may
from services.events.directory import subject_of_municipality
from services.events.envelope import Seat
from services.events.sundhedspleje import FollowUpClosed, FollowUpOpened, ScreeningRecorded, ScreeningWithdrawn, ThresholdSet
from services.sundhedspleje.domain import Case, visiting
from services.sundhedspleje.domain import screenings as rules
from services.sundhedspleje.domain.screenings import Screenings, Threshold
from services.sundhedspleje.endpoints.related import Changing, Deciding, Limit, Looking, deciding, last_of, stands, visited_by
from services.sundhedspleje.repository import plans, screenings, visits
from services.sundhedspleje.repository.screenings import FollowUp, Screening
from services.sundhedspleje.repository.visits import Systematic
from services.sundhedspleje.schemas import (
    CriterionOut,
    EndIn,
    FollowUpOut,
    FollowUpsOut,
    MadeOut,
    ParentHealthOut,
    ScreenedOut,
    ScreeningIn,
    ScreeningOut,
    ScreeningsOut,
    SystematicOut,
    SystematicsOut,
    ThresholdIn,
    ThresholdOut,
    ThresholdsOut,
    WithdrawalIn,
)

router = APIRouter(route_class=UsualRoute)

# A child's result and a parent's are two records, seen apart: Sundhedsloven s. 41-43, two patients.
CLASS_OF = {"child": "screenings", "mother": "parent-health", "other-parent": "parent-health"}


@router.get("/cases/{child_ref}/screenings", response_model=ScreeningsOut)
async def see_screenings(child_ref: UUID, request: Looking) -> Response:
    """The child's own results; its parents' stand behind an address of their own."""
    async with request.begin() as look:
        case = await _seen(look, child_ref, "screenings")
        known = _configured(request.runtime.settings, case)
        out = ScreeningsOut(
            screenings=[_out(it, known) for it in await screenings.screenings_of(look.tx, child_ref, parents=False)],
            follow_ups=[follow_up_out(it) for it in await screenings.follow_ups_of(look.tx, child_ref, parents=False)],
            systematic=[systematic_out(it) for it in await visits.systematic_of(look.tx, child_ref)],
        )
        return answer(200, out.model_dump())


@router.get("/cases/{child_ref}/parent-health", response_model=ParentHealthOut)
async def see_parent_health(child_ref: UUID, request: Looking) -> Response:
    """The parents' own results with their follow-ups, and why the family may be offered more. Each parent read is in the log."""
    async with request.begin() as look:
        case = await _seen(look, child_ref, "parent-health")
        known, found = (
            _configured(request.runtime.settings, case),
            await screenings.screenings_of(look.tx, child_ref, parents=True),
        )
        for subject in dict.fromkeys(it.subject for it in found):
            await look.saw(subject, "parent-health")
        criteria = [CriterionOut.model_validate(vars(it), extra="ignore") for it in await visits.criteria_of(look.tx, child_ref)]
        out = ParentHealthOut(
            screenings=[_out(it, known) for it in found],
            follow_ups=[follow_up_out(it) for it in await screenings.follow_ups_of(look.tx, child_ref, parents=True)],
            criteria=criteria,
        )
        return answer(200, out.model_dump())


@router.post("/cases/{child_ref}/screenings", status_code=201, response_model=ScreenedOut)
async def record_screening(child_ref: UUID, body: ScreeningIn, request: Changing) -> Response:
    """A result: score, date and by whom. At or above the municipality's threshold it opens a follow-up."""
    async with request.begin() as opened:
        at = await deciding(opened, child_ref)
        visiting.may_see(at.relations)
        rules.may_screen(at.relations)
        visiting.still_visited(at.case)
        instrument = _configured(request.runtime.settings, at.case).instrument(body.instrument)
        subject = rules.subject(body.whose, child_ref, at.case.mother, body.person)
        rules.made_on(body.on, at.today, at.opened_on, at.case.born_on, body.whose)
        set_since = await screenings.thresholds_set(at.tx, at.case.municipality, instrument.code)
        result = rules.measured(instrument, body.whose, body.score, body.on, set_since, at.today)

        number, follow_up = new_id(), new_id() if result.at_or_above else None
        await screenings.save_screening(at.tx, at.case, number, subject, result, body.on, at.seat, opened.at, follow_up)
        named = {**_named(at, number), "instrument": result.instrument, "whose": result.whose}
        said = [ScreeningRecorded(**named, scored_on=body.on, at_or_above=result.at_or_above)]
        at.tx.publish(child_ref, *said, expected=opened.expected, dataref=f"/sundhedspleje/cases/{child_ref}/screenings")
        if follow_up and result.follow_up_due:
            await screenings.open_follow_up(at.tx, at.case, follow_up, number, result, at.today)
            at.tx.publish(child_ref, FollowUpOpened(**named, follow_up=follow_up, due_on=result.follow_up_due))
        await _settle_systematic(at)
        out = ScreenedOut(id=number, follow_up=follow_up, follow_up_due=result.follow_up_due)
        return await at.answer(201, out, await at.said(dataref=""))


@router.post("/screenings/{number}/withdrawal", response_model=MadeOut)
async def withdraw_screening(number: UUID, body: WithdrawalIn, request: Changing) -> Response:
    """It was recorded in error; it stays to be seen as such, and its follow-up ends with that."""
    async with request.begin() as opened:
        stands_recorded = await screenings.screening(opened.tx, number)
        at = await deciding(opened, stands_recorded.child if stands_recorded else None)
        visiting.may_see(at.relations)
        rules.may_screen(at.relations)
        found = await screenings.screening(at.tx, number)
        assert found is not None
        if found.withdrawn_reason:
            raise rules.TheScreeningWasWithdrawn
        await screenings.withdraw(at.tx, number, body.reason, at.by, opened.at)
        named = {**_named(at, number), "instrument": found.instrument, "whose": found.whose}
        at.tx.publish(at.case.child, ScreeningWithdrawn(**named, reason=body.reason), expected=opened.expected)
        follow_up = await screenings.follow_up(at.tx, found.follow_up) if found.follow_up else None
        if follow_up and follow_up.state == "open":
            await screenings.end_follow_up(at.tx, follow_up.id, rules.RECORDED_IN_ERROR, at.by, opened.at)
            at.tx.publish(at.case.child, FollowUpClosed(**named, follow_up=follow_up.id, outcome=rules.RECORDED_IN_ERROR))
        await _settle_systematic(at)
        return await at.answer(200, MadeOut(id=number), await at.said(dataref=""))


@router.get("/follow-ups", response_model=FollowUpsOut)
async def see_follow_ups(
    request: Looking, holder: Literal["me"], overdue: bool = False, after: UUID | None = None, limit: Limit = 50
) -> Response:
    """Open follow-ups of one's own children, and of those of whom one stands in for, by the day they are due."""
    async with request.begin() as look:
        mine = await visited_by(look, "Follow-ups")
        found = await screenings.listed_follow_ups(look.tx, mine, date_of(look.at) if overdue else None, after, limit)
        for line in found:
            await look.saw(line.child, CLASS_OF[line.whose], "list")
        shown = [follow_up_out(it) for it in found]
        return answer(200, FollowUpsOut(follow_ups=shown, next=last_of(found, limit)).model_dump())


@router.post("/follow-ups/{number}/end", response_model=MadeOut)
async def end_follow_up(number: UUID, body: EndIn, request: Changing) -> Response:
    """In what it has ended: every follow-up must end in something."""
    async with request.begin() as opened:
        stands_open = await screenings.follow_up(opened.tx, number)
        at = await deciding(opened, stands_open.child if stands_open else None)
        visiting.may_see(at.relations)
        rules.may_screen(at.relations)
        found = await screenings.follow_up(at.tx, number)
        assert found is not None
        if found.state != "open":
            raise rules.TheFollowUpHasEnded(outcome=found.outcome)
        rules.may_end_in(body.outcome, _configured(request.runtime.settings, at.case).outcomes)
        await screenings.end_follow_up(at.tx, number, body.outcome, at.by, opened.at)
        named = {**_named(at, found.screening), "instrument": found.instrument, "whose": found.whose}
        said = FollowUpClosed(**named, follow_up=number, outcome=body.outcome)
        return await at.answer(200, MadeOut(id=number), await at.said(said, dataref=f"/sundhedspleje/follow-ups/{number}"))


@router.get("/systematic-screenings", response_model=SystematicsOut)
async def see_systematic(
    request: Looking,
    holder: Literal["me"] | None = None,
    unit: UUID | None = None,
    overdue: bool = False,
    after: UUID | None = None,
    limit: Limit = 50,
) -> Response:
    """Systematic screenings still to be done: of one's own children, or of a unit that one leads."""
    async with request.begin() as look:
        mine = await visited_by(look, "Screenings")
        if unit and not look.caller.leads(unit):
            raise NotAllowed("Who leads a unit sees what it has to do.")
        today = date_of(look.at)
        found = await visits.listed_systematic(
            look.tx, None if unit else mine, unit, today if overdue else None, after, limit
        )  # fmt: skip
        for line in found:
            await look.saw(line.child, "visits", "list")
        shown = [systematic_out(it) for it in found]
        return answer(200, SystematicsOut(systematic=shown, next=last_of(found, limit)).model_dump())


@router.get("/thresholds", response_model=ThresholdsOut)
async def see_thresholds(request: Looking) -> Response:
    """The thresholds of one's own municipality, past and coming: those of its file and those set since."""
    async with request.begin() as look:
        municipality = _municipality(look.caller)
        known = plans.screenings(municipality, request.runtime.settings.plans_folder)
        of_file = [
            ThresholdOut(instrument=it.code, **threshold.model_dump(), set_by=None)
            for it in known.instruments
            for threshold in it.thresholds
        ]
        since = [ThresholdOut.model_validate(it, extra="ignore") for it in await screenings.thresholds_of(look.tx, municipality)]
        return answer(200, ThresholdsOut(thresholds=[*of_file, *since]).model_dump())


@router.post("/thresholds", status_code=201, response_model=ThresholdOut)
async def set_threshold(body: ThresholdIn, request: Changing) -> Response:
    """From a date on, by a leader of sundhedsplejen; what was recorded keeps the threshold it was measured by."""
    async with request.begin() as opened:
        municipality, by = _municipality(opened.caller), opened.caller.professional
        if by is None or not any(seat.leads and seat.unit_kind == "sundhedspleje" for seat in opened.caller.seats):
            raise rules.OnlyALeaderOfSundhedsplejenSetsThresholds
        instrument = plans.screenings(municipality, request.runtime.settings.plans_folder).instrument(body.instrument)
        new = Threshold(whose=body.whose, from_on=body.from_on, score=body.score)
        before = await screenings.thresholds_set(opened.tx, municipality, instrument.code)
        rules.may_follow(new, before, instrument, date_of(opened.at))
        await screenings.save_threshold(opened.tx, municipality, instrument.code, new, by, opened.at)
        said = ThresholdSet(municipality=municipality, instrument=instrument.code, **new.model_dump(), by=by)
        opened.tx.publish(subject_of_municipality(municipality), said, expected=opened.expected)
        out = ThresholdOut(instrument=instrument.code, **new.model_dump(), set_by=by)
        version = (await opened.tx.flush())[str(subject_of_municipality(municipality))]
        return await opened.answer(201, out.model_dump(mode="json"), version)


def _municipality(caller: Caller) -> str:
    if caller.party.municipality is None:
        raise NotFound("Thresholds are a municipality's.")
    return caller.party.municipality


def _configured(settings: Settings, case: Case) -> Screenings:
    return plans.screenings(case.municipality, settings.plans_folder)


async def _seen(look: OpenReading, child: UUID, class_: str) -> Case:
    standing, relations = await stands(look.tx, child, look.caller, look.at)
    require(may(relations, class_, "see"), bool(relations))
    await look.saw(child, class_)
    return standing.case


async def _settle_systematic(at: Deciding) -> None:
    """What the child's results so far have done of the systematic screenings, and what they no longer do."""
    parts = _configured(at.tx.store.settings, at.case).need_visit_screening.parts
    for it in await visits.systematic_of(at.tx, at.case.child):
        if it.state == "lapsed":
            continue
        by = await screenings.instruments_since(at.tx, at.case.child, it.opened_on)
        done = _in_order(it.parts, rules.parts_done(parts, by))
        state = "done" if set(done) == set(it.parts) else "open"
        if (tuple(done), state) != (it.parts_done, it.state):
            await visits.save_parts(at.tx, it.id, done, state)


def _in_order(parts: Sequence[str], done: frozenset[str]) -> list[str]:
    return [part for part in parts if part in done]


def _named(at: Deciding, screening: UUID) -> dict[str, object]:
    return {"screening": screening, "child": at.case.child, "municipality": at.case.municipality}


def _out(it: Screening, known: Screenings) -> ScreeningOut:
    words = next((instrument.results for instrument in known.instruments if instrument.code == it.instrument), [])
    return ScreeningOut(
        id=it.id,
        subject=it.subject,
        whose=it.whose,
        instrument=it.instrument,
        score=it.score,
        result=words[it.score] if it.score < len(words) else None,
        threshold=it.threshold,
        on=it.scored_on,
        by=Seat(professional=it.by_professional, unit=it.by_unit),
        follow_up=it.follow_up,
        withdrawn=it.withdrawn_reason,
    )


def follow_up_out(it: FollowUp) -> FollowUpOut:
    return FollowUpOut.model_validate({name: value for name, value in vars(it).items() if name != "ended_by"})


def systematic_out(it: Systematic) -> SystematicOut:
    return SystematicOut(
        id=it.id,
        visit=it.visit,
        child=it.child,
        municipality=it.municipality,
        due_on=it.due_on,
        state=it.state,
        missing=it.missing,
    )
