"""A child's way into daycare: the checklist of its start, meetings with the parents, the baton, another date, and its end."""

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.portal import pages
from services.portal.apis import as_uuid
from services.portal.endpoints.acting import done, ids
from services.portal.endpoints.visiting import PageRoute, Sending, Sent, Visit, Visiting

router = APIRouter(prefix="/starter", route_class=PageRoute)
OPEN = ("planned", "prepared")
_ON = {"a-start-lies-ahead": "starts_on", "not-understood": "starts_on", "the-unit-is-full": "starts_on"}


@router.get("/{number}")
async def see_transition(number: UUID, visit: Visiting) -> Response:
    return await _page(visit, number)


async def _page(visit: Visit, number: UUID, status: int = 200) -> Response:
    """Each thing of the checklist with how it was settled, or with what settles it."""
    apis = visit.apis
    found, start = await _found(visit, number)
    person, people, written = await asyncio.gather(
        apis.child(start["child"]), apis.people_of(start["unit"]), apis.found("sundhedspleje", "/sundhedspleje/programmes")
    )
    holder = found["tovholder"]
    guests = await apis.people_of(holder["unit"]) if holder else []
    participants = [it for meeting in found["meetings"] for it in meeting["participants"]]
    pedagogue = (start["pedagogue"] or {}).get("professional")
    names = await apis.names_of([pedagogue, *participants, *([holder["professional"]] if holder else [])], [start["unit"]])
    methods = {it["method"]["key"]: it["method"]["title"] for it in (written or {}).get("programmes", []) if it["method"]}
    if found["method"]:
        methods.setdefault(found["method"], found["method"])
    works_there = any(str(seat.unit) == start["unit"] for seat in visit.caller.seats)
    # Whoever may stand in for the tovholder is of the same unit as a rule; daycare decides.
    holds = holder is not None and any(str(seat.unit) == holder["unit"] for seat in visit.caller.seats)
    places = any(seat.unit_kind == "placement" for seat in visit.caller.seats)
    return visit.page(
        "transition.html", status, found=found, start=start, person=person, names=names,
        is_open=start["state"] in OPEN, people=[(it["id"], it["name"]) for it in people],
        methods=sorted(methods.items(), key=lambda it: it[1]), holds=holds,
        guests=[(it["id"], it["name"]) for it in {it["id"]: it for it in [*people, *guests]}.values()],
        planned=[it for it in found["meetings"] if it["state"] == "planned"], due=pages.by_day(start["starts_on"], visit.now),
        acts=holds or places or (works_there and not start["private"]),
        base=f"/portal/starter/{number}",
    )  # fmt: skip


async def _found(visit: Visit, number: UUID) -> tuple[dict[str, Any], dict[str, Any]]:
    """The checklist and the start. The placement office plans the start and has no part in what is handed over: no checklist."""
    found = await visit.apis.found("daycare", f"/daycare/starts/{number}/transition")
    start = found["start"] if found else await visit.apis.get("daycare", f"/daycare/starts/{number}")
    empty = dict.fromkeys(("tovholder", "overlevering", "meeting", "method", "continues", "baton", "baton_rule", "plusplads"))
    return {**empty, "missing": [], "meetings": [], **(found or {}), "known": found is not None}, start


async def _done(
    sent: Sent, number: UUID, act: str, body: Any, said: str, fields: dict[str, str] | None = None, path: str | None = None
) -> Response:
    start = await sent.apis.found("daycare", f"/daycare/starts/{number}")
    return await done(
        sent, "daycare", path or f"/daycare/starts/{number}/{act}", body, about=(start or {}).get("child"), at_field=fields,
        again=lambda: _page(sent, number, 422), to=f"/portal/starter/{number}", said=said,
    )  # fmt: skip


@router.post("/{number}/paedagog")
async def name_pedagogue(number: UUID, sent: Sending) -> Response:
    person = as_uuid(sent.typed.must("pedagogue", sent.say("Vælg, hvem der tager imod barnet.")))
    fields = {"the-pedagogue-does-not-work-in-that-unit": "pedagogue"}
    return await _done(sent, number, "pedagogue", {"professional": str(person)}, "pedagogue-named", fields)


@router.post("/{number}/uden-overlevering")
async def decline_overlevering(number: UUID, sent: Sending) -> Response:
    """The family's express refusal: said with a cross, so that nobody says it by mistake."""
    sent.typed.must("refused", sent.say("Sæt kryds, hvis familien har sagt udtrykkeligt nej."))
    return await _done(sent, number, "overlevering-declined", {"declined_by": "family"}, "overlevering-declined")


@router.post("/{number}/metode")
async def name_method(number: UUID, sent: Sending) -> Response:
    """The method that the family has worked with; none is an answer too."""
    return await _done(
        sent, number, "method", {"method": sent.typed.one("method") or None}, "method-named", {"not-understood": "method"}
    )


@router.post("/{number}/fortsaetter")
async def continue_method(number: UUID, sent: Sending) -> Response:
    answer = sent.typed.must("goes_on", sent.say("Vælg, om dagtilbuddet fører metoden videre."))
    fields = {"the-unit-is-not-trained-in-the-method": "goes_on", "nobody-named-the-method": "goes_on"}
    return await _done(sent, number, "continuation", {"continues": answer == "ja"}, "method-settled", fields)


@router.post("/{number}/moede")
async def plan_meeting(number: UUID, sent: Sending) -> Response:
    body = {
        "held_on": sent.typed.must("meets_on", sent.say("Skriv, hvilken dag mødet er.")),
        "participants": list(dict.fromkeys(ids(sent.typed.many("participant")))),
    }
    return await _done(sent, number, "meetings", body, "meeting-planned", {"not-understood": "meets_on"})


@router.post("/{number}/moedet")
async def end_meeting(number: UUID, sent: Sending) -> Response:
    """What became of a planned meeting."""
    typed = sent.typed
    meeting = as_uuid(typed.must("meeting", sent.say("Vælg, hvilket møde det er.")))
    body: dict[str, Any] = {"outcome": typed.must("outcome", sent.say("Vælg, hvad der skete med mødet."))}
    if typed.one("held_on") and typed.one("outcome") == "held":
        body["held_on"] = typed.one("held_on")
    fields = {
        "a-meeting-is-held-today-or-before": "held_on",
        "not-understood": "held_on",
        "the-meeting-has-its-outcome": "meeting",
    }
    return await _done(sent, number, "", body, "meeting-settled", fields, f"/daycare/meetings/{meeting}/outcome")


@router.post("/{number}/tovholder")
async def decide_baton(number: UUID, sent: Sending) -> Response:
    """The tovholder's decision; the baton itself passes by a handover, as ever."""
    answer = sent.typed.must("moves", sent.say("Vælg, om rollen skal gå med barnet."))
    fields = dict.fromkeys(
        ("the-municipality-lets-the-baton-stay", "the-municipality-lets-the-baton-move", "the-parents-have-not-agreed"), "moves"
    )
    return await _done(sent, number, "baton", {"moves": answer == "moves"}, "baton-decided", fields)


@router.post("/{number}/dato")
async def move(number: UUID, sent: Sending) -> Response:
    on = sent.typed.must("starts_on", sent.say("Skriv den dato, barnet begynder."))
    return await _done(sent, number, "date", {"starts_on": on}, "start-moved", _ON)


@router.post("/{number}/aflys")
async def cancel(number: UUID, sent: Sending) -> Response:
    cause = sent.typed.must("cause", sent.say("Vælg, hvorfor starten aflyses."))
    return await _done(sent, number, "cancellation", {"cause": cause}, "start-cancelled")


@router.post("/{number}/faldet-til")
async def settle(number: UUID, sent: Sending) -> Response:
    """The child has settled in: the giver's support ends."""
    return await _done(sent, number, "settled", None, "child-settled")
