"""One broker or three, each with a listener per service, so that the line between any two can be broken by itself."""

import base64
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from services.demo import kafka
from services.demo.kafka import KafkaBroker
from services.demo.processes import free_port
from tests.faults.wires import Wire


class Brokers:
    """A cluster on loopback. `wires`: by service and node, what the service is told to connect to."""

    def __init__(self, folder: Path, services: Sequence[str], number: int = 1, settings: Mapping[str, str] | None = None) -> None:
        self._folder, self._services, self._settings = folder, services, settings or {}
        self.nodes = list(range(1, number + 1))
        self._ports = {(name, node): free_port() for name in services for node in self.nodes}
        self.wires = {
            (name, node): Wire(f"{name} – broker {node}" if number > 1 else f"{name} – broker", _always(port))
            for (name, node), port in self._ports.items()
        }
        self._brokers: dict[int, KafkaBroker] = {}

    async def lay_wires(self) -> None:
        for wire in self.wires.values():
            await wire.lay()

    @property
    def bootstrap(self) -> str:
        """Past all wires, for ourselves."""
        return ",".join(broker.bootstrap for broker in self._brokers.values())

    def bootstrap_of(self, service: str) -> str:
        return ",".join(f"127.0.0.1:{self.wires[(service, node)].port}" for node in self.nodes)

    def start(self) -> None:
        """Those that do not run, side by side: a cluster is there when most of it is."""
        if not self._brokers:
            self._prepare()
        with ThreadPoolExecutor(len(self.nodes)) as apart:
            list(apart.map(lambda broker: broker.start(), self._brokers.values()))

    def kill(self) -> None:
        for node in self._brokers:
            self.kill_one(node)

    def kill_one(self, node: int) -> None:
        self._brokers[node].kill()

    def start_one(self, node: int) -> None:
        self._brokers[node].start()

    def pid(self, node: int = 1) -> int:
        return self._brokers[node].pid

    async def close(self) -> None:
        for wire in self.wires.values():
            await wire.close()

    def _prepare(self) -> None:
        main = {node: free_port() for node in self.nodes}
        controllers = {node: free_port() for node in self.nodes}
        for node in self.nodes:
            folder = self._folder / str(node)
            folder.mkdir(mode=0o700, parents=True)
            (folder / "controller-port").write_text(f"{controllers[node]}\n")
            _place_data(folder / "data", node)
            own = self._listeners(node)
            listeners = {
                "PLAINTEXT": main[node],
                "CONTROLLER": controllers[node],
                **{name: port for name, (port, _) in own.items()},
            }
            advertised = {"PLAINTEXT": main[node], **{name: wire for name, (_, wire) in own.items()}}
            settings = {
                "node.id": str(node),
                "controller.quorum.voters": ",".join(f"{one}@127.0.0.1:{port}" for one, port in controllers.items()),
                "listeners": _addresses(listeners),
                "advertised.listeners": _addresses(advertised),
                "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in listeners),
                **(_OF_THREE if len(self.nodes) > 1 else {}),
                **self._settings,
            }
            self._brokers[node] = KafkaBroker(folder, port=main[node], settings=settings)

    def _listeners(self, node: int) -> dict[str, tuple[int, int]]:
        """By service: where the broker listens, and what it says that it listens on."""
        return {name.upper(): (self._ports[(name, node)], self.wires[(name, node)].port) for name in self._services}


_OF_THREE = {
    **dict.fromkeys(("offsets.topic.replication.factor", "transaction.state.log.replication.factor"), "3"),
    "share.coordinator.state.topic.replication.factor": "3",
    "default.replication.factor": "3",
    **dict.fromkeys(("transaction.state.log.min.isr", "share.coordinator.state.topic.min.isr", "min.insync.replicas"), "2"),
    "broker.session.timeout.ms": "3000",
}


def _always(port: int) -> Callable[[], int]:
    return lambda: port


def _addresses(ports: dict[str, int]) -> str:
    return ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())


def _place_data(data: Path, node: int) -> None:
    """A formatted data folder that says which node's it is."""
    shutil.copytree(kafka.prepare() / "formatted", data)
    about = data / "meta.properties"
    lines = []
    for line in about.read_text().splitlines():
        if line.startswith("node.id="):
            line = f"node.id={node}"
        elif line.startswith("directory.id=") and node > 1:
            line = f"directory.id={_directory_id()}"
        lines.append(line)
    about.write_text("\n".join(lines) + "\n")


def _directory_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
