"""Pages of what waits: a plusplads asked for, a notice that reached nobody, stand-ins, letters; and a new subscription."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from services.chassis.calendar import date_of
from services.events import Event
from services.events.sundhedspleje import DisclosedByLaw, PlusPladsAsked
from services.portal import pages
from tests.portal.test_family_pages import at_home
from tests.portal.test_pages import Browser, child_of, logged_in
from tests.support.issuer import Issuer
from tests.support.world import Installation, World

ABOUT = "/portal/administration/abonnementer"


@pytest.fixture
async def outward(installation: Installation, issuer: Issuer, tmp_path: Path) -> AsyncIterator[World]:
    """A fresh town that writes letters and lets webhooks go to one host."""
    name = f"world_{uuid.uuid4().hex[:12]}"
    await asyncio.to_thread(installation.clone, name)
    options = {
        "webhook_hosts": ["*.example.dk"], "letters_folder": tmp_path / "letters",
        "letter_senders": {"0990": {"name": "Havby Kommune", "cvr": "12345674"}},
    }  # fmt: skip
    async with installation.world(issuer, name, **options) as world:
        yield world
    await asyncio.to_thread(installation.drop, name)


async def say(world: World, child: str, event: Event) -> None:
    """A service says it of a child, and everybody has heard it."""
    async with world.store(event.source).transaction() as tx:
        tx.publish(uuid.UUID(child), event)
    await world.settle()


async def asked_for(world: World, child: str) -> str:
    """A programme is through: Mælkevejen is asked for a plusplads."""
    asked = uuid.uuid4()
    unit, method = uuid.UUID(world.names["maelkevejen"]), "cos-p"
    said = PlusPladsAsked(
        enrolment=asked, child=uuid.UUID(child), municipality="0990", programme="familietraening", unit=unit, method=method
    )
    await say(world, child, said)
    return f"/portal/pluspladser/spurgt/{asked}"


async def handed_over(world: World, child: str, by: str, to: str, unit: str) -> None:
    seat = {"professional": world.names[to], "unit": world.names[unit]}
    offered = await world.as_professional(by).post(f"/registry/children/{child}/handovers", {"to": seat, "reason": "assigned"})
    answered = await world.as_professional(to).post(f"/registry/handovers/{offered.body['id']}/acceptance", {})
    assert answered.status == 200, answered.body
    await world.settle()


async def returned_letter(world: World) -> str:
    """A child of whom something was passed on by Sundhedsloven s. 43(2): the mother's letter about it comes back."""
    mother = {"identifiers": [{"system": "urn:oid:1.2.208.176.1.2", "value": "1503901243"}], "name": "Søs Attrap"}
    by_hand = {"mother": mother, "due_on": "2027-06-01", "reason": "not-notified", "unit": world.names["intake"]}
    child = (await world.as_professional("inge").post("/persons/children", by_hand)).body["child"]
    await world.settle()
    about = {"child": uuid.UUID(child), "municipality": "0990", "to_unit": uuid.UUID(world.names["social"])}
    by, at = uuid.UUID(world.names["inge"]), await world.now()
    said = DisclosedByLaw(overlevering=uuid.uuid4(), given_by=by, given_at=at, **about)
    await say(world, child, said)
    await world.tick()
    query = "select id from delivery where kind = 'disclosed_by_law' and state = 'sent'"
    if not await world.sql("notifications", query):
        # A service that was too busy to answer is asked again after ten seconds.
        await world.advance(timedelta(seconds=15))
    # The letter comes back from the post.
    [laid] = await world.sql("notifications", query)
    folder = world.settings.letters_folder
    assert folder is not None
    await asyncio.to_thread((folder / "0990" / f"{laid['id']}.receipt.json").write_text, '{"state": "returned"}')
    await world.tick()
    return str(child)


async def in_a_group(world: World, child: str) -> str:
    """The child's family has said yes to a group of Anna's that meets next week; the day on which it does."""
    lone, anna = world.as_professional("lone"), world.as_professional("anna")
    today = date_of(await world.now())
    on = (today + timedelta(days=1)).isoformat()
    entry = f"key: gruppe, title: Familiegruppe, kind: group, effective_from: {on}, capacity: 8, places: [sal]"
    sessions = "sessions: {min: 1, max: 6}"
    places = "[{key: sal, title: 'Kulturhuset, sal 2'}]"
    content = f"title: Indsatser\nplaces: {places}\nprogrammes:\n  - {{{entry}, {sessions}}}\n"
    kept = await lone.post("/sundhedspleje/programme-file", {"content": content, "from_on": on})
    assert kept.status == 200, kept.body
    await world.advance(timedelta(days=1))
    await handed_over(world, child, "inge", "anna", "nord")
    days = {"begins_on": on, "ends_on": (today + timedelta(days=60)).isoformat()}
    held = {
        "programme": "gruppe", "unit": world.names["nord"], **days, "capacity": 8, "team": [world.names["anna"]],
        "place": "sal",
    }  # fmt: skip
    course = await anna.post("/sundhedspleje/courses", held)
    assert course.status == 201, course.body
    session = {"on_date": (today + timedelta(days=8)).isoformat()}
    assert (await anna.post(f"/sundhedspleje/courses/{course.body['id']}/sessions", session)).status == 201
    offered = await anna.post("/sundhedspleje/enrolments", {"child": child, "programme": "gruppe"})
    assert offered.status == 201, offered.body
    yes = await anna.post(f"/sundhedspleje/enrolments/{offered.body['id']}/acceptance", {"course": course.body["id"]})
    assert yes.status == 200, yes.body
    await world.settle()
    return session["on_date"]


async def closed(*browsers: Browser) -> None:
    for browser in browsers:
        await browser.http.aclose()


async def test_a_plusplads_that_a_programme_asks_for_waits_on_pages_until_it_is_held_or_declined(world: World) -> None:
    mona, peter, inge, stranger = [await logged_in(world, name) for name in ("mona", "peter", "inge", "rikke")]
    one, two = await child_of(world, "Mor Attrap Et", "1503901241"), await child_of(world, "Mor Attrap To", "1603901242")
    today = date_of(await world.now()).isoformat()
    capacity = {"from_on": today, "places": 5, "plus_places": 1, "high_quality": True, "methods": ["cos-p"]}
    ruled = await world.as_professional("poul").post(f"/daycare/units/{world.names['maelkevejen']}/capacity", capacity)
    assert ruled.status in (200, 201), ruled.body
    first, second = await asked_for(world, one), await asked_for(world, two)

    # It stands in the week of the institution's leader and of the tovholder, on the leader's page and on the board.
    for browser, path in ((mona, "/portal/"), (inge, "/portal/"), (mona, "/portal/leder"), (inge, "/portal/pluspladser")):
        page = await browser.get(path)
        assert page.text.count(f'href="{first}"') == 1, path
        assert "overskredet" not in page.text
    assert (await stranger.get(first)).status_code == 404
    # The leader who is asked reads who it is about, and is led no further into the child's page; a colleague of hers does not.
    asked = (await mona.get(first)).text
    assert ("Mor Attrap Et" in asked, f"/portal/barn/{one}" in asked) == (True, False)
    assert "Mor Attrap Et" not in (await peter.get(first)).text
    assert first not in (await stranger.get("/portal/")).text
    await world.advance(timedelta(days=8))
    mona, peter, inge = [await logged_in(world, name) for name in ("mona", "peter", "inge")]
    assert "Fristen er overskredet med 1 dag" in (await mona.get("/portal/")).text
    # Overdue it is told, once: to the leader it is put to by name, the tovholder and the institution's leader.
    await world.tick()
    told = await world.sql(
        "notifications",
        "select why, recipient::text as who from delivery where kind = 'plus_plads_overdue' and channel = 'inbox'",
    )
    of = {"escalated-to": "lone", "tovholder": "inge", "unit-leaders": "mona"}
    assert sorted((row["why"], row["who"]) for row in told) == sorted(
        (why, world.names[who]) for why, who in of.items() for _ in "12"
    )
    lone = await logged_in(world, "lone")
    assert f'href="{first}"' in (await lone.get("/portal/")).text
    assert "Mor Attrap Et" in (await lone.get(first)).text

    # Held once, by who may; there is none for the other, with why.
    await peter.get(first)
    assert (await peter.send(f"{first}/reserver")).status_code == 403
    await mona.get(first)
    form = mona.form(f"{first}/reserver")
    for _ in range(2):
        assert "Pluspladsen er reserveret." in (await mona.http.post(f"{first}/reserver", data=form)).text
    await mona.get(second)
    full = await mona.send(f"{second}/reserver")
    assert (full.status_code, 'id="from_on-error"' in full.text) == (422, True)
    nothing = await mona.send(f"{second}/afslag", reason="")
    assert (nothing.status_code, 'id="reason-error"' in nothing.text) == (422, True)
    declined = await mona.send(f"{second}/afslag", reason="none-is-free")
    assert "Tovholderen får besked." in declined.text
    assert "Der er ingen ledig" in declined.text
    assert first not in (await mona.get("/portal/")).text
    await world.settle()
    assert "Mor Attrap To" not in (await mona.get(second)).text
    board = (await mona.get("/portal/pluspladser")).text
    assert ("Mor Attrap Et" in board, f"/portal/barn/{one}" in board) == (True, False)
    assert "Frigiv en plads" in (await inge.get("/portal/pluspladser")).text
    await closed(mona, peter, inge, stranger, lone)


async def test_what_a_family_must_be_told_afterwards_waits_until_somebody_says_how_they_know(outward: World) -> None:
    world = outward
    child = await returned_letter(world)
    inge, lone, stranger = [await logged_in(world, name) for name in ("inge", "lone", "elin")]

    # The tovholder has it in her week, the leader among what nobody was told.
    week = (await inge.get("/portal/")).text
    [place] = {part.split('"')[0] for part in week.split('href="')[1:] if part.startswith("/portal/beskeder/")}
    assert "givet videre uden samtykke" in week
    assert place in (await lone.get("/portal/leder")).text
    assert place not in (await stranger.get("/portal/")).text
    assert (await stranger.get(place)).status_code == 404
    page = (await inge.get(place)).text
    assert "sundhedslovens § 43" in page
    assert "Søs Attrap" in page

    # Told by phone: by whom, to whom, how and which day; not tomorrow, and not without saying how.
    today = date_of(await world.now())
    wrong = await inge.send(f"{place}/fortalt", on=(today + timedelta(days=1)).isoformat())
    assert (wrong.status_code, 'id="how-error"' in wrong.text, 'id="on-error"' in wrong.text) == (422, True, True)
    her = (await world.as_professional("inge").get(f"/persons/{child}")).body["mother"]
    yesterday = {"on": (today - timedelta(days=1)).isoformat()}
    done = await inge.send(f"{place}/fortalt", how="phone", spoke_to=her, **yesterday)
    assert "I telefonen, Søs Attrap, af Inge Modtoft" in " ".join(done.text.split())
    assert place not in (await inge.get("/portal/")).text
    assert place not in (await lone.get("/portal/leder")).text
    await closed(inge, lone, stranger)


async def test_a_family_sees_its_courses_with_place_and_days_under_what_is_planned(world: World) -> None:
    number = "1503901247"
    child = await child_of(world, "Mor Med Gruppe", number)
    on = date.fromisoformat(await in_a_group(world, child))
    family = await at_home(world, "mother-of-a-group", number)

    page = " ".join((await family.get("/portal/familie")).text.split())
    assert "<strong>Familiegruppe</strong> – I har sagt ja" in page
    assert "Kulturhuset, sal 2, Sundhedspleje Nord" in page
    assert f"Næste gange: {pages.day(on, 'da')}" in page
    assert (await world.as_professional("mona").get(f"/sundhedspleje/cases/{child}/taking-part")).status == 404
    await closed(family)


async def test_the_receiver_of_an_underretning_sees_whom_it_is_about_and_no_log_of_the_child_tells_of_it(world: World) -> None:
    child = await child_of(world, "Mor Underrettet", "1503901246")
    body = {"to_unit": world.names["social"], "text": "Vi er bekymrede."}
    given = await world.as_professional("inge").post(f"/sundhedspleje/cases/{child}/underretninger", body)
    number = given.body["id"]
    rikke, mona = await logged_in(world, "rikke"), await logged_in(world, "mona")
    place, about = f"/portal/underretninger/{number}", f"/sundhedspleje/underretninger/{number}/child"

    for path in ("/portal/underretninger", place):
        assert "Mor Underrettet" in (await rikke.get(path)).text, path
        assert "Mor Underrettet" not in (await mona.get(path)).text
    seen = {
        who: (await world.as_professional(who).get(about)).status for who in ("thomas", "inge", "mona", "birgit", "skovby-lead")
    }
    assert seen == {"thomas": 200, "inge": 200, "mona": 404, "birgit": 404, "skovby-lead": 404}
    assert (await world.as_professional("rikke").get(f"/persons/{child}")).status == 404

    # Who looked stands under the underretning's own number; at persons a service has asked, as services do.
    looked = await world.sql(
        "sundhedspleje", "select professional from access where subject = $1 and class = 'identity'", uuid.UUID(number)
    )
    assert {str(row["professional"]) for row in looked} == {world.names[who] for who in ("rikke", "thomas", "inge")}
    known = await world.sql("persons", "select party, purpose, professional from access where subject = $1", uuid.UUID(child))
    assert {world.names[who] for who in ("rikke", "thomas")}.isdisjoint({str(row["professional"]) for row in known})
    assert "underretning" not in {row["purpose"] for row in known}
    await closed(rikke, mona)


async def test_a_leader_sees_stand_ins_and_reopened_cases_and_the_letters_that_were_written(outward: World) -> None:
    world = outward
    stood_in, reopened = await child_of(world, "Mor Vikar", "1503901244"), await child_of(world, "Mor Genåbnet", "1603901245")
    for child in (stood_in, reopened):
        await handed_over(world, child, "inge", "dorte", "syd")
    elin = world.as_professional("elin")
    ended = await world.as_professional("dorte").post(f"/registry/children/{reopened}/closing", {"reason": "moved-abroad"})
    seat = {"professional": world.names["elin"], "unit": world.names["syd"]}
    again = await elin.post(f"/registry/children/{reopened}/reopening", {"to": seat, "reason": "came-back"})
    assert (ended.status, again.status) == (200, 200), again.body
    today = date_of(await world.now())
    away = {
        "professional": world.names["dorte"],
        "from_on": today.isoformat(),
        "until_on": (today + timedelta(days=90)).isoformat(),
    }
    assert (await elin.post("/directory/absences", away)).status == 201
    await world.settle()
    await world.tick()
    await world.advance(timedelta(days=1))

    leader = await logged_in(world, "elin")
    page = (await leader.get("/portal/leder")).text
    sections = {part.split('"')[0]: part for part in page.split('<h2 id="')[1:]}
    assert f"/portal/barn/{stood_in}" in sections["standing-in"]
    assert f"/portal/barn/{reopened}" not in sections["standing-in"]
    assert f"/portal/barn/{reopened}" in sections["reopened"]
    assert "Mor Vikar" in sections["standing-in"]
    assert "Mor Genåbnet" in sections["reopened"]

    # The letters that were written of it stand on the child's page, each as it was sent; nobody else's child's.
    listed = (await leader.get(f"/portal/barn/{stood_in}/breve")).text
    letters = [part.split('"')[0] for part in listed.split('href="')[1:] if ".pdf" in part.split('"')[0]]
    assert letters, listed
    pdf = await leader.get(letters[0])
    assert (pdf.headers["content-type"], pdf.content[:5], pdf.headers["cache-control"]) == (
        "application/pdf",
        b"%PDF-",
        "no-store",
    )
    stranger = await logged_in(world, "skovby-leader")
    assert (await stranger.get(f"/portal/barn/{stood_in}/breve")).status_code == 404
    assert (await stranger.get(letters[0])).status_code == 404
    await closed(leader, stranger)


async def test_an_administrator_makes_a_subscription_and_its_secret_is_shown_once(outward: World) -> None:
    world = outward
    lone, elin = await logged_in(world, "lone"), await logged_in(world, "elin")
    assert (await elin.get(ABOUT)).status_code == 403
    await lone.get(ABOUT)
    form = lone.form(ABOUT)
    empty = await lone.http.post(ABOUT, data={**form, "channel": "webhook"})
    assert (empty.status_code, empty.text.count('id="system-error"'), empty.text.count('id="url-error"')) == (422, 1, 1)
    chosen = {"system": "placement-havby", "channel": "webhook", "kinds": "start_planned", "unit": world.names["maelkevejen"]}
    for url, field in (("https://evil.example.com/", "url"), ("x" * 9, "url")):
        refused = await lone.http.post(ABOUT, data={**form, **chosen, "url": url})
        assert (refused.status_code, f'id="{field}-error"' in refused.text) == (422, True), url
    foreign = await lone.http.post(ABOUT, data={**form, **chosen, "url": "https://hook.example.dk/", "system": "maternity-havby"})
    assert 'id="system-error"' in foreign.text
    topic = await lone.http.post(ABOUT, data={**form, **chosen, "channel": "topic"})
    assert 'id="channel-error"' in topic.text

    await lone.get(ABOUT)
    form = lone.form(ABOUT)
    made, again = [await lone.http.post(ABOUT, data={**form, **chosen, "url": "https://hook.example.dk/"}) for _ in range(2)]
    assert made.text.count("whsec_") == 1
    assert "whsec_" not in again.text
    assert "Den er vist én gang" in again.text
    assert "Børnehuset Mælkevejen" in made.text
    assert "Oprettet, Lone Lederlund" in " ".join(made.text.split())
    assert (await lone.get(ABOUT)).text.count("https://hook.example.dk/") == 1
    await closed(lone, elin)


async def test_a_subscription_hears_by_several_rules_each_added_and_removed_on_its_page(outward: World) -> None:
    world = outward
    lone, skovby = await logged_in(world, "lone"), await logged_in(world, "skovby-leader")
    child = await child_of(world, "Mor Attrap Regel", "1503901246")
    await lone.get(ABOUT)
    to = {"system": "placement-havby", "channel": "webhook", "url": "https://hook.example.dk/"}
    wrong = {
        "unit": world.names["skovby-intake"],
        "kinds": "tovholder_changed",
        "children": "Søs 150390-1246",
        "from_months": "x",
    }
    refused = await lone.http.post(ABOUT, data={**lone.form(ABOUT), **to, **wrong, "to_months": "217"})
    assert (refused.status_code, _at_fields(refused.text)) == (422, _in_summary(refused.text))
    assert set(_in_summary(refused.text)) == {"unit", "children", "from_months", "to_months", "kinds-1"}
    assert "150390-1246" in refused.text
    made = await lone.send(ABOUT, **to, from_months="-3", to_months="36", children=f"http://portal/portal/barn/{child}\n{child}")
    assert "1 bestemt barn" in made.text
    assert "-3 til 36 måneder" in made.text
    assert "Den eneste regel kan ikke fjernes" in made.text
    [place] = {f"{ABOUT}/{it}" for it in re.findall(rf'action="{ABOUT}/([0-9a-f-]+)/', made.text)}

    # Added twice by one form it is one rule; two people at once get a name each, or are told.
    await lone.get(place)
    said = {**lone.form(f"{place}/regler"), "unit": world.names["maelkevejen"], "kinds": "start_planned"}
    for _ in range(2):
        page = await lone.http.post(f"{place}/regler", data=said)
        assert "Reglen er tilføjet" in page.text
    assert page.text.count('name="rule"') == 2
    assert "Børnehuset Mælkevejen" in page.text
    lone.page = page
    late = await lone.send(f"{place}/regler", name="administrator-2")
    assert "En anden har tilføjet en regel imens." in late.text
    assert (late.status_code, _at_fields(late.text), _in_summary(late.text)) == (422, ["unit"], ["unit"])
    ages = await lone.send(f"{place}/regler", from_months="12", to_months="3")
    assert (ages.status_code, _at_fields(ages.text), _in_summary(ages.text)) == (422, ["to_months"], ["to_months"])

    # Removed twice by one form it is gone once; one that is gone is said to be, and the last stays.
    await lone.get(place)
    gone = {**lone.form(f"{place}/regler/fjern"), "rule": "administrator"}
    for _ in range(2):
        page = await lone.http.post(f"{place}/regler/fjern", data=gone)
        assert "Reglen er fjernet" in page.text
    lone.page = page
    assert 'name="rule"' not in page.text
    history = " ".join(page.text.split())
    assert history.index("En regel fjernet, Lone Lederlund") < history.index("En regel tilføjet, Lone Lederlund")
    of_api = world.as_professional("lone")
    there = f"/notifications/subscriptions/{place.rpartition('/')[2]}"
    assert [it["kinds"] for it in (await of_api.get(there)).body["rules"]] == [["start_planned"]]
    stays = await of_api.delete(f"{there}/rules/administrator-2")
    assert (stays.status, stays.problem) == (409, "the-last-rule-stays")
    assert (await skovby.get(place)).status_code == 404
    english = await lone.get(f"/portal/sprog/en?til={place}")
    assert "The only rule cannot be removed." in english.text
    await closed(lone, skovby)


def _in_summary(page: str) -> list[str]:
    """The fields that the summary of a page's errors leads to."""
    [summary] = re.findall(r'id="error-summary".*?</ul>', page, re.DOTALL)
    return re.findall(r'href="#([^"]+)"', summary)


def _at_fields(page: str) -> list[str]:
    """The fields at which an error stands, in the summary's order."""
    stands = [field for field in _in_summary(page) if f'id="{field}-error"' in page]
    assert all(f'id="{field}"' in page for field in _in_summary(page))
    return stands
