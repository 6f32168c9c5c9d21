"""What daycare says of places, of a child's start in an institution or with a dagplejer, and of work with the parents there."""

from datetime import date
from typing import Literal
from uuid import UUID

from services.events.envelope import Code, Event, Municipality, Seat

BatonRule = Literal["stays", "tovholder-decides", "moves"]
Item = Literal["overlevering", "meeting", "pedagogue", "method"]
How = Literal["given", "reduced", "nothing-passed", "declined-by-family", "held", "named", "continues", "ends", "not-needed"]
ReleaseReason = Literal[
    "family-declined", "no-longer-needed", "placed-elsewhere", "start-cancelled", "case-closed", "child-left", "error", "other"
]

WhyNoPlusPlads = Literal["none-is-free", "not-trained-in-the-method", "family-declined", "placed-elsewhere", "other"]


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


class PedagogueNamed(_Start, source="daycare"):
    """It is decided, or decided anew, who meets the child. Subject: the child."""

    pedagogue: Seat
    replaces: UUID | None


class TransitionPrepared(_Start, source="daycare"):
    """The overlevering for a start is given, or it was tried and nothing could pass. Subject: the child."""

    overlevering: UUID


class TransitionItemSettled(_Start, source="daycare"):
    """An item of the transition's checklist stands as `how` says from now on. Subject: the child.

    `missing`: what the transition still lacks.
    """

    item: Item
    how: How
    missing: list[Item]


class TransitionIncomplete(_Start, source="daycare"):
    """The start is near and something is still missing. Subject: the child."""

    tovholder: Seat | None
    missing: list[Item]


class BatonDecided(_Start, source="daycare"):
    """Whether the baton goes along with the child. Subject: the child. It moves only by a handover at the registry."""

    moves: bool
    decided_by: UUID | None


class BatonRuleSet(Event, source="daycare"):
    """A municipality's rule whether the baton goes along with a start, from a day on. Subject: derived from the code."""

    municipality: Municipality
    from_on: date
    baton: BatonRule


class FamilyMeetingHeld(_Start, source="daycare"):
    """The family, the institution and who else stands by the child have met. Subject: the child."""

    meeting: UUID
    held_on: date
    participants: list[UUID]


class ChildStarted(_Start, source="daycare"):
    """The child has started. Subject: the child."""


class ChildSettled(_Start, source="daycare"):
    """The child has settled in: the giver's support ends, the episode goes on. Subject: the child."""


class StartCancelled(_Start, source="daycare"):
    """The start will not be; `case-closed`: the child moved away, died, or was registered wrongly. Subject: the child."""

    cause: Literal["family", "placement", "error", "case-closed"]


class PlaceReserved(Event, source="daycare"):
    """A plusplads is held for a child from now until it starts. Subject: the child."""

    holding: UUID
    child: UUID
    municipality: Municipality
    unit: UUID
    method: Code
    from_on: date
    start: UUID | None


class PlaceReleased(Event, source="daycare"):
    """A plusplads is free again. Subject: the child."""

    holding: UUID
    child: UUID
    municipality: Municipality
    unit: UUID
    reason: ReleaseReason
    free_from: date


class _AskedPlusPlads(Event):
    asked: UUID
    child: UUID
    municipality: Municipality
    unit: UUID


class PlusPladsAwaited(_AskedPlusPlads, source="daycare"):
    """An institution has to say by a day whether it holds a plusplads that a programme asks for. Subject: the child.

    `asked`: the enrolment in that programme.
    """

    due_on: date


class PlusPladsOverdue(_AskedPlusPlads, source="daycare"):
    """The last day to answer for a plusplads has passed; `to` is the leader who is to see to it. Subject: the child."""

    due_on: date
    tovholder: Seat | None
    to: Seat | None


class PlusPladsLapsed(_AskedPlusPlads, source="daycare"):
    """What a programme asked an institution for is no longer to be decided there. Subject: the child."""


class PlusPladsAnswered(_AskedPlusPlads, source="daycare"):
    """What became of the plusplads that a programme asked for; `asked`: its enrolment there. Subject: the child."""

    reserved: bool
    reason: WhyNoPlusPlads | None
    answered_by: UUID | None


class CapacityChanged(Event, source="daycare"):
    """How many places an institution or dagpleje has from a day on, and what it is trained in. Subject: the unit."""

    unit: UUID
    municipality: Municipality
    from_on: date
    places: int
    plus_places: int
    high_quality: bool
    methods: list[Code]


class TalkHeld(Event, source="daycare"):
    """Someone has given a talk (oplæg) to the staff of an institution. Subject: the unit."""

    talk: UUID
    unit: UUID
    municipality: Municipality
    topic: Code
    held_on: date
    speakers: list[UUID]
    listeners: int | None


class AgreementHeld(Event, source="daycare"):
    """The meeting that a cooperation agreement asks for was held. Subject: the unit."""

    agreement: UUID
    unit: UUID
    municipality: Municipality
    with_unit: UUID
    held_on: date
