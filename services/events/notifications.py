"""What notifications says of each notice: that it was delivered, seen, or failed and to whom it was shown."""

from typing import Literal
from uuid import UUID

from services.events.envelope import Code, Event, Municipality

Channel = Literal["inbox", "email", "letter", "sms"]


class _Delivery(Event):
    delivery: UUID
    notice: UUID
    municipality: Municipality
    channel: Channel
    about: UUID


class Delivered(_Delivery, source="notifications"):
    """A notice stands in its recipient's inbox, their mail server has taken it, or the print service has the letter.

    Subject: the notice.
    """


class Seen(_Delivery, source="notifications"):
    """The recipient says that they have seen it. Subject: the notice."""


class ToldInPerson(_Delivery, source="notifications"):
    """What could not be delivered was told by a person instead. Subject: the notice."""

    by: UUID
    how: Literal["in-person", "phone", "printed"] = "in-person"


class LineTested(Event, source="notifications"):
    """Sent every quarter of an hour to a subscription, to prove the line; to nobody else. Subject: the subscription."""

    subscription: UUID


class Failed(_Delivery, source="notifications"):
    """A notice could not be delivered and is shown to a person who can act. Subject: the notice."""

    reason: Code
    shown_to: UUID | None
