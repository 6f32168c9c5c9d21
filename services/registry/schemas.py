"""What a request to the registry may say."""

from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.events.envelope import Code, Municipality, Seat
from services.events.registry import ClosingReason, DeclineReason

# Children in one bulk: more than any unit has.
AT_MOST = 10_000
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Proposal(_Said):
    """`reason`: a code. `effective_on`: the date the baton is to pass, 00:00 in Copenhagen; without it at once when accepted."""

    to: Seat
    reason: Code
    effective_on: date | None = None
    family_wish: Text | None = None
    message: Text | None = None


class Acceptance(_Said):
    """`effective_on`: only where the proposal names no date."""

    effective_on: date | None = None
    text: Text | None = None


class Refusal(_Said):
    reason: DeclineReason
    text: Text | None = None


class Withdrawal(_Said):
    pass


class Question(_Said):
    text: Text


class GivenAnswer(_Said):
    text: Text


class Override(_Said):
    """A leader places the baton; `reason`: a code."""

    to: Seat
    reason: Code
    text: Text | None = None


class Move(_Said):
    """`to_municipality`: its four-character code."""

    to_municipality: Municipality


class Closing(_Said):
    """`receiver` and `confirmed_on`: who took over in a municipality outside the product, and when they confirmed it."""

    reason: ClosingReason
    text: Text | None = None
    receiver: Text | None = None
    confirmed_on: date | None = None


class Reopening(_Said):
    """`to`: who is tovholder from the same instant."""

    to: Seat
    reason: Code | None = None
    text: Text | None = None


class Separation(_Said):
    pass


class MatterDecision(_Said):
    """`outcome`: a code."""

    outcome: Code


class Rescheduling(_Said):
    """`effective_on`: the date the baton is to pass, 00:00 in Copenhagen."""

    effective_on: date


class Seen(_Said):
    pass


class BulkProposal(_Said):
    """Many children for one receiver: all that a professional holds (`from`), or those named. `reason`: a code."""

    from_: UUID | None = Field(None, alias="from")
    children: list[UUID] | None = Field(None, min_length=1, max_length=AT_MOST)
    to: Seat
    reason: Code
    effective_on: date | None = None
    message: Text | None = None

    @model_validator(mode="after")
    def says_which_children(self) -> Self:
        if (self.from_ is None) == (self.children is None):
            raise ValueError("name either `from`, whose children are meant, or the `children`")
        return self


class OneDeclined(_Said):
    child: UUID
    reason: DeclineReason


class BulkAnswer(_Said):
    """Yes to all, with exceptions; who refuses all of them names all of them."""

    accept: Literal[True]
    except_: list[OneDeclined] = Field([], alias="except", max_length=AT_MOST)
