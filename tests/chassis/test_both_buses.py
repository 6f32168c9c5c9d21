"""What is promised of the bus holds on both: the embedded one and a real Apache Kafka broker."""

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka.admin import AdminClient

from services.chassis import kafka, topics
from services.chassis.bus import BusIsAway, EmbeddedReader, Reader
from services.chassis.consumer import Consumer
from services.chassis.ids import new_id
from services.chassis.kafka import KafkaReader, KafkaWriter, Sent
from services.demo.kafka import KafkaBroker
from tests.chassis.conftest import TEMPLATE
from tests.support.rails import NAMES, Ground, Rails, WordSaid

BOTH = ["embedded", pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.xdist_group("kafka")])]
ONLY_KAFKA = [BOTH[1]]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    with KafkaBroker(tmp_path_factory.mktemp("broker")) as started:
        yield started


@pytest.fixture
def topic_file(tmp_path: Path) -> Path:
    """The file that `topics.make` reads, for the small services."""
    content: dict[str, Any] = {
        "cluster": {"replication_factor": 3, "min_insync_replicas": 2, "unclean_leader_election": False},
        "rights": {"principal": "User:{service}", "writer_operations": ["WRITE"], "reader_operations": ["READ"]},
        "topics": [
            {"name": f"tovholder.{name}", "cleanup": "delete", "retention_days": 14, "writers": [name], "readers": ["listener"]}
            for name in NAMES
        ],
    }
    file = tmp_path / "topics.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def remove_topics(broker: KafkaBroker, *names: str) -> None:
    """Returns once they are gone."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    for future in admin.delete_topics([f"tovholder.{name}" for name in names], operation_timeout=10).values():
        future.result(10)


@pytest.fixture
async def rails(request: pytest.FixtureRequest, ground: Ground, topic_file: Path) -> AsyncIterator[Rails]:
    """The small services on one of the buses, with fresh topics."""
    broker: KafkaBroker | None = request.getfixturevalue("broker") if request.param == "kafka" else None
    more = {"bus": "kafka", "kafka_bootstrap": broker.bootstrap} if broker else {}
    settings = ground.settings(f"rails_{uuid.uuid4().hex[:12]}", **more)
    await asyncio.to_thread(ground.clone, settings.database_name, TEMPLATE)
    if broker:
        await asyncio.to_thread(topics.make, settings, topic_file)
    async with ground.rails(settings, broker) as made:
        yield made
    if broker:
        await asyncio.to_thread(remove_topics, broker, *NAMES)
    await asyncio.to_thread(ground.drop, settings.database_name)


def reader(rails: Rails) -> Reader:
    return KafkaReader(rails.settings) if rails.broker else EmbeddedReader(rails.settings, rails.running.hints)


async def restart_listener(rails: Rails) -> None:
    """As if its process had ended and a new one come."""
    await rails.running.consumers["listener"].stop()
    runtime = rails.running.runtimes["listener"]
    rails.running.consumers["listener"] = runtime.consumer = Consumer(runtime, reader(rails))


@pytest.mark.parametrize("rails", BOTH, indirect=True)
async def test_each_subject_s_words_are_heard_once_and_in_order(rails: Rails) -> None:
    subjects = [new_id() for _ in range(12)]
    for number in range(10):
        await asyncio.gather(*(rails.say(subject, number) for subject in subjects))

    await rails.settle()

    assert [await rails.numbers(subject) for subject in subjects] == [list(range(10))] * 12


@pytest.mark.parametrize("rails", BOTH, indirect=True)
async def test_what_is_sent_again_is_heard_once(rails: Rails) -> None:
    subject = new_id()
    await rails.say(subject, 1, 2, 3)
    await rails.settle()
    await rails.sql("speaker", "update relay set sent = 0")
    await rails.say(subject, 4)

    await rails.settle()

    assert await rails.numbers(subject) == [1, 2, 3, 4]
    assert await rails.letters() == []


@pytest.mark.parametrize("rails", BOTH, indirect=True)
async def test_a_consumer_that_starts_again_goes_on_where_it_was(rails: Rails) -> None:
    subject = new_id()
    await rails.say(subject, 1, 2)
    await rails.settle()
    await restart_listener(rails)
    await rails.say(subject, 3)

    await rails.settle()

    assert await rails.numbers(subject) == [1, 2, 3]


@pytest.mark.parametrize("rails", BOTH, indirect=True)
async def test_a_new_consumer_reads_from_the_beginning(rails: Rails) -> None:
    subject = new_id()
    await rails.say(subject, 1, 2)
    await rails.settle()
    await rails.sql("listener", "truncate note, seen, position")
    await restart_listener(rails)

    await rails.settle()

    assert await rails.numbers(subject) == [1, 2]


@pytest.mark.parametrize("rails", BOTH, indirect=True)
async def test_what_a_consumer_took_but_could_not_apply_is_read_again(rails: Rails) -> None:
    subject = new_id()
    await rails.settle()
    await rails.say(subject, 1, 2, 3)
    await rails.relay()
    consumer = rails.running.consumers["listener"]
    taken = 0
    while not taken:
        taken = len(await consumer._reader.read(list(consumer._marks.values()), 0.5))

    # Sooner than the look at the feed each half minute, which would heal it as well.
    await rails.settle(20)

    assert await rails.numbers(subject) == [1, 2, 3]


@pytest.mark.parametrize("rails", BOTH, indirect=True)
async def test_a_bus_that_dies_mid_stream_loses_nothing_and_brings_nothing_twice(rails: Rails) -> None:
    subjects, heard = [new_id() for _ in range(8)], list(range(100, 200))
    rails.running.start()

    async def talk() -> None:
        for number in heard:
            for subject in subjects:
                async with rails.speaker.transaction() as tx:
                    tx.publish(subject, WordSaid(number=number))

    talking = asyncio.create_task(talk())
    while not await rails.numbers(subjects[0]):
        assert not talking.done(), "the stream ended before it was interrupted"
    await rails.interrupt_bus()
    await talking
    await rails.until_level(90)

    assert [await rails.numbers(subject) for subject in subjects] == [heard] * 8
    assert await rails.letters() == []


@pytest.mark.parametrize("rails", ONLY_KAFKA, indirect=True)
async def test_while_the_broker_is_away_the_feed_goes_on(rails: Rails) -> None:
    assert rails.broker is not None
    rails.running.start()
    rails.broker.kill()
    try:
        await rails.say(new_id(), 1, 2)
        for _ in range(200):
            if not await rails.sql("speaker", "select 1 from outbox"):
                break
            await asyncio.sleep(0.02)

        assert len(await rails.sql("speaker", "select 1 from feed")) == 2
        assert (await rails.anna.get("/readyz")).status == 200
    finally:
        await asyncio.to_thread(rails.broker.start)


@pytest.mark.parametrize("rails", ONLY_KAFKA, indirect=True)
async def test_a_topic_made_anew_is_followed_from_the_feed(rails: Rails, topic_file: Path) -> None:
    assert rails.broker is not None
    subject = new_id()
    await rails.say(subject, 1, 2, 3)
    await rails.settle()
    await rails.say(subject, 4)
    await rails.relay()
    await asyncio.to_thread(remove_topics, rails.broker, "speaker")
    await asyncio.to_thread(topics.make, rails.settings, topic_file)
    await restart_listener(rails)
    await rails.say(subject, 5)

    await rails.settle()

    assert await rails.numbers(subject) == [1, 2, 3, 4, 5]


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
def test_topics_are_made_once_and_never_with_another_number_of_partitions(
    broker: KafkaBroker, ground: Ground, topic_file: Path
) -> None:
    settings = ground.settings("nothing", bus="kafka", kafka_bootstrap=broker.bootstrap)

    first = topics.make(settings, topic_file)
    second = topics.make(settings, topic_file)
    with pytest.raises(topics.TopicsDiffer, match="partitions"):
        topics.make(settings.model_copy(update={"partitions": 5}), topic_file)

    assert first == [*(f"made tovholder.{name}" for name in NAMES), topics.NO_RIGHTS]
    assert second == [topics.NO_RIGHTS]
    remove_topics(broker, *NAMES)


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
async def test_what_someone_else_put_on_a_topic_is_laid_aside(broker: KafkaBroker, ground: Ground, topic_file: Path) -> None:
    from confluent_kafka import Producer

    settings = ground.settings(f"rails_{uuid.uuid4().hex[:12]}", bus="kafka", kafka_bootstrap=broker.bootstrap)
    await asyncio.to_thread(ground.clone, settings.database_name, TEMPLATE)
    await asyncio.to_thread(topics.make, settings, topic_file)
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    producer.produce("tovholder.speaker", b"forged", partition=0)
    await asyncio.to_thread(producer.flush, 10)

    async with ground.rails(settings, broker) as rails:
        subject = new_id()
        await rails.say(subject, 1)
        await rails.settle()
        for _ in range(20):
            if await rails.letters():
                break
            await rails.running.consumers["listener"].once(0.2)

        assert [row["reason"] for row in await rails.letters()] == ["not-sent-by-the-relay"]
        assert await rails.numbers(subject) == [1]
    await asyncio.to_thread(remove_topics, broker, *NAMES)
    await asyncio.to_thread(ground.drop, settings.database_name)


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
async def test_a_writer_that_gave_up_leaves_nobody_behind_who_tries_for_ever(
    broker: KafkaBroker, ground: Ground, topic_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "_ACK_SECONDS", 2)
    settings = ground.settings("nothing", bus="kafka", kafka_bootstrap=broker.bootstrap)
    await asyncio.to_thread(topics.make, settings, topic_file)
    before = asyncio.all_tasks()
    writer = KafkaWriter(settings)
    await writer.put("tovholder.speaker", [Sent(0, b"in time", position=1)])
    os.kill(broker.pid, signal.SIGSTOP)

    try:
        with pytest.raises(BusIsAway):
            await writer.put("tovholder.speaker", [Sent(0, b"late", position=2)])
        if left := asyncio.all_tasks() - before:
            _, still = await asyncio.wait(left, timeout=5)
            assert not still
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    await asyncio.to_thread(remove_topics, broker, *NAMES)
