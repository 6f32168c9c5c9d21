"""One simulation from its seed: acts under faults, then quiet, then every question that can be asked of what is left."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Self
from uuid import UUID

import structlog
from fastapi import FastAPI

from services.chassis import consumer, ids, leader, relay
from services.events.persons import IdentifiedChild
from services.notifications import ticks as sending
from services.registry import ticks
from tests.simulation.acts import Acts
from tests.simulation.bus import Topics
from tests.simulation.checks import Findings
from tests.simulation.ground import Ground
from tests.simulation.process import HEARERS, SERVICES, Town, applications, counted
from tests.simulation.scheduling import QuietLoop, QuietSelector, Scheduler
from tests.simulation.store import Lines
from tests.support.issuer import Issuer
from tests.support.world import Installation

STEPS = 50
_POINTS_BETWEEN_ACTS = 12
_LEVEL = " and ".join(
    [
        *(f"not exists (select from {it.name}.outbox)" for it in SERVICES),
        *(f"not exists (select from {it.name}.relay where sent < position)" for it in SERVICES),
        "not exists (select from registry.relay where derived < position) and not exists (select from registry.republish)",
        *(f"not exists (select from {it.name}.parked)" for it in HEARERS),
        *(
            f"not exists (select from {source.name}.relay r left join {it.name}.position p"
            f" on p.source = '{source.name}' and p.partition = r.partition where coalesce(p.position, 0) < r.position)"
            for it in HEARERS
            for source in SERVICES
            if source.name in it.hears
        ),
    ]
)


@dataclass
class Played:
    """What one simulation came to."""

    seed: int
    history: list[str]
    complaints: list[str]
    points: int


class Simulator:
    """Plays one simulation after the other on one ground."""

    def __init__(self, runner: asyncio.Runner, selector: QuietSelector, ground: Ground, apps: list[FastAPI]) -> None:
        self._runner, self._selector, self.ground, self._apps = runner, selector, ground, apps
        self._lines = Lines(ground.settings)

    @classmethod
    def made(cls, installation: Installation, issuer: Issuer, database: str) -> Self:
        selector = QuietSelector()
        runner = asyncio.Runner(loop_factory=lambda: QuietLoop(selector))
        ground = runner.run(Ground.made(installation, issuer, database))
        return cls(runner, selector, ground, applications(ground.settings))

    def play(self, seed: int, steps: int = STEPS, faulty: bool = True, crash_at: int | None = None) -> Played:
        """The same seed and arguments give the same history."""
        return self._runner.run(self._play(seed, steps, faulty, crash_at))

    def close(self) -> None:
        self._runner.run(self._lines.close())
        self._runner.run(self.ground.close())
        self._runner.close()

    def run(self, asked: Any) -> Any:
        """Something else on the same loop, between simulations."""
        return self._runner.run(asked)

    async def _play(self, seed: int, steps: int, faulty: bool, crash_at: int | None) -> Played:
        await self.ground.bring_back()
        scheduler = Scheduler(seed, self._selector, self.ground.watch, faulty, crash_at)
        topics = Topics()
        with simulated_time(scheduler), silence():
            town = Town(self._apps, self.ground.settings, scheduler, self._lines, topics)
            acts = Acts(town, self.ground, scheduler)
            try:
                await _live(acts, scheduler, town, steps)
                await _rest(acts, scheduler, town)
                found = await Findings.of(self.ground.look, acts, topics)
                scheduler.history += found.ledger_lines()
                complaints = found.complaints()
            except (AssertionError, Exception) as error:
                complaints = [f"{type(error).__name__}: {error}"]
            finally:
                await scheduler.end()
        return Played(seed, scheduler.history, complaints, scheduler.number)


async def _live(acts: Acts, scheduler: Scheduler, town: Town, steps: int) -> None:
    """Two children come first, so that there is something to do; then whatever is drawn."""
    for _ in range(2):
        acts.children.append(acts._id())
        scheduler.start(acts.identified(IdentifiedChild(child=acts.children[-1], order=1, status="expected", new=True)))
    await scheduler.until(lambda: not scheduler.actors)
    for worker in (town.processes[0].relays["persons"], town.processes[0].consumers["registry"]):
        scheduler.start(town.processes[0].work(worker))
        await scheduler.until(lambda: not scheduler.actors)
    for _ in range(steps):
        await scheduler.quiet()
        act = await acts.draw()
        if act is not None:
            scheduler.start(act)
        await scheduler.go(scheduler.chance.randrange(_POINTS_BETWEEN_ACTS))


async def _rest(acts: Acts, scheduler: Scheduler, town: Town) -> None:
    """The faults cease, every command is answered, one process finishes what there is to do."""
    scheduler.faulty = False
    scheduler.crash_at = None
    await scheduler.until(lambda: not scheduler.actors)
    await acts.lapse(town.processes[0].runtimes)
    process = town.processes[0]
    await _turn(scheduler, town, process.leaders["registry"])
    for tried in range(8):
        while True:
            before = scheduler.number
            for worker in (*process.relays.values(), *process.consumers.values()):
                await _turn(scheduler, town, worker)
            if scheduler.number - before <= _IDLE_POINTS or await acts.ground.look.fetchval(f"select {_LEVEL}"):
                break
        if await acts.ground.look.fetchval(f"select {_LEVEL}"):
            return
        scheduler.seconds += 31
        scheduler.history.append(f"not level after {tried}")
    raise AssertionError("what was said does not arrive")


# What all workers cost that find nothing to do.
_IDLE_POINTS = 2 * len(SERVICES) + 2 * len(HEARERS) + 1


async def _turn(scheduler: Scheduler, town: Town, worker: Any) -> None:
    scheduler.start(town.processes[0].work(worker))
    await scheduler.until(lambda: not scheduler.actors)


@contextmanager
def simulated_time(scheduler: Scheduler) -> Iterator[None]:
    """The time of leases and looks is the scheduler's; ids are drawn from the seed."""
    own = random.Random(scheduler.seed + 1)
    monotonic = SimpleNamespace(monotonic=lambda: scheduler.seconds)
    instead: list[tuple[Any, str, Any]] = [(module, "time", monotonic) for module in (consumer, relay, ticks, sending)]
    # Who holds what share of the partitions goes by the order of the holders' ids.
    instead += [(module, "uuid4", lambda: UUID(bytes=own.randbytes(16))) for module in (consumer, relay, leader)]
    instead += [
        (ids, "os", SimpleNamespace(urandom=own.randbytes)),
        (ids, "time", SimpleNamespace(time_ns=lambda: 1_800_000_000_000_000_000 + scheduler.number * 1_000_000)),
    ]
    instead.append((consumer.Consumer, "_step", counted))
    # Of every other seed already two events are many, so that one half of the partitions is applied beside the other.
    instead.append((consumer, "_MOST_AT_ONCE", 1 if scheduler.seed % 2 == 0 else consumer._MOST_AT_ONCE))
    before = [(place, name, getattr(place, name)) for place, name, _ in instead]
    for place, name, it in instead:
        setattr(place, name, it)
    ticks._PROVED.clear()
    try:
        yield
    finally:
        for place, name, it in before:
            setattr(place, name, it)


@contextmanager
def silence() -> Iterator[None]:
    """Under faults the log is full of them."""
    before = structlog.get_config()
    structlog.configure(processors=[_dropped], cache_logger_on_first_use=False)
    try:
        yield
    finally:
        structlog.configure(**before)


def _dropped(*_: Any) -> Any:
    raise structlog.DropEvent
