"""The rules of working with an institution: talks (oplæg) for its staff, and agreements that ask for meetings."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.chassis.errors import NotAllowed, NotUnderstood, RuleViolated
from services.daycare.domain import Asker


class OnlyTheTwoUnitsOrThePlacementOfficeMakeAnAgreement(NotAllowed):
    """A leader of one of the two units, or the placement office."""


class OnlyTheInstitutionOrSundhedsplejenRecordsATalk(NotAllowed):
    """Whoever works in the institution, or in sundhedsplejen of its municipality."""


class TheUnitsAreOfOneMunicipality(RuleViolated):
    """An agreement is between an active institution or dagpleje and another active unit of its municipality."""


class TheTwoUnitsHaveAnAgreement(RuleViolated):
    """End it first, or hold its next meeting."""


class WhatIsHeldLiesBehind(NotUnderstood):
    """Record it once it has been held."""


@dataclass(frozen=True)
class Agreement:
    """Two units have agreed to meet every so many months. `last_held_on`: None where they have not met yet."""

    id: UUID
    unit: UUID
    municipality: str
    with_unit: UUID
    agreed_on: date
    every_months: int
    last_held_on: date | None

    @property
    def due_on(self) -> date:
        """So many months after the last meeting, or after the agreement was made; the month's last day if it is shorter."""
        since = self.last_held_on or self.agreed_on
        months = since.year * 12 + since.month - 1 + self.every_months
        year, month = divmod(months, 12)
        return date(year, month + 1, min(since.day, monthrange(year, month + 1)[1]))


def may_agree(asker: Asker, municipality: str, unit: UUID, with_unit: UUID) -> None:
    """OnlyTheTwoUnitsOrThePlacementOfficeMakeAnAgreement."""
    if asker.places_in != municipality and not {unit, with_unit} & asker.leads:
        raise OnlyTheTwoUnitsOrThePlacementOfficeMakeAnAgreement


def may_hold(asker: Asker, agreement: Agreement) -> None:
    """Whoever works in one of the two, and the placement office."""
    if asker.places_in != agreement.municipality and not {agreement.unit, agreement.with_unit} & asker.works_in:
        raise OnlyTheTwoUnitsOrThePlacementOfficeMakeAnAgreement


def may_record_talk(asker: Asker, unit: UUID, of_sundhedspleje: bool) -> None:
    """`of_sundhedspleje`: the asker has a seat in sundhedsplejen of the unit's municipality."""
    if unit not in asker.works_in and not of_sundhedspleje:
        raise OnlyTheInstitutionOrSundhedsplejenRecordsATalk


def check_held(held_on: date, today: date) -> None:
    """WhatIsHeldLiesBehind."""
    if held_on > today:
        raise WhatIsHeldLiesBehind
