"""The date of a handover is moved, cancelled, and checked again on the day; over HTTP, on the bus and by the clock."""

from datetime import date, timedelta
from uuid import UUID, uuid4

from services.events.daycare import StartCancelled, StartMoved
from services.events.envelope import Seat
from tests.registry.settled import Municipality
from tests.support.world import Answer


async def _day(town: Municipality, days: int) -> date:
    return await town.heard.today() + timedelta(days=days)


async def _scheduled(town: Municipality, day: date) -> tuple[UUID, str]:
    child, handover = await town.offered(town.pedagogue, effective_on=day.isoformat())
    answer = await town.as_(town.pedagogue).post(f"/registry/handovers/{handover}/acceptance")
    assert answer.body["state"] == "scheduled"
    return child, handover


async def _reschedule(town: Municipality, handover: str, by: Seat, day: date) -> Answer:
    return await town.as_(by).post(f"/registry/handovers/{handover}/rescheduling", {"effective_on": day.isoformat()})


def _moved(town: Municipality, child: UUID, before: date, to: date) -> StartMoved:
    return StartMoved(
        start=uuid4(), child=child, municipality=town.heard.municipality, unit=town.pedagogue.unit, starts_on=to, before=before
    )


async def test_a_date_the_giver_moves_is_confirmed_again_by_the_receiver(town: Municipality) -> None:
    day, later = await _day(town, 20), await _day(town, 30)
    child, handover = await _scheduled(town, day)

    moved = await _reschedule(town, handover, town.lead, later)
    await town.pass_days(21)
    before = await town.tovholder(child)
    again = await town.as_(town.pedagogue).post(f"/registry/handovers/{handover}/acceptance")
    await town.pass_days(10)

    assert (moved.status, moved.body["state"], moved.body["effective_on"]) == (200, "proposed", later.isoformat())
    assert before == str(town.lead.professional)
    assert again.body["state"] == "scheduled"
    assert await town.tovholder(child) == str(town.pedagogue.professional)
    said = await town.said(child)
    assert said[said.index("handover_rescheduled") :][:2] == ["handover_rescheduled", "supporter_left"]


async def test_a_date_the_receiver_moves_stands_at_once(town: Municipality) -> None:
    child, handover = await _scheduled(town, await _day(town, 20))

    moved = await _reschedule(town, handover, town.pedagogue, await _day(town, 5))
    early = await town.tovholder(child)
    await town.pass_days(5)

    assert (moved.status, moved.body["state"]) == (200, "scheduled")
    assert early == str(town.lead.professional)
    assert await town.tovholder(child) == str(town.pedagogue.professional)


async def test_only_giver_proposer_and_receiver_move_a_date_and_never_into_the_past(town: Municipality) -> None:
    day = await _day(town, 20)
    child, handover = await _scheduled(town, day)
    version = (await town.read(child))["version"]

    stranger = await _reschedule(town, handover, town.nurse, day)
    leader = await _reschedule(town, handover, town.chief, day)
    past = await _reschedule(town, handover, town.lead, await _day(town, -1))
    same = await _reschedule(town, handover, town.lead, day)

    assert (stranger.status, leader.status) == (404, 403)
    assert leader.problem == "only-the-giver-the-proposer-or-the-receiver-may-reschedule"
    assert (past.status, past.problem) == (409, "the-effect-date-has-passed")
    assert (same.status, same.body["state"]) == (200, "scheduled")
    assert (await town.read(child))["version"] == version


async def test_a_receiver_who_has_not_accepted_moves_no_date_and_a_closed_handover_has_none(town: Municipality) -> None:
    _, handover = await town.offered(town.pedagogue, effective_on=(await _day(town, 20)).isoformat())
    asked = await _reschedule(town, handover, town.pedagogue, await _day(town, 25))
    await town.as_(town.pedagogue).post(f"/registry/handovers/{handover}/refusal", {"reason": "at-capacity"})

    closed = await _reschedule(town, handover, town.lead, await _day(town, 25))

    assert (asked.status, asked.problem) == (409, "the-proposal-names-another-date")
    assert (closed.status, closed.problem) == (409, "the-handover-is-no-longer-open")


async def test_a_moved_start_moves_the_handover_and_the_receiver_confirms_again(town: Municipality) -> None:
    day, later = await _day(town, 20), await _day(town, 40)
    child, handover = await _scheduled(town, day)

    await town.heard.tell(child, _moved(town, child, day, later))
    await town.heard.tell(child, _moved(town, child, day, later))

    read = (await town.read(child))["handover"]
    assert (read["state"], read["effective_on"]) == ("proposed", later.isoformat())
    assert (await town.said(child)).count("handover_rescheduled") == 1
    await town.as_(town.pedagogue).post(f"/registry/handovers/{handover}/acceptance")
    await town.pass_days(21)
    assert await town.tovholder(child) == str(town.lead.professional)
    await town.pass_days(20)
    assert await town.tovholder(child) == str(town.pedagogue.professional)


async def test_a_moved_start_leaves_handovers_to_others_and_undated_ones_alone(town: Municipality) -> None:
    day = await _day(town, 20)
    to_another, _ = await town.offered(town.nurse, effective_on=day.isoformat())
    undated, _ = await town.offered(town.pedagogue)

    for child in (to_another, undated):
        await town.heard.tell(child, _moved(town, child, day, await _day(town, 30)))

    assert (await town.read(to_another))["handover"]["effective_on"] == day.isoformat()
    assert (await town.read(undated))["handover"]["effective_on"] is None
    assert await town.world.dead_letters() == []


async def test_a_moved_date_buys_no_time_for_an_answer_that_was_due(town: Municipality) -> None:
    child, handover = await town.offered(town.pedagogue, effective_on=(await _day(town, 20)).isoformat())
    due = (await town.read(child))["handover"]["due_at"]

    await _reschedule(town, handover, town.lead, await _day(town, 60))

    assert (await town.read(child))["handover"]["due_at"] == due


async def test_a_scheduled_handover_is_cancelled_by_giver_receiver_start_and_departure(town: Municipality) -> None:
    day = await _day(town, 20)
    by_giver, by_receiver, by_start, by_departure = [await _scheduled(town, day) for _ in range(4)]
    cancelled = StartCancelled(
        start=uuid4(), child=by_start[0], municipality=town.heard.municipality, unit=town.pedagogue.unit, starts_on=day,
        cause="placement",
    )  # fmt: skip

    await town.as_(town.lead).post(f"/registry/handovers/{by_giver[1]}/withdrawal")
    await town.as_(town.pedagogue).post(f"/registry/handovers/{by_receiver[1]}/refusal", {"reason": "at-capacity"})
    await town.heard.tell(by_start[0], cancelled)
    await town.leaves(town.pedagogue)
    await town.pass_days(21)

    ends = {}
    for child, handover in (by_giver, by_receiver, by_start, by_departure):
        rows = await town.world.sql("registry", "select state, cause from handover where id = $1", UUID(handover))
        ends[child] = tuple(rows[0])
        assert await town.tovholder(child) == str(town.lead.professional)
        assert (await town.said(child))[-1] == "supporter_left"
    assert list(ends.values()) == [
        ("withdrawn", "proposer"), ("declined", None), ("withdrawn", "start-cancelled"), ("withdrawn", "receiver-left"),
    ]  # fmt: skip
