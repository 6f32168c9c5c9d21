"""The registry of a test's world sends to a real Kafka broker, while its neighbours go on reading the feed."""

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from services.chassis import topics
from services.chassis.kafka import KafkaTopic, KafkaWriter
from services.chassis.relay import Relay
from services.chassis.settings import Settings
from services.demo.kafka import KafkaBroker
from services.events.current import TOPIC
from tests.support.world import World

FILE = Path(__file__).parents[2] / "deploy" / "topics.yaml"


def settings_on(world: World, broker: KafkaBroker) -> Settings:
    return world.settings.model_copy(update={"bus": "kafka", "kafka_bootstrap": broker.bootstrap})


async def fresh_topics(settings: Settings) -> None:
    """The topics of deploy/topics.yaml, with nothing on them."""

    def make() -> None:
        admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap})
        present = [name for name in admin.list_topics(timeout=10).topics if name.startswith("tovholder.")]
        for future in admin.delete_topics(present, operation_timeout=10).values() if present else ():
            with contextlib.suppress(KafkaException):  # listed still, and gone already
                future.result(10)
        topics.make(settings, FILE)

    await asyncio.to_thread(make)


def relay_of(world: World, settings: Settings, service: str = "registry") -> Relay:
    """A process of the service that sends to Kafka."""
    runtime = replace(world.running.runtimes[service], settings=settings)
    return Relay(runtime, world.running.hints, KafkaWriter(settings), KafkaWriter(settings))


async def said_now(settings: Settings, topic: str = TOPIC) -> dict[str, list[Any]]:
    """All values that stand on a topic, by key, oldest first; None for a tombstone."""
    found: dict[str, list[Any]] = {}
    reading = KafkaTopic(settings)
    await reading.start()
    try:
        for partition in range(settings.partitions):
            async for page in reading.records(topic, partition):
                for record in page:
                    found.setdefault(record.key.decode(), []).append(orjson.loads(record.value) if record.value else None)
    finally:
        await reading.close()
    return found
