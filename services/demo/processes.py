"""Child processes on loopback: free ports, waiting until ready, and ending what an earlier, killed run left behind."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


class ServerDidNotStart(RuntimeError):
    """A server ended, or was not ready in time; the text carries the tail of its log."""


# Below those that systems hand out to connections that begin (from 32768 on Linux, 49152 elsewhere): such a one, made between
# our look and the server's start, would take the port from it.
_PORTS = range(15_000, 32_000)


def free_port() -> int:
    """A TCP port on loopback that nothing listens on at this moment; drawn, so that two who look at once find different ones."""
    while not port_is_free(port := secrets.choice(_PORTS)):
        continue
    return port


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def remembered_port(note: Path, wanted: int | None) -> int:
    """The port to use: the wanted one, else the one noted by an earlier start if it is still free, else a new one; noted."""
    port = wanted
    if port is None and note.exists():
        earlier = int(note.read_text())
        port = earlier if port_is_free(earlier) else None
    if port is None:
        port = free_port()
    note.write_text(f"{port}\n")
    return port


def command_line(pid: int) -> str:
    """The command line of a running process, empty if there is none."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    if Path("/proc/self").exists():
        return ""
    answer = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def end_left_over(pid_note: Path, mark: str, signal_number: int = signal.SIGKILL, patience: float = 15) -> None:
    """End the process whose id is the first line of `pid_note`, if its command line holds `mark`; a reused id is left alone."""
    try:
        pid = int(pid_note.read_text().split("\n")[0])
    except (OSError, ValueError):
        return
    if mark not in command_line(pid):
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal_number)
        if not wait_until(lambda: mark not in command_line(pid), patience):
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: mark not in command_line(pid), 5)


def wait_until(condition: Callable[[], bool], patience: float, every: float = 0.02) -> bool:
    """Whether the condition came true within `patience` seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def wait_until_ready(process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path, what: str, patience: float) -> None:
    """Return once `ready`; raise ServerDidNotStart with the log's tail if the process ends or `patience` seconds pass."""
    if wait_until(lambda: ready() or process.poll() is not None, patience) and process.poll() is None:
        return
    state = f"ended with code {process.returncode}" if process.returncode is not None else f"was not ready after {patience:.0f} s"
    process.kill()
    process.wait()
    raise ServerDidNotStart(f"{what} {state}. The end of {log}:\n{tail(log)}")


def tail(log: Path, lines: int = 20) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"


def stop(process: subprocess.Popen[bytes] | None, signal_number: int, patience: float) -> None:
    """End a child in order by `signal_number`; after `patience` seconds by SIGKILL. A child already gone is fine."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal_number)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
