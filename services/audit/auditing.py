"""The audit of an installation: every check, those that found something twice, and what may be mended by itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg

from services import catalogue
from services.audit import baton, copies, told, topics, trail
from services.audit.findings import Finding, Look
from services.chassis.present import ask_again
from services.chassis.settings import Settings
from services.chassis.store import Pool

Check = Callable[[Look], Awaitable[Finding]]
# A check over a million children takes seconds, one over all events of years minutes.
_PATIENCE_SECONDS = 3600


class Audit:
    """Looks as each service's machine role; beside a running installation, changing nothing but what `mend` says."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pools = {
            name: Pool(settings, f"{name}_machine", name, 1, patience_seconds=_PATIENCE_SECONDS) for name in catalogue.names()
        }

    async def look(self, service: str, query: str, *arguments: object) -> Sequence[Any]:
        """Rows of a query in a service's own tables. TryAgainSoon where PostgreSQL is away."""
        async with self._pools[service].connection() as connection:
            found: list[asyncpg.Record] = await connection.fetch(query, *arguments)
            return found

    def checks(self) -> list[Check]:
        """What is looked at here: topics only where there are some."""
        own: list[Check] = [
            *baton.CHECKS,
            *trail.CHECKS,
            partial(trail.every_partition_is_its_own, partitions=self._settings.partitions),
            *copies.CHECKS,
            *told.CHECKS,
        ]
        if self._settings.bus == "kafka":
            own.append(partial(topics.topics_equal_feeds, settings=self._settings))
            own.append(partial(topics.compacted_topic_equals_tovholdere, settings=self._settings, ask=self._ask))
        return own

    async def findings(self, rest_seconds: float) -> AsyncIterator[Finding]:
        """One finding per check. What a check finds it looks for again after a rest: what was on its way then is no difference.

        Raises BusIsAway where Kafka does not answer, TryAgainSoon where PostgreSQL does not.
        """
        for check in self.checks():
            finding = await check(self.look)
            if finding.differences:
                await asyncio.sleep(rest_seconds)
                finding = finding.still(await check(self.look))
            yield finding

    async def mend(self, findings: Sequence[Finding]) -> int:
        """Does what is safe beside everything that runs. Returns how many differences it was done for."""
        steps = [one.by_itself for finding in findings for one in finding.differences if one.by_itself]
        for step in steps:
            await step()
        return len(steps)

    async def _ask(self, child: UUID) -> None:
        async with self._pools["registry"].connection() as connection:
            await ask_again(connection, [child], self._settings.partitions)

    async def note(self, differences: int) -> None:
        """Writes down that the audit came to its end: the registry measures how long ago that is."""
        await self.look("registry", "insert into audit (differences) values ($1)", differences)

    async def close(self) -> None:
        for pool in self._pools.values():
            await pool.close()


@asynccontextmanager
async def audit_of(settings: Settings) -> AsyncIterator[Audit]:
    """An audit, its connections closed at the end."""
    made = Audit(settings)
    try:
        yield made
    finally:
        await made.close()
