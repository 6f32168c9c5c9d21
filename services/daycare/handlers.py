"""What daycare does with what it hears and with the date: follows the baton, prepares transitions, and lets children start."""

from services.chassis.calendar import date_of
from services.chassis.service import Apply, FetchFirst, Received, Runtime
from services.chassis.store import Tx
from services.daycare import domain, repository
from services.daycare.domain import Child, Decision
from services.events import Event
from services.events.directory import AbsenceEnded, AbsenceRegistered, UnitChanged
from services.events.registry import ChildBorn, ChildRegistered, SupporterJoined, SupporterLeft, TovholderChanged
from services.events.sundhedspleje import OverleveringGiven

_AT_A_TIME = 50


async def know_child(received: Received[ChildRegistered], tx: Tx) -> None:
    child = received.event
    await repository.save_child(tx, Child(child.child, child.municipality, child.status, None, None), received.version)
    tx.now_known(child.child)


async def know_birth(received: Received[ChildBorn], tx: Tx) -> None:
    await repository.record_birth(tx, received.event.child, received.version)


async def follow_baton(received: Received[TovholderChanged], tx: Tx) -> None:
    await repository.record_holder(tx, received.event.child, received.event.tovholder, received.version)


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
    SupporterJoined: know_supporter,
    SupporterLeft: forget_supporter,
    OverleveringGiven: prepare_transition,
    UnitChanged: know_unit,
    AbsenceRegistered: know_absence,
    AbsenceEnded: know_end_of_absence,
}
