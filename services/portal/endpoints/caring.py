"""A child at sundhedsplejen: its visits, its screenings and what they ask for, and why the family may be offered more."""

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.portal import pages
from services.portal.apis import as_uuid
from services.portal.endpoints.acting import done, whole_number
from services.portal.endpoints.visiting import PageRoute, Sending, Visit, Visiting

router = APIRouter(route_class=PageRoute)
NOTHING_TO_CHOOSE: dict[str, list[Any]] = {
    "decline_reasons": [], "need_visit_reasons": [], "criteria": [], "instruments": [], "outcomes": [],
}  # fmt: skip
_WINDOW = {"the-window-lies-ahead": "until_on", "not-understood": "from_on"}


@router.get("/barn/{ref}/sundhedspleje")
async def see_care(ref: UUID, visit: Visiting) -> Response:
    return await _page(visit, ref)


async def _page(visit: Visit, ref: UUID, status: int = 200) -> Response:
    """Results and criteria are for the child's health visitor; whoever else works with the child sees the visits."""
    apis = visit.apis
    case, person, own, parents, choices = await asyncio.gather(
        apis.get("sundhedspleje", f"/sundhedspleje/cases/{ref}"),
        apis.child(ref),
        apis.found("sundhedspleje", f"/sundhedspleje/cases/{ref}/screenings"),
        apis.found("sundhedspleje", f"/sundhedspleje/cases/{ref}/parent-health"),
        choices_of(visit),
    )
    results = [*(own or {}).get("screenings", []), *(parents or {}).get("screenings", [])]
    follow_ups = [*(own or {}).get("follow_ups", []), *(parents or {}).get("follow_ups", [])]
    criteria = [it for it in (parents or {}).get("criteria", []) if not it["ended_at"]]
    names = await apis.names_of(it["by"]["professional"] for it in results)
    for it in case["visits"]:
        it["due"] = pages.by_day(it["until_on"], visit.now)
    systematic = [it for it in (own or {}).get("systematic", []) if it["state"] == "open"]
    for it in [*follow_ups, *systematic]:
        it["due"] = pages.by_day(it["due_on"], visit.now)
    return visit.page(
        "care.html", status, ref=ref, case=case, person=person, acts=own is not None, names=names,
        ahead=[it for it in case["visits"] if it["state"] in ("planned", "missed")],
        past=[it for it in case["visits"] if it["state"] not in ("planned", "missed")],
        results=sorted(results, key=lambda it: it["on"], reverse=True), open=[it for it in follow_ups if it["state"] == "open"],
        ended=[it for it in follow_ups if it["state"] != "open"], systematic=systematic, criteria=criteria, choices=choices,
        says={it["code"]: it["says"] for it in choices["criteria"]},
    )  # fmt: skip


async def choices_of(visit: Visit) -> dict[str, Any]:
    """The codes that the municipality allows."""
    return await visit.apis.found("sundhedspleje", "/sundhedspleje/choices") or NOTHING_TO_CHOOSE


def _here(ref: UUID) -> str:
    return f"/portal/barn/{ref}/sundhedspleje"


@router.post("/barn/{ref}/behovsbesoeg")
async def grant_need_visit(ref: UUID, sent: Sending) -> Response:
    """A need-based visit; it opens the systematic screening."""
    typed = sent.typed
    body = {
        "reason": typed.must("need", sent.say("Vælg, hvorfor familien får et behovsbesøg.")),
        "from_on": typed.must("from_on", sent.say("Skriv den første dag, besøget kan være.")),
        "until_on": typed.must("until_on", sent.say("Skriv den sidste dag, besøget kan være.")),
    }
    path = f"/sundhedspleje/cases/{ref}/need-visits"
    return await done(sent, "sundhedspleje", path, body, about=ref, at_field=_WINDOW, again=lambda: _page(sent, ref, 422),
                      to=_here(ref), said="visit-granted")  # fmt: skip


@router.post("/barn/{ref}/kriterium")
async def record_criterion(ref: UUID, sent: Sending) -> Response:
    """Why this family may be offered more: visits that are for such families are planned at once."""
    body = {"criterion": sent.typed.must("criterion", sent.say("Vælg, hvad der gælder for familien."))}
    path = f"/sundhedspleje/cases/{ref}/criteria"
    return await done(sent, "sundhedspleje", path, body, about=ref, again=lambda: _page(sent, ref, 422), to=_here(ref),
                      said="criterion-recorded")  # fmt: skip


@router.post("/barn/{ref}/kriterium/slut")
async def end_criterion(ref: UUID, sent: Sending) -> Response:
    number = as_uuid(sent.typed.must("ended_criterion", sent.say("Vælg, hvad der ikke gælder mere.")))
    path = f"/sundhedspleje/criteria/{number}/end"
    return await done(sent, "sundhedspleje", path, about=ref, again=lambda: _page(sent, ref, 422), to=_here(ref),
                      said="criterion-ended")  # fmt: skip


@router.post("/barn/{ref}/opfoelgning")
async def end_follow_up(ref: UUID, sent: Sending) -> Response:
    """Every follow-up ends in something."""
    typed = sent.typed
    number = as_uuid(typed.must("follow_up", sent.say("Vælg, hvilken opfølgning det er.")))
    outcome = typed.must("outcome", sent.say("Vælg, hvad opfølgningen endte med."))
    path = f"/sundhedspleje/follow-ups/{number}/end"
    return await done(sent, "sundhedspleje", path, {"outcome": outcome}, about=ref, again=lambda: _page(sent, ref, 422),
                      to=_here(ref), said="follow-up-ended")  # fmt: skip


@router.post("/barn/{ref}/screening/fejl")
async def withdraw_screening(ref: UUID, sent: Sending) -> Response:
    """A result was recorded in error: it stays to be seen as such."""
    typed = sent.typed
    number = as_uuid(typed.must("screening", sent.say("Vælg, hvilken screening det er.")))
    reason = typed.must("error", sent.say("Vælg, hvad der er forkert."))
    path = f"/sundhedspleje/screenings/{number}/withdrawal"
    return await done(sent, "sundhedspleje", path, {"reason": reason}, about=ref, again=lambda: _page(sent, ref, 422),
                      to=_here(ref), said="screening-withdrawn")  # fmt: skip


@router.get("/barn/{ref}/screening")
async def begin_screening(ref: UUID, visit: Visiting, redskab: str = "") -> Response:
    return await _screening_page(visit, ref, redskab)


async def _screening_page(visit: Visit, ref: UUID, chosen: str, status: int = 200) -> Response:
    """The form of one instrument and person; without one, those to choose from."""
    choices, person = await asyncio.gather(choices_of(visit), visit.apis.child(ref))
    code, _, whose = chosen.partition(".")
    found = next((it for it in choices["instruments"] if it["code"] == code and whose in it["whose"]), None)
    parents = await _other_parents(visit, person) if found and whose == "other-parent" else []
    return visit.page(
        "screening.html", status, ref=ref, person=person, found=found, whose=whose, chosen=chosen, parents=parents,
        instruments=choices["instruments"], today=visit.today.isoformat(), typed=visit.typed_in(f"/portal/barn/{ref}/screening"),
    )  # fmt: skip


async def _other_parents(visit: Visit, person: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Holders of custody besides the mother, by name."""
    holders = (person or {}).get("custody", {}).get("holders", [])
    others = [it for it in holders if it != (person or {}).get("mother")]
    found = await asyncio.gather(*(visit.apis.found("persons", f"/persons/{it}") for it in others))
    return [(id, one.get("name") or visit.say("Navn ikke oplyst")) for id, one in zip(others, found, strict=True) if one]


@router.post("/barn/{ref}/screening")
async def record_screening(ref: UUID, sent: Sending) -> Response:
    """Score, date and by whom; at or above the threshold a follow-up opens, and the page says so."""
    typed = sent.typed
    chosen = typed.one("redskab")
    code, _, whose = chosen.partition(".")
    result = typed.must("score", sent.say("Skriv resultatet."))
    body: dict[str, Any] = {
        "instrument": code, "whose": whose, "score": result if (number := whole_number(result)) is None else number,
        "on": typed.must("on", sent.say("Skriv, hvilken dag screeningen er lavet.")),
    }  # fmt: skip
    if person := as_uuid(typed.one("person")):
        body["person"] = str(person)
    fields = {
        "the-score-is-outside-the-instruments-range": "score", "not-understood": "score", "the-parent-is-not-known": "person",
        "a-screening-is-made-on-a-day-that-has-come": "on",
    }  # fmt: skip
    path = f"/sundhedspleje/cases/{ref}/screenings"
    return await done(sent, "sundhedspleje", path, body, about=ref, at_field=fields, said="screened", to=_here(ref),
                      again=lambda: _screening_page(sent, ref, chosen, 422))  # fmt: skip
