"""The rules of places: how many there are from a day on, who gets which, how a plusplads is held and released."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal
from uuid import UUID

from services.chassis.errors import NotAllowed, NotUnderstood, RuleViolated
from services.daycare.domain import DAYCARE_KINDS, Asker, Child, Decision, Start, Unit, may_be_planned_for
from services.daycare.domain import TheUnitIsNoDaycareOfThisMunicipality as NoDaycare
from services.events import Event
from services.events.daycare import CapacityChanged, PlaceReleased, PlaceReserved, ReleaseReason

Kind = Literal["ordinary", "plus"]
HoldingState = Literal["held", "taken", "released"]
REASONS_OF_PEOPLE = ("family-declined", "no-longer-needed", "placed-elsewhere", "error", "other")


class TheUnitIsFull(RuleViolated):
    """All its places are taken or kept for pluspladser, on that day or later. Choose another day or another unit."""


class NoPlusPladsIsFree(RuleViolated):
    """Every plusplads of the unit is held or taken, on that day or later."""


class TheUnitHasNoPlusPlads(RuleViolated):
    """A plusplads is a place kept in a unit that is marked as of high quality and trained in the method."""


class TheChildHasAPlusPladsAlready(RuleViolated):
    """A child holds one at most: release it first."""


class TheChildStartsElsewhere(RuleViolated):
    """Its open start is in another unit: move or cancel that first."""


class ThePlaceIsHeldAlready(RuleViolated):
    """Somebody else took that place a moment ago. Ask again: another may be free."""


class ThePlaceIsReleasedAlready(RuleViolated):
    """It is free for others."""


class TheStartNeedsItsPlace(RuleViolated):
    """No other place is free for the child's open start: move or cancel the start first."""


class AChildWhoHasStartedLeaves(RuleViolated):
    """The place is in use: say from which day the child will no longer come."""


class OnlyAChildWhoHasStartedLeaves(RuleViolated):
    """Of a start that lies ahead say that it is cancelled."""


class TheDayLiesBeforeTheStart(NotUnderstood):
    """A child leaves on a later day than it started."""


class AReservationLiesAhead(RuleViolated):
    """A plusplads is held from today or from a later day."""


class MorePlacesAreTaken(RuleViolated):
    """More places are held or taken, on that day or later, than there would be. Release or move first."""


class TheCapacityOfAPastDayStands(RuleViolated):
    """What was so far stays as it was: a change begins today or later."""


class PlusPladserAreAmongThePlaces(NotUnderstood):
    """There are no more of them than there are places."""


class PlusPladserAreOfHighQualityAndTrained(NotUnderstood):
    """A unit with pluspladser is marked as of high quality and names the method it is trained in."""


class OnlyThePlacementOfficeSetsCapacity(NotAllowed):
    """People of the municipality's placement office, or its placement system."""


@dataclass(frozen=True)
class Capacity:
    """What a unit offers from a day on, until a later one is recorded."""

    unit: UUID
    municipality: str
    from_on: date
    places: int
    plus_places: int = 0
    high_quality: bool = False
    methods: frozenset[str] = frozenset()

    def of(self, kind: Kind) -> int:
        """Pluspladser are kept apart from the others."""
        return self.plus_places if kind == "plus" else self.places - self.plus_places


@dataclass(frozen=True)
class Holding:
    """A place kept for one child. `until_on`: the first day on which it is free; None: not known yet."""

    id: UUID
    unit: UUID
    kind: Kind
    number: int
    child: UUID
    municipality: str
    start: UUID | None
    method: str | None
    state: HoldingState
    from_on: date
    until_on: date | None = None
    reason: ReleaseReason | None = None

    def overlaps(self, from_on: date) -> bool:
        """Whether any of its days is `from_on` or later."""
        return self.state != "released" and (self.until_on is None or self.until_on > from_on)


@dataclass(frozen=True)
class Seating:
    """What changes at the places of a unit, and what is said of it."""

    holdings: tuple[Holding, ...]
    events: tuple[Event, ...] = ()


def in_force(capacities: Iterable[Capacity], on: date) -> Capacity | None:
    """The newest one whose day has come; None: nothing is kept of this unit's places on that day."""
    return max((it for it in capacities if it.from_on <= on), key=lambda it: it.from_on, default=None)


def places_from(capacities: Collection[Capacity], kind: Kind, on: date) -> int | None:
    """How many places of a kind there are on that day and on every later one; None where nothing is kept of that day."""
    now = in_force(capacities, on)
    if now is None:
        return None
    return min([now.of(kind), *(it.of(kind) for it in capacities if it.from_on > on)])


def free_number(capacities: Collection[Capacity], holdings: Iterable[Holding], kind: Kind, on: date) -> int | None:
    """The lowest place that is free from that day on without an end. None where all are held."""
    taken = {it.number for it in holdings if it.kind == kind and it.overlaps(on)}
    return next((number for number in range(1, (places_from(capacities, kind, on) or 0) + 1) if number not in taken), None)


def may_set_capacity(asker: Asker, municipality: str | None) -> None:
    """OnlyThePlacementOfficeSetsCapacity."""
    if municipality is None or asker.places_in != municipality:
        raise OnlyThePlacementOfficeSetsCapacity


def change_capacity(new: Capacity, capacities: Collection[Capacity], holdings: Collection[Holding], today: date) -> Seating:
    """Another number of places from a day on. Holdings on places that would be no more go to free ones, if there are enough."""
    if new.from_on < today:
        raise TheCapacityOfAPastDayStands
    if not 0 <= new.plus_places <= new.places:
        raise PlusPladserAreAmongThePlaces
    if new.plus_places and not (new.high_quality and new.methods):
        raise PlusPladserAreOfHighQualityAndTrained
    planned = [it for it in capacities if it.from_on != new.from_on] + [new]
    moved = [*_reseated(planned, holdings, "plus", new.from_on), *_reseated(planned, holdings, "ordinary", new.from_on)]
    unmet = [it for it in holdings if it.kind == "plus" and it.overlaps(new.from_on) and it.method not in new.methods]
    if unmet:
        raise MorePlacesAreTaken("Pluspladser with a method that the unit would no longer be trained in are held.")
    about = {"unit": new.unit, "municipality": new.municipality, "from_on": new.from_on}
    said = CapacityChanged(
        **about, places=new.places, plus_places=new.plus_places, high_quality=new.high_quality, methods=sorted(new.methods)
    )
    return Seating(tuple(moved), (said,))


def _reseated(capacities: Collection[Capacity], holdings: Collection[Holding], kind: Kind, on: date) -> list[Holding]:
    """MorePlacesAreTaken where there are fewer places than holdings."""
    limit = places_from(capacities, kind, on) or 0
    standing = [it for it in holdings if it.kind == kind and it.overlaps(on)]
    used = {it.number for it in standing if it.number <= limit}
    free = iter(number for number in range(1, limit + 1) if number not in used)
    moved = []
    for it in sorted((it for it in standing if it.number > limit), key=lambda it: it.number):
        number = next(free, None)
        if number is None:
            raise MorePlacesAreTaken(taken=len(standing), places=limit)
        moved.append(replace(it, number=number))
    return moved


def reserve(
    number: UUID,
    child: Child,
    unit: Unit | None,
    method: str,
    from_on: date,
    capacities: Collection[Capacity],
    holdings: Collection[Holding],
    own: Collection[Holding],
    start: Start | None,
    today: date,
) -> Seating:
    """Holds a plusplads from a day on until the child starts. `own`: the child's holdings anywhere; `start`: its open start."""
    may_be_planned_for(child)
    if unit is None or not unit.active or unit.kind not in DAYCARE_KINDS:
        raise NoDaycare
    if from_on < today:
        raise AReservationLiesAhead
    if any(it.kind == "plus" and it.state == "held" for it in own):
        raise TheChildHasAPlusPladsAlready
    if start and start.unit != unit.id:
        raise TheChildStartsElsewhere(start=start.id)
    offered = in_force(capacities, from_on)
    if offered is None or not offered.plus_places or not offered.high_quality or method not in offered.methods:
        raise TheUnitHasNoPlusPlads
    place = free_number(capacities, holdings, "plus", from_on)
    if place is None:
        raise NoPlusPladsIsFree
    held = Holding(
        *(number, unit.id, "plus", place, child.id, child.municipality, start.id if start else None, method, "held", from_on)
    )
    given_up = [_released(it, "placed-elsewhere", today) for it in own if start and it.start == start.id and it.state == "held"]
    said = PlaceReserved(**_about(held), method=method, from_on=from_on, start=held.start)
    return Seating((*given_up, held), (said,))


def seat_start(
    number: UUID, start: Start, capacities: Collection[Capacity], holdings: Collection[Holding], own: Collection[Holding]
) -> Seating:
    """The place of a planned or moved start: the child's plusplads there, else an ordinary one; none where no capacity is kept.

    TheUnitIsFull where every place is held from the date on.
    """
    plus = next((it for it in own if it.kind == "plus" and it.unit == start.unit and it.state == "held"), None)
    if plus:
        return Seating((replace(plus, start=start.id),) if plus.start != start.id else ())
    if any(it.kind == "plus" and it.state == "held" for it in own):
        raise TheChildHasAPlusPladsAlready("The child's plusplads is in another unit: release it, or let the child start there.")
    present = next((it for it in own if it.start == start.id and it.state != "released"), None)
    others = [it for it in holdings if present is None or it.id != present.id]
    if places_from(capacities, "ordinary", start.starts_on) is None:
        return Seating((replace(present, from_on=start.starts_on),) if present else ())
    taken = {it.number for it in others if it.kind == "ordinary" and it.overlaps(start.starts_on)}
    place = (
        present.number
        if present
        and present.number not in taken
        and present.number <= (places_from(capacities, "ordinary", start.starts_on) or 0)
        else free_number(capacities, others, "ordinary", start.starts_on)
    )
    if place is None:
        raise TheUnitIsFull
    if present:
        return Seating((replace(present, number=place, from_on=start.starts_on),))
    seated = Holding(
        *(number, start.unit),
        kind="ordinary",
        number=place,
        child=start.child,
        municipality=start.municipality,
        start=start.id,
        method=None,
        state="held",
        from_on=start.starts_on,
    )
    return Seating((seated,))


def take(holding: Holding | None) -> Seating:
    """The child has started: what was held for it is its place."""
    return Seating((replace(holding, state="taken"),) if holding and holding.state == "held" else ())


def give_back(holdings: Iterable[Holding], reason: ReleaseReason, today: date) -> Seating:
    """Whatever of these is still held is free again."""
    released = tuple(_released(it, reason, today) for it in holdings if it.state == "held")
    return Seating(released, tuple(_said(it, today) for it in released if it.kind == "plus"))


def release(
    holding: Holding, reason: ReleaseReason, replacement: UUID, start: Start | None, capacities: Collection[Capacity],
    holdings: Collection[Holding], today: date,
) -> Seating:  # fmt: skip
    """A plusplads is given up, with a reason; an open start goes on with an ordinary place, else TheStartNeedsItsPlace."""
    if holding.state == "released":
        raise ThePlaceIsReleasedAlready
    if holding.state == "taken":
        raise AChildWhoHasStartedLeaves
    gone = give_back([holding], reason, today)
    if start is None:
        return gone
    try:
        seated = seat_start(replacement, start, capacities, holdings, ())
    except TheUnitIsFull as full:
        raise TheStartNeedsItsPlace from full
    return Seating((*gone.holdings, *seated.holdings), gone.events)


def leave(holding: Holding, start: Start, left_on: date) -> Seating:
    """The child comes no longer from that day on; its place is free then."""
    if start.state not in ("started", "settled"):
        raise OnlyAChildWhoHasStartedLeaves(state=start.state)
    if left_on <= max(holding.from_on, start.starts_on):
        raise TheDayLiesBeforeTheStart
    ends = replace(holding, until_on=left_on, reason=None)
    said = PlaceReleased(**_about(ends), reason="child-left", free_from=left_on)
    return Seating((ends,), (said,) if ends.kind == "plus" else ())


def goes_on_with(own: Sequence[Holding], survivor: UUID, has_a_plusplads: bool, cancelled: UUID | None, today: date) -> Seating:
    """Two references are one child: what is held goes on for the survivor, who keeps its own plusplads if it has one."""
    taken_over: list[Holding] = []
    events: list[Event] = []
    for it in own:
        if it.state == "released":
            continue
        if it.state == "held" and ((it.kind == "plus" and has_a_plusplads) or (cancelled and it.start == cancelled)):
            given = give_back([it], "case-closed", today)
            taken_over += given.holdings
            events += given.events
            continue
        moved = replace(it, child=survivor)
        taken_over.append(moved)
        if it.kind == "plus" and it.state == "held" and it.method:
            events.append(PlaceReserved(**_about(moved), method=it.method, from_on=it.from_on, start=it.start))
    return Seating(tuple(taken_over), tuple(events))


def _released(holding: Holding, reason: ReleaseReason, today: date) -> Holding:
    return replace(holding, state="released", reason=reason, until_on=max(today, holding.from_on))


def _said(holding: Holding, today: date) -> PlaceReleased:
    assert holding.reason
    return PlaceReleased(**_about(holding), reason=holding.reason, free_from=today)


def _about(holding: Holding) -> dict[str, UUID | str]:
    return {"holding": holding.id, "child": holding.child, "municipality": holding.municipality, "unit": holding.unit}


def with_places(decision: Decision, seating: Seating) -> Decision:
    """What is decided of a start and of its place is said together, in that order."""
    return replace(decision, events=(*decision.events, *seating.events))
