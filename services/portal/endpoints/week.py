"""What a professional must do this week: visits, sessions, transitions, what others wait for; from all services, in one list."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from services.portal import pages
from services.portal.domain.week import Kind, Task, in_order
from services.portal.endpoints.visiting import Visit

_HOLDING = ("sundhedspleje", "intake", "social", "institution", "dagpleje")
# Of each kind, the nearest first: a page is no longer than people read.
_MOST = 20


@dataclass(frozen=True)
class Week:
    """`more`: there is more of some kind than is shown."""

    tasks: list[Task]
    more: bool


async def week_of(visit: Visit) -> Week:
    """Overdue ones too, however old: one question of each service, of those alone in which this person has work."""
    asked: list[Awaitable[Week]] = [_in_daycare(visit), _untold(visit)]
    if {seat.unit_kind for seat in visit.caller.seats} & set(_HOLDING):
        asked.append(_in_sundhedspleje(visit))
    found = await asyncio.gather(*asked)
    each_once = {(it.kind, it.place, it.code, it.due): it for week in found for it in week.tasks}
    return Week(in_order(each_once.values()), any(week.more for week in found))


async def _in_sundhedspleje(visit: Visit) -> Week:
    found = await visit.apis.get("sundhedspleje", "/sundhedspleje/week")
    return Week(
        [
            *(_of_visit(it, visit, "visit") for it in found["visits"]),
            *(_of_visit(it, visit, "joint") for it in found["joint"]),
            *(_due(it, visit, "follow-up") for it in found["follow_ups"]),
            *(_due(it, visit, "systematic") for it in found["systematic"]),
            *(_of_session(it, visit) for it in found["sessions"]),
            *(_of_gathering(it, visit) for it in found["gatherings"]),
        ],
        found["more"],
    )


def _of_visit(it: dict[str, Any], visit: Visit, kind: Kind) -> Task:
    return Task(kind, pages.by_day(it["until_on"], visit.now), f"/portal/besoeg/{it['id']}", it["child"], it["kind"])


def _due(it: dict[str, Any], visit: Visit, kind: Kind) -> Task:
    place = f"/portal/barn/{it['child']}/sundhedspleje"
    return Task(kind, pages.by_day(it["due_on"], visit.now), place, it["child"], it.get("instrument", ""))


def _of_session(it: dict[str, Any], visit: Visit) -> Task:
    place = f"/portal/hold/{it['course']}/gang/{it['id']}"
    return Task("session", pages.by_day(it["on_date"], visit.now), place, programme=it["programme"])


def _of_gathering(it: dict[str, Any], visit: Visit) -> Task:
    return Task("gathering", pages.by_day(it["on_date"], visit.now), f"/portal/samlinger/{it['id']}", programme=it["programme"])


async def _in_daycare(visit: Visit) -> Week:
    found = await visit.apis.get("daycare", "/daycare/week")
    return Week(
        [
            *(_of_plusplads(it, visit) for it in found["asked"]),
            *(
                Task("transition", pages.by_day(it["start"]["starts_on"], visit.now), f"/portal/starter/{it['start']['id']}",
                     it["start"]["child"], missing=tuple(it["missing"]))
                for it in found["arrivals"]
            ),
        ],
        found["more"],
    )  # fmt: skip


def _of_plusplads(it: dict[str, Any], visit: Visit) -> Task:
    return Task("plusplads", pages.by_day(it["due_on"], visit.now), f"/portal/pluspladser/spurgt/{it['id']}", it["child"])


def whose_pluspladser(visit: Visit) -> list[str]:
    """Whose pluspladser that programmes ask for wait for this person: their own children's, as a leader, or all.

    As a leader: of the daycares one leads, and what was put to one when it was overdue.
    """
    kinds = {seat.unit_kind for seat in visit.caller.seats}
    if "placement" in kinds:
        return ["municipality"]
    leads = any(seat.leads for seat in visit.caller.seats)
    return [*(["me"] if kinds & set(_HOLDING) else []), *(["led"] if leads else [])]


async def pluspladser_asked(visit: Visit, whose: str) -> Week:
    found = await visit.apis.found("daycare", "/daycare/asked-pluspladser", of=whose, limit=_MOST) or {"asked": [], "next": None}
    return Week([_of_plusplads(it, visit) for it in found["asked"]], bool(found["next"]))


async def _untold(visit: Visit) -> Week:
    """What reached nobody and is one's own to mend, among it what a family is told afterwards by Sundhedsloven s. 43(3)."""
    query = {"state": "failed", "of": "me", "limit": _MOST}
    found = await visit.apis.found("notifications", "/notifications/deliveries", **query) or {"deliveries": [], "next": None}
    tasks = [
        Task("untold", pages.due(it["happened_at"], visit.now), f"/portal/beskeder/{it['id']}", it["about"],
             it["kind"])
        for it in found["deliveries"]
    ]  # fmt: skip
    return Week(tasks, bool(found["next"]))
