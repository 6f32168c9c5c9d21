"""The rules of a start in daycare: who may plan it and where, how it is prepared, moved or cancelled, and when it takes place."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal
from uuid import UUID

from services.chassis.errors import CannotBeApplied, NotAllowed, NotFound, RuleViolated
from services.events.daycare import ChildStarted, StartCancelled, StartMoved, StartPlanned, TransitionPrepared
from services.events.envelope import Event, Seat
from services.events.registry import ClosingReason

State = Literal["planned", "prepared", "started", "settled", "cancelled"]
Cause = Literal["family", "placement", "error", "case-closed"]

# The overlevering is not a condition of starting: planned → started is legal.
TRANSITIONS: dict[State, frozenset[State]] = {
    "planned": frozenset({"prepared", "started", "cancelled"}),
    "prepared": frozenset({"started", "cancelled"}),
    "started": frozenset({"settled"}),
    "settled": frozenset(),
    "cancelled": frozenset(),
}
DAYCARE_KINDS = ("institution", "dagpleje")
# With these a child will not come; settled or grown too old for the case, it still does.
ENDS_STARTS: Collection[ClosingReason] = (
    *("moved-abroad", "moved-to-a-municipality-outside", "wrongly-registered", "died", "pregnancy-ended"),
)


class TheChildIsNoMore(RuleViolated):
    """It has died, or the pregnancy has ended: no start is planned. If that is recorded wrongly, have it undone."""


class TheCaseIsClosed(RuleViolated):
    """The child's case is closed; a leader of its last unit or the intake lead can reopen it."""


class TheReferenceIsMerged(RuleViolated):
    """It turned out to be the same child as an older reference; `merged_into` names it. Repeat this with that one."""


class OnlyTheTovholderOrThePlacementOfficeMayPlanAStart(NotAllowed):
    """A start is planned by the child's tovholder (the deputy in absence) or by the municipality's placement system."""


class TheUnitIsNoDaycareOfThisMunicipality(RuleViolated):
    """A start is in an active institution or dagpleje that the directory has in the child's municipality."""


class ThePedagogueDoesNotWorkInThatUnit(RuleViolated):
    """The named pedagogue has a seat in the unit where the child starts."""


class AStartLiesAhead(RuleViolated):
    """A start is planned for, or moved to, today or a later date."""


class ThisChildHasAnOpenStart(RuleViolated):
    """A child has one open start at most. Move it or cancel it first."""


class OnlyAnOpenStartCanChange(RuleViolated):
    """A child who has started, or a start that was cancelled, stays so."""


@dataclass(frozen=True)
class Child:
    """What daycare knows of a child."""

    id: UUID
    municipality: str
    status: str
    holder: UUID | None
    holder_unit: UUID | None
    closed: bool = False
    life_ended: bool = False
    merged_into: UUID | None = None


@dataclass(frozen=True)
class Unit:
    """A unit as the directory says it is. A private one is told of the child by the parents only: Dagtilbudsloven s. 3 a(3)."""

    id: UUID
    kind: str
    private: bool
    active: bool


@dataclass(frozen=True)
class Start:
    """A child's start in a unit. `pedagogue` works in that unit."""

    id: UUID
    child: UUID
    municipality: str
    unit: UUID
    starts_on: date
    pedagogue: UUID | None
    state: State
    private: bool
    overlevering: UUID | None = None
    cause: Cause | None = None


@dataclass(frozen=True)
class Decision:
    """A start as it stands after a change, and what is said of it; no events = nothing changed."""

    start: Start
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Stands:
    """How one professional stands to a child besides holding the baton. `deputises`: for the absent holder."""

    deputises: bool = False
    supports: bool = False
    receives: bool = False
    takes_in: bool = False


@dataclass(frozen=True)
class Asker:
    """Who asks: a professional with the units they work in and lead, a placement office, or one of the product's services."""

    professional: UUID | None
    works_in: frozenset[UUID] = frozenset()
    leads: frozenset[UUID] = frozenset()
    places_in: str | None = None
    is_service: bool = False


def relations(child: Child, asker: Asker, standing: "Stands", start: "Start | None" = None) -> frozenset[str]:
    """How someone stands to a child, in the words of access.yaml; `start`: in whose unit one may work.

    A private institution's people stand to no child by that: they get nothing but by the parents (`only_by_the_parents`).
    """
    known = {
        "service": asker.is_service,
        "placement": asker.places_in == child.municipality,
        "holder": asker.professional is not None and asker.professional == child.holder,
        "deputy": standing.deputises,
        "leader": child.holder_unit in asker.leads,
        "supporter": standing.supports,
        "receiver": standing.receives,
        "intake-lead": standing.takes_in,
        "daycare": start is not None and start.unit in asker.works_in and not start.private,
    }
    return frozenset(relation for relation, stands in known.items() if stands)


def only_by_the_parents(start: Start, asker: Asker) -> bool:
    """Who works in the private unit where the child starts: sees it if the parents have agreed, and changes nothing."""
    return start.private and start.unit in asker.works_in


def may_plan(standing: Collection[str]) -> None:
    """Whoever has no relation to the child at all learns nothing."""
    if not standing:
        raise NotFound("There is no such child, or not for you.")
    if not {"holder", "deputy", "placement"} & set(standing):
        raise OnlyTheTovholderOrThePlacementOfficeMayPlanAStart


def may_be_planned_for(child: Child) -> None:
    """TheReferenceIsMerged, TheChildIsNoMore, TheCaseIsClosed."""
    if child.merged_into:
        raise TheReferenceIsMerged(merged_into=child.merged_into)
    if child.life_ended:
        raise TheChildIsNoMore
    if child.closed:
        raise TheCaseIsClosed


def plan(
    number: UUID, child: Child, unit: Unit | None, starts_on: date, pedagogue: UUID | None, works_there: bool, today: date
) -> Decision:
    """`unit`: None where the child's municipality has no such unit. `works_there`: the pedagogue, if named, has a seat in it."""
    may_be_planned_for(child)
    if unit is None or not unit.active or unit.kind not in DAYCARE_KINDS:
        raise TheUnitIsNoDaycareOfThisMunicipality
    if not works_there:
        raise ThePedagogueDoesNotWorkInThatUnit
    if starts_on < today:
        raise AStartLiesAhead
    start = Start(number, child.id, child.municipality, unit.id, starts_on, pedagogue, "planned", unit.private)
    seat = Seat(professional=pedagogue, unit=unit.id) if pedagogue else None
    return Decision(start, (StartPlanned(**about(start), pedagogue=seat),))


def move(start: Start, starts_on: date, today: date) -> Decision:
    """Another date for an open start; what was prepared stays prepared. The same date changes nothing."""
    _must_be_open(start)
    if starts_on < today:
        raise AStartLiesAhead
    if starts_on == start.starts_on:
        return Decision(start, ())
    moved = replace(start, starts_on=starts_on)
    return Decision(moved, (StartMoved(**about(moved), before=start.starts_on),))


def cancel(start: Start, cause: Cause) -> Decision:
    """The start will not be."""
    _must_be_open(start)
    cancelled = replace(start, state="cancelled", cause=cause)
    return Decision(cancelled, (StartCancelled(**about(start), cause=cause),))


def prepare(start: Start | None, child: UUID, unit: UUID, overlevering: UUID) -> Decision | None:
    """An overlevering, or its express refusal, prepares the transition once; for a closed or prepared start it changes nothing.

    CannotBeApplied where it names a start that is not this child's in that unit: sundhedspleje checks it before giving.
    """
    if start is None or (start.child, start.unit) != (child, unit):
        raise CannotBeApplied("the overlevering names a start of another child or unit")
    if "prepared" not in TRANSITIONS[start.state]:
        return None
    prepared = replace(start, state="prepared", overlevering=overlevering)
    return Decision(prepared, (TransitionPrepared(**about(prepared), overlevering=overlevering),))


def goes_on_with(start: Start, survivor: UUID, has_an_open_start: bool) -> Decision | None:
    """Two references are one child: an open start is from now on the survivor's; where that has one, this one will not be."""
    if not is_open(start):
        return None
    if has_an_open_start:
        return cancel(start, "case-closed")
    taken = replace(start, child=survivor)
    seat = Seat(professional=start.pedagogue, unit=start.unit) if start.pedagogue else None
    return Decision(taken, (StartPlanned(**about(taken), pedagogue=seat),))


def begin(start: Start, child_status: str, today: date, life_ended: bool = False) -> Decision | None:
    """On the date a born child has started; an unborn one waits until it is born or the start is moved."""
    if "started" not in TRANSITIONS[start.state] or child_status != "born" or life_ended or today < start.starts_on:
        return None
    started = replace(start, state="started")
    return Decision(started, (ChildStarted(**about(started)),))


def is_open(start: Start) -> bool:
    """It lies ahead."""
    return "started" in TRANSITIONS[start.state]


def _must_be_open(start: Start) -> None:
    if not is_open(start):
        raise OnlyAnOpenStartCanChange(state=start.state)


def about(start: Start) -> dict[str, UUID | str | date]:
    """What every event about a start says."""
    return {
        "start": start.id,
        "child": start.child,
        "municipality": start.municipality,
        "unit": start.unit,
        "starts_on": start.starts_on,
    }
