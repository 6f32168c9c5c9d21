"""Many children handed over at once: looked at before, stored as a job, followed child by child, and answered in one act."""

from collections import Counter
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.chassis.errors import NotAllowed, NotFound, Problem
from services.chassis.ids import new_id
from services.chassis.party import Caller
from services.chassis.request import OpenReading, answer
from services.chassis.route import UsualRoute
from services.chassis.store import Tx
from services.registry.domain import Rung, TheSeatIsUnknown, TheSeatTakesNobody
from services.registry.domain.bulk import Bulk, ThereAreTooManyForOneBulk, ThereIsNobodyToHandOver, may_answer, offer
from services.registry.endpoints.changing import Changing, Looking
from services.registry.repository import Loaded, bulk, lists, load_each
from services.registry.repository.lists import Wanted
from services.registry.schemas import AT_MOST, BulkAnswer, BulkProposal

router = APIRouter(prefix="/bulk-handovers", route_class=UsualRoute)
Limit = Annotated[int, Query(ge=1, le=10_000)]


@router.post("/preview")
async def preview_bulk(body: BulkProposal, request: Looking) -> Response:
    """What a bulk would do as things stand now, child by child; nothing is changed."""
    async with request.begin() as looking:
        _named(looking.caller)
        seat = await _receiver(looking.tx, body)
        children = await _children(looking.tx, looking.caller, body)
        job = _job(looking.caller, seat, body)
        # The reader's own claim, not the machine's: what is not theirs is not there.
        places = [(child, None) for child in sorted(children)]
        loaded = await load_each(looking.tx, looking.caller, request.who, places, body.to, "baton")
        would = [_foreseen(job, child, it) for (child, _), it in zip(places, loaded, strict=True)]
    return answer(200, {"counts": Counter(it["would"] for it in would), "children": would})


@router.post("", status_code=202)
async def hand_over_many(body: BulkProposal, request: Changing) -> Response:
    """Asks one receiver to take many children. The job is stored with this answer, and begins within seconds."""
    async with request.begin() as begun:
        _named(begun.caller)
        seat = await _receiver(begun.tx, body)
        children = await _children(begun.tx, begun.caller, body)
        job = _job(begun.caller, seat, body)
        await bulk.store_job(begun.tx, job, children, body.message, request.runtime.settings.secrets, begun.at)
        return await begun.answer(202, {"id": job.id, "state": job.state, "counts": {"waiting": len(children)}})


@router.get("")
async def list_bulks(request: Looking, after: UUID | None = None, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> Response:
    """Those one has asked for, and those one is asked to answer, also as deputy in a present absence; the newest first.

    How many children are in each state, and none by reference. Page on with `after` = `next`.
    """
    async with request.begin() as looking:
        person = _named(looking.caller)
        rows = await bulk.jobs_of(looking.tx, person, await bulk.stands_for(looking.tx, person), after, limit)
        counts = await bulk.counts_of(looking.tx, [row["id"] for row in rows])
    shown = [{**_view(row), "counts": _counts_for(counts[row["id"]], sees_all=row["by"] == person)} for row in rows]
    return answer(200, {"bulks": shown, "next": rows[-1]["id"] if len(rows) == limit else None})


@router.get("/{bulk_id}")
async def read_bulk(bulk_id: UUID, request: Looking, after: UUID | None = None, limit: Limit = 500) -> Response:
    """How far it is, and what became of each child, in order of their reference. Page on with `after` = `next`.

    For who asked for it, the receiver, their deputy in an absence, who leads the receiver's unit, and services. The receiver's
    side sees what was offered, no more.
    """
    async with request.begin() as looking:
        row = await bulk.job(looking.tx, bulk_id)
        if row is None:
            raise NotFound("There is no such thing, or not for you.")
        job = bulk.as_bulk(row)
        sees_all = await _sees_all(looking, job)
        rows = await bulk.results(looking.tx, bulk_id, not sees_all, after, limit)
        counts = (await bulk.counts_of(looking.tx, [bulk_id]))[bulk_id]
        for it in rows:
            if it["handover"]:
                await looking.saw(it["child_id"], "baton")
    counts = _counts_for(counts, sees_all)
    next_ = rows[-1]["child_id"] if len(rows) == limit else None
    return answer(200, {**_view(row), "counts": counts, "children": [_result_view(it) for it in rows], "next": next_})


@router.post("/{bulk_id}/answer", status_code=202)
async def answer_bulk(bulk_id: UUID, body: BulkAnswer, request: Changing) -> Response:
    """The receiver takes all that was offered but the exceptions, which are declined with a reason each."""
    async with request.begin() as begun:
        person = _named(begun.caller)
        row = await bulk.job(begun.tx, bulk_id, for_change=True)
        if row is None:
            raise NotFound("There is no such thing, or not for you.")
        exceptions = {it.child: it.reason for it in body.except_}
        offered = await bulk.offered(begun.tx, bulk_id)
        may_answer(bulk.as_bulk(row), person, await bulk.stands_for(begun.tx, person), exceptions, offered)
        await bulk.store_answer(begun.tx, bulk_id, person, begun.caller.party.municipality or "", exceptions, begun.at)
        return await begun.answer(202, {"id": bulk_id, "state": "answering", "counts": {"answering": len(offered)}})


def _named(caller: Caller) -> UUID:
    if caller.professional is None:
        raise NotAllowed("Only a named professional moves the baton.")
    return caller.professional


async def _receiver(tx: Tx, body: BulkProposal) -> Rung:
    seat = await bulk.seat(tx, body.to)
    if seat is None:
        raise TheSeatIsUnknown
    if not seat.taking:
        raise TheSeatTakesNobody
    return seat


async def _children(tx: Tx, caller: Caller, body: BulkProposal) -> set[UUID]:
    """Those named, or those of a holder whom the caller is, leads or stands for."""
    if body.children is not None:
        return set(body.children)
    rows = await lists.children(tx, caller.professional, Wanted(holder=body.from_), None, AT_MOST + 1)
    if not rows:
        raise ThereIsNobodyToHandOver
    if len(rows) > AT_MOST:
        raise ThereAreTooManyForOneBulk(at_most=AT_MOST)
    return {row["child_id"] for row in rows}


def _job(caller: Caller, seat: Rung, body: BulkProposal) -> Bulk:
    assert caller.professional is not None
    return Bulk(
        id=new_id(), municipality=caller.party.municipality or "", by=caller.professional,
        receiver_municipality=seat.municipality, to=body.to, reason=body.reason,
        effective_on=body.effective_on, state="proposing",
    )  # fmt: skip


def _foreseen(job: Bulk, child: UUID, it: Loaded) -> dict[str, Any]:
    try:
        offer(job, it.child, it.to, new_id(), it.at, {})
    except Problem as no:
        return {"child": child, "would": "refused", "refusal": no.slug()}
    return {"child": child, "would": "offered", "refusal": None}


async def _sees_all(looking: OpenReading, job: Bulk) -> bool:
    """Whether the caller sees every child of it, or the offered ones only. NotFound for who has no part in it."""
    person = looking.caller.professional
    if looking.caller.is_service or person == job.by:
        return True
    if person is None:
        raise NotFound("There is no such thing, or not for you.")
    receives = person == job.to.professional or job.to.professional in await bulk.stands_for(looking.tx, person)
    if not receives and not await bulk.leads(looking.tx, person, job.to.unit):
        raise NotFound("There is no such thing, or not for you.")
    return False


def _counts_for(counts: dict[str, int], sees_all: bool) -> dict[str, int]:
    """The receiver's side knows what was offered, no more."""
    return {state: n for state, n in counts.items() if sees_all or state not in ("waiting", "refused")}


def _view(row: Any) -> dict[str, Any]:
    plain = (
        "id",
        "state",
        "by",
        "reason",
        "effective_on",
        "asked_at",
        "proposed_at",
        "answered_by",
        "answered_at",
        "finished_at",
    )
    return {**{name: row[name] for name in plain}, "to": {"professional": row["receiver"], "unit": row["receiver_unit"]}}


def _result_view(row: Any) -> dict[str, Any]:
    more = ("state", "handover", "reason", "refusal")
    return {"child": row["child_id"], **{name: row[name] for name in more}}
