"""What the other services say for a family's page, asked at that moment: tovholder, plans, and names for who has looked."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.chassis.errors import CannotBeApplied, TryAgainSoon
from services.chassis.service import Runtime
from services.persons.domain.family import Look, is_told_of
from services.persons.schemas import (
    FamilyChild,
    FamilyCourse,
    FamilyHandover,
    FamilyStart,
    FamilyTovholder,
    PeersBaton,
    PeersCase,
    PeersSeat,
    PeersStarts,
    PeersTakesPart,
)


async def child(run: Runtime, reference: UUID, is_mother: bool) -> FamilyChild:
    """One child as the others say it now. What one of them does not answer is null, and named in `unavailable`."""
    baton, starts, case, courses = await asyncio.gather(
        _asked(run, "registry", f"/registry/children/{reference}"),
        _asked(run, "daycare", "/daycare/starts", child=reference),
        _asked(run, "sundhedspleje", f"/sundhedspleje/cases/{reference}"),
        _asked(run, "sundhedspleje", f"/sundhedspleje/cases/{reference}/taking-part"),
    )
    answers = {"registry": [baton], "daycare": [starts], "sundhedspleje": [case, courses]}
    shown = FamilyChild(
        child=reference,
        is_mother=is_mother,
        unavailable=[name for name, given in answers.items() if None in given],
    )
    if baton:
        await _with_baton(run, shown, PeersBaton.model_validate(baton))
    if starts is not None:
        shown.starts = PeersStarts.model_validate(starts).starts
        await _with_units(run, shown.starts)
    if case is not None:
        found = PeersCase.model_validate(case)
        shown.visits, shown.due_on, shown.born_on = found.visits, found.due_on, found.born_on
    if courses is not None:
        shown.courses = PeersTakesPart.model_validate(courses).takes_part
        await _with_units(run, shown.courses)
    return shown


async def _with_units(run: Runtime, found: Sequence[FamilyStart | FamilyCourse]) -> None:
    units = list(dict.fromkeys(it.unit for it in found))
    names = dict(zip(units, await asyncio.gather(*(_name(run, f"/directory/units/{it}") for it in units)), strict=True))
    for each in found:
        each.unit_name = names[each.unit]


async def _with_baton(run: Runtime, shown: FamilyChild, baton: PeersBaton) -> None:
    shown.status, shown.life_ended = baton.status, baton.life_ended is not None
    if holder := baton.tovholder:
        person, unit = await _seat(run, holder)
        contact = await _asked(run, "directory", f"/directory/professionals/{holder.professional}/contact")
        shown.tovholder = FamilyTovholder(
            professional=holder.professional, name=person, unit=holder.unit, unit_name=unit, since=holder.since,
            email=contact["email"] if contact else None,
        )  # fmt: skip
    coming = baton.handover
    if coming and is_told_of(coming.state):
        person, unit = await _seat(run, coming.receiver)
        shown.handover = FamilyHandover(
            professional=coming.receiver.professional, name=person, unit_name=unit, effective_on=coming.effective_on
        )


async def _seat(run: Runtime, seat: PeersSeat) -> tuple[str | None, str | None]:
    person, unit = await asyncio.gather(
        _name(run, f"/directory/professionals/{seat.professional}"), _name(run, f"/directory/units/{seat.unit}")
    )
    return person, unit


async def _asked(run: Runtime, service: str, path: str, **query: Any) -> Any | None:
    """None where it does not answer; an empty answer where it knows no such child."""
    try:
        return await run.peers.get(service, path, **query)
    except TryAgainSoon:
        return None
    except CannotBeApplied:
        return {}


async def _name(run: Runtime, path: str) -> str | None:
    found = await _asked(run, "directory", path)
    return str(found["name"]) if found else None


# -- who has looked -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Looker:
    """Who has looked, in words: a person and where they work, or a system and whose it is; None where nobody says."""

    name: str | None
    organisation: str | None


async def lookers(run: Runtime, looks: Iterable[Look]) -> Mapping[tuple[str, UUID | None], Looker]:
    """(party, professional) of each line → who that is."""
    wanted = list(dict.fromkeys((it.party, it.professional) for it in looks))
    found = await asyncio.gather(
        *(_person(run, professional) if professional else _system(run, party) for party, professional in wanted)
    )
    return dict(zip(wanted, found, strict=True))


async def _person(run: Runtime, professional: UUID) -> Looker:
    found = await _asked(run, "directory", f"/directory/professionals/{professional}")
    if not found:
        return Looker(None, None)
    units = await asyncio.gather(*(_name(run, f"/directory/units/{seat['unit']}") for seat in found["seats"]))
    return Looker(str(found["name"]), ", ".join(filter(None, units)) or None)


async def _system(run: Runtime, party: str) -> Looker:
    """A ward's system by its ward, a municipality's by the municipality's name where the operator has given it."""
    kind, _, code = party.partition(":")
    if kind == "organisation":
        wards = await _asked(run, "directory", "/directory/units", kind="maternity")
        own = [str(unit["name"]) for unit in (wards or {}).get("units", ()) if unit["organisation"] == code]
        return Looker(None, ", ".join(own) or code)
    return Looker(None, run.settings.letter_senders.get(code, {}).get("name") if kind == "municipality" else None)
