"""Who a caller is to a child and a start: the one way in which every address of daycare loads and authorises."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.chassis.calendar import date_of
from services.chassis.errors import CannotBeApplied, NotFound, require
from services.chassis.party import Caller
from services.chassis.request import OpenChange, Reading
from services.chassis.service import Runtime
from services.chassis.store import Tx
from services.daycare import domain, repository
from services.daycare.domain import Asker, Start
from services.daycare.repository import Standing, places
from services.events.access import Verb, may

# What a private unit is told of a start, in the words of consents.
_START = "start"


def asker(caller: Caller) -> Asker:
    """A placement office is a system with that role, or whoever has a seat in such a unit."""
    places_children = "placement" in caller.roles or any(seat.unit_kind == "placement" for seat in caller.seats)
    return Asker(
        professional=caller.professional,
        works_in=frozenset(seat.unit for seat in caller.seats),
        leads=frozenset(seat.unit for seat in caller.seats if seat.leads),
        places_in=caller.party.municipality if places_children else None,
        is_service=caller.is_service,
    )


async def standing_of(opened: OpenChange, child: UUID) -> tuple[Standing, frozenset[str]]:
    """The child and how the caller stands to it. NotFound where the party has no such child."""
    found = (await repository.standings(opened.tx, [child], opened.caller.professional, date_of(opened.at))).get(child)
    if found is None:
        raise NotFound("There is no such child, or not for you.")
    return found, domain.relations(found.child, asker(opened.caller), found.stands)


async def relations(tx: Tx, starts: Sequence[Start], caller: Caller, at: datetime) -> list[frozenset[str]]:
    """To the child of each start, in their order."""
    found = await repository.standings(tx, {start.child for start in starts}, caller.professional, date_of(at))
    return [
        domain.relations(it.child, asker(caller), it.stands, start) if (it := found.get(start.child)) else frozenset()
        for start in starts
    ]


async def changeable(opened: OpenChange, number: UUID, class_: str = "start") -> tuple[Start, frozenset[str]]:
    """The start, locked, for someone who may act on this class of its data. Its unit's places wait for nobody else."""
    start = await repository.start_of(opened.tx, number)
    if start:
        await places.take_turns(opened.tx, start.unit)
        start = await repository.start_of(opened.tx, number, for_change=True)
    related = (await relations(opened.tx, [start], opened.caller, opened.at))[0] if start else frozenset[str]()
    require(may(related, class_, "act"), bool(related))
    assert start is not None
    return start, related


async def seen(request: Reading, number: UUID, class_: str, verb: Verb = "see") -> frozenset[str]:
    """The caller's relations to a start's child. A private unit's people are let in by the parents, asked of persons now."""
    async with request.begin() as look:
        start = await repository.start_of(look.tx, number)
        related = (await relations(look.tx, [start], look.caller, look.at))[0] if start else frozenset[str]()
        asks = start is not None and not may(related, class_, verb) and domain.only_by_the_parents(start, asker(look.caller))
    if start and asks and await parents_agree(request.runtime, start.child, start.unit):
        related |= {"daycare"}
    require(may(related, class_, verb), bool(related))
    return related


async def parents_agree(runtime: Runtime, child: UUID, unit: UUID) -> bool:
    """Whether the parents let a unit know of the start, now; persons keeps the answer with its basis."""
    asked = {
        "child": str(child), "recipient_kind": "daycare", "purpose": "transition", "categories": [_START], "to_unit": str(unit),
    }  # fmt: skip
    try:
        answer = await runtime.peers.post("persons", "/persons/decisions", asked)
    except CannotBeApplied:
        return False
    return _START in answer["allowed"]
