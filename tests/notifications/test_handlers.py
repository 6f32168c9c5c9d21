"""From a fact to a notice: whoever is concerned is told once, in whatever order facts come, and however often."""

import asyncio
from datetime import date
from uuid import UUID, uuid4

from services.chassis.consumer.handling import alone_with
from services.chassis.service import Received
from services.events.daycare import StartPlanned
from services.events.directory import AbsenceEnded, AbsenceRegistered, UnitChanged
from services.events.midwife import NotificationReceived, NotificationWithdrawn
from services.events.persons import ChildDied, CustodyChanged, MoveProposed
from services.events.registry import (
    CaseClosed,
    CaseMerged,
    CaseSeparated,
    HandoverScheduled,
    HandoverWithdrawn,
    MoveRaised,
    SupporterJoined,
    SupporterLeft,
)
from services.events.sundhedspleje import UnderretningGiven
from services.notifications import handlers
from services.notifications.repository import concerned
from tests.notifications.telling import AT, HAVBY, SKOVBY, Telling


async def test_the_first_tovholder_the_leader_and_the_family_are_told_of_a_new_child(telling: Telling) -> None:
    child = await telling.register()

    assert await telling.told(child, "tovholder_changed") == {
        ("inge", "inbox", "delivered"),
        ("inge", "email", "queued"),
        ("lone", "inbox", "delivered"),
        ("family", "inbox", "queued"),
        ("family", "email", "queued"),
    }


async def test_what_stands_in_an_inbox_is_said_to_be_delivered(telling: Telling) -> None:
    child = await telling.register()

    notices = {row["notice"] for row in await telling.deliveries(child)}
    said = [await telling.world.events("notifications", str(notice)) for notice in notices]

    assert said == [["delivered", "delivered"]]


async def test_an_event_heard_again_tells_nobody_again(telling: Telling) -> None:
    child = await telling.register()
    event = telling.proposed(child, telling.seat("anna", "nord"))
    received = Received(event, str(uuid4()), child, 3, AT)

    for _ in range(2):
        async with telling.world.store("notifications").transaction() as tx:
            await handlers.tell(received, tx)

    assert [row["kind"] for row in await telling.deliveries(child)].count("handover_proposed") == len(
        await telling.told(child, "handover_proposed")
    )


async def test_a_fact_about_a_child_without_known_tovholder_is_told_once_there_is_one(telling: Telling) -> None:
    child = uuid4()
    await telling.say(child, start(telling, child))
    await telling.world.settle()
    before = await telling.deliveries(child)

    await telling.say(child, telling.registered(child), telling.changed(child, None, telling.seat("inge", "intake")))
    await telling.world.settle()

    assert before == []
    assert await telling.told(child, "start_planned") == {
        ("inge", "inbox", "delivered"),
        ("cecilie", "inbox", "delivered"),
        ("cecilie", "email", "queued"),
        ("mona", "inbox", "delivered"),
    }


async def test_a_fact_for_the_leaders_of_a_unit_waits_until_the_unit_is_known(telling: Telling) -> None:
    child, unit = await telling.register(), uuid4()
    new_team = telling.seat("anna", "nord").model_copy(update={"unit": unit})
    await telling.say(child, telling.proposed(child, new_team), telling.changed(child, None, new_team))
    await telling.world.settle()
    before = await telling.told(child, "handover_proposed")

    await telling.say(
        unit,
        UnitChanged(
            unit=unit, municipality=HAVBY, kind="sundhedspleje", parent=None, district=None, sor=[],
            leaders=[telling.id_of("elin")], private=False, active=True,
        ),
    )  # fmt: skip
    await telling.world.settle()

    assert before == set()
    assert ("elin", "inbox", "delivered") in await telling.told(child, "handover_proposed")
    assert ("elin", "inbox", "delivered") in await telling.told(child, "tovholder_changed")


async def test_an_older_word_of_the_tovholder_that_comes_late_changes_nothing(telling: Telling) -> None:
    child = await telling.register()
    anna, birgit = telling.seat("anna", "nord"), telling.seat("birgit", "nord")

    for version, seat in ((7, birgit), (5, anna)):
        async with telling.world.store("notifications").transaction() as tx:
            received = Received(telling.changed(child, None, seat), str(uuid4()), child, version, AT)
            await handlers.tell_of_new_tovholder(received, tx)

    [case] = await telling.world.sql("notifications", "select holder from child_case where child = $1", child)
    assert case["holder"] == birgit.professional


async def test_supporters_are_told_while_they_support(telling: Telling) -> None:
    child, rikke = await telling.register(), telling.seat("rikke", "social")
    anna, birgit = telling.seat("anna", "nord"), telling.seat("birgit", "nord")
    await telling.say(
        child,
        SupporterJoined(child=child, municipality=HAVBY, supporter=rikke, role="team", until_on=None),
        telling.changed(child, telling.seat("inge", "intake"), anna),
        SupporterLeft(child=child, municipality=HAVBY, supporter=rikke),
        telling.changed(child, anna, birgit),
    )

    await telling.world.settle()

    to_rikke = [row for row in await telling.deliveries(child) if row["recipient"] == rikke.professional]
    assert [row["why"] for row in to_rikke] == ["supporters"]


async def test_the_deputy_is_asked_too_and_told_of_a_death_while_somebody_is_absent_and_no_longer(telling: Telling) -> None:
    absence, anna = uuid4(), telling.id_of("anna")
    away = AbsenceRegistered(
        absence=absence,
        professional=anna,
        municipality=HAVBY,
        from_on=date(2020, 1, 1),
        until_on=None,
        deputy=telling.seat("dorte", "nord"),
    )
    during, after, hers = [await telling.register() for _ in range(3)]
    await telling.say(hers, telling.changed(hers, telling.seat("inge", "intake"), telling.seat("anna", "nord")))

    await telling.say(anna, away)
    await telling.world.settle()
    await telling.say(during, telling.proposed(during, telling.seat("anna", "nord")))
    await telling.say(hers, ChildDied(child=hers, municipality=HAVBY, died_on=None))
    await telling.world.settle()
    await telling.say(anna, AbsenceEnded(absence=absence, professional=anna, municipality=HAVBY, ended_on=date(2020, 1, 2)))
    await telling.world.settle()
    await telling.say(after, telling.proposed(after, telling.seat("anna", "nord")))
    await telling.world.settle()

    assert ("dorte", "email", "queued") in await telling.told(during, "handover_proposed")
    assert {("anna", "email", "queued"), ("dorte", "email", "queued")} <= await telling.told(hers, "child_died")
    assert "dorte" not in {who for who, _, _ in await telling.told(after, "handover_proposed")}


async def test_a_message_to_place_is_told_to_the_intake_lead(telling: Telling) -> None:
    placed, listed = uuid4(), uuid4()

    for notification, state in ((placed, "to-place"), (listed, "listed")):
        await telling.say(
            notification,
            NotificationReceived.model_validate(
                {
                    "notification_id": notification, "municipality": HAVBY, "unit": telling.id_of("intake"),
                    "organisation": "999000000016001", "received_at": AT, "state": state,
                }
            ),
        )  # fmt: skip
    await telling.world.settle()

    assert await telling.told(placed, "message_to_place") == {("inge", "inbox", "delivered"), ("inge", "email", "queued")}
    assert await telling.deliveries(listed) == []


async def test_a_notification_taken_back_is_told_to_the_tovholder_of_each_of_its_children(telling: Telling) -> None:
    notification = uuid4()
    twins = [await telling.register(notification), await telling.register(notification)]

    await telling.say(notification, withdrawn(notification))
    await telling.world.settle()

    for child in twins:
        assert ("inge", "inbox", "delivered") in await telling.told(child, "notification_withdrawn")


async def test_a_notification_taken_back_before_there_is_a_child_is_told_to_the_intake_lead(telling: Telling) -> None:
    notification = uuid4()

    await telling.say(notification, withdrawn(notification))
    await telling.world.settle()

    assert await telling.told(notification, "notification_withdrawn") == {
        ("inge", "inbox", "delivered"),
        ("inge", "email", "queued"),
    }


async def test_a_proposed_move_shows_each_municipality_its_own_part_only(telling: Telling) -> None:
    person, notification = uuid4(), uuid4()

    await telling.say(
        person, MoveProposed(person=person, notification_id=notification, from_municipality=HAVBY, to_municipality=SKOVBY)
    )
    await telling.world.settle()

    assert {who for who, _, _ in await telling.told(person, "move_proposed")} == {"inge"}
    assert {who for who, _, _ in await telling.told(notification, "move_proposed")} == {"skovby-lead"}


def withdrawn(notification: UUID) -> NotificationWithdrawn:
    return NotificationWithdrawn(notification_id=notification, municipality=HAVBY, reason="incorrect-person")


async def test_a_fact_about_a_child_that_another_process_learns_of_meanwhile_is_told_and_not_kept(telling: Telling) -> None:
    child, consumer = uuid4(), telling.world.running.consumers["notifications"]
    await telling.say(child, start(telling, child))
    await telling.world.running.relays["daycare"].once()

    async with telling.world.store("notifications").transaction() as other:
        await alone_with(other, child)
        hearing = asyncio.create_task(consumer.once())
        while not await other.fetchval(_SOMEONE_WAITS):
            assert not hearing.done(), "heard without a look at who else is learning of the child"
        await concerned.keep_tovholder(other, telling.changed(child, None, telling.seat("inge", "intake")), 2)
    await hearing

    assert await telling.world.sql("notifications", "select from kept where about = $1", child) == []
    assert ("inge", "inbox", "delivered") in await telling.told(child, "start_planned")


async def test_another_service_that_learns_of_the_same_child_holds_nobody_up(telling: Telling) -> None:
    """Services share a database, and each hears of children in an order of its own: two would wait for each other in a circle."""
    child, consumer = uuid4(), telling.world.running.consumers["notifications"]
    await telling.say(child, start(telling, child))
    await telling.world.running.relays["daycare"].once()

    async with telling.world.store("registry").transaction() as neighbour, asyncio.timeout(60):
        await alone_with(neighbour, child)
        while await consumer.once():
            pass

    assert len(await telling.world.sql("notifications", "select from kept where about = $1", child)) == 1


_SOMEONE_WAITS = """
select exists (select from pg_locks where locktype = 'advisory' and not granted
  and database = (select oid from pg_database where datname = current_database()))
"""


def start(telling: Telling, child: UUID) -> StartPlanned:
    return StartPlanned(
        start=uuid4(), child=child, municipality=HAVBY, unit=telling.id_of("maelkevejen"), starts_on=date(2027, 1, 4),
        pedagogue=telling.seat("cecilie", "maelkevejen"),
    )  # fmt: skip


async def test_of_a_closing_those_who_stood_by_are_told_and_the_family_unless_it_would_hurt(telling: Telling) -> None:
    settled, died = await telling.register(), await telling.register()
    last, helper = telling.seat("inge", "intake"), telling.seat("anna", "nord")
    for child, reason in ((settled, "settled"), (died, "died")):
        joined = SupporterJoined(child=child, municipality=HAVBY, supporter=helper, role="team", until_on=None)
        closed = CaseClosed(child=child, municipality=HAVBY, reason=reason, last=last, by=last.professional)
        await telling.say(child, joined, closed, SupporterLeft(child=child, municipality=HAVBY, supporter=helper))
    await telling.world.settle()

    inboxes = {("inge", "inbox", "delivered"), ("lone", "inbox", "delivered"), ("anna", "inbox", "delivered")}
    family = {("family", "inbox", "queued"), ("family", "email", "queued")}
    assert await telling.told(settled, "case_closed") == inboxes | family
    assert await telling.told(died, "case_closed_quietly") == inboxes
    assert await telling.told(died, "case_closed") == set()


async def test_what_is_heard_of_a_child_whose_case_is_closed_is_told_to_the_intake_lead(telling: Telling) -> None:
    child, anna = await telling.register(), telling.seat("anna", "nord")
    await telling.say(child, telling.changed(child, telling.seat("inge", "intake"), anna))
    await telling.say(child, CaseClosed(child=child, municipality=HAVBY, reason="settled", last=anna, by=anna.professional))
    await telling.world.settle()

    await telling.say(child, ChildDied(child=child, municipality=HAVBY, died_on=None))
    await telling.world.settle()

    assert ("inge", "inbox", "delivered") in await telling.told(child, "child_died")
    assert ("anna", "inbox", "delivered") not in await telling.told(child, "child_died")


async def test_of_a_day_that_was_agreed_on_the_family_hears_the_end_and_who_was_to_take_over_hears_of_a_death_meanwhile(
    telling: Telling,
) -> None:
    inge, birgit = telling.someone("inge"), telling.someone("birgit")
    child = await telling.expect()
    to = {"professional": telling.world.names["birgit"], "unit": telling.world.names["nord"]}

    async def agree() -> str:
        body = {"to": to, "reason": "district", "effective_on": "2027-05-01"}
        offered = await inge.post(f"/registry/children/{child}/handovers", body)
        assert offered.status == 201, offered.body
        accepted = await birgit.post(f"/registry/handovers/{offered.body['id']}/acceptance", {})
        assert accepted.status == 200, accepted.body
        return f"/registry/handovers/{offered.body['id']}/withdrawal"

    only_asked = await inge.post(f"/registry/children/{child}/handovers", {"to": to, "reason": "district"})
    await inge.post(f"/registry/handovers/{only_asked.body['id']}/withdrawal", {})
    await telling.world.settle()
    quietly = {who for who, _, _ in await telling.told(child, "handover_withdrawn")}

    withdrawal = await agree()
    await inge.post(withdrawal, {})
    await telling.world.settle()
    await agree()
    await telling.world.settle()
    ended = await inge.post(f"/persons/children/{child}/pregnancy-end", {})
    await telling.world.settle()

    assert "family" not in quietly
    assert {("family", "inbox", "queued"), ("family", "email", "queued")} <= await telling.told(child, "handover_withdrawn")
    assert ended.status == 201, ended.body
    assert ("birgit", "email", "queued") in await telling.told(child, "pregnancy_ended")

    # Once it is over nobody is next any more.
    [row] = await telling.world.sql("notifications", "select handover from next_tovholder where child = $1", child)
    declined = await birgit.post(f"/registry/handovers/{row['handover']}/refusal", {"reason": "at-capacity"})
    assert declined.status == 200, declined.body
    await telling.world.settle()
    assert await telling.world.sql("notifications", "select 1 from next_tovholder where child = $1 and open", child) == []


async def test_an_agreed_day_and_its_end_heard_in_one_go_are_told_as_if_one_had_been_heard_after_the_other(
    telling: Telling,
) -> None:
    child, asked = await telling.register(), telling.proposed(uuid4(), telling.seat("anna", "nord"))
    about = {name: getattr(asked, name) for name in ("handover", "municipality", "giver", "receiver")} | {"child": child}
    rikke = telling.seat("rikke", "social")
    await telling.say(
        child,
        SupporterJoined(child=child, municipality=HAVBY, supporter=rikke, role="team", until_on=None),
        asked.model_copy(update={"child": child}),
        HandoverScheduled(**about, effective_on=date(2027, 5, 1)),
        # What is known of the child is read anew after this.
        SupporterLeft(child=child, municipality=HAVBY, supporter=rikke),
        HandoverWithdrawn(**about, cause="proposer", withdrawn_by=None),
        HandoverWithdrawn(**{**about, "handover": uuid4()}, cause="proposer", withdrawn_by=None),
    )
    await telling.world.settle()

    told = [row["to_whom"] for row in await telling.deliveries(child) if row["kind"] == "handover_withdrawn"]
    assert told.count("family") == 2, "once in the inbox and once by e-mail"


async def test_of_a_merge_both_tovholdere_and_the_leader_of_the_one_who_stays_are_told(telling: Telling) -> None:
    survivor, merged, anna = await telling.register(), await telling.register(), telling.seat("anna", "nord")
    await telling.say(merged, telling.changed(merged, telling.seat("inge", "intake"), anna))
    await telling.say(
        merged,
        CaseMerged(child=merged, merged_into=survivor, municipality=HAVBY),
        CaseClosed(child=merged, municipality=HAVBY, reason="merged", last=anna, by=None),
    )
    await telling.world.settle()

    inboxes = {who for who, channel, _ in await telling.told(survivor, "case_merged") if channel == "inbox"}
    assert inboxes == {"inge", "anna", "lone"}


async def test_facts_about_a_merged_reference_are_told_to_the_tovholder_of_the_one_that_survives(telling: Telling) -> None:
    survivor, merged, anna = await telling.register(), await telling.register(), telling.seat("anna", "nord")
    await telling.say(survivor, telling.changed(survivor, telling.seat("inge", "intake"), anna))
    await telling.say(merged, CaseMerged(child=merged, merged_into=survivor, municipality=HAVBY))
    await telling.world.settle()

    await telling.say(merged, ChildDied(child=merged, municipality=HAVBY, died_on=None))
    await telling.world.settle()
    await telling.say(merged, CaseSeparated(child=merged, separated_from=survivor, municipality=HAVBY))
    await telling.world.settle()
    await telling.say(merged, CustodyChanged(child=merged, municipality=HAVBY, holders=[], from_on=AT.date()))
    await telling.world.settle()

    assert {who for who, _, _ in await telling.told(merged, "child_died")} == {"anna"}
    assert {who for who, _, _ in await telling.told(survivor, "case_separated")} >= {"anna"}
    assert {who for who, _, _ in await telling.told(merged, "custody_changed")} == {"inge"}


async def test_of_a_move_out_of_the_product_the_tovholder_is_told(telling: Telling) -> None:
    child = await telling.register()

    await telling.say(child, MoveRaised(child=child, municipality=HAVBY, to_municipality="0999", to=None, handover=None))
    await telling.world.settle()

    assert {who for who, _, _ in await telling.told(child, "move_raised")} == {"inge"}


async def test_an_underretning_is_told_without_the_child_and_is_not_among_the_child_s_notices(telling: Telling) -> None:
    child, number = await telling.register(), uuid4()
    given = UnderretningGiven(
        underretning=number, municipality=HAVBY, notifier=telling.seat("inge", "intake"), to_unit=telling.id_of("social"),
        given_at=AT, assess_by=AT, receipt_by=AT,
    )  # fmt: skip

    await telling.say(number, given)
    await telling.world.settle()

    told = await telling.told(number, "underretning_given")
    assert ("inge", "inbox", "delivered") in told
    assert len({who for who, _, _ in told}) == 2
    shown = (await telling.someone("lone").get(f"/notifications/deliveries?child={child}")).body["deliveries"]
    assert "underretning_given" not in {it["kind"] for it in shown}
