"""Counts anew from the feeds: forgets what was noted and counted, and reads every source from its beginning."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from services.chassis.errors import TryAgainSoon
from services.chassis.service import Runtime
from services.chassis.store import Connection
from services.indicators import repository
from services.indicators.domain.facts import Fact
from services.indicators.domain.veil import Veil
from services.indicators.handlers import facts_of

# Longer than the longest page takes, and short enough that a process that was killed is soon followed by the usual consumer.
_LEASE_SECONDS = 15
_TRIES = 30
_DIRECTORY = "directory"


class TheRebuildWasOvertaken(RuntimeError):
    """Another process has taken the feeds meanwhile: nothing is lost, it goes on from where this one was."""


@dataclass
class Done:
    """How much was read, and how many facts that gave."""

    events: int = 0
    facts: int = 0


@dataclass(frozen=True)
class _Page:
    source: str
    partition: int
    position: int
    seen: dict[UUID, int]
    facts: Sequence[Fact]
    events: int
    is_last: bool


class Rebuilding:
    """Takes every partition from whoever consumes, and gives it back at the feed's end.

    Killed at any moment it leaves a consumer that is merely behind: positions and facts move in one transaction, and the next
    process to take the leases goes on from there. No quarter is counted before all has been heard again.
    """

    def __init__(self, runtime: Runtime, said: Callable[[str, Done], None] = lambda _, __: None) -> None:
        self._runtime, self._said = runtime, said
        self._veil = Veil(runtime.settings.secrets.indicators_key())
        self._holder = uuid4()
        self._sources = [source for source in runtime.service.hears if source != _DIRECTORY]
        self.done = Done()

    async def run(self) -> Done:
        """TryAgainSoon where a source is away for long; TheRebuildWasOvertaken."""
        store = self._runtime.store
        try:
            async with store.transaction() as tx:
                await tx.execute(
                    "select begin_anew($1, $2, $3, $4)", self._holder, self._sources, store.partitions, _LEASE_SECONDS
                )
                await tx.execute("delete from parked where source = any ($1)", self._sources)
                await tx.execute("delete from kept where source = any ($1)", self._sources)
                await tx.execute("delete from dead_letter where source = any ($1)", self._sources)
            for source in (_DIRECTORY, *self._sources):
                for partition in range(store.partitions):
                    await self._read(source, partition)
                self._said(source, self.done)
        finally:
            await store.call("free_leases", self._holder, role="machine")
        return self.done

    async def _read(self, source: str, partition: int) -> None:
        """The next page is fetched while this one is written."""
        coming = asyncio.create_task(self._page(source, partition, 0))
        try:
            while True:
                page = await coming
                if not page.is_last:
                    coming = asyncio.create_task(self._page(source, partition, page.position))
                await self._write(page)
                if page.is_last:
                    return
        finally:
            coming.cancel()

    async def _page(self, source: str, partition: int, after: int) -> _Page:
        found = await self._asked(source, partition, after)
        envelopes = [row["envelope"] for row in found["events"]]
        seen: dict[UUID, int] = {}
        for content in envelopes:
            subject = UUID(content["subject"])
            seen[subject] = max(seen.get(subject, 0), content["version"])
        position = int(found["events"][-1]["position"]) if envelopes else after
        facts = facts_of(envelopes, self._veil)
        return _Page(source, partition, position, seen, facts, len(envelopes), not envelopes or position >= found["end"])

    async def _asked(self, source: str, partition: int, after: int) -> Any:
        for tries in range(_TRIES):
            try:
                return await self._runtime.peers.get(source, f"/{source}/feed", partition=partition, after=after)
            except TryAgainSoon:
                if tries == _TRIES - 1:
                    raise
                await asyncio.sleep(1)
        raise AssertionError("the last try has raised")

    async def _write(self, page: _Page) -> None:
        async with self._runtime.store.connection() as connection, connection.transaction():
            await self._keep(connection)
            await repository.keep_many(connection, page.facts)
            # What the directory says of log-ins is for the usual consumer, which goes on from where it was.
            if page.events and page.source != _DIRECTORY:
                await connection.execute(
                    "update position set position = $3 where source = $1 and partition = $2",
                    *(page.source, page.partition, page.position),
                )
                await connection.execute(
                    "insert into seen (source, subject, version) select $1, * from unnest($2::uuid[], $3::bigint[])"
                    " on conflict (source, subject) do update set version = greatest(seen.version, excluded.version)",
                    *(page.source, list(page.seen), list(page.seen.values())),
                )
        self.done.events += page.events
        self.done.facts += len(page.facts)

    async def _keep(self, connection: Connection) -> None:
        """The leases, looked at in each transaction: whoever lost them writes nothing."""
        kept = await connection.fetchval("select keep_positions($1, $2, $3)", self._holder, self._sources, _LEASE_SECONDS)
        if not kept:
            raise TheRebuildWasOvertaken("Another process has taken the feeds; it goes on from where this one was.")
