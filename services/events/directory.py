"""What the directory says of professionals, units, absences, intake leads and systems: ids and codes only."""

from datetime import date
from typing import Literal
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict

from services.events.envelope import Code, Event, Municipality, Seat

UnitKind = Literal["sundhedspleje", "institution", "dagpleje", "social", "maternity", "midwife-centre", "intake", "placement"]
ClientKind = Literal["service", "organisation", "municipality"]


_MUNICIPALITIES = UUID("8f0f2b1c-9a6e-5d7b-8c11-0b6d3a5e4f20")


def subject_of_municipality(code: str) -> UUID:
    """The subject of events about a municipality, derived from its code."""
    return uuid5(_MUNICIPALITIES, code)


class HeldSeat(BaseModel):
    """A seat, whether its professional leads the unit, and who usually deputises for them on it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: UUID
    unit_kind: UnitKind
    leads: bool = False
    deputy: Seat | None = None


class _Professional(Event):
    professional: UUID
    municipality: Municipality
    issuer: str | None
    login: str | None
    seats: list[HeldSeat]


class ProfessionalJoined(_Professional, source="directory"):
    """A professional has begun. Subject: the professional."""


class ProfessionalChanged(_Professional, source="directory"):
    """A professional's seats or log-in have changed. Subject: the professional."""


class ProfessionalLeaving(Event, source="directory"):
    """A professional is to leave; the registry releases the seats first. Subject: the professional."""

    professional: UUID
    municipality: Municipality
    leaving_on: date


class ProfessionalLeft(Event, source="directory"):
    """A professional has left, all seats empty. Subject: the professional."""

    professional: UUID
    municipality: Municipality


class AbsenceRegistered(Event, source="directory"):
    """A professional is or will be absent; the deputy may answer for themselves. Subject: the professional."""

    absence: UUID
    professional: UUID
    municipality: Municipality
    from_on: date
    until_on: date | None
    deputy: Seat | None


class AbsenceEnded(Event, source="directory"):
    """An absence is over; no baton moves by it. Subject: the professional."""

    absence: UUID
    professional: UUID
    municipality: Municipality
    ended_on: date


class UnitChanged(Event, source="directory"):
    """A unit exists as said here. Subject: the unit."""

    unit: UUID
    municipality: Municipality | None
    kind: UnitKind
    parent: UUID | None
    district: UUID | None
    sor: list[str]
    leaders: list[UUID]
    private: bool
    active: bool


class IntakeChanged(Event, source="directory"):
    """Who takes in the children of a municipality, or of one of its districts. Subject: the unit of the intake.

    Where one of the three leaves, who remains stands in two places; the municipality is inactive until there are three again.
    """

    municipality: Municipality
    district: UUID | None
    lead: Seat
    deputy: Seat
    leader: Seat


class MunicipalityChanged(Event, source="directory"):
    """A municipality's rules for deadlines, absence and age. Subject: derived from the code.

    `closing_age`: a child's case closes on 1 August of the year in which it turns so many years.
    """

    municipality: Municipality
    active: bool
    answer_working_days: int
    remind_working_days_before: int
    escalate_working_days: int
    absence_limit_days: int
    support_days: int
    closing_days: list[date]
    hospital_notification_basis: bool
    closing_age: int = 6


class ClientChanged(Event, source="directory"):
    """A system that calls with its own key. Subject: the client. `sends_for`: SOR numbers it may send for, `*` for a gateway."""

    client: UUID
    client_id: str
    kind: ClientKind
    municipality: Municipality | None
    organisation: str | None
    sends_for: list[str]
    roles: list[Code]
    active: bool


class HeldCompetence(BaseModel):
    """What a professional is trained in, from its first to its last day, both included; no last day: without end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    competence: Code
    from_on: date
    until_on: date | None


class CompetencesChanged(Event, source="directory"):
    """All that a professional is trained in, past and coming; what is not in the list is not held. Subject: the professional."""

    professional: UUID
    municipality: Municipality
    competences: list[HeldCompetence]
