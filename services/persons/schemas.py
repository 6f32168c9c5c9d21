"""What persons takes and gives as JSON; whatever it does not name is refused."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from services.events.envelope import Code
from services.persons.domain.disclosure import About, Invoked, RecipientKind, Standing, State
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


class SearchIn(_Strict):
    """First name and family name, and why they are searched for."""

    name: str = Field(min_length=3, max_length=120)
    purpose: Code


class NamedOut(_Strict):
    """Children the caller stands by; `more`: there are others, and another word of the name is needed."""

    children: list[UUID]
    more: bool


class NameOut(_Strict):
    """`mother_name`: for a child without a name. `merged_into`: this reference lives on as that one, and nothing else is said.

    `only_name`: the caller may know what the child is called, and nothing else of it.
    """

    person: UUID
    kind: str
    status: str | None = None
    name: str | None = None
    born_at: AwareDatetime | None = None
    due_on: date | None = None
    mother_name: str | None = None
    protected: bool = False
    only_name: bool = False
    merged_into: UUID | None = None


class NamesOut(_Strict):
    people: list[NameOut]


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
    """May this be disclosed? `invoked`: the rule the professional who holds the information answers for.

    `preview`: it is only asked what would be answered now; the answer is not kept, and nothing may be disclosed on it.
    """

    child: UUID
    recipient_kind: RecipientKind
    purpose: Code
    categories: Annotated[list[Code], Field(min_length=1, max_length=40)]
    to_unit: UUID | None = None
    invoked: Invoked | None = None
    preview: bool = False


class DecisionOut(_Strict):
    """`decision`: under which number the answer is kept; none of a preview."""

    decision: UUID | None
    basis: str
    allowed: list[str]
    withheld: list[str]
    bases: dict[str, str]
    say: str
    consents: dict[str, Standing]
    awaited: list[UUID]


class CustodyOut(_Strict):
    registered: bool
    holders: list[UUID]


class ConsentOut(_Strict):
    """A consent as it stands today. `recorded_by` null: the family itself."""

    id: UUID
    about: About
    given_by: UUID
    recipient_kind: str
    purpose: str
    categories: list[str]
    from_on: date
    until_on: date | None
    state: State
    recorded_by: UUID | None
    recorded_at: AwareDatetime
    withdrawn_at: AwareDatetime | None


class ConsentsOut(_Strict):
    """`may_consent`: whose consent is needed, for the child's and for the mother's own; an empty list: not yet possible."""

    child: UUID
    custody: CustodyOut
    may_consent: dict[About, list[UUID]]
    consents: list[ConsentOut]
    next: UUID | None


class DisclosureOut(_Strict):
    """One answer to "may this be disclosed": what might go on which basis, what was withheld."""

    id: UUID
    recipient_kind: str
    to_unit: UUID | None
    purpose: str
    invoked: str | None
    basis: str
    allowed: list[str]
    withheld: list[str]
    bases: dict[str, str]
    asked_by: str
    at: AwareDatetime


class DisclosuresOut(_Strict):
    disclosures: list[DisclosureOut]
    next: UUID | None


class Recipient(_Strict):
    person: UUID
    kind: Literal["mother", "guardian"]
    address: dict[str, str]
    # For a letter only: the recipient's own, never another's.
    name: str | None = None
    cpr: str | None = None
    protected: bool | None = None


class RecipientsOut(_Strict):
    do_not_contact: bool
    recipients: list[Recipient]


class PassOut(_Strict):
    """`pass`: the bearer token of the addresses under /persons/family, for so many seconds or until custody changes."""

    pass_: str = Field(alias="pass")
    seconds: int
    children: list[UUID]


class FamilyConsentIn(_Strict):
    """A consent by whoever the pass is for."""

    child: UUID
    about: About = "child"
    recipient_kind: RecipientKind
    purpose: Code
    categories: Annotated[list[Code], Field(min_length=1, max_length=40)]
    from_on: date
    until_on: date | None = None


class FamilyWithdrawalIn(_Strict):
    consent: UUID


class PeersSeat(BaseModel):
    professional: UUID
    unit: UUID


class PeersHolder(PeersSeat):
    since: AwareDatetime


class PeersHandover(BaseModel):
    state: str
    receiver: PeersSeat
    effective_on: date | None = None


class PeersBaton(BaseModel):
    """What registry says of who is tovholder, and who is to be."""

    status: str
    life_ended: dict[str, str | None] | None = None
    tovholder: PeersHolder | None = None
    handover: PeersHandover | None = None


class FamilyStart(BaseModel):
    """A start in daycare as the family sees it."""

    id: UUID
    unit: UUID
    unit_name: str | None = None
    starts_on: date
    state: str


class PeersStarts(BaseModel):
    starts: list[FamilyStart] = []


class FamilyVisit(BaseModel):
    """A visit as the family sees it."""

    id: UUID
    kind: str
    from_on: date
    until_on: date
    state: str


class PeersCase(BaseModel):
    visits: list[FamilyVisit] = []
    due_on: date | None = None
    born_on: date | None = None


class FamilySession(BaseModel):
    number: int
    on_date: date


class FamilyProgramme(BaseModel):
    """What a programme is called."""

    title: str
    kind: str


class FamilyCourse(BaseModel):
    """What the family is offered, waits for or takes part in, as it sees it itself; `sessions` that lie ahead."""

    enrolment: UUID
    state: str
    programme: FamilyProgramme
    turn: int | None = None
    unit: UUID
    unit_name: str | None = None
    place: str | None = None
    begins_on: date | None = None
    ends_on: date | None = None
    sessions: list[FamilySession] = []


class PeersTakesPart(BaseModel):
    takes_part: list[FamilyCourse] = []


class FamilyTovholder(_Strict):
    """Who, where, since when, and at what address at work; null where the directory has nothing."""

    professional: UUID
    name: str | None
    unit: UUID
    unit_name: str | None
    since: AwareDatetime
    email: str | None


class FamilyHandover(_Strict):
    """Who will be tovholder, agreed upon; `effective_on` null: as soon as it takes effect."""

    professional: UUID
    name: str | None
    unit_name: str | None
    effective_on: date | None


class FamilyChild(_Strict):
    """`unavailable`: services that do not answer now; what they would say is null. `is_mother`: of the child, is who asks."""

    child: UUID
    is_mother: bool
    status: str | None = None
    due_on: date | None = None
    born_on: date | None = None
    life_ended: bool = False
    tovholder: FamilyTovholder | None = None
    handover: FamilyHandover | None = None
    starts: list[FamilyStart] | None = None
    visits: list[FamilyVisit] | None = None
    courses: list[FamilyCourse] | None = None
    unavailable: list[str]


class FamilyOut(_Strict):
    """`survey_from`: from when a link to the survey may be asked for; null: now."""

    person: UUID
    children: list[FamilyChild]
    survey_from: date | None = None


class PeersLetter(BaseModel):
    delivery: UUID
    person: UUID
    kind: str
    tovholder: UUID
    made_at: AwareDatetime
    state: str


class PeersLetters(BaseModel):
    letters: list[PeersLetter]


class FamilyLetterOut(_Strict):
    """A letter to whoever asks. `kind`: the fact it tells of; `tovholder`: who it names; `state`: how far it has come."""

    letter: UUID
    kind: str
    tovholder: UUID
    made_at: AwareDatetime
    state: str


class FamilyLettersOut(_Strict):
    letters: list[FamilyLetterOut]


class LetterInOneLanguage(BaseModel):
    language: str
    subject: str
    paragraphs: list[str]


class FamilyLetterWordsOut(BaseModel):
    """A letter in each language it was written in."""

    delivery: UUID
    words: list[LetterInOneLanguage]


class SurveyOut(_Strict):
    """`link`: good for one anonymous answer; nobody can see to whom it was given."""

    link: str


class PeersLook(BaseModel):
    at: AwareDatetime
    party: str
    professional: UUID | None
    class_: str = Field(alias="class")
    purpose: str


class PeersLooks(BaseModel):
    """Lines of a service's access log."""

    lines: list[PeersLook]


class LookOut(_Strict):
    """Someone has looked. `professional` null: a system of that party; `organisation`: where they work, or whose it is, by name;
    `what`: the class of data."""

    at: AwareDatetime
    service: str
    about: Literal["child", "self"]
    party: str
    professional: UUID | None
    name: str | None
    organisation: str | None
    what: str
    purpose: str


class ChildLookOut(_Strict):
    """Someone has looked at a child's data. `professional` null: a system of that party; `what`: the class of data."""

    at: AwareDatetime
    service: str
    party: str
    professional: UUID | None
    what: str
    purpose: str


class ChildLooksOut(_Strict):
    """The newest first. `before`: give it as `before` for the next page."""

    lines: list[ChildLookOut]
    before: AwareDatetime | None


class LooksOut(_Strict):
    """The newest first. `before`: give it as `before` for the next page."""

    lines: list[LookOut]
    before: AwareDatetime | None


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
