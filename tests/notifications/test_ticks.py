"""A delivery's fate, over real SMTP and the other services' real addresses: delivered, waiting, tried again, or a person's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from services.chassis.migrate import owner_dsn
from services.notifications import domain, repository, ticks
from services.notifications.ticks import send_due
from tests.notifications.mail_server import MailServer
from tests.notifications.telling import Telling

INGE, MOTHER = "inge@havby.example", "mor@example.dk"


async def fate(telling: Telling, child: UUID, who: str = "inge") -> tuple[str, str | None, int]:
    """(state, reason, tries) of someone's e-mail about a child."""
    [row] = [
        row
        for row in await telling.deliveries(child)
        if row["channel"] == "email" and row["recipient"] == telling.id_of(who) and row["kind"] == "tovholder_changed"
    ]
    return row["state"], row["reason"], row["tries"]


async def tries(telling: Telling, child: UUID) -> list[str]:
    rows = await telling.world.sql(
        "notifications",
        "select outcome from delivery_try join delivery on id = delivery where about = $1 and recipient = $2 order by number",
        *(child, telling.id_of("inge")),
    )
    return [row["outcome"] for row in rows]


async def test_an_email_is_sent_to_the_address_that_the_directory_has_now(telling: Telling, mail_server: MailServer) -> None:
    child = await telling.register()

    await telling.tell()

    assert await fate(telling, child) == ("delivered", None, 1)
    assert len(mail_server.to(INGE)) == 1


async def test_no_mail_says_who_or_what_it_is_about(telling: Telling, mail_server: MailServer) -> None:
    child = await telling.expect()

    await telling.tell()

    assert {recipient for recipients, _ in mail_server.mails for recipient in recipients} == {INGE, MOTHER}
    for _, mail in mail_server.mails:
        for word in ("Søs", "Attrap", "0101900000", str(child), "barn", "child", "0990"):
            assert word not in mail.as_string()


async def test_the_family_s_notice_becomes_one_for_each_of_its_people(telling: Telling, mail_server: MailServer) -> None:
    child = await telling.expect()

    await telling.tell()

    rows = [row for row in await telling.deliveries(child) if row["to_whom"] == "family"]
    [mother] = {row["recipient"] for row in rows if row["recipient"]}
    assert sorted((row["channel"], row["state"], row["recipient"] == mother) for row in rows) == [
        ("email", "delivered", True),
        ("email", "passed-on", False),
        ("inbox", "delivered", True),
        ("inbox", "passed-on", False),
    ]
    assert len(mail_server.to(MOTHER)) == 1


async def test_a_mother_without_an_email_address_still_has_it_in_her_inbox(telling: Telling, mail_server: MailServer) -> None:
    child = await telling.expect(email=None)

    await telling.tell()

    rows = [row for row in await telling.deliveries(child) if row["to_whom"] == "family" and row["recipient"]]
    assert [(row["channel"], row["state"]) for row in rows] == [("inbox", "delivered")]
    assert mail_server.to(MOTHER) == []


async def test_whoever_must_not_be_contacted_gets_nothing_and_nothing_is_said_of_it(
    telling: Telling, mail_server: MailServer
) -> None:
    child = await telling.expect()
    await telling.world.sql("persons", "update person set do_not_contact = true where id = $1 returning id", child)

    await telling.tell()

    family = [row for row in await telling.deliveries(child) if row["to_whom"] == "family"]
    assert {(row["state"], row["recipient"]) for row in family} == {("stopped", None)}
    assert mail_server.to(MOTHER) == []
    said = [await telling.world.events("notifications", str(row["notice"])) for row in family]
    assert "failed" not in said[0]


async def test_do_not_contact_that_comes_after_a_first_try_stops_the_next(telling: Telling, mail_server: MailServer) -> None:
    child = await telling.expect()
    mail_server.answer_to_mail = "451 later"
    await telling.tell()
    await telling.world.sql("persons", "update person set do_not_contact = true where id = $1 returning id", child)
    mail_server.answer_to_mail = None

    await telling.world.advance(timedelta(minutes=1))

    assert mail_server.to(MOTHER) == []
    assert ("family", "email", "stopped") in await telling.told(child, "tovholder_changed")


async def test_the_end_of_a_pregnancy_a_second_earlier_stops_the_letter_and_tells_only_those_who_work_with_the_family(
    telling: Telling, mail_server: MailServer
) -> None:
    child = await telling.expect()

    ended = await telling.someone("inge").post(f"/persons/children/{child}/pregnancy-end", {})
    await telling.tell()

    assert ended.status == 201
    assert mail_server.to(MOTHER) == []
    family = [row for row in await telling.deliveries(child) if row["to_whom"] == "family"]
    assert {(row["kind"], row["state"]) for row in family} == {("tovholder_changed", "stopped")}
    assert ("inge", "inbox", "delivered") in await telling.told(child, "pregnancy_ended")


async def test_the_end_of_a_pregnancy_between_two_tries_stops_the_second(telling: Telling, mail_server: MailServer) -> None:
    child = await telling.expect()
    mail_server.answer_to_mail = "451 later"
    await telling.tell()
    mail_server.answer_to_mail = None

    await telling.someone("inge").post(f"/persons/children/{child}/pregnancy-end", {})
    await telling.world.advance(timedelta(minutes=1))

    assert mail_server.to(MOTHER) == []
    assert ("family", "email", "stopped") in await telling.told(child, "tovholder_changed")


async def test_while_persons_is_away_the_family_s_notice_waits_and_no_try_is_counted(
    telling_without_persons: Telling, mail_server: MailServer
) -> None:
    telling = telling_without_persons
    child = await telling.register()

    await telling.tell()
    for _ in range(domain.TRIES_AT_MOST + 1):
        await telling.world.advance(timedelta(hours=3))

    family = [row for row in await telling.deliveries(child) if row["to_whom"] == "family"]
    assert {(row["state"], row["tries"]) for row in family} == {("queued", 0)}
    assert await fate(telling, child) == ("delivered", None, 1)


async def test_while_persons_is_away_a_few_are_tried_for_all_and_the_others_are_told(
    telling_without_persons: Telling, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One round, however slow the machine: else it ends by time, and the next tries a few more for all.
    monkeypatch.setattr(ticks, "_ROUND_SECONDS", 60.0)
    telling = telling_without_persons
    children = [await telling.register() for _ in range(25)]

    await telling.tell()

    rows = [row for child in children for row in await telling.deliveries(child)]
    put_off = [row for row in rows if row["to_whom"] == "family" and row["next_try_at"] > row["due_at"]]
    assert {row["channel"] for row in put_off} == {"inbox", "email"}
    assert len(put_off) < 25
    assert len(mail_server.to(INGE)) == 25

    await telling.world.advance(domain.WAITS)
    assert {row["tries"] for child in children for row in await telling.deliveries(child) if row["to_whom"] == "family"} == {0}


async def test_a_family_nobody_knows_is_shown_to_a_person(telling: Telling) -> None:
    child = await telling.register()

    await telling.tell()

    family = [row for row in await telling.deliveries(child) if row["to_whom"] == "family"]
    assert {(row["state"], row["reason"], row["shown_to"]) for row in family} == {
        ("failed", "family-unknown", telling.id_of("lone"))
    }


@pytest.mark.parametrize(
    ("trouble", "outcomes"),
    [
        ("asks-for-patience", {"smtp-451"}),
        ("dies-in-the-middle", {"mail-server-away", "smtp-421"}),
        ("slow", {"mail-server-slow"}),
    ],
)
async def test_a_mail_server_in_trouble_gets_the_mail_later_and_once(
    telling: Telling, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch, trouble: str, outcomes: set[str]
) -> None:
    child = await telling.register()
    mail_server.answer_to_mail = "451 later"
    mail_server.hangs_up_in_the_middle = trouble == "dies-in-the-middle"
    with monkeypatch.context() as impatient:
        if trouble == "slow":
            mail_server.seconds = 30
            impatient.setattr("services.notifications.mail.ANSWER_SECONDS", 0.3)
        await telling.tell()
    before = await fate(telling, child)
    mail_server.answer_to_mail, mail_server.hangs_up_in_the_middle, mail_server.seconds = None, False, 0

    await telling.tell()
    too_early = len(mail_server.to(INGE))
    await telling.world.advance(timedelta(seconds=10))
    await telling.world.advance(timedelta(hours=1))

    assert before == ("queued", None, 1)
    assert too_early == 0
    assert await fate(telling, child) == ("delivered", None, 2)
    [first, last] = await tries(telling, child)
    assert first in outcomes
    assert last == "accepted"
    assert len(mail_server.to(INGE)) == 1


async def test_a_refusal_for_good_is_shown_to_a_named_person_at_once(telling: Telling, mail_server: MailServer) -> None:
    child = await telling.register()
    mail_server.answer_to_recipient = "550 no such mailbox"

    await telling.tell()

    [failed] = [
        row for row in await telling.deliveries(child) if row["recipient"] == telling.id_of("inge") and row["state"] == "failed"
    ]
    assert (failed["reason"], failed["shown_to"]) == ("smtp-550", telling.id_of("lone"))
    assert "failed" in await telling.world.events("notifications", str(failed["notice"]))


async def test_a_mail_server_away_for_a_day_ends_with_a_person_too(telling: Telling, mail_server: MailServer) -> None:
    child = await telling.register()
    mail_server.hangs_up_in_the_middle = True

    await telling.tell()
    for _ in range(domain.TRIES_AT_MOST):
        await telling.world.advance(timedelta(hours=3))

    state, reason, counted = await fate(telling, child)
    assert (state, counted) == ("failed", domain.TRIES_AT_MOST)
    assert reason in {"mail-server-away", "smtp-421"}


async def test_what_goes_wrong_with_one_delivery_stops_no_other_and_ends_with_a_person(
    telling: Telling, mail_server: MailServer
) -> None:
    ill, well = await telling.register(), await telling.register()

    async with _cannot_be_written_down(telling, ill):
        await telling.tell()
        first = await fate(telling, ill)
        for _ in range(domain.TRIES_AT_MOST):
            await telling.world.advance(timedelta(hours=3))

    assert first == ("queued", None, 1)
    assert await fate(telling, well) == ("delivered", None, 1)
    assert await fate(telling, ill) == ("failed", "went-wrong", domain.TRIES_AT_MOST)
    [notice] = {row["notice"] for row in await telling.deliveries(ill) if row["reason"] == "went-wrong"}
    assert "failed" in await telling.world.events("notifications", str(notice))


@asynccontextmanager
async def _cannot_be_written_down(telling: Telling, child: UUID) -> AsyncIterator[None]:
    """That an e-mail about this child was delivered."""
    connection = await asyncpg.connect(owner_dsn(telling.world.settings))
    await connection.execute(
        "create function notifications.breaks() returns trigger language plpgsql as $$ begin raise exception 'broken'; end $$;"
        "create trigger breaks before update on notifications.delivery for each row when"
        f" (new.state = 'delivered' and new.channel = 'email' and new.about = '{child}') execute function notifications.breaks()"
    )
    yield
    await connection.execute("drop trigger breaks on notifications.delivery; drop function notifications.breaks()")
    await connection.close()


async def test_two_clocks_at_once_send_each_mail_once(telling: Telling, mail_server: MailServer) -> None:
    for _ in range(4):
        await telling.register()
    runtime = telling.world.running.runtimes["notifications"]

    await asyncio.gather(send_due(runtime), send_due(runtime), send_due(runtime))

    assert len(mail_server.to(INGE)) == 4


async def test_what_a_killed_process_had_in_hand_is_sent_by_the_next(telling: Telling, mail_server: MailServer) -> None:
    child = await telling.register()
    async with telling.world.store("notifications").transaction() as tx:
        await repository.take_due(tx, 100, by_mail=True, to_family=False)

    await telling.tell()
    in_hand = len(mail_server.mails)
    await telling.world.advance(domain.IN_HAND)

    assert in_hand == 0
    assert await fate(telling, child) == ("delivered", None, 1)


async def test_a_try_recorded_twice_counts_once(telling: Telling) -> None:
    child = await telling.register()
    async with telling.world.store("notifications").transaction() as tx:
        (delivery,) = await repository.take_due(tx, 1, by_mail=True, to_family=False)

    async def record() -> bool:
        async with telling.world.store("notifications").transaction() as tx:
            return await repository.tried(tx, delivery, "delivered", "accepted", await tx.now())

    assert [await record(), await record()] == [True, False]
    assert child == delivery["about"]


async def test_mails_that_wait_for_a_slow_server_keep_no_family_s_inbox_waiting(telling: Telling) -> None:
    children = [await telling.register() for _ in range(3)]

    async with telling.world.store("notifications").transaction() as tx:
        first = await repository.take_due(tx, 3, by_mail=False, to_family=True)
        mails = await repository.take_due(tx, 100, by_mail=True, to_family=False)

    # The mails of all three have been due as long as, or longer than, the last one's.
    assert [(row["about"], row["to_whom"], row["channel"]) for row in first] == [(child, "family", "inbox") for child in children]
    assert {row["channel"] for row in mails} == {"email"}


async def test_what_failed_and_could_be_shown_to_nobody_is_an_alarm_and_what_stands_on_a_list_is_none(telling: Telling) -> None:
    child = await telling.register()
    store = telling.world.store("notifications")
    await telling.world.sql("notifications", "update delivery set state = 'delivered', delivered_at = queued_at returning 1")

    async def oldest(shown_to: UUID | None) -> float:
        await telling.world.sql(
            "notifications",
            "update delivery set state = 'failed', reason = 'no-address', shown_to = $2, due_at = due_at - interval '1 hour',"
            " queued_at = queued_at - interval '1 hour' where about = $1 and channel = 'email' returning 1",
            *(child, shown_to),
        )
        async with store.transaction() as tx:
            return await repository.oldest_untold_seconds(tx)

    assert await oldest(telling.id_of("lone")) == 0
    assert await oldest(None) > 2700


@pytest.mark.parametrize("unreached", ["lone", "inge"])
async def test_a_failure_is_shown_to_someone_other_than_who_was_not_reached(telling: Telling, unreached: str) -> None:
    child = await telling.register()

    async with telling.world.store("notifications").transaction() as tx:
        shown_to = await repository.person_to_show(tx, "0990", child, telling.id_of(unreached))

    assert shown_to is not None
    assert shown_to != telling.id_of(unreached)
