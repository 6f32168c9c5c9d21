"""What leaves the product, to whom and when again: pure rules."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services import contracts
from services.events.access import classes
from services.notifications import domain
from services.notifications.domain import outward
from services.notifications.domain.outward import Fact, Rule, Subscriber

AT = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
CHILD, UNIT = uuid4(), uuid4()
RECORD = Subscriber("municipality", "0990", roles=frozenset({"record-system"}))
PLACEMENT = Subscriber("municipality", "0990", roles=frozenset({"placement"}))
WARD = Subscriber("organisation", sends_for=frozenset({"999000000016001"}))
GATEWAY = Subscriber("organisation", sends_for=frozenset({"*"}))


def fact(kind: str = "tovholder_changed", municipality: str = "0990", **more: object) -> Fact:
    return Fact(kind, municipality, CHILD, date(2026, 3, 2), **more)  # type: ignore[arg-type]


def test_what_leaves_is_said_by_some_service_and_has_a_class_of_data() -> None:
    said = {domain.kind_of(event) for event in contracts.published()}

    assert set(outward.leaves()) <= said
    assert set(outward.leaves().values()) <= set(classes())


@pytest.mark.parametrize(
    "kind",
    ["child_died", "pregnancy_ended", "custody_changed", "protection_changed", "consent_given", "need_visit_granted", "seen"],
)
def test_the_mother_s_own_deaths_custody_and_protection_leave_to_nobody(kind: str) -> None:
    for subscriber in (RECORD, PLACEMENT, WARD, GATEWAY):
        assert not outward.may_hear(subscriber, fact(kind, senders=frozenset({"999000000016001"})))


def test_a_municipality_s_system_hears_of_its_own_children_what_its_role_lets_it() -> None:
    assert outward.may_hear(RECORD, fact())
    assert not outward.may_hear(RECORD, fact(municipality="0991"))
    assert not outward.may_hear(PLACEMENT, fact())
    assert outward.may_hear(PLACEMENT, fact("start_planned"))


def test_a_ward_hears_of_the_children_it_has_told_of_and_a_gateway_of_none() -> None:
    told = fact(senders=frozenset({"999000000016001"}))

    assert outward.may_hear(WARD, told)
    assert not outward.may_hear(WARD, fact(senders=frozenset({"999000000016002"})))
    assert not outward.may_hear(WARD, fact("visit_planned", senders=told.senders))
    assert not outward.may_hear(GATEWAY, fact(senders=frozenset({"*"})))


@pytest.mark.parametrize("who", [GATEWAY, Subscriber("municipality", "0990"), Subscriber("professional", "0990")])
def test_whoever_would_hear_nothing_cannot_subscribe(who: Subscriber) -> None:
    with pytest.raises(outward.OnlyASystemSubscribes):
        outward.may_subscribe(who)


def test_the_first_rule_that_fits_in_everything_it_names_is_the_one() -> None:
    elsewhere, here = Rule("elsewhere", units=frozenset({uuid4()})), Rule("here", units=frozenset({UNIT}))
    whole = Rule("all", municipalities=frozenset({"0990"}), children=frozenset({CHILD}), kinds=frozenset({"tovholder_changed"}))

    assert outward.fitting([elsewhere, here, whole], fact(units=frozenset({UNIT}))) == here
    assert outward.fitting([elsewhere, whole], fact()) == whole
    assert outward.fitting([elsewhere], fact()) is None
    assert Rule.of({"name": "here", "units": [str(UNIT)]}) == here


@pytest.mark.parametrize(
    ("born_on", "due_on", "months"),
    [
        (date(2026, 3, 2), None, 0),
        (date(2025, 3, 3), None, 11),
        (date(2025, 3, 2), None, 12),
        (None, date(2026, 5, 20), -3),
        (None, None, None),
    ],
)
def test_age_is_in_whole_months_and_counted_back_before_birth(born_on: date, due_on: date, months: int | None) -> None:
    child = fact(born_on=born_on, due_on=due_on)

    assert child.months() == months
    assert (outward.fitting([Rule("young", from_months=-3, to_months=11)], child) is not None) == (months in range(-3, 12))


@given(st.integers(1, 40), st.floats(0, 0.999))
def test_a_failing_endpoint_is_tried_again_later_spread_by_a_fifth_and_never_given_up_before_its_days(
    tries: int, chance: float
) -> None:
    rest = (outward.next_try(tries, AT, chance) - AT).total_seconds()
    middle = (outward.next_try(tries, AT, 0.5) - AT).total_seconds()

    assert 0.8 * middle - 1e-3 <= rest < 1.2 * middle + 1e-3
    assert rest <= 1.2 * 4 * 3600
    assert outward.pauses("http-500", AT, AT + outward.GIVES_UP_AFTER - timedelta(seconds=1)) is None
    assert outward.pauses("http-500", AT, AT + outward.GIVES_UP_AFTER) == "failing"
    assert outward.pauses("http-410", AT, AT) == "gone"


def test_replay_begins_at_what_is_kept_or_at_the_next() -> None:
    assert [outward.replay_from(point, 3, 7) for point in (3, 7, 8)] == [2, 6, 7]
    for point in (2, 9):
        with pytest.raises(outward.ThePointIsGone):
            outward.replay_from(point, 3, 7)


def test_a_former_secret_signs_until_its_time_is_over() -> None:
    secrets = [(1, AT), (2, AT + timedelta(days=1)), (3, None)]

    assert outward.signing(secrets, AT) == [3, 2]
