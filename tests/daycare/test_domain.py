"""The pure rules of a start in daycare."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import uuid4

import pytest

from services.chassis.errors import CannotBeApplied, NotFound
from services.daycare import domain
from services.daycare.domain import Asker, Child, Stands, Start, State, Unit
from services.events.daycare import ChildStarted, StartCancelled, StartMoved, StartPlanned, TransitionPrepared

TODAY = date(2027, 8, 1)
CHILD = Child(uuid4(), "0101", "born", uuid4(), uuid4())
UNIT = Unit(uuid4(), "institution", private=False, active=True)
START = Start(uuid4(), CHILD.id, "0101", UNIT.id, TODAY, None, "planned", private=False)
PREPARED = replace(START, state="prepared", overlevering=uuid4())
CLOSED: list[State] = ["started", "settled", "cancelled"]


@pytest.mark.parametrize("kind", ["institution", "dagpleje"])
def test_a_start_is_planned_in_an_active_daycare_with_its_pedagogue(kind: str) -> None:
    pedagogue = uuid4()

    decision = domain.plan(START.id, CHILD, replace(UNIT, kind=kind), TODAY, pedagogue, True, TODAY)

    (said,) = decision.events
    assert isinstance(said, StartPlanned)
    assert said.pedagogue is not None
    assert (said.pedagogue.professional, said.pedagogue.unit) == (pedagogue, UNIT.id)
    assert decision.start.state == "planned"


def test_that_an_institution_is_private_is_noted_on_the_start() -> None:
    assert domain.plan(START.id, CHILD, replace(UNIT, private=True), TODAY, None, True, TODAY).start.private


@pytest.mark.parametrize("unit", [None, replace(UNIT, active=False), replace(UNIT, kind="sundhedspleje")])
def test_a_start_is_nowhere_but_in_an_active_daycare_of_the_municipality(unit: Unit | None) -> None:
    with pytest.raises(domain.TheUnitIsNoDaycareOfThisMunicipality):
        domain.plan(START.id, CHILD, unit, TODAY, None, True, TODAY)


def test_the_pedagogue_works_where_the_child_starts() -> None:
    with pytest.raises(domain.ThePedagogueDoesNotWorkInThatUnit):
        domain.plan(START.id, CHILD, UNIT, TODAY, uuid4(), False, TODAY)


def test_a_start_is_not_planned_for_or_moved_to_a_day_that_has_passed() -> None:
    yesterday = TODAY - timedelta(days=1)

    with pytest.raises(domain.AStartLiesAhead):
        domain.plan(START.id, CHILD, UNIT, yesterday, None, True, TODAY)
    with pytest.raises(domain.AStartLiesAhead):
        domain.move(START, yesterday, TODAY)


@pytest.mark.parametrize("start", [START, PREPARED])
def test_an_open_start_can_be_moved_and_stays_as_prepared_as_it_was(start: Start) -> None:
    decision = domain.move(start, TODAY + timedelta(days=14), TODAY)

    (said,) = decision.events
    assert isinstance(said, StartMoved)
    assert (said.before, said.starts_on) == (TODAY, TODAY + timedelta(days=14))
    assert decision.start.state == start.state


def test_moving_to_the_same_date_says_nothing() -> None:
    assert domain.move(START, TODAY, TODAY).events == ()


@pytest.mark.parametrize("state", CLOSED)
def test_a_closed_start_cannot_be_moved_or_cancelled(state: State) -> None:
    closed = replace(START, state=state)

    with pytest.raises(domain.OnlyAnOpenStartCanChange):
        domain.move(closed, TODAY + timedelta(days=1), TODAY)
    with pytest.raises(domain.OnlyAnOpenStartCanChange):
        domain.cancel(closed, "family")


@pytest.mark.parametrize("start", [START, PREPARED])
def test_an_open_start_is_cancelled_with_its_cause(start: Start) -> None:
    decision = domain.cancel(start, "placement")

    (said,) = decision.events
    assert isinstance(said, StartCancelled)
    assert (said.cause, decision.start.state, decision.start.cause) == ("placement", "cancelled", "placement")


def test_an_overlevering_for_the_start_prepares_the_transition_once() -> None:
    overlevering = uuid4()

    decision = domain.prepare(START, CHILD.id, UNIT.id, overlevering)

    assert decision is not None
    assert isinstance(decision.events[0], TransitionPrepared)
    assert domain.prepare(decision.start, CHILD.id, UNIT.id, uuid4()) is None


@pytest.mark.parametrize("state", CLOSED)
def test_an_overlevering_for_a_closed_start_changes_nothing(state: State) -> None:
    assert domain.prepare(replace(START, state=state), CHILD.id, UNIT.id, uuid4()) is None


def test_an_overlevering_for_another_child_s_start_is_laid_aside() -> None:
    for start, child, unit in ((None, CHILD.id, UNIT.id), (START, uuid4(), UNIT.id), (START, CHILD.id, uuid4())):
        with pytest.raises(CannotBeApplied):
            domain.prepare(start, child, unit, uuid4())


@pytest.mark.parametrize("start", [START, PREPARED])
def test_a_child_starts_on_the_date_and_not_before(start: Start) -> None:
    assert domain.begin(start, "born", TODAY - timedelta(days=1)) is None

    decision = domain.begin(start, "born", TODAY)

    assert decision is not None
    assert isinstance(decision.events[0], ChildStarted)
    assert domain.begin(decision.start, "born", TODAY) is None


def test_an_unborn_child_does_not_start() -> None:
    assert domain.begin(START, "expected", TODAY) is None


@pytest.mark.parametrize("standing", [{"holder"}, {"deputy"}, {"placement"}])
def test_tovholder_deputy_and_placement_office_may_plan_a_start(standing: set[str]) -> None:
    domain.may_plan(standing)


def test_others_may_not_plan_a_start_and_strangers_learn_nothing() -> None:
    for standing in ({"leader"}, {"supporter"}, {"service"}, {"daycare"}):
        with pytest.raises(domain.OnlyTheTovholderOrThePlacementOfficeMayPlanAStart):
            domain.may_plan(standing)
    with pytest.raises(NotFound):
        domain.may_plan(set())


def test_a_placement_system_is_related_to_the_children_of_its_own_municipality_only() -> None:
    assert domain.relations(CHILD, Asker(None, places_in="0101"), Stands()) == {"placement"}
    assert domain.relations(CHILD, Asker(None, places_in="0202"), Stands()) == frozenset()


def test_the_people_of_the_unit_are_related_through_the_start() -> None:
    asker = Asker(uuid4(), works_in=frozenset({UNIT.id}))

    assert domain.relations(CHILD, asker, Stands(), START) == {"daycare"}
    assert domain.relations(CHILD, asker, Stands()) == frozenset()


def test_the_people_of_a_private_unit_are_let_in_by_the_parents_only() -> None:
    asker, private = Asker(uuid4(), works_in=frozenset({UNIT.id})), replace(START, private=True)

    assert domain.relations(CHILD, asker, Stands(), private) == frozenset()
    assert domain.only_by_the_parents(private, asker)
    assert not domain.only_by_the_parents(START, asker)
