"""What sundhedspleje says of visits and of the information it hands over."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime

from services.events.envelope import Code, Event, Municipality

Basis = Literal[
    "consent", "sundhedsloven-41", "sundhedsloven-43-2", "dagtilbudsloven-3a", "ssd-exchange", "underretning", "refused"
]


class VisitPlanned(Event, source="sundhedspleje"):
    """A visit is planned for a child's family. Subject: the child."""

    visit: UUID
    child: UUID
    municipality: Municipality
    kind: Code
    from_on: date
    until_on: date


class VisitsReplanned(Event, source="sundhedspleje"):
    """Visits were moved or fell away, since the child was born or its birth corrected. Subject: the child."""

    child: UUID
    municipality: Municipality
    visits: list[UUID]


class OverleveringGiven(Event, source="sundhedspleje"):
    """Information was handed over to a unit. `basis`: of most of it; `refused`: nothing could pass. Subject: the child."""

    overlevering: UUID
    child: UUID
    municipality: Municipality
    to_unit: UUID
    start: UUID | None
    basis: Basis
    categories: list[Code]
    withheld: list[Code]
    given_by: UUID
    given_at: AwareDatetime
