"""What daycare does with what it hears and with the date; the same again, or late, changes nothing."""

from datetime import timedelta
from uuid import UUID, uuid4

from services.chassis.service import Received
from services.daycare import handlers
from services.events.envelope import Seat
from services.events.registry import ChildBorn, TovholderChanged
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
    assert await heard.world.events("daycare", str(child)) == ["start_planned", "transition_prepared"]


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
    assert await heard.world.events("daycare", str(child)) == ["start_planned", "child_started"]


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
    assert await heard.world.events("daycare", str(child)) == ["start_planned", "transition_prepared"]
