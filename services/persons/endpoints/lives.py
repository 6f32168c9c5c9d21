"""HTTP of a child's life: death and the end of a pregnancy, protection, two records that are one, and what waits for people."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.chassis.calendar import date_of
from services.chassis.errors import NotAllowed, NotFound, require
from services.chassis.request import Change, OpenChange, Reading, change, reading
from services.chassis.service import runtime_of
from services.events.access import may
from services.persons import repository
from services.persons.domain import life
from services.persons.endpoints.related import TheRecordWasMerged, related
from services.persons.repository import Person, consents, lives
from services.persons.schemas import (
    DeathIn,
    MergeIn,
    MergeReason,
    PregnancyEndIn,
    ProposalDecisionIn,
    ProposalPage,
    ProtectionIn,
)

runtime = runtime_of("persons")
router = APIRouter()
Changing = Annotated[Change, Depends(change(runtime))]
Looking = Annotated[Reading, Depends(reading(runtime))]

# Whoever may act on the baton (tovholder, deputy in absence, leader, intake lead) says what has become of the child.
_COURSE = "baton"


class OnlyTheIntakeOrALeaderDecides(NotAllowed):
    """Proposals are decided by the intake lead, the deputy, or a leader of those who take children in."""


@router.post("/children/{ref}/death", status_code=201, summary="A child has died")
async def record_death(ref: UUID, body: DeathIn, request: Changing) -> Response:
    """Letters and visits stop with this answer; the tovholder stays for the family until a person closes."""

    async def record(changing: OpenChange, child: Person, today: date) -> None:
        life.check_death(child.life, body.died_on, today)
        await lives.record_death(changing.tx, child, body.died_on, "person", changing.at)

    return await _changed(request, ref, record)


@router.post("/children/{ref}/death/undoing", status_code=201, summary="A death was recorded by mistake")
async def undo_death(ref: UUID, request: Changing) -> Response:
    async def undo(changing: OpenChange, child: Person, _: date) -> None:
        life.check_death_undone(child.life)
        await lives.undo_death(changing.tx, child, "person", changing.at)

    return await _changed(request, ref, undo)


@router.post("/children/{ref}/pregnancy-end", status_code=201, summary="A pregnancy has ended without this child")
async def end_pregnancy(ref: UUID, body: PregnancyEndIn, request: Changing) -> Response:
    """Letters and visits stop with this answer; the tovholder stays for the family until a person closes."""

    async def end(changing: OpenChange, child: Person, today: date) -> None:
        life.check_pregnancy_end(child.life, body.ended_on, today)
        await lives.end_pregnancy(changing.tx, child, body.ended_on)

    return await _changed(request, ref, end)


@router.post("/children/{ref}/pregnancy-end/undoing", status_code=201, summary="The end of a pregnancy was recorded by mistake")
async def undo_pregnancy_end(ref: UUID, request: Changing) -> Response:
    async def undo(changing: OpenChange, child: Person, _: date) -> None:
        life.check_pregnancy_end_undone(child.life)
        await lives.undo_pregnancy_end(changing.tx, child)

    return await _changed(request, ref, undo)


async def _changed(request: Change, ref: UUID, what: Callable[[OpenChange, Person, date], Any]) -> Response:
    async with request.begin() as changing:
        child = await related(changing, request.runtime.settings.secrets, ref, _COURSE, "act")
        if child.kind != "child":
            raise NotFound("There is no such child, or not for you.")
        await what(changing, child, date_of(changing.at))
        return await changing.answer(201, {"child": child.id})


@router.post("/{ref}/protection", status_code=201, summary="Name and address protection begins or ends")
async def protect(ref: UUID, body: ProtectionIn, request: Changing) -> Response:
    """Masks the address, and the child's as soon as one of its family is protected; it never stops a letter or a visit."""
    async with request.begin() as changing:
        person = await related(changing, request.runtime.settings.secrets, ref, "identity", "act")
        if person.protected != body.protected:
            await repository.set_protected(changing.tx, person, body.protected)
        return await changing.answer(201, {"person": person.id, "protected": body.protected})


# -- two records that are one -------------------------------------------------------------------------------------------------


@router.post("/children/{ref}/merge", status_code=201, summary="Two references are one child")
async def merge(ref: UUID, body: MergeIn, request: Changing) -> Response:
    """For whoever may act on both. The older reference survives; it is undone at the registry."""
    async with request.begin() as changing:
        secrets = request.runtime.settings.secrets
        one, other = await lives.both(changing.tx, secrets, ref, body.with_)
        for person in (one, other):
            relations = await consents.relations(changing.tx, changing.caller, person, changing.at)
            require(may(relations, _COURSE, "act"), bool(relations))
        if one.kind != "child":
            raise NotFound("There is no such child, or not for you.")
        changing.only_if_unchanged(ref)
        return await changing.answer(201, await _merge(changing, one, other, body.reason))


async def _merge(changing: OpenChange, one: Person, other: Person, reason: MergeReason) -> dict[str, Any]:
    for person in (one, other):
        if person.merged_into:
            raise TheRecordWasMerged(merged_into=str(person.merged_into))
    survives = life.survivor(one.life, other.life).id
    survivor, merged = (one, other) if one.id == survives else (other, one)
    await lives.merge(changing.tx, survivor, merged, changing.caller.professional, reason)
    return {"person": survivor.id, "merged": merged.id}


@router.post("/{ref}/separation", status_code=201, summary="Two adults were merged by mistake")
async def separate(ref: UUID, request: Changing) -> Response:
    """`ref` is the merged reference: each has its own numbers and particulars again. Children are separated at the registry."""
    async with request.begin() as changing:
        if await lives.decides_in(changing.tx, changing.caller) is None:
            raise OnlyTheIntakeOrALeaderDecides
        person = await repository.person_of(changing.tx, request.runtime.settings.secrets, ref, to_change=True)
        if person is None:
            raise NotFound("There is no such person, or not for you.")
        life.check_separation(person.life, person.merged_into is not None)
        changing.only_if_unchanged(ref)
        await lives.separate(changing.tx, ref)
        return await changing.answer(201, {"person": ref, "separated_from": person.merged_into})


@router.get("/proposals", summary="What waits for people to decide")
async def proposals(request: Looking, after: UUID | None = None, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> ProposalPage:
    """Of one's own municipality, oldest first: references, codes and dates. `after`: `next` of the last page."""
    async with request.begin() as looking:
        municipality = await lives.decides_in(looking.tx, looking.caller)
        if municipality is None:
            raise OnlyTheIntakeOrALeaderDecides
        rows = await lives.proposals(looking.tx, municipality, after, limit)
        lines = [dict(row) for row in rows[:limit]]
        return ProposalPage.model_validate({"proposals": lines, "next": lines[-1]["id"] if len(rows) > limit else None})


@router.post("/proposals/{number}/decision", summary="Decide what was proposed")
async def decide(number: UUID, body: ProposalDecisionIn, request: Changing) -> Response:
    """`merge` or `keep-apart` where two records may be one person; anything else is `noted`."""
    async with request.begin() as changing:
        municipality = await lives.decides_in(changing.tx, changing.caller)
        found = await lives.proposal(changing.tx, number)
        if found is None or (municipality and found["municipality"] != municipality):
            raise NotFound("There is no such proposal, or not for you.")
        if municipality is None:
            raise OnlyTheIntakeOrALeaderDecides
        life.check_answer(found["kind"], found["decided_at"] is not None, body.decision)
        done: dict[str, Any] = {"proposal": number, "decision": body.decision}
        if body.decision == "merge":
            one, other = await lives.both(changing.tx, request.runtime.settings.secrets, found["person"], found["other"])
            done |= await _merge(changing, one, other, body.reason)
        await lives.decide(changing.tx, number, body.decision, body.reason, changing.caller.professional)
        return await changing.answer(200, done)
