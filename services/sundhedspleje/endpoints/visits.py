"""Visits over HTTP: what is due, what became of it, who comes along, and those granted by need."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.chassis.calendar import date_of
from services.chassis.errors import NotAllowed, NotFound, NotUnderstood, require
from services.chassis.ids import new_id
from services.chassis.request import OpenReading, answer
from services.chassis.route import UsualRoute
from services.events.access import may
from services.events.envelope import Seat
from services.events.sundhedspleje import (
    JointVisitPlanned,
    NeedVisitGranted,
    VisitDeclined,
    VisitHeld,
    VisitMissed,
    VisitsReplanned,
)
from services.sundhedspleje.domain import Case, screenings, visiting
from services.sundhedspleje.domain.visits import FBOE_CONTACTS, NEED_VISIT, Participant, Visit, VisitPlans, VisitState
from services.sundhedspleje.endpoints.related import Changing, Deciding, Limit, Looking, deciding, last_of, stands, visited_by
from services.sundhedspleje.repository import in_force, plans, visits
from services.sundhedspleje.repository.planning import replanned
from services.sundhedspleje.repository.visits import Systematic, Wanted
from services.sundhedspleje.schemas import (
    CriterionIn,
    DeclinedIn,
    GrantedOut,
    HeldIn,
    MadeOut,
    NeedVisitIn,
    ParticipantOut,
    ParticipantsIn,
    VisitListed,
    VisitOut,
    VisitsOut,
    WindowIn,
)

router = APIRouter(route_class=UsualRoute)

_NEED_VISIT_IN_FBOE = "Behovskontakt med småbørnssundhedsplejen"


@router.get("/visits", response_model=VisitsOut)
async def see_visits(
    request: Looking,
    holder: Literal["me"] | None = None,
    participant: Literal["me"] | None = None,
    unit: UUID | None = None,
    due: Annotated[Literal["week"] | None, Query(description="Planned, and begun by the seventh day from today.")] = None,
    due_until: date | None = None,
    overdue: bool = False,
    need: bool | None = None,
    state: VisitState | None = None,
    after: UUID | None = None,
    limit: Limit = 50,
) -> Response:
    """One's own children's visits (and those of whom one stands in for), a unit's that one leads, or those one takes part in."""
    if (holder, participant, unit) == (None, None, None):
        raise NotUnderstood("Say whose: holder=me, participant=me or unit=….")
    async with request.begin() as look:
        today, mine = date_of(look.at), await visited_by(look, "Visits")
        if unit and not look.caller.leads(unit):
            raise NotAllowed("Who leads a unit sees its visits.")
        wanted = Wanted(
            visitors=mine if holder else None,
            unit=unit,
            invited=look.caller.professional if participant else None,
            due_until=due_until or (today + timedelta(days=6) if due else None),
            overdue_on=today if overdue else None,
            need=need,
            state=state,
        )
        found = await visits.listed_visits(look.tx, wanted, after, limit)
        for line in found:
            await look.saw(line["child"], "visits", "list")
        shown = [VisitListed(**it, overdue=it["state"] == "planned" and it["until_on"] < today) for it in found]
        return answer(200, VisitsOut(visits=shown, next=last_of(found, limit)).model_dump())


@router.get("/visits/{number}", response_model=VisitOut)
async def see_visit(number: UUID, request: Looking) -> Response:
    """One visit, also for those of other units who take part in it; they see no other."""
    async with request.begin() as look:
        child = await visits.child_of_visit(look.tx, number)
        if child is None:
            raise NotFound("There is no such visit, or not for you.")
        standing, relations = await stands(look.tx, child, look.caller, look.at)
        if await visits.takes_part(look.tx, number, look.caller.professional):
            relations |= {"participant"}
        require(may(relations, "visits", "see"), bool(relations))
        await look.saw(child, "visits")
        visit = await visits.visit_of(look.tx, number)
        out = await _out(look, standing.case, visit)
        if (visit.because or visit.reason or visit.development) and may(relations, "parent-health", "see"):
            await look.saw(child, "parent-health")
            out = out.model_copy(
                update={"because": list(visit.because), "reason": visit.reason, "development": visit.development}
            )
        return answer(200, out.model_dump())


@router.post("/visits/{number}/held", response_model=MadeOut)
async def hold_visit(number: UUID, body: HeldIn, request: Changing) -> Response:
    """The visit was held: when, where, and who of other units took part."""
    async with request.begin() as opened:
        at = await deciding(opened, await visits.child_of_visit(opened.tx, number))
        visiting.may_visit(at.relations)
        took_part = await _brought_along(at, body.participants, body.family_agrees)
        visit = visiting.hold(
            await visits.visit_of(at.tx, number), body.on, body.where, took_part, at.by, at.opened_on, at.today, body.development
        )  # fmt: skip
        await visits.settle(at.tx, visit)
        await visits.save_participants(at.tx, at.case, number, took_part, took_part=True)
        said = VisitHeld(
            **_named(at, visit),
            held_on=body.on,
            where=body.where,
            participants=[it.seat for it in took_part],
            by=at.by,
            development=visit.development,
        )
        return await at.answer(200, MadeOut(id=number), await at.said(said, dataref=f"/sundhedspleje/visits/{number}"))


@router.post("/visits/{number}/missed", response_model=MadeOut)
async def miss_visit(number: UUID, request: Changing) -> Response:
    """The visit could not be held; it can be agreed upon again."""
    async with request.begin() as opened:
        at = await deciding(opened, await visits.child_of_visit(opened.tx, number))
        visiting.may_visit(at.relations)
        visit = visiting.miss(await visits.visit_of(at.tx, number), at.by)
        await visits.settle(at.tx, visit)
        said = VisitMissed(**_named(at, visit))
        return await at.answer(200, MadeOut(id=number), await at.said(said, dataref=f"/sundhedspleje/visits/{number}"))


@router.post("/visits/{number}/declined", response_model=MadeOut)
async def decline_visit(number: UUID, body: DeclinedIn, request: Changing) -> Response:
    """The family does not want this visit, and why."""
    async with request.begin() as opened:
        at = await deciding(opened, await visits.child_of_visit(opened.tx, number))
        visiting.may_visit(at.relations)
        visit = visiting.decline(await visits.visit_of(at.tx, number), body.reason, at.by, await _plans(at))
        await visits.settle(at.tx, visit)
        said = VisitDeclined(**_named(at, visit), reason=body.reason)
        return await at.answer(200, MadeOut(id=number), await at.said(said, dataref=f"/sundhedspleje/visits/{number}"))


@router.post("/visits/{number}/window", response_model=MadeOut)
async def agree_on_window(number: UUID, body: WindowIn, request: Changing) -> Response:
    """Another time, as the family wishes; also for a visit that was missed, or declined before."""
    async with request.begin() as opened:
        at = await deciding(opened, await visits.child_of_visit(opened.tx, number))
        visiting.may_visit(at.relations)
        visiting.still_visited(at.case)
        visit = visiting.agree(await visits.visit_of(at.tx, number), body.from_on, body.until_on, at.today)
        await visits.settle(at.tx, visit)
        said = VisitsReplanned(child=at.case.child, municipality=at.case.municipality, visits=[number], why="family-wish")
        return await at.answer(200, MadeOut(id=number), await at.said(said, dataref=f"/sundhedspleje/visits/{number}"))


@router.post("/visits/{number}/participants", response_model=MadeOut)
async def bring_along(number: UUID, body: ParticipantsIn, request: Changing) -> Response:
    """Who of other units is to take part in a planned visit; the family has said yes to just these."""
    async with request.begin() as opened:
        at = await deciding(opened, await visits.child_of_visit(opened.tx, number))
        visiting.may_visit(at.relations)
        visiting.still_visited(at.case)
        visit = await visits.visit_of(at.tx, number)
        invited = visiting.invite(visit, await _named_in_directory(at, body.participants), body.family_agrees)
        await visits.save_participants(at.tx, at.case, number, invited)
        said = [_joint(at, visit, invited)] if invited else []
        return await at.answer(200, MadeOut(id=number), await at.said(*said, dataref=f"/sundhedspleje/visits/{number}"))


@router.post("/cases/{child_ref}/need-visits", status_code=201, response_model=GrantedOut)
async def grant_need_visit(child_ref: UUID, body: NeedVisitIn, request: Changing) -> Response:
    """A need-based visit (behovsbesøg); it opens the systematic screening of parent–child contact and the child's well-being."""
    async with request.begin() as opened:
        at = await deciding(opened, child_ref)
        visiting.may_visit(at.relations)
        visiting.still_visited(at.case)
        visit = visiting.grant(new_id(), body.reason, body.from_on, body.until_on, await _plans(at), at.today)
        invited = await _brought_along(at, body.participants, body.family_agrees)
        await visits.grant(at.tx, at.case, visit, at.by, at.opened.at)
        await visits.save_participants(at.tx, at.case, visit.id, invited)
        opens = _systematic(at, visit)
        await visits.open_systematic(at.tx, opens)
        granted = NeedVisitGranted(
            **_named(at, visit), reason=body.reason, from_on=visit.from_on, until_on=visit.until_on, systematic=opens.id,
            screen_by=opens.due_on, by=at.by,
        )  # fmt: skip
        said = [granted, *([_joint(at, visit, invited)] if invited else [])]
        at.tx.publish(child_ref, *said, expected=opened.expected, dataref=f"/sundhedspleje/visits/{visit.id}")
        # A further need-based visit may open visits by criteria.
        await replanned(at.tx, child_ref, at.today, "criteria")
        out = GrantedOut(visit=visit.id, systematic=opens.id, screen_by=opens.due_on)
        return await at.answer(201, out, await at.said(dataref=""))


@router.post("/cases/{child_ref}/criteria", status_code=201, response_model=MadeOut)
async def record_criterion(child_ref: UUID, body: CriterionIn, request: Changing) -> Response:
    """Why this family may be offered more; visits that are for such families are planned at once."""
    async with request.begin() as opened:
        at = await deciding(opened, child_ref)
        visiting.may_visit(at.relations)
        visiting.still_visited(at.case)
        visiting.may_stand(body.criterion, await _plans(at))
        number = await visits.record_criterion(at.tx, at.case, new_id(), body.criterion, at.by, opened.at)
        await replanned(at.tx, child_ref, at.today, "criteria")
        return await at.answer(201, MadeOut(id=number), await at.said(dataref=""))


@router.post("/criteria/{number}/end", response_model=MadeOut)
async def end_criterion(number: UUID, request: Changing) -> Response:
    """It no longer holds, or never did: visits that were planned for it alone fall away."""
    async with request.begin() as opened:
        stands_recorded = await visits.criterion(opened.tx, number)
        at = await deciding(opened, stands_recorded.child if stands_recorded else None)
        visiting.may_visit(at.relations)
        await visits.end_criterion(at.tx, number, at.by, opened.at)
        await replanned(at.tx, at.case.child, at.today, "criteria")
        return await at.answer(200, MadeOut(id=number), await at.said(dataref=""))


async def _plans(at: Deciding) -> VisitPlans:
    return await in_force.visit_plans(at.tx, at.case.municipality)


def _named(at: Deciding, visit: Visit) -> dict[str, object]:
    return {"visit": visit.id, "child": at.case.child, "municipality": at.case.municipality, "kind": visit.kind}


def _joint(at: Deciding, visit: Visit, invited: Sequence[Participant]) -> JointVisitPlanned:
    seats = [it.seat for it in invited]
    return JointVisitPlanned(**_named(at, visit), from_on=visit.from_on, until_on=visit.until_on, participants=seats)


async def _named_in_directory(at: Deciding, seats: Sequence[Seat]) -> list[Participant | None]:
    return [await visits.participant(at.tx, seat, at.case.municipality) for seat in dict.fromkeys(seats)]


async def _brought_along(at: Deciding, seats: Sequence[Seat], family_agrees: bool) -> tuple[Participant, ...]:
    return visiting.brought_along(await _named_in_directory(at, seats), family_agrees)


def _systematic(at: Deciding, visit: Visit) -> Systematic:
    asked = plans.screenings(at.case.municipality, at.tx.store.settings.plans_folder).need_visit_screening
    due_on = screenings.systematic_due(asked.within_days, at.today, at.case.due_on, at.case.status == "expected")
    parts = tuple(it.part for it in asked.parts)
    return Systematic(new_id(), visit.id, at.case.child, at.case.municipality, at.today, due_on, parts, (), "open")


async def _out(look: OpenReading, case: Case, visit: Visit) -> VisitOut:
    taking_part = await visits.participants_of(look.tx, visit.id)
    plan = await in_force.visit_plans(look.tx, case.municipality)
    fboe = {contact.kind: contact.fboe for it in plan.plans for contact in it.contacts} | {NEED_VISIT: _NEED_VISIT_IN_FBOE}
    code = fboe.get(visit.kind)
    return VisitOut.model_validate(
        {
            **vars(visit),
            "because": None,
            "reason": None,
            "joint_with": list(visit.joint_with),
            "child": case.child,
            "municipality": case.municipality,
            "fboe": FBOE_CONTACTS[code] if code else None,
            "participants": [
                ParticipantOut(professional=it.seat.professional, unit=it.seat.unit, unit_kind=it.unit_kind, took_part=took_part)
                for it, took_part in taking_part
            ],
        }
    )
