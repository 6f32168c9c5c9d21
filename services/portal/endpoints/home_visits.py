"""One visit: when it may be, whether it was held, missed or declined and why, and who of other units comes along."""

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.portal import pages
from services.portal.apis import as_uuid
from services.portal.endpoints.acting import done, people_to_choose, units_of
from services.portal.endpoints.caring import choices_of
from services.portal.endpoints.choosing import chosen, units_to_choose
from services.portal.endpoints.visiting import PageRoute, Sending, Sent, Visit, Visiting

router = APIRouter(prefix="/besoeg", route_class=PageRoute)
_ON = {"a-visit-is-held-on-a-day-that-has-come": "on", "a-joint-visit-is-held-by-more-than-one": "took_part",
       "the-family-agrees-to-a-joint-visit": "agreed", "not-understood": "on"}  # fmt: skip


@router.get("/{number}")
async def see_visit(number: UUID, visit: Visiting, enhed: str = "") -> Response:
    return await _page(visit, number, as_uuid(enhed))


async def _page(visit: Visit, number: UUID, unit: UUID | None = None, status: int = 200) -> Response:
    """`unit`: from which somebody is to be brought along."""
    apis = visit.apis
    found, choices, units = await asyncio.gather(
        apis.get("sundhedspleje", f"/sundhedspleje/visits/{number}"), choices_of(visit), units_to_choose(visit)
    )
    ref = found["child"]
    person, own = await asyncio.gather(apis.child(ref), apis.found("sundhedspleje", f"/sundhedspleje/cases/{ref}/screenings"))
    seats = found["participants"]
    names = await apis.names_of([it["professional"] for it in seats], [it["unit"] for it in seats])
    there = [{"id": str(unit), "name": dict(units).get(str(unit), "")}] if unit and str(unit) in dict(units) else []
    # Of a joint visit to which nobody was invited yet somebody may be named when it is held.
    joint = found["joint_with"] if not seats and found["state"] in ("planned", "missed") else []
    people, with_her = await people_to_choose(visit, there), await people_to_choose(visit, await units_of(visit, *joint))
    return visit.page(
        "home_visit.html", status, ref=ref, found=found, person=person, names=names, choices=choices, units=units,
        unit=str(unit or ""), people=people, with_her=with_her, acts=own is not None,
        due=pages.by_day(found["until_on"], visit.now),
        today=visit.today.isoformat(), base=f"/portal/besoeg/{number}",
    )  # fmt: skip


async def _done(sent: Sent, number: UUID, act: str, body: Any, said: str, fields: dict[str, str] | None = None) -> Response:
    """An act on the visit; a refusal says what became of the child, which the visit names."""
    found = await sent.apis.found("sundhedspleje", f"/sundhedspleje/visits/{number}")
    return await done(
        sent, "sundhedspleje", f"/sundhedspleje/visits/{number}/{act}", body, about=(found or {}).get("child"), at_field=fields,
        again=lambda: _page(sent, number, as_uuid(sent.typed.one("enhed")), 422), to=f"/portal/besoeg/{number}", said=said,
    )  # fmt: skip


@router.post("/{number}/holdt")
async def hold(number: UUID, sent: Sending) -> Response:
    typed = sent.typed
    seats = [it.as_seat() for text in dict.fromkeys(typed.many("took_part")) if (it := chosen(text))]
    body: dict[str, Any] = {
        "on": typed.must("on", sent.say("Skriv, hvilken dag besøget var.")), "where": typed.one("where") or "home",
        "participants": seats, "family_agrees": bool(typed.one("agreed")) or await _were_invited(sent, number, seats),
    }  # fmt: skip
    if typed.one("development"):
        body["development"] = typed.one("development")
    return await _done(sent, number, "held", body, "visit-held", _ON)


async def _were_invited(sent: Sent, number: UUID, seats: list[dict[str, str]]) -> bool:
    """The family has said yes to those who were invited."""
    found = await sent.apis.get("sundhedspleje", f"/sundhedspleje/visits/{number}")
    return all(any(it["professional"] == seat["professional"] for it in found["participants"]) for seat in seats)


@router.post("/{number}/ikke-holdt")
async def miss(number: UUID, sent: Sending) -> Response:
    return await _done(sent, number, "missed", None, "visit-missed")


@router.post("/{number}/afslag")
async def decline(number: UUID, sent: Sending) -> Response:
    """The family says no, with a reason of the municipality's list."""
    reason = sent.typed.must("no", sent.say("Vælg, hvorfor familien siger nej."))
    return await _done(sent, number, "declined", {"reason": reason}, "visit-declined")


@router.post("/{number}/tid")
async def agree(number: UUID, sent: Sending) -> Response:
    """Another time, as the family wishes."""
    body = {
        "from_on": sent.typed.must("from_on", sent.say("Skriv den første dag, besøget kan være.")),
        "until_on": sent.typed.must("until_on", sent.say("Skriv den sidste dag, besøget kan være.")),
    }
    fields = {"the-window-lies-ahead": "until_on", "not-understood": "from_on"}
    return await _done(sent, number, "window", body, "visit-agreed", fields)


@router.post("/{number}/sammen")
async def bring_along(number: UUID, sent: Sending) -> Response:
    """Everybody who is to take part; nobody chosen calls it off."""
    typed = sent.typed
    seats = [it.as_seat() for text in dict.fromkeys(typed.many("along")) if (it := chosen(text))]
    body = {"participants": seats, "family_agrees": bool(typed.one("agrees"))}
    return await _done(sent, number, "participants", body, "visit-joint", _ON | {"the-family-agrees-to-a-joint-visit": "agrees"})
