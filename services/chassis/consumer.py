"""The life of an event that is heard: decode, check its version, apply, remember how far; effect and position in one transaction."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import structlog
from pydantic import ValidationError

from services.chassis import metrics, who
from services.chassis.bus import BusIsAway, Mark, Reader, Record
from services.chassis.envelope import CAUSE, Envelope, Malformed
from services.chassis.errors import CannotBeApplied, NotYetKnown, Problem, RuleViolated, TheChildHasMovedOn, TryAgainSoon
from services.chassis.log import logger
from services.chassis.service import Apply, FetchFirst, Received, Runtime
from services.chassis.store import CONTENDED, Tx
from services.events import Event

_TRIES = 5
_STUCK_SECONDS = 30


class LostLease(Exception):
    """Another process consumes this partition now: whatever was under way here is void."""


class Poison(Exception):
    """This event cannot be applied; `reason` quotes nothing of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Gap(Exception):
    """Versions or positions are missing here that the source has."""

    def __init__(self, source: str, partition: int) -> None:
        super().__init__(f"{source}/{partition}")
        self.source, self.partition = source, partition


class Consumer:
    """Applies what one service hears, of all its sources, in order per subject, each version once."""

    def __init__(self, runtime: Runtime, reader: Reader) -> None:
        self._runtime, self._reader = runtime, reader
        self._name = runtime.service.name
        self._handlers = _merged(runtime)
        self._majors = {_without_major(kind): kind for kind in self._handlers}
        self.sources = sorted({steps[0][0].source for steps in self._handlers.values()})
        self._holder = uuid4()
        self._epochs: dict[tuple[str, int], int] = {}
        self._marks: dict[tuple[str, int], Mark] = {}
        self._renew_at = 0.0
        self._compare_at = time.monotonic() + _STUCK_SECONDS
        self._looked: dict[tuple[str, int], int] = {}
        self.trouble: str | None = None
        self.behind: dict[str, int] = {}

    async def run(self) -> None:
        """Until cancelled. A peer, the bus or PostgreSQL away is a pause, never a dead letter."""
        rest = 0.0
        while True:
            try:
                await self.once(0.25)
                self.trouble, rest = None, 0.0
            except (TryAgainSoon, BusIsAway, LostLease) as error:
                self.trouble = str(error)
                self._epochs, self._renew_at = {}, 0.0
                rest = min(2.0, rest * 2 or 0.05)
                logger().warning("consumer.paused", service=self._name, why=type(error).__name__)
                await asyncio.sleep(rest)
            except Exception as error:
                self.trouble = type(error).__name__
                logger().error("consumer.failed", service=self._name, error=type(error).__name__)
                await asyncio.sleep(1)

    async def once(self, wait_seconds: float = 0.0) -> int:
        """Reads and applies one batch. Returns how many records came."""
        await self._hold()
        if not self._marks:
            await asyncio.sleep(wait_seconds)
            return 0
        records = await self._reader.read(list(self._marks.values()), wait_seconds)
        by_source: dict[str, list[Record]] = {}
        for record in records:
            by_source.setdefault(record.source, []).append(record)
        for source, own in by_source.items():
            try:
                await self._take(source, own)
            except Gap as gap:
                await self.catch_up(gap.source, gap.partition)
        if time.monotonic() > self._compare_at:
            await self._compare_with_feeds()
        return len(records)

    async def _hold(self) -> None:
        if time.monotonic() < self._renew_at:
            return
        settings = self._runtime.settings
        async with self._runtime.store.connection() as connection:
            rows = await connection.fetch(
                "select * from take_positions($1, $2, $3, $4, $5)",
                self._holder,
                self.sources,
                settings.partitions,
                settings.lease_seconds,
                settings.partitions * len(self.sources),
            )
        held = {(row["source"], row["partition"]): row for row in rows}
        # A mark of ours counts only while the lease was never lost: another holder may have gone on meanwhile.
        self._marks = {
            place: self._marks[place]
            if self._epochs.get(place) == row["epoch"]
            else Mark(row["source"], row["partition"], row["position"], row["topic_offset"])
            for place, row in held.items()
        }
        self._epochs = {place: row["epoch"] for place, row in held.items()}
        self._renew_at = time.monotonic() + settings.lease_seconds / 3

    async def _take(self, source: str, records: Sequence[Record]) -> None:
        """Positions passed are dropped; a jump sends us to the source's feed for what is missing."""
        fresh: list[Record] = []
        ends = {partition: mark.position for (name, partition), mark in self._marks.items() if name == source}
        forged: list[Record] = []
        jumped: int | None = None
        for record in records:
            if record.partition not in ends:
                continue
            if record.position == 0:
                forged.append(record)
            elif record.position == ends[record.partition] + 1:
                ends[record.partition] += 1
                fresh.append(record)
            elif record.position > ends[record.partition]:
                jumped = record.partition
        for record in forged:
            await self._lay_aside_foreign(record)
        if fresh:
            await self._apply_all(source, fresh)
        if jumped is not None:
            raise Gap(source, jumped)
        self._remember_offsets(records)

    def _remember_offsets(self, records: Sequence[Record]) -> None:
        for record in records:
            mark = self._marks.get((record.source, record.partition))
            if mark and record.offset is not None:
                self._marks[(record.source, record.partition)] = Mark(mark.source, mark.partition, mark.position, record.offset)

    async def _apply_all(self, source: str, records: list[Record]) -> None:
        """All in one transaction; if one fails, each in its own, so that the bad one is found and laid aside."""
        try:
            await self._apply(source, records)
        except (TryAgainSoon, LostLease, Gap, asyncio.CancelledError):
            raise
        except Exception:
            for record in records:
                await self._apply_one(source, record)

    async def _apply_one(self, source: str, record: Record) -> None:
        for tries in range(1, _TRIES + 1):
            try:
                return await self._apply(source, [record])
            except (TryAgainSoon, LostLease, Gap):
                raise
            except CONTENDED + (TheChildHasMovedOn,):
                continue
            except Exception as error:
                reason = _reason(error, self._runtime)
                if tries == _TRIES or isinstance(error, (Poison, RuleViolated, CannotBeApplied)):
                    return await self._apply(source, [record], laid_aside=reason)
        raise TryAgainSoon(f"{self._name} finds no quiet moment")

    async def _apply(self, source: str, records: list[Record], laid_aside: str | None = None) -> None:
        ends: dict[int, Record] = {record.partition: record for record in records}
        decoded = [_decoded(record) for record in records]
        materials = await self._fetched(decoded) if laid_aside is None else {}
        async with self._runtime.store.transaction() as tx:
            versions = _Versions(source, await _standing(tx, source, [it.subject for it in decoded if isinstance(it, Envelope)]))
            for record, envelope in zip(records, decoded, strict=True):
                if laid_aside is not None or isinstance(envelope, str):
                    await self._lay_aside(tx, record, envelope, laid_aside or str(envelope), versions)
                else:
                    await self._one(tx, envelope, versions, materials.get(envelope.id))
            await versions.save(tx)
            await self._advance(tx, source, ends)
        for partition, record in ends.items():
            self._marks[(source, partition)] = Mark(source, partition, record.position, record.offset)
        metrics.APPLIED.labels(self._name, source).inc(len(records))
        if versions.missing:
            await self._fill(source, versions.missing)

    async def _advance(self, tx: Tx, source: str, ends: dict[int, Record]) -> None:
        """Fenced: a process that lost its lease while it slept changes nothing."""
        held = {partition: self._epochs.get((source, partition)) for partition in ends}
        moved = await tx.fetch(
            "update position p set position = n.position, topic_offset = n.topic_offset"
            " from unnest($2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[]) n(partition, epoch, position, topic_offset)"
            " where p.source = $1 and p.partition = n.partition and p.epoch = n.epoch and p.position < n.position returning 1",
            source,
            list(ends),
            [held[partition] for partition in ends],
            [record.position for record in ends.values()],
            [record.offset for record in ends.values()],
        )
        if len(moved) != len(ends):
            raise LostLease(f"{source}: {sorted(ends)}")

    async def _one(self, tx: Tx, envelope: Envelope, versions: "_Versions", material: Any) -> None:
        """Lower = seen before; next = apply; higher = park and have the gap filled. A laid-aside event blocks its own subject only."""
        if not versions.is_next(envelope):
            if versions.is_ahead(envelope):
                await tx.execute(
                    "insert into parked (source, subject, version, envelope) values ($1, $2, $3, $4) on conflict do nothing",
                    envelope.source, envelope.subject, envelope.version, envelope.content,
                )  # fmt: skip
            return
        await self._handle(tx, envelope, material)
        versions.passed(envelope)

    async def _handle(self, tx: Tx, envelope: Envelope, material: Any = None) -> None:
        steps = self._handlers.get(envelope.type)
        if steps is None:
            if _without_major(envelope.type) in self._majors:
                raise Poison("unknown-version-of-a-known-event")
            return
        try:
            event = steps[0][0].model_validate(envelope.content["data"])
        except (ValidationError, KeyError) as error:
            raise Poison("breaks-its-contract") from error
        received = Received(event, envelope.id, envelope.subject, envelope.version, envelope.time)
        token = CAUSE.set(envelope.cause())
        structlog.contextvars.bind_contextvars(correlation=envelope.correlation)
        try:
            for _, step in steps:
                if isinstance(step, FetchFirst):
                    await step.apply(
                        received, tx, material if material is not None else await step.fetch(received, self._runtime)
                    )
                else:
                    await step(received, tx)
        except NotYetKnown as unknown:
            await tx.execute(
                "insert into kept (about, source, subject, version, envelope) values ($1, $2, $3, $4, $5) on conflict do nothing",
                unknown.about, envelope.source, envelope.subject, envelope.version, envelope.content,
            )  # fmt: skip
        finally:
            CAUSE.reset(token)
        await self._apply_kept(tx)

    async def _apply_kept(self, tx: Tx) -> None:
        """What was kept for subjects that have just become known."""
        known, tx.known = tx.known, []
        for about in known:
            for row in await tx.fetch("delete from kept where about = $1 returning id, envelope", about):
                await self._handle(tx, Envelope.decode(row["envelope"]))

    async def _fetched(self, decoded: Sequence[Envelope | str]) -> dict[str, Any]:
        """Remote reads before the transaction opens."""
        materials = {}
        for envelope in decoded:
            for kind, step in self._handlers.get(envelope.type, ()) if isinstance(envelope, Envelope) else ():
                if isinstance(step, FetchFirst) and isinstance(envelope, Envelope):
                    try:
                        event = kind.model_validate(envelope.content["data"])
                    except (ValidationError, KeyError):
                        continue
                    token = CAUSE.set(envelope.cause())
                    try:
                        materials[envelope.id] = await step.fetch(
                            Received(event, envelope.id, envelope.subject, envelope.version, envelope.time), self._runtime
                        )
                    finally:
                        CAUSE.reset(token)
        return materials

    async def _lay_aside(self, tx: Tx, record: Record, envelope: Envelope | str, reason: str, versions: "_Versions") -> None:
        known = envelope if isinstance(envelope, Envelope) else None
        if known and versions.is_old(known):
            return
        body = record.body if isinstance(record.body, str) else record.body.decode("utf-8", "replace")
        await tx.execute(
            "insert into dead_letter (source, partition, position, subject, version, type, body, reason) values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
            record.source, record.partition, record.position, known and known.subject, known and known.version, known and known.type, body.replace("\x00", ""), reason,
        )  # fmt: skip
        metrics.DEAD_LETTERS.labels(self._name, record.source).inc()
        logger().error("event.laid_aside", service=self._name, source=record.source, reason=reason, position=record.position)

    async def _lay_aside_foreign(self, record: Record) -> None:
        """A record on our topic that our relay did not send: it has no place in the feed, so nothing moves but the dead-letter list."""
        async with self._runtime.store.transaction() as tx:
            body = record.body if isinstance(record.body, str) else record.body.decode("utf-8", "replace")
            known = await tx.fetchval(
                "select 1 from dead_letter where source = $1 and partition = $2 and position = -$3::bigint",
                record.source,
                record.partition,
                record.offset or 0,
            )
            if not known:
                await tx.execute(
                    "insert into dead_letter (source, partition, position, body, reason) values ($1, $2, -$3::bigint, $4, 'not-sent-by-the-relay')",
                    record.source, record.partition, record.offset or 0, body.replace("\x00", ""),
                )  # fmt: skip
        logger().error("event.laid_aside", service=self._name, source=record.source, reason="not-sent-by-the-relay")

    async def _fill(self, source: str, missing: dict[UUID, int]) -> None:
        """Fetches the versions before a parked one from their source and applies all in order."""
        for subject, seen in missing.items():
            page = await self._runtime.peers.get(source, f"/{source}/subjects/{subject}/events", after=seen)
            for content in page["events"]:
                if not await self._filled(source, Envelope.decode(content)):
                    break

    async def _filled(self, source: str, envelope: Envelope) -> bool:
        """One fetched version, in its own transaction; laid aside where it cannot be applied."""
        failed: str | None = None
        try:
            async with self._runtime.store.transaction() as tx:
                versions = _Versions(source, await _standing(tx, source, [envelope.subject]))
                await self._one(tx, envelope, versions, None)
                await versions.save(tx)
                await tx.execute(
                    "delete from parked where source = $1 and subject = $2 and version <= $3",
                    source,
                    envelope.subject,
                    versions.seen(envelope.subject),
                )
        except (TryAgainSoon, asyncio.CancelledError):
            raise
        except Exception as error:
            failed = _reason(error, self._runtime)
        if failed:
            async with self._runtime.store.transaction() as tx:
                versions = _Versions(source, await _standing(tx, source, [envelope.subject]))
                await self._lay_aside(tx, Record(source, 0, 0, orjson.dumps(envelope.content)), envelope, failed, versions)
        return failed is None

    async def catch_up(self, source: str, partition: int) -> None:
        """Pages the source's feed from our position to its end; then the bus goes on, dropping positions already passed."""
        while True:
            mark = self._marks[(source, partition)]
            page = await self._runtime.peers.get(source, f"/{source}/feed", partition=partition, after=mark.position)
            records = [
                Record(source, partition, row["position"], orjson.dumps(row["envelope"]), mark.offset) for row in page["events"]
            ]
            if records:
                await self._apply_all(source, records)
            if not records or records[-1].position >= page["end"]:
                return

    async def _compare_with_feeds(self) -> None:
        """A feed whose end is ahead of us for half a minute, although the bus shows nothing, is read directly."""
        self._compare_at = time.monotonic() + _STUCK_SECONDS
        for source in self.sources:
            ends = await self._runtime.peers.get(source, f"/{source}/feed/ends")
            ahead = {
                int(partition): end - self._marks[place].position
                for partition, end in ends.items()
                if (place := (source, int(partition))) in self._marks
            }
            self.behind[source] = sum(max(0, lag) for lag in ahead.values())
            metrics.LAG.labels(self._name, source).set(self.behind[source])
            for partition, lag in ahead.items():
                if lag > 0 and self._stood_still(source, partition):
                    await self.catch_up(source, partition)

    def _stood_still(self, source: str, partition: int) -> bool:
        before, self._looked[(source, partition)] = (
            self._looked.get((source, partition)),
            self._marks[(source, partition)].position,
        )
        return bool(before == self._marks[(source, partition)].position)

    async def replay(self, letter: UUID, by: str) -> None:
        """Applies a dead letter again, and what waited behind it. Raises what it raises if it still cannot be applied."""
        async with self._runtime.store.transaction() as tx:
            row = await tx.fetchrow(
                "select source, subject, version, body from dead_letter where id = $1 and resolved_at is null for update", letter
            )
            if row is None or row["subject"] is None:
                raise CannotBeApplied("this letter is settled, or was never an event")
            envelope = Envelope.decode(row["body"])
            await tx.execute(
                "update dead_letter set resolved_at = clock_timestamp(), resolved_by = $2, resolution = 'replayed' where id = $1",
                letter,
                by,
            )
            versions = _Versions(row["source"], await _standing(tx, row["source"], [row["subject"]]))
            await self._one(tx, envelope, versions, None)
            for waiting in await tx.fetch(
                "delete from parked where source = $1 and subject = $2 returning envelope, version", row["source"], row["subject"]
            ):
                await self._one(tx, Envelope.decode(waiting["envelope"]), versions, None)
            await versions.save(tx)

    async def stop(self) -> None:
        await self._reader.close()
        try:
            await asyncio.wait_for(self._runtime.store.call("free_leases", self._holder, role="machine"), 2)
        except (TryAgainSoon, TimeoutError):
            pass


class _Versions:
    """What has been applied of each subject of one source, while a batch runs."""

    def __init__(self, source: str, standing: dict[UUID, tuple[int, bool]]) -> None:
        self._source = source
        self._seen = {subject: seen for subject, (seen, _) in standing.items()}
        self._blocked = {subject for subject, (_, blocked) in standing.items() if blocked}
        self._changed: set[UUID] = set()
        self.missing: dict[UUID, int] = {}

    def seen(self, subject: UUID) -> int:
        return self._seen.get(subject, 0)

    def is_old(self, envelope: Envelope) -> bool:
        return envelope.version <= self.seen(envelope.subject)

    def is_next(self, envelope: Envelope) -> bool:
        return envelope.version == self.seen(envelope.subject) + 1 and envelope.subject not in self._blocked

    def is_ahead(self, envelope: Envelope) -> bool:
        if self.is_old(envelope):
            return False
        if envelope.subject not in self._blocked:
            self.missing[envelope.subject] = self.seen(envelope.subject)
        return True

    def passed(self, envelope: Envelope) -> None:
        self._seen[envelope.subject] = envelope.version
        self._changed.add(envelope.subject)

    async def save(self, tx: Tx) -> None:
        if self._changed:
            await tx.execute(
                "insert into seen (source, subject, version) select $1, * from unnest($2::uuid[], $3::bigint[])"
                " on conflict (source, subject) do update set version = excluded.version where seen.version < excluded.version",
                self._source, list(self._changed), [self._seen[subject] for subject in self._changed],
            )  # fmt: skip


async def _standing(tx: Tx, source: str, subjects: Sequence[UUID]) -> dict[UUID, tuple[int, bool]]:
    rows = await tx.fetch(
        "select s.subject, coalesce(v.version, 0) as version,"
        " exists (select from dead_letter d where d.source = $1 and d.subject = s.subject and d.resolved_at is null) as blocked"
        " from (select distinct unnest($2::uuid[]) as subject) s left join seen v on v.source = $1 and v.subject = s.subject",
        source, list(subjects),
    )  # fmt: skip
    return {row["subject"]: (row["version"], row["blocked"]) for row in rows}


def _decoded(record: Record) -> Envelope | str:
    try:
        return Envelope.decode(record.body)
    except Malformed as error:
        return f"malformed: {error}"


def _merged(runtime: Runtime) -> dict[str, list[tuple[type[Event], Apply | FetchFirst]]]:
    """Who is who comes first, for every service; then the service's own handler of the same event."""
    merged: dict[str, list[tuple[type[Event], Apply | FetchFirst]]] = {}
    for handlers in (who.HANDLERS, runtime.service.handlers):
        for event, step in handlers.items():
            merged.setdefault(event.type, []).append((event, step))
    return merged


def _without_major(kind: str) -> str:
    return kind.rpartition(".v")[0]


def _reason(error: Exception, runtime: Runtime) -> str:
    """Why, in words that quote nothing of the event."""
    if isinstance(error, Poison):
        return error.reason
    if isinstance(error, Problem):
        return error.slug()
    if isinstance(error, CannotBeApplied):
        return f"cannot-be-applied: {error}"
    if isinstance(error, asyncpg.PostgresError):
        rule = runtime.service.rules.get(getattr(error, "constraint_name", "") or "")
        return (
            rule.slug()
            if rule
            else f"{type(error).__name__} {error.sqlstate} {getattr(error, 'constraint_name', '') or ''}".strip()
        )
    return type(error).__name__
