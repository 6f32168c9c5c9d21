"""Places and transitions over HTTP, from the first reservation to a settled child; the store as the last word on places."""

import asyncio
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.events.envelope import Seat
from services.events.registry import CaseClosed, HandoverProposed
from services.events.sundhedspleje import OverleveringGiven
from tests.support.heard import ELSEWHERE, Heard
from tests.support.world import Answer, Someone


@dataclass
class House:
    """An institution of high quality with one ordinary place and one plusplads, and who works with it."""

    heard: Heard
    team: UUID
    nurse: UUID
    unit: UUID
    leader: UUID
    pedagogue: UUID
    office: Someone

    def as_(self, person: UUID) -> Someone:
        return self.heard.logged_in(person)

    async def day(self, days: int) -> str:
        return (await self.heard.today() + timedelta(days=days)).isoformat()

    async def child(self) -> UUID:
        return await self.heard.child(Seat(professional=self.nurse, unit=self.team), status="born")

    async def reserve(self, child: UUID, **more: Any) -> Answer:
        body = {"child": str(child), "unit": str(self.unit), "method": "cos-p", **more}
        return await self.as_(self.nurse).post("/daycare/plusplads", body)

    async def plan(self, child: UUID, days: int = 30, **more: Any) -> Answer:
        body = {"child": str(child), "unit": str(self.unit), "starts_on": await self.day(days), **more}
        return await self.as_(self.nurse).post("/daycare/starts", body)

    async def does(self, person: UUID, start: str, what: str, body: Any = None) -> Answer:
        return await self.as_(person).post(f"/daycare/starts/{start}/{what}", body)

    async def said(self, child: UUID) -> list[str]:
        return await self.heard.world.events("daycare", str(child))


@pytest.fixture
async def house(heard: Heard) -> House:
    team, unit = await heard.unit("sundhedspleje"), await heard.unit("institution")
    house = House(
        heard, team, await heard.professional(team, "sundhedspleje"), unit,
        await heard.professional(unit, "institution", leads=True), await heard.professional(unit, "institution"),
        await heard.placement_system(),
    )  # fmt: skip
    body = {"from_on": await house.day(0), "places": 2, "plus_places": 1, "high_quality": True, "methods": ["cos-p"]}
    answer = await house.office.post(f"/daycare/units/{unit}/capacity", body)
    assert answer.status == 200, answer.body
    return house


async def test_from_a_reserved_plusplads_to_a_settled_child(house: House) -> None:
    child, nurse, pedagogue = await house.child(), house.nurse, house.pedagogue
    held = (await house.reserve(child)).body
    start = (await house.plan(child)).body["id"]
    seat = Seat(professional=nurse, unit=house.team)
    first = (await house.as_(house.leader).get(f"/daycare/arrivals?unit={house.unit}")).body["arrivals"]

    # Fourteen days before the start something is still missing: it shows, once, at the tovholder and at both leaders.
    await house.does(house.leader, start, "pedagogue", {"professional": str(pedagogue)})
    await house.heard.pass_days(16)
    await house.heard.pass_days(1)
    lists = [
        (await house.as_(who).get(f"/daycare/arrivals?of={whose}&incomplete=true&within_days=14")).body["arrivals"]
        for who, whose in ((nurse, "me"), (house.leader, "led"))
    ]
    weeks = [(await house.as_(who).get("/daycare/week")).body for who in (nurse, house.leader, pedagogue)]

    given = OverleveringGiven(
        overlevering=uuid4(), child=child, municipality=house.heard.municipality, to_unit=house.unit, start=UUID(start),
        basis="consent", categories=["sleep"], withheld=["mother-mood"], given_by=nurse, given_at=await house.heard.world.now(),
    )  # fmt: skip
    await house.heard.tell(child, given)
    await house.does(house.leader, start, "continuation", {"continues": True})
    meeting = (await house.does(pedagogue, start, "meetings", {"held_on": await house.day(0), "participants": [str(nurse)]})).body
    ended = await house.as_(pedagogue).post(f"/daycare/meetings/{meeting['meeting']}/outcome", {"outcome": "held"})
    decided = await house.does(nurse, start, "baton", {"moves": True})
    ready = (await house.as_(nurse).get(f"/daycare/starts/{start}/transition")).body

    await house.heard.pass_days(13)
    settled = await house.does(pedagogue, start, "settled")
    left = await house.does(house.leader, start, "leaving", {"left_on": await house.day(100)})
    next_child = await house.reserve(await house.child(), from_on=await house.day(100))

    assert first[0]["missing"] == ["overlevering", "meeting", "pedagogue", "method"]
    assert [[(it["start"]["id"], it["missing"]) for it in found] for found in lists] == [
        [(start, ["overlevering", "meeting", "method"])]
    ] * 2
    assert weeks == [{"arrivals": found, "asked": [], "more": False} for found in (*lists, [])]
    assert first[0]["tovholder"] == seat.model_dump(mode="json")
    assert (ended.body["missing"], decided.status) == ([], 200)
    assert (ready["overlevering"], ready["meeting"], ready["method"], ready["continues"], ready["baton"]) == (
        "reduced", "held", "cos-p", True, "moves",
    )  # fmt: skip
    assert ready["tovholder"] == seat.model_dump(mode="json")
    assert (ready["missing"], ready["plusplads"], ready["start"]["pedagogue"]["professional"]) == ([], held["id"], str(pedagogue))
    assert (settled.body["state"], left.status, next_child.status) == ("settled", 200, 201)
    assert await house.said(child) == [
        "place_reserved", "start_planned", "pedagogue_named", "transition_item_settled", "transition_incomplete",
        "transition_prepared", "transition_item_settled", "transition_item_settled", "family_meeting_held",
        "transition_item_settled", "baton_decided", "child_started", "child_settled", "place_released",
    ]  # fmt: skip


async def test_a_full_institution_gives_no_place_and_nothing_is_changed_by_asking(house: House) -> None:
    first, second, third = [await house.child() for _ in range(3)]
    at_once = await asyncio.gather(house.reserve(first), house.reserve(second))
    (held,) = [answer.body for answer in at_once if answer.status == 201]
    (refused,) = [answer for answer in at_once if answer.status != 201]
    without = second if held["child"] == str(first) else first

    ordinary = await house.plan(without)
    full = await house.plan(third)
    no_method = await house.reserve(third, method="icdp")
    shrunk = await house.office.post(f"/daycare/units/{house.unit}/capacity", {"from_on": await house.day(5), "places": 1})
    not_theirs = await house.as_(house.leader).post(
        f"/daycare/units/{house.unit}/capacity", {"from_on": await house.day(5), "places": 9}
    )
    board = (await house.office.get("/daycare/plusplads")).body["units"]
    unseen = (
        await house.as_(await house.heard.professional(await house.heard.unit("social"), "social")).get("/daycare/plusplads")
    ).body
    released = await house.as_(house.nurse).post(f"/daycare/plusplads/{held['id']}/release", {"reason": "family-declined"})
    again = await house.as_(house.nurse).post(f"/daycare/plusplads/{held['id']}/release", {"reason": "other"})

    assert (refused.status, refused.problem) == (409, "no-plus-plads-is-free")
    assert ordinary.status == 201
    assert [it.problem for it in (full, no_method, shrunk, not_theirs)] == [
        "the-unit-is-full", "the-unit-has-no-plus-plads", "more-places-are-taken", "only-the-placement-office-sets-capacity",
    ]  # fmt: skip
    assert [(line["plus_places"], line["free"], line["holdings"][0]["child"]) for line in board] == [(1, 0, held["child"])]
    assert unseen["units"][0]["holdings"][0]["child"] is None
    assert (released.body["state"], again.problem) == ("released", "the-place-is-released-already")
    assert await house.said(third) == []
    assert (await house.reserve(third)).status == 201


async def test_the_store_refuses_a_place_held_twice_whatever_the_code_says(house: House) -> None:
    one, other = await house.child(), await house.child()
    held = (await house.reserve(one)).body["id"]
    again = (
        "insert into holding (id, place, kind, unit, child, municipality, method, state, from_on, reserved_at)"
        " select gen_random_uuid(), place, kind, unit, $2, municipality, method, 'held', from_on + 30, reserved_at"
        " from holding where id = $1"
    )

    with pytest.raises(asyncpg.ExclusionViolationError, match="a_place_is_held_once"):
        async with house.heard.world.store("daycare").transaction() as tx:
            await tx.execute(again, UUID(held), other)


async def test_who_cancels_closes_or_moves_frees_the_place_and_a_start_without_one_is_refused(house: House) -> None:
    kept, plus, ordinary = await house.child(), await house.child(), await house.child()
    await house.reserve(plus)
    start = (await house.plan(ordinary, days=40)).body["id"]
    none_left = await house.plan(kept, days=20)

    await house.does(house.nurse, start, "cancellation", {"cause": "family"})
    planned = await house.plan(kept, days=20)
    moved = await house.does(house.nurse, planned.body["id"], "date", {"starts_on": await house.day(60)})
    last = Seat(professional=house.nurse, unit=house.team)
    closed = CaseClosed(child=plus, municipality=house.heard.municipality, reason="moved-abroad", last=last, by=None)
    await house.heard.tell(plus, closed)

    assert (none_left.problem, planned.status, moved.status) == ("the-unit-is-full", 201, 200)
    assert await house.said(plus) == ["place_reserved", "place_released"]
    rows = await house.heard.world.sql("daycare", "select kind, state, from_on, reason from holding order by kind, id")
    assert [(row["kind"], row["state"], row["reason"]) for row in rows] == [
        ("ordinary", "released", "start-cancelled"), ("ordinary", "held", None), ("plus", "released", "case-closed"),
    ]  # fmt: skip
    assert rows[1]["from_on"] == date.fromisoformat(await house.day(60))


async def test_a_placement_system_tells_of_starts_by_events_of_its_own(house: House) -> None:
    child = await house.child()

    async def told(kind: str, data: dict[str, Any], subject: str = "start-17", system: Someone = house.office) -> Answer:
        number = uuid4().hex
        event = {"specversion": "1.0", "id": number, "source": "/placement", "type": kind, "subject": subject, "data": data}
        return await system.post("/daycare/placement-events", event, key=number)

    plan = {"child": str(child), "unit": str(house.unit), "starts_on": await house.day(30)}
    too_early = await told("start-moved", {"starts_on": await house.day(40)})
    planned = await told("start-planned", plan)
    again = await told("start-planned", plan)
    moved = await told("start-moved", {"starts_on": await house.day(40)})
    cancelled = await told("start-cancelled", {"cause": "placement"})
    twice = await told("start-cancelled", {"cause": "placement"})
    of_another = await told("start-planned", plan, system=await house.heard.placement_system(ELSEWHERE))
    by_hand = await told("start-planned", plan, system=house.as_(house.nurse))
    crossed = await told("start-moved", {"cause": "family"})

    assert (too_early.status, too_early.problem, too_early.body["retry"]) == (409, "that-start-was-never-planned", True)
    assert planned.body["id"] == again.body["id"] == moved.body["id"]
    assert (moved.body["starts_on"], cancelled.body["state"], twice.status) == (await house.day(40), "cancelled", 200)
    assert (of_another.status, by_hand.problem, crossed.problem) == (
        404,
        "only-a-placement-system-sends-events",
        "not-understood",
    )
    assert await house.said(child) == ["start_planned", "start_moved", "start_cancelled"]


async def test_who_sees_a_transition_and_that_private_institutions_get_nothing_without_the_parents(house: House) -> None:
    child = await house.child()
    private = await house.heard.unit("institution", private=True)
    hers = await house.heard.professional(private, "institution", leads=True)
    receiver = await house.heard.professional(await house.heard.unit("social"), "social")
    start = (await house.plan(child, unit=str(private))).body["id"]
    path = f"/daycare/starts/{start}"

    before = (await house.as_(receiver).get(path)).status
    proposed = HandoverProposed(
        handover=uuid4(), child=child, municipality=house.heard.municipality,
        giver=Seat(professional=house.nurse, unit=house.team), receiver=Seat(professional=receiver, unit=uuid4()),
        reason="support", due_at=await house.heard.world.now(), effective_on=None,
    )  # fmt: skip
    await house.heard.tell(child, proposed)
    baton = await house.does(house.nurse, start, "baton", {"moves": True})

    assert [(await house.as_(hers).get(it)).status for it in (path, f"{path}/transition")] == [404, 404]
    assert (await house.as_(hers).get(f"/daycare/arrivals?unit={private}")).body["arrivals"] == []
    assert (await house.does(hers, start, "date", {"starts_on": await house.day(3)})).status == 404
    assert (before, (await house.as_(receiver).get(path)).status) == (404, 200)
    assert (await house.does(receiver, start, "pedagogue", {"professional": str(hers)})).status == 403
    assert baton.problem == "the-parents-have-not-agreed"
    assert (await house.does(house.nurse, start, "overlevering-declined", {"declined_by": "family"})).body["missing"] == [
        "meeting", "pedagogue",
    ]  # fmt: skip


async def test_the_municipality_sets_its_rule_and_units_agree_meet_and_hear_talks(house: House) -> None:
    office, leader, nurse = house.office, house.as_(house.leader), house.as_(house.nurse)
    start = (await house.plan(await house.child())).body["id"]

    ruled = await office.post("/daycare/settings", {"from_on": await house.day(0), "baton": "stays", "warn_days": 21})
    past = await office.post("/daycare/settings", {"from_on": await house.day(-1), "baton": "moves"})
    stays = await house.does(house.nurse, start, "baton", {"moves": True})
    agreement = {"with_unit": str(house.team), "agreed_on": await house.day(-200), "every_months": 6}
    agreed = await leader.post(f"/daycare/units/{house.unit}/agreements", agreement)
    twice = await office.post(f"/daycare/units/{house.unit}/agreements", agreement)
    overdue = (await nurse.get(f"/daycare/agreements?unit={house.team}")).body["agreements"]
    path = f"/daycare/agreements/{agreed.body['id']}/meetings"
    ahead = await nurse.post(path, {"held_on": await house.day(1)})
    await nurse.post(path, {"held_on": await house.day(0), "participants": [str(house.nurse), str(house.leader)]})
    held = (await nurse.get(f"/daycare/agreements?unit={house.unit}")).body["agreements"]
    talk = {"topic": "attachment", "held_on": await house.day(0), "speakers": [str(house.nurse)], "listeners": 12}
    await nurse.post(f"/daycare/units/{house.unit}/talks", talk)
    stranger = house.as_(await house.heard.professional(await house.heard.unit("social"), "social"))
    not_theirs = await stranger.post(f"/daycare/units/{house.unit}/talks", talk)

    assert (ruled.status, past.problem) == (200, "settings-of-a-past-day-stand")
    assert stays.problem == "the-municipality-lets-the-baton-stay"
    assert (agreed.status, twice.problem, ahead.problem) == (201, "the-two-units-have-an-agreement", "what-is-held-lies-behind")
    assert [(it["last_held_on"], it["overdue"]) for it in overdue + held] == [(None, True), (await house.day(0), False)]
    assert not_theirs.problem == "only-the-institution-or-sundhedsplejen-records-a-talk"
    assert (await leader.get(f"/daycare/units/{house.unit}/talks")).body["talks"][0]["listeners"] == 12
    assert (await house.heard.world.events("daycare", str(house.unit))) == ["capacity_changed", "agreement_held", "talk_held"]
