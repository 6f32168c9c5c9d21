"""What one process with everything weighs, and how fast the demo is up again."""

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks import load
from benchmarks.figures import Figure
from benchmarks.installation import Installation
from services.demo.processes import free_port


def all_in_one_rss_mb(installation: Installation) -> list[Figure]:
    """All services in one process on the embedded bus, after a thousand requests."""
    port = free_port()
    environment = installation.environment(port) | {
        "TOVHOLDER_BUS": "embedded",
        "TOVHOLDER_GATEWAY_URL": f"http://127.0.0.1:{port}",
        "TOVHOLDER_SERVICE_URLS": "{}",
        "TOVHOLDER_POOL_SIZE": "4",
    }
    with (installation.folder / "all.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "services", "run"], env=environment, stdout=log, stderr=log)
    try:
        installation.wait_ready(port, process)
        requests = [load.request("GET", "/directory/units", installation.system_token("service-registry"))] * 1000
        asyncio.run(load.drive("127.0.0.1", port, requests, 8))
        time.sleep(3)
        return [Figure("all_in_one_rss_mb", psutil.Process(process.pid).memory_info().rss / 1e6, "MB", None, "≤ 300")]
    finally:
        process.terminate()
        process.wait(20)


def demo_restart_s(_: Installation) -> list[Figure]:
    """`make demo` on kept data: seconds from the command to the first /readyz that is 200. Median of three."""
    with tempfile.TemporaryDirectory(prefix="tovholder-bench-") as name:
        folder, times = Path(name), []
        for _round in range(4):
            port, began = free_port(), time.perf_counter()
            command = [sys.executable, "-m", "services", "demo", "--port", str(port), "--folder", str(folder)]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            Installation.wait_ready(port, process, 120)
            times.append(time.perf_counter() - began)
            os.kill(process.pid, signal.SIGINT)
            process.wait(30)
        return [Figure("demo_restart_s", statistics.median(times[1:]), "s", None, "≤ 15")]
