"""The child's case, who stands how to it, and the rules of an overlevering: what may pass to whom."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from services.chassis.errors import NotAllowed, NotFound, RuleViolated
from services.events.envelope import Seat
from services.events.sundhedspleje import Basis

RecipientKind = Literal["health", "daycare", "social", "school", "other"]
Invoked = Literal["sundhedsloven-43-2", "ssd-exchange", "underretning"]


class OnlyTheTovholderMayHandOverInformation(NotAllowed):
    """Sundhedsloven s. 43: who holds the information decides on its disclosure; here tovholder or health visitor, or a deputy."""


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


@dataclass(frozen=True)
class Case:
    """What sundhedspleje knows of a child. `born_on`: corrected where it was; `version`: the registry's, as last heard.

    `visitor`: its health visitor, the last tovholder of a unit of sundhedspleje or of the intake; stays when the baton goes on to
    another kind of unit. `opened_at`: when the child became known here.
    """

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
    visitor: UUID | None = None
    visitor_unit: UUID | None = None
    opened_at: datetime | None = None

    @property
    def responsible(self) -> Seat | None:
        """Who is told of what sundhedspleje has to do: the health visitor, else the tovholder."""
        for professional, unit in ((self.visitor, self.visitor_unit), (self.holder, self.holder_unit)):
            if professional and unit:
                return Seat(professional=professional, unit=unit)
        return None


@dataclass(frozen=True)
class Asker:
    """Who asks: a professional with the units they work in and lead, or one of the product's services."""

    professional: UUID | None
    works_in: frozenset[UUID] = frozenset()
    leads: frozenset[UUID] = frozenset()
    is_service: bool = False


def relations(case: Case, asker: Asker, deputises: bool, supports: bool, visits_instead: bool = False) -> frozenset[str]:
    """How someone stands to a child, in the words of access.yaml.

    `deputises`: for the holder, who is absent now; `visits_instead`: for the health visitor, who is. Of a closed case nobody is
    health visitor.
    """
    if asker.is_service:
        return frozenset({"service"})
    if asker.professional is None:
        return frozenset()
    standing = {
        "holder": asker.professional == case.holder,
        "deputy": deputises,
        "leader": bool({case.holder_unit, case.visitor_unit} & asker.leads),
        "supporter": supports,
        "health-visitor": not case.closed and (asker.professional == case.visitor or visits_instead),
    }
    return frozenset(relation for relation, stands in standing.items() if stands)


def may_hand_over(standing: Collection[str]) -> None:
    """Tovholder or health visitor, or the deputy during an absence; whoever has no relation at all learns nothing."""
    if not standing:
        raise NotFound("There is no such child, or not for you.")
    if not {"holder", "deputy", "health-visitor"} & set(standing):
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


# Whose a category is, in persons' words: the mother's own begin so.
_MOTHERS_OWN = "mother-"
TOLD_AFTERWARDS: Basis = "sundhedsloven-43-2"


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

    @property
    def to_be_told(self) -> list[Literal["child", "mother"]]:
        """Of whom something goes without consent for a public or vital interest: they are told afterwards (s. 43(3))."""
        without = [category for category, basis in self.bases.items() if basis == TOLD_AFTERWARDS]
        about_child = any(not category.startswith(_MOTHERS_OWN) for category in without)
        about_mother = any(category.startswith(_MOTHERS_OWN) for category in without)
        return [*(["child"] if about_child else []), *(["mother"] if about_mother else [])]  # type: ignore[list-item]


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
