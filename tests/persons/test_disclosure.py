"""What may be disclosed, as a table of cases: each row a situation from the law, and what goes, stays, and why."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from services.persons.domain.disclosure import (
    AConsentEndsAfterItBegins,
    AConsentNamesWhatItCovers,
    Consent,
    CustodyIsNotRegisteredYet,
    Facts,
    OnlyAHolderOfCustodyMayConsent,
    OnlyTheMotherMayConsentForHerself,
    Recipient,
    check_consent,
    may_disclose,
    state_of,
    to_be_told,
)

MOTHER, FATHER, STRANGER = UUID(int=1), UUID(int=2), UUID(int=3)
TODAY = date(2027, 3, 1)
DAYCARE, PRIVATE = Recipient("daycare"), Recipient("daycare", private=True)
HEALTH, SOCIAL, SOCIAL_ELSEWHERE = Recipient("health"), Recipient("social"), Recipient("social", same_municipality=False)
BOTH = frozenset({MOTHER, FATHER})


def consent(by: UUID, *categories: str, about: str = "child", kind: str = "daycare", purpose: str = "transition") -> Consent:
    return Consent(
        by, "mother" if about == "mother" else "child", kind, purpose, frozenset(categories), date(2027, 1, 1), date(2027, 12, 31)
    )


def asked(
    recipient: Recipient,
    *categories: str,
    purpose: str = "transition",
    custody: frozenset[UUID] | None = None,
    consents: Sequence[Consent] = (),
    invoked: str | None = None,
) -> Facts:
    return Facts(
        recipient, purpose, categories, TODAY, MOTHER, custody or frozenset(), custody is not None, tuple(consents), invoked
    )


CASES = {
    "without consent nothing about the child goes to daycare": (asked(DAYCARE, "sleep", custody=BOTH), "refused", ()),
    "the practical minimum goes to a public daycare at a transition": (
        asked(DAYCARE, "practical", "sleep", custody=BOTH), "dagtilbudsloven-3a", ("practical",),
    ),
    "the practical minimum goes for no other purpose": (asked(DAYCARE, "practical", purpose="care"), "refused", ()),
    "the practical minimum does not go to a private institution": (asked(PRIVATE, "practical", custody=BOTH), "refused", ()),
    "one holder of joint custody is not enough": (
        asked(DAYCARE, "sleep", custody=BOTH, consents=[consent(MOTHER, "sleep")]), "refused", (),
    ),
    "both holders of joint custody are enough": (
        asked(DAYCARE, "sleep", custody=BOTH,
            consents=[consent(MOTHER, "sleep"), consent(FATHER, "sleep")]), "consent", ("sleep",),
    ),
    "a holder of sole custody is enough": (
        asked(DAYCARE, "sleep", custody=frozenset({FATHER}), consents=[consent(FATHER, "sleep")]), "consent", ("sleep",),
    ),
    "a mother without custody releases nothing about the child": (
        asked(DAYCARE, "sleep", custody=frozenset({FATHER}), consents=[consent(MOTHER, "sleep")]), "refused", (),
    ),
    "while custody is not registered the mother alone is enough": (
        asked(DAYCARE, "sleep", consents=[consent(MOTHER, "sleep")]), "consent", ("sleep",),
    ),
    "while custody is not registered the other parent is not enough": (
        asked(DAYCARE, "sleep", consents=[consent(FATHER, "sleep")]), "refused", (),
    ),
    "a consent covers the categories it names and no others": (
        asked(DAYCARE, "sleep", "language", consents=[consent(MOTHER, "sleep")]), "consent", ("sleep",),
    ),
    "a consent to social services is none to daycare": (
        asked(DAYCARE, "sleep", consents=[consent(MOTHER, "sleep", kind="social")]), "refused", (),
    ),
    "a consent for another purpose is none": (
        asked(DAYCARE, "sleep", consents=[consent(MOTHER, "sleep", purpose="care")]), "refused", (),
    ),
    "a consent that has run out is none": (
        replace(asked(DAYCARE, "sleep", consents=[consent(MOTHER, "sleep")]), on=date(2028, 1, 1)), "refused", (),
    ),
    "a consent still to begin is none": (
        replace(asked(DAYCARE, "sleep", consents=[consent(MOTHER, "sleep")]), on=date(2026, 12, 31)), "refused", (),
    ),
    "a consent holds on its last day": (
        replace(asked(DAYCARE, "sleep", consents=[consent(MOTHER, "sleep")]), on=date(2027, 12, 31)), "consent", ("sleep",),
    ),
    "a private institution gets what the parents release": (
        asked(PRIVATE, "sleep", custody=frozenset({MOTHER}), consents=[consent(MOTHER, "sleep")]), "consent", ("sleep",),
    ),
    "the mother's own is hers: the parents' consent about the child does not release it": (
        asked(DAYCARE, "mother-mood", custody=BOTH,
            consents=[consent(MOTHER, "mother-mood"), consent(FATHER, "mother-mood")]), "refused", (),
    ),
    "the mother releases her own alone, whoever holds custody": (
        asked(DAYCARE, "mother-mood", custody=frozenset({FATHER}), consents=[consent(MOTHER, "mother-mood", about="mother")]),
        "consent", ("mother-mood",),
    ),
    "health to health for treatment needs no consent": (
        asked(HEALTH, "weight", "mother-mood", purpose="treatment"), "sundhedsloven-41", ("weight", "mother-mood"),
    ),
    "health to health for anything else needs consent": (asked(HEALTH, "weight", purpose="supervision"), "refused", ()),
    "daycare is no health recipient, whatever the purpose is called": (
        asked(DAYCARE, "weight", purpose="treatment"), "refused", (),
    ),
    "clear public or vital interest, invoked by the professional, needs no consent": (
        asked(SOCIAL, "weight", "mother-mood", invoked="sundhedsloven-43-2"), "sundhedsloven-43-2", ("weight", "mother-mood"),
    ),
    "public interest does not open a private institution": (
        asked(PRIVATE, "weight", invoked="sundhedsloven-43-2"), "refused", (),
    ),
    "exchange between social, school, sundhedspleje and dagtilbud needs no consent for what is about the child": (
        asked(DAYCARE, "weight", "mother-mood", purpose="early-effort", invoked="ssd-exchange"), "ssd-exchange", ("weight",),
    ),
    "the exchange is a right to be invoked, never a default": (asked(DAYCARE, "weight", purpose="early-effort"), "refused", ()),
    "the exchange stays inside the municipality": (asked(SOCIAL_ELSEWHERE, "weight", invoked="ssd-exchange"), "refused", ()),
    "the exchange leaves private institutions out": (asked(PRIVATE, "weight", invoked="ssd-exchange"), "refused", ()),
    "an underretning never needs consent": (
        asked(SOCIAL, "weight", "mother-mood", invoked="underretning"), "underretning", ("weight", "mother-mood"),
    ),
    "an underretning goes to the social services only": (asked(DAYCARE, "weight", invoked="underretning"), "refused", ()),
    "a withdrawn consent is none": (
        asked(DAYCARE, "sleep", consents=[replace(consent(MOTHER, "sleep"), withdrawn=True)]), "refused", (),
    ),
    "a consent of a former holder of custody is none": (
        asked(DAYCARE, "sleep", custody=frozenset({FATHER}), consents=[consent(MOTHER, "sleep"), consent(STRANGER, "sleep")]),
        "refused", (),
    ),
    "a second holder registered later must consent as well": (
        asked(DAYCARE, "practical", "sleep", custody=BOTH, consents=[consent(MOTHER, "sleep")]),
        "dagtilbudsloven-3a", ("practical",),
    ),
    "where no mother is known and custody is not registered nobody can consent": (
        replace(asked(DAYCARE, "sleep", consents=[consent(MOTHER, "sleep")]), mother=None), "refused", (),
    ),
    "another area of the municipality gets nothing for cooperation without consent": (
        asked(SOCIAL, "weight", purpose="cooperation", custody=BOTH), "refused", (),
    ),
    "talking a family over with another profession needs consent": (
        asked(Recipient("school"), "weight", purpose="cooperation", custody=BOTH), "refused", (),
    ),
    "a parent without custody has no right to be informed by this way": (
        asked(Recipient("other"), "weight", purpose="parent-asks", custody=frozenset({MOTHER})), "refused", (),
    ),
    "health in another municipality for treatment is health to health too": (
        asked(Recipient("health", same_municipality=False), "weight", purpose="treatment"), "sundhedsloven-41", ("weight",),
    ),
    "a move gives the social services there nothing by itself": (
        asked(SOCIAL_ELSEWHERE, "weight", purpose="moved"), "refused", (),
    ),
    "an underretning goes to the social services of wherever the child is": (
        asked(SOCIAL_ELSEWHERE, "weight", invoked="underretning"), "underretning", ("weight",),
    ),
    "a private child minder is told of the start itself by the parents only": (
        asked(PRIVATE, "start", custody=BOTH), "refused", (),
    ),
    "a private child minder is told of the start by consent of each holder": (
        asked(PRIVATE, "start", custody=BOTH, consents=[consent(MOTHER, "start"), consent(FATHER, "start")]),
        "consent", ("start",),
    ),
    "a protected address is not given to a private party whatever the parents release": (
        replace(asked(PRIVATE, "address", "sleep", custody=frozenset({MOTHER}), consents=[consent(MOTHER, "address", "sleep")]),
            protected=True), "consent", ("sleep",),
    ),
    "an authority gets a protected address by consent": (
        replace(asked(DAYCARE, "address", consents=[consent(MOTHER, "address")]), protected=True), "consent", ("address",),
    ),
    "consent is the basis where it is given, also when a law is invoked": (
        asked(DAYCARE, "sleep", consents=[consent(MOTHER, "sleep")], invoked="ssd-exchange"), "consent", ("sleep",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_disclosure(case: str) -> None:
    facts, basis, allowed = CASES[case]

    decision = may_disclose(facts)

    assert (decision.basis, decision.allowed) == (basis, allowed)
    assert set(decision.withheld) == set(facts.categories) - set(allowed)


def test_each_category_has_its_own_basis() -> None:
    facts = asked(DAYCARE, "practical", "sleep", "language", "mother-mood", consents=[consent(MOTHER, "sleep")])

    decision = may_disclose(facts)

    assert dict(decision.bases) == {
        "practical": "dagtilbudsloven-3a",
        "sleep": "consent",
        "language": "refused",
        "mother-mood": "refused",
    }
    assert "mother needs her own consent" in decision.say


@pytest.mark.parametrize(
    ("custody", "consents", "mother", "stands", "lacking"),
    [
        (BOTH, [consent(MOTHER, "sleep"), consent(FATHER, "sleep")], MOTHER, "given", set()),
        (BOTH, [consent(MOTHER, "sleep")], MOTHER, "partly", {FATHER}),
        (BOTH, [], MOTHER, "missing", {MOTHER, FATHER}),
        (BOTH, [consent(MOTHER, "sleep"), replace(consent(FATHER, "sleep"), withdrawn=True)], MOTHER, "withdrawn", {FATHER}),
        (BOTH, [replace(consent(STRANGER, "sleep"), withdrawn=True)], MOTHER, "missing", {MOTHER, FATHER}),
        (None, [], MOTHER, "missing", {MOTHER}),
        (None, [], None, "not-yet-possible", set()),
    ],
)
def test_how_consent_stands_and_whose_is_missing(
    custody: frozenset[UUID] | None, consents: list[Consent], mother: UUID | None, stands: str, lacking: set[UUID]
) -> None:
    decision = may_disclose(replace(asked(DAYCARE, "sleep", custody=custody, consents=consents), mother=mother))

    assert (dict(decision.consents), decision.awaited) == ({"sleep": stands}, frozenset(lacking))


def test_one_consent_is_given_ahead_ended_or_withdrawn() -> None:
    one = consent(MOTHER, "sleep")

    assert [state_of(one, day) for day in (TODAY, date(2026, 12, 31), date(2028, 1, 1))] == ["given", "ahead", "ended"]
    assert state_of(replace(one, withdrawn=True), TODAY) == "withdrawn"


@pytest.mark.parametrize(
    ("given", "custody", "registered", "refusal"),
    [
        (consent(STRANGER, "sleep"), BOTH, True, OnlyAHolderOfCustodyMayConsent),
        (consent(MOTHER, "sleep"), frozenset({FATHER}), True, OnlyAHolderOfCustodyMayConsent),
        (consent(FATHER, "sleep"), frozenset(), False, CustodyIsNotRegisteredYet),
        (consent(FATHER, "mother-mood", about="mother"), BOTH, True, OnlyTheMotherMayConsentForHerself),
        (consent(MOTHER, "mother-mood"), BOTH, True, AConsentNamesWhatItCovers),
        (consent(MOTHER, "sleep", about="mother"), BOTH, True, AConsentNamesWhatItCovers),
        (replace(consent(MOTHER, "sleep"), until_on=date(2026, 1, 1)), BOTH, True, AConsentEndsAfterItBegins),
    ],
)
def test_a_consent_is_given_by_whom_it_is_for_to_give(
    given: Consent, custody: frozenset[UUID], registered: bool, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        check_consent(given, MOTHER, custody, registered)


def test_the_mother_may_consent_for_the_child_while_custody_is_not_registered() -> None:
    check_consent(consent(MOTHER, "sleep"), MOTHER, frozenset(), custody_registered=False)


@pytest.mark.parametrize(
    ("born", "registered", "told"),
    [(False, True, (MOTHER,)), (False, False, (MOTHER,)), (True, False, (MOTHER,)), (True, True, (FATHER,))],
)
def test_before_birth_and_until_custody_is_registered_only_the_mother_is_told(
    born: bool, registered: bool, told: tuple[UUID, ...]
) -> None:
    assert to_be_told(born, MOTHER, {FATHER}, registered) == told
