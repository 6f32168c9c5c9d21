"""The audit sees every difference there can be, names what mends it, and mends what is safe; a sound installation has none."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from services.audit.auditing import Audit, audit_of
from services.audit.findings import NAMED, Difference, Finding, Side, differing, finding
from services.audit.republishing import NothingToRepublish, Progress, Republishing
from services.chassis.kafka import KafkaWriter, Sent
from services.chassis.migrate import owner_dsn
from services.chassis.settings import Settings
from services.demo.kafka import KafkaBroker
from services.events.current import TOPIC
from tests.registry.settled import Municipality, settled
from tests.support.on_kafka import fresh_topics, relay_of, said_now, settings_on
from tests.support.world import Installation, World


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    with KafkaBroker(tmp_path_factory.mktemp("audit")) as started:
        yield started


@pytest.fixture
async def town(world: World) -> Municipality:
    return await settled(world)


@pytest.fixture
async def kafka(town: Municipality, broker: KafkaBroker) -> Settings:
    """Every service's relay sends to the broker; neighbours still read the feeds."""
    settings = settings_on(town.world, broker)
    await fresh_topics(settings)
    for name, own in list(town.world.running.relays.items()):
        await own.stop()
        town.world.running.relays[name] = relay_of(town.world, settings, name)
    return settings


@pytest.fixture
async def audit(town: Municipality, request: pytest.FixtureRequest) -> AsyncIterator[Audit]:
    """Of the town, its topics included where there are some."""
    settings = request.getfixturevalue("kafka") if "kafka" in request.fixturenames else town.world.settings
    async with audit_of(settings) as made:
        yield made


async def differences(audit: Audit) -> list[Difference]:
    return [one async for finding in audit.findings(0) for one in finding.differences]


async def force(installation: Installation, town: Municipality, harm: str, *arguments: Any) -> None:
    """As nobody can in an installation: a superuser, with keys and row-level security put aside."""
    database = owner_dsn(town.world.settings).rsplit("/", 1)[1]
    connection: Any = await asyncpg.connect(installation.superuser_dsn.rsplit("/", 1)[0] + f"/{database}")
    try:
        await connection.execute("set session_replication_role = replica")
        await connection.execute(harm, *arguments)
    finally:
        await connection.close()


async def lived(town: Municipality) -> list[UUID]:
    """Three children with something behind them, everything said and heard."""
    children = [await town.held(town.nurse), await town.held(town.colleague), await town.child()]
    await town.propose(children[2], town.nurse)
    await town.world.settle()
    return children


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
async def test_a_sound_installation_has_no_difference_in_database_or_topics(
    town: Municipality, kafka: Settings, audit: Audit
) -> None:
    await lived(town)

    found = [finding async for finding in audit.findings(0)]

    assert [finding.broken for finding in found] == [[]] * len(found)
    [topics] = [finding.looked_at for finding in found if finding.name == "Topics are what the feeds say"]
    [compacted] = [finding.looked_at for finding in found if "compacted" in finding.name]
    assert int(topics.split()[0]) > 20
    assert compacted == "3 children"


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
async def test_an_older_value_a_missing_one_and_one_of_nobody_are_seen_and_mended(
    town: Municipality, kafka: Settings, audit: Audit, installation: Installation
) -> None:
    first, second, third = await lived(town)
    writer, stranger = KafkaWriter(kafka), uuid4()
    old = b'{"version": 1}'
    await writer.put(TOPIC, [Sent(first.int % 2**32 % 8, old, str(first).encode())])
    await writer.put(TOPIC, [Sent(second.int % 2**32 % 8, None, str(second).encode())])
    await writer.put(TOPIC, [Sent(stranger.int % 2**32 % 8, old, str(stranger).encode())])
    await writer.close()

    found = [finding async for finding in audit.findings(0)]

    assert {one.mend for finding in found for one in finding.differences} == {
        f"tovholder republish --child {child}" for child in (first, second, stranger)
    }
    assert await audit.mend(found) == 3
    await town.world.settle()
    assert await differences(audit) == []
    assert (await said_now(kafka))[str(stranger)][-1] is None
    assert third


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
async def test_a_topic_that_lost_or_gained_records_is_seen(town: Municipality, kafka: Settings, audit: Audit) -> None:
    await lived(town)
    writer = KafkaWriter(kafka)
    [row] = await town.world.sql("registry", "select partition, position from relay order by position desc limit 1")
    await writer.put("tovholder.registry", [Sent(row["partition"], b"{}", position=row["position"] + 2)])
    await writer.put("tovholder.registry", [Sent(row["partition"], b"{}")])
    await writer.put("tovholder.registry", [Sent(row["partition"], b"{}", position=1)])
    [first] = await town.world.sql(
        "registry", "select subject, version from feed where partition = $1 and position = 1", row["partition"]
    )
    forged = orjson.dumps({"subject": str(first["subject"]), "version": first["version"], "data": {"tovholder": None}})
    await writer.put("tovholder.registry", [Sent(row["partition"], forged, position=1)])
    await writer.close()

    found = [one.what for one in await differences(audit)]

    place = f"tovholder.registry/{row['partition']}"
    assert f"{place}: position {row['position'] + 1} is missing; hearers read them from the feed by themselves" in found
    assert f"{place}: position {row['position'] + 2} is not in the feed" in found
    assert f"{place}: position 1 is another event than the feed's" in found
    assert f"{place}: position 1 says something else than the ledger" in found
    assert [what for what in found if what.endswith("was not sent by the relay")]
    assert len(found) == 5


async def test_an_event_that_a_hearer_passed_without_applying_is_fetched_again(
    town: Municipality, audit: Audit, installation: Installation
) -> None:
    child, *_ = await lived(town)
    await force(
        installation, town, "update daycare.seen set version = version - 1 where subject = $1 and source = 'registry'", child
    )

    found = [finding async for finding in audit.findings(0)]

    assert [one.mend for finding in found for one in finding.differences] == ["tovholder audit --mend"]
    assert await audit.mend(found) == 1
    await town.world.running.consumers["daycare"]._look_around()
    assert await differences(audit) == []


async def test_what_is_still_on_its_way_is_no_difference(town: Municipality, audit: Audit) -> None:
    await lived(town)
    await town.held(town.leader)
    while await town.world.running.relays["registry"].once():
        pass

    assert await differences(audit) == []


async def test_an_end_of_which_the_family_gets_no_letter_is_told_all_the_same(town: Municipality, audit: Audit) -> None:
    child, *_ = await lived(town)
    closing = {"reason": "wrongly-registered"}
    answer = await town.as_(town.leader).post(f"/registry/children/{child}/closing", closing)
    await town.world.settle()

    told = await town.world.sql("notifications", "select kind from notice where kind like 'case_closed%'")

    assert (answer.status, [row["kind"] for row in told]) == (200, ["case_closed_quietly"])
    assert await differences(audit) == []


HARM = {
    "delete from sundhedspleje.feed where position = 1": "has no place in the feed",
    "update registry.relay set position = position - 1 where position > 2": "is ahead of the feed of registry",
    "update sundhedspleje.child_case set holder = gen_random_uuid() where child = '{child}'": (
        "sundhedspleje names another as tovholder of child {child}"
    ),
    "delete from daycare.child where id = '{child}'": "daycare names nobody as tovholder of child",
    "update notifications.delivery set state = 'failed', reason = 'x', shown_to = null": "is failed and shown to nobody",
    "update notifications.delivery set state = 'queued', next_try_at = chassis.now() - interval '2 hours'": (
        "is queued and long due"
    ),
    "delete from notifications.notice where kind = 'tovholder_changed'": "nobody was told of",
    "delete from notifications.delivery": "went to nobody",
    "delete from registry.ledger where subject = '{child}' and version = 2": "registry: the events of {child} have a hole",
    "update registry.child set version = 99 where id = '{child}'": "registry: the version of child {child} is not",
    "update registry.seat set open = false, taking = false": "child {child}: 1 open links, 0 on an open seat",
    "update registry.assignment set seq = 7 where child_id = '{child}' and seq = 2": "link 7 of child {child}",
    "update registry.assignment set handover = null where child_id = '{child}' and why = 'acceptance'": (
        "link 7 of child {child} (acceptance)"
    ),
    "update registry.assignment set why = 'override' where child_id = '{child}' and seq = 7": (
        "link 7 of child {child} (override)"
    ),
    "delete from registry.ledger where type like '%tovholder_changed%' and subject = '{child}'": "changes were told of",
    "drop index registry.one_open_handover; insert into registry.handover (id, child_id, episode, municipality,"
    " receiver_municipality, state, giver, giver_unit, receiver, receiver_unit, named, reason, proposed_at, due_at)"
    " select gen_random_uuid(), child_id, episode, municipality, receiver_municipality, 'proposed', giver, giver_unit, receiver,"
    " receiver_unit, named, reason, proposed_at, due_at from registry.handover, generate_series(1, 2)"
    " where child_id = '{child}'": ("child {child} has 2"),
    "insert into registry.parked select 'persons', gen_random_uuid(), 7, '{{}}', now() - interval '2 hours'": (
        "is parked for an hour"
    ),
    "insert into registry.dead_letter (source, body, reason) values ('persons', 'x', 'y')": (
        "registry could not apply None of persons: y"
    ),
}


async def test_each_harm_done_behind_the_store_s_back_is_named_with_what_mends_it(
    town: Municipality, audit: Audit, installation: Installation
) -> None:
    child, *_ = await lived(town)
    assert await differences(audit) == []

    for harm, words in HARM.items():
        await force(installation, town, harm.format(child=child))
        found = await differences(audit)
        assert [one for one in found if words.format(child=child) in one.what], (harm, found)
        assert all(one.mend for one in found)


async def test_the_audit_notes_when_it_came_to_its_end(town: Municipality, audit: Audit) -> None:
    await audit.note(3)
    rows = await town.world.sql("registry", "select differences from audit order by id")

    assert [row["differences"] for row in rows] == [0, 3]


async def test_large_sets_are_compared_by_buckets_and_only_what_differs_is_read(town: Municipality, audit: Audit) -> None:
    read: list[int] = []

    async def look(service: str, query: str, *arguments: object) -> Any:
        rows = await audit.look(service, query, *arguments)
        read.append(len(rows))
        return rows

    rows = "select n::text as key, {value} as value, null as note from generate_series(1, 200000) n where {which}"
    one = Side("registry", rows.format(value="'a'", which="n <> 7"))
    other = Side("daycare", rows.format(value="case n when 9 then 'b' else 'a' end", which="true"))

    found = [
        (key, mine and mine["value"], theirs and theirs["value"])
        async for page in differing(look, one, other)
        for key, mine, theirs in page
    ]

    assert sorted(found) == [("7", None, "a"), ("9", "a", "b")]
    assert sum(read) < 4000


def test_what_changes_between_two_looks_was_on_its_way() -> None:
    first = finding("x", "2", [Difference("a waits"), Difference("b is lost")])
    again = finding("x", "2", [Difference("b is lost"), Difference("c waits")])

    assert first.still(again) == Finding("x", "2", [Difference("b is lost")])


def test_only_the_first_differences_are_named() -> None:
    found = finding("x", "many", [Difference(str(number)) for number in range(NAMED + 5)])

    assert (len(found.differences), found.more) == (NAMED, True)
    assert found.broken[-1] == "and more"


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
async def test_republishing_sends_one_child_a_municipality_or_all_beside_the_running_relay(
    town: Municipality, kafka: Settings
) -> None:
    children = await lived(town)
    before = {key: len(values) for key, values in (await said_now(kafka)).items()}

    async def republished(child: UUID | None, municipality: str | None) -> list[Progress]:
        run = Republishing(kafka, child, municipality, per_second=100_000)
        relaying = asyncio.create_task(town.world.running.relays["registry"].run())
        try:
            return [step async for step in run.run()]
        finally:
            relaying.cancel()
            await asyncio.gather(relaying, return_exceptions=True)
            await run.close()

    assert (await republished(children[0], None))[-1] == Progress(1, 1, 0)
    assert (await republished(None, town.heard.municipality))[-1] == Progress(3, 3, 0)
    assert (await republished(None, None))[-1] == Progress(3, 3, 0)
    with pytest.raises(NothingToRepublish):
        await republished(uuid4(), None)
    with pytest.raises(NothingToRepublish):
        await republished(None, "0000")

    after = {key: len(values) for key, values in (await said_now(kafka)).items()}
    assert {key: after[key] - before[key] for key in after} == {
        str(child): 3 if child == children[0] else 2 for child in children
    }
