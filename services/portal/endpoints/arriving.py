"""Children on their way into daycare, and what was handed over about them."""

import asyncio
from uuid import UUID

from fastapi import APIRouter, Response

from services.portal.endpoints.visiting import PageRoute, Visiting

router = APIRouter(route_class=PageRoute)
_DAYCARE = ("institution", "dagpleje", "placement")


@router.get("/starter")
async def arriving(visit: Visiting) -> Response:
    """Of one's own units, the nearest first."""
    units = [seat.unit for seat in visit.caller.seats if seat.unit_kind in _DAYCARE]
    found, arrivals = await asyncio.gather(
        asyncio.gather(*(visit.apis.get("daycare", "/daycare/starts", unit=unit, limit=200) for unit in units)),
        asyncio.gather(*(visit.apis.get("daycare", "/daycare/arrivals", unit=unit, limit=100) for unit in units)),
    )
    missing = {it["start"]["id"]: it["missing"] for answer in arrivals for it in answer["arrivals"]}
    starts = sorted((it for answer in found for it in answer["starts"]), key=lambda it: it["starts_on"])
    children, names = await asyncio.gather(
        visit.apis.children([it["child"] for it in starts]),
        visit.apis.names_of([(it["pedagogue"] or {}).get("professional") for it in starts], units),
    )
    coming = [it for it in starts if it["state"] in ("planned", "prepared")]
    past = [it for it in starts if it["state"] not in ("planned", "prepared")]
    return visit.page("arriving.html", coming=coming, past=past, children=children, names=names, missing=missing)


@router.get("/overlevering/{id}")
async def handed_over(id: UUID, visit: Visiting) -> Response:
    """What was handed over exactly as it was given, on which basis, and what was withheld."""
    given = await visit.apis.get("sundhedspleje", f"/sundhedspleje/overleveringer/{id}")
    person, names = await asyncio.gather(
        visit.apis.child(given["child"]), visit.apis.names_of([given["given_by"], given["to_professional"]], [given["to_unit"]])
    )
    return visit.page("overlevering.html", given=given, person=person, names=names)
