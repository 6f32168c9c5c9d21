"""What sundhedspleje and daycare did and plan with a child, as it stands in the drawing of its time."""

import asyncio
from datetime import date, datetime
from typing import Any

from services.chassis.calendar import start_of
from services.portal import pages
from services.portal.domain.timeline import Happening
from services.portal.endpoints.visiting import Visit

_RUNS = ("offered", "accepted", "waiting", "running")


Transition = tuple[dict[str, Any], dict[str, Any] | None]


async def transitions_of(visit: Visit, starts: list[dict[str, Any]]) -> list[Transition]:
    """Each start that was not cancelled, with its transition for those who may see it."""
    ahead = [it for it in starts if it["state"] != "cancelled"]
    known = await asyncio.gather(*(visit.apis.found("daycare", f"/daycare/starts/{it['id']}/transition") for it in ahead))
    return list(zip(ahead, known, strict=True))


def plans_of(
    visit: Visit, case: Any, enrolled: list[dict[str, Any]], transitions: list[Transition], names: dict[str, str]
) -> list[Happening]:
    """Visits, programmes, and each transition with its overlevering and its meetings."""
    meetings = [it for _, one in transitions if one for it in one["meetings"] if it["state"] in ("planned", "held")]
    given = (case or {}).get("overleveringer") or []
    say = visit.say
    return [
        *_of_visits(visit, case),
        *_of_programmes(visit, enrolled),
        *(Happening("start", say("Overlevering"), datetime.fromisoformat(it["given_at"])) for it in given),
        *(Happening("start", say("Møde med forældrene"), _day(it["held_on"])) for it in meetings),
        *(Happening("start", _named(visit, it, names), _day(it["starts_on"])) for it, _ in transitions),
    ]


def _of_visits(visit: Visit, case: Any) -> list[Happening]:
    """Those held on their day; the others, as long as they may still be, in their window."""
    words = pages.words(visit.language)
    return [
        Happening("visit", f"{words.of('visit', it['kind'])} ({words.of('visit-state', it['state'])})", _day(it["held_on"]))
        if it["held_on"]
        else Happening("visit", words.of("visit", it["kind"]), _day(it["from_on"]), _day(it["until_on"]))
        for it in (case or {}).get("visits", [])
        if it["state"] not in ("lapsed", "declined")
    ]


def _of_programmes(visit: Visit, enrolled: list[dict[str, Any]]) -> list[Happening]:
    words = pages.words(visit.language)
    return [
        Happening(
            "programme", f"{it['programme']['title']} ({words.of('enrolment', it['state'])})",
            datetime.fromisoformat(it["offered_at"]), datetime.fromisoformat(it["ended_at"]) if it["ended_at"] else None,
            goes_on=it["state"] in _RUNS,
        )
        for it in enrolled
    ]  # fmt: skip


def _named(visit: Visit, start: dict[str, Any], names: dict[str, str]) -> str:
    return f"{names.get(start['unit'], '…')} ({pages.words(visit.language).of('start', start['state'])})"


def _day(text: str) -> datetime:
    return start_of(date.fromisoformat(text))
