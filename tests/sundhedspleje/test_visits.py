"""A visit's life over HTTP: due, held, missed, declined, agreed upon, joint, by need and by criteria; and who may."""

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from services.events.persons import ChildCorrected, ChildDied, DeathUndone
from services.events.registry import TovholderChanged
from services.sundhedspleje import ticks
from tests.sundhedspleje.family import Family
from tests.support.heard import ELSEWHERE, Heard

SOME = """
decline_reasons: [does-not-wish]
need_visit_reasons: [feeding]
criteria: [{code: serious-loss, says: Tab}]
plans:
  - from_on: 2019-02-01
    contacts:
      - {kind: first-visit, fboe: Etableringsbesøg, counts_from: birth, from_days: 3, until_days: 10}
      - {kind: eighteen-months-visit, fboe: Behovskontakt med småbørnssundhedsplejen, counts_from: birth, from_months: 17,
         until_months: 19, for_criteria: [serious-loss], need_visits_at_least: 2, joint_with: [social]}
"""


@pytest.fixture
async def family(heard: Heard) -> Family:
    return await Family.visited(heard)


@pytest.fixture
def own_plans(heard: Heard, tmp_path: Path) -> Path:
    """Where the town's own files are read from in this test."""
    heard.world.settings.plans_folder = tmp_path
    folder = tmp_path / heard.municipality
    folder.mkdir()
    return folder


async def test_a_visit_is_held_with_whom_it_concerns_and_neither_a_correction_nor_a_repeated_word_changes_it(
    family: Family,
) -> None:
    visit = (await family.visits())["maternity-visit"]["id"]
    await family.heard.pass_days(3)

    held = {"on": await family.day(), "where": "home", "participants": family.named("helper"), "family_agrees": True}
    first = await family.do(f"/visits/{visit}/held", held, key="once")
    again = await family.do(f"/visits/{visit}/held", held, key="once")
    twice = await family.do(f"/visits/{visit}/held", held)
    corrected = ChildCorrected(
        child=family.child, municipality=family.heard.municipality, born_on=await family.today() - timedelta(days=5), order=1
    )
    await family.heard.tell(family.child, corrected)

    assert (first.status, again.body) == (200, first.body)
    assert (twice.status, twice.problem, twice.body["state"]) == (409, "the-visit-is-settled", "held")
    seen = (await family.ask("nurse", f"/visits/{visit}")).body
    assert (seen["state"], seen["held_where"], seen["fboe"]) == ("held", "home", "7d35a193-e808-4e77-b361-6c0d114d021f")
    assert [(it["unit_kind"], it["took_part"]) for it in seen["participants"]] == [("social", True)]
    assert (await family.facts("visits_replanned"))[-1]["why"] == "correction"
    assert visit not in (await family.facts("visits_replanned"))[-1]["visits"]
    (fact,) = await family.facts("visit_held")
    assert fact["participants"] == family.named("helper")


async def test_a_missed_or_declined_visit_can_be_agreed_upon_and_the_family_s_time_stands(family: Family) -> None:
    visits = await family.visits()
    missed, declined = visits["maternity-visit"]["id"], visits["establishment-visit"]["id"]
    wished = {"from_on": await family.day(20), "until_on": await family.day(25)}

    no_reason = await family.do(f"/visits/{declined}/declined", {"reason": "bad-mood"})
    answers = [
        await family.do(f"/visits/{missed}/missed"),
        await family.do(f"/visits/{missed}/window", wished),
        await family.do(f"/visits/{declined}/declined", {"reason": "no-time"}),
        await family.do(f"/visits/{declined}/window", {"from_on": await family.day(-9), "until_on": await family.day(-1)}),
    ]
    corrected = ChildCorrected(
        child=family.child, municipality=family.heard.municipality, born_on=await family.today() - timedelta(days=1), order=1
    )
    await family.heard.tell(family.child, corrected)

    assert (no_reason.problem, "no-time" in no_reason.body["allowed"]) == ("the-reason-is-not-one-of-the-municipality", True)
    assert [(it.status, it.problem) for it in answers] == [(200, None)] * 3 + [(409, "the-window-lies-ahead")]
    after = await family.visits()
    assert (after["maternity-visit"]["state"], after["maternity-visit"]["from_on"]) == ("planned", wished["from_on"])
    assert after["establishment-visit"]["state"] == "declined"
    assert [it["why"] for it in await family.facts("visits_replanned")] == ["family-wish", "correction"]
    assert (await family.facts("visit_declined"))[0]["reason"] == "no-time"


async def test_a_joint_visit_is_seen_by_who_takes_part_and_they_see_nothing_else(family: Family) -> None:
    visits = await family.visits()
    joint, other = visits["two-months-visit"]["id"], visits["maternity-visit"]["id"]
    path = f"/visits/{joint}/participants"

    silent = await family.do(path, {"participants": family.named("pedagogue", "helper")})
    foreign = await family.do(
        path, {"participants": [{"professional": str(uuid4()), "unit": str(family.seats["helper"].unit)}], "family_agrees": True}
    )
    yes = await family.do(path, {"participants": family.named("pedagogue", "helper"), "family_agrees": True})

    assert silent.problem == "the-family-agrees-to-a-joint-visit"
    assert foreign.problem == "a-participant-works-in-an-active-unit-of-the-municipality"
    assert yes.status == 200
    assert (await family.ask("pedagogue", f"/visits/{joint}")).status == 200
    assert [(await family.ask("pedagogue", it)).status for it in (f"/visits/{other}", f"/cases/{family.child}")] == [404, 404]
    assert (await family.do(f"/visits/{joint}/missed", who="pedagogue")).status == 404
    listed = (await family.ask("helper", "/visits?participant=me")).body["visits"]
    assert [(it["id"], it["joint"]) for it in listed] == [(joint, True)]
    (fact,) = await family.facts("joint_visit_planned")
    assert len(fact["participants"]) == 2

    await family.do(path, {"participants": []})
    assert (await family.ask("pedagogue", f"/visits/{joint}")).status == 404


async def test_visits_and_lists_are_the_health_visitor_s_also_when_the_baton_has_passed_to_an_institution(family: Family) -> None:
    visit = (await family.visits())["maternity-visit"]["id"]
    await family.pass_baton("pedagogue")
    await family.support("helper")

    held = {"on": await family.day(), "where": "home"}
    by_others = [
        await family.do(f"/visits/{visit}/held", held, who=who) for who in ("pedagogue", "helper", "leader", "colleague")
    ]
    cases = [(await family.ask(who, f"/cases/{family.child}")).status for who in ("pedagogue", "helper", "leader", "colleague")]
    screenings = [
        (await family.ask(who, f"/cases/{family.child}/screenings")).status for who in ("pedagogue", "helper", "leader")
    ]
    by_nurse = await family.do(f"/visits/{visit}/held", held)
    await family.heard.absence(family.seats["pedagogue"].professional, family.seats["colleague"])
    deputy = await family.ask("colleague", f"/cases/{family.child}")
    by_deputy = await family.do(f"/visits/{visit}/missed", who="colleague")
    to = {"unit": str(family.seats["helper"].unit)}
    hands_over = {"child": str(family.child), "to": to, "categories": ["practical"], "text": "Well."}
    by_each = {
        who: (
            (await family.ask(who, f"/cases/{family.child}")).body["mother"],
            (await family.do("/overleveringer/preview", hands_over, who=who)).problem,
        )
        for who in ("nurse", "pedagogue", "colleague", "helper")
    }

    assert (deputy.status, by_deputy.problem) == (200, "only-the-health-visitor-plans-and-holds-visits")
    assert by_each == {
        **dict.fromkeys(("nurse", "pedagogue", "colleague"), (str(family.mother), "persons-does-not-know-the-child")),
        "helper": (None, "only-the-tovholder-may-hand-over-information"),
    }
    assert [it.status for it in by_others] == [403, 403, 403, 404]
    assert {it.problem for it in by_others[:3]} == {"only-the-health-visitor-plans-and-holds-visits"}
    assert (cases, screenings) == ([200, 200, 200, 404], [403, 403, 403])
    assert by_nurse.status == 200
    assert (await family.ask("nurse", "/visits?holder=me")).body["visits"] != []


async def test_what_is_due_this_week_is_listed_by_its_first_day_page_by_page_and_logged(family: Family) -> None:
    await family.heard.absence(family.seats["nurse"].professional, family.seats["colleague"])
    await family.heard.pass_days(12)

    due = (await family.ask("nurse", "/visits?holder=me&due=week")).body
    pages, after = [], ""
    while True:
        page = (await family.ask("nurse", f"/visits?holder=me&limit=4{after}")).body
        pages.append([it["kind"] for it in page["visits"]])
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    overdue = (await family.ask("leader", f"/visits?unit={family.seats['nurse'].unit}&overdue=true")).body["visits"]
    deputy = (await family.ask("colleague", "/visits?holder=me&due=week")).body
    week, short, of_others = [
        (await family.ask(who, f"/week{more}")).body for who, more in (("nurse", ""), ("nurse", "?limit=1"), ("pedagogue", ""))
    ]
    not_led = await family.ask("colleague", f"/visits?unit={family.seats['nurse'].unit}")

    assert [(it["kind"], it["overdue"]) for it in due["visits"]] == [
        ("maternity-visit", True), ("establishment-visit", False), ("first-month-visit", False),
    ]  # fmt: skip
    assert ([len(page) for page in pages], len({*pages[0], *pages[1]})) == ([4, 2], 6)
    assert ([it["kind"] for it in overdue], deputy) == (["maternity-visit"], due)
    # By one question what the lists say, each child that is shown logged; nothing for those who visit no family.
    assert (week["visits"], week["joint"], week["more"]) == (due["visits"], [], False)
    assert (short["visits"], short["more"], of_others["visits"]) == (due["visits"][:1], True, [])
    assert (not_led.status, (await family.ask("nurse", "/visits")).status) == (403, 422)
    rows = await family.heard.world.sql(
        "sundhedspleje", "select from access where subject = $1 and purpose = 'list'", family.child
    )
    assert len(rows) == 3 + 6 + 1 + 3 + 3 + 1


async def test_a_need_based_visit_opens_the_systematic_screening_and_what_is_not_done_by_its_date_shows(family: Family) -> None:
    granted = await family.grant(participants=family.named("helper"), family_agrees=True)
    mine = (await family.ask("nurse", "/systematic-screenings?holder=me")).body["systematic"]
    early = await family.said()

    await family.heard.pass_days(8)
    visits = (await family.ask("nurse", "/visits?holder=me&need=true&overdue=true")).body["visits"]
    await family.screen("adbb", "child", 1)
    await family.heard.pass_days(21)
    await family.heard.pass_days(0)
    overdue = (await family.ask("nurse", "/systematic-screenings?holder=me&overdue=true")).body["systematic"]
    await family.screen("parent-child-contact", "child", "well-functioning")

    assert [it["missing"] for it in mine] == [["parent-child-contact", "child-well-being"]]
    assert early[-2:] == ["need_visit_granted", "joint_visit_planned"]
    assert ([it["id"] for it in visits], [it["missing"] for it in overdue]) == ([granted["visit"]], [["parent-child-contact"]])
    (need,), (systematic,) = await family.facts("need_visit_overdue"), await family.facts("systematic_screening_overdue")
    assert need["responsible"] == systematic["responsible"] == family.named("nurse")[0]
    assert systematic["parts"] == ["parent-child-contact"]
    assert (await family.ask("nurse", "/systematic-screenings?holder=me")).body["systematic"] == []
    done = (await family.ask("nurse", f"/cases/{family.child}/screenings")).body["systematic"]
    assert [(it["id"], it["state"]) for it in done] == [(granted["systematic"], "done")]


async def test_visits_by_criteria_are_planned_for_the_families_that_meet_them_and_the_reason_is_for_few(
    family: Family, own_plans: Path
) -> None:
    (own_plans / "visits.yaml").write_text(SOME)
    path, kind = f"/cases/{family.child}/criteria", "eighteen-months-visit"

    unknown = await family.do(path, {"criterion": "bad-luck"})
    recorded = await family.do(path, {"criterion": "serious-loss"})
    again = await family.do(path, {"criterion": "serious-loss"})
    visit = (await family.visits())[kind]
    seen = {who: (await family.ask(who, f"/visits/{visit['id']}")).body for who in ("nurse", "leader")}
    alone = await family.do(f"/visits/{visit['id']}/held", {"on": await family.day()})
    ended = await family.do(f"/criteria/{recorded.body['id']}/end")
    lapsed = (await family.visits())[kind]["state"]
    await family.grant()
    await family.grant()

    assert unknown.problem == "the-criterion-is-not-one-of-the-municipality"
    assert (recorded.status, again.body) == (201, recorded.body)
    assert (seen["nurse"]["because"], seen["leader"]["because"]) == (["serious-loss"], None)
    assert alone.problem == "a-joint-visit-is-held-by-more-than-one"
    assert (ended.status, lapsed, (await family.visits())[kind]["state"]) == (200, "lapsed", "planned")
    criteria = (await family.ask("nurse", f"/cases/{family.child}/parent-health")).body["criteria"]
    assert [(it["recorded_by"], it["ended_at"] is None) for it in criteria] == [(str(family.seats["nurse"].professional), False)]


async def test_a_plan_that_takes_effect_for_all_plans_them_again_on_its_date_and_says_so(family: Family, own_plans: Path) -> None:
    later = await family.day(2)
    changed = (
        SOME
        + f"""
  - from_on: {later}
    applies_to: all-children
    contacts:
      - {{kind: first-visit, fboe: Etableringsbesøg, counts_from: birth, from_days: 5, until_days: 12}}
"""
    )
    (own_plans / "visits.yaml").write_text(changed)

    await family.heard.pass_days(1)
    before = await family.said()
    await family.heard.pass_days(1)
    await family.heard.pass_days(1)

    assert "visits_replanned" not in before
    (fact,) = await family.facts("visits_replanned")
    assert (fact["why"], len(fact["visits"])) == ("plan-changed", 6)
    after = await family.visits()
    assert after["first-visit"]["state"] == "planned"
    assert {it["state"] for kind, it in after.items() if kind != "first-visit"} == {"lapsed"}


async def test_a_child_that_moves_is_planned_for_by_the_plan_of_its_new_municipality(family: Family, own_plans: Path) -> None:
    there = own_plans.parent / ELSEWHERE
    there.mkdir()
    (there / "visits.yaml").write_text(SOME)
    unit = await family.heard.unit("sundhedspleje", municipality=ELSEWHERE)
    other = await family.heard.professional(unit, "sundhedspleje", municipality=ELSEWHERE)
    await family.screen("adbb", "child", 9)
    async with family.heard.world.store("sundhedspleje").transaction() as tx:
        await tx.execute("insert into municipality (code, closing_days) values ($1, '{}')", ELSEWHERE)

    seat = family.seats["nurse"].model_copy(update={"professional": other, "unit": unit})
    moved = TovholderChanged(
        child=family.child, municipality=ELSEWHERE, tovholder=seat, before=family.seats["nurse"], why="acceptance",
        since=await family.heard.world.now(),
    )  # fmt: skip
    await family.heard.tell(family.child, moved)
    await family.heard.pass_days(0)

    newcomer = family.heard.logged_in(other)
    seen = (await newcomer.get(f"/sundhedspleje/cases/{family.child}")).body["visits"]
    assert [it["kind"] for it in seen if it["state"] == "planned"] == ["first-visit"]
    assert (await family.facts("visits_replanned"))[-1]["why"] == "moved"
    assert len((await newcomer.get(f"/sundhedspleje/cases/{family.child}/screenings")).body["follow_ups"]) == 1
    assert (await family.ask("nurse", f"/cases/{family.child}")).status == 404


async def test_of_a_dead_child_nothing_is_granted_or_agreed_upon_and_the_store_refuses_it_too(family: Family) -> None:
    visit = (await family.visits())["maternity-visit"]["id"]
    await family.grant()
    await family.heard.tell(family.child, ChildDied(child=family.child, municipality=family.heard.municipality, died_on=None))

    window = {"from_on": await family.day(), "until_on": await family.day(3)}
    refused = [
        await family.do(f"/cases/{family.child}/need-visits", {**window, "reason": "feeding"}),
        await family.do(f"/visits/{visit}/window", window),
        await family.do(f"/cases/{family.child}/criteria", {"criterion": "serious-loss"}),
    ]

    assert {it.problem for it in refused} == {"the-child-is-no-more"}
    assert {it["state"] for it in (await family.visits()).values()} == {"lapsed"}
    assert (await family.ask("nurse", "/systematic-screenings?holder=me")).body["systematic"] == []
    await family.heard.tell(family.child, DeathUndone(child=family.child, municipality=family.heard.municipality))
    assert {it["state"] for it in (await family.visits()).values()} == {"planned"}
    assert len((await family.ask("nurse", "/systematic-screenings?holder=me")).body["systematic"]) == 1
    await family.heard.tell(family.child, ChildDied(child=family.child, municipality=family.heard.municipality, died_on=None))
    async with family.heard.world.store("sundhedspleje").connection() as connection:
        with pytest.raises(asyncpg.CheckViolationError, match="no more"):
            await connection.execute("update visit set state = 'planned' where id = $1", visit)


async def test_two_who_settle_a_visit_at_once_do_not_both_succeed(family: Family) -> None:
    visit = (await family.visits())["maternity-visit"]["id"]

    held_on = {"on": await family.day()}
    both = [("held", held_on), ("held", held_on), ("missed", None), ("missed", None)]

    answers = await asyncio.gather(*[family.do(f"/visits/{visit}/{act}", body) for act, body in both])

    held = [it for it in answers if it.status == 200]
    assert 1 <= len(held) <= 2, [it.body for it in answers]
    assert {it.problem for it in answers} - {None} == {"the-visit-is-settled"}
    assert (await family.said()).count("visit_held") == 1


async def test_what_is_overdue_is_said_once_however_often_and_by_however_many_the_clock_looks(family: Family) -> None:
    await family.grant()
    await family.heard.pass_days(9)
    runtime = family.heard.world.running.runtimes["sundhedspleje"]

    await asyncio.gather(*(ticks.overdue(runtime) for _ in range(3)))

    assert (await family.said()).count("need_visit_overdue") == 1
