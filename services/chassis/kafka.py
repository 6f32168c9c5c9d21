"""Apache Kafka through aiokafka, away from its unsafe defaults; a client that met an error is thrown away, never mended."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.helpers import create_ssl_context

from services.chassis.bus import BusIsAway, Mark, Record, source_of_topic, topic_of
from services.chassis.settings import Settings

_ACK_SECONDS = 15


def _common(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap,
        "security_protocol": settings.kafka_security,
        "request_timeout_ms": 10_000,
        "retry_backoff_ms": 500,
        "metadata_max_age_ms": 30_000,
    }
    if "SSL" in settings.kafka_security:
        folder = settings.secrets_folder
        pair = (
            {"certfile": str(folder / "kafka.crt"), "keyfile": str(folder / "kafka.key")}
            if (folder / "kafka.key").exists()
            else {}
        )
        options["ssl_context"] = create_ssl_context(cafile=str(folder / "kafka-ca.crt"), **pair)
    if "SASL" in settings.kafka_security:
        options |= {
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": settings.kafka_user,
            "sasl_plain_password": settings.secrets.text("kafka-password"),
        }
    return options


async def _stopped(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    """stop() hangs or raises CancelledError in an outage (aiokafka issue 647): bounded, and a real cancellation passes on."""
    try:
        await asyncio.wait_for(client.stop(), 5)
    except (TimeoutError, KafkaError):
        pass
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task and task.cancelling():
            raise


class KafkaWriter:
    """Sends feed rows and waits for every acknowledgement; any error means: unknown, send again from the first unacknowledged."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None

    async def write(self, source: str, records: Sequence[Record]) -> None:
        """All acknowledged by all in-sync replicas, or BusIsAway and the producer is discarded (an idempotent one retries for ever, issue 1101)."""
        try:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **_common(self._settings), acks="all", enable_idempotence=True, linger_ms=0, max_batch_size=262_144
                )
                self._producer = producer
                await asyncio.wait_for(producer.start(), _ACK_SECONDS)
            topic = topic_of(source)
            async with asyncio.timeout(_ACK_SECONDS):
                waiting = [
                    await self._producer.send(
                        topic,
                        value=record.body if isinstance(record.body, bytes) else record.body.encode(),
                        partition=record.partition,
                        headers=[("position", str(record.position).encode())],
                    )
                    for record in records
                ]
                await asyncio.gather(*waiting)
        except (KafkaError, TimeoutError, OSError, ValueError) as error:
            await self.close()
            raise BusIsAway(type(error).__name__) from error

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stopped(producer)


class KafkaReader:
    """Reads assigned partitions; where to go on is kept in PostgreSQL, never in Kafka's groups."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumer: AIOKafkaConsumer | None = None
        self._at: dict[TopicPartition, int | None] = {}

    async def read(self, marks: Sequence[Mark], wait_seconds: float) -> list[Record]:
        """Offsets are hints: a position passed before is dropped by the consumer, a jump sends it to the feed."""
        try:
            consumer = await self._assigned(marks)
            async with asyncio.timeout(wait_seconds + 15):
                found = await consumer.getmany(timeout_ms=int(wait_seconds * 1000), max_records=500)
        except OffsetOutOfRangeError:
            await self._from_the_beginning()
            return []
        except (KafkaError, TimeoutError, OSError, ValueError) as error:
            await self.close()
            raise BusIsAway(type(error).__name__) from error
        return [
            Record(source_of_topic(place.topic), place.partition, _position(record.headers), record.value or b"", record.offset)
            for place, records in found.items()
            for record in records
        ]

    async def _assigned(self, marks: Sequence[Mark]) -> AIOKafkaConsumer:
        wanted = {TopicPartition(topic_of(mark.source), mark.partition): mark.offset for mark in marks}
        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                **_common(self._settings),
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="none",
                isolation_level="read_committed",
                max_partition_fetch_bytes=262_144,
                fetch_max_wait_ms=250,
            )
            self._consumer = consumer
            await asyncio.wait_for(consumer.start(), 15)
        if wanted.keys() != self._at.keys():
            self._consumer.assign(list(wanted))
            for place, offset in wanted.items():
                await self._seek(self._consumer, place, offset)
            self._at = dict(wanted)
        return self._consumer

    async def _seek(self, consumer: AIOKafkaConsumer, place: TopicPartition, offset: int | None) -> None:
        async with asyncio.timeout(15):
            if offset is None:
                await consumer.seek_to_beginning(place)
            else:
                consumer.seek(place, offset + 1)

    async def _from_the_beginning(self) -> None:
        """The topic was made anew or its old end is gone: start over there; positions already passed are dropped."""
        if self._consumer is not None:
            async with asyncio.timeout(15):
                await self._consumer.seek_to_beginning(*self._at)

    async def close(self) -> None:
        consumer, self._consumer, self._at = self._consumer, None, {}
        if consumer is not None:
            await _stopped(consumer)


def _position(headers: Sequence[tuple[str, bytes]]) -> int:
    """The feed position of a record; 0 for one that our relay did not send."""
    try:
        return int(dict(headers).get("position", b"0"))
    except ValueError:
        return 0
