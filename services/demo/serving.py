"""The services on their feet: all in this process, or each in a process of its own behind the gateway. The code cannot tell."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol

import uvicorn
from starlette.types import ASGIApp

from services import catalogue
from services.app import create_app
from services.chassis.settings import Settings
from services.demo import processes
from services.demo.gateway import Gateway

_MARK = "-m services run --service {}"


class Serving(Protocol):
    """Services that answer on `settings.port` between start and stop."""

    log: Path

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def ended(self) -> str | None:
        """What has ended that should run; None while all is well."""

    async def until_ended(self) -> str:
        """Returns, saying what, once something has ended that should run."""


class _Staying:
    def ended(self) -> str | None:
        return None

    async def until_ended(self) -> str:
        while True:
            if over := self.ended():
                return over
            await asyncio.sleep(0.5)


class _Server(uvicorn.Server):
    """Signals are the stage's: Ctrl-C ends everything in order, not the web server first."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Listening:
    """An application on its port, in this process."""

    def __init__(self, app: ASGIApp, port: int, lifespan: Literal["on", "off"]) -> None:
        self._server = _Server(
            uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, lifespan=lifespan, access_log=False)
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._server.serve())
        while not self._server.started:
            if self._task.done():
                raise processes.ServerDidNotStart("The services' HTTP server ended while starting.")
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        if self._task is not None:
            self._server.should_exit = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._task, 15)
            self._task = None

    def is_over(self) -> bool:
        return self._task is not None and self._task.done()


class InOneProcess(_Staying):
    """All services in this process; their log goes to a file, so that the terminal stays readable."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.log = folder / "tovholder.log"
        self._settings = settings
        self._listening: _Listening | None = None
        self._terminal: int | None = None

    async def start(self) -> None:
        self._terminal = os.dup(2)
        with self.log.open("ab") as log:
            # The log goes to the descriptor of standard error, not to what Python calls so.
            os.dup2(log.fileno(), 2)
        self._listening = _Listening(create_app(catalogue.SERVICES, self._settings), self._settings.port, "on")
        await self._listening.start()

    async def stop(self) -> None:
        if self._listening is not None:
            await self._listening.stop()
        if self._terminal is not None:
            os.dup2(self._terminal, 2)
            os.close(self._terminal)
            self._terminal = None

    def ended(self) -> str | None:
        return "The services' HTTP server" if self._listening and self._listening.is_over() else None


class InProcessesOfTheirOwn(_Staying):
    """Each service in a child process with a port of its own, as in a real installation; one address in front."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._folder = folder / "services"
        self.log = self._folder
        self._settings = settings
        self._ports = {name: processes.free_port() for name in catalogue.names()}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._gateway = Gateway({name: f"http://127.0.0.1:{port}" for name, port in self._ports.items()})
        self._listening = _Listening(self._gateway, settings.port, "off")

    async def start(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in self._ports:
            self._start(name)
        await self._listening.start()

    def _start(self, name: str) -> None:
        note = self._folder / f"{name}.pid"
        processes.end_left_over(note, _MARK.format(name))
        with (self._folder / f"{name}.log").open("ab") as log:
            # Its own session: Ctrl-C in the terminal reaches the parent alone, which then ends the children in order.
            child = subprocess.Popen(
                [sys.executable, *_MARK.format(name).split()],
                cwd=Path(__file__).resolve().parents[2],
                env={**os.environ, **self._environment(name)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        note.write_text(f"{child.pid}\n")
        self._children[name] = child

    def _environment(self, name: str) -> dict[str, str]:
        chosen = self._settings.model_dump(mode="json", exclude_none=True)
        own = {
            "port": self._ports[name],
            "service_urls": {each: f"http://127.0.0.1:{port}" for each, port in self._ports.items()},
        }
        return {
            f"TOVHOLDER_{setting.upper()}": json.dumps(value) if isinstance(value, dict) else str(value)
            for setting, value in {**chosen, **own}.items()
        }

    async def stop(self) -> None:
        await self._listening.stop()
        await self._gateway.close()
        for child in self._children.values():
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        for name, child in self._children.items():
            await asyncio.to_thread(processes.stop, child, signal.SIGTERM, 15)
            (self._folder / f"{name}.pid").unlink(missing_ok=True)
        self._children = {}

    def ended(self) -> str | None:
        """Children are not started again: what ends by itself is a fault to be seen."""
        over = [f"{name} (code {child.poll()})" for name, child in self._children.items() if child.poll() is not None]
        return ", ".join(over) or ("The gateway" if self._listening.is_over() else None)
