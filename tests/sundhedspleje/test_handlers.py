"""What sundhedspleje does with what it hears, in whatever order and however often it comes."""

from datetime import date, timedelta
from uuid import UUID, uuid4

from services.chassis.service import Received
from services.events.envelope import Seat
from services.events.persons import ChildCorrected, ChildDied, DeathUndone, PregnancyEnded, ProtectionChanged
from services.events.registry import (
    CaseClosed,
    CaseMerged,
    CaseReopened,
    CaseSeparated,
    ChildBorn,
    ChildRegistered,
    SupporterJoined,
    SupporterLeft,
    TovholderChanged,
)
from services.sundhedspleje import handlers
from tests.support.heard import ELSEWHERE, Heard

NURSE = Seat(professional=uuid4(), unit=uuid4())


async def windows(heard: Heard, child: UUID) -> dict[str, tuple[date, str]]:
    """Kind of visit → first day and state."""
    rows = await heard.world.sql("sundhedspleje", "select kind, from_on, state from visit where child = $1", child)
    return {row["kind"]: (row["from_on"], row["state"]) for row in rows}


def born(heard: Heard, child: UUID, on: date | None) -> ChildBorn:
    return ChildBorn(child=child, municipality=heard.municipality, notification_id=None, born_on=on, order=1)


def corrected(heard: Heard, child: UUID, on: date | None, order: int = 1) -> ChildCorrected:
    return ChildCorrected(child=child, municipality=heard.municipality, born_on=on, order=order)


async def test_registration_opens_the_case_with_its_holder_and_plans_the_pregnancy_visit(heard: Heard) -> None:
    child = await heard.child(NURSE, due_on=await heard.today() + timedelta(days=120))

    (case,) = await heard.world.sql("sundhedspleje", "select holder, version from child_case where child = $1", child)
    assert (case["holder"], case["version"]) == (NURSE.professional, 2)
    assert await heard.world.events("sundhedspleje", str(child)) == ["visit_planned"]


async def test_birth_plans_the_visits_of_the_first_year_and_the_pregnancy_visit_falls_away(heard: Heard) -> None:
    child, today = await heard.child(NURSE), await heard.today()

    await heard.tell(child, born(heard, child, today))

    planned = await windows(heard, child)
    assert planned["pregnancy-visit"][1] == "lapsed"
    assert planned["maternity-visit"] == (today + timedelta(days=3), "planned")
    assert len(planned) == 7
    assert await heard.world.events("sundhedspleje", str(child)) == ["visit_planned", "visits_replanned", *["visit_planned"] * 6]


async def test_a_sibling_registered_at_birth_has_visits_of_its_own(heard: Heard) -> None:
    child = await heard.child(NURSE, status="born", sibling_of=uuid4(), order=2, born_on=await heard.today())

    assert len(await windows(heard, child)) == 6


async def test_a_corrected_birth_moves_the_visits_whether_it_is_heard_before_the_birth_or_after(heard: Heard) -> None:
    today = await heard.today()
    wrong, right = today - timedelta(days=1), today
    early, late = await heard.child(NURSE), await heard.child(NURSE)

    await heard.tell(early, corrected(heard, early, right))
    await heard.tell(early, born(heard, early, wrong))
    await heard.tell(late, born(heard, late, wrong))
    await heard.tell(late, corrected(heard, late, right))

    assert await windows(heard, early) == await windows(heard, late)
    assert (await windows(heard, early))["maternity-visit"][0] == right + timedelta(days=3)


async def test_a_correction_for_a_child_not_yet_registered_is_kept_until_it_is(heard: Heard) -> None:
    child, today = uuid4(), await heard.today()
    told = ChildRegistered(
        child=child,
        municipality=heard.municipality,
        notification_id=None,
        mother=None,
        order=1,
        status="born",
        sibling_of=None,
        born_on=today - timedelta(days=2),
    )

    await heard.tell(child, corrected(heard, child, today))
    before = await windows(heard, child)
    await heard.tell(child, told)

    assert before == {}
    assert (await windows(heard, child))["maternity-visit"][0] == today + timedelta(days=3)
    assert await heard.world.sql("sundhedspleje", "select from kept") == []
    assert await heard.world.sql("sundhedspleje", "select from dead_letter") == []


async def test_neither_a_correction_of_the_order_alone_nor_the_protection_of_a_name_or_address_moves_a_visit(
    heard: Heard,
) -> None:
    birthday = await heard.today() - timedelta(days=8)
    child = await heard.child(NURSE, status="born", born_on=birthday)
    said = await heard.world.events("sundhedspleje", str(child))

    await heard.pass_days(1)
    await heard.tell(child, corrected(heard, child, birthday, order=2))
    await heard.tell(child, ProtectionChanged(person=child, municipality=heard.municipality, protected=True))

    (case,) = await heard.world.sql("sundhedspleje", "select birth_order from child_case where child = $1", child)
    assert case["birth_order"] == 2
    assert await heard.world.events("sundhedspleje", str(child)) == said


async def test_what_is_heard_twice_or_late_changes_nothing(heard: Heard) -> None:
    child, now, today = await heard.child(NURSE), await heard.world.now(), await heard.today()
    birth = born(heard, child, today)
    registered = ChildRegistered(
        child=child,
        municipality=heard.municipality,
        notification_id=None,
        mother=None,
        order=1,
        status="expected",
        sibling_of=None,
    )
    late = TovholderChanged(
        child=child,
        municipality=heard.municipality,
        tovholder=Seat(professional=uuid4(), unit=uuid4()),
        before=None,
        why="override",
        since=now,
    )
    await heard.tell(child, birth)
    look = "select c.*, v.* from child_case c join visit v using (child) order by v.id"
    before, said = await heard.world.sql("sundhedspleje", look), await heard.world.events("sundhedspleje", str(child))

    async with heard.world.store("sundhedspleje").transaction() as tx:
        await handlers.open_case(Received(registered, "again", child, 1, now), tx)
        await handlers.follow_baton(Received(late, "late", child, 2, now), tx)
        await handlers.plan_after_birth(Received(birth, "again", child, 3, now), tx)

    assert await heard.world.sql("sundhedspleje", look) == before
    assert await heard.world.events("sundhedspleje", str(child)) == said


async def test_a_supporter_sees_the_case_as_long_as_they_support(heard: Heard) -> None:
    team = await heard.unit("social")
    helper = await heard.professional(team, "social")
    child, seat = await heard.child(NURSE), Seat(professional=helper, unit=team)
    joined = SupporterJoined(child=child, municipality=heard.municipality, supporter=seat, role="team", until_on=None)

    await heard.tell(child, joined)
    during = await heard.logged_in(helper).get(f"/sundhedspleje/cases/{child}")
    await heard.tell(child, SupporterLeft(child=child, municipality=heard.municipality, supporter=seat))
    after = await heard.logged_in(helper).get(f"/sundhedspleje/cases/{child}")

    assert (during.status, after.status) == (200, 404)
    assert "mother" not in during.body or during.body["mother"] is None


async def states(heard: Heard, child: UUID) -> set[str]:
    return {state for _, state in (await windows(heard, child)).values()}


async def test_a_death_stops_every_visit_at_once_and_undone_what_is_ahead_is_planned_again(heard: Heard) -> None:
    today, code = await heard.today(), heard.municipality
    child = await heard.child(NURSE, status="born", born_on=today)
    before = await windows(heard, child)

    await heard.tell(child, ChildDied(child=child, municipality=code, died_on=today))
    stopped = await states(heard, child)
    await heard.tell(child, DeathUndone(child=child, municipality=code))

    assert stopped == {"lapsed"}
    assert await windows(heard, child) == before
    assert (await heard.world.events("sundhedspleje", str(child)))[-2:] == ["visits_replanned"] * 2


async def test_nothing_is_planned_for_an_ended_pregnancy_whatever_is_heard_afterwards(heard: Heard) -> None:
    child, today = await heard.child(NURSE), await heard.today()
    await heard.tell(child, PregnancyEnded(child=child, municipality=heard.municipality, ended_on=today))

    await heard.tell(child, born(heard, child, today))
    await heard.tell(child, corrected(heard, child, today - timedelta(days=1)))

    assert await states(heard, child) == {"lapsed"}
    assert len(await windows(heard, child)) == 1


async def test_a_death_heard_before_the_child_leaves_no_visit_standing(heard: Heard) -> None:
    child, code = uuid4(), heard.municipality
    await heard.tell(child, ChildDied(child=child, municipality=code, died_on=None))

    registered = ChildRegistered(
        child=child, municipality=code, notification_id=None, mother=None, order=1, status="born", sibling_of=None
    )
    await heard.tell(child, registered)

    assert await states(heard, child) == {"lapsed"}


async def test_a_closed_case_has_no_holder_and_no_visit_ahead_and_a_reopened_one_has_both(heard: Heard) -> None:
    team = await heard.unit("sundhedspleje")
    nurse, leader = await heard.professional(team, "sundhedspleje"), await heard.professional(team, "sundhedspleje", leads=True)
    seat, code = Seat(professional=nurse, unit=team), heard.municipality
    child = await heard.child(seat, status="born", born_on=await heard.today())
    before = await windows(heard, child)

    await heard.tell(child, CaseClosed(child=child, municipality=code, reason="settled", last=seat, by=nurse))
    closed = await states(heard, child)
    seen = [(await heard.logged_in(one).get(f"/sundhedspleje/cases/{child}")).status for one in (nurse, leader)]
    listed = (await heard.logged_in(nurse).get("/sundhedspleje/cases?holder=me")).body["cases"]
    changed = TovholderChanged(
        child=child, municipality=code, tovholder=seat, before=None, why="reopening", since=await heard.world.now()
    )
    await heard.tell(child, CaseReopened(child=child, municipality=code, episode=2, by=leader), changed)

    assert (closed, seen, listed) == ({"lapsed"}, [404, 200], [])
    assert await windows(heard, child) == before
    assert (await heard.logged_in(nurse).get(f"/sundhedspleje/cases/{child}")).body["status"] == "born"


async def test_the_files_of_two_references_that_are_one_child_are_linked_until_they_are_separated(heard: Heard) -> None:
    team, code = await heard.unit("sundhedspleje"), heard.municipality
    nurse = Seat(professional=await heard.professional(team, "sundhedspleje"), unit=team)
    survivor, merged = await heard.child(nurse), await heard.child(NURSE)

    await heard.tell(
        merged,
        CaseMerged(child=merged, merged_into=survivor, municipality=code),
        CaseClosed(child=merged, municipality=code, reason="merged", last=NURSE, by=None),
    )
    kept = (await heard.logged_in(nurse.professional).get(f"/sundhedspleje/cases/{survivor}")).body
    gone = await heard.logged_in(nurse.professional).get(f"/sundhedspleje/cases/{merged}")
    await heard.tell(merged, CaseSeparated(child=merged, separated_from=survivor, municipality=code))

    assert kept["linked"] == [str(merged)]
    assert (gone.status, gone.body["merged_into"], gone.body["status"]) == (200, str(survivor), "closed")
    assert (await heard.logged_in(nurse.professional).get(f"/sundhedspleje/cases/{merged}")).status == 404


async def test_a_child_that_has_moved_takes_its_file_along(heard: Heard) -> None:
    there = await heard.unit("sundhedspleje", municipality=ELSEWHERE)
    new = Seat(professional=await heard.professional(there, "sundhedspleje", municipality=ELSEWHERE), unit=there)
    child = await heard.child(NURSE, status="born", born_on=await heard.today())

    changed = TovholderChanged(
        child=child, municipality=ELSEWHERE, tovholder=new, before=NURSE, why="acceptance", since=await heard.world.now()
    )
    await heard.tell(child, changed)

    seen = await heard.logged_in(new.professional).get(f"/sundhedspleje/cases/{child}")
    assert (seen.status, len(seen.body["visits"])) == (200, 6)
