"""The bodies of what professionals are helped by: the codes their municipality's files allow, and what lies before them."""

from datetime import date
from uuid import UUID

from pydantic import BaseModel, Field

from services.events.sundhedspleje import Whose
from services.sundhedspleje.schemas import FollowUpOut, SystematicOut, VisitListed
from services.sundhedspleje.schemas.programmes import EnrolmentOut, ProgrammeLine


class CriterionChoice(BaseModel):
    """Why a family may be offered more; `says` in the municipality's own words."""

    code: str
    says: str


class InstrumentChoice(BaseModel):
    """An instrument and whose results it gives: a number from `lowest` to `highest`, or one of the words of `results`."""

    code: str
    whose: list[Whose]
    lowest: int
    highest: int
    results: list[str]


class ChoicesOut(BaseModel):
    """The codes that a municipality's visits.yaml and screenings.yaml allow; they say nothing of any child."""

    decline_reasons: list[str]
    need_visit_reasons: list[str]
    criteria: list[CriterionChoice]
    instruments: list[InstrumentChoice]
    outcomes: list[str]


class SessionLine(BaseModel):
    """A session still to be held. `overdue`: its day has passed and nobody has said who was there."""

    id: UUID
    course: UUID
    programme: ProgrammeLine
    unit: UUID
    place: str | None
    number: int
    on_date: date
    overdue: bool


class SessionsOut(BaseModel):
    """A page of sessions, the nearest first. `next`: give it as `after` for the next page."""

    sessions: list[SessionLine]
    next: UUID | None


class OpenEnrolmentsOut(BaseModel):
    """A page of what the caller's families are in. `next`: give it as `after` for the next page."""

    enrolments: list[EnrolmentOut]
    next: UUID | None


class GatheringLine(BaseModel):
    """A consultation, a talk or a forum still to be held."""

    id: UUID
    programme: ProgrammeLine
    unit: UUID
    on_date: date


class WeekOut(BaseModel):
    """What waits for a professional: overdue, or until the day `until_on`. `joint`: visits of others in which one takes part.

    `more`: of some kind there is more than is listed; its own list has it all.
    """

    until_on: date
    visits: list[VisitListed] = Field(default_factory=list)
    joint: list[VisitListed] = Field(default_factory=list)
    follow_ups: list[FollowUpOut] = Field(default_factory=list)
    systematic: list[SystematicOut] = Field(default_factory=list)
    sessions: list[SessionLine] = Field(default_factory=list)
    gatherings: list[GatheringLine] = Field(default_factory=list)
    more: bool = False
