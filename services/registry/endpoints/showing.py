"""How a child's baton and its handover are shown, wherever they are."""

from typing import Any
from uuid import UUID

from services.registry.domain import Child, Handover


def _seat_view(seat: Any) -> dict[str, UUID]:
    return {"professional": seat.professional, "unit": seat.unit}


def child_view(child: Child, survivor: Child | None) -> dict[str, Any]:
    known = child.life
    return {
        "reference": child.id,
        "municipality": child.municipality,
        "status": child.status,
        "version": child.version,
        "episode": child.episode,
        "life_ended": {"how": known.ended, "on": known.ended_on} if known.ended else None,
        "closed": {"reason": known.reason} if child.status == "closed" else None,
        "merged_into": survivor.id if survivor else known.merged_into,
        "waits_to_move_to": known.moving_to,
        "tovholder": {**_seat_view(child.holder), "since": child.since, "unseen": _unseen_view(child)} if child.holder else None,
        "supporters": [
            {**_seat_view(it.seat), "role": it.role, "since": it.since, "until_on": it.until_on} for it in child.supporters
        ],
        "handover": handover_view(child.handover) if child.handover and child.handover.open else None,
    }


def _unseen_view(child: Child) -> dict[str, Any] | None:
    return {"due_at": child.unseen.due_at, "level": child.unseen.level} if child.unseen else None


def handover_view(handover: Handover) -> dict[str, Any]:
    return {
        "id": handover.id,
        "state": handover.state,
        "giver": _seat_view(handover.giver),
        "receiver": _seat_view(handover.receiver),
        "proposer": handover.proposer,
        "reason": handover.reason,
        "proposed_at": handover.proposed_at,
        "due_at": handover.due_at,
        "effective_on": handover.effective_on,
        "question": handover.question,
        "asked_at": handover.asked_at,
        "reminded_at": handover.reminded_at,
        "overdue_at": handover.overdue_at,
        "level": handover.level,
        "accepted_by": handover.accepted_by,
        "decline_reason": handover.decline_reason,
        "cause": handover.cause,
        "closed_at": handover.closed_at,
    }
