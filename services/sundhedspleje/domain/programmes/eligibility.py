"""Whom a programme is for: criteria over what sundhedspleje knows of a family, each answered with its reason."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.events.envelope import Code

Of = Literal["mother", "other-parent", "child"]


@dataclass(frozen=True)
class Screened:
    """The latest result of an instrument: whose, and whether it lies at or above the threshold in force then. No score."""

    instrument: str
    of: str
    at_or_above: bool


@dataclass(frozen=True)
class Facts:
    """What is known of a family on a day; None: not known.

    `judged`: grounds that the professional who offers names and answers for. `completed`: programmes the family has completed.
    """

    on: date
    status: str
    due_on: date | None = None
    born_on: date | None = None
    first_time_parent: bool | None = None
    need_visit_granted: bool = False
    vulnerabilities: frozenset[str] = frozenset()
    screenings: tuple[Screened, ...] = ()
    completed: frozenset[str] = frozenset()
    judged: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Finding:
    """What one criterion says of a family. `code`: as it is kept with an offer; `says`: the same for a reader."""

    code: str
    holds: bool
    says: str


class Span(BaseModel):
    """From and to, both included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    from_: float = Field(alias="from", ge=0, le=300)
    to: float = Field(ge=0, le=300)

    def __contains__(self, number: float) -> bool:
        return min(self.from_, self.to) <= number <= max(self.from_, self.to)


class ScreeningOutcome(BaseModel):
    """At or above the threshold of an instrument. `of`: whose result; left out, anyone's of the family."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instrument: Code
    of: Of | None = None


class Criterion(BaseModel):
    """Exactly one thing that must be so of a family."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    child: Literal["expected", "born"] | None = None
    age_months: Span | None = None
    weeks_before_due: Span | None = None
    need_visit: Literal["granted"] | None = None
    screening: ScreeningOutcome | None = None
    vulnerability: list[Code] | None = Field(default=None, min_length=1)
    first_time_parent: bool | None = None
    completed: list[Code] | None = Field(default=None, min_length=1)
    judged: list[Code] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"a criterion says exactly one thing. Allowed: {', '.join(type(self).model_fields)}")
        return self

    def of(self, facts: Facts) -> Finding:
        """What this criterion says of a family."""
        name = next(iter(self.model_fields_set))
        found: Finding = getattr(self, f"_{name}")(facts)
        return found

    def _child(self, facts: Facts) -> Finding:
        return Finding(f"child-{self.child}", facts.status == self.child, f"the child is {facts.status}, asked for: {self.child}")

    def _age_months(self, facts: Facts) -> Finding:
        assert self.age_months is not None
        asked = f"{self.age_months.from_:g} to {self.age_months.to:g} months old"
        if facts.status != "born" or facts.born_on is None:
            return Finding("age-months", False, f"its day of birth is not known, asked for: {asked}")
        months = _months(facts.born_on, facts.on)
        return Finding("age-months", months in self.age_months, f"the child is {months:.1f} months old, asked for: {asked}")

    def _weeks_before_due(self, facts: Facts) -> Finding:
        assert self.weeks_before_due is not None
        asked = f"{self.weeks_before_due.from_:g} to {self.weeks_before_due.to:g} weeks before the due date"
        if facts.status != "expected" or facts.due_on is None:
            return Finding("weeks-before-due", False, f"there is no due date ahead, asked for: {asked}")
        weeks = (facts.due_on - facts.on) / timedelta(weeks=1)
        return Finding(
            "weeks-before-due", weeks in self.weeks_before_due, f"{weeks:.1f} weeks before the due date, asked for: {asked}"
        )

    def _need_visit(self, facts: Facts) -> Finding:
        said = "a need-based visit is granted" if facts.need_visit_granted else "no need-based visit is granted"
        return Finding("need-visit-granted", facts.need_visit_granted, said)

    def _screening(self, facts: Facts) -> Finding:
        assert self.screening is not None
        wanted = self.screening
        results = [each for each in facts.screenings if each.instrument == wanted.instrument and wanted.of in (None, each.of)]
        code = "-".join(filter(None, ("screening", wanted.instrument, wanted.of)))
        if not results:
            return Finding(code, False, f"no result of {wanted.instrument}")
        above = any(each.at_or_above for each in results)
        return Finding(code, above, f"{wanted.instrument} is {'at or above' if above else 'below'} the threshold")

    def _vulnerability(self, facts: Facts) -> Finding:
        return _one_of("vulnerability", self.vulnerability or [], facts.vulnerabilities, "is recorded")

    def _completed(self, facts: Facts) -> Finding:
        return _one_of("completed", self.completed or [], facts.completed, "is completed")

    def _judged(self, facts: Facts) -> Finding:
        return _one_of("judged", self.judged or [], facts.judged, "is the judgement of who offers it")

    def _first_time_parent(self, facts: Facts) -> Finding:
        known = {
            True: "no older child of the mother is known here",
            False: "the mother has an older child",
            None: "not known",
        }
        return Finding(
            "first-time-parent" if self.first_time_parent else "has-older-child",
            facts.first_time_parent is not None and facts.first_time_parent == self.first_time_parent,
            known[facts.first_time_parent],
        )


def _one_of(kind: str, wanted: list[str], known: frozenset[str], says: str) -> Finding:
    found = [code for code in wanted if code in known]
    if found:
        return Finding(f"{kind}:{found[0]}", True, f"{', '.join(found)} {says}")
    return Finding(f"{kind}:{wanted[0]}", False, f"none of {', '.join(wanted)} {says}")


def _months(born_on: date, on: date) -> float:
    whole = (on.year - born_on.year) * 12 + on.month - born_on.month
    return whole + (on.day - born_on.day) / 31


class Audience(BaseModel):
    """Whom a programme is for: every criterion of `all` holds, and, where there are any, at least one of `any`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    all: list[Criterion] = []
    any: list[Criterion] = []

    @property
    def open_to_all(self) -> bool:
        return not (self.all or self.any)

    def findings(self, facts: Facts) -> Iterator[tuple[Literal["all", "any"], Finding]]:
        for criterion in self.all:
            yield "all", criterion.of(facts)
        for criterion in self.any:
            yield "any", criterion.of(facts)

    def grounds(self) -> frozenset[str]:
        """What a professional may name as a judgement of their own."""
        return frozenset(code for each in (*self.all, *self.any) for code in each.judged or ())


def class_of(code: str) -> str | None:
    """The class of data that a reason belongs to besides the programme itself, in the words of access.yaml."""
    if code.startswith("screening-") and code.endswith("-child"):
        return "screenings"
    return "parent-health" if code.startswith(("screening-", "vulnerability:", "judged:")) else None


@dataclass(frozen=True)
class Explanation:
    """Why a family is, or is not, offered a programme.

    `lacking`: what must be so and is not; `one_of`: of these one would have to be. `if_judged`: what it would take is only a
    professional's judgement.
    """

    because: tuple[Finding, ...]
    lacking: tuple[Finding, ...]
    one_of: tuple[Finding, ...] = ()
    if_judged: tuple[str, ...] = ()

    @property
    def met(self) -> bool:
        return not (self.lacking or self.one_of)

    @property
    def codes(self) -> list[str]:
        """The reasons that matched, as kept with the offer."""
        return [finding.code for finding in self.because]


def judged(facts: Facts, grounds: Iterable[str]) -> Facts:
    """The facts with what a professional judges and answers for."""
    return replace(facts, judged=facts.judged | frozenset(grounds))


def explain(audience: Audience, facts: Facts) -> Explanation:
    """Every criterion with its answer."""
    asked = list(audience.findings(facts))
    because = tuple(finding for _, finding in asked if finding.holds)
    lacking = tuple(finding for kind, finding in asked if kind == "all" and not finding.holds)
    alternatives = tuple(finding for kind, finding in asked if kind == "any")
    one_of = () if any(finding.holds for finding in alternatives) else alternatives
    return Explanation(because, lacking, one_of, _judgements(audience, facts) if lacking or one_of else ())


def _judgements(audience: Audience, facts: Facts) -> tuple[str, ...]:
    grounds = audience.grounds() - facts.judged
    if not grounds or not explain(audience, judged(facts, grounds)).met:
        return ()
    return tuple(sorted(grounds))
