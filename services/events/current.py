"""How each child stands now: what the compacted topic of present tovholdere and `GET /registry/current` carry."""

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from services.events.envelope import Municipality, Seat

TOPIC = "tovholder.tovholdere"


class CurrentTovholder(BaseModel):
    """Who is tovholder of a child now. Key: the child. Of two values for a child the one with the higher version holds.

    A closed child's value says so: `tovholder` is null and `since` is when the last one's time ended. A null value, a tombstone,
    says that the child was erased. `version` is that of the registry's last event about the child when the value was made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    child: UUID
    municipality: Municipality
    tovholder: Seat | None
    since: AwareDatetime
    status: Literal["expected", "born", "closed"]
    version: int
