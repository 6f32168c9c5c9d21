"""How the baton passes: the giver stays by for a while, and the new tovholder is no supporter of themselves."""

from datetime import datetime
from typing import Any
from uuid import UUID

from services.events import Event
from services.events.envelope import Seat
from services.events.registry import SupporterJoined, SupporterLeft, TovholderChanged, Why
from services.registry.domain import Child, Decision, Handover, Holding, Supporter, days_after, shared_with


def about(child: Child, handover: Handover) -> dict[str, Any]:
    """What every event about a handover says."""
    return {
        "handover": handover.id,
        "child": child.id,
        "municipality": child.municipality,
        "giver": handover.giver,
        "receiver": handover.receiver,
    }


def leaving(child: Child, seat: Seat, only: str | None = None) -> tuple[tuple[Seat, ...], tuple[Event, ...]]:
    """A supporter who stands by no longer, if they did (in the role, if one is given)."""
    if not any(it.seat == seat and (only is None or it.role == only) for it in child.supporters):
        return (), ()
    return (seat,), (SupporterLeft(child=child.id, municipality=child.municipality, supporter=seat),)


def without(
    child: Child, handover: Handover | None, leaves: tuple[Seat, ...], joins: tuple[Supporter, ...] = ()
) -> tuple[str, ...] | None:
    """The municipalities that still see the child; None where nothing changes."""
    staying = [it for it in child.supporters if it.seat not in leaves]
    shared = shared_with(child.municipality, handover, [*staying, *joins])
    return shared if shared != child.shared_with else None


def passes(
    child: Child, handover: Handover, to: Seat, why: Why, at: datetime, first: tuple[Event, ...], by: UUID | None = None
) -> Decision:
    """The baton passes to a receiver who has said yes. A receiver in another municipality takes the child there."""
    municipality = handover.receiver_municipality
    giver = child.held_by
    leaves, left = leaving(child, to)
    joins: tuple[Supporter, ...] = ()
    joined: tuple[Event, ...] = ()
    if child.rules.support_days > 0:
        until = days_after(child.rules.calendar.date_of(at), child.rules.support_days)
        joins = (Supporter(giver, child.municipality, "giver", until),)
        joined = (SupporterJoined(child=child.id, municipality=municipality, supporter=giver, role="giver", until_on=until),)
    changed = TovholderChanged(
        child=child.id, municipality=municipality, tovholder=to, before=giver, why=why, since=at, handover=handover.id, by=by,
    )  # fmt: skip
    staying = [it for it in child.supporters if it.seat not in leaves]
    shared = shared_with(municipality, handover, [*staying, *joins])
    return Decision(
        child=child.id,
        expected=child.version,
        events=(*first, changed, *left, *joined),
        municipality=municipality if municipality != child.municipality else None,
        shared_with=shared if shared != child.shared_with else None,
        holder=Holding(to, why, by=by, handover=handover.id),
        handover=handover,
        joins=joins,
        leaves=leaves,
    )
