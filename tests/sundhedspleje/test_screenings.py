"""Screenings over HTTP: two subjects apart, thresholds forward in time, follow-ups that end in something."""

from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from services.events.registry import CaseClosed, CaseMerged
from tests.sundhedspleje.family import Family
from tests.support.heard import Heard


@pytest.fixture
async def family(heard: Heard) -> Family:
    return await Family.visited(heard)


async def test_mother_and_child_have_two_records_and_each_at_the_threshold_opens_a_follow_up(family: Family) -> None:
    mothers, childs, father = await family.screen("epds", "mother", 15), await family.screen("topi", "child", "green"), uuid4()
    fathers = await family.screen("epds", "other-parent", 9, person=str(father))

    child = (await family.ask("nurse", f"/cases/{family.child}/screenings")).body
    parents = (await family.ask("nurse", f"/cases/{family.child}/parent-health")).body
    assert [it.status for it in (mothers, childs, fathers)] == [201] * 3
    assert (mothers.body["follow_up_due"], childs.body["follow_up"], fathers.body["follow_up"]) == (
        await family.day(14),
        None,
        None,
    )
    assert [(it["subject"], it["instrument"], it["result"]) for it in child["screenings"]] == [
        (str(family.child), "topi", "green")
    ]
    assert [(it["subject"], it["score"], it["threshold"]) for it in parents["screenings"]] == [
        (str(family.mother), 15, 11), (str(father), 9, 10),
    ]  # fmt: skip
    assert (child["follow_ups"], [it["whose"] for it in parents["follow_ups"]]) == ([], ["mother"])
    rows = await family.heard.world.sql(
        "sundhedspleje", "select from access where class = 'parent-health' and subject = $1", family.mother
    )
    assert len(rows) == 1
    facts = await family.facts("screening_recorded")
    assert all("score" not in fact for fact in facts)
    assert [fact["at_or_above"] for fact in facts] == [True, False, False]


async def test_a_result_that_makes_no_sense_is_refused_and_nothing_is_changed(family: Family) -> None:
    before = await family.said()
    refused = {
        "the-score-is-outside-the-instruments-range": await family.screen("epds", "mother", 31),
        "the-instrument-is-for-someone-else": await family.screen("epds", "child", 3),
        "the-instrument-is-not-one-of-the-municipality": await family.screen("gmds", "child", 3),
        "a-screening-is-made-on-a-day-that-has-come": await family.screen("adbb", "child", 3, on=await family.day(1)),
        "the-parent-is-not-known": await family.screen("epds", "other-parent", 3),
        "not-understood": await family.screen("epds", "mother", 3.5),
    }

    assert {problem: (answer.problem, answer.status) for problem, answer in refused.items()} == {
        problem: (problem, 422 if problem == "not-understood" else 409) for problem in refused
    }
    assert (await family.said(), await family.heard.world.sql("sundhedspleje", "select from screening")) == (before, [])


async def test_a_follow_up_ends_in_something_and_only_once_and_shows_when_it_does_not(family: Family) -> None:
    opened = (await family.screen("epds", "mother", 11)).body["follow_up"]
    await family.heard.pass_days(15)
    overdue = (await family.ask("nurse", "/follow-ups?holder=me&overdue=true")).body["follow_ups"]
    week = (await family.ask("nurse", "/week")).body

    nothing = await family.do(f"/follow-ups/{opened}/end", {"outcome": "forgotten"})
    ended = await family.do(f"/follow-ups/{opened}/end", {"outcome": "doctor-recommended"})
    again = await family.do(f"/follow-ups/{opened}/end", {"outcome": "support"})

    assert [it["id"] for it in overdue] == [opened]
    assert (week["follow_ups"], week["systematic"]) == (overdue, [])
    assert (await family.facts("follow_up_overdue"))[0]["responsible"] == family.named("nurse")[0]
    assert nothing.problem == "the-outcome-is-not-one-of-the-municipality"
    assert (ended.status, again.problem) == (200, "the-follow-up-has-ended")
    assert (await family.ask("nurse", "/follow-ups?holder=me")).body["follow_ups"] == []
    assert [it["outcome"] for it in await family.facts("follow_up_closed")] == ["doctor-recommended"]


async def test_what_was_recorded_in_error_stays_to_be_seen_and_its_follow_up_and_the_systematic_screening_follow(
    family: Family,
) -> None:
    await family.grant()
    await family.screen("parent-child-contact", "child", "well-functioning")
    wrong = (await family.screen("adbb", "child", 20)).body
    done = (await family.ask("nurse", f"/cases/{family.child}/screenings")).body["systematic"][0]["state"]

    withdrawn = await family.do(f"/screenings/{wrong['id']}/withdrawal", {"reason": "wrong-person"})
    again = await family.do(f"/screenings/{wrong['id']}/withdrawal", {"reason": "wrong-score"})

    seen = (await family.ask("nurse", f"/cases/{family.child}/screenings")).body
    assert (done, withdrawn.status, again.problem) == ("done", 200, "the-screening-was-withdrawn")
    assert [it["withdrawn"] for it in seen["screenings"]] == [None, "wrong-person"]
    assert [(it["state"], it["outcome"]) for it in seen["follow_ups"]] == [("ended", "recorded-in-error")]
    assert [(it["state"], it["missing"]) for it in seen["systematic"]] == [("open", ["child-well-being"])]


async def test_a_threshold_is_set_forward_in_time_by_a_leader_and_what_was_recorded_keeps_its_own(family: Family) -> None:
    before = (await family.screen("epds", "mother", 10)).body["follow_up"]
    stricter = {"instrument": "epds", "whose": "mother", "from_on": await family.day(1), "score": 10}

    by_nurse = await family.do("/thresholds", stricter)
    back = await family.do("/thresholds", {**stricter, "from_on": await family.day(-1)}, who="leader")
    too_high = await family.do("/thresholds", {**stricter, "score": 31}, who="leader")
    set_ = await family.do("/thresholds", stricter, who="leader")
    same_day = await family.do("/thresholds", {**stricter, "score": 12}, who="leader")
    today = (await family.screen("epds", "mother", 10)).body["follow_up"]
    await family.heard.pass_days(1)
    tomorrow = (await family.screen("epds", "mother", 10)).body["follow_up"]

    assert by_nurse.problem == "only-a-leader-of-sundhedsplejen-sets-thresholds"
    assert (back.problem, same_day.problem) == ("a-threshold-changes-only-forward",) * 2
    assert too_high.problem == "the-score-is-outside-the-instruments-range"
    assert (set_.status, before, today, tomorrow is None) == (201, None, None, False)
    parents = (await family.ask("nurse", f"/cases/{family.child}/parent-health")).body["screenings"]
    assert [it["threshold"] for it in parents] == [11, 11, 10]
    listed = (await family.ask("nurse", "/thresholds")).body["thresholds"]
    assert [it["score"] for it in listed if (it["instrument"], it["whose"]) == ("epds", "mother")] == [11, 10]
    assert len(await family.facts("threshold_set")) == 1


async def test_the_store_refuses_what_the_rules_refuse(family: Family) -> None:
    made = (await family.screen("epds", "mother", 11)).body
    tomorrow = await family.today() + timedelta(days=1)
    threshold = (
        "insert into threshold (municipality, instrument, whose, from_on, score, set_by, set_at)"
        " values ($1, 'epds', 'mother', $2, 3, $3, chassis.now())"
    )

    async with family.heard.world.store("sundhedspleje").connection() as machine:
        for broken in ("score = 99", "follow_up = null", "subject = child"):
            with pytest.raises(asyncpg.CheckViolationError):
                await machine.execute(f"update screening set {broken} where id = $1", made["id"])  # noqa: S608
        with pytest.raises(asyncpg.CheckViolationError):
            await machine.execute("update follow_up set state = 'ended' where id = $1", made["follow_up"])
    async with family.heard.world.store("sundhedspleje").connection("api") as api, api.transaction():
        await api.execute("select enter($1)", {"kind": "municipality", "municipality": family.heard.municipality})
        await api.execute(threshold, family.heard.municipality, tomorrow, uuid4())
        with pytest.raises(asyncpg.CheckViolationError, match="forward"):
            await api.execute(threshold, family.heard.municipality, tomorrow - timedelta(days=2), uuid4())


async def test_with_a_closed_case_open_follow_ups_end_as_closed(family: Family) -> None:
    await family.grant()
    await family.screen("epds", "mother", 20)
    closed = CaseClosed(
        child=family.child, municipality=family.heard.municipality, reason="settled", last=family.seats["nurse"], by=None
    )

    await family.heard.tell(family.child, closed)
    await family.heard.pass_days(60)

    assert [it["outcome"] for it in await family.facts("follow_up_closed")] == ["case-closed"]
    assert not {"need_visit_overdue", "systematic_screening_overdue", "follow_up_overdue"} & set(await family.said())
    assert (await family.screen("adbb", "child", 1)).status == 404


async def test_the_follow_ups_of_a_merged_file_go_on_with_the_survivor_s_health_visitor(family: Family) -> None:
    opened = (await family.screen("epds", "mother", 20)).body["follow_up"]
    survivor = await family.heard.child(family.seats["colleague"])
    closed = CaseClosed(
        child=family.child, municipality=family.heard.municipality, reason="merged", last=family.seats["nurse"], by=None
    )

    await family.heard.tell(
        family.child, CaseMerged(child=family.child, merged_into=survivor, municipality=family.heard.municipality), closed
    )
    listed = {who: (await family.ask(who, "/follow-ups?holder=me")).body["follow_ups"] for who in ("nurse", "colleague")}
    await family.heard.pass_days(15)
    ended = await family.do(f"/follow-ups/{opened}/end", {"outcome": "support"}, who="colleague")

    assert ([it["id"] for it in listed["colleague"]], listed["nurse"], ended.status) == ([opened], [], 200)
    assert (await family.facts("follow_up_overdue"))[0]["responsible"] == family.named("colleague")[0]
