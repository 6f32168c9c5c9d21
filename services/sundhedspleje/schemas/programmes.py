"""The bodies of what the API says and takes of programmes, enrolments, courses, gatherings and trainings."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from services.events.envelope import Code
from services.events.sundhedspleje import Attendance, CourseState, ProgrammeDecline, ProgrammeKind, ProgrammeStop
from services.sundhedspleje.schemas import _Strict

Note = Annotated[str, StringConstraints(min_length=1, max_length=4_000, strip_whitespace=True)]


class StepOut(BaseModel):
    """The programme's step in the municipality's Handleguide."""

    step: str
    title: str
    address: str


class MethodOut(BaseModel):
    """A method in its version; `counts`: earlier versions whose training still counts."""

    key: str
    title: str
    version: str
    counts: list[str]
    handleguide: StepOut | None


class AfterwardsOut(BaseModel):
    """What comes after: another programme, and who goes on."""

    programme: str | None
    continues: list[str]
    in_the_same_method: bool
    plusplads: bool


class ProgrammeLine(BaseModel):
    """What a programme is called and where it stands in the Handleguide: shown wherever the programme is."""

    key: str
    title: str
    kind: str
    handleguide: StepOut | None


class ProgrammeOut(ProgrammeLine):
    """A programme as it is in force, with all that the municipality has decided of it."""

    effective_from: date
    effective_until: date | None
    method: MethodOut | None
    team: list[str]
    sessions_min: int | None
    sessions_max: int | None
    places: list[str]
    capacity: int | None
    visits: list[str]
    held_in: list[str]
    consent_needed: bool
    afterwards: AfterwardsOut


class ProgrammesOut(BaseModel):
    """The municipality's programmes in force on a day."""

    title: str
    on: date
    programmes: list[ProgrammeOut]


class ConfigurationLine(BaseModel):
    """A visit plan or a programme that has taken effect; `replaces`: the day from which the one before it counted."""

    what: str
    key: str
    from_on: date
    replaces: date | None
    changed: list[str]
    in_force_since: datetime


class ConfigurationOut(BaseModel):
    """What is in force of a municipality's files, the newest first; `not_followed`: what else they say, and what is allowed."""

    in_force: list[ConfigurationLine]
    not_followed: list[str]


class FindingOut(BaseModel):
    """A criterion and what it says of this family."""

    code: str
    says: str


class WhyOut(BaseModel):
    """Why this family is, or is not, offered a programme. `lacking`: what must be so and is not; of `one_of` one would do.

    `if_judged`: grounds a professional may name, where that is enough. `state`: of the family's latest enrolment in it.
    """

    programme: ProgrammeLine
    is_for_them: bool
    because: list[FindingOut]
    lacking: list[FindingOut]
    one_of: list[FindingOut]
    if_judged: list[str]
    state: str | None


class EligibilityOut(BaseModel):
    """Each programme that families are offered, with the reasons for and against."""

    child: UUID
    on: date
    programmes: list[WhyOut]


class OfferIn(_Strict):
    """An offer. `grounds`: what the professional judges and answers for, of the codes the programme's criteria name."""

    child: UUID
    programme: Code
    grounds: list[Code] = Field(default=[], max_length=20)


class AcceptIn(_Strict):
    """The family's yes. `course`: the one it is to have a place in; without, the place is given later."""

    course: UUID | None = None


class PlaceIn(_Strict):
    """A place in a course, for a family that has said yes."""

    course: UUID


class DeclineIn(_Strict):
    """The family's no. `text`: what else was said; sealed."""

    reason: ProgrammeDecline
    text: Note | None = None


class StopIn(_Strict):
    """It ends before it is through."""

    reason: ProgrammeStop
    text: Note | None = None


class ContinuesIn(_Strict):
    """Who goes on with the family."""

    unit: UUID
    professional: UUID | None = None


class CompleteIn(_Strict):
    """It is through. `continues`: where the programme says that a unit goes on."""

    continues: ContinuesIn | None = None


class EnrolmentOut(BaseModel):
    """A family's place in a programme. `because`: why it was offered. `turn`: the place on the waiting list, from 1.

    `answered_at`: when the family said yes or no; `ended_at`: when it was through, stopped or declined.
    """

    id: UUID
    child: UUID
    programme: ProgrammeLine
    effective_from: date
    state: str
    because: list[str]
    offered_by: UUID
    course: UUID | None
    waits_for: UUID | None
    turn: int | None
    reason: str | None
    text: str | None = None
    continues: UUID | None
    continued_by: UUID | None
    offered_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None


class EnrolmentsOut(BaseModel):
    """All of a child's enrolments, the oldest first."""

    enrolments: list[EnrolmentOut]


class ChangedOut(BaseModel):
    """An enrolment after a change: ids and codes only."""

    id: UUID
    state: str
    course: UUID | None
    waits_for: UUID | None
    turn: int | None


class CourseIn(_Strict):
    """A course to be held. `capacity`: at most that of the programme, which it has without."""

    programme: Code
    unit: UUID
    begins_on: date
    ends_on: date
    place: Code | None = None
    capacity: int | None = Field(default=None, ge=1, le=500)
    team: list[UUID] = Field(default=[], max_length=20)


class CourseChangeIn(_Strict):
    """What is not named stays."""

    begins_on: date | None = None
    ends_on: date | None = None
    place: Code | None = None
    capacity: int | None = Field(default=None, ge=1, le=500)


class TeamIn(_Strict):
    """The whole team."""

    team: list[UUID] = Field(max_length=20)


class SessionIn(_Strict):
    """The course's next session."""

    on_date: date


class HeldIn(_Strict):
    """Enrolment → whether the family was there."""

    attendance: dict[UUID, Attendance] = Field(default={}, max_length=500)


class EndIn(_Strict):
    """The course is through. `continues`: by enrolment, where the programme says that a unit goes on with its families."""

    continues: dict[UUID, ContinuesIn] = Field(default={}, max_length=500)


class FamilyOut(BaseModel):
    """A family of a course, for those who hold it. `turn`: on the waiting list."""

    enrolment: UUID
    child: UUID
    state: str
    turn: int | None


class SessionOut(BaseModel):
    """A session; `attendance` by enrolment, for those who hold the course."""

    id: UUID
    number: int
    on_date: date
    state: str
    attendance: dict[UUID, Attendance] | None = None


class CourseLine(BaseModel):
    """A course with its places. `lacking`: competences that nobody in the team holds today."""

    id: UUID
    programme: ProgrammeLine
    effective_from: date
    unit: UUID
    state: CourseState
    place: str | None
    begins_on: date
    ends_on: date
    capacity: int
    taken: int
    waiting: int
    sessions_min: int
    sessions_max: int
    team: list[UUID]
    lacking: list[str]


class CourseOut(CourseLine):
    """One course; `families` for those who hold it."""

    sessions: list[SessionOut]
    families: list[FamilyOut] | None = None


class SessionDay(BaseModel):
    """A session that lies ahead."""

    number: int
    on_date: date


class TakesPart(BaseModel):
    """What a family is offered, waits for or takes part in. `turn`: the place on the waiting list, from 1.

    `unit` holds it; `place` (as the municipality calls it), `begins_on` and `ends_on` are the group's, where there is one.
    """

    enrolment: UUID
    state: str
    programme: ProgrammeLine
    turn: int | None
    unit: UUID
    place: str | None
    begins_on: date | None
    ends_on: date | None
    sessions: list[SessionDay]


class TakesPartOut(BaseModel):
    """All that is not yet over, the oldest first."""

    takes_part: list[TakesPart]


class CoursesOut(BaseModel):
    """A page of courses. `next`: give it as `after` for the next page."""

    courses: list[CourseLine]
    next: UUID | None


class CourseChangedOut(BaseModel):
    """A course after a change. `ended`: enrolments that ended with it. `placed`: those that got a place by it."""

    id: UUID
    state: CourseState
    ended: list[UUID] = []
    placed: list[UUID] = []


class SessionChangedOut(BaseModel):
    """A session after a change."""

    id: UUID
    course: UUID
    number: int
    state: str


class GatheringIn(_Strict):
    """A consultation, a talk or a forum to be held. `held_in`: the unit where it takes place, if another."""

    programme: Code
    unit: UUID
    held_in: UUID | None = None
    on_date: date
    hosts: list[UUID] = Field(default=[], max_length=20)


class GatheringHeldIn(_Strict):
    """Who took part; children only in a consultation."""

    professionals: list[UUID] = Field(default=[], max_length=200)
    children: list[UUID] = Field(default=[], max_length=200)


class GatheringOut(BaseModel):
    """A gathering. `children` only for those who hold it."""

    id: UUID
    programme: ProgrammeLine
    kind: ProgrammeKind
    unit: UUID
    held_in: UUID | None
    on_date: date
    hosts: list[UUID]
    state: str
    professionals: list[UUID]
    families: int
    children: list[UUID] | None = None


class GatheringsOut(BaseModel):
    """A page of gatherings. `next`: give it as `after` for the next page."""

    gatherings: list[GatheringOut]
    next: UUID | None


class GatheringChangedOut(BaseModel):
    """A gathering after a change."""

    id: UUID
    state: str


class TrainingIn(_Strict):
    """A training that was held. `version`: of the method; the one in force without."""

    method: Code
    version: Code | None = None
    held_on: date
    professionals: list[UUID] = Field(min_length=1, max_length=200)


class TrainingOut(BaseModel):
    """Who has it from this training; `had_it_before`: who keeps an earlier day."""

    id: UUID
    trained: list[UUID]
    had_it_before: list[UUID]


class TrainedOut(BaseModel):
    """Someone who has had a training; `version` none: the directory's competence of the same code."""

    professional: UUID
    version: str | None
    trained_on: date
    counts: bool


class MethodTrainedOut(BaseModel):
    """Who has had the training in a method. `lacking`: who works where everyone is to have had it, and has not."""

    method: MethodOut
    trained: list[TrainedOut]
    lacking: list[UUID]


class FileIn(_Strict):
    """A whole programmes.yaml or visits.yaml, and the day from which it holds."""

    content: str = Field(min_length=1, max_length=200_000)
    from_on: date


class FileLine(BaseModel):
    """Who wrote a file when, from which day it holds, and who took it back."""

    id: UUID
    from_on: date
    uploaded_by: UUID
    uploaded_at: AwareDatetime
    withdrawn_by: UUID | None = None
    withdrawn_at: AwareDatetime | None = None


class FileOut(BaseModel):
    """What holds on a day as it is written; `files`: all that were written here, the newest first."""

    content: str
    on: date
    files: list[FileLine]


class FileDifference(BaseModel):
    programme: str
    what: Literal["new", "changed", "ended"]
    on: date
    fields: list[str]


class VisitFileDifference(BaseModel):
    """A contact, a criterion or a reason by its code: what becomes of it from which day on."""

    part: Literal["contact", "criterion", "decline-reason", "need-visit-reason"]
    code: str
    what: Literal["new", "changed", "ended"]
    on: date
    fields: list[str]


class VisitFileComparedOut(BaseModel):
    """What changes from which day on. `file` null: nothing was kept, it was a comparison only."""

    file: UUID | None
    from_on: date
    changes: list[VisitFileDifference]


class FileComparedOut(BaseModel):
    """What changes from which day on. `file` null: nothing was kept, it was a comparison only."""

    file: UUID | None
    from_on: date
    changes: list[FileDifference]
