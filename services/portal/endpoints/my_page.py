"""My page: what waits for my answer, my children, what I have sent, colleagues I stand in for; kept up to date."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from services.chassis.calendar import COPENHAGEN
from services.chassis.errors import LogInAgain, Problem
from services.portal import pages
from services.portal.apis import as_uuid
from services.portal.domain.deadlines import Deadline, urgency_of_child
from services.portal.domain.week import by_child, must, soonest
from services.portal.endpoints.visiting import Elsewhere, PageRoute, Visit, Visiting, visiting
from services.portal.endpoints.week import week_of

router = APIRouter(route_class=PageRoute)
_WAITING = 100
_EACH_SECONDS = 0.7
# The browser opens the next stream itself; so a process that ends waits no longer than this.
_STREAM_SECONDS = 20
_ORDER = {"overdue": 0, "today": 1, "soon": 2, "later": 3, "none": 4}


@router.get("/")
async def my_page(visit: Visiting, efter: str = "") -> Response:
    """Overdue first, then by deadline. Midwives hold no child: their work is what they have notified."""
    if visit.caller.seats and all(seat.unit_kind in ("maternity", "midwife-centre") for seat in visit.caller.seats):
        raise Elsewhere("/portal/anmeldelser")
    after = as_uuid(efter)
    desk, away, week = await asyncio.gather(
        visit.apis.get("registry", "/registry/desk", after=after), _away(visit), week_of(visit)
    )
    waiting, sent, unseen = [it for it in desk["to"] if it["state"] == "proposed"], desk["from"], desk["unseen"]
    for_absent = [it for colleague in away for it in colleague["waiting"]]
    everything = [*waiting, *sent, *for_absent]
    seats = [seat for it in everything for seat in (it["giver"], it["receiver"])]
    names, children = await asyncio.gather(
        visit.apis.names_of([seat["professional"] for seat in seats], [seat["unit"] for seat in seats]),
        visit.apis.children(
            [
                *(it["child"] for it in everything),
                *(it["reference"] for it in [*desk["children"], *unseen]),
                *(it.child for it in week.tasks if it.child),
            ]
        ),
    )
    return visit.page(
        "my_page.html", waiting=_ordered(waiting, visit.now), sent=_ordered(sent, visit.now),
        held=_rated(desk["children"], visit.now, by_child(week.tasks)),
        unseen=_rated(unseen, visit.now, {}), must=[it for it in week.tasks if must(it)],
        may=[it for it in week.tasks if not must(it)], more=week.more, next=desk["next"], after=after,
        away=away, names=names, children=children, live=_live(waiting),
    )  # fmt: skip


@router.get("/venter")
async def waiting_again(visit: Visiting) -> Response:
    """The list of what waits for an answer alone, for a page that is open."""
    waiting = await _waiting(visit)
    names, children = await asyncio.gather(
        visit.apis.names_of([it["giver"]["professional"] for it in waiting], [it["giver"]["unit"] for it in waiting]),
        visit.apis.children([it["child"] for it in waiting]),
    )
    return visit.page("waiting.html", waiting=_ordered(waiting, visit.now), names=names, children=children, live=_live(waiting))


@router.get("/live", response_class=EventSourceResponse)
async def live(request: Request, efter: str = "") -> AsyncIterator[ServerSentEvent]:
    """Says `changed` when a newer handover waits for this person, `ended` when they are logged in no more.

    It asks the registry for what is newer than the newest shown: nearly always an empty answer, which nobody's access log notes.
    """
    newest = as_uuid(request.headers.get("last-event-id", "")) or as_uuid(efter)
    try:
        visit = await visiting(request)
        until = asyncio.get_running_loop().time() + _STREAM_SECONDS
        yield ServerSentEvent(comment="open", retry=500)
        while asyncio.get_running_loop().time() < until:
            more = await visit.apis.get("registry", "/registry/handovers", to=visit.me, state="open", after=newest, limit=1)
            if more["handovers"]:
                newest = UUID(more["handovers"][-1]["id"])
                yield ServerSentEvent(event="changed", raw_data="now", id=str(newest))
            await asyncio.sleep(_EACH_SECONDS)
    except (Elsewhere, LogInAgain):
        yield ServerSentEvent(event="ended", raw_data="now")
    except Problem:
        # A part is away for a moment: the browser asks again.
        return


async def _waiting(visit: Visit) -> list[dict[str, Any]]:
    return [it for it in await _open(visit, to=visit.me) if it["state"] == "proposed"]


async def _open(visit: Visit, **whose: Any) -> list[dict[str, Any]]:
    return list((await visit.apis.get("registry", "/registry/handovers", state="open", limit=_WAITING, **whose))["handovers"])


async def _away(visit: Visit) -> list[dict[str, Any]]:
    """Colleagues who are away today and have named this person, with what waits for them."""
    found = (await visit.apis.get("directory", "/directory/absences", deputy=visit.me))["absences"]
    people, waiting = await asyncio.gather(
        asyncio.gather(*(visit.apis.person(it["professional"]) for it in found)),
        asyncio.gather(*(_open(visit, to=it["professional"]) for it in found)),
    )
    return [
        {"person": person, "absence": absence, "waiting": _ordered([it for it in own if it["state"] == "proposed"], visit.now)}
        for person, absence, own in zip(people, found, waiting, strict=True)
        if person
    ]


def _ordered(handovers: list[dict[str, Any]], now: datetime) -> list[dict[str, Any]]:
    for it in handovers:
        it["due"] = pages.due(it["due_at"], now)
    return sorted(handovers, key=lambda it: (_ORDER[it["due"].urgency], it["due_at"] or it["proposed_at"]))


def _rated(held: list[dict[str, Any]], now: datetime, work: dict[str, Deadline]) -> list[dict[str, Any]]:
    """`work`: what a child's visits, follow-ups and transition ask for soonest."""
    for it in held:
        it["due"] = soonest(urgency_of_child(it, now, COPENHAGEN), *([work[it["reference"]]] if it["reference"] in work else ()))
    return sorted(held, key=lambda it: (_ORDER[it["due"].urgency], it["due"].days))


def _live(waiting: list[dict[str, Any]]) -> str:
    newest = max((it["id"] for it in waiting), default="")
    return f"/portal/live?efter={newest}"
