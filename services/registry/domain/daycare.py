"""Whether the baton may go along with a start in daycare: the tovholder's decision within the municipality's rule; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.chassis.errors import RuleViolated
from services.events.daycare import BatonRule
from services.events.envelope import Seat


class TheMunicipalityLetsTheBatonStay(RuleViolated):
    """By the municipality's rule of that day it does not go along to an institution or dagpleje: the tovholder keeps it.

    The placement office sets the rule (`/daycare/settings`).
    """


class TheTovholderHasDecidedThatTheBatonStays(RuleViolated):
    """Decided for this child's start there. Decide anew first (`/daycare/starts/{id}/baton`)."""


class TheParentsHaveNotAgreed(RuleViolated):
    """A private institution or child minder gets nothing without the parents: Dagtilbudsloven s. 3 a(3).

    Decide first that the baton moves with the start (`/daycare/starts/{id}/baton`): there the parents' consent is asked for.
    """


@dataclass(frozen=True, slots=True)
class Daycare:
    """An institution or dagpleje that the baton would go to. `rules`: the municipality's by their first day.

    `moves`: what the tovholder has decided of the child's start there; None: nothing yet.
    """

    unit: UUID
    private: bool = False
    rules: tuple[tuple[date, BatonRule], ...] = ()
    moves: bool | None = None


def rule_on(rules: Iterable[tuple[date, BatonRule]], on: date) -> BatonRule:
    """The newest one whose day has come; where the municipality has said nothing the tovholder decides."""
    return max((it for it in rules if it[0] <= on), default=(date.min, "tovholder-decides"))[1]


def refusal(daycare: Daycare | None, giver: Seat, to: Seat, on: date, by_override: bool = False) -> RuleViolated | None:
    """Why the baton may not go to a seat on a day; None where it may.

    A colleague of the same institution may always take over: that is no start. `by_override`: a leader may place the baton
    against the tovholder's decision, but neither against the municipality's rule nor against the parents.
    """
    if daycare is None or daycare.unit != to.unit or giver.unit == to.unit:
        return None
    if rule_on(daycare.rules, on) == "stays":
        return TheMunicipalityLetsTheBatonStay()
    if daycare.private and not daycare.moves:
        return TheParentsHaveNotAgreed()
    if daycare.moves is False and not by_override:
        return TheTovholderHasDecidedThatTheBatonStays()
    return None


def may_go_along(daycare: Daycare | None, giver: Seat, to: Seat, on: date, by_override: bool = False) -> None:
    """TheMunicipalityLetsTheBatonStay, TheParentsHaveNotAgreed, TheTovholderHasDecidedThatTheBatonStays."""
    if refused := refusal(daycare, giver, to, on, by_override):
        raise refused
