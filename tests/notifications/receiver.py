"""A real endpoint for webhooks on this machine: it takes, refuses, redirects, dawdles, hangs up or never ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import orjson

Manner = Literal["takes", "refuses", "gone", "redirects", "dawdles", "hangs-up", "endless", "endless-headers"]
_STATUS = {"takes": "204 No Content", "refuses": "500 Broken", "gone": "410 Gone"}


@dataclass
class Came:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @cached_property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.body)
        return found


@dataclass
class Receiver:
    """`manner`: how it treats what comes, by path; others are taken."""

    port: int = 0
    came: list[Came] = field(default_factory=list)
    manner: dict[str, Manner] = field(default_factory=dict)
    _more: asyncio.Condition = field(default_factory=asyncio.Condition)

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def events(self, path: str = "/hook") -> list[dict[str, Any]]:
        return [one.event for one in self.came if one.path == path]

    def sequences(self, path: str = "/hook") -> list[int]:
        return [int(event["sequence"]) for event in self.events(path)]

    async def until(self, number: int, seconds: float = 120) -> None:
        """Until so many requests have come."""
        async with asyncio.timeout(seconds), self._more:
            await self._more.wait_for(lambda: len(self.came) >= number)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        path = head[0].split(" ")[1]
        self.came.append(Came(path, headers, body))
        async with self._more:
            self._more.notify_all()
        manner = self.manner.get(path, "takes")
        if manner == "hangs-up":
            return False
        if manner == "dawdles":
            await asyncio.Event().wait()
        if manner == "redirects":
            writer.write(
                b"HTTP/1.1 307 Elsewhere\r\nlocation: " + self.url("/elsewhere").encode() + b"\r\ncontent-length: 0\r\n\r\n"
            )
        elif manner in ("endless", "endless-headers"):
            await self._endlessly(writer, manner)
        else:
            writer.write(f"HTTP/1.1 {_STATUS[manner]}\r\ncontent-length: 0\r\n\r\n".encode())
        await writer.drain()
        return True

    async def _endlessly(self, writer: asyncio.StreamWriter, manner: str) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + (b"transfer-encoding: chunked\r\n\r\n" if manner == "endless" else b""))
        part = b"1000\r\n" + b"x" * 4096 + b"\r\n" if manner == "endless" else b"x-more: " + b"x" * 1024 + b"\r\n"
        while not writer.is_closing():
            writer.write(part)
            await writer.drain()


@asynccontextmanager
async def receiving(receiver: Receiver) -> AsyncIterator[Receiver]:
    """The endpoint, listening until the end of the block."""
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", receiver.port)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
