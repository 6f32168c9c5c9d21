"""Tovholder as it really runs, to be broken: real PostgreSQL with fsync, real Kafka, each service in a process of its own."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import httpx2
import psutil

from services import catalogue
from services.catalogue import service_of_path
from services.chassis import topics
from services.chassis.migrate import migrate, owner_dsn, prepare
from services.chassis.settings import Settings
from services.chassis.store import Store
from services.demo import town
from services.demo.actors import Actor
from services.demo.installed import REPOSITORY
from services.demo.post_office import PostOffice
from services.demo.postgres import PostgresServer
from services.demo.processes import free_port
from tests.faults.brokers import Brokers
from tests.faults.disk import Disk
from tests.faults.wires import Wire
from tests.support.issuer import AUDIENCE, Issuer

PATIENCE = 120.0
BEFORE_IT_ARRIVES, WHILE_IT_IS_ANSWERED, BEFORE_THE_ANSWER_ARRIVES = 1, 2, 3

T = TypeVar("T")
Strike = Callable[[str, str, int], Awaitable[bool]]
"""Service, Idempotency-Key and place on the road → whether something was broken there."""


async def until(look: Callable[[], Awaitable[T | None]], what: str, seconds: float = PATIENCE) -> T:
    """What `look` finds at last; AssertionError, saying what was waited for, after so many seconds."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = await look()
        if found is not None:
            return found
        assert asyncio.get_running_loop().time() < deadline, f"after {seconds:.0f} s it is still not so that {what}"
        await asyncio.sleep(0.05)


@dataclass(frozen=True)
class Start:
    """With which code a process is started: the program of the folder `code`."""

    program: Sequence[str] = ("services",)
    code: Path = REPOSITORY


_SAID_BY_LOOKING = frozenset({"holder_unseen"})


class Process:
    """One process of one service."""

    def __init__(
        self, name: str, settings: Settings, log: Path, port: int, addresses: Mapping[str, int], start: Start | None = None
    ) -> None:
        self.name, self.port, self.killed = name, port, 0
        self._log, self._how = log, start or Start()
        chosen = settings.model_dump(mode="json", exclude_none=True)
        urls = {each: f"http://127.0.0.1:{port}" for each, port in addresses.items()}
        self._environment = {
            f"TOVHOLDER_{setting.upper()}": json.dumps(value) if isinstance(value, dict | list) else str(value)
            for setting, value in {**chosen, "port": self.port, "service_urls": urls}.items()
        }
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", *self._how.program, "run", "--service", self.name],
                cwd=self._how.code,
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        """SIGKILL, whatever it was doing; a process that sleeps dies too."""
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
            self._child.wait()
            self.killed += 1

    def kill_and_start_again(self) -> None:
        self.kill()
        self.start()

    def pause(self) -> None:
        """SIGSTOP: to everybody else it looks dead, and it does not know."""
        assert self._child is not None, "it has not been started"
        self._child.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        assert self._child is not None, "it has not been started"
        self._child.send_signal(signal.SIGCONT)

    def is_paused(self) -> bool:
        assert self._child is not None, "it has not been started"
        return bool(psutil.Process(self._child.pid).status() == psutil.STATUS_STOPPED)

    @property
    def has_started(self) -> bool:
        return self._child is not None

    def has_ended(self) -> bool:
        return self._child is not None and self._child.poll() is not None


class Road(httpx2.AsyncBaseTransport):
    """The way from an actor to a service. At its three places somebody may lie in wait for a change."""

    def __init__(self, addresses: dict[str, int]) -> None:
        self.addresses = addresses
        self.strike: Strike | None = None
        self._way = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        service = service_of_path(request.url.path) or ""
        request.url = request.url.copy_with(port=self.addresses[service])
        key = request.headers.get("idempotency-key", "")
        if self.strike is None or not key:
            return await self._way.handle_async_request(request)

        async def sent(event: str, _: object) -> None:
            if event == "http11.send_request_body.complete":
                await self._at(service, key, WHILE_IT_IS_ANSWERED)

        request.extensions = {**request.extensions, "trace": sent}
        await self._at(service, key, BEFORE_IT_ARRIVES)
        answer = await self._way.handle_async_request(request)
        await answer.aread()
        if await self._at(service, key, BEFORE_THE_ANSWER_ARRIVES):
            raise httpx2.ReadError("The answer was lost on its way.")
        return answer

    async def _at(self, service: str, key: str, place: int) -> bool:
        return self.strike is not None and await self.strike(service, key, place)

    async def aclose(self) -> None:
        await self._way.aclose()


class Town:
    """The installation with its demo town, and the scene that the story is played on.

    `start`: with which code, by service. `disk`: PostgreSQL's own, where it is to be filled.
    """

    def __init__(
        self,
        folder: Path,
        secrets: Path,
        issuer: Issuer,
        brokers: int = 1,
        start: Mapping[str, Start] | None = None,
        disk: Disk | None = None,
    ) -> None:
        self.post_office = PostOffice(folder / "mail")
        self.disk = disk
        place = disk.folder if disk else folder
        self.postgres = PostgresServer(place / "postgres", settings={"shared_buffers": "128MB", "max_wal_size": "512MB"})
        self.broker = Brokers(folder / "kafka", catalogue.names(), brokers)
        self.names: Mapping[str, str] = town.names()
        self.addresses = {name: free_port() for name in catalogue.names()}
        self.to_postgres = {name: Wire(f"{name} – postgres", lambda: self.postgres.port or 0) for name in catalogue.names()}
        self.to_peer = {
            (name, peer): Wire(f"{name} – {peer}", lambda peer=peer: self.addresses[peer])  # type: ignore[misc]
            for name in catalogue.names()
            for peer in catalogue.names()
            if name != peer
        }
        self._start = start or {}
        self.road = Road(dict(self.addresses))
        self.processes: dict[str, Process] = {}
        self._folder, self._secrets, self.issuer = folder, secrets, issuer
        self.http = httpx2.AsyncClient(transport=self.road, base_url="http://127.0.0.1", timeout=40)
        self._probing = httpx2.AsyncClient(timeout=5)
        self._stores: dict[str, Store] = {}
        self._returning: dict[str, asyncio.Task[None]] = {}
        self._away: set[str] = set()

    @contextlib.asynccontextmanager
    async def standing(self) -> AsyncIterator["Town"]:
        """Everything started, and ended again whatever became of it."""
        try:
            self.post_office.start()
            await self.broker.lay_wires()
            for wire in (*self.to_postgres.values(), *self.to_peer.values()):
                await wire.lay()
            await asyncio.gather(asyncio.to_thread(self.postgres.start), asyncio.to_thread(self.broker.start))
            await self._furnish()
            for process in self.processes.values():
                process.start()
            await self.until_ready()
            yield self
        finally:
            for process in self.processes.values():
                process.kill()
            await asyncio.gather(*self._returning.values(), return_exceptions=True)
            await self.http.aclose()
            await self._probing.aclose()
            for store in self._stores.values():
                await store.close()
            self.post_office.stop()
            for wire in (*self.to_postgres.values(), *self.to_peer.values()):
                await wire.close()
            await self.broker.close()
            self.broker.kill()
            self.postgres.remove()

    async def _furnish(self) -> None:
        self.settings = Settings(
            database_host="127.0.0.1",
            database_port=self.postgres.port or 0,
            secrets_folder=self._secrets,
            bus="kafka",
            kafka_bootstrap=self.broker.bootstrap,
            issuer=self.issuer.url,
            audience=AUDIENCE,
            smtp_host="127.0.0.1",
            smtp_port=self.post_office.port,
            smtp_tls="none",
            log_level="warning",
            lease_seconds=2,
        )
        await asyncio.to_thread(topics.make, self.settings, REPOSITORY / "deploy" / "topics.yaml")
        await asyncio.to_thread(prepare, self.postgres.dsn(), self.settings, catalogue.names())
        await asyncio.to_thread(migrate, self.settings, catalogue.names(), movable_clock=True)
        self._stores = {name: Store(self.settings, name) for name in catalogue.names()}
        await town.settle_in(self._stores["directory"], self.issuer.url)
        self.processes = {name: self.process(name) for name in catalogue.names()}

    def process(self, name: str, port: int | None = None, start: Start | None = None) -> Process:
        """A process of a service, not yet started; whatever it connects to lies behind a wire. `port`: None for the usual one."""
        settings = self.settings.model_copy(
            update={"database_port": self.to_postgres[name].port, "kafka_bootstrap": self.broker.bootstrap_of(name)}
        )
        own = port or self.addresses[name]
        addresses = {name: own} | {peer: wire.port for (of, peer), wire in self.to_peer.items() if of == name}
        return Process(name, settings, self.log_of(name), own, addresses, start or self._start.get(name))

    def another(self, name: str, start: Start | None = None) -> Process:
        """A second process of a service, with a port of its own, not yet started."""
        return self.process(name, free_port(), start)

    def log_of(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    # -- The scene of the story ----------------------------------------------------------------------------------------------

    def professional(self, username: str) -> Actor:
        return self._actor(town.login_of(username), "portal")

    def system(self, client_id: str) -> Actor:
        return self._actor(client_id, client_id)

    def _actor(self, subject: str, client_id: str) -> Actor:
        async def fetch() -> str:
            return self.issuer.token(subject, client_id)

        return Actor(self.http, fetch)

    async def now(self) -> datetime:
        found: datetime = await self.as_owner("select chassis.now()")
        return found

    async def advance(self, by: timedelta) -> None:
        moved = await self.as_owner("select moved_by from chassis.clock")
        await self.as_owner("update chassis.clock set moved_by = $1 returning moved_by", moved + by)

    async def breathe(self) -> None:
        await asyncio.sleep(0.05)

    async def as_owner(self, query: str, *arguments: Any) -> Any:
        """Asked again while PostgreSQL is away."""

        async def ask() -> Any:
            try:
                connection = await asyncpg.connect(owner_dsn(self.settings), timeout=5)
            except (OSError, asyncpg.PostgresError, TimeoutError):
                return None
            try:
                return await connection.fetchval(query, *arguments)
            finally:
                await connection.close()

        return await until(ask, "PostgreSQL answers")

    # -- Breaking and mending ------------------------------------------------------------------------------------------------

    def kill(self, what: str) -> None:
        """kill -9 of `postgres` or `broker`; it stays away until it is brought back."""
        self._server(what).kill()
        self._away.add(what)

    async def bring_back(self, what: str) -> None:
        await asyncio.to_thread(self._server(what).start)
        self._away.discard(what)

    def kill_and_return(self, what: str) -> bool:
        """kill -9; it comes back while all others go on. False where it is still coming back."""
        if what in self._away:
            return False
        self.kill(what)
        self._returning[what] = asyncio.create_task(self.bring_back(what))
        return True

    def _server(self, what: str) -> PostgresServer | Brokers:
        return self.postgres if what == "postgres" else self.broker

    async def mend(self) -> None:
        """Brings back whatever a broken test left away."""
        await asyncio.gather(*self._returning.values(), return_exceptions=True)
        for what in sorted(self._away):
            await self.bring_back(what)
        await self.until_ready()

    async def until_ready(self) -> None:
        """Everything is back, every service says that it is ready, and knows who may call."""
        for task in self._returning.values():
            await task
        for name in self.processes:
            await until(lambda name=name: self._is_ready(name), f"{name} is ready")  # type: ignore[misc]

    async def _is_ready(self, name: str) -> bool | None:
        assert not self.processes[name].has_ended(), f"{name} ended by itself"
        if (await self.probe(self.addresses[name])).status_code != 200:
            return None
        for table, number in (("professional", len(town.people())), ("client", len(town.client_ids()))):
            (row,) = await self.look(name, f"select count(*) as known from {table}")
            if row["known"] < number:
                return None
        return True

    async def probe(self, port: int, path: str = "/readyz") -> httpx2.Response:
        """Asked of one process itself; 503 where nobody answers."""
        try:
            return await self._probing.get(f"http://127.0.0.1:{port}{path}")
        except httpx2.HTTPError:
            return httpx2.Response(503)

    # -- Looking -------------------------------------------------------------------------------------------------------------

    async def look(self, service: str, query: str, *arguments: object) -> list[asyncpg.Record]:
        async with self._stores[service].connection() as connection:
            found: list[asyncpg.Record] = await connection.fetch(query, *arguments)
            return found

    async def until_quiet(self) -> dict[tuple[str, int], int]:
        """What was said before has been heard by everyone: nothing of an earlier test is still on its way.

        The ends of the feeds, by source and partition, up to which it has; the services go on talking.
        """
        return await until(self._is_quiet, "everything said has been heard")

    async def _is_quiet(self) -> dict[tuple[str, int], int] | None:
        ends: dict[tuple[str, int], int] = {}
        for name in catalogue.names():
            if await self.look(name, "select 1 from outbox union all select 1 from parked"):
                return None
            for row in await self.look(name, "select partition, position from relay"):
                ends[(name, row["partition"])] = row["position"]
        for name in catalogue.names():
            for row in await self.look(name, "select source, partition, position from position"):
                if row["position"] < ends.get((row["source"], row["partition"]), 0):
                    return None
        return ends

    async def subjects(self) -> dict[str, set[str]]:
        """By service: what it has ever said something of."""
        return {
            name: {str(row["id"]) for row in await self.look(name, "select distinct subject as id from ledger")}
            for name in catalogue.names()
        }

    async def facts_since(self, before: Mapping[str, set[str]]) -> Counter[str]:
        """How often each fact was said of what nobody had spoken of before, and how often each notice was delivered.

        But for what the clock goes on saying, a step at each look: how many looks it has between two steps of a story is a matter
        of the machine.
        """
        found: Counter[str] = Counter()
        for name in catalogue.names():
            for row in await self.look(name, "select subject, split_part(type, '.', 4) as fact from ledger"):
                if str(row["subject"]) not in before[name] and name != "notifications" and row["fact"] not in _SAID_BY_LOOKING:
                    found[f"{name} {row['fact']}"] += 1
        children = [
            row["id"] for row in await self.look("registry", "select id from child") if str(row["id"]) not in before["registry"]
        ]
        query = "select kind, to_whom, channel from delivery where about = any ($1) and state <> 'passed-on' and kind <> all ($2)"
        for row in await self.look("notifications", query, children, list(_SAID_BY_LOOKING)):
            found[f"{row['to_whom']} told of {row['kind']} by {row['channel']}"] += 1
        return found


@contextlib.contextmanager
def struck(road: Road, strike: Strike) -> Iterator[None]:
    """Somebody lies in wait on the road as long as the block lasts."""
    road.strike = strike
    try:
        yield
    finally:
        road.strike = None
