"""What daycare does with what it hears and with the date; the same again, or late, changes nothing."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.chassis.service import Received
from services.daycare import handlers
from services.events.envelope import Seat
from services.events.persons import ChildDied, DeathUndone
from services.events.registry import CaseClosed, CaseMerged, ChildBorn, ClosingReason, TovholderChanged
from services.events.sundhedspleje import OverleveringGiven
from tests.support.heard import Heard


async def planned(heard: Heard, days: int = 30, status: str = "born") -> tuple[UUID, UUID, UUID, UUID]:
    """(nurse, child, unit, start) of a start that the tovholder has planned."""
    team, institution = await heard.unit("sundhedspleje"), await heard.unit("institution")
    nurse = await heard.professional(team, "sundhedspleje")
    child = await heard.child(Seat(professional=nurse, unit=team), status=status)
    starts_on = (await heard.today() + timedelta(days=days)).isoformat()
    answer = await heard.logged_in(nurse).post(
        "/daycare/starts", {"child": str(child), "unit": str(institution), "starts_on": starts_on}
    )
    assert answer.status == 201, answer.body
    return nurse, child, institution, UUID(answer.body["id"])


async def given(heard: Heard, child: UUID, unit: UUID, start: UUID | None) -> OverleveringGiven:
    return OverleveringGiven(
        overlevering=uuid4(),
        child=child,
        municipality=heard.municipality,
        to_unit=unit,
        start=start,
        basis="consent",
        categories=["health"],
        withheld=[],
        given_by=uuid4(),
        given_at=await heard.world.now(),
    )


async def test_an_overlevering_for_the_start_prepares_the_transition_and_a_second_one_changes_nothing(heard: Heard) -> None:
    nurse, child, unit, start = await planned(heard)
    first = await given(heard, child, unit, start)

    await heard.tell(child, first)
    await heard.tell(child, await given(heard, child, unit, start))

    seen = (await heard.logged_in(nurse).get(f"/daycare/starts/{start}")).body
    assert (seen["state"], seen["overlevering"]) == ("prepared", str(first.overlevering))
    assert await heard.world.events("daycare", str(child)) == ["start_planned", "transition_prepared", "transition_item_settled"]


async def test_an_overlevering_without_a_start_is_none_of_daycare_s(heard: Heard) -> None:
    _, child, unit, _ = await planned(heard)

    await heard.tell(child, await given(heard, child, unit, None))

    assert await heard.world.events("daycare", str(child)) == ["start_planned"]
    assert await heard.world.sql("daycare", "select from dead_letter") == []


async def test_an_overlevering_for_another_child_s_start_is_laid_aside_for_a_person_to_see(heard: Heard) -> None:
    _, child, unit, start = await planned(heard)
    other = uuid4()

    await heard.tell(other, await given(heard, other, unit, start))

    assert len(await heard.world.sql("daycare", "select from dead_letter")) == 1
    assert await heard.world.events("daycare", str(child)) == ["start_planned"]


async def test_on_the_date_the_child_has_started_and_only_once(heard: Heard) -> None:
    nurse, child, _, start = await planned(heard, days=30)

    await heard.pass_days(29)
    before = (await heard.logged_in(nurse).get(f"/daycare/starts/{start}")).body["state"]
    await heard.pass_days(1)
    await heard.pass_days(1)

    assert before == "planned"
    assert (await heard.logged_in(nurse).get(f"/daycare/starts/{start}")).body["state"] == "started"
    assert await heard.world.events("daycare", str(child)) == ["start_planned", "transition_incomplete", "child_started"]


async def test_a_child_not_yet_born_does_not_start_until_it_is(heard: Heard) -> None:
    _, child, _, _ = await planned(heard, days=0, status="expected")

    await heard.pass_days(1)
    before = await heard.world.events("daycare", str(child))
    born = ChildBorn(child=child, municipality=heard.municipality, notification_id=None, born_on=await heard.today(), order=1)
    await heard.tell(child, born)
    await heard.pass_days(0)

    assert before == ["start_planned"]
    assert await heard.world.events("daycare", str(child)) == ["start_planned", "child_started"]


async def test_a_new_tovholder_plans_and_the_former_no_longer_does(heard: Heard) -> None:
    former, child, _, start = await planned(heard)
    team = await heard.unit("sundhedspleje")
    new = await heard.professional(team, "sundhedspleje")

    changed = TovholderChanged(
        child=child,
        municipality=heard.municipality,
        tovholder=Seat(professional=new, unit=team),
        before=None,
        why="acceptance",
        since=await heard.world.now(),
    )
    await heard.tell(child, changed)

    assert (await heard.logged_in(former).get(f"/daycare/starts/{start}")).status == 404
    assert (await heard.logged_in(new).post(f"/daycare/starts/{start}/cancellation", {"cause": "family"})).status == 200


async def test_what_is_heard_twice_or_late_changes_nothing(heard: Heard) -> None:
    _, child, unit, start = await planned(heard)
    now, old = await heard.world.now(), Seat(professional=uuid4(), unit=uuid4())
    late = TovholderChanged(child=child, municipality=heard.municipality, tovholder=old, before=None, why="override", since=now)
    once = await given(heard, child, unit, start)
    look = "select c.*, s.state, s.overlevering from child c join start s on s.child = c.id"
    await heard.tell(child, once)
    before = await heard.world.sql("daycare", look)

    async with heard.world.store("daycare").transaction() as tx:
        await handlers.follow_baton(Received(late, "late", child, 1, now), tx)
        await handlers.prepare_transition(Received(once, "again", child, 1, now), tx)

    assert await heard.world.sql("daycare", look) == before
    assert await heard.world.events("daycare", str(child)) == ["start_planned", "transition_prepared", "transition_item_settled"]


async def test_a_dead_child_neither_starts_nor_is_planned_for_and_undone_it_does(heard: Heard) -> None:
    nurse, child, unit, start = await planned(heard, days=2)
    await heard.tell(child, ChildDied(child=child, municipality=heard.municipality, died_on=None))

    await heard.pass_days(3)
    stands = (await heard.logged_in(nurse).get(f"/daycare/starts/{start}")).body["state"]
    await heard.logged_in(nurse).post(f"/daycare/starts/{start}/cancellation", {"cause": "error"})
    body = {"child": str(child), "unit": str(unit), "starts_on": str(await heard.today())}
    refused = await heard.logged_in(nurse).post("/daycare/starts", body)
    await heard.tell(child, DeathUndone(child=child, municipality=heard.municipality))
    allowed = await heard.logged_in(nurse).post("/daycare/starts", body)

    assert (stands, refused.problem, allowed.status) == ("planned", "the-child-is-no-more", 201)


@pytest.mark.parametrize(("reason", "state"), [("moved-abroad", "cancelled"), ("died", "cancelled"), ("settled", "planned")])
async def test_a_case_that_closes_because_the_child_will_not_come_takes_the_open_start_along(
    heard: Heard, reason: ClosingReason, state: str
) -> None:
    nurse, child, unit, start = await planned(heard)
    last = Seat(professional=nurse, unit=unit)

    await heard.tell(child, CaseClosed(child=child, municipality=heard.municipality, reason=reason, last=last, by=nurse))

    (row,) = await heard.world.sql("daycare", "select state from start where id = $1", start)
    assert row["state"] == state
    assert (await heard.logged_in(nurse).get(f"/daycare/starts/{start}")).status == 404


async def test_a_merged_reference_s_start_goes_on_with_the_child_it_turned_out_to_be(heard: Heard) -> None:
    _, merged, _, start = await planned(heard, days=1)
    nurse, survivor, _, own = await planned(heard, days=1)
    await heard.logged_in(nurse).post(f"/daycare/starts/{own}/cancellation", {"cause": "family"})

    await heard.tell(merged, CaseMerged(child=merged, merged_into=survivor, municipality=heard.municipality))
    await heard.pass_days(1)

    seen = (await heard.logged_in(nurse).get(f"/daycare/starts/{start}")).body
    assert (seen["child"], seen["state"]) == (str(survivor), "started")
    assert (await heard.world.events("daycare", str(survivor)))[-2:] == ["start_planned", "child_started"]


async def test_of_two_open_starts_of_one_child_the_survivors_stands(heard: Heard) -> None:
    _, merged, _, start = await planned(heard)
    _, survivor, _, own = await planned(heard)

    await heard.tell(merged, CaseMerged(child=merged, merged_into=survivor, municipality=heard.municipality))

    rows = await heard.world.sql("daycare", "select id, state, cause from start order by id")
    assert {row["id"]: (row["state"], row["cause"]) for row in rows} == {
        start: ("cancelled", "case-closed"),
        own: ("planned", None),
    }
