"""The date of a handover is moved, by people or with the child's start; a receiver who did not ask confirms again; pure."""

from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from services.events.registry import HandoverRescheduled
from services.registry.domain import (
    Child,
    Decision,
    Handover,
    OnlyTheGiverTheProposerOrTheReceiverMayReschedule,
    TheEffectDateHasPassed,
    TheHandoverIsNoLongerOpen,
    TheProposalNamesAnotherDate,
)
from services.registry.domain.deadlines import due, next_look
from services.registry.domain.passing import about, leaving, without


def reschedule(child: Child, by: UUID, effective_on: date, at: datetime) -> Decision:
    """The giver (in an absence the deputy), the proposer or the receiver asks for another date; the same date changes nothing.

    A receiver who has not accepted yet declines with a reason, or asks: TheProposalNamesAnotherDate.
    """
    handover = child.handover
    if handover is None or not handover.open:
        raise TheHandoverIsNoLongerOpen
    holder = child.held_by.professional
    deputy = child.deputy_of(holder)
    gives = by in (holder, handover.proposer, deputy and deputy.professional)
    receives = by == handover.receiver.professional
    if not gives and not receives:
        raise OnlyTheGiverTheProposerOrTheReceiverMayReschedule
    if receives and not gives and handover.state == "proposed":
        raise TheProposalNamesAnotherDate(effective_on=handover.effective_on)
    if effective_on < child.rules.calendar.date_of(at):
        raise TheEffectDateHasPassed
    return _moved(child, handover, effective_on, at, by, agreed=receives and handover.state == "scheduled")


def reschedule_with_start(child: Child, unit: UUID, starts_on: date, at: datetime) -> Decision | None:
    """A start that is moved takes the dated handover to that unit with it; None where there is none, or it has that date."""
    handover = child.handover
    if handover is None or not handover.open or handover.receiver.unit != unit or handover.effective_on is None:
        return None
    # Heard late, the new date may have come already.
    day = max(starts_on, child.rules.calendar.date_of(at))
    return _moved(child, handover, day, at, None, agreed=False) if day != handover.effective_on else None


def _moved(child: Child, handover: Handover, day: date, at: datetime, by: UUID | None, agreed: bool) -> Decision:
    if day == handover.effective_on:
        return Decision(child=child.id, expected=child.version, handover=handover)
    state = handover.becomes("reschedule-agreed" if agreed else "reschedule")
    moved = replace(handover, state=state, effective_on=day)
    if handover.state == "proposed":
        # Another date buys no time for an answer that was due before.
        moved = replace(moved, due_at=min(handover.due_at, due(child.rules, at, day)))
    elif not agreed:
        moved = replace(
            moved, due_at=due(child.rules, at, day), accepted_by=None, reminded_at=None, overdue_at=None, level=0, proposed_at=at
        )
    moved = replace(moved, next_at=next_look(moved, child.rules))
    event = HandoverRescheduled(
        **about(child, handover), before=handover.effective_on, effective_on=day,
        answer_by=None if agreed else moved.due_at, asked_by=by,
    )  # fmt: skip
    leaves, left = ((), ()) if agreed else leaving(child, handover.receiver, only="receiver")
    return Decision(
        child=child.id, expected=child.version, events=(event, *left), handover=moved, leaves=leaves,
        shared_with=without(child, moved, leaves),
    )  # fmt: skip
