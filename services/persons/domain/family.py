"""The rules of a family's own log-in: what it may do by itself, and what of the access log it is shown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from services.chassis.errors import LogInAgain, NotAllowed, RuleViolated
from services.persons.domain.disclosure import about

# A pass is short, since what it opens is read again from custody each time and nothing else ends it.
PASS_SECONDS = 300


class NobodyIsKnownByThatLogIn(NotAllowed):
    """No child here is yours to answer for by this log-in. If that is wrong, ask your sundhedsplejerske."""


class ThePassHasEnded(LogInAgain):
    """It is older than five minutes, or who holds custody has changed since: ask for a new one."""


class OnlyWhoGaveAConsentWithdrawsIt(NotAllowed):
    """The other holder of custody gave it; yours you can withdraw."""


class OneSurveyInNinetyDays(RuleViolated):
    """A link to the survey has been given lately; it is good for ninety days."""


SURVEY_EVERY = timedelta(days=90)
# The family is told of a handover once it is agreed upon (services/notifications/audience.yaml); of a mere proposal it is not.
TOLD_OF = frozenset({"scheduled"})

# An underretning is for whom it concerns; whether and when the parents are spoken to about it, people decide: VEJ 9471 of 2024.
KEPT_APART = "underretning"


@dataclass(frozen=True)
class Look:
    """One line of a service's access log. `professional` None: a system of that party."""

    at: datetime
    service: str
    about: UUID
    party: str
    professional: UUID | None
    class_: str
    purpose: str


def newest(looks: Iterable[Look], limit: int) -> tuple[Sequence[Look], datetime | None]:
    """The newest of all services' lines, and before which instant the next page begins. Each service gave up to `limit`.

    What is about an underretning is left out.
    """
    ordered = sorted(looks, key=lambda it: (it.at, it.service, it.class_), reverse=True)
    page = [it for it in ordered[:limit] if it.class_ != KEPT_APART]
    return page, ordered[limit - 1].at if len(ordered) >= limit else None


def of_disclosure(categories: Iterable[str], is_mother: bool) -> list[str]:
    """The categories of a disclosure that someone of the family is shown: the mother's own are hers to see."""
    return [category for category in categories if is_mother or about(category) == "child"]


def is_told_of(handover_state: str) -> bool:
    """Whether a handover under way is the family's to know."""
    return handover_state in TOLD_OF


def survey_may_be_given_from(today: date) -> date:
    """The last day on which a link may have been given for another to be given today."""
    return today - SURVEY_EVERY


def survey_again_from(given_on: date | None, today: date) -> date | None:
    """From when a link to the survey may be asked for again; None: today."""
    if given_on is None or given_on == today or given_on <= survey_may_be_given_from(today):
        return None
    return given_on + SURVEY_EVERY
