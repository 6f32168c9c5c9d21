"""The rules of a plusplads that a programme asks for: a task at the institution until it is reserved, or declined."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal
from uuid import UUID

from services.chassis.errors import NotAllowed, RuleViolated
from services.daycare.domain import Asker
from services.daycare.domain.places import Holding
from services.events import Event
from services.events.daycare import PlusPladsAnswered, PlusPladsAwaited, PlusPladsLapsed, PlusPladsOverdue, WhyNoPlusPlads
from services.events.envelope import Seat

State = Literal["open", "reserved", "declined", "lapsed"]


class OnlyWhoLeadsTheUnitOrPlacesChildrenAnswers(NotAllowed):
    """A leader of the institution, the child's tovholder (the deputy in absence), or the placement office."""


class ItIsAnsweredAlready(RuleViolated):
    """A plusplads was reserved or declined, or is no longer needed; `state` says which."""


@dataclass(frozen=True)
class Asked:
    """An institution is asked to hold a plusplads for a child, to go on in the method of a programme.

    `due_on`: the last day to answer; after it the task is overdue and stays open. `overdue_said`: the last day that was
    said to have passed; `put_to`: the leader who is to see to it since.
    """

    id: UUID
    child: UUID
    municipality: str
    unit: UUID
    programme: str
    method: str
    due_on: date
    state: State = "open"
    holding: UUID | None = None
    reason: WhyNoPlusPlads | None = None
    answered_by: UUID | None = None
    overdue_said: date | None = None
    put_to: UUID | None = None


@dataclass(frozen=True)
class Answered:
    """What became of it, and what is said of that."""

    asked: Asked
    events: tuple[Event, ...]


def may_answer(asker: Asker, related: Collection[str], asked: Asked, private: bool) -> None:
    """OnlyWhoLeadsTheUnitOrPlacesChildrenAnswers. A private unit's leader answers nothing: it hears by the parents alone."""
    leads = asked.unit in asker.leads and not private
    if not leads and not {"holder", "deputy", "placement"} & set(related):
        raise OnlyWhoLeadsTheUnitOrPlacesChildrenAnswers


def must_be_open(asked: Asked) -> None:
    """ItIsAnsweredAlready."""
    if asked.state != "open":
        raise ItIsAnsweredAlready(state=asked.state)


def awaited(asked: Asked) -> PlusPladsAwaited:
    """From now on the institution has to answer, and may know who the child is."""
    return PlusPladsAwaited(
        asked=asked.id, child=asked.child, municipality=asked.municipality, unit=asked.unit, due_on=asked.due_on
    )  # fmt: skip


def run_out(asked: Asked, tovholder: Seat | None, leader: Seat | None, today: date) -> Answered | None:
    """Once for a last day that has passed without an answer; nothing is answered by silence, and the task stays open."""
    if asked.state != "open" or today <= asked.due_on or asked.overdue_said == asked.due_on:
        return None
    said = PlusPladsOverdue(
        asked=asked.id, child=asked.child, municipality=asked.municipality, unit=asked.unit, due_on=asked.due_on,
        tovholder=tovholder, to=leader,
    )  # fmt: skip
    return Answered(replace(asked, overdue_said=asked.due_on, put_to=leader.professional if leader else None), (said,))


def lapse(asked: Asked) -> Answered:
    """It is no longer to be decided: the case is over, or another reference of the child goes on with it."""
    lapsed = PlusPladsLapsed(asked=asked.id, child=asked.child, municipality=asked.municipality, unit=asked.unit)
    return Answered(replace(asked, state="lapsed"), (lapsed,))


def goes_on_with(asked: Asked, survivor: UUID) -> Answered:
    """Two references are one child: the task is the survivor's, and the merged one's no longer."""
    taken = replace(asked, child=survivor)
    return Answered(taken, (*lapse(asked).events, awaited(taken)))


def decline(asked: Asked, reason: WhyNoPlusPlads, by: UUID | None) -> Answered:
    """It is said, with why, so that the tovholder looks for another place."""
    must_be_open(asked)
    declined = replace(asked, state="declined", reason=reason, answered_by=by)
    said = PlusPladsAnswered(
        asked=asked.id, child=asked.child, municipality=asked.municipality, unit=asked.unit, reserved=False, reason=reason,
        answered_by=by,
    )  # fmt: skip
    return Answered(declined, (said,))


def reserve(asked: Asked, holding: UUID, by: UUID | None) -> Answered:
    """The place is held: PlaceReserved tells who is to know of that."""
    must_be_open(asked)
    reserved = replace(asked, state="reserved", holding=holding, answered_by=by)
    said = PlusPladsAnswered(
        asked=asked.id, child=asked.child, municipality=asked.municipality, unit=asked.unit, reserved=True, reason=None,
        answered_by=by,
    )  # fmt: skip
    return Answered(reserved, (said,))


def due_on(asked_on: date, days: int) -> date:
    """The last day to answer; `days`: the municipality's own."""
    return asked_on + timedelta(days=days)


def already_held(asked: Asked, own: Iterable[Holding]) -> UUID | None:
    """The plusplads that the child has there already, so that nothing is to be decided."""
    return next((it.id for it in own if it.kind == "plus" and it.unit == asked.unit and it.state in ("held", "taken")), None)
