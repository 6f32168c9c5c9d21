"""Who was told of what, and whether they have seen it."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.chassis.calendar import date_of
from services.chassis.errors import NotFound, require
from services.chassis.request import Change, OpenReading, Reading, answer, change, reading
from services.chassis.route import UsualRoute
from services.chassis.service import runtime_of
from services.events.access import may
from services.events.notifications import Seen, ToldInPerson
from services.notifications import repository
from services.notifications.domain import OnlyWhatFailedIsToldInPerson
from services.notifications.schemas import DeliveriesOut, DeliveryOut, SeenOut, State, ToldOut

router = APIRouter(prefix="/notifications", tags=["notifications"], route_class=UsualRoute)
runtime = runtime_of("notifications")
Changing = Annotated[Change, Depends(change(runtime))]
Looking = Annotated[Reading, Depends(reading(runtime))]


@router.get("/deliveries", summary="Who was told, and each delivery's fate", response_model=DeliveriesOut)
async def deliveries(
    request: Looking,
    child: UUID | None = None,
    recipient: Annotated[str | None, Query(pattern=r"^(me|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")] = None,
    state: State | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """One's own deliveries (`recipient=me`); a child's, for those concerned with it; what failed, for those who can act."""
    async with request.begin() as look:
        whom = look.caller.professional if recipient == "me" else UUID(recipient) if recipient else None
        rows = await _found(look, child, whom, state, after, limit)
        for about in {row["about"] for row in rows}:
            await look.saw(about, "deliveries")
    shown = [DeliveryOut(**row).model_dump(exclude_none=True) for row in rows]
    return answer(200, {"deliveries": shown, "next": rows[-1]["id"] if len(rows) == limit else None})


@router.post("/deliveries/{delivery}/seen", summary="I have seen it", response_model=SeenOut)
async def seen(request: Changing, delivery: UUID) -> Response:
    """The recipient alone says so; saying it again changes nothing."""
    async with request.begin() as begun:
        row, is_new = await repository.mark_seen(begun.tx, delivery, begun.caller.professional, begun.at)
        if row is None:
            raise NotFound
        if is_new:
            begun.tx.publish(
                row["notice"],
                Seen(
                    delivery=delivery,
                    notice=row["notice"],
                    municipality=row["municipality"],
                    channel=row["channel"],
                    about=row["about"],
                ),
            )
        return await begun.answer(200, {"id": str(delivery), "state": "seen"})


@router.post("/deliveries/{delivery}/told", summary="I have told them in person", response_model=ToldOut)
async def told(request: Changing, delivery: UUID) -> Response:
    """Whoever has a failed delivery on their list says that the recipient knows now: it is off the list."""
    async with request.begin() as begun:
        by, row = begun.caller.professional, await repository.delivery_of(begun.tx, delivery)
        if row is None or by is None:
            raise NotFound
        led = [seat.unit for seat in begun.caller.seats if seat.leads]
        relations = await repository.relations(begun.tx, row["about"], by, led, date_of(begun.at))
        require(row["shown_to"] == by or may(relations, "deliveries", "act"), row["shown_to"] == by or bool(relations))
        if await repository.mark_told(begun.tx, delivery, by, begun.at):
            begun.tx.publish(
                row["notice"],
                ToldInPerson(
                    delivery=delivery,
                    notice=row["notice"],
                    municipality=row["municipality"],
                    channel=row["channel"],
                    about=row["about"],
                    by=by,
                ),
            )
        elif row["state"] != "told":
            raise OnlyWhatFailedIsToldInPerson
        return await begun.answer(200, {"id": str(delivery), "state": "told"})


async def _found(
    look: OpenReading, child: UUID | None, whom: UUID | None, state: State | None, after: UUID | None, limit: int
) -> list[Any]:
    caller = look.caller
    led = [seat.unit for seat in caller.seats if seat.leads]
    if whom and (whom == caller.professional or caller.is_service):
        return await repository.to_recipient(look.tx, whom, child, state, after, limit)
    if child:
        relations = {"service"} if caller.is_service else set[str]()
        if caller.professional:
            relations = await repository.relations(look.tx, child, caller.professional, led, date_of(look.at))
        require(may(relations, "deliveries", "see"), bool(relations))
        return await repository.about_child(look.tx, child, whom, state, after, limit)
    if state == "failed" and not whom and (caller.professional or caller.is_service):
        return await repository.not_delivered(look.tx, caller.professional, led, caller.is_service, after, limit)
    raise NotFound("Ask for a child, for your own deliveries (recipient=me), or for those that failed (state=failed).")
