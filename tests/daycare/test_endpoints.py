"""Starts over HTTP: who may, what is refused, and what is said."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.events.envelope import Seat
from tests.support.heard import ELSEWHERE, Heard
from tests.support.world import Answer, Someone


@dataclass
class Town:
    """A tovholder with a child, and an institution with a pedagogue."""

    heard: Heard
    team: UUID
    nurse: UUID
    institution: UUID
    pedagogue: UUID
    child: UUID

    async def planned(self, by: Someone | None = None, days: int = 30, **changed: Any) -> Answer:
        starts_on = await self.heard.today() + timedelta(days=days)
        body = {"child": str(self.child), "unit": str(self.institution), "starts_on": starts_on.isoformat(), **changed}
        return await (by or self.heard.logged_in(self.nurse)).post("/daycare/starts", body)

    async def said(self) -> list[str]:
        return await self.heard.world.events("daycare", str(self.child))


@pytest.fixture
async def town(heard: Heard) -> Town:
    team, institution = await heard.unit("sundhedspleje"), await heard.unit("institution")
    nurse = await heard.professional(team, "sundhedspleje")
    pedagogue = await heard.professional(institution, "institution")
    child = await heard.child(Seat(professional=nurse, unit=team), status="born")
    return Town(heard, team, nurse, institution, pedagogue, child)


async def test_the_tovholder_plans_a_start_with_a_named_pedagogue(town: Town) -> None:
    seat = {"professional": str(town.pedagogue), "unit": str(town.institution)}

    answer = await town.planned(pedagogue=seat)

    assert answer.status == 201, answer.body
    assert (answer.body["state"], answer.body["pedagogue"], answer.body["private"]) == ("planned", seat, False)
    assert answer.headers["etag"] == '"1"'
    assert await town.said() == ["start_planned"]


async def test_the_same_request_again_has_the_same_answer_and_makes_no_second_start(town: Town) -> None:
    nurse, body = town.heard.logged_in(town.nurse), {"child": str(town.child), "unit": str(town.institution)}
    body["starts_on"] = (await town.heard.today()).isoformat()

    first = await nurse.post("/daycare/starts", body, key="once")
    again = await nurse.post("/daycare/starts", body, key="once")
    other = await nurse.post("/daycare/starts", {**body, "unit": str(uuid4())}, key="once")

    assert (again.status, again.body) == (201, first.body)
    assert (other.status, other.problem) == (422, "idempotency-key-was-used-for-another-request")
    assert await town.said() == ["start_planned"]


async def test_the_deputy_plans_during_the_absence_only(town: Town) -> None:
    deputy = await town.heard.professional(town.team, "sundhedspleje")

    before = await town.planned(town.heard.logged_in(deputy))
    await town.heard.absence(town.nurse, Seat(professional=deputy, unit=town.team))
    during = await town.planned(town.heard.logged_in(deputy))

    assert (before.status, during.status) == (404, 201)


async def test_the_placement_office_plans_for_the_children_of_its_own_municipality(town: Town) -> None:
    own, foreign = await town.heard.placement_system(), await town.heard.placement_system(ELSEWHERE)

    assert (await town.planned(foreign)).status == 404
    assert (await town.planned(own)).status == 201


async def test_a_leader_may_see_but_not_plan_and_a_stranger_learns_nothing(town: Town) -> None:
    leader = await town.heard.professional(town.team, "sundhedspleje", leads=True)
    stranger = await town.heard.professional(await town.heard.unit("social"), "social")
    start = (await town.planned()).body["id"]

    refused = await town.planned(town.heard.logged_in(leader))
    assert (refused.status, refused.problem) == (403, "only-the-tovholder-or-the-placement-office-may-plan-a-start")
    assert (await town.heard.logged_in(leader).get(f"/daycare/starts/{start}")).status == 200
    assert (await town.heard.logged_in(leader).post(f"/daycare/starts/{start}/cancellation", {"cause": "error"})).status == 403
    for tried in (town.planned(town.heard.logged_in(stranger)), town.heard.logged_in(stranger).get(f"/daycare/starts/{start}")):
        assert (await tried).status == 404


async def test_another_municipality_finds_neither_child_nor_start(town: Town) -> None:
    unit = await town.heard.unit("sundhedspleje", municipality=ELSEWHERE)
    foreigner = town.heard.logged_in(await town.heard.professional(unit, "sundhedspleje", leads=True, municipality=ELSEWHERE))
    start = (await town.planned()).body["id"]

    assert (await town.planned(foreigner)).status == 404
    assert (await foreigner.get(f"/daycare/starts/{start}")).status == 404
    assert (await foreigner.post(f"/daycare/starts/{start}/cancellation", {"cause": "error"})).status == 404
    assert (await foreigner.get(f"/daycare/starts?child={town.child}")).body["starts"] == []


async def test_an_unknown_child_is_not_found(town: Town) -> None:
    assert (await town.planned(child=str(uuid4()))).status == 404


async def test_a_start_is_refused_anywhere_but_in_an_active_daycare_of_the_municipality(town: Town) -> None:
    elsewhere = await town.heard.unit("institution", municipality=ELSEWHERE)
    closed = await town.heard.unit("institution", active=False)

    for unit in (elsewhere, closed, town.team, uuid4()):
        answer = await town.planned(unit=str(unit))
        assert (answer.status, answer.problem) == (409, "the-unit-is-no-daycare-of-this-municipality")
    assert await town.said() == []


async def test_the_pedagogue_must_work_where_the_child_starts(town: Town) -> None:
    elsewhere = await town.planned(pedagogue={"professional": str(town.nurse), "unit": str(town.institution)})
    contradictory = await town.planned(pedagogue={"professional": str(town.nurse), "unit": str(town.team)})

    assert (elsewhere.status, elsewhere.problem) == (409, "the-pedagogue-does-not-work-in-that-unit")
    assert (contradictory.status, contradictory.problem) == (422, "not-understood")


async def test_a_start_in_the_past_is_refused(town: Town) -> None:
    assert (await town.planned(days=-1)).problem == "a-start-lies-ahead"


async def test_a_child_has_one_open_start_at_most(town: Town) -> None:
    start = (await town.planned()).body["id"]

    second = await town.planned()
    await town.heard.logged_in(town.nurse).post(f"/daycare/starts/{start}/cancellation", {"cause": "family"})
    after = await town.planned()

    assert (second.status, second.problem) == (409, "this-child-has-an-open-start")
    assert after.status == 201


async def test_that_the_institution_is_private_shows_on_the_start(town: Town) -> None:
    private = await town.heard.unit("institution", private=True)

    assert (await town.planned(unit=str(private))).body["private"] is True


async def test_a_start_is_moved_and_everyone_hears_from_when_to_when(town: Town) -> None:
    nurse, start = town.heard.logged_in(town.nurse), (await town.planned()).body["id"]
    new = (await town.heard.today() + timedelta(days=60)).isoformat()

    moved = await nurse.post(f"/daycare/starts/{start}/date", {"starts_on": new}, if_match=1)
    stale = await nurse.post(f"/daycare/starts/{start}/date", {"starts_on": (await town.heard.today()).isoformat()}, if_match=1)

    assert (moved.status, moved.body["starts_on"], moved.headers["etag"]) == (200, new, '"2"')
    assert (stale.status, stale.problem) == (409, "the-child-has-moved-on")
    assert (await nurse.get(f"/daycare/starts/{start}")).body["starts_on"] == new
    assert await town.said() == ["start_planned", "start_moved"]


async def test_a_cancelled_start_stays_cancelled(town: Town) -> None:
    nurse, start = town.heard.logged_in(town.nurse), (await town.planned()).body["id"]

    cancelled = await nurse.post(f"/daycare/starts/{start}/cancellation", {"cause": "family"})
    again = await nurse.post(f"/daycare/starts/{start}/cancellation", {"cause": "family"})
    moved = await nurse.post(f"/daycare/starts/{start}/date", {"starts_on": (await town.heard.today()).isoformat()})

    assert (cancelled.status, cancelled.body["state"], cancelled.body["cause"]) == (200, "cancelled", "family")
    assert {again.problem, moved.problem} == {"only-an-open-start-can-change"}
    assert await town.said() == ["start_planned", "start_cancelled"]


async def test_the_people_of_the_institution_see_and_move_the_starts_of_their_unit(town: Town) -> None:
    pedagogue, start = town.heard.logged_in(town.pedagogue), (await town.planned()).body["id"]
    sibling = await town.heard.child(Seat(professional=town.nurse, unit=town.team), status="born")
    await town.planned(child=str(sibling), unit=str(await town.heard.unit("institution")))

    listed = await pedagogue.get(f"/daycare/starts?unit={town.institution}")
    other = await pedagogue.get(f"/daycare/starts?child={sibling}")
    moved = await pedagogue.post(f"/daycare/starts/{start}/date", {"starts_on": (await town.heard.today()).isoformat()})

    assert [found["id"] for found in listed.body["starts"]] == [start]
    assert other.body["starts"] == []
    assert moved.status == 200


async def test_starts_are_asked_for_by_unit_or_child_and_come_page_by_page(town: Town) -> None:
    nurse, first = town.heard.logged_in(town.nurse), (await town.planned()).body["id"]
    await nurse.post(f"/daycare/starts/{first}/cancellation", {"cause": "error"})
    second = (await town.planned()).body["id"]

    page = await nurse.get(f"/daycare/starts?child={town.child}&limit=1")
    rest = await nurse.get(f"/daycare/starts?child={town.child}&limit=1&after={page.body['next']}")

    assert [page.body["starts"][0]["id"], rest.body["starts"][0]["id"]] == [first, second]
    assert (await nurse.get("/daycare/starts")).problem == "not-understood"


async def test_each_reading_of_a_start_is_in_the_access_log(town: Town) -> None:
    start = (await town.planned()).body["id"]

    await town.heard.logged_in(town.pedagogue).get(f"/daycare/starts/{start}")

    (line,) = await town.heard.world.sql("daycare", "select professional, class from access where subject = $1", town.child)
    assert (line["professional"], line["class"]) == (town.pedagogue, "start")
