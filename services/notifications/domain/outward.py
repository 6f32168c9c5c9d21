"""Pure rules of what leaves the product: who may hear a fact, which rule of a subscription it fits, and when to try again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import UUID

import yaml

from services.chassis.errors import NotAllowed, NotFound, NotUnderstood, RuleViolated

TEST = "line_tested"
TEST_EVERY = timedelta(minutes=15)
# How long a failing endpoint is tried before it is paused and a person is shown so.
GIVES_UP_AFTER = timedelta(days=3)
KEPT_FOR = timedelta(days=30)
# A former secret signs beside the new one for so long, so that a receiver can change over (Standard Webhooks, "Secret rotation").
FORMER_SECRET_SIGNS_FOR = timedelta(days=7)
MOST_RULES = 20
_RESTS = (5, 30, 120, 600, 1800, 3600, 7200, 14400)


class OnlyASystemSubscribes(NotAllowed):
    """A system of a municipality with a role for it, or of a sending organisation; people have their inbox."""


class OnlyAnAdministratorKeepsSubscriptions(NotAllowed):
    """Subscriptions belong to systems; the municipality's administrator sees, pauses, tests and ends those of its own systems."""


class NoSuchSystemOfTheMunicipality(NotUnderstood):
    """An administrator names a system of the municipality's own, active in the directory, whose role lets it hear something."""


class ASystemSubscribesForItself(NotAllowed):
    """A system makes subscriptions of its own; only the municipality's administrator makes one for another."""


class TheHostIsNotRegistered(NotAllowed):
    """Webhooks go to hosts that the operator of this installation has registered, by https, and to no private network."""


class ThereIsNoKafkaHere(RuleViolated):
    """This installation runs on the embedded bus: subscribe with a webhook."""


class ThePointIsGone(NotUnderstood):
    """Replay begins at a sequence number that is still kept, or at the next one."""


class TheSubscriptionHasEnded(RuleViolated):
    """It is over for good; make a new one."""


class AnAgeEndsAfterItBegins(NotUnderstood):
    """A rule from an age to a younger one would fit nobody."""


class ARuleOfThatNameStandsAlready(RuleViolated):
    """The envelope names the rule that matched, so each has a name of its own."""


class ASubscriptionHasNoMoreRules(RuleViolated):
    """As many stand as may; take one away first."""


class TheLastRuleStays(RuleViolated):
    """A subscription without a rule would hear nothing: pause it, or end it."""


@dataclass(frozen=True)
class Rule:
    """All that is named must fit; None: anything. Ages in whole months, an unborn child's counted back from its due date."""

    name: str
    municipalities: frozenset[str] | None = None
    units: frozenset[UUID] | None = None
    children: frozenset[UUID] | None = None
    kinds: frozenset[str] | None = None
    from_months: int | None = None
    to_months: int | None = None

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "Rule":
        """From JSON as it is stored."""
        return cls(
            content["name"],
            frozenset(content["municipalities"]) if content.get("municipalities") else None,
            frozenset(map(UUID, content["units"])) if content.get("units") else None,
            frozenset(map(UUID, content["children"])) if content.get("children") else None,
            frozenset(content["kinds"]) if content.get("kinds") else None,
            content.get("from_months"),
            content.get("to_months"),
        )


@dataclass(frozen=True)
class Subscriber:
    """Whose system it is. `sends_for`: SOR numbers of the organisation's own."""

    kind: str
    municipality: str | None = None
    sends_for: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Owner:
    """The system that a subscription belongs to, and what it may hear of."""

    client_id: str
    municipality: str | None
    organisation: str | None
    hears: Subscriber


@dataclass(frozen=True)
class Fact:
    """What is asked about an event. `units`: those it names and the tovholder's; `senders`: who told of the child."""

    kind: str
    municipality: str
    about: UUID
    on: date
    units: frozenset[UUID] = frozenset()
    senders: frozenset[str] = frozenset()
    born_on: date | None = None
    due_on: date | None = None

    def months(self) -> int | None:
        """Age in whole months, negative before birth; None where nobody knows."""
        day = self.born_on or self.due_on
        if day is None:
            return None
        return (self.on.year - day.year) * 12 + self.on.month - day.month - (self.on.day < day.day)


@cache
def _table() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(files("services.notifications").joinpath("outward.yaml").read_text())
    return content


def leaves() -> Mapping[str, str]:
    """Fact → class of data, of all that may leave at all."""
    kinds: dict[str, str] = _table()["kinds"]
    return kinds


def classes_of(subscriber: Subscriber) -> frozenset[str]:
    """The classes of data a subscriber may hear of at all."""
    if subscriber.kind == "municipality":
        return frozenset(class_ for role in subscriber.roles for class_ in _table()["roles"].get(role, ()))
    return frozenset(_table()["sender"]) if subscriber.kind == "organisation" and subscriber.sends_for - {"*"} else frozenset()


def hears(subscriber: Subscriber) -> list[str]:
    """The kinds of events a subscriber may hear of at all, by name."""
    allowed = classes_of(subscriber)
    return sorted(kind for kind, class_ in leaves().items() if class_ in allowed)


def may_subscribe(subscriber: Subscriber) -> None:
    """OnlyASystemSubscribes for whoever would hear nothing."""
    if not classes_of(subscriber):
        raise OnlyASystemSubscribes


def may_hear(subscriber: Subscriber, fact: Fact) -> bool:
    """A municipality's system hears of its own children, a sender of whom it has told; each by class."""
    if leaves().get(fact.kind) not in classes_of(subscriber):
        return False
    if subscriber.kind == "municipality":
        return fact.municipality == subscriber.municipality
    return bool(fact.senders & (subscriber.sends_for - {"*"}))


def fitting(rules: Iterable[Rule], fact: Fact) -> Rule | None:
    """The first rule that a fact fits."""
    return next((rule for rule in rules if _fits(rule, fact)), None)


def may_fit(from_months: int | None, to_months: int | None) -> None:
    """AnAgeEndsAfterItBegins where no age lies between; months, either left open."""
    if from_months is not None and to_months is not None and from_months > to_months:
        raise AnAgeEndsAfterItBegins


def with_rule(stored: Sequence[Mapping[str, Any]], added: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What stands, and one more behind it: the first that fits is the one an envelope names."""
    if any(rule["name"] == added["name"] for rule in stored):
        raise ARuleOfThatNameStandsAlready
    if len(stored) >= MOST_RULES:
        raise ASubscriptionHasNoMoreRules(at_most=MOST_RULES)
    return [*stored, added]


def without_rule(stored: Sequence[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    """What stands but the one of that name; NotFound where there is none, TheLastRuleStays where there is no other."""
    left = [rule for rule in stored if rule["name"] != name]
    if len(left) == len(stored):
        raise NotFound
    if not left:
        raise TheLastRuleStays
    return left


def _fits(rule: Rule, fact: Fact) -> bool:
    return (
        (rule.municipalities is None or fact.municipality in rule.municipalities)
        and (rule.units is None or not rule.units.isdisjoint(fact.units))
        and (rule.children is None or fact.about in rule.children)
        and (rule.kinds is None or fact.kind in rule.kinds)
        and _fits_age(rule, fact.months())
    )


def _fits_age(rule: Rule, months: int | None) -> bool:
    if rule.from_months is None and rule.to_months is None:
        return True
    if months is None:
        return False
    return (rule.from_months is None or months >= rule.from_months) and (rule.to_months is None or months <= rule.to_months)


def next_try(tries: int, at: datetime, chance: float) -> datetime:
    """After so many failures in a row; `chance` in [0, 1) spreads what failed at once by a fifth to either side."""
    return at + timedelta(seconds=_RESTS[min(tries, len(_RESTS)) - 1] * (0.8 + 0.4 * chance))


def pauses(outcome: str, failing_since: datetime, at: datetime) -> str | None:
    """Why to stop trying, or None. 410 is the endpoint's own word that it is gone (Standard Webhooks, "Delivery failure")."""
    if outcome == "http-410":
        return "gone"
    return "failing" if at - failing_since >= GIVES_UP_AFTER else None


def replay_from(point: int, oldest: int, newest: int) -> int:
    """What counts as sent, so that `point` is the next; ThePointIsGone outside of what is kept."""
    if not oldest <= point <= newest + 1:
        raise ThePointIsGone(oldest=oldest, newest=newest)
    return point - 1


def signing(secrets: Sequence[tuple[int, datetime | None]], at: datetime) -> list[int]:
    """Numbers of the secrets that sign now, newest first, of (number, until)."""
    return sorted((number for number, until in secrets if until is None or until > at), reverse=True)
