"""The one shape of an HTTP change and an HTTP reading: authenticate, party, stored answer, If-Match; then the endpoint."""

import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from fastapi import Header, Request, Response

from services.chassis.errors import (
    CallerIsUnknown,
    IdempotencyKeyIsMissing,
    IdempotencyKeyWasUsedForAnotherRequest,
    NotAllowed,
    NothingHereHasThatVersion,
    NotUnderstood,
    Problem,
)
from services.chassis.party import Bearer, Caller
from services.chassis.service import Runtime
from services.chassis.store import Tx

_ETAG = re.compile(r'(?:W/)?"?([0-9]{1,18})"?')


def answer(status: int, body: Any, version: int | None = None) -> Response:
    """JSON with the version as ETag."""
    headers = {"etag": f'"{version}"'} if version is not None else {}
    return Response(orjson.dumps(body, default=str), status, headers, "application/json")


class AnsweredBefore(Exception):
    """The same request came before: the same answer goes out again."""

    def __init__(self, stored: dict[str, Any]) -> None:
        super().__init__()
        self.response = answer(stored["status"], stored["body"], stored["version"])


def checked_against(stored: dict[str, Any] | None, fingerprint: bytes) -> None:
    """AnsweredBefore for the same request, IdempotencyKeyWasUsedForAnotherRequest for another one under the same key."""
    if stored is None:
        return
    if not hmac.compare_digest(stored["fingerprint"], fingerprint.hex()):
        raise IdempotencyKeyWasUsedForAnotherRequest
    raise AnsweredBefore(stored)


@dataclass
class OpenChange:
    """A change under way: who asks, the transaction, and the time of facts."""

    caller: Caller
    tx: Tx
    at: datetime
    _change: "Change"
    _heeded: bool = False

    @property
    def expected(self) -> int | None:
        """The version in If-Match: whoever asks for it holds the change to it."""
        self._heeded = True
        return self._change.expected

    def only_if_unchanged(self, subject: UUID) -> None:
        """Holds the change to If-Match as a version of this subject: TheChildHasMovedOn when the transaction ends."""
        if self.expected is not None:
            self.tx.publish(subject, expected=self.expected)

    def must_be_held_to_it(self) -> None:
        """NothingHereHasThatVersion where If-Match came and nothing looked at it: a condition is never passed over."""
        if self._change.expected is not None and not self._heeded:
            raise NothingHereHasThatVersion

    async def answer(self, status: int, body: Any, version: int | None = None) -> Response:
        """Stores the answer in the change's own transaction and gives it. Ids, codes and version only: it is kept 30 days."""
        await self.tx.execute(
            "select store_answer($1, $2, $3, $4, $5, $6)",
            self.caller.client,
            self._change.key,
            self._change.fingerprint,
            status,
            body,
            version,
        )
        return answer(status, body, version)


@dataclass
class Change:
    """A changing request before it is opened; hot paths take `bearer`, `key` and `fingerprint` to their own SQL function."""

    runtime: Runtime
    bearer: Bearer
    key: str
    fingerprint: bytes
    expected: int | None
    acting: str | None

    @property
    def who(self) -> dict[str, str]:
        return {**self.bearer.who, "municipality": self.acting} if self.acting else self.bearer.who

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[OpenChange]:
        """Commits at the end of the block, before the answer leaves: a failed commit is never a 2xx."""
        try:
            async with self.runtime.store.request(self.who, self.bearer.client, self.key) as (tx, opened):
                if opened is None:
                    raise CallerIsUnknown
                checked_against(opened["answer"], self.fingerprint)
                assert tx.at is not None, "set with `opened`"
                change = OpenChange(Caller.of(self.bearer, opened["caller"]), tx, tx.at, self)
                yield change
                change.must_be_held_to_it()
        except (Problem, asyncpg.PostgresError) as error:
            if isinstance(error, asyncpg.PostgresError) or error.status == 409:
                await self._perhaps_answered_meanwhile()
            raise

    async def _perhaps_answered_meanwhile(self) -> None:
        """What stood in the way may be this same request, sent twice at once: then its answer is ours too."""
        async with self.runtime.store.request(self.who, self.bearer.client, self.key) as (_, opened):
            if opened is not None:
                checked_against(opened["answer"], self.fingerprint)


@dataclass
class OpenReading:
    """A reading under way."""

    caller: Caller
    tx: Tx
    at: datetime

    async def saw(self, subject: UUID, class_: str, purpose: str = "care") -> None:
        """The access log's line; committed before the answer leaves."""
        await self.tx.read(self.caller.client, self.caller.party, subject, class_, purpose)

    def only_services(self) -> None:
        """NotAllowed for everyone but the product's own services."""
        if not self.caller.is_service:
            raise NotAllowed("This address is for the product's own services.")


@dataclass
class Reading:
    """A reading request before it is opened."""

    runtime: Runtime
    bearer: Bearer
    acting: str | None

    @property
    def who(self) -> dict[str, str]:
        return {**self.bearer.who, "municipality": self.acting} if self.acting else self.bearer.who

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[OpenReading]:
        """The access log's lines are committed at the end of the block, before the answer leaves."""
        async with self.runtime.store.request(self.who, None, None, only_reads=True) as (tx, opened):
            if opened is None:
                raise CallerIsUnknown
            assert tx.at is not None, "set with `opened`"
            yield OpenReading(Caller.of(self.bearer, opened["caller"]), tx, tx.at)


BearerOf = Callable[[Runtime, str | None], Awaitable[Bearer]]


async def by_token(runtime: Runtime, authorization: str | None) -> Bearer:
    """Who a token of the log-in provider says it is."""
    return await runtime.tokens.bearer(authorization)


def reading(
    runtime_of_service: Callable[[Request], Runtime], bearer_of: BearerOf = by_token
) -> Callable[..., Awaitable[Reading]]:
    """The dependency for readings: `Annotated[Reading, Depends(reading(runtime))]`."""

    async def dependency(
        request: Request,
        authorization: str | None = Header(None, include_in_schema=False),
        x_acting_municipality: str | None = Header(None),
    ) -> Reading:
        runtime = runtime_of_service(request)
        return Reading(runtime, await bearer_of(runtime, authorization), x_acting_municipality)

    return dependency


def change(runtime_of_service: Callable[[Request], Runtime], bearer_of: BearerOf = by_token) -> Callable[..., Awaitable[Change]]:
    """The dependency for changes: `Annotated[Change, Depends(change(runtime))]`."""

    async def dependency(
        request: Request,
        authorization: str | None = Header(None, include_in_schema=False),
        idempotency_key: str | None = Header(None, max_length=200),
        if_match: str | None = Header(None),
        x_acting_municipality: str | None = Header(None),
    ) -> Change:
        runtime = runtime_of_service(request)
        bearer = await bearer_of(runtime, authorization)
        if not idempotency_key:
            raise IdempotencyKeyIsMissing(
                "Give the header Idempotency-Key a value of your own, new for each change and the same when you repeat it."
            )
        # Keyed: a body may hold a CPR number, which an unkeyed hash would give away.
        place = b"%s %s?%s\x1f" % (request.method.encode(), request.scope["raw_path"], request.scope["query_string"])
        fingerprint = hmac.digest(runtime.settings.secrets.blind_index_key(), place + await request.body(), hashlib.sha256)
        return Change(runtime, bearer, idempotency_key, fingerprint, _version(if_match), x_acting_municipality)

    return dependency


def _version(if_match: str | None) -> int | None:
    if if_match is None:
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise NotUnderstood("If-Match must be the version that came as ETag.")
    return int(found[1])
