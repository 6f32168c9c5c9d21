"""The relay gives every committed event one place in the feed, dense and in order per subject, whoever commits late or dies."""

import asyncio
import contextlib
import random

from services.chassis.errors import TryAgainSoon
from services.chassis.ids import new_id
from services.chassis.relay import Relay
from services.chassis.store import Tx
from tests.support.rails import Rails, WordSaid


def another(rails: Rails) -> Relay:
    """A second process of the same service."""
    return Relay(rails.running.runtimes["speaker"], rails.running.hints, None)


async def feed(rails: Rails) -> list[tuple[int, int, object, int]]:
    rows = await rails.sql("speaker", "select partition, position, subject, version from feed order by partition, position")
    return [(row["partition"], row["position"], row["subject"], row["version"]) for row in rows]


async def assert_dense_and_in_order(rails: Rails) -> None:
    ends: dict[int, int] = {}
    versions: dict[object, int] = {}
    for partition, position, subject, version in await feed(rails):
        assert position == ends.get(partition, 0) + 1
        assert version == versions.get(subject, 0) + 1
        ends[partition], versions[subject] = position, version


async def test_an_event_committed_late_is_not_lost_and_does_not_stall_others(rails: Rails) -> None:
    slow, quick = rails.subjects_of_one_partition(2)
    drawn, commit = asyncio.Event(), asyncio.Event()

    async def late() -> None:
        async with rails.speaker.transaction() as tx:
            tx.publish(slow, WordSaid(number=1))
            await tx.flush()
            drawn.set()
            await commit.wait()

    writing = asyncio.create_task(late())
    await drawn.wait()
    await rails.say(quick, 1)
    await rails.relay()
    assert [row[2] for row in await feed(rails)] == [quick]
    commit.set()
    await writing
    await rails.relay()

    assert [row[2] for row in await feed(rails)] == [quick, slow]
    await assert_dense_and_in_order(rails)


async def test_a_subject_s_second_writer_waits_for_the_first(rails: Rails) -> None:
    subject, order = new_id(), list[int]()

    async def write(number: int, tx: Tx) -> None:
        tx.publish(subject, WordSaid(number=number))
        await tx.flush()
        order.append(number)

    async with rails.speaker.transaction() as first:
        await write(1, first)

        async def second() -> None:
            async with rails.speaker.transaction() as tx:
                await write(2, tx)

        waiting = asyncio.create_task(second())
        await rails.relay()
        assert order == [1]
    await waiting
    await rails.settle()

    assert await rails.numbers(subject) == [1, 2]


async def test_nothing_is_lost_or_out_of_order_while_many_write_and_two_relays_compete(rails: Rails) -> None:
    subjects = [new_id() for _ in range(5)]
    chance = random.Random(20261122)
    relays = [rails.running.relays["speaker"], another(rails)]
    done = asyncio.Event()

    async def writer() -> None:
        for number in range(15):
            async with rails.speaker.transaction() as tx:
                tx.publish(chance.choice(subjects), WordSaid(number=number))
                await tx.flush()
                if chance.random() < 0.2:
                    await tx.fetchval("select pg_sleep(0.01)")

    async def relaying(relay: Relay) -> None:
        while not done.is_set():
            # Leases that are taken away in the middle may meet in the wrong order; its endless loop tries again, too.
            with contextlib.suppress(TryAgainSoon):
                await relay.once()
            if chance.random() < 0.3:
                await rails.leases_run_out("speaker")
                relay._renew_at = 0.0

    working = [asyncio.create_task(relaying(relay)) for relay in relays]
    await asyncio.gather(*(writer() for _ in range(6)))
    done.set()
    await asyncio.gather(*working)
    for relay in relays:
        relay._renew_at = 0.0
    await relays[1].stop()
    await rails.relay()

    assert len(await feed(rails)) == 6 * 15
    await assert_dense_and_in_order(rails)


async def test_a_relay_that_lost_its_lease_while_it_slept_moves_nothing(rails: Rails) -> None:
    subject = new_id()
    zombie, successor = rails.running.relays["speaker"], another(rails)
    await rails.say(subject, 1)
    assert await zombie.once() == 1
    await rails.leases_run_out("speaker")
    await rails.say(subject, 2)
    assert await successor.once() == 1
    await rails.say(subject, 3)

    moved = await zombie.once()

    assert moved == 0
    assert len(await feed(rails)) == 2
    assert await successor.once() == 1
    await successor.stop()


async def test_what_was_said_first_is_moved_first_however_much_waits(rails: Rails) -> None:
    subject = new_id()
    await rails.publish(subject, *(WordSaid(number=number) for number in range(5)))
    relay = rails.running.relays["speaker"]
    await relay._hold()
    leases = relay._leases

    for _ in range(3):
        await rails.speaker.call("relay_move", list(leases), list(leases.values()), 2, role="machine")

    assert len(await feed(rails)) == 5
    await assert_dense_and_in_order(rails)


async def test_a_transaction_that_fails_says_nothing(rails: Rails) -> None:
    subject = new_id()
    try:
        async with rails.speaker.transaction() as tx:
            tx.publish(subject, WordSaid(number=1))
            await tx.flush()
            raise LookupError
    except LookupError:
        pass
    await rails.relay()

    assert await feed(rails) == []


async def test_events_of_one_commit_take_consecutive_versions_and_a_later_time_than_before(rails: Rails) -> None:
    subject = new_id()
    await rails.publish(subject, WordSaid(number=1), WordSaid(number=2))
    await rails.sql("speaker", "update chassis.clock set moved_by = interval '-1 day'")
    await rails.publish(subject, WordSaid(number=3))

    rows = await rails.sql("speaker", "select version, at from ledger where subject = $1 order by version", subject)

    assert [row["version"] for row in rows] == [1, 2, 3]
    assert rows[0]["at"] == rows[1]["at"] < rows[2]["at"]
