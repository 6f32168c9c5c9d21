"""Gives events to integrators: in a dense order for each, each endpoint by itself, so that a dead one delays nobody."""

import asyncio
import contextlib
import random
import ssl
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from services.chassis import metrics
from services.chassis.bus import BusIsAway
from services.chassis.calendar import date_of
from services.chassis.errors import TryAgainSoon
from services.chassis.kafka import KafkaWriter, Sent
from services.chassis.log import logger
from services.chassis.service import Runtime
from services.notifications.domain import outward as rules
from services.notifications.outward.webhooks import SECONDS, Endpoint, Outcome, headers_for, trusted
from services.notifications.repository import outward

# Longer than any try takes, so that only a process that died loses what it had in hand; it is taken up again then.
IN_HAND = timedelta(seconds=SECONDS + 5)
_AT_ONCE = 500
_PAGE = 100
_ENDPOINTS_AT_ONCE = 400
_SOON_SECONDS, _LATEST_SECONDS = 0.02, 0.25


def topic_of(subscription: UUID) -> str:
    """The Kafka topic of one external subscription."""
    return f"tovholder.out.{subscription}"


class Outward:
    """One per process. A subscription is in one process's hands at a time, and there in one task, in order."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._holder = uuid4()
        self._endpoints: dict[UUID, Endpoint] = {}
        self._busy: dict[UUID, asyncio.Task[None]] = {}
        self._context: ssl.SSLContext | None = None
        self._with_topics = runtime.settings.bus == "kafka"
        self.trouble: str | None = None

    async def run(self) -> None:
        """Until cancelled; PostgreSQL away is a pause."""
        look = _SOON_SECONDS
        try:
            while True:
                try:
                    done = await self._round()
                    self.trouble = None
                    look = _SOON_SECONDS if done else min(look * 2, _LATEST_SECONDS)
                    await self._runtime.hints.wait(["outbox:notifications", "outward"], look)
                except Exception as error:
                    self.trouble = str(getattr(error, "cause", None) or type(error).__name__)
                    logger().warning("outward.paused", why=type(error).__name__)
                    await asyncio.sleep(1)
        finally:
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def once(self) -> int:
        """Everything that can be given now has been tried when it returns."""
        done = 0
        while now := await self._round():
            done += now
            await asyncio.gather(*self._busy.values())
        await asyncio.gather(*self._busy.values())
        return done

    async def _round(self) -> int:
        store = self._runtime.store
        waits, is_due = await outward.look(store)
        given = await outward.give_out(store, date_of(await store.now()), _AT_ONCE) if waits else 0
        if not given and not is_due:
            return 0
        room = _ENDPOINTS_AT_ONCE - len(self._busy)
        lines = await outward.take(store, self._holder, IN_HAND, room, self._with_topics) if room > 0 else []
        for line in lines:
            task = asyncio.create_task(self._follow(line))
            self._busy[line["id"]] = task
        return given + len(lines)

    async def _follow(self, line: Any) -> None:
        """One subscription, event after event, until nothing waits or one is not taken."""
        try:
            if line["channel"] == "topic":
                await self._to_topic(line)
            else:
                await self._to_webhook(line)
        except TryAgainSoon as away:
            logger().warning("outward.waits", subscription=str(line["id"]), why=away.cause)
        except Exception as error:
            logger().error("outward.failed", subscription=str(line["id"]), error=type(error).__name__)
        finally:
            with contextlib.suppress(TryAgainSoon):
                await outward.give_back(self._runtime.store, line)
            self._busy.pop(line["id"], None)
            self._runtime.hints.say("outward")

    async def _to_webhook(self, line: Any) -> None:
        store, sent, endpoint = self._runtime.store, line["sent"], self._endpoint(line["id"])
        stored = await outward.secrets_of(store, line["id"])
        salts = {row["number"]: row["salt"] for row in stored}
        numbers = rules.signing([(row["number"], row["until"]) for row in stored], await store.now())
        while rows := await outward.next_of(store, line["id"], sent, _PAGE):
            for row in rows:
                body = outward.body_of(row["body"])
                secrets = [(number, salts[number]) for number in numbers]
                headers = headers_for(self._runtime.settings, line, secrets, row["sequence"], body)
                outcome = await endpoint.post(line["url"], body, headers)
                if not await self._record(line, [row], outcome):
                    return
                sent = row["sequence"]

    async def _to_topic(self, line: Any) -> None:
        store, sent = self._runtime.store, line["sent"]
        writer = KafkaWriter(self._runtime.settings)
        try:
            while rows := await outward.next_of(store, line["id"], sent, _PAGE):
                began = time.perf_counter()
                records = [Sent(0, outward.body_of(row["body"]), position=row["sequence"]) for row in rows]
                try:
                    await writer.put(topic_of(line["id"]), records)
                    code = "accepted"
                except BusIsAway:
                    code = "topic-away"
                if not await self._record(line, rows, Outcome(code, int((time.perf_counter() - began) * 1000))):
                    return
                sent = rows[-1]["sequence"]
        finally:
            await writer.close()

    async def _record(self, line: Any, rows: Sequence[Any], outcome: Outcome) -> bool:
        """Whether to go on: these were taken, and the subscription still is in our hands."""
        store, first = self._runtime.store, rows[0]["sequence"]
        metrics.OUTWARD.labels(line["channel"], outcome.code).inc()
        if outcome.is_taken:
            line |= {"tries": 0, "failing_since": None}
            proves = any(row["kind"] == rules.TEST for row in rows)
            return await outward.taken(store, line, first, rows[-1]["sequence"], outcome.code, outcome.ms, IN_HAND, proves)
        at = await store.now()
        again = rules.next_try(line["tries"] + 1, at, random.random())  # noqa: S311 - spreads what failed at once
        why = rules.pauses(outcome.code, line["failing_since"] or at, at) if line["channel"] == "webhook" else None
        await outward.failed(store, line, first, outcome.code, again, why, outcome.ms)
        return False

    def _endpoint(self, subscription: UUID) -> Endpoint:
        if self._context is None:
            self._context = trusted(self._runtime.settings)
        if subscription not in self._endpoints:
            self._endpoints[subscription] = Endpoint(self._runtime.settings, self._context)
        return self._endpoints[subscription]

    async def stop(self) -> None:
        for endpoint in self._endpoints.values():
            await endpoint.close()
        with contextlib.suppress(TryAgainSoon, TimeoutError):
            async with asyncio.timeout(2), self._runtime.store.connection() as connection:
                await outward.give_all_back(connection, self._holder)
