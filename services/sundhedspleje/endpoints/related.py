"""What every address here begins with: who asks, of which child, and how they stand to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Response

from services.chassis.calendar import date_of
from services.chassis.errors import NotAllowed, NotFound
from services.chassis.party import Caller
from services.chassis.request import Change, OpenChange, OpenReading, Reading, change, reading
from services.chassis.service import runtime_of
from services.chassis.store import Tx
from services.events import Event
from services.events.envelope import Seat
from services.sundhedspleje import domain, repository
from services.sundhedspleje.domain import Asker, Case
from services.sundhedspleje.repository import Standing

runtime = runtime_of("sundhedspleje")
Changing = Annotated[Change, Depends(change(runtime))]
Looking = Annotated[Reading, Depends(reading(runtime))]
Limit = Annotated[int, Query(ge=1, le=200)]


def asker(caller: Caller) -> Asker:
    return Asker(
        professional=caller.professional,
        works_in=frozenset(seat.unit for seat in caller.seats),
        leads=frozenset(seat.unit for seat in caller.seats if seat.leads),
        is_service=caller.is_service,
    )


async def stands(tx: Tx, child: UUID, caller: Caller, at: datetime) -> tuple[Standing, frozenset[str]]:
    """The case and how the caller stands to the child; NotFound where the party has no such case.

    To the file of a merged reference also those stand who stand so to the child it turned out to be.
    """
    standing = await repository.standing(tx, child, caller.professional, date_of(at))
    if standing is None:
        raise NotFound("There is no such child, or not for you.")
    related = _relations(standing, caller)
    linked = standing
    while linked.case.merged_into and (
        survivor := await repository.standing(tx, linked.case.merged_into, caller.professional, date_of(at))
    ):
        linked = survivor
        related |= _relations(linked, caller)
    return standing, related


def _relations(standing: Standing, caller: Caller) -> frozenset[str]:
    return domain.relations(
        standing.case, asker(caller), standing.deputises, standing.supports, visits_instead=standing.visits_instead
    )


@dataclass(frozen=True)
class Deciding:
    """A change of one child's affairs under way: nobody else decides on them meanwhile."""

    opened: OpenChange
    case: Case
    relations: frozenset[str]
    by: UUID

    @property
    def tx(self) -> Tx:
        return self.opened.tx

    @property
    def today(self) -> date:
        return date_of(self.opened.at)

    @property
    def opened_on(self) -> date:
        """When the child became known here."""
        assert self.case.opened_at is not None, "set by the store"
        return date_of(self.case.opened_at)

    @property
    def seat(self) -> Seat:
        """The place from which the caller acts: in the health visitor's unit where they have a seat there."""
        units = [seat.unit for seat in self.opened.caller.seats]
        unit = next((it for it in (self.case.visitor_unit, self.case.holder_unit) if it in units), units[0] if units else None)
        if unit is None:
            raise NotAllowed("You have no place in any unit.")
        return Seat(professional=self.by, unit=unit)

    async def said(self, *events: Event, dataref: str) -> int | None:
        """The child's version after these events."""
        if events:
            self.tx.publish(self.case.child, *events, expected=self.opened.expected, dataref=dataref)
        return (await self.tx.flush()).get(str(self.case.child))

    async def answer(self, status: int, body: Any, version: int | None = None) -> Response:
        return await self.opened.answer(status, body.model_dump(mode="json"), version)


async def deciding(opened: OpenChange, child: UUID | None) -> Deciding:
    """NotFound for an unknown child, or one of another party, and for whoever is not a professional."""
    if child is None or opened.caller.professional is None:
        raise NotFound("There is no such thing, or not for you.")
    await repository.take_turns(opened.tx, child)
    standing, relations = await stands(opened.tx, child, opened.caller, opened.at)
    return Deciding(opened, standing.case, relations, opened.caller.professional)


async def visited_by(look: OpenReading, what: str) -> list[UUID]:
    """The caller and whom they stand in for today: whose lists are theirs. NotAllowed for whoever is no professional."""
    if look.caller.professional is None:
        raise NotAllowed(f"{what} are a professional's. Log in as one.")
    deputised = await repository.deputised_by(look.tx, look.caller.professional, date_of(look.at))
    return [look.caller.professional, *deputised]


def last_of(found: list[Any], limit: int, key: str = "id") -> UUID | None:
    """What to give as `after` for the next page; None where this was the last."""
    if len(found) < limit:
        return None
    last = found[-1]
    number: UUID = last[key] if isinstance(last, Mapping) else getattr(last, key)
    return number
