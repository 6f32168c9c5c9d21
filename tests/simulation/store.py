"""PostgreSQL as a process of the simulation reaches it: real statements on real connections, each at a numbered point."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from services.chassis.settings import Settings
from services.chassis.store import Pool, _speak_json
from tests.simulation.scheduling import Mortal, Scheduler

Said = Callable[["asyncpg.Connection[Any]"], Awaitable[Any]]


class Lines:
    """Connections by role and schema, kept from one simulation to the next."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._free: dict[tuple[str, str], list[asyncpg.Connection[Any]]] = {}
        self._all: list[asyncpg.Connection[Any]] = []

    async def take(self, role: str, schema: str) -> "asyncpg.Connection[Any]":
        free = self._free.setdefault((role, schema), [])
        if free:
            return free.pop()
        made = await asyncpg.connect(
            host=self._settings.database_host, port=self._settings.database_port, database=self._settings.database_name,
            user=role, password=self._settings.secrets.password(role),
            server_settings={
                "search_path": schema, "application_name": f"simulated-{role}", "jit": "off", "lock_timeout": "0",
                "statement_timeout": "0", "idle_in_transaction_session_timeout": "0",
                **({"tovholder.kind": "machine"} if role.endswith("_machine") else {}),
            },
        )  # fmt: skip
        await _speak_json(made)
        self._all.append(made)
        return made

    def give_back(self, role: str, schema: str, line: "asyncpg.Connection[Any]") -> None:
        self._free[(role, schema)].append(line)

    async def close(self) -> None:
        for line in self._all:
            await line.close()


class SimulatedPool(Pool):
    """The product's own pool over simulated connections."""

    def __init__(self, settings: Settings, role: str, schema: str, who: Mortal, scheduler: Scheduler, lines: Lines) -> None:
        super().__init__(settings, role, schema, 4)
        self._who, self._scheduler, self._lines = who, scheduler, lines

    async def _made(self) -> Any:
        return self

    @asynccontextmanager
    async def acquire(self, timeout: float | None) -> AsyncIterator["Wire"]:
        wire = Wire(self._lines, (self._role, self._schema), self._who, self._scheduler)
        try:
            yield wire
        finally:
            await wire.let_go()
            wire.give_back()

    async def close(self) -> None:
        """The lines outlive the process."""


class Wire:
    """A connection that may be cut. Cut in a transaction: what was done in it is undone, as PostgreSQL does.

    PostgreSQL hears of it at its first statement. Two that connected or began at once, each at its own speed, would go on in an
    order that no seed gives.
    """

    def __init__(self, lines: Lines, where: tuple[str, str], who: Mortal, scheduler: Scheduler) -> None:
        self._lines, self._where, self._who, self.scheduler = lines, where, who, scheduler
        self._line: asyncpg.Connection[Any] | None = None
        self._begun = False
        self.depth = 0
        self.cut = False

    async def fetch(self, query: str, *arguments: Any) -> Any:
        return await self.say(query, lambda line: line.fetch(query, *arguments))

    async def fetchrow(self, query: str, *arguments: Any) -> Any:
        return await self.say(query, lambda line: line.fetchrow(query, *arguments))

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        return await self.say(query, lambda line: line.fetchval(query, *arguments))

    async def execute(self, query: str, *arguments: Any) -> Any:
        return await self.say(query, lambda line: line.execute(query, *arguments))

    async def executemany(self, query: str, arguments: Any) -> Any:
        return await self.say(query, lambda line: line.executemany(query, arguments))

    def transaction(self) -> "WireTransaction":
        return WireTransaction(self)

    async def say(self, query: str, call: Said) -> Any:
        """One statement, perhaps cut off before it or before its answer."""
        if self.cut:
            raise asyncpg.ConnectionDoesNotExistError("the connection was cut")
        fate = await self.scheduler.point("store", f"{self._where[0]}: {' '.join(query.split())[:60]}", self._who)
        if fate != "is cut before":
            answer = await self._in_postgres(call)
            if self._who.dead:
                await self.let_go()
            if fate == "goes":
                return answer
        await self.let_go()
        self.cut = True
        raise asyncpg.ConnectionDoesNotExistError("the connection was cut")

    async def quietly(self, statement: str) -> None:
        """What the session does on its own: nothing can come between."""
        if not self.cut:
            await self._in_postgres(lambda line: line.execute(statement))

    async def _in_postgres(self, call: Said) -> Any:
        if self._line is None:
            self._line = await self._taken()
        line = self._line
        if self.depth and not self._begun:
            self._begun = True
            await self.scheduler.in_postgres(line.get_server_pid(), True, lambda: line.execute("begin"))
        return await self.scheduler.in_postgres(line.get_server_pid(), self.depth > 0, lambda: call(line))

    async def _taken(self) -> "asyncpg.Connection[Any]":
        self.scheduler.selector.in_flight += 1
        try:
            return await self._lines.take(*self._where)
        finally:
            self.scheduler.selector.in_flight -= 1

    def give_back(self) -> None:
        if self._line is not None:
            self._lines.give_back(*self._where, self._line)

    def deeper(self) -> int:
        self.depth += 1
        self.scheduler.open_transactions += self.depth == 1
        return self.depth

    def shallower(self) -> None:
        if self.depth:
            self.depth -= 1
            self._begun = self._begun and self.depth > 0
            self.scheduler.open_transactions -= self.depth == 0

    async def let_go(self) -> None:
        """Whatever is open is rolled back."""
        if self.depth:
            if self._begun:
                await self.quietly("rollback")
            while self.depth:
                self.shallower()


class WireTransaction:
    """A transaction or, inside one, a savepoint."""

    def __init__(self, wire: Wire) -> None:
        self._wire, self._depth = wire, 0

    async def __aenter__(self) -> "WireTransaction":
        self._depth = self._wire.deeper()
        if self._depth > 1:
            await self._wire.quietly(f"savepoint s{self._depth}")
        return self

    async def start(self) -> None:
        await self.__aenter__()

    async def __aexit__(self, _: Any, error: BaseException | None, __: Any) -> None:
        if self._wire.depth < self._depth:
            return
        if error is None:
            ending = "commit" if self._depth == 1 else f"release savepoint s{self._depth}"
            try:
                await self._wire.say(ending, lambda line: line.execute(ending))
            except asyncpg.ConnectionDoesNotExistError:
                raise
            except BaseException:
                await self._wire.let_go()
                raise
            self._wire.shallower()
        elif self._depth == 1:
            await self._wire.let_go()
        else:
            await self._wire.quietly(f"rollback to savepoint s{self._depth}")
            self._wire.shallower()
