"""Decides what may be said of a life: a death, the end of a pregnancy, that two records are one person; and each taken back."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from services.chassis.errors import NotUnderstood, RuleViolated

ProposalKind = Literal["merge", "withdrawn", "died", "lives"]
Decision = Literal["merge", "keep-apart", "noted"]
Speaker = Literal["person", "hospital"]
Consequence = Literal["dies", "lives", "propose-died", "propose-lives"]

# What people may answer to what is put before them; a move is decided at the registry, by whoever takes the child.
ANSWERS: Final[dict[ProposalKind, frozenset[Decision]]] = {
    "merge": frozenset({"merge", "keep-apart"}),
    "withdrawn": frozenset({"noted"}),
    "died": frozenset({"noted"}),
    "lives": frozenset({"noted"}),
}

# A sender's clock may be ahead of ours.
_AHEAD: Final = timedelta(days=1)


class OnlyAChildThatWasBornHasDied(RuleViolated):
    """Of a child still expected say that the pregnancy has ended: letters and visits stop as well."""


class OnlyAnExpectedChildsPregnancyEnds(RuleViolated):
    """The child is known to be born. If it has died, record the death."""


class TheDeathIsAlreadyRecorded(RuleViolated):
    """Nothing is left to do: letters and visits have stopped."""


class NoDeathIsRecorded(RuleViolated):
    """There is none to take back."""


class TheEndOfThePregnancyIsAlreadyRecorded(RuleViolated):
    """Nothing is left to do: letters and visits have stopped."""


class NoEndOfThePregnancyIsRecorded(RuleViolated):
    """There is none to take back."""


class TheDayLiesInTheFuture(NotUnderstood):
    """What has not happened is not recorded."""


class NobodyDiesBeforeBirth(NotUnderstood):
    """`died_on` lies before the day the child was born."""


class TwoRecordsOfOneKindAreMerged(NotUnderstood):
    """A child is merged with another reference of a child, an adult with one of an adult, nobody with themselves."""


class BothAreAliveOrBothAreNot(RuleViolated):
    """One of the two is recorded as dead, its pregnancy as ended: settled first, so that no letter goes to a grieving family."""


class NothingWasMerged(RuleViolated):
    """This reference lives on as itself."""


class TheRegistrySeparatesChildren(RuleViolated):
    """It alone knows whether anything has changed on either child since: ask there."""


class TheProposalIsDecided(RuleViolated):
    """Somebody has answered it."""


class TheProposalAsksSomethingElse(NotUnderstood):
    """Two records are merged or kept apart; anything else that is put before people is noted, and acted on at its own address."""


@dataclass(frozen=True)
class Life:
    """What is recorded of one person's life. `said_at`, `said_by`: the newest word on whether they live."""

    id: UUID
    kind: Literal["child", "adult"]
    status: Literal["expected", "born"] | None
    born_on: date | None = None
    is_dead: bool = False
    pregnancy_has_ended: bool = False
    said_at: datetime | None = None
    said_by: Speaker | None = None

    @property
    def is_running(self) -> bool:
        return not self.is_dead and not self.pregnancy_has_ended


def check_death(life: Life, died_on: date | None, today: date) -> None:
    """OnlyAChildThatWasBornHasDied, TheDeathIsAlreadyRecorded, TheDayLiesInTheFuture, NobodyDiesBeforeBirth."""
    if life.status == "expected":
        raise OnlyAChildThatWasBornHasDied("The child is still expected. Record the end of the pregnancy instead.")
    if life.is_dead:
        raise TheDeathIsAlreadyRecorded
    _has_been(died_on, today)
    if died_on and life.born_on and died_on < life.born_on:
        raise NobodyDiesBeforeBirth


def check_death_undone(life: Life) -> None:
    if not life.is_dead:
        raise NoDeathIsRecorded


def check_pregnancy_end(life: Life, ended_on: date | None, today: date) -> None:
    """OnlyAnExpectedChildsPregnancyEnds, TheEndOfThePregnancyIsAlreadyRecorded, TheDayLiesInTheFuture."""
    if life.pregnancy_has_ended:
        raise TheEndOfThePregnancyIsAlreadyRecorded
    if life.status != "expected":
        raise OnlyAnExpectedChildsPregnancyEnds("The child is born. If it has died, record the death instead.")
    _has_been(ended_on, today)


def check_pregnancy_end_undone(life: Life) -> None:
    """Also after a birth was told: that is how a child recorded by mistake is written to again."""
    if not life.pregnancy_has_ended:
        raise NoEndOfThePregnancyIsRecorded


def _has_been(day: date | None, today: date) -> None:
    if day and day > today:
        raise TheDayLiesInTheFuture


def survivor(one: Life, other: Life) -> Life:
    """TheOlderReferenceSurvives: ids are in order of time. TwoRecordsOfOneKindAreMerged, BothAreAliveOrBothAreNot."""
    if one.id == other.id or one.kind != other.kind:
        raise TwoRecordsOfOneKindAreMerged
    if one.is_running != other.is_running:
        raise BothAreAliveOrBothAreNot(
            "One of the two is recorded as dead, or its pregnancy as ended. Record or undo it so that both say the same."
        )
    return min(one, other, key=lambda it: it.id)


def check_separation(merged: Life, is_merged: bool) -> None:
    """TheRegistrySeparatesChildren, NothingWasMerged."""
    if merged.kind == "child":
        raise TheRegistrySeparatesChildren
    if not is_merged:
        raise NothingWasMerged


def check_answer(kind: ProposalKind, is_decided: bool, decision: Decision) -> None:
    """TheProposalIsDecided, TheProposalAsksSomethingElse."""
    if is_decided:
        raise TheProposalIsDecided
    if decision not in ANSWERS[kind]:
        raise TheProposalAsksSomethingElse


@dataclass(frozen=True)
class Word:
    """What follows from a hospital's word; `is_newest`: it is from now on what later words are compared with."""

    consequence: Consequence | None
    is_newest: bool


def on_hospitals_word(life: Life, deceased: bool, told_at: datetime, at: datetime) -> Word:
    """The newest word stands, whichever is heard first; a hospital's never undoes a death that a person has recorded.

    MORS stops letters and visits at once, AN_MORS lets them go on (MedCom's overview of HospitalNotification codes); what goes
    against a person's word is put before people. `told_at` far in the future counts as told now.
    """
    told_at = min(told_at, at + _AHEAD)
    by_a_person = life.said_by == "person"
    if life.said_at and told_at < life.said_at:
        overruled = by_a_person and deceased and not life.is_dead
        return Word("propose-died" if overruled else None, is_newest=False)
    if deceased == life.is_dead:
        return Word(None, is_newest=not by_a_person)
    if deceased:
        return Word("dies", is_newest=True)
    return Word("propose-lives", is_newest=False) if by_a_person else Word("lives", is_newest=True)


def address_is_masked(own: bool, others: frozenset[bool]) -> bool:
    """A child lives where its family lives: its address is masked as soon as it, or one of those about it, is protected."""
    return own or True in others
