"""Forms over HTTP that need care: twins, a session that ended at the last step, a page that is older than the case."""

import html

from services.demo import town
from services.portal import repository
from tests.portal.test_pages import child_of, logged_in
from tests.support.world import World

NEW = "/portal/anmeldelser/ny"


async def test_twins_are_notified_in_one_form_each_with_its_own_field(world: World) -> None:
    jorun = await logged_in(world, "jorun")
    said = {"kind": "birth", "receiver": town.sor_of("intake"), "cpr": "1503901248", "born_on": "2026-11-20", "sex": "female"}
    await jorun.get(NEW)

    # A third without a second, a number that is none, a day that lies ahead: each at its own field.
    wrong = await jorun.send(NEW, **said, born_on_3="2026-11-20", number_3="12", born_on_4="2099-01-01")
    assert wrong.status_code == 422
    for field in ("born_on_3", "number_3", "born_on_4"):
        assert f'id="{field}-error"' in wrong.text, field
        assert f'href="#{field}"' in wrong.text, field
    draft = await jorun.send(NEW, **said, born_on_2="2026-11-20", born_time_2="04:30", number_2="201126-9981", gem="ja")
    assert "Kladden er gemt" in draft.text
    [again] = {part.split('"')[0] for part in draft.text.split('href="') if part.startswith(f"{NEW}?kladde=")}
    page = await jorun.get(again)
    assert 'value="201126-9981"' in page.text
    sent = await jorun.send(NEW, **said, born_on_2="2026-11-20", born_time_2="04:30", number_2="201126-9981")
    assert "Anmeldelsen er sendt" in sent.text
    await world.settle()

    fate = await jorun.get(sent.url.path)
    assert fate.text.count("Inge Modtoft") == 2
    known = await world.sql("persons", "select birth_order from person where kind = 'child' order by birth_order")
    assert [row["birth_order"] for row in known] == [1, 2]
    await jorun.http.aclose()


async def test_what_was_written_is_there_again_when_the_session_ended_at_the_last_step_of_an_overdragelse(world: World) -> None:
    inge, child = await logged_in(world, "inge"), await child_of(world, "Mor Attrap Udløb", "1503901249")
    place = f"/portal/barn/{child}/overdrag"
    await inge.get(f"{place}?til={world.names['birgit']}.{world.names['nord']}")
    words = {"reason": "assigned", "message": "Ring efter klokken 15", "family_wish": "En, der taler tysk"}
    look = await inge.send(f"{place}/se", to=f"{world.names['birgit']}.{world.names['nord']}", **words)
    assert "Ring efter klokken 15" in look.text
    last = {**inge.form(place), **words}
    await repository.end(world.store("portal"), inge.key)

    out = await inge.http.post(place, data=last, follow_redirects=False)
    kept = await repository.session(world.store("portal"), inge.key.secret)
    assert kept is not None
    assert kept.typed is not None
    assert out.headers["location"].endswith("&gemt=1")
    fresh = await logged_in(world, "inge")
    await repository.keep_typed(world.store("portal"), fresh.key, kept.typed)
    back = html.unescape((await fresh.get(str(kept.typed["page"]))).text)

    assert "Det, du skrev, er gemt" in back
    assert "Ring efter klokken 15" in back
    assert "En, der taler tysk" in back
    for browser in (inge, fresh):
        await browser.http.aclose()


async def test_a_leader_whose_page_is_older_than_the_child_s_case_is_shown_what_happened_and_nothing_is_undone(
    world: World,
) -> None:
    lone, child, names = await logged_in(world, "lone"), await child_of(world, "Mor Attrap To Ledere", "1503901247"), world.names
    place = f"/portal/barn/{child}/placer"
    await lone.get(f"{place}?til={names['anna']}.{names['nord']}")
    old, said = lone.form(place), {"reason": "capacity", "text": "Anna kender familien"}
    await lone.get(f"{place}?til={names['birgit']}.{names['nord']}")
    assert "Barnet har fået en ny tovholder." in (await lone.send(place, reason="capacity")).text

    late = await lone.http.post(place, data={**old, **said})

    assert late.status_code == 409
    for shown in ("Barnets sag er ændret, siden du åbnede siden.", "Tovholder nu: Birgit Strandgaard", "Anna kender familien"):
        assert shown in late.text, shown
    now = (await world.as_professional("lone").get(f"/registry/children/{child}")).body
    assert now["tovholder"]["professional"] == names["birgit"]
    await lone.http.aclose()
