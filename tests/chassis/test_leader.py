"""The clock does all its work in each round, and says whether there is more to do at once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from services.chassis.leader import Leader
from services.chassis.service import Runtime
from tests.support.rails import Rails

Tick = Callable[[Runtime], Awaitable[bool | None]]


def clock_of(rails: Rails, **ticks: Tick) -> Leader:
    runtime = rails.running.runtimes["speaker"]
    return Leader(replace(runtime, service=replace(runtime.service, ticks=ticks)))


async def has_more(_: Runtime) -> bool:
    return True


async def is_done(_: Runtime) -> None:
    pass


async def fails(_: Runtime) -> None:
    raise ValueError


async def test_one_tick_that_has_more_is_enough_to_go_on(rails: Rails) -> None:
    clock = clock_of(rails, has_more=has_more, is_done=is_done)
    assert await clock.once() is True
    await clock.stop()

    clock = clock_of(rails, is_done=is_done)
    assert not await clock.once()
    await clock.stop()


async def test_a_tick_that_fails_hides_no_other_that_has_more(rails: Rails) -> None:
    clock = clock_of(rails, fails=fails, has_more=has_more)

    assert await clock.once() is True

    assert clock.trouble == "fails: ValueError"
    await clock.stop()


async def test_whoever_does_not_lead_does_nothing_and_has_nothing_more_to_do(rails: Rails) -> None:
    leads, waits = clock_of(rails, has_more=has_more), clock_of(rails, has_more=has_more)
    await leads.once()

    assert not await waits.once()
    await leads.stop()


async def test_the_clock_goes_on_without_a_pause_as_long_as_there_is_more(rails: Rails) -> None:
    rounds, done = iter(range(60)), asyncio.Event()

    async def sixty_rounds(_: Runtime) -> bool:
        if next(rounds, None) is None:
            done.set()
        return not done.is_set()

    clock = clock_of(rails, sixty_rounds=sixty_rounds)
    running = asyncio.create_task(clock.run())
    try:
        # With the pause of a second after each it would be a minute.
        async with asyncio.timeout(40):
            await done.wait()
    finally:
        running.cancel()
    await clock.stop()
