"""What stands on Kafka is what the services keep: topics equal feeds, the compacted topic equals the present tovholdere."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson

from services import catalogue
from services.audit.findings import NAMED, Difference, Finding, Look, finding
from services.chassis.bus import topic_of
from services.chassis.ids import partition_of
from services.chassis.kafka import KafkaTopic, Sent
from services.chassis.settings import Settings
from services.events.current import TOPIC
from services.registry.repository import CURRENT, current_in

_COMPACTED = "The compacted topic names every present tovholder"
_PAGE = 5000
_NOT_SENT = "deploy/runbooks/outbox-not-sent.md"

Ask = Callable[[UUID], Awaitable[None]]


async def topics_equal_feeds(look: Look, settings: Settings) -> Finding:
    """Every position that a topic holds is the feed's event word for word as the ledger has it; none between the first and the
    last is missing, none is beyond it.

    A record may stand twice, where a relay was not sure; what retention has dropped stands in the feed.
    """
    differences: list[Difference] = []
    records = 0
    reading = KafkaTopic(settings)
    await reading.start()
    try:
        for service in catalogue.names():
            for partition, sent in await _sent(look, service):
                found, number = await _partition_equals_feed(look, reading, service, partition, sent)
                differences += found
                records += number
                if len(differences) > NAMED:
                    break
    finally:
        await reading.close()
    return finding("Topics are what the feeds say", f"{records} records", differences)


async def _sent(look: Look, service: str) -> list[tuple[int, int]]:
    rows = await look(service, "select partition, sent from relay order by partition")
    return [(row["partition"], row["sent"]) for row in rows]


async def _partition_equals_feed(
    look: Look, reading: KafkaTopic, service: str, partition: int, sent: int
) -> tuple[list[Difference], int]:
    differences: list[Difference] = []
    number, last = 0, 0
    place = f"{topic_of(service)}/{partition}"
    async for page in reading.records(topic_of(service), partition):
        number += len(page)
        kept = await _kept(look, service, partition, [record.position for record in page])
        for record in page:
            if record.position <= 0:
                differences.append(Difference(f"{place}: offset {record.offset} was not sent by the relay", _NOT_SENT))
                continue
            if last and record.position > last + 1:
                differences.append(_missing(place, last + 1, record.position - 1))
            last = max(last, record.position)
            if record.position not in kept:
                differences.append(
                    Difference(f"{place}: position {record.position} is not in the feed", "deploy/runbooks/restore.md")
                )
            elif _event(record) != kept[record.position].event:
                differences.append(Difference(f"{place}: position {record.position} is another event than the feed's"))
            elif _digest(record.value or b"") != kept[record.position].digest:
                differences.append(Difference(f"{place}: position {record.position} says something else than the ledger"))
        if len(differences) > NAMED:
            return differences, number
    if number and last < sent:
        differences.append(_missing(place, last + 1, sent))
    return differences, number


def _missing(place: str, first: int, last: int) -> Difference:
    positions = f"position {first} is" if first == last else f"positions {first} to {last} are"
    return Difference(f"{place}: {positions} missing; hearers read them from the feed by themselves", _NOT_SENT)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What stands in the feed at a position, and a digest of what the ledger says there."""

    event: tuple[str, int]
    digest: bytes


async def _kept(look: Look, service: str, partition: int, positions: list[int]) -> dict[int, _Kept]:
    rows = await look(
        service,
        "select f.position, f.subject::text as subject, f.version, sha256(convert_to(l.envelope::text, 'UTF8')) as digest"
        " from feed f join ledger l using (subject, version) where f.partition = $1 and f.position = any ($2)",
        partition,
        positions,
    )
    return {row["position"]: _Kept((row["subject"], row["version"]), row["digest"]) for row in rows}


def _event(record: Sent) -> tuple[str, int] | None:
    try:
        content = orjson.loads(record.value or b"")
        return content["subject"], content["version"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None


async def compacted_topic_equals_tovholdere(look: Look, settings: Settings, ask: Ask) -> Finding:
    """The last value of each key is how the child stands; a partition's keys are held at a time, a dozen bytes each."""
    differences: list[Difference] = []
    children = 0
    reading = KafkaTopic(settings)
    await reading.start()
    try:
        for partition in range(settings.partitions):
            last = await _last_values(reading, partition)
            async for page in _present(look, partition, settings.partitions):
                children += len(page)
                for child, value in page:
                    if last.pop(child, None) != value:
                        differences.append(_stale(child, ask))
                if len(differences) > NAMED:
                    return finding(_COMPACTED, f"{children} children and more", differences)
            differences += [_stale(child, ask) for child, value in sorted(last.items()) if value is not None]
    finally:
        await reading.close()
    return finding(_COMPACTED, f"{children} children", differences)


def _stale(child: UUID, ask: Ask) -> Difference:
    return Difference(f"{TOPIC} says something else of {child}", f"tovholder republish --child {child}", partial(ask, child))


async def _last_values(reading: KafkaTopic, partition: int) -> dict[UUID, bytes | None]:
    """Digest of the last value per key; None for a tombstone."""
    found: dict[UUID, bytes | None] = {}
    async for page in reading.records(TOPIC, partition):
        for record in page:
            try:
                child = UUID(record.key.decode())
            except ValueError:
                continue
            found[child] = _digest(record.value) if record.value is not None else None
    return found


async def _present(look: Look, partition: int, partitions: int) -> Any:
    """Pages of children of a partition with the digest of the value that should stand for each."""
    after: UUID | None = None
    while True:
        rows = await look("registry", f"{CURRENT} where $1::uuid is null or c.id > $1 order by c.id limit $2", after, _PAGE)
        own = [row for row in rows if partition_of(row["id"], partitions) == partition]
        yield [(row["id"], _digest(current_in(row).model_dump_json().encode())) for row in own]
        if len(rows) < _PAGE:
            return
        after = rows[-1]["id"]


def _digest(value: bytes) -> bytes:
    """As PostgreSQL's sha256() makes it."""
    return sha256(value).digest()
