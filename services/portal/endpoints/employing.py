"""For administrators: who works where, who deputises, who leaves, and who takes children in."""

import asyncio
import json
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.chassis.errors import NotFound
from services.portal.apis import as_uuid
from services.portal.endpoints.administering import Administering, Changing, changed, differing, history_of, own_units
from services.portal.endpoints.choosing import chosen
from services.portal.endpoints.visiting import Again, PageRoute, Sent, Visit

router = APIRouter(prefix="/administration", route_class=PageRoute)
_AT_ONCE = 100
_PERSON_FIELDS = {
    "a-login-belongs-to-one-professional": "login", "login": "login", "name": "name", "email": "email", "seats": "unit",
}  # fmt: skip
_SEAT_FIELDS = {"seats": "new_unit", "the-deputy-is-another-person": "new_unit", "the-deputy-needs-an-open-seat": "new_unit"}
_INTAKE_FIELDS = {"lead": "lead", "deputy": "deputy", "leader": "leader"}


# -- people ----------------------------------------------------------------------------------------------------------------


@router.get("/medarbejdere")
async def people(visit: Administering, enhed: str = "", navn: str = "", efter: str = "") -> Response:
    return await _people_page(visit, enhed, navn, efter)


async def _people_page(visit: Visit, unit: str = "", name: str = "", after: str = "", status: int = 200) -> Response:
    query: dict[str, Any] = {"unit": as_uuid(unit), "q": name[:60] if len(name) > 1 else None, "after": as_uuid(after)}
    found, units = await asyncio.gather(
        visit.apis.get("directory", "/directory/professionals", limit=_AT_ONCE, **query), own_units(visit)
    )
    return visit.page(
        "administration_people.html", status, people=found["professionals"], next=found["next"], unit=unit, name=name,
        units=_choices(units), names={it["id"]: it["name"] for it in units},
        typed=visit.typed_in("/portal/administration/medarbejdere"),
    )  # fmt: skip


def _choices(units: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(it["id"], it["name"]) for it in units if it["active"]]


@router.post("/medarbejdere")
async def person_added(sent: Changing) -> Response:
    typed = sent.typed
    body = {
        **_account(sent), "municipality": sent.apis.municipality, "administers": bool(typed.one("administers")),
        "seats": [{"unit": _where(sent), "leads": bool(typed.one("leads"))}],
    }  # fmt: skip
    if not typed.wrong:
        try:
            made = await changed(sent, "/directory/professionals", body, _PERSON_FIELDS, "name")
            return sent.to(f"/portal/administration/medarbejdere/{made.body['id']}", "person-added")
        except Again:
            pass
    return await _people_page(sent, status=422)


def _where(sent: Sent) -> str:
    return sent.typed.must("unit", sent.say("Vælg, hvor medarbejderen skal arbejde."))


def _account(sent: Sent) -> dict[str, Any]:
    typed = sent.typed
    return {
        "name": typed.must("name", sent.say("Skriv medarbejderens navn.")),
        "email": typed.one("email") or None,
        "login": typed.one("login") or None,
    }


@router.get("/medarbejdere/{person}")
async def person(person: UUID, visit: Administering) -> Response:
    return await _person_page(visit, person)


async def _person_page(visit: Visit, person: UUID, status: int = 200) -> Response:
    place = f"/directory/professionals/{person}"
    found, account, units, history = await asyncio.gather(
        visit.apis.ask("GET", "directory", place), visit.apis.get("directory", f"{place}/account"), own_units(visit),
        history_of(visit, "professional", person),
    )  # fmt: skip
    seats = found.body["seats"]
    colleagues = await asyncio.gather(
        *(visit.apis.get("directory", "/directory/professionals", unit=it["unit"], limit=200) for it in seats)
    )
    for seat, others in zip(seats, colleagues, strict=True):
        seat["colleagues"] = [
            (f"{it['id']}.{seat['unit']}", it["name"]) for it in others["professionals"]
            if it["id"] != str(person) and it["state"] == "active"
        ]  # fmt: skip
        seat["named"] = f"{seat['deputy']['professional']}.{seat['deputy']['unit']}" if seat["deputy"] else ""
    own = {it["unit"] for it in seats}
    action = f"/portal/administration/medarbejdere/{person}"
    was = {name: found.body[name] for name in ("name", "administers")} | {name: account[name] for name in ("email", "login")}
    return visit.page(
        "administration_person.html", status, person=found.body, version=found.version, account=account, history=history,
        was=json.dumps(was),
        names={it["id"]: it["name"] for it in units}, free=[it for it in _choices(units) if it[0] not in own], action=action,
        typed=visit.typed_in(action), seating=visit.typed_in(f"{action}/pladser"), going=visit.typed_in(f"{action}/fratraed"),
        returning=visit.typed_in(f"{action}/igen"),
    )  # fmt: skip


@router.post("/medarbejdere/{person}")
async def person_changed(person: UUID, sent: Changing) -> Response:
    """Name, address, log-in, and whether they administer."""
    body = {**_account(sent), "administers": bool(sent.typed.one("administers"))}
    if not sent.typed.wrong:
        try:
            place = f"/directory/professionals/{person}"
            now = {**await sent.apis.get("directory", place), **await sent.apis.get("directory", f"{place}/account")}
            await changed(sent, place, differing(sent, body, now, "name"), _PERSON_FIELDS, "name")
            return sent.to(f"/portal/administration/medarbejdere/{person}", "kept")
        except Again:
            pass
    return await _person_page(sent, person, 422)


@router.post("/medarbejdere/{person}/pladser")
async def seats_changed(person: UUID, sent: Changing) -> Response:
    """The whole list: those kept, with their deputies, and perhaps a new one."""
    typed = sent.typed
    before = (await sent.apis.get("directory", f"/directory/professionals/{person}"))["seats"]
    seats = [_seat(sent, it) for it in before if not typed.one(f"remove-{it['unit']}")]
    if as_uuid(typed.one("new_unit")):
        seats.append({"unit": typed.one("new_unit"), "leads": bool(typed.one("new_leads"))})
    if not seats:
        typed.wrong["new_unit"] = sent.say("En medarbejder har mindst én plads. Registrér i stedet, at medarbejderen fratræder.")
    else:
        try:
            await changed(sent, f"/directory/professionals/{person}", {"seats": seats}, _SEAT_FIELDS, "new_unit")
            return sent.to(f"/portal/administration/medarbejdere/{person}", "kept")
        except Again:
            pass
    return await _person_page(sent, person, 422)


def _seat(sent: Sent, before: dict[str, Any]) -> dict[str, Any]:
    deputy = chosen(sent.typed.one(f"deputy-{before['unit']}"))
    return {
        "unit": before["unit"], "leads": bool(sent.typed.one(f"leads-{before['unit']}")),
        "deputy": deputy.as_seat() if deputy else None, "function": before["function"],
    }  # fmt: skip


@router.post("/medarbejdere/{person}/fratraed")
async def departs(person: UUID, sent: Changing) -> Response:
    on = sent.typed.one("leaving_on")
    try:
        place = f"/directory/professionals/{person}/departure"
        await changed(sent, place, {"leaving_on": on} if on else {}, {"leaving_on": "leaving_on"}, "leaving_on")
        return sent.to(f"/portal/administration/medarbejdere/{person}", "leaving")
    except Again:
        return await _person_page(sent, person, 422)


@router.post("/medarbejdere/{person}/igen")
async def comes_back(person: UUID, sent: Changing) -> Response:
    """Who has left begins anew; no child comes back by it."""
    unit = _where(sent)
    if not sent.typed.wrong:
        try:
            body = {"seats": [{"unit": unit}]}
            await changed(sent, f"/directory/professionals/{person}/return", body, _PERSON_FIELDS, "unit")
            return sent.to(f"/portal/administration/medarbejdere/{person}", "kept")
        except Again:
            pass
    return await _person_page(sent, person, 422)


# -- who takes children in -------------------------------------------------------------------------------------------------


@router.get("/modtagelse")
async def intakes(visit: Administering) -> Response:
    found, units = await asyncio.gather(visit.apis.get("directory", "/directory/intakes"), own_units(visit))
    lines = found["intakes"]
    names = await visit.apis.names_of(
        [it[place]["professional"] for it in lines for place in ("lead", "deputy", "leader")],
        [unit for it in lines for unit in (it["unit"], it["district"]) if unit],
    )
    taken = {it["unit"] for it in lines}
    free = [
        (it["id"], it["name"])
        for it in units
        if it["active"] and it["kind"] in ("intake", "sundhedspleje") and it["id"] not in taken
    ]
    return visit.page("administration_intakes.html", intakes=lines, names=names, free=free, districts=_choices(units))


@router.get("/modtagelse/{unit}")
async def intake(unit: UUID, visit: Administering, distrikt: str = "") -> Response:
    return await _intake_page(visit, unit, distrikt)


async def _intake_page(visit: Visit, unit: UUID, district: str, status: int = 200) -> Response:
    found, units, history = await asyncio.gather(
        visit.apis.get("directory", "/directory/intakes"), own_units(visit), history_of(visit, "intake", unit)
    )
    here = next((it for it in units if it["id"] == str(unit)), None)
    if here is None:
        raise NotFound
    standing = next((it for it in found["intakes"] if it["unit"] == str(unit)), None)
    above = [it for it in (str(unit), here["parent"]) if it]
    people = await asyncio.gather(*(visit.apis.get("directory", "/directory/professionals", unit=it, limit=200) for it in above))
    names = {it["id"]: it["name"] for it in units}
    seats = {
        f"{person['id']}.{place}": f"{person['name']}, {names[place]}"
        for place, those in zip(above, people, strict=True) for person in those["professionals"] if person["state"] == "active"
    }  # fmt: skip
    action = f"/portal/administration/modtagelse/{unit}"
    return visit.page(
        "administration_intake.html", status, unit=here, standing=standing, names=names, action=action, history=history,
        district=(standing["district"] if standing else district) or "", seats=sorted(seats.items(), key=lambda it: it[1]),
        typed=visit.typed_in(action),
    )  # fmt: skip


@router.post("/modtagelse/{unit}")
async def intake_named(unit: UUID, sent: Changing) -> Response:
    """Three people on three open seats."""
    typed = sent.typed
    places = {name: chosen(typed.must(name, sent.say("Vælg en person."))) for name in ("lead", "deputy", "leader")}
    given = [it.professional for it in places.values() if it]
    if len(set(given)) < len(given):
        typed.wrong["deputy"] = sent.say("Det skal være tre forskellige personer.")
    if not typed.wrong:
        seats = {name: it.as_seat() for name, it in places.items() if it}
        district = as_uuid(typed.one("district"))
        body = {
            "municipality": sent.apis.municipality,
            "unit": str(unit),
            **seats,
            **({"district": str(district)} if district else {}),
        }
        try:
            await changed(sent, "/directory/intakes", body, _INTAKE_FIELDS, "lead")
            return sent.to("/portal/administration/modtagelse", "intake-named")
        except Again:
            pass
    return await _intake_page(sent, unit, typed.one("district"), 422)
