"""For administrators: where each thing is kept, units, and the history; what every administrative form begins and ends with."""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from services.chassis.errors import NotAllowed
from services.portal import pages
from services.portal.apis import Answer, TheServiceSaysNo, as_uuid
from services.portal.endpoints.visiting import Again, PageRoute, Sending, Sent, Visit, Visiting

router = APIRouter(prefix="/administration", route_class=PageRoute)
_HISTORY, _HISTORY_PAGE = 10, 50
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def _(text: str) -> str:
    """Marks a text for the catalogue."""
    return text


_MEANWHILE = _(
    "En anden har ændret det, siden du åbnede siden. Det, du skrev, står stadig i felterne. Se historikken, og gem"
    " igen, hvis det stadig skal gælde."
)
UNIT_KINDS = ("sundhedspleje", "institution", "dagpleje", "social", "intake", "placement")
_UNIT_FIELDS = {
    "a-sor-number-stands-for-one-unit": "sor", "sor": "sor", "name": "name", "kind": "kind", "parent": "parent",
    "district": "district",
}  # fmt: skip


async def administering(visit: Visiting) -> Visit:
    """NotAllowed for everybody who does not administer the municipality; the services decide again."""
    if not visit.administers:
        raise NotAllowed
    return visit


async def changing(sent: Sending) -> Sent:
    if not sent.administers:
        raise NotAllowed
    return sent


Administering = Annotated[Visit, Depends(administering)]
Changing = Annotated[Sent, Depends(changing)]


async def changed(sent: Sent, path: str, body: Any, fields: Mapping[str, str], first: str, service: str = "directory") -> Answer:
    """What the service answers. Again, with what is wrong at its field, else at `first`.

    `fields`: the service's refusals, and its names of fields, to the form's. What the page was made from goes along as a
    version: where somebody else has changed it meanwhile, that is said and nothing is changed.
    """
    try:
        answer = await sent.apis.ask("POST", service, path, body=body, key=sent.key, version=sent.typed.whole("version"))
    except TheServiceSaysNo as no:
        if no.code not in (400, 409, 422) and no.problem not in fields:
            raise
        sent.typed.wrong |= _wrong(sent, no, fields, first)
        raise Again from no
    await sent.drop_typed()
    return answer


def differing(sent: Sent, body: dict[str, Any], now: Mapping[str, Any], first: str) -> dict[str, Any]:
    """What the form says otherwise than the page it was made from did: the rest is left as somebody else may have changed it.

    `now`: as it stands. Again where somebody else has changed the same meanwhile.
    """
    try:
        was = json.loads(sent.typed.one("was") or "{}")
    except ValueError:
        was = {}
    changed = {name: value for name, value in body.items() if not isinstance(was, dict) or was.get(name, ...) != value}
    if isinstance(was, dict) and any(name in was and was[name] != now.get(name) for name in changed):
        sent.typed.wrong[first] = sent.say(_MEANWHILE)
        raise Again
    return changed


def _wrong(sent: Sent, no: TheServiceSaysNo, fields: Mapping[str, str], first: str) -> dict[str, str]:
    if no.problem == "the-child-has-moved-on":
        return {first: sent.say(_MEANWHILE)}
    if no.problem in fields:
        return {fields[no.problem]: pages.words(sent.language).of("refusal", no.problem)}
    places = [*no.said.get("places", ()), *no.said.get("errors", ())]
    named = [re.split(r"[.\[]", str(place["at"]).removeprefix("body."))[0] for place in places]
    found = {fields[name]: sent.say("Det er ikke skrevet rigtigt, eller det findes ikke.") for name in named if name in fields}
    return found or {first: pages.words(sent.language).of("refusal", no.problem)}


# -- the history -----------------------------------------------------------------------------------------------------------


async def history_of(visit: Visit, kind: str | None = None, key: object = None, before: UUID | None = None,
                     limit: int = _HISTORY) -> dict[str, Any]:  # fmt: skip
    """The newest changes first, with names for ids. `next`: where the older ones begin."""
    found = await visit.apis.get("directory", "/directory/history", kind=kind, key=key, before=before, limit=limit)
    lines = found["changes"]
    ids = {it["key"] for it in lines if _ID.fullmatch(it["key"])} | {
        id for it in lines for id in _ID.findall(" ".join(it["says"]))
    }
    names = await _names(visit, ids | {it["by_professional"] for it in lines if it["by_professional"]})
    words = pages.words(visit.language)
    for it in lines:
        it["what"] = names.get(it["key"], it["key"] if not _ID.fullmatch(it["key"]) else "")
        it["said"] = [words.difference(_ID.sub(lambda id: names.get(id[0], "…"), said)) for said in it["says"]]
    return {"lines": lines, "names": names, "next": found["next"]}


async def _names(visit: Visit, ids: Sequence[str] | set[str]) -> dict[str, str]:
    """An id of the history may be a person's or a unit's."""
    units = await visit.apis.names_of([], ids)
    return units | await visit.apis.names_of([id for id in ids if id not in units])


@router.get("")
async def overview(visit: Administering) -> Response:
    place = f"/directory/municipalities/{visit.apis.municipality}"
    municipality, history = await asyncio.gather(visit.apis.get("directory", place), history_of(visit))
    return visit.page("administration.html", municipality=municipality, history=history)


@router.get("/historik")
async def whole_history(visit: Administering, efter: str = "") -> Response:
    history = await history_of(visit, before=as_uuid(efter), limit=_HISTORY_PAGE)
    return visit.page("administration_history.html", history=history)


# -- units -----------------------------------------------------------------------------------------------------------------


async def own_units(visit: Visit) -> list[dict[str, Any]]:
    found = await visit.apis.get("directory", "/directory/units", municipality=visit.apis.municipality)
    return list(found["units"])


@router.get("/enheder")
async def units(visit: Administering) -> Response:
    return await _units_page(visit)


async def _units_page(visit: Visit, status: int = 200) -> Response:
    found = await own_units(visit)
    names = {it["id"]: it["name"] for it in found}
    return visit.page("administration_units.html", status, units=found, names=names, kinds=_kinds(visit),
                      typed=visit.typed_in("/portal/administration/enheder"))  # fmt: skip


def _kinds(visit: Visit) -> list[tuple[str, str]]:
    words = pages.words(visit.language)
    return [(kind, words.of("unit-kind", kind)) for kind in UNIT_KINDS]


@router.post("/enheder")
async def unit_added(sent: Changing) -> Response:
    body = _unit_body(sent)
    if not sent.typed.wrong:
        try:
            made = await changed(sent, "/directory/units", {"municipality": sent.apis.municipality, **body}, _UNIT_FIELDS, "name")
            return sent.to(f"/portal/administration/enheder/{made.body['id']}", "unit-added")
        except Again:
            pass
    return await _units_page(sent, 422)


def _unit_body(sent: Sent) -> dict[str, Any]:
    typed = sent.typed
    return {
        "name": typed.must("name", sent.say("Skriv enhedens navn.")),
        "kind": typed.must("kind", sent.say("Vælg, hvad enheden er.")),
        "parent": typed.one("parent") or None,
        "district": typed.one("district") or None,
        "sor": typed.one("sor").split(),
        "private": bool(typed.one("private")),
    }


@router.get("/enheder/{unit}")
async def unit(unit: UUID, visit: Administering) -> Response:
    return await _unit_page(visit, unit)


async def _unit_page(visit: Visit, unit: UUID, status: int = 200) -> Response:
    found, all_units, people, history = await asyncio.gather(
        visit.apis.ask("GET", "directory", f"/directory/units/{unit}"), own_units(visit),
        visit.apis.get("directory", "/directory/professionals", unit=unit, limit=200), history_of(visit, "unit", unit),
    )  # fmt: skip
    others = [(it["id"], it["name"]) for it in all_units if it["id"] != str(unit)]
    return visit.page(
        "administration_unit.html", status, unit=found.body, version=found.version, was=_was(found.body),
        kinds=_kinds(visit), others=others,
        districts=[(it["id"], it["name"]) for it in all_units], people=people["professionals"], history=history,
        typed=visit.typed_in(f"/portal/administration/enheder/{unit}"),
    )  # fmt: skip


def _was(unit: dict[str, Any]) -> str:
    return json.dumps({name: unit[name] for name in ("name", "kind", "parent", "district", "sor", "private", "active")})


@router.post("/enheder/{unit}")
async def unit_changed(unit: UUID, sent: Changing) -> Response:
    body = {**_unit_body(sent), "active": bool(sent.typed.one("active"))}
    if not sent.typed.wrong:
        try:
            now = await sent.apis.get("directory", f"/directory/units/{unit}")
            await changed(sent, f"/directory/units/{unit}", differing(sent, body, now, "name"), _UNIT_FIELDS, "name")
            return sent.to(f"/portal/administration/enheder/{unit}", "kept")
        except Again:
            pass
    return await _unit_page(sent, unit, 422)
