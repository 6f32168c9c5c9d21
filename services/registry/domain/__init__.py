"""The baton as it stands, what may become of a handover, who stands in which relation to a child; pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal, Protocol
from uuid import UUID

from services.chassis.errors import RuleViolated
from services.events import Event
from services.events.envelope import Seat
from services.events.registry import ClosingReason, DeclineReason, Why, WithdrawalCause
from services.registry.domain.daycare import Daycare
from services.registry.domain.table import BECOMES as BECOMES
from services.registry.domain.table import CASE, HANDOVER, CaseAct, Step, Who
from services.registry.domain.table import OPEN as OPEN
from services.registry.domain.table import Act as Act
from services.registry.domain.table import State as State


class TheHandoverIsNoLongerOpen(RuleViolated):
    """It has come to an end; the answer says who holds the baton now."""


class TheHandoverIsAlreadyAccepted(RuleViolated):
    """It waits for its date; the receiver may still refuse it, the giver withdraw it."""


class AHandoverIsAlreadyOpen(RuleViolated):
    """A child is offered to one person at a time: withdraw that handover first."""


class TheChildIsClosed(RuleViolated):
    """The episode has ended: there is no baton to hand over."""


class TheReferenceIsMerged(RuleViolated):
    """It turned out to be the same child as an older reference; `merged_into` names it. Repeat this with that one."""


class TheChildIsNotClosed(RuleViolated):
    """Its episode runs: propose a handover, or override."""


class TheReferenceIsNotMerged(RuleViolated):
    """There is no merge to undo."""


class ThatCannotHappenToThisChildNow(RuleViolated):
    """The table of transitions has no such step."""


class OnlyTheTovholderTheirDeputyOrLeaderMayMove(RuleViolated):
    status = 403


class OnlyTheTovholderTheirDeputyOrLeaderMayClose(RuleViolated):
    status = 403


class OnlyALeaderOfTheLastUnitOrTheIntakeLeadMayReopen(RuleViolated):
    status = 403


class OnlyALeaderOfTheLastUnitOrTheIntakeLeadMaySeparate(RuleViolated):
    status = 403


class OnlyTheTovholderTheirDeputyOrLeaderMayPropose(RuleViolated):
    status = 403


class OnlyTheNamedReceiverMayAccept(RuleViolated):
    """The receiver, or during a registered absence their deputy, who then becomes tovholder."""

    status = 403


class OnlyTheNamedReceiverMayDecline(RuleViolated):
    status = 403


class OnlyTheNamedReceiverMayAsk(RuleViolated):
    status = 403


class OnlyTheGiverMayAnswer(RuleViolated):
    """The present tovholder, their deputy in an absence, or whoever proposed."""

    status = 403


class OnlyTheProposerOrTheTovholderMayWithdraw(RuleViolated):
    status = 403


class OnlyTheGiverTheProposerOrTheReceiverMayReschedule(RuleViolated):
    """The present tovholder, their deputy in an absence, whoever proposed, or the named receiver."""

    status = 403


class OnlyTheTovholderMaySayTheyHaveSeenIt(RuleViolated):
    """Nobody else can know it for them."""

    status = 403


class OnlyALeaderOfTheTovholdersUnitMayOverride(RuleViolated):
    """A leader of the unit or of one above it."""

    status = 403


class TheReceiverHoldsTheBatonAlready(RuleViolated):
    """Handing over to oneself changes nothing."""


class TheEffectDateHasPassed(RuleViolated):
    """A handover takes effect today or later."""


class TheProposalNamesAnotherDate(RuleViolated):
    """Who wants another date declines with a reason, or asks."""


class AQuestionIsOpenAlready(RuleViolated):
    """One question at a time: the deadline rests until it is answered."""


class NoQuestionIsOpen(RuleViolated):
    """There is nothing to answer."""


class AnotherReasonNeedsWords(RuleViolated):
    """With the reason `other` the text says why."""

    status = 422


class TheSeatTakesNobody(RuleViolated):
    """The person is leaving, or has left that unit: choose another."""


class TheSeatIsUnknown(RuleViolated):
    """No such person works in that unit."""

    status = 422


class NobodyOnTheLadderTakes(RuleViolated):
    """From the deputy up to the top leader there is no open seat."""


class Calendar(Protocol):
    """Working days and dates as Copenhagen counts them."""

    def after_working_days(self, start: datetime, days: int, closing_days: Collection[date] = ...) -> datetime: ...
    def start_of(self, day: date) -> datetime: ...
    def date_of(self, instant: datetime) -> date: ...


@dataclass(frozen=True, slots=True)
class Rules:
    """A municipality's rules. The defaults stand where the directory has not said: an open handover always has a deadline."""

    calendar: Calendar
    answer_working_days: int = 3
    remind_working_days_before: int = 1
    escalate_working_days: int = 1
    support_days: int = 28
    closing_days: tuple[date, ...] = ()
    closing_age: int = 6

    def after(self, start: datetime, days: int) -> datetime:
        return self.calendar.after_working_days(start, days, self.closing_days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """A proposal that the baton passes. `taking`: whether the receiver's seat still takes anything.

    `named`: the receiver as proposed, where a deputy has accepted for themselves since.
    `proposer`: None where a rule has proposed.
    """

    id: UUID
    state: State
    giver: Seat
    receiver: Seat
    receiver_municipality: str
    proposer: UUID | None
    reason: str
    proposed_at: datetime
    due_at: datetime
    effective_on: date | None = None
    question: UUID | None = None
    asked_at: datetime | None = None
    reminded_at: datetime | None = None
    overdue_at: datetime | None = None
    level: int = 0
    next_at: datetime | None = None
    accepted_by: UUID | None = None
    decline_reason: DeclineReason | None = None
    cause: WithdrawalCause | Literal["override", "merge", "closing"] | None = None
    closed_at: datetime | None = None
    taking: bool = True
    named: UUID | None = None

    @property
    def open(self) -> bool:
        return self.state in OPEN

    def becomes(self, act: Act) -> State:
        """The state after an act. TheHandoverIsNoLongerOpen or TheHandoverIsAlreadyAccepted where it may not be."""
        try:
            return BECOMES[self.state, act]
        except KeyError:
            raise (TheHandoverIsAlreadyAccepted() if self.open else TheHandoverIsNoLongerOpen(state=self.state)) from None


@dataclass(frozen=True, slots=True)
class Unseen:
    """The tovholder got the baton without a click of their own and has not said that they have seen it.

    `due_at`: None until the clock has set it by the municipality's rules. `level`: how often somebody was told so.
    `next_at`: when the clock must look; None where everybody has been told.
    """

    due_at: datetime | None = None
    level: int = 0
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Supporter:
    """Someone who stands by a child, visibly, without the baton."""

    seat: Seat
    municipality: str
    role: Literal["receiver", "giver", "team"]
    until_on: date | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Absence:
    """A present absence of the tovholder or of a receiver."""

    professional: UUID
    deputy: Seat | None


@dataclass(frozen=True, slots=True)
class Rung:
    """A seat that could be turned to, and whether it takes anything and its professional is there."""

    seat: Seat
    municipality: str
    taking: bool = True
    present: bool = True


@dataclass(frozen=True, slots=True)
class Noted:
    """What is noted of a life without an event of the baton's own, so that no version tells of it."""

    ended: Literal["died", "pregnancy-ended"] | None = None
    ended_on: date | None = None
    moving_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What is known of a child's life and case beside the baton.

    `ended`: a death or the end of a pregnancy as persons has recorded it; it closes nothing. `moving_to`: the municipality
    of a move that waits for an open handover to end. Of a closed case, `was`: the status before; `last`: the last tovholder;
    `reason`: why it was closed; `merged_into`: the reference that survives, `survivor_version`: its version at the merge,
    `survivor_before` and `survivor_after`: what was noted of it before the merge and after.
    """

    born_on: date | None = None
    ended: Literal["died", "pregnancy-ended"] | None = None
    ended_on: date | None = None
    moving_to: str | None = None
    moving_by: UUID | None = None
    was: Literal["expected", "born"] | None = None
    last: Seat | None = None
    reason: ClosingReason | None = None
    merged_into: UUID | None = None
    survivor_version: int | None = None
    survivor_before: Noted = Noted()
    survivor_after: Noted = Noted()

    @property
    def noted(self) -> Noted:
        return Noted(self.ended, self.ended_on, self.moving_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A child and all that a decision about it needs.

    `leaders`: (unit, who leads it or a unit above it), for the tovholder's and the receiver's units. `ladder`: who may stand in,
    `path`: to whom an unanswered handover is escalated; both only where the clock or a handler decides. `daycare`: the
    institution or dagpleje that the baton is to go to, where it is one.
    """

    id: UUID
    municipality: str
    status: Literal["expected", "born", "closed"]
    version: int
    rules: Rules
    holder: Seat | None
    since: datetime | None = None
    unseen: Unseen | None = None
    district: UUID | None = None
    birth_order: int = 1
    shared_with: tuple[str, ...] = ()
    handover: Handover | None = None
    supporters: tuple[Supporter, ...] = ()
    absences: tuple[Absence, ...] = ()
    leaders: frozenset[tuple[UUID, UUID]] = frozenset()
    intake: frozenset[UUID] = frozenset()
    ladder: tuple[Rung, ...] = ()
    path: tuple[Rung, ...] = ()
    episode: int = 1
    life: Life = Life()
    daycare: Daycare | None = None

    @property
    def held_by(self) -> Seat:
        """The tovholder's seat. TheChildIsClosed or TheReferenceIsMerged where the episode has ended."""
        if self.holder is None:
            raise self.ended()
        return self.holder

    def ended(self) -> RuleViolated:
        """Why nothing can be done with the baton."""
        return TheReferenceIsMerged(merged_into=self.life.merged_into) if self.life.merged_into else TheChildIsClosed()

    def deputy_of(self, professional: UUID) -> Seat | None:
        """Who stands for someone who is absent now; None where they are present or named nobody."""
        return next((absence.deputy for absence in self.absences if absence.professional == professional), None)

    def led_by(self, professional: UUID, unit: UUID) -> bool:
        """Whether someone leads a unit, or one above it."""
        return (unit, professional) in self.leaders


@dataclass(frozen=True, slots=True)
class Holding:
    """A new link of the chain."""

    seat: Seat
    why: Why
    by: UUID | None = None
    handover: UUID | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Registration:
    """A child that enters; the first link is its decision's `holder`."""

    municipality: str
    district: UUID | None
    status: Literal["expected", "born"]
    birth_order: int
    sibling_of: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be committed for one child, all or nothing.

    `expected`: the version it was decided on; None for a child that enters. `offers`: the handover's receiver is new, so their
    seat must be taking. `texts`: free text about a person by its column, still unsealed.
    `reopens`: a new episode begins. `life`: what is to be written of the child's life and case, by column. `also`: another
    child's decision, committed with it or not at all.
    """

    child: UUID
    expected: int | None
    events: tuple[Event, ...] = ()
    registers: Registration | None = None
    status: Literal["expected", "born", "closed"] | None = None
    reopens: bool = False
    life: Mapping[str, Any] = field(default_factory=dict)
    also: tuple["Decision", ...] = ()
    municipality: str | None = None
    shared_with: tuple[str, ...] | None = None
    holder: Holding | None = None
    handover: Handover | None = None
    is_new: bool = False
    offers: bool = False
    asks: UUID | None = None
    answers: UUID | None = None
    by: UUID | None = None
    joins: tuple[Supporter, ...] = ()
    leaves: tuple[Seat, ...] = ()
    seen: bool = False
    unseen: Unseen | None = None
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> int:
        """The child's version once this is committed."""
        return (self.expected or 0) + len(self.events)


# Whom an act is refused to, by the rule's name.
_ONLY: Mapping[str, type[RuleViolated]] = {
    "accept": OnlyTheNamedReceiverMayAccept,
    "accept-on-date": OnlyTheNamedReceiverMayAccept,
    "decline": OnlyTheNamedReceiverMayDecline,
    "ask": OnlyTheNamedReceiverMayAsk,
    "answer": OnlyTheGiverMayAnswer,
    "withdraw": OnlyTheProposerOrTheTovholderMayWithdraw,
    "propose": OnlyTheTovholderTheirDeputyOrLeaderMayPropose,
    "override": OnlyALeaderOfTheTovholdersUnitMayOverride,
    "move": OnlyTheTovholderTheirDeputyOrLeaderMayMove,
    "close": OnlyTheTovholderTheirDeputyOrLeaderMayClose,
    "reopen": OnlyALeaderOfTheLastUnitOrTheIntakeLeadMayReopen,
    "separate": OnlyALeaderOfTheLastUnitOrTheIntakeLeadMaySeparate,
}


def may_become(child: Child, act: CaseAct, by: UUID | None = None) -> Step:
    """The table's step for an act on a child's case, by a person or (None) by rule; what the table lacks is refused."""
    step = CASE.get((child.status, act))
    if step is None:
        raise child.ended() if child.status == "closed" else _NOT_ON_A_RUNNING_CASE.get(act, ThatCannotHappenToThisChildNow)()
    _must_play(child, by, act, step)
    return step


def handover_becomes(child: Child, handover: Handover, act: Act, by: UUID) -> State:
    """The state of a handover after a person's act. TheHandoverIsNoLongerOpen or TheHandoverIsAlreadyAccepted, or who may."""
    state = handover.becomes(act)
    _must_play(child, by, act, HANDOVER[handover.state, act])
    return state


def _must_play(child: Child, by: UUID | None, act: str, step: Step) -> None:
    played = parts(child, by) if by else frozenset({"rule"})
    if not played & step.who:
        raise _ONLY.get(act, ThatCannotHappenToThisChildNow)


_NOT_ON_A_RUNNING_CASE: Mapping[CaseAct, type[RuleViolated]] = {
    "reopen": TheChildIsNotClosed,
    "separate": TheReferenceIsNotMerged,
}


def parts(child: Child, person: UUID) -> frozenset[Who]:
    """The parts that someone plays in the baton of a child as things are now, in the table's words."""
    return frozenset(_parts(child, person))


def _parts(child: Child, person: UUID) -> Iterable[Who]:
    seat = child.holder or child.life.last
    if child.holder and child.holder.professional == person:
        yield "holder"
    if child.holder and (deputy := child.deputy_of(child.holder.professional)) and deputy.professional == person:
        yield "deputy"
    if seat and child.led_by(person, seat.unit):
        yield "leader"
    if person in child.intake:
        yield "intake-lead"
    if handover := child.handover:
        if handover.receiver.professional == person:
            yield "receiver"
        if (deputy := child.deputy_of(handover.receiver.professional)) and deputy.professional == person:
            yield "receiver-deputy"
        if handover.proposer == person:
            yield "proposer"


def relations(child: Child, professional: UUID | None, is_service: bool) -> frozenset[str]:
    """In which relations of access.yaml someone stands to a child as things are now; none = the child does not exist for them."""
    if is_service:
        return frozenset({"service"})
    if professional is None:
        return frozenset()
    return frozenset(_relations(child, professional))


def _relations(child: Child, person: UUID) -> Iterable[str]:
    if child.holder:
        if child.holder.professional == person:
            yield "holder"
        if (deputy := child.deputy_of(child.holder.professional)) and deputy.professional == person:
            yield "deputy"
        if child.led_by(person, child.holder.unit):
            yield "leader"
    if child.life.last and child.led_by(person, child.life.last.unit):
        yield "leader"
    if child.handover:
        if person in (child.handover.receiver.professional, child.handover.named):
            yield "receiver"
        if (deputy := child.deputy_of(child.handover.receiver.professional)) and deputy.professional == person:
            yield "receiver"
        if child.handover.open and child.led_by(person, child.handover.receiver.unit):
            yield "leader"
    if any(supporter.seat.professional == person for supporter in child.supporters):
        yield "supporter"
    if person in child.intake:
        yield "intake-lead"


def shared_with(municipality: str, handover: Handover | None, supporters: Iterable[Supporter]) -> tuple[str, ...]:
    """The other municipalities that may see a child: an open handover's receiver's and the supporters'."""
    others = {supporter.municipality for supporter in supporters}
    if handover and handover.open:
        others.add(handover.receiver_municipality)
    return tuple(sorted(others - {municipality}))


def days_after(day: date, days: int) -> date:
    return day + timedelta(days=days)
