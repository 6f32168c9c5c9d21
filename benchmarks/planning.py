"""How long it takes to plan a municipality's year of visits, and to plan one child again."""

import asyncio
import random
import time
from datetime import timedelta
from uuid import UUID

from benchmarks import moving
from benchmarks.figures import Figure, median, part_of
from benchmarks.installation import Installation
from services import registry, sundhedspleje
from services.chassis.bus import Hints
from services.chassis.calendar import date_of
from services.chassis.consumer import Consumer
from services.chassis.kafka import KafkaReader, KafkaWriter
from services.chassis.relay import Relay
from services.chassis.service import Runtime
from services.chassis.store import Tx
from services.events import Event
from services.events.envelope import Seat
from services.events.registry import ChildBorn, ChildRegistered, TovholderChanged
from services.sundhedspleje.repository import planning, take_turns

_BIRTHS, _AGAIN, _AT_ONCE = 5_000, 300, 500
_CODE = "0990"
# The longest visit plan a year's children can have at once: every one is registered before birth, then born, all at the same time.
_NURSE = Seat(professional=UUID("09900000-0002-4000-8000-000000000006"), unit=UUID("09900000-0001-4000-8000-000000000003"))


def planning_visits(installation: Installation) -> list[Figure]:
    """`plan_year_s`: 5,000 children's facts on Kafka → their visits in PostgreSQL; `replan_child_ms`: a corrected birth, committed."""
    return asyncio.run(_planning(installation))


async def _planning(installation: Installation) -> list[Figure]:
    said, hearing = moving.runtime_of(installation, registry.service), moving.runtime_of(installation, sundhedspleje.service)
    relay = Relay(said, Hints(), KafkaWriter(installation.settings))
    consumer = Consumer(hearing, KafkaReader(installation.settings))
    children = await _say(said)
    await moving.drain(relay)
    seconds = await moving.apply(consumer, installation)
    [[planned]] = installation.sql("select count(*) from sundhedspleje.visit where state = 'planned'")
    assert planned == 6 * len(children), f"{planned} visits"
    took = [await _again(hearing, child) for child in random.sample(children, min(_AGAIN, len(children)))]
    await relay.stop()
    await consumer.stop()
    for runtime in (said, hearing):
        await runtime.peers.close()
        await runtime.store.close()
    return [
        Figure("plan_year_s", seconds * _BIRTHS / len(children), "s", None, "≤ 60"),
        median("replan_child_ms", took, "ms", None, "≤ 20"),
    ]


async def _say(runtime: Runtime) -> list[UUID]:
    """The year's facts: registered while expected with a tovholder, then born, a chunk at a time."""
    today, children = (
        date_of(await runtime.store.now()),
        [UUID(int=random.getrandbits(128), version=4) for _ in range(part_of(_BIRTHS))],
    )
    for chunk in range(0, len(children), _AT_ONCE):
        async with runtime.store.transaction() as tx:
            since = await tx.now()
            for child in children[chunk : chunk + _AT_ONCE]:
                of = {"child": child, "municipality": _CODE, "notification_id": None, "order": 1}
                due = today + timedelta(days=random.randrange(-5, 5))
                facts: list[Event] = [
                    ChildRegistered(**of, mother=None, status="expected", sibling_of=None, due_on=due),
                    TovholderChanged(
                        child=child, municipality=_CODE, tovholder=_NURSE, before=None, why="registration", since=since
                    ),
                    ChildBorn(**of, born_on=today),
                ]
                tx.publish(child, *facts)
    return children


async def _again(runtime: Runtime, child: UUID) -> float:
    """Milliseconds of one transaction: the birth was a day earlier, six visits move, and it is said."""
    began = time.perf_counter()
    async with runtime.store.transaction() as tx:
        await take_turns(tx, child)
        await _born_a_day_earlier(tx, child)
        await planning.replanned(tx, child, date_of(await tx.now()), "correction")
    return (time.perf_counter() - began) * 1000


async def _born_a_day_earlier(tx: Tx, child: UUID) -> None:
    await tx.execute("update child_case set corrected_born_on = born_on - 1 where child = $1", child)
