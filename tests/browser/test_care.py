"""Sundhedspleje and daycare in a real browser: a nurse's visits, screenings and groups, and an institution's way to a start."""

from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from services.chassis.calendar import date_of
from services.midwife.fhir.codes import X_ECPR
from tests.browser.people import Town, Visitor, press

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
# Småby: its intake, nurse, placement office and institution's leader; the programme that has a group.
INTAKE, NURSE, OFFICE, LEADER, GROUP = "amalie", "dagmar", "preben", "holger", "familiegruppe"
METHOD = "tidlig-opsporing"
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"


async def today(town: Town) -> date:
    return date_of(await town.scene.now())


async def posted(town: Town, by: str, path: str, body: Any = None, status: int = 201) -> Any:
    """Asked again where a service has not heard of something yet."""

    async def look() -> Any:
        answer = await town.scene.professional(by).post(path, body)
        assert answer.status in (status, 403, 404, 503), answer
        return answer if answer.status == status else None

    return (await town.until(look)).body


async def family(town: Town, mother: str, months: float = 2) -> str:
    """A child who has moved in and whose tovholder is the nurse; sundhedspleje and daycare know it."""
    town._numbers += 1
    born = await today(town) - timedelta(days=round(months * 30.5))
    number = f"{1 + town._numbers % 28:02d}06901{_LETTERS[town._numbers % 23]}{_LETTERS[town._numbers // 23]}7"
    body = {
        "mother": {"identifiers": [{"system": X_ECPR, "value": number}], "name": mother},
        "born_at": datetime(born.year, born.month, born.day, 9).astimezone().isoformat(),
        "reason": "moved-in",
    }
    child = str((await posted(town, INTAKE, "/persons/children", body))["child"])
    to = {"professional": town.scene.names[NURSE], "unit": town.scene.names["smaaby-sundhedspleje"]}
    offered = await posted(town, INTAKE, f"/registry/children/{child}/handovers", {"to": to, "reason": "assigned"})
    await posted(town, NURSE, f"/registry/handovers/{offered['id']}/acceptance", {}, 200)
    nurse = town.scene.professional(NURSE)
    for path in (f"/sundhedspleje/cases/{child}/parent-health", f"/daycare/starts?child={child}"):
        await town.until(lambda path=path: _answers(nurse, path))
    return child


async def _answers(actor: Any, path: str) -> bool:
    return bool((await actor.get(path)).status == 200)


async def _heard(visitor: Visitor, text: str) -> None:
    """A page that other services have to hear of first."""

    async def look() -> bool:
        await visitor.page.reload()
        return text in await visitor.text()

    await visitor.town.until(look)


async def test_a_nurse_records_a_visit_and_a_screening_whose_follow_up_ends_in_something(town: Town) -> None:
    child = await family(town, "Vilma Visit", months=2.2)
    async with town.visitor(NURSE) as dagmar:
        page = dagmar.page
        # My page says what is to be done this week; the child's own line is as urgent as its nearest visit.
        assert "Besøg ved 2 måneder" in await page.inner_text("section:has(#week)")
        await dagmar.check("My page with this week's work")
        await dagmar.goto(f"/portal/barn/{child}")
        await press(page, "nav.around a:has-text('Besøg og screening')")
        await press(page, "a.what:has-text('Besøg ved 2 måneder')")
        await page.fill("#on", "")
        await press(page, "button:has-text('Registrér besøget')")
        assert "Skriv, hvilken dag besøget var." in await page.inner_text("#error-summary")
        await dagmar.check("a visit with an error")
        await page.fill("#on", (await today(town)).isoformat())
        await press(page, "button:has-text('Registrér besøget')")
        said = await dagmar.text()
        assert "Besøget er registreret." in said
        assert "Gennemført" in said
        await dagmar.check("a visit that was held")

        # A need-based visit with its reason opens the systematic screening; another visit is declined with a reason.
        await press(page, "a.back-link")
        await page.click("summary:has-text('Bevilg et behovsbesøg')")
        await page.select_option("#need", "sleep")
        await page.fill("#from_on", (await today(town)).isoformat())
        await page.fill("#until_on", "2020-01-01")
        await press(page, "button:has-text('Bevilg besøget')")
        assert "Perioden skal slutte i dag eller senere" in await page.inner_text("#until_on-error")
        await page.fill("#until_on", (await today(town) + timedelta(days=5)).isoformat())
        await press(page, "button:has-text('Bevilg besøget')")
        assert "Systematisk screening mangler: Kontakt mellem forældre og barn, Barnets trivsel" in await dagmar.text()
        await press(page, "a.what:has-text('Besøg ved 4-6 måneder')")
        await page.click("summary:has-text('Familien siger nej')")
        await page.select_option("#no", "has-other-help")
        await press(page, "button:has-text('Registrér nejet')")
        assert "Familien får anden hjælp" in await dagmar.text()

        # Somebody of another unit comes along, once the family has said yes to just that.
        await dagmar.goto(f"/portal/barn/{child}/sundhedspleje")
        await press(page, "a.what:has-text('Behovsbesøg')")
        await page.click("summary:has-text('Tag nogen med')")
        await page.select_option("#enhed", label="Småby Familie og Børn")
        await press(page, "button:has-text('Vis medarbejdere')")
        await page.get_by_label("Frederik Specialholm").check()
        await press(page, "button:has-text('Gem, hvem der skal med')")
        assert "Familien skal have sagt ja" in await page.inner_text("#agrees-error")
        await dagmar.check("who comes along, with an error")
        await page.check("#agrees")
        await press(page, "button:has-text('Gem, hvem der skal med')")
        assert "Det er gemt, hvem der skal med." in await dagmar.text()

        # Two clicks from the child's page to a result; at the threshold a follow-up opens, and ends in something.
        await dagmar.goto(f"/portal/barn/{child}/sundhedspleje")
        await press(page, "a:has-text('Registrér en screening')")
        await press(page, "a.what:has-text('EPDS, Mor')")
        await page.fill("#score", "31")
        await press(page, "main form button[type=submit]")
        assert "uden for redskabets skala" in await page.inner_text("#score-error")
        await page.fill("#score", "12")
        await press(page, "main form button[type=submit]")
        assert "over grænsen for opfølgning" in await dagmar.text()
        await dagmar.check("a follow-up is open")
        await dagmar.goto("/portal/")
        assert "Opfølgning" not in await page.inner_text("section:has(#week)"), "due in a fortnight, not this week"
        await dagmar.goto(f"/portal/barn/{child}/sundhedspleje")
        await page.select_option("#outcome", "support")
        await press(page, "button:has-text('Afslut opfølgningen')")
        said = await dagmar.text()
        assert "Opfølgningen er afsluttet." in said
        assert "Støtte ved psykisk reaktion eller sårbarhed" in said

        # An underretning with its two clocks; whoever gave it sees them run.
        await press(page, "nav.around a:has-text('Underretning')")
        await page.fill("#text", "Bekymring <b>for</b> trivslen")
        await press(page, "button:has-text('Giv underretningen')")
        await press(page, "main ul.cases a.what")
        said = await dagmar.text()
        assert "Vurdering inden 24 timer" in said
        assert "Bekymring <b>for</b> trivslen" in said
        await dagmar.check("an underretning")
        place = urlsplit(page.url).path
    async with town.visitor("frederik") as frederik:
        assert "Du er med fra din enhed." in await frederik.page.inner_text("section:has(#week)")
        await frederik.goto("/portal/underretninger")
        await frederik.check("underretninger")
        await frederik.goto(place)
        await frederik.page.check("#assessment-2")
        await press(frederik.page, "button:has-text('Registrér vurderingen')")
        assert "Der skal ikke handles akut" in await frederik.text()


async def test_a_group_is_filled_with_a_waiting_list_and_each_session_has_its_sheet(town: Town) -> None:
    first, second = await family(town, "Gry Gruppe"), await family(town, "Gerda Gruppe")
    async with town.visitor(NURSE) as dagmar:
        page = dagmar.page
        await press(page, "nav.nav a:has-text('Forløb og hold')")
        await dagmar.check("programmes and courses")
        await page.click("summary:has-text('Planlæg et hold')")
        await page.select_option("#programme", GROUP)
        await page.fill("#begins_on", (await today(town)).isoformat())
        await page.fill("#ends_on", (await today(town) + timedelta(days=60)).isoformat())
        await page.fill("#capacity", "1")
        await press(page, "button:has-text('Planlæg holdet')")
        assert "Holdet er planlagt." in await dagmar.text()
        await press(page, "main ul.cases li:has-text('0 af 1') a.what")
        course = urlsplit(page.url).path

        # Offered with what she judges and with the step of the Handleguide; the second family comes on the waiting list.
        for child in (first, second):
            await dagmar.goto(f"/portal/barn/{child}/forloeb")
            assert "Handleguide: Trin 3: Fælles indsats" in await dagmar.text()
            await press(page, "a.what:has-text('Familiegruppe')")
            if await page.locator("#ground-1").count():
                await page.check("#ground-1")
            await dagmar.check("a programme to offer", axe=child == first)
            await press(page, "button:has-text('Registrér, at det er tilbudt')")
            await press(page, "main ul.cases a.what >> nth=0")
            await dagmar.check("an offer", axe=child == first)
            await page.select_option("#course", course.rpartition("/")[2])
            await press(page, "button:has-text('Registrér jaet')")
        assert "nr. 1 på ventelisten" in await dagmar.text()

        await dagmar.goto(course)
        said = await dagmar.text()
        assert "1 af 1" in said
        assert "Venteliste" in said
        assert "Gerda Gruppe" in await page.inner_text("ol.turns")
        await dagmar.check("a course with a waiting list")
        await page.click("summary:has-text('Begynd holdet')")
        await press(page, "button:text-is('Begynd')")
        await page.click("summary:has-text('Planlæg en gang')")
        await page.fill("#on_date", "2040-01-01")
        await press(page, "button:has-text('Planlæg gangen')")
        assert "mellem holdets første og sidste dag" in await page.inner_text("#on_date-error")
        await page.fill("#on_date", (await today(town)).isoformat())
        await press(page, "button:has-text('Planlæg gangen')")
        await dagmar.goto("/portal/")
        week = await page.inner_text("section:has(#week)")
        assert "Familiegruppe" in week
        assert "Handleguide: Trin 3: Fælles indsats" in week
        await press(page, "section:has(#week) a.what:has-text('Familiegruppe')")
        await page.get_by_label("Kom", exact=True).check()
        await dagmar.check("an attendance sheet")
        await press(page, "button:has-text('Gangen er holdt')")
        assert "1 af 1 kom" in await dagmar.text()

        # One family stops: who has waited longest has the place at once; the drawing of her time shows the programme.
        await press(page, "main ul.cases a.what:has-text('Gry Gruppe')")
        await page.click("summary:has-text('Det stopper før tiden')")
        await page.select_option("#stop", "family-wishes")
        await press(page, "button:text-is('Stop')")
        await dagmar.goto(course)
        assert "Gerda Gruppe" in await page.inner_text("main ul.cases >> nth=0")
        await dagmar.goto(f"/portal/barn/{second}")
        assert await page.locator(".timeline rect.programme").count() == 1
        assert "Familiegruppe, mestring i livet som familie (I gang)" in await dagmar.text()
        await dagmar.check("a child with a programme in its time")

        # A forum across units is planned and held, with who was there.
        await dagmar.goto("/portal/hold")
        await press(page, "a:has-text('Konsultationer, oplæg og fora')")
        await page.click("summary:has-text('Planlæg en konsultation')")
        await page.select_option("#programme", "tvaerfagligt-forum")
        await page.select_option("#held_in", label="Småby Dagpleje")
        await page.fill("#on_date", (await today(town)).isoformat())
        await press(page, "button:text-is('Planlæg')")
        await dagmar.goto("/portal/")
        await press(page, "section:has(#week) a.what:has-text('Tværfagligt forum')")
        await page.check("#person-2")
        await dagmar.check("a forum to hold")
        await press(page, "button:has-text('Gem, hvem der var med')")
        assert "Det er gemt, hvem der var med." in await dagmar.text()
        await dagmar.goto(f"/portal/barn/{second}")

        # It is through for her, and somebody is named who goes on.
        await press(page, "main ul.cases a.what:has-text('Familiegruppe')")
        await page.click("summary:has-text('Forløbet er gennemført')")
        await press(page, "button:has-text('Registrér, at det er gennemført')")
        assert "Vælg, hvem der fortsætter med familien." in await page.inner_text("#continues-error")
        await page.select_option("#continues", label="Vuggestuen Muslingen")
        await press(page, "button:has-text('Registrér, at det er gennemført')")
        assert "Fortsætter med familien Vuggestuen Muslingen" in await dagmar.text()


async def test_a_leader_of_an_institution_works_the_checklist_and_a_plusplads_is_held_and_released(town: Town) -> None:
    child, unit, on = await family(town, "Pia Plads", months=10), town.scene.names["smaaby-institution"], await today(town)
    # A go before this one may have left its plusplads held.
    board = (await town.scene.professional(OFFICE).get(f"/daycare/plusplads?unit={unit}")).body["units"]
    plus = 1 + sum(len(line["holdings"]) for line in board if line["unit"] == unit)
    capacity = {"from_on": on.isoformat(), "places": 5, "plus_places": plus, "high_quality": True, "methods": [METHOD]}
    await posted(town, OFFICE, f"/daycare/units/{unit}/capacity", capacity, 200)
    async with town.visitor(NURSE, java_script_enabled=False) as dagmar:
        page = dagmar.page
        await dagmar.goto("/portal/pluspladser")
        await page.click("summary:has-text('Reservér en plusplads')")
        await page.select_option("#child", child)
        await page.select_option("#unit", unit)
        await page.select_option("#method", METHOD)
        await press(page, "button:text-is('Reservér')")
        assert "Pluspladsen er reserveret." in await dagmar.text()
        assert "at en start bliver planlagt" in await dagmar.text()
        await dagmar.goto(f"/portal/barn/{child}/start")
        await page.select_option("#unit", unit)
        await page.fill("#starts_on", (on + timedelta(days=10)).isoformat())
        await press(page, "button:text-is('Planlæg')")
        await press(page, "main td a:has-text('Start i')")
        start = urlsplit(page.url).path
        await press(page, "a:has-text('Skriv overleveringen')")
        await press(page, "button:has-text('Se igennem')")
        assert "Skriv noget om mindst ét emne." in await dagmar.text()
        await page.fill("#text-practical", "Sover til middag kl. 12.")
        await page.fill("#text-development", "Går <i>næsten</i>.")
        await press(page, "button:has-text('Se igennem')")
        said = await dagmar.text()
        assert "Sover til middag kl. 12." in said
        assert "Det, der ikke går videre" in said, "nobody has consented to more than the practical"
        await dagmar.check("an overlevering looked through", axe=False)
        await press(page, "button:has-text('Giv overleveringen')")
        await _heard(dagmar, "Givet, uden det der mangler samtykke")
    async with town.visitor(LEADER) as holger:
        page = holger.page
        assert "Mangler:" in await page.inner_text("section:has(#week)")
        await press(page, "nav.nav a:has-text('Børn på vej')")
        assert "Mangler: Møde med forældrene, Navngiven pædagog, Metoden føres videre" in await holger.text()
        await holger.check("arriving, with what is missing")
        await press(page, f"main a.what[href='{start}']")
        await page.click("summary:has-text('Vælg, hvem der tager imod')")
        await press(page, "button:has-text('Gem pædagogen')")
        assert "Vælg, hvem der tager imod barnet." in await page.inner_text("#pedagogue-error")
        await page.select_option("#pedagogue", index=1)
        await press(page, "button:has-text('Gem pædagogen')")
        await page.click("summary:has-text('Planlæg et møde')")
        await page.fill("#meets_on", on.isoformat())
        await page.check("#participant-1")
        await press(page, "button:has-text('Planlæg mødet')")
        await page.click("summary:has-text('Hvad blev det til med mødet')")
        await page.select_option("#outcome", "held")
        await press(page, "button:has-text('Registrér mødet')")
        await page.click("summary:has-text('Fører dagtilbuddet metoden videre?')")
        await page.check("#goes_on-1")
        await press(page, "button:has-text('Gem svaret')")
        assert "Mangler Intet" in await holger.text()
        await holger.check("a checklist that lacks nothing")
        await holger.goto("/portal/pluspladser")
        assert await page.locator(f"td a[href='/portal/barn/{child}']").count() == 1
        await holger.check("the board of pluspladser")
    async with town.visitor(NURSE) as dagmar:
        page = dagmar.page
        await dagmar.goto(start)
        await page.click("summary:has-text('Flyt starten')")
        await page.fill("#starts_on", (on - timedelta(days=1)).isoformat())
        await press(page, "button:text-is('Flyt')")
        assert "Starten skal ligge i fremtiden." in await page.inner_text("#starts_on-error")
        await page.fill("#starts_on", (on + timedelta(days=20)).isoformat())
        await press(page, "button:text-is('Flyt')")
        await page.click("summary:has-text('Aflys starten')")
        await page.select_option("#cause", "family")
        await press(page, "button:text-is('Aflys')")
        assert "Starten er aflyst." in await dagmar.text()
        await dagmar.goto(f"/portal/barn/{child}")
        assert await page.locator(".timeline rect.start").count() >= 1
        held = await posted(town, NURSE, "/daycare/plusplads", {"child": child, "unit": unit, "method": METHOD})
        await dagmar.goto("/portal/pluspladser")
        await page.click("summary:has-text('Frigiv en plads')")
        await page.select_option("#holding", held["id"])
        await page.select_option("#reason", "no-longer-needed")
        await press(page, "button:text-is('Frigiv')")
        assert "Pladsen er frigivet." in await dagmar.text()
        assert f"1 af {plus} er ledige." in await dagmar.text()


PLACES = {
    NURSE: [
        *("/portal/barn/{child}", "/portal/barn/{child}/sundhedspleje", "/portal/barn/{child}/screening"),
        *("/portal/barn/{child}/screening?redskab=topi.child", "/portal/barn/{child}/screening?redskab=epds.other-parent"),
        *("/portal/barn/{child}/forloeb", "/portal/barn/{child}/underretning", "/portal/hold", "/portal/pluspladser"),
        *("/portal/besoeg/{visit}", "/portal/besoeg/{visit}?enhed={unit}", "/portal/starter/{start}"),
        *("/portal/starter/{start}/overlevering", "/portal/underretninger", "/portal/samlinger"),
    ],
    LEADER: ["/portal/", "/portal/starter", "/portal/starter/{start}", "/portal/pluspladser"],
    OFFICE: ["/portal/pluspladser"],
}


async def test_every_page_of_care_is_accessible_in_both_languages_and_fits_a_small_screen(town: Town) -> None:
    child, unit = await family(town, "Alma <script>alert(1)</script>"), town.scene.names["smaaby-institution"]
    starts_on = (await today(town) + timedelta(days=40)).isoformat()
    start = (await posted(town, NURSE, "/daycare/starts", {"child": child, "unit": unit, "starts_on": starts_on}))["id"]
    case = (await town.scene.professional(NURSE).get(f"/sundhedspleje/cases/{child}")).body
    visit = next(it["id"] for it in case["visits"] if it["state"] == "planned")
    for name, places in PLACES.items():
        async with town.visitor(name) as visitor:
            for language in ("da", "en"):
                for place in places:
                    path = place.format(child=child, start=start, visit=visit, unit=unit)
                    await visitor.goto(f"/portal/sprog/{language}?til={path.replace('?', '%3F')}")
                    assert await visitor.page.get_attribute("html", "lang") == language
                    assert await visitor.page.locator("h1").count() == 1, path
                    await visitor.check(f"{place}, {language}, {name}")
                    if language == "da":
                        await visitor.fits(path)
