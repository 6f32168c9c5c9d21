"""The rules of a transition: what it needs before the start, whether the baton goes along, and when it is over."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final, Literal
from uuid import UUID

from services.chassis.errors import NotAllowed, NotUnderstood, RuleViolated
from services.daycare.domain import TRANSITIONS, Decision, OnlyAnOpenStartCanChange, Start, about
from services.daycare.domain.places import Capacity, in_force
from services.events import Event
from services.events.daycare import (
    BatonDecided,
    ChildSettled,
    FamilyMeetingHeld,
    How,
    Item,
    PedagogueNamed,
    TransitionIncomplete,
    TransitionItemSettled,
)
from services.events.daycare import BatonRule as BatonRule
from services.events.envelope import Seat
from services.events.sundhedspleje import OverleveringGiven

Overlevering = Literal["given", "reduced", "nothing-passed", "declined-by-family"]
Baton = Literal["moves", "stays"]
MeetingState = Literal["planned", "held", "declined-by-family", "cancelled"]

# An overlevering that was tried and of which nothing could pass is not the family's express refusal: it stays missing.
_SETTLED: Final = frozenset({"given", "reduced", "declined-by-family"})


class OnlyTheTovholderDecidesWhetherTheBatonMoves(NotAllowed):
    """The tovholder, or the deputy in absence, within the municipality's rule."""


class TheMunicipalityLetsTheBatonStay(RuleViolated):
    """By the municipality's rule it does not go along with a start in daycare."""


class TheMunicipalityLetsTheBatonMove(RuleViolated):
    """By the municipality's rule it goes along with a start in daycare."""


class TheParentsHaveNotAgreed(RuleViolated):
    """A private institution or private child minder gets nothing without the parents: no consent of theirs covers it."""


class TheUnitIsNotTrainedInTheMethod(RuleViolated):
    """It cannot go on with a method that it is not trained in."""


class NobodyNamedTheMethod(RuleViolated):
    """Say first which method the family has been working with."""


class AMeetingIsHeldTodayOrBefore(NotUnderstood):
    """What lies ahead is planned, not held."""


class TheMeetingHasItsOutcome(RuleViolated):
    """It was held, declined or cancelled: that stays so."""


class OnlyAChildWhoHasStartedSettles(RuleViolated):
    """The start lies ahead, was cancelled, or the child has settled already."""


class SettingsOfAPastDayStand(RuleViolated):
    """What was so far stays as it was: a change begins today or later."""


@dataclass(frozen=True)
class Setting:
    """A municipality's rule from a day on.

    `warn_days`: so long before the start what is missing is put before people. `plusplads_days`: an institution answers within
    so many days whether it holds a plusplads that a programme asks for.
    """

    from_on: date
    baton: BatonRule = "tovholder-decides"
    warn_days: int = 14
    plusplads_days: int = 7


DEFAULT: Final = Setting(date.min)


@dataclass(frozen=True)
class Checklist:
    """How far a transition is prepared; the pedagogue stands on the start. `method`: None where there is none to go on with."""

    overlevering: Overlevering | None = None
    meeting: Literal["held", "declined-by-family"] | None = None
    method: str | None = None
    continues: bool | None = None
    baton: Baton | None = None
    baton_by: UUID | None = None
    warned_for: date | None = None


@dataclass(frozen=True)
class Meeting:
    """A meeting of a family with the institution and whoever stands by the child."""

    id: UUID
    start: UUID
    child: UUID
    unit: UUID
    municipality: str
    state: MeetingState
    held_on: date
    participants: tuple[UUID, ...]


@dataclass(frozen=True)
class Settling:
    """A start, its checklist and a meeting as they stand after a change, and what is said of it."""

    start: Start
    checklist: Checklist
    events: tuple[Event, ...] = ()
    meeting: Meeting | None = None


def setting_on(settings: Iterable[Setting], on: date) -> Setting:
    """The newest one whose day has come."""
    return max((it for it in settings if it.from_on <= on), key=lambda it: it.from_on, default=DEFAULT)


def missing(start: Start, checklist: Checklist) -> tuple[Item, ...]:
    """What the transition still lacks, in the order of the checklist."""
    lacks: dict[Item, bool] = {
        "overlevering": checklist.overlevering not in _SETTLED,
        "meeting": checklist.meeting is None,
        "pedagogue": start.pedagogue is None,
        "method": checklist.method is not None and checklist.continues is None,
    }
    return tuple(item for item, is_missing in lacks.items() if is_missing)


def name_pedagogue(start: Start, checklist: Checklist, pedagogue: UUID) -> Settling:
    """Who meets the child, also after planning and instead of somebody else. Naming the same person says nothing."""
    _open(start)
    if start.pedagogue == pedagogue:
        return Settling(start, checklist)
    named = replace(start, pedagogue=pedagogue)
    said = PedagogueNamed(**about(named), pedagogue=Seat(professional=pedagogue, unit=start.unit), replaces=start.pedagogue)
    return Settling(named, checklist, (said, _settled(named, checklist, "pedagogue", "named")))


def hear_overlevering(start: Start, checklist: Checklist, given: OverleveringGiven) -> Settling:
    """The newest counts, but what was given is not undone by a later one of which nothing passed."""
    how: Overlevering = "nothing-passed" if given.basis == "refused" else ("reduced" if given.withheld else "given")
    if how == checklist.overlevering or (how == "nothing-passed" and checklist.overlevering in _SETTLED):
        return Settling(start, checklist)
    return _with(start, replace(checklist, overlevering=how), "overlevering", how)


def decline_overlevering(start: Start, checklist: Checklist) -> Settling:
    """The family does not want anything handed over: it is said, so that nobody waits for it."""
    _open(start)
    return _with(start, replace(checklist, overlevering="declined-by-family"), "overlevering", "declined-by-family")


def name_method(start: Start, checklist: Checklist, method: str | None) -> Settling:
    """Which method the family has been working with; None: there is none to go on with."""
    _open(start)
    if method == checklist.method:
        return Settling(start, checklist)
    named = replace(checklist, method=method, continues=None)
    return Settling(start, named) if method else _with(start, named, "method", "not-needed")


def continue_method(start: Start, checklist: Checklist, continues: bool, capacities: Collection[Capacity]) -> Settling:
    """Whether the institution goes on with the method. It can only if it is trained in it on the day of the start."""
    _open(start)
    if checklist.method is None:
        raise NobodyNamedTheMethod
    offered = in_force(capacities, start.starts_on)
    if continues and (offered is None or checklist.method not in offered.methods):
        raise TheUnitIsNotTrainedInTheMethod(method=checklist.method)
    return _with(start, replace(checklist, continues=continues), "method", "continues" if continues else "ends")


def decide_baton(
    start: Start,
    checklist: Checklist,
    standing: Collection[str],
    by: UUID | None,
    moves: bool,
    rule: BatonRule,
    parents_agree: bool,
) -> Settling:
    """The tovholder's decision, within the municipality's rule; it never goes to a private unit against the parents."""
    if not {"holder", "deputy"} & set(standing):
        raise OnlyTheTovholderDecidesWhetherTheBatonMoves
    _open(start)
    if moves and rule == "stays":
        raise TheMunicipalityLetsTheBatonStay
    if moves and start.private and not parents_agree:
        raise TheParentsHaveNotAgreed
    if not moves and rule == "moves" and not start.private:
        raise TheMunicipalityLetsTheBatonMove
    baton: Baton = "moves" if moves else "stays"
    if checklist.baton == baton:
        return Settling(start, checklist)
    said = BatonDecided(**about(start), moves=moves, decided_by=by)
    return Settling(start, replace(checklist, baton=baton, baton_by=by), (said,))


def baton_of(start: Start, checklist: Checklist, rule: BatonRule) -> Baton | None:
    """What is decided, or follows from the municipality's rule alone; None: the tovholder has still to decide."""
    fixed: Baton | None = None if rule == "tovholder-decides" else rule
    return checklist.baton or ("stays" if fixed == "moves" and start.private else fixed)


def plan_meeting(start: Start, checklist: Checklist, number: UUID, on: date, participants: Iterable[UUID]) -> Settling:
    """A joint meeting with the parents in the institution: before the start, or an extra one while the child is there."""
    if start.state == "cancelled":
        raise OnlyAnOpenStartCanChange(state=start.state)
    people = tuple(sorted(set(participants)))
    return Settling(
        start, checklist, (), Meeting(number, start.id, start.child, start.unit, start.municipality, "planned", on, people)
    )


def end_meeting(start: Start, checklist: Checklist, meeting: Meeting, state: MeetingState, on: date, today: date) -> Settling:
    """A planned meeting was held, was declined by the family, or will not be. Before the start it settles its item."""
    if meeting.state != "planned":
        raise TheMeetingHasItsOutcome(state=meeting.state)
    if state == "held" and on > today:
        raise AMeetingIsHeldTodayOrBefore
    ended = replace(meeting, state=state, held_on=on if state == "held" else meeting.held_on)
    said: tuple[Event, ...] = ()
    if state == "held":
        said = (FamilyMeetingHeld(**about(start), meeting=ended.id, held_on=on, participants=list(ended.participants)),)
    if not TRANSITIONS[start.state] or start.state == "started" or state == "cancelled":
        return Settling(start, checklist, said, ended)
    how: Literal["held", "declined-by-family"] = "held" if state == "held" else "declined-by-family"
    if checklist.meeting == "held":
        return Settling(start, checklist, said, ended)
    settled = _with(start, replace(checklist, meeting=how), "meeting", how)
    return replace(settled, events=(*said, *settled.events), meeting=ended)


def warn(start: Start, checklist: Checklist, tovholder: Seat | None, days: int, today: date) -> Settling | None:
    """Once for a date: from `days` before the start until it. A start that is moved is looked at anew."""
    lacks = missing(start, checklist)
    near = today < start.starts_on <= today + timedelta(days=days)
    if not lacks or not near or checklist.warned_for == start.starts_on or start.state not in ("planned", "prepared"):
        return None
    said = TransitionIncomplete(**about(start), tovholder=tovholder, missing=list(lacks))
    return Settling(start, replace(checklist, warned_for=start.starts_on), (said,))


def settle(start: Start) -> Decision:
    """The child has settled in: the giver's support ends, the episode does not."""
    if start.state != "started":
        raise OnlyAChildWhoHasStartedSettles(state=start.state)
    settled = replace(start, state="settled")
    return Decision(settled, (ChildSettled(**about(settled)),))


def _open(start: Start) -> None:
    if start.state not in ("planned", "prepared"):
        raise OnlyAnOpenStartCanChange(state=start.state)


def _with(start: Start, checklist: Checklist, item: Item, how: How) -> Settling:
    return Settling(start, checklist, (_settled(start, checklist, item, how),))


def _settled(start: Start, checklist: Checklist, item: Item, how: How) -> TransitionItemSettled:
    return TransitionItemSettled(**about(start), item=item, how=how, missing=list(missing(start, checklist)))
