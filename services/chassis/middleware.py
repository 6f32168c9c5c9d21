"""Around each request: a correlation id, a limit on its size, one log line and its measures; pure ASGI, for speed."""

import time
from uuid import UUID

import structlog
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.chassis import metrics
from services.chassis.envelope import CAUSE, Cause
from services.chassis.ids import new_id
from services.chassis.log import logger
from services.chassis.problems import problem, unforeseen

_QUIET = ("/livez", "/readyz", "/metrics")


class TooLarge(HTTPException):
    """The body is larger than allowed. An HTTPException: FastAPI takes any other error for a body it cannot parse."""

    def __init__(self) -> None:
        super().__init__(413)


class Around:
    """ASGI middleware. `limits`: bytes a body may have, by path prefix; the first that fits counts."""

    def __init__(self, app: ASGIApp, limits: tuple[tuple[str, int], ...]) -> None:
        self._app, self._limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0
        headers = dict(scope["headers"])
        correlation = _uuid(headers.get(b"x-correlation-id")) or str(new_id())
        CAUSE.set(Cause(correlation, None, _text(headers.get(b"traceparent"))))
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(correlation=correlation)

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-correlation-id", correlation.encode())]
            await send(message)

        limit = next(size for prefix, size in self._limits if scope["path"].startswith(prefix))
        try:
            if _length(headers.get(b"content-length")) > limit:
                raise TooLarge
            await self._app(scope, _limited(receive, limit), sending)
        except TooLarge:
            if status:
                raise
            await problem(413, "too-large", f"A body here may have {limit} bytes.", "caller", False)(scope, receive, sending)
        except Exception as error:
            # Answered here and not passed on: the server would log the error's text, which may quote a person's data.
            if status:
                raise ConnectionAbortedError("an answer broke off") from None
            await unforeseen(error)(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            seconds = time.perf_counter() - began
            metrics.request(scope["method"], route, status or 500, seconds)
            if scope["path"] not in _QUIET:
                # The route's pattern, never the path: a path may one day carry what a log must not.
                logger().info(
                    "request.answered", method=scope["method"], route=route, status=status or 500, ms=round(seconds * 1000, 1)
                )


def _limited(receive: Receive, limit: int) -> Receive:
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise TooLarge
        return message

    return limited


def _length(header: bytes | None) -> int:
    """What is announced; a header that is no number is the server's to refuse, and the body is counted as it comes."""
    text = _text(header) or "0"
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0


def _text(header: bytes | None) -> str | None:
    return header.decode("latin-1") if header is not None else None


def _uuid(header: bytes | None) -> str | None:
    try:
        return str(UUID(_text(header) or ""))
    except ValueError:
        return None
