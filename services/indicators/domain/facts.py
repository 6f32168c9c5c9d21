"""What is kept of an event: when, where and of which kind; whom it is about only as a keyed hash."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from services.chassis.errors import CannotBeApplied
from services.indicators.domain.veil import Veil

_COPENHAGEN = ZoneInfo("Europe/Copenhagen")
_SEAT = ("professional", "unit")


@dataclass(frozen=True)
class Note:
    """Which of an event's fields are kept, as dotted paths; a path that ends in `?` may lead nowhere.

    `kind`: what the fact is called in figures.yaml. `child`: whose it is, None where it is about no child. `thing`: what further
    facts are about too, as a handover or an enrolment. `seat`, `before`: professional and unit.
    """

    kind: str
    child: str | None = "child"
    thing: str | None = None
    unit: str | None = None
    code: str | None = None
    detail: str | None = None
    seat: str | None = None
    before: str | None = None
    happened: str | None = None

    def paths(self) -> tuple[str, ...]:
        """Those that must be there."""
        every = (self.child, self.thing, self.unit, self.code, self.detail, self.seat, self.before, self.happened)
        return tuple(path for path in every if path and not path.endswith("?"))


class Fact(NamedTuple):
    """A row to keep, in the order of the table's columns."""

    kind: str
    subject: bytes
    version: int
    municipality: str
    at: datetime
    happened: datetime
    child: bytes | None
    thing: bytes | None
    unit: UUID | None
    code: str | None
    detail: str | None
    seat: bytes | None
    before: bytes | None


def fact_of(
    note: Note, data: Mapping[str, Any], subject: UUID | str, version: int, at: datetime | str, veil: Veil
) -> Fact | None:
    """What is kept of an event's JSON; None where it belongs to no municipality.

    The same for the same event, whether it was heard or read from a feed. CannotBeApplied where a field is missing.
    """
    municipality = data.get("municipality")
    if not municipality:
        return None
    try:
        said = at if isinstance(at, datetime) else datetime.fromisoformat(at)
        unit = _at(data, note.unit)
        return Fact(
            note.kind,
            veil.of(subject),
            version,
            municipality,
            said,
            _instant(_at(data, note.happened), said),
            _hashed(_at(data, note.child), veil),
            _hashed(_at(data, note.thing), veil),
            UUID(unit) if unit else None,
            _word(_at(data, note.code)),
            _word(_at(data, note.detail)),
            _hashed(_at(data, note.seat), veil),
            _hashed(_at(data, note.before), veil),
        )
    except KeyError as error:
        raise CannotBeApplied("the event lacks a field that is counted by") from error


def _at(data: Mapping[str, Any], path: str | None) -> Any:
    if path is None:
        return None
    if path.endswith("?"):
        return data.get(path[:-1])
    found: Any = data
    for step in path.split("."):
        if found is None:
            return None
        found = found[step]
    return found


def _hashed(found: Any, veil: Veil) -> bytes | None:
    if not found:
        return None
    return veil.of(*(found[part] for part in _SEAT)) if isinstance(found, Mapping) else veil.of(found)


def _word(found: Any) -> str | None:
    """A code; yes and no for what is true and false."""
    if isinstance(found, bool):
        return "yes" if found else "no"
    return None if found is None else str(found)


def _instant(found: str | None, said: datetime) -> datetime:
    """An instant as given; a date is its first moment in Copenhagen."""
    if not found:
        return said
    if len(found) > 10:
        return datetime.fromisoformat(found)
    return datetime.combine(date.fromisoformat(found), datetime.min.time(), _COPENHAGEN)
