"""The compacted topic says of every child who is tovholder now, and no relay that slept leaves an older word as the last."""

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.chassis.kafka import Sent
from services.chassis.present import ask_again
from services.chassis.relay import Relay
from services.chassis.settings import Settings
from services.demo.kafka import KafkaBroker
from services.events.current import CurrentTovholder
from tests.registry.settled import Municipality
from tests.support.on_kafka import fresh_topics, relay_of, said_now, settings_on


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    with KafkaBroker(tmp_path_factory.mktemp("current")) as started:
        yield started


@pytest.fixture
async def kafka(town: Municipality, broker: KafkaBroker) -> Settings:
    """The registry's relay sends to the broker from now on."""
    settings = settings_on(town.world, broker)
    await fresh_topics(settings)
    await town.world.running.relays["registry"].stop()
    town.world.running.relays["registry"] = relay_of(town.world, settings)
    return settings


async def relay(town: Municipality) -> None:
    while await town.world.running.relays["registry"].once():
        pass


async def last_of(settings: Settings, child: UUID) -> Any:
    return (await said_now(settings))[str(child)][-1]


async def die(town: Municipality) -> None:
    """The registry's processes so far have not renewed anything for a lease's time."""
    async with town.world.store("registry").connection() as connection:
        await connection.execute("select free_leases(holder) from worker")


class Slow:
    """A writer that is held up in the network: what it is given goes out when it is let go."""

    def __init__(self, relay: Relay) -> None:
        deriving = relay._deriving
        assert deriving is not None
        self._writer, self.given, self.go = deriving._writer, asyncio.Event(), asyncio.Event()
        deriving._writer = self  # type: ignore[assignment]

    async def put(self, topic: str, records: list[Sent]) -> None:
        self.given.set()
        await self.go.wait()
        await self._writer.put(topic, records)

    async def close(self) -> None:
        await self._writer.close()


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
async def test_the_last_word_about_a_child_is_its_present_tovholder(town: Municipality, kafka: Settings) -> None:
    first, second = await town.held(town.nurse), await town.child()

    await relay(town)

    for child in (first, second):
        read, last = await town.read(child), await last_of(kafka, child)
        assert CurrentTovholder.model_validate(last).version == read["version"]
        assert last["tovholder"]["professional"] == read["tovholder"]["professional"]
        assert (last["child"], last["municipality"], last["status"]) == (str(child), town.heard.municipality, "expected")
    assert (await last_of(kafka, first))["tovholder"] == town.nurse.model_dump(mode="json")


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
async def test_of_several_changes_within_a_batch_only_the_newest_is_sent(town: Municipality, kafka: Settings) -> None:
    child, handover = await town.offered(town.nurse)
    await relay(town)
    before = len((await said_now(kafka))[str(child)])
    await town.as_(town.nurse).post(f"/registry/handovers/{handover}/acceptance")
    await town.propose(child, town.colleague, by=town.nurse)

    await relay(town)

    values = (await said_now(kafka))[str(child)]
    assert len(values) == before + 1
    assert values[-1]["version"] == (await town.read(child))["version"]


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
async def test_a_stale_relay_cannot_leave_an_old_value_standing_as_the_last(town: Municipality, kafka: Settings) -> None:
    child, handover = await town.offered(town.nurse)
    sleeper = town.world.running.relays["registry"]
    slow = Slow(sleeper)
    sleeping = asyncio.create_task(relay(town))
    await slow.given.wait()

    await die(town)
    successor = town.world.running.relays["registry"] = relay_of(town.world, kafka)
    await town.as_(town.nurse).post(f"/registry/handovers/{handover}/acceptance")
    await relay(town)
    assert (await last_of(kafka, child))["tovholder"] == town.nurse.model_dump(mode="json")

    # Its old value reaches the topic after the newer one …
    slow.go.set()
    await sleeping
    # … and the holder sends the present one again, since the sleeper says what it had on its way.
    await relay(town)

    values = (await said_now(kafka))[str(child)]
    assert values[-2]["version"] < values[-1]["version"] == (await town.read(child))["version"]
    assert values[-1]["tovholder"] == town.nurse.model_dump(mode="json")
    assert await town.world.sql("registry", "select 1 from republish") == []
    await sleeper.stop()
    await successor.stop()


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
async def test_what_is_asked_for_twice_while_it_is_sent_is_sent_again(town: Municipality, kafka: Settings) -> None:
    child = await town.child()
    await relay(town)
    own = town.world.running.relays["registry"]
    slow = Slow(own)
    async with town.world.store("registry").connection() as connection:
        await ask_again(connection, [child], kafka.partitions)
        sending = asyncio.create_task(own.once())
        await slow.given.wait()
        await ask_again(connection, [child], kafka.partitions)
    slow.go.set()
    await sending

    assert len(await town.world.sql("registry", "select 1 from republish")) == 1
    await relay(town)
    assert await town.world.sql("registry", "select 1 from republish") == []


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
async def test_a_child_that_was_erased_leaves_a_tombstone_and_other_subjects_leave_nothing(
    town: Municipality, kafka: Settings
) -> None:
    gone = uuid4()
    async with town.world.store("registry").connection() as connection:
        await ask_again(connection, [gone], kafka.partitions)
    await town.leaves(town.colleague)
    await town.tick()
    await relay(town)

    assert await said_now(kafka) == {str(gone): [None]}


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
async def test_a_closed_child_s_value_says_that_nobody_is_tovholder(town: Municipality, kafka: Settings) -> None:
    child = await town.held(town.nurse)
    await town.world.store("registry").call("commit", {"kind": "machine"}, [await closing(town, child)], None, role="machine")

    await relay(town)

    last = await last_of(kafka, child)
    assert (last["status"], last["tovholder"]) == ("closed", None)
    assert last["version"] == (await town.world.sql("registry", "select version from child where id = $1", child))[0]["version"]


async def closing(town: Municipality, child: UUID) -> dict[str, Any]:
    """What closes an episode in the store."""
    [row] = await town.world.sql("registry", "select version from child where id = $1", child)
    event = {"specversion": "1.0", "id": str(uuid4()), "type": "dk.tovholder.registry.case_closed.v1", "source": "/registry",
             "subject": str(child), "correlationid": "c", "data": {}}  # fmt: skip
    return {"child": str(child), "expected": row["version"], "partition": child.int % 8, "status": "closed", "events": [event]}


async def test_whoever_has_no_kafka_pages_through_the_same(town: Municipality) -> None:
    children = sorted([await town.held(town.nurse), await town.child(), await town.child()])

    pages, after = [], None
    while True:
        answer = await town.service().get("/registry/current", params={"limit": 2} | ({"after": after} if after else {}))
        assert answer.status == 200
        pages.append(answer.body["current"])
        if (after := answer.body["next"]) is None:
            break

    assert [len(page) for page in pages] == [2, 1]
    found = [CurrentTovholder.model_validate(one) for page in pages for one in page]
    assert [one.child for one in found] == children
    assert [one.version for one in found] == [(await town.read(child))["version"] for child in children]
    assert (await town.as_(town.lead).get("/registry/current")).status == 403
