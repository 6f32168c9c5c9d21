"""What daycare does with what it hears and with the date: follows the baton, prepares transitions, and lets children start."""

from uuid import UUID

from services.chassis.calendar import date_of
from services.chassis.errors import NotYetKnown
from services.chassis.service import Apply, FetchFirst, Received, Runtime
from services.chassis.store import Tx
from services.daycare import domain, repository
from services.daycare.domain import Child, Decision
from services.events import Event
from services.events.directory import AbsenceEnded, AbsenceRegistered, UnitChanged
from services.events.persons import ChildDied, DeathUndone, PregnancyEnded, PregnancyEndUndone
from services.events.registry import (
    CaseClosed,
    CaseMerged,
    CaseReopened,
    CaseSeparated,
    ChildBorn,
    ChildRegistered,
    SupporterJoined,
    SupporterLeft,
    TovholderChanged,
)
from services.events.sundhedspleje import OverleveringGiven

_AT_A_TIME = 50


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
    start = await repository.open_start(tx, received.event.child)
    if start and received.event.reason in domain.ENDS_STARTS:
        await _commit(tx, domain.cancel(start, "case-closed"))


async def reopen_case(received: Received[CaseReopened], tx: Tx) -> None:
    await _known(tx, received.event.child)
    await repository.record_closing(tx, received.event.child, closed=False, version=received.version)


async def link_case(received: Received[CaseMerged], tx: Tx) -> None:
    """The two are linked, and an open start goes on with the reference that survives."""
    merged = received.event
    await _known(tx, merged.child)
    await _known(tx, merged.merged_into)
    await repository.link(tx, merged.child, merged.merged_into)
    if start := await repository.open_start(tx, merged.child):
        taken = await repository.open_start(tx, merged.merged_into) is not None
        await _commit(tx, domain.goes_on_with(start, merged.merged_into, taken))


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
    """An overlevering for a start prepares its transition; others are none of daycare's."""
    given = received.event
    if given.start is None:
        return
    start = await repository.start_of(tx, given.start, for_change=True)
    await _commit(tx, domain.prepare(start, given.child, given.to_unit, given.overlevering))


async def let_children_start(runtime: Runtime) -> None:
    """From 00:00 in Copenhagen of its date on, an open start of a born child takes place; some at a time."""
    today = date_of(await runtime.store.now())
    while True:
        async with runtime.store.transaction() as tx:
            due = await repository.due(tx, today, _AT_A_TIME)
            for start, child_status in due:
                await _commit(tx, domain.begin(start, child_status, today))
        if len(due) < _AT_A_TIME:
            return


async def _commit(tx: Tx, decision: Decision | None) -> None:
    if decision:
        await repository.save_start(tx, decision.start, await tx.now())
        tx.publish(decision.start.child, *decision.events, dataref=f"/daycare/starts/{decision.start.id}")


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
    UnitChanged: know_unit,
    AbsenceRegistered: know_absence,
    AbsenceEnded: know_end_of_absence,
}
