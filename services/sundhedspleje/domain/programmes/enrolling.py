"""A family's way through a programme: offered, answered, waiting, running, completed or stopped; one table of what may follow."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal
from uuid import UUID

from services.chassis.errors import NotAllowed, NotFound, NotUnderstood, RuleViolated
from services.events import Event
from services.events.sundhedspleje import (
    PlusPladsAsked,
    ProgrammeAccepted,
    ProgrammeDecline,
    ProgrammeDeclined,
    ProgrammeEnded,
    ProgrammeOffered,
    ProgrammePlaceGiven,
    ProgrammeStarted,
    ProgrammeStop,
    ProgrammeWaiting,
)
from services.sundhedspleje.domain.programmes.definitions import Programme
from services.sundhedspleje.domain.programmes.eligibility import Explanation

EnrolmentState = Literal["offered", "accepted", "waiting", "running", "completed", "stopped", "declined"]

# accepted: with a place in a course, or yet to get one. A place that becomes free in a running course leads straight to running.
TRANSITIONS: Mapping[EnrolmentState, frozenset[EnrolmentState]] = {
    "offered": frozenset({"accepted", "declined", "stopped"}),
    "accepted": frozenset({"waiting", "running", "stopped"}),
    "waiting": frozenset({"accepted", "running", "stopped"}),
    "running": frozenset({"completed", "stopped"}),
    "completed": frozenset(),
    "stopped": frozenset(),
    "declined": frozenset(),
}
OPEN: frozenset[EnrolmentState] = frozenset({"offered", "accepted", "waiting", "running"})
# Who offers, in the words of access.yaml.
OFFERS = frozenset({"holder", "deputy", "health-visitor"})
# Where there are pluspladser.
PLUSPLADSER_IN = frozenset({"institution", "dagpleje"})
# While in one of these a family's place in a course is taken.
HOLDS_A_PLACE: frozenset[EnrolmentState] = frozenset({"accepted", "running", "completed"})


class OnlyTheTovholderMayOfferAProgramme(NotAllowed):
    """A programme is offered, and the answer recorded, by the child's tovholder, its health visitor, or who deputises."""


class NobodyIsOfferedAProgrammeHere(RuleViolated):
    """The case is closed, the child has died or the pregnancy has ended."""


class ThereIsNoSuchProgramme(NotFound):
    """The municipality has no programme of this key that is in force today."""


class ThisIsNotOfferedToFamilies(RuleViolated):
    """A consultation, a talk or a forum is a gathering: it is held, and whoever takes part is named there."""


class TheFamilyIsNotAmongThoseItIsFor(RuleViolated):
    """`lacking` names what does not hold, `one_of` what would do; `if_judged` grounds a professional may name, where enough."""


class ThisGroundIsNotOneOfTheProgrammes(NotUnderstood):
    """`grounds` are codes that the programme's criteria name under `judged`."""


class ThisFamilyHasAnOpenOffer(RuleViolated):
    """A family has one open enrolment in a programme at most."""


class ThisDoesNotFollow(RuleViolated):
    """From the state it is in, an enrolment cannot come to that one. `state` says where it stands."""


class TheConsentIsMissing(RuleViolated):
    """The family cannot take part without a consent to whom, for what and about what; record it, or the decline."""


class ThisIsAnotherProgrammesCourse(RuleViolated):
    """A family gets a place in a course of the programme it was offered."""


class ThisProgrammeHasACourse(RuleViolated):
    """Its families begin with their course, not one by one."""


class WhoContinuesMustBeNamed(RuleViolated):
    """The programme says which kinds of units go on with the family; name the unit, and the professional where known."""


class ThatUnitDoesNotContinueThis(RuleViolated):
    """Who goes on is an active unit of the municipality, of a kind the programme names."""


class TheUnitThatContinuesMustBeTrainedInTheMethod(RuleViolated):
    """Somebody who works there has had the training in the programme's method."""


@dataclass(frozen=True)
class Enrolment:
    """A family's place in a programme. `because`: the criteria that matched. `course`: where it has or had a place.

    `effective_from`: of the definition it was offered by; later changes of the definition change nothing here.
    """

    id: UUID
    child: UUID
    municipality: str
    programme: str
    kind: str
    effective_from: date
    state: EnrolmentState
    because: tuple[str, ...]
    offered_by: UUID
    unit: UUID
    course: UUID | None = None
    waits_for: UUID | None = None
    reason: str | None = None
    continues: UUID | None = None
    continued_by: UUID | None = None


@dataclass(frozen=True)
class Decided:
    """An enrolment after a change, and what is said of it."""

    enrolment: Enrolment
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Room:
    """A course as a place in it is given: of which programme, whether it runs, and how many places are free."""

    course: UUID
    programme: str
    running: bool
    free: int


@dataclass(frozen=True)
class Continuing:
    """The unit that is to go on with a family, as the directory says it is, and whether somebody there knows the method."""

    unit: UUID
    kind: str
    active: bool
    professional: UUID | None
    works_there: bool
    trained: bool


def may_offer(standing: Collection[str]) -> None:
    """Whoever has no relation to the child at all learns nothing."""
    if not standing:
        raise NotFound("There is no such child, or not for you.")
    if not OFFERS & set(standing):
        raise OnlyTheTovholderMayOfferAProgramme


def may_be_offered(programme: Programme | None, grounds: Collection[str], open_to_change: bool) -> Programme:
    """The programme, where it is one that families are offered and the grounds are its own."""
    if programme is None:
        raise ThereIsNoSuchProgramme
    if not programme.for_families:
        raise ThisIsNotOfferedToFamilies
    if unknown := sorted(set(grounds) - programme.offered_to.grounds()):
        raise ThisGroundIsNotOneOfTheProgrammes(unknown=unknown, allowed=sorted(programme.offered_to.grounds()))
    if not open_to_change:
        raise NobodyIsOfferedAProgrammeHere
    return programme


def offer(number: UUID, child: UUID, municipality: str, programme: Programme, why: Explanation, by: UUID, unit: UUID) -> Decided:
    """The reasons that matched are kept with the offer."""
    if not why.met:
        raise TheFamilyIsNotAmongThoseItIsFor(
            lacking=[finding.code for finding in why.lacking],
            one_of=[finding.code for finding in why.one_of],
            if_judged=list(why.if_judged),
        )
    offered = Enrolment(
        id=number,
        child=child,
        municipality=municipality,
        programme=programme.key,
        kind=programme.kind,
        effective_from=programme.effective_from,
        state="offered",
        because=tuple(why.codes),
        offered_by=by,
        unit=unit,
    )
    said = ProgrammeOffered(
        **_named(offered), kind=programme.kind, effective_from=programme.effective_from, offered_by=by, unit=unit
    )
    return Decided(offered, (said,))


def accept(enrolment: Enrolment, room: Room | None, consented: bool) -> Decided:
    """The family says yes: to a place where there is one, else to wait for it. `room`: of the course, where one is named."""
    accepted = _to(enrolment, "accepted")
    if not consented:
        raise TheConsentIsMissing
    if room is None:
        return Decided(accepted, (ProgrammeAccepted(**_named(enrolment), course=None),))
    placed = place(accepted, room)
    has_one = placed.enrolment.course
    said = [event for event in placed.events if not isinstance(event, ProgrammePlaceGiven)]
    return Decided(placed.enrolment, (ProgrammeAccepted(**_named(enrolment), course=has_one), *said))


def decline(enrolment: Enrolment, reason: ProgrammeDecline) -> Decided:
    declined = replace(_to(enrolment, "declined"), reason=reason)
    return Decided(declined, (ProgrammeDeclined(**_named(enrolment), reason=reason),))


def place(enrolment: Enrolment, room: Room) -> Decided:
    """A place in a course, or the end of its list; in a running course the family begins at once."""
    if enrolment.state != "accepted" or enrolment.course is not None:
        raise ThisDoesNotFollow(state=enrolment.state)
    if room.programme != enrolment.programme:
        raise ThisIsAnotherProgrammesCourse
    if room.free <= 0:
        waiting = replace(_to(enrolment, "waiting"), waits_for=room.course)
        return Decided(waiting, (ProgrammeWaiting(**_named(enrolment), course=room.course),))
    return _given(enrolment, room.course, room.running)


def next_in_line(enrolment: Enrolment, running: bool) -> Decided:
    """Who has waited longest gets the place that became free: the family has said yes already."""
    if enrolment.state != "waiting" or enrolment.waits_for is None:
        raise ThisDoesNotFollow(state=enrolment.state)
    return _given(replace(enrolment, waits_for=None), enrolment.waits_for, running)


def _given(enrolment: Enrolment, course: UUID, running: bool) -> Decided:
    given = ProgrammePlaceGiven(**_named(enrolment), course=course)
    if running:
        begun = replace(_to(enrolment, "running"), course=course)
        return Decided(begun, (given, ProgrammeStarted(**_named(enrolment), course=course)))
    state: EnrolmentState = "accepted"
    if enrolment.state != "accepted":
        enrolment = _to(enrolment, state)
    return Decided(replace(enrolment, course=course), (given,))


def begin(enrolment: Enrolment) -> Decided:
    """It begins for this family: with its course, or by itself where the programme has none."""
    return Decided(_to(enrolment, "running"), (ProgrammeStarted(**_named(enrolment), course=enrolment.course),))


def begin_alone(enrolment: Enrolment, programme: Programme) -> Decided:
    if programme.has_course:
        raise ThisProgrammeHasACourse
    return begin(enrolment)


def complete(enrolment: Enrolment, programme: Programme, continuing: Continuing | None) -> Decided:
    """It is through, and somebody goes on: the tovholder, or a unit of a kind that the programme names."""
    after = programme.afterwards
    if after.continues and continuing is None:
        raise WhoContinuesMustBeNamed(allowed=list(after.continues))
    if continuing is not None:
        _may_continue(continuing, programme)
    done = replace(
        _to(enrolment, "completed"),
        continues=continuing.unit if continuing else None,
        continued_by=continuing.professional if continuing else None,
    )
    asked = _plusplads(done, programme, continuing)
    return Decided(done, (_ended(done, after.programme), *asked))


def _plusplads(enrolment: Enrolment, programme: Programme, continuing: Continuing | None) -> tuple[Event, ...]:
    """Where the programme reserves a place in the institution that goes on, that institution is asked for it."""
    if not (programme.afterwards.plusplads and programme.method and continuing and continuing.kind in PLUSPLADSER_IN):
        return ()
    return (PlusPladsAsked(**_named(enrolment), unit=continuing.unit, method=programme.method),)


def _may_continue(continuing: Continuing, programme: Programme) -> None:
    allowed = programme.afterwards.continues
    if not continuing.active or continuing.kind not in allowed or not continuing.works_there:
        raise ThatUnitDoesNotContinueThis(allowed=list(allowed))
    if programme.afterwards.in_the_same_method and not continuing.trained:
        raise TheUnitThatContinuesMustBeTrainedInTheMethod(method=programme.method)


def stop(enrolment: Enrolment, reason: ProgrammeStop) -> Decided:
    """It ends before it is through; a family that waited leaves the list."""
    stopped = replace(_to(enrolment, "stopped"), reason=reason, waits_for=None)
    return Decided(stopped, (_ended(stopped, None, reason),))


def _ended(enrolment: Enrolment, next_programme: str | None, reason: ProgrammeStop | None = None) -> ProgrammeEnded:
    return ProgrammeEnded(
        **_named(enrolment),
        course=enrolment.course,
        outcome="completed" if reason is None else "stopped",
        reason=reason,
        unit=enrolment.unit,
        continues=enrolment.continues,
        continued_by=enrolment.continued_by,
        next_programme=next_programme,
    )


def _to(enrolment: Enrolment, state: EnrolmentState) -> Enrolment:
    if state not in TRANSITIONS[enrolment.state]:
        raise ThisDoesNotFollow(
            f"It is {enrolment.state}; from there it comes to {', '.join(sorted(TRANSITIONS[enrolment.state])) or 'nothing'}.",
            state=enrolment.state,
        )
    return replace(enrolment, state=state)


def _named(enrolment: Enrolment) -> dict[str, object]:
    return {
        "enrolment": enrolment.id,
        "child": enrolment.child,
        "municipality": enrolment.municipality,
        "programme": enrolment.programme,
    }
