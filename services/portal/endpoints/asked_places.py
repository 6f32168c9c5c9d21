"""A plusplads that a programme asks an institution for: by when, held from a day on, or declined with a reason."""

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.portal import pages
from services.portal.endpoints.acting import done
from services.portal.endpoints.visiting import PageRoute, Sending, Visit, Visiting

router = APIRouter(prefix="/pluspladser/spurgt", route_class=PageRoute)
_API = "/daycare/asked-pluspladser"
_AT_FIELDS = {
    "the-unit-has-no-plus-plads": "from_on", "no-plus-plads-is-free": "from_on", "the-child-starts-elsewhere": "from_on",
    "the-child-has-a-plus-plads-already": "from_on", "a-reservation-lies-ahead": "from_on", "not-understood": "from_on",
    "the-unit-is-not-trained-in-the-method": "from_on",
}  # fmt: skip


@router.get("/{number}")
async def see_asked(number: UUID, visit: Visiting) -> Response:
    return await _page(visit, number)


async def _page(visit: Visit, number: UUID, status: int = 200) -> Response:
    asked = await visit.apis.get("daycare", f"{_API}/{number}")
    held = f"/daycare/plusplads/{asked['holding']}" if asked["holding"] else None
    children, names, board, written = await asyncio.gather(
        visit.apis.children([asked["child"]]),
        visit.apis.names_of([], [asked["unit"]]),
        visit.apis.found("daycare", "/daycare/plusplads", unit=asked["unit"]),
        visit.apis.found("sundhedspleje", "/sundhedspleje/programmes"),
    )
    place = await visit.apis.found("daycare", held) if held else None
    programmes = (written or {}).get("programmes", [])
    return visit.page(
        "asked_place.html", status, asked=asked, children=children, names=names, place=place,
        free=next((it["free"] for it in (board or {}).get("units", []) if it["unit"] == asked["unit"]), None),
        programme=next(
            (it for it in programmes if it["key"] == asked["programme"]), {"title": asked["programme"], "handleguide": None}
        ),
        method=next((it["method"]["title"] for it in programmes if it["method"] and it["method"]["key"] == asked["method"]),
                    asked["method"]),
        due=pages.by_day(asked["due_on"], visit.now), action=f"/portal/pluspladser/spurgt/{number}",
    )  # fmt: skip


@router.post("/{number}/reserver")
async def reserve(number: UUID, sent: Sending) -> Response:
    body: dict[str, Any] = {"from_on": sent.typed.one("from_on")} if sent.typed.one("from_on") else {}
    return await done(sent, "daycare", f"{_API}/{number}/reservation", body, at_field=_AT_FIELDS,
                      again=lambda: _page(sent, number, 422), to=f"/portal/pluspladser/spurgt/{number}",
                      said="place-reserved")  # fmt: skip


@router.post("/{number}/afslag")
async def decline(number: UUID, sent: Sending) -> Response:
    body = {"reason": sent.typed.must("reason", sent.say("Vælg, hvorfor der ikke bliver holdt en plads."))}
    return await done(sent, "daycare", f"{_API}/{number}/refusal", body, at_field={"not-understood": "reason"},
                      again=lambda: _page(sent, number, 422), to=f"/portal/pluspladser/spurgt/{number}",
                      said="plusplads-declined")  # fmt: skip
