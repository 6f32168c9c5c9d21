"""What the registry says of the baton: who holds it, who is asked to take it, and why it moved."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime

from services.events.envelope import Code, Event, Municipality, Seat

Why = Literal["registration", "sibling", "acceptance", "effect", "stand-in", "override", "merge", "reopening"]
DeclineReason = Literal[
    "at-capacity",
    "wrong-unit",
    "not-our-municipality",
    "conflict-of-interest",
    "information-missing",
    "family-wishes-otherwise",
    "other",
]
WithdrawalCause = Literal["proposer", "receiver-left", "start-cancelled", "rule-failed", "baton-stays", "stand-in-is-receiver"]
Status = Literal["expected", "born", "closed"]


class ChildRegistered(Event, source="registry"):
    """A child has entered, with a tovholder from the same instant. Subject: the child."""

    child: UUID
    municipality: Municipality
    notification_id: UUID | None
    mother: UUID | None
    order: int
    status: Status
    sibling_of: UUID | None
    due_on: date | None = None
    born_on: date | None = None


class ChildBorn(Event, source="registry"):
    """An expected child is born. Subject: the child."""

    child: UUID
    municipality: Municipality
    notification_id: UUID | None
    born_on: date | None
    order: int


class TovholderChanged(Event, source="registry"):
    """From `since` on this named professional holds the baton. Subject: the child."""

    child: UUID
    municipality: Municipality
    tovholder: Seat
    before: Seat | None
    why: Why
    since: AwareDatetime
    handover: UUID | None = None
    by: UUID | None = None


class _Handover(Event):
    handover: UUID
    child: UUID
    municipality: Municipality
    giver: Seat
    receiver: Seat


class HandoverProposed(_Handover, source="registry"):
    """A named professional is asked to take the baton. Subject: the child."""

    reason: Code
    due_at: AwareDatetime
    effective_on: date | None


class HandoverAccepted(_Handover, source="registry"):
    """The named receiver, or in an absence the deputy for themselves, has said yes. Subject: the child.

    Without `effective_on` the baton passes with it: HandoverEffected and TovholderChanged follow in the same commit.
    """

    accepted_by: UUID
    effective_on: date | None


class HandoverScheduled(_Handover, source="registry"):
    """The baton passes on a date; until then the giver holds it. Subject: the child."""

    effective_on: date


class HandoverRescheduled(_Handover, source="registry"):
    """The baton is to pass on another date, `effective_on`; `before`: the date until now. Subject: the child.

    `answer_by`: the receiver must say yes again by then; none where they asked for the date themselves.
    """

    before: date | None
    effective_on: date
    answer_by: AwareDatetime | None
    asked_by: UUID | None


class HandoverEffected(_Handover, source="registry"):
    """The baton has passed by this handover; TovholderChanged follows in the same commit. Subject: the child."""


class HandoverDeclined(_Handover, source="registry"):
    """The named receiver has said no; the giver holds the baton. Subject: the child."""

    declined_by: UUID
    reason: DeclineReason


class HandoverWithdrawn(_Handover, source="registry"):
    """The question is taken back. Subject: the child."""

    cause: WithdrawalCause
    withdrawn_by: UUID | None


class HandoverSuperseded(_Handover, source="registry"):
    """Override, merge or closing has overtaken the question. Subject: the child."""

    cause: Literal["override", "merge", "closing"]


class HandoverReminded(_Handover, source="registry"):
    """The deadline is near. Subject: the child."""

    due_at: AwareDatetime


class HandoverOverdue(_Handover, source="registry"):
    """The deadline has passed without an answer. Subject: the child."""

    due_at: AwareDatetime


class HandoverEscalated(_Handover, source="registry"):
    """An unanswered handover is put to a named leader. Subject: the child."""

    level: int
    to: Seat


class InformationRequested(_Handover, source="registry"):
    """The receiver asks before answering; the deadline's clock rests. Subject: the child."""

    question: UUID


class InformationProvided(_Handover, source="registry"):
    """The giver has answered; the deadline's clock runs again. Subject: the child."""

    question: UUID
    due_at: AwareDatetime


class SupporterJoined(Event, source="registry"):
    """Someone stands by in a visible supporting role. Subject: the child."""

    child: UUID
    municipality: Municipality
    supporter: Seat
    role: Literal["receiver", "giver", "team"]
    until_on: date | None


class SupporterLeft(Event, source="registry"):
    """A supporting role is over. Subject: the child."""

    child: UUID
    municipality: Municipality
    supporter: Seat


class TovholderSeen(Event, source="registry"):
    """Who got the baton without a click of their own has seen that they hold it. Subject: the child."""

    child: UUID
    municipality: Municipality
    tovholder: Seat


class HolderUnseen(Event, source="registry"):
    """Who got the baton without a click of their own has not said in time that they have seen it. Subject: the child.

    `level`: 0 reminds the tovholder; from 1 on it is put to `to`, a named leader.
    """

    child: UUID
    municipality: Municipality
    tovholder: Seat
    due_at: AwareDatetime
    level: int
    to: Seat | None


class ProfessionalReleased(Event, source="registry"):
    """Nothing stands on any seat of this professional any more. Subject: the professional."""

    professional: UUID
    municipality: Municipality


ClosingReason = Literal[
    "settled",
    "aged-out",
    "moved-abroad",
    "moved-to-a-municipality-outside",
    "wrongly-registered",
    "died",
    "pregnancy-ended",
    "merged",
]


class CaseClosed(Event, source="registry"):
    """An episode has ended; nobody is tovholder any more. Subject: the child."""

    child: UUID
    municipality: Municipality
    reason: ClosingReason
    last: Seat
    by: UUID | None


class CaseReopened(Event, source="registry"):
    """A new episode begins with a named person; TovholderChanged follows in the same commit. Subject: the child."""

    child: UUID
    municipality: Municipality
    episode: int
    by: UUID | None


class CaseMerged(Event, source="registry"):
    """This reference turned out to be the same child as an older one, which survives. Subject: the merged child."""

    child: UUID
    merged_into: UUID
    municipality: Municipality


class CaseSeparated(Event, source="registry"):
    """A merge is undone: they are two children after all. Subject: the separated child."""

    child: UUID
    separated_from: UUID
    municipality: Municipality


class MoveRaised(Event, source="registry"):
    """A child is thought to have moved; people decide. Subject: the child.

    `to`: the intake lead there who is asked, none for a municipality outside.
    """

    child: UUID
    municipality: Municipality
    to_municipality: Municipality
    to: Seat | None
    handover: UUID | None
