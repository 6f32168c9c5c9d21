"""Who holds the baton without having said yes: a child's first tovholder, and stand-ins for the absent and departed; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from services.events import Event
from services.events.registry import (
    ChildRegistered,
    HandoverScheduled,
    HandoverWithdrawn,
    SupporterJoined,
    TovholderChanged,
)
from services.registry.domain import (
    Child,
    Decision,
    Handover,
    Holding,
    NobodyOnTheLadderTakes,
    Registration,
    Rung,
    Supporter,
    may_become,
    shared_with,
)
from services.registry.domain.deadlines import next_look, withdraw_by_rule
from services.registry.domain.handing_over import offered
from services.registry.domain.life import born
from services.registry.domain.passing import about, leaving, without


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """A child as persons has identified it."""

    child: UUID
    municipality: str
    district: UUID | None
    status: Literal["expected", "born"]
    order: int
    sibling_of: UUID | None
    mother: UUID | None
    notification_id: UUID | None
    due_on: date | None
    born_on: date | None


def choose(ladder: Sequence[Rung], not_: UUID | None = None) -> Rung:
    """The first on the ladder who is there and takes; failing all, the topmost who takes even if absent.

    NobodyOnTheLadderTakes where there is no open seat at all.
    """
    rungs = [rung for rung in ladder if rung.seat.professional != not_ and rung.taking]
    for rung in rungs:
        if rung.present:
            return rung
    if rungs:
        return rungs[-1]
    raise NobodyOnTheLadderTakes


def family(
    newcomers: Sequence[Newcomer], known: Mapping[UUID, Child], ladder: Sequence[Rung], at: datetime, new_ids: Sequence[UUID]
) -> list[Decision]:
    """What a family's identification asks for: children that enter, with their first tovholder, and births of expected ones.

    `known`: the children (and elder siblings) that are registered, by the reference used; of a merged one its survivor. A new
    sibling is decided under the elder's version, so that a change of the elder meanwhile makes it decide again. `new_ids`: one
    per newcomer, for the copy of an open handover.
    """
    decisions: dict[UUID, Decision] = {}
    for newcomer, copy_id in zip(sorted(newcomers, key=lambda it: it.order), new_ids, strict=True):
        child = known.get(newcomer.child)
        elder = known.get(newcomer.sibling_of) if newcomer.sibling_of else None
        if child is not None:
            birth = born(child, newcomer.notification_id, newcomer.born_on, newcomer.order) if newcomer.status == "born" else None
            if birth:
                decisions[child.id] = birth
        elif elder is not None and elder.holder is not None:
            decisions.setdefault(elder.id, Decision(child=elder.id, expected=elder.version))
            decisions[newcomer.child] = sibling(newcomer, elder, copy_id, at)
        else:
            decisions[newcomer.child] = register(newcomer, choose(ladder), at)
    return [decision for decision in decisions.values() if decision.events or len(decisions) > 1]


def register(newcomer: Newcomer, first: Rung, at: datetime) -> Decision:
    """A child enters with its first tovholder, the intake lead of municipality and district: both or neither."""
    return _enters(newcomer, Holding(first.seat, "registration"), at)


def sibling(newcomer: Newcomer, elder: Child, copy_id: UUID, at: datetime) -> Decision:
    """A child found at birth shares its elder's present tovholder, and what is asked about the elder is asked about it too.

    The municipality is the elder's as well: a seat of one municipality holds no child of another.
    """
    newcomer = replace(newcomer, municipality=elder.municipality, district=elder.district)
    decision = _enters(newcomer, Holding(elder.held_by, "sibling"), at)
    open_one = elder.handover if elder.handover and elder.handover.open else None
    if open_one is None:
        return decision
    # The texts stay with the elder: they are sealed under its key, and speak of it.
    copied = replace(
        open_one,
        id=copy_id,
        state="proposed",
        proposed_at=at,
        question=None,
        asked_at=None,
        level=0,
        reminded_at=None,
        overdue_at=None,
    )
    entered = replace(elder, id=newcomer.child, shared_with=(), supporters=())
    question = offered(entered, copied)
    assert question.handover
    handover, events, joins = question.handover, question.events, ()  # type: Handover, tuple[Event, ...], tuple[Supporter, ...]
    if open_one.state == "scheduled" and open_one.effective_on:
        handover = replace(handover, state="scheduled", accepted_by=open_one.accepted_by)
        handover = replace(handover, next_at=next_look(handover, elder.rules))
        joins = (Supporter(handover.receiver, handover.receiver_municipality, "receiver"),)
        events = (
            *events,
            HandoverScheduled(**about(entered, handover), effective_on=open_one.effective_on),
            SupporterJoined(
                child=newcomer.child,
                municipality=newcomer.municipality,
                supporter=handover.receiver,
                role="receiver",
                until_on=open_one.effective_on,
            ),
        )
    return replace(
        decision, events=(*decision.events, *events), handover=handover, is_new=True, offers=True, joins=joins,
        shared_with=shared_with(newcomer.municipality, handover, joins) or None,
    )  # fmt: skip


def _enters(newcomer: Newcomer, first: Holding, at: datetime) -> Decision:
    registered = ChildRegistered(
        child=newcomer.child, municipality=newcomer.municipality, notification_id=newcomer.notification_id,
        mother=newcomer.mother, order=newcomer.order, status=newcomer.status, sibling_of=newcomer.sibling_of,
        due_on=newcomer.due_on, born_on=newcomer.born_on,
    )  # fmt: skip
    changed = TovholderChanged(
        child=newcomer.child, municipality=newcomer.municipality, tovholder=first.seat, before=None, why=first.why, since=at
    )
    entering = Registration(newcomer.municipality, newcomer.district, newcomer.status, newcomer.order, newcomer.sibling_of)
    life = {"born_on": newcomer.born_on} if newcomer.born_on else {}
    return Decision(
        child=newcomer.child, expected=None, events=(registered, changed), registers=entering, holder=first, life=life
    )


def stand_in(child: Child, at: datetime, departed: bool = False) -> Decision | None:
    """The only move of the baton without acceptance: for absence beyond the municipality's limit, or departure.

    The new holder takes over the giver's part in an open handover, unless they are its receiver: then it is withdrawn.
    None where someone on the ladder already holds it and nobody on it is there: the top leader keeps it even if absent.
    """
    may_become(child, "stand-in")
    before = child.held_by
    chosen = choose(child.ladder, before.professional)
    if not departed and not chosen.present and any(rung.seat == before for rung in child.ladder):
        return None
    leaves, left = leaving(child, chosen.seat)
    changed = TovholderChanged(
        child=child.id, municipality=child.municipality, tovholder=chosen.seat, before=before, why="stand-in", since=at
    )
    handover, events = _giver_part(child, chosen, at)
    shared = without(child, handover or child.handover, leaves)
    return Decision(
        child=child.id, expected=child.version, events=(*events, changed, *left), holder=Holding(chosen.seat, "stand-in"),
        handover=handover, leaves=leaves, shared_with=shared,
    )  # fmt: skip


def _giver_part(child: Child, chosen: Rung, at: datetime) -> tuple[Handover | None, tuple[Event, ...]]:
    handover = child.handover
    if handover is None or not handover.open:
        return None, ()
    if handover.receiver.professional == chosen.seat.professional:
        ended = replace(
            handover, state=handover.becomes("withdraw"), cause="stand-in-is-receiver", closed_at=at, next_at=None, question=None
        )
        return ended, (HandoverWithdrawn(**about(child, handover), cause="stand-in-is-receiver", withdrawn_by=None),)
    return replace(handover, state=handover.becomes("re-give"), giver=chosen.seat), ()


def receiver_left(child: Child, at: datetime) -> Decision | None:
    """What was offered to someone who leaves is taken back; None where it has come to an end meanwhile."""
    handover = child.handover
    if handover is None or not handover.open or handover.taking:
        return None
    return withdraw_by_rule(child, handover, at, "receiver-left")
