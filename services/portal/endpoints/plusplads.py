"""The board of pluspladser: which are free, for whom the others are held, who waits for a start on one; reserved and released."""

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.portal.apis import as_uuid
from services.portal.domain.week import in_order
from services.portal.endpoints.acting import done
from services.portal.endpoints.visiting import PageRoute, Sending, Visit, Visiting
from services.portal.endpoints.week import pluspladser_asked, whose_pluspladser

router = APIRouter(prefix="/pluspladser", route_class=PageRoute)
_AT_FIELDS = {
    "the-unit-has-no-plus-plads": "unit", "no-plus-plads-is-free": "unit", "the-child-starts-elsewhere": "unit",
    "the-child-has-a-plus-plads-already": "child", "a-reservation-lies-ahead": "from_on", "not-understood": "from_on",
}  # fmt: skip


@router.get("")
async def see_board(visit: Visiting, efter: str = "") -> Response:
    return await _page(visit, as_uuid(efter))


async def _page(visit: Visit, after: UUID | None = None, status: int = 200) -> Response:
    """A child is named to those who may know of its place; others see that a place is held."""
    apis = visit.apis
    board, held, (waiting, titles), *asked = await asyncio.gather(
        apis.get("daycare", "/daycare/plusplads", after=after, limit=50),
        apis.found("registry", "/registry/children", holder=visit.me, limit=200),
        _led_to_one(visit),
        *(pluspladser_asked(visit, whose) for whose in whose_pluspladser(visit)),
    )
    tasks = {it.place: it for week in asked for it in week.tasks}
    shown = [it for unit in board["units"] for it in unit["holdings"] if it["child"]]
    mine = [it["reference"] for it in (held or {}).get("children", [])]
    have_one = {it["child"] for it in shown}
    waiting = [it for it in waiting if it["child"] not in have_one]
    children, starts, names = await asyncio.gather(
        apis.children({*have_one, *mine, *(it["child"] for it in waiting), *(it.child for it in tasks.values())}),
        asyncio.gather(*(apis.found("daycare", f"/daycare/starts/{it['start']}") for it in shown if it["start"])),
        apis.names_of([], [unit["unit"] for unit in board["units"]]),
    )
    begins = {it["id"]: it["starts_on"] for it in starts if it}
    places = any(seat.unit_kind == "placement" for seat in visit.caller.seats)
    return visit.page(
        "board.html", status, units=board["units"], next=board["next"], children=children, begins=begins, names=names, mine=mine,
        waiting=waiting, titles=titles, asked=in_order(tasks.values()),
        methods=sorted({method for unit in board["units"] for method in unit["methods"]}), places=places,
        releasable=[it for it in shown if it["state"] == "held" and (places or it["child"] in mine)],
    )  # fmt: skip


async def _led_to_one(visit: Visit) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """One's own families in a programme that a plusplads comes after; and what the municipality calls its methods."""
    enrolled, written = await asyncio.gather(
        visit.apis.found("sundhedspleje", "/sundhedspleje/enrolments", holder="me", limit=200),
        visit.apis.found("sundhedspleje", "/sundhedspleje/programmes"),
    )
    programmes = (written or {}).get("programmes", [])
    leading = {it["key"] for it in programmes if it["afterwards"]["plusplads"]}
    titles = {it["method"]["key"]: it["method"]["title"] for it in programmes if it["method"]}
    open_ones = (enrolled or {}).get("enrolments", [])
    led = [it for it in open_ones if it["programme"]["key"] in leading and it["state"] in ("accepted", "waiting", "running")]
    return led, titles


@router.post("")
async def reserve(sent: Sending) -> Response:
    """Held for the child from today, or from a later day, until it starts."""
    typed = sent.typed
    body: dict[str, Any] = {
        "child": typed.must("child", sent.say("Vælg, hvilket barn pladsen er til.")),
        "unit": typed.must("unit", sent.say("Vælg, hvor pladsen skal være.")),
        "method": typed.must("method", sent.say("Vælg, hvilken metode dagtilbuddet fører videre.")),
    }
    if typed.one("from_on"):
        body["from_on"] = typed.one("from_on")
    return await done(sent, "daycare", "/daycare/plusplads", body, about=as_uuid(typed.one("child")), at_field=_AT_FIELDS,
                      again=lambda: _page(sent, None, 422), to="/portal/pluspladser", said="place-reserved")  # fmt: skip


@router.post("/frigiv")
async def release(sent: Sending) -> Response:
    typed = sent.typed
    number = as_uuid(typed.must("holding", sent.say("Vælg, hvilken plads der skal frigives.")))
    reason = typed.must("reason", sent.say("Vælg, hvorfor pladsen frigives."))
    fields = {"the-place-is-released-already": "holding", "the-start-needs-its-place": "holding",
              "a-child-who-has-started-leaves": "holding"}  # fmt: skip
    return await done(sent, "daycare", f"/daycare/plusplads/{number}/release", {"reason": reason}, at_field=fields,
                      again=lambda: _page(sent, None, 422), to="/portal/pluspladser", said="place-released")  # fmt: skip
