"""What a service is: a name, endpoints, handlers for what it hears, and work on the clock; and what it runs with."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel

from services.chassis.authentication import Tokens
from services.chassis.bus import Hints
from services.chassis.client import Peers
from services.chassis.errors import Problem
from services.chassis.settings import Settings
from services.chassis.store import Connection, Store, Tx
from services.events import Event

E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class Received(Generic[E]):
    """An event as it was heard."""

    event: E
    id: str
    subject: UUID
    version: int
    time: datetime


Apply = Callable[[Received[Any], Tx], Awaitable[None]]


@dataclass(frozen=True)
class FetchFirst:
    """A handler that needs a remote read: `fetch` runs before the transaction and its result is handed to `apply`.

    A peer that cannot be reached pauses the consumer; a 404 makes a dead letter. `is_remote` False: `fetch` only takes what the
    process holds, its keys, and such events are applied as many at a time as any.
    """

    fetch: Callable[[Received[Any], "Runtime"], Awaitable[Any]]
    apply: Callable[[Received[Any], Tx, Any], Awaitable[None]]
    is_remote: bool = True


@dataclass(frozen=True)
class Present:
    """A compacted topic of how each subject stands now. `read`: subjects → their values, absent where there is none."""

    topic: str
    read: Callable[[Connection, Sequence[UUID]], Awaitable[Mapping[UUID, BaseModel]]]


class Work(Protocol):
    """Work that a process does all the time, beside those of other processes: each takes what no other has in hand."""

    trouble: str | None

    async def run(self) -> None:
        """Until cancelled."""

    async def once(self) -> int:
        """What there is to do now. Returns how much was done."""

    async def stop(self) -> None:
        """Gives back what is in hand; never hangs."""


@dataclass(frozen=True)
class Service:
    """One small service. `handlers`: event → what is done; `ticks`: work that one clock of all processes does each second,
    and goes on with at once where it says that there is more.

    `check`: of what people have configured, before a process begins; raises where it makes no sense.
    `works`: what every process does all the time. `foresee`: what handlers will ask of a batch of events, read in one go before.
    """

    name: str
    router: APIRouter
    handlers: Mapping[type[Event], Apply | FetchFirst] = field(default_factory=dict)
    says: tuple[type[Event], ...] = ()
    ticks: Mapping[str, Callable[["Runtime"], Awaitable[bool | None]]] = field(default_factory=dict)
    rules: Mapping[str, type[Problem]] = field(default_factory=dict)
    present: Present | None = None
    check: Callable[[Settings], None] | None = None
    works: Mapping[str, Callable[["Runtime"], Work]] = field(default_factory=dict)
    foresee: Callable[[Tx, Sequence[UUID], Sequence[str]], Awaitable[None]] | None = None

    @property
    def hears(self) -> tuple[str, ...]:
        """The services whose events it listens to."""
        return tuple(sorted({event.source for event in self.handlers}))


class Replays(Protocol):
    """What the operators' address and work on the clock need of the consumer."""

    async def apply_kept(self, tx: Tx) -> None: ...

    async def replay(self, letter: UUID, by: str) -> None: ...

    async def skip(self, letter: UUID, by: str) -> None: ...


_BEFORE_ALL = UUID(int=0)


@dataclass
class Turn:
    """Where the clock's walk through many goes on: after the last it looked at. `found`: what it has counted on its way."""

    after: UUID = _BEFORE_ALL
    found: int = 0


@dataclass
class Runtime:
    """One running service: its store, its settings, and its peers' APIs."""

    service: Service
    settings: Settings
    store: Store
    tokens: Tokens
    peers: Peers
    consumer: "Replays | None" = None
    hints: Hints = field(default_factory=Hints)
    turns: dict[str, Turn] = field(default_factory=dict)


def runtime_of(name: str) -> Callable[[Request], Runtime]:
    """The FastAPI dependency that gives an endpoint its service's runtime."""

    def runtime(request: Request) -> Runtime:
        found: Runtime = request.app.state.runtimes[name]
        return found

    return runtime
