"""The pure rules of visits and overleveringer."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import NotFound
from services.sundhedspleje import domain
from services.sundhedspleje.domain import Asker, Case, Disclosure, Unit, Visit
from services.sundhedspleje.repository import plan_in, plan_of

TODAY = date(2027, 3, 1)
CHILD = UUID("00000000-0000-7000-8000-000000000001")
PLAN = plan_of("0101")
EXPECTED = Case(CHILD, "0101", None, "expected", 1, None, TODAY + timedelta(days=100), None)
BORN = replace(EXPECTED, status="born", born_on=TODAY)


def kinds(visits: tuple[Visit, ...]) -> list[str]:
    return [visit.kind for visit in visits]


def test_an_expected_child_has_one_pregnancy_visit_in_its_window_before_the_due_date() -> None:
    (visit,) = domain.visits_due(PLAN, EXPECTED, TODAY)

    assert visit.kind == "pregnancy-visit"
    assert (visit.from_on, visit.until_on) == (TODAY + timedelta(days=9), TODAY + timedelta(days=58))


def test_one_pregnancy_has_one_pregnancy_visit_however_many_children() -> None:
    twin = replace(EXPECTED, order=2, sibling_of=uuid4())

    assert domain.visits_due(PLAN, twin, TODAY) == ()


def test_without_a_due_date_the_pregnancy_visit_is_planned_from_today() -> None:
    (visit,) = domain.visits_due(PLAN, replace(EXPECTED, due_on=None), TODAY)

    assert visit.from_on == TODAY < visit.until_on


def test_a_born_child_has_the_six_standard_contacts_in_order() -> None:
    visits = domain.visits_due(PLAN, BORN, TODAY)

    assert kinds(visits) == [
        "maternity-visit",
        "establishment-visit",
        "first-month-visit",
        "two-months-visit",
        "four-to-six-months-visit",
        "eight-to-eleven-months-visit",
    ]
    assert [visit.from_on for visit in visits] == sorted(visit.from_on for visit in visits)


def test_news_that_comes_late_still_gives_the_first_visit_at_once() -> None:
    visits = domain.visits_due(PLAN, BORN, TODAY + timedelta(days=8))

    assert visits[0].kind == "maternity-visit"
    assert visits[0].from_on == TODAY + timedelta(days=8)


def test_a_child_who_comes_at_nine_months_is_not_given_the_visits_of_the_first_weeks() -> None:
    visits = domain.visits_due(PLAN, BORN, TODAY + timedelta(days=270))

    assert kinds(visits) == ["eight-to-eleven-months-visit"]


def test_nothing_is_planned_for_a_closed_case() -> None:
    assert domain.visits_due(PLAN, replace(BORN, status="closed"), TODAY) == ()


def test_a_corrected_date_of_birth_moves_the_planned_visits_by_as_much() -> None:
    standing = domain.visits_due(PLAN, BORN, TODAY)

    change = domain.replan(PLAN, replace(BORN, born_on=TODAY + timedelta(days=2)), standing, TODAY)

    assert [visit.from_on - before.from_on for visit, before in zip(change.moved, standing, strict=True)] == [
        timedelta(days=2)
    ] * 6
    assert change.added == ()


def test_birth_lapses_what_was_to_come_before_it() -> None:
    standing = domain.visits_due(PLAN, EXPECTED, TODAY)

    (lapsed,) = domain.lapsed_by_birth(PLAN, standing)

    assert (lapsed.kind, lapsed.state) == ("pregnancy-visit", "lapsed")
    assert domain.lapsed_by_birth(PLAN, [lapsed]) == ()


@given(born=st.integers(-400, 30), corrected=st.integers(-400, 30))
def test_planning_again_on_the_same_facts_changes_nothing(born: int, corrected: int) -> None:
    case = replace(BORN, born_on=TODAY + timedelta(days=born))
    after = replace(BORN, born_on=TODAY + timedelta(days=corrected))
    standing = {visit.id: visit for visit in domain.visits_due(PLAN, case, TODAY)}
    change = domain.replan(PLAN, after, list(standing.values()), TODAY)

    standing |= {visit.id: visit for visit in (*change.moved, *change.added)}

    assert domain.replan(PLAN, after, list(standing.values()), TODAY) == domain.Replanning((), ())
    assert all(visit.from_on <= visit.until_on for visit in standing.values())


def test_a_municipality_with_a_plan_of_its_own_follows_it(tmp_path: Path) -> None:
    (tmp_path / "0101.yaml").write_text("contacts: [{kind: home, fboe: Hjem, counts_from: birth, from_days: 1, until_days: 2}]")
    (tmp_path / "standard.yaml").write_text(
        "contacts: [{kind: else, fboe: Andet, counts_from: birth, from_days: 1, until_days: 2}]"
    )

    assert [plan_in(tmp_path, code).contacts[0].kind for code in ("0101", "0202")] == ["home", "else"]


@pytest.mark.parametrize(
    "text",
    [
        "contacts: [{kind: home, fboe: Hjem, counts_from: birth, from_days: 3, until_days: 2}]",
        "contacts: [{kind: home, fboe: Hjem, counts_from: easter, from_days: 1, until_days: 2}]",
        "contacts: []",
        "contacts: [",
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_by_the_name_of_its_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "standard.yaml").write_text(text)

    with pytest.raises(ValueError, match=r"standard\.yaml"):
        plan_in(tmp_path, "0101")


def test_relations_are_the_holder_the_deputy_the_holder_s_leader_and_the_supporter() -> None:
    person, unit = uuid4(), uuid4()
    case = replace(BORN, holder=person, holder_unit=unit)

    assert domain.relations(case, Asker(person), deputises=False, supports=False) == {"holder"}
    assert domain.relations(case, Asker(uuid4()), deputises=True, supports=True) == {"deputy", "supporter"}
    assert domain.relations(case, Asker(uuid4(), leads=frozenset({unit})), deputises=False, supports=False) == {"leader"}
    assert domain.relations(case, Asker(None, is_service=True), deputises=False, supports=False) == {"service"}


def test_nobody_is_related_to_a_child_without_a_holder_by_being_nobody() -> None:
    assert domain.relations(BORN, Asker(None), deputises=False, supports=False) == frozenset()


@pytest.mark.parametrize("standing", [{"holder"}, {"deputy"}, {"supporter", "deputy"}])
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
