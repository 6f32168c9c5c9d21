"""What every service offers its peers and its operators: its feed, a subject's events, and its dead letters."""

from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime

from services.chassis.errors import CannotBeApplied, NotAllowed, NotFound, RuleViolated
from services.chassis.request import Change, OpenChange, Reading, answer, change, reading
from services.chassis.service import Replays, Service, runtime_of

_PAGE = 500
_SHOWS_THE_FAMILY = "service-persons"

Partition = Annotated[int, Query(ge=0, lt=2**15)]
Number = Annotated[int, Query(ge=0, lt=2**63)]


class TheLetterStillCannotBeApplied(RuleViolated):
    """The dead letter failed again and stays where it is."""


def router_of(service: Service) -> APIRouter:
    """Addresses for the product's own services and operators only."""
    router = APIRouter(prefix=f"/{service.name}", tags=[service.name])
    Looking = Annotated[Reading, Depends(reading(runtime_of(service.name)))]
    Changing = Annotated[Change, Depends(change(runtime_of(service.name)))]

    @router.get("/feed/ends", summary="The end of each partition of the feed")
    async def feed_ends(request: Looking) -> dict[int, int]:
        async with request.begin() as look:
            look.only_services()
            ends = await look.tx.fetch("select partition, position from relay order by partition")
            return {row["partition"]: row["position"] for row in ends}

    @router.get("/feed", summary="A page of the feed")
    async def feed(request: Looking, partition: Partition, after: Number = 0) -> Response:
        async with request.begin() as look:
            look.only_services()
            end = await look.tx.fetchval("select position from relay where partition = $1", partition)
            rows = await look.tx.fetch(
                "select f.position, l.envelope::text as envelope from feed f join ledger l using (subject, version)"
                " where f.partition = $1 and f.position > $2 order by f.position limit $3",
                partition, after, _PAGE,
            )  # fmt: skip
        events = [{"position": row["position"], "envelope": orjson.Fragment(row["envelope"])} for row in rows]
        return answer(200, {"events": events, "next": events[-1]["position"] if events else after, "end": end or 0})

    @router.get("/subjects/{subject}/events", summary="A subject's events after a version")
    async def events(request: Looking, subject: UUID, after: Number = 0) -> Response:
        async with request.begin() as look:
            look.only_services()
            rows = await look.tx.fetch(
                "select version, envelope::text as envelope from ledger where subject = $1 and version > $2"
                " order by version limit $3",
                subject,
                after,
                _PAGE,
            )
        return answer(
            200, {"events": [orjson.Fragment(row["envelope"]) for row in rows], "next": rows[-1]["version"] if rows else after}
        )

    @router.get("/access", summary="Who has looked at a subject's data")
    async def access(
        request: Looking,
        subject: UUID,
        before: AwareDatetime | None = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 100,
        machinery: bool = True,
    ) -> Response:
        """For persons, which shows it to the family: the newest first, who by reference, what class of data, what for.

        `machinery` false: without what the product's own services asked each other, and what the family itself has looked at.
        """
        async with request.begin() as look:
            if look.caller.client_id != _SHOWS_THE_FAMILY:
                raise NotAllowed("Who has looked is shown to the family, by the service that knows who that is.")
            rows = await look.tx.fetch(
                "select at, party, professional, class, purpose from access"
                " where subject = $1 and ($2::timestamptz is null or at < $2)"
                "   and ($4 or split_part(party, ':', 1) not in ('service', 'family')) order by at desc limit $3",
                *(subject, before, limit, machinery),
            )
        return answer(200, {"lines": [dict(row) for row in rows]})

    @router.get("/dead-letters", summary="Events that could not be applied")
    async def dead_letters(request: Looking) -> list[dict[str, Any]]:
        async with request.begin() as look:
            look.only_services()
            rows = await look.tx.fetch(
                "select id, source, subject, version, type, reason, tries, first_at from dead_letter"
                " where resolved_at is null order by first_at limit 500"
            )
        return [dict(row) for row in rows]

    @router.post("/dead-letters/{letter}/replay", summary="Apply a dead letter again, then what waited behind it")
    async def replay(request: Changing, letter: UUID) -> Response:
        async with request.begin() as begun:
            try:
                await _of_operators(begun, request).replay(letter, begun.caller.client)
            except CannotBeApplied as error:
                raise TheLetterStillCannotBeApplied(f"The letter stays where it is: {error}.") from error
            return await begun.answer(200, {"id": str(letter), "state": "replayed"})

    @router.post("/dead-letters/{letter}/skip", summary="Never apply a dead letter, and go on with what waited behind it")
    async def skip(request: Changing, letter: UUID) -> Response:
        async with request.begin() as begun:
            try:
                await _of_operators(begun, request).skip(letter, begun.caller.client)
            except CannotBeApplied as error:
                raise NotFound from error
            return await begun.answer(200, {"id": str(letter), "state": "skipped"})

    return router


def _of_operators(begun: OpenChange, request: Change) -> Replays:
    """The consumer of this process; NotFound for anyone but the product's own services and operators."""
    if not begun.caller.is_service or request.runtime.consumer is None:
        raise NotFound
    return request.runtime.consumer
