"""The pure rules of who stands how to a child, and of overleveringer."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.chassis.errors import NotFound
from services.sundhedspleje import domain
from services.sundhedspleje.domain import Asker, Case, Disclosure, Unit

TODAY = date(2027, 3, 1)
CHILD = UUID("00000000-0000-7000-8000-000000000001")
EXPECTED = Case(CHILD, "0101", None, "expected", 1, None, TODAY + timedelta(days=100), None)
BORN = replace(EXPECTED, status="born", born_on=TODAY)


def test_relations_are_the_holder_the_deputy_the_holder_s_leader_and_the_supporter() -> None:
    person, unit = uuid4(), uuid4()
    case = replace(BORN, holder=person, holder_unit=unit)

    assert domain.relations(case, Asker(person), deputises=False, supports=False) == {"holder"}
    assert domain.relations(case, Asker(uuid4()), deputises=True, supports=True) == {"deputy", "supporter"}
    assert domain.relations(case, Asker(uuid4(), leads=frozenset({unit})), deputises=False, supports=False) == {"leader"}
    assert domain.relations(case, Asker(None, is_service=True), deputises=False, supports=False) == {"service"}


def test_the_health_visitor_goes_on_when_the_baton_has_passed_to_an_institution() -> None:
    nurse, pedagogue = uuid4(), uuid4()
    case = replace(BORN, holder=pedagogue, holder_unit=uuid4(), visitor=nurse, visitor_unit=uuid4())

    assert domain.relations(case, Asker(nurse), deputises=False, supports=False) == {"health-visitor"}
    assert domain.relations(case, Asker(pedagogue), deputises=False, supports=False) == {"holder"}
    assert domain.relations(case, Asker(uuid4()), deputises=False, supports=False, visits_instead=True) == {"health-visitor"}
    assert domain.relations(replace(case, closed=True), Asker(nurse), deputises=False, supports=False) == frozenset()
    assert case.responsible is not None
    assert case.responsible.professional == nurse


def test_nobody_is_related_to_a_child_without_a_holder_by_being_nobody() -> None:
    assert domain.relations(BORN, Asker(None), deputises=False, supports=False) == frozenset()


@pytest.mark.parametrize("standing", [{"holder"}, {"deputy"}, {"supporter", "deputy"}, {"health-visitor"}])
def test_the_tovholder_and_the_deputy_in_absence_may_hand_information_over(standing: set[str]) -> None:
    domain.may_hand_over(standing)


@pytest.mark.parametrize("standing", [{"leader"}, {"supporter"}, {"service"}])
def test_others_may_not_hand_information_over(standing: set[str]) -> None:
    with pytest.raises(domain.OnlyTheTovholderMayHandOverInformation):
        domain.may_hand_over(standing)


def test_who_has_no_relation_to_the_child_learns_nothing() -> None:
    with pytest.raises(NotFound):
        domain.may_hand_over(set())


@pytest.mark.parametrize(
    ("unit_kind", "kind", "purpose"),
    [
        ("institution", "daycare", "transition"),
        ("dagpleje", "daycare", "transition"),
        ("sundhedspleje", "health", "treatment"),
        ("social", "social", "cooperation"),
        ("placement", "other", "cooperation"),
    ],
)
def test_the_kind_of_unit_says_for_whom_and_what_for_consent_or_law_must_hold(unit_kind: str, kind: str, purpose: str) -> None:
    found = domain.recipient(Unit(uuid4(), unit_kind, active=True), receiver_works_there=True)

    assert (found.kind, found.purpose) == (kind, purpose)


def test_the_giver_may_name_another_purpose_as_the_consent_does() -> None:
    unit = Unit(uuid4(), "institution", active=True)

    assert domain.recipient(unit, receiver_works_there=True, purpose="special-support").purpose == "special-support"


@pytest.mark.parametrize("unit", [None, Unit(uuid4(), "institution", active=False)])
def test_a_unit_that_is_closed_or_not_of_the_municipality_receives_nothing(unit: Unit | None) -> None:
    with pytest.raises(domain.TheReceivingUnitIsNotOfThisMunicipality):
        domain.recipient(unit, receiver_works_there=True)


def test_a_named_receiver_works_in_the_receiving_unit() -> None:
    with pytest.raises(domain.TheReceiverDoesNotWorkInThatUnit):
        domain.recipient(Unit(uuid4(), "institution", active=True), receiver_works_there=False)


CONSENT = Disclosure("consent", {"health": "consent", "sleep": "dagtilbudsloven-3a", "economy": "refused"})


def test_only_what_is_allowed_passes_and_the_rest_is_named() -> None:
    composed = domain.compose(["health", "economy"], {"health": "well", "economy": "worries"}, CONSENT)

    assert composed.parts == {"health": "well"}
    assert (composed.basis, composed.bases, composed.withheld) == ("consent", {"health": "consent"}, ("economy",))


def test_what_was_not_asked_for_does_not_pass_though_it_would_be_allowed() -> None:
    assert domain.compose(["health"], {"health": "well"}, CONSENT).categories == ["health"]


def test_one_text_for_all_passes_only_if_all_may() -> None:
    assert domain.compose(["health", "sleep"], "well, sleeps", CONSENT).parts == {"all": "well, sleeps"}

    with pytest.raises(domain.OneTextCannotBeDivided) as refused:
        domain.compose(["health", "economy"], "well, worries", CONSENT)
    assert refused.value.more == {"allowed": ["health"], "withheld": ["economy"]}


@pytest.mark.parametrize("text", ["worries", {"economy": "worries"}])
def test_nothing_allowed_is_recorded_as_a_refusal_and_passes_nothing(text: str | dict[str, str]) -> None:
    composed = domain.compose(["economy"], text, CONSENT)

    assert (composed.basis, composed.parts, composed.withheld) == ("refused", {}, ("economy",))


@pytest.mark.parametrize(
    ("bases", "told"),
    [
        ({"development": "consent", "mother-health": "consent"}, []),
        ({"development": "sundhedsloven-43-2"}, ["child"]),
        ({"development": "consent", "mother-health": "sundhedsloven-43-2"}, ["mother"]),
        ({"development": "sundhedsloven-43-2", "mother-health": "sundhedsloven-43-2"}, ["child", "mother"]),
        ({"development": "refused", "mother-health": "underretning"}, []),
    ],
)
def test_who_is_told_afterwards_is_whom_something_was_given_of_without_consent(bases: dict[str, Any], told: list[str]) -> None:
    disclosure = domain.Disclosure("consent", bases)

    assert domain.compose(list(bases), dict.fromkeys(bases, "words"), disclosure).to_be_told == told
