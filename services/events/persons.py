"""What persons says: who a notification is about, who was identified, what consents stand; never a name or a number."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.events.envelope import Code, Event, Municipality


class IdentifiedChild(BaseModel):
    """One child of a family; `order` is its order at birth, 1 for an expected child.

    `sibling_of` names the child whose present tovholder a newly found sibling shares.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    child: UUID
    order: int
    status: Literal["expected", "born"]
    new: bool
    born_on: date | None = None
    due_on: date | None = None
    sibling_of: UUID | None = None


class PartiesIdentified(Event, source="persons"):
    """It is known who a notification (or a registration by hand) is about. Subject: the first child.

    `known_elsewhere`: a match in another municipality; no child is made and people decide. Then subject is the
    notification, and nobody is named.
    """

    notification_id: UUID | None
    municipality: Municipality
    unit: UUID
    district: UUID | None = None
    mother: UUID | None
    children: list[IdentifiedChild]
    known_elsewhere: bool = False
    correction: bool = False


class ChildIdentified(Event, source="persons"):
    """A child has been given a new identifier. Subject: the child. The number itself stays with persons."""

    child: UUID
    municipality: Municipality
    kinds: list[Code]


class ChildCorrected(Event, source="persons"):
    """What is known of a child was corrected. Subject: the child."""

    child: UUID
    municipality: Municipality
    born_on: date | None
    order: int


class CustodyChanged(Event, source="persons"):
    """It has been registered who holds custody of a child. Subject: the child."""

    child: UUID
    municipality: Municipality
    holders: list[UUID]
    from_on: date


class ConsentGiven(Event, source="persons"):
    """A holder of custody, or the mother for herself, has consented. Subject: the child."""

    consent_id: UUID
    child: UUID
    municipality: Municipality
    about: Literal["child", "mother"]
    given_by: UUID
    recipient_kind: Code
    purpose: Code
    categories: list[Code]
    from_on: date
    until_on: date | None


class ConsentWithdrawn(Event, source="persons"):
    """A consent no longer stands. Subject: the child."""

    consent_id: UUID
    child: UUID
    municipality: Municipality
    withdrawn_at: AwareDatetime


class MoveProposed(Event, source="persons"):
    """A notification is about someone another municipality already knows; people decide. Subject: the person.

    `children`: those concerned that `from_municipality` knows – the person, if a child; else the mother's running ones.
    """

    person: UUID
    notification_id: UUID | None
    from_municipality: Municipality
    to_municipality: Municipality
    children: list[UUID] = Field(default_factory=list)


class ChildMoved(Event, source="persons"):
    """People have decided that a child belongs to another municipality. Subject: the child."""

    child: UUID
    from_municipality: Municipality
    municipality: Municipality


class ChildInHospital(Event, source="persons"):
    """A hospital has told of a child's stay; only where the municipality has a legal basis to hear of it. Subject: the child.

    `code` is MedCom's letter code without RE_ or AN_, which are `change`.
    """

    child: UUID
    municipality: Municipality
    notification_id: UUID
    code: Literal["STAA", "STIN", "STOR", "SLOR", "SLHJ"]
    change: Literal["new", "revised", "cancelled"]
    told_at: AwareDatetime


class ChildDied(Event, source="persons"):
    """A child has died: visits and letters stop at once, the tovholder stays until a person closes. Subject: the child."""

    child: UUID
    municipality: Municipality
    died_on: date | None


class DeathUndone(Event, source="persons"):
    """A death was recorded by mistake. Subject: the child."""

    child: UUID
    municipality: Municipality


class PregnancyEnded(Event, source="persons"):
    """A pregnancy has ended without this child. Subject: the child."""

    child: UUID
    municipality: Municipality
    ended_on: date | None


class PregnancyEndUndone(Event, source="persons"):
    """The end of a pregnancy was recorded by mistake. Subject: the child."""

    child: UUID
    municipality: Municipality


class PersonsMerged(Event, source="persons"):
    """Two references turned out to be one child; `child`, the older, survives. Subject: the survivor."""

    child: UUID
    merged: UUID
    municipality: Municipality


class ProtectionChanged(Event, source="persons"):
    """Name and address protection of a person begins or ends. Subject: the person."""

    person: UUID
    municipality: Municipality
    protected: bool
