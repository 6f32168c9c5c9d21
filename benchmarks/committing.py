"""The commit of an acceptance by itself, acceptances at a steady pace, and how soon a consumer has applied one."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import psutil

from benchmarks import accepting, raw
from benchmarks.figures import Figure, median
from benchmarks.installation import DATABASE, Installation
from services.chassis.party import Bearer, Caller
from services.chassis.store import Store
from services.demo import town
from services.registry import repository
from services.registry.domain import handing_over
from services.registry.repository import Place

_CLIENTS = 8
_COMMITS, _WARMING = 4_000, 400
_PER_SECOND = 200
_SECONDS = 12

T = TypeVar("T")
Prepared = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]
"""Party, decision and stored answer, as commit() takes them."""


def committing(installation: Installation) -> list[Figure]:
    """`commit()` as the API's role, 8 connections, decisions made beforehand; PostgreSQL's processor time over all its processes."""
    rates, costs = [], []
    for _ in range(3):
        offered = asyncio.run(accepting.offer_children(installation, _WARMING + _COMMITS))
        made = asyncio.run(prepared(installation, offered))
        rate, cost = asyncio.run(_committed(installation, made))
        rates.append(rate)
        costs.append(cost)
    limit = raw.acceptances_per_second(installation.postgres, DATABASE, installation.folder, _CLIENTS)
    return [
        median("commit_per_s", rates, "commits/s", limit, "≥ 2,500"),
        median("commit_pg_cpu_ms", costs, "ms", None, "≤ 0.55"),
    ]


async def prepared(installation: Installation, offered: Sequence[tuple[UUID, UUID]]) -> list[Prepared]:
    """Birgit's acceptance of each, decided but not committed."""
    store = Store(installation.settings, "registry")
    person = town.person("birgit")
    bearer = Bearer({"issuer": installation.settings.issuer, "login": person.sub})
    made = []
    for _, handover in offered:
        loaded = await repository.load(store, bearer, bearer.who, str(handover), Place(handover=handover))
        assert loaded is not None, "Birgit is known"
        assert loaded.child is not None, "the handover was offered"
        decision = handing_over.accept(loaded.child, UUID(person.id), loaded.at, None, {"note": "Velkommen."})
        seal, key = loaded.seal(installation.settings.secrets)
        answer = {
            "client": bearer.client, "key": str(handover), "fingerprint": "00" * 32, "status": 200,
            "body": {"child": loaded.child.id, "version": decision.version}, "version": decision.version,
        }  # fmt: skip
        party = Caller.of(bearer, loaded.found["caller"]).party.as_json()
        made.append((party, repository.as_json(decision, installation.partitions, seal, key), answer))
    await store.close()
    return made


async def _committed(installation: Installation, prepared: Sequence[Prepared]) -> tuple[float, float]:
    """Commits per second, and milliseconds of PostgreSQL's processors for each."""
    store = Store(installation.settings.model_copy(update={"pool_size": _CLIENTS}), "registry")

    async def commit(one: Prepared) -> None:
        party, decision, answer = one
        await store.call("commit", party, [decision], answer)

    # A service keeps its connections: what a new one costs (50 ms each) comes before.
    await by_clients(_CLIENTS, prepared[:_WARMING], commit)
    before, began = _postgres_seconds(installation), time.perf_counter()
    await by_clients(_CLIENTS, prepared[_WARMING:], commit)
    seconds, spent = time.perf_counter() - began, _postgres_seconds(installation) - before
    await store.close()
    measured = len(prepared) - _WARMING
    return measured / seconds, 1000 * spent / measured


async def by_clients(clients: int, work: Iterable[T], do: Callable[[T], Awaitable[None]]) -> None:
    """All of the work, shared by so many clients, each with one thing under way."""
    waiting = iter(work)

    async def client() -> None:
        for one in waiting:
            await do(one)

    await asyncio.gather(*(client() for _ in range(clients)))


def _postgres_seconds(installation: Installation) -> float:
    """Processor time so far of the server and all its children, the ended ones too."""
    postmaster = psutil.Process(installation.postgres.pid)
    while True:
        try:
            running = [process.cpu_times() for process in postmaster.children()]
        except psutil.NoSuchProcess:  # one has ended meanwhile, and counts among the ended now
            continue
        own = postmaster.cpu_times()
        return float(own.user + own.system + own.children_user + own.children_system + sum(it.user + it.system for it in running))


def steady(installation: Installation) -> list[Figure]:
    """Acceptances over HTTP at 200 a second by 32 clients; registry, its relay, PostgreSQL, the broker and the load."""
    installation.run(["registry"])
    outcomes = [_at_a_steady_pace(installation) for _ in range(4)][1:]
    installation.end()
    return [
        median("accept_http_200_p50_ms", [one.p50 for one in outcomes], "ms", None, "≤ 5"),
        median("accept_http_200_p99_ms", [one.p99 for one in outcomes], "ms", None, "≤ 20"),
    ]


def _at_a_steady_pace(installation: Installation) -> Any:
    offered = asyncio.run(accepting.offer_children(installation, _PER_SECOND * _SECONDS))
    installation.drained("registry")
    requests = accepting.acceptances(offered, installation.token_of("birgit"))
    return accepting.drive(installation, "registry", requests, 32, _PER_SECOND)


def applied(installation: Installation) -> list[Figure]:
    """From the commit of an acceptance to that of sundhedspleje's transaction which applied it, by PostgreSQL's commit times, at 200 a second."""
    installation.run(["registry", "sundhedspleje"])
    rounds = [_applied(installation) for _ in range(4)][1:]
    installation.end()
    return [
        median("commit_to_applied_p50_ms", [p50 for p50, _ in rounds], "ms", None, "≤ 25"),
        median("commit_to_applied_p99_ms", [p99 for _, p99 in rounds], "ms", None, "≤ 100"),
    ]


def _applied(installation: Installation) -> tuple[float, float]:
    offered = asyncio.run(accepting.offer_children(installation, _PER_SECOND * _SECONDS))
    installation.drained("registry", "sundhedspleje")
    requests = accepting.acceptances(offered, installation.token_of("birgit"))
    accepting.drive(installation, "registry", requests, 32, _PER_SECOND)
    installation.drained("registry", "sundhedspleje")
    rows = installation.sql(
        "select 1000 * extract(epoch from pg_xact_commit_timestamp(s.xmin) - pg_xact_commit_timestamp(l.xmin))::float"
        " from sundhedspleje.seen s join registry.ledger l on l.subject = s.subject and l.version = s.version"
        " where s.source = 'registry' and s.subject = any (%s)",
        [child for child, _ in offered],
    )
    waits = sorted(float(str(wait)) for (wait,) in rows)
    return waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
