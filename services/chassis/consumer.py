"""The life of an event that is heard: decoded, checked, applied; effect and position in one transaction."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import structlog
from pydantic import ValidationError

from services.chassis import metrics
from services.chassis import who as who_is_who
from services.chassis.bus import BusIsAway, Mark, Reader, Record
from services.chassis.envelope import CAUSE, Envelope, Malformed
from services.chassis.errors import CannotBeApplied, NotYetKnown, Problem, RuleViolated, TheChildHasMovedOn, TryAgainSoon
from services.chassis.ids import partition_of
from services.chassis.log import logger
from services.chassis.service import Apply, FetchFirst, Received, Runtime
from services.chassis.store import Tx
from services.events import Event

_TRIES = 5
_STUCK_SECONDS = 30
_MOST_AT_ONCE = 500
_MOST_FETCHES_AT_ONCE = 20
_NO_VERSION = 2**63
_QUICK_SECONDS, _SLOW_SECONDS = 0.2, 0.8

Heard = tuple[Record, Envelope | str]
"""A record with its envelope, or with why it has none."""


class LostLease(Exception):
    """Another process consumes this partition now: whatever was under way here is void."""


class Poison(Exception):
    """This event cannot be applied; `reason` quotes nothing of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


_FINAL = (Poison, RuleViolated, CannotBeApplied)


class Consumer:
    """Applies what one service hears, of all its sources, in order per subject, each version once."""

    def __init__(self, runtime: Runtime, reader: Reader) -> None:
        self._runtime, self._reader = runtime, reader
        self._name = runtime.service.name
        self._handlers = _merged(runtime)
        self._majors = {_without_major(kind) for kind in self._handlers}
        self._remote = {
            kind
            for kind, steps in self._handlers.items()
            if any(isinstance(step, FetchFirst) and step.is_remote for _, step in steps)
        }
        self.sources = sorted({steps[0][0].source for steps in self._handlers.values()})
        self._holder = uuid4()
        self._epochs: dict[tuple[str, int], int] = {}
        self._marks: dict[tuple[str, int], Mark] = {}
        self._renew_at = 0.0
        self._compare_at = 0.0
        self._looked: dict[tuple[str, int], int] = {}
        self._missing: dict[str, set[UUID]] = {source: set() for source in self.sources}
        self._rests: dict[str, float] = {}
        self._rests_until: dict[str, float] = {}
        self._at_once = _MOST_AT_ONCE
        self._read = 0
        self.trouble: str | None = None
        self.stuck = False
        self.behind: dict[str, int] = {}

    async def run(self) -> None:
        """Until cancelled. A peer, the bus or PostgreSQL away is a pause, never a dead letter; a peer pauses its own events."""
        rest = 0.0
        while True:
            try:
                failed = await self._round(0.25)
                self._rest(failed)
                self.trouble = "; ".join(f"{source}: {_say(error)}" for source, error in failed.items()) or None
                self.stuck, rest = False, 0.0
                if failed:
                    logger().warning("consumer.paused", service=self._name, sources=sorted(failed), why=self.trouble)
            except (TryAgainSoon, BusIsAway) as error:
                self.trouble, rest = _say(error), min(2.0, rest * 2 or 0.05)
                self._forget_leases()
                logger().warning("consumer.paused", service=self._name, why=self.trouble)
                await asyncio.sleep(rest)
            except Exception as error:
                self.trouble, self.stuck = type(error).__name__, True
                self._forget_leases()
                logger().error("consumer.failed", service=self._name, error=type(error).__name__)
                await asyncio.sleep(1)

    async def once(self, wait_seconds: float = 0.0) -> int:
        """Reads and applies one batch. Returns how many records came; raises what made one of the sources wait."""
        self._read = 0
        for error in (await self._round(wait_seconds)).values():
            raise error
        return self._read

    async def _round(self, wait_seconds: float) -> dict[str, Exception]:
        """One batch of each source that does not rest. Returns why a source must wait, by source; the others went on."""
        await self._hold(gives=True)
        marks = [mark for mark in self._marks.values() if self._rests_until.get(mark.source, 0.0) <= time.monotonic()]
        if not marks:
            await asyncio.sleep(wait_seconds)
            return {}
        records = await self._reader.read(marks, wait_seconds)
        self._read = len(records)
        by_source: dict[str, list[Record]] = {mark.source: [] for mark in marks}
        for record in records:
            by_source.setdefault(record.source, []).append(record)
        failed: dict[str, Exception] = {}
        for source, own in by_source.items():
            try:
                await self._take(source, own)
            except LostLease as error:
                self._forget_leases()
                failed[source] = error
            except TryAgainSoon as error:
                failed[source] = error
        if time.monotonic() > self._compare_at:
            await self._look_around()
        return failed

    def _forget_leases(self) -> None:
        """The next round reads from PostgreSQL what is held and how far it has come."""
        self._epochs, self._renew_at = {}, 0.0

    def _rest(self, failed: dict[str, Exception]) -> None:
        self._rests = {source: min(2.0, self._rests.get(source, 0.025) * 2) for source in failed}
        self._rests_until = {source: time.monotonic() + rest for source, rest in self._rests.items()}

    async def _hold(self, gives: bool = False) -> None:
        """Takes and renews leases. `gives`: between batches, what is beyond a fair share goes to the others that live."""
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
                gives,
            )
        held = {(row["source"], row["partition"]): row for row in sorted(rows, key=lambda row: (row["source"], row["partition"]))}
        # A mark of ours counts only while the lease was never lost: another holder may have gone on meanwhile.
        self._marks = {
            place: self._marks[place]
            if self._epochs.get(place) == row["epoch"]
            else Mark(row["source"], row["partition"], row["position"], row["topic_offset"])
            for place, row in held.items()
        }
        self._epochs = {place: row["epoch"] for place, row in held.items()}
        for place, mark in self._marks.items():
            self._looked.setdefault(place, mark.position)
        self._compare_at = self._compare_at or time.monotonic() + _STUCK_SECONDS
        self._renew_at = time.monotonic() + settings.lease_seconds / 3

    async def _take(self, source: str, records: Sequence[Record]) -> None:
        """Positions passed are dropped; a jump sends us to the source's feed for what is missing."""
        fresh: list[Record] = []
        ends = {partition: mark.position for (name, partition), mark in self._marks.items() if name == source}
        jumped: dict[int, int] = {}
        for record in records:
            if record.partition not in ends:
                continue
            if record.position <= 0:
                await self._lay_aside_foreign(record)
            elif record.position == ends[record.partition] + 1:
                ends[record.partition] += 1
                fresh.append(record)
            elif record.position > ends[record.partition]:
                jumped[record.partition] = record.position
        if fresh:
            await self._apply_all(source, fresh)
        for partition, position in sorted(jumped.items()):
            await self.catch_up(source, partition)
            if self._marks[(source, partition)].position < position:
                raise TryAgainSoon(f"{source}'s topic is ahead of its feed. Was its database restored from an older backup?")
        self._remember_offsets(records)
        await self._fill(source)

    def _remember_offsets(self, records: Sequence[Record]) -> None:
        for record in records:
            mark = self._marks.get((record.source, record.partition))
            if mark and record.offset is not None and record.position <= mark.position:
                self._marks[(record.source, record.partition)] = Mark(mark.source, mark.partition, mark.position, record.offset)

    async def _apply_all(self, source: str, records: Sequence[Record]) -> None:
        """Many in one transaction; if one fails, each in its own, so that the bad one is found and laid aside."""
        heard = [(record, _decoded(record)) for record in records]
        start = 0
        while start < len(heard):
            await self._hold()
            many = heard[start : start + self._at_once]
            if any(isinstance(it, Envelope) and it.type in self._remote for _, it in many):
                many = many[:_MOST_FETCHES_AT_ONCE]
            began = time.monotonic()
            try:
                await self._apply(source, many)
            except (TryAgainSoon, LostLease):
                raise
            except Exception:
                for one in many:
                    await self._hold()
                    await self._apply_one(source, one)
            self._pace(time.monotonic() - began)
            start += len(many)

    def _pace(self, seconds: float) -> None:
        """Slow handlers get smaller transactions, so that locks are short and the lease is kept."""
        if seconds > _SLOW_SECONDS:
            self._at_once = max(10, self._at_once // 2)
        elif seconds < _QUICK_SECONDS:
            self._at_once = min(_MOST_AT_ONCE, self._at_once * 2)

    async def _apply_one(self, source: str, one: Heard) -> None:
        if reason := await self._tried(lambda: self._apply(source, [one])):
            await self._apply(source, [one], laid_aside=reason)

    async def _tried(self, attempt: Callable[[], Awaitable[Any]]) -> str | None:
        """Why it can never be applied, or None once it is. What may pass by itself is tried again."""
        for tries in range(1, _TRIES + 1):
            try:
                await attempt()
                return None
            except (TryAgainSoon, LostLease):
                raise
            except TheChildHasMovedOn:
                continue
            except Exception as error:
                if tries == _TRIES or isinstance(error, _FINAL):
                    return _reason(error, self._runtime)
        raise TryAgainSoon(f"{self._name} finds no quiet moment.")

    async def _apply(self, source: str, heard: Sequence[Heard], laid_aside: str | None = None) -> None:
        ends: dict[int, Record] = {record.partition: record for record, _ in heard}
        if laid_aside is None and await self._passed_by(source, heard, ends):
            self._came_to(source, ends, len(heard))
            return
        envelopes = [it for _, it in heard if isinstance(it, Envelope)]
        materials = await self._fetched(envelopes) if laid_aside is None else {}
        async with self._runtime.store.transaction() as tx:
            # First of all: a process that lost its lease while it slept changes nothing, and a replay waits its turn.
            versions = _Versions(source, await self._advance(tx, source, ends, envelopes))
            if laid_aside is None and len(envelopes) > 1 and (foresee := self._runtime.service.foresee):
                await foresee(tx, list({it.subject for it in envelopes}), [it.id for it in envelopes])
            for record, envelope in heard:
                if laid_aside is not None or isinstance(envelope, str):
                    await self._lay_aside(tx, record, envelope, laid_aside or str(envelope), versions)
                else:
                    await self._one(tx, envelope, versions, materials)
            await versions.save(tx)
        self._came_to(source, ends, len(heard))
        self._missing[source] |= versions.missing

    def _came_to(self, source: str, ends: dict[int, Record], count: int) -> None:
        for partition, record in ends.items():
            self._marks[(source, partition)] = Mark(source, partition, record.position, record.offset)
        metrics.APPLIED.labels(self._name, source).inc(count)

    async def _advance(
        self, tx: Tx, source: str, ends: dict[int, Record], envelopes: Sequence[Envelope]
    ) -> dict[UUID, tuple[int, bool]]:
        """What stands of the subjects. The positions are fenced by the epoch, and locked until the end of the transaction."""
        found = await tx.fetchval(
            "select hear($1, $2, $3, $4, $5, $6)",
            *self._places(source, ends),
            list({envelope.subject for envelope in envelopes}),
        )
        if found is None:
            raise LostLease(f"{source}: {sorted(ends)}")
        return {UUID(subject): (version, blocked) for subject, version, blocked in found}

    async def _passed_by(self, source: str, heard: Sequence[Heard], ends: dict[int, Record]) -> bool:
        """Notes in one round trip that events were heard which concern nobody here. False where they must be looked at."""
        versions: dict[UUID, list[int]] = {}
        for _, envelope in heard:
            if isinstance(envelope, str) or self._concerns_us(envelope):
                return False
            versions.setdefault(envelope.subject, []).append(envelope.version)
        if any(own != list(range(own[0], own[0] + len(own))) for own in versions.values()):
            return False
        passed = await self._runtime.store.call(
            "pass_by",
            *self._places(source, ends),
            list(versions),
            [own[0] for own in versions.values()],
            [own[-1] for own in versions.values()],
            role="machine",
        )
        if passed is None:
            raise LostLease(f"{source}: {sorted(ends)}")
        return bool(passed)

    def _concerns_us(self, envelope: Envelope) -> bool:
        return envelope.type in self._handlers or _without_major(envelope.type) in self._majors

    def _places(self, source: str, ends: dict[int, Record]) -> tuple[object, ...]:
        """Source, partitions, our epochs of them, positions and offsets, as hear() and pass_by() take them."""
        return (
            source,
            list(ends),
            [self._epochs.get((source, partition)) for partition in ends],
            [record.position for record in ends.values()],
            [record.offset for record in ends.values()],
        )

    async def _one(self, tx: Tx, envelope: Envelope, versions: "_Versions", materials: dict[str, Any]) -> None:
        """Lower = seen before; next = apply; higher = park and fill the gap. A laid-aside event blocks its own subject only."""
        if versions.is_old(envelope):
            return
        if not versions.is_next(envelope):
            versions.ahead(envelope)
            await tx.execute(
                "insert into parked (source, subject, version, envelope) values ($1, $2, $3, $4) on conflict do nothing",
                envelope.source, envelope.subject, envelope.version, envelope.content,
            )  # fmt: skip
            return
        await self._handle(tx, envelope, materials)
        versions.passed(envelope)

    async def _handle(self, tx: Tx, envelope: Envelope, materials: dict[str, Any]) -> None:
        steps = self._handlers.get(envelope.type)
        if steps is None:
            if _without_major(envelope.type) in self._majors:
                raise Poison("unknown-version-of-a-known-event")
            return
        received = _received(steps[0][0], envelope)
        token = CAUSE.set(envelope.cause())
        structlog.contextvars.bind_contextvars(correlation=envelope.correlation)
        try:
            await self._step(tx, steps, received, materials)
        except NotYetKnown as unknown:
            await self._keep(tx, unknown, steps, received, envelope, materials)
        finally:
            CAUSE.reset(token)
        if tx.known:
            await self.apply_kept(tx)

    async def _step(
        self,
        tx: Tx,
        steps: Sequence[tuple[type[Event], Apply | FetchFirst]],
        received: Received[Any],
        materials: dict[str, Any],
    ) -> None:
        for _, step in steps:
            if isinstance(step, FetchFirst):
                known = received.id in materials
                await step.apply(received, tx, materials[received.id] if known else await step.fetch(received, self._runtime))
            else:
                await step(received, tx)

    async def _keep(
        self,
        tx: Tx,
        unknown: NotYetKnown,
        steps: Sequence[tuple[type[Event], Apply | FetchFirst]],
        received: Received[Any],
        envelope: Envelope,
        materials: dict[str, Any],
    ) -> None:
        """Keeps a fact about a subject not heard of; under a lock, after a second look: others may learn of it just now."""
        await _alone_with(tx, unknown.about)
        tx.forget()
        try:
            await self._step(tx, steps, received, materials)
        except NotYetKnown as still:
            await tx.execute(
                "insert into kept (about, source, subject, version, envelope) values ($1, $2, $3, $4, $5) on conflict do nothing",
                still.about, envelope.source, envelope.subject, envelope.version, envelope.content,
            )  # fmt: skip

    async def apply_kept(self, tx: Tx) -> None:
        """What was kept for subjects just become known, in the order it came. What cannot be applied is laid aside alone.

        Also for work on the clock that has made a subject known (`tx.now_known`), in its transaction.
        """
        known, tx.known = tx.known, []
        for about in known:
            await _alone_with(tx, about)
            rows = await tx.fetch("delete from kept where about = $1 returning id, envelope", about)
            for row in sorted(rows, key=lambda row: int(row["id"])):
                envelope = Envelope.decode(row["envelope"])
                try:
                    async with tx.savepoint():
                        await self._handle(tx, envelope, {})
                except (TryAgainSoon, LostLease):
                    raise
                except Exception as error:
                    await _write_letter(tx, envelope, _reason(error, self._runtime))
                    self._said_aside(envelope.source, _reason(error, self._runtime))

    async def _fetched(self, envelopes: Sequence[Envelope]) -> dict[str, Any]:
        """Remote reads before the transaction opens, side by side; by event id. Raises the first failure in order."""
        asked = [(envelope, kind, step) for envelope in envelopes for kind, step in self._remote_steps(envelope)]
        if not asked:
            return {}
        keeping = asyncio.create_task(self._keep_leases())
        try:
            found = await asyncio.gather(*(self._fetch(*one) for one in asked), return_exceptions=True)
        finally:
            keeping.cancel()
        for outcome in found:
            if isinstance(outcome, BaseException):
                raise outcome
        return {envelope.id: outcome for (envelope, _, _), outcome in zip(asked, found, strict=True)}

    async def _keep_leases(self) -> None:
        """While a slow peer is waited for: else the partitions would go to and fro between processes that all wait for it."""
        while True:
            await asyncio.sleep(self._runtime.settings.lease_seconds / 3)
            with contextlib.suppress(TryAgainSoon):
                await self._hold()

    def _remote_steps(self, envelope: Envelope) -> list[tuple[type[Event], FetchFirst]]:
        if envelope.type not in self._remote:
            return []
        return [(kind, step) for kind, step in self._handlers[envelope.type] if isinstance(step, FetchFirst)]

    async def _fetch(self, envelope: Envelope, kind: type[Event], step: FetchFirst) -> Any:
        CAUSE.set(envelope.cause())
        return await step.fetch(_received(kind, envelope), self._runtime)

    async def _lay_aside(self, tx: Tx, record: Record, envelope: Envelope | str, reason: str, versions: "_Versions") -> None:
        if isinstance(envelope, Envelope):
            if versions.is_old(envelope):
                return
            if not versions.is_next(envelope):
                # Never tried: it waits behind an earlier letter or for a version that is missing.
                await self._one(tx, envelope, versions, {})
                return
            await _write_letter(tx, envelope, reason, record)
        else:
            await tx.execute(
                "insert into dead_letter (source, partition, position, body, reason) values ($1, $2, $3, $4, $5)",
                record.source, record.partition, record.position, _text(record), reason,
            )  # fmt: skip
        self._said_aside(record.source, reason)

    def _said_aside(self, source: str, reason: str) -> None:
        metrics.DEAD_LETTERS.labels(self._name, source).inc()
        logger().error("event.laid_aside", service=self._name, source=source, reason=reason)

    async def _lay_aside_foreign(self, record: Record) -> None:
        """A record on a topic that no relay sent has no place in the feed: nothing moves but the list of dead letters."""
        async with self._runtime.store.transaction() as tx:
            written = await tx.fetchval(
                "insert into dead_letter (source, partition, position, body, reason)"
                " select $1, $2, -$3::bigint, $4, 'not-sent-by-the-relay'"
                " where not exists (select from dead_letter where source = $1 and partition = $2 and position = -$3::bigint)"
                " returning 1",
                record.source, record.partition, record.offset or 0, _text(record),
            )  # fmt: skip
        if written:
            self._said_aside(record.source, "not-sent-by-the-relay")

    async def _fill(self, source: str) -> None:
        """Fetches the versions before a parked one from their source and applies all in order."""
        for subject in sorted(self._missing[source]):
            applied = True
            while applied:
                async with self._runtime.store.connection() as connection:
                    seen = await connection.fetchval(
                        "select version from seen where source = $1 and subject = $2", source, subject
                    )
                page = await self._runtime.peers.get(source, f"/{source}/subjects/{subject}/events", after=seen or 0)
                applied = bool(page["events"])
                for content in page["events"]:
                    applied = applied and await self._apply_apart(Envelope.decode(content))
            self._missing[source].discard(subject)

    async def _apply_apart(self, envelope: Envelope, fenced: bool = True) -> bool:
        """One version apart from the bus, in its own transaction; laid aside if it must be. Whether the next may follow."""
        applied = True

        async def attempt(reason: str | None = None) -> None:
            nonlocal applied
            materials = await self._fetched([envelope]) if reason is None else {}
            async with self._runtime.store.transaction() as tx:
                await self._hold_still(tx, envelope, fenced)
                versions = _Versions(envelope.source, await _standing(tx, envelope.source, [envelope]))
                if reason is None:
                    await self._one(tx, envelope, versions, materials)
                else:
                    await self._lay_aside(
                        tx, Record(envelope.source, self._partition(envelope), 0, ""), envelope, reason, versions
                    )
                await versions.save(tx)
                await tx.execute(
                    "delete from parked where source = $1 and subject = $2 and (version <= $3 or $4 and version = $5)",
                    envelope.source, envelope.subject, versions.seen(envelope.subject), reason is not None, envelope.version,
                )  # fmt: skip
                applied = versions.is_old(envelope)

        if reason := await self._tried(attempt):
            await attempt(reason)
        return applied

    async def _hold_still(self, tx: Tx, envelope: Envelope, fenced: bool) -> None:
        """Keeps the partition from moving until the transaction ends. LostLease where it must be ours and is not."""
        partition = self._partition(envelope)
        epoch = await tx.fetchval(
            "select epoch from position where source = $1 and partition = $2 for update", envelope.source, partition
        )
        if fenced and epoch != self._epochs.get((envelope.source, partition)):
            raise LostLease(f"{envelope.source}: {partition}")

    def _partition(self, envelope: Envelope) -> int:
        return partition_of(envelope.subject, self._runtime.settings.partitions)

    async def catch_up(self, source: str, partition: int) -> None:
        """Pages the source's feed from our position to its end; then the bus goes on, dropping positions already passed."""
        while True:
            mark = self._marks.get((source, partition))
            if mark is None:
                raise LostLease(f"{source}: {partition}")
            page = await self._runtime.peers.get(source, f"/{source}/feed", partition=partition, after=mark.position)
            records = [
                Record(source, partition, row["position"], orjson.dumps(row["envelope"]), mark.offset) for row in page["events"]
            ]
            if records:
                await self._apply_all(source, records)
            if not records or records[-1].position >= page["end"]:
                return

    async def _look_around(self) -> None:
        """Each half minute: a feed ahead of us although the bus showed nothing is read directly; parked gaps are filled."""
        self._compare_at = time.monotonic() + _STUCK_SECONDS
        await self._remember_parked()
        for source in self.sources:
            try:
                await self._compare_with_feed(source)
                await self._fill(source)
            except (TryAgainSoon, LostLease, CannotBeApplied):
                # A peer that is away, or behind an address that is not its own yet: looked at again in half a minute.
                continue

    async def _remember_parked(self) -> None:
        async with self._runtime.store.connection() as connection:
            rows = await connection.fetch(
                "select distinct source, subject from parked p where source = any ($1) and not exists"
                " (select from dead_letter d where d.source = p.source and d.subject = p.subject and d.resolved_at is null)",
                self.sources,
            )
        for row in rows:
            if (row["source"], partition_of(row["subject"], self._runtime.settings.partitions)) in self._epochs:
                self._missing[row["source"]].add(row["subject"])

    async def _compare_with_feed(self, source: str) -> None:
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
        now = self._marks[(source, partition)].position
        before, self._looked[(source, partition)] = self._looked.get((source, partition)), now
        return before == now

    async def replay(self, letter: UUID, by: str) -> None:
        """Applies a dead letter again, then what waited behind it; repeatable. CannotBeApplied, saying why, if it still fails."""
        envelope = await self._letter(letter)
        if envelope is None:
            return

        async def attempt() -> None:
            materials = await self._fetched([envelope])
            async with self._runtime.store.transaction() as tx:
                await self._hold_still(tx, envelope, fenced=False)
                await _resolve(tx, letter, by, "replayed")
                versions = _Versions(envelope.source, await _standing(tx, envelope.source, [envelope]))
                # A fact that was kept has had its turn in the order of versions: it is applied whatever came since.
                if versions.is_next(envelope) or versions.is_old(envelope):
                    await self._handle(tx, envelope, materials)
                    versions.passed(envelope)
                    await versions.save(tx)
                else:
                    raise Poison("earlier-versions-are-missing")

        if reason := await self._tried(attempt):
            async with self._runtime.store.transaction() as tx:
                await tx.execute("update dead_letter set tries = tries + 1, last_at = clock_timestamp() where id = $1", letter)
            raise CannotBeApplied(reason)
        await self._go_on_behind(envelope)

    async def skip(self, letter: UUID, by: str) -> None:
        """A person's word that this event shall never be applied; what waited behind it goes on."""
        envelope = await self._letter(letter, unreadable_too=True)
        async with self._runtime.store.transaction() as tx:
            if envelope is not None:
                await self._hold_still(tx, envelope, fenced=False)
                versions = _Versions(envelope.source, await _standing(tx, envelope.source, [envelope]))
                if versions.seen(envelope.subject) + 1 == envelope.version:
                    versions.passed(envelope)
                    await versions.save(tx)
            await _resolve(tx, letter, by, "skipped")
        if envelope is not None:
            await self._go_on_behind(envelope)

    async def _letter(self, letter: UUID, unreadable_too: bool = False) -> Envelope | None:
        """A dead letter's event; None where it is settled, or where it is no event and may be none."""
        async with self._runtime.store.transaction() as tx:
            row = await tx.fetchrow("select source, subject, body, resolved_at from dead_letter where id = $1", letter)
        if row is None:
            raise CannotBeApplied("there is no such letter")
        if row["resolved_at"] is not None:
            return None
        if row["subject"] is None:
            if unreadable_too:
                return None
            raise CannotBeApplied("this was never an event")
        return Envelope.decode(row["body"])

    async def _go_on_behind(self, envelope: Envelope) -> None:
        """Applies what is parked of a subject, as far as it is unbroken."""
        async with self._runtime.store.connection() as connection:
            rows = await connection.fetch(
                "select envelope from parked where source = $1 and subject = $2 order by version",
                envelope.source,
                envelope.subject,
            )
        for row in rows:
            if not await self._apply_apart(Envelope.decode(row["envelope"]), fenced=False):
                return

    async def stop(self) -> None:
        await self._reader.close()
        with contextlib.suppress(TryAgainSoon, TimeoutError):
            await asyncio.wait_for(self._runtime.store.call("free_leases", self._holder, role="machine"), 2)


class _Versions:
    """What has been applied of each subject of one source, while a batch runs."""

    def __init__(self, source: str, standing: dict[UUID, tuple[int, bool]]) -> None:
        self._source = source
        self._seen = {subject: seen for subject, (seen, _) in standing.items()}
        self._blocked = {subject for subject, (_, blocked) in standing.items() if blocked}
        self._changed: set[UUID] = set()
        self.missing: set[UUID] = set()

    def seen(self, subject: UUID) -> int:
        return self._seen.get(subject, 0)

    def is_old(self, envelope: Envelope) -> bool:
        return envelope.version <= self.seen(envelope.subject)

    def is_next(self, envelope: Envelope) -> bool:
        return envelope.version == self.seen(envelope.subject) + 1 and envelope.subject not in self._blocked

    def ahead(self, envelope: Envelope) -> None:
        if envelope.subject not in self._blocked:
            self.missing.add(envelope.subject)

    def passed(self, envelope: Envelope) -> None:
        if envelope.version > self.seen(envelope.subject):
            self._seen[envelope.subject] = envelope.version
            self._changed.add(envelope.subject)

    async def save(self, tx: Tx) -> None:
        if self._changed:
            changed = sorted(self._changed)
            await tx.execute(
                "insert into seen (source, subject, version) select $1, * from unnest($2::uuid[], $3::bigint[])"
                " on conflict (source, subject) do update set version = excluded.version where seen.version < excluded.version",
                self._source, changed, [self._seen[subject] for subject in changed],
            )  # fmt: skip


async def _standing(tx: Tx, source: str, envelopes: Sequence[Envelope]) -> dict[UUID, tuple[int, bool]]:
    rows = await tx.fetch(
        "select s.subject, coalesce(v.version, 0) as version,"
        " exists (select from dead_letter d where d.source = $1 and d.subject = s.subject and d.resolved_at is null) as blocked"
        " from unnest($2::uuid[]) s(subject) left join seen v on v.source = $1 and v.subject = s.subject",
        source, list({envelope.subject for envelope in envelopes}),
    )  # fmt: skip
    return {row["subject"]: (row["version"], row["blocked"]) for row in rows}


async def _alone_with(tx: Tx, about: object) -> None:
    """One process of this service at a time learns of a subject or keeps a fact about it, until the transaction ends.

    By the service's schema: another service in the same database keeps facts about the same children in an order of its own,
    and the two would wait for each other in a circle.
    """
    await tx.execute("select pg_advisory_xact_lock(hashtextextended(current_schema() || ' ' || $1, 0))", str(about))


async def _write_letter(tx: Tx, envelope: Envelope, reason: str, record: Record | None = None) -> None:
    await tx.execute(
        "insert into dead_letter (source, partition, position, subject, version, type, body, reason)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
        envelope.source, record and record.partition, record and record.position,
        envelope.subject, envelope.version, envelope.type, orjson.dumps(envelope.content).decode(), reason,
    )  # fmt: skip


async def _resolve(tx: Tx, letter: UUID, by: str, resolution: str) -> None:
    await tx.execute(
        "update dead_letter set resolved_at = clock_timestamp(), resolved_by = $2, resolution = $3"
        " where id = $1 and resolved_at is null",
        letter,
        by,
        resolution,
    )


def _received(kind: type[Event], envelope: Envelope) -> Received[Any]:
    try:
        event = kind.model_validate(envelope.content["data"])
    except (ValidationError, KeyError) as error:
        raise Poison("breaks-its-contract") from error
    return Received(event, envelope.id, envelope.subject, envelope.version, envelope.time)


def _decoded(record: Record) -> Envelope | str:
    try:
        envelope = Envelope.decode(record.body)
    except Malformed as error:
        return f"malformed: {error}"
    if envelope.source != record.source or not 1 <= envelope.version < _NO_VERSION:
        return "malformed: another source's event, or no version"
    if (b"\\u0000" if isinstance(record.body, bytes) else "\\u0000") in record.body:  # type: ignore[operator]
        return "malformed: a character that cannot be kept"
    return envelope


def _text(record: Record) -> str:
    """A body as PostgreSQL can keep it."""
    body = record.body if isinstance(record.body, str) else record.body.decode("utf-8", "replace")
    return body.replace("\x00", "")


def _merged(runtime: Runtime) -> dict[str, list[tuple[type[Event], Apply | FetchFirst]]]:
    """Who is who comes first, for every service; then the service's own handler of the same event."""
    merged: dict[str, list[tuple[type[Event], Apply | FetchFirst]]] = {}
    for handlers in (who_is_who.HANDLERS, runtime.service.handlers):
        for event, step in handlers.items():
            merged.setdefault(event.type, []).append((event, step))
    return merged


def _without_major(kind: str) -> str:
    return kind.rpartition(".v")[0]


def _say(error: Exception) -> str:
    return str(getattr(error, "cause", None) or error) or type(error).__name__


def _reason(error: Exception, runtime: Runtime) -> str:
    """Why, in words that quote nothing of the event."""
    if isinstance(error, Poison):
        return error.reason
    if isinstance(error, Problem):
        return error.slug()
    if isinstance(error, CannotBeApplied):
        return f"cannot-be-applied: {error}"
    if isinstance(error, asyncpg.PostgresError):
        constraint, state = getattr(error, "constraint_name", None) or "", error.sqlstate or ""
        rule = runtime.service.rules.get(constraint) or runtime.service.rules.get(state)
        return rule.slug() if rule else f"{type(error).__name__} {state} {constraint}".strip()
    return type(error).__name__
