"""What sundhedspleje says of visits and of the information it hands over."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime

from services.events.envelope import Code, Event, Municipality, Seat

Basis = Literal[
    "consent", "sundhedsloven-41", "sundhedsloven-43-2", "dagtilbudsloven-3a", "ssd-exchange", "underretning", "refused"
]
Whose = Literal["child", "mother", "other-parent"]
WhyReplanned = Literal[
    "birth",
    "correction",
    "life-ended",
    "life-goes-on",
    "closed",
    "reopened",
    "moved",
    "plan-changed",
    "criteria",
    "family-wish",
    "programme",
]


Development = Literal["age-appropriate", "not-age-appropriate"]


class VisitPlanned(Event, source="sundhedspleje"):
    """A visit is planned for a child's family. Subject: the child."""

    visit: UUID
    child: UUID
    municipality: Municipality
    kind: Code
    from_on: date
    until_on: date


class VisitsReplanned(Event, source="sundhedspleje"):
    """Visits were moved, fell away or are planned again, and why. Subject: the child."""

    child: UUID
    municipality: Municipality
    visits: list[UUID]
    why: WhyReplanned | None = None


class _Visit(Event):
    visit: UUID
    child: UUID
    municipality: Municipality
    kind: Code


class VisitHeld(_Visit, source="sundhedspleje"):
    """A visit was held, by a named health visitor and those of other units who took part. Subject: the child."""

    held_on: date
    where: Literal["home", "clinic", "institution", "phone", "video"]
    participants: list[Seat]
    by: UUID
    development: Development | None = None


class VisitMissed(_Visit, source="sundhedspleje"):
    """A visit could not be held. Subject: the child."""


class VisitDeclined(_Visit, source="sundhedspleje"):
    """The family does not want this visit. Subject: the child."""

    reason: Code


class JointVisitPlanned(_Visit, source="sundhedspleje"):
    """People of other units are to take part in a visit, with the family's yes. Subject: the child."""

    from_on: date
    until_on: date
    participants: list[Seat]


class NeedVisitGranted(_Visit, source="sundhedspleje"):
    """A family is granted a need-based visit; the systematic screening is to be done by `screen_by`. Subject: the child."""

    reason: Code
    from_on: date
    until_on: date
    systematic: UUID
    screen_by: date
    by: UUID


class NeedVisitOverdue(_Visit, source="sundhedspleje"):
    """A need-based visit was not held in its window. Subject: the child."""

    until_on: date
    responsible: Seat | None


class SystematicScreeningOverdue(Event, source="sundhedspleje"):
    """The screening that a need-based visit had opened was not done by its date. Subject: the child."""

    systematic: UUID
    visit: UUID
    child: UUID
    municipality: Municipality
    due_on: date
    parts: list[Code]
    responsible: Seat | None


class _Screening(Event):
    screening: UUID
    child: UUID
    municipality: Municipality
    instrument: Code
    whose: Whose


class ScreeningRecorded(_Screening, source="sundhedspleje"):
    """A screening was made; the score stays here. `whose`: a parent's result is the parent's own. Subject: the child."""

    scored_on: date
    at_or_above: bool


class ScreeningWithdrawn(_Screening, source="sundhedspleje"):
    """A screening had been recorded in error. Subject: the child."""

    reason: Literal["wrong-person", "wrong-score", "wrong-instrument", "other"]


class _FollowUp(Event):
    follow_up: UUID
    screening: UUID
    child: UUID
    municipality: Municipality
    instrument: Code
    whose: Whose


class FollowUpOpened(_FollowUp, source="sundhedspleje"):
    """A score at or above the municipality's threshold asks for a follow-up. Subject: the child."""

    due_on: date


class FollowUpClosed(_FollowUp, source="sundhedspleje"):
    """A follow-up has ended in something. Subject: the child."""

    outcome: Code


class FollowUpOverdue(_FollowUp, source="sundhedspleje"):
    """A follow-up has not ended in anything by its date. Subject: the child."""

    due_on: date
    responsible: Seat | None


class ThresholdSet(Event, source="sundhedspleje"):
    """A municipality's threshold of an instrument for one of the family, from a date on. Subject: derived from the code."""

    municipality: Municipality
    instrument: Code
    whose: Whose
    score: int
    from_on: date
    by: UUID


class ConfigurationInForce(Event, source="sundhedspleje"):
    """A visit plan or a programme of a municipality has taken effect. Subject: derived from the code.

    `replaces`: the day from which the one before it counted; `changed`: in what they differ. What was planned or offered before
    stays as it was, unless `plans_again`: a visit plan for all children, whose visits are then said to be planned again.
    """

    municipality: Municipality
    what: Literal["visit-plan", "programme"]
    key: Code
    from_on: date
    replaces: date | None
    changed: list[Code]
    plans_again: bool


class _Underretning(Event):
    underretning: UUID
    municipality: Municipality
    notifier: Seat
    to_unit: UUID


class UnderretningGiven(_Underretning, source="sundhedspleje"):
    """Someone has notified the municipality of concern for a child, who is not named here. Subject: the underretning."""

    given_at: AwareDatetime
    assess_by: AwareDatetime
    receipt_by: AwareDatetime


class UnderretningAssessed(_Underretning, source="sundhedspleje"):
    """The municipality has looked at an underretning. Subject: the underretning."""

    assessed_at: AwareDatetime


class UnderretningAcknowledged(_Underretning, source="sundhedspleje"):
    """The notifier has the receipt. Subject: the underretning."""

    receipt_at: AwareDatetime


class UnderretningOverdue(_Underretning, source="sundhedspleje"):
    """One of the two clocks of an underretning has run out. Subject: the underretning."""

    clock: Literal["assessment", "receipt"]
    due_at: AwareDatetime


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


class _DisclosedByLaw(Event):
    overlevering: UUID
    child: UUID
    municipality: Municipality
    to_unit: UUID
    given_by: UUID
    given_at: AwareDatetime


class DisclosedByLaw(_DisclosedByLaw, source="sundhedspleje"):
    """Something about a child was given without consent by Sundhedsloven s. 43(2): the family is told. Subject: the child."""


class MotherDisclosedByLaw(_DisclosedByLaw, source="sundhedspleje"):
    """Something of the mother's own was given without consent by Sundhedsloven s. 43(2): she is told. Subject: the child."""


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


class PlusPladsAsked(_Enrolment, source="sundhedspleje"):
    """A programme is through, and the institution that goes on is asked to reserve a place for the child. Subject: the child."""

    unit: UUID
    method: Code


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
