"""The portal in a real browser, from log-in through a real provider to log-out, with its real policy on."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from services.portal.repository import Key
from tests.browser.people import Town, Visitor, press

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


async def test_a_child_is_handed_on_and_its_receiver_sees_it_come_without_a_reload(town: Town) -> None:
    child = await town.child("Maja Holm")
    async with town.visitor("inge") as inge, town.visitor("birgit") as birgit:
        await birgit.page.wait_for_selector("#waiting")
        assert child not in await birgit.page.content()

        # From My page to a proposal that is sent, each step an address of its own.
        await press(inge.page, "a:has-text('Ventet barn af Maja Holm') >> nth=0")
        await press(inge.page, "a:has-text('Giv barnet videre')")
        await inge.page.select_option("#enhed", label="Sundhedspleje Nord")
        await press(inge.page, "button:has-text('Søg')")
        await inge.check("choose whom")
        await inge.page.get_by_label("Birgit Strandgaard").check()
        await press(inge.page, "button:has-text('Videre')")
        await press(inge.page, "button:has-text('Se igennem')")
        assert "Vælg, hvorfor barnet skal gives videre." in await inge.page.inner_text("#error-summary")
        assert await inge.page.evaluate("document.activeElement.id") == "error-summary"
        await inge.check("proposal with errors")
        await inge.page.select_option("#reason", "assigned")
        await inge.page.fill("#message", "Vil gerne have <b>besøg</b> tidligt.")
        await press(inge.page, "button:has-text('Se igennem')")
        await inge.check("look through")
        await press(inge.page, "button:has-text('Send forslaget')")
        assert "Forslaget er sendt" in await inge.text()

        # It stands on Birgit's page, which nobody touched.
        await birgit.page.wait_for_selector("#waiting a.what")
        assert "Inge Modtoft" in await birgit.page.inner_text("#waiting")
        await birgit.check("My page, live")
        await press(birgit.page, "#waiting a.what")
        await birgit.check("handover, open")
        await birgit.page.click("summary:has-text('Stil et spørgsmål')")
        await birgit.page.fill("#question", "Hvem er faren?")
        await press(birgit.page, "button:has-text('Spørg')")
        assert "Venter på svar" in await birgit.text()

        await press(inge.page, "a:has-text('Afventer svar')")
        await inge.page.fill("#answer", "Han bor hos dem.")
        await press(inge.page, "button:has-text('Send svar')")
        await birgit.page.reload()
        await press(birgit.page, "button:has-text('Sig ja')")

        assert "Du er nu tovholder" in await birgit.text()
        await birgit.check("child, accepted")
        assert (await town.facts(child))[-1] in ("supporter_joined", "handover_effected", "tovholder_changed")


async def _first_token_is_over(town: Town, visitor: Visitor) -> Any:
    """As it is some minutes after the log-in: no service takes the session's token any more.

    What the session kept, and its key.
    """
    [secret] = [it["value"] for it in await visitor.context.cookies() if it["name"] == "portal"]
    key = Key(secret)
    kept = key.open(await town.as_owner("select content from portal.web_session where id = $1", key.id))
    over = {**kept, "tokens": {**kept["tokens"], "access": "over", "until": 0}}
    await town.as_owner("update portal.web_session set content = $2 where id = $1 returning 1", key.id, key.close(over))
    return kept["tokens"], key


async def test_a_session_outlives_its_tokens_until_log_out_at_the_provider_ends_it(town: Town) -> None:
    async with town.visitor("anna") as anna:
        # Two pages at once, and then a form: the provider takes each refresh token once, and nobody is sent to the log-in.
        first, key = await _first_token_is_over(town, anna)
        other = await anna.context.new_page()
        await asyncio.gather(anna.goto("/portal/"), other.goto(f"{town.url}/portal/find"))
        assert [anna.page.url, other.url] == [f"{town.url}/portal/", f"{town.url}/portal/find"]
        second, _ = await _first_token_is_over(town, anna)
        assert first["refresh"] != second["refresh"]
        await other.check("#purpose-1")
        await press(other, "button:has-text('Søg')")
        assert "log-ind" not in other.url
        now = key.open(await town.as_owner("select content from portal.web_session where id = $1", key.id))["tokens"]
        assert now["access"] not in ("over", first["access"], second["access"])
        await other.close()

        await anna.page.goto(f"{town.issuer}/session/end?client_id=portal")
        await press(anna.page, "button:has-text('Log ud')")

        await anna.goto("/portal/")

        assert "/portal/log-ind" in anna.page.url


async def test_log_out_here_is_log_out_there(town: Town) -> None:
    async with town.visitor("anna") as anna:
        await press(anna.page, ".portal-user button")
        await press(anna.page, "button:has-text('Log ud')")
        assert "Du er logget af" in await anna.text()
        await anna.check("goodbye")

        await press(anna.page, "main button[type=submit]")

        assert await anna.page.is_visible("#password")


async def test_the_keyboard_is_enough(town: Town) -> None:
    child = await town.child("Tast Tastesen")
    await town.offered(child, to="dorte")
    async with town.visitor("dorte", logged_in=False) as dorte:
        key = dorte.page.keyboard.press
        await dorte.goto("/portal/log-ind")
        await key("Tab")
        assert await dorte.page.evaluate("document.activeElement.className") == "skipnav"
        await key("Enter")
        await _tab_to(dorte, "Log ind")
        await key("Enter")
        await dorte.page.wait_for_selector("#login")
        await dorte.page.keyboard.type("dorte")
        await key("Tab")
        await dorte.page.keyboard.type("dorte-demo")
        await key("Enter")
        await dorte.page.wait_for_url(f"{town.url}/portal/**")
        await _tab_to(dorte, "Ventet barn")
        await key("Enter")
        await dorte.page.wait_for_url("**/overdragelse/**")
        await _tab_to(dorte, "Sig ja")
        await key("Enter")
        await dorte.page.wait_for_url("**/barn/**")

        assert "Du er nu tovholder" in await dorte.text()


async def _tab_to(visitor: Visitor, text: str) -> None:
    for _ in range(60):
        await visitor.page.keyboard.press("Tab")
        if text in await visitor.page.evaluate("document.activeElement.textContent"):
            return
    raise AssertionError(f"nobody comes to {text} by the keyboard")


async def test_it_works_without_javascript(town: Town) -> None:
    child = await town.child("Ingen Script")
    await town.offered(child)
    async with town.visitor("birgit", java_script_enabled=False) as birgit:
        await press(birgit.page, "#waiting a.what")
        await birgit.page.click("summary:has-text('Nej')")
        await birgit.page.select_option("#reason", "other")
        await press(birgit.page, "button:has-text('Sig nej')")
        assert "Skriv kort hvorfor." in await birgit.text()
        await birgit.page.fill("#text", "Vi kender familien privat.")
        await press(birgit.page, "button:has-text('Sig nej')")

        assert "Du har sagt nej" in await birgit.text()
        assert (await town.facts(child))[-1] == "handover_declined"


async def test_a_double_click_sends_once_and_back_leads_to_a_page_that_explains(town: Town) -> None:
    child = await town.child("Dobbelt Klik")
    async with town.visitor("inge", java_script_enabled=False) as inge:
        to = f"{town.scene.names['anna']}.{town.scene.names['nord']}"
        await inge.goto(f"/portal/barn/{child}/overdrag?til={to}")
        await inge.page.select_option("#reason", "assigned")
        await press(inge.page, "button:has-text('Se igennem')")
        send = inge.page.locator("button:has-text('Send forslaget')")
        await send.dblclick()
        await inge.page.wait_for_url("**/barn/*?sket=proposed")
        assert (await town.facts(child)).count("handover_proposed") == 1

        await inge.goto(f"/portal/barn/{child}/overdrag?til={to}")
        await inge.page.select_option("#reason", "assigned")
        await inge.page.fill("#message", "En anden besked")
        await press(inge.page, "button:has-text('Se igennem')")
        await press(inge.page, "button:has-text('Send forslaget')")

        said = await inge.text()
        assert "Barnet er allerede tilbudt en anden." in said
        assert "Tovholder nu: Inge Modtoft" in said
        assert "En anden besked" in said


async def test_what_was_typed_survives_the_end_of_the_session(town: Town) -> None:
    child = await town.child("Udløbet Udsen")
    await town.offered(child, to="anna")
    async with town.visitor("anna") as anna:
        await press(anna.page, "#waiting a.what")
        await anna.page.click("summary:has-text('Stil et spørgsmål')")
        await anna.page.fill("#question", "Et langt og velovervejet spørgsmål")
        await town.as_owner("update portal.web_session set used_at = used_at - interval '2 hours' returning 1")

        await press(anna.page, "button:has-text('Spørg')")
        assert "Det, du skrev, er gemt" in await anna.text()
        await anna.check("log-in, something is kept")
        await press(anna.page, "main button[type=submit]")
        if await anna.page.is_visible("#login"):
            await anna.enter()

        assert await anna.page.input_value("#question") == "Et langt og velovervejet spørgsmål"
        await anna.check("what was typed is back")
        await press(anna.page, "button:has-text('Spørg')")
        assert "Dit spørgsmål er sendt" in await anna.text()


async def test_of_two_who_answer_at_once_one_wins_and_the_other_is_told_by_whom(town: Town) -> None:
    child = await town.child("Kap Løb")
    handover = await town.offered(child)
    async with town.visitor("birgit") as here, town.visitor("birgit") as there:
        for each in (here, there):
            await each.goto(f"/portal/overdragelse/{handover}")
        await there.page.click("summary:has-text('Nej')")
        await there.page.select_option("#reason", "other")
        await there.page.fill("#text", "Jeg kan ikke nå det.")

        await asyncio.gather(press(here.page, "button:has-text('Sig ja')"), press(there.page, "button:has-text('Sig nej')"))

        said = [await here.text(), await there.text()]
        won = [text for text in said if re.search("Du har sagt (ja|nej)", text)]
        lost = [(each, text) for each, text in zip((here, there), said, strict=True) if "og her er hvorfor" in text]
        assert len(won) == len(lost) == 1
        loser, text = lost[0]
        # Whoever has said no has no relation to the child any more, and learns no more of it.
        assert ("Tovholder nu: Birgit Strandgaard" in text) != ("Du har ikke længere adgang" in text)
        assert ("Birgit Strandgaard har sagt ja" in text) != ("Birgit Strandgaard har sagt nej" in text)
        if loser is there:
            assert "Jeg kan ikke nå det." in text
        await loser.check("overtaken")


async def test_many_children_go_to_one_receiver_and_the_job_can_be_left_and_found_again(town: Town) -> None:
    for mother in ("Mange Et", "Mange To"):
        await town.child(mother)
    async with town.visitor("inge") as inge:
        await inge.goto("/portal/flere/boern")
        await inge.check("many: which children")
        await press(inge.page, "button:has-text('Videre')")
        await inge.page.wait_for_url("**/hvem")
        await inge.goto("/portal/flere")
        await inge.check("many: a draft")
        await press(inge.page, "main a.what[href$='/hvem']")
        await inge.page.select_option("#enhed", label="Sundhedspleje Syd")
        await press(inge.page, "button:has-text('Søg')")
        await inge.page.get_by_label("Elin Sydow Krag").check()
        await press(inge.page, "button:has-text('Videre')")
        await inge.page.select_option("#reason", "capacity")
        await press(inge.page, "button:has-text('Se igennem')")
        await inge.check("many: look through")
        await press(inge.page, "button:has-text('Send forslagene')")
        await inge.page.wait_for_url("**/flere/job/*")

        async def offered() -> bool:
            await inge.page.reload()
            return "Venter på svar" in await inge.text()

        await town.until(offered)
        await inge.check("many: the job")
        job = inge.page.url.split("?")[0].removeprefix(town.url)
    async with town.visitor("elin") as elin:
        await elin.goto("/portal/")
        await press(elin.page, "a:has-text('Svar på flere på én gang')")
        await press(elin.page, "a.what:has-text('børn fra Inge Modtoft')")
        assert elin.page.url.removeprefix(town.url) == job
        await elin.check("many: to answer")
        await elin.page.select_option("select >> nth=0", "at-capacity")
        await press(elin.page, "button:has-text('Svar på alle')")
        await elin.page.wait_for_url("**/flere/job/*answered*")

        async def answered() -> bool:
            await elin.page.reload()
            return "Besvaret" in await elin.text()

        await town.until(answered)
        assert "Sagt nej: Jeg har ikke plads" in await elin.text()
        assert "Sagt ja" in await elin.text()


async def test_a_midwife_saves_a_draft_sends_it_and_sees_who_has_the_child(town: Town) -> None:
    async with town.visitor("jorun") as jorun:
        await press(jorun.page, "a:has-text('Ny anmeldelse')")
        await jorun.page.fill("#name", "Karla <i>Kjær</i>")
        await press(jorun.page, "button:has-text('Gem kladde')")
        await press(jorun.page, "a.what:has-text('Karla')")
        assert await jorun.page.input_value("#name") == "Karla <i>Kjær</i>"
        await press(jorun.page, "button:has-text('Send anmeldelsen')")
        assert "Skriv morens CPR-nummer." in await jorun.page.inner_text("#error-summary")
        assert "Skriv morens CPR-nummer." in await jorun.page.inner_text("#cpr-error")
        await jorun.check("notification with errors")
        await jorun.page.check("#kind-1")
        await jorun.page.select_option("#receiver", label="Sundhedsplejens modtagelse")
        await jorun.page.fill("#cpr", "150390-9999")
        await jorun.page.fill("#due_on", "2027-04-01")
        await press(jorun.page, "button:has-text('Send anmeldelsen')")
        assert "Anmeldelsen er sendt" in await jorun.text()

        async def taken() -> bool:
            await jorun.page.reload()
            return "Inge Modtoft" in await jorun.text()

        await town.until(taken)
        await jorun.check("notification and its fate")


PLACES = {
    "inge": ["/portal/", "/portal/flere", "/portal/find"],
    "lone": ["/portal/leder", "/portal/barn/{child}", "/portal/barn/{child}/placer", "/portal/overdragelse/{handover}"],
    "birgit": ["/portal/", "/portal/overdragelse/{handover}", "/portal/barn/{child}"],
    "mona": ["/portal/starter"],
    "jorun": ["/portal/anmeldelser", "/portal/anmeldelser/ny"],
}


async def test_every_page_is_accessible_in_both_languages_fits_a_small_screen_and_prints(town: Town) -> None:
    child = await town.child("Alle Sider", born="2026-01-02T03:04:05+01:00")
    handover = await town.offered(child, message="<script>alert(1)</script>", family_wish="'\"><img src=x onerror=alert(1)>")
    async with town.visitor("stranger", logged_in=False) as stranger:
        for language in ("da", "en"):
            await stranger.goto(f"/portal/sprog/{language}?til=/portal/log-ind")
            await stranger.check(f"log-in, {language}")
            await stranger.fits("log-in")
    for name, places in PLACES.items():
        async with town.visitor(name) as visitor:
            for language in ("da", "en"):
                for place in places:
                    path = place.format(child=child, handover=handover)
                    await visitor.goto(f"/portal/sprog/{language}?til={path}")
                    assert await visitor.page.get_attribute("html", "lang") == language
                    await visitor.check(f"{place}, {language}")
                    if language == "da":
                        await visitor.fits(path)
            await visitor.page.emulate_media(media="print")
            assert not await visitor.page.is_visible("nav")


async def test_the_menu_of_small_screens_opens_holds_the_focus_and_closes(town: Town) -> None:
    async with town.visitor("lone") as lone:
        await lone.page.set_viewport_size({"width": 320, "height": 700})
        await lone.page.reload()
        await lone.page.click(".js-menu-open")
        await lone.page.wait_for_selector(".mobile-drawer nav a:visible")
        await lone.check("the small menu, open")
        await lone.page.click(".js-menu-close")
        assert not await lone.page.is_visible(".mobile-drawer nav a")


async def test_the_first_page_weighs_little_and_the_next_hardly_anything(town: Town) -> None:
    async with town.visitor("inge", logged_in=False) as inge:
        weights: list[int] = []
        session = await inge.context.new_cdp_session(inge.page)
        session.on("Network.loadingFinished", lambda said: weights.append(int(said["encodedDataLength"])))
        await session.send("Network.enable")
        await inge.log_in()
        await inge.page.wait_for_load_state("load")
        first = sum(weights)
        weights.clear()
        await inge.goto("/portal/flere")
        await inge.page.wait_for_load_state("load")

        assert first < 300 * 1024, f"{first} bytes from nothing to My page"
        assert sum(weights) < 40 * 1024, f"{sum(weights)} bytes"


async def test_every_page_seen_is_valid_html(town: Town, tmp_path: Path) -> None:
    assert town.checks.pages
    assert await asyncio.to_thread(town.checks.invalid, tmp_path) == []
