"""A municipality's own rules over HTTP, and who changed what and when."""

from datetime import timedelta

from tests.support.world import World


async def test_an_administrator_sets_closing_days_and_deadlines_and_every_service_hears_of_it(world: World) -> None:
    lone, code = world.as_professional("lone"), "0990"
    before = await lone.get(f"/directory/municipalities/{code}")
    version = int(before.headers["etag"].strip('"'))

    days = [*before.body["closing_days"], "2027-05-14"]
    changed = await lone.post(
        f"/directory/municipalities/{code}", {"closing_days": days, "answer_working_days": 4}, if_match=version
    )
    late = await lone.post(f"/directory/municipalities/{code}", {"answer_working_days": 9}, if_match=version)
    await world.settle()

    assert (changed.status, changed.body["closing_days"], changed.body["answer_working_days"]) == (200, days, 4)
    assert (late.status, late.problem) == (409, "the-child-has-moved-on")
    heard = await world.sql("registry", "select answer_working_days, closing_days from municipality where code = $1", code)
    assert (heard[0]["answer_working_days"], [str(day) for day in heard[0]["closing_days"]]) == (4, days)
    for who, status in (("elin", 403), ("inge", 403), ("skovby-leader", 404)):
        answer = await world.as_professional(who).post(f"/directory/municipalities/{code}", {"closing_days": []})
        assert answer.status == status, (who, answer.body)
    for wrong in ({"enabled": False}, {"answer_working_days": 0}, {"closing_days": ["31/12"]}):
        assert (await lone.post(f"/directory/municipalities/{code}", wrong)).status == 422


async def test_the_history_says_who_changed_what_and_when_and_names_no_person(world: World) -> None:
    lone, anna, nord = world.as_professional("lone"), world.names["anna"], world.names["nord"]
    assert (await lone.get("/directory/history")).body["changes"] == []

    await lone.post(f"/directory/professionals/{anna}", {"name": "Anna Andet Navn", "email": "andet@havby.example"})
    await world.advance(timedelta(hours=1))
    await lone.post(f"/directory/units/{nord}", {"name": "Nord og Vest", "private": True})
    await lone.post("/directory/municipalities/0990", {"hospital_notification_basis": True})
    dry = await lone.post(
        "/directory/imports?dry_run=true", {"units": [{"id": nord, "municipality": "0990", "kind": "social", "name": "X"}]}
    )
    await world.as_professional("elin").post(
        "/directory/absences", {"professional": world.names["elin"], "from_on": "2030-01-07"}
    )
    await lone.post(f"/directory/professionals/{world.names['peter']}/departure", {})

    found = (await lone.get("/directory/history", params={"limit": 3})).body
    older = (await lone.get("/directory/history", params={"before": found["next"]})).body
    lines = [*found["changes"], *older["changes"]]
    assert dry.status == 200
    assert [(it["sign"], it["kind"], it["says"]) for it in lines if it["kind"] not in ("professional", "absence")] == [
        ("~", "municipality", ["hospital_notification_basis False → True"]),
        ("~", "unit", ["name", "private False → True"]),
    ]
    people = [(it["sign"], it["key"]) for it in lines if it["kind"] in ("professional", "absence")]
    assert people.count(("-", world.names["peter"])) == 1
    assert ("+", world.names["elin"]) in people
    assert lines[-1]["says"] == ["name", "email"]
    assert lines[-1]["at"] < lines[-2]["at"]
    assert {it["by_professional"] for it in lines if it["kind"] == "unit"} == {world.names["lone"]}
    assert "Andet" not in str(lines)
    assert "andet@" not in str(lines)
    only = (await lone.get("/directory/history", params={"kind": "unit", "key": nord})).body["changes"]
    assert [it["key"] for it in only] == [nord]
    # Whoever does not administer sees no history; another municipality's administrator sees none of this.
    assert (await world.as_professional("elin").get("/directory/history")).problem == "only-an-administrator-sees-the-history"
    assert (await world.as_professional("skovby-leader").get("/directory/history")).body["changes"] == []
    assert await world.sql("directory", "select 1 from change where municipality <> '0990'") == []


async def test_log_ins_are_shown_to_the_administrator_alone(world: World) -> None:
    path = f"/directory/professionals/{world.names['anna']}/account"

    shown = await world.as_professional("lone").get(path)

    assert (shown.status, shown.body["email"]) == (200, "anna@havby.example")
    assert (await world.as_professional("elin").get(path)).status == 403
    assert (await world.as_professional("skovby-leader").get(path)).status == 404
    assert len(await world.sql("directory", "select 1 from access where class = 'contact' and purpose = 'administration'")) == 1
