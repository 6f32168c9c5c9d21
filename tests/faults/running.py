"""One fault run: an installation, clients, faults by a seeded plan, and what the checks say of it."""

import contextlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services import catalogue
from tests.faults import nemesis
from tests.faults.checks import Complaint, checked
from tests.faults.evidence import Evidence, Place, Sampler, gathered
from tests.faults.load import Load, now
from tests.faults.nemesis import Breaking, Fault
from tests.faults.town import Start, Town, until


@dataclass(frozen=True)
class Size:
    """How much of it. `aim`: operations a second; `operations`: for so many a fault lasts; `backlog`: events of a slow hearer."""

    children: int = 24
    clients: int = 8
    aim: float = 60.0
    operations: int = 30
    backlog: int = 5_000
    minutes: float = 0.0

    @classmethod
    def long(cls, minutes: float) -> "Size":
        return cls(children=120, clients=24, aim=200.0, operations=200, backlog=100_000, minutes=minutes)


@dataclass
class Run:
    """What one run came to."""

    seed: int
    size: Size
    brokers: int
    evidence: Evidence
    complaints: dict[str, list[Complaint]]
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    seconds: float = 0.0

    @property
    def broken(self) -> list[str]:
        return [f"{name}: {one.what}" for name, found in self.complaints.items() for one in found]


async def run(
    town: Town,
    seed: int,
    size: Size,
    faults: Sequence[Fault] | None = None,
    old_code: Start | None = None,
    tell: Callable[[str], object] = lambda _: None,
) -> Run:
    """Plays rounds of all faults (or once those given) until the time is over, then waits, looks and checks."""
    # The clients' draws must not shift the plan's: how many there have been by then is a matter of the machine.
    chance = random.Random(seed)
    load = Load(town, random.Random(f"{seed} people"), size.aim)
    at = Breaking(town, load, chance, size.operations, size.backlog, old_code=old_code)
    sampler = Sampler(town)
    began = now()
    await load.furnish(size.children)
    sampler.start()
    load.start(size.clients)
    try:
        await load.until_done(size.operations, 30.0)
        while True:
            for fault in faults if faults is not None else nemesis.plan(chance, size.minutes > 0):
                struck = await nemesis.strike(fault, at)
                lasted = struck.ceased - struck.began
                tell(f"{now() - began:6.1f} s  {struck.matter} {struck.name}, {lasted:.1f} s  {struck.note}")
            if now() - began > 60 * size.minutes:
                break
        await load.until_done(size.operations, 30.0)
    finally:
        await load.stop()
        await sampler.stop()
    await town.until_ready()
    ceased = now()
    quiet: float | None = None
    heard: dict[Place, int] | None = None
    # What is never heard is for C13 to say, on the page with all the rest.
    with contextlib.suppress(AssertionError):
        heard = await town.until_quiet()
        await until(lambda: _is_sent(town), "everything said stands on its topic")
        quiet = now() - ceased
    evidence = await gathered(town, load, sampler.samples, heard)
    evidence.quiet_after_seconds, evidence.began = quiet, began
    evidence.injected, evidence.poisoned, evidence.postgres_died = at.injected, at.poisoned, at.postgres_died
    load.history.note_recoveries()
    await _letters_decided(town)
    return Run(seed, size, len(town.broker.nodes), evidence, checked(evidence), seconds=now() - began)


async def _is_sent(town: Town) -> bool | None:
    """Of what had been said when we began to ask; the services go on talking."""
    for name in catalogue.names():
        if await town.look(name, "select 1 from relay where sent < position"):
            return None
    return True


async def _letters_decided(town: Town) -> None:
    """What was poison is looked at and skipped, as an operator would."""
    operator = town.system("service-registry")
    for name in catalogue.names():
        while letters := (await operator.get(f"/{name}/dead-letters")).body:
            for letter in letters:
                await operator.post(f"/{name}/dead-letters/{letter['id']}/skip")
