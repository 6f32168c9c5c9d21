"""The pages of sundhedspleje and daycare over HTTP: one change per form, nothing for strangers, a clear no to bad input."""

import uuid
from datetime import timedelta

from services.chassis.calendar import date_of
from tests.portal.test_pages import HOSTILE, child_of, logged_in
from tests.support.world import World


async def test_what_a_nurse_sends_counts_once_and_neither_strangers_nor_bad_input_change_anything(world: World) -> None:
    inge, stranger = await logged_in(world, "inge"), await logged_in(world, "skovby-lead")
    child = await child_of(world, HOSTILE, "1503901239")
    case, today = f"/sundhedspleje/cases/{child}", date_of(await world.now())
    nurse = world.as_professional("inge")
    care = f"/portal/barn/{child}/sundhedspleje"
    visit = (await nurse.get(case)).body["visits"][0]["id"]

    # Nobody of another municipality comes to anything of it, whatever id stands in the address.
    places = (care, f"/portal/barn/{child}/forloeb", f"/portal/besoeg/{visit}", f"/portal/starter/{uuid.uuid4()}",
              f"/portal/hold/{uuid.uuid4()}", f"/portal/underretninger/{uuid.uuid4()}", f"/portal/forloeb/{visit}")  # fmt: skip
    for path in places:
        assert (await stranger.get(path)).status_code in (403, 404), path

    # The same form twice is one visit; hostile and impossible input is refused at its field, with nothing changed.
    page = await inge.get(care)
    assert "<script>alert" not in page.text
    grant = f"/portal/barn/{child}/behovsbesoeg"
    window = {"from_on": today.isoformat(), "until_on": (today + timedelta(days=3)).isoformat()}
    form = inge.form(grant)
    for wrong in ({"need": "sleep", **window, "until_on": "not-a-day"}, {"need": "sleep", "from_on": "", "until_on": ""}):
        answer = await inge.http.post(grant, data={**form, **wrong})
        assert answer.status_code == 422
        assert 'id="error-summary"' in answer.text
    assert (await inge.http.post(grant, data={**form, "need": HOSTILE, **window})).status_code in (409, 422)
    await inge.get(care)
    form = inge.form(grant)
    for _ in range(2):
        assert "Behovsbesøget er bevilget" in (await inge.http.post(grant, data={**form, "need": "sleep", **window})).text
    kinds = [it["kind"] for it in (await nurse.get(case)).body["visits"]]
    assert kinds.count("need-visit") == 1
    await stranger.get("/portal/")
    forged = {**form, "form": stranger.form("/portal/log-ud")["form"]}
    assert (await inge.http.post(grant, data={**forged, "need": "sleep", **window})).status_code == 403

    # Of two who settle one visit at once the later is told what happened, and keeps what they wrote.
    place = f"/portal/besoeg/{visit}"
    await inge.get(place)
    held, declined = inge.form(f"{place}/holdt"), inge.form(f"{place}/afslag")
    assert "Familiens nej er registreret." in (await inge.http.post(f"{place}/afslag", data={**declined, "no": "no-time"})).text
    late = await inge.http.post(f"{place}/holdt", data={**held, "on": today.isoformat(), "where": "home"})
    assert late.status_code == 409
    assert "Besøget er allerede afgjort." in late.text

    # Results: outside the range, of another person, as no number.
    screening = f"/portal/barn/{child}/screening"
    await inge.get(f"{screening}?redskab=epds.mother")
    form = inge.form(screening)
    for score in ("31", "-1", "9" * 5000, "٣", HOSTILE):
        answer = await inge.http.post(screening, data={**form, "redskab": "epds.mother", "score": score, "on": today.isoformat()})
        assert answer.status_code in (409, 422), score
        assert 'id="score-error"' in answer.text, score
    assert (await nurse.get(f"{case}/parent-health")).body["screenings"] == []

    for browser in (inge, stranger):
        await browser.http.aclose()
