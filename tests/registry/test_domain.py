"""The rules of the baton, without a database: a state machine of one child that no order of acts can break."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import get_args
from uuid import UUID, uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.chassis import calendar
from services.chassis.errors import RuleViolated
from services.events.envelope import Seat
from services.events.registry import (
    HandoverEscalated,
    HandoverOverdue,
    HandoverReminded,
    HandoverRescheduled,
    HolderUnseen,
    TovholderChanged,
)
from services.registry.domain import (
    BECOMES,
    OPEN,
    Absence,
    Act,
    AHandoverIsAlreadyOpen,
    AnotherReasonNeedsWords,
    Child,
    Decision,
    Handover,
    NobodyOnTheLadderTakes,
    OnlyTheGiverTheProposerOrTheReceiverMayReschedule,
    OnlyTheNamedReceiverMayAccept,
    OnlyTheTovholderMaySayTheyHaveSeenIt,
    OnlyTheTovholderTheirDeputyOrLeaderMayPropose,
    Rules,
    Rung,
    State,
    Supporter,
    TheEffectDateHasPassed,
    TheHandoverIsNoLongerOpen,
    TheProposalNamesAnotherDate,
    TheReceiverHoldsTheBatonAlready,
    TheSeatIsUnknown,
    TheSeatTakesNobody,
    Unseen,
    handing_over,
    relations,
    rescheduling,
    seeing,
    standing_in,
)
from services.registry.domain.deadlines import due, escalation_path, next_look, settles, supporters_end, time_asks
from services.registry.domain.standing_in import Newcomer, choose, family

NOON = datetime(2026, 11, 23, 12, tzinfo=calendar.COPENHAGEN)  # a Monday
RULES = Rules(calendar, answer_working_days=3, remind_working_days_before=1, escalate_working_days=1, support_days=30)


def a_seat() -> Seat:
    return Seat(professional=uuid4(), unit=uuid4())


LEAD, NURSE, DEPUTY, LEADER = (a_seat() for _ in range(4))


def a_rung(seat: Seat, **more: bool) -> Rung:
    return Rung(seat, "0990", **more)


def a_child(**more: object) -> Child:
    plain = {"id": uuid4(), "municipality": "0990", "status": "expected", "version": 2, "rules": RULES, "holder": LEAD}
    return Child(**{**plain, **more})  # type: ignore[arg-type]


def after(child: Child, decision: Decision) -> Child:
    """The child once a decision is committed, as the store would load it again."""
    handover = decision.handover
    staying = [
        it for it in child.supporters if it.seat not in decision.leaves and it.seat not in [new.seat for new in decision.joins]
    ]
    return replace(
        child,
        version=decision.version,
        status=decision.status or child.status,
        municipality=decision.municipality or child.municipality,
        shared_with=decision.shared_with if decision.shared_with is not None else child.shared_with,
        holder=decision.holder.seat if decision.holder else child.holder,
        since=NOON if decision.holder else child.since,
        unseen=_unseen_after(child, decision),
        handover=(handover if handover.open else None) if handover else child.handover,
        supporters=(*staying, *decision.joins),
    )


def _unseen_after(child: Child, decision: Decision) -> Unseen | None:
    if decision.holder:
        return None if decision.holder.why in ("acceptance", "effect") else Unseen()
    return None if decision.seen else decision.unseen or child.unseen


def proposed(child: Child, to: Seat = NURSE, at: datetime = NOON, effective_on: date | None = None) -> Child:
    assert child.holder
    return after(
        child, handing_over.propose(child, child.holder.professional, a_rung(to), uuid4(), "district", at, effective_on, {})
    )


def test_an_end_is_an_end() -> None:
    ends = set(get_args(State)) - set(OPEN)

    assert not [state for state, _ in BECOMES if state in ends]
    assert {act for _, act in BECOMES} == set(get_args(Act))


def test_only_the_tovholder_the_deputy_in_an_absence_or_a_leader_proposes() -> None:
    absent = a_child(absences=(Absence(LEAD.professional, DEPUTY),), leaders=frozenset({(LEAD.unit, LEADER.professional)}))

    for who in (LEAD, DEPUTY, LEADER):
        handing_over.propose(absent, who.professional, a_rung(NURSE), uuid4(), "x", NOON, None, {})

    for stranger in (NURSE, DEPUTY):
        with pytest.raises(OnlyTheTovholderTheirDeputyOrLeaderMayPropose):
            handing_over.propose(a_child(), stranger.professional, a_rung(NURSE), uuid4(), "x", NOON, None, {})


@pytest.mark.parametrize(
    ("to", "day", "rule_"),
    [
        (None, None, TheSeatIsUnknown),
        (a_rung(NURSE, taking=False), None, TheSeatTakesNobody),
        (a_rung(LEAD), None, TheReceiverHoldsTheBatonAlready),
        (a_rung(NURSE), date(2026, 11, 22), TheEffectDateHasPassed),
    ],
)
def test_a_proposal_must_be_one_that_can_be_accepted(to: Rung | None, day: date | None, rule_: type[Exception]) -> None:
    with pytest.raises(rule_):
        handing_over.propose(a_child(), LEAD.professional, to, uuid4(), "x", NOON, day, {})


def test_a_child_is_offered_once_at_a_time() -> None:
    with pytest.raises(AHandoverIsAlreadyOpen):
        proposed(proposed(a_child()))


def test_the_deputy_accepts_for_themselves_and_nobody_else_may() -> None:
    child = replace(proposed(a_child()), absences=(Absence(NURSE.professional, DEPUTY),))

    taken = handing_over.accept(child, DEPUTY.professional, NOON, None, {})

    assert taken.holder
    assert taken.holder.seat == DEPUTY
    with pytest.raises(OnlyTheNamedReceiverMayAccept):
        handing_over.accept(child, LEADER.professional, NOON, None, {})


def test_a_date_of_the_proposal_stands() -> None:
    day = NOON.date() + timedelta(days=20)
    child = proposed(a_child(), effective_on=day)

    with pytest.raises(TheProposalNamesAnotherDate):
        handing_over.accept(child, NURSE.professional, NOON, day + timedelta(days=1), {})
    scheduled = handing_over.accept(child, NURSE.professional, NOON, day, {})

    assert scheduled.holder is None
    assert scheduled.handover
    assert scheduled.handover.next_at == calendar.start_of(day)


def test_a_date_that_is_today_or_has_passed_by_passes_the_baton_at_once() -> None:
    child = proposed(a_child(), effective_on=NOON.date() + timedelta(days=2))

    taken = handing_over.accept(child, NURSE.professional, NOON + timedelta(days=2), None, {})

    assert taken.holder
    assert taken.handover
    assert taken.handover.state == "effected"


def test_another_reason_needs_words() -> None:
    child = proposed(a_child())

    with pytest.raises(AnotherReasonNeedsWords):
        handing_over.decline(child, NURSE.professional, NOON, "other", {})
    handing_over.decline(child, NURSE.professional, NOON, "other", {"note": "…"})


def test_a_deadline_counts_working_days_and_never_passes_the_date_of_the_handover() -> None:
    friday = NOON + timedelta(days=4)

    assert due(RULES, friday, None) == datetime(2026, 12, 3, tzinfo=calendar.COPENHAGEN)
    assert due(RULES, friday, date(2026, 11, 30)) == datetime(2026, 11, 30, tzinfo=calendar.COPENHAGEN)


def test_the_clock_rests_while_the_giver_owes_an_answer() -> None:
    child = proposed(a_child())
    assert child.handover
    before = child.handover.due_at

    asked = after(child, handing_over.ask(child, NURSE.professional, uuid4(), NOON, {"question": "?"}))
    assert time_asks(asked, NOON + timedelta(days=60)) is None
    answered = after(asked, handing_over.answer(asked, LEAD.professional, NOON + timedelta(days=60), {"answer": "!"}))

    assert answered.handover
    assert answered.handover.due_at == before + timedelta(days=60)


def test_an_unanswered_handover_reminds_is_overdue_and_escalates_to_each_named_leader_once() -> None:
    top = a_seat()
    path = (a_rung(LEADER, present=False), a_rung(DEPUTY), a_rung(DEPUTY), a_rung(top))
    child, at, said = proposed(a_child(path=path)), NOON, []

    for _ in range(40):
        at += timedelta(days=1)
        decision = time_asks(child, at)
        if decision:
            said += [*decision.events]
            child = after(child, decision)

    assert [type(event) for event in said] == [HandoverReminded, HandoverOverdue, HandoverEscalated, HandoverEscalated]
    assert [event.to for event in said if isinstance(event, HandoverEscalated)] == [DEPUTY, top]
    assert child.handover
    assert child.handover.state == "proposed"


def test_escalation_ends_at_a_named_person_even_if_nobody_is_there() -> None:
    assert escalation_path((a_rung(LEADER, present=False), a_rung(DEPUTY, present=False))) == [a_rung(DEPUTY, present=False)]


def test_a_rule_that_fails_on_the_date_leaves_the_baton_with_the_giver() -> None:
    day = NOON.date() + timedelta(days=3)
    child = proposed(a_child(), effective_on=day)
    child = after(child, handing_over.accept(child, NURSE.professional, NOON, None, {}))
    assert child.handover
    gone = replace(child, handover=replace(child.handover, taking=False))

    decision = time_asks(gone, NOON + timedelta(days=4))

    assert decision
    assert decision.holder is None
    assert decision.handover
    assert (decision.handover.state, decision.handover.cause) == ("withdrawn", "receiver-left")
    assert decision.leaves == (NURSE,)


def test_the_ladder_takes_the_first_who_is_there_and_last_of_all_the_top_leader_even_if_absent() -> None:
    assert choose((a_rung(DEPUTY, present=False), a_rung(LEADER))).seat == LEADER
    assert choose((a_rung(DEPUTY, taking=False), a_rung(LEADER, present=False))).seat == LEADER
    with pytest.raises(NobodyOnTheLadderTakes):
        choose((a_rung(DEPUTY, taking=False), a_rung(LEAD)), not_=LEAD.professional)


def test_a_stand_in_takes_over_the_givers_part_unless_they_are_the_receiver() -> None:
    child = replace(proposed(a_child()), ladder=(a_rung(DEPUTY),))
    decision = standing_in.stand_in(child, NOON)
    assert decision
    assert decision.handover
    assert (decision.handover.giver, decision.handover.state) == (DEPUTY, "proposed")

    itself = standing_in.stand_in(replace(child, ladder=(a_rung(NURSE),)), NOON)
    assert itself
    assert itself.handover
    assert (itself.handover.state, itself.handover.cause) == ("withdrawn", "stand-in-is-receiver")


def test_absent_leaders_do_not_pass_the_baton_between_each_other() -> None:
    ladder = (a_rung(LEADER, present=False), a_rung(DEPUTY, present=False))

    assert standing_in.stand_in(a_child(holder=LEADER, ladder=ladder), NOON) is None
    assert standing_in.stand_in(a_child(holder=LEADER, ladder=ladder), NOON, departed=True)


def a_newcomer(child: UUID, **more: object) -> Newcomer:
    plain = {"municipality": "0990", "district": None, "status": "born", "order": 1, "sibling_of": None, "mother": None}
    facts = {**plain, "notification_id": None, "due_on": None, "born_on": None, **more}
    return Newcomer(child=child, **facts)  # type: ignore[arg-type]


def test_twins_found_at_birth_share_the_present_tovholder_and_the_open_question() -> None:
    elder, twin = proposed(a_child(holder=DEPUTY)), uuid4()
    newcomers = [a_newcomer(elder.id), a_newcomer(twin, order=2, sibling_of=elder.id)]

    decisions = {it.child: it for it in family(newcomers, {elder.id: elder}, [a_rung(LEAD)], NOON, [uuid4(), uuid4()])}

    assert decisions[elder.id].status == "born"
    entering = decisions[twin]
    assert entering.holder
    assert (entering.holder.seat, entering.holder.why) == (DEPUTY, "sibling")
    assert entering.handover
    assert elder.handover
    assert entering.handover.receiver == NURSE
    assert entering.handover.id != elder.handover.id


def test_a_twin_is_decided_under_its_elders_version_even_if_nothing_happens_to_the_elder() -> None:
    elder, twin = a_child(status="born"), uuid4()

    decisions = family([a_newcomer(twin, order=2, sibling_of=elder.id)], {elder.id: elder}, [], NOON, [uuid4()])

    assert [(it.child, it.expected, len(it.events)) for it in decisions] == [(elder.id, 2, 0), (twin, None, 2)]


def test_what_is_already_registered_changes_nothing() -> None:
    child = a_child(status="born")

    assert family([a_newcomer(child.id)], {child.id: child}, [], NOON, [uuid4()]) == []


def test_a_settled_child_ends_the_support_of_who_gave_the_baton_there_and_no_others() -> None:
    giver, team = Supporter(NURSE, "0990", "giver", date(2027, 1, 1)), Supporter(DEPUTY, "0990", "team")
    child = a_child(holder=LEAD, supporters=(giver, team))

    settled = settles(child, LEAD.unit)

    assert settled is not None
    assert (settled.leaves, settled.holder) == ((NURSE,), None)
    assert [event.type.split(".")[3] for event in settled.events] == ["supporter_left"]
    # The baton stayed where it was, or nobody stands by: nothing ends.
    assert settles(child, NURSE.unit) is None
    assert settles(a_child(holder=LEAD, supporters=(team,)), LEAD.unit) is None


def test_supporters_end_the_day_after_their_last() -> None:
    last = NOON.date()
    child = a_child(supporters=(Supporter(NURSE, "0990", "giver", last),))

    assert supporters_end(child, last) is None
    ended = supporters_end(child, last + timedelta(days=1))
    assert ended
    assert ended.leaves == (NURSE,)


def test_nobody_is_related_by_chance() -> None:
    child = proposed(a_child(intake=frozenset({LEAD.professional}), leaders=frozenset({(LEAD.unit, LEADER.professional)})))

    assert relations(child, LEAD.professional, False) == {"holder", "intake-lead"}
    assert relations(child, NURSE.professional, False) == {"receiver"}
    assert relations(child, LEADER.professional, False) == {"leader"}
    assert relations(child, uuid4(), False) == frozenset()
    assert relations(child, None, False) == frozenset()
    assert relations(child, None, True) == {"service"}


def scheduled(day: date, **more: object) -> Child:
    child = proposed(a_child(**more), effective_on=day)
    return after(child, handing_over.accept(child, NURSE.professional, NOON, None, {}))


DAY = NOON.date() + timedelta(days=20)
LATER = DAY + timedelta(days=10)


def test_the_receiver_confirms_a_date_again_unless_they_asked_for_it() -> None:
    child = scheduled(DAY)

    by_giver = rescheduling.reschedule(child, LEAD.professional, LATER, NOON)
    by_receiver = rescheduling.reschedule(child, NURSE.professional, LATER, NOON)

    assert by_giver.handover
    assert by_receiver.handover
    assert (by_giver.handover.state, by_giver.handover.accepted_by, by_giver.leaves) == ("proposed", None, (NURSE,))
    assert (by_receiver.handover.state, by_receiver.handover.next_at) == ("scheduled", calendar.start_of(LATER))
    assert [event.answer_by for event in by_receiver.events if isinstance(event, HandoverRescheduled)] == [None]


def test_a_confirmation_that_does_not_come_is_overdue_like_any_answer() -> None:
    child = after(scheduled(DAY), rescheduling.reschedule(scheduled(DAY), LEAD.professional, LATER, NOON))

    late = time_asks(replace(child, version=5), NOON + timedelta(days=9))

    assert late
    assert type(late.events[0]) in (HandoverReminded, HandoverOverdue)


def test_nobody_else_moves_a_date() -> None:
    for stranger in (DEPUTY, LEADER):
        with pytest.raises(OnlyTheGiverTheProposerOrTheReceiverMayReschedule):
            rescheduling.reschedule(scheduled(DAY), stranger.professional, LATER, NOON)
    absent = scheduled(DAY, absences=(Absence(LEAD.professional, DEPUTY),))
    assert rescheduling.reschedule(absent, DEPUTY.professional, LATER, NOON).handover


def test_a_start_heard_late_moves_the_date_to_today_at_the_earliest() -> None:
    decision = rescheduling.reschedule_with_start(scheduled(DAY), NURSE.unit, NOON.date() - timedelta(days=3), NOON)

    assert decision
    assert decision.handover
    assert decision.handover.effective_on == NOON.date()


def test_what_is_unseen_has_a_deadline_then_a_reminder_then_each_leader_once_and_then_rests() -> None:
    top = a_seat()
    leaders = frozenset({(LEAD.unit, LEADER.professional), (LEAD.unit, LEAD.professional)})
    path = (a_rung(LEAD), a_rung(LEADER), a_rung(DEPUTY), a_rung(top))
    child, at, said = a_child(unseen=Unseen(), since=NOON, leaders=leaders, path=path), NOON, []

    for _ in range(40):
        at += timedelta(days=1)
        decision = seeing.time_asks_to_see(child, at)
        if decision:
            said += [(event.level, event.to) for event in decision.events if isinstance(event, HolderUnseen)]
            child = after(child, decision)

    # Its own unit's leaders and the intake's last, not whoever leads the unit that it is offered to, nor the tovholder.
    assert said == [(0, None), (1, LEADER), (2, top)]
    assert child.unseen
    assert child.unseen.due_at == RULES.after(NOON, 3)
    assert child.unseen.next_at is None


def test_only_the_tovholder_says_that_they_have_seen_it_and_whoever_hands_on_has() -> None:
    child = a_child(unseen=Unseen(), since=NOON, leaders=frozenset({(LEAD.unit, LEADER.professional)}))

    with pytest.raises(OnlyTheTovholderMaySayTheyHaveSeenIt):
        seeing.seen(child, LEADER.professional)
    assert seeing.seen(child, LEAD.professional).seen
    assert seeing.seen(replace(child, unseen=None), LEAD.professional).events == ()
    assert proposed(child).unseen is None
    by_leader = handing_over.propose(child, LEADER.professional, a_rung(NURSE), uuid4(), "x", NOON, None, {})
    assert not by_leader.seen


class TheBaton(RuleBasedStateMachine):
    """Acts of anybody in any order on one child, the clock between them."""

    people = (LEAD, NURSE, DEPUTY, LEADER)
    someone = st.sampled_from(people)

    def __init__(self) -> None:
        super().__init__()
        self.at = NOON
        self.child = a_child(
            ladder=(a_rung(DEPUTY), a_rung(LEADER)), path=(a_rung(LEADER),), leaders=frozenset({(LEAD.unit, LEADER.professional)})
        )

    def act(self, decision: Decision | None) -> None:
        """Commits a decision, checking what every one of them must keep."""
        if decision is None:
            return
        assert decision.expected == self.child.version
        changed = [event for event in decision.events if isinstance(event, TovholderChanged)]
        assert len(changed) == (1 if decision.holder else 0), "the holder changes with exactly one TovholderChanged"
        if decision.holder:
            assert changed[0].tovholder == decision.holder.seat
            assert changed[0].before == self.child.holder
            assert decision.holder.seat != self.child.holder
        self.child = after(self.child, decision)

    @rule(by=someone, to=someone, days=st.none() | st.integers(-1, 5))
    def propose(self, by: Seat, to: Seat, days: int | None) -> None:
        day = None if days is None else calendar.date_of(self.at) + timedelta(days=days)
        self.attempt(lambda: handing_over.propose(self.child, by.professional, a_rung(to), uuid4(), "x", self.at, day, {}))

    @rule(by=someone)
    def accept(self, by: Seat) -> None:
        open_before = self.child.handover
        if self.attempt(lambda: handing_over.accept(self.child, by.professional, self.at, None, {})):
            assert open_before
            assert open_before.receiver.professional == by.professional

    @rule(by=someone)
    def decline(self, by: Seat) -> None:
        self.keeps(lambda: handing_over.decline(self.child, by.professional, self.at, "at-capacity", {}))

    @rule(by=someone)
    def withdraw(self, by: Seat) -> None:
        self.keeps(lambda: handing_over.withdraw(self.child, by.professional, self.at))

    @rule(by=someone)
    def ask(self, by: Seat) -> None:
        self.keeps(lambda: handing_over.ask(self.child, by.professional, uuid4(), self.at, {}))

    @rule(by=someone)
    def answer(self, by: Seat) -> None:
        self.keeps(lambda: handing_over.answer(self.child, by.professional, self.at, {}))

    @rule(by=someone, days=st.integers(-1, 9))
    def reschedule(self, by: Seat, days: int) -> None:
        day = calendar.date_of(self.at) + timedelta(days=days)
        before = self.child.handover
        self.keeps(lambda: rescheduling.reschedule(self.child, by.professional, day, self.at))
        if before and before.state == "scheduled" and before.receiver.professional != by.professional:
            assert self.child.handover in (before, None) or self.child.handover.state == "proposed", "the receiver confirms again"

    @rule(to=someone, days=st.integers(-3, 9))
    def start_moves(self, to: Seat, days: int) -> None:
        holder, day = self.child.holder, calendar.date_of(self.at) + timedelta(days=days)
        self.act(rescheduling.reschedule_with_start(self.child, to.unit, day, self.at))
        assert self.child.holder == holder

    @rule(by=someone)
    def see(self, by: Seat) -> None:
        self.keeps(lambda: seeing.seen(self.child, by.professional))

    @rule(by=someone, to=someone)
    def override(self, by: Seat, to: Seat) -> None:
        self.attempt(lambda: handing_over.override(self.child, by.professional, a_rung(to), "x", self.at, {}))

    @rule()
    @precondition(lambda self: self.child.holder in (LEAD, NURSE))
    def stand_in(self) -> None:
        self.act(standing_in.stand_in(self.child, self.at))

    @rule(hours=st.integers(1, 60))
    def time_passes(self, hours: int) -> None:
        self.at += timedelta(hours=hours)
        self.act(time_asks(self.child, self.at))
        self.act(seeing.time_asks_to_see(self.child, self.at))

    def attempt(self, decide: object) -> bool:
        try:
            self.act(decide())  # type: ignore[operator]
        except RuleViolated:
            return False
        return True

    def keeps(self, decide: object) -> None:
        holder = self.child.holder
        self.attempt(decide)
        assert self.child.holder == holder, "nobody but a receiver, a leader or the ladder moves the baton"

    @invariant()
    def there_is_one_tovholder(self) -> None:
        assert self.child.holder in self.people

    @invariant()
    def an_open_handover_has_a_deadline_and_is_to_somebody_else(self) -> None:
        handover = self.child.handover
        if handover:
            assert handover.open
            assert handover.due_at
            assert handover.giver == self.child.holder
            assert handover.question or handover.level or handover.next_at

    @invariant()
    def only_an_accepted_handover_has_a_receiver_who_stands_by(self) -> None:
        receivers = [it.seat for it in self.child.supporters if it.role == "receiver"]
        scheduled = self.child.handover and self.child.handover.state == "scheduled"
        assert receivers == ([self.child.handover.receiver] if self.child.handover and scheduled else [])

    @invariant()
    def who_has_not_seen_it_got_it_without_a_click_and_is_asked_once_a_deadline_is_set(self) -> None:
        unseen = self.child.unseen
        assert unseen is None or unseen.due_at is None or unseen.next_at or unseen.level

    @invariant()
    def the_tovholder_is_no_supporter_of_themselves(self) -> None:
        assert self.child.holder not in [it.seat for it in self.child.supporters]


TestTheBaton = TheBaton.TestCase
TestTheBaton.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def test_a_closed_handover_is_never_looked_at_again() -> None:
    for state in set(get_args(State)) - set(OPEN):
        ended = Handover(
            id=uuid4(), state=state, giver=LEAD, receiver=NURSE, receiver_municipality="0990", proposer=LEAD.professional,
            reason="x", proposed_at=NOON, due_at=NOON,
        )  # fmt: skip
        assert next_look(ended, RULES) is None
        with pytest.raises(TheHandoverIsNoLongerOpen):
            ended.becomes("accept")
