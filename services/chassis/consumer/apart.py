"""One event of a subject, and the versions before it that are missing: parked, fetched from their source, laid aside."""

from abc import ABC
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from services.chassis.bus import Record
from services.chassis.consumer.handling import Handling
from services.chassis.consumer.refusals import FINAL, LostLease, reason_of, text_of, write_letter
from services.chassis.consumer.versions import Versions, standing
from services.chassis.envelope import Envelope
from services.chassis.errors import TheChildHasMovedOn, TryAgainSoon
from services.chassis.ids import partition_of
from services.chassis.service import Runtime
from services.chassis.store import Tx

_TRIES = 5


class Apart(Handling, ABC):
    """Applies single events, in their order by version."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._epochs: dict[tuple[str, int], int] = {}
        self._missing: dict[str, set[UUID]] = {source: set() for source in self.sources}

    async def _one(self, tx: Tx, envelope: Envelope, versions: Versions, materials: dict[str, Any]) -> None:
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
                if tries == _TRIES or isinstance(error, FINAL):
                    return reason_of(error, self._runtime)
        raise TryAgainSoon(f"{self._name} finds no quiet moment.")

    async def _lay_aside(self, tx: Tx, record: Record, envelope: Envelope | str, reason: str, versions: Versions) -> None:
        if isinstance(envelope, Envelope):
            if versions.is_old(envelope):
                return
            if not versions.is_next(envelope):
                # Never tried: it waits behind an earlier letter or for a version that is missing.
                await self._one(tx, envelope, versions, {})
                return
            await write_letter(tx, envelope, reason, record)
        else:
            await tx.execute(
                "insert into dead_letter (source, partition, position, body, reason) values ($1, $2, $3, $4, $5)",
                record.source, record.partition, record.position, text_of(record), reason,
            )  # fmt: skip
        self._said_aside(record.source, reason)

    async def _lay_aside_foreign(self, record: Record) -> None:
        """A record on a topic that no relay sent has no place in the feed: nothing moves but the list of dead letters."""
        async with self._runtime.store.transaction() as tx:
            written = await tx.fetchval(
                "insert into dead_letter (source, partition, position, body, reason)"
                " select $1, $2, -$3::bigint, $4, 'not-sent-by-the-relay'"
                " where not exists (select from dead_letter where source = $1 and partition = $2 and position = -$3::bigint)"
                " returning 1",
                record.source, record.partition, record.offset or 0, text_of(record),
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
                versions = Versions(envelope.source, await standing(tx, envelope.source, [envelope]))
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
