"""One signed webhook (Standard Webhooks): to a pinned address, without redirects, with an end to its time and to its answer."""

import asyncio
import hashlib
import hmac
import os
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2
from standardwebhooks import Webhook

from services.chassis.settings import Settings
from services.notifications.outward import egress

SECONDS = 10.0
_ANSWER_BYTES = 65_536
SALT_BYTES = 16


@dataclass(frozen=True)
class Outcome:
    """What became of one try: `code` is `accepted`, `http-…`, or a word for what went wrong; `ms`: how long it took."""

    code: str
    ms: int

    @property
    def is_taken(self) -> bool:
        return self.code == "accepted"


def new_salt() -> bytes:
    return os.urandom(SALT_BYTES)


def secret_of(settings: Settings, subscription: UUID, number: int, salt: bytes) -> bytes:
    """32 bytes that nobody without the installation's key can derive; stored nowhere."""
    place = f"webhook-secret\x1f{subscription}\x1f{number}\x1f".encode()
    return hmac.digest(settings.secrets.blind_index_key(), place + salt, hashlib.sha256)


def signed(secrets: Sequence[bytes], message: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks; one signature per secret that counts, so that a receiver can change over."""
    signatures = [Webhook(secret).sign(message, at, body.decode()) for secret in secrets]
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
        "content-type": "application/cloudevents+json; charset=utf-8",
        "user-agent": "tovholder-webhooks",
    }


class Endpoint:
    """The connections to one subscription's endpoint; no other subscription waits for them."""

    def __init__(self, settings: Settings, context: ssl.SSLContext) -> None:
        self._settings = settings
        # Never a proxy of the environment: what is checked is what is connected to.
        self._http = httpx2.AsyncClient(
            verify=context, timeout=SECONDS, follow_redirects=False, trust_env=False, limits=httpx2.Limits(max_connections=1)
        )

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> Outcome:
        """Hands over one event; whatever happens is an outcome, never an error."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(SECONDS):
                code = await self._posted(egress.place_of(self._settings, url), body, headers)
        except egress.MayNotGoThere as refused:
            code = refused.code
        except (TimeoutError, httpx2.TimeoutException):
            code = "endpoint-slow"
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ssl.SSLError):
            code = "endpoint-away"
        return Outcome(code, int((time.perf_counter() - began) * 1000))

    async def _posted(self, place: egress.Place, body: bytes, headers: dict[str, str]) -> str:
        address = await egress.pinned(self._settings, place)
        host = f"[{address}]" if address.version == 6 else str(address)
        named = place.host if place.port in (80, 443) else f"{place.host}:{place.port}"
        request = self._http.build_request(
            "POST",
            f"{place.scheme}://{host}:{place.port}{place.target}",
            content=body,
            headers={**headers, "host": named},
            extensions={"sni_hostname": place.host},
        )
        answer = await self._http.send(request, stream=True)
        try:
            if answer.is_success:
                return "accepted" if await _ends(answer) else "answer-too-long"
            return "redirected" if answer.is_redirect or 300 <= answer.status_code < 400 else f"http-{answer.status_code}"
        finally:
            await answer.aclose()

    async def close(self) -> None:
        await self._http.aclose()


async def _ends(answer: httpx2.Response) -> bool:
    """Whether the answer ends within what is read of it. Raw: what is small on the wire may unpack to anything."""
    size = 0
    async for part in answer.aiter_raw():
        size += len(part)
        if size > _ANSWER_BYTES:
            return False
    return True


def trusted(settings: Settings) -> ssl.SSLContext:
    """The authorities that endpoints' certificates are checked against; the operator may add one of their own."""
    context = ssl.create_default_context()
    if settings.webhook_ca is not None:
        context.load_verify_locations(settings.webhook_ca)
    return context


def headers_for(
    settings: Settings, line: Any, secrets: Sequence[tuple[int, bytes]], sequence: int, body: bytes
) -> dict[str, str]:
    """Signed now, by the real clock: a receiver refuses what is five minutes old. The id is the same at every try."""
    keys = [secret_of(settings, line["id"], number, salt) for number, salt in secrets]
    return signed(keys, f"{line['id']}.{sequence}", datetime.now(UTC), body)
