"""Decides what may be disclosed to whom, and on what basis: consent or law, category by category.

Mother and child are two subjects.

Sources: Sundhedsloven ss. 41 and 43, CPR-loven s. 28, Dagtilbudsloven s. 3 a, Barnets Lov s. 133 (underretning) and its rule
on exchange between SSD (social, school, sundhedspleje, dagtilbud), Forældreansvarsloven s. 3 (joint custody: both consent).
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal
from uuid import UUID

from services.chassis.errors import NotUnderstood, RuleViolated

Basis = Literal[
    "consent", "sundhedsloven-41", "sundhedsloven-43-2", "dagtilbudsloven-3a", "ssd-exchange", "underretning", "refused"
]
About = Literal["child", "mother"]
RecipientKind = Literal["health", "daycare", "social", "school", "other"]
# What the professional who holds the information decides and answers for; nothing but their word puts these in play.
Invoked = Literal["sundhedsloven-43-2", "ssd-exchange", "underretning"]

MOTHERS_OWN: Final = "mother-"
MINIMUM: Final = frozenset({"practical"})
TREATMENT: Final = "treatment"
TRANSITION: Final = "transition"
ADDRESS: Final = "address"
IDENTITY: Final = "identity"
_SSD: Final = frozenset({"social", "school", "daycare", "health"})


class OnlyAHolderOfCustodyMayConsent(RuleViolated):
    """The child's information is for the holders of custody to release; until custody is registered, for the mother."""


class CustodyIsNotRegisteredYet(OnlyAHolderOfCustodyMayConsent):
    """Who holds custody is often registered weeks after the birth; until then the mother alone consents for the child."""


class OnlyTheMotherMayConsentForHerself(RuleViolated):
    """What is about the mother is hers to release, whoever holds custody."""


class AConsentEndsAfterItBegins(NotUnderstood):
    """`until_on` lies before `from_on`."""


class AConsentNamesWhatItCovers(NotUnderstood):
    """Consent is specific.

    A category of the mother's own stands in a consent about the mother, the child's in one about the child.
    """


class TheConsentIsAlreadyWithdrawn(RuleViolated):
    """It no longer stands."""


@dataclass(frozen=True)
class Consent:
    """A consent as it was given. `until_on` None: until withdrawn; both days included."""

    given_by: UUID
    about: About
    recipient_kind: str
    purpose: str
    categories: frozenset[str]
    from_on: date
    until_on: date | None = None
    withdrawn: bool = False

    def covers(self, facts: "Facts", category: str) -> bool:
        """Whether it stands for this category, recipient and purpose on that day."""
        return not self.withdrawn and self.is_for(facts, category)

    def is_for(self, facts: "Facts", category: str) -> bool:
        """The same, withdrawn since or not."""
        return (
            self.about == about(category)
            and (self.recipient_kind, self.purpose) == (facts.recipient.kind, facts.purpose)
            and category in self.categories
            and self.from_on <= facts.on
            and (self.until_on is None or facts.on <= self.until_on)
        )


@dataclass(frozen=True)
class Recipient:
    """Who is to have it. `private`: an independent institution or private child minder, whom the parents inform themselves."""

    kind: str
    private: bool = False
    same_municipality: bool = True


@dataclass(frozen=True)
class Facts:
    """All the rule looks at.

    `custody` are its holders on that day; `custody_registered` False means nobody has said who they are yet.
    """

    recipient: Recipient
    purpose: str
    categories: tuple[str, ...]
    on: date
    mother: UUID | None = None
    custody: frozenset[UUID] = frozenset()
    custody_registered: bool = False
    consents: tuple[Consent, ...] = ()
    invoked: str | None = None
    protected: bool = False


# Of a category: all who must have consented; some of them; nobody; it was withdrawn; nobody can consent to it yet.
Standing = Literal["given", "partly", "missing", "withdrawn", "not-yet-possible"]
State = Literal["given", "ahead", "ended", "withdrawn"]


@dataclass(frozen=True)
class Decision:
    """What may go and what stays.

    `basis` is that of most of it; `bases` says it per category; `say` tells the giver what to do next. `consents`: how consent
    stands per category; `awaited`: whose is missing, where it is someone's to give.
    """

    basis: Basis
    allowed: tuple[str, ...]
    withheld: tuple[str, ...]
    say: str
    bases: tuple[tuple[str, Basis], ...] = ()
    consents: tuple[tuple[str, Standing], ...] = ()
    awaited: frozenset[UUID] = frozenset()


def about(category: str) -> About:
    """Whose a category of information is: the mother's own (`mother-…`) needs her own consent."""
    return "mother" if category.startswith(MOTHERS_OWN) else "child"


def must_consent(facts: Facts, category: str) -> frozenset[UUID]:
    """Everyone whose consent is needed; empty = nobody can give it now."""
    if about(category) == "mother" or not facts.custody_registered:
        return frozenset({facts.mother} if facts.mother else set())
    return facts.custody


def awaited(facts: Facts, category: str) -> frozenset[UUID]:
    """Whose consent is still missing."""
    return must_consent(facts, category) - {consent.given_by for consent in facts.consents if consent.covers(facts, category)}


def standing(facts: Facts, category: str) -> Standing:
    """How consent stands. Not yet possible: custody is not registered and no mother is known, so it is nobody's to give."""
    needed, missing = must_consent(facts, category), awaited(facts, category)
    if not needed:
        return "not-yet-possible"
    if not missing:
        return "given"
    if any(it.withdrawn and it.given_by in missing and it.is_for(facts, category) for it in facts.consents):
        return "withdrawn"
    return "partly" if missing < needed else "missing"


def state_of(consent: Consent, on: date) -> State:
    """How one consent stands by itself on a day."""
    if consent.withdrawn:
        return "withdrawn"
    if on < consent.from_on:
        return "ahead"
    return "ended" if consent.until_on is not None and consent.until_on < on else "given"


def _consented(facts: Facts, category: str) -> bool:
    return standing(facts, category) == "given"


def _is_kept_from_private(facts: Facts, category: str) -> bool:
    """CPR-loven s. 28: a protected address is never in a private party's view, whatever else the parents release."""
    return category == ADDRESS and facts.protected and facts.recipient.private


def _underretning(facts: Facts, _: str) -> bool:
    return facts.invoked == "underretning" and facts.recipient.kind == "social"


def _public_or_vital_interest(facts: Facts, _: str) -> bool:
    return facts.invoked == "sundhedsloven-43-2" and not facts.recipient.private


def _health_to_health(facts: Facts, _: str) -> bool:
    return facts.recipient.kind == "health" and facts.purpose == TREATMENT


def _ssd(facts: Facts, category: str) -> bool:
    return (
        facts.invoked == "ssd-exchange"
        and facts.recipient.kind in _SSD
        and not facts.recipient.private
        and facts.recipient.same_municipality
        and about(category) == "child"
    )


def _practical_at_transition(facts: Facts, category: str) -> bool:
    return (
        category in MINIMUM and facts.recipient.kind == "daycare" and not facts.recipient.private and facts.purpose == TRANSITION
    )


# The first that fits is the basis of a category. Consent stands before the rules that do without it, save where the law
# commands (underretning).
_RULES: Final[tuple[tuple[Basis, Callable[[Facts, str], bool]], ...]] = (
    ("underretning", _underretning),
    ("sundhedsloven-41", _health_to_health),
    ("consent", _consented),
    ("sundhedsloven-43-2", _public_or_vital_interest),
    ("ssd-exchange", _ssd),
    ("dagtilbudsloven-3a", _practical_at_transition),
)


def may_disclose(facts: Facts) -> Decision:
    """Each category goes on the first basis that fits it, or stays; what stays is named, never silently dropped."""
    bases: dict[str, Basis] = {}
    for category in dict.fromkeys(facts.categories):
        fitting = (basis for basis, fits in _RULES if fits(facts, category))
        bases[category] = "refused" if _is_kept_from_private(facts, category) else next(fitting, "refused")
    allowed = tuple(category for category, basis in bases.items() if basis != "refused")
    withheld = tuple(category for category, basis in bases.items() if basis == "refused")
    used = [bases[category] for category in allowed]
    basis: Basis = max(dict.fromkeys(used), key=used.count) if used else "refused"
    consents = tuple((category, standing(facts, category)) for category in bases)
    lacking = frozenset(person for category in withheld for person in awaited(facts, category))
    return Decision(basis, allowed, withheld, _say(facts, set(used), withheld), tuple(bases.items()), consents, lacking)


def _say(facts: Facts, bases: Collection[Basis], withheld: Collection[str]) -> str:
    sentences = []
    if "sundhedsloven-43-2" in bases:
        sentences.append(
            "The person is told afterwards that it was disclosed, unless there is a reason not to (Sundhedsloven s. 43)."
        )
    if withheld and facts.recipient.private:
        sentences.append("A private institution is informed by the parents, or with their consent.")
    if any(_is_kept_from_private(facts, category) for category in withheld):
        sentences.append("A protected address is not given to private parties.")
    if any(about(category) == "mother" for category in withheld):
        sentences.append("What is about the mother needs her own consent.")
    if any(about(category) == "child" and not _is_kept_from_private(facts, category) for category in withheld):
        sentences.append(_who_consents(facts))
    return " ".join(sentences) or "Everything asked for may be disclosed."


def _who_consents(facts: Facts) -> str:
    if facts.custody_registered:
        return "What is about the child needs the consent of each holder of custody."
    if facts.mother:
        return "Custody is not registered yet: the mother consents."
    return "Custody is not registered yet and no mother is known: consent is not possible yet."


def check_consent(consent: Consent, mother: UUID | None, custody: frozenset[UUID], custody_registered: bool) -> None:
    """OnlyTheMotherMayConsentForHerself, OnlyAHolderOfCustodyMayConsent, CustodyIsNotRegisteredYet; AConsentEndsAfterItBegins,
    AConsentNamesWhatItCovers.
    """
    if consent.until_on is not None and consent.until_on < consent.from_on:
        raise AConsentEndsAfterItBegins
    if any(about(category) != consent.about for category in consent.categories):
        raise AConsentNamesWhatItCovers
    if consent.about == "mother":
        if mother is None or consent.given_by != mother:
            raise OnlyTheMotherMayConsentForHerself
    elif not custody_registered and consent.given_by != mother:
        raise CustodyIsNotRegisteredYet
    elif custody_registered and consent.given_by not in custody:
        raise OnlyAHolderOfCustodyMayConsent


def to_be_told(
    born: bool, mother: UUID | None, custody: Collection[UUID], custody_registered: bool, about: About = "child"
) -> tuple[UUID, ...]:
    """Whom of the family notices go to.

    Before birth the pregnant woman alone, until custody is registered the mother, then each holder of custody; of what is about
    the mother she alone.
    """
    if about == "mother" or not born or not custody_registered:
        return (mother,) if mother else ()
    return tuple(sorted(custody))
