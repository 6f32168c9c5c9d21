"""How long until work goes on: another process in place of a killed one, and Kafka caught up after it was away."""

import asyncio
import subprocess
import sys
import time
from statistics import median as middle

from benchmarks import accepting, load
from benchmarks.figures import Figure
from benchmarks.installation import Installation
from benchmarks.moving import REGISTER
from services.demo.processes import free_port

_BACKLOG = 30_000
_PATIENCE = 120.0


def takeover_s(installation: Installation) -> list[Figure]:
    """Two processes of the registry; one is killed -9, and the other is asked at once: seconds until what it commits has left for Kafka."""
    ports, processes = [free_port(), free_port()], {}
    for port in ports:
        processes[port] = _registry(installation, port)
    times = []
    for round_ in range(4):
        offered = asyncio.run(accepting.offer_children(installation, 64))
        installation.drained("registry")
        requests = accepting.acceptances(offered, installation.token_of("birgit"))
        killed, other = ports[round_ % 2], ports[1 - round_ % 2]
        began = time.perf_counter()
        processes[killed].kill()
        processes[killed].wait(5)
        asyncio.run(load.drive("127.0.0.1", other, requests, 8))
        _until_sent(installation)
        times.append(time.perf_counter() - began)
        processes[killed] = _registry(installation, killed)
        # Both hold leases again before the next is killed.
        time.sleep(2 * installation.settings.lease_seconds)
    for process in processes.values():
        process.terminate()
        process.wait(20)
    return [Figure("takeover_s", middle(times[1:]), "s", None, "≤ 5")]


def _registry(installation: Installation, port: int) -> subprocess.Popen[bytes]:
    with (installation.folder / f"registry-{port}.log").open("ab") as log:
        command = [sys.executable, "-m", "services", "run", "--service", "registry"]
        process = subprocess.Popen(command, env=installation.environment(port), stdout=log, stderr=log)
    installation.wait_ready(port, process)
    return process


def drain_30k_s(installation: Installation) -> list[Figure]:
    """30,000 events are made while the broker is away: seconds from the moment it answers again until it has them all."""
    installation.run(["registry"])
    times = []
    for _ in range(3):
        installation.kafka.kill()
        installation.sql(REGISTER.format(children=_BACKLOG, partitions=installation.partitions))
        installation.kafka.start()
        began = time.perf_counter()
        _until_sent(installation)
        times.append(time.perf_counter() - began)
    installation.end()
    return [Figure("drain_30k_s", middle(times), "s", None, "≤ 5")]


def _until_sent(installation: Installation) -> None:
    ended = time.monotonic() + _PATIENCE
    waiting = "select (select count(*) from registry.outbox) + (select sum(position - sent) from registry.relay)"
    while int(str(installation.sql(waiting)[0][0])):
        if time.monotonic() > ended:
            raise TimeoutError(f"the registry's events had not left within {_PATIENCE:.0f} s")
        time.sleep(0.02)
