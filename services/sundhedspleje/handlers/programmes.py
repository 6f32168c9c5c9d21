"""What becomes of a family's programmes when something is heard: they end with the case, the life, a move or the consent."""

from uuid import UUID

from services.chassis.service import FetchFirst, Received, Runtime
from services.chassis.store import Tx
from services.events.directory import CompetencesChanged
from services.events.persons import ChildMoved, ConsentWithdrawn
from services.events.sundhedspleje import ProgrammeStop
from services.sundhedspleje import repository
from services.sundhedspleje.domain.programmes import enrolling
from services.sundhedspleje.repository import consents, courses, enrolments, placing


async def know_competences(received: Received[CompetencesChanged], tx: Tx) -> None:
    """What a professional is competent in, past and coming."""
    held = received.event
    await courses.save_competences(tx, held.professional, held.municipality, held.competences)


async def stop_all(tx: Tx, child: UUID, reason: ProgrammeStop) -> None:
    """Whatever a family is offered, waits for or takes part in ends; places that become free go to those who wait."""
    await repository.case_of(tx, child, for_change=True)
    for enrolment in await enrolments.open_of_child(tx, child):
        await placing.ended(tx, enrolling.stop(enrolment, reason))


async def stop_after_move(received: Received[ChildMoved], tx: Tx) -> None:
    """The family is another municipality's now, which has programmes of its own."""
    await stop_all(tx, received.event.child, "moved-away")


async def _still_consented(received: Received[ConsentWithdrawn], runtime: Runtime) -> dict[UUID, bool]:
    """By enrolment, whether what it needs is still consented to: another consent may stand."""
    async with runtime.store.transaction() as tx:
        open_ones = await enrolments.open_of_child(tx, received.event.child)
        needed = {each.id: await enrolments.consent_of(tx, each.id) for each in open_ones if each.state != "offered"}
    return {
        number: await consents.stands(runtime, received.event.child, consent)
        for number, consent in needed.items()
        if consent is not None
    }


async def _stop_without_consent(received: Received[ConsentWithdrawn], tx: Tx, still: dict[UUID, bool]) -> None:
    """A team that works together across services may not go on without it."""
    await repository.case_of(tx, received.event.child, for_change=True)
    for enrolment in await enrolments.open_of_child(tx, received.event.child):
        if still.get(enrolment.id) is False:
            await placing.ended(tx, enrolling.stop(enrolment, "consent-withdrawn"))


follow_withdrawal = FetchFirst(_still_consented, _stop_without_consent)
