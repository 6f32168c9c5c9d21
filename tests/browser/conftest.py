"""One demo as people start it, and one Chromium, for all tests of pages."""

import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from services.demo.actors import LiveScene, Running
from services.demo.installed import REPOSITORY, NotInstalled, installed
from services.demo.processes import free_port, wait_until
from tests.browser.people import Checks, Town, settings_of

# What a browser without a screen, a sound card and a way out needs.
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("portal") / "demo"
    said = folder.parent / "said"
    with said.open("wb") as output:
        command = [sys.executable, "-m", "services", "demo", "--folder", str(folder), "--port", str(free_port())]
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=output, stderr=output)
    try:
        assert wait_until(lambda: "What to try" in said.read_text() or process.poll() is not None, 180), said.read_text()
        assert process.poll() is None, said.read_text()
        yield folder
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, said.read_text()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    try:
        place = installed("browser", "browser")
    except NotInstalled as error:
        pytest.skip(str(error))
    async with async_playwright() as playwright:
        made = await playwright.chromium.launch(executable_path=str(place), args=ARGUMENTS)
        yield made
        await made.close()


@pytest.fixture(scope="session")
def checks() -> Checks:
    try:
        return Checks(installed("page-checks", "browser") / "node_modules", installed("java", "browser"))
    except NotInstalled as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
async def town(demo_folder: Path, browser: Browser, checks: Checks) -> AsyncIterator[Town]:
    settings = settings_of(demo_folder)
    scene = LiveScene(demo_folder, Running.read(demo_folder), settings)
    yield Town(json.loads((demo_folder / "running.json").read_text())["url"], scene, settings, browser, checks)
    await scene.close()
