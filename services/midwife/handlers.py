"""What this service takes from the others: units and rules, who a notification is about, and who has taken the child."""

from collections.abc import Mapping

from services.chassis.calendar import after_working_days
from services.chassis.service import Apply, Received
from services.chassis.store import Tx
from services.events import Event
from services.events.directory import IntakeChanged, MunicipalityChanged, UnitChanged
from services.events.persons import PartiesIdentified
from services.events.registry import ChildBorn, ChildRegistered, TovholderChanged
from services.midwife import domain, repository


async def keep_unit(received: Received[UnitChanged], tx: Tx) -> None:
    """Messages find their unit, and with it their municipality, by SOR number."""
    said = received.event
    await repository.save_unit(tx, said.unit, said.municipality, said.kind, said.district, said.active, said.sor)


async def keep_municipality(received: Received[MunicipalityChanged], tx: Tx) -> None:
    """Whether the municipality receives, by which calendar, and whether it may receive HospitalNotification."""
    said = received.event
    await repository.save_municipality(
        tx, said.municipality, said.active, said.answer_working_days, said.closing_days, said.hospital_notification_basis
    )


async def keep_intake(received: Received[IntakeChanged], tx: Tx) -> None:
    """Who places what comes as free text."""
    said = received.event
    people = (said.lead.professional, said.deputy.professional, said.leader.professional)
    await repository.save_intake(tx, said.municipality, said.district, *people)


async def keep_child(received: Received[ChildRegistered], tx: Tx) -> None:
    said = received.event
    await repository.save_child(tx, said.child, said.municipality, said.status)


async def keep_birth(received: Received[ChildBorn], tx: Tx) -> None:
    said = received.event
    await repository.save_child(tx, said.child, said.municipality, "born")


async def keep_tovholder(received: Received[TovholderChanged], tx: Tx) -> None:
    """The sender sees by name who has taken the child; a notification whose children all have a tovholder is registered."""
    said = received.event
    seat = said.tovholder
    await repository.save_child(tx, said.child, said.municipality, None, seat.professional, seat.unit, said.since)


async def keep_who_it_is_about(received: Received[PartiesIdentified], tx: Tx) -> None:
    """Links a notification to its children. About someone known elsewhere: it waits on the receiver's list for people."""
    said = received.event
    stored = await repository.notification(tx, said.notification_id, to_change=True) if said.notification_id else None
    if stored is None:
        return
    known = stored.notification
    if said.known_elsewhere:
        working_days, closing_days = await repository.calendar_of(tx, known.municipality)
        state = domain.state_when_identified(known.state, known_elsewhere=True)
        await repository.save_known_elsewhere(tx, known.id, state, after_working_days(await tx.now(), working_days, closing_days))
        return
    found = sorted((child.order, child.child, child.status) for child in said.children)
    if found:
        await repository.save_identified(tx, known.id, known.municipality, found)


HANDLERS: Mapping[type[Event], Apply] = {
    UnitChanged: keep_unit,
    MunicipalityChanged: keep_municipality,
    IntakeChanged: keep_intake,
    ChildRegistered: keep_child,
    ChildBorn: keep_birth,
    TovholderChanged: keep_tovholder,
    PartiesIdentified: keep_who_it_is_about,
}
