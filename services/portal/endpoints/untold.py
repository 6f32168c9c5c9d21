"""A notice that reached nobody: what it was about, every try, and what can be done: told by a person, sent again, another way."""

from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.chassis.calendar import COPENHAGEN
from services.portal.endpoints.acting import done
from services.portal.endpoints.visiting import PageRoute, Sending, Sent, Visit, Visiting

router = APIRouter(prefix="/beskeder", route_class=PageRoute)
_API, _PLACE = "/notifications/deliveries", "/portal/beskeder"
_HOW = ("phone", "in-person", "printed")


@router.get("/{delivery}")
async def see_notice(delivery: UUID, visit: Visiting) -> Response:
    return await _page(visit, delivery)


async def _page(visit: Visit, delivery: UUID, status: int = 200) -> Response:
    it = await visit.apis.get("notifications", f"{_API}/{delivery}")
    person, family = None, {}
    if it["to_whom"] == "family":
        person = await visit.apis.child(it["about"])
        family = await _family(visit, person)
    names = await visit.apis.names_of([it.get("recipient"), it.get("told_by"), it.get("shown_to")])
    can = [one for one in it.get("can") or () if one in ("email", "letter")]
    words = [how for how in _HOW if how != "printed" or it["to_whom"] == "family"]
    return visit.page(
        "untold.html", status, it=it, person=person, family=family, names=names, action=f"{_PLACE}/{delivery}", hows=words,
        again="try-again" in (it.get("can") or ()), channels=can, today=visit.today.isoformat(),
        to_tell=[(id, name) for id, name in family.items()],
    )  # fmt: skip


async def _family(visit: Visit, person: dict[str, Any] | None) -> dict[str, str]:
    """Mother and holders of custody by name, as far as this person may see them."""
    if not person:
        return {}
    holders = (person.get("custody") or {}).get("holders", ())
    found = await visit.apis.children({one for one in (person.get("mother"), *holders) if one})
    return {id: one["name"] for id, one in found.items() if one.get("name")}


@router.post("/{delivery}/fortalt")
async def told(delivery: UUID, sent: Sending) -> Response:
    """Who knows it now, how, and since when; by whom is who says so."""
    how = sent.typed.must("how", sent.say("Vælg, hvordan det er fortalt."))
    body: dict[str, Any] = {"how": how, "at": _at(sent)}
    if spoken_to := sent.typed.one("spoke_to"):
        it = await sent.apis.get("notifications", f"{_API}/{delivery}")
        if spoken_to not in await _family(sent, await sent.apis.child(it["about"])):
            sent.typed.wrong["spoke_to"] = sent.say("Vælg en af familien.")
        body["spoke_to"] = spoken_to
    return await done(sent, "notifications", f"{_API}/{delivery}/told", body, at_field={"not-understood": "how"},
                      again=lambda: _page(sent, delivery, 422), to=f"{_PLACE}/{delivery}", said="told")  # fmt: skip


def _at(sent: Sent) -> str | None:
    """Midday of an earlier day in Copenhagen; None: now."""
    typed = sent.typed.one("on")
    try:
        on = date.fromisoformat(typed) if typed else sent.today
    except ValueError:
        on = date.max
    if on > sent.today:
        sent.typed.wrong["on"] = sent.say("Dagen skal være i dag eller tidligere.")
    return None if on >= sent.today else datetime.combine(on, time(12), COPENHAGEN).isoformat()


@router.post("/{delivery}/igen")
async def again(delivery: UUID, sent: Sending) -> Response:
    """Once the address is corrected."""
    await sent.post("notifications", f"{_API}/{delivery}/again")
    return sent.to(f"{_PLACE}/{delivery}", "tried-again")


@router.post("/{delivery}/anden-vej")
async def another_way(delivery: UUID, sent: Sending) -> Response:
    """The same notice by another channel; this one says which delivery took its place."""
    channel = sent.typed.must("channel", sent.say("Vælg, hvordan beskeden skal sendes."))
    fields = {"this-channel-does-not-reach-them": "channel", "not-understood": "channel"}
    return await done(sent, "notifications", f"{_API}/{delivery}/other-channel", {"channel": channel}, at_field=fields,
                      again=lambda: _page(sent, delivery, 422), to=f"{_PLACE}/{delivery}", said="tried-again")  # fmt: skip
