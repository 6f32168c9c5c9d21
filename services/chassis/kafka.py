"""Apache Kafka through aiokafka, away from its unsafe defaults; a client that met an error is thrown away, never mended."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError, ProducerClosed
from aiokafka.helpers import create_ssl_context

from services.chassis.bus import BusIsAway, Mark, Record, source_of_topic, topic_of
from services.chassis.log import logger
from services.chassis.settings import Settings

_ACK_SECONDS = 15
_MOST_AT_ONCE = 2000


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
    except asyncio.CancelledError:
        await _cut_off(client)
        _pass_on_cancellation()
    except Exception as error:
        logger().warning("kafka.client_discarded", why=type(error).__name__)
        await _cut_off(client)


async def _cut_off(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    """Ends what a stop() that came to no end leaves behind: a producer's sender goes on for ever with what nobody waits for."""
    if isinstance(client, AIOKafkaProducer):
        if client._sender.sender_task is not None:
            client._sender.sender_task.cancel()
        client._message_accumulator.fail_all(ProducerClosed())
    with contextlib.suppress(Exception):
        await asyncio.wait_for(client._client.close() if isinstance(client, AIOKafkaConsumer) else client.client.close(), 5)


def _pass_on_cancellation() -> None:
    """Raises the present CancelledError where this task is being cancelled; else it is aiokafka's own, of a client that broke."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise


@dataclass(frozen=True)
class Sent:
    """One record as it goes to a topic or stands on it. `position`: that of the feed, 0 where there is none."""

    partition: int
    value: bytes | None
    key: bytes = b""
    position: int = 0
    offset: int = 0


class KafkaWriter:
    """Sends feed rows and waits for every acknowledgement; any error means: unknown, send again from the first unacknowledged."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None

    async def write(self, source: str, records: Sequence[Record]) -> None:
        """Feed rows to their source's topic, as `put`."""
        await self.put(
            topic_of(source),
            [
                Sent(one.partition, one.body if isinstance(one.body, bytes) else one.body.encode(), position=one.position)
                for one in records
            ],
        )

    async def put(self, topic: str, records: Sequence[Sent]) -> None:
        """All acknowledged by all in-sync replicas, or BusIsAway and the producer is discarded.

        An idempotent producer retries for ever (aiokafka issue 1101) and can be left with a hole in its sequence (issue 1017):
        only a fresh one is trusted.
        """
        waiting: list[asyncio.Future[Any]] = []
        try:
            async with asyncio.timeout(_ACK_SECONDS):
                producer = await self._started()
                for record in records:
                    headers = [("position", str(record.position).encode())] if record.position else []
                    waiting.append(
                        await producer.send(
                            topic, value=record.value, key=record.key or None, partition=record.partition, headers=headers
                        )
                    )
                await asyncio.gather(*waiting)
        # aiokafka also raises AssertionError (an unknown partition) and plain errors of its sender task.
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError):
                _pass_on_cancellation()
            for one in waiting:
                one.add_done_callback(_heard)
            await self.close()
            raise BusIsAway(type(error).__name__) from error

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            self._producer = AIOKafkaProducer(
                **_common(self._settings), acks="all", enable_idempotence=True, linger_ms=0, max_batch_size=262_144
            )
            await self._producer.start()
        return self._producer

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stopped(producer)


def _heard(future: asyncio.Future[Any]) -> None:
    """Takes note of a failure that has been answered for already."""
    if not future.cancelled():
        future.exception()


class KafkaReader:
    """Reads assigned partitions; where to go on is kept in PostgreSQL, never in Kafka's groups."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumer: AIOKafkaConsumer | None = None
        self._at: dict[TopicPartition, int | None] = {}
        self._paused: set[TopicPartition] = set()

    async def read(self, marks: Sequence[Mark], wait_seconds: float) -> list[Record]:
        """Offsets are hints: a position passed before is dropped by the consumer, a jump sends it to the feed.

        What was handed out before and is not behind the marks by now was not applied: it is read again.
        """
        wanted = {TopicPartition(topic_of(mark.source), mark.partition): mark.offset for mark in marks}
        try:
            async with asyncio.timeout(wait_seconds + 15):
                consumer = await self._started()
                await self._place(consumer, wanted)
                found = await consumer.getmany(timeout_ms=int(wait_seconds * 1000), max_records=_MOST_AT_ONCE)
        except OffsetOutOfRangeError as error:
            await self._from_the_beginning(error)
            return []
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError):
                _pass_on_cancellation()
            await self.close()
            raise BusIsAway(type(error).__name__) from error
        self._at |= {place: records[-1].offset for place, records in found.items() if records}
        return [
            Record(source_of_topic(place.topic), place.partition, _position(record.headers), record.value or b"", record.offset)
            for place, records in found.items()
            if place in wanted
            for record in records
        ]

    async def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            self._consumer = AIOKafkaConsumer(
                **_common(self._settings),
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="none",
                isolation_level="read_committed",
                max_partition_fetch_bytes=262_144,
                fetch_max_wait_ms=250,
            )
            await self._consumer.start()
        return self._consumer

    async def _place(self, consumer: AIOKafkaConsumer, wanted: dict[TopicPartition, int | None]) -> None:
        """Puts the consumer where the marks are. A partition that is not asked for now rests, and keeps its place."""
        if not wanted.keys() <= self._at.keys():
            consumer.assign(list(wanted))
            self._at, self._paused = {}, set()
        for place in self._paused & wanted.keys():
            consumer.resume(place)
        for place in self._at.keys() - self._paused - wanted.keys():
            consumer.pause(place)
        self._paused = set(self._at.keys() - wanted.keys())
        moved = {place: offset for place, offset in wanted.items() if place not in self._at or self._at[place] != offset}
        for place, offset in moved.items():
            if offset is not None:
                consumer.seek(place, offset + 1)
        if beginning := [place for place, offset in moved.items() if offset is None]:
            await _to_the_beginning(consumer, beginning)
        self._at |= moved

    async def _from_the_beginning(self, error: OffsetOutOfRangeError) -> None:
        """The topic was made anew or its old end is gone: start over there; positions already passed are dropped."""
        places = [place for place in (error.args[0] if error.args else self._at) if place in self._at]
        try:
            if self._consumer is not None and places:
                async with asyncio.timeout(15):
                    await _to_the_beginning(self._consumer, places)
        except Exception as failed:
            await self.close()
            raise BusIsAway(type(failed).__name__) from failed

    async def close(self) -> None:
        consumer, self._consumer, self._at, self._paused = self._consumer, None, {}, set()
        if consumer is not None:
            await _stopped(consumer)


async def _to_the_beginning(consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]) -> None:
    """aiokafka gives up after request_timeout_ms and says so by its answer only."""
    if not await consumer.seek_to_beginning(*places):
        raise TimeoutError


def _position(headers: Sequence[tuple[str, bytes]]) -> int:
    """The feed position of a record; 0 for one that our relay did not send."""
    try:
        return int(dict(headers).get("position", b"0"))
    except ValueError:
        return 0


class KafkaTopic:
    """Looks through a topic as it stands, a partition at a time, without a consumer's memory; for the audit."""

    def __init__(self, settings: Settings) -> None:
        self._consumer = AIOKafkaConsumer(
            **_common(settings),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=1_048_576,
            # It reads to a known end and never waits for more; at half a second each, the last fetch of every partition would.
            fetch_max_wait_ms=10,
        )

    async def start(self) -> None:
        """BusIsAway where no broker answers."""
        try:
            async with asyncio.timeout(_ACK_SECONDS):
                await self._consumer.start()
        except Exception as error:
            raise BusIsAway(type(error).__name__) from error

    async def records(self, topic: str, partition: int, start: int | None = None) -> AsyncIterator[list[Sent]]:
        """What stands on a partition from an offset, or its beginning, to its end as it is now; in pages. Raises BusIsAway."""
        place = TopicPartition(topic, partition)
        try:
            self._consumer.assign([place])
            async with asyncio.timeout(_ACK_SECONDS):
                first = (await self._consumer.beginning_offsets([place]))[place]
                end = (await self._consumer.end_offsets([place]))[place]
            at = max(first, start or 0)
            self._consumer.seek(place, at)
            while at < end:
                async with asyncio.timeout(_ACK_SECONDS):
                    found = (await self._consumer.getmany(place, timeout_ms=1000, max_records=_MOST_AT_ONCE)).get(place, [])
                if found:
                    at = found[-1].offset + 1
                    yield [Sent(partition, one.value, one.key or b"", _position(one.headers), one.offset) for one in found]
                elif (at := await self._consumer.position(place)) < end:
                    # The broker had nothing within a second, though it named a later end.
                    await asyncio.sleep(0)
        except (KafkaError, TimeoutError, OSError, AssertionError) as error:
            raise BusIsAway(type(error).__name__) from error

    async def close(self) -> None:
        await _stopped(self._consumer)
