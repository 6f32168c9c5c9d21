"""What the directory's API takes and gives."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.events.directory import UnitKind
from services.events.envelope import Code, Municipality, Seat


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


class SeatIn(_Given):
    """`function`: its UUID in FK Organisation."""

    unit: UUID
    leads: bool = False
    deputy: Seat | None = None
    function: UUID | None = None


class CompetenceIn(_Given):
    competence: Code
    from_on: date
    until_on: date | None = None


class CompetencesIn(_Given):
    """The whole list, past ones too; what is not in it is not held."""

    competences: list[CompetenceIn] = Field(max_length=200)


class ProfessionalIn(_Given):
    """`id`: the Bruger's UUID in FK Organisation, kept as it is; made anew where there is none. `login`: the provider's `sub`."""

    id: UUID | None = None
    municipality: Municipality
    name: str = Field(min_length=1, max_length=200)
    email: str | None = Field(None, max_length=320)
    issuer: str | None = Field(None, max_length=500)
    login: str | None = Field(None, max_length=200)
    administers: bool = False
    seats: list[SeatIn] = Field([], max_length=200)
    competences: list[CompetenceIn] = Field([], max_length=200)


class ProfessionalChangeIn(_Given):
    """A field that is left out stays as it is; null takes away; `seats` is the whole list."""

    name: str = Field("", min_length=1, max_length=200)
    email: str | None = Field(None, max_length=320)
    issuer: str | None = Field(None, max_length=500)
    login: str | None = Field(None, max_length=200)
    administers: bool = False
    seats: list[SeatIn] = Field([], max_length=200)


class ReturnIn(_Given):
    """Someone who had left begins anew. The log-in and address of before stay unless they are said."""

    seats: list[SeatIn] = Field(min_length=1, max_length=200)
    name: str = Field("", min_length=1, max_length=200)
    email: str | None = Field(None, max_length=320)
    issuer: str | None = Field(None, max_length=500)
    login: str | None = Field(None, max_length=200)


class UnitIn(_Given):
    """`id`: the OrgEnhed's UUID in FK Organisation, kept as it is; made anew where there is none.

    A ward or midwife centre has an `organisation` and no municipality, and is the operator's to register.
    """

    id: UUID | None = None
    municipality: Municipality | None = None
    organisation: Code | None = None
    kind: UnitKind
    name: str = Field(min_length=1, max_length=200)
    parent: UUID | None = None
    district: UUID | None = None
    sor: list[str] = Field([], max_length=50)
    private: bool = False
    active: bool = True


class UnitChangeIn(_Given):
    """A field that is left out stays as it is; null takes away; `sor` is the whole list."""

    kind: UnitKind = "sundhedspleje"
    name: str = Field("", min_length=1, max_length=200)
    parent: UUID | None = None
    district: UUID | None = None
    sor: list[str] = Field([], max_length=50)
    private: bool = False
    active: bool = True


class IntakeIn(_Given):
    """Three people on three open seats; without `district` the whole municipality's."""

    municipality: Municipality
    unit: UUID
    district: UUID | None = None
    lead: Seat
    deputy: Seat
    leader: Seat


class MunicipalityChangeIn(_Given):
    """A field that is left out stays as it is; `closing_days` is the whole list. In or out of the product: the operator's word.

    `hospital_notification_basis`: whether there is a legal basis for receiving HospitalNotification; without it nothing is kept.
    """

    answer_working_days: int = Field(3, gt=0, le=60)
    remind_working_days_before: int = Field(1, ge=0, le=60)
    escalate_working_days: int = Field(1, gt=0, le=60)
    absence_limit_days: int = Field(14, gt=0, le=365)
    support_days: int = Field(30, ge=0, le=730)
    closing_days: list[date] = Field([], max_length=400)
    hospital_notification_basis: bool = False
    closing_age: int = Field(6, gt=0, le=18)


class MunicipalityOut(BaseModel):
    """A municipality's rules in working days and days. `active`: its intake's lead, deputy and leader are three open seats."""

    code: Municipality
    name: str
    enabled: bool
    active: bool
    answer_working_days: int
    remind_working_days_before: int
    escalate_working_days: int
    absence_limit_days: int
    support_days: int
    closing_days: list[date]
    hospital_notification_basis: bool
    closing_age: int


class HistoryLineOut(BaseModel):
    """`sign`: + new, ~ changed, - goes; `says`: what differs, by id and code, of people no name and no address.

    Without an author: the operator's import, or the organisation system that the directory follows.
    """

    id: UUID
    at: datetime
    municipality: Municipality
    by_professional: UUID | None
    by_system: str | None
    sign: Literal["+", "~", "-"]
    kind: str
    key: str
    says: list[str]


class HistoryOut(BaseModel):
    """A page. `next`: give it as `before` for the page of older changes; null at the end."""

    changes: list[HistoryLineOut]
    next: UUID | None


class ReferenceOut(BaseModel):
    """What was made or changed; its version is the ETag."""

    id: UUID


class DifferenceOut(BaseModel):
    """`sign`: + new, ~ changed, - goes. `says`: the fields that differ, by id and code; of people no name and no address."""

    sign: Literal["+", "~", "-"]
    kind: str
    key: str
    says: list[str]


class ImportOut(BaseModel):
    """`differences`: the first thousand. `events`: how many facts of each kind were told, or would be."""

    dry_run: bool
    differences: list[DifferenceOut]
    more: int
    events: dict[str, int]
    notes: list[str]


class IntakeOut(BaseModel):
    unit: UUID
    municipality: Municipality
    district: UUID | None
    lead: Seat
    deputy: Seat
    leader: Seat


class IntakesOut(BaseModel):
    intakes: list[IntakeOut]


class AbsenceOut(BaseModel):
    """`ended_on`: the first day back, where the absence was ended."""

    id: UUID
    professional: UUID
    from_on: date
    until_on: date | None
    deputy: Seat | None
    ended_on: date | None


class AbsencesOut(BaseModel):
    absences: list[AbsenceOut]


class SeatOut(BaseModel):
    """`function`: its UUID in FK Organisation, where the municipality's system gave it."""

    unit: UUID
    leads: bool
    deputy: Seat | None
    function: UUID | None


class CompetenceOut(BaseModel):
    """Held from the first to the last day, both included; past and coming ones too."""

    competence: Code
    from_on: date
    until_on: date | None


class ProfessionalOut(BaseModel):
    """`version` is the ETag too; `leaving_on` stands from the day a departure is registered."""

    id: UUID
    municipality: Municipality
    name: str
    state: Literal["active", "leaving", "left"]
    leaving_on: date | None
    administers: bool
    seats: list[SeatOut]
    competences: list[CompetenceOut]


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


class AccountOut(BaseModel):
    """Who a professional is when they log in (`login`: the provider's `sub`), and where they can be written to."""

    professional: UUID
    email: str | None
    issuer: str | None
    login: str | None


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
