"""Whoever got the baton without a click of their own says so, is reminded, and then put to their leaders; pure."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.events.registry import HolderUnseen, TovholderSeen
from services.registry.domain import Child, Decision, OnlyTheTovholderMaySayTheyHaveSeenIt, Rules, Rung, Unseen
from services.registry.domain.deadlines import escalation_path


def seen(child: Child, by: UUID) -> Decision:
    """The tovholder has seen that they hold the baton; said again, or after a click of their own, it changes nothing."""
    holder = child.held_by
    if holder.professional != by:
        raise OnlyTheTovholderMaySayTheyHaveSeenIt
    if child.unseen is None:
        return Decision(child=child.id, expected=child.version)
    event = TovholderSeen(child=child.id, municipality=child.municipality, tovholder=holder)
    return Decision(child=child.id, expected=child.version, events=(event,), seen=True)


def time_asks_to_see(child: Child, at: datetime) -> Decision | None:
    """First the deadline, by the municipality's working days; once it has passed a reminder; then one leader after the other."""
    unseen = child.unseen
    if unseen is None or child.holder is None or child.since is None:
        return None
    if unseen.due_at is None:
        return first_deadline(child.id, child.version, child.since, child.rules)
    if unseen.next_at is None or unseen.next_at > at:
        return None
    path = _path(child)
    if unseen.level > len(path):
        return Decision(child=child.id, expected=child.version, unseen=replace(unseen, next_at=None))
    event = HolderUnseen(
        child=child.id, municipality=child.municipality, tovholder=child.holder, due_at=unseen.due_at, level=unseen.level,
        to=path[unseen.level - 1].seat if unseen.level else None,
    )  # fmt: skip
    level = unseen.level + 1
    next_at = child.rules.after(unseen.due_at, child.rules.escalate_working_days * level) if level <= len(path) else None
    told = replace(unseen, level=level, next_at=next_at)
    return Decision(child=child.id, expected=child.version, events=(event,), unseen=told)


def first_deadline(child: UUID, version: int, since: datetime, rules: Rules) -> Decision:
    """By when a tovholder since then must have seen it."""
    due_at = rules.after(since, rules.answer_working_days)
    return Decision(child=child, expected=version, unseen=Unseen(due_at=due_at, next_at=due_at))


def _path(child: Child) -> list[Rung]:
    """The leaders of the tovholder's own unit upward, last the intake's; each once, and never the tovholder."""
    holder = child.held_by
    last = child.path[-1:]
    own = tuple(rung for rung in child.path if child.led_by(rung.seat.professional, holder.unit))
    others = tuple(rung for rung in (*own, *last) if rung.seat.professional != holder.professional)
    return escalation_path(others)
