"""Guarantees that an event is a past-tense fact with a versioned type and a body of ids, codes and dates."""

import re
from collections.abc import Iterable
from typing import Annotated, ClassVar, get_args
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StringConstraints

Municipality = Annotated[str, StringConstraints(pattern=r"^\d{4}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]

_WORD = re.compile(r"(?<!^)(?=[A-Z])")


class Event(BaseModel):
    """One fact. A subclass `TovholderChanged` of source `registry` has type `dk.tovholder.registry.tovholder_changed.v1`.

    `source` and `major` are given as class arguments: `class CaseClosed(Event, source="registry")`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: ClassVar[str]
    type: ClassVar[str]

    def __init_subclass__(cls, source: str = "", major: int = 1, **arguments: object) -> None:
        super().__init_subclass__()
        if source:
            cls.source = source
            cls.type = f"dk.tovholder.{source}.{_WORD.sub('_', cls.__name__).lower()}.v{major}"


EventTypes = dict[str, type[Event]]


def event_types(events: Iterable[type[Event]] = ()) -> EventTypes:
    """Every event that has been declared, by its type; or the given ones."""
    found = list(events) or _leaves(Event)
    return {event.type: event for event in found}


def _leaves(of: type[Event]) -> list[type[Event]]:
    return [leaf for child in of.__subclasses__() for leaf in ([child] if hasattr(child, "type") else []) + _leaves(child)]


class Seat(BaseModel):
    """A professional's place in a unit: the only place a baton can lie."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    professional: UUID
    unit: UUID


def options(of: object) -> tuple[str, ...]:
    """The values of a `Literal`."""
    return get_args(of)
