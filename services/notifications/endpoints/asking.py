"""Who asks, and how they stand to a child: the one way in which every address of notifications loads and authorises."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends

from services.chassis.calendar import date_of
from services.chassis.errors import NotFound, require
from services.chassis.party import Caller
from services.chassis.request import Change, OpenChange, OpenReading, Reading, change, reading
from services.chassis.service import runtime_of
from services.events.access import Verb, may
from services.notifications import repository

runtime = runtime_of("notifications")
Changing = Annotated[Change, Depends(change(runtime))]
Looking = Annotated[Reading, Depends(reading(runtime))]


def led_by(caller: Caller) -> Sequence[UUID]:
    """The units one leads."""
    return [seat.unit for seat in caller.seats if seat.leads]


async def relations(opened: OpenChange | OpenReading, child: UUID) -> set[str]:
    caller = opened.caller
    if caller.is_service:
        return {"service"}
    if caller.professional is None:
        return set()
    return await repository.relations(opened.tx, child, caller.professional, led_by(caller), date_of(opened.at))


async def related(opened: OpenChange | OpenReading, child: UUID, verb: Verb) -> None:
    """NotFound for whoever does not stand by the child, NotAllowed where that is not enough."""
    found = await relations(opened, child)
    require(may(found, "deliveries", verb), bool(found))


async def to_act_on(changing: OpenChange, delivery: UUID) -> tuple[UUID, Any]:
    """Who acts, and the delivery, locked: on their list, or about a child by which they stand so."""
    by, row = changing.caller.professional, await repository.delivery_of(changing.tx, delivery)
    if row is None or by is None:
        raise NotFound
    if row["shown_to"] != by:
        await related(changing, row["about"], "act")
    return by, row
