"""A programme that is through asks the institution that goes on for a plusplads: a task until it is reserved or declined."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.daycare.domain import Asker
from services.daycare.domain.asked import (
    Asked,
    ItIsAnsweredAlready,
    OnlyWhoLeadsTheUnitOrPlacesChildrenAnswers,
    decline,
    may_answer,
    reserve,
    run_out,
)
from services.daycare.ticks import put_unanswered_pluspladser_to_a_leader
from services.events.daycare import PlusPladsOverdue
from services.events.directory import UnitChanged
from services.events.envelope import Seat
from services.events.persons import ChildDied
from services.events.registry import CaseClosed, CaseMerged
from services.events.sundhedspleje import PlusPladsAsked
from tests.daycare.test_places_and_transitions import House, house  # noqa: F401 - a fixture

UNIT = uuid4()
ASKED = Asked(uuid4(), uuid4(), "0990", UNIT, "familietraening", "cos-p", date(2026, 3, 9))
LEADER, COLLEAGUE = Asker(uuid4(), frozenset({UNIT}), frozenset({UNIT})), Asker(uuid4(), frozenset({UNIT}))


def test_a_leader_of_the_institution_the_tovholder_or_the_placement_office_answers_and_only_once() -> None:
    may_answer(LEADER, {"daycare"}, ASKED, private=False)
    for related in ({"holder"}, {"deputy"}, {"placement"}):
        may_answer(COLLEAGUE, related, ASKED, private=True)
    for asker, private in ((COLLEAGUE, False), (LEADER, True)):
        with pytest.raises(OnlyWhoLeadsTheUnitOrPlacesChildrenAnswers):
            may_answer(asker, {"daycare", "supporter", "leader"}, ASKED, private)
    ended = (decline(ASKED, "none-is-free", None).asked, reserve(ASKED, uuid4(), None).asked, replace(ASKED, state="lapsed"))
    for answered in ended:
        with pytest.raises(ItIsAnsweredAlready):
            decline(answered, "other", None)
        with pytest.raises(ItIsAnsweredAlready):
            reserve(answered, uuid4(), None)


async def ask(house: House, child: UUID, method: str = "cos-p") -> str:  # noqa: F811
    enrolment = uuid4()
    asked = PlusPladsAsked(
        enrolment=enrolment, child=child, municipality=house.heard.municipality, programme="familietraening", unit=house.unit,
        method=method,
    )  # fmt: skip
    for _ in range(2):
        await house.heard.tell(child, asked)
    return str(enrolment)


async def test_what_a_programme_asks_for_is_the_institutions_task_until_it_is_reserved_or_declined(house: House) -> None:  # noqa: F811
    leader, nurse, pedagogue = house.as_(house.leader), house.as_(house.nurse), house.as_(house.pedagogue)
    path = "/daycare/asked-pluspladser"
    one, two, three, four = [await house.child() for _ in range(4)]
    await house.office.post("/daycare/settings", {"from_on": await house.day(0), "baton": "moves", "plusplads_days": 3})
    first, second = await ask(house, one), await ask(house, two)

    async def listed(who: Any, query: str) -> list[str]:
        return sorted(it["id"] for it in (await who.get(f"{path}?{query}")).body["asked"])

    stranger = house.as_(await house.heard.professional(await house.heard.unit("social"), "social"))
    before = [
        await listed(who, query) for who, query in ((leader, "of=led"), (nurse, "of=me"), (pedagogue, f"unit={house.unit}"))
    ]
    unseen = [*await listed(stranger, f"unit={house.unit}"), *await listed(stranger, "of=municipality")]
    everywhere = (await house.office.get(f"{path}?of=municipality")).body["asked"]
    seen = [(await who.get(f"{path}/{first}")).status for who in (leader, nurse, pedagogue, house.office, stranger)]
    refused = [(await who.post(f"{path}/{first}/reservation", {})).status for who in (pedagogue, stranger)]

    # The leader reserves it for one child; there is none for the other, and she says so.
    reserved = await leader.post(f"{path}/{first}/reservation", {}, key="once")
    again = await leader.post(f"{path}/{first}/reservation", {}, key="once")
    twice = await leader.post(f"{path}/{first}/refusal", {"reason": "other"})
    full = await leader.post(f"{path}/{second}/reservation", {})
    declined = await leader.post(f"{path}/{second}/refusal", {"reason": "none-is-free"})

    assert before == [sorted((first, second))] * 3
    assert (unseen, refused) == ([], [403, 404])
    # The placement office sees all; each has its last day by the municipality's own setting.
    assert {(it["id"], it["due_on"]) for it in everywhere} == {(first, await house.day(3)), (second, await house.day(3))}
    assert seen == [200, 200, 200, 200, 404]
    assert (reserved.status, again.body) == (200, reserved.body)
    board = (await nurse.get(f"/daycare/plusplads/{reserved.body['holding']}")).body
    assert (board["child"], board["method"], board["state"]) == (str(one), "cos-p", "held")
    assert (twice.problem, full.problem) == ("it-is-answered-already", "no-plus-plads-is-free")
    assert (declined.body["state"], declined.body["reason"]) == ("declined", "none-is-free")
    assert await listed(leader, "of=led") == []
    assert await house.said(one) == ["plus_plads_awaited", "place_reserved", "plus_plads_answered"]
    assert await house.said(two) == ["plus_plads_awaited", "plus_plads_answered"]

    # What is reserved already, or in the ordinary way, or of a child that will not come, is no task.
    await ask(house, one)
    await nurse.post(f"/daycare/plusplads/{reserved.body['holding']}/release", {"reason": "no-longer-needed"})
    await ask(house, three)
    in_the_usual_way = await house.reserve(three)
    await ask(house, four)
    seat = Seat(professional=house.nurse, unit=house.team)
    closed = CaseClosed(child=four, municipality=house.heard.municipality, reason="moved-abroad", last=seat, by=None)
    await house.heard.tell(four, closed)

    assert in_the_usual_way.status == 201, in_the_usual_way.body
    assert await listed(leader, "of=led") == []
    assert await house.said(three) == ["plus_plads_awaited", "plus_plads_answered", "place_reserved"]
    assert await house.said(four) == ["plus_plads_awaited", "plus_plads_lapsed"]
    assert (await leader.get(path)).status == 422


def test_a_last_day_that_passes_is_said_once_and_answers_nothing() -> None:
    after = ASKED.due_on + timedelta(days=1)
    assert run_out(ASKED, None, None, ASKED.due_on) is None
    said = run_out(ASKED, None, None, after)
    assert said is not None
    assert said.asked == replace(ASKED, overdue_said=ASKED.due_on)
    assert run_out(said.asked, None, None, after + timedelta(days=9)) is None
    assert run_out(decline(ASKED, "other", None).asked, None, None, after) is None


async def test_an_unanswered_plusplads_is_put_to_a_leader_by_name_once_whoever_looks_at_the_clock(house: House) -> None:  # noqa: F811
    heard, world, code = house.heard, house.heard.world, house.heard.municipality
    above = await heard.unit("sundhedspleje")
    place: dict[str, Any] = {"district": None, "sor": [], "leaders": [], "private": False, "active": True}
    await heard.tell(house.team, UnitChanged(unit=house.team, municipality=code, kind="sundhedspleje", parent=above, **place))
    one, two, dead, three = [await house.child() for _ in range(4)]
    for child in (one, two, dead):
        await ask(house, child)
    await heard.tell(dead, ChildDied(child=dead, municipality=code, died_on=await heard.today()))
    await house.reserve(two)

    async def put_to(child: UUID) -> list[PlusPladsOverdue]:
        rows = await world.sql("daycare", "select type, envelope->'data' as said from ledger where subject = $1", child)
        return [PlusPladsOverdue.model_validate(row["said"]) for row in rows if ".plus_plads_overdue." in row["type"]]

    # As long as nobody leads the tovholder's unit, or one above it, the institution's own leader is the one who is named.
    await heard.pass_days(7)
    on_the_last_day = await put_to(one)
    await heard.move_clock(1)
    await asyncio.gather(*(put_unanswered_pluspladser_to_a_leader(world.running.runtimes["daycare"]) for _ in range(3)))
    await heard.pass_days(1)

    # Then who leads above the tovholder, and is there.
    chiefs = sorted([await heard.professional(above, "sundhedspleje", leads=True) for _ in range(2)])
    await heard.absence(chiefs[0], Seat(professional=house.leader, unit=house.unit))
    await ask(house, three)
    await heard.pass_days(8)

    tovholder = Seat(professional=house.nurse, unit=house.team)
    assert on_the_last_day == []
    assert [(it.tovholder, it.to) for it in await put_to(one)] == [(tovholder, Seat(professional=house.leader, unit=house.unit))]
    assert [(it.tovholder, it.to) for it in await put_to(three)] == [(tovholder, Seat(professional=chiefs[1], unit=above))]
    assert [await put_to(child) for child in (two, dead)] == [[], []]
    # Nothing is answered by silence: both stand in the institution's list.
    listed = (await house.as_(house.leader).get("/daycare/asked-pluspladser?of=led")).body["asked"]
    assert {it["child"] for it in listed} == {str(one), str(three)}
    chief, colleague = house.as_(chiefs[1]), house.as_(chiefs[0])
    (theirs,) = (await chief.get("/daycare/asked-pluspladser?of=led")).body["asked"]
    seen = [(await who.get(f"/daycare/asked-pluspladser/{theirs['id']}")).status for who in (chief, colleague)]
    assert (theirs["child"], seen) == (str(three), [200, 404])
    assert (await chief.post(f"/daycare/asked-pluspladser/{theirs['id']}/reservation", {})).status in (403, 404)


async def test_what_was_asked_for_goes_on_with_the_reference_that_survives(house: House) -> None:  # noqa: F811
    survivor, merged = await house.child(), await house.child()
    number = await ask(house, merged)

    together = CaseMerged(child=merged, municipality=house.heard.municipality, merged_into=survivor)
    await house.heard.tell(merged, together)

    (left,) = (await house.as_(house.leader).get("/daycare/asked-pluspladser?of=led")).body["asked"]
    assert (left["id"], left["child"]) == (number, str(survivor))
    assert await house.said(merged) == ["plus_plads_awaited", "plus_plads_lapsed"]
    assert await house.said(survivor) == ["plus_plads_awaited"]
