"""A child is thought to have moved: it is proposed to the intake lead there; until they accept the tovholder remains; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.chassis.errors import RuleViolated
from services.events.registry import MoveRaised
from services.registry.domain import Child, Decision, Handover, NobodyOnTheLadderTakes, Rung, may_become
from services.registry.domain.deadlines import due
from services.registry.domain.handing_over import offered
from services.registry.domain.standing_in import choose


class TheChildIsInThatMunicipalityAlready(RuleViolated):
    """There is nothing to move."""


class TheMoveIsRaisedAlready(RuleViolated):
    """The intake lead there has been asked; they answer by the deadline of that handover."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A municipality a child may have moved to. `inside`: it uses the product; `ladder`: who takes in children there."""

    municipality: str
    inside: bool
    ladder: tuple[Rung, ...]

    @property
    def answers(self) -> bool:
        """Whether a move there can be raised now: somebody takes, or people must close it to the outside."""
        return not self.inside or any(rung.taking for rung in self.ladder)


def ask_to_move(child: Child, by: UUID, to: Destination, handover: UUID, at: datetime) -> Decision:
    """Raised by hand: the tovholder, their deputy or a leader says that the family has moved."""
    may_become(child, "move", by)
    if to.municipality == child.municipality:
        raise TheChildIsInThatMunicipalityAlready
    decision = _raised(child, by, to, handover, at)
    if decision is None:
        raise TheMoveIsRaisedAlready
    return decision


def hear_of_move(child: Child, at: datetime, to: Destination, handover: UUID) -> Decision | None:
    """Persons knows of it. Of a closed case the intake lead decides: it has no tovholder to hand over."""
    if to.municipality == child.municipality:
        return None
    if child.holder is None:
        return Decision(child=child.id, expected=child.version, life={"matter": _matter(to)})
    may_become(child, "move")
    return _raised(child, None, to, handover, at)


def move_that_waited(child: Child, at: datetime, to: Destination, handover: UUID) -> Decision | None:
    """Its time has come once no other handover is open; None where it goes on waiting or is no longer."""
    if child.life.moving_to != to.municipality or child.holder is None:
        return None
    if to.municipality == child.municipality:
        return Decision(child=child.id, expected=child.version, life={"moving_to": None})
    return _raised(child, child.life.moving_by, to, handover, at)


def _raised(child: Child, by: UUID | None, to: Destination, handover: UUID, at: datetime) -> Decision | None:
    if child.handover and child.handover.open:
        asked_there = child.handover.receiver_municipality == to.municipality
        return None if asked_there or child.life.moving_to == to.municipality else _waits(child, by, to)
    if not to.inside:
        said = _said(child, to, None, None)
        return replace(said, life={"moving_to": None, "matter": _matter(to)})
    try:
        lead = choose(to.ladder)
    except NobodyOnTheLadderTakes:
        return None if child.life.moving_to == to.municipality else _waits(child, by, to)
    proposed = Handover(
        id=handover,
        state="proposed",
        giver=child.held_by,
        receiver=lead.seat,
        receiver_municipality=lead.municipality,
        proposer=by,
        reason="moved",
        proposed_at=at,
        due_at=due(child.rules, at, None),
    )
    offer = offered(child, proposed)
    said = _said(child, to, lead, handover)
    return replace(offer, events=(*said.events, *offer.events), life={"moving_to": None})


def _waits(child: Child, by: UUID | None, to: Destination) -> Decision:
    return Decision(child=child.id, expected=child.version, life={"moving_to": to.municipality, "moving_by": by})


def _said(child: Child, to: Destination, lead: Rung | None, handover: UUID | None) -> Decision:
    raised = MoveRaised(
        child=child.id, municipality=child.municipality, to_municipality=to.municipality, to=lead.seat if lead else None,
        handover=handover,
    )  # fmt: skip
    return Decision(child=child.id, expected=child.version, events=(raised,))


def _matter(to: Destination) -> Mapping[str, Any]:
    return {"kind": "move", "to_municipality": to.municipality}
