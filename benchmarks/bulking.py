"""Many children handed over at once: by the store's own function, and through the API until everyone concerned has been worked out."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import httpx2

from benchmarks import accepting, committing
from benchmarks.figures import Figure, median
from benchmarks.installation import Installation
from services.chassis.ids import new_id
from services.chassis.party import MACHINE
from services.chassis.store import Store
from services.demo import town
from services.registry.repository.bulk import CHUNK

_CLIENTS = 4
_CHILDREN = 5_000
_WARMING = _CLIENTS * CHUNK
_PATIENCE = 900.0


def bulk_children_per_s(installation: Installation) -> list[Figure]:
    """Acceptances made beforehand, committed as a bulk commits them: so many children in one call of `commit_many`, 4 connections."""
    rates = []
    for _ in range(3):
        offered = asyncio.run(accepting.offer_children(installation, _WARMING + _CHILDREN))
        prepared = asyncio.run(committing.prepared(installation, offered))
        rates.append(asyncio.run(_committed(installation, prepared)))
    return [median("bulk_children_per_s", rates, "children/s", None, "≥ 5,000")]


async def _committed(installation: Installation, prepared: Sequence[committing.Prepared]) -> float:
    """Children per second."""
    store = Store(installation.settings, "registry")
    party = prepared[0][0]
    chunks = [[decision for _, decision, _ in prepared[first : first + CHUNK]] for first in range(0, len(prepared), CHUNK)]

    async def commit(decisions: list[dict[str, Any]]) -> None:
        await store.call("commit_many", party, decisions, role="machine")

    # A service keeps its connections: what a new one costs comes before.
    await committing.by_clients(_CLIENTS, chunks[:_CLIENTS], commit)
    began = time.perf_counter()
    await committing.by_clients(_CLIENTS, chunks[_CLIENTS:], commit)
    seconds = time.perf_counter() - began
    await store.close()
    return (len(prepared) - _WARMING) / seconds


def bulk_api_5000_s(installation: Installation) -> list[Figure]:
    """From the request to hand 5,000 children over, through the receiver's yes to all, until notifications has worked out who is to be told."""
    installation.run(["registry", "notifications"])
    times = [_handed_over(installation, _CHILDREN if round_ else 500) for round_ in range(4)]
    installation.end()
    return [median("bulk_api_5000_s", times[1:], "s", None, "≤ 15")]


def _handed_over(installation: Installation, count: int) -> float:
    children = asyncio.run(_held(installation, count))
    installation.drained("registry", "notifications", patience=_PATIENCE)
    names, giver, receiver = town.names(), installation.token_of("inge"), installation.token_of("birgit")
    to = {"professional": names["birgit"], "unit": names["nord"]}
    # One client for all: to make one costs as much as ten looks.
    with httpx2.Client(base_url=f"http://127.0.0.1:{installation.port('registry')}", timeout=60) as client:
        began = time.perf_counter()
        asked = _ask(
            client, giver, "", {"children": [str(it) for it in children], "to": to, "reason": "leaves-the-team"}, str(uuid4())
        )
        _until(client, giver, asked["id"], "proposed")
        _ask(client, receiver, f"/{asked['id']}/answer", {"accept": True}, str(uuid4()))
        _until(client, giver, asked["id"], "answered")
        installation.drained("registry", "notifications", patience=_PATIENCE)
        return time.perf_counter() - began


def _until(client: httpx2.Client, token: str, bulk: str, state: str) -> None:
    ended = time.monotonic() + _PATIENCE
    while (found := _ask(client, token, f"/{bulk}?limit=1"))["state"] != state:
        if time.monotonic() > ended:
            raise TimeoutError(f"the bulk was still {found['state']} after {_PATIENCE:.0f} s")
        time.sleep(0.1)
    if found["counts"] != {"offered" if state == "proposed" else "accepted": sum(found["counts"].values())}:
        raise RuntimeError(f"not all were {state}: {found['counts']}")


def _ask(client: httpx2.Client, token: str, path: str, body: dict[str, Any] | None = None, key: str = "") -> Any:
    answer = client.request(
        "GET" if body is None else "POST",
        f"/registry/bulk-handovers{path}",
        json=body,
        headers={"authorization": f"Bearer {token}", **({"idempotency-key": key} if key else {})},
    )
    return answer.raise_for_status().json()


async def _held(installation: Installation, count: int) -> list[UUID]:
    """So many children with the intake lead as tovholder, offered to nobody."""
    names, store = town.names(), Store(installation.settings, "registry")
    giver = (names["inge"], names["intake"])
    children = [new_id() for _ in range(count)]
    for first in range(0, count, CHUNK):
        decisions = []
        for child in children[first : first + CHUNK]:
            made = accepting.decision(installation, child, uuid4(), giver, giver)
            decisions.append({name: made[name] for name in made if name not in ("offer", "new", "handover", "texts")})
        await store.call("commit", MACHINE.as_json(), decisions, None, role="machine")
    await store.close()
    return children
