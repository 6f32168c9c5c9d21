"""Each event is applied once and in order per subject, whatever the bus, peers and other processes do."""

from uuid import UUID

import orjson
import pytest

from services.chassis.bus import EmbeddedReader, Record
from services.chassis.consumer import Consumer, LostLease
from services.chassis.envelope import Envelope
from services.chassis.errors import TryAgainSoon
from services.chassis.ids import new_id, partition_of
from tests.support.rails import (
    TOO_LARGE_FOR_A_COLUMN,
    UNLUCKY,
    PlainlySaid,
    QuestionAsked,
    Rails,
    ThingOpened,
    ToldAbout,
    WordSaid,
)


def the(rails: Rails) -> Consumer:
    return rails.running.consumers["listener"]


def another(rails: Rails) -> Consumer:
    """A second process of the same service."""
    return Consumer(rails.running.runtimes["listener"], EmbeddedReader(rails.settings, rails.running.hints))


async def records_of(rails: Rails, subject: UUID) -> list[Record]:
    """What the bus carries of a subject, with the feed's positions."""
    rows = await rails.sql(
        "speaker",
        "select f.partition, f.position, l.envelope::text as body from feed f join ledger l using (subject, version)"
        " where subject = $1 order by version",
        subject,
    )
    return [Record("speaker", row["partition"], row["position"], row["body"]) for row in rows]


async def test_words_are_heard_in_the_order_they_were_said(rails: Rails) -> None:
    subject = new_id()
    await rails.say(subject, 1, 2, 3)
    await rails.publish(subject, WordSaid(number=4), WordSaid(number=5))

    await rails.settle()

    assert await rails.numbers(subject) == [1, 2, 3, 4, 5]


async def test_a_record_that_comes_again_changes_nothing(rails: Rails) -> None:
    subject = new_id()
    await rails.say(subject, 1, 2)
    await rails.settle()

    await the(rails)._take("speaker", await records_of(rails, subject))

    assert await rails.numbers(subject) == [1, 2]


async def test_a_jump_in_positions_is_filled_from_the_feed(rails: Rails) -> None:
    subject = new_id()
    await rails.settle()
    await rails.say(subject, 1, 2, 3)
    await rails.relay()

    await the(rails)._take("speaker", (await records_of(rails, subject))[2:])

    assert await rails.numbers(subject) == [1, 2, 3]


async def test_another_subject_s_event_in_a_jump_of_positions_is_not_lost(rails: Rails) -> None:
    skipped, heard = rails.subjects_of_one_partition(2)
    await rails.settle()
    await rails.say(skipped, 1)
    await rails.say(heard, 1)
    await rails.relay()

    await the(rails)._take("speaker", await records_of(rails, heard))

    assert await rails.numbers(skipped) == [1]
    assert await rails.numbers(heard) == [1]


async def test_records_in_the_wrong_order_are_applied_in_the_right_one(rails: Rails) -> None:
    subject = new_id()
    await rails.settle()
    await rails.say(subject, 1, 2, 3)
    await rails.relay()

    await the(rails)._take("speaker", list(reversed(await records_of(rails, subject))))

    assert await rails.numbers(subject) == [1, 2, 3]


async def test_missing_versions_of_a_subject_are_fetched_from_their_source(rails: Rails) -> None:
    subject = new_id()
    await rails.settle()
    await rails.say(subject, 1, 2, 3)
    await rails.relay()
    records = await records_of(rails, subject)
    renumbered = Record("speaker", records[0].partition, 1, records[2].body)

    await the(rails)._take("speaker", [renumbered])

    assert await rails.numbers(subject) == [1, 2, 3]
    assert await rails.sql("listener", "select 1 from parked") == []


async def test_a_parked_event_whose_source_was_away_is_filled_later(rails: Rails) -> None:
    subject = new_id()
    await rails.settle()
    await rails.say(subject, 1, 2, 3)
    await rails.relay()
    records = await records_of(rails, subject)
    await rails.sql("speaker", "update client set active = false")
    with pytest.raises(TryAgainSoon):
        await the(rails)._take("speaker", [Record("speaker", records[0].partition, 1, records[2].body)])
    assert await rails.numbers(subject) == []
    await rails.sql("speaker", "update client set active = true")

    fresh = another(rails)
    await rails.leases_run_out("listener")
    await fresh.once()
    await fresh._look_around()
    await fresh.stop()

    assert await rails.numbers(subject) == [1, 2, 3]


@pytest.mark.parametrize("number", [-1, UNLUCKY, TOO_LARGE_FOR_A_COLUMN])
async def test_an_event_that_cannot_be_applied_blocks_its_own_subject_only(rails: Rails, number: int) -> None:
    bad, good = rails.subjects_of_one_partition(2)
    for subject in (bad, good):
        await rails.say(subject, 1)
    await rails.say(bad, number, 2)
    await rails.say(good, 2, 3)

    await rails.settle()

    assert await rails.numbers(good) == [1, 2, 3]
    assert await rails.numbers(bad) == [1]
    assert [(row["subject"], row["version"]) for row in await rails.letters()] == [(bad, 2)]


async def test_a_replayed_letter_is_applied_and_then_what_waited_behind_it(rails: Rails) -> None:
    subject = new_id()
    await rails.say(subject, 1, UNLUCKY, 2, 3)
    await rails.settle()
    letter = (await rails.letters())[0]["id"]

    refused = await rails.operator.post(f"/listener/dead-letters/{letter}/replay")
    await rails.sql("listener", "insert into allowed values ($1)", UNLUCKY)
    replayed = await rails.operator.post(f"/listener/dead-letters/{letter}/replay")
    again = await rails.operator.post(f"/listener/dead-letters/{letter}/replay")
    await rails.say(subject, 4)
    await rails.settle()

    assert (refused.status, refused.problem) == (409, "the-letter-still-cannot-be-applied")
    assert (replayed.status, again.status) == (200, 200)
    assert await rails.numbers(subject) == [1, UNLUCKY, 2, 3, 4]
    assert await rails.letters() == []


async def test_a_second_bad_event_behind_a_replayed_letter_becomes_a_letter_of_its_own(rails: Rails) -> None:
    subject = new_id()
    await rails.say(subject, UNLUCKY, 1, -1, 2)
    await rails.settle()
    await rails.sql("listener", "insert into allowed values ($1)", UNLUCKY)

    replayed = await rails.operator.post(f"/listener/dead-letters/{(await rails.letters())[0]['id']}/replay")

    assert replayed.status == 200
    assert await rails.numbers(subject) == [UNLUCKY, 1]
    assert [row["version"] for row in await rails.letters()] == [3]


async def test_a_skipped_letter_is_never_applied_and_what_waited_goes_on(rails: Rails) -> None:
    subject = new_id()
    await rails.say(subject, 1, -1, 2)
    await rails.settle()

    skipped = await rails.operator.post(f"/listener/dead-letters/{(await rails.letters())[0]['id']}/skip")
    await rails.say(subject, 3)
    await rails.settle()

    assert skipped.status == 200
    assert await rails.numbers(subject) == [1, 2, 3]


async def test_only_services_see_and_replay_dead_letters(rails: Rails) -> None:
    subject = new_id()
    await rails.say(subject, -1)
    await rails.settle()
    letter = (await rails.letters())[0]["id"]

    seen = await rails.anna.get("/listener/dead-letters")
    replayed = await rails.anna.post(f"/listener/dead-letters/{letter}/replay")

    assert (seen.status, replayed.status) == (403, 404)


async def test_a_version_of_a_known_event_that_nobody_knows_yet_is_laid_aside(rails: Rails) -> None:
    subject = new_id()
    await rails.say(subject, 1)
    await rails.sql("speaker", 'update ledger set envelope = envelope || \'{"type": "dk.tovholder.speaker.word_said.v2"}\'')

    await rails.settle()

    assert [row["reason"] for row in await rails.letters()] == ["unknown-version-of-a-known-event"]


async def test_an_event_nobody_here_hears_passes(rails: Rails) -> None:
    subject = new_id()
    await rails.say(subject, 1, 2)
    await rails.sql(
        "speaker", 'update ledger set envelope = envelope || \'{"type": "dk.tovholder.speaker.sneezed.v1"}\' where version = 1'
    )

    await rails.settle()

    assert await rails.numbers(subject) == [2]
    assert await rails.letters() == []


@pytest.mark.parametrize("first", [1, 2, 3])
async def test_events_nobody_here_hears_are_passed_by_alone_and_only_in_order(rails: Rails, first: int) -> None:
    subject = new_id()
    await rails.say(subject, 1, 2)
    await rails.sql("speaker", 'update ledger set envelope = envelope || \'{"type": "dk.tovholder.speaker.sneezed.v1"}\'')
    await rails.running.relays["speaker"].once()
    records = await records_of(rails, subject)
    await rails.sql("listener", "insert into seen values ('speaker', $1, $2)", subject, first - 1)

    await the(rails)._hold()
    await the(rails)._take("speaker", records)
    await the(rails)._take("speaker", records)

    seen = await rails.sql("listener", "select version from seen where source = 'speaker' and subject = $1", subject)
    assert [row["version"] for row in seen] == [2]
    assert await rails.sql("listener", "select 1 from parked") == await rails.letters() == []


async def test_an_event_nobody_here_hears_still_waits_behind_a_dead_letter(rails: Rails) -> None:
    subject = new_id()
    await rails.say(subject, -1)
    await rails.settle()
    await rails.say(subject, 1)
    await rails.sql(
        "speaker", 'update ledger set envelope = envelope || \'{"type": "dk.tovholder.speaker.sneezed.v1"}\' where version = 2'
    )

    await rails.settle()

    assert [row["version"] for row in await rails.sql("listener", "select version from parked")] == [2]
    skipped = await rails.operator.post(f"/listener/dead-letters/{(await rails.letters())[0]['id']}/skip")
    assert skipped.status == 200
    assert await rails.sql("listener", "select 1 from parked") == []


@pytest.mark.parametrize("body", [b"\xff\xfe", b"[1]", b"{}", b'{"specversion": "1.0"}', b"", b"null"])
async def test_bytes_that_are_no_event_are_laid_aside_and_the_true_event_comes_from_its_source(rails: Rails, body: bytes) -> None:
    subject = new_id()
    await rails.settle()
    await rails.say(subject, 1, 2)
    await rails.relay()
    first, second = await records_of(rails, subject)

    await the(rails)._take("speaker", [Record("speaker", first.partition, first.position, body), second])

    assert await rails.numbers(subject) == [1, 2]
    assert [row["reason"].split(":")[0] for row in await rails.letters()] == ["malformed"]


async def test_a_record_without_a_place_in_the_feed_moves_nothing(rails: Rails) -> None:
    subject = new_id()
    await rails.say(subject, 1)
    await rails.settle()
    forged = (await records_of(rails, subject))[0]

    for _ in range(2):
        await the(rails)._take("speaker", [Record("speaker", forged.partition, 0, forged.body, 77)])

    assert await rails.numbers(subject) == [1]
    assert [row["reason"] for row in await rails.letters()] == ["not-sent-by-the-relay"]


async def test_a_fact_about_someone_unknown_is_kept_and_applied_once_they_are_known(rails: Rails) -> None:
    teller, thing = new_id(), new_id()
    await rails.publish(teller, ToldAbout(about=thing, number=1), ToldAbout(about=thing, number=2))
    await rails.settle()
    assert await rails.numbers(thing) == []

    await rails.publish(thing, ThingOpened())
    await rails.settle()

    assert await rails.numbers(thing) == [1, 2]
    assert await rails.sql("listener", "select 1 from kept") == []


async def test_a_kept_fact_that_cannot_be_applied_is_laid_aside_without_harm_to_who_became_known(rails: Rails) -> None:
    teller, thing = new_id(), new_id()
    await rails.publish(teller, ToldAbout(about=thing, number=-1), ToldAbout(about=thing, number=2))
    await rails.settle()

    await rails.publish(thing, ThingOpened(), WordSaid(number=3))
    await rails.settle()

    assert await rails.numbers(thing) == [2, 3]
    assert [(row["subject"], row["version"]) for row in await rails.letters()] == [(teller, 1)]


async def test_what_a_handler_must_fetch_comes_from_the_peer(rails: Rails) -> None:
    subject = new_id()
    await rails.publish(subject, QuestionAsked(number=4))

    await rails.settle()

    assert await rails.numbers(subject) == [8]


async def test_a_peer_away_is_a_pause_and_its_ignorance_a_dead_letter(rails: Rails) -> None:
    waits, unknown = new_id(), new_id()
    await rails.sql("speaker", "update oracle set state = 'away'")
    await rails.publish(waits, QuestionAsked(number=4))
    await rails.relay()
    with pytest.raises(TryAgainSoon):
        await the(rails).once()
    assert await rails.letters() == []

    await rails.sql("speaker", "update oracle set state = 'here'")
    await rails.publish(unknown, QuestionAsked(number=101))
    await rails.settle()

    assert await rails.numbers(waits) == [8]
    assert [row["subject"] for row in await rails.letters()] == [unknown]


async def test_a_consumer_that_lost_its_lease_while_it_slept_writes_nothing(rails: Rails) -> None:
    subject = new_id()
    zombie = the(rails)
    await rails.settle()
    await rails.say(subject, 1)
    await rails.relay()
    successor = another(rails)
    await rails.leases_run_out("listener")
    await successor.once()
    assert await rails.numbers(subject) == [1]
    await rails.say(subject, 2)
    await rails.relay()

    with pytest.raises(LostLease):
        await zombie._apply_all("speaker", [(await records_of(rails, subject))[1]])
    event = Envelope.decode((await records_of(rails, subject))[1].body)
    with pytest.raises(LostLease):
        await zombie._apply_apart(event)

    assert await rails.numbers(subject) == [1]
    await successor.once()
    assert await rails.numbers(subject) == [1, 2]
    await successor.stop()


async def test_two_consumers_share_the_work_without_doing_any_twice(rails: Rails) -> None:
    subjects = [new_id() for _ in range(20)]
    one, two = the(rails), another(rails)
    for round_ in range(6):
        for subject in subjects:
            await rails.say(subject, round_)
        await rails.relay()
        if round_ % 2:
            await rails.leases_run_out("listener")
        for consumer in (one, two):
            consumer._renew_at = 0.0
            await consumer.once()
    await two.stop()
    await rails.settle()

    assert [await rails.numbers(subject) for subject in subjects] == [list(range(6))] * 20


async def test_many_plain_events_go_in_few_round_trips_and_in_order(rails: Rails) -> None:
    subject = new_id()
    await rails.publish(subject, *(PlainlySaid(number=number) for number in range(700)))

    await rails.settle()

    assert await rails.numbers(subject) == list(range(700))


def of_different_partitions(rails: Rails, number: int) -> list[UUID]:
    found: dict[int, UUID] = {}
    while len(found) < number:
        subject = new_id()
        found.setdefault(partition_of(subject, rails.settings.partitions), subject)
    return [found[partition] for partition in sorted(found)]


async def test_a_long_way_behind_each_subject_is_heard_in_its_order_and_a_bad_event_holds_up_its_own(rails: Rails) -> None:
    subjects = of_different_partitions(rails, 4)
    for number, subject in enumerate(subjects):
        bad = [WordSaid(number=-1)] if number == 2 else []
        words = [PlainlySaid(number=number) for number in range(240)]
        await rails.publish(subject, *words[:120], *bad, *words[120:])

    await rails.settle()

    heard = [await rails.numbers(subject) for subject in subjects]
    assert heard == [list(range(240)), list(range(240)), list(range(120)), list(range(240))]
    assert [row["subject"] for row in await rails.letters()] == [subjects[2]]


async def test_halves_that_stand_in_each_other_s_way_go_one_after_the_other(rails: Rails) -> None:
    unknown = [new_id() for _ in range(250)]
    for number, subject in enumerate(of_different_partitions(rails, 4)):
        others = reversed(unknown) if number % 2 else unknown
        await rails.publish(subject, *(ToldAbout(about=about, number=number) for about in others))
    await rails.relay()

    # Each waits for a lock of the other, until PostgreSQL ends one of them.
    with pytest.raises(TryAgainSoon):
        await the(rails).once()
    await rails.settle()

    kept = await rails.sql("listener", "select about, count(*)::int as number from kept group by about")
    assert {row["about"]: row["number"] for row in kept} == dict.fromkeys(unknown, 4)


async def test_the_text_of_an_event_is_not_quoted_in_the_reason(rails: Rails) -> None:
    subject = new_id()
    await rails.say(subject, 1)
    await rails.sql("speaker", "update ledger set envelope = jsonb_set(envelope, '{data,number}', '\"010190-1234\"')")

    await rails.settle()

    (letter,) = await rails.letters()
    assert letter["reason"] == "breaks-its-contract"
    assert orjson.loads(letter["body"])["data"]["number"] == "010190-1234"


async def test_a_subject_stands_in_one_partition_for_ever(rails: Rails) -> None:
    subject = new_id()
    await rails.say(subject, 1, 2)
    await rails.relay()

    assert {record.partition for record in await records_of(rails, subject)} == {partition_of(subject, rails.settings.partitions)}
