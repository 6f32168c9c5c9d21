"""A family at its own page, in a real browser and through a real log-in: its tovholder, consents, letters, and who has looked."""

import asyncio
import base64
import json
import re
from pathlib import Path

import pytest

from services.demo.parents import parents
from services.midwife.fhir.codes import CPR
from services.portal.repository import Key
from tests.browser.people import Town, Visitor, press

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

OWN_PAGE = "/portal/familie"
PLACES = ["", "/samtykker", "/samtykker/nyt", "/samtykker/nyt?om=mor", "/breve", "/hvem", "/hvem?alt=true"]
ADDRESSES = ("Fyrvej", "Klintestien")


# The demo's families come to life beside ten others, and their letters are written among all the e-mails.
PATIENCE = 180


async def is_known(town: Town, name: str) -> None:
    """Whoever logs in before the municipality knows them is nobody, and stays it until they log in again."""
    [number] = [one.cpr for one in parents() if one.username == name]
    asked = {"identifiers": [{"system": CPR, "value": number}], "purpose": "care"}

    async def look() -> bool:
        return (await town.scene.professional("inge").post("/persons/lookup", asked)).status == 200

    await town.until(look, PATIENCE)


async def shows(visitor: Visitor, place: str, what: str) -> None:
    """Until a page of theirs says so; then it is open."""

    async def look() -> bool:
        answer = await visitor.context.request.get(visitor.town.url + OWN_PAGE + place)
        return what in await answer.text()

    await visitor.town.until(look, PATIENCE)
    await visitor.goto(OWN_PAGE + place)


async def has_lived(visitor: Visitor, what: str = "Cecilie Legind") -> None:
    await shows(visitor, "", what)


async def has_letter(visitor: Visitor) -> None:
    await shows(visitor, "/breve", "/pdf?")


async def test_a_mother_sees_her_tovholder_withdraws_and_gives_consent_reads_a_letter_and_sees_who_has_looked(town: Town) -> None:
    async with town.visitor("nadia", logged_in=False) as nadia:
        await nadia.goto("/")
        assert nadia.page.url.endswith("/portal/log-ind?til=/portal/")
        await is_known(town, "nadia")
        await press(nadia.page, "button:has-text('Log ind som familie')")
        await nadia.enter()
        assert nadia.page.url == town.url + OWN_PAGE
        await has_lived(nadia)
        said = await nadia.text()
        assert "Jeres tovholder Elin Sydow Krag Sundhedspleje Syd siden" in said
        assert "elin@havby.example" in said
        assert "Start i dagtilbud: Børnehuset Mælkevejen" in said
        assert "Besøg ved 4-6 måneder" in said

        # One consent is hers to withdraw; the other's stays the other's.
        await press(nadia.page, "nav a:has-text('Samtykker')")
        withdraw = nadia.page.locator("button:has-text('Træk samtykket tilbage')")
        assert await nadia.page.locator("article.consent").count() == 2
        assert await withdraw.count() == 1
        await press(nadia.page, "button:has-text('Træk samtykket tilbage')")
        assert "Samtykket er trukket tilbage." in await nadia.text()
        assert await withdraw.count() == 0
        await nadia.check("consents, one withdrawn")

        await press(nadia.page, "a:has-text('Giv et samtykke om barnet')")
        await nadia.page.fill("#until_on", "2020-01-01")
        await nadia.page.check("#categories-5")
        await press(nadia.page, "button:has-text('Giv samtykket')")
        summary = await nadia.page.inner_text("#error-summary")
        assert "Vælg, hvem der må få oplysningerne." in summary
        assert "Vælg, hvad oplysningerne må bruges til." in await nadia.page.inner_text("#purpose-error")
        await nadia.check("consent with errors")
        await nadia.page.get_by_label("Jeres dagtilbud: vuggestue, børnehave eller dagpleje").check()
        await nadia.page.get_by_label("Til en god start i dagtilbud").check()
        await press(nadia.page, "button:has-text('Giv samtykket')")
        assert "Den sidste dag ligger før i dag." in await nadia.page.inner_text("#until_on-error")
        assert await nadia.page.is_checked("#categories-5")
        await nadia.page.fill("#until_on", "")
        # The session ends before it is sent: after another log-in it stands there as it was.
        await town.as_owner("update portal.web_session set used_at = used_at - interval '2 hours' returning 1")
        await press(nadia.page, "button:has-text('Giv samtykket')")
        assert "Det, du skrev, er gemt" in await nadia.text()
        await press(nadia.page, "main button[type=submit]")
        if await nadia.page.is_visible("#login"):
            await nadia.enter()
        assert await nadia.page.is_checked("#categories-5")
        await nadia.check("a consent is back")
        await press(nadia.page, "button:has-text('Giv samtykket')")
        assert "Samtykket er registreret." in await nadia.text()
        assert await withdraw.count() == 1

        await has_letter(nadia)
        await press(nadia.page, "a.what >> nth=0")
        assert "Kære Nadia Solvang" in await nadia.text()
        await nadia.check("a letter")
        async with nadia.page.expect_download() as downloading:
            await nadia.page.click("a:has-text('Hent som PDF')")
        assert (await (await downloading.value).path()).read_bytes().startswith(b"%PDF-")

        await press(nadia.page, "nav a:has-text('Hvem har set')")
        assert re.search(r"Elin Sydow Krag Sundhedspleje Syd Navn og fødselsdag Hjælp til familien", await nadia.text())

        await nadia.goto(OWN_PAGE)
        await press(nadia.page, "button:has-text('Få et link til spørgeskemaet')")
        await nadia.check("the survey's link")
        link = await nadia.page.get_attribute("a:has-text('Svar på spørgeskemaet')", "href")
        assert link
        assert (await nadia.context.request.get(link)).status == 200

        assert await number_in_session(nadia) is False
        await press(nadia.page, ".portal-user button")
        await press(nadia.page, "button:has-text('Log ud')")
        assert "Du er logget af" in await nadia.text()


async def number_in_session(visitor: Visitor) -> bool:
    """Whether what the session keeps says a CPR number; it opens with the browser's own secret."""
    [secret] = [cookie["value"] for cookie in await visitor.context.cookies() if cookie["name"] == "portal"]
    key = Key(secret)
    tokens = key.open(await visitor.town.as_owner("select content from portal.web_session where id = $1", key.id))["tokens"]
    whole = json.dumps(tokens)
    for token in (tokens["access"], tokens["id"]):
        part = token.split(".")[1]
        whole += base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode()
    assert visitor.name in whole
    return any(one.cpr in whole for one in parents())


async def test_another_holder_of_custody_has_a_page_of_his_own_without_javascript_and_nobody_elses_ids_open_anything(
    town: Town,
) -> None:
    async with (
        town.visitor("nadia", logged_in=False) as nadia,
        town.visitor("emil", logged_in=False, java_script_enabled=False) as emil,
        town.visitor("laura", logged_in=False) as laura,
    ):
        # Laura takes the wrong door, and is shown the right one.
        await is_known(town, "laura")
        await laura.log_in("/portal/")
        assert "Vi kender ikke et barn med dit log ind" in await laura.text()
        await laura.check("nobody's page")
        await press(laura.page, "button:has-text('Log ind som familie')")
        await laura.page.wait_for_url(f"**{OWN_PAGE}")
        await has_lived(laura, "Inge Modtoft")
        assert "Barnet, I venter" in await laura.text()
        await press(laura.page, "main a:has-text('Breve')")
        hers = re.findall(r"barn=([\w-]+)", laura.page.url)[0]
        for each in (nadia, emil):
            await is_known(town, each.name)
            await each.log_in(OWN_PAGE)
            await has_lived(each)
        await has_letter(nadia)
        letter = await nadia.page.get_attribute("a.what >> nth=0", "href")
        assert letter

        for path in (
            f"{OWN_PAGE}/samtykker?barn={hers}", f"{OWN_PAGE}/breve?barn={hers}", f"{OWN_PAGE}/hvem?barn={hers}",
            f"{OWN_PAGE}/breve/{hers}?barn={hers}", letter, letter.replace("?", "/pdf?"), f"{OWN_PAGE}/hvem?barn=x",
        ):  # fmt: skip
            answer = await emil.context.request.get(town.url + path)
            assert answer.status == 404, path
        for path in (f"/portal/barn/{hers}", "/portal/find", "/portal/leder"):
            assert (await emil.context.request.get(town.url + path)).status == 403, path

        # He gives a consent of his own; hers he cannot take back, and the address of neither stands anywhere.
        await emil.goto(f"{OWN_PAGE}/samtykker/nyt")
        await emil.page.check("#recipient_kind-3")
        await emil.page.check("#purpose-3")
        await emil.page.check("#categories-8")
        await press(emil.page, "button:has-text('Giv samtykket')")
        assert "Samtykket er registreret." in await emil.text()
        for each in (nadia, emil):
            for place in PLACES:
                await each.goto(OWN_PAGE + place)
                content = await each.page.content()
                assert not any(address in content for address in ADDRESSES), place
        assert "Kære Emil Solvang" not in await nadia.text()


async def test_whoever_works_here_and_logs_in_as_a_family_is_told_that_nobody_is_known(town: Town) -> None:
    async with town.visitor("gitte", logged_in=False) as gitte:
        await gitte.log_in(OWN_PAGE)
        assert "Vi kender ikke et barn med dit log ind" in await gitte.text()

        await gitte.goto("/portal/")

        assert "Min side" in await gitte.page.inner_text("nav.nav")


async def test_every_page_of_a_family_is_accessible_in_both_languages_and_fits_a_small_screen(town: Town, tmp_path: Path) -> None:
    async with town.visitor("nadia", logged_in=False) as nadia:
        for language in ("da", "en"):
            await nadia.goto(f"/portal/sprog/{language}?til=/portal/log-ind?til={OWN_PAGE}")
            await nadia.check(f"log-in of a family, {language}")
            await nadia.fits("log-in of a family")
        await is_known(town, "nadia")
        await nadia.log_in(OWN_PAGE)
        await has_lived(nadia)
        await has_letter(nadia)
        letter = await nadia.page.get_attribute("a.what >> nth=0", "href")
        for language in ("da", "en"):
            await nadia.goto(f"/portal/sprog/{language}?til={OWN_PAGE}")
            for path in (*(OWN_PAGE + place for place in PLACES), str(letter)):
                await nadia.goto(path)
                assert await nadia.page.get_attribute("html", "lang") == language
                await nadia.check(f"{path}, {language}")
                if language == "da":
                    await nadia.fits(path)
        await nadia.page.emulate_media(media="print")
        assert not await nadia.page.is_visible("nav")

    assert await asyncio.to_thread(town.checks.invalid, tmp_path) == []
