"""Integrators' subscriptions: made by the system that owns them or the administrator; seen and kept in order by both."""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.chassis.errors import CallerIsUnknown, NotFound, NotUnderstood
from services.chassis.ids import new_id
from services.chassis.party import Caller
from services.chassis.request import Change, OpenChange, Reading, answer
from services.chassis.route import UsualRoute
from services.chassis.service import Runtime
from services.chassis.settings import Settings
from services.events.envelope import Code
from services.notifications.domain import outward as rules
from services.notifications.endpoints.asking import Changing, Looking
from services.notifications.outward import egress, webhooks
from services.notifications.outward.proving import proof
from services.notifications.outward.work import topic_of
from services.notifications.repository import outward
from services.notifications.schemas import (
    LogEntryOut,
    LogOut,
    ReplayIn,
    RuleIn,
    SecretOut,
    SubscriptionHistoryOut,
    SubscriptionIn,
    SubscriptionOut,
    SubscriptionsOut,
    SystemOut,
    SystemsOut,
)

router = APIRouter(prefix="/subscriptions", route_class=UsualRoute)


class ThisKindDoesNotLeave(NotUnderstood):
    """No event of that kind is given to integrators."""


@router.post(
    "", status_code=201, summary="Subscribe to events by webhook or on a topic of one's own", response_model=SubscriptionOut
)
async def subscribe(request: Changing, body: SubscriptionIn) -> Response:
    """The answer shows the secret, once: a repeated request gets none. Only what this system may hear comes.

    The administrator makes one for a system of the municipality's own by naming it; it then belongs to that system.
    """
    settings = request.runtime.settings
    await _may_change(request)
    async with request.begin() as begun:
        owner = await _owner(begun, body.client_id)
        rules.may_subscribe(owner.hears)
        _checked(settings, body)
        number = new_id()
        stored = [_stored(rule) for rule in body.rules]
        await outward.add(begun.tx, number, owner, body.channel, body.url, stored)
        await outward.remember(begun.tx, number, begun.caller, "made")
        secret = await _new_secret(begun, settings, number, begun.at) if body.channel == "webhook" else None
        row = await outward.own(begun.tx, begun.caller.client_id, number)
        shown = _shown(row)
        await begun.answer(201, shown)
    return answer(201, {**shown, **({"secret": secret} if secret else {})})


async def _administers(runtime: Runtime, caller: Caller) -> bool:
    """As the directory says it now: whether somebody speaks for their municipality is its word, and kept nowhere else."""
    if caller.professional is None:
        return False
    found = await runtime.peers.get("directory", f"/directory/professionals/{caller.professional}")
    return bool(found["administers"] and found["state"] == "active")


async def _seen(request: Reading, subscription: UUID | None = None) -> list[Any]:
    """Of the asking system's own, or all of the municipality's; OnlyAnAdministratorKeepsSubscriptions for other people."""
    async with request.begin() as look:
        caller = look.caller
        rows = await outward.seen_by(look.tx, caller.client_id, subscription)
    if caller.client_id is None and not await _administers(request.runtime, caller):
        raise rules.OnlyAnAdministratorKeepsSubscriptions
    return rows


async def _may_change(request: Change) -> None:
    """Before the transaction: a peer is never asked inside one. Row-level security bounds what is found in it."""
    if "client_id" in request.bearer.who:
        return
    async with request.runtime.store.request(request.who, None, None, only_reads=True) as (_, opened):
        if opened is None:
            raise CallerIsUnknown
        caller = Caller.of(request.bearer, opened["caller"])
    if not await _administers(request.runtime, caller):
        raise rules.OnlyAnAdministratorKeepsSubscriptions


@router.get("", summary="One's own subscriptions; the administrator's: all of the municipality", response_model=SubscriptionsOut)
async def all_own(request: Looking) -> Response:
    rows = await _seen(request)
    return answer(200, {"subscriptions": [_shown(row) for row in rows]})


@router.get("/systems", summary="For the administrator: the municipality's systems that may subscribe", response_model=SystemsOut)
async def systems(request: Looking) -> Response:
    """And the kinds of events that each may hear of."""
    async with request.begin() as look:
        caller = look.caller
        found = await outward.systems_of(look.tx, caller.party.municipality or "")
    if not await _administers(request.runtime, caller):
        raise rules.OnlyAnAdministratorKeepsSubscriptions
    shown = [SystemOut(client_id=it.client_id, kinds=rules.hears(it.hears)) for it in found if rules.classes_of(it.hears)]
    return answer(200, SystemsOut(systems=shown).model_dump(mode="json"))


@router.get("/{subscription}", summary="How one's subscription stands", response_model=SubscriptionOut)
async def one(request: Looking, subscription: UUID) -> Response:
    rows = await _seen(request, subscription)
    if not rows:
        raise NotFound
    return answer(200, _shown(rows[0]))


@router.get("/{subscription}/history", summary="Who did what to it, and when", response_model=SubscriptionHistoryOut)
async def history(request: Looking, subscription: UUID, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> Response:
    if not await _seen(request, subscription):
        raise NotFound
    async with request.begin() as look:
        rows = await outward.history_of(look.tx, subscription, limit)
    return answer(200, {"changes": [dict(row) for row in rows]})


@router.get("/{subscription}/log", summary="Each event of it, and every try", response_model=LogOut)
async def log(
    request: Looking,
    subscription: UUID,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """What is kept, 30 days: ids and codes."""
    if not await _seen(request, subscription):
        raise NotFound
    async with request.begin() as look:
        rows = await outward.log_of(look.tx, subscription, after, limit)
    shown = [LogEntryOut(**row).model_dump(exclude_none=True) for row in rows]
    return answer(200, {"events": shown, "next": rows[-1]["sequence"] if len(rows) == limit else None})


@router.delete("/{subscription}", summary="End it for good", response_model=SubscriptionOut)
async def end(request: Changing, subscription: UUID) -> Response:
    """Nothing goes out after the answer. A topic keeps what is on it for its time."""
    await _may_change(request)
    async with request.begin() as begun:
        await _own(begun, subscription)
        await outward.remember(begun.tx, subscription, begun.caller, "ended")
        await outward.end(begun.tx, subscription)
        return await _answered(begun, subscription)


@router.post("/{subscription}/test", status_code=202, summary="Send a test event now", response_model=SubscriptionOut)
async def test(request: Changing, subscription: UUID) -> Response:
    """It goes the way of every event, in turn; the log shows what became of it."""
    await _may_change(request)
    async with request.begin() as begun:
        row = await _running(begun, subscription)
        await outward.remember(begun.tx, subscription, begun.caller, "tested")
        await outward.ask_test(begun.tx, subscription, row["municipality"] or "0000", proof(subscription, begun.at))
        return await _answered(begun, subscription, 202)


@router.post("/{subscription}/secret", status_code=201, summary="A new secret, shown once", response_model=SecretOut)
async def rotate(request: Changing, subscription: UUID) -> Response:
    """The former one signs beside it for a week, so that the receiver can change over at its own time."""
    settings = request.runtime.settings
    await _may_change(request)
    async with request.begin() as begun:
        row = await _running(begun, subscription)
        await outward.remember(begun.tx, subscription, begun.caller, "secret")
        if row["channel"] != "webhook":
            raise NotFound
        until = begun.at + rules.FORMER_SECRET_SIGNS_FOR
        secret = await _new_secret(begun, settings, subscription, until)
        number = await outward.newest_secret(begun.tx, subscription)
        shown = SecretOut(id=subscription, number=number, former_until=until).model_dump(mode="json", exclude_none=True)
        await begun.answer(201, shown)
    return answer(201, {**shown, "secret": secret})


@router.post("/{subscription}/pause", summary="Hold it; nothing is lost meanwhile", response_model=SubscriptionOut)
async def pause(request: Changing, subscription: UUID) -> Response:
    await _may_change(request)
    async with request.begin() as begun:
        await _running(begun, subscription)
        await outward.remember(begun.tx, subscription, begun.caller, "paused")
        await outward.set_paused(begun.tx, subscription, "by-owner", begun.at)
        return await _answered(begun, subscription)


@router.post("/{subscription}/resume", summary="Go on where it stopped, at once", response_model=SubscriptionOut)
async def resume(request: Changing, subscription: UUID) -> Response:
    await _may_change(request)
    async with request.begin() as begun:
        await _running(begun, subscription)
        await outward.remember(begun.tx, subscription, begun.caller, "resumed")
        await outward.set_paused(begun.tx, subscription, None, begun.at)
        return await _answered(begun, subscription)


@router.post("/{subscription}/replay", summary="Go on from another point", response_model=SubscriptionOut)
async def replay(request: Changing, subscription: UUID, body: ReplayIn) -> Response:
    """The same events with the same sequence numbers again; what is older than 30 days is gone, and said to be."""
    await _may_change(request)
    async with request.begin() as begun:
        row = await _running(begun, subscription)
        await outward.remember(begun.tx, subscription, begun.caller, "replayed")
        oldest = await outward.oldest_kept(begun.tx, row)
        await outward.set_sent(begun.tx, subscription, rules.replay_from(body.from_sequence, oldest, row["sequence"]))
        return await _answered(begun, subscription)


@router.post(
    "/{subscription}/rules", status_code=201, summary="Hear by one more rule from now on", response_model=SubscriptionOut
)
async def add_rule(request: Changing, subscription: UUID, body: RuleIn) -> Response:
    """What has been given out stays as it was; the secret, the sequence and what waits are not touched."""
    await _may_change(request)
    _checked_rules([body])
    async with request.begin() as begun:
        row = await _running(begun, subscription)
        await outward.remember(begun.tx, subscription, begun.caller, "rule-added")
        await outward.set_rules(begun.tx, subscription, rules.with_rule(row["rules"], _stored(body)))
        return await _answered(begun, subscription, 201)


@router.delete("/{subscription}/rules/{name}", summary="Hear by that rule no more", response_model=SubscriptionOut)
async def remove_rule(request: Changing, subscription: UUID, name: Code) -> Response:
    """The last one stays: whoever wants to hear nothing pauses, or ends it."""
    await _may_change(request)
    async with request.begin() as begun:
        row = await _running(begun, subscription)
        await outward.remember(begun.tx, subscription, begun.caller, "rule-removed")
        await outward.set_rules(begun.tx, subscription, rules.without_rule(row["rules"], name))
        return await _answered(begun, subscription)


def _stored(rule: RuleIn) -> dict[str, Any]:
    return rule.model_dump(mode="json", exclude_defaults=True)


async def _owner(begun: OpenChange, named: str | None) -> rules.Owner:
    """The asking system itself, or the one that an administrator names."""
    own = outward.owner_of(begun.caller)
    if own is not None:
        if named not in (None, own.client_id):
            raise rules.ASystemSubscribesForItself
        return own
    known = await outward.systems_of(begun.tx, begun.caller.party.municipality or "")
    found = next((it for it in known if it.client_id == named and rules.classes_of(it.hears)), None)
    if found is None:
        raise rules.NoSuchSystemOfTheMunicipality
    return found


def _checked(settings: Settings, body: SubscriptionIn) -> None:
    _checked_rules(body.rules)
    if body.channel == "topic" and settings.bus != "kafka":
        raise rules.ThereIsNoKafkaHere
    if body.url is not None:
        try:
            egress.place_of(settings, body.url)
        except egress.MayNotGoThere as refused:
            raise rules.TheHostIsNotRegistered(why=refused.code) from refused


def _checked_rules(given: Sequence[RuleIn]) -> None:
    unknown = sorted({kind for rule in given for kind in rule.kinds} - set(rules.leaves()))
    if unknown:
        raise ThisKindDoesNotLeave(kinds=unknown)
    for rule in given:
        rules.may_fit(rule.from_months, rule.to_months)


async def _own(begun: OpenChange, subscription: UUID) -> Any:
    row = await outward.own(begun.tx, begun.caller.client_id, subscription)
    if row is None:
        raise NotFound
    return row


async def _running(begun: OpenChange, subscription: UUID) -> Any:
    row = await _own(begun, subscription)
    if row["state"] == "ended":
        raise rules.TheSubscriptionHasEnded
    return row


async def _new_secret(begun: OpenChange, settings: Settings, subscription: UUID, former_until: datetime) -> str:
    """In the form of Standard Webhooks. It is stored nowhere, and in no stored answer."""
    number, salt = await outward.newest_secret(begun.tx, subscription) + 1, webhooks.new_salt()
    await outward.add_secret(begun.tx, subscription, number, salt, former_until)
    return f"whsec_{base64.b64encode(webhooks.secret_of(settings, subscription, number, salt)).decode()}"


async def _answered(begun: OpenChange, subscription: UUID, status: int = 200) -> Response:
    return await begun.answer(status, _shown(await _own(begun, subscription)))


def _shown(row: Any) -> dict[str, Any]:
    is_topic, fails = row["channel"] == "topic", bool(row["tries"])
    shown = SubscriptionOut(
        **{
            **row,
            "rules": [RuleIn(**rule).model_dump(mode="json", exclude_defaults=True) for rule in row["rules"]],
            "topic": topic_of(row["id"]) if is_topic else None,
            "topic_ready": row["topic_ready"] if is_topic else None,
            "next_try_at": row["next_try_at"] if fails and row["state"] == "active" else None,
        },
        waiting=row["sequence"] - row["sent"],
    )
    return shown.model_dump(mode="json", exclude_none=True)
