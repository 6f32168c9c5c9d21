"""The usual address, served without FastAPI's general machinery: whatever is unusual about a request goes the general way."""

import inspect
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass
from typing import Any, cast, get_args, get_origin
from uuid import UUID

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Refusing = Callable[[Request, Exception], Coroutine[Any, Any, Response]]


class _Unusual(Exception):
    """FastAPI itself must look at this request: it says best what is wrong with it."""


class UsualRoute(APIRoute):
    """An endpoint of ids in the path, words in the query, one JSON body, and one dependency that reads headers; else FastAPI's.

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
            return await usual.answer(request, headers, arguments)

        return handle


class Direct:
    """ASGI middleware: a usual request goes straight to its endpoint, any other the general way, and both answer alike.

    FastAPI looks for a route by trying one after the other, and wraps what it calls in five layers: together half of what an
    acceptance costs in this process.
    """

    def __init__(self, app: ASGIApp, application: FastAPI) -> None:
        self._general, self._application = app, application
        self._places: dict[tuple[str | None, ...], _Place] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        place = self._place_of(scope)
        if place is None:
            await self._general(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            try:
                headers, arguments = place.usual.headers_of(request), await place.usual.arguments(request)
            except _Unusual:
                await self._general(scope, _once_more(await request.body(), receive), send)
                return
            response = await place.usual.answer(request, headers, arguments)
        except Exception as error:
            response = await self._refusal(request, error)
        await response(scope, receive, send)

    def _place_of(self, scope: Scope) -> "_Place | None":
        if scope["type"] != "http" or scope.get("root_path"):
            return None
        if self._places is None:
            self._places = _places(self._application)
        parts = scope["path"].split("/")
        place = self._places.get((scope["method"], *(None if len(part) == _LENGTH_OF_ID else part for part in parts)))
        if place is not None:
            scope["path_params"] = {alias: parts[at] for alias, at in place.ids}
            scope["route"] = place.route
        return place

    async def _refusal(self, request: Request, error: Exception) -> Response:
        """As the application says it of this kind of error; what it says nothing of is raised again."""
        known = self._application.exception_handlers
        handler = next((known[kind] for kind in type(error).__mro__ if kind in known), None)
        if handler is None:
            raise error
        return await cast(Refusing, handler)(request, error)


_LENGTH_OF_ID = 36


@dataclass(frozen=True)
class _Place:
    """A usual route with the places of its ids among the parts of a path."""

    route: APIRoute
    usual: "_Usual"
    ids: tuple[tuple[str, int], ...]


def _places(application: FastAPI) -> dict[tuple[str | None, ...], _Place]:
    """By method and the parts of the path, None standing for an id. Of two routes the first counts, as everywhere."""
    found: dict[tuple[str | None, ...], _Place] = {}
    for context in iter_route_contexts(application.routes):
        route = context.original_route
        usual = _usual(route.dependant) if isinstance(route, UsualRoute) else None
        if usual is None or context.path is None:
            continue
        parts = context.path.split("/")
        ids = tuple((part.strip("{}").partition(":")[0], at) for at, part in enumerate(parts) if part.startswith("{"))
        pattern = tuple(None if part.startswith("{") else part for part in parts)
        for method in context.methods or ():
            found.setdefault((method, *pattern), _Place(cast(APIRoute, route), usual, ids))
    return found


def _once_more(body: bytes, receive: Receive) -> Receive:
    """Receives a body that was read already, then whatever comes after it."""
    waiting = True

    async def received() -> Message:
        nonlocal waiting
        if waiting:
            waiting = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return received


@dataclass(frozen=True)
class _Word:
    """One name of a query. `read`: from what is given to its value and what is wrong with it, as FastAPI itself reads it."""

    name: str
    alias: str
    is_list: bool
    needed: bool
    read: Callable[[Any], tuple[Any, Any]]


@dataclass(frozen=True)
class _Usual:
    endpoint: Callable[..., Any]
    ids: tuple[tuple[str, str], ...]
    body: tuple[str, TypeAdapter[Any], bool] | None
    opening: str
    open: Callable[..., Any]
    headers: tuple[tuple[str, str], ...]
    query: tuple["_Word", ...]

    async def answer(self, request: Request, headers: dict[str, str | None], arguments: dict[str, Any]) -> Response:
        """What the endpoint answers; what it or its dependency raises is theirs."""
        arguments[self.opening] = await self.open(request, **headers)
        return cast(Response, await self.endpoint(**arguments))

    async def arguments(self, request: Request) -> dict[str, Any]:
        """Ids, query and body; _Unusual where one of them is not as it should be."""
        try:
            found: dict[str, Any] = {name: UUID(str(request.path_params[alias])) for name, alias in self.ids}
            if self.query:
                found |= self._asked(request)
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

    def _asked(self, request: Request) -> dict[str, Any]:
        given, found = request.query_params, {}
        for word in self.query:
            if word.alias in given:
                text = given.getlist(word.alias) if word.is_list else given[word.alias]
                found[word.name], wrong = word.read(text)
                if wrong:
                    raise _Unusual
            elif word.needed:
                raise _Unusual
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
    if any(_of_another_shape(one.field_info.annotation) for one in endpoint.query_params):
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
        query=tuple(
            _Word(one.name, one.alias, get_origin(one.field_info.annotation) is list, one.field_info.is_required(), one.validate)
            for one in endpoint.query_params
        ),
    )


def _of_another_shape(annotation: Any) -> bool:
    """Whether a query gives it otherwise than as one word, or as a list of words."""
    words = get_args(annotation) if get_origin(annotation) is list else (annotation,)
    return any(_is_several(part) for word in words for part in (word, *get_args(word)))


def _is_several(annotation: Any) -> bool:
    kind = get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, BaseModel | Collection) and not issubclass(kind, str)


def _reads_headers_only(dependency: Dependant) -> bool:
    asks_more = dependency.dependencies or dependency.query_params or dependency.path_params
    return dependency.request_param_name == "request" and not (asks_more or dependency.body_params or dependency.cookie_params)
