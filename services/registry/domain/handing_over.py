"""What people may do with the baton: propose, accept, decline, withdraw, ask, answer, override; pure."""

from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from services.events import Event
from services.events.envelope import Seat
from services.events.registry import (
    DeclineReason,
    HandoverAccepted,
    HandoverDeclined,
    HandoverEffected,
    HandoverProposed,
    HandoverScheduled,
    HandoverSuperseded,
    HandoverWithdrawn,
    InformationProvided,
    InformationRequested,
    SupporterJoined,
    TovholderChanged,
)
from services.registry.domain import (
    Act,
    AHandoverIsAlreadyOpen,
    AnotherReasonNeedsWords,
    AQuestionIsOpenAlready,
    Child,
    Decision,
    Handover,
    Holding,
    NoQuestionIsOpen,
    Rung,
    Supporter,
    TheEffectDateHasPassed,
    TheHandoverIsNoLongerOpen,
    TheProposalNamesAnotherDate,
    TheReceiverHoldsTheBatonAlready,
    TheSeatIsUnknown,
    TheSeatTakesNobody,
    handover_becomes,
    may_become,
    shared_with,
)
from services.registry.domain.daycare import may_go_along
from services.registry.domain.deadlines import due, next_look
from services.registry.domain.passing import about, leaving, passes, without


def propose(
    child: Child,
    by: UUID,
    to: Rung | None,
    handover: UUID,
    reason: str,
    at: datetime,
    effective_on: date | None,
    texts: dict[str, str],
) -> Decision:
    """Asks a named professional to take the baton. The tovholder keeps it until they do.

    `to`: the receiver's seat as it stands, None where there is none; `texts`: message and family_wish.
    """
    may_become(child, "propose", by)
    giver = child.held_by
    if child.handover and child.handover.open:
        raise AHandoverIsAlreadyOpen(handover=child.handover.id)
    receiver = taking(to)
    if receiver.seat == giver:
        raise TheReceiverHoldsTheBatonAlready
    if effective_on is not None and effective_on < child.rules.calendar.date_of(at):
        raise TheEffectDateHasPassed
    may_go_along(child.daycare, giver, receiver.seat, effective_on or child.rules.calendar.date_of(at))
    proposed = Handover(
        id=handover,
        state="proposed",
        giver=giver,
        receiver=receiver.seat,
        receiver_municipality=receiver.municipality,
        proposer=by,
        reason=reason,
        proposed_at=at,
        due_at=due(child.rules, at, effective_on),
        effective_on=effective_on,
    )
    # Whoever hands on what they hold has seen it: no fact of its own is needed.
    return replace(offered(child, proposed, texts), seen=child.unseen is not None and by == giver.professional)


def offered(child: Child, handover: Handover, texts: dict[str, str] | None = None) -> Decision:
    """A new handover of a child, with its first look of the clock."""
    waiting = replace(handover, next_at=next_look(handover, child.rules))
    event = HandoverProposed(
        **about(child, handover), reason=handover.reason, due_at=handover.due_at, effective_on=handover.effective_on
    )
    return Decision(
        child=child.id, expected=child.version, events=(event,), handover=waiting, is_new=True, offers=True, texts=texts or {},
        shared_with=without(child, waiting, ()),
    )  # fmt: skip


def accept(child: Child, by: UUID, at: datetime, effective_on: date | None, texts: dict[str, str]) -> Decision:
    """The named receiver takes the baton, at once or on the handover's date; in an absence the deputy takes it for themselves."""
    handover = _named(child)
    today = child.rules.calendar.date_of(at)
    day = _agreed_day(handover, effective_on, today)
    act: Act = "accept-on-date" if day else "accept"
    # Before anything else: of a closed handover is said that it is closed, also to who holds the baton by it.
    handover.becomes(act)
    if child.held_by.professional == by:
        raise TheReceiverHoldsTheBatonAlready
    state = handover_becomes(child, handover, act, by)
    receiver = _answering(child, handover, by)
    if not handover.taking and receiver == handover.receiver:
        raise TheSeatTakesNobody
    may_go_along(child.daycare, child.held_by, receiver, day or today)
    yes = replace(
        handover, state=state, receiver=receiver, effective_on=day or handover.effective_on, accepted_by=by, question=None,
        closed_at=None if day else at,
    )  # fmt: skip
    yes = replace(yes, next_at=next_look(yes, child.rules))
    accepted = HandoverAccepted(**about(child, yes), accepted_by=by, effective_on=day)
    if day is None:
        events = (accepted, HandoverEffected(**about(child, yes)))
        return replace(passes(child, yes, receiver, "acceptance", at, events, by=by), texts=texts, by=by)
    return _scheduled(child, yes, (accepted, HandoverScheduled(**about(child, yes), effective_on=day)), day, texts)


def _scheduled(child: Child, handover: Handover, events: tuple[Event, ...], day: date, texts: dict[str, str]) -> Decision:
    """Until the date the giver holds the baton and the receiver stands by, visibly."""
    joining = Supporter(handover.receiver, handover.receiver_municipality, "receiver", None)
    about_them = {"child": child.id, "municipality": child.municipality, "supporter": handover.receiver}
    joined = SupporterJoined(**about_them, role="receiver", until_on=day)
    return Decision(
        child=child.id, expected=child.version, events=(*events, joined), handover=handover, offers=True, joins=(joining,),
        texts=texts,
        shared_with=without(child, handover, (), (joining,)),
    )  # fmt: skip


def decline(child: Child, by: UUID, at: datetime, reason: DeclineReason, texts: dict[str, str]) -> Decision:
    """The receiver, or in an absence the deputy, says no with a reason; also to what they had accepted for a later date."""
    handover = _named(child)
    state = handover_becomes(child, handover, "decline", by)
    if reason == "other" and not texts:
        raise AnotherReasonNeedsWords
    no = replace(handover, state=state, decline_reason=reason, closed_at=at, next_at=None, question=None)
    return _ended(child, no, HandoverDeclined(**about(child, handover), declined_by=by, reason=reason), texts)


def withdraw(child: Child, by: UUID, at: datetime) -> Decision:
    """The proposer, or who holds the baton now (or their deputy in an absence), takes the question back."""
    handover = _named(child)
    state = handover_becomes(child, handover, "withdraw", by)
    back = replace(handover, state=state, cause="proposer", closed_at=at, next_at=None, question=None)
    return _ended(child, back, HandoverWithdrawn(**about(child, handover), cause="proposer", withdrawn_by=by), {})


def withdraw_for_cancelled_start(child: Child, unit: UUID, at: datetime) -> Decision | None:
    """A start that will not be takes the dated handover to that unit with it, whatever date it was moved to; else None."""
    handover = child.handover
    if handover is None or not handover.open or handover.receiver.unit != unit or handover.effective_on is None:
        return None
    back = replace(
        handover, state=handover.becomes("withdraw"), cause="start-cancelled", closed_at=at, next_at=None, question=None
    )
    return _ended(child, back, HandoverWithdrawn(**about(child, handover), cause="start-cancelled", withdrawn_by=None), {})


def ask(child: Child, by: UUID, question: UUID, at: datetime, texts: dict[str, str]) -> Decision:
    """The receiver asks before answering; the deadline's clock rests until the giver has answered."""
    handover = _named(child)
    state = handover_becomes(child, handover, "ask", by)
    if handover.question:
        raise AQuestionIsOpenAlready(question=handover.question)
    resting = replace(handover, state=state, question=question, asked_at=at, next_at=None)
    event = InformationRequested(**about(child, handover), question=question)
    return Decision(child=child.id, expected=child.version, events=(event,), handover=resting, asks=question, by=by, texts=texts)


def answer(child: Child, by: UUID, at: datetime, texts: dict[str, str]) -> Decision:
    """The giver answers; the deadline moves by as long as it rested."""
    handover = _named(child)
    state = handover_becomes(child, handover, "answer", by)
    if handover.question is None or handover.asked_at is None:
        raise NoQuestionIsOpen
    # A question asked after the deadline buys no time for what was due before it.
    pause = at - handover.asked_at
    running = replace(handover, state=state, question=None, asked_at=None, due_at=handover.due_at + pause)
    running = replace(running, next_at=next_look(running, child.rules))
    event = InformationProvided(**about(child, handover), question=handover.question, due_at=running.due_at)
    return Decision(
        child=child.id, expected=child.version, events=(event,), handover=running, answers=handover.question, by=by, texts=texts
    )


def override(child: Child, by: UUID, to: Rung | None, reason: str, at: datetime, texts: dict[str, str]) -> Decision:
    """A leader of the tovholder's unit, or above, places the baton with a reason; an open handover is overtaken."""
    may_become(child, "override", by)
    before = child.held_by
    receiver = taking(to)
    if receiver.seat == before:
        raise TheReceiverHoldsTheBatonAlready
    may_go_along(child.daycare, before, receiver.seat, child.rules.calendar.date_of(at), by_override=True)
    handover, events = child.handover, ()  # type: tuple[Handover | None, tuple[Event, ...]]
    leaves, left = leaving(child, receiver.seat)
    if handover and handover.open:
        events = (HandoverSuperseded(**about(child, handover), cause="override"),)
        if (waiting := handover.receiver) != receiver.seat:
            more, said = leaving(child, waiting, only="receiver")
            leaves, left = (*leaves, *more), (*left, *said)
        handover = replace(
            handover, state=handover.becomes("supersede"), cause="override", closed_at=at, next_at=None, question=None
        )
    else:
        handover = None
    changed = TovholderChanged(
        child=child.id,
        municipality=receiver.municipality,
        tovholder=receiver.seat,
        before=before,
        why="override",
        since=at,
        by=by,
    )
    shared = shared_with(receiver.municipality, None, [it for it in child.supporters if it.seat not in leaves])
    return Decision(
        child=child.id,
        expected=child.version,
        events=(*events, changed, *left),
        municipality=receiver.municipality if receiver.municipality != child.municipality else None,
        shared_with=shared if shared != child.shared_with else None,
        holder=Holding(receiver.seat, "override", by=by, reason=reason),
        handover=handover,
        leaves=leaves,
        texts=texts,
    )


def _ended(child: Child, handover: Handover, event: Event, texts: dict[str, str]) -> Decision:
    leaves, left = leaving(child, handover.receiver, only="receiver")
    return Decision(
        child=child.id, expected=child.version, events=(event, *left), handover=handover, leaves=leaves, texts=texts,
        shared_with=without(child, handover, leaves),
    )  # fmt: skip


def _named(child: Child) -> Handover:
    """The handover a request is about."""
    if child.handover is None:
        raise TheHandoverIsNoLongerOpen
    return child.handover


def _agreed_day(handover: Handover, asked: date | None, today: date) -> date | None:
    """The date the baton passes, None for at once. A proposal's date stands; one without leaves it to the receiver."""
    if handover.effective_on and asked and asked != handover.effective_on:
        raise TheProposalNamesAnotherDate(effective_on=handover.effective_on)
    if asked and asked < today:
        raise TheEffectDateHasPassed
    day = handover.effective_on or asked
    return day if day and day > today else None


def _answering(child: Child, handover: Handover, by: UUID) -> Seat:
    """The seat on which someone answers a handover: the receiver's own, or during the receiver's absence the deputy's."""
    deputy = child.deputy_of(handover.receiver.professional)
    return deputy if deputy and deputy.professional == by != handover.receiver.professional else handover.receiver


def taking(to: Rung | None) -> Rung:
    """The seat that someone is named on. TheSeatIsUnknown or TheSeatTakesNobody."""
    if to is None:
        raise TheSeatIsUnknown
    if not to.taking:
        raise TheSeatTakesNobody
    return to
