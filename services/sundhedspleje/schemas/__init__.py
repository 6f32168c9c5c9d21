"""The bodies of sundhedspleje's API, and what it reads of its peers' answers."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.events.envelope import Code, Seat
from services.events.sundhedspleje import Basis, Development, Whose
from services.sundhedspleje.domain import Invoked
from services.sundhedspleje.domain.screenings import WithdrawalReason
from services.sundhedspleje.domain.underretning import Assessment
from services.sundhedspleje.domain.visits import VisitState, Whereabouts

Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000, strip_whitespace=True)]


# Sundhedsloven s. 43(3): the telling is left out by other law or for interests like those that it protects.
NotTold = Literal["other-law", "interest-of-the-child", "interest-of-others", "ongoing-investigation"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ReceiverIn(_Strict):
    """The receiving unit, and who in it, where named."""

    unit: UUID
    professional: UUID | None = None


class OverleveringIn(_Strict):
    """What the tovholder wants to hand over. `text`: by category, or one text that passes only if every category may.

    `purpose`: that of the consent, where it is another than usual for such a unit. `invoked`: the rule the giver answers for.
    `not_told_because`: why the person is not told afterwards of what goes by Sundhedsloven s. 43(2); else they are.
    """

    child: UUID
    to: ReceiverIn
    start: UUID | None = None
    categories: list[Code] = Field(min_length=1, max_length=30)
    purpose: Code | None = None
    invoked: Invoked | None = None
    not_told_because: NotTold | None = None
    text: Text | dict[Code, Text]

    @model_validator(mode="after")
    def _each_category_has_its_text(self) -> Self:
        if len(set(self.categories)) != len(self.categories):
            raise ValueError("a category is named twice")
        if isinstance(self.text, dict) and set(self.text) != set(self.categories):
            raise ValueError("text by category must name exactly the categories")
        if self.not_told_because and self.invoked != "sundhedsloven-43-2":
            raise ValueError("not_told_because stands with invoked: sundhedsloven-43-2 alone")
        return self


class DecisionIn(BaseModel):
    """persons' answer to whether information may pass."""

    basis: Basis
    bases: dict[Code, Basis]
    say: str


class StartIn(BaseModel):
    """What daycare says of a start, as far as it matters here."""

    child: UUID
    unit: UUID
    state: str


class TovholderOut(BaseModel):
    """Who holds the baton, as last heard from the registry."""

    professional: UUID
    unit: UUID
    since: AwareDatetime


class VisitLine(BaseModel):
    """A visit and its window, both dates included."""

    id: UUID
    kind: str
    from_on: date
    until_on: date
    state: str
    held_on: date | None = None


class OverleveringLine(BaseModel):
    """That an overlevering was given; its text stands behind its own address."""

    id: UUID
    to_unit: UUID
    start: UUID | None
    basis: Basis
    categories: list[str]
    withheld: list[str]
    given_by: UUID
    given_at: datetime


class CaseLine(BaseModel):
    """A case in a caseload. `version`: the registry's, as last heard."""

    child: UUID
    municipality: str
    status: str
    order: int
    due_on: date | None
    born_on: date | None
    tovholder: TovholderOut | None
    version: int
    life_ended: bool = False
    merged_into: UUID | None = None


class CaseOut(CaseLine):
    """One case. `mother` and `overleveringer` only for those who may see them. `linked`: files of references merged into this."""

    mother: UUID | None = None
    visits: list[VisitLine]
    linked: list[UUID] = []
    overleveringer: list[OverleveringLine] | None = None


class CaseloadOut(BaseModel):
    """A page of a caseload. `next`: give it as `after` for the next page."""

    cases: list[CaseLine]
    next: UUID | None


class OverleveringOut(OverleveringLine):
    """An overlevering exactly as it was given: the text that passed, by category, and what was withheld."""

    child: UUID
    to_professional: UUID | None
    recipient_kind: str
    purpose: str
    bases: dict[str, Basis]
    not_told_because: str | None = None
    text: dict[str, str]


class _Passes(BaseModel):
    basis: Basis
    bases: dict[str, Basis]
    categories: list[str]
    withheld: list[str]
    say: str


class GivenOut(_Passes):
    """What passed on which basis and what did not. `say`: what the giver is to do or know now."""

    id: UUID


class PreviewOut(_Passes):
    """What would pass now, and exactly what the receiver would read."""

    text: dict[str, str]


# -- Visits -----------------------------------------------------------------------------------------------------------------


class HeldIn(_Strict):
    """A visit was held. `participants`: who of other units took part. `development`: the child's, where it was looked at."""

    on: date
    where: Whereabouts = "home"
    participants: list[Seat] = Field(default_factory=list, max_length=20)
    family_agrees: bool = False
    development: Development | None = None


class DeclinedIn(_Strict):
    """Why the family does not want it: a code of the municipality's list."""

    reason: Code


class WindowIn(_Strict):
    """The days between which the family wants the visit."""

    from_on: date
    until_on: date


class ParticipantsIn(_Strict):
    """Who of other units is to take part, everybody; an empty list calls it off. `family_agrees`: to just these."""

    participants: list[Seat] = Field(max_length=20)
    family_agrees: bool = False


class NeedVisitIn(WindowIn):
    """A need-based visit is granted: why, as a code of the municipality's list, and when."""

    reason: Code
    participants: list[Seat] = Field(default_factory=list, max_length=20)
    family_agrees: bool = False


class ParticipantOut(BaseModel):
    """`took_part`: None before the visit was held."""

    professional: UUID
    unit: UUID
    unit_kind: str
    took_part: bool | None


class VisitOut(VisitLine):
    """One visit. `because`, `reason`, `development`: for those who may see what is recorded of the family."""

    child: UUID
    municipality: str
    fboe: str | None
    held_where: Whereabouts | None
    declined_reason: str | None
    joint_with: list[str]
    participants: list[ParticipantOut]
    because: list[str] | None = None
    reason: str | None = None
    development: Development | None = None


class VisitListed(BaseModel):
    """A line of a list of visits. `overdue`: its window is over."""

    id: UUID
    child: UUID
    municipality: str
    kind: str
    from_on: date
    until_on: date
    state: VisitState
    joint: bool
    overdue: bool


class VisitsOut(BaseModel):
    """A page of visits. `next`: give it as `after` for the next page."""

    visits: list[VisitListed]
    next: UUID | None


class GrantedOut(BaseModel):
    """A need-based visit, and by when the systematic screening it opens is to be done."""

    visit: UUID
    systematic: UUID
    screen_by: date


class CriterionIn(_Strict):
    """Why this family may be offered more, as a code of the municipality's list."""

    criterion: Code


class CriterionOut(BaseModel):
    """A criterion as recorded, by whom and when."""

    id: UUID
    criterion: str
    recorded_by: UUID
    recorded_at: datetime
    ended_at: datetime | None


class MadeOut(BaseModel):
    """What a change has made or changed."""

    id: UUID


# -- Screenings -------------------------------------------------------------------------------------------------------------


class ScreeningIn(_Strict):
    """A result: a number, or one of the instrument's words. `person`: the other parent's reference, for its own."""

    instrument: Code
    whose: Whose
    score: Annotated[int, Field(strict=True, ge=-1_000_000, le=1_000_000)] | Code
    on: date
    person: UUID | None = None


class ScreenedOut(BaseModel):
    """`follow_up`: opened, since the score is at or above the municipality's threshold; due by `follow_up_due`."""

    id: UUID
    follow_up: UUID | None
    follow_up_due: date | None


class ScreeningOut(BaseModel):
    """A result as recorded. `result`: the word, where the instrument has words. `withdrawn`: it was recorded in error."""

    id: UUID
    subject: UUID
    whose: Whose
    instrument: str
    score: int
    result: str | None
    threshold: int | None
    on: date
    by: Seat
    follow_up: UUID | None
    withdrawn: WithdrawalReason | None


class FollowUpOut(BaseModel):
    """A follow-up: open, or ended in something."""

    id: UUID
    screening: UUID
    child: UUID
    municipality: str
    instrument: str
    whose: Whose
    opened_on: date
    due_on: date
    state: str
    outcome: str | None


class SystematicOut(BaseModel):
    """The systematic screening of a family granted a need-based visit. `missing`: the parts still to be done."""

    id: UUID
    visit: UUID
    child: UUID
    municipality: str
    due_on: date
    state: str
    missing: list[str]


class ScreeningsOut(BaseModel):
    """The child's own results, their follow-ups, and the systematic screenings of it."""

    screenings: list[ScreeningOut]
    follow_ups: list[FollowUpOut]
    systematic: list[SystematicOut]


class ParentHealthOut(BaseModel):
    """What is recorded of the parents: their own results, the follow-ups of these, and why the family may be offered more."""

    screenings: list[ScreeningOut]
    follow_ups: list[FollowUpOut]
    criteria: list[CriterionOut]


class WithdrawalIn(_Strict):
    reason: WithdrawalReason


class EndIn(_Strict):
    """In what a follow-up has ended: a code of the municipality's list."""

    outcome: Code


class FollowUpsOut(BaseModel):
    """A page of open follow-ups. `next`: give it as `after` for the next page."""

    follow_ups: list[FollowUpOut]
    next: UUID | None


class SystematicsOut(BaseModel):
    """A page of systematic screenings still to be done. `next`: give it as `after` for the next page."""

    systematic: list[SystematicOut]
    next: UUID | None


class ThresholdIn(_Strict):
    """From a date on, the score at or above which a follow-up opens."""

    instrument: Code
    whose: Whose
    from_on: date
    score: int = Field(ge=0, le=1000)


class ThresholdOut(BaseModel):
    """A threshold; `set_by` is None where it stands in the municipality's file."""

    instrument: str
    whose: Whose
    from_on: date
    score: int
    set_by: UUID | None


class ThresholdsOut(BaseModel):
    thresholds: list[ThresholdOut]


# -- Underretning -----------------------------------------------------------------------------------------------------------


class UnderretningIn(_Strict):
    """To which unit of the social area. `given_at`: when, if it was given before it is recorded here, by telephone or letter."""

    to_unit: UUID
    given_at: AwareDatetime | None = None
    text: Text | None = None


class UnderretningGivenOut(BaseModel):
    """By when the municipality is to have looked at it, and the notifier to have a receipt."""

    id: UUID
    assess_by: datetime
    receipt_by: datetime


class AssessmentIn(_Strict):
    assessment: Assessment


class UnderretningLine(BaseModel):
    """An underretning and its two clocks."""

    id: UUID
    child: UUID
    municipality: str
    notifier: UUID
    to_unit: UUID
    given_at: datetime
    assess_by: datetime
    assessed_at: datetime | None
    receipt_by: datetime
    receipt_at: datetime | None


class UnderretningOut(UnderretningLine):
    """One underretning with its text."""

    assessment: Assessment | None
    text: str | None


class ConcernedOut(BaseModel):
    """Who an underretning is about. `mother_name`: only where the child has no name of its own yet."""

    child: UUID
    status: str | None
    name: str | None
    born_at: datetime | None
    due_on: date | None
    mother_name: str | None


class UnderretningerOut(BaseModel):
    """A page of underretninger. `next`: give it as `after` for the next page."""

    underretninger: list[UnderretningLine]
    next: UUID | None
