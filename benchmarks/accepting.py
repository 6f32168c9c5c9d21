"""Acceptances and readings over HTTP, with token check, party, sealed text, access log and logging on."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from benchmarks import load, raw
from benchmarks.figures import Figure, median
from benchmarks.installation import DATABASE, Installation
from services import catalogue
from services.chassis.ids import new_id, partition_of
from services.chassis.party import MACHINE
from services.chassis.sealed import new_wrapped_key
from services.chassis.store import Store
from services.demo import town

_CLIENTS = 32
_CHILDREN = 6_000
_TEXT = "Familien vil gerne have besøg om formiddagen, og storebror er med."


async def offer_children(installation: Installation, count: int) -> list[tuple[UUID, UUID]]:
    """So many children with the intake lead as tovholder and an open handover to Birgit, through the registry's own commit. (child, handover)."""
    names, store = town.names(), Store(installation.settings, "registry")
    giver, receiver = (names["inge"], names["intake"]), (names["birgit"], names["nord"])
    offered = []
    for _ in range(0, count, 250):
        decisions = []
        for _ in range(250):
            child, handover = new_id(), uuid4()
            offered.append((child, handover))
            decisions.append(decision(installation, child, handover, giver, receiver))
        await store.call("commit", MACHINE.as_json(), decisions, None, role="machine")
    await store.close()
    return offered


def decision(
    installation: Installation, child: UUID, handover: UUID, giver: tuple[str, str], receiver: tuple[str, str]
) -> dict[str, object]:
    name, wrapped, seal = new_wrapped_key(installation.settings.secrets, "0990", child)
    due = (datetime.now(UTC) + timedelta(days=5)).isoformat()
    registered = {
        "child": str(child), "municipality": "0990", "notification_id": None, "mother": None, "order": 1, "status": "born",
        "sibling_of": None, "due_on": None, "born_on": None,
    }  # fmt: skip
    changed = {
        "child": str(child), "municipality": "0990", "tovholder": {"professional": giver[0], "unit": giver[1]}, "before": None,
        "why": "registration", "since": due, "handover": None, "by": None,
    }  # fmt: skip
    return {
        "child": str(child), "partition": partition_of(child, installation.partitions),
        "registers": {"municipality": "0990", "district": None, "status": "born", "birth_order": 1, "sibling_of": None},
        "holder": {"professional": giver[0], "unit": giver[1], "why": "registration"},
        "offer": {"professional": receiver[0], "unit": receiver[1]}, "new": True,
        "handover": {
            "id": str(handover), "receiver_municipality": "0990", "state": "proposed", "giver": giver[0], "giver_unit": giver[1],
            "receiver": receiver[0], "receiver_unit": receiver[1], "proposer": giver[0], "reason": "first-visit", "due_at": due, "next_at": due,
        },
        "key": {"wrapped_by": name, "wrapped": wrapped.hex()}, "texts": {"message": seal.close(_TEXT, "handover.message").hex()},
        "events": [_event("child_registered", child, registered), _event("tovholder_changed", child, changed)],
    }  # fmt: skip


def _event(fact: str, child: UUID, content: Mapping[str, object]) -> dict[str, object]:
    number = str(new_id())
    return {
        "specversion": "1.0", "id": number, "type": f"dk.tovholder.registry.{fact}.v1", "source": "/registry", "subject": str(child),
        "datacontenttype": "application/json", "correlationid": number, "data": content,
    }  # fmt: skip


def drive(installation: Installation, service: str, requests: list[bytes], clients: int, per_second: float = 0) -> load.Outcome:
    """The load from a process of its own."""
    plan = {
        "host": "127.0.0.1",
        "port": installation.port(service),
        "clients": clients,
        "per_second": per_second,
        "requests": [one.decode() for one in requests],
    }
    file = installation.folder / f"plan-{uuid4().hex[:8]}.json"
    file.write_text(json.dumps(plan))
    done = subprocess.run([sys.executable, "-m", "benchmarks.load", str(file)], capture_output=True, text=True, check=True)
    outcome = load.Outcome(**json.loads(done.stdout))
    if outcome.refused:
        raise RuntimeError(f"{outcome.refused} of {outcome.requests} requests to {service} were refused")
    return outcome


def acceptances(offered: list[tuple[UUID, UUID]], token: str) -> list[bytes]:
    """One acceptance each, with a note that is sealed."""
    body = json.dumps({"text": _TEXT}).encode()
    return [
        load.request("POST", f"/registry/handovers/{handover}/acceptance", token, body, key=str(handover))
        for _, handover in offered
    ]


def accepting(installation: Installation) -> list[Figure]:
    """Registry, relay, PostgreSQL, broker and the load; the outbox drained afterwards."""
    installation.run(["registry"])
    rounds = _rounds(installation, 3)
    installation.end()
    limit = raw.acceptances_per_second(installation.postgres, DATABASE, installation.folder, _CLIENTS)
    return [
        median("accept_http_c32_per_s", [one.per_second for one in rounds], "acceptances/s", limit, "≥ 900"),
        median("accept_http_c32_p99_ms", [one.p99 for one in rounds], "ms", None, "≤ 80"),
    ]


def whole_system(installation: Installation) -> list[Figure]:
    """The same with every service running and consuming."""
    installation.run(catalogue.names())
    rounds = _rounds(installation, 3, 3_000)
    installation.end()
    return [median("whole_system_accept_per_s", [one.per_second for one in rounds], "acceptances/s")]


def _rounds(installation: Installation, count: int, children: int = _CHILDREN) -> list[load.Outcome]:
    outcomes = []
    for round_ in range(count + 1):
        offered = asyncio.run(offer_children(installation, children if round_ else 1_000))
        installation.drained("registry")
        outcomes.append(drive(installation, "registry", acceptances(offered, installation.token_of("birgit")), _CLIENTS))
    installation.drained("registry")
    return outcomes[1:]


def reading(installation: Installation) -> list[Figure]:
    """`GET /registry/children/{ref}` by the tovholder, each with its row in the access log."""
    installation.run(["registry"])
    children = asyncio.run(offer_children(installation, 2_000))
    token = installation.token_of("inge")
    requests = [load.request("GET", f"/registry/children/{child}", token) for child, _ in children] * 8
    drive(installation, "registry", requests[:2_000], 16)
    rates = [drive(installation, "registry", requests, 16).per_second for _ in range(3)]
    installation.end()
    limit = raw.reads_per_second(installation.postgres, DATABASE, installation.folder, 16)
    return [median("child_read_per_s", rates, "reads/s", limit, "≥ 2,000")]
