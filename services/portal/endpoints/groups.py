"""The programmes of a professional's own units: courses with their places and waiting lists, and what their families wait for."""

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.portal import pages
from services.portal.endpoints.acting import done, ids, people_to_choose, units_of, whole_number
from services.portal.endpoints.offering import going_on, who_goes_on
from services.portal.endpoints.visiting import PageRoute, Sending, Sent, Visit, Visiting

router = APIRouter(prefix="/hold", route_class=PageRoute)
HOLDING = ("sundhedspleje", "intake", "social")
_KINDS = ("individual-course", "group", "parent-course")
_PLACE = {
    "the-programme-is-not-held-there": "place", "a-course-ends-after-it-begins": "ends_on", "not-understood": "begins_on",
    "the-course-has-more-places-than-its-programme": "capacity", "there-are-more-families-than-that": "capacity",
    "sessions-lie-outside-those-days": "ends_on", "this-programme-has-no-course": "programme",
}  # fmt: skip


@router.get("")
async def see_groups(visit: Visiting) -> Response:
    return await _page(visit)


async def _page(visit: Visit, status: int = 200) -> Response:
    """Courses of one's units and teams, open ones first; families that wait for an answer or a place; all there is to offer."""
    apis, units = visit.apis, [seat.unit for seat in visit.caller.seats if seat.unit_kind in HOLDING]
    of_units, mine, enrolled, written, sessions = await asyncio.gather(
        asyncio.gather(*(apis.get("sundhedspleje", "/sundhedspleje/courses", unit=unit, limit=200) for unit in units)),
        apis.get("sundhedspleje", "/sundhedspleje/courses", team="me", limit=200),
        apis.found("sundhedspleje", "/sundhedspleje/enrolments", holder="me", limit=100),
        apis.get("sundhedspleje", "/sundhedspleje/programmes"),
        apis.get("sundhedspleje", "/sundhedspleje/sessions", team="me", limit=20),
    )
    courses = {it["id"]: it for found in [*of_units, mine] for it in found["courses"]}
    waiting = [it for it in (enrolled or {}).get("enrolments", []) if _waits(it)]
    names, children = await asyncio.gather(
        apis.names_of([], [*(it["unit"] for it in courses.values()), *units]), apis.children(it["child"] for it in waiting)
    )
    for it in sessions["sessions"]:
        it["due"] = pages.by_day(it["on_date"], visit.now)
    return visit.page(
        "groups.html", status, courses=sorted(courses.values(), key=_open_first), waiting=waiting, children=children,
        written=written, names=names, units=[(str(unit), names.get(str(unit), "")) for unit in units],
        to_plan=[(it["key"], it["title"]) for it in written["programmes"] if it["kind"] in _KINDS],
        places=sorted({place for it in written["programmes"] for place in it["places"]}), sessions=sessions["sessions"],
        typed=visit.typed_in("/portal/hold"),
    )  # fmt: skip


def _open_first(course: dict[str, Any]) -> tuple[bool, str]:
    return course["state"] not in ("planned", "running"), course["begins_on"]


def _waits(enrolment: dict[str, Any]) -> bool:
    has_course = enrolment["programme"]["kind"] in _KINDS
    return enrolment["state"] == "offered" or (enrolment["state"] == "accepted" and not (has_course and enrolment["course"]))


@router.post("")
async def plan(sent: Sending) -> Response:
    typed = sent.typed
    body: dict[str, Any] = {
        "programme": typed.must("programme", sent.say("Vælg, hvilket forløb holdet er til.")),
        "unit": typed.must("unit", sent.say("Vælg, hvem der holder det.")),
        "begins_on": typed.must("begins_on", sent.say("Skriv den første dag.")),
        "ends_on": typed.must("ends_on", sent.say("Skriv den sidste dag.")), "team": [str(sent.me)],
    }  # fmt: skip
    if typed.one("place"):
        body["place"] = typed.one("place")
    if typed.one("capacity"):
        body["capacity"] = _number(sent, "capacity")
    return await done(sent, "sundhedspleje", "/sundhedspleje/courses", body, at_field=_PLACE, again=lambda: _page(sent, 422),
                      to="/portal/hold", said="course-planned")  # fmt: skip


def _number(sent: Sent, name: str) -> int | None:
    number = whole_number(sent.typed.one(name))
    if number is None:
        sent.typed.wrong[name] = sent.say("Skriv et tal.")
    return number


@router.get("/{number}")
async def see_group(number: UUID, visit: Visiting) -> Response:
    return await _one(visit, number)


async def _one(visit: Visit, number: UUID, status: int = 200) -> Response:
    """One course: its families in their places and in the order they wait, its sessions, its team, and how it goes on."""
    apis = visit.apis
    course, written = await asyncio.gather(
        apis.get("sundhedspleje", f"/sundhedspleje/courses/{number}"), apis.found("sundhedspleje", "/sundhedspleje/programmes")
    )
    programme = next((it for it in (written or {}).get("programmes", []) if it["key"] == course["programme"]["key"]), None)
    families = course["families"] or []
    holds = course["families"] is not None
    children, names, team, after = await asyncio.gather(
        apis.children(it["child"] for it in families),
        apis.names_of(course["team"], [course["unit"]]),
        people_to_choose(visit, await units_of(visit, *HOLDING)) if holds else asyncio.sleep(0, []),
        who_goes_on(visit, (programme or {}).get("afterwards", {}).get("continues", []) if holds else []),
    )
    for it in course["sessions"]:
        it["due"] = pages.by_day(it["on_date"], visit.now)
    return visit.page(
        "group.html", status, course=course, programme=programme, holds=holds, children=children, names=names, after=after,
        placed=[it for it in families if it["state"] not in ("waiting", "stopped")],
         running=[it for it in families if it["state"] == "running"],
        waiting=sorted((it for it in families if it["state"] == "waiting"), key=lambda it: it["turn"] or 0),
        base=f"/portal/hold/{number}", team=list({seat[:36]: (seat[:36], name) for seat, name in team}.values()),
    )  # fmt: skip


async def _changed(sent: Sent, number: UUID, act: str, body: Any, said: str, fields: dict[str, str] | None = None) -> Response:
    path = f"/sundhedspleje/courses/{number}/{act}"
    return await done(sent, "sundhedspleje", path, body, at_field=fields, again=lambda: _one(sent, number, 422),
                      to=f"/portal/hold/{number}", said=said)  # fmt: skip


@router.post("/{number}/aendr")
async def change(number: UUID, sent: Sending) -> Response:
    typed = sent.typed
    body: dict[str, Any] = {name: typed.one(name) for name in ("begins_on", "ends_on") if typed.one(name)}
    if typed.one("capacity"):
        body["capacity"] = _number(sent, "capacity")
    return await _changed(sent, number, "change", body, "course-changed", _PLACE)


@router.post("/{number}/team")
async def set_team(number: UUID, sent: Sending) -> Response:
    return await _changed(sent, number, "team", {"team": list(dict.fromkeys(ids(sent.typed.many("member"))))}, "team-set")


@router.post("/{number}/begynd")
async def start(number: UUID, sent: Sending) -> Response:
    """Only a whole team begins."""
    fields = dict.fromkeys(("the-team-lacks-competences", "the-team-must-be-trained-in-the-method"), "member")
    return await _changed(sent, number, "start", None, "course-begun", fields)


@router.post("/{number}/slut")
async def end(number: UUID, sent: Sending) -> Response:
    """It is through: of each family that runs somebody is named who goes on."""
    said = {
        name.removeprefix("after-"): going_on(sent.typed.one(name)) for name in sent.typed.fields if name.startswith("after-")
    }
    first = next((name for name in sent.typed.fields if name.startswith("after-")), "held_on")
    fields = dict.fromkeys(
        (
            "who-continues-must-be-named",
            "that-unit-does-not-continue-this",
            "the-unit-that-continues-must-be-trained-in-the-method",
        ),
        first,
    )
    body = {"continues": {family: who for family, who in said.items() if who}}
    return await _changed(sent, number, "end", body, "course-ended", fields)


@router.post("/{number}/aflys")
async def cancel(number: UUID, sent: Sending) -> Response:
    """It is not held, or no longer: said twice, since every family in it loses its place."""
    sent.typed.must("sure", sent.say("Sæt kryds, hvis holdet skal aflyses."))
    return await _changed(sent, number, "cancellation", None, "course-cancelled")


@router.post("/{number}/gang")
async def plan_session(number: UUID, sent: Sending) -> Response:
    body = {"on_date": sent.typed.must("on_date", sent.say("Skriv, hvilken dag det er."))}
    fields = {"a-session-lies-within-its-course": "on_date", "not-understood": "on_date",
              "a-course-has-no-session-beyond-its-programme": "on_date"}  # fmt: skip
    return await _changed(sent, number, "sessions", body, "session-planned", fields)


# -- a session's attendance sheet -----------------------------------------------------------------------------------------------


@router.get("/{number}/gang/{session}")
async def see_sheet(number: UUID, session: UUID, visit: Visiting) -> Response:
    return await _sheet(visit, number, session)


async def _sheet(visit: Visit, number: UUID, session: UUID, status: int = 200) -> Response:
    """Who was there; until it is held it can be printed and filled in by hand."""
    course = await visit.apis.get("sundhedspleje", f"/sundhedspleje/courses/{number}")
    found = next((it for it in course["sessions"] if it["id"] == str(session)), None)
    known = (found or {}).get("attendance") or {}
    runs = found is not None and found["state"] == "planned"
    families = [
        it for it in course["families"] or [] if it["enrolment"] in known or (it["state"] == "running" and (runs or not known))
    ]
    children = await visit.apis.children(it["child"] for it in families)
    return visit.page(
        "sheet.html", status if found else 404, course=course, found=found, families=families, children=children, known=known,
        base=f"/portal/hold/{number}/gang/{session}", comes=found is not None and found["on_date"] > visit.today.isoformat(),
    )  # fmt: skip


@router.post("/{number}/gang/{session}")
async def record_attendance(number: UUID, session: UUID, sent: Sending) -> Response:
    """It was held, with these there; afterwards the same sheet corrects it."""
    said = {name.removeprefix("was-"): sent.typed.one(name) for name in sent.typed.fields if name.startswith("was-")}
    body = {"attendance": {family: was for family, was in said.items() if was}}
    act = "attendance" if sent.typed.one("held") else "held"
    return await done(sent, "sundhedspleje", f"/sundhedspleje/sessions/{session}/{act}", body, said="attendance-recorded",
                      again=lambda: _sheet(sent, number, session, 422), to=f"/portal/hold/{number}")  # fmt: skip


@router.post("/{number}/gang/{session}/aflys")
async def cancel_session(number: UUID, session: UUID, sent: Sending) -> Response:
    return await done(sent, "sundhedspleje", f"/sundhedspleje/sessions/{session}/cancellation", said="session-cancelled",
                      again=lambda: _sheet(sent, number, session, 422), to=f"/portal/hold/{number}")  # fmt: skip
