"""Alive (`/livez`): the process answers. Ready (`/readyz`): the store answers and nothing is stuck; says what is not."""

import asyncio
from typing import Protocol

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.chassis import metrics
from services.chassis.errors import TryAgainSoon
from services.chassis.request import answer
from services.chassis.service import Runtime

_LAG_LIMIT = 10_000


class Worker(Protocol):
    """A relay, consumer or clock of this process. `trouble`: why it waits, if it does."""

    trouble: str | None


router = APIRouter(tags=["health"])


@router.get("/livez", summary="Is the process alive?")
async def livez() -> dict[str, str]:
    return {"state": "alive"}


@router.get("/readyz", summary="Can it serve? If not: what is wrong")
async def readyz(request: Request) -> Response:
    """503 where PostgreSQL is away, or a consumer fails or is far behind.

    A peer or Kafka away is told but stops nobody: services that wait for each other must not all go out of service.
    """
    runtimes: dict[str, Runtime] = request.app.state.runtimes
    workers: dict[str, Worker] = request.app.state.workers
    stores = await asyncio.gather(*(_store_trouble(runtime) for runtime in runtimes.values()))
    troubles = {f"{name}.store": trouble for name, trouble in zip(runtimes, stores, strict=True) if trouble}
    told = {name: worker.trouble for name, worker in workers.items() if worker.trouble}
    lags = {name: getattr(worker, "behind", {}) for name, worker in workers.items()}
    behind = {name: lag for name, lag in lags.items() if sum(lag.values()) > _LAG_LIMIT}
    stuck = any(getattr(worker, "stuck", False) for worker in workers.values())
    ready = not troubles and not behind and not stuck
    return answer(
        200 if ready else 503, {"state": "ready" if ready else "not-ready", "troubles": troubles | told, "behind": behind}
    )


async def _store_trouble(runtime: Runtime) -> str | None:
    try:
        async with asyncio.timeout(3), runtime.store.connection() as connection:
            await connection.fetchval("select 1")
    except (TryAgainSoon, TimeoutError) as error:
        return str(getattr(error, "cause", None) or "no answer in time")
    return None


@router.get("/metrics", summary="Measures for Prometheus", response_class=Response)
async def measures(request: Request) -> Response:
    for name, runtime in request.app.state.runtimes.items():
        try:
            async with asyncio.timeout(2), runtime.store.connection() as connection:
                row = await connection.fetchrow(
                    "select coalesce(extract(epoch from clock_timestamp()"
                    " - (select at from (select * from outbox order by id limit 1) o join ledger using (subject, version))"
                    "), 0)::float as age,"
                    " (select coalesce(sum(position - sent), 0)::float from relay) as unsent"
                )
        except (TryAgainSoon, TimeoutError):
            continue
        metrics.OUTBOX_AGE.labels(name).set(max(0.0, row["age"]))
        metrics.UNSENT.labels(name).set(row["unsent"] if runtime.settings.bus == "kafka" else 0)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
