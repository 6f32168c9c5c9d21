"""A load generator that costs little: HTTP/1.1 kept alive on bare sockets, one request at a time per client; run as a process of its own."""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvloop


@dataclass(frozen=True)
class Outcome:
    """What one run of load gave. Times in ms."""

    requests: int
    refused: int
    seconds: float
    p50: float
    p99: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


async def _client(
    host: str, port: int, requests: Iterator[bytes], times: list[float], refused: list[int], pace: float, first: float
) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    due = time.perf_counter() + first - pace
    for request in requests:
        if pace:
            due += pace
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        lower = head.lower()
        start = lower.index(b"content-length:") + 15
        length = int(lower[start : lower.index(b"\r\n", start)])
        await reader.readexactly(length)
        times.append(time.perf_counter() - began)
        if not 200 <= int(head[9:12]) < 300:
            refused.append(int(head[9:12]))
    writer.close()


async def drive(host: str, port: int, requests: list[bytes], clients: int, per_second: float = 0) -> Outcome:
    """All requests, shared by so many clients; as fast as they are answered, or at a steady rate in sum, the clients one after the other."""
    shared = iter(requests)
    times: list[float] = []
    refused: list[int] = []
    began = time.perf_counter()
    pace = clients / per_second if per_second else 0.0
    await asyncio.gather(*(_client(host, port, shared, times, refused, pace, pace * n / clients) for n in range(clients)))
    seconds = time.perf_counter() - began
    times.sort()
    return Outcome(len(times), len(refused), seconds, 1000 * times[len(times) // 2], 1000 * times[int(len(times) * 0.99)])


def request(method: str, path: str, token: str, body: bytes = b"", key: str = "") -> bytes:
    """One request's bytes."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "host: 127.0.0.1",
        f"authorization: Bearer {token}",
        "content-type: application/json",
        f"content-length: {len(body)}",
    ]
    if key:
        lines.append(f"idempotency-key: {key}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def main() -> None:
    """`python -m benchmarks.load FILE`: FILE is JSON {host, port, clients, per_second, requests: [text]}; prints the outcome as JSON."""
    plan = json.loads(Path(sys.argv[1]).read_text())
    requests = [text.encode() for text in plan["requests"]]
    outcome = uvloop.run(drive(plan["host"], plan["port"], requests, plan["clients"], plan.get("per_second", 0)))
    json.dump(outcome.__dict__, sys.stdout)


if __name__ == "__main__":
    main()
