"""Processes of one service share its partitions fairly, and what a dead one held goes to the living within its lease."""

import asyncio
import time
from collections import Counter
from uuid import uuid4

import pytest

from services.app import Running
from services.chassis.bus import EmbeddedReader
from services.chassis.consumer import Consumer
from services.chassis.ids import new_id
from services.chassis.relay import Relay
from tests.support.rails import SERVICES, Rails, WordSaid


def another_relay(rails: Rails) -> Relay:
    return Relay(rails.running.runtimes["speaker"], rails.running.hints, None)


def another_consumer(rails: Rails) -> Consumer:
    return Consumer(rails.running.runtimes["listener"], EmbeddedReader(rails.settings, rails.running.hints))


async def take_turns(*workers: Relay | Consumer) -> None:
    """Each looks at its leases three times: to learn who lives, to give back, to take what others gave back."""
    for _ in range(3):
        for worker in workers:
            worker._renew_at = 0.0
            await worker.once()


async def shares(rails: Rails, table: str, service: str) -> list[int]:
    rows = await rails.sql(service, f"select holder from {table}")  # noqa: S608
    assert all(row["holder"] for row in rows), "a partition that nobody has"
    return sorted(Counter(row["holder"] for row in rows).values())


async def test_one_process_alone_relays_every_partition(rails: Rails) -> None:
    await take_turns(rails.running.relays["speaker"])

    assert await shares(rails, "relay", "speaker") == [4]


async def test_a_second_and_a_third_process_get_their_share_of_the_relay(rails: Rails) -> None:
    first, second, third = rails.running.relays["speaker"], another_relay(rails), another_relay(rails)

    await take_turns(first, second)
    assert await shares(rails, "relay", "speaker") == [2, 2]

    await take_turns(first, second, third)
    assert await shares(rails, "relay", "speaker") == [1, 1, 2]
    await second.stop()
    await third.stop()


@pytest.mark.parametrize(
    ("service", "table", "taken"),
    [
        ("speaker", "relay", "select partition from take_relay($1, 4, 60, true)"),
        ("listener", "position", "select partition from take_positions($1, '{speaker}', 4, 60, true)"),
    ],
)
async def test_nobody_takes_more_than_a_fair_share_however_postgresql_goes_about_it(
    rails: Rails, service: str, table: str, taken: str
) -> None:
    """Once PostgreSQL knows how small the table is, it looks anew for what is free with each row, where it may."""
    first, second = uuid4(), uuid4()
    await take_turns(rails.running.relays["speaker"], rails.running.consumers["listener"])
    await rails.sql(service, f"update {table} set holder = null, until = '-infinity'")  # noqa: S608
    await rails.sql(service, "delete from worker")
    await rails.sql(service, f"analyze {table}")

    assert len(await rails.sql(service, taken, first)) == 4
    assert await rails.sql(service, taken, second) == []

    assert len(await rails.sql(service, taken, first)) == 2
    assert len(await rails.sql(service, taken, second)) == 2


async def test_what_a_process_gives_back_in_order_is_taken_at_once(rails: Rails) -> None:
    first, second = rails.running.relays["speaker"], another_relay(rails)
    await take_turns(first, second)

    await second.stop()
    await take_turns(first)

    assert await shares(rails, "relay", "speaker") == [4]


async def test_what_a_dead_process_held_goes_to_the_living_once_its_lease_has_run_out(rails: Rails) -> None:
    living, dead = rails.running.relays["speaker"], another_relay(rails)
    await take_turns(living, dead)

    await rails.sql("speaker", "update relay set until = '-infinity' where holder = $1", dead._holder)
    await rails.sql("speaker", "update worker set until = '-infinity' where holder = $1", dead._holder)
    await take_turns(living)

    assert await shares(rails, "relay", "speaker") == [4]
    assert [row["holder"] for row in await rails.sql("speaker", "select holder from worker where work = 'relay'")] == [
        living._holder
    ]


async def test_what_is_being_sent_is_not_given_away(rails: Rails) -> None:
    first, second = rails.running.relays["speaker"], another_relay(rails)
    await take_turns(first)

    first._sending = 1
    for worker in (second, first, second):
        worker._renew_at = -first._runtime.settings.lease_seconds
        await worker._hold()
    assert len(first._leases) == 4
    assert second._leases == {}

    first._sending = 0
    await take_turns(first, second)
    assert await shares(rails, "relay", "speaker") == [2, 2]
    await second.stop()


async def test_a_process_whose_lease_ran_out_while_it_slept_sends_nothing(rails: Rails) -> None:
    relay = rails.running.relays["speaker"]
    await relay._hold()
    assert not relay._is_past()

    relay._until = time.monotonic() - 1

    assert relay._is_past()


async def test_consumers_share_what_they_hear_fairly_and_each_event_has_its_effect_once(rails: Rails) -> None:
    first, second = rails.running.consumers["listener"], another_consumer(rails)
    subjects = [new_id() for _ in range(12)]
    await take_turns(first, second)
    assert await shares(rails, "position", "listener") == [4, 4]

    for subject in subjects:
        await rails.publish(subject, *(WordSaid(number=number) for number in range(5)))
    await rails.relay()
    for _ in range(5):
        await take_turns(first, second)

    assert [await rails.numbers(subject) for subject in subjects] == [list(range(5))] * len(subjects)
    assert [len(worker._epochs) for worker in (first, second)] == [4, 4]
    await second.stop()


async def test_a_killed_process_is_replaced_within_five_seconds(rails: Rails) -> None:
    """Real workers at their real pace; the killed one renews nothing and gives nothing back."""
    assert rails.settings.lease_seconds * 4 / 3 < 5
    killed, living = Running(SERVICES, rails.settings), Running(SERVICES, rails.settings)
    living.start()
    killed.start()
    try:
        async with asyncio.timeout(20):
            while await _shared(rails) != [2, 2]:  # noqa: ASYNC110 - the store alone knows
                await asyncio.sleep(0.05)
        for task in killed._tasks:
            task.cancel()
        await asyncio.gather(*killed._tasks, return_exceptions=True)
        died = time.monotonic()

        subjects = [new_id() for _ in range(8)]
        for subject in subjects:
            await rails.say(subject, 1)
        await rails.until_level(10)

        assert time.monotonic() - died < 5
        assert [await rails.numbers(subject) for subject in subjects] == [[1]] * len(subjects)
    finally:
        await living.stop()
        await killed.stop()


async def _shared(rails: Rails) -> list[int]:
    rows = await rails.sql("speaker", "select holder from relay where holder is not null")
    heard = await rails.sql("listener", "select holder from position where holder is not null")
    if sorted(Counter(row["holder"] for row in heard).values()) != [4, 4]:
        return []
    return sorted(Counter(row["holder"] for row in rows).values())
