"""What daycare does with what it hears: follows the baton and a child's life, prepares transitions, gives places back."""

from dataclasses import replace
from uuid import UUID

from services.chassis.calendar import date_of
from services.chassis.errors import NotYetKnown
from services.chassis.service import Apply, FetchFirst, Received
from services.chassis.store import Tx
from services.daycare import domain, repository
from services.daycare.domain import Child, Decision, places
from services.daycare.domain import asked as of_asked
from services.daycare.domain import transition as transitions
from services.daycare.domain.asked import Asked, already_held, due_on
from services.daycare.domain.transition import setting_on
from services.daycare.repository import asked as stored_asked
from services.daycare.repository import places as stored_places
from services.daycare.repository import transitions as stored_transitions
from services.events import Event
from services.events.daycare import PlaceReserved, PlusPladsLapsed
from services.events.directory import AbsenceEnded, AbsenceRegistered, IntakeChanged, UnitChanged
from services.events.persons import ChildDied, DeathUndone, PregnancyEnded, PregnancyEndUndone
from services.events.registry import (
    CaseClosed,
    CaseMerged,
    CaseReopened,
    CaseSeparated,
    ChildBorn,
    ChildRegistered,
    HandoverDeclined,
    HandoverEffected,
    HandoverProposed,
    HandoverSuperseded,
    HandoverWithdrawn,
    SupporterJoined,
    SupporterLeft,
    TovholderChanged,
)
from services.events.sundhedspleje import OverleveringGiven, PlusPladsAsked

HandoverOver = HandoverEffected | HandoverDeclined | HandoverWithdrawn | HandoverSuperseded


async def know_child(received: Received[ChildRegistered], tx: Tx) -> None:
    child = received.event
    await repository.save_child(tx, Child(child.child, child.municipality, child.status, None, None), received.version)
    tx.now_known(child.child)


async def know_birth(received: Received[ChildBorn], tx: Tx) -> None:
    await repository.record_birth(tx, received.event.child, received.version)


async def follow_baton(received: Received[TovholderChanged], tx: Tx) -> None:
    changed = received.event
    await repository.record_holder(tx, changed.child, changed.tovholder, changed.municipality, received.version)


async def close_case(received: Received[CaseClosed], tx: Tx) -> None:
    """Where the child will not come, its open start is cancelled; a settled child's stands."""
    await _known(tx, received.event.child)
    await repository.record_closing(tx, received.event.child, closed=True, version=received.version)
    if received.event.reason not in domain.ENDS_STARTS:
        return
    start = await repository.open_start(tx, received.event.child)
    held = await stored_places.holdings_of(tx, received.event.child)
    for asked in await stored_asked.open_of(tx, received.event.child):
        lapsed = of_asked.lapse(asked)
        await stored_asked.save(tx, lapsed.asked, await tx.now())
        tx.publish(asked.child, *lapsed.events)
    given_back = places.give_back(held, "case-closed", date_of(await tx.now()))
    await stored_places.save_holdings(tx, given_back.holdings, await tx.now())
    if start:
        await _commit(tx, domain.cancel(start, "case-closed"))
    if given_back.events:
        tx.publish(received.event.child, *given_back.events)


async def reopen_case(received: Received[CaseReopened], tx: Tx) -> None:
    await _known(tx, received.event.child)
    await repository.record_closing(tx, received.event.child, closed=False, version=received.version)


async def link_case(received: Received[CaseMerged], tx: Tx) -> None:
    """The two are linked, and an open start and what is held go on with the reference that survives."""
    merged = received.event
    await _known(tx, merged.child)
    await _known(tx, merged.merged_into)
    await repository.link(tx, merged.child, merged.merged_into)
    start = await repository.open_start(tx, merged.child)
    taken = await repository.open_start(tx, merged.merged_into) is not None
    if start:
        await _commit(tx, domain.goes_on_with(start, merged.merged_into, taken))
    for asked in await stored_asked.open_of(tx, merged.child):
        going_on = of_asked.goes_on_with(asked, merged.merged_into)
        await stored_asked.save_child(tx, going_on.asked)
        for event in going_on.events:
            tx.publish(merged.child if isinstance(event, PlusPladsLapsed) else merged.merged_into, event)
    has_plus = any(it.kind == "plus" for it in await stored_places.holdings_of(tx, merged.merged_into))
    seating = places.goes_on_with(
        await stored_places.holdings_of(tx, merged.child),
        merged.merged_into,
        has_plus,
        start.id if start and taken else None,
        date_of(await tx.now()),
    )
    await stored_places.save_holdings(tx, seating.holdings, await tx.now())
    for event in seating.events:
        # What is given back was the merged child's, what goes on is the survivor's.
        tx.publish(merged.merged_into if isinstance(event, PlaceReserved) else merged.child, event)


async def unlink_case(received: Received[CaseSeparated], tx: Tx) -> None:
    await _known(tx, received.event.child)
    await repository.link(tx, received.event.child, None)


async def note_end_of_life(received: Received[ChildDied | PregnancyEnded], tx: Tx) -> None:
    """No start takes place or is planned; what stands is kept, for the fact can be undone until a person closes."""
    await _known(tx, received.event.child)
    await repository.record_end_of_life(tx, received.event.child, ended=True)


async def undo_end_of_life(received: Received[DeathUndone | PregnancyEndUndone], tx: Tx) -> None:
    await _known(tx, received.event.child)
    await repository.record_end_of_life(tx, received.event.child, ended=False)


async def _known(tx: Tx, child: UUID) -> None:
    if not await repository.knows(tx, child):
        raise NotYetKnown(child)


async def prepare_transition(received: Received[OverleveringGiven], tx: Tx) -> None:
    """An overlevering for a start prepares its transition and settles its item; others are none of daycare's."""
    given = received.event
    if given.start is None:
        return
    start = await repository.start_of(tx, given.start, for_change=True)
    decision = domain.prepare(start, given.child, given.to_unit, given.overlevering)
    await _commit(tx, decision)
    now = decision.start if decision else start
    if now is None or not domain.is_open(now):
        return
    settling = transitions.hear_overlevering(now, await stored_transitions.checklist_of(tx, now.id), given)
    await stored_transitions.save_settling(tx, settling, await tx.now())
    if settling.events:
        tx.publish(now.child, *settling.events, dataref=f"/daycare/starts/{now.id}/transition")


async def ask_for_plusplads(received: Received[PlusPladsAsked], tx: Tx) -> None:
    """A task at the institution, unless the child has its plusplads there already."""
    event = received.event
    await _known(tx, event.child)
    await stored_places.take_turns(tx, event.unit)
    today = date_of(await tx.now())
    days = setting_on(await stored_transitions.settings_of(tx, event.municipality), today).plusplads_days
    asked = Asked(
        event.enrolment, event.child, event.municipality, event.unit, event.programme, event.method, due_on(today, days)
    )  # fmt: skip
    held = already_held(asked, await stored_places.holdings_of(tx, event.child))
    task = replace(asked, state="reserved", holding=held) if held else asked
    if await stored_asked.ask(tx, task, await tx.now()) and not held:
        tx.publish(event.child, of_asked.awaited(task), dataref=f"/daycare/asked-pluspladser/{task.id}")


async def _commit(tx: Tx, decision: Decision | None) -> None:
    if decision:
        await repository.save_start(tx, decision.start, await tx.now())
        tx.publish(decision.start.child, *decision.events, dataref=f"/daycare/starts/{decision.start.id}")


async def know_receiver(received: Received[HandoverProposed], tx: Tx) -> None:
    await repository.save_receiver(tx, received.event)


async def forget_receiver(received: Received[HandoverOver], tx: Tx) -> None:
    await repository.remove_receiver(tx, received.event.child, received.event.handover)


async def know_intake(received: Received[IntakeChanged], tx: Tx) -> None:
    await repository.save_intake(tx, received.event)


async def know_unit(received: Received[UnitChanged], tx: Tx) -> None:
    await repository.save_unit(tx, received.event)


async def know_absence(received: Received[AbsenceRegistered], tx: Tx) -> None:
    await repository.save_absence(tx, received.event)


async def know_end_of_absence(received: Received[AbsenceEnded], tx: Tx) -> None:
    await repository.end_absence(tx, received.event)


async def know_supporter(received: Received[SupporterJoined], tx: Tx) -> None:
    await repository.save_supporter(tx, received.event)


async def forget_supporter(received: Received[SupporterLeft], tx: Tx) -> None:
    await repository.remove_supporter(tx, received.event)


HANDLERS: dict[type[Event], Apply | FetchFirst] = {
    ChildRegistered: know_child,
    ChildBorn: know_birth,
    TovholderChanged: follow_baton,
    CaseClosed: close_case,
    CaseReopened: reopen_case,
    CaseMerged: link_case,
    CaseSeparated: unlink_case,
    ChildDied: note_end_of_life,
    PregnancyEnded: note_end_of_life,
    DeathUndone: undo_end_of_life,
    PregnancyEndUndone: undo_end_of_life,
    SupporterJoined: know_supporter,
    SupporterLeft: forget_supporter,
    OverleveringGiven: prepare_transition,
    PlusPladsAsked: ask_for_plusplads,
    HandoverProposed: know_receiver,
    HandoverEffected: forget_receiver,
    HandoverDeclined: forget_receiver,
    HandoverWithdrawn: forget_receiver,
    HandoverSuperseded: forget_receiver,
    IntakeChanged: know_intake,
    UnitChanged: know_unit,
    AbsenceRegistered: know_absence,
    AbsenceEnded: know_end_of_absence,
}
