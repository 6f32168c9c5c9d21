"""Every fault of the matrix: how it is brought about, how long it lasts, and how it ceases. Each leaves everything mended."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from services import catalogue
from services.chassis.bus import topic_of
from services.chassis.kafka import KafkaTopic, KafkaWriter, Sent
from services.chassis.store import AWAY
from tests.faults.crowd import five_hundred_at_once
from tests.faults.history import Struck
from tests.faults.load import Load, now
from tests.faults.town import Process, Start, Town, until
from tests.faults.wires import Wire

_LEASE_SECONDS = 2


@dataclass(frozen=True)
class _Way:
    """How a line breaks. `half_open`: what was connected meanwhile finds out only when it is mended that it no longer is."""

    breaks: Callable[[Wire], None]
    half_open: bool = False


@dataclass
class Breaking:
    """What a fault works on. `operations`: for so many it lasts; `injected`: records put on topics by hand, by source."""

    town: Town
    load: Load
    chance: random.Random
    operations: int
    backlog: int
    injected: dict[str, int] = field(default_factory=dict)
    poisoned: int = 0
    postgres_died: list[float] = field(default_factory=list)
    clock_moved: list[float] = field(default_factory=list)
    old_code: Start | None = None

    async def lasts(self, at_most_seconds: float = 8.0) -> None:
        """Until the clients have brought so many more operations to an end; where none ends, so long."""
        await self.load.until_done(self.operations, at_most_seconds)

    async def wires_for(self, wires: Sequence[Wire], way: _Way, part: int = 1) -> None:
        """Breaks these lines for as long as a fault lasts, or for one `part` of it."""
        for wire in wires:
            way.breaks(wire)
        try:
            await self.load.until_done(self.operations // part, 8.0 / part)
        finally:
            for wire in wires:
                wire.mend(broken=way.half_open)


Play = Callable[[Breaking], Awaitable[str]]


@dataclass(frozen=True)
class Fault:
    """`matter`: its place in the matrix. `play` returns a note for the report. `long`: not in the short form."""

    matter: str
    name: str
    play: Play
    long: bool = False


async def strike(fault: Fault, at: Breaking) -> Struck:
    """Brings a fault about, lets it last, ends it, and waits until a change is answered again."""
    struck = Struck(fault.matter, fault.name, now())
    at.load.history.struck.append(struck)
    struck.note = await fault.play(at)
    struck.ceased = now()
    await at.load.until_answered()
    await at.load.until_done(at.operations, 8.0)
    return struck


# -- F1, F2: processes -------------------------------------------------------------------------------------------------------


def _killed(service: str) -> Play:
    async def play(at: Breaking) -> str:
        process = at.town.processes[service]
        process.kill()
        await at.load.until_done(at.operations // 3, 2.0)
        process.start()
        await _serves(at.town, process)
        return ""

    return play


async def _all_killed(at: Breaking) -> str:
    for process in at.town.processes.values():
        process.kill_and_start_again()
    for process in at.town.processes.values():
        await _serves(at.town, process)
    return f"{len(at.town.processes)} processes at once"


def _paused(service: str) -> Play:
    """Longer than a lease: another may take over meanwhile, and the sleeper does not know."""

    async def play(at: Breaking) -> str:
        process = at.town.processes[service]
        async with AsyncExitStack() as stack:
            sleepers = await _holders(at.town, service)
            await _beside(at, stack, service)
            process.pause()
            try:
                await until(lambda: _taken_over(at.town, service, sleepers), "another holds the leases")
                await at.lasts(_LEASE_SECONDS * 2)
            finally:
                process.wake()
            await at.lasts()
        return "with another process beside it, which took over"

    return play


_LEASES = "(select holder, until from relay union all select holder, until from lease where name = 'clock') leases"


async def _holders(town: Town, service: str) -> list[UUID]:
    """Who holds the leases of a service's relay and clock."""
    rows = await town.look(service, f"select distinct holder from {_LEASES} where holder is not null")
    return [row["holder"] for row in rows]


async def _taken_over(town: Town, service: str, sleepers: Sequence[UUID]) -> bool | None:
    """Somebody holds every one of these leases, and it is none of those, whose leases have run out."""
    (row,) = await town.look(
        service,
        f"select bool_and(until > clock_timestamp() and holder <> all ($1)) as held from {_LEASES}",
        sleepers,
    )
    return row["held"] or None


async def _beside(at: Breaking, stack: AsyncExitStack, service: str, start: Start | None = None) -> Process:
    """A second process of a service for a while; clients find it where it serves HTTP."""
    other = at.town.another(service, start)
    other.start()
    stack.callback(other.kill)
    await _serves(at.town, other)
    if service == "registry":
        at.load.replicas = [at.town.addresses[service], other.port]
        stack.callback(at.load.replicas.clear)
    return other


async def _serves(town: Town, process: Process) -> None:
    async def look() -> bool | None:
        assert not process.has_ended(), f"{process.name} ended by itself"
        return (await town.probe(process.port, "/livez")).status_code == 200 or None

    await until(look, f"{process.name} answers")


# -- F3: brokers -------------------------------------------------------------------------------------------------------------


async def _broker_away(at: Breaking) -> str:
    at.town.kill("broker")
    await at.lasts()
    await at.town.bring_back("broker")
    return "all brokers"


async def _one_broker_away(at: Breaking) -> str:
    nodes = at.town.broker.nodes
    if len(nodes) == 1:
        return "there is one broker only"
    node = at.chance.choice(nodes)
    at.town.broker.kill_one(node)
    await at.lasts(20)
    await asyncio.to_thread(at.town.broker.start_one, node)
    return f"broker {node} of {len(nodes)}"


# -- F5, F6, F12, F15: PostgreSQL --------------------------------------------------------------------------------------------


async def _postgres_killed(at: Breaking) -> str:
    at.postgres_died.append(now())
    at.town.kill("postgres")
    await at.load.until_done(at.operations, 2.0)
    await at.town.bring_back("postgres")
    return ""


async def _backends_terminated(at: Breaking) -> str:
    ended = 0
    for _ in range(3):
        ended += await _as_superuser(
            at.town,
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name like 'tovholder-%'"
            " and random() < 0.5",
        )
        await at.load.until_done(at.operations // 3, 3.0)
    return f"{ended} of them"


async def _answers_lost(at: Breaking) -> str:
    """The line is gone between the commit and its answer: done, and nobody knows."""
    wire = at.town.to_postgres["registry"]
    before, wire.lose_answers = wire.lost_answers, at.operations // 4
    try:
        await at.lasts(20)
    finally:
        wire.mend()
    assert wire.lost_answers > before, "no answer to a commit was lost"
    return f"{wire.lost_answers - before} answers to commits"


async def _long_transaction(at: Breaking) -> str:
    connection = await asyncpg.connect(at.town.postgres.dsn("tovholder"))
    try:
        await connection.execute("begin isolation level repeatable read; select count(*) from registry.ledger")
        await at.lasts()
        await connection.execute("rollback")
    finally:
        await connection.close()
    return "a reading that holds back the horizon"


_FILES_AT_HAND = 100
# The log takes a new file, of 16 MiB, although the one before is nearly empty.
_NEW_FILE_OF_THE_LOG = "select length(pg_logical_emit_message(false, 'rehearsal', 'x')::text) from pg_switch_wal()"


async def _finds_no_room(town: Town) -> bool:
    """Whether the log came to its end; files that were there already are used up first."""
    for _ in range(_FILES_AT_HAND):
        try:
            await _as_superuser(town, _NEW_FILE_OF_THE_LOG)
        except (asyncpg.DiskFullError, *AWAY):
            return True
    return False


async def _disk_full(at: Breaking) -> str:
    """Nothing more can be written, neither rows nor the log of what was committed; then there is room again."""
    disk = at.town.disk
    if disk is None:
        return "only root can mount a disk that may be filled"
    filled = await asyncio.to_thread(disk.fill)
    try:
        assert await _finds_no_room(at.town), "the log of PostgreSQL still finds room"
        for _ in range(4):
            # PostgreSQL has ended all it did; it begins again by itself, or gives up.
            at.postgres_died.append(now())
            await at.load.until_done(at.operations, 1.0)
    finally:
        disk.free()
    await at.town.bring_back("postgres")
    at.postgres_died.append(now())
    return f"{filled:,} MiB of it"


async def _as_superuser(town: Town, query: str) -> int:
    connection = await asyncpg.connect(town.postgres.dsn("tovholder"))
    try:
        return int(await connection.fetchval(query) or 0)
    finally:
        await connection.close()


# -- F8: lines between any two -----------------------------------------------------------------------------------------------


def _registry_and_postgres(town: Town) -> list[Wire]:
    return [town.to_postgres["registry"]]


def _everyone_and_brokers(town: Town) -> list[Wire]:
    return list(town.broker.wires.values())


def _everyone_and_postgres(town: Town) -> list[Wire]:
    return list(town.to_postgres.values())


def _peers(town: Town) -> list[Wire]:
    return list(town.to_peer.values())


_CUT, _SLOW = _Way(Wire.cut), _Way(lambda wire: wire.slow(0.05))
_SILENT, _HALF_OPEN = _Way(Wire.silence), _Way(Wire.silence, half_open=True)
# A fault lasts for so many operations; one line of all by itself, for this part of them.
_PART = 5


def _line(which: Callable[[Town], list[Wire]], way: _Way) -> Play:
    async def play(at: Breaking) -> str:
        wires = which(at.town)
        await at.wires_for(wires, way)
        return f"{len(wires)} lines"

    return play


def _each_by_itself(ways: int) -> Play:
    """Between every two, one line after the other while all others hold, in so many of the four ways as the seed draws."""

    async def play(at: Breaking) -> str:
        wires = [*_everyone_and_postgres(at.town), *_everyone_and_brokers(at.town), *_peers(at.town)]
        breaks = [(wire, way) for wire in wires for way in at.chance.sample([_CUT, _SILENT, _HALF_OPEN, _SLOW], ways)]
        at.chance.shuffle(breaks)
        for wire, way in breaks:
            await at.wires_for([wire], way, _PART)
        return f"{len(wires)} lines, {len(breaks)} times"

    return play


# -- F9: the clock of promises -----------------------------------------------------------------------------------------------


async def _clock_steps(at: Breaking) -> str:
    for hours in (1, -2, 1):
        at.clock_moved.append(now())
        await at.town.advance(timedelta(hours=hours))
        await at.load.until_done(at.operations // 3, 5.0)
    return "an hour on, two back, one on"


# -- F10, F11: topics --------------------------------------------------------------------------------------------------------


# What somebody is just using is left alone.
_STOLEN = """
with free as (select ctid from {0} for update skip locked),
lost as (update {0} set {1} where ctid in (select ctid from free) returning 1) select count(*) from lost
"""


async def _said_again(at: Breaking) -> str:
    """What stands on each topic is put there again, whole, then backwards: every position a second and a third time."""
    writer = KafkaWriter(at.town.settings)
    number = 0
    try:
        for source in ("registry", "persons", "directory"):
            for partition in range(at.town.settings.partitions):
                last = (await _last(at.town, source, partition))[-20:]
                again = [Sent(partition, one.value, position=one.position) for one in [*last, *reversed(last)] if one.position]
                await writer.put(topic_of(source), again)
                at.injected[source] = at.injected.get(source, 0) + len(again)
                number += len(again)
    finally:
        await writer.close()
    await at.lasts()
    return f"{number} records, each run forwards and backwards"


async def _last(town: Town, source: str, partition: int) -> list[Sent]:
    reading = KafkaTopic(town.settings)
    await reading.start()
    try:
        return [one async for page in reading.records(topic_of(source), partition) for one in page]
    finally:
        await reading.close()


async def _replayed(at: Breaking) -> str:
    """Every consumer loses its place on the topics, and reads from their beginning."""
    for name in catalogue.names():
        await at.town.as_owner(_STOLEN.format(f"{name}.position", "topic_offset = null, holder = null, until = '-infinity'"))
    await at.lasts()
    return "all topics, all consumers"


async def _poisoned(at: Breaking) -> str:
    """Bytes that are no event, and an event that nobody sent, on the topics that everyone reads."""
    writer = KafkaWriter(at.town.settings)
    forged = (
        b'{"specversion":"1.0","id":"1","type":"dk.tovholder.registry.tovholder_changed.v1","source":"/registry","subject":"'
        + str(uuid4()).encode() + b'","version":1,"time":"2026-01-01T00:00:00Z","correlationid":"1","data":{}}'
    )  # fmt: skip
    values = [b"", b"{", b"null", b'{"specversion":"1.0"}', b"\x00\xff", b"x" * 200_000, forged]
    try:
        for source in ("registry", "directory"):
            for number, value in enumerate(values):
                partition = number % at.town.settings.partitions
                await writer.put(topic_of(source), [Sent(partition, value)])
            at.injected[source] = at.injected.get(source, 0) + len(values)
            at.poisoned += len(values)
    finally:
        await writer.close()
    await at.lasts()
    return f"{2 * len(values)} records"


# -- F13, F17, F18 -----------------------------------------------------------------------------------------------------------


_BACKLOG = """
with said as materialized (select registry.publish(jsonb_build_array(jsonb_build_object('subject', s.id, 'events', e.events,
    'partition', ('x' || right(s.id::text, 8))::bit(32)::bigint % $2)))
  from (select gen_random_uuid() as id from generate_series(1, $1::int / 20)) s, lateral (
    select jsonb_agg(event) as events from (select jsonb_build_object('specversion', '1.0', 'id', gen_random_uuid(),
      'type', 'dk.tovholder.registry.rehearsed.v1', 'source', '/registry', 'subject', s.id,
      'datacontenttype', 'application/json', 'correlationid', gen_random_uuid(),
      'data', '{}'::jsonb) as event from generate_series(1, 20)) one) e)
select count(*) from said
"""


async def _far_behind(at: Breaking) -> str:
    """A hearer is away while very much is said (of what concerns nobody), and catches up while the others go on."""
    process = at.town.processes["sundhedspleje"]
    process.kill()
    said = 0
    while said < at.backlog:
        said += 20 * await at.town.as_owner(_BACKLOG, min(10_000, at.backlog), at.town.settings.partitions)
    process.start()
    began = now()

    async def caught_up() -> bool | None:
        (row,) = await at.town.look("registry", "select count(*) as position from ledger")
        (own,) = await at.town.look(
            "sundhedspleje", "select coalesce(sum(position), 0) as position from position where source = 'registry'"
        )
        return row["position"] - own["position"] < 200 or None

    await until(caught_up, "the hearer has caught up", 600)
    return f"{said:,} events, caught up in {now() - began:.1f} s"


async def _two_of_each(at: Breaking) -> str:
    """Two relays, two consumers, two clocks of one service; in the middle of their work the leases are taken away."""
    async with AsyncExitStack() as stack:
        for service in ("registry", "notifications"):
            await _beside(at, stack, service)
        for _ in range(3):
            for service in ("registry", "notifications"):
                for table in ("relay", "position", "lease"):
                    await at.town.as_owner(_STOLEN.format(f"{service}.{table}", "until = '-infinity'"))
            await at.load.until_done(at.operations // 3, 5.0)
    return "registry and notifications, leases taken away three times"


async def _old_and_new(at: Breaking) -> str:
    if at.old_code is None:
        return "no older code at hand"
    async with AsyncExitStack() as stack:
        for service in ("registry", "notifications", "persons"):
            await _beside(at, stack, service, at.old_code)
        await at.lasts(20)
    return f"registry, notifications and persons, older code from {at.old_code.code.name}"


# -- F21: together -----------------------------------------------------------------------------------------------------------


async def _registry_and_broker(at: Breaking) -> str:
    at.town.kill("broker")
    await _killed("registry")(at)
    await at.town.bring_back("broker")
    return ""


async def _paused_without_postgres(at: Breaking) -> str:
    process = at.town.processes["registry"]
    process.pause()
    try:
        await _postgres_killed(at)
    finally:
        process.wake()
    return ""


def faults() -> list[Fault]:
    """All of them; which come, and in which order, the seed decides."""
    killed = [
        Fault("F1", f"kill -9 of {name}", _killed(name), long=name not in ("registry", "notifications"))
        for name in catalogue.names()
    ]
    slept = [Fault("F2", f"{name} sleeps past its leases", _paused(name), long=name != "registry") for name in catalogue.names()]
    return [
        *killed,
        Fault("F1", "kill -9 of all services", _all_killed),
        *slept,
        Fault("F3", "broker kill -9 and back", _broker_away),
        Fault("F3", "one broker of three kill -9", _one_broker_away, long=True),
        Fault("F5", "PostgreSQL kill -9 and back", _postgres_killed),
        Fault("F6", "backends terminated", _backends_terminated),
        Fault("F6", "cut between commit and answer", _answers_lost),
        Fault("F8", "registry – postgres cut", _line(_registry_and_postgres, _CUT)),
        Fault("F8", "everyone – postgres cut", _line(_everyone_and_postgres, _CUT), long=True),
        Fault("F8", "everyone – postgres half open", _line(_everyone_and_postgres, _HALF_OPEN)),
        Fault("F8", "everyone – postgres slow", _line(_everyone_and_postgres, _SLOW), long=True),
        Fault("F8", "everyone – broker half open", _line(_everyone_and_brokers, _SILENT)),
        Fault("F8", "everyone – broker cut", _line(_everyone_and_brokers, _CUT), long=True),
        Fault("F8", "everyone – broker slow", _line(_everyone_and_brokers, _SLOW), long=True),
        Fault("F8", "between all services cut", _line(_peers, _CUT)),
        Fault("F8", "between all services half open", _line(_peers, _HALF_OPEN), long=True),
        Fault("F8", "between all services slow", _line(_peers, _SLOW), long=True),
        Fault("F8", "between each two by itself", _each_by_itself(ways=1)),
        Fault("F8", "between each two by itself, in every way", _each_by_itself(ways=4), long=True),
        Fault("F9", "clock steps", _clock_steps),
        Fault("F10", "duplicates and disorder", _said_again),
        Fault("F10", "replay from the beginning", _replayed),
        Fault("F11", "poison", _poisoned),
        Fault("F12", "the disk is full", _disk_full, long=True),
        Fault("F13", "a consumer far behind", _far_behind),
        Fault("F14", "five hundred clients at once", five_hundred_at_once, long=True),
        Fault("F15", "a long transaction", _long_transaction, long=True),
        Fault("F17", "old and new code together", _old_and_new, long=True),
        Fault("F18", "two relays, two clocks, leases stolen", _two_of_each),
        Fault("F21", "broker and registry killed", _registry_and_broker, long=True),
        Fault("F21", "registry sleeps while PostgreSQL is killed", _paused_without_postgres, long=True),
    ]


def plan(chance: random.Random, long: bool) -> list[Fault]:
    """A round of faults in an order drawn from the seed."""
    chosen: list[Any] = [fault for fault in faults() if long or not fault.long]
    chance.shuffle(chosen)
    return chosen
