"""The whole product in one process for a test: real PostgreSQL, embedded bus, a clock that moves; nothing runs by itself."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import psycopg
import uvicorn
from starlette.types import ASGIApp

from services import catalogue
from services.app import Running, create_app
from services.chassis.migrate import migrate, owner_dsn, prepare
from services.chassis.settings import Settings
from services.chassis.store import Store
from services.demo import town
from services.demo.keys import make_secrets
from services.demo.processes import free_port
from tests.support.issuer import AUDIENCE, Issuer

TEMPLATE = "world_template"


@dataclass
class Answer:
    """An HTTP answer as tests read it."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def problem(self) -> str | None:
        """The slug of a problem, or None."""
        return (
            self.body["type"].rsplit("/", 1)[1]
            if isinstance(self.body, dict) and "type" in self.body and "fault" in self.body
            else None
        )


class Someone:
    """A person or a system with a valid token, talking HTTP."""

    def __init__(self, world: "World", token: str) -> None:
        self._world, self.token = world, token

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.ask("GET", path, **options)

    async def post(
        self, path: str, body: Any = None, key: str | None = None, if_match: int | None = None, **options: Any
    ) -> Answer:
        """A change; a fresh Idempotency-Key unless one is given."""
        headers = {"idempotency-key": key or str(uuid.uuid4()), **options.pop("headers", {})}
        if if_match is not None:
            headers["if-match"] = f'"{if_match}"'
        if body is not None:
            options["json"] = body
        return await self.ask("POST", path, headers=headers, **options)

    async def put(self, path: str, body: Any) -> Answer:
        return await self.ask("PUT", path, {"idempotency-key": str(uuid.uuid4())}, json=body)

    async def delete(self, path: str) -> Answer:
        return await self.ask("DELETE", path, {"idempotency-key": str(uuid.uuid4())})

    async def ask(self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any) -> Answer:
        sent = {"authorization": f"Bearer {self.token}", **(headers or {})}
        answer = await self._world.http.request(method, path, headers=sent, **options)
        is_json = "json" in answer.headers.get("content-type", "")
        return Answer(answer.status_code, answer.json() if is_json else answer.content, dict(answer.headers))


@dataclass
class World:
    """What a test holds. `names`: the demo town's people and units by short name → id."""

    settings: Settings
    running: Running
    http: httpx2.AsyncClient
    issuer: Issuer
    names: dict[str, str] = field(default_factory=town.names)

    def as_professional(self, name: str) -> Someone:
        """Someone of the demo town, by user name."""
        return Someone(self, self.issuer.token(town.login_of(name)))

    def as_client(self, client_id: str) -> Someone:
        """A system, by client id."""
        return Someone(self, self.issuer.token(client_id, client_id))

    def with_token(self, token: str) -> Someone:
        return Someone(self, token)

    def store(self, service: str) -> Store:
        return self.running.runtimes[service].store

    async def settle(self) -> None:
        """Until no relay has anything to move and no consumer anything to apply."""
        for _ in range(200):
            moved = sum([await relay.once() for relay in self.running.relays.values()])
            applied = sum([await consumer.once() for consumer in self.running.consumers.values()])
            if not moved and not applied:
                return
        raise AssertionError("the world does not settle: events cause each other without end")

    async def tick(self) -> None:
        """Each service's clock once, and what follows from it."""
        for leader in self.running.leaders.values():
            await leader.once()
            assert leader.trouble is None, leader.trouble
        for work in self.running.works.values():
            await work.once()
        await self.settle()

    async def advance(self, by: timedelta) -> None:
        """Moves the clock of promises and facts; logins and leases keep real time."""
        connection = await asyncpg.connect(owner_dsn(self.settings))
        try:
            await connection.execute("update chassis.clock set moved_by = moved_by + $1", by)
        finally:
            await connection.close()
        await self.tick()

    async def now(self) -> datetime:
        return await self.store("registry").now()

    async def sql(self, service: str, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """A look into a service's tables as its machine role."""
        async with self.store(service).connection() as connection:
            found: list[asyncpg.Record] = await connection.fetch(query, *arguments)
            return found

    async def events(self, service: str, subject: str) -> list[str]:
        """The facts said of a subject, in order: `handover_proposed` …"""
        rows = await self.sql(service, "select type from ledger where subject = $1 order by version", uuid.UUID(subject))
        return [row["type"].split(".")[3] for row in rows]

    async def dead_letters(self) -> list[tuple[str, str, str]]:
        """(service, event type, reason) of everything laid aside."""
        found = []
        for name in self.running.runtimes:
            rows = await self.sql(name, "select type, reason from dead_letter where resolved_at is null")
            found += [(name, row["type"], row["reason"]) for row in rows]
        return found


class Installation:
    """What one run of the tests shares: a database server, secrets, a provider, and a template with the demo town in it."""

    def __init__(self, folder: Path, superuser_dsn: str, host: str, port: int) -> None:
        self.folder, self.superuser_dsn, self.host, self.port = folder, superuser_dsn, host, port
        self.public_keys = make_secrets(folder / "secrets", catalogue.names(), town.municipalities(), town.client_ids())

    def settings(self, database: str, issuer: Issuer, port: int, **more: Any) -> Settings:
        chosen = {
            "database_host": self.host, "database_port": self.port, "database_name": database,
            "secrets_folder": self.folder / "secrets", "issuer": issuer.url, "audience": AUDIENCE,
            "gateway_url": f"http://127.0.0.1:{port}", "port": port, "log_level": "error",
        }  # fmt: skip
        return Settings(**{**chosen, **more})

    async def make_template(self, issuer: Issuer) -> None:
        """Roles, schemas, the movable clock and the demo town, known to every service; once per run."""
        settings = self.settings(TEMPLATE, issuer, free_port())
        await asyncio.to_thread(prepare, self.superuser_dsn, settings, catalogue.names())
        await asyncio.to_thread(migrate, settings, catalogue.names(), movable_clock=True)
        async with self.world(issuer, TEMPLATE) as world:
            await town.settle_in(world.store("directory"), issuer.url)
            await world.settle()
            assert await world.dead_letters() == []
        # A template with a session on it cannot be cloned, and a backend ends a moment after its client.
        with psycopg.connect(self.superuser_dsn, autocommit=True, options="-c statement_timeout=0") as connection:
            connection.execute(f"alter database {TEMPLATE} with allow_connections false")
            connection.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s", (TEMPLATE,))

    def clone(self, name: str, of: str = TEMPLATE) -> None:
        """A database of its own for a test, with what stands in the template."""
        with psycopg.connect(self.superuser_dsn, autocommit=True, options="-c statement_timeout=0") as connection:
            # Copying files costs 0.08 s; through the log, as is the default, some 0.4 s for every test.
            connection.execute(f'create database "{name}" template "{of}" owner tovholder_owner strategy file_copy')
            connection.execute(f'revoke all on database "{name}" from public')
            connection.execute(f'grant connect on database "{name}" to {", ".join(_roles())}')

    def drop(self, name: str) -> None:
        with psycopg.connect(self.superuser_dsn, autocommit=True, options="-c statement_timeout=0") as connection:
            connection.execute(f'drop database if exists "{name}" with (force)')

    @asynccontextmanager
    async def world(self, issuer: Issuer, database: str, **more: Any) -> AsyncIterator[World]:
        """All services on real HTTP in this process, nothing running by itself."""
        port = free_port()
        settings = self.settings(database, issuer, port, **more)
        app = create_app(catalogue.SERVICES, settings, work=False)
        async with serving(app, port) as http:
            yield World(settings, app.state.running, http, issuer)


@asynccontextmanager
async def serving(app: ASGIApp, port: int) -> AsyncIterator[httpx2.AsyncClient]:
    """The application behind a real server of this process, and a client of it."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, lifespan="on"))
    running = asyncio.create_task(server.serve())
    while not server.started and not running.done():  # noqa: ASYNC110 - uvicorn says it by this flag only
        await asyncio.sleep(0.005)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, verify=False) as http:
        try:
            yield http
        finally:
            server.should_exit = True
            await running


def _roles() -> Sequence[str]:
    return [
        "tovholder_owner",
        "tovholder_bus",
        *(f"{service}_{kind}" for service in catalogue.names() for kind in ("api", "machine")),
    ]
