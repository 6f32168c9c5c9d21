"""Fixtures only: one PostgreSQL per run, a database per worker, brought back after each test; nothing imports this file."""

import asyncio
import fcntl
import shutil
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services import catalogue
from services.demo import town
from services.demo.keys import make_secrets
from services.demo.postgres import PostgresServer
from tests.support.issuer import Issuer
from tests.support.lasting import Lasting
from tests.support.world import Installation, World


def pytest_configure(config: pytest.Config) -> None:
    """The controlling process names the run's folder; each worker is told."""
    if not hasattr(config, "workerinput"):
        folder = config.stash[_FOLDER] = Path(tempfile.mkdtemp(prefix="tovholder-test-"))
        keys = make_secrets(folder / "secrets", catalogue.names(), town.municipalities(), town.client_ids())
        config.stash[_ISSUER] = Issuer(keys).listen(folder / "issuer")


def pytest_configure_node(node: pytest.Item) -> None:
    node.workerinput["folder"] = str(node.config.stash[_FOLDER])  # type: ignore[attr-defined]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What hangs ends with a traceback, long before the whole run is cut off in silence.

    What starts real servers and a browser waits, on a busy machine too long: it gets one more go, and the summary names it.
    """
    for item in items:
        if any(item.get_closest_marker(name) for name in _ON_REAL_SERVERS):
            item.add_marker(pytest.mark.flaky(reruns=1))
        item.add_marker(pytest.mark.timeout(_LONGEST_SECONDS if item.get_closest_marker("long") else _SECONDS))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    if (provider := config.stash.get(_ISSUER, None)) is not None:
        provider.close()
    folder = config.stash.get(_FOLDER, None)
    if folder is not None and (folder / "postgres" / "port").exists():
        server = PostgresServer(folder / "postgres", fsync=False)
        server.end_left_over()
        server.remove()
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Why a test was given another go; what tests have left to be looked at, and where: they say so as the property `left`."""
    if again := terminalreporter.stats.get("rerun", []):
        terminalreporter.section("went again, since")
        for report in again:
            terminalreporter.write_line(f"{report.nodeid}\n{_why(report)}")
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    properties = [each for report in reports for each in getattr(report, "user_properties", ())]
    if left := dict.fromkeys(str(value) for name, value in properties if name == "left"):
        terminalreporter.section("left to be looked at")
        terminalreporter.write_line("\n".join(left))


def _why(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr)[:2000]


_SECONDS, _LONGEST_SECONDS = 600, 4 * 3600
_ON_REAL_SERVERS = ("browser", "faults", "kafka")
_FOLDER = pytest.StashKey[Path]()
_ISSUER = pytest.StashKey[Issuer]()


@pytest.fixture(scope="session")
def run_folder(request: pytest.FixtureRequest) -> Path:
    workerinput = getattr(request.config, "workerinput", None)
    return Path(workerinput["folder"]) if workerinput else request.config.stash[_FOLDER]


@pytest.fixture(scope="session")
def issuer(run_folder: Path) -> Issuer:
    """The log-in provider of the run, joined."""
    return Issuer.joined(run_folder / "issuer")


@pytest.fixture(scope="session")
def installation(run_folder: Path, issuer: Issuer) -> Installation:
    """The first worker to come starts the server and makes the template; it outlives the worker and is ended with the run."""
    with open(run_folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Each worker keeps several towns, and pools let their connections go only after minutes of rest: 300 were too few.
        server = PostgresServer(run_folder / "postgres", fsync=False, settings={"max_connections": "1000"})
        first = not (run_folder / "ready").exists()
        if first:
            server.start()
            (run_folder / "dsn").write_text(server.dsn())
            (run_folder / "server-port").write_text(str(server.port))
        made = Installation(
            run_folder, (run_folder / "dsn").read_text(), "127.0.0.1", int((run_folder / "server-port").read_text())
        )
        if first:
            # In a thread of its own: this one may already run the session's event loop.
            with ThreadPoolExecutor(1) as apart:
                apart.submit(asyncio.run, made.make_template(issuer)).result()
            (run_folder / "ready").touch()
    return made


async def _as_it_is(_: World) -> None:
    """Nothing more than the demo town."""


@pytest.fixture(scope="session")
async def demo_town(installation: Installation, issuer: Issuer) -> AsyncIterator[Lasting[None]]:
    made = Lasting(installation, issuer, _as_it_is)
    yield made
    await made.end()


@pytest.fixture
async def world(demo_town: Lasting[None]) -> AsyncIterator[World]:
    """The demo town, as fresh as if it were made for this test."""
    async with demo_town.world() as (made, _):
        yield made
