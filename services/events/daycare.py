"""What daycare says of a child's start in an institution or with a dagplejer."""

from datetime import date
from typing import Literal
from uuid import UUID

from services.events.envelope import Event, Municipality, Seat


class _Start(Event):
    start: UUID
    child: UUID
    municipality: Municipality
    unit: UUID
    starts_on: date


class StartPlanned(_Start, source="daycare"):
    """A child is to start in a named unit on a date, met by a named pedagogue. Subject: the child."""

    pedagogue: Seat | None


class StartMoved(_Start, source="daycare"):
    """The start is on another date; `starts_on` is the new one. Subject: the child."""

    before: date


class TransitionPrepared(_Start, source="daycare"):
    """The overlevering for a start is given or expressly refused. Subject: the child."""

    overlevering: UUID


class ChildStarted(_Start, source="daycare"):
    """The child has started. Subject: the child."""


class StartCancelled(_Start, source="daycare"):
    """The start will not be; `case-closed`: the child moved away, died, or was registered wrongly. Subject: the child."""

    cause: Literal["family", "placement", "error", "case-closed"]
