"""Integrators' subscriptions over real HTTP: signed, in a dense order, each by itself, tried for days, replayed, ended."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from services.events.directory import ClientChanged
from services.events.registry import ChildBorn, SupporterJoined
from services.notifications.repository import outward
from tests.notifications.receiver import Receiver
from tests.notifications.telling import AT, HAVBY, Telling
from tests.support.world import Someone

SUBSCRIPTIONS = "/notifications/subscriptions"
BATON = {"name": "baton", "kinds": ["child_registered", "tovholder_changed", "child_born"]}


async def subscribe(system: Someone, url: str, *rules: dict[str, Any]) -> dict[str, Any]:
    answered = await system.post(SUBSCRIPTIONS, {"url": url, "rules": list(rules) or [BATON]})
    assert answered.status == 201, answered.body
    found: dict[str, Any] = answered.body
    return found


async def how(system: Someone, made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await system.get(f"{SUBSCRIPTIONS}/{made['id']}")).body
    return found


async def test_each_subscriber_gets_what_concerns_it_signed_and_in_a_dense_order_of_its_own(
    telling_all: Telling, receiver: Receiver
) -> None:
    telling, town = telling_all, telling_all.world.names
    havby, skovby = await telling.system("record-havby"), await telling.system("record-skovby", "0991")
    everything = await subscribe(havby, receiver.url("/all"))
    nord = await subscribe(
        havby,
        receiver.url("/nord"),
        {**BATON, "name": "unit-nord", "units": [town["nord"]]},
        {"name": "births", "kinds": ["child_born"]},
    )
    await subscribe(skovby, receiver.url("/skovby"))
    await subscribe(await telling.system("places", roles=("placement",)), receiver.url("/places"))

    child = await telling.register()
    anna = telling.seat("anna", "nord")
    await telling.say(
        child,
        telling.changed(child, telling.seat("inge", "intake"), anna),
        ChildBorn(child=child, municipality=HAVBY, notification_id=None, born_on=AT.date(), order=1),
        SupporterJoined(child=child, municipality=HAVBY, supporter=anna, role="team", until_on=None),
    )
    await telling.world.settle()
    await telling.give_out()

    facts = [event["type"].split(".")[3] for event in receiver.events("/all")]
    assert facts == ["child_registered", "tovholder_changed", "tovholder_changed", "child_born"]
    assert receiver.sequences("/all") == [1, 2, 3, 4]
    # The tovholder stands in Nord by the time the rules are asked, so that all of this child fits the unit's rule.
    assert {event["matchedrule"] for event in receiver.events("/nord")} == {"unit-nord"}
    assert receiver.sequences("/nord") == [1, 2, 3, 4]
    assert (receiver.events("/skovby"), receiver.events("/places")) == ([], [])
    [first, *_] = [one for one in receiver.came if one.path == "/all"]
    assert Webhook(everything["secret"]).verify(first.body, first.headers)["id"] == receiver.events("/all")[0]["id"]
    with pytest.raises(WebhookVerificationError):
        Webhook(nord["secret"]).verify(first.body, first.headers)
    assert first.headers["webhook-id"] == f"{everything['id']}.1"
    assert (await how(havby, everything))["waiting"] == 0
    assert "secret" not in await how(havby, everything)


async def test_a_secret_is_shown_once_and_changed_without_a_gap(telling_all: Telling, receiver: Receiver) -> None:
    telling = telling_all
    system, key, body = await telling.system("record"), str(uuid4()), {"url": receiver.url(), "rules": [{"name": "all"}]}
    made, again = [await system.post(SUBSCRIPTIONS, body, key) for _ in range(2)]
    rotated = await system.post(f"{SUBSCRIPTIONS}/{made.body['id']}/secret")

    await system.post(f"{SUBSCRIPTIONS}/{made.body['id']}/test")
    await telling.give_out()
    await telling.world.advance(timedelta(days=8))

    during, after = receiver.came[0], receiver.came[-1]
    assert made.body["secret"].startswith("whsec_")
    assert (again.status, again.body) == (201, {name: value for name, value in made.body.items() if name != "secret"})
    for secret in (made.body["secret"], rotated.body["secret"]):
        assert Webhook(secret).verify(during.body, during.headers)["type"] == "dk.tovholder.notifications.line_tested.v1"
    Webhook(rotated.body["secret"]).verify(after.body, after.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(made.body["secret"]).verify(after.body, after.headers)
    stored = await telling.world.sql("notifications", "select body::text || client as said from answer")
    assert not [row for row in stored if "whsec_" in row["said"]]


async def test_a_failing_endpoint_delays_nobody_is_tried_for_days_then_paused_for_all_to_see_and_loses_nothing(
    telling_all: Telling, receiver: Receiver
) -> None:
    telling = telling_all
    system = await telling.system("record")
    well, ill, gone = [await subscribe(system, receiver.url(path)) for path in ("/well", "/ill", "/gone")]
    receiver.manner = {"/ill": "refuses", "/gone": "gone"}
    child = await telling.register()
    await telling.give_out()
    assert receiver.sequences("/well") == [1, 2]
    assert receiver.sequences("/ill") == [1]
    assert (await how(system, gone))["paused_why"] == "gone"
    first = await how(system, ill)
    assert (first["state"], first["trouble"], first["tries"], first["waiting"]) == ("active", "http-500", 1, 2)

    for _ in range(4):
        await telling.world.advance(timedelta(hours=20))
    paused, tries = await how(system, ill), len(receiver.sequences("/ill"))
    log = (await system.get(f"{SUBSCRIPTIONS}/{ill['id']}/log")).body["events"]
    assert (paused["state"], paused["paused_why"]) == ("paused", "failing")
    assert [one["outcome"] for one in log[0]["tries"]] == ["http-500"] * tries
    assert tries == 5

    receiver.manner = {}
    await system.post(f"{SUBSCRIPTIONS}/{ill['id']}/resume")
    await telling.give_out()
    came = receiver.sequences("/ill")[tries:]
    assert came == list(range(1, len(came) + 1))
    assert {event["subject"] for event in receiver.events("/ill")[:2]} == {str(child)}
    assert (await how(system, ill))["waiting"] == 0
    assert (await how(system, well))["state"] == "active"


async def test_an_owner_replays_pauses_and_ends_and_nobody_else_sees_it(telling_all: Telling, receiver: Receiver) -> None:
    telling = telling_all
    system, other = await telling.system("record"), await telling.system("other")
    made = await subscribe(system, receiver.url())
    await telling.register()
    await telling.give_out()
    place = f"{SUBSCRIPTIONS}/{made['id']}"

    replayed = await system.post(f"{place}/replay", {"from_sequence": 2})
    await telling.give_out()
    beyond = await system.post(f"{place}/replay", {"from_sequence": 9})
    await system.post(f"{place}/pause")
    await telling.register()
    await telling.give_out()
    during = receiver.sequences()
    await system.post(f"{place}/resume")
    await telling.give_out()
    after = receiver.sequences()
    foreign = [(await other.get(f"{place}{part}")).status for part in ("", "/log")]
    foreign += [(await other.delete(place)).status, (await other.post(f"{place}/replay", {"from_sequence": 1})).status]
    ended = await system.delete(place)
    await telling.register()
    await telling.give_out()
    too_late = await system.post(f"{place}/resume")

    assert replayed.status == 200
    assert (beyond.status, beyond.problem, beyond.body["newest"]) == (422, "the-point-is-gone", 2)
    assert during == [1, 2, 2]
    assert after == [1, 2, 2, 3, 4]
    assert foreign == [404, 404, 404, 404]
    assert (ended.status, ended.body["state"]) == (200, "ended")
    assert receiver.sequences() == after
    assert (too_late.status, too_late.problem) == (409, "the-subscription-has-ended")


async def test_rules_are_added_and_removed_while_it_runs_and_count_from_then_on(telling_all: Telling, receiver: Receiver) -> None:
    telling, town = telling_all, telling_all.world.names
    system, other = await telling.system("record"), await telling.system("other")
    made = await subscribe(system, receiver.url(), {"name": "births", "kinds": ["child_born"]})
    place = f"{SUBSCRIPTIONS}/{made['id']}/rules"
    await telling.register()
    await telling.give_out()
    before = receiver.sequences()

    both = await asyncio.gather(*(system.post(place, BATON, key="once") for _ in range(2)))
    again = await system.post(place, BATON)
    child = await telling.register()
    await telling.give_out()
    heard = [event["matchedrule"] for event in receiver.events()]
    removed = await system.delete(f"{place}/baton")
    await telling.say(child, telling.changed(child, telling.seat("inge", "intake"), telling.seat("anna", "nord")))
    await telling.world.settle()
    await telling.give_out()

    assert before == []
    assert [(it.status, [rule["name"] for rule in it.body["rules"]]) for it in both] == [(201, ["births", "baton"])] * 2
    assert (again.status, again.problem) == (409, "a-rule-of-that-name-stands-already")
    assert heard == ["baton", "baton"]
    assert [event["matchedrule"] for event in receiver.events()] == heard
    assert (removed.status, [rule["name"] for rule in removed.body["rules"]]) == (200, ["births"])
    history = (await system.get(f"{SUBSCRIPTIONS}/{made['id']}/history")).body["changes"]
    assert [it["what"] for it in history] == ["rule-removed", "rule-added", "made"]
    # Nobody else, no rule that cannot be, none too many, and never none at all.
    foreign = [await other.post(place, {"name": "mine"}), await other.delete(f"{place}/births")]
    assert [it.status for it in foreign] == [404, 404]
    assert (await telling.someone("elin").post(place, {"name": "mine"})).problem == "only-an-administrator-keeps-subscriptions"
    bad: tuple[dict[str, Any], ...] = (
        {"name": "x", "kinds": ["custody_changed"]},
        {"name": "x", "from_months": 9, "to_months": 8},
        {"name": "X"},
        {},
    )
    assert [(await system.post(place, body)).status for body in bad] == [422] * 4
    assert [(await system.delete(f"{place}/{name}")).problem for name in ("births", "gone")] == [
        "the-last-rule-stays",
        "not-found",
    ]
    more = [await system.post(place, {"name": f"unit-{number}", "units": [town["nord"]]}) for number in range(20)]
    assert [it.status for it in more] == [201] * 19 + [409]
    assert more[-1].problem == "a-subscription-has-no-more-rules"


async def test_what_may_not_be_subscribed_to_is_refused_with_the_reason(telling_all: Telling, receiver: Receiver) -> None:
    telling = telling_all
    system, rules = await telling.system("record"), [{"name": "all"}]

    async def refused(who: Someone, body: Any) -> tuple[int, str | None, str | None]:
        answered = await who.post(SUBSCRIPTIONS, body)
        return answered.status, answered.problem, answered.body.get("why")

    assert (await refused(telling.someone("elin"), {"url": receiver.url(), "rules": rules}))[:2] == (
        403, "only-an-administrator-keeps-subscriptions",
    )  # fmt: skip
    foreign = {"url": receiver.url(), "rules": rules, "client_id": "placement-havby"}
    assert (await refused(system, foreign))[:2] == (403, "a-system-subscribes-for-itself")
    assert (await refused(telling.world.as_client("vans-gateway"), {"url": receiver.url(), "rules": rules}))[0] == 403
    assert await refused(system, {"url": "https://evil.example.com/", "rules": rules}) == (
        403, "the-host-is-not-registered", "host-not-registered",
    )  # fmt: skip
    assert await refused(system, {"url": "http://hook.example.dk/", "rules": rules}) == (
        403, "the-host-is-not-registered", "needs-https",
    )  # fmt: skip
    assert (await refused(system, {"channel": "topic", "rules": rules}))[1] == "there-is-no-kafka-here"
    assert (await refused(system, {"url": receiver.url(), "rules": [{"name": "x", "kinds": ["custody_changed"]}]}))[1] == (
        "this-kind-does-not-leave"
    )
    for body in ({"url": receiver.url()}, {"rules": rules}, {"url": receiver.url(), "rules": [*rules, *rules]}, {"url": 7}):
        assert (await refused(system, body))[0] == 422
    assert (await system.get(SUBSCRIPTIONS)).body == {"subscriptions": []}


async def test_a_line_is_tested_every_quarter_of_an_hour_and_two_processes_and_a_killed_one_lose_and_double_no_number(
    telling_all: Telling, receiver: Receiver
) -> None:
    telling = telling_all
    system = await telling.system("record")
    made = await subscribe(system, receiver.url())
    for _ in range(3):
        await telling.world.advance(timedelta(minutes=16))
    tests = len(receiver.came)
    proven = (await how(system, made))["proven_at"]

    # A process has the subscription in hand and dies; meanwhile others give out at once.
    store = telling.world.store("notifications")
    for _ in range(3):
        await telling.register()
    await asyncio.gather(*(outward.give_out(store, AT.date(), 3) for _ in range(4)))
    await outward.take(store, uuid4(), timedelta(minutes=1), 10, with_topics=False)
    await telling.give_out()
    in_hand = len(receiver.came) - tests
    await telling.world.sql("notifications", "update subscription set in_hand_until = '-infinity' returning 1")
    await telling.give_out()

    assert tests == 3
    assert {event["type"].split(".")[3] for event in receiver.events()[:tests]} == {"line_tested"}
    assert proven is not None
    assert in_hand == 0
    assert receiver.sequences() == list(range(1, 3 + 6 + 1))
    assert UUID(receiver.events()[-1]["subscription"]) == UUID(made["id"])


async def test_a_system_put_out_of_use_gets_nothing_more_and_is_no_line_to_prove(
    telling_all: Telling, receiver: Receiver
) -> None:
    telling, client = telling_all, uuid4()

    async def is_in_use(so: bool) -> Someone:
        told = ClientChanged(
            client=client, client_id="record", kind="municipality", municipality=HAVBY, organisation=None, sends_for=[],
            roles=["record-system"], active=so,
        )  # fmt: skip
        await telling.say(client, told)
        await telling.world.settle()
        return telling.world.as_client("record")

    made = await subscribe(await is_in_use(True), receiver.url())
    receiver.manner = {"/hook": "refuses"}
    await telling.register()
    await telling.give_out()
    tried, receiver.manner = len(receiver.came), {}

    await is_in_use(False)
    for _ in range(4):
        await telling.world.advance(timedelta(hours=1))
    out_of_use = len(receiver.came)
    async with telling.world.store("notifications").transaction() as tx:
        unproven, _ = await outward.lines(tx)
    system = await is_in_use(True)
    await telling.world.advance(timedelta(minutes=1))

    assert (tried, out_of_use, unproven) == (1, 1, 0)
    assert receiver.sequences()[1:3] == [1, 2]
    assert (await how(system, made))["waiting"] == 0


async def test_the_administrator_sees_and_keeps_the_subscriptions_of_the_municipality_s_own_systems(
    telling_all: Telling, receiver: Receiver
) -> None:
    telling = telling_all
    havby = await telling.system("record-havby")
    made = await subscribe(havby, receiver.url("/all"))
    await subscribe(await telling.system("record-skovby", "0991"), receiver.url("/skovby"))
    lone, place = telling.someone("lone"), f"{SUBSCRIPTIONS}/{made['id']}"

    seen = (await lone.get(SUBSCRIPTIONS)).body["subscriptions"]
    assert [(it["client_id"], it["id"]) for it in seen] == [("record-havby", made["id"])]
    assert (await lone.post(f"{place}/pause")).body["state"] == "paused"
    assert (await lone.post(f"{place}/resume")).body["state"] == "active"
    rotated = await lone.post(f"{place}/secret", key="once")
    again = await lone.post(f"{place}/secret", key="once")
    assert rotated.body["secret"].startswith("whsec_")
    assert "secret" not in again.body
    assert (await lone.get(f"{place}/log")).status == 200

    history = (await lone.get(f"{place}/history")).body["changes"]
    assert [(it["what"], it["by_system"]) for it in history] == [
        ("secret", None), ("resumed", None), ("paused", None), ("made", "record-havby"),
    ]  # fmt: skip
    assert {it["by_professional"] for it in history[:3]} == {telling.world.names["lone"]}
    # Other people, and another municipality's administrator.
    assert (await telling.someone("elin").get(SUBSCRIPTIONS)).problem == "only-an-administrator-keeps-subscriptions"
    assert (await telling.someone("elin").post(f"{place}/pause")).status == 403
    assert (await telling.someone("skovby-leader").get(place)).status == 404
    assert (await telling.someone("skovby-leader").post(f"{place}/pause")).status == 404
    assert (await lone.delete(place)).body["state"] == "ended"


async def test_the_administrator_makes_a_subscription_for_a_system_of_the_municipality_and_for_no_other(
    telling_all: Telling, receiver: Receiver
) -> None:
    telling = telling_all
    lone, record = telling.someone("lone"), await telling.system("record-havby")
    for client_id, municipality, roles in (("record-skovby", "0991", ("record-system",)), ("deaf", HAVBY, ())):
        await telling.system(client_id, municipality, roles)
    wanted = {"client_id": "record-havby", "url": receiver.url("/all"), "rules": [BATON]}

    offered = (await lone.get(f"{SUBSCRIPTIONS}/systems")).body["systems"]
    made, again = [await lone.post(SUBSCRIPTIONS, wanted, key="once") for _ in range(2)]
    await telling.register()
    await telling.give_out()

    # It belongs to the system, which keeps it as one of its own; the history says who made it.
    assert {it["client_id"]: "tovholder_changed" in it["kinds"] for it in offered} == {
        "placement-havby": False, "record-havby": True,
    }  # fmt: skip
    assert (made.status, made.body["client_id"], made.body["id"]) == (201, "record-havby", again.body["id"])
    assert "secret" not in again.body
    [first, *_] = receiver.came
    assert Webhook(made.body["secret"]).verify(first.body, first.headers)["subscription"] == made.body["id"]
    assert [it["id"] for it in (await record.get(SUBSCRIPTIONS)).body["subscriptions"]] == [made.body["id"]]
    [line] = (await lone.get(f"{SUBSCRIPTIONS}/{made.body['id']}/history")).body["changes"]
    assert (line["what"], line["by_professional"]) == ("made", telling.world.names["lone"])
    # Another municipality's system, one that may hear nothing, one that is none, a ward, and no name at all.
    for named in ("record-skovby", "deaf", "nobody", "maternity-havby", None):
        refused = await lone.post(SUBSCRIPTIONS, {**wanted, "client_id": named})
        assert (refused.status, refused.problem) == (422, "no-such-system-of-the-municipality"), named
    for other in (telling.someone("elin"), record):
        assert (await other.get(f"{SUBSCRIPTIONS}/systems")).problem == "only-an-administrator-keeps-subscriptions"
