"""For leaders: what is overdue, escalated or untold, who is away, and how the children are spread."""

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.chassis.errors import NotAllowed
from services.portal import pages
from services.portal.domain.week import in_order
from services.portal.endpoints.choosing import chosen
from services.portal.endpoints.visiting import Again, PageRoute, Sending, Visit, Visiting
from services.portal.endpoints.week import pluspladser_asked, whose_pluspladser

router = APIRouter(prefix="/leder", route_class=PageRoute)
_MOST = 100
# Children a leader looks at: their new tovholder has not seen them, has stepped in for somebody, or has a reopened case.
_LISTS: tuple[dict[str, Any], ...] = ({"unseen": True}, {"why": "stand-in"}, {"why": "reopening"})
_AT_FIELDS = {
    "an-absence-ends-after-it-begins": "until_on",
    "absences-of-one-professional-do-not-overlap": "from_on",
    "the-deputy-is-another-person": "deputy",
    "the-deputy-needs-an-open-seat": "deputy",
}


@router.get("")
async def overview(visit: Visiting) -> Response:
    return await _page(visit)


async def _page(visit: Visit, status: int = 200) -> Response:
    if not visit.leads:
        raise NotAllowed
    apis = visit.apis
    handovers, loads, people, untold, matters, listed, *asked = await asyncio.gather(
        asyncio.gather(*(_open(visit, unit) for unit in visit.leads)),
        asyncio.gather(*(apis.get("registry", "/registry/caseloads", unit=unit) for unit in visit.leads)),
        asyncio.gather(*(apis.people_of(unit) for unit in visit.leads)),
        apis.found("notifications", "/notifications/untold", limit=_MOST),
        apis.found("registry", "/registry/matters", limit=_MOST),
        asyncio.gather(*(_children(visit, unit, **wanted) for wanted in _LISTS for unit in visit.leads)),
        *(pluspladser_asked(visit, whose) for whose in whose_pluspladser(visit)),
    )
    tasks = {it.place: it for week in asked for it in week.tasks}
    number = len(visit.leads)
    unseen, standing_in, reopened = (listed[number * place : number * (place + 1)] for place in range(len(_LISTS)))
    everything = {it["id"]: it for found in handovers for it in found}
    for it in everything.values():
        it["due"] = pages.due(it["due_at"], visit.now)
    away = await _away(visit, {person["id"]: person for found in people for person in found})
    failed = (untold or {}).get("deliveries", [])
    names = await apis.names_of(
        [*(seat["professional"] for it in everything.values() for seat in (it["giver"], it["receiver"])),
         *(it.get("recipient") for it in failed), *(one["professional"] for load in loads for one in load["caseloads"]),
         *((it["absence"]["deputy"] or {}).get("professional") for it in away),
         *(it["tovholder"]["professional"] for found in (*unseen, *standing_in, *reopened) for it in found)],
        visit.leads,
    )  # fmt: skip
    late = [it for it in everything.values() if it["overdue_at"] or it["due"].urgency == "overdue"]
    children = await apis.children(
        [
            *(it.child for it in tasks.values()),
            *(it["child"] for it in late),
            *(it["reference"] for found in (*unseen, *standing_in, *reopened) for it in found),
        ]
    )
    spread = [(str(unit), load["caseloads"]) for unit, load in zip(visit.leads, loads, strict=True)]
    charts = [{"unit": unit, "bars": _bars(load)} for unit, load in spread if load]
    seats = [
        (f"{person['id']}.{unit}", f"{person['name']}, {names.get(str(unit), '')}")
        for unit, found in zip(visit.leads, people, strict=True)
        for person in found
    ]
    return visit.page(
        "leading.html", status, late=late, open=len(everything), escalated=[it for it in late if it["level"]], away=away,
        failed=failed, matters=(matters or {}).get("matters", []), charts=charts, names=names, children=children,
        unseen=[it for found in unseen for it in found], standing_in=[it for found in standing_in for it in found],
        reopened=[it for found in reopened for it in found], seats=sorted(seats, key=lambda it: it[1]),
        asked=in_order(tasks.values()), typed=visit.typed_in("/portal/leder/fravaer"),
    )  # fmt: skip


async def _open(visit: Visit, unit: UUID) -> list[dict[str, Any]]:
    found = await visit.apis.get("registry", "/registry/handovers", unit=unit, state="open", limit=_MOST)
    return [it for it in found["handovers"] if it["state"] == "proposed"]


async def _children(visit: Visit, unit: UUID, **wanted: Any) -> list[dict[str, Any]]:
    return list((await visit.apis.get("registry", "/registry/children", unit=unit, limit=_MOST, **wanted))["children"])


async def _away(visit: Visit, people: dict[str, Any]) -> list[dict[str, Any]]:
    """Absences of today and later."""
    found = await asyncio.gather(*(visit.apis.found("directory", f"/directory/professionals/{id}") for id in people))
    known = [{"person": person, "absence": it} for person in found if person for it in person["absences"] if not it["ended_on"]]
    return sorted(known, key=lambda it: it["absence"]["from_on"])


def _bars(loads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each person, widest first; widths in the drawing's units."""
    most = max((it["children"] + it["waiting"] for it in loads), default=0) or 1
    ordered = sorted(loads, key=lambda it: -it["children"])
    return [
        {**it, "y": 8 + 34 * number, "width": round(380 * it["children"] / most), "more": round(380 * it["waiting"] / most)}
        for number, it in enumerate(ordered)
    ]


@router.post("/fravaer")
async def register_absence(sent: Sending) -> Response:
    """Of somebody of one's own units; who stands in is named or the usual one."""
    typed = sent.typed
    who = chosen(typed.must("who", sent.say("Vælg, hvem der er fraværende.")))
    first = typed.must("from_on", sent.say("Skriv den første fraværsdag."))
    if not typed.wrong and who:
        deputy = chosen(typed.one("deputy"))
        body = {
            "professional": str(who.professional), "from_on": first,
            **({"until_on": typed.one("until_on")} if typed.one("until_on") else {}),
            **({"deputy": deputy.as_seat()} if deputy else {}),
        }  # fmt: skip
        try:
            await sent.post("directory", "/directory/absences", body, at_field=_AT_FIELDS)
            return sent.to("/portal/leder", "absent")
        except Again:
            pass
    return await _page(sent, 422)


@router.post("/fravaer/{absence}/slut")
async def end_absence(absence: UUID, sent: Sending) -> Response:
    await sent.post("directory", f"/directory/absences/{absence}/end")
    return sent.to("/portal/leder", "back")
