"""Whoever kills the process that gives events to integrators loses nothing: counted, over real processes."""

import asyncio
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from services.chassis.migrate import owner_dsn
from services.demo.processes import free_port
from services.events.registry import ChildBorn
from tests.faults.town import Process, until
from tests.notifications.receiver import Receiver
from tests.notifications.telling import AT, HAVBY, Telling
from tests.notifications.test_subscriptions import SUBSCRIPTIONS, how

pytestmark = pytest.mark.faults
EVENTS, KILLS = 60, (15, 35, 55)


async def test_no_event_is_lost_and_none_passed_over_when_the_process_is_killed_again_and_again(
    telling_all: Telling, receiver: Receiver, tmp_path: Path
) -> None:
    telling = telling_all
    system = await telling.system("record")
    rules = [{"name": "births", "kinds": ["child_born"]}]
    made = [
        (await system.post(SUBSCRIPTIONS, {"url": receiver.url(path), "rules": rules})).body
        for path in ("/one", "/other", "/ill")
    ]
    receiver.manner = {"/ill": "refuses"}
    port = free_port()
    process = Process("notifications", telling.world.settings, tmp_path / "log", port, {"notifications": port})
    process.start()

    async def kill_when_so_many_have_come() -> None:
        for number in KILLS:
            await receiver.until(number)
            process.kill()
            await as_if_its_time_had_run_out(telling)
            process.start()

    async def say() -> None:
        for _ in range(EVENTS):
            child = uuid4()
            born = ChildBorn(child=child, municipality=HAVBY, notification_id=None, born_on=AT.date(), order=1)
            await telling.say(child, born)
            await telling.world.running.relays["registry"].once()

    try:
        await asyncio.gather(say(), kill_when_so_many_have_come())

        async def done() -> bool | None:
            stands = [await how(system, one) for one in made[:2]]
            # The clock's test event of each line comes beside them.
            return all(one["sequence"] == EVENTS + 1 and one["waiting"] == 0 for one in stands) or None

        await until(done, "both have everything", 120)
        ill = await how(system, made[2])
    finally:
        process.kill()

    for path in ("/one", "/other"):
        came = receiver.sequences(path)
        born = {event["subject"] for event in receiver.events(path) if event["type"].endswith(".child_born.v1")}
        assert len(born) == EVENTS, "lost"
        assert set(came) == set(range(1, EVENTS + 2)), "lost"
        # Again at most what was in hand at a kill, and never back further.
        assert len(came) - EVENTS - 1 <= len(KILLS)
        assert all(after - before in (0, 1) for before, after in pairwise(came)), "passed over or out of order"
    assert set(receiver.sequences("/ill")) == {1}
    assert (ill["sequence"], ill["sent"]) == (EVENTS + 1, 0)


async def as_if_its_time_had_run_out(telling: Telling) -> None:
    """What a killed process had in hand is free at once; a living one would have renewed it."""
    connection = await asyncpg.connect(owner_dsn(telling.world.settings))
    try:
        for table in ("subscription set in_hand_until", "position set until", "relay set until", "worker set until"):
            await connection.execute(f"update notifications.{table} = '-infinity'")
    finally:
        await connection.close()
