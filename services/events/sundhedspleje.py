"""What sundhedspleje says of visits and of the information it hands over."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime

from services.events.envelope import Code, Event, Municipality, Seat

Basis = Literal[
    "consent", "sundhedsloven-41", "sundhedsloven-43-2", "dagtilbudsloven-3a", "ssd-exchange", "underretning", "refused"
]
Whose = Literal["child", "mother", "other-parent"]
WhyReplanned = Literal[
    "birth", "correction", "life-ended", "life-goes-on", "closed", "reopened", "moved", "plan-changed", "criteria", "family-wish"
]


class VisitPlanned(Event, source="sundhedspleje"):
    """A visit is planned for a child's family. Subject: the child."""

    visit: UUID
    child: UUID
    municipality: Municipality
    kind: Code
    from_on: date
    until_on: date


class VisitsReplanned(Event, source="sundhedspleje"):
    """Visits were moved, fell away or are planned again, and why. Subject: the child."""

    child: UUID
    municipality: Municipality
    visits: list[UUID]
    why: WhyReplanned | None = None


class _Visit(Event):
    visit: UUID
    child: UUID
    municipality: Municipality
    kind: Code


class VisitHeld(_Visit, source="sundhedspleje"):
    """A visit was held, by a named health visitor and those of other units who took part. Subject: the child."""

    held_on: date
    where: Literal["home", "clinic", "institution", "phone", "video"]
    participants: list[Seat]
    by: UUID


class VisitMissed(_Visit, source="sundhedspleje"):
    """A visit could not be held. Subject: the child."""


class VisitDeclined(_Visit, source="sundhedspleje"):
    """The family does not want this visit. Subject: the child."""

    reason: Code


class JointVisitPlanned(_Visit, source="sundhedspleje"):
    """People of other units are to take part in a visit, with the family's yes. Subject: the child."""

    from_on: date
    until_on: date
    participants: list[Seat]


class NeedVisitGranted(_Visit, source="sundhedspleje"):
    """A family is granted a need-based visit; the systematic screening is to be done by `screen_by`. Subject: the child."""

    reason: Code
    from_on: date
    until_on: date
    systematic: UUID
    screen_by: date
    by: UUID


class NeedVisitOverdue(_Visit, source="sundhedspleje"):
    """A need-based visit was not held in its window. Subject: the child."""

    until_on: date
    responsible: Seat | None


class SystematicScreeningOverdue(Event, source="sundhedspleje"):
    """The screening that a need-based visit had opened was not done by its date. Subject: the child."""

    systematic: UUID
    visit: UUID
    child: UUID
    municipality: Municipality
    due_on: date
    parts: list[Code]
    responsible: Seat | None


class _Screening(Event):
    screening: UUID
    child: UUID
    municipality: Municipality
    instrument: Code
    whose: Whose


class ScreeningRecorded(_Screening, source="sundhedspleje"):
    """A screening was made; the score stays here. `whose`: a parent's result is the parent's own. Subject: the child."""

    scored_on: date
    at_or_above: bool


class ScreeningWithdrawn(_Screening, source="sundhedspleje"):
    """A screening had been recorded in error. Subject: the child."""

    reason: Literal["wrong-person", "wrong-score", "wrong-instrument", "other"]


class _FollowUp(Event):
    follow_up: UUID
    screening: UUID
    child: UUID
    municipality: Municipality
    instrument: Code
    whose: Whose


class FollowUpOpened(_FollowUp, source="sundhedspleje"):
    """A score at or above the municipality's threshold asks for a follow-up. Subject: the child."""

    due_on: date


class FollowUpClosed(_FollowUp, source="sundhedspleje"):
    """A follow-up has ended in something. Subject: the child."""

    outcome: Code


class FollowUpOverdue(_FollowUp, source="sundhedspleje"):
    """A follow-up has not ended in anything by its date. Subject: the child."""

    due_on: date
    responsible: Seat | None


class ThresholdSet(Event, source="sundhedspleje"):
    """A municipality's threshold of an instrument for one of the family, from a date on. Subject: derived from the code."""

    municipality: Municipality
    instrument: Code
    whose: Whose
    score: int
    from_on: date
    by: UUID


class _Underretning(Event):
    underretning: UUID
    municipality: Municipality
    notifier: Seat
    to_unit: UUID


class UnderretningGiven(_Underretning, source="sundhedspleje"):
    """Someone has notified the municipality of concern for a child, who is not named here. Subject: the underretning."""

    given_at: AwareDatetime
    assess_by: AwareDatetime
    receipt_by: AwareDatetime


class UnderretningAssessed(_Underretning, source="sundhedspleje"):
    """The municipality has looked at an underretning. Subject: the underretning."""

    assessed_at: AwareDatetime


class UnderretningAcknowledged(_Underretning, source="sundhedspleje"):
    """The notifier has the receipt. Subject: the underretning."""

    receipt_at: AwareDatetime


class UnderretningOverdue(_Underretning, source="sundhedspleje"):
    """One of the two clocks of an underretning has run out. Subject: the underretning."""

    clock: Literal["assessment", "receipt"]
    due_at: AwareDatetime


class OverleveringGiven(Event, source="sundhedspleje"):
    """Information was handed over to a unit. `basis`: of most of it; `refused`: nothing could pass. Subject: the child."""

    overlevering: UUID
    child: UUID
    municipality: Municipality
    to_unit: UUID
    start: UUID | None
    basis: Basis
    categories: list[Code]
    withheld: list[Code]
    given_by: UUID
    given_at: AwareDatetime
