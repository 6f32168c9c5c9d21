"""Reading the baton: who held it when, why and by whom it moved, who has not seen it yet, and the lists people work from."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.chassis.calendar import start_of
from services.events.persons import IdentifiedChild
from services.registry.endpoints.looking import moment
from services.registry.ticks import unseen
from tests.registry.settled import Municipality


async def _at(town: Municipality, child: UUID, at: str) -> Any:
    answer = await town.as_(town.lead).get(f"/registry/children/{child}", params={"at": at})
    assert answer.status == 200, answer.body
    return answer.body["tovholder"]


async def _listed(town: Municipality, by: Any, **wanted: Any) -> list[str]:
    answer = await town.as_(by).get("/registry/children", params=wanted)
    assert answer.status == 200, answer.body
    return [it["reference"] for it in answer.body["children"]]


async def test_who_was_tovholder_at_an_instant_and_at_the_end_of_a_day(town: Municipality) -> None:
    day = await town.heard.today()
    child = await town.child()
    between = (await town.world.now()).isoformat()
    await town.pass_days(2)
    handover = (await town.propose(child, town.nurse)).body["id"]
    await town.as_(town.nurse).post(f"/registry/handovers/{handover}/acceptance")

    first, then = await _at(town, child, between), await _at(town, child, day.isoformat())
    now = await _at(town, child, (day + timedelta(days=2)).isoformat())

    assert first["professional"] == then["professional"] == str(town.lead.professional)
    assert (first["why"], first["by"]) == ("registration", None)
    assert (now["professional"], now["why"]) == (str(town.nurse.professional), "acceptance")
    assert now["by"] == now["accepted_by"] == str(town.nurse.professional)
    assert now["proposed_by"] == str(town.lead.professional)
    assert await _at(town, child, (day - timedelta(days=1)).isoformat()) is None
    # A plus that a browser sent as it is means the offset all the same.
    assert await _at(town, child, between.replace("+", " ")) == first


async def test_the_instant_the_baton_passes_belongs_to_the_new_tovholder(town: Municipality) -> None:
    child = await town.held(town.nurse)
    since = (await town.read(child))["tovholder"]["since"]

    just_before = (datetime.fromisoformat(since) - timedelta(microseconds=1)).isoformat()

    assert (await _at(town, child, since))["professional"] == str(town.nurse.professional)
    assert (await _at(town, child, just_before))["professional"] == str(town.lead.professional)


@pytest.mark.parametrize(
    "at", ["", "yesterday", "2026-02-30", "2026-01-01T12:00:00", "9999-12-31", "0001-01-01", "2026-01-01T00:00:00+99:00", "%00"]
)
async def test_a_time_that_is_none_is_refused(town: Municipality, at: str) -> None:
    child = await town.child()

    answer = await town.as_(town.lead).get(f"/registry/children/{child}", params={"at": at})

    assert (answer.status, answer.problem) == (422, "not-understood")


@pytest.mark.parametrize(
    ("day", "ends_at"),
    [
        ("2026-07-01", "2026-07-01T22:00:00Z"),
        ("2026-12-31", "2026-12-31T23:00:00Z"),
        ("2026-03-28", "2026-03-28T23:00:00Z"),
        ("2026-03-29", "2026-03-29T22:00:00Z"),
        ("2026-10-25", "2026-10-25T23:00:00Z"),
    ],
)
def test_a_bare_date_means_the_end_of_that_day_in_copenhagen_in_summer_winter_and_on_the_days_between(
    day: str, ends_at: str
) -> None:
    assert moment(day) == datetime.fromisoformat(ends_at)


async def test_a_change_in_the_last_hour_of_a_day_in_copenhagen_belongs_to_that_day(town: Municipality) -> None:
    child, handover = await town.offered(town.nurse)
    midnight = start_of(await town.heard.today() + timedelta(days=2))
    await town.move_clock(midnight - timedelta(minutes=10) - await town.world.now())
    day = await town.heard.today()
    assert (await town.as_(town.nurse).post(f"/registry/handovers/{handover}/acceptance")).status == 200
    await town.move_clock(timedelta(minutes=30))
    back = (await town.propose(child, town.colleague, by=town.nurse)).body["id"]
    assert (await town.as_(town.colleague).post(f"/registry/handovers/{back}/acceptance")).status == 200

    at = [await _at(town, child, (day + timedelta(days=number)).isoformat()) for number in (-1, 0, 1)]

    assert [it["professional"] for it in at] == [str(it.professional) for it in (town.lead, town.nurse, town.colleague)]


async def test_nobody_is_told_who_will_be_tovholder_on_a_later_day(town: Municipality) -> None:
    child = await town.child()

    answer = await town.as_(town.lead).get(f"/registry/children/{child}?at={await town.heard.today() + timedelta(days=1)}")

    assert (answer.status, answer.problem) == (422, "the-future-is-not-known")


async def test_the_past_of_a_child_is_as_closed_to_strangers_as_its_present_and_is_logged(town: Municipality) -> None:
    child, today = await town.child(), await town.heard.today()

    answer = await town.as_(town.pedagogue).get(f"/registry/children/{child}?at={today}")
    await town.as_(town.lead).get(f"/registry/children/{child}?at={today}")

    assert (answer.status, answer.problem) == (404, "not-found")
    rows = await town.world.sql("registry", "select professional, class from access where subject = $1", child)
    assert [tuple(row) for row in rows] == [(town.lead.professional, "baton")]


async def test_the_chain_says_why_and_by_whom_each_link_began(town: Municipality) -> None:
    child = await town.held(town.nurse)
    body = {"to": town.colleague.model_dump(mode="json"), "reason": "conflict"}
    await town.as_(town.leader).post(f"/registry/children/{child}/override", body)

    links = (await town.as_(town.colleague).get(f"/registry/children/{child}/assignments")).body["assignments"]

    people = [it and str(it.professional) for it in (None, town.nurse, town.leader)]
    assert [(it["why"], it["by"]) for it in links] == list(zip(("registration", "acceptance", "override"), people, strict=True))
    assert [it["reason"] for it in links] == [None, None, "conflict"]
    assert links[1]["proposed_by"] == str(town.lead.professional)


async def test_children_are_listed_to_their_tovholder_who_leads_their_unit_and_services_only(town: Municipality) -> None:
    held = sorted([str(await town.held(town.nurse)) for _ in range(3)])
    await town.child()

    assert await _listed(town, town.nurse) == held
    assert await _listed(town, town.leader, unit=str(town.nurse.unit)) == held
    assert await _listed(town, town.chief, holder=str(town.nurse.professional)) == held
    assert await _listed(town, town.colleague, holder=str(town.nurse.professional)) == []
    assert await _listed(town, town.abroad) == []
    assert await _listed(town, town.pedagogue, unit=str(town.nurse.unit)) == []
    by_service = (await town.service().get(f"/registry/children?holder={town.nurse.professional}")).body["children"]
    assert [it["reference"] for it in by_service] == held
    await town.heard.absence(town.nurse.professional, town.colleague, days=3)
    assert await _listed(town, town.colleague, holder=str(town.nurse.professional)) == held


async def test_a_desk_shows_by_one_question_what_four_lists_say_and_a_story_what_three_addresses_say(town: Municipality) -> None:
    nurse, nurse_s, held = town.as_(town.nurse), town.nurse.professional, [await town.held(town.nurse) for _ in range(2)]
    given = (await town.propose(held[0], town.colleague, by=town.nurse)).body["id"]
    offered = (await town.propose(await town.child(), town.nurse)).body["id"]
    before = len(await town.world.sql("registry", "select from access"))

    desk = (await nurse.get("/registry/desk?limit=1")).body
    logged = len(await town.world.sql("registry", "select from access")) - before
    rest = (await nurse.get(f"/registry/desk?limit=1&after={desk['next']}")).body
    lists = [
        (await nurse.get(f"/registry/{path}")).body
        for path in (f"handovers?to={nurse_s}&state=open", f"handovers?from={nurse_s}&state=open", f"children?holder={nurse_s}")
    ]
    story, child, chain, facts = [
        (await nurse.get(f"/registry/children/{held[0]}{more}")).body for more in ("/story", "", "/assignments", "/events")
    ]

    assert ([it["id"] for it in desk["to"]], [it["id"] for it in desk["from"]]) == ([offered], [given])
    assert [desk["to"], desk["from"], [*desk["children"], *rest["children"]]] == [
        lists[0]["handovers"], lists[1]["handovers"], lists[2]["children"],
    ]  # fmt: skip
    # Each child is noted once, in however many of the lists it stands.
    children = {*(it["child"] for it in (*desk["to"], *desk["from"])), *(it["reference"] for it in desk["children"])}
    assert (desk["unseen"], logged) == ([], len(children))
    assert story == {**child, "assignments": chain["assignments"], "events": facts["events"]}
    assert (await town.as_(town.pedagogue).get(f"/registry/children/{held[0]}/story")).status == 404


async def test_a_list_of_children_goes_page_by_page_and_each_is_in_the_access_log(town: Municipality) -> None:
    held = sorted([await town.held(town.nurse) for _ in range(3)])
    nurse = town.as_(town.nurse)

    first = (await nurse.get("/registry/children?limit=2")).body
    rest = (await nurse.get(f"/registry/children?limit=2&after={first['next']}")).body

    assert [it["reference"] for it in first["children"] + rest["children"]] == [str(it) for it in held]
    assert rest["next"] is None
    rows = await town.world.sql(
        "registry", "select subject from access where professional = $1 order by subject", town.nurse.professional
    )
    assert [row["subject"] for row in rows] == held


async def test_the_overdue_and_the_escalated_are_found_with_their_deadlines(town: Municipality) -> None:
    late, handover = await town.offered(town.nurse)
    for _ in range(9):
        await town.pass_days(1)
    fresh, open_one = await town.offered(town.nurse)
    leader = town.as_(town.leader)

    async def found(**wanted: Any) -> list[str]:
        answer = await leader.get("/registry/handovers", params=wanted)
        assert answer.status == 200, answer.body
        return [it["id"] for it in answer.body["handovers"]]

    assert await _listed(town, town.chief, overdue="true") == [str(late)]
    assert str(fresh) in await _listed(town, town.chief, overdue="false")
    row = (await town.as_(town.chief).get("/registry/children?overdue=true")).body["children"][0]
    assert row["handover"]["id"] == handover
    assert row["handover"]["due_at"] < (await town.world.now()).isoformat()
    assert await found(overdue="true") == await found(escalated="true") == [handover]
    assert await found(overdue="false") == [open_one]
    assert await found(unit=str(town.nurse.unit)) == await found(unit=str(town.lead.unit)) == [handover, open_one]
    assert await found(unit=str(town.pedagogue.unit)) == []
    assert await found(**{"from": str(town.lead.professional)}) == [handover, open_one]
    assert await found(**{"from": str(town.nurse.professional)}) == []
    assert await found(due_before=(await town.heard.today()).isoformat()) == [handover]
    assert await found(due_before=datetime(2100, 1, 1, tzinfo=UTC).isoformat()) == [handover, open_one]


async def test_who_got_the_baton_without_a_click_sees_it_in_time_or_is_reminded_and_then_the_leaders(town: Municipality) -> None:
    child = await town.held(town.nurse)
    body = {"to": town.colleague.model_dump(mode="json"), "reason": "conflict"}
    await town.as_(town.leader).post(f"/registry/children/{child}/override", body)
    await town.tick()
    unseen = (await town.read(child))["tovholder"]["unseen"]
    listed = await _listed(town, town.leader, unseen="true")

    for _ in range(20):
        await town.pass_days(1)
        await town.tick()

    rows = await town.world.sql(
        "registry",
        "select envelope->'data' as said from ledger where subject = $1 and type like '%holder_unseen%' order by version",
        child,
    )  # fmt: skip
    assert unseen["due_at"]
    assert listed == [str(child)]
    assert [row["said"]["level"] for row in rows] == [0, 1, 2]
    assert [row["said"]["to"] and row["said"]["to"]["professional"] for row in rows] == [
        None, str(town.leader.professional), str(town.chief.professional),
    ]  # fmt: skip
    assert await town.tovholder(child) == str(town.colleague.professional)

    refused = await town.as_(town.leader).post(f"/registry/children/{child}/seen")
    first = await town.as_(town.colleague).post(f"/registry/children/{child}/seen")
    again = await town.as_(town.colleague).post(f"/registry/children/{child}/seen")

    assert (refused.status, refused.problem) == (403, "only-the-tovholder-may-say-they-have-seen-it")
    assert (first.status, again.status, again.body["version"]) == (200, 200, first.body["version"])
    assert (await town.said(child)).count("tovholder_seen") == 1
    assert (await town.read(child))["tovholder"]["unseen"] is None
    assert await _listed(town, town.leader, unseen="true") == []


async def test_an_acceptance_and_a_proposal_of_ones_own_count_as_seen(town: Municipality) -> None:
    registered = await town.child()
    assert await _listed(town, town.lead, unseen="true") == [str(registered)]

    handover = (await town.propose(registered, town.nurse)).body["id"]
    proposed = await _listed(town, town.lead, unseen="true")
    await town.as_(town.nurse).post(f"/registry/handovers/{handover}/acceptance")
    for _ in range(10):
        await town.pass_days(1)

    assert proposed == await _listed(town, town.nurse, unseen="true") == []
    assert not {"holder_unseen", "tovholder_seen"} & set(await town.said(registered))


async def test_a_sibling_and_a_stand_in_are_to_be_seen_too_and_by_the_one_who_holds_now(town: Municipality) -> None:
    child, twin = await town.held(town.nurse), uuid4()
    await town.identified(
        IdentifiedChild(child=child, order=1, status="born", new=False),
        IdentifiedChild(child=twin, order=2, status="born", new=True, sibling_of=child),
    )
    sibling = await _listed(town, town.nurse, unseen="true")
    await town.heard.absence(town.nurse.professional, town.colleague, days=60)
    await town.tick()

    assert sibling == [str(twin)]
    assert await _listed(town, town.colleague, unseen="true") == sorted([str(child), str(twin)])
    assert await _listed(town, town.nurse, unseen="true") == []
    late = await town.as_(town.nurse).post(f"/registry/children/{twin}/seen")
    assert late.status in (403, 404)


async def test_two_clocks_at_once_remind_once(town: Municipality) -> None:
    child = await town.child()
    await town.tick()
    await town.move_clock(timedelta(days=7))

    runtime = town.world.running.runtimes["registry"]
    await asyncio.gather(*(unseen(runtime) for _ in range(4)))

    said = await town.world.sql(
        "registry",
        "select envelope->'data'->'level' as level from ledger where subject = $1 and type like '%unseen%' order by version",
        child,
    )
    levels = [row["level"] for row in said]
    assert levels[0] == 0
    assert len(levels) == len(set(levels))


async def _caseloads(town: Municipality, by: Any, unit: UUID) -> dict[str, dict[str, Any]]:
    answer = await by.get("/registry/caseloads", params={"unit": str(unit)})
    assert answer.status == 200, answer.body
    assert set(answer.body) == {"caseloads"}
    return {it["professional"]: it for it in answer.body["caseloads"]}


async def test_a_units_caseloads_count_who_holds_and_who_is_asked_and_name_no_child(town: Municipality) -> None:
    nurse, colleague, leader = (str(it.professional) for it in (town.nurse, town.colleague, town.leader))
    held = [await town.held(town.nurse) for _ in range(2)]
    await town.offered(town.nurse)
    await town.offered(town.colleague)
    scheduled = (await town.heard.today() + timedelta(days=5)).isoformat()
    child, handover = await town.offered(town.colleague, effective_on=scheduled)
    await town.as_(town.colleague).post(f"/registry/handovers/{handover}/acceptance")
    taken_back = await town.offered(town.nurse)
    await town.as_(town.lead).post(f"/registry/handovers/{taken_back[1]}/withdrawal")

    seen = await _caseloads(town, town.as_(town.lead), town.nurse.unit)
    text = str(seen)

    # Whoever works there stands in it, also with nothing; what was withdrawn waits for nobody, nor does what is agreed upon.
    counted = {who: (it["children"], it["waiting"]) for who, it in seen.items()}
    assert counted == {nurse: (2, 1), colleague: (0, 1), leader: (0, 0)}
    assert not any(str(it) in text for it in (*held, child))
    assert await _caseloads(town, town.service(), town.nurse.unit) == seen

    # The baton passes on, a case is closed, and a person leaves: the numbers follow.
    closed = await town.as_(town.nurse).post(f"/registry/children/{held[0]}/closing", {"reason": "settled"})
    assert closed.status == 200, closed.body
    await town.pass_days(5)
    await town.leaves(town.leader)
    await town.tick()
    later = await _caseloads(town, town.as_(town.nurse), town.nurse.unit)
    assert {who: (it["children"], it["waiting"]) for who, it in later.items()} == {nurse: (1, 1), colleague: (1, 1)}


async def test_a_caseload_of_another_municipality_or_for_a_strange_system_is_empty_and_a_unit_must_be_named(
    town: Municipality,
) -> None:
    await town.held(town.nurse)

    from_elsewhere = await _caseloads(town, town.as_(town.abroad), town.nurse.unit)
    there = await _caseloads(town, town.as_(town.nurse), town.abroad.unit)
    nowhere = await _caseloads(town, town.as_(town.nurse), uuid4())
    strange = await _caseloads(town, await town.heard.placement_system(), town.nurse.unit)
    unnamed = [(await town.as_(town.nurse).get("/registry/caseloads", params=it)).status for it in ({}, {"unit": "team"})]

    assert (from_elsewhere, there, nowhere, strange) == ({}, {}, {}, {})
    assert unnamed == [422, 422]
