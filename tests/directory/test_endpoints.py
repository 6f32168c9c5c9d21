"""Professionals, units, absences and departures over HTTP."""

from typing import Any

import pytest

from services.chassis.calendar import date_of
from services.directory.importing import import_municipality
from tests.support.world import World

LONG_LEAVE = {"from_on": "2030-01-07", "until_on": "2030-06-30"}


async def test_a_unit_lists_its_professionals_by_name(town_as_it_is: World) -> None:
    answer = await town_as_it_is.as_professional("lone").get(
        "/directory/professionals", params={"unit": town_as_it_is.names["nord"]}
    )

    assert [person["name"] for person in answer.body["professionals"]] == [
        "Anna Fuldby",
        "Birgit Strandgaard",
        "Dorte Holmegaard",
    ]


@pytest.mark.parametrize("query", ["birgit", "STRAND"])
async def test_a_professional_is_found_by_the_beginning_of_a_word_of_the_name(town_as_it_is: World, query: str) -> None:
    answer = await town_as_it_is.as_professional("inge").get("/directory/professionals", params={"q": query})

    assert [person["id"] for person in answer.body["professionals"]] == [town_as_it_is.names["birgit"]]


async def test_pages_together_show_everybody_once(town_as_it_is: World) -> None:
    caller = town_as_it_is.as_professional("inge")
    whole = (await caller.get("/directory/professionals")).body["professionals"]

    pages: list[dict[str, Any]] = []
    after: dict[str, Any] = {}
    while after.get("after", "first") is not None:
        answer = await caller.get("/directory/professionals", params={"limit": 5, **after})
        pages += answer.body["professionals"]
        after = {"after": answer.body["next"]}

    assert pages == whole
    assert len(whole) == 17


async def test_a_professional_is_shown_with_seats_and_version(town_as_it_is: World) -> None:
    answer = await town_as_it_is.as_professional("inge").get(f"/directory/professionals/{town_as_it_is.names['anna']}")

    assert answer.body["seats"] == [
        {
            "unit": town_as_it_is.names["nord"],
            "leads": False,
            "deputy": {"professional": town_as_it_is.names["dorte"], "unit": town_as_it_is.names["nord"]},
            "function": None,
        }
    ]
    assert answer.body["competences"] == [{"competence": "cos-p", "from_on": "2024-03-01", "until_on": None}]
    assert answer.headers["etag"] == '"2"'
    assert "email" not in answer.body


async def test_another_municipalitys_professionals_and_units_are_not_there(town_as_it_is: World) -> None:
    stranger = town_as_it_is.as_professional("skovby-lead")

    listed = await stranger.get("/directory/professionals", params={"municipality": "0990"})
    person = await stranger.get(f"/directory/professionals/{town_as_it_is.names['anna']}")
    unit = await stranger.get(f"/directory/units/{town_as_it_is.names['nord']}")
    absence = await stranger.post("/directory/absences", {"professional": town_as_it_is.names["anna"], **LONG_LEAVE})
    departure = await stranger.post(f"/directory/professionals/{town_as_it_is.names['anna']}/departure", {})

    assert listed.body["professionals"] == []
    assert [answer.status for answer in (person, unit, absence, departure)] == [404] * 4


async def test_units_are_listed_by_kind_with_their_leaders(town_as_it_is: World) -> None:
    answer = await town_as_it_is.as_professional("inge").get("/directory/units", params={"kind": "institution"})

    leaders = {unit["name"]: [leader["name"] for leader in unit["leaders"]] for unit in answer.body["units"]}
    assert leaders == {"Børnehuset Mælkevejen": ["Mona Stjernholm"], "Vuggestuen Solstrålen": ["Sofie Solhøj"]}


async def test_a_maternity_ward_is_seen_by_every_municipality(town_as_it_is: World) -> None:
    answer = await town_as_it_is.as_professional("skovby-lead").get(f"/directory/units/{town_as_it_is.names['maternity']}")

    assert (answer.status, answer.body["sor"], answer.body["municipality"]) == (200, ["999000000016001"], None)


async def test_an_address_is_for_the_products_own_services_and_its_reading_is_logged(town_as_it_is: World) -> None:
    path = f"/directory/professionals/{town_as_it_is.names['birgit']}/contact"

    to_service = await town_as_it_is.as_client("service-notifications").get(path)
    to_colleague = await town_as_it_is.as_professional("anna").get(path)
    to_ward = await town_as_it_is.as_client("maternity-havby").get(path)

    assert to_service.body == {"professional": town_as_it_is.names["birgit"], "email": "birgit@havby.example"}
    assert (to_colleague.status, to_ward.status) == (403, 403)
    read = await town_as_it_is.sql("directory", "select client, subject, class from access")
    assert [(row["client"], str(row["subject"]), row["class"]) for row in read] == [
        ("service-notifications", town_as_it_is.names["birgit"], "contact")
    ]


async def test_a_professional_registers_their_own_absence_and_gets_the_usual_deputy(world: World) -> None:
    answer = await world.as_professional("birgit").post(
        "/directory/absences", {"professional": world.names["birgit"], **LONG_LEAVE}
    )

    assert answer.status == 201
    assert answer.body["deputy"] == {"professional": world.names["dorte"], "unit": world.names["nord"]}
    assert answer.headers["etag"] == '"2"'
    assert await world.events("directory", world.names["birgit"]) == ["professional_joined", "absence_registered"]


async def test_a_leader_above_registers_an_absence_and_whoever_is_named_finds_whom_they_stand_in_for(world: World) -> None:
    names, today = world.names, date_of(await world.now())
    named = {"professional": names["elin"], "unit": names["syd"]}
    absence = {"professional": names["birgit"], "from_on": today.isoformat(), "deputy": named}
    answer = await world.as_professional("lone").post("/directory/absences", absence)

    assert answer.status == 201

    async def stands_in(who: str, asking: str = "") -> list[str]:
        found = await world.as_professional(asking or who).get("/directory/absences", params={"deputy": names[who]})
        return [it["professional"] for it in found.body["absences"]]

    # The usual deputy is passed over; another municipality sees nothing; the end of the absence ends it.
    assert await stands_in("elin") == [names["birgit"]]
    assert await stands_in("dorte") == []
    assert await stands_in("elin", "skovby-leader") == []
    await world.as_professional("lone").post(f"/directory/absences/{answer.body['id']}/end")
    assert await stands_in("elin") == []


@pytest.mark.parametrize("who", ["anna", "elin", "mona"], ids=["a colleague", "a leader beside", "a leader elsewhere"])
async def test_nobody_else_registers_an_absence(town_as_it_is: World, who: str) -> None:
    answer = await town_as_it_is.as_professional(who).post(
        "/directory/absences", {"professional": town_as_it_is.names["birgit"], **LONG_LEAVE}
    )

    assert (answer.status, answer.problem) == (403, "only-a-professional-or-their-leader-speaks-of-their-absence")


async def test_a_system_registers_no_absence(town_as_it_is: World) -> None:
    answer = await town_as_it_is.as_client("placement-havby").post(
        "/directory/absences", {"professional": town_as_it_is.names["birgit"], **LONG_LEAVE}
    )

    assert answer.status == 403


async def test_the_same_absence_with_the_same_key_is_registered_once(world: World) -> None:
    birgit, body = world.as_professional("birgit"), {"professional": world.names["birgit"], **LONG_LEAVE}

    first = await birgit.post("/directory/absences", body, key="leave")
    again = await birgit.post("/directory/absences", body, key="leave")

    assert again.body == first.body
    assert len(await world.sql("directory", "select 1 from absence")) == 1


async def test_a_second_absence_on_the_same_days_is_refused(world: World) -> None:
    birgit = world.as_professional("birgit")
    first = await birgit.post("/directory/absences", {"professional": world.names["birgit"], **LONG_LEAVE})

    second = await birgit.post("/directory/absences", {"professional": world.names["birgit"], "from_on": "2030-06-30"})

    assert (second.status, second.problem) == (409, "absences-of-one-professional-do-not-overlap")
    assert second.body["absence"] == first.body["id"]


async def test_a_deputy_of_another_municipality_is_refused(town_as_it_is: World) -> None:
    foreign = {"professional": town_as_it_is.names["skovby-deputy"], "unit": town_as_it_is.names["skovby-intake"]}

    answer = await town_as_it_is.as_professional("birgit").post(
        "/directory/absences", {"professional": town_as_it_is.names["birgit"], "deputy": foreign, **LONG_LEAVE}
    )

    assert (answer.status, answer.problem) == (409, "the-deputy-needs-an-open-seat")


async def test_an_absence_decided_on_an_old_version_is_refused(world: World) -> None:
    birgit = world.as_professional("birgit")
    await birgit.post("/directory/absences", {"professional": world.names["birgit"], **LONG_LEAVE})

    late = await birgit.post("/directory/absences", {"professional": world.names["birgit"], "from_on": "2031-01-01"}, if_match=1)

    assert late.status == 409
    assert len(await world.sql("directory", "select 1 from absence")) == 1


async def test_an_ended_absence_is_shown_no_more_and_ends_once(world: World) -> None:
    birgit = world.as_professional("birgit")
    absence = (await birgit.post("/directory/absences", {"professional": world.names["birgit"], **LONG_LEAVE})).body["id"]
    while_away = await birgit.get(f"/directory/professionals/{world.names['birgit']}")

    ended = await birgit.post(f"/directory/absences/{absence}/end")
    again = await birgit.post(f"/directory/absences/{absence}/end")

    assert [found["id"] for found in while_away.body["absences"]] == [absence]
    assert (ended.status, again.status, again.problem) == (200, 409, "an-absence-ends-once")
    shown = await birgit.get(f"/directory/professionals/{world.names['birgit']}")
    assert shown.body["absences"] == []
    assert (await world.events("directory", world.names["birgit"]))[-1] == "absence_ended"


async def test_a_leader_registers_a_departure_and_the_log_in_still_works(world: World) -> None:
    answer = await world.as_professional("lone").post(
        f"/directory/professionals/{world.names['birgit']}/departure", {"leaving_on": "2030-01-31"}
    )
    await world.settle()

    assert answer.status == 202
    assert answer.body == {"professional": world.names["birgit"], "state": "leaving", "leaving_on": "2030-01-31"}
    still = await world.as_professional("birgit").get(f"/directory/professionals/{world.names['birgit']}")
    assert still.status == 200


async def test_a_departure_said_again_answers_what_stands(world: World) -> None:
    lone, path = world.as_professional("lone"), f"/directory/professionals/{world.names['inge']}/departure"
    await lone.post(path, {"leaving_on": "2030-01-31"})

    again = await lone.post(path, {"leaving_on": "2031-01-31"})

    assert (again.status, again.body["leaving_on"]) == (202, "2030-01-31")
    assert (await world.events("directory", world.names["inge"])).count("professional_leaving") == 1


async def test_when_the_intake_lead_leaves_the_deputy_leads_and_the_municipality_waits_for_a_third(world: World) -> None:
    await world.as_professional("lone").post(f"/directory/professionals/{world.names['inge']}/departure", {})

    intake = await world.sql("directory", "select lead, deputy from intake where unit = $1", world.names["intake"])
    active = await world.sql("directory", "select active from municipality where code = '0990'")
    assert [str(intake[0]["lead"]), active[0]["active"]] == [world.names["ditte"], False]
    assert "intake_changed" in await world.events("directory", world.names["intake"])


async def test_nobody_registers_their_own_departure_nor_a_colleagues(town_as_it_is: World) -> None:
    path = f"/directory/professionals/{town_as_it_is.names['birgit']}/departure"

    answers = [await town_as_it_is.as_professional(who).post(path, {}) for who in ("birgit", "anna")]

    assert {(answer.status, answer.problem) for answer in answers} == {(403, "only-a-leader-registers-a-departure")}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/directory/absences", {"professional": "not-an-id", "from_on": "2030-01-01"}),
        ("/directory/absences", {"professional": "09900000-0002-4000-8000-000000000005", "from_on": "soon"}),
        ("/directory/absences", {}),
        ("/directory/absences/not-an-id/end", None),
        ("/directory/professionals/09900000-0002-4000-8000-000000000005/departure", {"reason": "other"}),
    ],
)
async def test_what_is_not_understood_is_answered_with_where(town_as_it_is: World, path: str, body: Any) -> None:
    answer = await town_as_it_is.as_professional("lone").post(path, body)

    assert (answer.status, answer.problem) == (422, "not-understood")


async def test_an_absence_that_is_not_there_is_not_found(town_as_it_is: World) -> None:
    answer = await town_as_it_is.as_professional("lone").post("/directory/absences/09900000-0002-4000-8000-0000000000ff/end")

    assert answer.status == 404


async def test_a_log_in_the_directory_has_never_heard_of_is_nobody(town_as_it_is: World) -> None:
    answer = await town_as_it_is.with_token(town_as_it_is.issuer.token("09900000-0003-4000-8000-0000000000ff")).get(
        "/directory/units"
    )

    assert (answer.status, answer.problem) == (403, "caller-is-unknown")


async def test_a_new_employee_logs_in_once_the_import_is_told(world: World) -> None:
    login = "09900000-0003-4000-8000-000000000099"
    new = {"id": "09900000-0002-4000-8000-000000000099", "municipality": "0990", "name": "Ny Ansat", "login": login}
    caller = world.with_token(world.issuer.token(login))
    before = await caller.get("/directory/units")

    content = {"municipalities": [{"code": "0990", "name": "Havby"}], "professionals": [new]}
    await import_municipality(world.store("directory"), content, issuer=world.issuer.url)
    await world.settle()

    assert before.status == 403
    assert (await caller.get("/directory/units")).status == 200
