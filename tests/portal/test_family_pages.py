"""A family's pages over HTTP: forged forms, foreign ids, hostile queries, and a change of custody while a page is open."""

import time
import uuid

import httpx2

from services.chassis.calendar import date_of
from services.portal import repository
from services.portal.repository import Key, Tokens
from tests.persons.families import CANARY, FATHER, MOTHER, MOTHERS_CPR, child, children_of, identifier, mother_of, notify
from tests.portal.test_pages import HOSTILE, Browser
from tests.support.world import World

OWN_PAGE = "/portal/familie"


async def at_home(world: World, login: str, cpr: str | None = None) -> Browser:
    """A session as a family's log-in leaves it: its number was shown to persons once, the tokens kept say none."""
    if cpr:
        await world.with_token(world.issuer.token(login, cpr=cpr)).ask("POST", "/persons/family/pass")
    key = Key.new()
    tokens = Tokens(world.issuer.token(login), None, "", time.time() + 300, "Nogen Hjemmefra")
    await repository.begin(world.store("portal"), key, world.issuer.url, login, f"session-of-{login}", tokens)
    more = {"headers": {"sec-fetch-site": "same-origin"}, "cookies": {"portal": key.secret}}
    return Browser(httpx2.AsyncClient(base_url=world.http.base_url, timeout=30, follow_redirects=True, **more), key)  # type: ignore[arg-type]


async def test_a_family_s_page_is_opened_by_its_log_in_and_closed_by_a_change_of_custody(world: World) -> None:
    await notify(world, "birth", mother={"identifiers": [identifier(MOTHERS_CPR)], "name": HOSTILE}, children=[child(1)])
    [ref] = await children_of(world)
    await notify(world, mother={"identifiers": [identifier(MOTHER)], "name": CANARY})
    [other] = [it for it in await children_of(world) if it != ref]
    inge, today = world.as_professional("inge"), date_of(await world.now())
    mother_ref = await mother_of(world, ref)
    await inge.post(f"/persons/{mother_ref}/contact", {"address": "Hemmelig Sti 9, 9999 Gemt"})
    await inge.post(f"/persons/{mother_ref}/protection", {"protected": True})
    mother, stranger = await at_home(world, "mother", MOTHERS_CPR[1]), await at_home(world, "stranger", "0101019999")

    # The bare address and the front page lead a family to its own page; a stranger is told what they can do.
    for door in ("/", "/familie", "/portal/", OWN_PAGE):
        page = await mother.get(door)
        assert page.url.path == OWN_PAGE, door
        assert "Inge Modtoft" in page.text
        assert "Barnet født 22. november 2026" in page.text
    assert "unsafe" not in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    for place in ("", "/samtykker", "/breve", "/hvem"):
        page = await stranger.get(OWN_PAGE + place)
        assert (page.status_code, page.url.path) == (403, OWN_PAGE)
        assert "Vi kender ikke et barn med dit log ind" in page.text

    # What an address says is never more than asked for.
    for query in (f"barn={other}", f"barn={uuid.uuid4()}", 'barn="><script>alert(1)</script>', "barn=" + "x" * 2000):
        for place in ("/samtykker", "/samtykker/nyt", "/breve", "/hvem"):
            page = await mother.get(f"{OWN_PAGE}{place}?{query}")
            assert page.status_code == 404, (place, query)
            assert "<script>alert" not in page.text
    for path in ("/hvem?foer=igaar", "/hvem?alt=maaske", "/breve/x", f"/breve/{uuid.uuid4()}", f"/breve/{uuid.uuid4()}/pdf"):
        assert (await mother.get(OWN_PAGE + path)).status_code == 404, path

    # A form from elsewhere, for somebody else's child, or with codes that are none changes nothing.
    new = f"{OWN_PAGE}/samtykker/nyt"
    said = {"recipient_kind": "daycare", "purpose": "transition", "categories": "sleep"}
    await mother.get(new)
    form = mother.form(new)
    forged = await mother.http.post(new, data={**form, **said}, headers={"sec-fetch-site": "cross-site"})
    stolen = await stranger.http.post(new, data={**form, **said})
    wrong = await mother.send(new, recipient_kind="press", purpose=HOSTILE, categories="underretning", until_on="i morgen")
    foreign = await mother.http.post(new, data={**mother.form(new), **said, "barn": other})
    assert (forged.status_code, stolen.status_code, wrong.status_code, foreign.status_code) == (403, 403, 422, 404)
    assert wrong.text.count("form-error-message") == 4
    assert "<script>alert" not in wrong.text
    await mother.get(new)
    once = mother.form(new)
    for _ in range(2):
        assert "Samtykket er registreret." in (await mother.http.post(new, data={**once, **said})).text
    await world.settle()
    assert (await world.events("persons", ref)).count("consent_given") == 1

    # The other holder of custody sees that there is a consent, and no address; with him alone the page closes while it is open.
    holders = {"holders": [{"person": mother_ref}, {"identifiers": [identifier(FATHER)]}], "from_on": today.isoformat()}
    await inge.post(f"/persons/children/{ref}/custody", holders)
    father = await at_home(world, "father", FATHER[1])
    for place in ("", "/samtykker", "/samtykker/nyt", "/breve", "/hvem?alt=true"):
        page = await father.get(OWN_PAGE + place)
        assert page.status_code == 200
        assert "Gemt" not in page.text
        assert "<script>alert" not in page.text
    assert "En anden, der har forældremyndigheden" in (await father.get(f"{OWN_PAGE}/samtykker")).text
    page = await mother.get(f"{OWN_PAGE}/samtykker")
    [action] = [it for it in page.text.split('"') if it.endswith("/tilbage")]
    not_his = await father.http.post(action, data=mother.form(action))
    await inge.post(
        f"/persons/children/{ref}/custody", {"holders": [{"identifiers": [identifier(FATHER)]}], "from_on": today.isoformat()}
    )
    closed = await mother.send(action)
    assert not_his.status_code == 403
    assert (closed.status_code, "Du har ikke længere adgang til et barn her." in closed.text) == (403, True)
    assert "Vi kender ikke et barn" in (await mother.get(OWN_PAGE)).text
    assert (await father.get(OWN_PAGE)).status_code == 200

    # Whoever has logged in can log out, also somebody whom nobody knows.
    for each in (father, stranger):
        await each.get(OWN_PAGE)
    await world.store("portal").call("end_session", father.key.id)
    assert "Log ind" in (await father.get(OWN_PAGE)).text
    for browser in (mother, stranger, father):
        await browser.http.aclose()


async def test_before_the_birth_the_pregnant_woman_sees_the_page_alone(world: World) -> None:
    await notify(world, mother={"identifiers": [identifier(MOTHERS_CPR)], "name": CANARY})

    her, him = await at_home(world, "mother", MOTHERS_CPR[1]), await at_home(world, "father", FATHER[1])

    page = await her.get(OWN_PAGE)
    assert "Barnet, I venter, termin 10. december 2026" in page.text
    assert "Hvordan går det?" in page.text
    assert "Indtil da er det mor alene" in (await her.get(f"{OWN_PAGE}/samtykker")).text
    assert (await him.get(OWN_PAGE)).status_code == 403

    # When the pregnancy has ended nothing is planned, asked or promised; somebody is still there.
    [ref] = await children_of(world)
    await world.as_professional("inge").post(f"/persons/children/{ref}/pregnancy-end", {})
    await world.settle()
    page = await her.get(OWN_PAGE)
    assert "Jeres tovholder er der stadig for jer." in page.text
    assert "Inge Modtoft" in page.text
    assert not any(text in page.text for text in ("Graviditetsbesøg", "Hvordan går det?", "Det er planlagt"))
    for browser in (her, him):
        await browser.http.aclose()
