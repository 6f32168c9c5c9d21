"""Has the present state of children sent again to the compacted topic, by the relay that runs: nobody else ever sends."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.chassis.present import ask_again
from services.chassis.settings import Settings
from services.chassis.store import Store

_AT_ONCE = 1000
# So many may wait for the relay: what is asked for stays a small table, and a relay that is away stops the asking.
_WAITING_AT_MOST = 5000
_PATIENCE_SECONDS = 60


class NothingToRepublish(LookupError):
    """The registry knows no such child, or none of that municipality."""


class NoRelayWorks(TimeoutError):
    """What was asked for waits, and no relay of the registry takes it."""


@dataclass(frozen=True)
class Progress:
    """So many of so many were asked for, so many of them still wait for the relay."""

    asked: int
    of: int
    waiting: int


class Republishing:
    """One run. `child`, `municipality` or neither: all. `per_second`: how many are asked for in a second."""

    def __init__(self, settings: Settings, child: UUID | None, municipality: str | None, per_second: int) -> None:
        self._settings, self._per_second = settings, per_second
        self._store = Store(settings, "registry")
        self._which = (child, municipality)

    async def run(self) -> AsyncIterator[Progress]:
        """Asks page by page, and waits until the relay has sent all. NothingToRepublish, NoRelayWorks, TryAgainSoon."""
        child, municipality = self._which
        of = await self._number()
        if not of and child is None:
            raise NothingToRepublish(f"The registry has no child{f' of municipality {municipality}' if municipality else ''}.")
        if not of:
            raise NothingToRepublish("The registry knows no such child.")
        began, asked, after = time.monotonic(), 0, None
        while asked < of and (page := await self._page(after)):
            await self._ask(page)
            asked, after = asked + len(page), page[-1]
            yield Progress(asked, of, await self._room(_WAITING_AT_MOST))
            await asyncio.sleep(max(0.0, began + asked / self._per_second - time.monotonic()))
        while waiting := await self._waiting():
            yield Progress(asked, of, waiting)
            await self._room(waiting - 1)
        yield Progress(asked, of, 0)

    async def _ask(self, children: list[UUID]) -> None:
        async with self._store.connection() as connection:
            await ask_again(connection, children, self._settings.partitions)

    async def _room(self, at_most: int) -> int:
        """Until no more than so many wait; returns how many do. NoRelayWorks where nothing moves for a minute."""
        waiting, moved_at = await self._waiting(), time.monotonic()
        while waiting > at_most:
            if time.monotonic() > moved_at + _PATIENCE_SECONDS:
                raise NoRelayWorks(f"{waiting} children wait to be sent, and no relay of the registry sends them. Does it run?")
            await asyncio.sleep(0.2)
            before, waiting = waiting, await self._waiting()
            moved_at = time.monotonic() if waiting < before else moved_at
        return waiting

    async def _waiting(self) -> int:
        return int(await self._value("select count(*) from republish"))

    async def _number(self) -> int:
        return int(await self._value(f"select count(*) from child where {_WHICH}", *self._which))  # noqa: S608 - our own text

    async def _page(self, after: UUID | None) -> list[UUID]:
        query = f"select id from child where {_WHICH} and ($3::uuid is null or id > $3) order by id limit $4"  # noqa: S608
        async with self._store.connection() as connection:
            return [row["id"] for row in await connection.fetch(query, *self._which, after, min(_AT_ONCE, self._per_second))]

    async def _value(self, query: str, *arguments: Any) -> Any:
        async with self._store.connection() as connection:
            return await connection.fetchval(query, *arguments)

    async def close(self) -> None:
        await self._store.close()


_WHICH = "($1::uuid is null or id = $1) and ($2::text is null or municipality = $2)"
