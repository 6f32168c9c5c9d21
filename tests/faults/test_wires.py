"""A wire passes on what it is given until it is told to break, and again once it is mended."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.faults.wires import Wire

_PREPARE = b"P\x00\x00\x00\x00__asyncpg_stmt_1__\x00select registry.commit($1)\x00"
_CALL = b"B\x00\x00\x00\x00__asyncpg_stmt_1__\x00"


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while said := await reader.read(100):
            writer.write(said)
            await writer.drain()
    writer.close()


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    made = Wire("us – echo", lambda: server.sockets[0].getsockname()[1])
    await made.lay()
    yield made
    await made.close()
    server.close()


class Caller:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def say(self, what: bytes) -> bytes:
        """What comes back; nothing where the line is gone."""
        try:
            self._writer.write(what)
            return await self._reader.read(1000)
        except ConnectionError:
            return b""

    async def hangs(self, what: bytes) -> bool:
        try:
            return await asyncio.wait_for(self.say(what), 0.2) == b"?"
        except TimeoutError:
            return True


async def _called(wire: Wire) -> Caller:
    return Caller(*await asyncio.open_connection("127.0.0.1", wire.port))


async def test_a_wire_passes_on_and_a_cut_one_throws_everyone_off(wire: Wire) -> None:
    caller = await _called(wire)
    assert await caller.say(b"hello") == b"hello"

    wire.cut()

    assert await caller.say(b"hello") == b""
    assert await (await _called(wire)).say(b"hello") == b""

    wire.mend()

    assert await (await _called(wire)).say(b"hello") == b"hello"


async def test_a_silent_wire_keeps_what_is_said_until_it_is_mended(wire: Wire) -> None:
    caller = await _called(wire)
    assert await caller.say(b"hello") == b"hello"

    wire.silence()

    assert await caller.hangs(b"one")

    wire.mend()

    assert await caller.say(b"two") in (b"one", b"onetwo")


async def test_after_a_half_open_time_both_sides_learn_that_the_line_is_gone(wire: Wire) -> None:
    caller = await _called(wire)
    await caller.say(b"hello")
    wire.silence()

    wire.mend(broken=True)

    assert await caller.say(b"hello") == b""


async def test_the_answer_to_a_commit_is_lost_and_no_other(wire: Wire) -> None:
    caller = await _called(wire)
    assert await caller.say(_PREPARE) == _PREPARE
    wire.lose_answers = 1

    assert await caller.say(b"select 1") == b"select 1"
    assert await caller.say(_CALL) == b""

    assert wire.lost_answers == 1
    assert await (await _called(wire)).say(b"hello") == b"hello"
