"""What time asks of a handover: a reminder, overdue, a leader told, its effect on the date; and of supporters: to end."""

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from services.events import Event
from services.events.envelope import Seat
from services.events.registry import (
    HandoverEffected,
    HandoverEscalated,
    HandoverOverdue,
    HandoverReminded,
    HandoverWithdrawn,
    SupporterLeft,
    WithdrawalCause,
)
from services.registry.domain import Child, Decision, Handover, Rules, Rung, Supporter, shared_with
from services.registry.domain.daycare import refusal
from services.registry.domain.passing import about, leaving, passes, without


def due(rules: Rules, at: datetime, effective_on: date | None) -> datetime:
    """The deadline of an answer: the municipality's working days, but no later than the date the baton is to pass."""
    answered_by = rules.after(at, rules.answer_working_days)
    if effective_on is not None and (starts := rules.calendar.start_of(effective_on)) > at:
        return min(answered_by, starts)
    return answered_by


def next_look(handover: Handover, rules: Rules) -> datetime | None:
    """When the clock must look at this handover again; None while it rests or has come to an end."""
    if handover.state == "scheduled" and handover.effective_on:
        return rules.calendar.start_of(handover.effective_on)
    if handover.state != "proposed" or handover.question:
        return None
    if handover.overdue_at:
        return rules.after(handover.due_at, rules.escalate_working_days * (handover.level + 1))
    remind_at = rules.after(handover.due_at, -rules.remind_working_days_before - 1)
    return remind_at if handover.reminded_at is None and handover.proposed_at < remind_at < handover.due_at else handover.due_at


def time_asks(child: Child, at: datetime) -> Decision | None:
    """What is due for a child's open handover; None where nothing is, so that asking twice harms nothing."""
    handover = child.handover
    if handover is None or not handover.open or handover.next_at is None or handover.next_at > at:
        return None
    if handover.state == "scheduled":
        return take_effect(child, handover, at)
    if handover.overdue_at:
        return escalate(child, handover)
    if handover.due_at <= at:
        late = replace(handover, state=handover.becomes("overdue"), overdue_at=at)
        return _noted(child, late, HandoverOverdue(**about(child, handover), due_at=handover.due_at))
    reminded = replace(handover, state=handover.becomes("remind"), reminded_at=at)
    return _noted(child, reminded, HandoverReminded(**about(child, handover), due_at=handover.due_at))


def escalate(child: Child, handover: Handover) -> Decision:
    """One level up: the receiver's leaders, then the giver's, last the intake's leader; each once."""
    path = escalation_path(child.path)
    level = handover.level + 1
    told = replace(handover, state=handover.becomes("escalate"), level=level)
    if level > len(path):
        return Decision(child=child.id, expected=child.version, handover=replace(handover, next_at=None))
    event = HandoverEscalated(**about(child, handover), level=level, to=path[level - 1].seat)
    decision = _noted(child, told, event)
    assert decision.handover
    return decision if level < len(path) else replace(decision, handover=replace(decision.handover, next_at=None))


def escalation_path(rungs: tuple[Rung, ...]) -> list[Rung]:
    """Each leader once; the absent are passed over, unless nobody is there: it ends at a named person if one has a seat."""
    seen: dict[object, Rung] = {}
    for rung in rungs:
        seen.setdefault(rung.seat.professional, rung)
    return [rung for rung in seen.values() if rung.present and rung.taking] or list(seen.values())[-1:]


def take_effect(child: Child, handover: Handover, at: datetime) -> Decision:
    """The date has come: every rule is checked again, and where one fails the giver keeps the baton and the handover says why."""
    if not handover.taking:
        return withdraw_by_rule(child, handover, at, "receiver-left")
    if handover.receiver.professional == child.held_by.professional:
        return withdraw_by_rule(child, handover, at, "rule-failed")
    if refusal(child.daycare, child.held_by, handover.receiver, child.rules.calendar.date_of(at)):
        return withdraw_by_rule(child, handover, at, "baton-stays")
    done = replace(handover, state=handover.becomes("take-effect"), closed_at=at, next_at=None)
    return passes(child, done, handover.receiver, "effect", at, (HandoverEffected(**about(child, handover)),))


def withdraw_by_rule(child: Child, handover: Handover, at: datetime, cause: WithdrawalCause) -> Decision:
    """Nobody's act but a rule takes the question back; the giver keeps the baton."""
    ended = replace(handover, state=handover.becomes("withdraw"), cause=cause, closed_at=at, next_at=None)
    event = HandoverWithdrawn(**about(child, handover), cause=cause, withdrawn_by=None)
    leaves, left = leaving(child, handover.receiver, only="receiver")
    return Decision(
        child=child.id, expected=child.version, events=(event, *left), handover=ended, leaves=leaves,
        shared_with=without(child, ended, leaves),
    )  # fmt: skip


def supporters_end(child: Child, today: date, left: Collection[Seat] = ()) -> Decision | None:
    """Supporters whose time is over, or who have left their place, stand by no longer."""
    ending = [it for it in child.supporters if (it.until_on and it.until_on < today) or it.seat in left]
    if not ending:
        return None
    staying: list[Supporter] = [it for it in child.supporters if it not in ending]
    gone = shared_with(child.municipality, child.handover, staying)
    return Decision(
        child=child.id,
        expected=child.version,
        events=tuple(SupporterLeft(child=child.id, municipality=child.municipality, supporter=it.seat) for it in ending),
        leaves=tuple(it.seat for it in ending),
        shared_with=gone if gone != child.shared_with else None,
    )


def settles(child: Child, unit: UUID) -> Decision | None:
    """A child who has settled in where its tovholder works needs no longer the support of who gave the baton there.

    The episode goes on.
    """
    if child.holder is None or child.holder.unit != unit:
        return None
    return supporters_end(child, date.min, [it.seat for it in child.supporters if it.role == "giver"])


def _noted(child: Child, handover: Handover, event: Event) -> Decision:
    noted = replace(handover, next_at=next_look(handover, child.rules))
    return Decision(child=child.id, expected=child.version, events=(event,), handover=noted)
