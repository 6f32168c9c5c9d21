"""How fast events move: outbox to Kafka by the relay, and Kafka into a service's tables by its consumer."""

import asyncio
import time

from benchmarks import raw
from benchmarks.figures import Figure, median
from benchmarks.installation import Installation
from services import registry, sundhedspleje
from services.chassis.authentication import Tokens
from services.chassis.bus import Hints
from services.chassis.client import Peers
from services.chassis.consumer import Consumer
from services.chassis.kafka import KafkaReader, KafkaWriter
from services.chassis.relay import Relay
from services.chassis.service import Runtime, Service
from services.chassis.store import Store

_CHILDREN, _CHANGES = 5_000, 10

# Children that exist only as facts: nothing of the baton's tables is touched.
REGISTER = """
create temp table made as select gen_random_uuid() as id from generate_series(1, {children});
insert into registry.ledger select id, 1, now(), 'dk.tovholder.registry.child_registered.v1', jsonb_build_object('specversion', '1.0', 'id', gen_random_uuid(), 'source', '/registry',
  'type', 'dk.tovholder.registry.child_registered.v1', 'subject', id, 'version', 1, 'time', '2026-11-22T20:00:00.000000Z', 'correlationid', id, 'datacontenttype', 'application/json',
  'data', jsonb_build_object('child', id, 'municipality', '0990', 'notification_id', null, 'mother', null, 'order', 1, 'status', 'expected', 'sibling_of', null, 'due_on', null, 'born_on', null)) from made;
insert into registry.outbox (partition, subject, version) select ('x' || right(id::text, 8))::bit(32)::bigint % {partitions}, id, 1 from made;
create table if not exists public.made (id uuid); truncate public.made; insert into public.made select id from made; drop table made;
"""
_CHANGE = """
insert into registry.ledger select id, v, now(), 'dk.tovholder.registry.tovholder_changed.v1', jsonb_build_object('specversion', '1.0', 'id', gen_random_uuid(), 'source', '/registry',
  'type', 'dk.tovholder.registry.tovholder_changed.v1', 'subject', id, 'version', v, 'time', '2026-11-22T20:00:00.000000Z', 'correlationid', id, 'datacontenttype', 'application/json',
  'data', jsonb_build_object('child', id, 'municipality', '0990', 'tovholder', jsonb_build_object('professional', id, 'unit', id), 'before', null, 'why', 'acceptance',
    'since', '2026-11-22T20:00:00.000000Z', 'handover', null, 'by', null)) from public.made, generate_series({first}, {last}) v;
insert into registry.outbox (partition, subject, version) select ('x' || right(id::text, 8))::bit(32)::bigint % {partitions}, id, v from public.made, generate_series({first}, {last}) v order by v;
"""


def moving(installation: Installation) -> list[Figure]:
    """`relay_events_per_s` and `apply_events_per_s`, each three times over 50,000 events."""
    limit = raw.produced_per_second(installation.kafka.bootstrap, "tovholder.daycare")
    installation.sql(REGISTER.format(children=_CHILDREN, partitions=installation.partitions))
    relayed, applied = asyncio.run(_moving(installation))
    return [
        median("relay_events_per_s", relayed, "events/s", limit, "≥ 15,000"),
        median("apply_events_per_s", applied, "events/s", None, "≥ 15,000"),
    ]


async def _moving(installation: Installation) -> tuple[list[float], list[float]]:
    relaying, consuming = runtime_of(installation, registry.service), runtime_of(installation, sundhedspleje.service)
    relay = Relay(relaying, Hints(), KafkaWriter(installation.settings))
    consumer = Consumer(consuming, KafkaReader(installation.settings))
    relayed, applied = [], []
    await drain(relay)
    await apply(consumer, installation)
    for round_ in range(3):
        first = 2 + round_ * _CHANGES
        await asyncio.to_thread(
            installation.sql, _CHANGE.format(first=first, last=first + _CHANGES - 1, partitions=installation.partitions)
        )
        relayed.append(_CHILDREN * _CHANGES / await drain(relay))
        applied.append(_CHILDREN * _CHANGES / await apply(consumer, installation))
    await relay.stop()
    await consumer.stop()
    for runtime in (relaying, consuming):
        await runtime.peers.close()
        await runtime.store.close()
    return relayed, applied


def runtime_of(installation: Installation, service: Service) -> Runtime:
    settings = installation.settings
    return Runtime(service, settings, Store(settings, service.name), Tokens(settings), Peers(settings, service.name))


async def drain(relay: Relay) -> float:
    """Seconds until nothing is left to move or send."""
    began = time.perf_counter()
    while await relay.once():
        pass
    return time.perf_counter() - began


async def apply(consumer: Consumer, installation: Installation) -> float:
    """Seconds until the consumer has come to the end of the registry's feed; of waiting for the first record at most the last look."""
    began, ended, applied = time.perf_counter(), 0.0, 0
    while True:
        looked = time.perf_counter()
        came = await consumer.once(0.2)
        if came:
            began = began if applied else looked
            applied, ended = applied + came, time.perf_counter()
        elif not await asyncio.to_thread(_missing, installation):
            return ended - began


def _missing(installation: Installation) -> int:
    """Registry events that sundhedspleje has not applied."""
    [[found]] = installation.sql(
        "select coalesce(sum(r.position - coalesce(p.position, 0)), 0)::int from registry.relay r"
        " left join sundhedspleje.position p on p.source = 'registry' and p.partition = r.partition"
    )
    assert isinstance(found, int)
    return found
