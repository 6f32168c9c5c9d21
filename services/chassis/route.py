"""The usual address, served without FastAPI's general machinery: whatever is unusual about a request goes the general way."""

import inspect
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import orjson
from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class _Unusual(Exception):
    """FastAPI itself must look at this request: it says best what is wrong with it."""


class UsualRoute(APIRoute):
    """An endpoint of ids in the path, at most one JSON body, no query, and one dependency that reads headers; else FastAPI's.

    Solving dependencies takes FastAPI a third of the time in which an acceptance is made. OpenAPI is made from the same
    signature, and every refusal of a malformed request comes from FastAPI.
    """

    def get_route_handler(self) -> Handler:
        general = super().get_route_handler()
        usual = _usual(self.dependant)
        if usual is None:
            return general

        async def handle(request: Request) -> Response:
            try:
                headers, arguments = usual.headers_of(request), await usual.arguments(request)
            except _Unusual:
                return await general(request)
            # Outside the try: what the dependency and the endpoint raise is theirs.
            arguments[usual.opening] = await usual.open(request, **headers)
            answer: Response = await usual.endpoint(**arguments)
            return answer

        return handle


@dataclass(frozen=True)
class _Usual:
    endpoint: Callable[..., Any]
    ids: tuple[tuple[str, str], ...]
    body: tuple[str, TypeAdapter[Any], bool] | None
    opening: str
    open: Callable[..., Any]
    headers: tuple[tuple[str, str], ...]
    asks: bool

    async def arguments(self, request: Request) -> dict[str, Any]:
        """Ids and body; _Unusual where one of them is not as it should be."""
        if self.asks and request.scope["query_string"]:
            raise _Unusual
        try:
            found: dict[str, Any] = {name: UUID(str(request.path_params[alias])) for name, alias in self.ids}
            if self.body is not None:
                name, adapter, needed = self.body
                raw = await request.body()
                if raw:
                    if request.headers.get("content-type") != "application/json":
                        raise _Unusual
                    found[name] = adapter.validate_python(orjson.loads(raw))
                elif needed:
                    raise _Unusual
        except (ValueError, ValidationError) as error:
            raise _Unusual from error
        return found

    def headers_of(self, request: Request) -> dict[str, str | None]:
        """_Unusual where a header is longer than any usual one."""
        found = {name: request.headers.get(alias) for name, alias in self.headers}
        if any(len(text) > 200 for name, text in found.items() if text and name != "authorization"):
            raise _Unusual
        return found


def _usual(endpoint: Dependant) -> _Usual | None:
    """How to call an endpoint of the usual shape; None for any other."""
    if endpoint.call is None or endpoint.header_params or endpoint.cookie_params:
        return None
    if any(one.field_info.is_required() for one in endpoint.query_params):
        return None
    if len(endpoint.dependencies) != 1 or len(endpoint.body_params) > 1 or endpoint.request_param_name:
        return None
    opening = endpoint.dependencies[0]
    if opening.call is None or opening.name is None or not _reads_headers_only(opening):
        return None
    if any(one.field_info.annotation is not UUID for one in endpoint.path_params):
        return None
    if inspect.signature(endpoint.call, eval_str=True).return_annotation is not Response:
        return None
    body = endpoint.body_params[0] if endpoint.body_params else None
    return _Usual(
        endpoint=endpoint.call,
        ids=tuple((one.name, one.alias) for one in endpoint.path_params),
        body=(body.name, TypeAdapter(cast(Any, body.field_info.annotation)), body.field_info.is_required()) if body else None,
        opening=opening.name,
        open=opening.call,
        headers=tuple((one.name, one.alias) for one in opening.header_params),
        asks=bool(endpoint.query_params),
    )


def _reads_headers_only(dependency: Dependant) -> bool:
    asks_more = dependency.dependencies or dependency.query_params or dependency.path_params
    return dependency.request_param_name == "request" and not (asks_more or dependency.body_params or dependency.cookie_params)
