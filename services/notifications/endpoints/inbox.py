"""One's own inbox as it fills, and how one wants to be told."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse

from services.chassis.errors import CallerIsUnknown, NotFound, NotUnderstood, TryAgainSoon
from services.chassis.request import Reading, answer
from services.chassis.route import UsualRoute
from services.notifications.domain import audiences, mending, waits_for_you
from services.notifications.endpoints.asking import Changing, Looking
from services.notifications.repository import people
from services.notifications.ringing import name_of
from services.notifications.schemas import DeliveryOut, PreferencesIn, PreferencesOut

router = APIRouter(route_class=UsualRoute)
# A token lives five minutes at most: the browser comes again with a new one, and goes on where it was.
_STREAM_SECONDS = 240.0
# A line now and then, so that nobody between takes the connection for dead.
_HEARTBEAT_SECONDS = 15.0
_PAGE = 100
_FIRST = UUID(int=0)
Place = tuple[int, UUID]


class ThisKindIsNotKnown(NotUnderstood):
    """There is no notice of that kind."""


@router.get("/stream", summary="One's own inbox, live (server-sent events)", response_class=StreamingResponse)
async def stream(
    request: Looking, last_event_id: Annotated[str | None, Header(max_length=80, pattern=r"^\d{1,19}\.[0-9a-f-]{36}$")] = None
) -> Response:
    """`event: notice` per notice, as at `/deliveries`; its id, given back as Last-Event-ID, is where to go on.

    Without it the stream begins now. `event: reset` means: that place is of another database; read the list again.
    """
    async with request.begin() as look:
        if look.caller.professional is None:
            raise NotFound("An inbox is a person's.")
        horizon = await people.horizon(look.tx)
    place = _place(last_event_id)
    is_foreign = place is not None and place[0] > horizon
    begins = place if place is not None and not is_foreign else (horizon, _FIRST)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(_stream(request, look.caller.professional, begins, is_foreign), 200, headers, "text/event-stream")


def _place(text: str | None) -> Place | None:
    try:
        written_in, _, number = (text or "").partition(".")
        return (int(written_in), UUID(number)) if text else None
    except ValueError:
        return None


async def _stream(request: Reading, professional: UUID, place: Place, is_foreign: bool) -> AsyncIterator[bytes]:
    until = time.monotonic() + _STREAM_SECONDS
    yield b"retry: 1000\n\n" + (b"event: reset\ndata: {}\n\n" if is_foreign else b"")
    with request.runtime.hints.listening(name_of(professional)) as rung:
        while time.monotonic() < until:
            rung.clear()
            try:
                rows = await _next(request, professional, place)
            except (CallerIsUnknown, TryAgainSoon):
                return
            for row in rows:
                place = (int(row["place"]), row["id"])
                yield _event(row)
            if len(rows) < _PAGE:
                try:
                    await asyncio.wait_for(rung.wait(), _HEARTBEAT_SECONDS)
                except TimeoutError:
                    yield b": still here\n\n"


async def _next(request: Reading, professional: UUID, place: Place) -> list[Any]:
    """Opened anew each time: whoever has left meanwhile sees no more, and each reading is in the access log."""
    async with request.begin() as look:
        if look.caller.professional != professional:
            raise CallerIsUnknown
        rows = await people.came_into(look.tx, professional, place, _PAGE)
        for about in {row["about"] for row in rows}:
            await look.saw(about, "deliveries")
    return rows


def _event(row: Any) -> bytes:
    shown = DeliveryOut(**{**row, "next_try_at": None}).model_dump(exclude_none=True)
    return b"event: notice\nid: %b.%b\ndata: %b\n\n" % (
        row["place"].encode(),
        str(row["id"]).encode(),
        orjson.dumps(shown, default=str),
    )


@router.get("/preferences", summary="How I want to be told by e-mail", response_model=PreferencesOut)
async def preferences(request: Looking) -> Response:
    async with request.begin() as look:
        if look.caller.professional is None:
            raise NotFound
        row = (await people.wishes_of(look.tx, [look.caller.professional])).get(look.caller.professional)
    return answer(200, _wishes(row["email"] if row else {}, row["digest_hour"] if row else 7))


@router.put("/preferences", summary="Choose at once, in a digest, or never, by kind", response_model=PreferencesOut)
async def choose(request: Changing, body: PreferencesIn) -> Response:
    """Replaces all that was chosen. What waits for your answer is told at once, whatever is chosen."""
    async with request.begin() as begun:
        caller = begun.caller
        if caller.professional is None or caller.party.municipality is None:
            raise NotFound
        wishes = {str(kind): wish for kind, wish in body.email.items()}
        if unknown := mending.known_kinds(wishes, audiences()):
            raise ThisKindIsNotKnown(kinds=unknown)
        mending.checked_wishes(wishes)
        await people.keep_wishes(begun.tx, caller.professional, caller.party.municipality, dict(wishes), body.digest_hour)
        return await begun.answer(200, _wishes(wishes, body.digest_hour))


def _wishes(email: Any, digest_hour: int) -> dict[str, Any]:
    return {"email": email, "digest_hour": digest_hour, "at_once": sorted(waits_for_you())}
