"""For administrators: the systems that hear of the municipality's children: how each stands, its log, pause, a new secret."""

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.portal.endpoints.administering import Administering, Changing
from services.portal.endpoints.visiting import PageRoute, Sent, Visit

router = APIRouter(prefix="/administration/abonnementer", route_class=PageRoute)
_LOG = 50
_DONE = {
    "pause": "subscription-paused", "resume": "subscription-resumed", "test": "subscription-tested",
}  # fmt: skip


@router.get("")
async def subscriptions(visit: Administering) -> Response:
    found = await visit.apis.get("notifications", "/notifications/subscriptions")
    return visit.page("administration_subscriptions.html", subscriptions=found["subscriptions"])


@router.get("/{subscription}")
async def subscription(subscription: UUID, visit: Administering) -> Response:
    return await _page(visit, subscription)


async def _page(visit: Visit, subscription: UUID, secret: dict[str, Any] | None = None) -> Response:
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
