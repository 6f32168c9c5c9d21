"""Decides what becomes of a message or a notification: whom it waits for, what may change it, and what is said of it. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from services.chassis.errors import NotAllowed, NotUnderstood, RuleViolated
from services.events import Event
from services.events.midwife import (
    AdmissionChanged,
    BirthNotified,
    NotificationCorrected,
    NotificationKind,
    NotificationPlaced,
    NotificationReceived,
    NotificationWithdrawn,
    NotifiedChild,
    Placement,
    PregnancyNotified,
    WithdrawalReason,
)

Kind = Literal["pregnancy", "birth", "care-communication", "hospital-notification"]
State = Literal["registering", "registered", "to-place", "placed", "listed", "withdrawn"]

# State → what may still be done to the notification.
TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    "registering": frozenset({"registered", "to-place", "withdrawn"}),
    "registered": frozenset({"withdrawn"}),
    "to-place": frozenset({"placed", "registering", "withdrawn"}),
    "placed": frozenset({"withdrawn"}),
    "listed": frozenset({"withdrawn"}),
    "withdrawn": frozenset(),
}

# MedCom's category for free text to the health visitors (CareCommunication 5.0, Danish label "Sundhedspleje").
FOR_HEALTH_VISITORS: Final = "healthcare"

# A sender's clock may be ahead of ours; a birth further ahead than this is a slip of the pen.
_AHEAD: Final = timedelta(days=1)


class TheReceiverIsUnknown(NotUnderstood):
    """No active unit has this SOR number."""


class TheMunicipalityDoesNotReceiveHereYet(NotUnderstood):
    """The receiver exists, but its municipality has not opened, or has paused, the use of this product."""

    fault = "dependency"


class ABirthLiesInTheFuture(NotUnderstood):
    """A child cannot be notified as born before it is."""


class TheChildIsNotKnownInThisMunicipality(NotUnderstood):
    """A message can be placed only with a child that the municipality is responsible for."""


class OnlyAMaternityUnitMayNotify(NotAllowed):
    """Notifications come from an organisation's system or from a professional of a maternity unit."""


class OnlyTheSendersOwnSystemMaySend(NotAllowed):
    """A system sends for the SOR numbers that the directory names for it."""


class OnlyTheSenderMayCorrectANotification(RuleViolated):
    """The notification named in `corrects` was sent by somebody else."""


class ACorrectionGoesToTheSameMunicipality(RuleViolated):
    """A notification sent to the wrong municipality is withdrawn and sent anew."""


class TheMessageIdStandsForAnotherNotification(RuleViolated):
    """The same message id came before with other content."""


class TheNotificationIsNotWaitingToBePlaced(RuleViolated):
    """Somebody has placed it, or it never had to be placed."""


class OnlyFreeTextCanBePlacedAsANewPregnancy(RuleViolated):
    """A structured notification says itself whom it is about; if known elsewhere, a move is decided instead."""


class TheNotificationWasWithdrawn(RuleViolated):
    """Its sender has taken it back."""


@dataclass(frozen=True)
class Receiver:
    """An active unit by its SOR number, and whether its municipality receives: at all, and HospitalNotification."""

    unit: UUID
    municipality: str
    municipality_is_active: bool
    hospital_notification_basis: bool


@dataclass(frozen=True)
class Notification:
    """A notification as far as rules ask about it."""

    id: UUID
    municipality: str
    unit: UUID
    organisation: str
    kind: Kind
    state: State


@dataclass(frozen=True)
class Corrected:
    """The notification that a correction names."""

    id: UUID
    organisation: str
    municipality: str
    state: State


@dataclass(frozen=True)
class Decision:
    """What a notification becomes and what is said of it, in this order."""

    state: State
    events: Sequence[Event]


# -- messages ----------------------------------------------------------------------------------------------------------------

Refusal = Literal["receiver-unknown", "municipality-inactive"]


def refusal_of(receiver: Receiver | None) -> Refusal | None:
    """Why a message to this receiver is answered fatal-error; None if it is received."""
    if receiver is None:
        return "receiver-unknown"
    return None if receiver.municipality_is_active else "municipality-inactive"


def state_of_message(kind: str, category: str | None, receiver: Receiver) -> Literal["to-place", "listed"] | None:
    """What a message received becomes; None: it is acknowledged and its content dropped, only its ids are kept.

    Free text to the health visitors is for a named person to place and registers nobody by itself. A HospitalNotification may be
    kept only where the municipality has a legal basis to receive it (Retssikkerhedsloven s. 12 c; the municipality's decision).
    """
    if kind == "care-communication":
        return "to-place" if category == FOR_HEALTH_VISITORS else "listed"
    if kind == "hospital-notification" and receiver.hospital_notification_basis:
        return "listed"
    return None


def admission(notification: UUID, receiver: Receiver, letter_code: str, said: datetime | None, at: datetime) -> AdmissionChanged:
    """What a listed HospitalNotification says, without whom it says it of.

    `letter_code`: MedCom's Danish code, with RE_ for a correction and AN_ for a cancellation. `said`: when the sender said it;
    never later than it came.
    """
    prefix, _, code = letter_code.rpartition("_")
    return AdmissionChanged.model_validate(
        {
            "notification_id": notification,
            "municipality": receiver.municipality,
            "unit": receiver.unit,
            "code": code,
            "change": _CHANGES[prefix],
            "told_at": min(said, at) if said else at,
        }
    )


_CHANGES: Final = {"": "new", "RE": "revised", "AN": "cancelled"}


def may_send_for(sends_for: Collection[str], sender_sor: str) -> bool:
    """Whether a system sends for this SOR number; `*` is a gateway (VANS), which answers for its own customers."""
    return "*" in sends_for or sender_sor in sends_for


# -- structured notifications ------------------------------------------------------------------------------------------------


def notify(
    *,
    notification: UUID,
    kind: NotificationKind,
    receiver: Receiver | None,
    organisation: str,
    children: Sequence[NotifiedChild],
    due_on: date | None,
    corrects: UUID | None,
    corrected: Corrected | None,
    is_corrected_already: bool,
    at: datetime,
) -> Decision:
    """A structured notification registers. A correction may come before what it corrects; what it corrects is then only listed.

    `corrected`: the notification that `corrects` names, None while it has not come.
    """
    if receiver is None:
        raise TheReceiverIsUnknown(
            "No unit that receives here has receiver.sor as its SOR number. Check the address; do not repeat."
        )
    if not receiver.municipality_is_active:
        raise TheMunicipalityDoesNotReceiveHereYet(
            f"Municipality {receiver.municipality} does not receive here at present. Nothing is wrong with the notification: "
            "reach the municipality another way, and have its administrator look at it."
        )
    if any(child.born_at and child.born_at > at + _AHEAD for child in children):
        raise ABirthLiesInTheFuture("born_at lies in the future.")
    if corrected:
        _may_be_corrected(corrected, organisation, receiver)
    state: State = "listed" if is_corrected_already else "registering"
    received = NotificationReceived(
        notification_id=notification,
        municipality=receiver.municipality,
        unit=receiver.unit,
        organisation=organisation,
        received_at=at,
        state=state,
    )
    if is_corrected_already:
        return Decision(state, (received,))
    about: dict[str, Any] = {
        "notification_id": notification,
        "municipality": receiver.municipality,
        "unit": receiver.unit,
        "organisation": organisation,
        "children": list(children),
    }
    if corrects:
        old = corrected.id if corrected else corrects
        return Decision(state, (received, NotificationCorrected(kind=kind, corrects=old, due_on=due_on, **about)))
    if kind == "pregnancy":
        return Decision(state, (received, PregnancyNotified(due_on=due_on, **about)))
    return Decision(state, (received, BirthNotified(**about)))


def _may_be_corrected(corrected: Corrected, organisation: str, receiver: Receiver) -> None:
    if corrected.organisation != organisation:
        raise OnlyTheSenderMayCorrectANotification("The notification named in `corrects` was sent by somebody else.")
    if corrected.state == "withdrawn":
        raise TheNotificationWasWithdrawn("The notification named in `corrects` was withdrawn. Send a new one without it.")
    if corrected.municipality != receiver.municipality:
        raise ACorrectionGoesToTheSameMunicipality(
            "What it corrects went to another municipality: withdraw that and send a new one here."
        )


# -- placing and withdrawing -------------------------------------------------------------------------------------------------


def place(
    notification: Notification,
    placement: Placement,
    *,
    child: UUID | None,
    child_is_known_here: bool,
    due_on: date | None,
    by: UUID,
    at: datetime,
) -> Decision:
    """A person of the intake decides what a message is about: a child that is known, a new pregnancy, or nothing of ours."""
    if notification.state == "withdrawn":
        raise TheNotificationWasWithdrawn("The sender has withdrawn this notification; there is nothing to place.")
    if notification.state != "to-place":
        raise TheNotificationIsNotWaitingToBePlaced("It is not, or no longer, on the list to place.", state=notification.state)
    if placement == "existing" and not child_is_known_here:
        raise TheChildIsNotKnownInThisMunicipality(
            "`child` is not a child of this municipality. Look it up and give its reference."
        )
    if placement == "expected" and notification.kind in ("pregnancy", "birth"):
        raise OnlyFreeTextCanBePlacedAsANewPregnancy(
            "The family is known elsewhere: decide the move, or place it as existing or not-ours."
        )
    placed = NotificationPlaced(
        notification_id=notification.id,
        municipality=notification.municipality,
        placement=placement,
        child=child,
        placed_by=by,
        placed_at=at,
    )
    if placement != "expected":
        return Decision("placed", (placed,))
    notified = PregnancyNotified(
        notification_id=notification.id,
        municipality=notification.municipality,
        unit=notification.unit,
        organisation=notification.organisation,
        children=[],
        due_on=due_on,
    )
    return Decision("registering", (placed, notified))


def withdraw(notification: Notification, reason: WithdrawalReason) -> Decision:
    """The sender takes a notification back, at any time, once. People decide what becomes of a child it has registered."""
    if "withdrawn" not in TRANSITIONS[notification.state]:
        raise TheNotificationWasWithdrawn("It was withdrawn before.")
    withdrawn = NotificationWithdrawn(notification_id=notification.id, municipality=notification.municipality, reason=reason)
    return Decision("withdrawn", (withdrawn,))


def state_when_identified(state: State, known_elsewhere: bool) -> State:
    """A notification about someone another municipality knows stays on the receiver's list until people have decided."""
    return "to-place" if known_elsewhere and "to-place" in TRANSITIONS[state] else state


# -- who may -----------------------------------------------------------------------------------------------------------------


def relations(
    *,
    is_service: bool,
    is_sender: bool,
    professional: UUID | None,
    intake: Collection[UUID],
    leads_the_unit: bool,
    tovholders: Collection[UUID],
) -> frozenset[str]:
    """How somebody stands to a notification, in access.yaml's words. `intake`: lead, deputy and leader of the unit's intake."""
    found = {
        "service": is_service,
        "sender": is_sender,
        "intake-lead": professional in intake,
        "leader": leads_the_unit,
        "holder": professional in tovholders,
    }
    return frozenset(relation for relation, stands in found.items() if stands)
