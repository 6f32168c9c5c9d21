"""All services in one process, or any of them in their own; the code cannot tell. The only composition root."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from services import capability
from services.chassis import log, problems
from services.chassis.authentication import Tokens
from services.chassis.bus import EmbeddedReader, Hints, Reader
from services.chassis.client import Peers
from services.chassis.consumer import Consumer
from services.chassis.kafka import KafkaReader, KafkaWriter
from services.chassis.leader import Leader
from services.chassis.middleware import Around
from services.chassis.relay import Relay
from services.chassis.route import Direct
from services.chassis.service import Runtime, Service, Work
from services.chassis.settings import Settings
from services.chassis.store import Store


class Running:
    """What runs in one process: per service a relay, a consumer and a clock beside its endpoints."""

    def __init__(self, services: Sequence[Service], settings: Settings) -> None:
        tokens, self.hints = Tokens(settings), Hints()
        self.runtimes = {
            service.name: Runtime(
                service, settings, Store(settings, service.name), tokens, Peers(settings, service.name), hints=self.hints
            )
            for service in services
        }
        kafka = settings.bus == "kafka"
        self.relays: dict[str, Relay] = {}
        self.consumers: dict[str, Consumer] = {}
        self.leaders: dict[str, Leader] = {}
        self.works: dict[str, Work] = {}
        for name, runtime in self.runtimes.items():
            reader: Reader = KafkaReader(settings) if kafka else EmbeddedReader(settings, self.hints)
            feed, present = (KafkaWriter(settings), KafkaWriter(settings)) if kafka else (None, None)
            self.relays[name] = Relay(runtime, self.hints, feed, present)
            self.consumers[name] = runtime.consumer = Consumer(runtime, reader)
            self.leaders[name] = Leader(runtime)
            self.works |= {f"{name}.{work}": make(runtime) for work, make in runtime.service.works.items()}
            runtime.store.committed = _saying(self.hints, f"outbox:{name}")
        self._tasks: list[asyncio.Task[None]] = []

    def workers(self) -> dict[str, Any]:
        kinds = {"relay": self.relays, "consumer": self.consumers, "clock": self.leaders}
        found = {f"{name}.{kind}": worker for kind, own in kinds.items() for name, worker in own.items()}  # type: ignore[attr-defined]
        return {**found, **self.works}

    def start(self) -> None:
        self._tasks = [asyncio.create_task(worker.run(), name=name) for name, worker in self.workers().items()]

    async def stop(self) -> None:
        """Lets go in order: no new work, leases given back, connections closed."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in self.workers().values()), return_exceptions=True)
        for runtime in self.runtimes.values():
            await runtime.peers.close()
            await runtime.store.close()


def _saying(hints: Hints, name: str) -> Any:
    return lambda: hints.say(name)


def create_app(services: Sequence[Service], settings: Settings, work: bool = True) -> FastAPI:
    """The application of the given services. `work=False` serves HTTP only: tests drive relays, consumers and clocks."""
    log.set_up(settings.log_level)
    for service in services:
        if service.check:
            service.check(settings)
    running = Running(services, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if work:
            running.start()
        yield
        await running.stop()

    app = FastAPI(
        title=capability.TITLE,
        version=capability.VERSION,
        summary=capability.SUMMARY,
        lifespan=lifespan,
        telemetry={"tracing": False},
    )
    app.state.runtimes, app.state.workers, app.state.running = running.runtimes, running.workers(), running
    capability.serve(app, services)
    capability.serve_descriptions(app, services, settings)
    problems.install(app)
    app.add_middleware(Direct, application=app)
    app.add_middleware(
        Around,
        limits=(("/fhir", settings.message_limit), ("/directory/imports", settings.message_limit), ("", settings.body_limit)),
    )
    return app
