"""An event in the hands of its handlers: what they fetch first, and facts kept for subjects not heard of yet."""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import structlog
from pydantic import ValidationError

from services.chassis import metrics
from services.chassis import who as who_is_who
from services.chassis.consumer.refusals import LostLease, Poison, reason_of, write_letter
from services.chassis.envelope import CAUSE, Envelope
from services.chassis.errors import NotYetKnown, TryAgainSoon
from services.chassis.log import logger
from services.chassis.service import Apply, FetchFirst, Received, Runtime
from services.chassis.store import Tx
from services.events import Event


class Handling(ABC):
    """The handlers of one service, with those that every service has."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._name = runtime.service.name
        self._handlers = merged(runtime)
        self._majors = {without_major(kind) for kind in self._handlers}
        self._remote = {
            kind
            for kind, steps in self._handlers.items()
            if any(isinstance(step, FetchFirst) and step.is_remote for _, step in steps)
        }
        self.sources = sorted({steps[0][0].source for steps in self._handlers.values()})

    @abstractmethod
    async def _hold(self, gives: bool = False) -> None:
        """Takes and renews leases."""

    def _concerns_us(self, envelope: Envelope) -> bool:
        return envelope.type in self._handlers or without_major(envelope.type) in self._majors

    async def _handle(self, tx: Tx, envelope: Envelope, materials: dict[str, Any]) -> None:
        steps = self._handlers.get(envelope.type)
        if steps is None:
            if without_major(envelope.type) in self._majors:
                raise Poison("unknown-version-of-a-known-event")
            return
        received = received_as(steps[0][0], envelope)
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
        await alone_with(tx, unknown.about)
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
            await alone_with(tx, about)
            rows = await tx.fetch("delete from kept where about = $1 returning id, envelope", about)
            for row in sorted(rows, key=lambda row: int(row["id"])):
                envelope = Envelope.decode(row["envelope"])
                try:
                    async with tx.savepoint():
                        await self._handle(tx, envelope, {})
                except (TryAgainSoon, LostLease):
                    raise
                except Exception as error:
                    await write_letter(tx, envelope, reason_of(error, self._runtime))
                    self._said_aside(envelope.source, reason_of(error, self._runtime))

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
        return await step.fetch(received_as(kind, envelope), self._runtime)

    def _said_aside(self, source: str, reason: str) -> None:
        metrics.DEAD_LETTERS.labels(self._name, source).inc()
        logger().error("event.laid_aside", service=self._name, source=source, reason=reason)


async def alone_with(tx: Tx, about: object) -> None:
    """One process of this service at a time learns of a subject or keeps a fact about it, until the transaction ends.

    By the service's schema: another service in the same database keeps facts about the same children in an order of its own,
    and the two would wait for each other in a circle.
    """
    await tx.execute("select pg_advisory_xact_lock(hashtextextended(current_schema() || ' ' || $1, 0))", str(about))


def received_as(kind: type[Event], envelope: Envelope) -> Received[Any]:
    try:
        event = kind.model_validate(envelope.content["data"])
    except (ValidationError, KeyError) as error:
        raise Poison("breaks-its-contract") from error
    return Received(event, envelope.id, envelope.subject, envelope.version, envelope.time)


def merged(runtime: Runtime) -> dict[str, list[tuple[type[Event], Apply | FetchFirst]]]:
    """Who is who comes first, for every service; then the service's own handler of the same event."""
    merged: dict[str, list[tuple[type[Event], Apply | FetchFirst]]] = {}
    for handlers in (who_is_who.HANDLERS, runtime.service.handlers):
        for event, step in handlers.items():
            merged.setdefault(event.type, []).append((event, step))
    return merged


def without_major(kind: str) -> str:
    return kind.rpartition(".v")[0]
