"""Underretning (Barnets Lov s. 133): a personal duty that needs no consent, with two clocks, seen only by whom it concerns."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from services.chassis.errors import NotAllowed, NotFound, RuleViolated

Clock = Literal["assessment", "receipt"]
Assessment = Literal["acute", "not-acute"]

# Barnets Lov: the municipality looks at each within 24 hours, and the notifier has a receipt within 6 working days.
ASSESS_WITHIN = timedelta(hours=24)
RECEIPT_WORKING_DAYS = 6


class OnlyWhoReceivesUnderretningerAssessesThem(NotAllowed):
    """People of the unit that it was given to."""


class OnlyWhomItConcernsKnowsOfTheReceipt(NotAllowed):
    """The notifier has it, the receiving unit sends it: one of the two records it."""


class AnUnderretningGoesToASocialUnitOfTheMunicipality(RuleViolated):
    """To an active unit of the kind `social` that the directory has in the child's municipality."""


class ItIsAlreadyAssessed(RuleViolated):
    """The first assessment stays."""


class TheReceiptIsAlreadyRecorded(RuleViolated):
    """The first receipt stays."""


@dataclass(frozen=True)
class Underretning:
    """One underretning as it stands. `said`: the clocks that were told to have run out."""

    id: UUID
    child: UUID
    municipality: str
    notifier: UUID
    notifier_unit: UUID
    to_unit: UUID
    given_at: datetime
    assess_by: datetime
    receipt_by: datetime
    assessed_at: datetime | None = None
    assessment: Assessment | None = None
    receipt_at: datetime | None = None
    said: tuple[Clock, ...] = ()


def may_notify(standing: Collection[str]) -> None:
    """Whoever works with the child may, and nobody's leave is needed; whoever does not, learns nothing of it."""
    if not set(standing) - {"service"}:
        raise NotFound("There is no such child, or not for you.")


def received_by(kind: str | None, active: bool) -> None:
    """`kind`: of the unit, None where the municipality has no such unit."""
    if kind != "social" or not active:
        raise AnUnderretningGoesToASocialUnitOfTheMunicipality


def assess(stands: Underretning, standing: Collection[str], assessment: Assessment, at: datetime) -> Underretning:
    """Whether the child's health or development is in danger so that something must be done at once."""
    if "assessor" not in standing:
        raise OnlyWhoReceivesUnderretningerAssessesThem
    if stands.assessed_at:
        raise ItIsAlreadyAssessed
    return replace(stands, assessed_at=at, assessment=assessment)


def acknowledge(stands: Underretning, standing: Collection[str], at: datetime) -> Underretning:
    """The notifier has been told that it has been received."""
    if not {"assessor", "notifier"} & set(standing):
        raise OnlyWhomItConcernsKnowsOfTheReceipt
    if stands.receipt_at:
        raise TheReceiptIsAlreadyRecorded
    return replace(stands, receipt_at=at)


def run_out(stands: Underretning, at: datetime) -> tuple[Clock, ...]:
    """The clocks that have run out and of which nothing was said yet."""
    found: tuple[tuple[Clock, bool], ...] = (
        ("assessment", stands.assessed_at is None and at >= stands.assess_by),
        ("receipt", stands.receipt_at is None and at >= stands.receipt_by),
    )
    return tuple(clock for clock, is_over in found if is_over and clock not in stands.said)
