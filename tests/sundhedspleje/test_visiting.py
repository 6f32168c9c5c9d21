"""What people do with a visit, screen and notify: the pure rules and what they refuse."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.chassis.errors import NotFound
from services.events.envelope import Seat
from services.sundhedspleje.domain import Case, TheReferenceIsMerged, screenings, underretning, visiting
from services.sundhedspleje.domain.screenings import Threshold
from services.sundhedspleje.domain.underretning import Underretning
from services.sundhedspleje.domain.visits import Participant, Visit, VisitState
from services.sundhedspleje.repository import plans

TODAY = date(2027, 3, 1)
BY, CHILD, MOTHER = uuid4(), uuid4(), uuid4()
PLANS, SCREENINGS = plans.visit_plans("0101"), plans.screenings("0101")
PLANNED = Visit(uuid4(), "maternity-visit", TODAY, TODAY + timedelta(days=2))
CASE = Case(CHILD, "0101", MOTHER, "born", 1, None, None, TODAY)
COLLEAGUE = Participant(Seat(professional=uuid4(), unit=uuid4()), "social")


def hold(visit: Visit, on: date = TODAY, *participants: Participant) -> Visit:
    return visiting.hold(visit, on, "home", participants, BY, TODAY - timedelta(days=30), TODAY)


def done(act: str, visit: Visit) -> Visit:
    acts: dict[str, Any] = {
        "hold": lambda: hold(visit),
        "miss": lambda: visiting.miss(visit, BY),
        "decline": lambda: visiting.decline(visit, "does-not-wish", BY, PLANS),
        "agree": lambda: visiting.agree(visit, TODAY, TODAY, TODAY),
    }
    after: Visit = acts[act]()
    return after


@pytest.mark.parametrize("act", ["hold", "miss", "decline", "agree"])
@pytest.mark.parametrize("state", ["planned", "held", "missed", "declined", "lapsed"])
def test_a_visit_becomes_what_the_table_says_and_nothing_else(act: str, state: VisitState) -> None:
    visit = replace(PLANNED, state=state)
    allowed = visiting.TRANSITIONS[act].get(state)

    if allowed is None:
        with pytest.raises(visiting.TheVisitIsSettled):
            done(act, visit)
    else:
        assert done(act, visit).state == allowed


@pytest.mark.parametrize("days", [-31, 1])
def test_a_visit_is_held_on_a_day_that_has_come_since_the_case_was_opened(days: int) -> None:
    with pytest.raises(visiting.AVisitIsHeldOnADayThatHasCome):
        hold(PLANNED, TODAY + timedelta(days=days))


def test_a_joint_visit_is_held_by_more_than_one() -> None:
    joint = replace(PLANNED, joint_with=("social", "institution"))

    with pytest.raises(visiting.AJointVisitIsHeldByMoreThanOne):
        hold(joint)
    assert hold(joint, TODAY, COLLEAGUE).state == "held"


def test_nobody_is_brought_along_without_the_family_s_yes_or_a_place_in_a_unit() -> None:
    assert visiting.brought_along([COLLEAGUE], family_agrees=True) == (COLLEAGUE,)
    assert visiting.brought_along([], family_agrees=False) == ()
    with pytest.raises(visiting.TheFamilyAgreesToAJointVisit):
        visiting.brought_along([COLLEAGUE], family_agrees=False)
    with pytest.raises(visiting.AParticipantWorksInAnActiveUnitOfTheMunicipality):
        visiting.brought_along([COLLEAGUE, None], family_agrees=True)


@pytest.mark.parametrize(("first", "last"), [(-5, -1), (3, 2), (0, 4000)])
def test_a_window_lies_ahead_and_before_school(first: int, last: int) -> None:
    days = TODAY + timedelta(days=first), TODAY + timedelta(days=last)

    with pytest.raises(visiting.TheWindowLiesAhead):
        visiting.agree(PLANNED, *days, TODAY)
    with pytest.raises(visiting.TheWindowLiesAhead):
        visiting.grant(uuid4(), "feeding", *days, PLANS, TODAY)


def test_reasons_and_criteria_are_those_of_the_municipality_and_the_refusal_names_them() -> None:
    with pytest.raises(visiting.TheReasonIsNotOneOfTheMunicipality) as refused:
        visiting.decline(PLANNED, "bad-mood", BY, PLANS)
    assert "no-time" in refused.value.more["allowed"]
    with pytest.raises(visiting.TheReasonIsNotOneOfTheMunicipality):
        visiting.grant(uuid4(), "bad-mood", TODAY, TODAY, PLANS, TODAY)
    with pytest.raises(visiting.TheCriterionIsNotOneOfTheMunicipality):
        visiting.may_stand("bad-mood", PLANS)


def test_nothing_is_planned_of_a_case_that_is_merged_closed_or_of_a_child_that_is_no_more() -> None:
    visiting.still_visited(CASE)
    for over, rule in (
        ({"merged_into": uuid4()}, TheReferenceIsMerged),
        ({"life_ended": True}, visiting.TheChildIsNoMore),
        ({"closed": True}, visiting.TheCaseIsClosed),
    ):
        with pytest.raises(rule):
            visiting.still_visited(replace(CASE, **over))


@pytest.mark.parametrize("standing", [{"holder"}, {"leader"}, {"supporter", "participant"}, {"service"}])
def test_only_the_health_visitor_visits_and_screens(standing: set[str]) -> None:
    with pytest.raises(visiting.OnlyTheHealthVisitorPlansAndHoldsVisits):
        visiting.may_visit(standing)
    with pytest.raises(screenings.OnlyTheHealthVisitorScreens):
        screenings.may_screen(standing)
    with pytest.raises(NotFound):
        visiting.may_visit(set())


def measured(instrument: str, whose: Any, score: int | str, *since: Threshold) -> screenings.Result:
    return screenings.measured(SCREENINGS.instrument(instrument), whose, score, TODAY, since, TODAY)


@pytest.mark.parametrize(
    ("instrument", "whose", "score", "reached"),
    [
        ("epds", "mother", 10, False), ("epds", "mother", 11, True), ("epds", "other-parent", 10, True),
        ("adbb", "child", 4, False), ("adbb", "child", 5, True), ("topi", "child", "green", False),
        ("topi", "child", "yellow", True), ("puf", "child", 28, False),
    ],
)  # fmt: skip
def test_at_or_above_the_threshold_of_just_this_parent_or_child_a_follow_up_opens(
    instrument: str, whose: Any, score: int | str, reached: bool
) -> None:
    result = measured(instrument, whose, score)

    assert result.at_or_above is reached
    assert result.follow_up_due == (TODAY + timedelta(days=14) if reached else None)


@pytest.mark.parametrize(("instrument", "score"), [("epds", -1), ("epds", 31), ("topi", "blue"), ("topi", 3), ("epds", "red")])
def test_a_score_outside_the_instrument_s_range_is_refused_with_the_range(instrument: str, score: int | str) -> None:
    whose = "mother" if instrument == "epds" else "child"

    with pytest.raises(screenings.TheScoreIsOutsideTheInstrumentsRange) as refused:
        measured(instrument, whose, score)
    assert set(refused.value.more) == {"lowest", "highest", "results"}


def test_an_instrument_is_for_whom_the_municipality_says() -> None:
    with pytest.raises(screenings.TheInstrumentIsForSomeoneElse):
        measured("epds", "child", 5)
    with pytest.raises(screenings.TheInstrumentIsNotOneOfTheMunicipality):
        measured("gmds", "child", 5)


def test_the_threshold_is_the_one_in_force_on_the_day_of_the_screening() -> None:
    epds = SCREENINGS.instrument("epds")
    stricter = Threshold(whose="mother", from_on=TODAY, score=9)

    def on(day: date) -> int | None:
        return screenings.threshold_on(epds, "mother", day, [stricter])

    assert [on(TODAY - timedelta(days=1)), on(TODAY), on(date(2018, 1, 1))] == [11, 9, None]
    assert measured("epds", "mother", 9, stricter).at_or_above
    assert not measured("epds", "other-parent", 9, stricter).at_or_above


@pytest.mark.parametrize(
    ("days", "set_on", "is_allowed"), [(0, None, True), (-1, None, False), (5, 5, False), (5, 6, False), (7, 6, True)]
)
def test_a_threshold_changes_only_forward_in_time(days: int, set_on: int | None, is_allowed: bool) -> None:
    epds = SCREENINGS.instrument("epds")
    new = Threshold(whose="mother", from_on=TODAY + timedelta(days=days), score=12)
    before = [Threshold(whose="mother", from_on=TODAY + timedelta(days=set_on), score=9)] if set_on else []

    if is_allowed:
        screenings.may_follow(new, before, epds, TODAY)
        return
    with pytest.raises(screenings.AThresholdChangesOnlyForward):
        screenings.may_follow(new, before, epds, TODAY)


def test_a_parent_s_result_is_the_parent_s_own() -> None:
    father = uuid4()

    assert screenings.subject("child", CHILD, MOTHER, None) == CHILD
    assert screenings.subject("mother", CHILD, MOTHER, None) == MOTHER
    assert screenings.subject("other-parent", CHILD, MOTHER, father) == father
    unknown: tuple[tuple[Any, UUID | None, UUID | None], ...] = (
        ("mother", None, None), ("other-parent", MOTHER, None), ("other-parent", MOTHER, MOTHER), ("other-parent", MOTHER, CHILD),
    )  # fmt: skip
    for whose, mother, person in unknown:
        with pytest.raises(screenings.TheParentIsNotKnown):
            screenings.subject(whose, CHILD, mother, person)


def test_a_child_is_screened_between_its_birth_and_today() -> None:
    opened = TODAY - timedelta(days=60)
    screenings.made_on(TODAY, TODAY, opened, TODAY, "child")
    screenings.made_on(TODAY - timedelta(days=20), TODAY, opened, TODAY, "mother")
    for day, whose in (
        (TODAY - timedelta(days=1), "child"),
        (TODAY + timedelta(days=1), "mother"),
        (opened - timedelta(days=1), "mother"),
    ):
        with pytest.raises(screenings.AScreeningIsMadeOnADayThatHasCome):
            screenings.made_on(day, TODAY, opened, TODAY, whose)  # type: ignore[arg-type]


def test_the_systematic_screening_is_done_by_any_instrument_of_each_part_and_waits_for_the_birth() -> None:
    parts = SCREENINGS.need_visit_screening.parts

    assert screenings.parts_done(parts, ["puf", "epds"]) == {"child-well-being"}
    assert screenings.parts_done(parts, ["topi", "parent-child-contact"]) == {"child-well-being", "parent-child-contact"}
    assert screenings.systematic_due(28, TODAY, None, is_expected=False) == TODAY + timedelta(days=28)
    assert screenings.systematic_due(28, TODAY, TODAY + timedelta(days=40), is_expected=True) == TODAY + timedelta(days=68)


AT = datetime(2027, 3, 1, 12, tzinfo=UTC)
GIVEN = Underretning(uuid4(), CHILD, "0101", BY, uuid4(), uuid4(), AT, AT + timedelta(hours=24), AT + timedelta(days=8))


def test_an_underretning_has_two_clocks_and_each_is_said_once() -> None:
    assert underretning.run_out(GIVEN, AT + timedelta(hours=23)) == ()
    assert underretning.run_out(GIVEN, GIVEN.assess_by) == ("assessment",)
    assert underretning.run_out(replace(GIVEN, said=("assessment",)), GIVEN.receipt_by) == ("receipt",)
    looked_at = underretning.assess(GIVEN, {"assessor"}, "not-acute", AT)
    assert underretning.run_out(underretning.acknowledge(looked_at, {"notifier"}, AT), GIVEN.receipt_by) == ()


def test_the_receiving_unit_assesses_and_each_answer_is_given_once() -> None:
    with pytest.raises(underretning.OnlyWhoReceivesUnderretningerAssessesThem):
        underretning.assess(GIVEN, {"notifier", "health-visitor"}, "acute", AT)
    with pytest.raises(underretning.OnlyWhomItConcernsKnowsOfTheReceipt):
        underretning.acknowledge(GIVEN, {"health-visitor"}, AT)
    with pytest.raises(underretning.ItIsAlreadyAssessed):
        underretning.assess(replace(GIVEN, assessed_at=AT), {"assessor"}, "acute", AT)
    with pytest.raises(underretning.TheReceiptIsAlreadyRecorded):
        underretning.acknowledge(replace(GIVEN, receipt_at=AT), {"assessor"}, AT)


@pytest.mark.parametrize(("kind", "active"), [(None, True), ("institution", True), ("social", False)])
def test_an_underretning_goes_to_an_active_social_unit(kind: str | None, active: bool) -> None:
    with pytest.raises(underretning.AnUnderretningGoesToASocialUnitOfTheMunicipality):
        underretning.received_by(kind, active)


def test_whoever_works_with_the_child_may_notify_and_a_stranger_learns_nothing() -> None:
    for relation in ("holder", "supporter", "leader", "health-visitor"):
        underretning.may_notify({relation})
    for nobody in (set[str](), {"service"}):
        with pytest.raises(NotFound):
            underretning.may_notify(nobody)
