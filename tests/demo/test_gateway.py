"""The one address in front of services in processes of their own passes on what comes as it comes."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from services.demo.gateway import Gateway
from services.demo.processes import free_port
from tests.support.world import serving


async def test_a_stream_comes_line_by_line_and_every_cookie_reaches_the_browser() -> None:
    may_end = asyncio.Event()

    async def live(_: Request) -> Response:
        async def lines() -> AsyncIterator[str]:
            yield "data: first\n\n"
            await may_end.wait()
            yield "data: last\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream")

    async def cookies(_: Request) -> Response:
        answer = Response("ok")
        answer.set_cookie("one", "1")
        answer.set_cookie("other", "2")
        return answer

    port = free_port()
    portal = Starlette(routes=[Route("/portal/live", live), Route("/portal/cookies", cookies)])
    gateway = Gateway({"portal": f"http://127.0.0.1:{port}"})
    async with (
        serving(portal, port),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(gateway), base_url="http://town") as browser,
    ):
        answer = await browser.get("/portal/cookies")
        assert answer.headers.get_list("set-cookie") == ["one=1; Path=/; SameSite=lax", "other=2; Path=/; SameSite=lax"]

    gateway_port = free_port()
    async with serving(portal, port), serving(gateway, gateway_port) as browser, browser.stream("GET", "/portal/live") as stream:
        came = stream.aiter_lines()
        assert await anext(came) == "data: first"
        may_end.set()
        assert [line async for line in came if line] == ["data: last"]
    await gateway.close()
