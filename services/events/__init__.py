"""The published language: every event the services say to each other, thin and without personal data."""

from services.events.envelope import Event, EventTypes, event_types

__all__ = ["Event", "EventTypes", "event_types"]
