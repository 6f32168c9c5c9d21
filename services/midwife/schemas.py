"""What the midwife service takes and gives as JSON; whatever it does not name is refused."""

from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from services.events.midwife import NotificationKind, Placement, WithdrawalReason
from services.midwife.fhir.codes import has_the_form_of_its_system

Sor = Annotated[str, StringConstraints(pattern=r"^[0-9]{6,18}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=10_000)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200)]
System = Annotated[str, StringConstraints(pattern=r"^(urn:|https?://)\S{1,180}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class IdentifierIn(_Strict):
    """A number a person is known by: the pair is the key. CPR is never refused for modulus 11 (numbers without it are valid)."""

    system: System
    value: Annotated[str, StringConstraints(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def has_its_form(self) -> Self:
        if not has_the_form_of_its_system(self.system, self.value):
            raise PydanticCustomError("identifier_form", "The value is not written as its system demands.")
        return self


class ReceiverIn(_Strict):
    """The unit it is for, by its number in the Danish register of health-care organisations."""

    sor: Sor


class InterpreterIn(_Strict):
    """Behov for tolkebistand, tolkesprog (ISO 639 code)."""

    needed: bool
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")] | None = None


class MotherIn(_Strict):
    """The pregnant woman or mother, with at least one number: CPR or a replacement."""

    identifiers: list[IdentifierIn] = Field(min_length=1, max_length=10)
    name: Line | None = None
    phone: Line | None = None
    email: Line | None = None
    address: Line | None = None
    is_protected: bool | None = Field(None, description="Name and address protection in the CPR register.")
    interpreter: InterpreterIn | None = None
    country_of_origin: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None


class OtherParentIn(_Strict):
    """Juridisk medforælder, as far as the sender knows; says nothing of custody."""

    identifiers: list[IdentifierIn] = Field(default_factory=list, max_length=10)
    name: Line | None = None


class ChildIn(_Strict):
    """A child that is born, by its order at birth (1 = first)."""

    order: int = Field(ge=1, le=9)
    identifiers: list[IdentifierIn] = Field(default_factory=list, max_length=10)
    sex: Literal["female", "male", "unknown"] = "unknown"
    born_at: AwareDatetime
    weight_g: int | None = Field(None, ge=100, le=9_000)
    length_cm: int | None = Field(None, ge=10, le=80)
    gestation_weeks: int | None = Field(None, ge=18, le=46)
    gestation_days: int | None = Field(None, ge=0, le=6)
    note: Text | None = None


class AssessmentIn(_Strict):
    """Samlet vurdering: care level 1 (basic) to 4 (complex), and what makes the family vulnerable, as far as it is relevant."""

    care_level: int | None = Field(None, ge=1, le=4)
    social_vulnerability: bool | None = None
    social_vulnerability_text: Text | None = None
    mental_illness: bool | None = None
    mental_illness_treatment: Text | None = None
    referral_to_social_services: bool | None = None
    referral_reason: Text | None = None
    obstetric_assessment_needed: bool | None = None
    tobacco: bool | None = None
    alcohol: bool | None = None
    drugs: bool | None = None
    household: Text | None = None
    work_environment: Text | None = None
    previous_births: Text | None = None
    text: Text | None = None


class BirthPlaceIn(_Strict):
    """Where the birth is planned."""

    sor: Sor | None = None
    home_birth_wished: bool | None = None


class NotificationIn(_Strict):
    """A midwife's structured notification. `message_id` is the sender's own: the same with the same content has the same answer.

    `corrects` names an earlier notification, by our id or by its message_id; children are matched by identifier, then by order.
    """

    kind: NotificationKind
    message_id: UUID
    receiver: ReceiverIn
    corrects: UUID | None = None
    mother: MotherIn
    other_parent: OtherParentIn | None = None
    children: list[ChildIn] = Field(default_factory=list, max_length=9)
    due_on: date | None = Field(None, description="Termin (Naegele).")
    due_is_certain: bool | None = None
    last_period_on: date | None = None
    multiple_pregnancy: bool | None = None
    birth_place: BirthPlaceIn | None = None
    assessment: AssessmentIn | None = None

    @model_validator(mode="after")
    def children_fit_the_kind(self) -> Self:
        if self.kind == "birth" and not self.children:
            raise PydanticCustomError("birth_without_child", "A birth has at least one child.")
        if self.kind == "pregnancy" and self.children:
            raise PydanticCustomError("pregnancy_with_children", "A pregnancy has no born children; notify a birth.")
        if sorted(child.order for child in self.children) != list(range(1, len(self.children) + 1)):
            raise PydanticCustomError("order_of_children", "The children's orders are 1, 2, … without gap or repetition.")
        if self.corrects == self.message_id:
            raise PydanticCustomError("corrects_itself", "A notification cannot correct itself.")
        return self


class PlacementIn(_Strict):
    """What a message on the to-place list is about."""

    placement: Placement
    child: UUID | None = Field(None, description="The child's reference, with `existing`.")
    mother: MotherIn | None = Field(None, description="Who expects a child, with `expected`.")
    due_on: date | None = None

    @model_validator(mode="after")
    def says_what_its_placement_needs(self) -> Self:
        if (self.placement == "existing") != (self.child is not None):
            raise PydanticCustomError("child_with_existing", "`child` is given with `existing`, and only then.")
        if (self.placement == "expected") != (self.mother is not None):
            raise PydanticCustomError("mother_with_expected", "`mother` is given with `expected`, and only then.")
        return self


class WithdrawalIn(_Strict):
    """Why the sender takes a notification back."""

    reason: WithdrawalReason


class ReceivedOut(BaseModel):
    """The answer to a notification."""

    id: UUID
    state: str
    href: str


class TovholderOut(BaseModel):
    """Who holds the baton, where, and since when."""

    professional: UUID
    unit: UUID
    since: AwareDatetime


class NotifiedChildOut(BaseModel):
    """A child of a notification, once known."""

    child: UUID
    order: int
    status: str
    tovholder: TovholderOut | None


class NotificationLine(BaseModel):
    """A notification in a list: ids, codes and dates only."""

    id: UUID
    kind: str
    category: str | None
    state: str
    municipality: str
    unit: UUID
    received_at: AwareDatetime
    place_by: AwareDatetime | None


class NotificationPage(BaseModel):
    """A page of a list; `next` goes into `after`."""

    notifications: list[NotificationLine]
    next: UUID | None


class NotificationOut(NotificationLine):
    """A notification; `content` only for those who may see it."""

    corrects: UUID | None
    answers: UUID | None
    children: list[NotifiedChildOut]
    content: dict[str, object] | None = None
