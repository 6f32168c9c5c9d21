"""What a professional must do this week: visits, sessions, transitions, what others wait for; from all services, in one list."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from services.portal import pages
from services.portal.domain.week import Kind, Task, in_order
from services.portal.endpoints.visiting import Visit

_VISITING = ("sundhedspleje", "intake")
_HOLDING = (*_VISITING, "social", "institution", "dagpleje")
_DAYS = 6
# So long before a start what it lacks is put before people, unless the municipality says otherwise.
_TRANSITION_DAYS = 14
# Of each kind, the nearest first: a page is no longer than people read.
_MOST = 20


@dataclass(frozen=True)
class Week:
    """`more`: there is more of some kind than is shown."""

    tasks: list[Task]
    more: bool


async def week_of(visit: Visit) -> Week:
    """Overdue ones too, however old. Whoever works in no unit of a kind is not asked about what is done there."""
    kinds = {seat.unit_kind for seat in visit.caller.seats}
    asked: list[Awaitable[Week]] = [_transitions(visit, "me"), _untold(visit)]
    if visit.leads:
        asked.append(_transitions(visit, "led"))
    asked += [pluspladser_asked(visit, whose) for whose in whose_pluspladser(visit)]
    if kinds & set(_VISITING):
        asked += [_visits(visit), _follow_ups(visit), _systematic(visit)]
    if kinds & set(_HOLDING):
        asked += [_joint(visit), _sessions(visit), _gatherings(visit)]
    found = await asyncio.gather(*asked)
    each_once = {(it.kind, it.place, it.code, it.due): it for week in found for it in week.tasks}
    return Week(in_order(each_once.values()), any(week.more for week in found))


async def _visits(visit: Visit) -> Week:
    found = await visit.apis.get("sundhedspleje", "/sundhedspleje/visits", holder="me", due="week", limit=_MOST)
    return Week([_of_visit(it, visit, "visit") for it in found["visits"]], bool(found["next"]))


async def _joint(visit: Visit) -> Week:
    """Visits of others in which one takes part."""
    found = await visit.apis.get("sundhedspleje", "/sundhedspleje/visits", participant="me", due="week", limit=_MOST)
    return Week([_of_visit(it, visit, "joint") for it in found["visits"]], bool(found["next"]))


def _of_visit(it: dict[str, Any], visit: Visit, kind: Kind) -> Task:
    return Task(kind, pages.by_day(it["until_on"], visit.now), f"/portal/besoeg/{it['id']}", it["child"], it["kind"])


async def _follow_ups(visit: Visit) -> Week:
    found = await visit.apis.get("sundhedspleje", "/sundhedspleje/follow-ups", holder="me", limit=_MOST)
    return _due(visit, "follow-up", found["follow_ups"], found["next"])


async def _systematic(visit: Visit) -> Week:
    found = await visit.apis.get("sundhedspleje", "/sundhedspleje/systematic-screenings", holder="me", limit=_MOST)
    return _due(visit, "systematic", found["systematic"], found["next"])


def _due(visit: Visit, kind: Kind, lines: list[dict[str, Any]], after: str | None) -> Week:
    """Of lines in the order of their days those that are due this week; what lies behind the last of them is later."""
    due = [it for it in lines if it["due_on"] <= _week_s_end(visit)]
    tasks = [
        Task(kind, pages.by_day(it["due_on"], visit.now), _care(it["child"]), it["child"], it.get("instrument", "")) for it in due
    ]
    return Week(tasks, bool(after) and len(due) == len(lines))


def _week_s_end(visit: Visit) -> str:
    return (visit.today + timedelta(days=_DAYS)).isoformat()


def _care(child: str) -> str:
    return f"/portal/barn/{child}/sundhedspleje"


async def _sessions(visit: Visit) -> Week:
    found = await visit.apis.get("sundhedspleje", "/sundhedspleje/sessions", team="me", due="week", limit=_MOST)
    tasks = [
        Task("session", pages.by_day(it["on_date"], visit.now), f"/portal/hold/{it['course']}/gang/{it['id']}",
             programme=it["programme"])
        for it in found["sessions"]
    ]  # fmt: skip
    return Week(tasks, bool(found["next"]))


async def _gatherings(visit: Visit) -> Week:
    query = {"host": "me", "state": "planned", "limit": 200}
    found = await visit.apis.get("sundhedspleje", "/sundhedspleje/gatherings", **query)
    tasks = [
        Task("gathering", pages.by_day(it["on_date"], visit.now), f"/portal/samlinger/{it['id']}", programme=it["programme"])
        for it in found["gatherings"]
        if it["on_date"] <= _week_s_end(visit)
    ]
    return Week(tasks, bool(found["next"]))


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
    tasks = [
        Task("plusplads", pages.by_day(it["due_on"], visit.now), f"/portal/pluspladser/spurgt/{it['id']}", it["child"])
        for it in found["asked"]
    ]
    return Week(tasks, bool(found["next"]))


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


async def _transitions(visit: Visit, whose: str) -> Week:
    query = {"of": whose, "incomplete": True, "within_days": _TRANSITION_DAYS, "limit": _MOST}
    found = await visit.apis.found("daycare", "/daycare/arrivals", **query) or {"arrivals": [], "next": None}
    tasks = [
        Task("transition", pages.by_day(it["start"]["starts_on"], visit.now), f"/portal/starter/{it['start']['id']}",
             it["start"]["child"], missing=tuple(it["missing"]))
        for it in found["arrivals"]
    ]  # fmt: skip
    return Week(tasks, bool(found["next"]))
