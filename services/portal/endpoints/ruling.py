"""For administrators: the municipality's own rules: local closing days, deadlines, and what a legal basis switches on."""

import asyncio
from datetime import date
from typing import Any

from fastapi import APIRouter, Response

from services.portal.endpoints.administering import Administering, Changing, changed, history_of
from services.portal.endpoints.visiting import Again, PageRoute, Sent, Visit

router = APIRouter(prefix="/administration", route_class=PageRoute)
_NUMBERS = (
    "answer_working_days", "remind_working_days_before", "escalate_working_days", "absence_limit_days", "support_days",
    "closing_age",
)  # fmt: skip
_FIELDS = {name: name for name in _NUMBERS} | {"closing_days": "day"}


def _place(visit: Visit) -> str:
    return f"/directory/municipalities/{visit.apis.municipality}"


async def _page(visit: Visit, template: str, status: int = 200, **more: Any) -> Response:
    found, history = await asyncio.gather(
        visit.apis.ask("GET", "directory", _place(visit)), history_of(visit, "municipality", visit.apis.municipality)
    )
    days = sorted(found.body["closing_days"])
    today = visit.today.isoformat()
    return visit.page(
        template, status, municipality=found.body, version=found.version, history=history,
        coming=[it for it in days if it >= today], past=[it for it in days if it < today], numbers=_NUMBERS, **more,
    )  # fmt: skip


@router.get("/kalender")
async def calendar(visit: Administering) -> Response:
    return await _calendar_page(visit)


async def _calendar_page(visit: Visit, status: int = 200) -> Response:
    place = "/portal/administration/kalender"
    return await _page(visit, "administration_calendar.html", status, adding=visit.typed_in(place),
                       removing=visit.typed_in(f"{place}/fjern"), ruling=visit.typed_in(f"{place}/frister"))  # fmt: skip


@router.post("/kalender")
async def closing_day_added(sent: Changing) -> Response:
    """From one day, perhaps to another; weekends in between do no harm."""
    typed = sent.typed
    first = _date(sent, "day", typed.must("day", sent.say("Skriv den dag, kommunen holder lukket.")))
    last = _date(sent, "until", typed.one("until")) if typed.one("until") else first
    if first and last and not (0 <= (last - first).days <= 60):
        typed.wrong["until"] = sent.say("Sidste dag skal ligge efter den første, og højst to måneder efter.")
    if not typed.wrong and first and last:
        before = (await sent.apis.get("directory", _place(sent)))["closing_days"]
        days = {date.fromordinal(number).isoformat() for number in range(first.toordinal(), last.toordinal() + 1)}
        if await _kept(sent, {"closing_days": sorted({*before, *days})}, "day"):
            return sent.to("/portal/administration/kalender", "kept")
    return await _calendar_page(sent, 422)


@router.post("/kalender/fjern")
async def closing_days_removed(sent: Changing) -> Response:
    gone = set(sent.typed.many("gone"))
    if not gone:
        sent.typed.wrong["gone-1"] = sent.say("Vælg de dage, der skal fjernes.")
    else:
        before = (await sent.apis.get("directory", _place(sent)))["closing_days"]
        if await _kept(sent, {"closing_days": sorted(set(before) - gone)}, "gone-1"):
            return sent.to("/portal/administration/kalender", "kept")
    return await _calendar_page(sent, 422)


@router.post("/kalender/frister")
async def deadlines_set(sent: Changing) -> Response:
    typed, body = sent.typed, {}
    for name in _NUMBERS:
        number = typed.one(name)
        if number.isdecimal() and len(number) < 5:
            body[name] = int(number)
        else:
            typed.wrong[name] = sent.say("Skriv et helt tal.")
    if not typed.wrong and await _kept(sent, body, "answer_working_days"):
        return sent.to("/portal/administration/kalender", "kept")
    return await _calendar_page(sent, 422)


def _date(sent: Sent, field: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        if text:
            sent.typed.wrong[field] = sent.say("Skriv datoen som dag, måned og år.")
        return None


async def _kept(sent: Sent, body: dict[str, Any], first: str) -> bool:
    try:
        await changed(sent, _place(sent), body, _FIELDS, first)
    except Again:
        return False
    return True


@router.get("/hjemmel")
async def bases(visit: Administering) -> Response:
    return await _page(visit, "administration_bases.html", typed=visit.typed_in("/portal/administration/hjemmel"))


@router.post("/hjemmel")
async def basis_switched(sent: Changing) -> Response:
    """Hospital messages are dropped unread until the municipality says that it may receive them."""
    said = sent.typed.must("hospital", sent.say("Vælg, om kommunen har hjemmel."))
    if not sent.typed.wrong and await _kept(sent, {"hospital_notification_basis": said == "on"}, "hospital"):
        return sent.to("/portal/administration/hjemmel", "kept")
    return await _page(sent, "administration_bases.html", 422, typed=sent.typed)
