"""What sundhedspleje does with what it hears: opens cases, follows the baton, and plans visits again as the facts change."""

from uuid import UUID

from services.chassis.calendar import date_of
from services.chassis.errors import NotYetKnown
from services.chassis.service import Apply, FetchFirst, Received
from services.chassis.store import Tx
from services.events import Event
from services.events.directory import AbsenceEnded, AbsenceRegistered, CompetencesChanged, MunicipalityChanged, UnitChanged
from services.events.persons import (
    ChildCorrected,
    ChildDied,
    ChildMoved,
    ConsentWithdrawn,
    DeathUndone,
    PregnancyEnded,
    PregnancyEndUndone,
)
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
from services.events.sundhedspleje import FollowUpClosed
from services.sundhedspleje import repository
from services.sundhedspleje.domain import Case
from services.sundhedspleje.domain.screenings import CASE_CLOSED
from services.sundhedspleje.handlers import programmes
from services.sundhedspleje.repository import planning, screenings, visits


async def open_case(received: Received[ChildRegistered], tx: Tx) -> None:
    """A child is registered: the case opens and what is due by now is planned."""
    child = received.event
    case = Case(
        child=child.child,
        municipality=child.municipality,
        mother=child.mother,
        status=child.status,
        order=child.order,
        sibling_of=child.sibling_of,
        due_on=child.due_on,
        born_on=child.born_on,
        version=received.version,
    )
    tx.now_known(child.child)
    if await repository.open_case(tx, case, received.time):
        await planning.planned(tx, case, date_of(received.time))


async def follow_baton(received: Received[TovholderChanged], tx: Tx) -> None:
    """The case shows who holds the baton now."""
    changed = received.event
    await repository.record_holder(tx, changed.child, changed.tovholder, changed.municipality, changed.since, received.version)


async def plan_after_birth(received: Received[ChildBorn], tx: Tx) -> None:
    """The child is born: what was to come before falls away, the visits of the first year are planned."""
    born = received.event
    if await repository.case_of(tx, born.child, for_change=True) is None:
        raise NotYetKnown(born.child)
    await repository.record_birth(tx, born.child, born.born_on, born.order, received.version)
    await planning.replanned(tx, born.child, date_of(received.time), "birth")


async def plan_corrected(received: Received[ChildCorrected], tx: Tx) -> None:
    """What is known of the birth was corrected: planned visits follow it."""
    corrected = received.event
    before = await repository.case_of(tx, corrected.child, for_change=True)
    if before is None:
        raise NotYetKnown(corrected.child)
    await repository.record_correction(tx, corrected.child, corrected.born_on, corrected.order)
    if corrected.born_on not in (None, before.born_on):
        await planning.replanned(tx, corrected.child, date_of(received.time), "correction")


async def close_case(received: Received[CaseClosed], tx: Tx) -> None:
    """The file closes: what was planned lapses, the rest ends with that; of a merged file it goes on with the survivor's."""
    child, today = received.event.child, date_of(received.time)
    await _known(tx, child)
    await repository.record_closing(tx, child, closed=True, version=received.version)
    case = await repository.case_of(tx, child)
    if case is None or not case.closed:
        return
    await visits.lapse_systematic(tx, child)
    await planning.replanned(tx, child, today, "closed")
    if received.event.reason != "merged":
        await _end_follow_ups(received, tx)
        await programmes.stop_all(tx, child, "case-closed")


async def _end_follow_ups(received: Received[CaseClosed], tx: Tx) -> None:
    for it in await screenings.follow_ups_of(tx, received.event.child, state="open"):
        await screenings.end_follow_up(tx, it.id, CASE_CLOSED, None, received.time)
        ended = FollowUpClosed(
            follow_up=it.id, screening=it.screening, child=it.child, municipality=it.municipality, instrument=it.instrument,
            whose=it.whose, outcome=CASE_CLOSED,
        )  # fmt: skip
        tx.publish(it.child, ended)


async def reopen_case(received: Received[CaseReopened], tx: Tx) -> None:
    """The file opens again: what is still ahead is planned."""
    await _known(tx, received.event.child)
    await repository.record_closing(tx, received.event.child, closed=False, version=received.version)
    await planning.replanned(tx, received.event.child, date_of(received.time), "reopened")
    await visits.resume_systematic(tx, received.event.child)


async def link_case(received: Received[CaseMerged], tx: Tx) -> None:
    """Both files are kept, linked."""
    await _known(tx, received.event.child)
    await repository.link(tx, received.event.child, received.event.merged_into)


async def unlink_case(received: Received[CaseSeparated], tx: Tx) -> None:
    await _known(tx, received.event.child)
    await repository.link(tx, received.event.child, None)


async def stop_visits(received: Received[ChildDied | PregnancyEnded], tx: Tx) -> None:
    """At once: nobody calls on a family to see, or screens, a child that is no more. What the parents need stands."""
    await _known(tx, received.event.child)
    await visits.lapse_systematic(tx, received.event.child)
    await repository.record_end_of_life(tx, received.event.child, ended=True)
    await planning.replanned(tx, received.event.child, date_of(received.time), "life-ended")
    await programmes.stop_all(tx, received.event.child, "life-ended")


async def resume_visits(received: Received[DeathUndone | PregnancyEndUndone], tx: Tx) -> None:
    """It was recorded by mistake: what is still ahead is planned again."""
    await _known(tx, received.event.child)
    await repository.record_end_of_life(tx, received.event.child, ended=False)
    await planning.replanned(tx, received.event.child, date_of(received.time), "life-goes-on")
    await visits.resume_systematic(tx, received.event.child)


async def _known(tx: Tx, child: UUID) -> None:
    if await repository.case_of(tx, child, for_change=True) is None:
        raise NotYetKnown(child)


async def know_unit(received: Received[UnitChanged], tx: Tx) -> None:
    await repository.save_unit(tx, received.event)


async def know_calendar(received: Received[MunicipalityChanged], tx: Tx) -> None:
    """Its closing days count in the clocks of an underretning."""
    await repository.save_calendar(tx, received.event)


async def know_absence(received: Received[AbsenceRegistered], tx: Tx) -> None:
    await repository.save_absence(tx, received.event)


async def know_end_of_absence(received: Received[AbsenceEnded], tx: Tx) -> None:
    await repository.end_absence(tx, received.event)


async def know_supporter(received: Received[SupporterJoined], tx: Tx) -> None:
    await repository.save_supporter(tx, received.event)


async def forget_supporter(received: Received[SupporterLeft], tx: Tx) -> None:
    await repository.remove_supporter(tx, received.event)


HANDLERS: dict[type[Event], Apply | FetchFirst] = {
    ChildRegistered: open_case,
    TovholderChanged: follow_baton,
    ChildBorn: plan_after_birth,
    ChildCorrected: plan_corrected,
    CaseClosed: close_case,
    CaseReopened: reopen_case,
    CaseMerged: link_case,
    CaseSeparated: unlink_case,
    ChildDied: stop_visits,
    PregnancyEnded: stop_visits,
    DeathUndone: resume_visits,
    PregnancyEndUndone: resume_visits,
    SupporterJoined: know_supporter,
    SupporterLeft: forget_supporter,
    UnitChanged: know_unit,
    MunicipalityChanged: know_calendar,
    AbsenceRegistered: know_absence,
    AbsenceEnded: know_end_of_absence,
    CompetencesChanged: programmes.know_competences,
    ChildMoved: programmes.stop_after_move,
    ConsentWithdrawn: programmes.follow_withdrawal,
}
