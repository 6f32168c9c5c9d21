"""A real Apache Kafka broker of one's own on loopback: one node, data kept between starts, up in two or three seconds."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import string
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from services.demo import processes
from services.demo.installed import REPOSITORY, installed

CLUSTER_ID = "VG92aG9sZGVyLWRlbW8tMQ"
CONFIGURATION = REPOSITORY / "deploy" / "kafka-dev"

_JVM = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_READY = b"Kafka Server started"


@dataclass
class KafkaBroker:
    """One broker, its data below `folder`.

    port: None keeps the port of the last start if it is free. settings: broker settings over deploy/kafka-dev/server.properties.
    """

    folder: Path
    port: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def bootstrap(self) -> str:
        """host:port for clients."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "the broker has not been started"
        return self._process.pid

    @property
    def log(self) -> Path:
        return self.folder / "kafka.log"

    def start(self) -> Self:
        """Start and return once clients may connect; a broker left over from a killed run is ended first.

        After kill() the broker refuses itself until its old session ends: count on 4-6 seconds instead of 2-3.
        Raises installed.NotInstalled, or processes.ServerDidNotStart with the end of the broker's log.
        """
        prepared = prepare()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        processes.stop(self._process, signal.SIGTERM, 20)
        processes.end_left_over(self.folder / "pid", str(self._properties))
        self.port = processes.remembered_port(self.folder / "port", self.port)
        controller_port = processes.remembered_port(self.folder / "controller-port", None)
        if not (self.folder / "data").exists():
            shutil.copytree(prepared / "formatted", self.folder / "data")
        self._properties.write_text(_properties(self.port, controller_port, self.folder / "data", self.settings))
        with self.log.open("wb") as log:
            # Its own session: Ctrl-C in the terminal reaches the parent alone, which then stops the broker in order.
            self._process = subprocess.Popen(
                [*_java(prepared / "classes.jsa"), "kafka.Kafka", str(self._properties)],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        (self.folder / "pid").write_text(f"{self._process.pid}\n")
        processes.wait_until_ready(self._process, lambda: _READY in self.log.read_bytes(), self.log, "Kafka", 90)
        return self

    def stop(self) -> None:
        """End in order; the data stays."""
        processes.stop(self._process, signal.SIGTERM, 20)

    def kill(self) -> None:
        """SIGKILL, as a crash of the process would; what the kernel holds of the log survives."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> Self:
        """Start again on the same port and data, in order or after kill()."""
        self.stop()
        return self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"


def prepare() -> Path:
    """A folder with a formatted data folder and an archive of loaded classes, made once for these jars and this Java.

    Takes some ten seconds the first time; later starts of brokers are then twice as fast.
    """
    kafka = installed("kafka", "test")
    ready = kafka / f"prepared-{_key()}"
    if ready.exists():
        return ready
    with _only_one(kafka / "preparing.lock"):
        if ready.exists():
            return ready
        with tempfile.TemporaryDirectory(dir=kafka, prefix="preparing-", ignore_cleanup_errors=True) as name:
            work = Path(name)
            properties = work / "server.properties"
            properties.write_text(_properties(processes.free_port(), processes.free_port(), work / "data", {}))
            _format(properties)
            fresh = work / "fresh"
            shutil.copytree(work / "data", fresh / "formatted")
            _archive_classes(properties, fresh / "classes.jsa", work / "kafka.log")
            fresh.rename(ready)
    return ready


def _key() -> str:
    java = installed("java", "test").resolve()
    parts = (str(java), str(java.stat().st_mtime_ns), *_JVM, CLUSTER_ID, (CONFIGURATION / "server.properties").read_text())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _java(archive: Path | None, *options: str) -> list[str]:
    shared = [] if archive is None else [f"-XX:SharedArchiveFile={archive}", "-Xlog:cds=off", "-Xshare:auto"]
    logging = f"-Dlog4j2.configurationFile=file:{CONFIGURATION / 'log4j2.properties'}"
    class_path = str(installed("kafka", "test") / "jars" / "*")
    return [str(installed("java", "test")), *_JVM, *shared, *options, logging, "-cp", class_path]


def _properties(port: int, controller_port: int, data: Path, settings: Mapping[str, str]) -> str:
    template = string.Template((CONFIGURATION / "server.properties").read_text())
    text = template.substitute(port=port, controller_port=controller_port, data=data)
    # The last line of a name wins.
    return text + "".join(f"{name}={value}\n" for name, value in settings.items())


def _format(properties: Path) -> None:
    command = [*_java(None), "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties), "--ignore-formatted"]
    formatted = subprocess.run(command, cwd=properties.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if formatted.returncode != 0:
        raise processes.ServerDidNotStart(f"Kafka could not format its data folder:\n{formatted.stdout.decode(errors='replace')}")


def _archive_classes(properties: Path, archive: Path, log: Path) -> None:
    """Start once and let Java write down which classes it loaded; failing that, brokers start without an archive."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*_java(None, f"-XX:ArchiveClassesAtExit={archive}"), "kafka.Kafka", str(properties)],
            cwd=properties.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        processes.wait_until_ready(process, lambda: _READY in log.read_bytes(), log, "Kafka", 120)
    finally:
        processes.stop(process, signal.SIGTERM, 90)


@contextlib.contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """Wait until no other process prepares here; the lock ends with the process that holds it."""
    descriptor = os.open(lock, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
