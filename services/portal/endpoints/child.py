"""A child: who is tovholder, who stands by, what is open, and everything that has happened, drawn and in words."""

import asyncio
from datetime import date, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.chassis.calendar import COPENHAGEN
from services.portal import pages
from services.portal.apis import as_uuid
from services.portal.domain.deadlines import age_in_words
from services.portal.domain.timeline import Happening, drawn
from services.portal.endpoints.drawing import plans_of, transitions_of
from services.portal.endpoints.visiting import Again, PageRoute, Sending, Visit, Visiting

router = APIRouter(route_class=PageRoute)
_AT_FIELDS = {"a-start-lies-ahead": "starts_on", "the-unit-is-no-daycare-of-this-municipality": "unit"}
# Facts of the baton that stand in the drawing as handovers: how each ends one that was proposed.
_ENDS = ("handover_effected", "handover_declined", "handover_withdrawn", "handover_superseded", "handover_accepted")


@router.get("/barn/{ref}")
async def see_child(ref: UUID, visit: Visiting) -> Response:
    child = await visit.apis.get("registry", f"/registry/children/{ref}/story")
    if child["merged_into"] and child["merged_into"] != str(ref):
        return visit.page("merged.html", survivor=child["merged_into"])
    apis = visit.apis
    person, case, starts, told, consents, enrolled = await asyncio.gather(
        apis.child(ref),
        apis.found("sundhedspleje", f"/sundhedspleje/cases/{ref}"),
        apis.found("daycare", "/daycare/starts", child=ref),
        apis.found("notifications", "/notifications/deliveries", child=ref, limit=100),
        apis.found("persons", f"/persons/{ref}/consents"),
        apis.found("sundhedspleje", f"/sundhedspleje/cases/{ref}/enrolments"),
    )
    enrolled = (enrolled or {}).get("enrolments", [])
    chain, facts = child["assignments"], [_fact(it) for it in child["events"]]
    starts, told = (starts or {}).get("starts", []), (told or {}).get("deliveries", [])
    family, names, transitions = await asyncio.gather(
        _family(visit, person), _names(visit, child, chain, facts, starts, told), transitions_of(visit, starts)
    )
    plans = plans_of(visit, case, enrolled, transitions, names)
    happened = [*_of_chain(chain, names), *_of_handovers(facts, names), *plans]
    holder = child["tovholder"]
    mine = holder is not None and holder["professional"] == str(visit.me)
    return visit.page(
        "child.html", child=child, person=person, chain=chain, case=case, starts=starts, told=told, family=family,
        enrolled=enrolled,
        consents=(consents or {}).get("consents"), names=names, drawing=drawn(happened, visit.now), happened=happened, mine=mine,
        acts=mine or _close_to(visit, holder), leads=bool(visit.leads), due=_due(child, visit.now),
        age=_age(person, visit.today),
    )  # fmt: skip


def _close_to(visit: Visit, holder: dict[str, Any] | None) -> bool:
    """Whether acts are shown to others than the tovholder: leaders, and colleagues who may stand in. The registry decides."""
    return holder is not None and (bool(visit.leads) or any(str(seat.unit) == holder["unit"] for seat in visit.caller.seats))


def _due(child: dict[str, Any], now: datetime) -> Any:
    handover = child["handover"]
    return pages.due(handover["due_at"], now) if handover and handover["state"] == "proposed" else None


def _age(person: dict[str, Any] | None, today: date) -> tuple[str, int] | None:
    born = (person or {}).get("born_at")
    return age_in_words(datetime.fromisoformat(born).astimezone(COPENHAGEN).date(), today) if born else None


def _fact(envelope: dict[str, Any]) -> dict[str, Any]:
    return {"kind": envelope["type"].split(".")[3], "at": envelope["time"], **envelope["data"]}


async def _family(visit: Visit, person: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Mother and holders of custody, as far as this person may see them."""
    if not person or "custody" not in person:
        return []
    holders = set(person["custody"]["holders"])
    ids = [it for it in dict.fromkeys([person.get("mother"), *sorted(holders)]) if it]
    found = await asyncio.gather(*(visit.apis.identity(it) for it in ids))
    return [
        {**one, "is_mother": id == person.get("mother"), "has_custody": id in holders}
        for id, one in zip(ids, found, strict=True) if one and "identifiers" in one
    ]  # fmt: skip


async def _names(visit: Visit, child: Any, chain: Any, facts: Any, starts: Any, told: Any) -> dict[str, str]:
    seats = [child["tovholder"], *child["supporters"], *chain]
    if child["handover"]:
        seats += [child["handover"]["receiver"], child["handover"]["giver"]]
    people = (
        [seat["professional"] for seat in seats if seat]
        + [it.get("recipient") for it in told]
        + [it["accepted_by"] for it in chain]
    )
    people += [seat["professional"] for it in facts for seat in (it.get("receiver"), it.get("giver")) if isinstance(seat, dict)]
    return await visit.apis.names_of(people, [*(seat["unit"] for seat in seats if seat), *(it["unit"] for it in starts)])


def _of_chain(chain: list[dict[str, Any]], names: dict[str, str]) -> list[Happening]:
    return [
        Happening(
            "tovholder", names.get(it["professional"], "…"), datetime.fromisoformat(it["from"]),
            datetime.fromisoformat(it["until"]) if it["until"] else None, goes_on=it["until"] is None,
        )
        for it in chain
    ]  # fmt: skip


def _of_handovers(facts: list[dict[str, Any]], names: dict[str, str]) -> list[Happening]:
    found = []
    for number, it in enumerate(facts):
        if it["kind"] != "handover_proposed":
            continue
        end = next((one for one in facts[number:] if one["kind"] in _ENDS and one.get("handover") == it.get("handover")), None)
        receiver = it.get("receiver")
        who = names.get(receiver["professional"], "…") if isinstance(receiver, dict) else "…"
        begins = datetime.fromisoformat(it["at"])
        found.append(Happening("handover", who, begins, datetime.fromisoformat(end["at"]) if end else None, goes_on=end is None))
    return found


@router.post("/barn/{ref}/set")
async def say_seen(ref: UUID, sent: Sending) -> Response:
    """Who got the baton without a click of their own has seen it."""
    await sent.post("registry", f"/registry/children/{ref}/seen", about=ref)
    return sent.to(f"/portal/barn/{ref}", "seen")


@router.get("/barn/{ref}/start")
async def plan_start(ref: UUID, visit: Visiting) -> Response:
    """A form for the child's start in daycare."""
    return await _start_page(visit, ref)


async def _start_page(visit: Visit, ref: UUID, status: int = 200) -> Response:
    child, person, units = await asyncio.gather(
        visit.apis.get("registry", f"/registry/children/{ref}"),
        visit.apis.child(ref),
        visit.apis.get("directory", "/directory/units"),
    )
    places = [it for it in units["units"] if it["kind"] in ("institution", "dagpleje") and it["active"]]
    return visit.page("plan_start.html", status, child=child, person=person, choices=[(it["id"], it["name"]) for it in places],
                      typed=visit.typed_in(f"/portal/barn/{ref}/start"))  # fmt: skip


@router.post("/barn/{ref}/start")
async def start_planned(ref: UUID, sent: Sending) -> Response:
    typed = sent.typed
    unit = typed.must("unit", sent.say("Vælg, hvor barnet skal begynde."))
    on = typed.must("starts_on", sent.say("Skriv den dato, barnet begynder."))
    if not typed.wrong:
        try:
            await sent.post(
                "daycare", "/daycare/starts", {"child": str(ref), "unit": unit, "starts_on": on}, about=ref, at_field=_AT_FIELDS
            )
            return sent.to(f"/portal/barn/{ref}", "start-planned")
        except Again:
            pass
    return await _start_page(sent, ref, 422)


@router.post("/barn/{ref}/leveringer/{delivery}/fortalt")
async def told_in_person(ref: UUID, delivery: UUID, sent: Sending) -> Response:
    """A notice that did not arrive has been told by word of mouth."""
    await sent.post("notifications", f"/notifications/deliveries/{delivery}/told", about=ref)
    return sent.to(f"/portal/barn/{ref}", "told")


@router.get("/person/{person}/adresse")
async def about_to_reveal(person: UUID, visit: Visiting, barn: UUID) -> Response:
    """Says what revealing means before it is done."""
    return await _address(visit, person, barn, revealed=False)


@router.post("/person/{person}/adresse")
async def reveal(person: UUID, sent: Sending, barn: UUID) -> Response:
    """Shows a protected address; the access log says who saw it, and when."""
    return await _address(sent, person, barn, revealed=True)


async def _address(visit: Visit, person: UUID, child: UUID, revealed: bool) -> Response:
    found = await visit.apis.get("persons", f"/persons/{person}", reveal=revealed)
    return visit.page("address.html", person=found, child=child, revealed=revealed)


@router.get("/kollega/{colleague}")
async def children_of_colleague(colleague: UUID, visit: Visiting, efter: str = "") -> Response:
    """The children of a colleague one stands in for or leads; the registry says which these are."""
    held, person = await asyncio.gather(
        visit.apis.get("registry", "/registry/children", holder=colleague, after=as_uuid(efter), limit=25),
        visit.apis.person(colleague),
    )
    children = await visit.apis.children([it["reference"] for it in held["children"]])
    return visit.page("colleague.html", held=held["children"], next=held["next"], children=children, person=person,
                      colleague=colleague)  # fmt: skip
