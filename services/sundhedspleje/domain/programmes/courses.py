"""A course: who may hold it, when it may begin and end, its sessions, and who was there."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal
from uuid import UUID

from services.chassis.errors import NotAllowed, NotFound, NotUnderstood, RuleViolated
from services.events.sundhedspleje import Attendance, CourseChanged, CoursePlanned, CourseState, ProgrammeKind
from services.sundhedspleje.domain.programmes.definitions import Method, Programme

TRANSITIONS: Mapping[CourseState, frozenset[CourseState]] = {
    "planned": frozenset({"running", "cancelled"}),
    "running": frozenset({"ended", "cancelled"}),
    "ended": frozenset(),
    "cancelled": frozenset(),
}
SessionState = Literal["planned", "held", "cancelled"]
# Units whose people plan and hold courses; daycare's people may be in a team.
HOLDING_KINDS = frozenset({"sundhedspleje", "intake", "social"})


class OnlyWhoHoldsItMayChangeACourse(NotAllowed):
    """A course is planned and changed by its team and by the people of the unit that holds it."""


class ThisProgrammeHasNoCourse(RuleViolated):
    """Courses are held of individual courses, groups and parent courses."""


class TheUnitDoesNotHoldCourses(RuleViolated):
    """A course is held by an active unit of the municipality: sundhedspleje, its intake, or the specialised children's area."""


class TheProgrammeIsNotHeldThere(RuleViolated):
    """`allowed` names the programme's places."""


class ACourseEndsAfterItBegins(NotUnderstood):
    """`ends_on` lies before `begins_on`."""


class ThereAreMoreFamiliesThanThat(RuleViolated):
    """A course has at least as many places as families have been given one."""


class TheCourseHasMorePlacesThanItsProgramme(RuleViolated):
    """The programme says how many families there are at most in a course."""


class NeverMoreFamiliesThanPlaces(RuleViolated):
    """Every place of the course is taken."""


class SessionsLieOutsideThoseDays(RuleViolated):
    """A session is held within its course: move the session first."""


class TheTeamLacksCompetences(RuleViolated):
    """A course begins with a team that holds every competence the programme asks for; `lacking` names those nobody has."""


class TheTeamMustBeTrainedInTheMethod(RuleViolated):
    """Somebody in the team has had the training in the programme's method, in a version that counts."""


class TheProfessionalDoesNotWorkHere(RuleViolated):
    """A team's members are professionals of the municipality."""


class TheCourseIsNotOpen(RuleViolated):
    """`state` says how it stands; from there this cannot follow."""


class ACourseHasNoSessionBeyondItsProgramme(RuleViolated):
    """The programme says how many sessions a course has at most."""


class ASessionLiesWithinItsCourse(RuleViolated):
    """A session is held between the first and the last day of its course, those included."""


class ASessionIsHeldWhenItsDayHasCome(RuleViolated):
    """What is still to come was not held."""


class OnlyAPlannedSessionCanChange(RuleViolated):
    """A session that was held or cancelled stays so; who was there can be corrected."""


class OnlyTheEnrolledAttend(RuleViolated):
    """Attendance is recorded of families that are running in the course; `not_enrolled` names the others."""


class TooFewSessionsWereHeld(RuleViolated):
    """A course is through when it has had at least as many sessions as its programme says; end it earlier by cancelling."""


@dataclass(frozen=True)
class Course:
    """A course as it was planned. Sessions and capacity are those of the definition in force then."""

    id: UUID
    municipality: str
    programme: str
    kind: ProgrammeKind
    effective_from: date
    unit: UUID
    state: CourseState
    place: str | None
    begins_on: date
    ends_on: date
    capacity: int
    sessions_min: int
    sessions_max: int
    team: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class Session:
    """One session. `number`: from 1, in the order of planning."""

    id: UUID
    course: UUID
    number: int
    on_date: date
    state: SessionState


@dataclass(frozen=True)
class Member:
    """Someone of a team on a day: what they are competent in, by the directory, and trained in, by the trainings held."""

    professional: UUID
    works_here: bool
    competences: frozenset[str]
    trained: frozenset[tuple[str, str]]

    def knows(self, method: Method) -> bool:
        return method.key in self.competences or any((method.key, each) in self.trained for each in counting(method))


def counting(method: Method) -> tuple[str, ...]:
    """The versions whose training counts."""
    return (method.version, *method.counts)


def may_hold(kind: str | None, active: bool) -> None:
    """`kind`: of the unit that is to hold it; None where the municipality has no such unit."""
    if kind not in HOLDING_KINDS or not active:
        raise TheUnitDoesNotHoldCourses


def may_change(holds: bool, is_here: bool) -> None:
    """`is_here`: someone of the municipality, who may know that there is such a course."""
    if not is_here:
        raise NotFound("There is no such course, or not for you.")
    if not holds:
        raise OnlyWhoHoldsItMayChangeACourse


def plan(
    number: UUID,
    municipality: str,
    programme: Programme,
    unit: UUID,
    begins_on: date,
    ends_on: date,
    place: str | None,
    capacity: int | None,
    team: Sequence[UUID],
) -> tuple[Course, CoursePlanned]:
    """By the definition in force: its places, at most its capacity, its sessions."""
    if not programme.has_course or programme.sessions is None:
        raise ThisProgrammeHasNoCourse
    most = programme.capacity or 1
    _fits(programme, begins_on, ends_on, place, capacity or most)
    course = Course(
        id=number,
        municipality=municipality,
        programme=programme.key,
        kind=programme.kind,
        effective_from=programme.effective_from,
        unit=unit,
        state="planned",
        place=place,
        begins_on=begins_on,
        ends_on=ends_on,
        capacity=capacity or most,
        sessions_min=programme.sessions.min,
        sessions_max=programme.sessions.max,
        team=tuple(dict.fromkeys(team)),
    )
    said = CoursePlanned(
        course=course.id, municipality=municipality, programme=programme.key, kind=programme.kind, unit=unit, place=place,
        begins_on=begins_on, ends_on=ends_on, capacity=course.capacity,
    )  # fmt: skip
    return course, said


def _fits(programme: Programme, begins_on: date, ends_on: date, place: str | None, capacity: int) -> None:
    if ends_on < begins_on:
        raise ACourseEndsAfterItBegins
    if programme.places and place not in programme.places:
        raise TheProgrammeIsNotHeldThere(allowed=list(programme.places))
    if place is not None and place not in programme.places:
        raise TheProgrammeIsNotHeldThere(allowed=[])
    if capacity > (programme.capacity or 1):
        raise TheCourseHasMorePlacesThanItsProgramme(most=programme.capacity or 1)


def change(course: Course, programme: Programme, taken: int, sessions: Sequence[Session], **to: object) -> Course:
    """Other dates, place or capacity. `programme`: the definition it was planned by. `taken`: places given."""
    if course.state not in ("planned", "running"):
        raise TheCourseIsNotOpen(state=course.state)
    changed = replace(course, **{name: value for name, value in to.items() if value is not None})  # type: ignore[arg-type]
    _fits(programme, changed.begins_on, changed.ends_on, changed.place, changed.capacity)
    if changed.capacity < taken:
        raise ThereAreMoreFamiliesThanThat(families=taken)
    if any(not changed.begins_on <= each.on_date <= changed.ends_on for each in sessions if each.state != "cancelled"):
        raise SessionsLieOutsideThoseDays
    return changed


def with_team(course: Course, team: Sequence[Member]) -> Course:
    if course.state not in ("planned", "running"):
        raise TheCourseIsNotOpen(state=course.state)
    if strangers := [member.professional for member in team if not member.works_here]:
        raise TheProfessionalDoesNotWorkHere(professionals=strangers)
    return replace(course, team=tuple(member.professional for member in team))


def lacking(programme: Programme, team: Sequence[Member]) -> list[str]:
    """The competences that nobody in the team holds."""
    held = frozenset[str]().union(*(member.competences for member in team))
    return [competence for competence in programme.team if competence not in held]


def start(course: Course, programme: Programme, method: Method | None, team: Sequence[Member]) -> Course:
    """Only a whole team begins: every competence is held by somebody, and somebody is trained in the method."""
    begun = to(course, "running")
    if nobody_has := lacking(programme, team):
        raise TheTeamLacksCompetences(lacking=nobody_has)
    if method is not None and not any(member.knows(method) for member in team):
        raise TheTeamMustBeTrainedInTheMethod(method=method.key, versions=list(counting(method)))
    return begun


def end(course: Course, held: int) -> Course:
    """`held`: how many sessions were."""
    ended = to(course, "ended")
    if held < course.sessions_min:
        raise TooFewSessionsWereHeld(held=held, at_least=course.sessions_min)
    return ended


def to(course: Course, state: CourseState) -> Course:
    if state not in TRANSITIONS[course.state]:
        raise TheCourseIsNotOpen(state=course.state)
    return replace(course, state=state)


def plan_session(number: UUID, course: Course, sessions: Sequence[Session], on_date: date) -> Session:
    """The next session, within the course."""
    if course.state not in ("planned", "running"):
        raise TheCourseIsNotOpen(state=course.state)
    if not course.begins_on <= on_date <= course.ends_on:
        raise ASessionLiesWithinItsCourse(begins_on=course.begins_on, ends_on=course.ends_on)
    if sum(each.state != "cancelled" for each in sessions) >= course.sessions_max:
        raise ACourseHasNoSessionBeyondItsProgramme(most=course.sessions_max)
    return Session(number, course.id, max((each.number for each in sessions), default=0) + 1, on_date, "planned")


def cancel_session(session: Session) -> Session:
    if session.state != "planned":
        raise OnlyAPlannedSessionCanChange
    return replace(session, state="cancelled")


def hold(session: Session, course: Course, today: date) -> Session:
    if session.state != "planned":
        raise OnlyAPlannedSessionCanChange
    if course.state != "running":
        raise TheCourseIsNotOpen(state=course.state)
    if session.on_date > today:
        raise ASessionIsHeldWhenItsDayHasCome
    return replace(session, state="held")


def attended(said: Mapping[UUID, Attendance], enrolled: Collection[UUID]) -> Mapping[UUID, Attendance]:
    """`enrolled`: the enrolments that have a place in the course and run, or ran until after the session."""
    if strangers := sorted(set(said) - set(enrolled)):
        raise OnlyTheEnrolledAttend(not_enrolled=strangers)
    return said


def changed(course: Course) -> CourseChanged:
    """What is said of a course after a change."""
    return CourseChanged(
        course=course.id,
        municipality=course.municipality,
        programme=course.programme,
        state=course.state,
        place=course.place,
        begins_on=course.begins_on,
        ends_on=course.ends_on,
        capacity=course.capacity,
        team=sorted(course.team),
    )
