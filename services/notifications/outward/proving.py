"""The event that proves a line: it is about nobody and goes to one subscription only."""

from datetime import datetime
from typing import Any
from uuid import UUID

from services.chassis.envelope import envelope
from services.events.notifications import LineTested


def proof(subscription: UUID, at: datetime) -> dict[str, Any]:
    """An envelope like any other. Its version says nothing: what counts outward is `sequence`."""
    made = envelope(LineTested(subscription=subscription), subscription)
    return {**made, "version": 1, "time": at.isoformat().replace("+00:00", "Z")}
