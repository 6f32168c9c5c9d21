"""The only sequencer: gives each outbox row its place in the feed, dense and in order, then sends the feed to Kafka."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

from services.chassis import metrics
from services.chassis.bus import Hints, Record
from services.chassis.errors import TryAgainSoon
from services.chassis.kafka import KafkaWriter
from services.chassis.log import logger
from services.chassis.present import Deriving
from services.chassis.service import Runtime

_CHUNK = 2000
_SEND = 500
# A hint wakes the relay at once. Without one (another process wrote) it looks: soon after something came, then less and less.
_SOON_SECONDS, _LATEST_SECONDS = 0.02, 0.25
# So that what comes thick and fast goes together: each chunk costs round trips here, at the broker and at every reader.
_MOVED_REST_SECONDS = 0.004
# What is sent and what is derived follow this process' own moves, and leases that are new to it, which hint; only what a person
# asks for comes without one. What is derived rests after each chunk: nobody waits for it, and of a subject that moves on
# meanwhile only the newest state goes.
_ASKED_SECONDS, _DERIVED_REST_SECONDS = 1.0, 0.1


class Relay:
    """One per process and service; partitions are leased, and every write is fenced by the lease's epoch.

    `writer` sends the feed, `present_writer` the compacted topic of a service that has one; None where there is no Kafka.
    """

    def __init__(
        self, runtime: Runtime, hints: Hints, writer: KafkaWriter | None, present_writer: KafkaWriter | None = None
    ) -> None:
        self._runtime, self._hints, self._writer = runtime, hints, writer
        self._name = runtime.service.name
        present = runtime.service.present
        self._deriving = Deriving(runtime, present, present_writer) if present_writer and present else None
        self._holder = uuid4()
        self._leases: dict[int, int] = {}
        self._renew_at = 0.0
        self._taking = asyncio.Lock()
        self._sending = 0
        self._until = 0.0
        self._troubles: dict[str, str | None] = {}
        self.trouble: str | None = None

    async def run(self) -> None:
        """Until cancelled. Trouble pauses it, nothing is skipped. Kafka away never keeps rows from their place in the feed."""
        moving = asyncio.create_task(self._run(self._move, f"outbox:{self._name}", "outbox", rest_seconds=_MOVED_REST_SECONDS))
        sending = []
        if self._writer:
            sending.append(asyncio.create_task(self._run(self._send, f"feed:{self._name}", "kafka", _ASKED_SECONDS)))
        if self._deriving:
            deriving = self._run(self._derive, f"feed:{self._name}", "present", _ASKED_SECONDS, _DERIVED_REST_SECONDS)
            sending.append(asyncio.create_task(deriving))
        try:
            await asyncio.gather(moving, *sending)
        finally:
            for task in (moving, *sending):
                task.cancel()
            await asyncio.gather(moving, *sending, return_exceptions=True)

    async def _run(
        self,
        step: Callable[[], Awaitable[int]],
        hint: str,
        what: str,
        latest_seconds: float = _LATEST_SECONDS,
        rest_seconds: float = 0.0,
    ) -> None:
        rest, look = 0.0, _SOON_SECONDS
        while True:
            try:
                moved = await step()
                rest = 0.0
                self._say(what, None)
                look = _SOON_SECONDS if moved else min(look * 2, latest_seconds)
                if not moved:
                    await self._hints.wait([hint], look)
                elif rest_seconds:
                    await asyncio.sleep(rest_seconds)
            except Exception as error:
                self._say(what, str(getattr(error, "cause", None) or error) or type(error).__name__)
                self._forget_leases()
                rest = min(2.0, rest * 2 or 0.1)
                logger().warning("relay.paused", service=self._name, what=what, why=type(error).__name__)
                await asyncio.sleep(rest)

    def _say(self, what: str, trouble: str | None) -> None:
        self._troubles[what] = trouble
        self.trouble = "; ".join(f"{name}: {found}" for name, found in self._troubles.items() if found) or None

    async def once(self) -> int:
        """Moves and sends one chunk. Returns how many rows went."""
        return await self._move() + (await self._send() if self._writer else 0) + (await self._derive() if self._deriving else 0)

    async def _move(self) -> int:
        """Gives outbox rows their places in the feed, in one fenced transaction."""
        await self._hold()
        if not self._leases:
            return 0
        moved = await self._runtime.store.call(
            "relay_move", list(self._leases), list(self._leases.values()), _CHUNK, role="machine"
        )
        if moved is None:
            self._forget_leases()
            return 0
        if moved:
            metrics.RELAYED.labels(self._name).inc(moved)
            self._hints.say(f"feed:{self._name}")
        return int(moved)

    def _forget_leases(self) -> None:
        self._leases, self._renew_at = {}, 0.0

    async def _hold(self) -> None:
        """Takes and renews leases, a fair share of them while others live.

        What is being sent is not given away: meanwhile whoever sends renews first, the others only after a while, giving nothing.
        """
        settings = self._runtime.settings
        third = settings.lease_seconds / 3
        if time.monotonic() < self._renew_at + third * bool(self._sending):
            return
        async with self._taking, self._runtime.store.connection() as connection:
            asked_at = time.monotonic()
            rows = await connection.fetch(
                "select * from take_relay($1, $2, $3, $4)",
                self._holder,
                settings.partitions,
                settings.lease_seconds,
                not self._sending,
            )
            before, self._leases = self._leases, {row["partition"]: row["epoch"] for row in rows}
            if self._leases.keys() - before.keys():
                # What the holder before has moved and not sent.
                self._hints.say(f"feed:{self._name}")
            self._renew_at, self._until = asked_at + third, asked_at + settings.lease_seconds

    async def _send(self) -> int:
        """Feed rows above `sent`, awaited as one; `sent` moves over the unbroken acknowledged prefix while the lease is ours."""
        assert self._writer is not None, "only a relay with a writer sends"
        await self._hold()
        if not self._leases:
            return 0
        self._sending += 1
        try:
            return await self._send_of(dict(self._leases), self._writer)
        finally:
            self._sending -= 1

    async def _send_of(self, leases: dict[int, int], writer: KafkaWriter) -> int:
        async with self._runtime.store.connection() as connection:
            rows = await connection.fetch(
                "select f.partition, f.position, l.envelope::text as body from relay r cross join lateral"
                " (select * from feed f where f.partition = r.partition and f.position > r.sent order by f.position limit $2) f"
                " join ledger l on l.subject = f.subject and l.version = f.version"
                " where r.partition = any ($1) and r.position > r.sent order by f.partition, f.position",
                list(leases),
                _SEND,
            )
        if not rows:
            return 0
        if self._is_past():
            self._forget_leases()
            return 0
        records = [Record(self._name, row["partition"], row["position"], row["body"]) for row in rows]
        await writer.write(self._name, records)
        ends = {record.partition: record.position for record in records}
        async with self._runtime.store.connection() as connection:
            marked = await connection.fetch(
                "select relay_sent(e.partition, e.epoch, e.position) as sent"
                " from unnest($1::smallint[], $2::bigint[], $3::bigint[]) e(partition, epoch, position)",
                list(ends),
                [leases[partition] for partition in ends],
                list(ends.values()),
            )
        if not all(row["sent"] for row in marked):
            self._forget_leases()
        return len(rows)

    async def _derive(self) -> int:
        """The compacted topic, apart from the other: trouble with one does not stop the other."""
        assert self._deriving is not None, "only a relay of a service with a compacted topic derives"
        await self._hold()
        if not self._leases:
            return 0
        self._sending += 1
        try:
            went = await self._deriving.step(dict(self._leases), self._is_past)
        finally:
            self._sending -= 1
        if went is None:
            self._forget_leases()
        return went or 0

    def _is_past(self) -> bool:
        """Whether the leases have run out: this process slept, and another may be sending by now."""
        return time.monotonic() > self._until

    async def stop(self) -> None:
        """Gives the leases back, so that another goes on at once."""
        if self._writer:
            await self._writer.close()
        if self._deriving:
            await self._deriving.close()
        with contextlib.suppress(TryAgainSoon, TimeoutError):
            await asyncio.wait_for(self._runtime.store.call("free_leases", self._holder, role="machine"), 2)
