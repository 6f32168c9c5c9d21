"""The bodies of sundhedspleje's API, and what it reads of its peers' answers."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.events.envelope import Code
from services.events.sundhedspleje import Basis
from services.sundhedspleje.domain import Invoked

Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000, strip_whitespace=True)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ReceiverIn(_Strict):
    """The receiving unit, and who in it, where named."""

    unit: UUID
    professional: UUID | None = None


class OverleveringIn(_Strict):
    """What the tovholder wants to hand over. `text`: by category, or one text that passes only if every category may.

    `purpose`: that of the consent, where it is another than usual for such a unit. `invoked`: the rule the giver answers for.
    """

    child: UUID
    to: ReceiverIn
    start: UUID | None = None
    categories: list[Code] = Field(min_length=1, max_length=30)
    purpose: Code | None = None
    invoked: Invoked | None = None
    text: Text | dict[Code, Text]

    @model_validator(mode="after")
    def _each_category_has_its_text(self) -> Self:
        if len(set(self.categories)) != len(self.categories):
            raise ValueError("a category is named twice")
        if isinstance(self.text, dict) and set(self.text) != set(self.categories):
            raise ValueError("text by category must name exactly the categories")
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


class VisitOut(BaseModel):
    """A visit and its window, both dates included."""

    id: UUID
    kind: str
    from_on: date
    until_on: date
    state: str


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
    visits: list[VisitOut]
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
    text: dict[str, str]


class GivenOut(BaseModel):
    """What passed on which basis and what did not. `say`: what the giver is to do or know now."""

    id: UUID
    basis: Basis
    bases: dict[str, Basis]
    categories: list[str]
    withheld: list[str]
    say: str
