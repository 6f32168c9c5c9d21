"""Administrators, leaders and tovholdere at their pages, in a real browser: changed, refused, remembered, compared, exported."""

import asyncio
import json
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from services.chassis.calendar import COPENHAGEN
from tests.browser.people import Town, Visitor, press

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
ADMIN = "/portal/administration"


async def test_an_administrator_takes_someone_on_moves_them_and_the_history_says_so(town: Town) -> None:
    async with town.visitor("lone") as lone, town.visitor("elin") as elin:
        await press(lone.page, "nav >> text=Administration")
        await press(lone.page, "a.what:has-text('Medarbejdere')")
        await lone.page.click("summary:has-text('Opret en medarbejder')")
        await press(lone.page, "button:has-text('Opret')")
        assert "Skriv medarbejderens navn." in await lone.page.inner_text("#error-summary")
        await lone.check("employee with errors")
        await lone.page.fill("#name", "Nina <i>Nyansat</i>")
        await lone.page.select_option("#unit", label="Sundhedspleje Nord")
        await press(lone.page, "button:has-text('Opret')")
        assert "Medarbejderen er oprettet." in await lone.text()
        place = lone.page.url.split("?")[0].removeprefix(town.url)

        # A log-in that another has stands at its field; what was typed stays.
        await lone.page.fill("#login", "09900000-0003-4000-8000-000000000004")
        await press(lone.page, "main button:text-is('Gem')")
        assert "En anden medarbejder har allerede det log ind." in await lone.page.inner_text("#login-error")
        await lone.check("employee with a foreign log-in")
        await lone.page.fill("#login", "")

        # Two at once: who comes second is told, keeps what they typed, and saves again; what they did not touch stays.
        await lone.goto(place)
        await lone.page.fill("#name", "Nina Nord")
        seats = [{"unit": town.scene.names["nord"], "leads": True}]
        other = {"email": "nina@havby.example", "seats": seats}
        said = await town.scene.professional("lone").post(f"/directory/professionals/{place.rpartition('/')[2]}", other)
        assert said.status == 200, said
        await press(lone.page, "main button:text-is('Gem')")
        assert "En anden har ændret det" in await lone.page.inner_text("#error-summary")
        assert await lone.page.input_value("#name") == "Nina Nord"
        await lone.check("employee changed meanwhile")
        await lone.page.fill("#email", "nina@havby.example")
        await press(lone.page, "main button:text-is('Gem')")
        assert "Ændringen er gemt" in await lone.text()
        assert await lone.page.input_value("#email") == "nina@havby.example"

        await lone.page.select_option("#new_unit", label="Sundhedspleje Syd")
        await press(lone.page, "button:has-text('Gem pladser')")
        assert "Sundhedspleje Syd" in await lone.text()
        await lone.page.click("summary:has-text('fratræder')")
        await press(lone.page, "button:has-text('Registrér fratrædelse')")
        assert "Fratrædelsen er registreret." in await lone.text()
        await lone.goto(f"{ADMIN}/historik")
        history = await lone.text()
        assert "Lone Lederlund Medarbejder" in history
        assert "Pladser: +Sundhedspleje Syd" in history
        await lone.check("history")

        # A leader who does not administer has no such page, and finds no way to it.
        assert "Administration" not in await elin.page.inner_text("nav")
        await elin.goto(f"{ADMIN}/enheder")
        assert "Det har du ikke adgang til" in await elin.text()


async def test_units_intake_calendar_and_legal_basis_are_kept_without_javascript(town: Town) -> None:
    async with town.visitor("lone", java_script_enabled=False) as lone:
        await lone.goto(f"{ADMIN}/enheder/{town.scene.names['dagpleje']}")
        await lone.page.fill("#name", "Dagplejen ved Stranden")
        await lone.page.fill("#sor", "990000000016008 990000000016006")
        await press(lone.page, "main button:text-is('Gem')")
        assert "En anden enhed har allerede det SOR-nummer." in await lone.text()
        await lone.page.fill("#sor", "990000000016008")
        await press(lone.page, "main button:text-is('Gem')")
        assert "Ændringen er gemt" in await lone.text()
        assert "Ændret Navn" in await lone.text()

        await lone.goto(f"{ADMIN}/modtagelse/{town.scene.names['intake']}")
        chosen = await lone.page.input_value("#lead")
        await lone.page.select_option("#deputy", chosen)
        await press(lone.page, "main button:text-is('Gem')")
        assert "Det skal være tre forskellige personer." in await lone.text()

        await lone.goto(f"{ADMIN}/kalender")
        on = _today() + timedelta(days=200)
        await lone.page.fill("#day", on.isoformat())
        await lone.page.fill("#until", (on - timedelta(days=1)).isoformat())
        await press(lone.page, "main button:text-is('Tilføj')")
        assert "Sidste dag skal ligge efter den første" in await lone.text()
        await lone.page.fill("#until", (on + timedelta(days=1)).isoformat())
        await press(lone.page, "main button:text-is('Tilføj')")
        assert "Lukkedage: +" in await lone.text()
        await lone.page.fill("#answer_working_days", "nul")
        await press(lone.page, "button:has-text('Gem frister')")
        assert "Skriv et helt tal." in await lone.text()

        await lone.goto(f"{ADMIN}/hjemmel")
        await lone.page.check("#hospital-1")
        await press(lone.page, "main button:text-is('Gem')")
        assert "Nu: kommunen har hjemmel." in await lone.text()
        await lone.page.check("#hospital-2")
        await press(lone.page, "main button:text-is('Gem')")
        assert "Hjemmel til beskeder om indlæggelse: ja → nej" in await lone.text()


async def test_a_file_of_programmes_is_checked_compared_kept_and_taken_back(town: Town) -> None:
    async with town.visitor("lone") as lone:
        await lone.goto(f"{ADMIN}/programmer")
        before = await lone.page.input_value("#content")
        await lone.page.fill("#content", before + "\nprogrammer: []")
        await lone.page.fill("#from_on", (_today() + timedelta(days=9)).isoformat())
        await press(lone.page, "button:has-text('Kontrollér')")
        assert "Filen giver ikke mening endnu." in await lone.page.inner_text("#content-error")
        assert "programmer is not known" in await lone.text()
        await lone.check("programmes with mistakes")
        from_on = (_today() + timedelta(days=9)).isoformat()
        entry = (
            f"\n  - {{key: oplaeg-om-soevn, title: Oplæg om søvn, kind: talk, effective_from: {from_on}, held_in: [institution]}}"
        )
        content = f"{before}\nprogrammes:{entry}".encode()
        await lone.page.set_input_files("#file", {"name": "programmes.yaml", "mimeType": "text/yaml", "buffer": content})
        await press(lone.page, "button:has-text('Kontrollér')")
        assert "Ny: oplaeg-om-soevn" in await lone.text()
        await lone.check("programmes compared")
        await lone.fits("programmes compared")
        await press(lone.page, "button:has-text('Lad filen gælde')")
        assert "Filen er gemt" in await lone.text()
        await press(lone.page, "button:has-text('Tag den tilbage')")
        assert "Taget tilbage" in await lone.text()


async def test_a_subscription_is_seen_paused_and_given_a_new_secret_once(town: Town) -> None:
    number = "01900000-0000-7000-8000-0000000000aa"
    rules = [{"name": "baton", "kinds": ["tovholder_changed"], "units": [town.scene.names["nord"]]}]
    await town.as_owner(
        "insert into notifications.subscription"
        " (id, client_id, municipality, channel, url, rules, made_at, sequence, sent, tries, trouble, next_try_at) values"
        " ($1::uuid, 'placement-havby', '0990', 'webhook', 'https://plads.example/hook', $2::jsonb, now(), 2, 1, 3, 'http-500',"
        " '2099-01-01')",
        *(number, json.dumps(rules)),
    )
    for sequence, taken in ((1, True), (2, False)):
        await town.as_owner(
            "insert into notifications.outward (subscription, sequence, kind, envelope, at, taken_at)"
            " values ($1::uuid, $2, 'tovholder_changed', $3::jsonb, now(), case when $4 then now() end)",
            *(number, sequence, json.dumps({"id": f"event-{sequence}", "matchedrule": "baton"}), taken),
        )
    async with town.visitor("lone") as lone:
        await lone.goto(f"{ADMIN}/abonnementer")
        assert "http-500" in await lone.text()
        await lone.check("subscriptions")
        await lone.fits("subscriptions")
        await press(lone.page, "a:has-text('placement-havby')")
        await lone.check("a subscription")
        await lone.fits("a subscription")
        await press(lone.page, "button:has-text('Sæt på pause')")
        assert "Intet går tabt imens." in await lone.text()
        await press(lone.page, "button:has-text('Ny hemmelighed')")
        assert (await lone.page.inner_text("code.secret")).startswith("whsec_")
        await lone.check("a secret, shown once")
        await lone.page.reload()
        assert not await lone.page.is_visible("code.secret")
        await lone.goto(f"{ADMIN}/abonnementer/{number}")
        assert "Ny hemmelighed, Lone Lederlund" in await lone.text()
        await lone.page.click("summary:has-text('Afslut')")
        await press(lone.page, "details button:has-text('Afslut')")
        assert "Abonnementet er afsluttet." in await lone.text()
    async with town.visitor("elin") as elin:
        await elin.goto(f"{ADMIN}/abonnementer/{number}")
        assert "Det har du ikke adgang til" in await elin.text()


async def test_the_tovholder_records_a_consent_and_everyone_who_looked_is_shown(town: Town) -> None:
    child = await town.child("Samtykke Sørensen", born="2026-05-06T03:04:05+02:00")
    async with town.visitor("inge") as inge:
        await inge.goto(f"/portal/barn/{child}")
        await press(inge.page, "a:has-text('Samtykker')")
        await press(inge.page, "button:has-text('Notér samtykket')")
        assert "Vælg, hvem der giver samtykket." in await inge.page.inner_text("#error-summary")
        await inge.check("consent with errors")
        await inge.page.check("#given_by-1")
        await inge.page.select_option("#recipient_kind", "daycare")
        await inge.page.select_option("#purpose", "transition")
        await inge.page.check("#categories-2")
        await press(inge.page, "button:has-text('Notér samtykket')")
        assert "Samtykket er registreret." in await inge.text()
        assert "Dagtilbud: Udvikling" in await inge.text()
        await inge.check("consent")
        await press(inge.page, "button:has-text('Familien trækker det tilbage')")
        assert "Samtykket er trukket tilbage" in await inge.text()

        # Found by name among one's own; the name is in no address.
        await inge.goto("/portal/find")
        await inge.page.fill("#name", "sørensen samtykke")
        await inge.page.check("#purpose-2")
        await press(inge.page, "button:has-text('Søg')")
        assert "rensen" not in inge.page.url.lower()
        await inge.check("found by name")
        await press(inge.page, "a.what:has-text('Samtykke Sørensen')")
        await press(inge.page, "a:has-text('Hvem har set oplysningerne')")
        said = await inge.text()
        assert "Inge Modtoft Kommune 0990 Søgning Familien har henvendt sig" in said
        await inge.check("who has looked")
        await inge.fits("who has looked")
    async with town.visitor("anna") as anna:
        await anna.goto("/portal/find")
        await anna.page.fill("#name", "Samtykke Sørensen")
        await anna.page.check("#purpose-1")
        await press(anna.page, "button:has-text('Søg')")
        assert "Ingen. Navnet skal staves" in await anna.text()
        await anna.goto(f"/portal/barn/{child}/adgang")
        assert "findes ikke" in await anna.text()


async def test_figures_are_drawn_with_their_table_and_definition_and_given_as_files(town: Town) -> None:
    await counted(town)
    async with town.visitor("lone") as lone:
        await press(lone.page, "nav >> text=Tal")
        await lone.page.select_option("#periode", "2025-Q1")
        await press(lone.page, "button:has-text('Vis tal')")
        said = await lone.text()
        assert "Overdragelser, der blev sagt ja til" in said
        assert "75 %" in said
        assert "under 5" in said
        assert await lone.page.locator("section.figure svg rect.bar").count() > 2
        await lone.check("figures")
        await lone.fits("figures")
        # On paper the table and the definition are there, folded away or not.
        await lone.page.emulate_media(media="print")
        charts, tables = lone.page.locator("section.figure"), lone.page.locator("section.figure table:visible")
        assert await tables.count() == await charts.count() > 2
        await lone.page.emulate_media(media="screen")
        for form in ("csv", "json", "xlsx"):
            async with lone.page.expect_download() as waiting:
                await lone.page.click(f"a[href*='tovholder.{form}']")
            download = await waiting.value
            assert download.suggested_filename.endswith(f".{form}")
            if form == "json":
                content = json.loads(await asyncio.to_thread(Path(await download.path()).read_text))
                figure = next(it for it in content["figures"] if it["figure"] == "handovers_accepted")
                assert figure["lines"][0]["value"] == 0.75
    async with town.visitor("birgit") as birgit:
        await birgit.goto("/portal/tal")
        assert "Det har du ikke adgang til" in await birgit.text()


async def counted(town: Town) -> None:
    """A quarter that was counted long ago, as the indicators service keeps it."""
    await town.as_owner("insert into indicators.quarter values ('2025-01-01', now()) on conflict do nothing")
    nord = town.scene.names["nord"]
    answers = (
        ({"answer": "accepted"}, 30), ({"answer": "declined", "reason": "at-capacity"}, 8),
        ({"answer": "declined", "reason": "other"}, 2),
    )  # fmt: skip
    for marks, number in answers:
        await town.as_owner(
            "insert into indicators.atom (municipality, quarter, counter, unit, code, marks, number, amounts)"
            " values ('0990', '2025-01-01', 'handover', $1::uuid, null, $2::jsonb, $3, $4::jsonb) on conflict do nothing",
            nord, json.dumps({"overdue": "no", "reason": "no", **marks}), number, json.dumps({"answer": 86400.0 * number}),
        )  # fmt: skip


def _today() -> date:
    return datetime.now(COPENHAGEN).date()


PLACES = [
    *(ADMIN + place for place in ("", "/enheder", "/enheder/{nord}", "/medarbejdere", "/medarbejdere/{anna}", "/modtagelse")),
    *(
        ADMIN + place
        for place in (
            "/modtagelse/{intake}",
            "/kalender",
            "/hjemmel",
            "/programmer",
            "/besoegsplaner",
            "/abonnementer",
            "/historik",
        )
    ),
    *("/portal/tal", "/portal/leder", "/portal/find", "/portal/barn/{child}/samtykker", "/portal/barn/{child}/breve"),
    *("/portal/barn/{child}/adgang", "/portal/barn/{child}"),
]


async def test_every_page_for_administrators_is_accessible_in_both_languages_and_fits_a_small_screen(town: Town) -> None:
    child = await town.child("Alle Administrators Sider", born="2026-02-03T03:04:05+01:00")
    async with town.visitor("lone") as lone:
        for language in ("da", "en"):
            for place in PLACES:
                await _looked_at(lone, place.format(child=child, **town.scene.names), language)


async def _looked_at(lone: Visitor, path: str, language: str) -> None:
    await lone.goto(f"/portal/sprog/{language}?til={path}")
    assert await lone.page.get_attribute("html", "lang") == language
    await lone.check(f"{path}, {language}")
    if language == "da":
        await lone.fits(path)


async def test_every_administrator_page_seen_is_valid_html(town: Town, tmp_path: Path) -> None:
    assert town.checks.pages
    assert await asyncio.to_thread(town.checks.invalid, tmp_path) == []
