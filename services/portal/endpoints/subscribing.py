"""For administrators: the systems that hear of the municipality's children: a new one, its rules, pause, a new secret."""

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.portal import pages
from services.portal.apis import TheServiceSaysNo
from services.portal.endpoints import hearing
from services.portal.endpoints.administering import Administering, Changing, changed
from services.portal.endpoints.visiting import Again, PageRoute, Sent, Visit

router = APIRouter(prefix="/administration/abonnementer", route_class=PageRoute)
_PLACE, _LOG = "/portal/administration/abonnementer", 50
_FIELDS = hearing.FIELDS | {
    "no-such-system-of-the-municipality": "system", "the-host-is-not-registered": "url", "there-is-no-kafka-here": "channel",
    "client_id": "system", "url": "url", "channel": "channel",
}  # fmt: skip
_NOT_REMOVED = ("the-last-rule-stays", "the-subscription-has-ended")
_DONE = {
    "pause": "subscription-paused", "resume": "subscription-resumed", "test": "subscription-tested",
}  # fmt: skip


@router.get("")
async def subscriptions(visit: Administering) -> Response:
    return await _all(visit)


async def _all(visit: Visit, status: int = 200) -> Response:
    found, heard = await asyncio.gather(visit.apis.get("notifications", "/notifications/subscriptions"), _heard(visit))
    return visit.page(
        "administration_subscriptions.html", status, subscriptions=found["subscriptions"],
        systems=[(name, name) for name in heard], offered=await _offered(visit, heard), typed=visit.typed_in(_PLACE),
        place=_PLACE,
    )  # fmt: skip


async def _heard(visit: Visit) -> dict[str, list[str]]:
    """The municipality's systems by name, with the kinds of events that each may hear of."""
    found = await visit.apis.get("notifications", "/notifications/subscriptions/systems")
    return {it["client_id"]: it["kinds"] for it in found["systems"]}


async def _offered(visit: Visit, heard: dict[str, list[str]], system: str = "") -> hearing.Choices:
    """What a rule of this system may name; of none in particular, what any may hear."""
    kinds = heard[system] if system in heard else {kind for kinds in heard.values() for kind in kinds}
    return await hearing.choices(visit, kinds)


@router.post("")
async def made(sent: Changing) -> Response:
    """The secret is shown in this answer alone; the same form sent again shows that it has been shown."""
    typed = sent.typed
    system = typed.must("system", sent.say("Vælg, hvilket system det er til."))
    channel = "topic" if typed.one("channel") == "topic" else "webhook"
    url = typed.must("url", sent.say("Skriv systemets webadresse.")) if channel == "webhook" else None
    rule = hearing.said_rule(sent, await _offered(sent, await _heard(sent), system))
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


async def _page(visit: Visit, subscription: UUID | str, secret: dict[str, Any] | None = None, status: int = 200) -> Response:
    """The newest events first; `secret`: shown this once."""
    place = f"/notifications/subscriptions/{subscription}"
    found = await visit.apis.get("notifications", place)
    log, history, heard = await asyncio.gather(
        visit.apis.get("notifications", f"{place}/log", after=max(found["sequence"] - _LOG, 0), limit=_LOG),
        visit.apis.get("notifications", f"{place}/history"), _heard(visit),
    )  # fmt: skip
    units = {unit for rule in found["rules"] for unit in rule.get("units", ())}
    names = await visit.apis.names_of([it["by_professional"] for it in history["changes"]], units)
    action = f"{_PLACE}/{subscription}"
    return visit.page(
        "administration_subscription.html", status, it=found, log=log["events"][::-1], history=history["changes"], names=names,
        secret=secret, action=action, offered=await _offered(visit, heard, found["client_id"]),
        next_rule=hearing.free_name([it["name"] for it in found["rules"]]),
        adding=visit.typed_in(f"{action}/regler"), removing=visit.typed_in(f"{action}/regler/fjern"),
    )  # fmt: skip


# -- its rules ---------------------------------------------------------------------------------------------------------------


@router.post("/{subscription}/regler")
async def rule_added(subscription: UUID, sent: Changing) -> Response:
    """One more beside those that stand: an event comes where any of them fits."""
    place = f"/notifications/subscriptions/{subscription}"
    found, heard = await asyncio.gather(sent.apis.get("notifications", place), _heard(sent))
    offered = await _offered(sent, heard, found["client_id"])
    rule = hearing.said_rule(sent, offered)
    if found["state"] == "ended":
        sent.typed.wrong = {"rules": pages.words(sent.language).of("refusal", "the-subscription-has-ended")}
    if not sent.typed.wrong:
        try:
            await changed(sent, f"{place}/rules", rule, _FIELDS, "unit", "notifications")
            return sent.to(f"{_PLACE}/{subscription}", "rule-added")
        except Again:
            pass
    return await _page(sent, subscription, status=422)


@router.post("/{subscription}/regler/fjern")
async def rule_removed(subscription: UUID, sent: Changing) -> Response:
    """Named by the form. One that somebody else has taken away meanwhile is gone: said, with those that stand now."""
    name, no_more = sent.typed.one("rule"), sent.say("Reglen er der ikke mere. Her er de, der gælder nu.")
    if not hearing.is_name(name):
        sent.typed.wrong["rules"] = no_more
        return await _page(sent, subscription, status=422)
    try:
        place = f"/notifications/subscriptions/{subscription}/rules/{name}"
        await sent.apis.ask("DELETE", "notifications", place, key=sent.key)
    except TheServiceSaysNo as no:
        if no.code != 404 and no.problem not in _NOT_REMOVED:
            raise
        sent.typed.wrong["rules"] = no_more if no.code == 404 else pages.words(sent.language).of("refusal", no.problem)
        return await _page(sent, subscription, status=422)
    return sent.to(f"{_PLACE}/{subscription}", "rule-removed")


# -- how it runs -------------------------------------------------------------------------------------------------------------


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
