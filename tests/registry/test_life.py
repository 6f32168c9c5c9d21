"""The life of a child as the baton sees it: births, merges, moves, deaths, closings and new episodes, over HTTP and as heard."""

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.events.directory import IntakeChanged
from services.events.envelope import Seat
from services.events.persons import (
    ChildCorrected,
    ChildDied,
    ChildMoved,
    DeathUndone,
    IdentifiedChild,
    MoveProposed,
    PersonsMerged,
    PregnancyEnded,
    PregnancyEndUndone,
)
from tests.registry.settled import ELSEWHERE, Municipality
from tests.support.world import Answer

OUTSIDE = "0997"


async def post(town: Municipality, by: Seat, child: UUID, act: str, body: Any = None) -> Answer:
    return await town.as_(by).post(f"/registry/children/{child}/{act}", body)


async def merged(town: Municipality, survivor: UUID, other: UUID) -> None:
    code = town.heard.municipality
    await town.heard.tell(survivor, PersonsMerged(child=survivor, merged=other, municipality=code))


async def died(town: Municipality, child: UUID, on: date | None = None) -> None:
    await town.heard.tell(child, ChildDied(child=child, municipality=town.heard.municipality, died_on=on))


async def moves(town: Municipality, *children: UUID, to: str = ELSEWHERE) -> None:
    event = MoveProposed(
        person=uuid4(),
        notification_id=None,
        from_municipality=town.heard.municipality,
        to_municipality=to,
        children=list(children),
    )
    await town.heard.tell(event.person, event)


async def takes_in_elsewhere(town: Municipality) -> None:
    """Where the child may move to, children are taken in by a named person."""
    event = IntakeChanged(municipality=ELSEWHERE, district=None, lead=town.abroad, deputy=town.abroad, leader=town.abroad)
    await town.heard.tell(town.abroad.unit, event)


async def open_handover(town: Municipality, child: UUID) -> dict[str, Any]:
    handover: dict[str, Any] = (await town.read(child))["handover"]
    return handover


# Births


async def test_triplets_found_while_a_handover_is_scheduled_are_offered_and_scheduled_too(town: Municipality) -> None:
    soon = str(await town.heard.today() + timedelta(days=5))
    child, handover = await town.offered(town.nurse, effective_on=soon)
    assert (await town.as_(town.nurse).post(f"/registry/handovers/{handover}/acceptance")).status == 200
    second, third = uuid4(), uuid4()

    await town.identified(
        IdentifiedChild(child=child, order=1, status="born", new=False),
        IdentifiedChild(child=third, order=3, status="born", new=True, sibling_of=child),
        IdentifiedChild(child=second, order=2, status="born", new=True, sibling_of=child),
    )
    await town.pass_days(6)

    assert {await town.tovholder(each) for each in (child, second, third)} == {str(town.nurse.professional)}
    assert (await town.said(third)).count("tovholder_changed") == 2


async def test_a_twin_born_while_the_family_moves_is_offered_there_too_and_its_present_tovholder_remains(
    town: Municipality,
) -> None:
    await takes_in_elsewhere(town)
    child, twin = await town.held(town.nurse), uuid4()
    await moves(town, child)

    await town.identified(
        IdentifiedChild(child=child, order=1, status="born", new=False),
        IdentifiedChild(child=twin, order=2, status="born", new=True, sibling_of=child),
    )

    assert await town.tovholder(twin) == str(town.nurse.professional)
    offer = await open_handover(town, twin)
    taken = await town.as_(town.abroad).post(f"/registry/handovers/{offer['id']}/acceptance")
    assert (taken.status, (await town.read(twin))["municipality"]) == (200, ELSEWHERE)


async def test_a_twin_found_after_the_family_has_moved_belongs_where_its_tovholder_is(town: Municipality) -> None:
    await takes_in_elsewhere(town)
    child, twin = await town.held(town.nurse), uuid4()
    await moves(town, child)
    await town.as_(town.abroad).post(f"/registry/handovers/{(await open_handover(town, child))['id']}/acceptance")

    await town.identified(IdentifiedChild(child=twin, order=2, status="born", new=True, sibling_of=child))

    found = await town.read(twin)
    assert (found["municipality"], found["tovholder"]["professional"]) == (ELSEWHERE, str(town.abroad.professional))


# Merges


async def test_of_two_references_the_older_survives_with_its_tovholder_and_the_others_becomes_a_supporter(
    town: Municipality,
) -> None:
    survivor, other = await town.held(town.nurse), await town.held(town.colleague)
    await town.propose(other, town.pedagogue, by=town.colleague)

    await merged(town, survivor, other)

    kept, gone = await town.read(survivor), await town.read(other)
    assert kept["tovholder"]["professional"] == str(town.nurse.professional)
    assert (str(town.colleague.professional), "team") in [(it["professional"], it["role"]) for it in kept["supporters"]]
    assert (gone["status"], gone["merged_into"], gone["tovholder"], gone["handover"]) == ("closed", str(survivor), None, None)
    said = await town.said(other)
    assert said[-4:] == ["handover_superseded", "case_merged", "case_closed", "supporter_left"]
    rows = await town.world.sql("registry", "select state, cause from handover where child_id = $1 order by proposed_at", other)
    assert tuple(rows[-1]) == ("superseded", "merge")


async def test_the_same_merge_heard_again_changes_nothing(town: Municipality) -> None:
    survivor, other = await town.child(), await town.child()
    await merged(town, survivor, other)
    before = [await town.said(survivor), await town.said(other)]

    await merged(town, survivor, other)
    await merged(town, other, survivor)

    assert [await town.said(survivor), await town.said(other)] == before


async def test_a_command_on_a_merged_reference_names_the_survivor(town: Municipality) -> None:
    survivor, other = await town.held(town.nurse), await town.held(town.colleague)
    handover = (await town.propose(other, town.pedagogue, by=town.colleague)).body["id"]
    await merged(town, survivor, other)

    refused = [
        await town.propose(other, town.pedagogue, by=town.nurse),
        await post(town, town.leader, other, "override", {"to": town.leader.model_dump(mode="json"), "reason": "x"}),
        await post(town, town.leader, other, "closing", {"reason": "settled"}),
        await post(town, town.leader, other, "reopening", {"to": town.leader.model_dump(mode="json")}),
        await post(town, town.leader, other, "move", {"to_municipality": ELSEWHERE}),
        await town.as_(town.pedagogue).post(f"/registry/handovers/{handover}/acceptance"),
    ]

    assert {answer.status for answer in refused} == {409}
    assert {answer.body["merged_into"] for answer in refused} == {str(survivor)}
    seen = await town.as_(town.nurse).get(f"/registry/children/{other}")
    assert (seen.status, seen.body["merged_into"]) == (200, str(survivor))
    assert (await town.as_(town.pedagogue).get(f"/registry/children/{other}")).status == 404


async def test_later_facts_of_a_merged_reference_are_facts_of_the_survivor(town: Municipality) -> None:
    survivor, other, twin = await town.held(town.nurse), await town.child(), uuid4()
    await merged(town, survivor, other)

    await town.identified(
        IdentifiedChild(child=other, order=1, status="born", new=False, born_on=date(2026, 11, 20)),
        IdentifiedChild(child=twin, order=2, status="born", new=True, sibling_of=other),
    )
    await died(town, other)

    kept = await town.read(survivor)
    assert (kept["status"], kept["life_ended"]["how"]) == ("born", "died")
    assert await town.tovholder(twin) == str(town.nurse.professional)
    assert (await town.read(other))["status"] == "closed"


async def test_an_expected_child_that_is_merged_with_the_born_one_is_born(town: Municipality) -> None:
    survivor, other = await town.child(), await town.child("born", born_on=date(2026, 11, 20))

    await merged(town, survivor, other)

    assert (await town.read(survivor))["status"] == "born"
    assert "child_born" in await town.said(survivor)


async def test_where_the_survivors_case_was_closed_the_others_tovholder_goes_on(town: Municipality) -> None:
    survivor, other = await town.held(town.nurse), await town.held(town.colleague)
    assert (await post(town, town.nurse, survivor, "closing", {"reason": "settled"})).status == 200

    await merged(town, survivor, other)

    assert await town.tovholder(survivor) == str(town.colleague.professional)
    assert (await town.read(other))["merged_into"] == str(survivor)


async def test_a_merge_is_a_matter_for_the_leader_to_decide_once(town: Municipality) -> None:
    survivor, other = await town.held(town.nurse), await town.held(town.colleague)
    await merged(town, survivor, other)

    listed = (await town.as_(town.leader).get("/registry/matters")).body["matters"]
    decided = [
        await town.as_(town.leader).post(f"/registry/matters/{listed[0]['id']}/decision", {"outcome": "kept"}) for _ in "ab"
    ]

    assert [(it["child"], it["kind"], it["about"]) for it in listed] == [(str(survivor), "merged", str(other))]
    assert [answer.status for answer in decided] == [200, 409]
    assert (await town.as_(town.leader).get("/registry/matters")).body["matters"] == []
    assert (await town.as_(town.nurse).post(f"/registry/matters/{listed[0]['id']}/decision", {"outcome": "kept"})).status == 404


async def test_a_merge_is_undone_by_a_new_episode_with_the_last_tovholder(town: Municipality) -> None:
    survivor, other = await town.held(town.nurse), await town.held(town.colleague)
    await merged(town, survivor, other)

    refused = await post(town, town.nurse, other, "separation")
    undone = await post(town, town.leader, other, "separation")

    assert (refused.status, undone.status) == (403, 200), undone.body
    apart = await town.read(other)
    assert (apart["merged_into"], apart["episode"], apart["status"]) == (None, 2, "expected")
    assert apart["tovholder"]["professional"] == str(town.colleague.professional)
    assert (await town.said(other))[-3:] == ["case_separated", "case_reopened", "tovholder_changed"]
    assert (await town.said(survivor))[-1] == "supporter_left"
    assert str(town.colleague.professional) not in [it["professional"] for it in (await town.read(survivor))["supporters"]]
    assert (await town.as_(town.leader).get("/registry/matters")).body["matters"] == []


async def test_a_merge_is_not_undone_after_a_later_change(town: Municipality) -> None:
    survivor, other = await town.held(town.nurse), await town.held(town.colleague)
    await merged(town, survivor, other)
    assert (await town.propose(survivor, town.pedagogue, by=town.nurse)).status == 201

    answer = await post(town, town.leader, other, "separation")

    assert (answer.status, answer.problem) == (409, "something-has-happened-since-the-merge")
    assert await town.tovholder(survivor) == str(town.nurse.professional)


async def test_a_death_heard_since_the_merge_belongs_to_nobody_alone_and_once_it_is_undone_so_may_the_merge_be(
    town: Municipality,
) -> None:
    survivor, other = await town.held(town.nurse), await town.held(town.colleague)
    await merged(town, survivor, other)
    await died(town, other)

    refused = await post(town, town.leader, other, "separation")
    await town.heard.tell(other, DeathUndone(child=other, municipality=town.heard.municipality))
    undone = await post(town, town.leader, other, "separation")

    assert (refused.status, refused.problem) == (409, "something-has-happened-since-the-merge")
    assert undone.status == 200, undone.body


async def test_a_death_and_a_move_that_came_with_the_merged_reference_go_with_it_again(town: Municipality) -> None:
    await takes_in_elsewhere(town)
    survivor, other = await town.held(town.nurse), await town.held(town.colleague)
    await town.propose(other, town.pedagogue, by=town.colleague)
    await moves(town, other)
    await died(town, other, date(2026, 11, 20))
    await merged(town, survivor, other)
    both = await town.read(survivor)

    assert (await post(town, town.leader, other, "separation")).status == 200

    alone, apart = await town.read(survivor), await town.read(other)
    assert (both["life_ended"]["how"], both["waits_to_move_to"]) == ("died", ELSEWHERE)
    assert (alone["life_ended"], alone["waits_to_move_to"]) == (None, None)
    assert (apart["life_ended"], apart["waits_to_move_to"]) == ({"how": "died", "on": "2026-11-20"}, ELSEWHERE)


async def test_what_was_never_merged_is_not_separated(town: Municipality) -> None:
    child = await town.held(town.nurse)

    answer = await post(town, town.leader, child, "separation")

    assert (answer.status, answer.problem) == (409, "the-reference-is-not-merged")


async def test_of_a_chain_of_merges_the_last_survivor_is_named_and_told(town: Municipality) -> None:
    first, second, third = await town.held(town.nurse), await town.held(town.colleague), await town.held(town.pedagogue)
    await merged(town, second, third)
    await merged(town, first, second)

    await died(town, third)
    refused = await post(town, town.leader, third, "closing", {"reason": "settled"})
    undone = await post(town, town.leader, third, "separation")

    assert (await town.read(third))["merged_into"] == str(first)
    assert (await town.read(first))["life_ended"]["how"] == "died"
    # The pedagogue's unit has no leader here: who leads the survivor's tovholder learns which one it is, and may not undo it.
    assert (refused.status, refused.body["merged_into"], undone.status) == (409, str(first), 403)
    assert [it["about"] for it in (await town.as_(town.leader).get("/registry/matters")).body["matters"]] == [
        str(third), str(second),
    ]  # fmt: skip


async def test_a_merge_that_races_an_acceptance_leaves_one_tovholder_and_no_open_offer(town: Municipality) -> None:
    for _ in range(5):
        survivor = await town.held(town.nurse)
        other, handover = await town.offered(town.colleague)

        answer, _ = await asyncio.gather(
            town.as_(town.colleague).post(f"/registry/handovers/{handover}/acceptance"), merged(town, survivor, other)
        )

        assert answer.status in (200, 409)
        assert answer.status == 200 or answer.body["merged_into"] == str(survivor)
        assert (await town.read(other))["merged_into"] == str(survivor)
        said = await town.said(other)
        assert sum(said.count(end) for end in ("handover_effected", "handover_superseded")) == 1
        assert said.count("tovholder_changed") == 1 + (answer.status == 200)
        stands_by = [it["professional"] for it in (await town.read(survivor))["supporters"]]
        last = town.colleague if answer.status == 200 else town.lead
        assert str(last.professional) in stands_by
    assert await town.world.dead_letters() == []


# Moves


async def test_a_move_is_proposed_to_the_named_intake_lead_there_and_until_they_accept_the_tovholder_remains(
    town: Municipality,
) -> None:
    await takes_in_elsewhere(town)
    child = await town.held(town.nurse)

    await moves(town, child)

    offer = await open_handover(town, child)
    assert (offer["receiver"]["professional"], offer["reason"], offer["proposer"]) == (
        str(town.abroad.professional),
        "moved",
        None,
    )
    assert await town.tovholder(child) == str(town.nurse.professional)
    assert (await town.said(child))[-2:] == ["move_raised", "handover_proposed"]
    taken = await town.as_(town.abroad).post(f"/registry/handovers/{offer['id']}/acceptance")
    assert taken.status == 200
    found = await town.read(child)
    assert (found["municipality"], found["tovholder"]["professional"]) == (ELSEWHERE, str(town.abroad.professional))


async def test_a_child_that_has_moved_takes_its_texts_along_under_the_key_of_its_new_municipality(town: Municipality) -> None:
    child, handover = await town.offered(town.nurse, message="She asked for an evening visit.")
    here = town.heard.municipality
    event = ChildMoved(child=child, from_municipality=here, municipality=ELSEWHERE)

    await town.heard.tell(child, event)
    await town.heard.tell(child, event)

    (key,) = await town.heard.world.sql("registry", "select municipality, wrapped_by from sealing_key where id = $1", child)
    assert (key["municipality"], key["wrapped_by"].split(".")[0]) == (ELSEWHERE, ELSEWHERE)
    assert (await town.as_(town.nurse).get(f"/registry/handovers/{handover}")).body["message"]


async def test_a_move_heard_again_while_it_is_asked_changes_nothing(town: Municipality) -> None:
    await takes_in_elsewhere(town)
    child = await town.held(town.nurse)
    await moves(town, child)
    before = await town.said(child)

    await moves(town, child)
    await town.tick()

    assert await town.said(child) == before


async def test_a_move_waits_for_an_open_handover_and_is_raised_when_that_ends(town: Municipality) -> None:
    await takes_in_elsewhere(town)
    child, handover = await town.offered(town.nurse)

    await moves(town, child)
    await town.tick()
    waiting = await town.read(child)
    await town.as_(town.nurse).post(f"/registry/handovers/{handover}/refusal", {"reason": "at-capacity"})
    await town.tick()

    assert (waiting["waits_to_move_to"], waiting["handover"]["id"]) == (ELSEWHERE, handover)
    found = await town.read(child)
    assert found["waits_to_move_to"] is None
    assert found["handover"]["receiver"]["professional"] == str(town.abroad.professional)


async def test_a_move_waits_until_somebody_there_takes_in_children(town: Municipality) -> None:
    await takes_in_elsewhere(town)
    child = await town.held(town.nurse)
    await town.leaves(town.abroad)
    await moves(town, child)
    await town.tick()

    waiting = await town.read(child)

    assert (waiting["waits_to_move_to"], waiting["handover"]) == (ELSEWHERE, None)


async def test_a_move_of_a_closed_case_is_a_matter_for_the_intake_lead(town: Municipality) -> None:
    child = await town.held(town.nurse)
    await post(town, town.nurse, child, "closing", {"reason": "moved-abroad"})

    await moves(town, child)
    await moves(town, child)

    matters = (await town.as_(town.lead).get("/registry/matters")).body["matters"]
    assert [(it["child"], it["kind"], it["to_municipality"]) for it in matters] == [(str(child), "move", ELSEWHERE)]
    assert (await town.read(child))["status"] == "closed"


async def test_the_tovholder_raises_a_move_by_hand_and_a_stranger_does_not(town: Municipality) -> None:
    await takes_in_elsewhere(town)
    child = await town.held(town.nurse)

    refused = await post(town, town.lead, child, "move", {"to_municipality": ELSEWHERE})
    raised = await post(town, town.nurse, child, "move", {"to_municipality": ELSEWHERE})
    again = await post(town, town.nurse, child, "move", {"to_municipality": ELSEWHERE})
    nowhere = await post(town, town.nurse, child, "move", {"to_municipality": town.heard.municipality})

    assert [answer.status for answer in (refused, raised, again, nowhere)] == [403, 200, 409, 409]
    offer = await open_handover(town, child)
    assert (offer["proposer"], offer["reason"]) == (str(town.nurse.professional), "moved")


async def test_a_move_out_of_the_product_is_a_matter_and_is_closed_with_a_named_receiver_and_their_dated_word(
    town: Municipality,
) -> None:
    child, today = await town.held(town.nurse), str(await town.heard.today())
    outside = {"reason": "moved-to-a-municipality-outside"}

    raised = await post(town, town.nurse, child, "move", {"to_municipality": OUTSIDE})
    matters = (await town.as_(town.leader).get("/registry/matters")).body["matters"]
    refused = [
        await post(town, town.nurse, child, "closing", outside),
        await post(
            town, town.nurse, child, "closing", {**outside, "receiver": "Sundhedsplejen i Byrum", "confirmed_on": "2999-01-01"}
        ),
    ]
    closed = await post(
        town, town.nurse, child, "closing", {**outside, "receiver": "Sundhedsplejen i Byrum", "confirmed_on": today}
    )

    assert (raised.status, closed.status) == (200, 200), closed.body
    assert [(it["kind"], it["to_municipality"]) for it in matters] == [("move", OUTSIDE)]
    assert [answer.status for answer in refused] == [422, 422]
    rows = await town.world.sql("registry", "select reason, confirmed_on, receiver from closing where child_id = $1", child)
    assert (rows[0]["reason"], str(rows[0]["confirmed_on"])) == ("moved-to-a-municipality-outside", today)
    assert b"Byrum" not in rows[0]["receiver"]
    assert (await town.as_(town.leader).get("/registry/matters")).body["matters"] == []


# Ends of life


async def test_a_death_ends_nothing_but_is_shown_until_it_is_undone(town: Municipality) -> None:
    child = await town.held(town.nurse)

    await died(town, child, date(2026, 11, 20))
    shown = await town.read(child)
    await town.heard.tell(child, DeathUndone(child=child, municipality=town.heard.municipality))

    assert shown["life_ended"] == {"how": "died", "on": "2026-11-20"}
    assert shown["tovholder"]["professional"] == str(town.nurse.professional)
    assert (await town.read(child))["life_ended"] is None


async def test_the_end_of_a_pregnancy_is_shown_until_it_is_undone(town: Municipality) -> None:
    child, code = await town.held(town.nurse), town.heard.municipality

    await town.heard.tell(child, PregnancyEnded(child=child, municipality=code, ended_on=None))
    shown = await town.read(child)
    await town.heard.tell(child, PregnancyEndUndone(child=child, municipality=code))

    assert (shown["status"], shown["life_ended"]["how"]) == ("expected", "pregnancy-ended")
    assert (await town.read(child))["life_ended"] is None


async def test_a_death_heard_before_the_child_is_kept_until_it_is_known(town: Municipality) -> None:
    child = uuid4()
    await died(town, child)

    await town.identified(IdentifiedChild(child=child, order=1, status="born", new=True))

    assert (await town.read(child))["life_ended"]["how"] == "died"


async def test_what_is_heard_of_a_child_that_waits_for_a_seat_is_applied_once_it_has_one(town: Municipality) -> None:
    child = uuid4()
    await town.identified(IdentifiedChild(child=child, order=1, status="expected", new=True), municipality="0998")
    await died(town, child)

    await town.intake_of("0998")
    await town.tick()

    assert (await town.read(child))["life_ended"]["how"] == "died"


# Closing and reopening


async def test_a_person_closes_with_a_reason_and_everything_open_ends(town: Municipality) -> None:
    child = await town.held(town.nurse)
    await town.propose(child, town.pedagogue, by=town.nurse)

    closed = await post(town, town.nurse, child, "closing", {"reason": "settled", "text": "Barnet trives."})

    assert closed.status == 200, closed.body
    found = await town.read(child)
    assert (found["status"], found["tovholder"], found["handover"], found["supporters"]) == ("closed", None, None, [])
    assert found["closed"] == {"reason": "settled"}
    assert (await town.said(child))[-3:] == ["handover_superseded", "case_closed", "supporter_left"]
    assert (await town.as_(town.nurse).get(f"/registry/children/{child}")).status == 404
    assert (await town.as_(town.leader).get(f"/registry/children/{child}")).status == 200
    assert (await post(town, town.leader, child, "closing", {"reason": "settled"})).problem == "the-child-is-closed"


async def test_a_case_is_closed_with_a_death_only_where_the_death_is_recorded(town: Municipality) -> None:
    child = await town.held(town.nurse)

    early = await post(town, town.nurse, child, "closing", {"reason": "died"})
    await died(town, child)
    closed = await post(town, town.nurse, child, "closing", {"reason": "died"})

    assert (early.problem, closed.status) == ("the-end-of-life-is-not-recorded", 200)


async def test_neither_the_receiver_nor_a_supporter_nor_a_wrong_reason_closes(town: Municipality) -> None:
    child = await town.held(town.nurse)
    await town.propose(child, town.pedagogue, by=town.nurse)

    assert (await post(town, town.pedagogue, child, "closing", {"reason": "settled"})).status == 403
    assert (await post(town, town.lead, child, "closing", {"reason": "settled"})).status == 403
    assert (await post(town, town.nurse, child, "closing", {"reason": "merged"})).status == 422
    assert (await post(town, town.nurse, child, "closing", {"reason": "aged-out"})).status == 422


async def test_a_case_closes_by_age_on_the_first_of_august_and_never_twice(town: Municipality) -> None:
    today = await town.heard.today()
    first_of_august = date(today.year + (today >= date(today.year, 8, 1)), 8, 1)
    born_on = date(first_of_august.year - 6, 12, 31)
    child = await town.child("born", born_on=born_on)
    younger = await town.child("born", born_on=date(born_on.year + 1, 1, 1))
    dead = await town.child("born", born_on=born_on)
    await died(town, dead)

    await town.at_noon_of(first_of_august - timedelta(days=1))
    before = (await town.read(child))["status"]
    await town.at_noon_of(first_of_august)
    await town.tick()

    assert (before, (await town.read(child))["closed"]) == ("born", {"reason": "aged-out"})
    assert (await town.said(child)).count("case_closed") == 1
    assert {(await town.read(each))["status"] for each in (younger, dead)} == {"born"}


async def test_age_counts_from_the_date_as_persons_has_corrected_it(town: Municipality) -> None:
    today = await town.heard.today()
    child = await town.child("born", born_on=today)
    long_ago = date(today.year - 8, 1, 1)

    await town.heard.tell(child, ChildCorrected(child=child, municipality=town.heard.municipality, born_on=long_ago, order=1))
    await town.tick()

    assert (await town.read(child))["closed"] == {"reason": "aged-out"}


async def test_a_leader_of_the_last_unit_or_the_intake_lead_reopens_with_a_named_person(town: Municipality) -> None:
    to = {"to": town.colleague.model_dump(mode="json"), "reason": "came-back"}
    for opener in (town.leader, town.lead):
        child = await town.held(town.nurse)
        await post(town, town.nurse, child, "closing", {"reason": "moved-abroad"})

        refused = await post(town, town.nurse, child, "reopening", to)
        opened = await post(town, opener, child, "reopening", to)

        assert (refused.status, opened.status) == (404, 200), opened.body
        found = await town.read(child)
        assert (found["episode"], found["status"]) == (2, "expected")
        assert found["tovholder"]["professional"] == str(town.colleague.professional)
        assert (await town.said(child))[-2:] == ["case_reopened", "tovholder_changed"]
        links = (await town.as_(town.colleague).get(f"/registry/children/{child}/assignments")).body["assignments"]
        assert [(link["episode"], link["why"]) for link in links] == [(1, "registration"), (1, "acceptance"), (2, "reopening")]


async def test_a_case_is_reopened_on_an_open_seat_of_its_municipality_and_only_if_it_is_closed(town: Municipality) -> None:
    child = await town.held(town.nurse)
    running = await post(town, town.leader, child, "reopening", {"to": town.colleague.model_dump(mode="json")})
    await post(town, town.nurse, child, "closing", {"reason": "wrongly-registered"})
    await town.leaves(town.pedagogue)

    gone = await post(town, town.leader, child, "reopening", {"to": town.pedagogue.model_dump(mode="json")})
    abroad = await post(town, town.leader, child, "reopening", {"to": town.abroad.model_dump(mode="json")})
    nobody = await post(town, town.leader, child, "reopening", {"to": {"professional": str(uuid4()), "unit": str(uuid4())}})

    assert [answer.problem for answer in (running, gone, abroad, nobody)] == [
        "the-child-is-not-closed", "the-seat-takes-nobody", "the-named-person-works-in-another-municipality",
        "the-seat-is-unknown",
    ]  # fmt: skip
    assert (await town.read(child))["status"] == "closed"


async def test_a_birth_heard_while_the_case_is_closed_is_not_lost(town: Municipality) -> None:
    child = await town.held(town.nurse)
    await post(town, town.nurse, child, "closing", {"reason": "moved-abroad"})

    await town.identified(IdentifiedChild(child=child, order=1, status="born", new=False, born_on=date(2026, 11, 20)))
    closed = (await town.read(child))["status"]
    await post(town, town.leader, child, "reopening", {"to": town.colleague.model_dump(mode="json")})

    assert (closed, (await town.read(child))["status"]) == ("closed", "born")


async def test_of_a_closing_and_an_acceptance_at_once_one_wins_and_the_other_learns_what_stands(town: Municipality) -> None:
    for _ in range(5):
        child = await town.held(town.nurse)
        handover = (await town.propose(child, town.colleague, by=town.nurse)).body["id"]

        closed, accepted = await asyncio.gather(
            post(town, town.nurse, child, "closing", {"reason": "settled"}),
            town.as_(town.colleague).post(f"/registry/handovers/{handover}/acceptance"),
        )

        found = await town.read(child)
        if closed.status == 200:
            assert accepted.status == 409
            assert (found["status"], found["tovholder"]) == ("closed", None)
        else:
            assert (closed.status, accepted.status) in [(403, 200), (409, 200)]
            assert found["tovholder"]["professional"] == str(town.colleague.professional)
