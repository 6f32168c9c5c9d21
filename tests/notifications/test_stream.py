"""A live inbox: what comes is shown at once, a broken connection goes on where it was, and nothing is passed over."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx2
import orjson

from tests.notifications.telling import Telling

STREAM = "/notifications/stream"


class Live:
    """One open stream as a browser reads it."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def next(self) -> tuple[str, str, dict[str, Any]]:
        """(event, id, data) of the next one; comments and the rest are passed over."""
        found: dict[str, str] = {}
        async with asyncio.timeout(60):
            async for line in self._lines:
                if not line and "data" in found:
                    return found["event"], found.get("id", ""), orjson.loads(found["data"])
                name, _, value = line.partition(": ")
                found[name] = value
        raise AssertionError("the stream ended")


@contextlib.asynccontextmanager
async def opened(telling: Telling, name: str, last: str | None = None) -> AsyncIterator[Live]:
    headers = {"authorization": f"Bearer {telling.someone(name).token}", **({"last-event-id": last} if last else {})}
    async with (
        httpx2.AsyncClient(base_url=str(telling.world.http.base_url), timeout=60) as http,
        http.stream("GET", STREAM, headers=headers) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        assert await anext(lines) == "retry: 1000"
        yield Live(lines)


async def rung(telling: Telling) -> None:
    """What the bell does all the time in a process that runs."""
    await telling.world.running.works["notifications.ringing"].once()


async def test_a_notice_is_shown_at_once_and_a_new_connection_goes_on_where_the_last_one_broke(telling: Telling) -> None:
    async with opened(telling, "inge") as live:
        await rung(telling)
        child = await telling.register()
        await rung(telling)
        event, place, data = await live.next()
    assert (event, data["about"], data["channel"]) == ("notice", str(child), "inbox")

    # While nobody listens, one transaction is still open and a later one commits before it.
    store = telling.world.store("notifications")
    async with store.connection() as early, early.transaction():
        await early.execute(
            "insert into notice (id, municipality, about, kind, event, happened_at)"
            " values (gen_random_uuid(), '0990', $1, 'late', 'late', chassis.now())",
            child,
        )
        second = await telling.register()
        await early.execute(
            "insert into delivery (id, notice, municipality, about, kind, to_whom, recipient, why, channel, state, next_try_at,"
            " happened_at, queued_at, delivered_at) select gen_random_uuid(), id, '0990', $1, 'late', 'professional', $2, 'test',"
            " 'inbox', 'delivered', chassis.now(), chassis.now(), chassis.now(), chassis.now() from notice where kind = 'late'",
            *(child, telling.id_of("inge")),
        )
    async with opened(telling, "inge", last=place) as live:
        came = [(await live.next())[2] for _ in range(2)]
    assert {(one["about"], one["kind"]) for one in came} == {(str(child), "late"), (str(second), "tovholder_changed")}

    rows = await telling.world.sql("notifications", "select class from access where professional = $1", telling.id_of("inge"))
    assert {row["class"] for row in rows} == {"deliveries"}


async def test_a_place_of_another_database_is_told_and_nobody_else_s_inbox_is_shown(telling: Telling) -> None:
    beyond = f"{2**60}.{UUID(int=1)}"

    async with opened(telling, "lone", last=beyond) as live:
        event, _, _ = await live.next()
    malformed = await telling.someone("lone").get(STREAM, headers={"last-event-id": "yesterday"})
    system = await telling.world.as_client("maternity-havby").get(STREAM)

    assert event == "reset"
    assert (malformed.status, system.status) == (422, 404)
