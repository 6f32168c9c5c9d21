"""A town that serves one test after another: its rows are brought back after each, its server and connections stay."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

import asyncpg
import httpx2
from fastapi import FastAPI

from services import catalogue
from services.app import Running, create_app
from services.chassis.settings import Settings
from services.demo.processes import free_port
from tests.support.as_it_was import AsItWas
from tests.support.issuer import Issuer
from tests.support.world import Installation, World, serving

T = TypeVar("T")


class Lasting(Generic[T]):
    """One database, application and server for all tests of a process that ask for it, in order.

    `prepare` is told once of the fresh town, and what it returns is remembered with the rows. A test that changes the schema, or
    leaves rows locked, ends this town; the next test has a new one.
    """

    def __init__(
        self, installation: Installation, issuer: Issuer, prepare: Callable[[World], Awaitable[T]], **options: Any
    ) -> None:
        self._installation, self._issuer, self._prepare, self._options = installation, issuer, prepare, options
        self._database = ""
        self._stack = contextlib.AsyncExitStack()
        self._prepared: T
        self._settings: Settings
        self._app: FastAPI
        self._http: httpx2.AsyncClient
        self._as_it_was: AsItWas | None = None

    @asynccontextmanager
    async def world(self) -> AsyncIterator[tuple[World, T]]:
        """The town as it was, with nothing remembered by the process: leases, tokens, positions are taken anew."""
        if self._as_it_was is None:
            await self._make()
        # A copy, since a test may set its own.
        settings = self._settings.model_copy(deep=True)
        running = self._anew(settings)
        try:
            yield World(settings, running, self._http, self._issuer), self._prepared
        finally:
            for runtime in running.runtimes.values():
                await runtime.peers.close()
            if not await self._brought_back():
                await self.end()

    async def end(self) -> None:
        if self._as_it_was is not None:
            await self._as_it_was.close()
            await self._stack.aclose()
            await asyncio.to_thread(self._installation.drop, self._database)
        self._as_it_was = None

    async def _make(self) -> None:
        self._database = f"lasting_{uuid.uuid4().hex[:12]}"
        await asyncio.to_thread(self._installation.clone, self._database)
        port = free_port()
        self._settings = self._installation.settings(self._database, self._issuer, port, **self._options)
        self._app = create_app(catalogue.SERVICES, self._settings, work=False)
        self._http = await self._stack.enter_async_context(serving(self._app, port))
        self._prepared = await self._prepare(World(self._settings, self._app.state.running, self._http, self._issuer))
        # Whoever holds a lease gives it back: it would be remembered as held.
        await asyncio.gather(*(worker.stop() for worker in self._app.state.running.workers().values()))
        superuser = f"{self._installation.superuser_dsn.rsplit('/', 1)[0]}/{self._database}"
        self._as_it_was = await AsItWas.remembered(superuser)

    def _anew(self, settings: Settings) -> Running:
        """Workers that know nothing yet, on the connections there are."""
        before: Running = self._app.state.running
        running = Running(catalogue.SERVICES, settings)
        for name, runtime in running.runtimes.items():
            runtime.store._pools = before.runtimes[name].store._pools
            running.consumers[name]._reader._pool = before.consumers[name]._reader._pool  # type: ignore[attr-defined]
        state = self._app.state
        state.runtimes, state.workers, state.running = running.runtimes, running.workers(), running
        return running

    async def _brought_back(self) -> bool:
        assert self._as_it_was is not None
        with contextlib.suppress(asyncpg.PostgresError, OSError):
            if await self._as_it_was.has_its_shape():
                await self._as_it_was.bring_back()
                return True
        return False
