"""What others wait for, a family's courses and a new subscription in a real browser: accessible, valid, no wider than a phone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser

from services.chassis.calendar import date_of
from tests.browser.people import Checks, Town, Visitor, press
from tests.portal.test_family_pages import at_home
from tests.portal.test_pages import Browser as Session
from tests.portal.test_pages import child_of, logged_in
from tests.portal.test_waiting_pages import ABOUT, asked_for, in_a_group, outward, returned_letter  # noqa: F401 - a fixture
from tests.support.world import World

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


class OfAWorld(Town):
    """The pages of a test's own town; its people have logged in already."""

    world: World

    @property
    def issuer(self) -> str:
        return self.world.issuer.url

    @asynccontextmanager
    async def at(self, session: Session) -> AsyncIterator[Visitor]:
        context = await self.browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
        await context.add_cookies([{"name": "portal", "value": session.key.secret, "url": self.url}])
        made = Visitor(self, context, await context.new_page(), "")
        try:
            yield made
            assert made.wrong == [], "\n".join(made.wrong)
        finally:
            await context.close()
            await session.http.aclose()


async def _looked_at(visitor: Visitor, path: str) -> None:
    for language in ("en", "da"):
        await visitor.goto(f"/portal/sprog/{language}?til={path}")
        await visitor.check(f"{path}, {language}")
    await visitor.fits(path)


async def test_what_waits_for_somebody_is_accessible_and_done_on_pages(
    outward: World,  # noqa: F811 - the fixture
    browser: Browser,
    checks: Checks,
    tmp_path: Path,
) -> None:
    world = outward
    number = "1503901251"
    child = await child_of(world, "Mor Attrap Venter", number)
    today = date_of(await world.now()).isoformat()
    capacity = {"from_on": today, "places": 5, "plus_places": 1, "high_quality": True, "methods": ["cos-p"]}
    await world.as_professional("poul").post(f"/daycare/units/{world.names['maelkevejen']}/capacity", capacity)
    asked = await asked_for(world, child)
    await returned_letter(world)
    town = OfAWorld(str(world.http.base_url).rstrip("/"), None, world.settings, browser, Checks(checks.modules, checks.java))  # type: ignore[arg-type]
    town.world = world
    async with town.at(await logged_in(world, "mona")) as mona:
        for path in ("/portal/leder", "/portal/pluspladser", asked):
            await _looked_at(mona, path)
        await mona.goto("/portal/")
        await press(mona.page, "a.what:has-text('Svar, om en plusplads')")
        await mona.page.click("summary:has-text('Der er ingen plusplads')")
        await press(mona.page, "button:has-text('Send svaret')")
        assert "Vælg, hvorfor" in await mona.page.inner_text("#error-summary")
        await mona.check("plusplads with errors")
        await press(mona.page, "button:has-text('Reservér')")
        assert "Pluspladsen er reserveret." in await mona.text()
        await mona.check("plusplads, held")
    async with town.at(await logged_in(world, "inge")) as inge:
        await _looked_at(inge, "/portal/")
        await press(inge.page, "a.what:has-text('Nåede ikke frem')")
        await _looked_at(inge, inge.page.url.removeprefix(town.url))
        await press(inge.page, "button:has-text('Gem')")
        assert "Vælg, hvordan det er fortalt." in await inge.page.inner_text("#error-summary")
        await inge.check("untold with errors")
        await inge.page.get_by_label("I telefonen").check()
        await press(inge.page, "button:has-text('Gem')")
        assert "I telefonen" in await inge.text()
        await inge.check("told")
    async with town.at(await logged_in(world, "lone")) as lone:
        await _looked_at(lone, ABOUT)
        await press(lone.page, "button:has-text('Opret abonnementet')")
        assert "Vælg, hvilket system det er til." in await lone.page.inner_text("#error-summary")
        await lone.check("subscription with errors")
        await lone.page.select_option("#system", "placement-havby")
        await lone.page.fill("#url", "https://hook.example.dk/tovholder")
        await press(lone.page, "button:has-text('Opret abonnementet')")
        assert (await lone.page.inner_text("code.secret")).startswith("whsec_")
        await lone.check("subscription, made")
        await lone.page.click("summary:has-text('Tilføj en regel')")
        await lone.page.fill("#from_months", "9")
        await lone.page.fill("#to_months", "3")
        await press(lone.page, "button:has-text('Tilføj reglen')")
        assert "Den ældste alder" in await lone.page.inner_text("#error-summary")
        assert "Den ældste alder" in await lone.page.inner_text("#to_months-error")
        await lone.check("a rule with errors")
        await lone.page.fill("#to_months", "36")
        await press(lone.page, "button:has-text('Tilføj reglen')")
        assert "9 til 36 måneder" in await lone.text()
        await _looked_at(lone, lone.page.url.removeprefix(town.url).partition("?")[0])
        await press(lone.page, "button:has-text('Fjern') >> nth=0")
        assert "Reglen er fjernet." in await lone.text()
    await in_a_group(world, child)
    async with town.at(await at_home(world, "mother-who-waits", number)) as mother:
        await _looked_at(mother, "/portal/familie")
        assert "Kulturhuset, sal 2" in await mother.text()

    assert await asyncio.to_thread(town.checks.invalid, tmp_path) == []
