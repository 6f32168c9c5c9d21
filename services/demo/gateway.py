"""One address in front of services that each run in their own process: a path goes to the service the catalogue names."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import httpx2
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from services.catalogue import service_of_path
from services.chassis import problems
from services.chassis.errors import NotFound, TryAgainSoon

_OF_ONE_CONNECTION = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host", "content-length", "content-encoding"}
)
_OF_ALL = frozenset({"/livez", "/readyz"})


class Gateway:
    """An ASGI application. `addresses`: service → where its process listens."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses
        self._http = httpx2.AsyncClient(timeout=60, limits=httpx2.Limits(max_connections=200))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        path = request.url.path
        service = service_of_path(path)
        if service is not None and service in self._addresses:
            answer = await self._pass_on(request, self._addresses[service])
        elif path == "/openapi.json":
            answer = JSONResponse(await self._whole())
        elif path == "/docs":
            answer = get_swagger_ui_html(openapi_url="/openapi.json", title="Tovholder")
        elif path in _OF_ALL:
            answer = await self._of_all(path)
        else:
            answer = problems.of(NotFound("No service answers this path."))
        await answer(scope, receive, send)

    async def _pass_on(self, request: Request, address: str) -> Response:
        url = address + request.url.path + (f"?{request.url.query}" if request.url.query else "")
        asked = self._http.build_request(
            request.method, url, headers=_passing(request.headers.items()), content=await request.body()
        )
        try:
            # As it comes: a stream of events has no end to wait for.
            answer = await self._http.send(asked, stream=True)
        except httpx2.HTTPError:
            return problems.of(TryAgainSoon("The service does not answer just now.", seconds=1))
        passed = StreamingResponse(answer.aiter_bytes(), answer.status_code, background=BackgroundTask(answer.aclose))
        # One by one: an answer may set several cookies.
        passed.raw_headers = [(name.lower().encode(), value.encode()) for name, value in _passing(answer.headers.multi_items())]
        return passed

    async def _of_all(self, path: str) -> Response:
        """What every process says of itself; the worst of them is the whole's."""
        said = await asyncio.gather(*(self._one(service, path) for service in self._addresses))
        return JSONResponse(
            dict(zip(self._addresses, (body for _, body in said), strict=True)), max(status for status, _ in said)
        )

    async def _one(self, service: str, path: str) -> tuple[int, Any]:
        try:
            answer = await self._http.get(self._addresses[service] + path)
            return answer.status_code, answer.json()
        except (httpx2.HTTPError, ValueError):
            return 503, {"state": "no answer"}

    async def _whole(self) -> dict[str, Any]:
        """The services' descriptions put together: those that answer."""
        whole: dict[str, Any] = {}
        for status, body in await asyncio.gather(*(self._one(service, "/openapi.json") for service in self._addresses)):
            if status != 200:
                continue
            whole = whole or {**body, "paths": {}, "components": {}}
            whole["paths"] |= body["paths"]
            for kind, named in body.get("components", {}).items():
                whole["components"].setdefault(kind, {}).update(named)
        return whole

    async def close(self) -> None:
        await self._http.aclose()


def _passing(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in _OF_ONE_CONNECTION]
