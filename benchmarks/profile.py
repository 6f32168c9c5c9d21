"""Where an acceptance's time goes: processor time per acceptance of each process, beside the rate; `python -m benchmarks.profile`."""

import asyncio
import tempfile
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks import accepting
from benchmarks.installation import Installation

_ROUNDS = 3
_CHILDREN = 3_000
out = Console(width=120)


def main() -> None:
    """Three rounds of acceptances by 32 clients; PostgreSQL, the registry's process (API and relay) and the broker, in ms of one core each."""
    table = Table("round", "acceptances/s", "p50 ms", "p99 ms", "registry ms", "PostgreSQL ms", "broker ms")
    with tempfile.TemporaryDirectory(prefix="tovholder-bench-") as folder:
        installation = Installation(Path(folder)).start()
        try:
            installation.run(["registry"])
            for number in range(1, _ROUNDS + 1):
                table.add_row(str(number), *_round(installation))
        finally:
            installation.stop()
    out.print(table)


def _round(installation: Installation) -> list[str]:
    offered = asyncio.run(accepting.offer_children(installation, _CHILDREN))
    installation.drained("registry")
    requests = accepting.acceptances(offered, installation.token_of("birgit"))
    before = _spent(installation)
    outcome = accepting.drive(installation, "registry", requests, 32)
    spent = [1000 * (after - start) / outcome.requests for after, start in zip(_spent(installation), before, strict=True)]
    return [f"{outcome.per_second:,.0f}", f"{outcome.p50:.1f}", f"{outcome.p99:.1f}", *(f"{ms:.2f}" for ms in spent)]


def _spent(installation: Installation) -> tuple[float, float, float]:
    """Seconds of processor time so far: registry, all of PostgreSQL, broker."""
    postmaster = psutil.Process(installation.postgres.pid)
    backends = sum(_seconds(process) for process in [postmaster, *postmaster.children()])
    return _seconds(psutil.Process(installation.pid("registry"))), backends, _seconds(psutil.Process(installation.kafka.pid))


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
