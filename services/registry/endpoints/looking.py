"""What is read of the baton: who held it at an instant, the chain, and lists for those who may; each reading is logged."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.chassis.calendar import date_of, start_of
from services.chassis.errors import NotAllowed, NotUnderstood
from services.chassis.request import OpenReading, Reading, answer
from services.chassis.route import UsualRoute
from services.events.registry import Why
from services.registry import repository
from services.registry.domain import State
from services.registry.endpoints.changing import Limit, Looking, seen
from services.registry.endpoints.showing import child_view
from services.registry.repository import Place, lists
from services.registry.repository.lists import Asked, Wanted

router = APIRouter(route_class=UsualRoute)
Moment = Annotated[str, Query(max_length=40)]
_OFFERED, _UNSEEN = 100, 50


class TheFutureIsNotKnown(NotUnderstood):
    """Who will be tovholder on a later day nobody can say: what is scheduled is checked again on the day."""


@router.get("/children")
async def list_children(
    request: Looking,
    holder: UUID | None = None,
    unit: UUID | None = None,
    overdue: bool | None = None,
    unseen: bool | None = None,
    why: Why | None = None,
    after: UUID | None = None,
    limit: Limit = 50,
) -> Response:
    """Children by tovholder, for the tovholder, who leads the unit, who stands for them, and services.

    `overdue`: their handover is unanswered past its deadline; `unseen`: the tovholder has not said that they have seen it;
    `why`: how they came to be tovholder. Page on with `after` = `next`.
    """
    async with request.begin() as looking:
        if _is_nobody(looking):
            return answer(200, {"children": [], "next": None})
        wanted = Wanted(holder, unit, overdue, unseen, why)
        rows = await lists.children(looking.tx, looking.caller.professional, wanted, after, limit)
        for row in rows:
            await looking.saw(row["child_id"], "baton")
    next_ = rows[-1]["child_id"] if len(rows) == limit else None
    return answer(200, {"children": [_held_view(row) for row in rows], "next": next_})


@router.get("/caseloads")
async def list_caseloads(request: Looking, unit: UUID) -> Response:
    """How many children each person of a unit is tovholder for there, and how many they are asked to take: numbers, no child.

    For professionals, so that whoever is to be asked can be chosen with care, and services.
    """
    async with request.begin() as looking:
        rows = [] if _is_nobody(looking) else await lists.caseloads(looking.tx, unit)
    return answer(200, {"caseloads": [dict(row) for row in rows]})


@router.get("/handovers")
async def list_handovers(
    request: Looking,
    to: UUID | None = None,
    from_: Annotated[UUID | None, Query(alias="from")] = None,
    unit: UUID | None = None,
    state: State | Literal["open"] | None = None,
    due_before: Moment | None = None,
    overdue: bool | None = None,
    escalated: bool | None = None,
    after: UUID | None = None,
    limit: Limit = 50,
) -> Response:
    """The handovers that concern the caller: given, received, led, or deputised for. Page on with `after` = `next`.

    `unit`: the giver's or the receiver's; `due_before`: an instant, or a date, which counts to its end in Copenhagen.
    """
    asked = Asked(to, from_, unit, state, moment(due_before) if due_before else None, overdue, escalated)
    async with request.begin() as looking:
        if _is_nobody(looking):
            return answer(200, {"handovers": [], "next": None})
        rows = await lists.handovers(looking.tx, looking.caller.professional, asked, after, limit)
        for child in {row["child_id"] for row in rows}:
            await looking.saw(child, "baton")
    return answer(200, {"handovers": [_row_view(row) for row in rows], "next": rows[-1]["id"] if len(rows) == limit else None})


@router.get("/desk")
async def see_desk(request: Looking, after: UUID | None = None, limit: Limit = 25) -> Response:
    """What lies before a professional, by one question: open handovers to and from them, and their children.

    `children` page by page (`after` = `next`), `unseen` those of them of whom they have not said that they have seen it, wherever
    they stand in the list. Of handovers the first hundred each way, of the unseen the first fifty; each as its own list shows it.
    """
    async with request.begin() as looking:
        person = looking.caller.professional
        if person is None:
            raise NotAllowed("A desk is a professional's. Log in as one.")
        to = await lists.handovers(looking.tx, person, Asked(to=person, state="open"), None, _OFFERED)
        from_ = await lists.handovers(looking.tx, person, Asked(from_=person, state="open"), None, _OFFERED)
        held = await lists.children(looking.tx, person, Wanted(holder=person), after, limit)
        unseen = await lists.children(looking.tx, person, Wanted(holder=person, unseen=True), None, _UNSEEN)
        for child in dict.fromkeys(row["child_id"] for row in (*to, *from_, *held, *unseen)):
            await looking.saw(child, "baton")
    return answer(
        200,
        {
            "to": [_row_view(row) for row in to], "from": [_row_view(row) for row in from_],
            "children": [_held_view(row) for row in held], "unseen": [_held_view(row) for row in unseen],
            "next": held[-1]["child_id"] if len(held) == limit else None,
        },
    )  # fmt: skip


@router.get("/children/{child_ref}/story")
async def read_story(child_ref: UUID, request: Looking, limit: Limit = 200) -> Response:
    """A child as its own address shows it, with the chain of its tovholdere and the first `limit` of what has happened."""
    loaded, child, _ = await seen(request, Place(child=child_ref, class_="baton"))
    async with request.begin() as looking:
        rows = await lists.assignments(looking.tx, child.id)
        events = await repository.events_after(looking.tx, child.id, 0, limit)
    story = {"assignments": [_link_view(row) for row in rows], "events": events}
    return answer(200, {**child_view(child, loaded.survivor), **story}, child.version)


@router.get("/children/{child_ref}/assignments")
async def read_assignments(child_ref: UUID, request: Looking) -> Response:
    """The chain of tovholdere, oldest first, without a gap: why and by whom each link began."""
    _, child, _ = await seen(request, Place(child=child_ref, class_="baton"))
    async with request.begin() as looking:
        rows = await lists.assignments(looking.tx, child.id)
    return answer(200, {"child": child.id, "assignments": [_link_view(row) for row in rows]}, child.version)


async def read_child_at(child_ref: UUID, request: Reading, at: str) -> Response:
    """Who was tovholder at an instant, or at the end of a day in Copenhagen; `tovholder` is null before the first."""
    asked = _understood(at)
    # A date means its end: the last instant that belongs to it.
    wanted = asked if isinstance(asked, datetime) else _end_of(asked) - timedelta(microseconds=1)
    _, child, _ = await seen(request, Place(child=child_ref, class_="baton"))
    async with request.begin() as looking:
        if date_of(wanted) > date_of(looking.at):
            raise TheFutureIsNotKnown
        instant = min(wanted, looking.at)
        row = await lists.assignment_at(looking.tx, child.id, instant)
    return answer(200, {"reference": child.id, "at": instant, "tovholder": _link_view(row) if row else None}, child.version)


def moment(text: str) -> datetime:
    """An instant with its offset, or a bare date: the end of that day in Copenhagen. NotUnderstood for anything else."""
    found = _understood(text)
    return found if isinstance(found, datetime) else _end_of(found)


def _understood(text: str) -> datetime | date:
    try:
        # In an address a plus that was not escaped arrives as a space.
        found = date.fromisoformat(text) if len(text) <= len("2026-01-31") else datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        found = None
    if found is None or not 1900 < found.year < 2200 or (isinstance(found, datetime) and found.tzinfo is None):
        raise NotUnderstood("Give a date (2026-01-31) or an instant with its offset (2026-01-31T12:00:00+01:00).")
    return found


def _end_of(day: date) -> datetime:
    return start_of(day + timedelta(days=1))


def _is_nobody(looking: OpenReading) -> bool:
    """A system that is none of ours holds no baton and leads nobody."""
    return looking.caller.professional is None and not looking.caller.is_service


def _held_view(row: Any) -> dict[str, Any]:
    handover = None
    if row["handover"]:
        more = {name: row[name] for name in ("state", "due_at", "effective_on", "asked_at", "overdue_at", "level")}
        handover = {"id": row["handover"], "receiver": {"professional": row["receiver"], "unit": row["receiver_unit"]}, **more}
    return {
        "reference": row["child_id"],
        "municipality": row["municipality"],
        "status": row["status"],
        "version": row["version"],
        "tovholder": {
            "professional": row["professional"],
            "unit": row["unit"],
            "since": row["started_at"],
            "why": row["why"],
            "unseen": {"due_at": row["seen_due_at"], "level": row["seen_level"]} if row["unseen"] else None,
        },
        "handover": handover,
    }


def _row_view(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "child": row["child_id"],
        "state": row["state"],
        "municipality": row["municipality"],
        "giver": {"professional": row["giver"], "unit": row["giver_unit"]},
        "receiver": {"professional": row["receiver"], "unit": row["receiver_unit"]},
        "reason": row["reason"],
        "proposed_at": row["proposed_at"],
        "due_at": row["due_at"],
        "effective_on": row["effective_on"],
        "asked_at": row["asked_at"],
        "overdue_at": row["overdue_at"],
        "level": row["level"],
        "closed_at": row["closed_at"],
    }


def _link_view(row: Any) -> dict[str, Any]:
    more = ("municipality", "episode", "seq", "why", "by", "reason", "handover", "accepted_by", "seen_at")
    seat = {"professional": row["professional"], "unit": row["unit"]}
    return {
        **seat, **{name: row[name] for name in more}, "proposed_by": row["proposer"],
        "from": row["started_at"], "until": row["finished_at"],
    }  # fmt: skip
