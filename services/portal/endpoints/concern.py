"""Underretning: given by whoever works with the child, followed by its two clocks, seen by those alone whom it concerns."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.chassis.calendar import COPENHAGEN
from services.portal import pages
from services.portal.endpoints.acting import done, units_of
from services.portal.endpoints.visiting import PageRoute, Sending, Sent, Visit, Visiting

router = APIRouter(route_class=PageRoute)
_LIST = "/sundhedspleje/underretninger"


@router.get("/underretninger")
async def see_all(visit: Visiting) -> Response:
    """Those given to one's own social units, and those one has given; the nearest clock first."""
    units = [seat.unit for seat in visit.caller.seats if seat.unit_kind == "social"]
    received, given = await asyncio.gather(
        asyncio.gather(*(visit.apis.get("sundhedspleje", _LIST, unit=unit, limit=100) for unit in units)),
        visit.apis.get("sundhedspleje", _LIST, given_by="me", limit=100),
    )
    mine, theirs = given["underretninger"], [it for found in received for it in found["underretninger"]]
    names, children, about = await asyncio.gather(
        visit.apis.names_of([it["notifier"] for it in theirs], [it["to_unit"] for it in mine]),
        visit.apis.children(it["child"] for it in mine),
        asyncio.gather(*(_about(visit, it["id"]) for it in theirs)),
    )
    children |= {it["child"]: who for it, who in zip(theirs, about, strict=True) if who}
    return visit.page("concerns.html", received=_clocked(theirs, visit.now), given=_clocked(mine, visit.now), names=names,
                      children=children, receives=bool(units))  # fmt: skip


async def _about(visit: Visit, number: object) -> dict[str, Any] | None:
    """Who it is about, as the underretning itself lets those know whom it concerns."""
    found: dict[str, Any] | None = await visit.apis.found("sundhedspleje", f"{_LIST}/{number}/child")
    return found


def _clocked(found: list[dict[str, Any]], now: datetime) -> list[dict[str, Any]]:
    """Each with the clock that runs, as a deadline; those whose clocks have both been answered last."""
    for it in found:
        runs = None if it["receipt_at"] else it["receipt_by"]
        it["due"] = pages.due(runs if it["assessed_at"] else it["assess_by"], now)
    return sorted(found, key=lambda it: (it["due"].on is None, it["assess_by"]))


@router.get("/barn/{ref}/underretning")
async def begin(ref: UUID, visit: Visiting) -> Response:
    return await _page(visit, ref)


async def _page(visit: Visit, ref: UUID, status: int = 200) -> Response:
    person, found, units = await asyncio.gather(
        visit.apis.child(ref), visit.apis.get("sundhedspleje", _LIST, child=ref, limit=100), units_of(visit, "social")
    )
    names = await visit.apis.names_of([it["notifier"] for it in found["underretninger"]])
    return visit.page(
        "concern_begin.html", status, ref=ref, person=person, found=_clocked(found["underretninger"], visit.now), names=names,
        units=[(it["id"], it["name"]) for it in units], typed=visit.typed_in(f"/portal/barn/{ref}/underretning"),
    )  # fmt: skip


@router.post("/barn/{ref}/underretning")
async def give(ref: UUID, sent: Sending) -> Response:
    """A personal duty: nobody is asked for consent."""
    typed = sent.typed
    body: dict[str, Any] = {"to_unit": typed.must("to_unit", sent.say("Vælg, hvem der skal have underretningen."))}
    if typed.one("text"):
        body["text"] = typed.one("text")
    if typed.one("given_on"):
        body["given_at"] = _moment(sent)
    fields = {"an-underretning-goes-to-a-social-unit-of-the-municipality": "to_unit", "not-understood": "given_on"}
    return await done(sent, "sundhedspleje", f"/sundhedspleje/cases/{ref}/underretninger", body, about=ref, at_field=fields,
                      again=lambda: _page(sent, ref, 422), said="concern-given",
                      to=f"/portal/barn/{ref}/underretning")  # fmt: skip


def _moment(sent: Sent) -> str:
    try:
        at = datetime.fromisoformat(f"{sent.typed.one('given_on')}T{sent.typed.one('given_time') or '12:00'}")
    except ValueError:
        sent.typed.wrong["given_on"] = sent.say("Datoen eller klokkeslættet er ikke skrevet rigtigt.")
        return ""
    return at.replace(tzinfo=COPENHAGEN).isoformat()


@router.get("/underretninger/{number}")
async def see_one(number: UUID, visit: Visiting) -> Response:
    return await _one(visit, number)


async def _one(visit: Visit, number: UUID, status: int = 200) -> Response:
    found = await visit.apis.get("sundhedspleje", f"{_LIST}/{number}")
    person, names = await asyncio.gather(
        visit.apis.child(found["child"]), visit.apis.names_of([found["notifier"]], [found["to_unit"]])
    )
    receives = any(str(seat.unit) == found["to_unit"] for seat in visit.caller.seats)
    if person is None and receives:
        person = await _about(visit, number)
    return visit.page(
        "concern.html", status, found=found, person=person, names=names, receives=receives,
        concerns=receives or found["notifier"] == str(visit.me), assess=pages.due(found["assess_by"], visit.now),
        receipt=pages.due(found["receipt_by"], visit.now), base=f"/portal/underretninger/{number}",
    )  # fmt: skip


@router.post("/underretninger/{number}/vurdering")
async def assess(number: UUID, sent: Sending) -> Response:
    """Within 24 hours: whether something must be done at once."""
    body = {"assessment": sent.typed.must("assessment", sent.say("Vælg, om der skal handles nu."))}
    return await done(sent, "sundhedspleje", f"{_LIST}/{number}/assessment", body, again=lambda: _one(sent, number, 422),
                      to=f"/portal/underretninger/{number}", said="concern-assessed")  # fmt: skip


@router.post("/underretninger/{number}/kvittering")
async def acknowledge(number: UUID, sent: Sending) -> Response:
    return await done(sent, "sundhedspleje", f"{_LIST}/{number}/receipt", again=lambda: _one(sent, number, 422),
                      to=f"/portal/underretninger/{number}", said="concern-receipt")  # fmt: skip
