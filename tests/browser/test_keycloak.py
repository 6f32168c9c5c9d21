"""Log-in through Keycloak, as a municipality may have it: the portal and the services know no more of it than its address."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from playwright.async_api import Browser, Page

from services import catalogue
from services.app import create_app
from services.chassis.migrate import owner_dsn
from services.chassis.settings import Settings
from services.demo import town
from services.demo.installed import NotInstalled
from services.demo.keys import make_secrets
from services.demo.processes import free_port
from tests.browser.people import press
from tests.support.issuer import Issuer
from tests.support.keycloak import Keycloak
from tests.support.world import Installation, World, serving

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.xdist_group("browser")]
_DATABASE = "with_keycloak"


@pytest.fixture(scope="module")
async def keycloak(tmp_path_factory: pytest.TempPathFactory, installation: Installation) -> AsyncIterator[Keycloak]:
    clients = [*town.client_ids(), "portal"]
    keys = make_secrets(installation.folder / "secrets", catalogue.names(), town.municipalities(), clients)
    made = Keycloak(tmp_path_factory.mktemp("keycloak"), f"http://127.0.0.1:{free_port()}", keys)
    try:
        await asyncio.to_thread(made.start)
        yield made
    except NotInstalled as error:
        pytest.skip(str(error))
    finally:
        made.stop()


@pytest.fixture(scope="module")
async def world(keycloak: Keycloak, installation: Installation, issuer: Issuer) -> AsyncIterator[World]:
    """The demo town, whose people log in there: only the issuer's address is another."""
    installation.clone(_DATABASE)
    port = int(keycloak.portal.rpartition(":")[2])
    another = {"issuer": keycloak.url, "portal_url": keycloak.portal, "audience": Settings.model_fields["audience"].default}
    settings = installation.settings(_DATABASE, issuer, port).model_copy(update=another)
    app = create_app(catalogue.SERVICES, settings, work=False)
    async with serving(app, port) as http:
        made = World(settings, app.state.running, http, issuer)
        await town.settle_in(made.store("directory"), keycloak.url)
        await made.settle()
        yield made
    installation.drop(_DATABASE)


async def test_people_log_in_through_keycloak_and_its_log_out_ends_the_session_here(
    world: World, keycloak: Keycloak, browser: Browser
) -> None:
    context = await browser.new_context(locale="da-DK")
    page = await context.new_page()
    await page.goto(f"{keycloak.portal}/portal/find")
    await press(page, "main button[type=submit]")
    assert page.url.startswith(keycloak.url)
    await _entered(page, "birgit", "not-the-password")
    assert page.url.startswith(keycloak.url.removesuffix("/realms/kommune"))
    await _entered(page, "birgit", "birgit-demo")

    # Back at the page that was asked for; the services take Keycloak's token, and each page renews it.
    await page.wait_for_url(f"{keycloak.portal}/portal/find")
    await page.goto(f"{keycloak.portal}/portal/")
    assert "Birgit" in await page.inner_text("h1")

    await asyncio.to_thread(keycloak.log_out_everywhere, "birgit")

    async with asyncio.timeout(30):
        while await _sessions(world):  # noqa: ASYNC110 - Keycloak tells the portal when it likes
            await asyncio.sleep(0.05)
    await page.goto(f"{keycloak.portal}/portal/")
    assert "/portal/log-ind" in page.url
    await press(page, "main button[type=submit]")
    assert await page.is_visible("#password")
    await context.close()


async def test_log_out_here_is_log_out_at_keycloak(world: World, keycloak: Keycloak, browser: Browser) -> None:
    context = await browser.new_context(locale="da-DK")
    page = await context.new_page()
    await page.goto(f"{keycloak.portal}/portal/")
    await press(page, "main button[type=submit]")
    await _entered(page, "anna", "anna-demo")
    await page.wait_for_url(f"{keycloak.portal}/portal/")

    await press(page, ".portal-user button")
    await page.wait_for_url(f"{keycloak.portal}/portal/farvel**")

    assert "Du er logget af" in await page.inner_text("main")
    await press(page, "main button[type=submit]")
    assert await page.is_visible("#password")
    await context.close()


async def test_the_services_have_tokens_of_keycloak_for_each_other(world: World) -> None:
    units = await world.running.runtimes["registry"].peers.get("directory", "/directory/units")

    assert {unit["name"] for unit in units["units"]} >= {"Sundhedspleje Nord"}


async def _entered(page: Page, username: str, password: str) -> None:
    await page.fill("#username", username)
    await page.fill("#password", password)
    await press(page, "#kc-login")


async def _sessions(world: World) -> int:
    connection = await asyncpg.connect(owner_dsn(world.settings))
    try:
        return int(
            await connection.fetchval("select count(*) from portal.web_session where ended_at is null and login is not null")
        )
    finally:
        await connection.close()
