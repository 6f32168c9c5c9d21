"""How long until an integrator knows: 200 webhook endpoints, a tenth of them dead or slow, from the registry's commit to the endpoint."""

import asyncio
import contextlib
import json
import time
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import orjson

from benchmarks.figures import Figure, part_of
from benchmarks.installation import Installation
from services.chassis.store import Store
from services.demo.processes import free_port
from services.events.registry import ChildBorn

_ENDPOINTS, _ILL = 200, 20
_EVENTS, _PER_SECOND = 10_000, 50
_MUNICIPALITY = "0990"


class Endpoints:
    """All of them on one port, told apart by path: `/well/<child>` and `/slow/<child>`; when each event came first, by its id."""

    def __init__(self) -> None:
        self.port = 0
        self.came: dict[str, float] = {}
        self.twice = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lower = head.lower()
                start = lower.index(b"content-length:") + 15
                body = await reader.readexactly(int(lower[start : lower.index(b"\r\n", start)]))
                if head.startswith(b"POST /slow"):
                    await asyncio.Event().wait()
                self._note(orjson.loads(body)["id"])
                writer.write(b"HTTP/1.1 204 Taken\r\ncontent-length: 0\r\n\r\n")
                await writer.drain()
        writer.close()

    def _note(self, event: str) -> None:
        if event in self.came:
            self.twice += 1
        else:
            self.came[event] = time.time()


def webhooks(installation: Installation) -> list[Figure]:
    """Each event concerns one endpoint. Registry and notifications in processes of their own, over real Kafka."""
    endpoints, children = Endpoints(), [uuid4() for _ in range(_ENDPOINTS)]
    port = endpoints.port = free_port()
    installation.run(
        ["registry", "notifications"],
        TOVHOLDER_WEBHOOK_HOSTS=json.dumps(["127.0.0.1"]),
        TOVHOLDER_WEBHOOK_NETWORKS=json.dumps([f"127.0.0.1/32:{port}", "127.0.0.1/32:1"]),
    )
    _subscribe(installation, port, children)
    waits, lost = asyncio.run(_played(installation, endpoints, children, part_of(_EVENTS)))
    installation.end()
    return [
        Figure("webhooks_p99_s", waits[int(len(waits) * 0.99)], "s", None, "≤ 2"),
        Figure("webhooks_p50_s", waits[len(waits) // 2], "s", None, ""),
        Figure("webhooks_lost", lost, "events", None, "0"),
    ]


def _subscribe(installation: Installation, port: int, children: list[UUID]) -> None:
    """A system of the municipality with a subscription per child; of the first ones half are dead and half never answer."""
    installation.sql(
        "insert into notifications.client (client_id, id, kind, municipality, roles) values ('bench', gen_random_uuid(), 'municipality', '0990', '{record-system}')"
    )
    for number, child in enumerate(children):
        kind = "well" if number >= _ILL else "slow"
        place = f"http://127.0.0.1:{1 if number < _ILL // 2 else port}/{kind}/{child}"
        rules = json.dumps([{"name": "one-child", "children": [str(child)]}])
        subscription = uuid4()
        installation.sql(
            "insert into notifications.subscription (id, client_id, municipality, channel, url, rules, made_at, tested_at) values (%s, 'bench', '0990', 'webhook', %s, %s, now(), 'infinity')",
            *(subscription, place, rules),
        )
        installation.sql(
            "insert into notifications.subscription_secret (subscription, number, salt, made_at) values (%s, 1, '\\x00', now())",
            subscription,
        )


async def _played(installation: Installation, endpoints: Endpoints, children: list[UUID], events: int) -> tuple[list[float], int]:
    """Seconds from commit to endpoint of each event of a healthy one, sorted; and how many never came."""
    server = await asyncio.start_server(endpoints.serve, "127.0.0.1", endpoints.port)
    store, began = Store(installation.settings, "registry"), time.perf_counter()
    for number in range(events):
        await asyncio.sleep(max(0.0, began + number / _PER_SECOND - time.perf_counter()))
        child = children[number % _ENDPOINTS]
        async with store.transaction() as tx:
            tx.publish(
                child, ChildBorn(child=child, municipality=_MUNICIPALITY, notification_id=None, born_on=date(2026, 3, 2), order=1)
            )
    await store.close()
    said = {
        str(event): datetime.fromisoformat(str(at)).replace(tzinfo=UTC).timestamp()
        for event, at in installation.sql(
            "select envelope->>'id', (envelope->>'time')::timestamptz at time zone 'UTC' from registry.ledger where subject = any (%s)",
            [str(child) for child in children[_ILL:]],
        )
    }
    ends = time.monotonic() + 60
    while len(endpoints.came) < len(said) and time.monotonic() < ends:  # noqa: ASYNC110 - a look is enough
        await asyncio.sleep(0.1)
    server.close()
    waits = sorted(endpoints.came[event] - at for event, at in said.items() if event in endpoints.came)
    return waits, len(said) - len(waits)
