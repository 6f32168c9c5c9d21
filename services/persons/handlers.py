"""What persons does with what it hears.

Identifies whom the midwife's notifications are about, and learns who stands how to a child.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.chassis.service import FetchFirst, Received, Runtime
from services.chassis.settings import Secrets
from services.chassis.store import Tx
from services.events.daycare import (
    PlaceReleased,
    PlaceReserved,
    PlusPladsAnswered,
    PlusPladsAwaited,
    PlusPladsLapsed,
    PlusPladsOverdue,
    StartCancelled,
    StartPlanned,
)
from services.events.directory import AbsenceEnded, AbsenceRegistered, IntakeChanged, UnitChanged
from services.events.midwife import (
    AdmissionChanged,
    BirthNotified,
    NotificationCorrected,
    NotificationPlaced,
    NotificationWithdrawn,
    PregnancyNotified,
)
from services.events.persons import ChildInHospital
from services.events.registry import (
    CaseClosed,
    CaseReopened,
    CaseSeparated,
    HandoverDeclined,
    HandoverEffected,
    HandoverProposed,
    HandoverSuperseded,
    HandoverWithdrawn,
    SupporterJoined,
    SupporterLeft,
    TovholderChanged,
)
from services.persons import repository
from services.persons.domain.identifiers import Identifier
from services.persons.domain.matching import Kind, Told, ToldChild
from services.persons.repository import lives
from services.persons.schemas import Demographics, ToldIdentifier

Notified = PregnancyNotified | BirthNotified | NotificationCorrected
HandoverOver = HandoverEffected | HandoverDeclined | HandoverWithdrawn | HandoverSuperseded


@dataclass(frozen=True)
class Fetched:
    """Who a notification is about, and the keys to store it under."""

    demographics: Demographics
    secrets: Secrets


async def fetch_demographics(received: Received[Notified] | Received[AdmissionChanged], runtime: Runtime) -> Fetched:
    """Over the midwife service's authorised address; the event itself names nobody."""
    found = await runtime.peers.get("midwife", f"/midwife/notifications/{received.event.notification_id}/demographics")
    return Fetched(Demographics.model_validate(found), runtime.settings.secrets)


async def identify_notified(received: Received[Notified], tx: Tx, fetched: Fetched) -> None:
    """A notification that names nobody by a number is laid aside for people: AChildIsKnownByAnIdentifierOrByItsMother."""
    event, about = received.event, fetched.demographics
    root = await repository.root_of(tx, event.corrects) if isinstance(event, NotificationCorrected) else event.notification_id
    kind = _kind(event)
    children = (
        tuple(ToldChild(child.order, _identifiers(child.identifiers), child.sex, child.born_at) for child in about.children)
        if kind == "birth"
        else ()
    )
    mother = about.mother
    told = Told(
        kind,
        event.municipality,
        event.unit,
        received.time,
        _identifiers(mother.identifiers) if mother else (),
        children,
        about.due_on,
        event.notification_id,
        root,
    )
    await repository.identify(
        tx, fetched.secrets, told, mother.model_dump(exclude={"identifiers"}, exclude_none=True) if mother else None
    )


def _kind(event: Notified) -> Kind:
    if isinstance(event, NotificationCorrected):
        return event.kind
    return "birth" if isinstance(event, BirthNotified) else "pregnancy"


def _identifiers(given: list[ToldIdentifier]) -> tuple[Identifier, ...]:
    return tuple(dict.fromkeys(Identifier.as_told(it.system, it.value) for it in given))


async def link_placed(received: Received[NotificationPlaced], tx: Tx) -> None:
    """A message a person has placed on a child; `expected` comes as a notification of its own."""
    event = received.event
    if event.placement == "existing" and event.child:
        await repository.note_placed(tx, event.notification_id, event.municipality, received.time)
        await repository.link(tx, event.notification_id, event.child, event.municipality)


async def withdraw(received: Received[NotificationWithdrawn], tx: Tx, secrets: Secrets) -> None:
    """What it alone brought is taken back; what becomes of a child it told of, people decide."""
    await lives.withdraw(tx, secrets, received.event.notification_id, received.event.municipality)


async def hear_of_admission(received: Received[AdmissionChanged], tx: Tx, fetched: Fetched | None) -> None:
    """Life and death are of use here; of a child's stay it is said whose it is. A citizen nobody knows leaves nothing behind."""
    event = received.event
    patient = fetched.demographics.patient if fetched else None
    if fetched is None or patient is None:
        return
    numbers = _identifiers(patient.identifiers)
    await repository.take_turns(tx, fetched.secrets, numbers)
    found = await repository.find(tx, fetched.secrets, numbers, event.municipality)
    person = await repository.person_of(tx, fetched.secrets, found["id"], to_change=True) if found else None
    if person and event.code == "MORS":
        await lives.hear_hospital(tx, person, event.change != "cancelled", event.told_at, event.notification_id)
    elif person and person.kind == "child":
        said = {name: getattr(event, name) for name in ("notification_id", "code", "change", "told_at")}
        tx.publish(person.id, ChildInHospital(child=person.id, municipality=person.municipality, **said))


async def keys(received: Received[Any], runtime: Runtime) -> Secrets:
    return runtime.settings.secrets


async def set_holder(received: Received[TovholderChanged], tx: Tx, secrets: Secrets) -> None:
    """Where the tovholder is, there the child belongs."""
    event = received.event
    await lives.move(tx, secrets, event.child, event.municipality)
    await _replace(tx, event.child, "holder", None)
    await _stand(tx, event.child, "holder", event.tovholder.professional, event.tovholder.unit, None, event.municipality)


async def close_case(received: Received[CaseClosed], tx: Tx) -> None:
    """Nobody is tovholder any more, and nobody is asked to be."""
    await lives.close(tx, received.event.child, closed=True)
    await _replace(tx, received.event.child, "holder", None)
    await _replace(tx, received.event.child, "receiver", None)


async def reopen_case(received: Received[CaseReopened], tx: Tx) -> None:
    await lives.close(tx, received.event.child, closed=False)


async def separate(received: Received[CaseSeparated], tx: Tx) -> None:
    """The registry has undone a merge: it alone knows whether anything has changed since."""
    await lives.separate(tx, received.event.child)
    # What was held for it, or asked for, has gone on with the other.
    for role in ("asked", "place"):
        await _replace(tx, received.event.child, role, None)


async def set_receiver(received: Received[HandoverProposed], tx: Tx) -> None:
    event = received.event
    await _replace(tx, event.child, "receiver", None)
    await _stand(
        tx, event.child, "receiver", event.receiver.professional, event.receiver.unit, event.handover, event.municipality
    )


async def end_handover(received: Received[HandoverOver], tx: Tx) -> None:
    await _replace(tx, received.event.child, "receiver", received.event.handover)


async def add_supporter(received: Received[SupporterJoined], tx: Tx) -> None:
    event = received.event
    await remove_supporter(received, tx)
    await _stand(tx, event.child, "supporter", event.supporter.professional, event.supporter.unit, None, event.municipality)


async def remove_supporter(received: Received[SupporterLeft] | Received[SupporterJoined], tx: Tx) -> None:
    event = received.event
    await tx.later(
        "delete from standing where child = $1 and role = 'supporter' and professional = $2 and unit = $3",
        event.child,
        event.supporter.professional,
        event.supporter.unit,
    )


async def add_daycare(received: Received[StartPlanned], tx: Tx) -> None:
    event = received.event
    await _replace(tx, event.child, "daycare", event.start)
    await _stand(tx, event.child, "daycare", None, event.unit, event.start, event.municipality)


async def remove_daycare(received: Received[StartCancelled], tx: Tx) -> None:
    await _replace(tx, received.event.child, "daycare", received.event.start)


async def let_the_asked_know(received: Received[PlusPladsAwaited], tx: Tx) -> None:
    """Who leads the institution learns what the child is called, until it has answered."""
    event = received.event
    await _replace(tx, event.child, "asked", event.asked)
    await _stand(tx, event.child, "asked", None, event.unit, event.asked, event.municipality)


async def let_the_leader_know(received: Received[PlusPladsOverdue], tx: Tx) -> None:
    """Who is to see to an overdue answer learns whom it is about, too."""
    event = received.event
    await tx.later(
        "delete from standing where child = $1 and role = 'asked' and about = $2 and professional is not null",
        event.child,
        event.asked,
    )
    if event.to:
        await _stand(tx, event.child, "asked", event.to.professional, event.to.unit, event.asked, event.municipality)


async def no_longer_asked(received: Received[PlusPladsAnswered | PlusPladsLapsed], tx: Tx) -> None:
    await _replace(tx, received.event.child, "asked", received.event.asked)


async def let_the_holder_of_a_place_know(received: Received[PlaceReserved], tx: Tx) -> None:
    """While the plusplads is held."""
    event = received.event
    await _replace(tx, event.child, "place", event.holding)
    await _stand(tx, event.child, "place", None, event.unit, event.holding, event.municipality)


async def no_place_is_held(received: Received[PlaceReleased], tx: Tx) -> None:
    await _replace(tx, received.event.child, "place", received.event.holding)


async def _stand(
    tx: Tx, child: UUID, role: str, professional: UUID | None, unit: UUID, about: UUID | None, municipality: str
) -> None:
    await tx.later(
        "insert into standing (child, role, professional, unit, about, municipality) values ($1, $2, $3, $4, $5, $6)",
        child,
        role,
        professional,
        unit,
        about,
        municipality,
    )


async def _replace(tx: Tx, child: UUID, role: str, about: UUID | None) -> None:
    await tx.later("delete from standing where child = $1 and role = $2 and ($3::uuid is null or about = $3)", child, role, about)


async def set_intake(received: Received[IntakeChanged], tx: Tx) -> None:
    event = received.event
    await tx.later(
        "insert into intake (municipality, district, lead, deputy) values ($1, $2, $3, $4)"
        " on conflict (municipality, district) do update set lead = excluded.lead, deputy = excluded.deputy",
        event.municipality, event.district, event.lead.professional, event.deputy.professional,
    )  # fmt: skip


async def note_absence(received: Received[AbsenceRegistered], tx: Tx) -> None:
    event = received.event
    await tx.later(
        "insert into absence (id, professional, municipality, from_on, until_on, deputy) values ($1, $2, $3, $4, $5, $6)"
        " on conflict (id) do update set from_on = excluded.from_on, until_on = excluded.until_on, deputy = excluded.deputy",
        event.absence, event.professional, event.municipality, event.from_on, event.until_on, event.deputy.professional
        if event.deputy else None,
    )  # fmt: skip


async def end_absence(received: Received[AbsenceEnded], tx: Tx) -> None:
    await tx.later("delete from absence where id = $1", received.event.absence)


async def note_unit(received: Received[UnitChanged], tx: Tx) -> None:
    event = received.event
    await tx.later(
        "insert into unit (id, kind, municipality, private, active) values ($1, $2, $3, $4, $5) on conflict (id) do update"
        " set kind = excluded.kind, municipality = excluded.municipality, private = excluded.private, active = excluded.active",
        event.unit, event.kind, event.municipality, event.private, event.active,
    )  # fmt: skip


IDENTIFY = FetchFirst(fetch_demographics, identify_notified)
HEAR_OF_ADMISSION = FetchFirst(fetch_demographics, hear_of_admission)
WITHDRAW = FetchFirst(keys, withdraw, is_remote=False)
SET_HOLDER = FetchFirst(keys, set_holder, is_remote=False)
