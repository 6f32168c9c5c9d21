"""One installation to measure: real PostgreSQL with fsync, real Kafka, a real log-in provider, each service in a process of its own."""

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import psycopg

from services import catalogue
from services.chassis import topics
from services.chassis.migrate import migrate, prepare
from services.chassis.settings import Settings
from services.chassis.store import Store
from services.demo import town
from services.demo.kafka import KafkaBroker
from services.demo.keys import make_secrets
from services.demo.postgres import PostgresServer
from services.demo.processes import free_port
from services.demo.provider import MachineClient, OidcConfiguration, OidcProvider, OidcUser, WebClient
from services.demo.sign_in import machine_token, person_token

AUDIENCE = "https://tovholder.example"
REDIRECT = "http://127.0.0.1/back"
DATABASE = "tovholder"


class Installation:
    """Started once for all measurements; processes are started and ended per measurement."""

    def __init__(self, folder: Path, partitions: int = 8, keep: bool = False) -> None:
        """`keep`: the database stays in its folder for the next run."""
        self.folder = folder
        self.keep = keep
        self.partitions = partitions
        self.postgres = PostgresServer(
            folder / "postgres", settings={"shared_buffers": "1GB", "max_wal_size": "4GB", "track_commit_timestamp": "on"}
        )
        self.kafka = KafkaBroker(folder / "kafka")
        self.provider: OidcProvider
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ports: dict[str, int] = {}

    def start(self) -> Self:
        self.keys = make_secrets(
            self.folder / "secrets", catalogue.names(), town.municipalities(), [*town.client_ids(), "portal"]
        )
        self.postgres.start()
        self.kafka.start()
        people = [OidcUser(person.sub, person.username, person.name, person.password) for person in town.people()]
        self._ports = {name: free_port() for name in catalogue.names()}
        back = [REDIRECT, f"{self.portal_url}/portal/callback"]
        machines = [MachineClient(client, self.keys[client], "tovholder") for client in town.client_ids()]
        self.provider = OidcProvider(
            self.folder / "provider",
            OidcConfiguration(AUDIENCE, people, [WebClient("portal", self.keys["portal"], back)], machines),
        ).start()
        self.settings = self._settings()
        prepare(self.postgres.dsn(), self.settings, catalogue.names())
        migrate(self.settings, catalogue.names())
        topics.make(self.settings, Path("deploy/topics.yaml"))
        asyncio.run(self._settle_in())
        # Everyone learns who is who before anything is measured.
        self.run(catalogue.names())
        self.drained(*catalogue.names())
        self.end()
        return self

    def _settings(self) -> Settings:
        return Settings(
            database_port=self.postgres.port or 0, secrets_folder=self.folder / "secrets", bus="kafka", kafka_bootstrap=self.kafka.bootstrap,
            issuer=self.provider.issuer, audience=AUDIENCE, partitions=self.partitions, log_level="info", pool_size=10, portal_url=self.portal_url,
            service_urls={name: f"http://127.0.0.1:{port}" for name, port in self._ports.items()},
        )  # fmt: skip

    async def _settle_in(self) -> None:
        store = Store(self.settings, "directory")
        await town.settle_in(store, self.provider.issuer)
        await store.close()

    @property
    def portal_url(self) -> str:
        return f"http://127.0.0.1:{self._ports['portal']}"

    def port(self, service: str) -> int:
        return self._ports[service]

    def run(self, services: Sequence[str], **more: str) -> None:
        """Starts these services, each in its own process, and waits until each is ready."""
        for name in services:
            log = (self.folder / f"{name}.log").open("ab")
            command = [sys.executable, "-m", "services", "run", "--service", name]
            self._processes[name] = subprocess.Popen(
                command, env=self.environment(self._ports[name]) | more, stdout=log, stderr=log
            )
        for name in services:
            self.wait_ready(self._ports[name], self._processes[name])

    def environment(self, port: int) -> dict[str, str]:
        """TOVHOLDER_* of one process."""
        chosen = self.settings.model_dump(mode="json", exclude_none=True)
        own = {
            f"TOVHOLDER_{name.upper()}": json.dumps(value) if isinstance(value, dict | list) else str(value)
            for name, value in chosen.items()
        }
        return {**os.environ, **own, "TOVHOLDER_PORT": str(port)}

    @staticmethod
    def wait_ready(port: int, process: subprocess.Popen[bytes], patience: float = 300) -> float:
        """Seconds until /readyz says 200. Patient: nine processes start at once, and a busy machine takes minutes for that."""
        began = time.perf_counter()
        while time.perf_counter() - began < patience:
            if process.poll() is not None:
                raise RuntimeError(f"the process on port {port} ended with {process.returncode}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                    return time.perf_counter() - began
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise TimeoutError(f"port {port} was not ready within {patience} s")

    def pid(self, service: str) -> int:
        return self._processes[service].pid

    def end(self) -> None:
        """Ends the services, not the servers."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            process.wait(20)
        self._processes = {}

    def stop(self) -> None:
        self.end()
        if hasattr(self, "provider"):
            self.provider.stop()
        self.kafka.stop()
        if self.keep:
            self.postgres.stop()
        else:
            self.postgres.remove()

    def sql(self, query: str, *arguments: object) -> list[tuple[object, ...]]:
        """As owner of the schemas."""
        with psycopg.connect(self.postgres.dsn(DATABASE), autocommit=True) as connection:
            cursor = connection.execute(query.encode(), arguments or None)
            return list(cursor.fetchall()) if cursor.description else []

    def drained(self, *services: str, patience: float = 600) -> None:
        """Waits until these services' outboxes are empty, Kafka has every feed, and each consumer has come to its sources' ends."""
        unions = " union all ".join(
            f"select (select count(*) from {name}.outbox) + (select coalesce(sum(position - sent), 0) from {name}.relay)"
            for name in services
        )
        behind = " union all ".join(
            f"select coalesce(sum(r.position - p.position), 0) from {reader}.position p join {source}.relay r on r.partition = p.partition where p.source = '{source}'"
            for reader in services
            for source in services
        )
        ended = time.monotonic() + patience
        while any(int(str(row[0])) for row in self.sql(f"{unions} union all {behind}")):
            if time.monotonic() > ended:
                raise TimeoutError(f"{', '.join(services)} did not drain within {patience} s")
            time.sleep(0.1)

    def token_of(self, username: str) -> str:
        person = next(person for person in town.people() if person.username == username)
        key = self.settings.secrets.client_key("portal")
        return asyncio.run(person_token(self.provider.issuer, "portal", key, REDIRECT, AUDIENCE, username, person.password))

    def system_token(self, client_id: str) -> str:
        return asyncio.run(
            machine_token(self.provider.issuer, client_id, self.settings.secrets.client_key(client_id), "tovholder")
        )
