"""The compacted topic that a relay derives from the feed: how each subject stands now, the newest value last."""

from collections.abc import Callable, Sequence
from uuid import UUID

from services.chassis.bus import BusIsAway
from services.chassis.ids import partition_of
from services.chassis.kafka import KafkaWriter, Sent
from services.chassis.log import logger
from services.chassis.service import Present, Runtime
from services.chassis.store import Connection

_AT_ONCE = 500


class Deriving:
    """Reads the present state of every subject that the feed or a person names, and sends it, keyed by the subject.

    The state is read after the lease was checked and sent within the lease's time. A lease lost meanwhile shows when the step is
    marked: the keys that were on their way are then asked for again, and whoever holds the partition sends their newest state.
    """

    def __init__(self, runtime: Runtime, present: Present, writer: KafkaWriter) -> None:
        self._runtime, self._present, self._writer = runtime, present, writer

    async def step(self, leases: dict[int, int], is_past: Callable[[], bool]) -> int | None:
        """One chunk of the held partitions. Returns how many values went; None where a lease was lost. Raises BusIsAway."""
        async with self._runtime.store.connection() as connection:
            asked = await connection.fetch(
                "select subject, asked from republish where partition = any ($1) limit $2", list(leases), _AT_ONCE
            )
            said = await connection.fetch(
                "select f.partition, f.position, f.subject from relay r cross join lateral (select * from feed f"
                " where f.partition = r.partition and f.position > r.derived order by f.position limit $2) f"
                " where r.partition = any ($1) and r.position > r.derived order by f.partition, f.position",
                list(leases),
                _AT_ONCE,
            )
            wanted = {row["subject"]: row["asked"] for row in asked}
            values = await self._values(connection, list(wanted.keys() | {row["subject"] for row in said}))
        if not asked and not said:
            return 0
        if is_past():
            return None
        # Only what was asked for can be a tombstone: subjects of other kinds stand in the feed, too.
        keys = sorted(wanted.keys() | values.keys())
        try:
            await self._writer.put(self._present.topic, [self._sent(subject, values.get(subject)) for subject in keys])
        except BusIsAway:
            if is_past():
                # They may still arrive, after what the next holder sends.
                async with self._runtime.store.connection() as connection:
                    await ask_again(connection, keys, self._runtime.settings.partitions)
            raise
        ends = {row["partition"]: row["position"] for row in said}
        return await self._mark(leases, ends, wanted, keys)

    async def _values(self, connection: Connection, subjects: Sequence[UUID]) -> dict[UUID, bytes]:
        found = await self._present.read(connection, subjects)
        return {subject: value.model_dump_json().encode() for subject, value in found.items()}

    def _sent(self, subject: UUID, value: bytes | None) -> Sent:
        return Sent(partition_of(subject, self._runtime.settings.partitions), value, str(subject).encode())

    async def _mark(
        self, leases: dict[int, int], ends: dict[int, int], wanted: dict[UUID, UUID], sent: Sequence[UUID]
    ) -> int | None:
        partitions = self._runtime.settings.partitions
        held = await self._runtime.store.call(
            "relay_derived",
            list(leases), list(leases.values()), [ends.get(partition) for partition in leases],
            list(wanted), list(wanted.values()), list(sent), [partition_of(subject, partitions) for subject in sent],
            role="machine",
        )  # fmt: skip
        if not held:
            logger().warning("relay.values_sent_without_lease", service=self._runtime.service.name, values=len(sent))
            return None
        return len(sent) or len(ends)

    async def close(self) -> None:
        await self._writer.close()


async def ask_again(connection: Connection, subjects: Sequence[UUID], partitions: int) -> None:
    """Has the present state of these subjects sent again by whoever relays them; those of which there is none get a tombstone."""
    await connection.execute(
        "select ask_republish($1, $2)", list(subjects), [partition_of(subject, partitions) for subject in subjects]
    )
