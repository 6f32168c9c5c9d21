"""`make screenshots`: a demo of its own, a few families, and the main pages as pictures in docs/."""

import asyncio
import signal
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

from services.demo.actors import LiveScene, Running
from services.demo.installed import REPOSITORY, installed
from services.demo.processes import free_port, wait_until
from tests.browser import test_care
from tests.browser.conftest import ARGUMENTS
from tests.browser.people import Checks, Town, press, settings_of
from tests.browser.test_administering import counted
from tests.browser.test_family import OWN_PAGE, has_lived, is_known

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
        await press(birgit.page, "#waiting a.what >> nth=0")
        await _picture(birgit.page, "portal-handover")
    async with town.visitor("anna") as anna:
        await press(anna.page, "main a.what[href^='/portal/barn/'] >> nth=0")
        await _picture(anna.page, "portal-child")
    async with town.visitor("nadia", logged_in=False) as nadia:
        await is_known(town, "nadia")
        await nadia.log_in(OWN_PAGE)
        await has_lived(nadia)
        await _picture(nadia.page, "portal-family")
        await nadia.goto(f"{OWN_PAGE}/hvem")
        await _picture(nadia.page, "portal-family-looks")
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
    await _care(town)


async def _care(town: Town) -> None:
    """In Småby: a nurse's family with something to follow up, her group with a waiting list, a start that lacks something."""
    child, waiting = await test_care.family(town, "Astrid Bro", months=9), await test_care.family(town, "Selma Sund", months=3)
    today, unit = await test_care.today(town), town.scene.names["smaaby-institution"]

    async def done(path: str, body: object, status: int = 201, by: str = test_care.NURSE) -> Any:
        return await test_care.posted(town, by, path, body, status)

    days = {"begins_on": today.isoformat(), "ends_on": (today + timedelta(days=60)).isoformat()}
    group = {"programme": test_care.GROUP, "unit": town.scene.names["smaaby-sundhedspleje"], "capacity": 1, **days}
    course = (await done("/sundhedspleje/courses", {**group, "team": [town.scene.names[test_care.NURSE]]}))["id"]
    await done(f"/sundhedspleje/courses/{course}/sessions", {"on_date": days["begins_on"]})
    for each in (child, waiting):
        offered = {"child": each, "programme": test_care.GROUP, "grounds": ["wants-a-network"]}
        enrolment = (await done("/sundhedspleje/enrolments", offered))["id"]
        await done(f"/sundhedspleje/enrolments/{enrolment}/acceptance", {"course": course}, 200)
    result = {"instrument": "topi", "whose": "child", "score": "yellow", "on": today.isoformat()}
    await done(f"/sundhedspleje/cases/{child}/screenings", result)
    places = {"from_on": today.isoformat(), "places": 12, "plus_places": 2, "high_quality": True, "methods": [test_care.METHOD]}
    await done(f"/daycare/units/{unit}/capacity", places, 200, test_care.OFFICE)
    await done("/daycare/plusplads", {"child": child, "unit": unit, "method": test_care.METHOD})
    starts_on = (today + timedelta(days=12)).isoformat()
    start = (await done("/daycare/starts", {"child": child, "unit": unit, "starts_on": starts_on}))["id"]
    async with town.visitor(test_care.NURSE) as dagmar:
        pages = {"care": f"barn/{child}/sundhedspleje", "group": f"hold/{course}", "start": f"starter/{start}"}
        for name, place in (pages | {"plusplads": "pluspladser"}).items():
            await dagmar.goto(f"/portal/{place}")
            await _picture(dagmar.page, f"portal-{name}")


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
