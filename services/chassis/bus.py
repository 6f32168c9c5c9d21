"""The port to the bus, and the embedded bus: the feed read in place of a topic, same bytes, same consumer."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.chassis.settings import Settings
from services.chassis.store import Pool

# Of each partition, so that a busy one does not keep others waiting.
_PAGE = 250


@dataclass(frozen=True)
class Record:
    """One record of a source's partition. `position` is the feed's; `offset` the broker's own, null on the embedded bus."""

    source: str
    partition: int
    position: int
    body: str | bytes
    offset: int | None = None


@dataclass(frozen=True)
class Mark:
    """How far a consumer has come in one partition of a source."""

    source: str
    partition: int
    position: int
    offset: int | None = None


class Hints:
    """Wakes whoever waits in this process; the look at the database is the truth, a lost hint costs a moment."""

    def __init__(self) -> None:
        self._events: dict[str, set[asyncio.Event]] = {}
        self._waiting: dict[tuple[int, tuple[str, ...]], asyncio.Event] = {}

    def say(self, name: str) -> None:
        for event in self._events.get(name, ()):
            event.set()

    async def wait(self, names: Sequence[str], seconds: float) -> None:
        """Until one of the names is said, at most so long. A name said since the last wait of this task's event counts."""
        event = self._event(names)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)
        event.clear()

    @contextlib.contextmanager
    def listening(self, *names: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever one of the names is said, until the end of the block; for those who come and go."""
        event = asyncio.Event()
        for name in names:
            self._events.setdefault(name, set()).add(event)
        try:
            yield event
        finally:
            for name in names:
                self._events[name].discard(event)
                if not self._events[name]:
                    del self._events[name]

    def listened_to(self, beginning: str) -> list[str]:
        """The names that begin so and for which somebody waits."""
        return [name for name in self._events if name.startswith(beginning)]

    def _event(self, names: Sequence[str]) -> asyncio.Event:
        key = (id(asyncio.current_task()), tuple(names))
        if key not in self._waiting:
            self._waiting[key] = asyncio.Event()
            for name in names:
                self._events.setdefault(name, set()).add(self._waiting[key])
        return self._waiting[key]


class Reader(Protocol):
    """What a consumer reads from."""

    async def read(self, marks: Sequence[Mark], wait_seconds: float) -> list[Record]:
        """Records after the marks, in order within each partition; empty when none came in time. Raises BusIsAway."""

    async def close(self) -> None:
        """Lets go of connections; never hangs."""


class BusIsAway(Exception):
    """The bus does not answer, or answered with an error after which a fresh client is needed."""


class EmbeddedReader:
    """Reads the feeds of the sources by a role that may read feed and ledger and nothing else."""

    def __init__(self, settings: Settings, hints: Hints) -> None:
        self._pool = Pool(settings, "tovholder_bus", "chassis", 2)
        self._hints = hints

    async def read(self, marks: Sequence[Mark], wait_seconds: float) -> list[Record]:
        found = await self._look(marks)
        if not found and wait_seconds:
            await self._hints.wait(sorted({f"feed:{mark.source}" for mark in marks}), wait_seconds)
            found = await self._look(marks)
        return found

    async def _look(self, marks: Sequence[Mark]) -> list[Record]:
        by_source: dict[str, list[Mark]] = {}
        for mark in marks:
            by_source.setdefault(mark.source, []).append(mark)
        if not by_source:
            return []
        arguments: list[list[int]] = []
        parts = []
        for source, own in by_source.items():
            number = len(arguments)
            arguments += [[mark.partition for mark in own], [mark.position for mark in own]]
            parts.append(
                f"(select '{source}' as source, f.partition, f.position, l.envelope::text as body"  # noqa: S608 - names are ours
                f" from unnest(${number + 1}::smallint[], ${number + 2}::bigint[]) m(partition, position)"
                f" cross join lateral (select * from {source}.feed f where f.partition = m.partition and f.position > m.position"
                f" order by f.position limit {_PAGE}) f"
                f" join {source}.ledger l on l.subject = f.subject and l.version = f.version order by f.partition, f.position)"
            )
        async with self._pool.connection() as connection:
            rows = await connection.fetch(" union all ".join(parts), *arguments)
        return [Record(row["source"], row["partition"], row["position"], row["body"]) for row in rows]

    async def close(self) -> None:
        await self._pool.close()


def source_of_topic(topic: str) -> str:
    """`tovholder.registry` → `registry`."""
    return topic.removeprefix("tovholder.")


def topic_of(source: str) -> str:
    return f"tovholder.{source}"
