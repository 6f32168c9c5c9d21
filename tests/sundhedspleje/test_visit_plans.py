"""Which visit is due when, and what a change of the facts, of the plan or of the family does to those that stand."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sundhedspleje.domain import Case
from services.sundhedspleje.domain.visits import (
    NOTHING_KNOWN,
    Contact,
    Family,
    Replanning,
    Visit,
    VisitPlan,
    VisitPlans,
    VisitState,
    months_after,
    replan,
    visits_due,
)
from services.sundhedspleje.repository.plans import visit_plans

TODAY = date(2027, 3, 1)
CHILD = UUID("00000000-0000-7000-8000-000000000001")
PLANS = visit_plans("0101")
PLAN = PLANS.plans[0]
EXPECTED = Case(CHILD, "0101", None, "expected", 1, None, TODAY + timedelta(days=100), None)
BORN = replace(EXPECTED, status="born", born_on=TODAY)

EIGHTEEN_MONTHS = Contact(
    kind="eighteen-months-visit", fboe="Behovskontakt med småbørnssundhedsplejen", counts_from="birth", from_months=17,
    until_months=19, for_criteria=["serious-loss", "burdened-childhood"], need_visits_at_least=2,
)  # fmt: skip
FOR_SOME = VisitPlan(from_on=date(2020, 1, 1), contacts=[*PLAN.contacts, EIGHTEEN_MONTHS])


def kinds(visits: Sequence[Visit]) -> list[str]:
    return [visit.kind for visit in visits]


def test_an_expected_child_has_one_pregnancy_visit_in_its_weeks_before_the_due_date() -> None:
    (visit,) = visits_due(PLAN, EXPECTED, TODAY)

    assert visit.kind == "pregnancy-visit"
    assert (visit.from_on, visit.until_on) == (TODAY + timedelta(days=9), TODAY + timedelta(days=58))


def test_one_pregnancy_has_one_pregnancy_visit_however_many_children() -> None:
    assert visits_due(PLAN, replace(EXPECTED, order=2, sibling_of=uuid4()), TODAY) == ()


def test_without_a_due_date_the_pregnancy_visit_is_planned_from_today() -> None:
    (visit,) = visits_due(PLAN, replace(EXPECTED, due_on=None), TODAY)

    assert (visit.from_on, visit.until_on) == (TODAY, TODAY + timedelta(days=49))


def test_a_born_child_has_the_six_standard_contacts_in_order() -> None:
    visits = visits_due(PLAN, BORN, TODAY)

    assert kinds(visits) == [
        "maternity-visit", "establishment-visit", "first-month-visit", "two-months-visit", "four-to-six-months-visit",
        "eight-to-eleven-months-visit",
    ]  # fmt: skip
    assert [visit.from_on for visit in visits] == sorted(visit.from_on for visit in visits)
    assert (visits[-1].from_on, visits[-1].until_on) == (date(2027, 11, 1), date(2028, 2, 1))


@pytest.mark.parametrize(
    ("born", "months", "day"),
    [
        (date(2027, 10, 31), 4, date(2028, 2, 29)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2027, 12, 1), 1, date(2028, 1, 1)),
    ],
)
def test_a_month_of_age_is_the_same_day_or_the_month_s_last(born: date, months: int, day: date) -> None:
    assert months_after(born, months) == day


def test_news_that_comes_late_still_gives_the_first_visit_at_once() -> None:
    visits = visits_due(PLAN, BORN, TODAY + timedelta(days=8))

    assert (visits[0].kind, visits[0].from_on) == ("maternity-visit", TODAY + timedelta(days=8))


def test_a_child_who_comes_at_nine_months_is_not_given_the_visits_of_the_first_weeks() -> None:
    assert kinds(visits_due(PLAN, BORN, TODAY + timedelta(days=270))) == ["eight-to-eleven-months-visit"]


@pytest.mark.parametrize("over", [{"closed": True}, {"life_ended": True}, {"status": "closed"}])
def test_of_a_closed_case_a_dead_child_or_an_ended_pregnancy_nothing_is_due_and_what_stood_falls_away(
    over: dict[str, object],
) -> None:
    case = replace(BORN, **over)  # type: ignore[arg-type]
    granted = Visit(uuid4(), "need-visit", TODAY, TODAY, by_hand=True, reason="feeding")
    standing = [*visits_due(PLAN, BORN, TODAY), granted, replace(granted, id=uuid4(), state="held")]

    change = replan(PLAN, case, standing, TODAY)

    assert visits_due(PLAN, case, TODAY) == ()
    expected = 6 if over == {"status": "closed"} else 7
    assert (change.moved, change.added, len(change.lapsed)) == ((), (), expected)


def test_a_corrected_date_of_birth_moves_the_planned_visits() -> None:
    standing = visits_due(PLAN, BORN, TODAY)

    change = replan(PLAN, replace(BORN, born_on=TODAY + timedelta(days=2)), standing, TODAY)

    assert {visit.from_on - before.from_on for visit, before in zip(change.moved, standing, strict=True)} == {timedelta(days=2)}
    assert (change.added, change.lapsed) == ((), ())


def test_birth_lapses_what_was_to_come_before_it_but_not_what_was_granted_by_need() -> None:
    granted = Visit(uuid4(), "need-visit", TODAY, TODAY, by_hand=True, reason="feeding")

    change = replan(PLAN, BORN, [*visits_due(PLAN, EXPECTED, TODAY), granted], TODAY)

    assert [(visit.kind, visit.state) for visit in change.lapsed] == [("pregnancy-visit", "lapsed")]
    assert len(change.added) == 6


@pytest.mark.parametrize("state", ["held", "missed", "declined"])
def test_what_people_have_settled_no_rule_moves_or_takes_back(state: VisitState) -> None:
    settled = [replace(visit, state=state) for visit in visits_due(PLAN, BORN, TODAY)]

    change = replan(PLAN, replace(BORN, born_on=TODAY + timedelta(days=2)), settled, TODAY)

    assert change == Replanning()


def test_the_window_that_the_family_wished_for_stands_through_corrections() -> None:
    wished = [replace(visits_due(PLAN, BORN, TODAY)[0], from_on=TODAY, until_on=TODAY, by_hand=True)]

    change = replan(PLAN, replace(BORN, born_on=TODAY - timedelta(days=1)), wished, TODAY)

    assert change.moved == ()
    assert len(change.added) == 5


@pytest.mark.parametrize(
    ("family", "because"),
    [
        (NOTHING_KNOWN, None),
        (Family(frozenset({"substance-use"}), need_visits=1), None),
        (Family(frozenset({"serious-loss"})), ("serious-loss",)),
        (Family(frozenset(), need_visits=2), ("need-visits",)),
        (Family(frozenset({"burdened-childhood"}), need_visits=3), ("burdened-childhood", "need-visits")),
    ],
)
def test_a_visit_by_criteria_is_for_families_that_meet_one_and_says_which(
    family: Family, because: tuple[str, ...] | None
) -> None:
    due = {visit.kind: visit.because for visit in visits_due(FOR_SOME, BORN, TODAY, family)}

    assert due.get("eighteen-months-visit") == because
    assert len(due) == (6 if because is None else 7)


def test_a_criterion_that_no_longer_holds_takes_only_the_visits_planned_for_it() -> None:
    family = Family(frozenset({"serious-loss"}))
    standing = visits_due(FOR_SOME, BORN, TODAY, family)

    change = replan(FOR_SOME, BORN, standing, TODAY, NOTHING_KNOWN)

    assert kinds(change.lapsed) == ["eighteen-months-visit"]
    again = [*standing[:-1], *change.lapsed]
    assert [visit.state for visit in replan(FOR_SOME, BORN, again, TODAY, family).moved] == ["planned"]


def plan(from_on: date, applies_to: str, kind: str) -> VisitPlan:
    contact = {"kind": kind, "fboe": "Barselsbesøg", "counts_from": "birth", "from_days": 0, "until_days": 9}
    return VisitPlan.model_validate({"from_on": from_on, "applies_to": applies_to, "contacts": [contact]})


def test_a_plan_holds_from_its_date_on_for_those_it_is_for() -> None:
    first, for_new, for_all = date(2020, 1, 1), TODAY, TODAY + timedelta(days=30)
    plans = VisitPlans(
        decline_reasons=["other"], need_visit_reasons=["other"],
        plans=[plan(first, "new-children", "a"), plan(for_new, "new-children", "b"), plan(for_all, "all-children", "c")],
    )  # fmt: skip
    before, since = replace(BORN, born_on=TODAY - timedelta(days=1)), BORN

    def kind(case: Case, on: date) -> str:
        return plans.plan_for(case, on).contacts[0].kind

    assert [kind(case, TODAY) for case in (before, since)] == ["a", "b"]
    assert [kind(case, for_all) for case in (before, since)] == ["c", "c"]
    assert kind(replace(BORN, born_on=date(2015, 1, 1)), date(2015, 2, 1)) == "a"
    assert (plans.for_all_since(TODAY), plans.for_all_since(for_all)) == (None, for_all)


@given(
    born=st.integers(-900, 30),
    corrected=st.integers(-900, 30),
    criteria=st.sets(st.sampled_from(["serious-loss", "burdened-childhood"])),
    granted=st.integers(0, 3),
)
def test_planning_again_on_the_same_facts_changes_nothing(born: int, corrected: int, criteria: set[str], granted: int) -> None:
    before = replace(BORN, born_on=TODAY + timedelta(days=born))
    after = replace(BORN, born_on=TODAY + timedelta(days=corrected))
    family = Family(frozenset(criteria), granted)
    standing = {visit.id: visit for visit in visits_due(FOR_SOME, before, TODAY, NOTHING_KNOWN)}

    standing |= {visit.id: visit for visit in replan(FOR_SOME, after, list(standing.values()), TODAY, family).all}

    assert replan(FOR_SOME, after, list(standing.values()), TODAY, family) == Replanning()
    assert all(visit.from_on <= visit.until_on for visit in standing.values())
