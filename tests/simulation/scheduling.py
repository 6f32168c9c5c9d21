"""One thing at a time, drawn from the seed: each await on store, bus or network is a numbered point."""

import asyncio
import random
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import asyncpg

T = TypeVar("T")
ACTOR: ContextVar[int] = ContextVar("actor", default=0)
Fate = Literal["goes", "is cut before", "is cut after"]
On = Literal["store", "bus", "network", "lock"]

# Of a hundred points of each kind, how many are cut before and how many after what happens there.
_CUTS: dict[On, float] = {"store": 0.8, "bus": 4, "network": 4, "lock": 0}
_SECONDS_PER_POINT = 0.05
DEADLOCK_SECONDS = 0.01
_LOOKS_FOR_LOCKS_AFTER_SECONDS = 0.01


class Crashed(BaseException):
    """The process that ran this is gone. Not an Exception: no code of the product may catch it and go on."""


class Mortal:
    """A process as the scheduler knows it."""

    def __init__(self, name: str) -> None:
        self.name, self.dead = name, False


@dataclass
class Point:
    """Where someone waits to be let on."""

    on: On
    what: str
    who: Mortal | None
    let_on: "asyncio.Future[Fate]"
    actor: int


class QuietSelector(selectors.DefaultSelector):
    """Tells when the loop has nothing to do but to wait: everyone waits at a point, and PostgreSQL has answered."""

    def __init__(self) -> None:
        super().__init__()
        self.in_flight = 0
        self.quiet: asyncio.Future[None] | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if (timeout is None or timeout > 0) and not self.in_flight and self.quiet is not None:
            quiet, self.quiet = self.quiet, None
            quiet.set_result(None)
            timeout = 0
        return super().select(timeout)


class QuietLoop(asyncio.SelectorEventLoop):
    """What the product gives to a thread is done at once: a thread has a speed of its own, and the loop looks idle meanwhile."""

    def run_in_executor(self, executor: Any, func: Callable[..., T], *arguments: Any) -> "asyncio.Future[T]":  # type: ignore[override]
        done = self.create_future()
        try:
            done.set_result(func(*arguments))
        except Exception as error:
            done.set_exception(error)
        return done


@dataclass
class Scheduler:
    """Lets on one waiting point after the other. `crash_at`: the number of the point at which its process dies."""

    seed: int
    selector: QuietSelector
    watch: "asyncpg.Connection[Any]"
    faulty: bool = True
    crash_at: int | None = None
    crash: Callable[[Mortal], None] = lambda _: None
    number: int = 0
    seconds: float = 0.0
    open_transactions: int = 0
    history: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self._waiting: list[Point] = []
        self._blocked: list[tuple[int, asyncio.Future[Any]]] = []
        self.actors: set[asyncio.Task[None]] = set()
        self.failure: BaseException | None = None
        self._actors_so_far = 0
        self._watching = asyncio.Lock()

    def start(self, actor: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Something that goes on by itself, from point to point. Its failure ends the simulation."""
        self._actors_so_far += 1
        ACTOR.set(self._actors_so_far)
        task = asyncio.get_running_loop().create_task(actor)
        self.actors.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self.actors.discard(task)
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, Crashed):
            self.failure = self.failure or error

    async def point(self, on: On, what: str, who: Mortal | None) -> Fate:
        """Waits until the scheduler lets on. Crashed where the process has died."""
        if who is not None and who.dead:
            raise Crashed
        point = Point(on, what, who, asyncio.get_running_loop().create_future(), ACTOR.get())
        self._waiting.append(point)
        return await point.let_on

    async def go(self, points: int) -> None:
        """Lets on so many points, fewer if nobody waits."""
        for _ in range(points):
            if not await self._one():
                return

    async def until(self, done: Callable[[], bool]) -> None:
        """Lets on until it is done. AssertionError where it does not come to an end."""
        for _ in range(20_000):
            await self.quiet()
            if done():
                return
            assert await self._one(), "everyone waits for someone else"
        raise AssertionError("this does not come to an end")

    async def _one(self) -> bool:
        await self.quiet()
        if not self._waiting and self._blocked:
            # Each waits for a lock of the other; PostgreSQL ends one of them.
            await asyncio.wait([task for _, task in self._blocked], return_when=asyncio.FIRST_COMPLETED)
            await self.quiet()
        if not self._waiting:
            return False
        self._in_order()
        point = self._waiting.pop(self.chance.randrange(len(self._waiting)))
        self.number += 1
        self.seconds += _SECONDS_PER_POINT
        fate = self._fate(point)
        self.history.append(f"{self.number} {point.who.name if point.who else 'client'} {point.what} {fate}")
        if self.number == self.crash_at and point.who is not None:
            self._waiting.append(point)
            self.crash(point.who)
        else:
            point.let_on.set_result(fate)
        await self.quiet()
        return True

    def _fate(self, point: Point) -> Fate:
        drawn = self.chance.random() * 100
        if not self.faulty or drawn >= 2 * _CUTS[point.on]:
            return "goes"
        return "is cut before" if drawn < _CUTS[point.on] else "is cut after"

    async def quiet(self) -> None:
        """Until everyone waits at a point: whatever was started or killed has come to rest."""
        quiet = self.selector.quiet = asyncio.get_running_loop().create_future()
        await quiet
        if self.failure:
            raise self.failure

    def _in_order(self) -> None:
        """In which order they came may depend on how fast PostgreSQL let go of a lock."""
        self._waiting.sort(key=lambda it: (it.actor, it.what))

    def kill(self, who: Mortal) -> None:
        """The process is gone wherever it stood; its open transactions are rolled back, as PostgreSQL would."""
        who.dead = True
        self._in_order()
        for point in [point for point in self._waiting if point.who is who]:
            self._waiting.remove(point)
            point.let_on.set_exception(Crashed())

    async def in_postgres(self, pid: int, own_transaction: bool, call: Callable[[], Awaitable[T]]) -> T:
        """The one statement in flight, until it has ended or waits for another's lock."""
        self.selector.in_flight += 1
        try:
            if self.open_transactions - own_transaction <= 0 and not self._blocked:
                return await call()
            return await self._perhaps_blocked(pid, call)
        finally:
            self.selector.in_flight -= 1

    async def _perhaps_blocked(self, pid: int, call: Callable[[], Awaitable[T]]) -> T:
        statement: asyncio.Future[T] = asyncio.ensure_future(call())
        await self._ended_or_blocked(pid, statement)
        if not statement.done() and await self._waits_beside_another(pid):
            return await self._timed_out(pid, statement)
        if not statement.done():
            self._blocked.append((pid, statement))
            self.selector.in_flight -= 1
            try:
                await asyncio.wait({statement})
                await self.point("lock", "a lock is free", None)
            finally:
                self.selector.in_flight += 1
                self._blocked.remove((pid, statement))
            return await statement
        for other, waiting in list(self._blocked):
            if not waiting.done() and not await self._is_blocked(other):
                await self._ended_or_blocked(other, waiting)
        return await statement

    async def _waits_beside_another(self, pid: int) -> bool:
        """Both wait for the end of one transaction, neither for the other: who of them is first, PostgreSQL leaves open."""
        before = await self._blockers(pid)
        for other, waiting in self._blocked:
            if not waiting.done() and other not in before and before & await self._blockers(other):
                return True
        return False

    async def _timed_out(self, pid: int, statement: "asyncio.Future[T]") -> T:
        """As after the product's lock_timeout."""
        async with self._watching:
            await self.watch.execute("select pg_cancel_backend($1)", pid)
        try:
            return await statement
        except asyncpg.QueryCanceledError as error:
            raise asyncpg.LockNotAvailableError("waited too long for a lock") from error

    async def _ended_or_blocked(self, pid: int, statement: "asyncio.Future[Any]") -> None:
        while not statement.done():
            await asyncio.wait({statement}, timeout=_LOOKS_FOR_LOCKS_AFTER_SECONDS)
            if not statement.done() and await self._is_blocked(pid):
                # Whoever closes a circle of locks is the one whom PostgreSQL refuses: nothing goes on before it has looked.
                await asyncio.wait({statement}, timeout=3 * DEADLOCK_SECONDS)
                return

    async def _is_blocked(self, pid: int) -> bool:
        return bool(await self._blockers(pid))

    async def _blockers(self, pid: int) -> set[int]:
        # What a session does on its own, a beginning or a rollback, may happen beside the one statement.
        async with self._watching:
            return set(await self.watch.fetchval("select pg_blocking_pids($1)", pid))

    async def end(self, leftover: Iterable["asyncio.Task[None]"] = ()) -> None:
        """Nothing of this simulation goes on into the next."""
        for task in [*self.actors, *leftover]:
            task.cancel()
        for point in self._waiting:
            point.let_on.cancel()
        await asyncio.gather(*self.actors, return_exceptions=True)
