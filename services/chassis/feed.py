"""What every service offers its peers and its operators: its feed, a subject's events, and its dead letters."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.chassis.errors import CannotBeApplied, NotFound, RuleViolated
from services.chassis.request import Change, Reading, answer, change, reading
from services.chassis.service import Service, runtime_of

_PAGE = 500


class TheLetterStillCannotBeApplied(RuleViolated):
    """The dead letter failed again and stays where it is."""


def router_of(service: Service) -> APIRouter:
    """Addresses for the product's own services and operators only."""
    router = APIRouter(prefix=f"/{service.name}", tags=[service.name])
    looking = Annotated[Reading, Depends(reading(runtime_of(service.name)))]
    changing = Annotated[Change, Depends(change(runtime_of(service.name)))]

    @router.get("/feed/ends", summary="The end of each partition of the feed")
    async def feed_ends(request: looking) -> dict[int, int]:  # type: ignore[valid-type]
        async with request.begin() as look:  # type: ignore[attr-defined]
            look.only_services()
            return {row["partition"]: row["position"] for row in await look.tx.fetch("select partition, position from relay")}

    @router.get("/feed", summary="A page of the feed")
    async def feed(request: looking, partition: int, after: Annotated[int, Query(ge=0)] = 0) -> Response:  # type: ignore[valid-type]
        async with request.begin() as look:  # type: ignore[attr-defined]
            look.only_services()
            end = await look.tx.fetchval("select position from relay where partition = $1", partition)
            rows = await look.tx.fetch(
                "select f.position, l.envelope from feed f join ledger l using (subject, version) where f.partition = $1 and f.position > $2 order by f.position limit $3",
                partition, after, _PAGE,
            )  # fmt: skip
        events = [{"position": row["position"], "envelope": row["envelope"]} for row in rows]
        return answer(200, {"events": events, "next": events[-1]["position"] if events else after, "end": end or 0})

    @router.get("/subjects/{subject}/events", summary="A subject's events after a version")
    async def events(request: looking, subject: UUID, after: Annotated[int, Query(ge=0)] = 0) -> Response:  # type: ignore[valid-type]
        async with request.begin() as look:  # type: ignore[attr-defined]
            look.only_services()
            rows = await look.tx.fetch(
                "select version, envelope from ledger where subject = $1 and version > $2 order by version limit $3",
                subject,
                after,
                _PAGE,
            )
        return answer(200, {"events": [row["envelope"] for row in rows], "next": rows[-1]["version"] if rows else after})

    @router.get("/dead-letters", summary="Events that could not be applied")
    async def dead_letters(request: looking) -> list[dict[str, Any]]:  # type: ignore[valid-type]
        async with request.begin() as look:  # type: ignore[attr-defined]
            look.only_services()
            rows = await look.tx.fetch(
                "select id, source, subject, version, type, reason, tries, first_at from dead_letter where resolved_at is null order by first_at limit 500"
            )
        return [dict(row) for row in rows]

    @router.post("/dead-letters/{letter}/replay", summary="Apply a dead letter again")
    async def replay(request: changing, letter: UUID) -> Response:  # type: ignore[valid-type]
        async with request.begin() as begun:  # type: ignore[attr-defined]
            if not begun.caller.is_service:
                raise NotFound
            consumer = request.runtime.consumer  # type: ignore[attr-defined]
            try:
                await consumer.replay(letter, begun.caller.client)
            except CannotBeApplied as error:
                raise TheLetterStillCannotBeApplied(str(error)) from error
            found: Response = await begun.answer(200, {"id": str(letter), "state": "replayed"})
            return found

    return router
