"""What the directory's API takes and gives."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.events.directory import UnitKind
from services.events.envelope import Municipality, Seat


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AbsenceIn(_Given):
    """`until_on` is the last day away, left out where nobody knows. Without `deputy` it is the usual one of the seat."""

    professional: UUID
    from_on: date
    until_on: date | None = None
    deputy: Seat | None = None


class DepartureIn(_Given):
    """`leaving_on`: the last working day; today where it is left out."""

    leaving_on: date | None = None


class AbsenceOut(BaseModel):
    """`ended_on`: the first day back, where the absence was ended."""

    id: UUID
    professional: UUID
    from_on: date
    until_on: date | None
    deputy: Seat | None
    ended_on: date | None


class SeatOut(BaseModel):
    unit: UUID
    leads: bool
    deputy: Seat | None


class ProfessionalOut(BaseModel):
    """`version` is the ETag too; `leaving_on` stands from the day a departure is registered."""

    id: UUID
    municipality: Municipality
    name: str
    state: Literal["active", "leaving", "left"]
    leaving_on: date | None
    seats: list[SeatOut]


class ProfessionalWithAbsences(ProfessionalOut):
    """One professional, with the absences of today and later."""

    version: int
    absences: list[AbsenceOut]


class ProfessionalsOut(BaseModel):
    """A page. `next`: give it as `after` for the page after; null at the end."""

    professionals: list[ProfessionalOut]
    next: UUID | None


class ContactOut(BaseModel):
    """Where a professional can be written to; null where the directory has nothing."""

    professional: UUID
    email: str | None


class LeaderOut(BaseModel):
    professional: UUID
    name: str


class UnitOut(BaseModel):
    """A unit; a ward of another organisation has no municipality."""

    id: UUID
    municipality: Municipality | None
    organisation: str | None
    kind: UnitKind
    name: str
    parent: UUID | None
    district: UUID | None
    sor: list[str]
    private: bool
    active: bool
    leaders: list[LeaderOut]


class UnitsOut(BaseModel):
    units: list[UnitOut]


class DepartureOut(BaseModel):
    """The seats are emptied by the registry; only then does the directory show *left*."""

    professional: UUID
    state: Literal["leaving", "left"]
    leaving_on: date | None
