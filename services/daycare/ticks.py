"""What the clock does: children start on their date; what is missing shortly before, or not answered in time, goes to people."""

from datetime import date

from services.chassis.calendar import date_of
from services.chassis.service import Runtime
from services.chassis.store import Tx
from services.daycare import domain, repository
from services.daycare.domain import Start, places
from services.daycare.domain import asked as of_asked
from services.daycare.domain import transition as transitions
from services.daycare.repository import asked as stored_asked
from services.daycare.repository import places as stored_places
from services.daycare.repository import transitions as stored_transitions

_AT_A_TIME = 50


async def let_children_start(runtime: Runtime) -> None:
    """From 00:00 in Copenhagen of its date on, an open start of a born child takes place; some at a time."""
    today = date_of(await runtime.store.now())
    while True:
        async with runtime.store.transaction() as tx:
            due = await repository.due(tx, today, _AT_A_TIME)
            for start, child_status in due:
                await _begin(tx, start, child_status, today)
        if len(due) < _AT_A_TIME:
            return


async def _begin(tx: Tx, start: Start, child_status: str, today: date) -> None:
    decision = domain.begin(start, child_status, today)
    if decision is None:
        return
    held = next((it for it in await stored_places.holdings_of(tx, start.child) if it.start == start.id), None)
    await repository.save_start(tx, decision.start, await tx.now())
    await stored_places.save_holdings(tx, places.take(held).holdings, await tx.now())
    tx.publish(start.child, *decision.events, dataref=f"/daycare/starts/{start.id}")


async def warn_of_what_is_missing(runtime: Runtime) -> None:
    """Once for each date of a start: the tovholder and both leaders hear what its transition still lacks."""
    today = date_of(await runtime.store.now())
    while True:
        async with runtime.store.transaction() as tx:
            found = await stored_transitions.near(tx, today, _AT_A_TIME)
            for it, days in found:
                warning = transitions.warn(it.start, it.checklist, it.tovholder, days, today)
                assert warning is not None, "the list and the rule say the same"
                await stored_transitions.save_settling(tx, warning, await tx.now())
                tx.publish(it.start.child, *warning.events, dataref=f"/daycare/starts/{it.start.id}/transition")
        if len(found) < _AT_A_TIME:
            return


async def put_unanswered_pluspladser_to_a_leader(runtime: Runtime) -> None:
    """Once for each last day: the leader named, the tovholder and both units' leaders hear that nobody has answered."""
    today = date_of(await runtime.store.now())
    while True:
        async with runtime.store.transaction() as tx:
            found = await stored_asked.unanswered(tx, today, _AT_A_TIME)
            for it in found:
                overdue = of_asked.run_out(it.asked, it.tovholder, it.leader, today)
                assert overdue is not None, "the list and the rule say the same"
                await stored_asked.save_overdue(tx, overdue.asked)
                tx.publish(it.asked.child, *overdue.events, dataref=f"/daycare/asked-pluspladser/{it.asked.id}")
        if len(found) < _AT_A_TIME:
            return
