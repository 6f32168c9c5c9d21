"""The life of an event that is heard: decoded, checked, applied; effect and position in one transaction."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from uuid import UUID, uuid4

import orjson

from services.chassis import metrics
from services.chassis.bus import BusIsAway, Mark, Reader, Record
from services.chassis.consumer.dead_letters import DeadLetters
from services.chassis.consumer.refusals import LostLease, Poison
from services.chassis.consumer.versions import Versions
from services.chassis.envelope import Envelope, Malformed
from services.chassis.errors import CannotBeApplied, TryAgainSoon
from services.chassis.ids import read_id
from services.chassis.log import logger
from services.chassis.service import Runtime
from services.chassis.store import Tx

__all__ = ["Consumer", "LostLease", "Poison"]

_STUCK_SECONDS = 30
_MOST_AT_ONCE = 500
_MOST_FETCHES_AT_ONCE = 20
_NO_VERSION = 2**63
_QUICK_SECONDS, _SLOW_SECONDS = 0.2, 0.8

Heard = tuple[Record, Envelope | str]
"""A record with its envelope, or with why it has none."""


class Consumer(DeadLetters):
    """Applies what one service hears, of all its sources, in order per subject, each version once."""

    def __init__(self, runtime: Runtime, reader: Reader) -> None:
        super().__init__(runtime)
        self._reader = reader
        self._holder = uuid4()
        self._marks: dict[tuple[str, int], Mark] = {}
        self._renew_at = 0.0
        self._compare_at = 0.0
        self._looked: dict[tuple[str, int], int] = {}
        self._rests: dict[str, float] = {}
        self._rests_until: dict[str, float] = {}
        self._at_once = _MOST_AT_ONCE
        self._in_turn: set[str] = set()
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
        """Of many, half of the partitions beside the rest, as two processes would: PostgreSQL works while the next is prepared.

        Where the halves stand in each other's way, they go one after the other until few are left.
        """
        if len(records) <= self._at_once:
            self._in_turn.discard(source)
        elif source not in self._in_turn:
            outcomes = await asyncio.gather(
                *(self._apply_in_order(source, half) for half in _halves(records)), return_exceptions=True
            )
            if failures := [outcome for outcome in outcomes if isinstance(outcome, BaseException)]:
                self._in_turn.add(source)
                raise failures[0]
            return
        await self._apply_in_order(source, records)

    async def _apply_in_order(self, source: str, records: Sequence[Record]) -> None:
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

    async def _apply(self, source: str, heard: Sequence[Heard], laid_aside: str | None = None) -> None:
        ends: dict[int, Record] = {record.partition: record for record, _ in heard}
        if laid_aside is None and await self._passed_by(source, heard, ends):
            self._came_to(source, ends, len(heard))
            return
        envelopes = [it for _, it in heard if isinstance(it, Envelope)]
        materials = await self._fetched(envelopes) if laid_aside is None else {}
        async with self._runtime.store.transaction() as tx:
            # First of all: a process that lost its lease while it slept changes nothing, and a replay waits its turn.
            versions = Versions(source, await self._advance(tx, source, ends, envelopes))
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
        return {read_id(subject): (version, blocked) for subject, version, blocked in found}

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

    def _places(self, source: str, ends: dict[int, Record]) -> tuple[object, ...]:
        """Source, partitions, our epochs of them, positions and offsets, as hear() and pass_by() take them."""
        return (
            source,
            list(ends),
            [self._epochs.get((source, partition)) for partition in ends],
            [record.position for record in ends.values()],
            [record.offset for record in ends.values()],
        )

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

    async def stop(self) -> None:
        await self._reader.close()
        with contextlib.suppress(TryAgainSoon, TimeoutError):
            await asyncio.wait_for(self._runtime.store.call("free_leases", self._holder, role="machine"), 2)


def _halves(records: Sequence[Record]) -> list[list[Record]]:
    """The records of every other partition, and those of the rest, each in its order."""
    odd = set(list(dict.fromkeys(record.partition for record in records))[1::2])
    return [[record for record in records if (record.partition in odd) is which] for which in (False, True)]


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


def _say(error: Exception) -> str:
    return str(getattr(error, "cause", None) or error) or type(error).__name__
