"""`make screenshots`: a demo of its own, a few families, and the main pages as pictures in docs/."""

import asyncio
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.async_api import async_playwright

from services.demo.actors import LiveScene, Running
from services.demo.installed import REPOSITORY, installed
from services.demo.processes import free_port, wait_until
from tests.browser.conftest import ARGUMENTS
from tests.browser.people import Checks, Town, settings_of
from tests.browser.test_administering import counted

DOCS = REPOSITORY / "docs"


async def take(town: Town) -> None:
    for mother in ("Maja Holm", "Sara Lind", "Fatima Nasser", "Ida Krogh"):
        child = await town.child(mother)
        to = {"Maja Holm": "birgit", "Sara Lind": "birgit", "Fatima Nasser": "anna"}.get(mother)
        if to:
            said = {"message": "Førstegangsfødende. Vil gerne have besøg tidligt.", "family_wish": "Mor kender Birgit fra før."}
            handover = await town.offered(child, to=to, **said)
        if mother == "Fatima Nasser":
            await town.scene.professional("anna").post(f"/registry/handovers/{handover}/acceptance")
    async with town.visitor("inge", logged_in=False) as inge:
        await inge.goto("/portal/log-ind")
        await _picture(inge.page, "portal-log-in")
    async with town.visitor("birgit") as birgit:
        await _picture(birgit.page, "portal-my-page")
        await birgit.page.click("#waiting a.what >> nth=0")
        await _picture(birgit.page, "portal-handover")
    async with town.visitor("anna") as anna:
        await anna.page.click("main a.what >> nth=0")
        await _picture(anna.page, "portal-child")
    async with town.visitor("lone") as lone:
        await lone.goto("/portal/leder")
        await _picture(lone.page, "portal-leader")
        await lone.goto(f"/portal/administration/medarbejdere/{town.scene.names['anna']}")
        await _picture(lone.page, "portal-administration")
        await counted(town)
        await lone.goto("/portal/tal?periode=2025-Q1")
        await lone.page.set_viewport_size({"width": 1100, "height": 760})
        await lone.page.locator("#f-handovers_accepted").evaluate("it => it.scrollIntoView()")
        await _picture(lone.page, "portal-figures")


async def _picture(page: object, name: str) -> None:
    await page.wait_for_load_state("load")  # type: ignore[attr-defined]
    await page.set_viewport_size({"width": 1100, "height": 760})  # type: ignore[attr-defined]
    await page.screenshot(path=str(DOCS / f"{name}.png"))  # type: ignore[attr-defined]
    print(DOCS / f"{name}.png")


async def with_browser(folder: Path) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(installed("browser", "browser")), args=ARGUMENTS)
        settings, running = settings_of(folder), Running.read(folder)
        checks = Checks(installed("page-checks", "browser") / "node_modules", installed("java", "browser"))
        scene = LiveScene(folder, running, settings)
        await take(Town(running.url, scene, settings, browser, checks))
        await scene.close()
        await browser.close()


def main() -> None:
    DOCS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        folder, said = Path(place) / "demo", Path(place) / "said"
        command = [sys.executable, "-m", "services", "demo", "--folder", str(folder), "--port", str(free_port())]
        with said.open("wb") as output:
            process = subprocess.Popen(command, cwd=REPOSITORY, stdout=output, stderr=output)
        try:
            assert wait_until(lambda: "What to try" in said.read_text() or process.poll() is not None, 180), said.read_text()
            asyncio.run(with_browser(folder))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


if __name__ == "__main__":
    main()
