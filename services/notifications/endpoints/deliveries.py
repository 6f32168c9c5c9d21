"""Who was told of what, whether they have seen it, who was not told, and what can be done about it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.chassis.errors import NotFound
from services.chassis.request import OpenReading, answer
from services.chassis.route import UsualRoute
from services.chassis.settings import Settings
from services.events.notifications import Seen, ToldInPerson
from services.notifications import repository
from services.notifications.domain import mending
from services.notifications.endpoints.asking import Changing, Looking, led_by, related, to_act_on
from services.notifications.repository import people
from services.notifications.schemas import (
    AgainOut,
    DeliveriesOut,
    DeliveryOut,
    OtherChannelIn,
    SeenOut,
    State,
    ToldIn,
    ToldOut,
)

router = APIRouter(route_class=UsualRoute)


@router.get("/deliveries", summary="Who was told, and each delivery's fate", response_model=DeliveriesOut)
async def deliveries(
    request: Looking,
    child: UUID | None = None,
    recipient: Annotated[str | None, Query(pattern=r"^(me|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")] = None,
    state: State | None = None,
    of: Annotated[Literal["me"] | None, Query(description="Of what failed only what is one's own to mend.")] = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """One's own deliveries (`recipient=me`); a child's, for those concerned with it; what failed, for those who can act."""
    async with request.begin() as look:
        whom = look.caller.professional if recipient == "me" else UUID(recipient) if recipient else None
        rows = await _found(look, child, whom, state, of == "me", after, limit)
        await _saw(look, rows)
    return _page(rows, limit, request.runtime.settings)


@router.get("/untold", summary="Who was not told", response_model=DeliveriesOut)
async def untold(
    request: Looking,
    minutes: Annotated[int, Query(ge=0, le=100_000, description="Late by so many; what failed is listed at once.")] = 45,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """What failed and nobody has taken care of, and what is late: of the units one leads, and of the intake one stands in."""
    async with request.begin() as look:
        caller = look.caller
        if caller.professional is None and not caller.is_service:
            raise NotFound
        rows = await people.untold(look.tx, caller.professional, led_by(caller), caller.is_service, minutes, after, limit)
        tries = await people.tries_of(look.tx, [row["id"] for row in rows])
        await _saw(look, rows)
    return _page(rows, limit, request.runtime.settings, tries)


@router.get("/deliveries/{delivery}", summary="One delivery, with every try", response_model=DeliveryOut)
async def delivery(request: Looking, delivery: UUID) -> Response:
    """For its recipient, for whoever has it on their list, and for those who stand by the child."""
    async with request.begin() as look:
        row = await repository.delivery_seen(look.tx, delivery)
        if row is None:
            raise NotFound
        if look.caller.professional is None or look.caller.professional not in (row["recipient"], row["shown_to"]):
            await related(look, row["about"], "see")
        tries = await people.tries_of(look.tx, [delivery])
        await _saw(look, [row])
    return answer(200, _shown(row, request.runtime.settings, tries.get(delivery, [])))


@router.post("/deliveries/{delivery}/seen", summary="I have seen it", response_model=SeenOut)
async def seen(request: Changing, delivery: UUID) -> Response:
    """The recipient alone says so; saying it again changes nothing."""
    async with request.begin() as begun:
        row, is_new = await repository.mark_seen(begun.tx, delivery, begun.caller.professional, begun.at)
        if row is None:
            raise NotFound
        if is_new:
            begun.tx.publish(row["notice"], Seen(**_named(row)))
        return await begun.answer(200, {"id": str(delivery), "state": "seen"})


@router.post("/deliveries/{delivery}/told", summary="They know: told in person, by phone, or by a letter printed by hand")
async def told(request: Changing, delivery: UUID, body: ToldIn | None = None) -> Response:
    """Whoever has a failed delivery on their list says who knows it now, how and since when: it is off the list."""
    said = body or ToldIn()
    async with request.begin() as begun:
        by, row = await to_act_on(begun, delivery)
        at = min(said.at, begun.at) if said.at else begun.at
        if await repository.mark_told(begun.tx, delivery, by, at, said.how, said.spoke_to):
            begun.tx.publish(row["notice"], ToldInPerson(**_named(row), by=by, how=said.how))
        elif row["state"] != "told":
            raise mending.OnlyWhatFailedIsToldInPerson
        return await begun.answer(200, ToldOut(id=delivery).model_dump(mode="json"))


@router.post("/deliveries/{delivery}/again", summary="The address is corrected: try again", response_model=AgainOut)
async def again(request: Changing, delivery: UUID) -> Response:
    """At once, and then as often as at first; all tries before stay."""
    async with request.begin() as begun:
        _, row = await to_act_on(begun, delivery)
        mending.may_be_mended("try-again", row["state"], row["to_whom"], row["channel"], _has_letters(request.runtime.settings))
        await repository.try_again(begun.tx, delivery, begun.at)
        return await begun.answer(200, AgainOut(id=delivery).model_dump(mode="json"))


@router.post("/deliveries/{delivery}/other-channel", summary="Try another channel", response_model=AgainOut)
async def other_channel(request: Changing, delivery: UUID, body: OtherChannelIn) -> Response:
    """The same notice to the same recipient, as another delivery; this one says which."""
    async with request.begin() as begun:
        _, row = await to_act_on(begun, delivery)
        mending.may_be_mended(body.channel, row["state"], row["to_whom"], row["channel"], _has_letters(request.runtime.settings))
        number = await repository.replace_by(begun.tx, row, body.channel, begun.at)
        if number is None:
            raise mending.ThisChannelDoesNotReachThem
        return await begun.answer(200, AgainOut(id=number).model_dump(mode="json"))


def _named(row: Any) -> dict[str, Any]:
    return {
        "delivery": row["id"],
        "notice": row["notice"],
        "municipality": row["municipality"],
        "channel": row["channel"],
        "about": row["about"],
    }


def _has_letters(settings: Settings) -> bool:
    return settings.letters_folder is not None


def _shown(row: Any, settings: Settings, tries: Sequence[Any] | None = None) -> dict[str, Any]:
    can = mending.what_can_be_done(row["state"], row["to_whom"], row["channel"], _has_letters(settings))
    waits = row["state"] == "queued"
    shown = DeliveryOut(
        **{**row, "next_try_at": row["next_try_at"] if waits else None},
        can=list(can) or None,
        all_tries=list(tries) if tries else None,
    )
    return shown.model_dump(exclude_none=True)


def _page(rows: Sequence[Any], limit: int, settings: Settings, tries: Mapping[UUID, Any] | None = None) -> Response:
    shown = [_shown(row, settings, tries.get(row["id"]) if tries else None) for row in rows]
    return answer(200, {"deliveries": shown, "next": rows[-1]["id"] if len(rows) == limit else None})


async def _saw(look: OpenReading, rows: Sequence[Any]) -> None:
    for about in {row["about"] for row in rows}:
        await look.saw(about, "deliveries")


async def _found(
    look: OpenReading, child: UUID | None, whom: UUID | None, state: State | None, own: bool, after: UUID | None, limit: int
) -> list[Any]:
    caller = look.caller
    if whom and (whom == caller.professional or caller.is_service):
        return await repository.to_recipient(look.tx, whom, child, state, after, limit)
    if child:
        await related(look, child, "see")
        return await repository.about_child(look.tx, child, whom, state, after, limit)
    if state == "failed" and not whom and (caller.professional or caller.is_service):
        led, everything = led_by(caller), caller.is_service
        return await repository.not_delivered(look.tx, caller.professional, led, everything, own, after, limit)
    raise NotFound("Ask for a child, for your own deliveries (recipient=me), or for those that failed (state=failed).")
