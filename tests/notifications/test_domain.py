"""Who is told of what, and when a delivery is tried again or given to a person: pure rules."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services import catalogue, contracts
from services.events import Event
from services.events.daycare import PlusPladsOverdue, StartPlanned
from services.events.envelope import Seat
from services.events.midwife import NotificationReceived
from services.events.persons import ChildDied
from services.events.registry import (
    HandoverDeclined,
    HandoverEscalated,
    HandoverProposed,
    HandoverWithdrawn,
    InformationRequested,
    TovholderChanged,
)
from services.events.sundhedspleje import FollowUpOverdue, JointVisitPlanned, OverleveringGiven, UnderretningOverdue
from services.notifications import domain
from services.notifications.domain import TRIES_AT_MOST, Known, Next, Told, audience, kind_of, next_try

AT = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
CHILD = uuid4()
INTAKE_LEAD, A, B, LEADER_OF_INTAKE, LEADER_OF_A, DEPUTY, PEDAGOGUE, SUPPORTER = (uuid4() for _ in range(8))
INTAKE, TEAM, NURSERY = uuid4(), uuid4(), uuid4()
AT_INTAKE, AT_TEAM = Seat(professional=INTAKE_LEAD, unit=INTAKE), Seat(professional=A, unit=TEAM)
LEADERS = {INTAKE: (LEADER_OF_INTAKE,), TEAM: (LEADER_OF_A,)}


def changed(before: Seat | None, tovholder: Seat) -> TovholderChanged:
    return TovholderChanged(child=CHILD, municipality="0999", tovholder=tovholder, before=before, why="acceptance", since=AT)


def proposed() -> HandoverProposed:
    return HandoverProposed(
        handover=uuid4(),
        child=CHILD,
        municipality="0999",
        giver=AT_INTAKE,
        receiver=AT_TEAM,
        reason="new-family",
        due_at=AT,
        effective_on=None,
    )


def people(told: Sequence[Told], channel: str) -> list[UUID | None]:
    return [one.recipient for one in told if one.channel == channel]


def told_of(event: Event, known: Known) -> list[Told]:
    return audience(kind_of(event), event, known)


def test_every_event_that_any_service_says_tells_someone_or_nobody_on_purpose() -> None:
    said = {kind_of(event) for event in contracts.published()}

    told, nobody = set(domain.audiences()), domain.tells_nobody()

    assert said - told - nobody == set()
    assert told & nobody == set()
    assert (told | nobody) - said == {"message_to_place", "case_closed_quietly"}


def test_whoever_is_to_be_told_of_an_event_is_told_by_a_handler_of_it() -> None:
    [notifications] = [service for service in catalogue.SERVICES if service.name == "notifications"]

    heard = {kind_of(event) for event in notifications.handlers}

    assert set(domain.audiences()) - {"message_to_place", "case_closed_quietly"} <= heard


def test_each_role_that_gets_an_email_is_also_told_in_the_inbox() -> None:
    for rule in domain.audiences().values():
        assert set(rule["email"]) <= {*rule["tell"], *rule.get("agreed", ())}


def test_a_new_tovholder_is_told_to_both_to_their_leaders_to_supporters_and_to_the_family() -> None:
    told = told_of(changed(AT_INTAKE, AT_TEAM), Known(supporters=(SUPPORTER,), leaders=LEADERS))

    assert people(told, "inbox") == [A, INTAKE_LEAD, LEADER_OF_INTAKE, LEADER_OF_A, SUPPORTER, None]
    assert people(told, "email") == [A, None]
    assert [one.to_whom for one in told if one.recipient is None] == ["family", "family", "family"]
    assert people(told, "letter") == [None]


def test_the_first_tovholder_is_told_although_nobody_was_before() -> None:
    told = told_of(changed(None, AT_INTAKE), Known(leaders=LEADERS))

    assert people(told, "inbox") == [INTAKE_LEAD, LEADER_OF_INTAKE, None]


def test_someone_concerned_in_two_roles_is_told_once_per_channel() -> None:
    told = told_of(changed(AT_INTAKE, AT_TEAM), Known(supporters=(A, INTAKE_LEAD), leaders={TEAM: (A,), INTAKE: (INTAKE_LEAD,)}))

    assert people(told, "inbox") == [A, INTAKE_LEAD, None]


def test_the_deputy_of_an_absent_receiver_is_asked_beside_the_receiver() -> None:
    told = told_of(proposed(), Known(holder=AT_INTAKE, leaders=LEADERS, deputies={A: DEPUTY}))

    assert people(told, "email") == [A, DEPUTY]
    assert DEPUTY not in people(told_of(proposed(), Known(holder=AT_INTAKE, leaders=LEADERS)), "inbox")


def test_the_deputy_of_an_absent_giver_sees_the_question() -> None:
    question = InformationRequested(
        handover=uuid4(), child=CHILD, municipality="0999", giver=AT_INTAKE, receiver=AT_TEAM, question=uuid4()
    )

    assert people(told_of(question, Known(deputies={INTAKE_LEAD: DEPUTY})), "inbox") == [INTAKE_LEAD, DEPUTY]


def test_an_escalation_reaches_the_named_leader_first() -> None:
    to = Seat(professional=LEADER_OF_A, unit=TEAM)
    escalated = HandoverEscalated(
        handover=uuid4(), child=CHILD, municipality="0999", giver=AT_INTAKE, receiver=AT_TEAM, level=1, to=to
    )

    told = told_of(escalated, Known(leaders=LEADERS))

    assert told[0] == Told("professional", LEADER_OF_A, "escalated-to", "inbox")
    assert people(told, "email") == [LEADER_OF_A]


def test_an_unanswered_plusplads_reaches_the_leader_it_is_put_to_the_tovholder_and_both_units_leaders_each_once() -> None:
    leader, chief = uuid4(), uuid4()
    overdue = PlusPladsOverdue(
        asked=uuid4(), child=CHILD, municipality="0999", unit=NURSERY, due_on=date(2027, 1, 4), tovholder=AT_TEAM,
        to=Seat(professional=chief, unit=TEAM),
    )  # fmt: skip
    known = Known(holder=AT_TEAM, leaders={NURSERY: (leader,), TEAM: (chief, LEADER_OF_A)})

    told = told_of(overdue, known)

    assert told[0] == Told("professional", chief, "escalated-to", "inbox")
    assert people(told, "inbox") == [chief, A, LEADER_OF_A, leader]
    assert people(told, "email") == [chief, A, leader]
    # A private institution hears by the parents alone.
    assert people(told_of(overdue, replace(known, private_units=frozenset({NURSERY}))), "inbox") == [chief, A, LEADER_OF_A]


@pytest.mark.parametrize("agreed", [True, False])
def test_whoever_is_asked_to_take_the_baton_is_told_of_a_death_unless_the_parents_inform_them(agreed: bool) -> None:
    died = ChildDied(child=CHILD, municipality="0999", died_on=None)
    known = Known(holder=AT_INTAKE, next=Next(uuid4(), AT_TEAM, agreed))

    assert people(told_of(died, known), "email") == [INTAKE_LEAD, A]
    assert people(told_of(died, replace(known, private_units=frozenset({TEAM}))), "inbox") == [INTAKE_LEAD]


@pytest.mark.parametrize(
    ("kind", "more"),
    [(HandoverWithdrawn, {"cause": "proposer", "withdrawn_by": None}), (HandoverDeclined, {"declined_by": A, "reason": "other"})],
)
def test_the_end_of_what_was_agreed_is_told_to_all_who_wait_for_it_and_of_what_was_only_asked_the_family_hears_nothing(
    kind: type[HandoverWithdrawn | HandoverDeclined], more: dict[str, Any]
) -> None:
    about = {"handover": uuid4(), "child": CHILD, "municipality": "0999", "giver": AT_INTAKE, "receiver": AT_TEAM}
    ended, known = kind.model_validate({**about, **more}), Known(holder=AT_INTAKE, supporters=(SUPPORTER,))

    def waiting(next_: Next | None) -> set[UUID | None]:
        return {None, SUPPORTER} & set(people(told_of(ended, replace(known, next=next_)), "inbox"))

    agreed = Next(ended.handover, AT_TEAM, agreed=True)
    assert waiting(agreed) == {None, SUPPORTER}
    assert None in people(told_of(ended, replace(known, next=agreed)), "email")
    for other in (None, replace(agreed, agreed=False), replace(agreed, handover=uuid4())):
        assert waiting(other) == set()


def test_who_no_longer_holds_custody_is_not_told_any_more_and_where_nobody_is_named_people_are_to_look() -> None:
    mother, father = uuid4(), uuid4()
    named = {"do_not_contact": False, "recipients": [{"person": str(mother)}]}

    assert domain.is_not_to_be_told(named, mother) is None
    assert domain.is_not_to_be_told(named, father) == "no-longer-concerned"
    assert domain.is_not_to_be_told({**named, "do_not_contact": True}, mother) == "do-not-contact"
    assert domain.is_not_to_be_told({**named, "recipients": []}, father) is None


def test_a_planned_start_reaches_the_tovholder_the_pedagogue_and_the_institution_s_leader() -> None:
    start = StartPlanned(
        start=uuid4(), child=CHILD, municipality="0999", unit=NURSERY, starts_on=date(2027, 1, 4),
        pedagogue=Seat(professional=PEDAGOGUE, unit=NURSERY),
    )  # fmt: skip
    leader = uuid4()

    told = told_of(start, Known(holder=AT_TEAM, leaders={NURSERY: (leader,)}))

    assert people(told, "inbox") == [A, PEDAGOGUE, leader]


def test_the_people_of_a_private_institution_are_told_by_the_parents_but_of_an_overlevering_that_passed() -> None:
    start = StartPlanned(
        start=uuid4(), child=CHILD, municipality="0999", unit=NURSERY, starts_on=date(2027, 1, 4),
        pedagogue=Seat(professional=PEDAGOGUE, unit=NURSERY),
    )  # fmt: skip
    leader = uuid4()
    known = Known(holder=AT_TEAM, leaders={NURSERY: (leader,)}, private_units=frozenset({NURSERY}))
    given = OverleveringGiven(
        overlevering=uuid4(), child=CHILD, municipality="0999", to_unit=NURSERY, start=None, basis="consent",
        categories=["sleep"], withheld=[], given_by=A, given_at=AT,
    )  # fmt: skip

    assert people(told_of(start, known), "inbox") == [A]
    assert people(told_of(given, known), "inbox") == [A, leader]
    assert people(told_of(given.model_copy(update={"basis": "refused"}), known), "inbox") == [A]


def test_a_message_to_place_reaches_the_intake_lead_by_both_channels() -> None:
    received = NotificationReceived(
        notification_id=uuid4(),
        municipality="0999",
        unit=INTAKE,
        organisation="999990000000011",
        received_at=AT,
        state="to-place",
    )

    told = audience("message_to_place", received, Known(intake_lead=INTAKE_LEAD))

    assert [(one.recipient, one.channel) for one in told] == [(INTAKE_LEAD, "inbox"), (INTAKE_LEAD, "email")]


@given(
    st.integers(1, TRIES_AT_MOST - 1),
    st.sampled_from(["smtp-451", "smtp-421", "mail-server-away", "mail-server-slow", "smtp-552"]),
)
def test_what_may_pass_is_tried_again_later_each_time_after_a_longer_rest(tries: int, reason: str) -> None:
    again, after = next_try(tries, reason, AT), next_try(tries + 1, reason, AT)

    assert again is not None
    assert again > AT
    assert after is None or after > again


@pytest.mark.parametrize("reason", ["no-address", "address-malformed", "family-unknown", "smtp-550", "smtp-551", "smtp-553"])
def test_what_will_not_pass_goes_to_a_person_at_once(reason: str) -> None:
    assert next_try(1, reason, AT) is None


def test_after_the_last_try_a_person_takes_over_and_the_tries_lasted_hours() -> None:
    at = AT
    for tries in range(1, TRIES_AT_MOST):
        again = next_try(tries, "mail-server-away", at)
        assert again is not None
        at = again

    assert next_try(TRIES_AT_MOST, "mail-server-away", at) is None
    assert at - AT > timedelta(hours=2)


def test_what_sundhedsplejen_has_not_done_is_told_to_who_is_responsible_the_deputy_and_the_leaders_not_to_the_tovholder() -> None:
    overdue = FollowUpOverdue(
        follow_up=uuid4(), screening=uuid4(), child=CHILD, municipality="0999", instrument="epds", whose="mother",
        due_on=date(2026, 3, 1), responsible=AT_TEAM,
    )  # fmt: skip

    told = told_of(overdue, Known(holder=AT_INTAKE, leaders=LEADERS, deputies={A: DEPUTY}))

    assert people(told, "inbox") == [A, DEPUTY, LEADER_OF_A]


def test_whoever_takes_part_in_a_joint_visit_is_told() -> None:
    joint = JointVisitPlanned(
        visit=uuid4(), child=CHILD, municipality="0999", kind="need-visit", from_on=date(2026, 3, 1), until_on=date(2026, 3, 9),
        participants=[Seat(professional=PEDAGOGUE, unit=NURSERY), Seat(professional=B, unit=TEAM)],
    )  # fmt: skip

    assert people(told_of(joint, Known(holder=AT_INTAKE)), "inbox") == [PEDAGOGUE, B]


def test_an_underretning_is_told_to_who_gave_it_and_the_leaders_who_received_it_alone() -> None:
    overdue = UnderretningOverdue(
        underretning=uuid4(), municipality="0999", notifier=AT_INTAKE, to_unit=TEAM, clock="assessment", due_at=AT
    )

    assert people(told_of(overdue, Known(holder=AT_TEAM, leaders=LEADERS)), "inbox") == [LEADER_OF_A, INTAKE_LEAD]
