"""The registry's public addresses: who holds the baton, and how it is handed over."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.chassis.ids import new_id
from services.chassis.request import Reading, answer
from services.chassis.route import UsualRoute
from services.chassis.sealed import Seal, TextWasErased
from services.events.access import may
from services.registry import repository
from services.registry.domain import handing_over, rescheduling, seeing
from services.registry.endpoints import bulk, current, life
from services.registry.endpoints.changing import Changing, Limit, Looking, changed, child_of, seen, texts
from services.registry.endpoints.looking import Moment, read_child_at
from services.registry.endpoints.looking import router as lists
from services.registry.endpoints.showing import child_view, handover_view
from services.registry.repository import Loaded, Place
from services.registry.schemas import (
    Acceptance,
    GivenAnswer,
    Override,
    Proposal,
    Question,
    Refusal,
    Rescheduling,
    Seen,
    Withdrawal,
)

router = APIRouter(prefix="/registry", tags=["registry"], route_class=UsualRoute)
router.include_router(lists)
router.include_router(bulk.router)
router.include_router(current.router)
router.include_router(life.router)


@router.get("/children/{child_ref}")
async def read_child(child_ref: UUID, request: Looking, at: Moment | None = None) -> Response:
    """Who is tovholder, since when, who stands by, whether the baton is offered; of a merged reference, which one survives.

    `at`: who was tovholder then, instead: an instant, or a date, which means the end of that day in Copenhagen.
    """
    if at is not None:
        return await read_child_at(child_ref, request, at)
    loaded, child, _ = await seen(request, Place(child=child_ref, class_="baton"))
    return answer(200, child_view(child, loaded.survivor), child.version)


@router.get("/children/{child_ref}/events")
async def read_events(child_ref: UUID, request: Looking, after: Annotated[int, Query(ge=0)] = 0, limit: Limit = 200) -> Response:
    """What has happened to the baton, each fact as it was said, after a version."""
    _, child, _ = await seen(request, Place(child=child_ref, class_="baton"))
    async with request.begin() as looking:
        events = await repository.events_after(looking.tx, child.id, after, limit)
    return answer(200, {"events": events, "next": events[-1]["version"] if events else after}, child.version)


@router.post("/children/{child_ref}/handovers", status_code=201)
async def propose_handover(child_ref: UUID, body: Proposal, request: Changing) -> Response:
    """The tovholder asks a named professional to take the baton."""
    handover = new_id()
    said = texts(message=body.message, family_wish=body.family_wish)
    return await changed(
        request,
        Place(child=child_ref, to=body.to),
        "baton",
        lambda it, by: handing_over.propose(child_of(it), by, it.to, handover, body.reason, it.at, body.effective_on, said),
        status=201,
    )


@router.post("/children/{child_ref}/override")
async def override_tovholder(child_ref: UUID, body: Override, request: Changing) -> Response:
    """A leader places the baton, with a reason; everybody is told."""
    said = texts(override=body.text)
    return await changed(
        request,
        Place(child=child_ref, to=body.to),
        "baton",
        lambda it, by: handing_over.override(child_of(it), by, it.to, body.reason, it.at, said),
    )


@router.post("/children/{child_ref}/seen")
async def say_seen(child_ref: UUID, request: Changing, body: Seen | None = None) -> Response:
    """Who got the baton without a click of their own says that they have seen it."""
    return await changed(request, Place(child=child_ref), "baton", lambda it, by: seeing.seen(child_of(it), by))


@router.get("/handovers/{handover_id}")
async def read_handover(handover_id: UUID, request: Looking) -> Response:
    """A handover, with message, question and answer for those who may read them."""
    loaded, child, related = await seen(request, Place(handover=handover_id, class_="handover-text"))
    assert child.handover is not None
    view = {**handover_view(child.handover), "child": child.id, "municipality": child.municipality, "version": child.version}
    if may(related, "handover-text", "see"):
        view |= _texts_view(loaded, request)
    return answer(200, view, child.version)


@router.post("/handovers/{handover_id}/acceptance")
async def accept_handover(handover_id: UUID, request: Changing, body: Acceptance | None = None) -> Response:
    """The named receiver takes the baton, at once or on the handover's date."""
    asked = body or Acceptance()
    said = texts(note=asked.text)
    return await changed(
        request,
        Place(handover=handover_id),
        "handover-text",
        lambda it, by: handing_over.accept(child_of(it), by, it.at, asked.effective_on, said),
    )


@router.post("/handovers/{handover_id}/refusal")
async def decline_handover(handover_id: UUID, body: Refusal, request: Changing) -> Response:
    """The named receiver says no, with a reason; the giver keeps the baton."""
    said = texts(note=body.text)
    return await changed(
        request,
        Place(handover=handover_id),
        "handover-text",
        lambda it, by: handing_over.decline(child_of(it), by, it.at, body.reason, said),
    )


@router.post("/handovers/{handover_id}/withdrawal")
async def withdraw_handover(handover_id: UUID, request: Changing, body: Withdrawal | None = None) -> Response:
    """The proposer, or who holds the baton now, takes the question back."""
    return await changed(
        request, Place(handover=handover_id), "handover-text", lambda it, by: handing_over.withdraw(child_of(it), by, it.at)
    )


@router.post("/handovers/{handover_id}/rescheduling")
async def reschedule_handover(handover_id: UUID, body: Rescheduling, request: Changing) -> Response:
    """Another date; unless the receiver asked for it, they confirm again."""
    return await changed(
        request,
        Place(handover=handover_id),
        "handover-text",
        lambda it, by: rescheduling.reschedule(child_of(it), by, body.effective_on, it.at),
    )


@router.post("/handovers/{handover_id}/question")
async def ask_about_handover(handover_id: UUID, body: Question, request: Changing) -> Response:
    """The receiver asks before answering; the deadline rests until the giver has answered."""
    question = new_id()
    said = texts(question=body.text)
    return await changed(
        request,
        Place(handover=handover_id),
        "handover-text",
        lambda it, by: handing_over.ask(child_of(it), by, question, it.at, said),
    )


@router.post("/handovers/{handover_id}/answer")
async def answer_about_handover(handover_id: UUID, body: GivenAnswer, request: Changing) -> Response:
    """The giver answers; the deadline runs again."""
    said = texts(answer=body.text)
    return await changed(
        request, Place(handover=handover_id), "handover-text", lambda it, by: handing_over.answer(child_of(it), by, it.at, said)
    )


def _texts_view(loaded: Loaded, request: Reading) -> dict[str, Any]:
    """The texts of a handover, opened; null where none was written or the key is destroyed."""
    found = loaded.found["texts"] or {}
    try:
        seal = loaded.seal(request.runtime.settings.secrets)[0] if loaded.found["key"] else None
    except TextWasErased:
        seal = None
    return {
        "message": _opened(seal, found.get("message"), "message"),
        "family_wish": _opened(seal, found.get("family_wish"), "family_wish"),
        "note": _opened(seal, found.get("note"), "note"),
        "questions": [
            {**row, "question": _opened(seal, row["question"], "question"), "answer": _opened(seal, row["answer"], "answer")}
            for row in found.get("questions") or ()
        ],
    }


def _opened(seal: Seal | None, sealed: str | None, column: str) -> str | None:
    return seal.open(bytes.fromhex(sealed), f"registry.{column}") if seal and sealed else None
