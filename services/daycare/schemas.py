"""The bodies of daycare's API."""

from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.daycare.domain import Cause, Start, State
from services.daycare.domain.transition import Baton, BatonRule, MeetingState, Overlevering
from services.events.daycare import Item, WhyNoPlusPlads
from services.events.envelope import Code, Seat

Participants = Annotated[list[UUID], Field(max_length=20)]
# A code of the other system's: never a number or a name of a person.
Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StartIn(_Strict):
    """A start to be planned. `pedagogue`: who in the unit meets the child, where decided."""

    child: UUID
    unit: UUID
    starts_on: date
    pedagogue: Seat | None = None

    @model_validator(mode="after")
    def _pedagogue_is_of_the_unit(self) -> Self:
        if self.pedagogue and self.pedagogue.unit != self.unit:
            raise ValueError("the pedagogue's unit must be the unit of the start")
        return self


class DateIn(_Strict):
    """The new date of a start."""

    starts_on: date


class CancellationIn(_Strict):
    """Why a start will not be: the family's wish, the placement office's decision, or an error in planning."""

    cause: Literal["family", "placement", "error"]


class PlacementEventIn(_Strict):
    """A CloudEvent (1.0, structured) of a placement system. `subject`: its own reference of the start, of no meaning to others.

    Exactly one of `plan`, `date` and `cancellation` is there, as `type` says.
    """

    specversion: Literal["1.0"]
    id: Reference
    source: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    type: Literal["start-planned", "start-moved", "start-cancelled"]
    subject: Reference
    time: Annotated[str, StringConstraints(max_length=40)] | None = None
    datacontenttype: Literal["application/json"] = "application/json"
    data: StartIn | DateIn | CancellationIn

    @model_validator(mode="after")
    def _says_what_its_type_says(self) -> Self:
        expected = {"start-planned": self.plan, "start-moved": self.date, "start-cancelled": self.cancellation}[self.type]
        if expected is None:
            raise ValueError("the data are not those of this type")
        return self

    @property
    def plan(self) -> StartIn | None:
        return self.data if isinstance(self.data, StartIn) else None

    @property
    def date(self) -> DateIn | None:
        return self.data if isinstance(self.data, DateIn) else None

    @property
    def cancellation(self) -> CancellationIn | None:
        return self.data if isinstance(self.data, CancellationIn) else None


class StartOut(BaseModel):
    """A start. `private`: the institution is private and gets nothing about the child but by the parents."""

    id: UUID
    child: UUID
    municipality: str
    unit: UUID
    starts_on: date
    pedagogue: Seat | None
    state: State
    private: bool
    overlevering: UUID | None
    cause: Cause | None


def start_out(start: Start) -> StartOut:
    """A start as it is shown."""
    pedagogue = Seat(professional=start.pedagogue, unit=start.unit) if start.pedagogue else None
    return StartOut.model_validate({**vars(start), "pedagogue": pedagogue})


class StartsOut(BaseModel):
    """A page of starts. `next`: give it as `after` for the next page."""

    starts: list[StartOut]
    next: UUID | None


class PedagogueIn(_Strict):
    """Who meets the child: someone with a seat in the unit of the start."""

    professional: UUID


class OverleveringDeclinedIn(_Strict):
    """The family wants nothing handed over."""

    declined_by: Literal["family"]


class MethodIn(_Strict):
    """Which method the family has been working with; null: none that the institution should go on with."""

    method: Code | None


class ContinuationIn(_Strict):
    """Whether the institution goes on with it."""

    continues: bool


class BatonIn(_Strict):
    """Whether the baton goes along. It passes only by a handover that the named receiver accepts."""

    moves: bool


class MeetingIn(_Strict):
    """A joint meeting with the parents in the institution. `participants`: professionals, by reference."""

    held_on: date
    participants: Participants = []


class OutcomeIn(_Strict):
    """What became of a planned meeting. `held_on`: where it was another day than planned."""

    outcome: Literal["held", "declined-by-family", "cancelled"]
    held_on: date | None = None


class MeetingOut(BaseModel):
    """A meeting with a family in the institution."""

    id: UUID
    state: MeetingState
    held_on: date
    participants: list[UUID]


class TransitionOut(BaseModel):
    """How far a transition is prepared. `baton`: None while the tovholder has to decide; `baton_rule`: the municipality's.

    `tovholder`: who holds the baton now; a private institution is not told.
    """

    start: StartOut
    tovholder: Seat | None
    overlevering: Overlevering | None
    meeting: Literal["held", "declined-by-family"] | None
    method: str | None
    continues: bool | None
    baton: Baton | None
    baton_rule: BatonRule
    missing: list[Item]
    plusplads: UUID | None
    meetings: list[MeetingOut]


class ArrivalOut(BaseModel):
    """A child that is to start."""

    start: StartOut
    tovholder: Seat | None
    missing: list[Item]


class ArrivalsOut(BaseModel):
    """A page of arriving children, the nearest first. `next`: give it as `after` for the next page."""

    arrivals: list[ArrivalOut]
    next: UUID | None


class CapacityIn(_Strict):
    """What a unit offers from a day on. A unit with pluspladser is of high quality and trained in at least one method."""

    from_on: date
    places: int = Field(ge=0, le=2000)
    plus_places: int = Field(0, ge=0, le=2000)
    high_quality: bool = False
    methods: list[Code] = Field(default_factory=list, max_length=20)


class CapacityLine(BaseModel):
    """A capacity as it stands from a day on."""

    from_on: date
    places: int
    plus_places: int
    high_quality: bool
    methods: list[str]


class CapacityOut(BaseModel):
    """A unit's capacities by day, and how many of today's places are kept for somebody."""

    unit: UUID
    capacities: list[CapacityLine]
    kept: int
    kept_plus: int


class ReservationIn(_Strict):
    """A plusplads to be held for a child, from today unless a later day is given."""

    child: UUID
    unit: UUID
    method: Code
    from_on: date | None = None


class ReserveAskedIn(_Strict):
    """The plusplads that was asked for is held from today, unless a later day is given."""

    from_on: date | None = None


class NoPlusPladsIn(_Strict):
    """Why no plusplads is reserved."""

    reason: WhyNoPlusPlads


class AskedOut(BaseModel):
    """A plusplads that a programme asks for, and what became of it. `due_on`: the last day to answer."""

    id: UUID
    child: UUID
    unit: UUID
    programme: str
    method: str
    due_on: date
    state: Literal["open", "reserved", "declined", "lapsed"]
    holding: UUID | None
    reason: str | None


class AskedPageOut(BaseModel):
    """What is still to be decided. `next`: give it as `after` for the next page."""

    asked: list[AskedOut]
    next: UUID | None


class WeekOut(BaseModel):
    """What waits for a professional in daycare: starts that lack something, and pluspladser still to be decided.

    `more`: there is more than is listed; each kind's own list has it all.
    """

    arrivals: list[ArrivalOut]
    asked: list[AskedOut]
    more: bool


class ReleaseIn(_Strict):
    """Why a plusplads is given up."""

    reason: Literal["family-declined", "no-longer-needed", "placed-elsewhere", "error", "other"]


class LeavingIn(_Strict):
    """The first day on which the child no longer comes."""

    left_on: date


class HoldingOut(BaseModel):
    """A plusplads that is kept. `child` and `start` are shown to those who may see the child's place."""

    id: UUID
    unit: UUID
    number: int
    state: Literal["held", "taken", "released"]
    method: str | None
    from_on: date
    until_on: date | None
    child: UUID | None
    start: UUID | None


class BoardLine(BaseModel):
    """The pluspladser of one unit today."""

    unit: UUID
    plus_places: int
    free: int
    methods: list[str]
    holdings: list[HoldingOut]


class BoardOut(BaseModel):
    """A page of the plusplads board. `next`: give it as `after` for the next page."""

    units: list[BoardLine]
    next: UUID | None


class SettingIn(_Strict):
    """A municipality's rule from a day on: whether the baton goes along with a start, when people are told what is missing.

    `plusplads_days`: within so many days an institution answers whether it holds the plusplads that a programme asks for.
    """

    from_on: date
    baton: BatonRule
    warn_days: int = Field(14, ge=1, le=90)
    plusplads_days: int = Field(7, ge=1, le=90)


class SettingsOut(BaseModel):
    """The municipality's rules, past and coming, in order of day."""

    settings: list[SettingIn]


class AgreementIn(_Strict):
    """Two units agree to meet every so many months."""

    with_unit: UUID
    agreed_on: date
    every_months: int = Field(ge=1, le=60)


class HeldIn(_Strict):
    """That a meeting was held, and who of the professionals was there."""

    held_on: date
    participants: Participants = []


class AgreementOut(BaseModel):
    """An agreement on cooperation, when it was last held and when it is due."""

    id: UUID
    unit: UUID
    with_unit: UUID
    agreed_on: date
    every_months: int
    last_held_on: date | None
    due_on: date
    overdue: bool


class AgreementsOut(BaseModel):
    """A page of agreements. `next`: give it as `after` for the next page."""

    agreements: list[AgreementOut]
    next: UUID | None


class TalkIn(_Strict):
    """A talk (oplæg) for the staff of an institution. `listeners`: how many there were."""

    topic: Code
    held_on: date
    speakers: Participants = []
    listeners: int | None = Field(None, ge=1, le=1000)


class TalkOut(TalkIn):
    """A talk as it was recorded."""

    id: UUID
    unit: UUID


class TalksOut(BaseModel):
    """A page of talks. `next`: give it as `after` for the next page."""

    talks: list[TalkOut]
    next: UUID | None
