"""What the addresses of notifications take and give: ids, codes and times only."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

State = Literal["queued", "delivered", "seen", "failed", "told", "stopped"]


class DeliveryOut(BaseModel):
    """One notice to one recipient by one channel, and its fate. What is not so is left out."""

    id: UUID
    notice: UUID
    about: UUID
    kind: str
    to_whom: Literal["professional", "family"]
    recipient: UUID | None = None
    why: str
    channel: Literal["inbox", "email"]
    state: State
    reason: str | None = None
    tries: int
    shown_to: UUID | None = None
    happened_at: datetime
    queued_at: datetime
    delivered_at: datetime | None = None
    seen_at: datetime | None = None
    told_by: UUID | None = None
    told_at: datetime | None = None


class DeliveriesOut(BaseModel):
    """A page; `next` is the `after` of the next one."""

    model_config = ConfigDict(extra="forbid")

    deliveries: list[DeliveryOut]
    next: UUID | None = None


class SeenOut(BaseModel):
    """The delivery is seen."""

    model_config = ConfigDict(extra="forbid")

    id: UUID
    state: Literal["seen"] = "seen"


class ToldOut(BaseModel):
    """It was told in person."""

    model_config = ConfigDict(extra="forbid")

    id: UUID
    state: Literal["told"] = "told"
