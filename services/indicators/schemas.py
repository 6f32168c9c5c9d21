"""The bodies of indicators' API."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.events.envelope import Municipality


class DefinitionOut(BaseModel):
    """A figure's definition: what is counted, from which events, by which formula."""

    figure: str
    title: str
    title_da: str
    counts: str
    counts_da: str
    events: list[str]
    formula: str
    kind: str
    unit: str | None


class DefinitionsOut(BaseModel):
    """All figures, and what holds for each of them."""

    figures: list[DefinitionOut]
    rules: list[str]


class LineOut(BaseModel):
    """One number. `told` false: it, or one that follows from it, is under five. `unit`, `code`, `word` null: all of them."""

    period: str
    unit: str | None
    code: str | None
    word: str | None
    value: int | float | None
    number: int | None
    of: int | None
    told: bool


class PeriodsOut(BaseModel):
    """Quarters that have been counted, the newest first, and years of which every quarter has."""

    quarters: list[str]
    years: list[str]


class FigureOut(DefinitionOut):
    """A figure with its definition and its numbers."""

    lines: list[LineOut]


class FiguresOut(BaseModel):
    """All figures of one municipality and period. `since`: from when on anything has been heard of the municipality."""

    municipality: str
    period: str
    since: datetime | None
    figures: list[FigureOut]


class LinksIn(BaseModel):
    """Links for letters, of a unit or the whole municipality. Only the product's own services name a `municipality`."""

    model_config = ConfigDict(extra="forbid")

    number: int = Field(default=1, ge=1, le=500)
    unit: UUID | None = None
    municipality: Municipality | None = None


class LinksOut(BaseModel):
    """One link per family. Nothing here knows who gets which. `until`: the last day on which they can be answered."""

    links: list[str]
    until: date
