"""The pure rules of a transition, as tables: what is missing, who decides, when people are told; and when agreements are due."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.daycare.domain import OnlyAnOpenStartCanChange, Start, cooperation, transition
from services.daycare.domain.cooperation import Agreement
from services.daycare.domain.places import Capacity
from services.daycare.domain.transition import Checklist, Setting
from services.events.daycare import BatonDecided, ChildSettled, FamilyMeetingHeld, PedagogueNamed, TransitionIncomplete
from services.events.envelope import Seat
from services.events.sundhedspleje import Basis, OverleveringGiven

TODAY = date(2027, 8, 1)
START = Start(uuid4(), uuid4(), "0101", uuid4(), TODAY + timedelta(days=14), None, "planned", private=False)
NAMED = replace(START, pedagogue=uuid4())
WHOLE = Checklist("given", "held")
TRAINED = Capacity(START.unit, "0101", TODAY, 5, 2, high_quality=True, methods=frozenset({"cos-p"}))


@pytest.mark.parametrize(
    ("start", "checklist", "lacks"),
    [
        (START, Checklist(), ("overlevering", "meeting", "pedagogue")),
        (NAMED, WHOLE, ()),
        (NAMED, replace(WHOLE, overlevering="reduced"), ()),
        (NAMED, replace(WHOLE, overlevering="declined-by-family"), ()),
        (NAMED, replace(WHOLE, overlevering="nothing-passed"), ("overlevering",)),
        (NAMED, replace(WHOLE, meeting="declined-by-family"), ()),
        (NAMED, replace(WHOLE, method="cos-p"), ("method",)),
        (NAMED, replace(WHOLE, method="cos-p", continues=False), ()),
    ],
)
def test_what_a_transition_lacks(start: Start, checklist: Checklist, lacks: tuple[str, ...]) -> None:
    assert transition.missing(start, checklist) == lacks


def overlevering(basis: Basis, *withheld: str) -> OverleveringGiven:
    return OverleveringGiven(
        overlevering=uuid4(), child=START.child, municipality="0101", to_unit=START.unit, start=START.id, basis=basis,
        categories=[], withheld=list(withheld), given_by=uuid4(), given_at=datetime(2027, 7, 1, tzinfo=UTC),
    )  # fmt: skip


def test_an_overlevering_is_given_reduced_or_nothing_of_it_passed_and_what_was_given_stays_given() -> None:
    heard = {
        how: transition.hear_overlevering(START, Checklist(), given).checklist
        for how, given in {
            "given": overlevering("consent"),
            "reduced": overlevering("consent", "mother-mood"),
            "nothing-passed": overlevering("refused", "sleep"),
        }.items()
    }

    assert {how: it.overlevering for how, it in heard.items()} == {how: how for how in heard}
    assert transition.hear_overlevering(START, WHOLE, overlevering("refused", "sleep")).checklist == WHOLE


def test_a_pedagogue_is_named_after_planning_and_named_again() -> None:
    first, second = uuid4(), uuid4()

    named = transition.name_pedagogue(START, Checklist(), first)
    again = transition.name_pedagogue(named.start, named.checklist, second)

    said = again.events[0]
    assert isinstance(said, PedagogueNamed)
    assert (said.pedagogue.professional, said.replaces) == (second, first)
    assert transition.name_pedagogue(again.start, again.checklist, second).events == ()


def test_a_method_is_gone_on_with_only_where_the_institution_is_trained_in_it() -> None:
    named = transition.name_method(START, Checklist(), "cos-p").checklist

    assert transition.continue_method(START, named, True, [TRAINED]).checklist.continues
    assert transition.continue_method(START, named, False, []).checklist.continues is False
    with pytest.raises(transition.TheUnitIsNotTrainedInTheMethod):
        transition.continue_method(START, named, True, [replace(TRAINED, methods=frozenset())])
    with pytest.raises(transition.NobodyNamedTheMethod):
        transition.continue_method(START, Checklist(), True, [TRAINED])


ALLOWED, STAYS, MOVES = None, transition.TheMunicipalityLetsTheBatonStay, transition.TheMunicipalityLetsTheBatonMove
NOT_THEIRS, PARENTS = transition.OnlyTheTovholderDecidesWhetherTheBatonMoves, transition.TheParentsHaveNotAgreed


@pytest.mark.parametrize(
    ("who", "moves", "rule", "private", "parents", "refusal"),
    [
        ("holder", True, "tovholder-decides", False, False, ALLOWED),
        ("holder", False, "tovholder-decides", False, False, ALLOWED),
        ("deputy", True, "tovholder-decides", False, False, ALLOWED),
        ("daycare", True, "tovholder-decides", False, False, NOT_THEIRS),
        ("leader", True, "moves", False, False, NOT_THEIRS),
        ("placement", False, "stays", False, False, NOT_THEIRS),
        ("holder", True, "stays", False, False, STAYS),
        ("holder", False, "stays", False, False, ALLOWED),
        ("holder", False, "moves", False, False, MOVES),
        ("holder", True, "moves", False, False, ALLOWED),
        ("holder", True, "tovholder-decides", True, False, PARENTS),
        ("holder", True, "tovholder-decides", True, True, ALLOWED),
        ("holder", False, "moves", True, False, ALLOWED),
    ],
)
def test_whether_the_baton_moves_is_the_tovholders_decision_within_the_municipalitys_rule(
    who: str, moves: bool, rule: Any, private: bool, parents: bool, refusal: type[Exception] | None
) -> None:
    start = replace(START, private=private)

    def decide() -> transition.Settling:
        return transition.decide_baton(start, Checklist(), {who}, uuid4(), moves, rule, parents)

    if refusal:
        with pytest.raises(refusal):
            decide()
    else:
        (said,) = decide().events
        assert isinstance(said, BatonDecided)
        assert said.moves is moves


def test_what_the_municipality_has_settled_needs_no_decision() -> None:
    assert transition.baton_of(START, Checklist(), "tovholder-decides") is None
    assert transition.baton_of(START, Checklist(), "moves") == "moves"
    assert transition.baton_of(replace(START, private=True), Checklist(), "moves") == "stays"
    assert transition.setting_on([Setting(TODAY, "moves"), Setting(TODAY + timedelta(days=1), "stays")], TODAY).baton == "moves"
    assert transition.setting_on([], TODAY) == transition.DEFAULT


def test_a_meeting_with_the_family_is_planned_and_then_held_declined_or_cancelled() -> None:
    planned = transition.plan_meeting(START, Checklist(), uuid4(), TODAY, [uuid4()]).meeting
    assert planned is not None

    def ended(state: transition.MeetingState, start: Start = START, on: date = TODAY) -> transition.Settling:
        return transition.end_meeting(start, Checklist(), planned, state, on, TODAY)

    assert isinstance(ended("held").events[0], FamilyMeetingHeld)
    assert [ended(state).checklist.meeting for state in ("held", "declined-by-family", "cancelled")] == [
        "held",
        "declined-by-family",
        None,
    ]
    # An extra meeting while the child is there is said, and settles nothing any more.
    extra = ended("held", replace(START, state="started"))
    assert (extra.checklist.meeting, len(extra.events)) == (None, 1)
    with pytest.raises(transition.AMeetingIsHeldTodayOrBefore):
        ended("held", on=TODAY + timedelta(days=1))
    with pytest.raises(transition.TheMeetingHasItsOutcome):
        transition.end_meeting(START, Checklist(), replace(planned, state="held"), "cancelled", TODAY, TODAY)


def test_people_are_told_of_what_is_missing_once_for_a_date_from_so_many_days_before_it() -> None:
    holder = Seat(professional=uuid4(), unit=uuid4())

    early = transition.warn(START, Checklist(), holder, 14, TODAY - timedelta(days=1))
    told = transition.warn(START, Checklist(), holder, 14, TODAY)
    assert told is not None
    moved = replace(START, starts_on=START.starts_on + timedelta(days=7))

    (said,) = told.events
    assert isinstance(said, TransitionIncomplete)
    assert (early, said.missing) == (None, ["overlevering", "meeting", "pedagogue"])
    assert transition.warn(START, told.checklist, holder, 14, TODAY) is None
    assert transition.warn(moved, told.checklist, holder, 14, TODAY + timedelta(days=7)) is not None
    assert transition.warn(NAMED, WHOLE, holder, 14, TODAY) is None
    assert transition.warn(START, Checklist(), holder, 14, START.starts_on) is None


def test_only_a_child_who_has_started_settles() -> None:
    decision = transition.settle(replace(START, state="started"))

    assert isinstance(decision.events[0], ChildSettled)
    for state in ("planned", "prepared", "settled", "cancelled"):
        with pytest.raises(transition.OnlyAChildWhoHasStartedSettles):
            transition.settle(replace(START, state=state))


def test_nothing_is_settled_of_a_start_that_no_longer_lies_ahead() -> None:
    over = replace(START, state="started")

    attempts: list[Callable[[], object]] = [
        lambda: transition.name_pedagogue(over, Checklist(), uuid4()),
        lambda: transition.decline_overlevering(over, Checklist()),
        lambda: transition.name_method(over, Checklist(), "cos-p"),
        lambda: transition.continue_method(over, Checklist(method="cos-p"), True, [TRAINED]),
        lambda: transition.decide_baton(over, Checklist(), {"holder"}, None, True, "moves", True),
        lambda: transition.plan_meeting(replace(START, state="cancelled"), Checklist(), uuid4(), TODAY, []),
    ]
    for attempt in attempts:
        with pytest.raises(OnlyAnOpenStartCanChange):
            attempt()


@pytest.mark.parametrize(
    ("agreed", "held", "months", "due"),
    [
        (date(2027, 1, 31), None, 1, date(2027, 2, 28)),
        (date(2027, 1, 31), None, 12, date(2028, 1, 31)),
        (date(2027, 1, 1), date(2027, 11, 30), 3, date(2028, 2, 29)),
    ],
)
def test_an_agreement_is_due_so_many_months_after_it_was_last_held(
    agreed: date, held: date | None, months: int, due: date
) -> None:
    assert Agreement(uuid4(), uuid4(), "0101", uuid4(), agreed, months, held).due_on == due


def test_what_is_held_lies_behind() -> None:
    cooperation.check_held(TODAY, TODAY)
    with pytest.raises(cooperation.WhatIsHeldLiesBehind):
        cooperation.check_held(TODAY + timedelta(days=1), TODAY)
