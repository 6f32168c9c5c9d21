"""An address served directly, the usual way and the general way answers every request alike."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel

from services.chassis import problems
from services.chassis.request import answer
from services.chassis.route import Direct, UsualRoute, _usual

CHILD = "0193d5a0-0000-7000-8000-000000000001"


class Note(BaseModel):
    text: str
    number: int = 0


async def opened(request: Request, idempotency_key: str | None = Header(None, max_length=200)) -> str:
    return f"{request.method} {idempotency_key}"


def application(route: type[APIRoute], direct: bool = False) -> FastAPI:
    router = APIRouter(prefix="/thing", route_class=route)
    Opened = Annotated[str, Depends(opened)]

    @router.post("/{child_ref}")
    async def needed(child_ref: UUID, body: Note, request: Opened) -> Response:
        return answer(201, [str(child_ref), body.model_dump(), request])

    @router.post("/{child_ref}/optional")
    async def optional(child_ref: UUID, request: Opened, body: Note | None = None) -> Response:
        return answer(200, [str(child_ref), body and body.model_dump(), request])

    @router.get("/{child_ref:uuid}/asked")
    async def asked(child_ref: UUID, request: Opened, limit: Annotated[int, Query(ge=1)] = 7) -> Response:
        return answer(200, [str(child_ref), limit, request])

    @router.get("/several")
    async def several(
        request: Opened,
        one: Annotated[list[UUID], Query(max_length=2)],
        kind: Literal["a", "b"] | None = None,
        on: date | None = None,
    ) -> Response:
        return answer(200, [one, kind, on, request])

    app = FastAPI()
    app.include_router(router)
    problems.install(app)
    if direct:
        app.add_middleware(Direct, application=app)
    return app


WAYS = ((UsualRoute, True), (UsualRoute, False), (APIRoute, False))


@pytest.mark.parametrize("path", [f"/thing/{CHILD}", f"/thing/{CHILD}/optional", "/thing/none", "/thing/none/optional"])
@pytest.mark.parametrize("key", ["k", "k" * 201, None])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"text": "a"}', "application/json"),
        (b'{"text": "a", "number": "7"}', "application/json; charset=utf-8"),
        (b'{"text": "a", "number": 1.5}', "application/json"),
        (b'{"text": null}', "application/json"),
        (b"{", "application/json"),
        (b"null", "application/json"),
        (b"[1]", "application/json"),
        (b"\xff", "application/json"),
        (b'{"text": NaN}', "application/json"),
        (b'{"text": "a"}', "text/plain"),
        (b'{"text": "a"}', None),
        (b"", None),
    ],
)
async def test_all_ways_answer_alike(path: str, key: str | None, body: bytes, kind: str | None) -> None:
    headers = {name: text for name, text in {"idempotency-key": key, "content-type": kind}.items() if text}
    answers = []
    for way in WAYS:
        transport = httpx2.ASGITransport(application(*way))
        async with httpx2.AsyncClient(transport=transport, base_url="http://thing") as client:
            got = await client.post(path, content=body, headers=headers)
            answers.append((got.status_code, got.content))

    assert answers[0] == answers[1] == answers[2]


def test_the_addresses_of_the_baton_are_usual() -> None:
    from services.registry.endpoints import router

    general = {route.path for route in router.routes if isinstance(route, APIRoute) and _usual(route.dependant) is None}

    assert {"/registry/handovers/{handover_id}/acceptance", "/registry/children/{child_ref}"}.isdisjoint(general)


@pytest.mark.parametrize("query", ["", "?limit=3", "?limit=0", "?limit=x", "?other=1", "?limit=3&limit=4"])
async def test_what_may_be_asked_for_more_is_answered_alike_whether_it_is_or_not(query: str) -> None:
    answers = []
    for way in WAYS:
        transport = httpx2.ASGITransport(application(*way))
        async with httpx2.AsyncClient(transport=transport, base_url="http://thing") as client:
            got = await client.get(f"/thing/{CHILD}/asked{query}", headers={"idempotency-key": "k"})
            answers.append((got.status_code, got.content))

    assert answers[0] == answers[1] == answers[2]


QUERIES = (
    *("", f"one={CHILD}", f"one={CHILD}&one={CHILD}", f"one={CHILD}&one={CHILD}&one={CHILD}", "one=none", f"one={CHILD}&one="),
    *(f"one={CHILD}&{more}" for more in ("kind=a", "kind=c", "kind=", "kind=a&kind=b", "on=2026-01-31", "on=2026-02-31")),
    *(f"one={CHILD}&kind=%00&on=%C3%28", f"one={CHILD}&&=&on", f"one={CHILD}&limit=1"),
)  # fmt: skip


async def test_every_query_is_read_alike() -> None:
    answers = []
    for way in WAYS:
        transport = httpx2.ASGITransport(application(*way))
        async with httpx2.AsyncClient(transport=transport, base_url="http://thing") as client:
            got = [await client.get(f"/thing/several?{query}", headers={"idempotency-key": "k"}) for query in QUERIES]
            answers.append([(query, it.status_code, it.content) for query, it in zip(QUERIES, got, strict=True)])

    assert answers[0] == answers[1] == answers[2]
    assert {status for _, status, _ in answers[0]} == {200, 422}
