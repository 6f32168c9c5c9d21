"""A TCP proxy on loopback that can cut a line, make it slow, let it fall silent, or lose the answer to a commit."""

import asyncio
import re
from collections.abc import Callable
from typing import Literal

State = Literal["open", "cut", "silent", "slow"]

_PREPARES = re.compile(rb"(__asyncpg_stmt_[0-9a-f]+__)\x00([^\x00]{8,})")
_COMMITS = re.compile(rb"COMMIT|\bcommit(_many)?\(|\bpublish\(", re.IGNORECASE)


class Wire:
    """One line from one process to another: listens on `port` and passes on to `target()`."""

    def __init__(self, name: str, target: Callable[[], int]) -> None:
        self.name, self.port = name, 0
        self._target = target
        self._server: asyncio.Server | None = None
        self._ends: set[_End] = set()
        self.state: State = "open"
        self.delay_seconds = 0.0
        self.lose_answers = 0
        self.lost_answers = 0

    async def lay(self) -> None:
        """Begins to listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _End(self), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def reach(self, end: "_End") -> None:
        """The other side of a connection that has come in."""
        if self.state == "cut":
            end.abort()
            return
        try:
            _, other = await asyncio.get_running_loop().create_connection(lambda: _End(self, end), "127.0.0.1", self._target())
        except OSError:
            end.abort()
            return
        end.joined(other)

    def cut(self) -> None:
        """Whoever is connected is thrown off, and nobody gets through."""
        self.state = "cut"
        self.break_all()

    def silence(self) -> None:
        """Half open: both sides think they are connected, and nothing arrives."""
        self.state = "silent"
        for end in self._ends:
            end.rest()

    def slow(self, seconds: float) -> None:
        """Everything takes so much longer, each way."""
        self.state, self.delay_seconds = "slow", seconds

    def mend(self, broken: bool = False) -> None:
        """As before. `broken`: what was connected meanwhile finds out that it is no longer."""
        self.state, self.delay_seconds, self.lose_answers = "open", 0.0, 0
        if broken:
            self.break_all()
        for end in self._ends:
            end.go_on()

    def break_all(self) -> None:
        for end in list(self._ends):
            end.abort()

    def take(self, end: "_End") -> None:
        self._ends.add(end)

    def drop(self, end: "_End") -> None:
        self._ends.discard(end)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.break_all()


class _End(asyncio.Protocol):
    """One end of a connection on a wire; what comes in here goes out at the other."""

    def __init__(self, wire: Wire, other: "_End | None" = None) -> None:
        self._wire, self._other, self._from_client = wire, other, other is None
        self._transport: asyncio.Transport | None = None
        self._early: list[bytes] = []
        self._commits: set[bytes] = set()
        self._awaits_commit = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._wire.take(self)
        if self._wire.state == "silent":
            self.rest()
        if self._from_client:
            self._reaching = asyncio.ensure_future(self._wire.reach(self))

    def joined(self, other: "_End") -> None:
        self._other = other
        if self._transport is None or self._transport.is_closing():
            other.abort()
            return
        for chunk in self._early:
            other.write(chunk)
        self._early.clear()

    def data_received(self, data: bytes) -> None:
        if self._from_client:
            self._note_commits(data)
        elif self._loses_this_answer():
            return
        if self._other is None:
            self._early.append(data)
        elif self._wire.state == "slow":
            asyncio.get_running_loop().call_later(self._wire.delay_seconds, self._other.write, data)
        else:
            self._other.write(data)

    def _note_commits(self, data: bytes) -> None:
        """Which prepared statements commit is learned as they are prepared; later they are called by name only."""
        for name, query in _PREPARES.findall(data):
            if _COMMITS.search(query):
                self._commits.add(name)
        self._awaits_commit = b"COMMIT;" in data or (
            b"B\x00" in data and any(name in data for name in self._commits) and not _PREPARES.search(data)
        )

    def _loses_this_answer(self) -> bool:
        """PostgreSQL has done it, and nobody will know: the connection is gone before the answer."""
        wire, client = self._wire, self._other
        if wire.lose_answers <= 0 or client is None or not client._awaits_commit:
            return False
        wire.lose_answers -= 1
        wire.lost_answers += 1
        self.abort()
        client.abort()
        return True

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def rest(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def go_on(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        if self._other is not None:
            self._other.rest()

    def resume_writing(self) -> None:
        if self._other is not None and self._wire.state != "silent":
            self._other.go_on()

    def connection_lost(self, _: Exception | None) -> None:
        self._wire.drop(self)
        if self._other is not None and self._other._transport is not None:
            self._other._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
