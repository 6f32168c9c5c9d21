"""Choosing who is to be asked: by unit or by name, with how many children they have and whether they are away."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.portal.apis import as_uuid
from services.portal.endpoints.visiting import Visit

_AT_MOST = 40


@dataclass(frozen=True)
class Candidate:
    """A professional on a seat. `children`: how many they are tovholder for, None where that is not known."""

    seat: str
    name: str
    unit: str
    leads: bool
    children: int | None
    waiting: int | None
    away_until: str | None
    is_away: bool
    is_me: bool


@dataclass(frozen=True)
class Chosen:
    professional: UUID
    unit: UUID

    def as_seat(self) -> dict[str, str]:
        return {"professional": str(self.professional), "unit": str(self.unit)}


def chosen(text: str) -> Chosen | None:
    """`professional.unit`, as the choice says it."""
    professional, _, unit = text.partition(".")
    ids = as_uuid(professional), as_uuid(unit)
    return Chosen(ids[0], ids[1]) if ids[0] and ids[1] else None


async def candidates(visit: Visit, unit: UUID | None, name: str) -> list[Candidate]:
    """The people of a unit, or those of the municipality whose name has a word that begins so."""
    if unit is None and len(name) < 2:
        return []
    query: dict[str, Any] = {"unit": unit} if unit else {}
    if len(name) >= 2:
        query["q"] = name[:60]
    found = (await visit.apis.get("directory", "/directory/professionals", limit=_AT_MOST, **query))["professionals"]
    people = [person for person in found if person["state"] == "active"]
    seats = [(person, seat) for person in people for seat in person["seats"] if unit is None or seat["unit"] == str(unit)]
    units = sorted({seat["unit"] for _, seat in seats})
    names, loads, details = await asyncio.gather(
        visit.apis.names_of([], units), _loads(visit, units),
        asyncio.gather(*(visit.apis.found("directory", f"/directory/professionals/{person['id']}") for person in people)),
    )  # fmt: skip
    away = {person["id"]: _away(detail, visit) for person, detail in zip(people, details, strict=True)}
    made = [_candidate(visit, person, seat, names, loads, away[person["id"]]) for person, seat in seats]
    return sorted(made, key=lambda it: (it.is_away, it.children or 0, it.name))


def _candidate(
    visit: Visit,
    person: dict[str, Any],
    seat: dict[str, Any],
    names: dict[str, str],
    loads: dict[tuple[str, str], tuple[int, int]],
    away: tuple[bool, str | None],
) -> Candidate:
    children, waiting = loads.get((person["id"], seat["unit"]), (0, 0))
    return Candidate(
        seat=f"{person['id']}.{seat['unit']}",
        name=person["name"],
        unit=names.get(seat["unit"], ""),
        leads=seat["leads"],
        children=children if loads else None,
        waiting=waiting if loads else None,
        away_until=away[1],
        is_away=away[0],
        is_me=person["id"] == str(visit.me),
    )


async def _loads(visit: Visit, units: list[str]) -> dict[tuple[str, str], tuple[int, int]]:
    found = await asyncio.gather(*(visit.apis.found("registry", "/registry/caseloads", unit=unit) for unit in units))
    return {
        (it["professional"], it["unit"]): (it["children"], it["waiting"])
        for answer in found if answer for it in answer["caseloads"]
    }  # fmt: skip


def _away(detail: dict[str, Any] | None, visit: Visit) -> tuple[bool, str | None]:
    today = visit.today.isoformat()
    for it in (detail or {}).get("absences", ()):
        ended = it["ended_on"] and it["ended_on"] <= today
        if it["from_on"] <= today <= (it["until_on"] or today) and not ended:
            return True, it["until_on"]
    return False, None


async def units_to_choose(visit: Visit) -> list[tuple[str, str]]:
    """Units in which somebody may be asked, by name; wards of hospitals take no child."""
    units = (await visit.apis.get("directory", "/directory/units"))["units"]
    wanted = [it for it in units if it["active"] and it["municipality"] == visit.apis.municipality]
    return sorted(((it["id"], it["name"]) for it in wanted), key=lambda it: it[1])
