"""What a professional must do this week: visits, sessions, transitions, follow-ups; from the services, in one list."""

import asyncio
from collections.abc import Awaitable
from datetime import date, timedelta
from typing import Any

from services.portal import pages
from services.portal.domain.week import Task, in_order
from services.portal.endpoints.visiting import Visit

_VISITING = ("sundhedspleje", "intake")
_HOLDING = (*_VISITING, "social", "institution", "dagpleje")
_DAYS = 6
# So long before a start what it lacks is put before people, unless the municipality says otherwise.
_TRANSITION_DAYS = 14
_MOST = 50


async def tasks_of(visit: Visit) -> list[Task]:
    """Overdue ones too, however old. Whoever works in no unit of a kind is not asked about what is done there."""
    kinds = {seat.unit_kind for seat in visit.caller.seats}
    asked: list[Awaitable[list[Task]]] = [_transitions(visit, "me")]
    if visit.leads:
        asked.append(_transitions(visit, "led"))
    if kinds & set(_VISITING):
        asked += [_visits(visit), _follow_ups(visit), _systematic(visit)]
    if kinds & set(_HOLDING):
        asked += [_joint(visit), _sessions(visit)]
    found = [task for tasks in await asyncio.gather(*asked) for task in tasks]
    return in_order({(task.kind, task.place, task.code, task.due): task for task in found}.values())


async def _visits(visit: Visit) -> list[Task]:
    found = await visit.apis.get("sundhedspleje", "/sundhedspleje/visits", holder="me", due="week", limit=_MOST)
    return [_of_visit(it, visit, "visit") for it in found["visits"]]


async def _joint(visit: Visit) -> list[Task]:
    """Visits of others in which one takes part."""
    found = await visit.apis.get("sundhedspleje", "/sundhedspleje/visits", participant="me", due="week", limit=_MOST)
    return [_of_visit(it, visit, "joint") for it in found["visits"]]


def _of_visit(it: dict[str, Any], visit: Visit, kind: Any) -> Task:
    return Task(kind, pages.by_day(it["until_on"], visit.now), f"/portal/besoeg/{it['id']}", it["child"], it["kind"])


async def _follow_ups(visit: Visit) -> list[Task]:
    found = await visit.apis.get("sundhedspleje", "/sundhedspleje/follow-ups", holder="me", limit=_MOST)
    return [
        Task(
            "follow-up",
            pages.by_day(it["due_on"], visit.now),
            f"/portal/barn/{it['child']}/sundhedspleje",
            it["child"],
            it["instrument"],
        )
        for it in found["follow_ups"]
        if _this_week(it["due_on"], visit)
    ]


async def _systematic(visit: Visit) -> list[Task]:
    found = await visit.apis.get("sundhedspleje", "/sundhedspleje/systematic-screenings", holder="me", limit=_MOST)
    return [
        Task("systematic", pages.by_day(it["due_on"], visit.now), f"/portal/barn/{it['child']}/sundhedspleje", it["child"])
        for it in found["systematic"]
        if _this_week(it["due_on"], visit)
    ]


async def _sessions(visit: Visit) -> list[Task]:
    found = await visit.apis.get("sundhedspleje", "/sundhedspleje/sessions", team="me", due="week", limit=_MOST)
    return [
        Task("session", pages.by_day(it["on_date"], visit.now), f"/portal/hold/{it['course']}/gang/{it['id']}",
             title=it["programme"]["title"])
        for it in found["sessions"]
    ]  # fmt: skip


async def _transitions(visit: Visit, whose: str) -> list[Task]:
    query = {"of": whose, "incomplete": True, "within_days": _TRANSITION_DAYS, "limit": _MOST}
    found = await visit.apis.found("daycare", "/daycare/arrivals", **query)
    return [
        Task("transition", pages.by_day(it["start"]["starts_on"], visit.now), f"/portal/starter/{it['start']['id']}",
             it["start"]["child"], missing=tuple(it["missing"]))
        for it in (found or {}).get("arrivals", [])
    ]  # fmt: skip


def _this_week(on: str, visit: Visit) -> bool:
    return date.fromisoformat(on) <= visit.today + timedelta(days=_DAYS)
