"""A family's way through the programmes: what it may be offered and why, its answer, its place, and who goes on with it."""

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.portal.apis import as_uuid
from services.portal.endpoints.acting import done, people_to_choose, units_of
from services.portal.endpoints.handover import stands_in_for
from services.portal.endpoints.visiting import PageRoute, Sending, Sent, Visit, Visiting

router = APIRouter(route_class=PageRoute)
_OPEN = ("offered", "accepted", "waiting", "running")
_HAS_COURSES = ("individual-course", "group", "parent-course")
# Of so many units the people are named one by one; a larger municipality names the unit.
_UNITS_WITH_PEOPLE = 20


@router.get("/barn/{ref}/forloeb")
async def see_programmes(ref: UUID, visit: Visiting) -> Response:
    """What the family is in, and what it may be offered; each programme with its step in the Handleguide."""
    person, why, enrolled, acts = await asyncio.gather(
        visit.apis.child(ref),
        visit.apis.get("sundhedspleje", f"/sundhedspleje/cases/{ref}/programmes"),
        visit.apis.get("sundhedspleje", f"/sundhedspleje/cases/{ref}/enrolments"),
        _may_offer(visit, ref),
    )
    return visit.page("programmes.html", ref=ref, person=person, why=why["programmes"], enrolled=enrolled["enrolments"],
                      open=_OPEN, acts=acts)  # fmt: skip


async def _may_offer(visit: Visit, ref: UUID) -> bool:
    """The tovholder, the health visitor, and who stands in for either; sundhedspleje decides."""
    child, own = await asyncio.gather(
        visit.apis.found("registry", f"/registry/children/{ref}"),
        visit.apis.found("sundhedspleje", f"/sundhedspleje/cases/{ref}/screenings"),
    )
    holder = (child or {}).get("tovholder")
    return own is not None or (holder is not None and holder["professional"] == str(visit.me))


@router.get("/barn/{ref}/forloeb/tilbyd")
async def begin_offer(ref: UUID, visit: Visiting, forloeb: str = "") -> Response:
    return await _offer_page(visit, ref, forloeb)


async def _offer_page(visit: Visit, ref: UUID, key: str, status: int = 200) -> Response:
    person, why = await asyncio.gather(
        visit.apis.child(ref), visit.apis.get("sundhedspleje", f"/sundhedspleje/cases/{ref}/programmes")
    )
    found = next((it for it in why["programmes"] if it["programme"]["key"] == key), None)
    typed = visit.typed_in(f"/portal/barn/{ref}/forloeb/tilbyd")
    return visit.page("offer.html", status if found else 404, ref=ref, person=person, found=found, typed=typed)


@router.post("/barn/{ref}/forloeb/tilbyd")
async def offer(ref: UUID, sent: Sending) -> Response:
    """An offer, with what the professional judges and answers for."""
    key = sent.typed.one("forloeb")
    body = {"child": str(ref), "programme": key, "grounds": list(dict.fromkeys(sent.typed.many("ground")))}
    fields = {"the-family-is-not-among-those-it-is-for": "ground", "this-ground-is-not-one-of-the-programmes": "ground"}
    return await done(sent, "sundhedspleje", "/sundhedspleje/enrolments", body, about=ref, at_field=fields, said="offered",
                      again=lambda: _offer_page(sent, ref, key, 422), to=f"/portal/barn/{ref}/forloeb")  # fmt: skip


@router.get("/forloeb/{number}")
async def see_enrolment(number: UUID, visit: Visiting) -> Response:
    return await _page(visit, number)


async def _page(visit: Visit, number: UUID, status: int = 200) -> Response:
    apis = visit.apis
    found = await apis.get("sundhedspleje", f"/sundhedspleje/enrolments/{number}")
    of = found["course"] or found["waits_for"]
    person, courses, written, course = await asyncio.gather(
        apis.child(found["child"]),
        apis.found("sundhedspleje", "/sundhedspleje/courses", programme=found["programme"]["key"], limit=200),
        apis.found("sundhedspleje", "/sundhedspleje/programmes"),
        apis.found("sundhedspleje", f"/sundhedspleje/courses/{of}") if of else asyncio.sleep(0),
    )
    programme = next((it for it in (written or {}).get("programmes", []) if it["key"] == found["programme"]["key"]), None)
    going_on = (programme or {}).get("afterwards", {}).get("continues", [])
    names = await apis.names_of([found["offered_by"], found["continued_by"]], [found["continues"]])
    return visit.page(
        "enrolment.html", status, found=found, person=person, programme=programme, course=course, names=names,
        courses=[it for it in (courses or {}).get("courses", []) if it["state"] in ("planned", "running")],
        acts=await _may_act(visit, found["child"], course),
        has_course=found["programme"]["kind"] in _HAS_COURSES, going_on=await who_goes_on(visit, going_on),
        base=f"/portal/forloeb/{number}",
    )  # fmt: skip


async def _may_act(visit: Visit, ref: str, course: dict[str, Any] | None) -> bool:
    """As far as a page can tell: the course's team, the health visitor, the tovholder, and colleagues who may stand in.

    Sundhedspleje decides; leaders look on.
    """
    if course and course["families"] is not None:
        return True
    child, own = await asyncio.gather(
        visit.apis.found("registry", f"/registry/children/{ref}"),
        visit.apis.found("sundhedspleje", f"/sundhedspleje/cases/{ref}/screenings"),
    )
    if own is not None or (holder := (child or {}).get("tovholder")) is None:
        return own is not None
    is_near = any(str(seat.unit) == holder["unit"] and not seat.leads for seat in visit.caller.seats)
    return is_near or holder["professional"] == str(visit.me) or await stands_in_for(visit, holder["professional"])


async def who_goes_on(visit: Visit, kinds: list[str]) -> list[tuple[str, str]]:
    """(`professional.unit` or `.unit`, in words) of those who may go on with a family after a programme."""
    if not kinds:
        return []
    units = await units_of(visit, *kinds)
    people = await people_to_choose(visit, units[:_UNITS_WITH_PEOPLE])
    return sorted([*((f".{unit['id']}", unit["name"]) for unit in units), *people], key=lambda it: it[1])


def going_on(text: str) -> dict[str, str] | None:
    """Who goes on, as the choice says it."""
    professional, _, unit = text.partition(".")
    if not (place := as_uuid(unit)):
        return None
    person = as_uuid(professional)
    return {"unit": str(place), **({"professional": str(person)} if person else {})}


async def _done(sent: Sent, number: UUID, act: str, body: Any, said: str, fields: dict[str, str] | None = None) -> Response:
    found = await sent.apis.found("sundhedspleje", f"/sundhedspleje/enrolments/{number}")
    return await done(
        sent, "sundhedspleje", f"/sundhedspleje/enrolments/{number}/{act}", body, about=(found or {}).get("child"),
        at_field=fields, again=lambda: _page(sent, number, 422), to=f"/portal/forloeb/{number}", said=said,
    )  # fmt: skip


@router.post("/forloeb/{number}/ja")
async def accept(number: UUID, sent: Sending) -> Response:
    """The family says yes, to a place in a course where one is named; where that is full, to the end of its list."""
    course = as_uuid(sent.typed.one("course"))
    fields = {"the-consent-is-missing": "course", "this-is-another-programmes-course": "course"}
    return await _done(sent, number, "acceptance", {"course": str(course)} if course else {}, "family-accepted", fields)


@router.post("/forloeb/{number}/nej")
async def decline(number: UUID, sent: Sending) -> Response:
    reason = sent.typed.must("no", sent.say("Vælg, hvorfor familien siger nej."))
    return await _done(sent, number, "refusal", _with_text(sent, reason), "family-declined")


@router.post("/forloeb/{number}/plads")
async def give_place(number: UUID, sent: Sending) -> Response:
    course = as_uuid(sent.typed.must("place_in", sent.say("Vælg, hvilket hold familien skal på.")))
    return await _done(sent, number, "place", {"course": str(course)}, "place-given")


@router.post("/forloeb/{number}/begynd")
async def begin(number: UUID, sent: Sending) -> Response:
    return await _done(sent, number, "start", None, "programme-begun")


@router.post("/forloeb/{number}/slut")
async def complete(number: UUID, sent: Sending) -> Response:
    """It is through, and somebody goes on."""
    who = going_on(sent.typed.one("continues"))
    fields = {
        "who-continues-must-be-named": "continues", "that-unit-does-not-continue-this": "continues",
        "the-unit-that-continues-must-be-trained-in-the-method": "continues",
    }  # fmt: skip
    return await _done(sent, number, "completion", {"continues": who} if who else {}, "programme-completed", fields)


@router.post("/forloeb/{number}/stop")
async def stop(number: UUID, sent: Sending) -> Response:
    reason = sent.typed.must("stop", sent.say("Vælg, hvorfor det stopper."))
    return await _done(sent, number, "stop", _with_text(sent, reason), "programme-stopped")


def _with_text(sent: Sent, reason: str) -> dict[str, str]:
    return {"reason": reason, **({"text": sent.typed.one("text")} if sent.typed.one("text") else {})}
