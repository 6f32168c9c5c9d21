"""For administrators: the systems that hear of the municipality's children: a new one, how each stands, pause, a new secret."""

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.portal.endpoints.administering import Administering, Changing, changed, own_units
from services.portal.endpoints.visiting import Again, PageRoute, Sent, Visit

router = APIRouter(prefix="/administration/abonnementer", route_class=PageRoute)
_PLACE, _LOG = "/portal/administration/abonnementer", 50
_RULE = "administrator"
_FIELDS = {
    "no-such-system-of-the-municipality": "system", "the-host-is-not-registered": "url", "there-is-no-kafka-here": "channel",
    "this-kind-does-not-leave": "kinds-1", "client_id": "system", "url": "url", "channel": "channel", "rules": "unit",
}  # fmt: skip
_DONE = {
    "pause": "subscription-paused", "resume": "subscription-resumed", "test": "subscription-tested",
}  # fmt: skip


@router.get("")
async def subscriptions(visit: Administering) -> Response:
    return await _all(visit)


async def _all(visit: Visit, status: int = 200) -> Response:
    found, systems, units = await asyncio.gather(
        visit.apis.get("notifications", "/notifications/subscriptions"),
        visit.apis.get("notifications", "/notifications/subscriptions/systems"),
        own_units(visit),
    )
    kinds = sorted({kind for it in systems["systems"] for kind in it["kinds"]})
    return visit.page(
        "administration_subscriptions.html", status, subscriptions=found["subscriptions"],
        systems=[(it["client_id"], it["client_id"]) for it in systems["systems"]], kinds=kinds,
        units=[(it["id"], it["name"]) for it in units], typed=visit.typed_in(_PLACE), place=_PLACE,
    )  # fmt: skip


@router.post("")
async def made(sent: Changing) -> Response:
    """The secret is shown in this answer alone; the same form sent again shows that it has been shown."""
    typed = sent.typed
    system = typed.must("system", sent.say("Vælg, hvilket system det er til."))
    channel = "topic" if typed.one("channel") == "topic" else "webhook"
    url = typed.must("url", sent.say("Skriv systemets webadresse.")) if channel == "webhook" else None
    rule = {"name": _RULE, "kinds": typed.many("kinds"), "units": [typed.one("unit")] if typed.one("unit") else []}
    if not typed.wrong:
        try:
            body = {"client_id": system, "channel": channel, "url": url, "rules": [rule]}
            answer = await changed(sent, "/notifications/subscriptions", body, _FIELDS, "system", "notifications")
        except Again:
            pass
        else:
            if channel == "topic":
                return sent.to(f"{_PLACE}/{answer.body['id']}", "subscription-made")
            return await _page(sent, answer.body["id"], {"secret": answer.body.get("secret")})
    return await _all(sent, 422)


@router.get("/{subscription}")
async def subscription(subscription: UUID, visit: Administering) -> Response:
    return await _page(visit, subscription)


async def _page(visit: Visit, subscription: UUID | str, secret: dict[str, Any] | None = None) -> Response:
    """The newest events first; `secret`: shown this once."""
    place = f"/notifications/subscriptions/{subscription}"
    found = await visit.apis.get("notifications", place)
    log, history = await asyncio.gather(
        visit.apis.get("notifications", f"{place}/log", after=max(found["sequence"] - _LOG, 0), limit=_LOG),
        visit.apis.get("notifications", f"{place}/history"),
    )
    units = {unit for rule in found["rules"] for unit in rule.get("units", ())}
    names = await visit.apis.names_of([it["by_professional"] for it in history["changes"]], units)
    return visit.page("administration_subscription.html", it=found, log=log["events"][::-1], history=history["changes"],
                      names=names, secret=secret, action=f"/portal/administration/abonnementer/{subscription}")  # fmt: skip


@router.post("/{subscription}/hemmelighed")
async def new_secret(subscription: UUID, sent: Changing) -> Response:
    """Shown in this answer alone; the same form sent again shows that it has been shown."""
    return await _page(sent, subscription, await _post(sent, subscription, "secret"))


@router.post("/{subscription}/afslut")
async def ended(subscription: UUID, sent: Changing) -> Response:
    await sent.apis.ask("DELETE", "notifications", f"/notifications/subscriptions/{subscription}", key=sent.key)
    return sent.to(f"/portal/administration/abonnementer/{subscription}", "subscription-ended")


@router.post("/{subscription}/pause")
async def paused(subscription: UUID, sent: Changing) -> Response:
    return await _done(sent, subscription, "pause")


@router.post("/{subscription}/fortsaet")
async def resumed(subscription: UUID, sent: Changing) -> Response:
    return await _done(sent, subscription, "resume")


@router.post("/{subscription}/proev")
async def tested(subscription: UUID, sent: Changing) -> Response:
    return await _done(sent, subscription, "test")


async def _done(sent: Sent, subscription: UUID, what: str) -> Response:
    await _post(sent, subscription, what)
    return sent.to(f"/portal/administration/abonnementer/{subscription}", _DONE[what])


async def _post(sent: Sent, subscription: UUID, what: str) -> dict[str, Any]:
    answer = await sent.apis.ask(
        "POST", "notifications", f"/notifications/subscriptions/{subscription}/{what}", body={}, key=sent.key
    )
    found: dict[str, Any] = answer.body
    return found
