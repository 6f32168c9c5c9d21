"""What the midwife service says: a notification has come, been corrected or withdrawn; a message waits to be placed."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from services.events.envelope import Event, Municipality

NotificationKind = Literal["pregnancy", "birth"]
Placement = Literal["existing", "expected", "not-ours"]
WithdrawalReason = Literal["incorrect-person", "incorrect-receiver", "sent-in-error", "other"]


class NotifiedChild(BaseModel):
    """One child of a notification, by its order in it; who it is, is behind the notification's authorised address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    order: int
    born_at: AwareDatetime | None = None


class _Notified(Event):
    notification_id: UUID
    municipality: Municipality
    unit: UUID
    organisation: str
    children: list[NotifiedChild]


class NotificationReceived(Event, source="midwife"):
    """A message was stored and acknowledged. Subject: the notification. Says nothing of what it is about."""

    notification_id: UUID
    municipality: Municipality
    unit: UUID
    organisation: str
    received_at: AwareDatetime
    state: Literal["registering", "to-place", "listed"]
    place_by: AwareDatetime | None = None


class PregnancyNotified(_Notified, source="midwife"):
    """A midwife has notified a pregnancy. Subject: the notification."""

    due_on: date | None = None


class BirthNotified(_Notified, source="midwife"):
    """A midwife has notified a birth, with one child or more. Subject: the notification."""


class NotificationCorrected(_Notified, source="midwife"):
    """An earlier notification is replaced by this one. Subject: the new notification; `corrects` is the old one."""

    kind: NotificationKind
    corrects: UUID
    due_on: date | None = None


class NotificationWithdrawn(Event, source="midwife"):
    """The sender takes a notification back. Subject: the notification. A person decides what becomes of the child."""

    notification_id: UUID
    municipality: Municipality
    reason: WithdrawalReason


class NotificationPlaced(Event, source="midwife"):
    """A person has decided what a message on the to-place list is about. Subject: the notification.

    `expected` is followed by PregnancyNotified in the same commit; `child` is given with `existing` only.
    """

    notification_id: UUID
    municipality: Municipality
    placement: Placement
    child: UUID | None = None
    placed_by: UUID
    placed_at: AwareDatetime


class AdmissionChanged(Event, source="midwife"):
    """A hospital says that a stay began, changed or ended, or that someone has died. Subject: the notification.

    Only where the municipality has a legal basis to receive it. `code` is MedCom's letter code without RE_ or AN_, which are
    `change`; whom it is about stands behind the notification's authorised address.
    """

    notification_id: UUID
    municipality: Municipality
    unit: UUID
    code: Literal["STAA", "STIN", "STOR", "SLOR", "SLHJ", "MORS"]
    change: Literal["new", "revised", "cancelled"]
    told_at: AwareDatetime
