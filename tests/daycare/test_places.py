"""The pure rules of places: who gets which, how a plusplads is held, and what a capacity must leave room for."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.daycare.domain import Asker, Child, Start, Unit, places
from services.daycare.domain.places import Capacity, Holding
from services.events.daycare import PlaceReleased, PlaceReserved

TODAY, LATER = date(2027, 8, 1), date(2028, 1, 1)
CHILD = Child(uuid4(), "0101", "born", uuid4(), uuid4())
UNIT = Unit(uuid4(), "institution", private=False, active=True)
START = Start(uuid4(), CHILD.id, "0101", UNIT.id, TODAY + timedelta(days=30), None, "planned", private=False)
FIVE = Capacity(UNIT.id, "0101", date(2027, 1, 1), 5, 2, high_quality=True, methods=frozenset({"cos-p"}))


def plus(number: int, child: UUID | None = None, **more: Any) -> Holding:
    return replace(Holding(uuid4(), UNIT.id, "plus", number, child or uuid4(), "0101", None, "cos-p", "held", TODAY), **more)


def ordinary(number: int, **more: Any) -> Holding:
    return plus(number, **{"kind": "ordinary", "method": None, "start": uuid4(), **more})


def reserved(
    *held: Holding, on: date = TODAY, method: str = "cos-p", own: tuple[Holding, ...] = (), start: Start | None = None
) -> places.Seating:
    return places.reserve(uuid4(), CHILD, UNIT, method, on, [FIVE], held, own, start, TODAY)


def test_a_plusplads_is_held_from_the_reservation_to_the_start_and_the_next_child_gets_another() -> None:
    first = reserved()
    second = reserved(*first.holdings)

    (held,), (said,) = first.holdings, first.events
    assert (held.kind, held.number, held.state, held.from_on, held.until_on) == ("plus", 1, "held", TODAY, None)
    assert isinstance(said, PlaceReserved)
    assert second.holdings[0].number == 2


def test_of_a_full_institution_no_plusplads_is_given_until_one_is_known_to_fall_free() -> None:
    leaves = plus(1, state="taken", until_on=LATER)

    with pytest.raises(places.NoPlusPladsIsFree):
        reserved(leaves, plus(2))
    assert reserved(leaves, plus(2), on=LATER).holdings[0].number == 1
    # Ordinary places are no pluspladser: however many are free, they are not given as one.
    with pytest.raises(places.NoPlusPladsIsFree):
        reserved(plus(1), plus(2))


@pytest.mark.parametrize(
    "capacity",
    [
        replace(FIVE, plus_places=0),
        replace(FIVE, high_quality=False),
        replace(FIVE, methods=frozenset({"icdp"})),
        replace(FIVE, from_on=LATER),
    ],
)
def test_a_plusplads_is_in_a_unit_of_high_quality_trained_in_the_method(capacity: Capacity) -> None:
    with pytest.raises(places.TheUnitHasNoPlusPlads):
        places.reserve(uuid4(), CHILD, UNIT, "cos-p", TODAY, [capacity], [], [], None, TODAY)


def test_a_child_holds_one_plusplads_and_starts_where_it_is() -> None:
    elsewhere = replace(START, unit=uuid4())

    with pytest.raises(places.TheChildHasAPlusPladsAlready):
        reserved(own=(plus(1, CHILD.id),))
    with pytest.raises(places.TheChildStartsElsewhere):
        reserved(start=elsewhere)
    with pytest.raises(places.TheChildHasAPlusPladsAlready):
        places.seat_start(uuid4(), elsewhere, [], [], [plus(1, CHILD.id)])


def test_a_start_takes_the_plusplads_that_is_held_for_it_and_gives_an_ordinary_place_back_for_one() -> None:
    held = plus(1, CHILD.id)
    seated = places.seat_start(uuid4(), START, [FIVE], [held], [held])
    own = ordinary(1, child=CHILD.id, start=START.id, from_on=START.starts_on)
    upgraded = reserved(own=(own,), start=START)

    assert seated.holdings == (replace(held, start=START.id),)
    assert [(it.kind, it.state) for it in upgraded.holdings] == [("ordinary", "released"), ("plus", "held")]
    assert places.take(held).holdings[0].state == "taken"


def test_a_start_takes_an_ordinary_place_from_its_day_on_and_none_where_nothing_is_kept_of_places() -> None:
    full = [ordinary(number) for number in (1, 2, 3)]

    assert places.seat_start(uuid4(), START, [], [], []).holdings == ()
    assert places.seat_start(uuid4(), START, [FIVE], full[:2], []).holdings[0].number == 3
    with pytest.raises(places.TheUnitIsFull):
        places.seat_start(uuid4(), START, [FIVE], full, [])
    # A later, smaller capacity counts as well: the child is to stay.
    with pytest.raises(places.TheUnitIsFull):
        places.seat_start(uuid4(), START, [FIVE, replace(FIVE, from_on=LATER, places=4)], full[:2], [])


def test_a_moved_start_keeps_its_place_if_it_can() -> None:
    own = ordinary(2, child=CHILD.id, start=START.id, from_on=START.starts_on)
    earlier = replace(START, starts_on=TODAY + timedelta(days=1))
    until = ordinary(2, until_on=START.starts_on, from_on=TODAY)

    alone = places.seat_start(uuid4(), earlier, [FIVE], [own], [own])
    beside = places.seat_start(uuid4(), earlier, [FIVE], [own, until], [own])

    assert [(it.id, it.number, it.from_on) for it in alone.holdings] == [(own.id, 2, earlier.starts_on)]
    assert [(it.id, it.number) for it in beside.holdings] == [(own.id, 1)]


def test_a_plusplads_is_released_with_its_reason_and_the_open_start_keeps_a_place() -> None:
    held = plus(1, CHILD.id, start=START.id)

    gone = places.release(held, "family-declined", uuid4(), START, [FIVE], [held], TODAY)

    (said,) = gone.events
    assert isinstance(said, PlaceReleased)
    assert (said.reason, said.free_from) == ("family-declined", TODAY)
    assert [(it.kind, it.state) for it in gone.holdings] == [("plus", "released"), ("ordinary", "held")]
    with pytest.raises(places.TheStartNeedsItsPlace):
        places.release(held, "other", uuid4(), START, [FIVE], [held, *map(ordinary, (1, 2, 3))], TODAY)
    with pytest.raises(places.ThePlaceIsReleasedAlready):
        places.release(gone.holdings[0], "other", uuid4(), None, [], [], TODAY)
    with pytest.raises(places.AChildWhoHasStartedLeaves):
        places.release(replace(held, state="taken"), "other", uuid4(), None, [], [], TODAY)


def test_a_child_who_has_started_leaves_on_a_later_day() -> None:
    held, started = plus(1, CHILD.id, start=START.id, state="taken"), replace(START, state="settled")

    gone = places.leave(held, started, LATER)

    assert gone.holdings[0].until_on == LATER
    assert not gone.holdings[0].overlaps(LATER)
    with pytest.raises(places.OnlyAChildWhoHasStartedLeaves):
        places.leave(held, START, LATER)
    with pytest.raises(places.TheDayLiesBeforeTheStart):
        places.leave(held, started, START.starts_on)


def test_a_capacity_changes_from_today_on_and_leaves_room_for_whoever_is_there() -> None:
    held = [ordinary(1), ordinary(3), plus(2)]

    def change(**new: Any) -> places.Seating:
        return places.change_capacity(replace(FIVE, from_on=TODAY, **new), [FIVE], held, TODAY)

    fewer = change(places=3, plus_places=1)

    assert sorted((it.kind, it.number) for it in fewer.holdings) == [("ordinary", 2), ("plus", 1)]
    refused: list[tuple[type[Exception], dict[str, Any]]] = [
        (places.MorePlacesAreTaken, {"places": 3, "plus_places": 2}),
        (places.MorePlacesAreTaken, {"plus_places": 0}),
        (places.MorePlacesAreTaken, {"methods": frozenset({"icdp"})}),
        (places.PlusPladserAreAmongThePlaces, {"places": 1}),
        (places.PlusPladserAreOfHighQualityAndTrained, {"high_quality": False}),
    ]
    for refusal, new in refused:
        with pytest.raises(refusal):
            change(**new)
    with pytest.raises(places.TheCapacityOfAPastDayStands):
        places.change_capacity(replace(FIVE, from_on=TODAY - timedelta(days=1)), [FIVE], [], TODAY)


def test_only_the_placement_office_of_the_municipality_sets_capacity() -> None:
    places.may_set_capacity(Asker(None, places_in="0101"), "0101")

    for asker in (Asker(uuid4(), leads=frozenset({UNIT.id})), Asker(None, places_in="0202")):
        with pytest.raises(places.OnlyThePlacementOfficeSetsCapacity):
            places.may_set_capacity(asker, "0101")


def test_what_is_held_goes_on_for_the_child_a_reference_turns_out_to_be() -> None:
    survivor, held = uuid4(), plus(1, CHILD.id)

    assert places.goes_on_with([held], survivor, False, None, TODAY).holdings == (replace(held, child=survivor),)
    given_up = places.goes_on_with([held], survivor, True, None, TODAY)
    assert (given_up.holdings[0].state, given_up.holdings[0].child) == ("released", CHILD.id)


@given(st.lists(st.tuples(st.sampled_from(["plus", "ordinary"]), st.integers(0, 60), st.integers(0, 90)), max_size=25))
def test_however_children_come_and_go_no_place_is_held_twice_on_a_day(asks: list[tuple[str, int, int]]) -> None:
    held: list[Holding] = []
    for kind, day, stays in asks:
        number = places.free_number([FIVE], held, "plus" if kind == "plus" else "ordinary", TODAY + timedelta(days=day))
        if number is not None:
            begins = TODAY + timedelta(days=day)
            ends = begins + timedelta(days=stays) if stays else None
            held.append(plus(number, kind=kind, from_on=begins, until_on=ends))

    assert max((it.number for it in held if it.kind == "plus"), default=0) <= 2
    assert max((it.number for it in held if it.kind == "ordinary"), default=0) <= 3
    for one in held:
        for other in held:
            same = one.id != other.id and (one.kind, one.number) == (other.kind, other.number)
            assert not (same and one.overlaps(other.from_on) and other.overlaps(one.from_on))
