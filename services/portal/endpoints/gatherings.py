"""Consultations, talks and forums: planned by the people of a unit, held with whoever took part, or cancelled."""

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.portal import pages
from services.portal.apis import as_uuid
from services.portal.endpoints.acting import done, ids, people_to_choose
from services.portal.endpoints.choosing import units_to_choose
from services.portal.endpoints.groups import HOLDING
from services.portal.endpoints.visiting import PageRoute, Sending, Visit, Visiting

router = APIRouter(prefix="/samlinger", route_class=PageRoute)
_KINDS = ("consultation", "talk", "forum")
_PLAN = {"it-is-not-held-in-that-unit": "held_in", "not-understood": "on_date", "this-is-no-gathering": "programme"}


@router.get("")
async def see_all(visit: Visiting) -> Response:
    return await _page(visit)


async def _page(visit: Visit, status: int = 200) -> Response:
    """Those that lie ahead, of one's own units and those one is a host of; no family is named."""
    apis, units = visit.apis, [seat.unit for seat in visit.caller.seats if seat.unit_kind in HOLDING]
    query: dict[str, Any] = {"state": "planned", "limit": 100}
    of_units, mine, written, places = await asyncio.gather(
        asyncio.gather(*(apis.get("sundhedspleje", "/sundhedspleje/gatherings", unit=unit, **query) for unit in units)),
        apis.get("sundhedspleje", "/sundhedspleje/gatherings", host="me", **query),
        apis.get("sundhedspleje", "/sundhedspleje/programmes"),
        units_to_choose(visit),
    )
    found = {it["id"]: it for answer in [*of_units, mine] for it in answer["gatherings"]}
    names = await apis.names_of([], [*units, *(it["held_in"] for it in found.values())])
    for it in found.values():
        it["due"] = pages.by_day(it["on_date"], visit.now)
    return visit.page(
        "gatherings.html", status, found=sorted(found.values(), key=lambda it: it["on_date"]), names=names, places=places,
        units=[(str(unit), names.get(str(unit), "")) for unit in units], typed=visit.typed_in("/portal/samlinger"),
        to_plan=[(it["key"], it["title"]) for it in written["programmes"] if it["kind"] in _KINDS],
    )  # fmt: skip


@router.post("")
async def plan(sent: Sending) -> Response:
    typed = sent.typed
    body: dict[str, Any] = {
        "programme": typed.must("programme", sent.say("Vælg, hvad der skal holdes.")),
        "unit": typed.must("unit", sent.say("Vælg, hvem der holder det.")),
        "on_date": typed.must("on_date", sent.say("Skriv, hvilken dag det er.")),
    }
    if typed.one("held_in"):
        body["held_in"] = typed.one("held_in")
    return await done(sent, "sundhedspleje", "/sundhedspleje/gatherings", body, at_field=_PLAN, again=lambda: _page(sent, 422),
                      to="/portal/samlinger", said="gathering-planned")  # fmt: skip


@router.get("/{number}")
async def see_one(number: UUID, visit: Visiting, enhed: str = "") -> Response:
    return await _one(visit, number, as_uuid(enhed))


async def _one(visit: Visit, number: UUID, unit: UUID | None = None, status: int = 200) -> Response:
    """Who took part; until it is held, who there is to name. `unit`: one more whose people took part."""
    apis = visit.apis
    found = await apis.get("sundhedspleje", f"/sundhedspleje/gatherings/{number}")
    holds = found["children"] is not None
    units = [it for it in (found["unit"], found["held_in"], unit) if it]
    names, places, cases = await asyncio.gather(
        apis.names_of([*found["hosts"], *found["professionals"]], units),
        units_to_choose(visit),
        apis.found("registry", "/registry/children", holder=visit.me, limit=200),
    )
    with_families = holds and found["kind"] == "consultation" and found["state"] == "planned"
    own = [it["reference"] for it in (cases or {}).get("children", [])] if with_families else []
    there = [{"id": str(it), "name": names.get(str(it), "")} for it in dict.fromkeys(map(str, units))]
    children, people = await asyncio.gather(apis.children([*own, *(found["children"] or [])]), people_to_choose(visit, there))
    return visit.page(
        "gathering.html", status, found=found, holds=holds, names=names, children=children, own=own, unit=str(unit or ""),
        places=places, people=list({seat[:36]: (seat[:36], name) for seat, name in people}.values()),
        due=pages.by_day(found["on_date"], visit.now), comes=found["on_date"] > visit.today.isoformat(),
        base=f"/portal/samlinger/{number}",
    )  # fmt: skip


@router.post("/{number}/holdt")
async def hold(number: UUID, sent: Sending) -> Response:
    typed = sent.typed
    body = {
        "professionals": list(dict.fromkeys(ids(typed.many("person")))),
        "children": list(dict.fromkeys(ids(typed.many("family")))),
    }
    path, fields = f"/sundhedspleje/gatherings/{number}/held", {"it-is-held-when-its-day-has-come": "person"}
    return await done(sent, "sundhedspleje", path, body, at_field=fields, to=f"/portal/samlinger/{number}", said="gathering-held",
                      again=lambda: _one(sent, number, as_uuid(typed.one("enhed")), 422))  # fmt: skip


@router.post("/{number}/aflys")
async def cancel(number: UUID, sent: Sending) -> Response:
    return await done(sent, "sundhedspleje", f"/sundhedspleje/gatherings/{number}/cancellation", said="gathering-cancelled",
                      again=lambda: _one(sent, number, None, 422), to="/portal/samlinger")  # fmt: skip
