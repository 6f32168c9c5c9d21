"""What notifications does when it hears something: remembers who is concerned, and queues a notice for each of them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.chassis.calendar import COPENHAGEN, after_working_days, date_of
from services.chassis.envelope import envelope
from services.chassis.errors import NotYetKnown
from services.chassis.service import Apply, FetchFirst, Received, Runtime
from services.chassis.store import Tx
from services.events.daycare import StartCancelled, StartPlanned
from services.events.directory import (
    AbsenceEnded,
    AbsenceRegistered,
    IntakeChanged,
    MunicipalityChanged,
    UnitChanged,
    subject_of_municipality,
)
from services.events.midwife import NotificationReceived, NotificationWithdrawn
from services.events.persons import ChildCorrected, MoveProposed
from services.events.registry import (
    CaseClosed,
    CaseMerged,
    CaseSeparated,
    ChildBorn,
    ChildRegistered,
    HandoverDeclined,
    HandoverEffected,
    HandoverRescheduled,
    HandoverScheduled,
    HandoverSuperseded,
    HandoverWithdrawn,
    SupporterJoined,
    SupporterLeft,
    TovholderChanged,
)
from services.notifications import domain, repository
from services.notifications.domain import Known, Next, Told, mending
from services.notifications.domain import outward as leaving
from services.notifications.repository import Planned, concerned, letters, outward, people


async def foresee(tx: Tx, subjects: Sequence[UUID], events: Sequence[str]) -> None:
    """What the handlers below ask of each event, for a batch of them."""
    await concerned.foresee(tx, subjects)
    await repository.foresee_told(tx, events)


async def remember_unit(received: Received[UnitChanged], tx: Tx) -> None:
    """Facts whose audience are this unit's leaders may have come before it."""
    await concerned.keep_unit(tx, received.event)
    tx.now_known(received.event.unit)


async def remember_intake(received: Received[IntakeChanged], tx: Tx) -> None:
    """Messages that wait for an intake lead may have come before one was named."""
    await repository.keep_intake(tx, received.subject, received.event)
    tx.now_known(subject_of_municipality(received.event.municipality))


async def remember_absence(received: Received[AbsenceRegistered], tx: Tx) -> None:
    await concerned.keep_absence(tx, received.event)


async def remember_return(received: Received[AbsenceEnded], tx: Tx) -> None:
    await concerned.end_absence(tx, received.event.absence, received.event.ended_on)


async def remember_municipality(received: Received[MunicipalityChanged], tx: Tx) -> None:
    await letters.keep_closing_days(tx, received.event.municipality, received.event.closing_days)


async def remember_child(received: Received[ChildRegistered], tx: Tx) -> None:
    child = received.event
    if child.notification_id:
        await repository.keep_notified_child(tx, child.notification_id, child.child, child.municipality)


async def remember_supporter(received: Received[SupporterJoined], tx: Tx) -> None:
    await concerned.keep_supporter(tx, received.event.child, received.event.supporter)


async def forget_supporter(received: Received[SupporterLeft], tx: Tx) -> None:
    await concerned.drop_supporter(tx, received.event.child, received.event.supporter)


async def tell_of_new_tovholder(received: Received[TovholderChanged], tx: Tx, has_letters: bool = False) -> None:
    """With its first tovholder a child is known here, and what was heard of it before is told.

    The letter of a mere registration waits some working days: the first acceptance says all it would have said.
    """
    event, at = received.event, await tx.now()
    known = await _known(received, tx)
    letter_at = None
    if has_letters and event.why in ("registration", "sibling"):
        days, off = await letters.rule_of(tx, event.municipality)
        letter_at = after_working_days(at, days, off) if days else None
    await _queue(received, tx, domain.kind_of(event), event.municipality, received.subject, known, has_letters, letter_at)
    await concerned.keep_tovholder(tx, received.event, received.version)
    if known.holder is None:
        tx.now_known(received.subject)


async def tell(received: Received[Any], tx: Tx, has_letters: bool = False) -> None:
    """Queues the notice of an event about a child for everyone whom audience.yaml names."""
    known = await _known(received, tx)
    if known.holder is None:
        raise NotYetKnown(received.subject)
    municipality: str = getattr(received.event, "municipality")  # noqa: B009 - every event about a child has one
    await _queue(received, tx, domain.kind_of(received.event), municipality, received.subject, known, has_letters)


_OVER = (HandoverDeclined, HandoverWithdrawn, HandoverSuperseded)


async def tell_of_handover(received: Received[Any], tx: Tx) -> None:
    """Who is asked is the next tovholder until the question is over; whoever waits for the day named hears of its end, too."""
    await tell(received, tx)
    event = received.event
    agreed, over = isinstance(event, HandoverScheduled | HandoverRescheduled), isinstance(event, _OVER)
    next_ = Next(event.handover, event.receiver, agreed)
    concerned.keep_next(tx, event.child, event.municipality, next_, is_open=not over)


async def forget_next(received: Received[HandoverEffected], tx: Tx) -> None:
    """The next tovholder is the present one; the TovholderChanged of the same commit tells so."""
    event = received.event
    over = Next(event.handover, event.receiver, agreed=False)
    concerned.keep_next(tx, event.child, event.municipality, over, is_open=False)


async def tell_of_underretning(received: Received[Any], tx: Tx) -> None:
    """It names no child: whoever looks at a child's notices learns nothing of it."""
    known = await _known(received, tx)
    event = received.event
    await _queue(received, tx, domain.kind_of(event), event.municipality, event.underretning, known)


# Of these the family gets no letter: there is nothing in it for them, or it would hurt.
_QUIETLY = ("died", "pregnancy-ended", "wrongly-registered", "merged")


async def tell_of_closing(received: Received[CaseClosed], tx: Tx, has_letters: bool = False) -> None:
    """Whoever stood by the child is told; from now on the intake lead hears what a tovholder would."""
    event = received.event
    known = await _known(received, tx)
    if known.holder is None:
        raise NotYetKnown(received.subject)
    kind = "case_closed_quietly" if event.reason in _QUIETLY else domain.kind_of(event)
    await _queue(received, tx, kind, event.municipality, received.subject, known, has_letters, stops_letters=True)
    await concerned.close_case(tx, event.child, received.version)


async def tell_of_merge(received: Received[CaseMerged], tx: Tx) -> None:
    """Both tovholdere and the leaders of the one who stays: they are to look at it."""
    event = received.event
    merged, kept = await _known_as(tx, event.child), await _known_as(tx, event.merged_into)
    also = (*kept.supporters, *((merged.holder.professional,) if merged.holder else ()))
    await _queue(received, tx, domain.kind_of(event), event.municipality, event.merged_into, replace(kept, supporters=also))
    await concerned.link_case(tx, event.child, event.merged_into)


async def tell_of_separation(received: Received[CaseSeparated], tx: Tx) -> None:
    """Who held the baton of both is told; the tovholder of the separated child by the TovholderChanged that follows."""
    event = received.event
    kept = await _known_as(tx, event.separated_from)
    await _queue(received, tx, domain.kind_of(event), event.municipality, event.separated_from, kept)
    await concerned.link_case(tx, event.child, None)


async def _known_as(tx: Tx, child: UUID) -> Known:
    """A child's tovholder with the leaders of their unit. NotYetKnown names the child, or that unit."""
    today = date_of(await tx.now())
    known = await concerned.known_of(tx, child, [], [], today)
    if known.holder is None:
        raise NotYetKnown(child)
    led = await concerned.known_of(tx, child, [known.holder.unit], [], today)
    if known.holder.unit not in led.leaders:
        raise NotYetKnown(known.holder.unit)
    return led


async def tell_of_message_to_place(received: Received[NotificationReceived], tx: Tx) -> None:
    """A free-text message waits for a person: the intake lead is told."""
    event = received.event
    if event.state == "to-place":
        await _tell_intake(received, tx, "message_to_place", event.municipality, event.notification_id, event.unit)


async def tell_of_withdrawal(received: Received[NotificationWithdrawn], tx: Tx) -> None:
    """Each child's tovholder decides what becomes of the child; before there is a child, the intake lead of the notification."""
    event = received.event
    holders = await repository.holders_of_notification(tx, event.notification_id)
    for child, holder in holders:
        await _queue(received, tx, domain.kind_of(event), event.municipality, child, Known(holder=holder))
    if not holders:
        await _tell_intake(received, tx, domain.kind_of(event), event.municipality, event.notification_id, None)


async def tell_of_move(received: Received[MoveProposed], tx: Tx) -> None:
    """People decide: where the person is known, about the person; where the notification came, about the notification only."""
    event = received.event
    await _tell_intake(received, tx, "move_proposed", event.from_municipality, event.person, None)
    if event.notification_id:
        await _tell_intake(received, tx, "move_proposed", event.to_municipality, event.notification_id, None)


async def _tell_intake(received: Received[Any], tx: Tx, kind: str, municipality: str, about: UUID, unit: UUID | None) -> None:
    lead = await repository.intake_lead(tx, municipality, unit)
    if lead is None:
        raise NotYetKnown(subject_of_municipality(municipality))
    await _queue(received, tx, kind, municipality, about, Known(intake_lead=lead))


async def _known(received: Received[Any], tx: Tx) -> Known:
    """NotYetKnown names a unit whose leaders are to be told before the directory's word of it has come."""
    kind = domain.kind_of(received.event)
    seats, units = domain.seats_of(received.event), domain.units_led(kind, received.event)
    known = await concerned.known_of(
        tx,
        received.subject,
        units.values(),
        [seat.professional for seat in seats.values()],
        date_of(await tx.now()),
        [seat.unit for seat in seats.values()],
        holder_s_deputy=domain.asks_the_tovholder_s_deputy(kind),
    )
    for unit in units.values():
        if unit not in known.leaders:
            raise NotYetKnown(unit)
    return known


async def _queue(
    received: Received[Any],
    tx: Tx,
    kind: str,
    municipality: str,
    about: UUID,
    known: Known,
    has_letters: bool = False,
    letter_at: datetime | None = None,
    stops_letters: bool = False,
) -> None:
    """`stops_letters`: also where this is told by no letter, those that wait are not to go."""
    told = [one for one in domain.audience(kind, received.event, known) if has_letters or one.channel != "letter"]
    stops = stops_letters or (kind not in domain.STANDS_ALONE and any(one.channel == "letter" for one in told))
    planned = await _planned(tx, kind, told, letter_at)
    at = await tx.now()
    await repository.queue(tx, municipality, about, kind, received.id, received.time, planned, at, stops_letters=stops)


async def _planned(tx: Tx, kind: str, told: Sequence[Told], letter_at: datetime | None) -> list[Planned]:
    """Each as its recipient wants it: an e-mail at once, in the digest, or not at all."""
    mailed = [one.recipient for one in told if one.channel == "email" and one.to_whom == "professional" and one.recipient]
    wishes = await people.wishes_of(tx, mailed) if mailed and kind not in domain.waits_for_you() else {}
    planned = []
    for one in told:
        row = wishes.get(one.recipient) if one.channel == "email" and one.recipient else None
        wish = mending.wish_for(kind, row["email"]) if row else "at-once"
        if wish == "digest" and row:
            planned.append(Planned(one, mending.digest_after(await tx.now(), row["digest_hour"], COPENHAGEN), digest=True))
        elif wish == "at-once":
            planned.append(Planned(one, letter_at if one.channel == "letter" else None))
    return planned


# -- What leaves the product ------------------------------------------------------------------------------------------------


async def has_letters(_: Received[Any], runtime: Runtime) -> bool:
    """Whether this installation has a way to send letters."""
    return runtime.settings.letters_folder is not None


def also_outward(step: Apply | FetchFirst) -> Apply | FetchFirst:
    """What a handler does, and that integrators may hear of it."""
    if isinstance(step, FetchFirst):
        apply_fetched: Callable[[Received[Any], Tx, Any], Awaitable[None]] = step.apply

        async def both_fetched(received: Received[Any], tx: Tx, found: Any) -> None:
            await apply_fetched(received, tx, found)
            await pass_outward(received, tx)

        return FetchFirst(step.fetch, both_fetched, step.is_remote)
    apply = step

    async def both(received: Received[Any], tx: Tx) -> None:
        await apply(received, tx)
        await pass_outward(received, tx)

    return both


async def pass_outward(received: Received[Any], tx: Tx) -> None:
    """Keeps the event, as it was heard, until it is given to the subscriptions that it concerns."""
    event = received.event
    await _remember_for_rules(received, tx)
    content = {
        **envelope(event, received.subject),
        "id": received.id,
        "version": received.version,
        "time": received.time.isoformat().replace("+00:00", "Z"),
    }
    content.pop("causationid", None)
    units = {seat.unit for seat in domain.seats_of(event).values()}
    units |= {unit for name in ("unit", "to_unit") if (unit := getattr(event, name, None))}
    sender = getattr(event, "organisation", None)
    outward.keep_waiting(
        tx, event.municipality, domain.kind_of(event), received.subject, units, [sender] if sender else [], content
    )


async def _remember_for_rules(received: Received[Any], tx: Tx) -> None:
    """What the rules of subscriptions ask of a child."""
    match received.event:
        case ChildRegistered() as child:
            await outward.keep_child(tx, child.child, child.municipality, child.born_on, child.due_on)
        case ChildBorn() | ChildCorrected() as child:
            await outward.keep_child(tx, child.child, child.municipality, child.born_on, None)
        case StartPlanned() as start:
            await outward.keep_child_s_unit(tx, start.child, start.municipality, start.unit, starts=True)
        case StartCancelled() as start:
            await outward.keep_child_s_unit(tx, start.child, start.municipality, start.unit, starts=False)
        case NotificationReceived() as told:
            await outward.keep_sender(tx, told.notification_id, told.municipality, told.organisation)


async def remember_correction(received: Received[ChildCorrected], tx: Tx) -> None:
    await _remember_for_rules(received, tx)


def leaves_the_product(kind: str) -> bool:
    return kind in leaving.leaves()
