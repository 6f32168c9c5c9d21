"""People and systems of the demo, talking HTTP with tokens of the real provider; and the one thing besides: moving the clock."""

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx2

from services.chassis.migrate import owner_dsn
from services.chassis.settings import Settings
from services.demo import town
from services.demo.parents import parents
from services.demo.sign_in import machine_token, person_token

WEB_CLIENT = "portal"
SCOPE = "tovholder"
_TOKEN_SECONDS = 200  # the provider gives them 300


@dataclass(frozen=True)
class Running:
    """Where a demo can be reached; kept in its folder for the commands that talk to it."""

    url: str
    issuer: str
    audience: str
    redirect_uri: str

    def write(self, folder: Path) -> None:
        (folder / "running.json").write_text(json.dumps(asdict(self), indent=2))

    @classmethod
    def read(cls, folder: Path) -> "Running":
        """FileNotFoundError where no demo was ever started in this folder."""
        return cls(**json.loads((folder / "running.json").read_text()))


async def token_of_person(folder: Path, running: Running, username: str) -> str:
    """Through the provider's login page, as a browser would. LookupError for a stranger, SignInRefused where it gives none."""
    parent = next((one for one in parents() if one.username == username), None)
    password = parent.password if parent else town.person(username).password
    return await person_token(
        running.issuer, WEB_CLIENT, _key(folder, WEB_CLIENT), running.redirect_uri, running.audience, username, password,
        with_cpr=parent is not None,
    )  # fmt: skip


async def token_of_system(folder: Path, running: Running, client_id: str) -> str:
    """By the system's own key. LookupError where it has none here."""
    return await machine_token(running.issuer, client_id, _key(folder, client_id), SCOPE)


async def token_of(name: str, folder: Path) -> str:
    """A token of the demo that runs in `folder`, for a person by user name or a system by client id."""
    running = Running.read(folder)
    if name in town.client_ids():
        return await token_of_system(folder, running, name)
    return await token_of_person(folder, running, name)


def _key(folder: Path, client_id: str) -> str:
    path = folder / "secrets" / f"client-{client_id}.pem"
    if not path.exists():
        raise LookupError(f"no system of the demo is called {client_id}; there are {', '.join(town.client_ids())}")
    return path.read_text()


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; 503 where there was none. `body` is what JSON says, else bytes."""

    status: int
    body: Any


class Actor:
    """Someone with a valid token: fetched when first needed, and again before it ends."""

    def __init__(self, http: httpx2.AsyncClient, fetch: Callable[[], Awaitable[str]]) -> None:
        self._http, self._fetch = http, fetch
        self._token, self._until = "", 0.0
        self._fetching = asyncio.Lock()

    async def get(self, path: str) -> Answer:
        return await self._ask("GET", path)

    async def post(self, path: str, body: Any = None, key: str | None = None) -> Answer:
        """A change, with a fresh Idempotency-Key unless one is given."""
        return await self._ask(
            "POST", path, {"idempotency-key": key or str(uuid.uuid4())}, {} if body is None else {"json": body}
        )

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, more: Mapping[str, Any] | None = None
    ) -> Answer:
        sent = {"authorization": f"Bearer {await self._valid_token()}", **(headers or {})}
        try:
            answer = await self._http.request(method, path, headers=sent, **(more or {}))
        except httpx2.TransportError:
            return Answer(503, None)
        return Answer(answer.status_code, answer.json() if "json" in answer.headers.get("content-type", "") else answer.content)

    async def _valid_token(self) -> str:
        async with self._fetching:
            if time.monotonic() > self._until:
                self._token, self._until = await self._fetch(), time.monotonic() + _TOKEN_SECONDS
        return self._token


class LiveScene:
    """The running demo as the story needs it."""

    def __init__(self, folder: Path, running: Running, settings: Settings) -> None:
        self._folder, self._running, self._settings = folder, running, settings
        self._http = httpx2.AsyncClient(base_url=running.url, timeout=30)
        self._actors: dict[str, Actor] = {}
        self.names = town.names()

    def professional(self, username: str) -> Actor:
        return self._actor(username, lambda: token_of_person(self._folder, self._running, username))

    def system(self, client_id: str) -> Actor:
        return self._actor(client_id, lambda: token_of_system(self._folder, self._running, client_id))

    def _actor(self, name: str, fetch: Callable[[], Awaitable[str]]) -> Actor:
        if name not in self._actors:
            self._actors[name] = Actor(self._http, fetch)
        return self._actors[name]

    async def now(self) -> datetime:
        found: datetime = await self._as_owner("select chassis.now()")
        return found

    async def advance(self, by: timedelta) -> None:
        """Moves the clock of promises and facts; log-ins and leases keep real time."""
        await self._as_owner("update chassis.clock set moved_by = moved_by + $1 returning moved_by", by)

    async def _as_owner(self, query: str, *arguments: Any) -> Any:
        connection = await asyncpg.connect(owner_dsn(self._settings))
        try:
            return await connection.fetchval(query, *arguments)
        finally:
            await connection.close()

    async def breathe(self) -> None:
        """A moment for the services, between two looks."""
        await asyncio.sleep(0.05)

    async def close(self) -> None:
        await self._http.aclose()
