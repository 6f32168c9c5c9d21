"""What is left after a run, and what was looked up while it went on: plain values, for the checks to read."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import orjson

from services import catalogue
from services.chassis.bus import topic_of
from services.chassis.kafka import KafkaTopic
from services.demo import town as demo_town
from tests.faults.furnishing import CANARY
from tests.faults.history import History, Seat
from tests.faults.load import Load, now
from tests.faults.town import Town

Place = tuple[str, int]
"""Source and partition."""
SAMPLED_EVERY_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Said:
    """A row of a ledger. `correlation`: the operation it goes back to; `caused`: said because something was heard."""

    subject: str
    version: int
    at: str
    kind: str
    correlation: str
    caused: bool
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stands:
    """A record on a topic or a row of a feed."""

    position: int
    subject: str
    version: int


@dataclass
class Hearer:
    """A consumer's memory: how far it has come, what it has applied, and what waits or was laid aside."""

    positions: dict[Place, int] = field(default_factory=dict)
    seen: dict[tuple[str, str], int] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    letters: int = 0
    foreign_letters: int = 0


@dataclass(frozen=True)
class Sample:
    """What was so at one moment: children without exactly one open link, and how far consumers had come."""

    at: float
    wrong: int
    positions: dict[tuple[str, str, int], int]


@dataclass
class Evidence:
    """Everything that the checks know. `ends`: how far each feed must have been heard."""

    history: History
    ledger: dict[str, list[Said]] = field(default_factory=dict)
    feed: dict[Place, list[Stands]] = field(default_factory=dict)
    topics: dict[Place, list[Stands]] = field(default_factory=dict)
    injected: dict[str, int] = field(default_factory=dict)
    poisoned: int = 0
    hearers: dict[str, Hearer] = field(default_factory=dict)
    ends: dict[Place, int] = field(default_factory=dict)
    sent: dict[Place, int] = field(default_factory=dict)
    queued: dict[str, Counter[tuple[str, int]]] = field(default_factory=dict)
    holders: dict[str, Seat | None] = field(default_factory=dict)
    copies: dict[str, dict[str, Seat | None]] = field(default_factory=dict)
    notices: Counter[tuple[str, str]] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    broken_chains: list[str] = field(default_factory=list)
    accesses: Counter[tuple[str, str]] = field(default_factory=Counter)
    postgres_died: list[float] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    strangers_see: dict[str, int] = field(default_factory=dict)
    bulk_children: set[str] = field(default_factory=set)
    addresses: Counter[str] = field(default_factory=Counter)
    unasked: list[str] = field(default_factory=list)
    quiet_after_seconds: float | None = None
    waits_in_postgres: int = 0
    began: float = 0.0


class Sampler:
    """Looks every so often while faults strike; where PostgreSQL does not answer, there is nothing to see."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self.samples: list[Sample] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                connection = await asyncpg.connect(self._town.postgres.dsn("tovholder"), timeout=5)
                try:
                    while True:
                        self.samples.append(await _sample(connection))
                        await asyncio.sleep(SAMPLED_EVERY_SECONDS)
                finally:
                    connection.terminate()
            await asyncio.sleep(SAMPLED_EVERY_SECONDS)


_WRONG = """
select count(*) from registry.child c where (c.status <> 'closed')::int <> (
  select count(*) from registry.assignment a join registry.seat s using (professional, unit)
  where a.child_id = c.id and a.episode = c.episode and a.finished_at = 'infinity' and s.open)
"""
_POSITIONS = " union all ".join(
    f"select '{name}' as hearer, source, partition, position from {name}.position" for name in catalogue.names()
)


async def _sample(connection: "asyncpg.Connection[Any]") -> Sample:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        wrong = await connection.fetchval(_WRONG)
        rows = await connection.fetch(_POSITIONS)
    return Sample(now(), wrong, {(row["hearer"], row["source"], row["partition"]): row["position"] for row in rows})


async def gathered(town: Town, load: Load, samples: Sequence[Sample], heard: Mapping[Place, int] | None) -> Evidence:
    """Looks everything up, as the server's administrator: no rule of the product stands between.

    heard: how far everyone had heard before; what the services have said since may be on its way. None where they never had.
    """
    found = Evidence(load.history, samples=list(samples), bulk_children=set(load.bulk_children), ends=dict(heard or {}))
    found.addresses, found.unasked = load.reached, sorted(load.addresses.all - load.reached.keys())
    connection = await asyncpg.connect(town.postgres.dsn("tovholder"))
    try:
        # One instant for everything: what the services go on saying afterwards is not asked for.
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            for name in catalogue.names():
                await _say_what_was_said(connection, name, found)
                await _say_what_was_heard(connection, name, found)
            await _say_who_holds(connection, found)
            await _say_what_was_read(connection, found)
        found.waits_in_postgres = await connection.fetchval(
            "select count(*) from pg_stat_activity where state like 'idle in transaction%'"
            " and state_change < clock_timestamp() - interval '5 seconds'"
        )
    finally:
        await connection.close()
    await _say_what_stands_on_topics(town, found)
    await _say_what_strangers_see(town, found)
    found.leaks += await asyncio.to_thread(_leaks, town, load, found)
    return found


async def _say_what_was_said(connection: "asyncpg.Connection[Any]", name: str, found: Evidence) -> None:
    rows = await connection.fetch(
        f"select subject, version, at, type, envelope::text as e from {name}.ledger order by subject, version"
    )
    said = []
    for row in rows:
        envelope = orjson.loads(row["e"])
        said.append(
            Said(str(row["subject"]), row["version"], envelope["time"], row["type"].split(".")[3], envelope["correlationid"],
                 "causationid" in envelope, envelope["data"])
        )  # fmt: skip
    found.ledger[name] = said
    for row in await connection.fetch(f"select partition, position, subject, version from {name}.feed order by 1, 2"):
        found.feed.setdefault((name, row["partition"]), []).append(Stands(row["position"], str(row["subject"]), row["version"]))
    for row in await connection.fetch(f"select partition, position, sent from {name}.relay"):
        found.ends.setdefault((name, row["partition"]), row["position"])
        found.sent[(name, row["partition"])] = row["sent"]
    rows = await connection.fetch(f"select subject, version from {name}.outbox")
    found.queued[name] = Counter((str(row["subject"]), row["version"]) for row in rows)


async def _say_what_was_heard(connection: "asyncpg.Connection[Any]", name: str, found: Evidence) -> None:
    hearer = found.hearers[name] = Hearer()
    for row in await connection.fetch(f"select source, partition, position from {name}.position"):
        hearer.positions[(row["source"], row["partition"])] = row["position"]
    for row in await connection.fetch(f"select source, subject, version from {name}.seen"):
        hearer.seen[(row["source"], str(row["subject"]))] = row["version"]
    # The outbox was empty when all was quiet; whoever tries a letter or a mail again has said so since.
    for table in ("parked", "kept"):
        hearer.waiting[table] = await connection.fetchval(f"select count(*) from {name}.{table}")
    rows = await connection.fetch(f"select position from {name}.dead_letter where resolved_at is null")
    hearer.foreign_letters = sum((row["position"] or 0) <= 0 for row in rows)
    hearer.letters = len(rows) - hearer.foreign_letters


async def _say_who_holds(connection: "asyncpg.Connection[Any]", found: Evidence) -> None:
    rows = await connection.fetch(
        "select c.id, a.professional, a.unit from registry.child c left join registry.assignment a"
        " on a.child_id = c.id and a.episode = c.episode and a.finished_at = 'infinity'"
    )
    found.holders = {str(row["id"]): _seat(row["professional"], row["unit"]) for row in rows}
    for name in ("sundhedspleje", "notifications"):
        rows = await connection.fetch(f"select child, holder, holder_unit from {name}.child_case")
        found.copies[name] = {str(row["child"]): _seat(row["holder"], row["holder_unit"]) for row in rows}
    rows = await connection.fetch("select event, kind, count(*) as number from notifications.notice group by 1, 2")
    found.notices = Counter({(str(row["event"]), row["kind"]): row["number"] for row in rows})
    rows = await connection.fetch(
        "select child_id, seq from (select *, lag(finished_at) over (partition by child_id, episode order by seq) as ended"
        " from registry.assignment) x where ended <> started_at or started_at >= finished_at"
    )
    found.broken_chains = [f"link {row['seq']} of {row['child_id']}" for row in rows]


async def _say_what_was_read(connection: "asyncpg.Connection[Any]", found: Evidence) -> None:
    rows = await connection.fetch("select professional, subject, count(*) as number from registry.access group by 1, 2")
    found.accesses = Counter({(str(row["professional"]), str(row["subject"])): row["number"] for row in rows})


async def _say_what_stands_on_topics(town: Town, found: Evidence) -> None:
    reading = KafkaTopic(town.settings)
    await reading.start()
    try:
        for name in catalogue.names():
            for partition in range(town.settings.partitions):
                standing = found.topics[(name, partition)] = []
                end = found.sent.get((name, partition), 0)
                async for page in reading.records(topic_of(name), partition):
                    for record in page:
                        if record.position <= end:
                            standing.append(Stands(record.position, *_subject(record.value, record.position)))
                        if _tells(record.value or b""):
                            found.leaks.append(f"a record on the topic of {name}")
    finally:
        await reading.close()


def _subject(value: bytes | None, position: int) -> tuple[str, int]:
    if not position:
        return "", 0
    content = orjson.loads(value or b"{}")
    return content["subject"], content["version"]


_OF_A_PARTY = ("child", "assignment", "handover", "question", "supporter", "closing", "matter")


async def _say_what_strangers_see(town: Town, found: Evidence) -> None:
    """As the role that serves HTTP, on behalf of a municipality that has nothing to do with any of the children."""
    connection = await asyncpg.connect(
        host="127.0.0.1", port=town.postgres.port, database="tovholder", user="registry_api",
        password=town.settings.secrets.password("registry_api"), server_settings={"search_path": "registry"},
    )  # fmt: skip
    try:
        async with connection.transaction():
            await connection.execute("select enter($1)", '{"kind": "municipality", "municipality": "0999"}')
            for table in _OF_A_PARTY:
                found.strangers_see[table] = await connection.fetchval(f"select count(*) from {table}")
    finally:
        await connection.close()


def _leaks(town: Town, load: Load, found: Evidence) -> list[str]:
    """Where a name, a number or a text about a person stands that must not: logs, events, errors."""
    told = [f"an error: {one}" for one in load.errors]
    secret = [CANARY.encode(), *(number.encode() for number in load.numbers)]
    secret += [person.name.encode() for person in demo_town.people()]
    for name in catalogue.names():
        log = town.log_of(name).read_bytes()
        told += [f"the log of {name}" for one in secret if one in log]
        for row in found.ledger[name]:
            if _tells(orjson.dumps(row.data)):
                told.append(f"{row.kind} of {name}")
    return told


def _tells(content: bytes) -> bool:
    return CANARY.encode() in content


def _seat(professional: Any, unit: Any) -> Seat | None:
    return (str(professional), str(unit)) if professional else None
