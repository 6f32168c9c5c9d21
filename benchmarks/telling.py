"""How long until someone knows: from a midwife's notification to the first notice queued, from an acceptance to a consumer that has applied it."""

import asyncio
import json
import random
import time
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

from benchmarks import accepting, load
from benchmarks.figures import Figure, median
from benchmarks.installation import Installation
from services import catalogue
from services.demo import town

_PER_SECOND = 50
_SECONDS = 12


def telling(installation: Installation) -> list[Figure]:
    """All services, each in its own process, over real Kafka; 50 a second, three rounds. Ends are read from PostgreSQL's commit times and the notices' own."""
    installation.run(catalogue.names())
    _notify(installation, 3)
    notified = [_notify(installation, _SECONDS) for _ in range(3)]
    consumed = [_accept(installation, _SECONDS) for _ in range(3)]
    installation.end()
    return [
        median("notified_to_told_p50_ms", [p50 for p50, _ in notified], "ms", None, "≤ 80"),
        median("notified_to_told_p99_ms", [p99 for _, p99 in notified], "ms", None, "≤ 300"),
        median("accepted_to_consumed_p50_ms", [p50 for p50, _ in consumed], "ms", None, "≤ 25"),
    ]


def _notify(installation: Installation, seconds: int) -> tuple[float, float]:
    token, port = installation.system_token("maternity-havby"), installation.port("midwife")
    bodies = [_notification() for _ in range(_PER_SECOND * seconds)]
    requests = [
        load.request("POST", "/midwife/notifications", token, json.dumps(body).encode(), key=str(body["message_id"]))
        for body in bodies
    ]
    answered = asyncio.run(_timed(port, requests, _PER_SECOND))
    installation.drained(*catalogue.names())
    queued = {
        str(message): float(str(at))
        for message, at in installation.sql(
            "select m.message_id::text, extract(epoch from min(d.queued_at))::float from midwife.notification m"
            " join midwife.notification_child c on c.notification = m.id join notifications.delivery d on d.about = c.child group by 1"
        )
    }
    waits = sorted(1000 * (queued[str(body["message_id"])] - at) for body, at in zip(bodies, answered, strict=True))
    return waits[len(waits) // 2], waits[int(len(waits) * 0.99)]


def _accept(installation: Installation, seconds: int) -> tuple[float, float]:
    """Commit time of sundhedspleje's row for the child, less the time the acceptance was answered."""
    offered = asyncio.run(accepting.offer_children(installation, _PER_SECOND * seconds))
    installation.drained(*catalogue.names())
    requests = accepting.acceptances(offered, installation.token_of("birgit"))
    answered = asyncio.run(_timed(installation.port("registry"), requests, _PER_SECOND))
    installation.drained("registry", "sundhedspleje")
    applied = {
        str(child): float(str(at))
        for child, at in installation.sql(
            "select subject::text, extract(epoch from pg_xact_commit_timestamp(xmin))::float from sundhedspleje.seen where source = 'registry'"
        )
    }
    waits = sorted(max(0.0, 1000 * (applied[str(child)] - at)) for (child, _), at in zip(offered, answered, strict=True))
    return waits[len(waits) // 2], waits[int(len(waits) * 0.99)]


async def _timed(port: int, requests: list[bytes], per_second: float) -> list[float]:
    """Sends at a steady rate; returns when each was answered, in seconds of real time."""
    answered = [0.0] * len(requests)
    waiting: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while True:
            number, request = await waiting.get()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            lower = head.lower()
            start = lower.index(b"content-length:") + 15
            await reader.readexactly(int(lower[start : lower.index(b"\r\n", start)]))
            answered[number] = time.time()
            if not 200 <= int(head[9:12]) < 300:
                raise RuntimeError(f"refused with {int(head[9:12])}")
            waiting.task_done()

    clients = [asyncio.create_task(client()) for _ in range(8)]
    began = time.perf_counter()
    for number, request in enumerate(requests):
        await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
        waiting.put_nowait((number, request))
    done, _ = await asyncio.wait([asyncio.create_task(waiting.join()), *clients], return_when=asyncio.FIRST_COMPLETED, timeout=60)
    for one in clients:
        if one in done:
            await one
        one.cancel()
    return answered


def _notification() -> dict[str, object]:
    """A pregnancy of someone made up: a replacement CPR by the national form, never a real number."""
    born = date(1990, 1, 1) + timedelta(days=random.randrange(4000))
    letters = "".join(random.choices("ABCDEFGHJKLMNPQRSTUVWXYZ", k=2))
    number = f"{born:%d%m%y}{random.choice('17')}{letters}{random.randrange(10)}"
    return {
        "kind": "pregnancy",
        "message_id": str(uuid4()),
        "receiver": {"sor": town.sor_of("intake")},
        "mother": {"identifiers": [{"system": "urn:oid:1.2.208.176.1.6.1.1", "value": number}]},
        "due_on": str(datetime.now(UTC).date() + timedelta(days=90)),
    }
