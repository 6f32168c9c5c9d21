"""What persons takes and gives as JSON; whatever it does not name is refused."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from services.events.envelope import Code
from services.persons.domain.disclosure import About, Invoked, RecipientKind
from services.persons.domain.identifiers import Identifier

Line = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Purpose = Literal["care", "notice", "supervision", "own-access"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class IdentifierIn(_Strict):
    """A number a person is known by: the pair is the key."""

    system: Annotated[str, StringConstraints(min_length=1, max_length=180)]
    value: Annotated[str, StringConstraints(min_length=1, max_length=64)]

    def identifier(self) -> Identifier:
        return Identifier.of(self.system, self.value)


Identifiers = Annotated[list[IdentifierIn], Field(min_length=1, max_length=10)]


class LookupIn(_Strict):
    """Any of the person's numbers, and why they are looked up."""

    identifiers: Identifiers
    purpose: Code


class PersonFound(_Strict):
    person: UUID
    kind: Literal["child", "adult"]
    status: Literal["expected", "born"] | None


class MotherIn(_Strict):
    identifiers: Identifiers
    name: Line | None = None
    email: Line | None = None
    phone: Line | None = None
    address: Line | None = None
    is_protected: bool | None = None


class ChildIn(_Strict):
    """A child registered by hand: moved in, adopted, born abroad. `unit`: where the child is taken in; one's own by default."""

    mother: MotherIn | None = None
    identifiers: list[IdentifierIn] = Field(default_factory=list, max_length=10)
    sex: Literal["female", "male", "unknown"] = "unknown"
    born_at: AwareDatetime | None = None
    due_on: date | None = None
    order: int = Field(1, ge=1, le=9)
    unit: UUID | None = None
    reason: Literal["moved-in", "adopted", "born-abroad", "not-notified", "other"]


class ChildRegisteredOut(_Strict):
    """`child` is null where people are to decide first."""

    child: UUID | None
    new: bool
    state: Literal["registering", "people-decide"]
    warnings: list[str]


class IdentifiersIn(_Strict):
    identifiers: Identifiers


class CustodyHolderIn(_Strict):
    """A holder of custody: a person already known, or by numbers and what is known of them."""

    person: UUID | None = None
    identifiers: list[IdentifierIn] = Field(default_factory=list, max_length=10)
    name: Line | None = None
    email: Line | None = None


class CustodyIn(_Strict):
    """All who hold custody from a date on; who held it before and is not named holds it no longer."""

    holders: Annotated[list[CustodyHolderIn], Field(min_length=1, max_length=4)]
    from_on: date


class ContactIn(_Strict):
    email: Line | None = None
    phone: Line | None = None
    address: Line | None = None


class ConsentIn(_Strict):
    """Consent is specific: who gives it, about whom, to what kind of recipient, what for, which categories, how long."""

    given_by: UUID
    about: About = "child"
    recipient_kind: RecipientKind
    purpose: Code
    categories: Annotated[list[Code], Field(min_length=1, max_length=40)]
    from_on: date
    until_on: date | None = None


MergeReason = Literal["records-compared", "family-confirmed", "register-looked-up", "other"]


class DeathIn(_Strict):
    died_on: date | None = None


class PregnancyEndIn(_Strict):
    ended_on: date | None = None


class ProtectionIn(_Strict):
    protected: bool


class MergeIn(_Strict):
    """`with`: the other reference; which of the two survives does not depend on which is named first."""

    with_: UUID = Field(alias="with")
    reason: MergeReason


class ProposalDecisionIn(_Strict):
    decision: Literal["merge", "keep-apart", "noted"]
    reason: MergeReason = "other"


class Proposal(_Strict):
    """`merge`: `person` and `other` may be one. `withdrawn`: all that told of the child was taken back – wrongly registered?

    `died`, `lives`: what a hospital says is about an adult, or goes against what a person has recorded.
    """

    id: UUID
    kind: Literal["merge", "withdrawn", "died", "lives"]
    person: UUID
    other: UUID | None
    notification: UUID | None
    proposed_at: AwareDatetime


class ProposalPage(_Strict):
    proposals: list[Proposal]
    next: UUID | None


class DecisionIn(_Strict):
    """May this be disclosed? `invoked`: the rule the professional who holds the information answers for."""

    child: UUID
    recipient_kind: RecipientKind
    purpose: Code
    categories: Annotated[list[Code], Field(min_length=1, max_length=40)]
    to_unit: UUID | None = None
    invoked: Invoked | None = None


class DecisionOut(_Strict):
    decision: UUID
    basis: str
    allowed: list[str]
    withheld: list[str]
    bases: dict[str, str]
    say: str


class Recipient(_Strict):
    person: UUID
    kind: Literal["mother", "guardian"]
    address: dict[str, str]
    # For a letter only: the recipient's own, never another's.
    name: str | None = None
    cpr: str | None = None
    protected: bool = False


class RecipientsOut(_Strict):
    do_not_contact: bool
    recipients: list[Recipient]


class ToldIdentifier(BaseModel):
    """Of a notification's demographics, as the midwife service gives them."""

    system: str
    value: str


class ToldMother(BaseModel):
    identifiers: list[ToldIdentifier] = []
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    address: str | None = None
    is_protected: bool | None = None


class ToldChild(BaseModel):
    order: int
    identifiers: list[ToldIdentifier] = []
    sex: str | None = None
    born_at: AwareDatetime | None = None


class ToldPatient(BaseModel):
    """Whom a hospital's message is about."""

    identifiers: list[ToldIdentifier] = []


class Demographics(BaseModel):
    """Who a notification is about: `GET /midwife/notifications/{id}/demographics`. What this service has no use for is left."""

    kind: str
    municipality: str
    unit: UUID
    mother: ToldMother | None = None
    children: list[ToldChild] = []
    patient: ToldPatient | None = None
    due_on: date | None = None
    corrects: UUID | None = None
