"""Cases and caseloads over HTTP: who sees what of them."""

from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from services.events.directory import AbsenceEnded
from services.events.envelope import Seat
from tests.support.heard import ELSEWHERE, Heard


@dataclass
class Town:
    """A sundhedsplejerske with a born child."""

    heard: Heard
    team: UUID
    nurse: UUID
    mother: UUID
    child: UUID


@pytest.fixture
async def town(heard: Heard) -> Town:
    team, mother = await heard.unit("sundhedspleje"), uuid4()
    nurse = await heard.professional(team, "sundhedspleje")
    seat = Seat(professional=nurse, unit=team)
    child = await heard.child(seat, status="born", born_on=await heard.today(), mother=mother)
    return Town(heard, team, nurse, mother, child)


async def test_the_tovholder_sees_the_case_with_visits_mother_and_overleveringer(town: Town) -> None:
    seen = await town.heard.logged_in(town.nurse).get(f"/sundhedspleje/cases/{town.child}")

    assert seen.status == 200, seen.body
    assert seen.body["tovholder"]["professional"] == str(town.nurse)
    assert (seen.body["status"], seen.body["mother"], seen.body["overleveringer"]) == ("born", str(town.mother), [])
    assert [visit["kind"] for visit in seen.body["visits"]][:2] == ["maternity-visit", "establishment-visit"]


async def test_the_leader_sees_the_visits_but_neither_mother_nor_overleveringer(town: Town) -> None:
    leader = await town.heard.professional(town.team, "sundhedspleje", leads=True)

    seen = await town.heard.logged_in(leader).get(f"/sundhedspleje/cases/{town.child}")

    assert (seen.status, len(seen.body["visits"])) == (200, 6)
    assert (seen.body["mother"], seen.body["overleveringer"]) == (None, None)


async def test_the_deputy_sees_the_case_from_the_first_day_of_the_absence_until_it_is_over(town: Town) -> None:
    deputy = await town.heard.professional(town.team, "sundhedspleje")
    someone, path = town.heard.logged_in(deputy), f"/sundhedspleje/cases/{town.child}"

    before = await someone.get(path)
    absence = await town.heard.absence(town.nurse, Seat(professional=deputy, unit=town.team))
    during = await someone.get(path)
    ended = AbsenceEnded(
        absence=absence, professional=town.nurse, municipality=town.heard.municipality, ended_on=await town.heard.today()
    )
    await town.heard.tell(town.nurse, ended)
    after = await someone.get(path)

    assert (before.status, during.status, after.status) == (404, 200, 404)


async def test_another_municipality_and_a_colleague_without_a_relation_find_no_case(town: Town) -> None:
    unit = await town.heard.unit("sundhedspleje", municipality=ELSEWHERE)
    foreigner = await town.heard.professional(unit, "sundhedspleje", leads=True, municipality=ELSEWHERE)
    colleague = await town.heard.professional(town.team, "sundhedspleje")

    for person in (foreigner, colleague):
        answer = await town.heard.logged_in(person).get(f"/sundhedspleje/cases/{town.child}")
        assert (answer.status, answer.problem) == (404, "not-found")


async def test_a_caseload_is_one_s_own_children_page_by_page(town: Town) -> None:
    seat = Seat(professional=town.nurse, unit=town.team)
    children = {str(town.child), str(await town.heard.child(seat)), str(await town.heard.child(seat))}
    await town.heard.child(Seat(professional=uuid4(), unit=town.team))
    nurse = town.heard.logged_in(town.nurse)

    first = (await nurse.get("/sundhedspleje/cases?holder=me&limit=2")).body
    second = (await nurse.get(f"/sundhedspleje/cases?holder=me&limit=2&after={first['next']}")).body

    assert {case["child"] for case in first["cases"] + second["cases"]} == children
    assert (len(first["cases"]), second["next"]) == (2, None)


async def test_a_caseload_is_nobody_else_s_and_no_system_s(town: Town) -> None:
    placement = await town.heard.placement_system()

    assert (await town.heard.logged_in(town.nurse).get(f"/sundhedspleje/cases?holder={town.nurse}")).problem == "not-understood"
    assert (await placement.get("/sundhedspleje/cases?holder=me")).problem == "not-allowed"


async def test_each_reading_of_a_case_is_in_the_access_log(town: Town) -> None:
    nurse = town.heard.logged_in(town.nurse)

    await nurse.get(f"/sundhedspleje/cases/{town.child}")
    await nurse.get("/sundhedspleje/cases?holder=me")

    rows = await town.heard.world.sql(
        "sundhedspleje", "select class, purpose from access where subject = $1 order by id", town.child
    )
    assert [(row["class"], row["purpose"]) for row in rows] == [
        ("visits", "care"),
        ("mother", "care"),
        ("overlevering", "care"),
        ("visits", "caseload"),
    ]
