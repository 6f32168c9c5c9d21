"""What a person does about a dead letter: replays it, or says that it shall never be applied; what waited behind it goes on."""

from abc import ABC
from uuid import UUID

from services.chassis.consumer.apart import Apart
from services.chassis.consumer.refusals import Poison
from services.chassis.consumer.versions import Versions, standing
from services.chassis.envelope import Envelope
from services.chassis.errors import CannotBeApplied
from services.chassis.store import Tx


class DeadLetters(Apart, ABC):
    """Each act is repeatable, beside everything that runs."""

    async def replay(self, letter: UUID, by: str) -> None:
        """Applies a dead letter again, then what waited behind it; repeatable. CannotBeApplied, saying why, if it still fails."""
        envelope = await self._letter(letter)
        if envelope is None:
            return

        async def attempt() -> None:
            materials = await self._fetched([envelope])
            async with self._runtime.store.transaction() as tx:
                await self._hold_still(tx, envelope, fenced=False)
                await resolve(tx, letter, by, "replayed")
                versions = Versions(envelope.source, await standing(tx, envelope.source, [envelope]))
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
                versions = Versions(envelope.source, await standing(tx, envelope.source, [envelope]))
                if versions.seen(envelope.subject) + 1 == envelope.version:
                    versions.passed(envelope)
                    await versions.save(tx)
            await resolve(tx, letter, by, "skipped")
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


async def resolve(tx: Tx, letter: UUID, by: str, resolution: str) -> None:
    await tx.execute(
        "update dead_letter set resolved_at = clock_timestamp(), resolved_by = $2, resolution = $3"
        " where id = $1 and resolved_at is null",
        letter,
        by,
        resolution,
    )
