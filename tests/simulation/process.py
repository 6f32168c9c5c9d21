"""A process of the product: its endpoints, relays, consumers and clocks over simulated store, bus and network."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import FastAPI

from services import directory, notifications, persons, registry, sundhedspleje
from services.app import create_app
from services.chassis.authentication import Tokens
from services.chassis.bus import BusIsAway, Hints
from services.chassis.client import Peers
from services.chassis.consumer import Consumer, LostLease
from services.chassis.errors import CannotBeApplied, TryAgainSoon
from services.chassis.leader import Leader
from services.chassis.party import Bearer
from services.chassis.relay import Relay
from services.chassis.service import Runtime
from services.chassis.settings import Settings
from services.chassis.store import Store, Tx
from tests.simulation.bus import SimulatedReader, SimulatedWriter, Topics
from tests.simulation.scheduling import Crashed, Mortal, Scheduler
from tests.simulation.store import Lines, SimulatedPool

SOURCES = (persons.service, directory.service)
HEARERS = (registry.service, sundhedspleje.service, notifications.service)
SERVICES = (*SOURCES, *HEARERS)


@dataclass
class Answer:
    """An answer that arrived."""

    status: int
    body: Any

    @property
    def problem(self) -> str | None:
        is_problem = isinstance(self.body, dict) and "fault" in self.body
        return self.body["type"].rsplit("/", 1)[1] if is_problem else None


class NoAnswer(Exception):
    """The request or its answer was lost: whether anything was done is not known."""


class TrustedTokens(Tokens):
    """The log-in provider is outside: a token says plainly who, `person <login>` or `system <client id>`."""

    async def bearer(self, authorization: str | None) -> Bearer:
        kind, _, who = (authorization or "").removeprefix("Bearer ").partition(" ")
        return Bearer({"client_id": who} if kind == "system" else {"issuer": self._issuer, "login": who})


class Process(Mortal):
    """One life of a process. `app`: made once, it serves each life in turn."""

    def __init__(
        self, name: str, app: FastAPI, settings: Settings, scheduler: Scheduler, lines: Lines, topics: Topics, town: "Town"
    ) -> None:
        super().__init__(name)
        self._app, self._scheduler, self.town = app, scheduler, town
        tokens, self.hints = TrustedTokens(settings), Hints()
        self.runtimes: dict[str, Runtime] = {}
        self.relays: dict[str, Relay] = {}
        self.consumers: dict[str, Consumer] = {}
        self.leaders: dict[str, Leader] = {}
        self.busy: set[object] = set()
        for service in SERVICES:
            store = Store(settings, service.name)
            store._pools = {
                role: SimulatedPool(settings, f"{service.name}_{role}", service.name, self, scheduler, lines)
                for role in ("api", "machine")
            }
            peers = SimulatedPeers(self, service.name)
            runtime = self.runtimes[service.name] = Runtime(service, settings, store, tokens, peers)
            writer: Any = SimulatedWriter(self, scheduler, topics)
            self.relays[service.name] = Relay(runtime, self.hints, writer, writer)
            if service in HEARERS:
                reader = SimulatedReader(self, scheduler, topics)
                self.consumers[service.name] = runtime.consumer = Consumer(runtime, reader)
                self.leaders[service.name] = Leader(runtime)
        app.state.runtimes = self.runtimes

    def workers(self) -> list[Relay | Consumer | Leader]:
        return [*self.relays.values(), *self.consumers.values(), *self.leaders.values()]

    async def work(self, worker: Relay | Consumer | Leader) -> None:
        """One turn of a worker, as its endless loop would give it; what the loop would wait for is waited for here."""
        if worker in self.busy:
            return
        self.busy.add(worker)
        try:
            await worker.once()
        except (TryAgainSoon, BusIsAway, LostLease):
            if not isinstance(worker, Leader):
                worker._forget_leases()
        finally:
            self.busy.discard(worker)

    async def ask(self, method: str, path: str, who: str, body: Any = None, key: str | None = None) -> Answer:
        """An HTTP request served here. NoAnswer where this process dies meanwhile."""
        try:
            return await asyncio.get_running_loop().create_task(self._served(method, path, who, body, key))
        except Crashed:
            raise NoAnswer from None

    async def _served(self, method: str, path: str, who: str, body: Any, key: str | None) -> Answer:
        content = orjson.dumps(body) if body is not None else b""
        headers = [(b"authorization", f"Bearer {who}".encode()), (b"content-type", b"application/json")]
        if key:
            headers.append((b"idempotency-key", key.encode()))
        place, _, query = path.partition("?")
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": place, "raw_path": place.encode(), "query_string": query.encode(), "root_path": "", "headers": headers,
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
        }  # fmt: skip
        came: list[dict[str, Any]] = []
        given = False

        async def receive() -> dict[str, Any]:
            nonlocal given
            if given:
                await asyncio.Event().wait()
            given = True
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Any) -> None:
            came.append(message)

        await self._app(scope, receive, send)
        text = b"".join(message.get("body", b"") for message in came)
        return Answer(came[0]["status"], orjson.loads(text) if text else None)


async def counted(self: Consumer, tx: Tx, steps: Any, received: Any, materials: Any) -> None:
    """In place of Consumer._step: the same, and in the same transaction the harness counts what was applied."""
    await _STEP(self, tx, steps, received, materials)
    source = steps[0][0].source
    await tx.execute("select as_it_was.count_applied($1, $2, $3, $4)", self._name, source, received.subject, received.version)


_STEP = Consumer._step


class Town:
    """The processes that live now, and the network between them and to their clients."""

    def __init__(self, apps: Sequence[FastAPI], settings: Settings, scheduler: Scheduler, lines: Lines, topics: Topics) -> None:
        self._apps, self._settings, self.scheduler = apps, settings, scheduler
        self._lines, self._topics = lines, topics
        self.processes = [self._born(number) for number in range(len(apps))]
        self.buried: list[Process] = []
        scheduler.crash = self.crash

    def _born(self, number: int) -> Process:
        return Process("AB"[number], self._apps[number], self._settings, self.scheduler, self._lines, self._topics, self)

    def crash(self, who: Mortal) -> None:
        """kill -9, and another process in its place."""
        number = self.processes.index(who)  # type: ignore[arg-type]
        self.buried.append(self.processes[number])
        self.processes[number] = self._born(number)
        self.scheduler.kill(who)

    async def ask(self, method: str, path: str, who: str, body: Any = None, key: str | None = None) -> Answer:
        """A request over the network to any process. NoAnswer where it, its answer or the process is lost."""
        if await self.scheduler.point("network", f"{method} {path} request", None) != "goes":
            raise NoAnswer
        process = self.scheduler.chance.choice(self.processes)
        answer = await process.ask(method, path, who, body, key)
        if await self.scheduler.point("network", f"{answer.status} answer to {method} {path}", None) != "goes":
            raise NoAnswer
        return answer


class SimulatedPeers(Peers):
    """Another service's API over the simulated network."""

    def __init__(self, process: Process, service: str) -> None:
        self._process, self._service = process, service

    async def _ask(self, method: str, service: str, path: str, **more: Any) -> Any:
        if service not in self._process.runtimes:
            raise TryAgainSoon(f"{service} does not run in this town.")
        query = "&".join(f"{name}={value}" for name, value in more.get("params", {}).items())
        try:
            answer = await self._process.town.ask(method, f"{path}?{query}", f"system service-{self._service}", more.get("json"))
        except NoAnswer:
            raise TryAgainSoon(f"{service} does not answer.") from None
        if self._process.dead:
            raise Crashed
        if answer.status == 404:
            raise CannotBeApplied(f"{service} knows no such thing")
        if answer.status >= 300:
            raise TryAgainSoon(f"{service} answered {answer.status}.")
        return answer.body

    async def close(self) -> None:
        """Nothing is held."""


def applications(settings: Settings) -> list[FastAPI]:
    """One per process; made once, since it costs more than a simulation."""
    return [create_app(SERVICES, settings, work=False) for _ in range(2)]
