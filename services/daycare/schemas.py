"""The bodies of daycare's API."""

from datetime import date
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, model_validator

from services.daycare.domain import Cause, State
from services.events.envelope import Seat


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


class StartsOut(BaseModel):
    """A page of starts. `next`: give it as `after` for the next page."""

    starts: list[StartOut]
    next: UUID | None
