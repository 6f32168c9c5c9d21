"""Screenings as score, date and by whom; thresholds that change only forward in time; follow-ups that must end in something."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from services.chassis.errors import NotAllowed, NotUnderstood, RuleViolated
from services.events.envelope import Code
from services.events.sundhedspleje import Whose
from services.sundhedspleje.domain.configured import Configured, each_once, wrong

WithdrawalReason = Literal["wrong-person", "wrong-score", "wrong-instrument", "other"]
SCORES = range(1001)

# How a follow-up ends by rule, besides the ends that the municipality lists.
RECORDED_IN_ERROR, CASE_CLOSED = "recorded-in-error", "case-closed"


class OnlyTheHealthVisitorScreens(NotAllowed):
    """The child's named sundhedsplejerske, or who deputises for her in an absence."""


class OnlyALeaderOfSundhedsplejenSetsThresholds(NotAllowed):
    """Who leads a unit of the municipality's sundhedspleje."""


class TheInstrumentIsNotOneOfTheMunicipality(RuleViolated):
    """The municipality's screenings.yaml lists the instruments; `allowed` names them."""


class TheInstrumentIsForSomeoneElse(RuleViolated):
    """An instrument is for the child, the mother or the other parent; `allowed` names for whom this one is."""


class TheScoreIsOutsideTheInstrumentsRange(RuleViolated):
    """`lowest` and `highest` say the range, `results` the words where a result is a word."""


class AScreeningIsMadeOnADayThatHasCome(RuleViolated):
    """Today or before, and not before the child was known here; of the child itself not before its birth."""


class TheParentIsNotKnown(RuleViolated):
    """A parent's result is the parent's own: name the other parent's reference; the mother's is that of the case."""


class AThresholdChangesOnlyForward(RuleViolated):
    """A threshold takes effect today or later, and after every one set before it. What was recorded keeps its own."""


class TheOutcomeIsNotOneOfTheMunicipality(RuleViolated):
    """The municipality's screenings.yaml lists how a follow-up may end; `allowed` names them."""


class TheFollowUpHasEnded(RuleViolated):
    """It ended in something; that stays."""


class TheScreeningWasWithdrawn(RuleViolated):
    """It was marked as recorded in error; that stays."""


class Threshold(Configured):
    """From a date on, a score at or above which a follow-up opens."""

    whose: Whose
    from_on: date
    score: int


class Instrument(Configured):
    """A screening instrument: whose it is, its range, or its results as words from 0 upwards, and its thresholds."""

    code: Code
    whose: list[Whose] = Field(min_length=1)
    lowest: int | None = None
    highest: int | None = None
    results: list[Code] = Field(default_factory=list)
    follow_up_days: int = Field(default=14, ge=1, le=365)
    thresholds: list[Threshold] = Field(default_factory=list)

    @model_validator(mode="after")
    def _has_a_range(self) -> Self:
        if bool(self.results) == (self.lowest is not None or self.highest is not None):
            raise ValueError(f"{self.code}: give its range. Allowed: lowest and highest; or results")
        low, high = self.range
        if not low < high or low < SCORES[0] or high > SCORES[-1]:
            raise ValueError(f"{self.code}: lowest is below highest. Allowed: {SCORES[0]} to {SCORES[-1]}")
        for whose in {it.whose for it in self.thresholds}:
            own = [it for it in self.thresholds if it.whose == whose]
            if whose not in self.whose:
                raise wrong(f"{self.code}: a threshold for {whose}. Allowed: {', '.join(self.whose)}", "thresholds")
            if [it.from_on for it in own] != sorted({it.from_on for it in own}):
                said = f"{self.code}: thresholds change only forward in time. Allowed: dates that rise, for {whose}"
                raise wrong(said, "thresholds")
            if any(not low <= it.score <= high for it in own):
                raise wrong(f"{self.code}: a threshold outside the range. Allowed: {low} to {high}", "thresholds")
        return self

    @property
    def range(self) -> tuple[int, int]:
        """Lowest and highest score."""
        return (0, len(self.results) - 1) if self.results else (self.lowest or 0, self.highest or 0)


class Part(Configured):
    """One part of the systematic screening, and the instruments by any of which it is done."""

    part: Code
    instruments: list[Code] = Field(min_length=1)


class NeedVisitScreening(Configured):
    """The systematic screening that every need-based visit opens, and within how many days it is to be done."""

    within_days: int = Field(ge=1, le=365)
    parts: list[Part] = Field(min_length=1)


class Outcome(Configured):
    """How a follow-up may end."""

    code: Code
    fboe: str | None = None


class Screenings(Configured):
    """What `screenings.yaml` of a municipality says."""

    instruments: list[Instrument] = Field(min_length=1)
    need_visit_screening: NeedVisitScreening
    outcomes: list[Outcome] = Field(min_length=1)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        known = [it.code for it in self.instruments]
        each_once(known, "instruments")
        each_once((it.code for it in self.outcomes), "outcomes")
        each_once((it.part for it in self.need_visit_screening.parts), "parts")
        of_children = [it.code for it in self.instruments if "child" in it.whose]
        for number, part in enumerate(self.need_visit_screening.parts):
            if others := sorted(set(part.instruments) - set(of_children)):
                said = f"{part.part}: {', '.join(others)} screens no child. Allowed: {', '.join(of_children)}"
                raise wrong(said, "need_visit_screening", "parts", number, "instruments")
        return self

    def instrument(self, code: str) -> Instrument:
        """TheInstrumentIsNotOneOfTheMunicipality names those there are."""
        found = next((it for it in self.instruments if it.code == code), None)
        if found is None:
            raise TheInstrumentIsNotOneOfTheMunicipality(allowed=[it.code for it in self.instruments])
        return found


@dataclass(frozen=True)
class Result:
    """A screening as it is recorded, with the range and the threshold that it was measured by."""

    instrument: str
    whose: Whose
    score: int
    lowest: int
    highest: int
    threshold: int | None
    follow_up_due: date | None

    @property
    def at_or_above(self) -> bool:
        return self.follow_up_due is not None


def may_screen(standing: Collection[str]) -> None:
    if "health-visitor" not in standing:
        raise OnlyTheHealthVisitorScreens


def threshold_on(instrument: Instrument, whose: Whose, on: date, set_since: Iterable[Threshold]) -> int | None:
    """The threshold in force on a day: of the municipality's file and of those set over HTTP, the last to take effect."""
    in_force = [it for it in (*instrument.thresholds, *set_since) if it.whose == whose and it.from_on <= on]
    return max(in_force, key=lambda it: it.from_on).score if in_force else None


def measured(
    instrument: Instrument, whose: Whose, score: int | str, on: date, set_since: Iterable[Threshold], today: date
) -> Result:
    """What a score amounts to. `score`: a number in the range, or one of the instrument's words."""
    if whose not in instrument.whose:
        raise TheInstrumentIsForSomeoneElse(allowed=list(instrument.whose))
    lowest, highest = instrument.range
    number = _number(instrument, score)
    if number is None or not lowest <= number <= highest:
        raise TheScoreIsOutsideTheInstrumentsRange(lowest=lowest, highest=highest, results=list(instrument.results))
    threshold = threshold_on(instrument, whose, on, set_since)
    reached = threshold is not None and number >= threshold
    due = today + timedelta(days=instrument.follow_up_days) if reached else None
    return Result(instrument.code, whose, number, lowest, highest, threshold, due)


def _number(instrument: Instrument, score: int | str) -> int | None:
    if isinstance(score, int):
        return score
    return instrument.results.index(score) if score in instrument.results else None


def made_on(on: date, today: date, opened_on: date, born_on: date | None, whose: Whose) -> None:
    """`opened_on`: when the case was opened here."""
    earliest = born_on if whose == "child" and born_on else min(opened_on, born_on or opened_on)
    if not earliest <= on <= today:
        raise AScreeningIsMadeOnADayThatHasCome


def subject(whose: Whose, child: UUID, mother: UUID | None, person: UUID | None) -> UUID:
    """Whose record a result is: the child's and each parent's are apart."""
    found = {"child": child, "mother": mother, "other-parent": person}[whose]
    if found is None or (whose == "other-parent" and found in (child, mother)):
        raise TheParentIsNotKnown
    if whose != "other-parent" and person not in (None, found):
        raise NotUnderstood("`person` is for the other parent's results; the child's and the mother's are those of the case.")
    return found


def may_follow(new: Threshold, before: Sequence[Threshold], instrument: Instrument, today: date) -> None:
    """Forward in time only: today or later, and after each that was set before."""
    if new.whose not in instrument.whose:
        raise TheInstrumentIsForSomeoneElse(allowed=list(instrument.whose))
    lowest, highest = instrument.range
    if not lowest <= new.score <= highest:
        raise TheScoreIsOutsideTheInstrumentsRange(lowest=lowest, highest=highest, results=list(instrument.results))
    last = max((it.from_on for it in (*instrument.thresholds, *before) if it.whose == new.whose), default=None)
    if new.from_on < today or (last is not None and new.from_on <= last):
        raise AThresholdChangesOnlyForward(earliest=max(today, last + timedelta(days=1)) if last else today)


def systematic_due(within_days: int, today: date, due_on: date | None, is_expected: bool) -> date:
    """By when the systematic screening is to be done: a child not yet born is screened after its birth."""
    begins = max(today, due_on) if is_expected and due_on else today
    return begins + timedelta(days=within_days)


def parts_done(parts: Sequence[Part], by_instrument: Collection[str]) -> frozenset[str]:
    """The parts that are done by the instruments of the child's results since the visit was granted."""
    return frozenset(it.part for it in parts if set(it.instruments) & set(by_instrument))


def may_end_in(outcome: str, outcomes: Sequence[Outcome]) -> None:
    allowed = [it.code for it in outcomes]
    if outcome not in allowed:
        raise TheOutcomeIsNotOneOfTheMunicipality(allowed=allowed)
