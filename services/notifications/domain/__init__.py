"""Pure rules of telling: who is told of what, when the next try is, and when a person must take over."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Literal
from uuid import UUID

import yaml

from services.events import Event
from services.events.envelope import Seat

Channel = Literal["inbox", "email", "letter", "sms"]
ToWhom = Literal["professional", "family"]

TRIES_AT_MOST = 6
_RESTS = (timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))

# Whoever is asked is away: the delivery waits, and the waiting is no try.
WAITS = timedelta(seconds=10)
# A delivery is in one process's hands for this long. Longer than any try takes, so that only a process that died loses it.
IN_HAND = timedelta(minutes=2)

# Trying again changes nothing: there is nobody, nowhere to send to, or the mail server says so for good
# (RFC 5321 § 4.2.3, RFC 7504).
_FINAL = frozenset(
    {
        *("no-address", "address-malformed", "family-unknown", "smtp-550", "smtp-551", "smtp-553", "smtp-521", "smtp-556"),
        *("no-postal-address", "returned", "refused-by-print", "no-receipt", "no-adapter"),
    }
)

_SEATS = {
    "tovholder": "tovholder",
    "before": "before",
    "giver": "giver",
    "receiver": "receiver",
    "pedagogue": "pedagogue",
    "to": "escalated-to",
    "last": "last",
    "responsible": "responsible",
    "notifier": "notifier",
}


# Of these the mother alone is told, whoever holds custody.
HERS_ALONE = frozenset({"mother_disclosed_by_law"})
# Their letters say what no other letter says: none of them stops another, or is stopped by one.
STANDS_ALONE = frozenset({"disclosed_by_law", *HERS_ALONE})


@dataclass(frozen=True)
class Next:
    """Who is asked to take the baton by a handover that is open. `agreed`: the family has been told of the day."""

    handover: UUID
    seat: Seat
    agreed: bool


@dataclass(frozen=True)
class Known:
    """What notifications knows when something happens. `leaders`: by unit. `deputies`: of those who are absent now.

    `private_units`: the private ones among those units.
    """

    holder: Seat | None = None
    next: Next | None = None
    supporters: tuple[UUID, ...] = ()
    leaders: Mapping[UUID, tuple[UUID, ...]] = field(default_factory=dict)
    deputies: Mapping[UUID, UUID] = field(default_factory=dict)
    intake_lead: UUID | None = None
    private_units: frozenset[UUID] = frozenset()


@dataclass(frozen=True)
class Told:
    """One delivery to make. `recipient` is None for the family: persons says who that is at the moment of sending."""

    to_whom: ToWhom
    recipient: UUID | None
    why: str
    channel: Channel


@cache
def _rules() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(files("services.notifications").joinpath("audience.yaml").read_text())
    return content


def audiences() -> dict[str, dict[str, list[str]]]:
    """Fact → roles told (`tell`), roles e-mailed (`email`) and those told besides (`agreed`), from audience.yaml."""
    found: dict[str, dict[str, list[str]]] = _rules()["told"]
    return found


def tells_nobody() -> frozenset[str]:
    """Facts of which nobody is told, each on purpose."""
    return frozenset(_rules()["nobody"])


@cache
def waits_for_you() -> frozenset[str]:
    """Facts that ask someone for an answer: their e-mail comes at once, whatever the recipient has chosen."""
    return frozenset(_rules()["waits_for_you"])


@cache
def private_institutions_hear() -> frozenset[str]:
    """The facts that people in a private institution are told; of everything else the parents inform it themselves."""
    return frozenset(_rules()["private_institutions_hear"])


def kind_of(event: Event | type[Event]) -> str:
    """`dk.tovholder.registry.tovholder_changed.v1` → `tovholder_changed`."""
    return event.type.split(".")[3]


@cache
def _seats_in(kind: type[Event]) -> tuple[tuple[str, str], ...]:
    """The fields of an event that may hold a seat, each with its role."""
    return tuple((name, role) for name, role in _SEATS.items() if name in kind.model_fields)


def seats_of(event: Event) -> dict[str, Seat]:
    """The event's seats by role. Where a baton moved, the one before is the giver and the new tovholder the receiver."""
    named = {role: seat for name, role in _seats_in(type(event)) if isinstance(seat := getattr(event, name), Seat)}
    moved = {"giver": named.get("before"), "receiver": named.get("tovholder")} if "tovholder" in named else {}
    return {**{role: seat for role, seat in moved.items() if seat}, **named}


def asks_the_tovholder_s_deputy(kind: str) -> bool:
    """Whether whoever answers for the tovholder in an absence is told, too."""
    return "tovholder-deputy" in audiences()[kind]["tell"]


def units_led(kind: str, event: Event) -> dict[str, UUID]:
    """The units whose leaders are told, by role: `giver-leaders` → the giver's unit."""
    return _units_led(kind, event, seats_of(event))


def _units_led(kind: str, event: Event, seats: Mapping[str, Seat]) -> dict[str, UUID]:
    of = {f"{role}-leaders": seat.unit for role, seat in seats.items()}
    unit = getattr(event, "to_unit", None) or getattr(event, "unit", None)
    of |= {"unit-leaders": unit} if unit else {}
    return {role: of[role] for role in audiences()[kind]["tell"] if role in of}


def audience(kind: str, event: Event, known: Known) -> list[Told]:
    """Everyone told, each once per channel, in the order of audience.yaml; the first role in which someone is told is `why`."""
    rules, seats = audiences()[kind], seats_of(event)
    led = _units_led(kind, event, seats)
    seats |= {"next": known.next.seat} if known.next else {}
    was_agreed = known.next and known.next.agreed and known.next.handover == getattr(event, "handover", None)
    told: dict[tuple[ToWhom, UUID | None, Channel], Told] = {}
    for role in (*rules["tell"], *(rules.get("agreed", ()) if was_agreed else ())):
        beside: tuple[tuple[str, Channel], ...] = (("email", "email"), ("letter", "letter"))
        channels: list[Channel] = ["inbox", *(channel for name, channel in beside if role in rules.get(name, ()))]
        for to_whom, recipient in _of_role(role, kind, event, known, seats, led):
            for channel in channels:
                told.setdefault((to_whom, recipient, channel), Told(to_whom, recipient, role, channel))
    return list(told.values())


def _of_role(
    role: str, kind: str, event: Event, known: Known, seats: Mapping[str, Seat], led: Mapping[str, UUID]
) -> list[tuple[ToWhom, UUID | None]]:
    if role == "family":
        return [("family", None)]
    found: list[UUID | None]
    if known.private_units and _is_kept_from(role, kind, event, known, seats, led):
        return []
    if role == "tovholder-leaders":
        found = list(known.leaders.get(known.holder.unit, ())) if known.holder else []
    elif role == "participants":
        found = [seat.professional for seat in getattr(event, "participants", ())]
    elif role == "supporters":
        found = list(known.supporters)
    elif role == "intake-lead":
        found = [known.intake_lead]
    elif role.endswith("-leaders"):
        unit = led.get(role)
        found = list(known.leaders.get(unit, ())) if unit else []
    elif role.endswith("-deputy"):
        absent = seats.get(role.removesuffix("-deputy")) or (known.holder if role == "tovholder-deputy" else None)
        found = [known.deputies.get(absent.professional)] if absent else []
    else:
        seat = seats.get(role) or (known.holder if role == "tovholder" else None)
        found = [seat.professional] if seat else []
    return [("professional", professional) for professional in found if professional]


def _is_kept_from(role: str, kind: str, event: Event, known: Known, seats: Mapping[str, Seat], led: Mapping[str, UUID]) -> bool:
    """Whether the role stands in a private institution, which is not told this (Sundhedsloven s. 43: consent or the parents).

    Of an overlevering that the parents refused it hears nothing either.
    """
    seat = seats.get(role)
    unit = seat.unit if seat else led.get(role)
    if role in ("unit-leaders", "pedagogue"):
        unit = unit or getattr(event, "to_unit", None) or getattr(event, "unit", None)
    if unit not in known.private_units:
        return False
    return kind not in private_institutions_hear() or getattr(event, "basis", None) == "refused"


def is_not_to_be_told(found: Mapping[str, Any], person: UUID) -> str | None:
    """Why this person of a family is to hear nothing any more, by what persons says now (`do_not_contact`, `recipients`).

    Whoever no longer holds custody is not tried again, and nobody is asked to phone them. Where nobody at all is named, it is
    not this person who is out of it: that is for people to look at.
    """
    if found["do_not_contact"]:
        return "do-not-contact"
    named = {UUID(one["person"]) for one in found["recipients"]}
    return "no-longer-concerned" if named and person not in named else None


def next_try(tries: int, reason: str, at: datetime) -> datetime | None:
    """When to try again after so many tries, the last of which failed for `reason`; None: a person must take over."""
    if reason in _FINAL or tries >= TRIES_AT_MOST:
        return None
    return at + _RESTS[min(tries, len(_RESTS)) - 1]
