"""Many children handed over in one act: each decided by itself, by the same rules as one alone; pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from services.chassis.errors import NotFound, RuleViolated, require
from services.events.access import may
from services.events.envelope import Seat
from services.events.registry import DeclineReason
from services.registry.domain import AnotherReasonNeedsWords, Child, Decision, Rung, relations
from services.registry.domain.handing_over import accept, decline, propose

BulkState = Literal["proposing", "proposed", "answering", "answered"]
# What may become of a child in a bulk: asked about, then answered for; `refused` and `unanswered` name the rule that said no.
ChildState = Literal["waiting", "offered", "refused", "answering", "accepted", "declined", "unanswered"]


class ThereIsNobodyToHandOver(RuleViolated):
    """They hold no child, or none that you may hand over."""


class ThereAreTooManyForOneBulk(RuleViolated):
    """Take a part of them first."""


class TheBulkIsStillUnderWay(RuleViolated):
    """Not every child has been asked about yet: answer in a moment."""


class TheBulkIsAnsweredAlready(RuleViolated):
    """One answer for all of them; what is still open is answered one by one."""


class OnlyTheNamedReceiverMayAnswerTheBulk(RuleViolated):
    """The receiver, or during a registered absence their deputy, for themselves."""

    status = 403


class TheChildIsNotInThisBulk(RuleViolated):
    """An exception names a child that was asked about in this bulk."""

    status = 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """The job. `answered_by`: who said yes, with which exceptions stands with each child."""

    id: UUID
    municipality: str
    receiver_municipality: str
    by: UUID
    to: Seat
    reason: str
    effective_on: date | None
    state: BulkState
    answered_by: UUID | None = None
    answered_in: str | None = None


def offer(bulk: Bulk, child: Child | None, to: Rung | None, handover: UUID, at: datetime, texts: Mapping[str, str]) -> Decision:
    """One child of the bulk is proposed to its receiver, by whoever asked for the bulk and as things stand now."""
    known = _for(child, bulk.by, "baton")
    return propose(known, bulk.by, to, handover, bulk.reason, at, bulk.effective_on, dict(texts))


def answer(bulk: Bulk, child: Child | None, reason: DeclineReason | None, at: datetime) -> Decision:
    """One child of the bulk is accepted, or with a reason declined, by whoever answered the bulk."""
    assert bulk.answered_by is not None
    known = _for(child, bulk.answered_by, "handover-text")
    if reason:
        return decline(known, bulk.answered_by, at, reason, {})
    return accept(known, bulk.answered_by, at, None, {})


def may_answer(
    bulk: Bulk, by: UUID, deputised: Collection[UUID], exceptions: Mapping[UUID, DeclineReason], offered: Collection[UUID]
) -> None:
    """Whether someone may answer a bulk so. `deputised`: of whom they are the deputy in a present absence."""
    if by != bulk.to.professional and bulk.to.professional not in deputised:
        raise OnlyTheNamedReceiverMayAnswerTheBulk
    if bulk.state == "proposing":
        raise TheBulkIsStillUnderWay
    if bulk.state != "proposed":
        raise TheBulkIsAnsweredAlready
    if strangers := sorted(set(exceptions) - set(offered)):
        raise TheChildIsNotInThisBulk(children=strangers[:10])
    if "other" in exceptions.values():
        raise AnotherReasonNeedsWords("A child declined for another reason is declined by itself, with words.")


def _for(child: Child | None, by: UUID, class_: str) -> Child:
    """NotFound or NotAllowed as for a request about this child alone."""
    if child is None:
        raise NotFound
    related = relations(child, by, False)
    require(may(related, class_, "act"), bool(related))
    return child
