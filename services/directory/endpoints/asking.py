"""Who asks for a change, and what each change of the directory begins and ends with."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response
from fastapi.encoders import jsonable_encoder

from services.chassis.errors import NotAllowed, NotFound
from services.chassis.party import Caller
from services.chassis.request import Change, OpenChange, OpenReading, Reading, change, reading
from services.chassis.service import runtime_of
from services.chassis.store import Tx
from services.directory import domain, repository
from services.directory.domain import Author, Professional

runtime = runtime_of("directory")
Changing = Annotated[Change, Depends(change(runtime))]
Looking = Annotated[Reading, Depends(reading(runtime))]
# The role by which the operator lets a municipality's own system speak for it here.
ADMINISTRATION = "directory-administration"


@dataclass(frozen=True)
class Voice:
    """`administers`: may change the structure. `within`: the one municipality it speaks for; None for the product's services."""

    administers: bool
    within: str | None


def author(caller: Caller) -> Author:
    """Whose name stands in the history."""
    return Author(caller.professional, None if caller.professional else caller.client_id)


async def voice(change: OpenChange | OpenReading) -> Voice:
    """Of an administrator named in the directory, a municipality's system with the role for it, or one of our own services."""
    caller = change.caller
    if caller.is_service:
        return Voice(True, None)
    if caller.party.kind != "municipality" or caller.party.municipality is None:
        return Voice(False, caller.party.municipality or "")
    by_role = caller.professional is None and ADMINISTRATION in caller.roles
    return Voice(by_role or await repository.administers(change.tx, caller.professional), caller.party.municipality)


async def administrator(change: OpenChange) -> Voice:
    """OnlyAnAdministratorChangesTheStructure for everybody else."""
    asking = await voice(change)
    domain.changes_structure(asking.administers)
    return asking


async def answered(change: OpenChange, status: int, body: object, subject: UUID) -> Response:
    versions = await change.tx.flush()
    version = versions.get(str(subject)) or await repository.version_of(change.tx, subject)
    return await change.answer(status, jsonable_encoder(body), version)


def person_asking(caller: Caller) -> UUID:
    if caller.professional is None:
        raise NotAllowed("A person says this, logged in as themselves; a system may not.")
    return caller.professional


async def professional_here(tx: Tx, number: UUID) -> Professional:
    found = await repository.professional(tx, number)
    if found is None:
        raise NotFound("There is no such professional, or not for you.")
    return found


async def leads_above(tx: Tx, caller: Caller, person: Professional) -> bool:
    """Whether the caller leads a unit where the person has a seat, or one above it."""
    return any(caller.leads(unit) for unit in await repository.units_and_above(tx, [seat.unit for seat in person.seats]))


async def leads_all(tx: Tx, caller: Caller, units: Collection[UUID]) -> bool:
    """Whether the caller leads each of these units, or one above it; of none it is not said."""
    led = [any(caller.leads(above) for above in await repository.units_and_above(tx, [unit])) for unit in units]
    return bool(led) and all(led)
