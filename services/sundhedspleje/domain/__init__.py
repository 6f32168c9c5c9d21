"""The rules of visits and overleveringer: which visit is due when, who stands how to a child, and what may pass to whom."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal, Self
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.chassis.errors import NotAllowed, NotFound, RuleViolated
from services.events.envelope import Code
from services.events.sundhedspleje import Basis

VisitState = Literal["planned", "lapsed"]
RecipientKind = Literal["health", "daycare", "social", "school", "other"]
Invoked = Literal["sundhedsloven-43-2", "ssd-exchange", "underretning"]


class OnlyTheTovholderMayHandOverInformation(NotAllowed):
    """Sundhedsloven s. 43: who holds the information decides on its disclosure; here the tovholder, or the deputy in absence."""


class TheReceivingUnitIsNotOfThisMunicipality(RuleViolated):
    """An overlevering goes to an active unit that the directory has in the child's municipality."""


class TheReceiverDoesNotWorkInThatUnit(RuleViolated):
    """A named receiver has a seat in the receiving unit."""


class TheStartIsOfAnotherChildOrUnit(RuleViolated):
    """An overlevering for a start names an open start of this child in this unit."""


class OneTextCannotBeDivided(RuleViolated):
    """Where only some categories may pass, what is said of each must stand by itself. Give `text` by category."""


class TheReferenceIsMerged(RuleViolated):
    """It turned out to be the same child as an older reference; `merged_into` names it. Repeat this with that one."""


class PersonsDoesNotKnowTheChild(NotFound):
    """Without a decision to disclose there is no disclosure."""


class Contact(BaseModel):
    """One kind of contact in a visit plan. Days count from the due date (before birth) or from the birth.

    `catch_up_days`: so long after its window a contact is still planned if the news of the child comes late.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Code
    fboe: str
    counts_from: Literal["due-date", "birth"]
    from_days: int
    until_days: int
    catch_up_days: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.until_days < self.from_days:
            raise ValueError(f"{self.kind}: until_days is before from_days")
        return self


class VisitPlan(BaseModel):
    """The contacts a municipality offers every family, in order. The standard one: FBOE "Kontakt", national guide of 2019."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contacts: list[Contact] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_each_kind_once(self) -> Self:
        kinds = [contact.kind for contact in self.contacts]
        if twice := sorted({kind for kind in kinds if kinds.count(kind) > 1}):
            raise ValueError(f"named twice: {', '.join(twice)}")
        return self


@dataclass(frozen=True)
class Case:
    """What sundhedspleje knows of a child. `born_on`: corrected where it was; `version`: the registry's, as last heard."""

    child: UUID
    municipality: str
    mother: UUID | None
    status: str
    order: int
    sibling_of: UUID | None
    due_on: date | None
    born_on: date | None
    holder: UUID | None = None
    holder_unit: UUID | None = None
    since: datetime | None = None
    version: int = 0
    closed: bool = False
    life_ended: bool = False
    merged_into: UUID | None = None


@dataclass(frozen=True)
class Visit:
    """A visit in its window, both dates included."""

    id: UUID
    kind: str
    from_on: date
    until_on: date
    state: VisitState = "planned"


@dataclass(frozen=True)
class Replanning:
    """What a change of the facts does to a plan."""

    moved: tuple[Visit, ...]
    added: tuple[Visit, ...]


def visit_id(child: UUID, kind: str) -> UUID:
    """The same child and kind have the same visit, however often the news comes."""
    return uuid5(child, kind)


def visits_due(plan: VisitPlan, case: Case, today: date) -> tuple[Visit, ...]:
    """The visits of a case as things stand: those before birth for an expected child, the others for a born one.

    One pregnancy has one pregnancy visit, so an expected sibling gets none. Without a known date of birth, today counts. Of a
    closed case, a dead child or a pregnancy that has ended nothing is due.
    """
    if case.closed or case.life_ended:
        return ()
    if case.status == "expected":
        return () if case.sibling_of else _planned(plan, case.child, "due-date", case.due_on, today)
    return _planned(plan, case.child, "birth", case.born_on or today, today) if case.status == "born" else ()


def _planned(plan: VisitPlan, child: UUID, counts_from: str, anchor: date | None, today: date) -> tuple[Visit, ...]:
    return tuple(
        Visit(visit_id(child, contact.kind), contact.kind, *window)
        for contact in plan.contacts
        if contact.counts_from == counts_from and (window := _window(contact, anchor, today))
    )


def _window(contact: Contact, anchor: date | None, today: date) -> tuple[date, date] | None:
    if anchor is None:
        return today, today + timedelta(days=contact.until_days - contact.from_days)
    begins, ends = anchor + timedelta(days=contact.from_days), anchor + timedelta(days=contact.until_days)
    if ends >= today:
        return begins, ends
    late_until = ends + timedelta(days=contact.catch_up_days)
    return (today, late_until) if late_until >= today else None


def replan(plan: VisitPlan, case: Case, standing: Sequence[Visit], today: date) -> Replanning:
    """Planned visits follow the facts; a visit that has become due is added; one whose time has passed stays as it was.

    What had lapsed and is due again, after a reopening or an undone death, is planned again.
    """
    by_id = {visit.id: visit for visit in standing}
    due = visits_due(plan, case, today)
    moved = (visit for visit in due if visit.id in by_id and by_id[visit.id] != visit)
    return Replanning(tuple(moved), tuple(visit for visit in due if visit.id not in by_id))


def lapsed(plan: VisitPlan, case: Case, standing: Sequence[Visit]) -> tuple[Visit, ...]:
    """What was planned and no longer can be, as things stand."""
    if case.closed or case.life_ended:
        return tuple(replace(visit, state="lapsed") for visit in standing if visit.state == "planned")
    return lapsed_by_birth(plan, standing) if case.status == "born" else ()


def lapsed_by_birth(plan: VisitPlan, standing: Sequence[Visit]) -> tuple[Visit, ...]:
    """What was to come before the birth and no longer can."""
    before = {contact.kind for contact in plan.contacts if contact.counts_from == "due-date"}
    return tuple(replace(visit, state="lapsed") for visit in standing if visit.kind in before and visit.state == "planned")


@dataclass(frozen=True)
class Asker:
    """Who asks: a professional with the units they work in and lead, or one of the product's services."""

    professional: UUID | None
    works_in: frozenset[UUID] = frozenset()
    leads: frozenset[UUID] = frozenset()
    is_service: bool = False


def relations(case: Case, asker: Asker, deputises: bool, supports: bool) -> frozenset[str]:
    """How someone stands to a child, in the words of access.yaml. `deputises`: for the holder, who is absent now."""
    if asker.is_service:
        return frozenset({"service"})
    if asker.professional is None:
        return frozenset()
    standing = {
        "holder": asker.professional == case.holder,
        "deputy": deputises,
        "leader": case.holder_unit in asker.leads,
        "supporter": supports,
    }
    return frozenset(relation for relation, stands in standing.items() if stands)


def may_hand_over(standing: Collection[str]) -> None:
    """Only the tovholder, or the deputy during the absence; whoever has no relation at all learns nothing."""
    if not standing:
        raise NotFound("There is no such child, or not for you.")
    if not {"holder", "deputy"} & set(standing):
        raise OnlyTheTovholderMayHandOverInformation


@dataclass(frozen=True)
class Unit:
    """A unit as the directory says it is."""

    id: UUID
    kind: str
    active: bool


@dataclass(frozen=True)
class Recipient:
    """For whom and what for consent or law must hold, in persons' words; persons itself knows which units are private."""

    kind: RecipientKind
    purpose: str


# What an overlevering to a kind of unit is for, unless the giver says otherwise.
_RECIPIENTS: Mapping[str, tuple[RecipientKind, str]] = {
    "institution": ("daycare", "transition"),
    "dagpleje": ("daycare", "transition"),
    "sundhedspleje": ("health", "treatment"),
    "intake": ("health", "treatment"),
    "maternity": ("health", "treatment"),
    "social": ("social", "cooperation"),
}


def recipient(unit: Unit | None, receiver_works_there: bool, purpose: str | None = None) -> Recipient:
    """`unit`: None where the child's municipality has no such unit. `purpose`: the giver's own, if not the usual."""
    if unit is None or not unit.active:
        raise TheReceivingUnitIsNotOfThisMunicipality
    if not receiver_works_there:
        raise TheReceiverDoesNotWorkInThatUnit
    kind, usual = _RECIPIENTS.get(unit.kind, ("other", "cooperation"))
    return Recipient(kind, purpose or usual)


@dataclass(frozen=True)
class Disclosure:
    """What persons has decided may pass: the basis of most of it, and the basis of each category."""

    basis: Basis
    bases: Mapping[str, Basis]


@dataclass(frozen=True)
class Composed:
    """An overlevering as it is given: what passes by category with its basis, and what was held back."""

    basis: Basis
    bases: dict[str, Basis]
    parts: dict[str, str]
    withheld: tuple[str, ...]

    @property
    def categories(self) -> list[str]:
        return list(self.bases)


def compose(asked: Sequence[str], text: str | Mapping[str, str], disclosure: Disclosure) -> Composed:
    """What was both asked for and allowed passes, the rest is named as withheld. Nothing allowed is a refusal, and recorded."""
    found = {category: disclosure.bases.get(category, "refused") for category in asked}
    bases: dict[str, Basis] = {category: basis for category, basis in found.items() if basis != "refused"}
    withheld = tuple(category for category in asked if category not in bases)
    if not bases:
        return Composed("refused", {}, {}, withheld)
    if isinstance(text, Mapping):
        return Composed(disclosure.basis, bases, {category: text[category] for category in bases}, withheld)
    if withheld:
        raise OneTextCannotBeDivided(
            "Some of it may not pass. Give `text` by category, so that only what is allowed goes.",
            allowed=list(bases),
            withheld=list(withheld),
        )
    return Composed(disclosure.basis, bases, {"all": text}, ())
