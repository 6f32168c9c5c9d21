"""How every child stands now, page by page: what the compacted topic carries, for whoever has no Kafka or begins anew."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.chassis.request import answer
from services.chassis.route import UsualRoute
from services.registry import repository
from services.registry.endpoints.changing import Looking

router = APIRouter(route_class=UsualRoute)


@router.get("/current")
async def read_current(
    request: Looking, after: UUID | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 500
) -> Response:
    """Present tovholdere in order of the child's reference; page on with `after` = `next` until it is null. For services only.

    Begin with `GET /registry/feed/ends`, page through this, then read the feed from those ends: of two values for a child the
    one with the higher version holds.
    """
    async with request.begin() as look:
        look.only_services()
        found = await repository.current_after(look.tx, after, limit)
    current = [one.model_dump(mode="json") for one in found]
    return answer(200, {"current": current, "next": current[-1]["child"] if len(current) == limit else None})
