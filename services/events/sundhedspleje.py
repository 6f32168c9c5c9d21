"""What sundhedspleje says of visits and of the information it hands over."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime

from services.events.envelope import Code, Event, Municipality

Basis = Literal[
    "consent", "sundhedsloven-41", "sundhedsloven-43-2", "dagtilbudsloven-3a", "ssd-exchange", "underretning", "refused"
]


class VisitPlanned(Event, source="sundhedspleje"):
    """A visit is planned for a child's family. Subject: the child."""

    visit: UUID
    child: UUID
    municipality: Municipality
    kind: Code
    from_on: date
    until_on: date


class VisitsReplanned(Event, source="sundhedspleje"):
    """Visits were moved or fell away, since the child was born or its birth corrected. Subject: the child."""

    child: UUID
    municipality: Municipality
    visits: list[UUID]


class OverleveringGiven(Event, source="sundhedspleje"):
    """Information was handed over to a unit. `basis`: of most of it; `refused`: nothing could pass. Subject: the child."""

    overlevering: UUID
    child: UUID
    municipality: Municipality
    to_unit: UUID
    start: UUID | None
    basis: Basis
    categories: list[Code]
    withheld: list[Code]
    given_by: UUID
    given_at: AwareDatetime


# -- Programmes: what families are offered, and what staff do together about them ------------------------------------------------

ProgrammeKind = Literal["visit-series", "individual-course", "group", "parent-course", "consultation", "talk", "forum"]
ProgrammeDecline = Literal[
    "no-need-felt",
    "no-time",
    "too-far-away",
    "language",
    "takes-part-elsewhere",
    "does-not-want-a-group",
    "consent-not-given",
    "gives-no-reason",
    "other",
]
ProgrammeStop = Literal[
    "family-wishes",
    "other-effort-instead",
    "need-is-over",
    "moved-away",
    "course-cancelled",
    "consent-withdrawn",
    "case-closed",
    "life-ended",
    "other",
]
CourseState = Literal["planned", "running", "ended", "cancelled"]
Attendance = Literal["attended", "excused", "absent"]


class _Enrolment(Event):
    enrolment: UUID
    child: UUID
    municipality: Municipality
    programme: Code


class ProgrammeOffered(_Enrolment, source="sundhedspleje"):
    """A family is offered a programme. `effective_from`: of the definition it is offered by. Subject: the child."""

    kind: ProgrammeKind
    effective_from: date
    offered_by: UUID
    unit: UUID


class ProgrammeAccepted(_Enrolment, source="sundhedspleje"):
    """The family has said yes. `course`: where it has a place at once. Subject: the child."""

    course: UUID | None


class ProgrammeDeclined(_Enrolment, source="sundhedspleje"):
    """The family has said no. Subject: the child."""

    reason: ProgrammeDecline


class ProgrammeWaiting(_Enrolment, source="sundhedspleje"):
    """The course is full: the family stands on its list, in order. Subject: the child."""

    course: UUID


class ProgrammePlaceGiven(_Enrolment, source="sundhedspleje"):
    """The family has a place in a course, after waiting or after saying yes to the programme. Subject: the child."""

    course: UUID


class ProgrammeStarted(_Enrolment, source="sundhedspleje"):
    """It has begun for this family. Subject: the child."""

    course: UUID | None


class ProgrammeEnded(_Enrolment, source="sundhedspleje"):
    """It is over for this family. `continues`: the unit that goes on; none: the tovholder. Subject: the child."""

    course: UUID | None
    outcome: Literal["completed", "stopped"]
    reason: ProgrammeStop | None
    unit: UUID
    continues: UUID | None
    continued_by: UUID | None
    next_programme: Code | None


class AttendanceRecorded(Event, source="sundhedspleje"):
    """Whether a family was at a session. Subject: the child."""

    enrolment: UUID
    child: UUID
    municipality: Municipality
    programme: Code
    course: UUID
    session: UUID
    number: int
    attendance: Attendance


class CoursePlanned(Event, source="sundhedspleje"):
    """A course is planned, with its places for families. Subject: the course."""

    course: UUID
    municipality: Municipality
    programme: Code
    kind: ProgrammeKind
    unit: UUID
    place: Code | None
    begins_on: date
    ends_on: date
    capacity: int


class CourseChanged(Event, source="sundhedspleje"):
    """A course as it stands now: state, dates, place, capacity, and who holds it. Subject: the course."""

    course: UUID
    municipality: Municipality
    programme: Code
    state: CourseState
    place: Code | None
    begins_on: date
    ends_on: date
    capacity: int
    team: list[UUID]


class SessionHeld(Event, source="sundhedspleje"):
    """A session of a course was held. `attended`: how many of the `enrolled` families were there. Subject: the course."""

    session: UUID
    course: UUID
    municipality: Municipality
    programme: Code
    number: int
    held_on: date
    attended: int
    enrolled: int


class GatheringPlanned(Event, source="sundhedspleje"):
    """A consultation, a talk or a forum is to be held. Subject: the gathering."""

    gathering: UUID
    municipality: Municipality
    programme: Code
    kind: ProgrammeKind
    unit: UUID
    held_in: UUID | None
    on_date: date


class GatheringHeld(Event, source="sundhedspleje"):
    """It was held; how many professionals and families took part. Subject: the gathering."""

    gathering: UUID
    municipality: Municipality
    programme: Code
    kind: ProgrammeKind
    unit: UUID
    held_in: UUID | None
    held_on: date
    professionals: int
    families: int


class GatheringCancelled(Event, source="sundhedspleje"):
    """It is not held. Subject: the gathering."""

    gathering: UUID
    municipality: Municipality
    programme: Code


class StaffTrained(Event, source="sundhedspleje"):
    """A professional has had the training in a method, in a version. Subject: the professional."""

    training: UUID
    professional: UUID
    municipality: Municipality
    method: Code
    method_version: Code
    trained_on: date
