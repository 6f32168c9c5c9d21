"""Two who act at once: one wins, its events are said once, and whoever loses learns who holds the baton now."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.events.directory import HeldSeat, ProfessionalJoined
from services.events.envelope import Seat
from services.events.persons import IdentifiedChild
from tests.registry.settled import Municipality
from tests.support.world import Answer

Race = Callable[[Municipality, UUID, str], Awaitable[Any]]

BROKEN = """
select c.id from child c where c.open_end is not null and 1 <> (
  select count(*) from assignment a join seat s using (professional, unit)
  where a.child_id = c.id and a.episode = c.episode and a.finished_at = 'infinity' and s.open)
union all select child_id from (
  select child_id, started_at, lag(finished_at) over (partition by child_id, episode order by seq) as ended
  from assignment) x where ended <> started_at
union all select c.id from child c where c.version <> (select count(*) from ledger where subject = c.id)
union all select h.child_id from handover h join seat s on s.professional = h.receiver and s.unit = h.receiver_unit
  where h.state in ('proposed', 'scheduled') and not s.open
"""
_ENDS = ("handover_effected", "handover_declined", "handover_withdrawn", "handover_superseded")


async def _nothing_is_broken(town: Municipality) -> None:
    assert await town.world.sql("registry", BROKEN) == []
    assert await town.world.dead_letters() == []


async def _deputies(town: Municipality, count: int) -> list[Seat]:
    """So many who may answer for the nurse, each for themselves."""
    found = []
    for _ in range(count):
        person = await town.heard.professional(town.nurse.unit, "sundhedspleje")
        await town.heard.absence(town.nurse.professional, Seat(professional=person, unit=town.nurse.unit), days=3)
        found.append(Seat(professional=person, unit=town.nurse.unit))
    return found


async def _accepts(town: Municipality, child: UUID, handover: str) -> Answer:
    return await town.as_(town.nurse).post(f"/registry/handovers/{handover}/acceptance")


async def _declines(town: Municipality, child: UUID, handover: str) -> Answer:
    return await town.as_(town.nurse).post(f"/registry/handovers/{handover}/refusal", {"reason": "at-capacity"})


async def _withdraws(town: Municipality, child: UUID, handover: str) -> Answer:
    return await town.as_(town.lead).post(f"/registry/handovers/{handover}/withdrawal")


async def _overrides(town: Municipality, child: UUID, handover: str) -> Answer:
    body = {"to": town.colleague.model_dump(mode="json"), "reason": "conflict"}
    return await town.as_(town.chief).post(f"/registry/children/{child}/override", body)


async def _ticks(town: Municipality, child: UUID, handover: str) -> None:
    await town.tick()


async def _leaves(town: Municipality, child: UUID, handover: str) -> None:
    await town.leaves(town.nurse)
    await town.tick()


async def _is_born(town: Municipality, child: UUID, handover: str) -> None:
    await town.identified(IdentifiedChild(child=child, order=1, status="born", new=False))


async def test_of_fifty_answers_at_once_one_wins_and_the_others_learn_who_holds_the_baton(town: Municipality) -> None:
    child, handover = await town.offered(town.nurse)
    answers: list[Coroutine[Any, Any, Answer]] = []
    for number in range(50):
        act = (_accepts, _declines, _withdraws)[number % 3]
        answers.append(act(town, child, handover))
    random.Random(50).shuffle(answers)

    came = await asyncio.gather(*answers)

    won = [answer for answer in came if answer.status == 200]
    lost = [answer for answer in came if answer.status != 200]
    assert len(won) == 1
    assert {answer.status for answer in lost} == {409}, Counter((answer.status, answer.problem) for answer in lost)
    now = await town.read(child)
    for answer in lost:
        assert answer.body["tovholder"]["professional"] == now["tovholder"]["professional"]
        assert answer.body["version"] == now["version"]
    said = await town.said(child)
    assert sum(said.count(end) for end in _ENDS) == 1
    await _nothing_is_broken(town)


async def test_of_ten_deputies_who_accept_at_once_one_becomes_tovholder(town: Municipality) -> None:
    child, handover = await town.offered(town.nurse)
    deputies = await _deputies(town, 10)

    came = await asyncio.gather(
        *(town.as_(deputy).post(f"/registry/handovers/{handover}/acceptance") for deputy in deputies for _ in range(2))
    )

    won = [answer for answer in came if answer.status == 200]
    assert len(won) == 1
    assert (await town.said(child)).count("handover_accepted") == 1
    assert await town.tovholder(child) == won[0].body["tovholder"]["professional"]
    await _nothing_is_broken(town)


@pytest.mark.parametrize("other", [_withdraws, _declines, _overrides, _is_born, _ticks, _leaves])
async def test_an_acceptance_and_whatever_else_happens_at_once(town: Municipality, other: Race) -> None:
    for play in range(6):
        child, handover = await town.offered(town.nurse)
        if other is _ticks:
            # Overdue since long: the clock is to put it to a leader.
            await town.move_clock(timedelta(days=20))
        first, second = (_accepts, other) if play % 2 else (other, _accepts)

        came = await asyncio.gather(first(town, child, handover), second(town, child, handover))

        answers = [answer for answer in came if isinstance(answer, Answer)]
        accepted = next(answer for answer in answers if answer.body.get("state") == "effected" or answer.status >= 400)
        assert accepted.status in (200, 409), accepted.body
        said, now = await town.said(child), await town.read(child)
        assert sum(said.count(end) for end in _ENDS) == 1
        for answer in answers:
            # Nothing moves the baton after somebody has lost: what the loser was told is what stands.
            if answer.status == 409:
                assert answer.body["tovholder"]["professional"] == now["tovholder"]["professional"]
        if accepted.status == 200 and other in (_withdraws, _declines):
            assert now["tovholder"]["professional"] == str(town.nurse.professional)
        await _nothing_is_broken(town)
        if other is _leaves:
            assert now["tovholder"]["professional"] != str(town.nurse.professional) or (await _left(town)) is False
            await _returns(town)


async def _left(town: Municipality) -> bool:
    rows = await town.world.sql("registry", "select open from seat where professional = $1", town.nurse.professional)
    return not any(row["open"] for row in rows)


async def _returns(town: Municipality) -> None:
    """Whoever is still leaving is emptied, and begins again."""
    for _ in range(3):
        await town.tick()
    told = ProfessionalJoined(
        professional=town.nurse.professional, municipality=town.heard.municipality, issuer=town.world.issuer.url,
        login=str(town.nurse.professional), seats=[HeldSeat(unit=town.nurse.unit, unit_kind="sundhedspleje")],
    )  # fmt: skip
    await town.heard.tell(town.nurse.professional, told)


@pytest.mark.parametrize("other", [_withdraws, _declines, _overrides])
async def test_its_date_comes_while_a_scheduled_handover_is_ended(town: Municipality, other: Race) -> None:
    for _ in range(4):
        day = await town.heard.today() + timedelta(days=1)
        child, handover = await town.offered(town.nurse, effective_on=day.isoformat())
        assert (await _accepts(town, child, handover)).body["state"] == "scheduled"
        await town.move_clock(timedelta(days=1))

        answer, _ = await asyncio.gather(other(town, child, handover), town.tick())

        said, now = await town.said(child), await town.read(child)
        assert sum(said.count(end) for end in _ENDS) == 1
        if answer.status == 200 and other is not _overrides:
            assert now["tovholder"]["professional"] == str(town.lead.professional)
        await _nothing_is_broken(town)


async def test_a_departure_and_much_else_at_once_leave_nobody_with_someone_who_has_left(town: Municipality) -> None:
    offers = [await town.offered(town.nurse) for _ in range(6)]
    held = [await town.held(town.nurse) for _ in range(4)]
    chance = random.Random(11)

    async def give_away(child: UUID) -> Answer:
        return await town.propose(child, town.colleague, by=town.nurse)

    acts: list[Coroutine[Any, Any, Any]] = [_accepts(town, child, handover) for child, handover in offers]
    acts += [give_away(child) for child in held] + [_overrides(town, child, "") for child in held[:2]]
    acts += [town.tick() for _ in range(2)]
    chance.shuffle(acts)
    came = await asyncio.gather(*acts[:5], town.leaves(town.nurse), *acts[5:])
    for _ in range(4):
        await town.tick()

    assert {answer.status for answer in came if isinstance(answer, Answer)} <= {200, 201, 403, 404, 409}
    assert await _left(town)
    holders = [await town.tovholder(child) for child in [*held, *(child for child, _ in offers)]]
    assert str(town.nurse.professional) not in holders
    assert await town.world.events("registry", str(town.nurse.professional)) == ["professional_released"]
    await _nothing_is_broken(town)
