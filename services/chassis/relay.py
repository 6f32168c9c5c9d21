"""The only sequencer: gives each outbox row its place in the feed, dense and in order, then sends the feed to Kafka."""

import asyncio
import time
from uuid import uuid4

from services.chassis import metrics
from services.chassis.bus import BusIsAway, Hints, Record
from services.chassis.errors import TryAgainSoon
from services.chassis.kafka import KafkaWriter
from services.chassis.log import logger
from services.chassis.service import Runtime

_CHUNK = 1000


class Relay:
    """One per process and service; partitions are leased, and every write is fenced by the lease's epoch."""

    def __init__(self, runtime: Runtime, hints: Hints, writer: KafkaWriter | None) -> None:
        self._runtime, self._hints, self._writer = runtime, hints, writer
        self._name = runtime.service.name
        self._holder = uuid4()
        self._leases: dict[int, int] = {}
        self._renew_at = 0.0
        self.trouble: str | None = None

    async def run(self) -> None:
        """Until cancelled. Trouble pauses it, with growing rests; nothing is skipped."""
        rest = 0.0
        while True:
            try:
                moved = await self.once()
                self.trouble, rest = None, 0.0
                if not moved:
                    await self._hints.wait([f"outbox:{self._name}"], 0.02 if self._runtime.settings.bus == "kafka" else 0.1)
            except (TryAgainSoon, BusIsAway) as error:
                self.trouble = str(error)
                self._leases = {}
                self._renew_at = 0.0
                rest = min(2.0, rest * 2 or 0.1)
                logger().warning("relay.paused", service=self._name, why=type(error).__name__)
                await asyncio.sleep(rest)

    async def once(self) -> int:
        """Moves and sends one chunk. Returns how many rows went."""
        await self._hold()
        if not self._leases:
            return 0
        partitions, epochs = list(self._leases), list(self._leases.values())
        moved = await self._runtime.store.call("relay_move", partitions, epochs, _CHUNK, role="machine")
        if moved is None:
            self._leases, self._renew_at = {}, 0.0
            return 0
        if moved:
            metrics.RELAYED.labels(self._name).inc(moved)
            self._hints.say(f"feed:{self._name}")
        return int(moved) + (await self._send(partitions) if self._writer else 0)

    async def _hold(self) -> None:
        if time.monotonic() < self._renew_at:
            return
        settings = self._runtime.settings
        async with self._runtime.store.connection() as connection:
            rows = await connection.fetch(
                "select * from take_relay($1, $2, $3, $4)",
                self._holder,
                settings.partitions,
                settings.lease_seconds,
                settings.partitions,
            )
        self._leases = {row["partition"]: row["epoch"] for row in rows}
        self._renew_at = time.monotonic() + settings.lease_seconds / 3

    async def _send(self, partitions: list[int]) -> int:
        """Feed rows above `sent`, awaited as one; `sent` moves only over the unbroken acknowledged prefix."""
        assert self._writer is not None  # noqa: S101 - for the type checker
        async with self._runtime.store.connection() as connection:
            rows = await connection.fetch(
                "select f.partition, f.position, l.envelope::text as body from relay r cross join lateral"
                " (select * from feed f where f.partition = r.partition and f.position > r.sent order by f.position limit $2) f"
                " join ledger l on l.subject = f.subject and l.version = f.version"
                " where r.partition = any ($1) and r.position > r.sent order by f.partition, f.position",
                partitions,
                _CHUNK,
            )
            if not rows:
                return 0
            await self._writer.write(
                self._name, [Record(self._name, row["partition"], row["position"], row["body"]) for row in rows]
            )
            ends = {row["partition"]: row["position"] for row in rows}
            await connection.executemany(
                "select relay_sent($1, $2, $3)", [(partition, self._leases[partition], end) for partition, end in ends.items()]
            )
        return len(rows)

    async def stop(self) -> None:
        """Gives the leases back, so that another goes on at once."""
        if self._writer:
            await self._writer.close()
        try:
            await asyncio.wait_for(self._runtime.store.call("free_leases", self._holder, role="machine"), 2)
        except (TryAgainSoon, TimeoutError):
            pass
