"""A test's world on a real Kafka broker: all of it, or a service that sends while its neighbours go on reading the feed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from tests.support.issuer import Issuer
from tests.support.world import Installation, World

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


class OnKafka(World):
    """A world whose services hear each other over Kafka alone."""

    async def settle(self) -> None:
        """Until all that was said has been heard: what a broker still holds back is waited for."""
        async with asyncio.timeout(60):
            while True:
                # All at once, as they run outside of tests: one after the other each waits for what none of them has said.
                moved = sum(await asyncio.gather(*(relay.once() for relay in self.running.relays.values())))
                behind = await self._behind()
                heard = await asyncio.gather(*(self.running.consumers[name].once(wait_seconds=0.3) for name in behind))
                if not moved and not behind and not sum(heard):
                    return

    async def _behind(self) -> list[str]:
        """Services that have not heard all that stands in the feeds they hear."""
        ends: dict[tuple[str, int], int] = {}
        for source in self.running.relays:
            rows = await self.sql(source, "select partition, position from relay where position > 0")
            ends |= {(source, row["partition"]): row["position"] for row in rows}
        found = []
        for name, runtime in self.running.runtimes.items():
            rows = await self.sql(name, "select source, partition, position from position")
            come = {(row["source"], row["partition"]): row["position"] for row in rows}
            if any(come.get(place, 0) < end for place, end in ends.items() if place[0] in runtime.service.hears):
                found.append(name)
        return found


@asynccontextmanager
async def world_on(broker: KafkaBroker, installation: Installation, issuer: Issuer, database: str) -> AsyncIterator[OnKafka]:
    """A world of a database of its own, on fresh topics, which is gone afterwards."""
    await asyncio.to_thread(installation.clone, database)
    more = {"bus": "kafka", "kafka_bootstrap": broker.bootstrap}
    async with installation.world(issuer, database, **more) as made:
        await fresh_topics(made.settings)
        yield OnKafka(made.settings, made.running, made.http, made.issuer)
        await asyncio.gather(*(worker.stop() for worker in made.running.workers().values()))
    await asyncio.to_thread(installation.drop, database)
