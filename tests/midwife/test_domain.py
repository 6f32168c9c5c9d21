"""The midwife service's rules, pure."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.events.midwife import (
    BirthNotified,
    NotificationCorrected,
    NotificationPlaced,
    NotificationReceived,
    NotifiedChild,
    PregnancyNotified,
)
from services.midwife import domain

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
HERE = domain.Receiver(uuid4(), "0999", municipality_is_active=True, hospital_notification_basis=False)
PAUSED = domain.Receiver(uuid4(), "0999", municipality_is_active=False, hospital_notification_basis=True)
WITH_BASIS = domain.Receiver(uuid4(), "0999", municipality_is_active=True, hospital_notification_basis=True)
A_CHILD = NotifiedChild(order=1, born_at=AT - timedelta(hours=5))


def notified(**said: Any) -> domain.Decision:
    usual: dict[str, Any] = {
        "notification": uuid4(),
        "kind": "pregnancy",
        "receiver": HERE,
        "organisation": "region",
        "children": [],
        "due_on": date(2026, 9, 1),
        "corrects": None,
        "corrected": None,
        "is_corrected_already": False,
        "at": AT,
    }
    return domain.notify(**{**usual, **said})


def kept(state: domain.State, kind: domain.Kind = "care-communication") -> domain.Notification:
    return domain.Notification(uuid4(), "0999", HERE.unit, "region", kind, state)


def placed(notification: domain.Notification, placement: Any, **said: Any) -> domain.Decision:
    usual: dict[str, Any] = {"child": None, "child_is_known_here": False, "due_on": None, "by": uuid4(), "at": AT}
    return domain.place(notification, placement, **{**usual, **said})


def test_free_text_to_the_health_visitors_waits_for_a_person() -> None:
    assert domain.state_of_message("care-communication", "healthcare", HERE) == "to-place"


@pytest.mark.parametrize("category", ["discharge", "other", None])
def test_other_categories_are_only_listed(category: str | None) -> None:
    assert domain.state_of_message("care-communication", category, HERE) == "listed"


def test_an_admission_was_not_told_later_than_it_came() -> None:
    came, notification = datetime(2026, 11, 22, 12, tzinfo=UTC), uuid4()

    early, ahead, silent = (
        domain.admission(notification, WITH_BASIS, "AN_MORS", said, came)
        for said in (came - timedelta(hours=1), came + timedelta(days=1), None)
    )

    assert [early.told_at, ahead.told_at, silent.told_at] == [came - timedelta(hours=1), came, came]
    assert (early.code, early.change) == ("MORS", "cancelled")


def test_a_hospital_notification_leaves_nothing_where_the_municipality_has_no_legal_basis() -> None:
    assert domain.state_of_message("hospital-notification", None, HERE) is None
    assert domain.state_of_message("hospital-notification", None, WITH_BASIS) == "listed"


def test_an_acknowledgement_is_neither_listed_nor_placed() -> None:
    assert domain.state_of_message("acknowledgement", None, HERE) is None


def test_only_a_unit_of_an_active_municipality_receives_messages() -> None:
    assert domain.refusal_of(HERE) is None
    assert domain.refusal_of(None) == "receiver-unknown"
    assert domain.refusal_of(PAUSED) == "municipality-inactive"


def test_a_system_sends_for_its_own_numbers_and_a_gateway_for_all() -> None:
    assert domain.may_send_for(["111", "222"], "222")
    assert domain.may_send_for(["*"], "333")
    assert not domain.may_send_for(["111"], "333")
    assert not domain.may_send_for([], "333")


def test_a_pregnancy_registers() -> None:
    decision = notified()

    assert decision.state == "registering"
    assert [type(event) for event in decision.events] == [NotificationReceived, PregnancyNotified]


def test_a_birth_registers_with_each_of_its_children() -> None:
    twins = [A_CHILD, NotifiedChild(order=2, born_at=AT)]

    decision = notified(kind="birth", children=twins)

    told = decision.events[1]
    assert isinstance(told, BirthNotified)
    assert told.children == twins


def test_a_correction_says_which_notification_it_replaces() -> None:
    old = domain.Corrected(uuid4(), "region", "0999", "registered")

    decision = notified(corrects=uuid4(), corrected=old)

    told = decision.events[1]
    assert isinstance(told, NotificationCorrected)
    assert told.corrects == old.id


def test_a_correction_may_come_before_what_it_corrects() -> None:
    not_come_yet = uuid4()

    decision = notified(corrects=not_come_yet)

    told = decision.events[1]
    assert isinstance(told, NotificationCorrected)
    assert told.corrects == not_come_yet


def test_what_comes_after_its_own_correction_is_listed_and_registers_nobody() -> None:
    decision = notified(is_corrected_already=True)

    assert decision.state == "listed"
    assert [type(event) for event in decision.events] == [NotificationReceived]


@pytest.mark.parametrize(
    ("old", "rule"),
    [
        (domain.Corrected(uuid4(), "another region", "0999", "registered"), domain.OnlyTheSenderMayCorrectANotification),
        (domain.Corrected(uuid4(), "region", "0998", "registered"), domain.ACorrectionGoesToTheSameMunicipality),
        (domain.Corrected(uuid4(), "region", "0999", "withdrawn"), domain.TheNotificationWasWithdrawn),
    ],
)
def test_what_may_not_be_corrected(old: domain.Corrected, rule: type[Exception]) -> None:
    with pytest.raises(rule):
        notified(corrects=old.id, corrected=old)


def test_a_notification_for_nobody_is_refused_as_the_callers_fault() -> None:
    with pytest.raises(domain.TheReceiverIsUnknown) as refused:
        notified(receiver=None)

    assert refused.value.fault == "caller"


def test_a_notification_for_a_paused_municipality_is_refused_as_not_the_callers_fault() -> None:
    with pytest.raises(domain.TheMunicipalityDoesNotReceiveHereYet) as refused:
        notified(receiver=PAUSED)

    assert refused.value.fault == "dependency"


def test_nobody_is_notified_as_born_next_week() -> None:
    with pytest.raises(domain.ABirthLiesInTheFuture):
        notified(kind="birth", children=[NotifiedChild(order=1, born_at=AT + timedelta(days=7))])


def test_a_message_placed_with_a_child_registers_nobody() -> None:
    child = uuid4()

    decision = placed(kept("to-place"), "existing", child=child, child_is_known_here=True)

    assert decision.state == "placed"
    (told,) = decision.events
    assert isinstance(told, NotificationPlaced)
    assert told.child == child


def test_a_message_placed_as_expected_registers_as_a_pregnancy() -> None:
    decision = placed(kept("to-place"), "expected", due_on=date(2026, 9, 1))

    assert decision.state == "registering"
    assert [event.type for event in decision.events] == [NotificationPlaced.type, PregnancyNotified.type]


def test_a_message_is_not_placed_with_a_child_of_another_municipality() -> None:
    with pytest.raises(domain.TheChildIsNotKnownInThisMunicipality):
        placed(kept("to-place"), "existing", child=uuid4(), child_is_known_here=False)


@pytest.mark.parametrize("state", ["registering", "registered", "placed", "listed"])
def test_only_what_waits_is_placed(state: domain.State) -> None:
    with pytest.raises(domain.TheNotificationIsNotWaitingToBePlaced):
        placed(kept(state), "not-ours")


def test_what_was_withdrawn_is_not_placed() -> None:
    with pytest.raises(domain.TheNotificationWasWithdrawn):
        placed(kept("withdrawn"), "not-ours")


def test_a_structured_notification_of_a_family_known_elsewhere_is_no_new_pregnancy() -> None:
    with pytest.raises(domain.OnlyFreeTextCanBePlacedAsANewPregnancy):
        placed(kept("to-place", "birth"), "expected")


@pytest.mark.parametrize("state", [state for state in domain.TRANSITIONS if state != "withdrawn"])
def test_the_sender_withdraws_in_any_state_but_once(state: domain.State) -> None:
    assert domain.withdraw(kept(state), "sent-in-error").state == "withdrawn"
    with pytest.raises(domain.TheNotificationWasWithdrawn):
        domain.withdraw(kept("withdrawn"), "sent-in-error")


def test_a_family_known_elsewhere_keeps_the_notification_on_the_receivers_list() -> None:
    assert domain.state_when_identified("registering", known_elsewhere=True) == "to-place"
    assert domain.state_when_identified("registering", known_elsewhere=False) == "registering"
    assert domain.state_when_identified("withdrawn", known_elsewhere=True) == "withdrawn"


def test_relations_are_only_those_that_stand() -> None:
    me, other = UUID(int=1), UUID(int=2)

    def mine(**said: Any) -> frozenset[str]:
        usual: dict[str, Any] = {
            "is_service": False,
            "is_sender": False,
            "professional": me,
            "intake": [other],
            "leads_the_unit": False,
            "tovholders": [other],
        }
        return domain.relations(**{**usual, **said})

    assert mine() == frozenset()
    assert mine(intake=[other, me]) == {"intake-lead"}
    assert mine(tovholders=[me]) == {"holder"}
    assert mine(is_sender=True, professional=None) == {"sender"}
    assert mine(leads_the_unit=True) == {"leader"}
    assert mine(is_service=True, professional=None) == {"service"}
