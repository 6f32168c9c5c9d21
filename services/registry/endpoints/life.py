"""A case is moved, closed, reopened and separated by people; and what a merge or a move leaves for them to decide."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.chassis.errors import NotAllowed, NotFound, RuleViolated
from services.chassis.ids import new_id
from services.chassis.request import answer
from services.chassis.route import UsualRoute
from services.registry import repository
from services.registry.domain import TheReferenceIsNotMerged, life, may_become, moving
from services.registry.endpoints.changing import Changing, Limit, Looking, changed, child_of, texts
from services.registry.repository import Loaded, Place
from services.registry.schemas import Closing, MatterDecision, Move, Reopening, Separation

router = APIRouter(route_class=UsualRoute)


class TheMatterIsDecided(RuleViolated):
    """Somebody has decided it already."""


@router.post("/children/{child_ref}/move")
async def move_child(child_ref: UUID, body: Move, request: Changing) -> Response:
    """The family has moved: the child is proposed to the intake lead there, or the move waits for an open handover to end.

    Where that municipality does not use the product, it becomes a matter to decide: close the case with a named receiver.
    """
    to = await repository.destination(request.runtime.store, body.to_municipality)
    handover = new_id()
    return await changed(
        request, Place(child=child_ref), "baton", lambda it, by: moving.ask_to_move(child_of(it), by, to, handover, it.at)
    )


@router.post("/children/{child_ref}/closing")
async def close_child(child_ref: UUID, body: Closing, request: Changing) -> Response:
    """The episode ends, with a reason; nobody is tovholder any more."""
    said = texts(closing=body.text, receiver=body.receiver)
    return await changed(
        request,
        Place(child=child_ref),
        "baton",
        lambda it, by: life.close(child_of(it), by, body.reason, it.at, body.confirmed_on, said),
    )


@router.post("/children/{child_ref}/reopening")
async def reopen_child(child_ref: UUID, body: Reopening, request: Changing) -> Response:
    """A new episode begins with a named person."""
    said = texts(override=body.text)
    return await changed(
        request,
        Place(child=child_ref, to=body.to),
        "baton",
        lambda it, by: life.reopen(child_of(it), by, it.to, body.reason, it.at, said),
    )


@router.post("/children/{child_ref}/separation")
async def separate_child(child_ref: UUID, request: Changing, body: Separation | None = None) -> Response:
    """A merge is undone: two children after all, as long as nothing has happened to either since."""
    return await changed(request, Place(child=child_ref), "baton", _separated)


def _separated(loaded: Loaded, by: UUID) -> Any:
    merged = child_of(loaded)
    if loaded.survivor is None:
        may_become(merged, "separate", by)
        raise TheReferenceIsNotMerged
    return life.separate(merged, loaded.survivor, by, loaded.at)


@router.get("/matters")
async def list_matters(request: Looking, after: UUID | None = None, limit: Limit = 50) -> Response:
    """What the caller is to decide as leader or intake lead: merges, moves out of the product. Page on with `after` = `next`."""
    async with request.begin() as looking:
        person = looking.caller.professional
        if person is None and not looking.caller.is_service:
            return answer(200, {"matters": [], "next": None})
        rows = await repository.matters(looking.tx, person, None, after, limit)
        for child in {row["child_id"] for row in rows}:
            await looking.saw(child, "baton")
    return answer(200, {"matters": [_matter_view(row) for row in rows], "next": rows[-1]["id"] if len(rows) == limit else None})


@router.post("/matters/{matter}/decision")
async def decide_matter(matter: UUID, body: MatterDecision, request: Changing) -> Response:
    """A person has looked at it and says with a code what they decided."""
    async with request.begin() as opened:
        person = opened.caller.professional
        if person is None:
            raise NotAllowed("Only a named professional decides.")
        found = await repository.matters(opened.tx, person, matter, None, 1)
        if not found:
            raise NotFound("There is no such thing, or not for you.")
        if not await repository.decide_matter(opened.tx, matter, person, body.outcome):
            raise TheMatterIsDecided
        return await opened.answer(200, {"id": str(matter), "outcome": body.outcome})


def _matter_view(row: Any) -> dict[str, Any]:
    shown = ("id", "municipality", "kind", "about", "to_municipality", "since")
    return {"child": row["child_id"], **{name: row[name] for name in shown}}
