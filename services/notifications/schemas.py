"""What the addresses of notifications take and give: ids, codes and times only."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.events.envelope import Code, Municipality
from services.notifications.domain.mending import Act, EmailWish
from services.notifications.domain.outward import MOST_RULES

State = Literal["queued", "sent", "delivered", "seen", "failed", "told", "stopped", "replaced"]
ChannelOut = Literal["inbox", "email", "letter", "sms"]
Kind = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{1,60}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TryOut(BaseModel):
    """One try and what came of it."""

    number: int
    at: datetime
    outcome: str


class DeliveryOut(BaseModel):
    """One notice to one recipient by one channel, and its fate. What is not so is left out.

    `can`: what may be done about it now; `all_tries`: only where a single delivery, or who was not told, is asked for.
    """

    id: UUID
    notice: UUID
    about: UUID
    kind: str
    to_whom: Literal["professional", "family"]
    recipient: UUID | None = None
    why: str
    channel: ChannelOut
    state: State
    reason: str | None = None
    tries: int
    next_try_at: datetime | None = None
    shown_to: UUID | None = None
    happened_at: datetime
    queued_at: datetime
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    seen_at: datetime | None = None
    told_by: UUID | None = None
    told_at: datetime | None = None
    told_how: str | None = None
    spoke_to: UUID | None = None
    replaced_by: UUID | None = None
    can: list[Act] | None = None
    all_tries: list[TryOut] | None = None


class DeliveriesOut(_Strict):
    """A page; `next` is the `after` of the next one."""

    deliveries: list[DeliveryOut]
    next: UUID | None = None


class SeenOut(_Strict):
    """The delivery is seen."""

    id: UUID
    state: Literal["seen"] = "seen"


class ToldIn(_Strict):
    """How they were told, by whoever says so; `spoke_to`: the person, where it was not the recipient; `at`: now, if not said."""

    how: Literal["in-person", "phone", "printed"] = "in-person"
    spoke_to: UUID | None = None
    at: AwareDatetime | None = None


class ToldOut(_Strict):
    """It was told in person."""

    id: UUID
    state: Literal["told"] = "told"


class OtherChannelIn(_Strict):
    channel: Literal["email", "letter"]


class AgainOut(_Strict):
    """It is tried again; by another channel, under another id."""

    id: UUID
    state: Literal["queued"] = "queued"


# -- Wishes -----------------------------------------------------------------------------------------------------------------


class PreferencesIn(_Strict):
    """How each kind of notice is wanted by e-mail, `*` for all others; the inbox has everything in any case."""

    email: dict[Kind | Literal["*"], EmailWish] = Field(default_factory=dict, max_length=100)
    digest_hour: int = Field(7, ge=0, le=23, description="When the digest comes, by the clock in Copenhagen.")


class PreferencesOut(PreferencesIn):
    """`at_once`: the kinds that wait for an answer and are always told at once."""

    at_once: list[str]


# -- Letters ----------------------------------------------------------------------------------------------------------------


class LetterOut(BaseModel):
    """One letter and its fate; its words stand at its own address."""

    delivery: UUID
    child: UUID
    person: UUID
    kind: str
    tovholder: UUID
    made_at: datetime
    state: State
    reason: str | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None


class LettersOut(_Strict):
    letters: list[LetterOut]


class WordsOut(_Strict):
    """A letter in one language (`da`, `en`)."""

    language: str
    subject: str
    paragraphs: list[str]


class LetterWordsOut(_Strict):
    delivery: UUID
    words: list[WordsOut]


class LetterRuleIn(_Strict):
    """After how many working days a family is written to whose child only has been registered; 0: at once."""

    first_after_working_days: int = Field(ge=0, le=20)


class LetterRuleOut(LetterRuleIn):
    municipality: Municipality


# -- Subscriptions ----------------------------------------------------------------------------------------------------------


class RuleIn(_Strict):
    """All that is named must fit. Ages in whole months, an unborn child's negative, counted back from its due date."""

    name: Code
    municipalities: list[Municipality] = Field(default_factory=list, max_length=100)
    units: list[UUID] = Field(default_factory=list, max_length=500)
    children: list[UUID] = Field(default_factory=list, max_length=5000)
    kinds: list[Kind] = Field(default_factory=list, max_length=100)
    from_months: int | None = Field(None, ge=-10, le=216)
    to_months: int | None = Field(None, ge=-10, le=216)


class SubscriptionIn(_Strict):
    """Where to, and what. `topic`: a Kafka topic of one's own, which this client's principal alone may read.

    `client_id`: the municipality's own system that it is for, where an administrator makes it; a system makes its own.
    """

    client_id: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    channel: Literal["webhook", "topic"] = "webhook"
    url: Annotated[str, StringConstraints(min_length=8, max_length=2000)] | None = None
    rules: list[RuleIn] = Field(min_length=1, max_length=MOST_RULES)

    @model_validator(mode="after")
    def _goes_somewhere(self) -> "SubscriptionIn":
        if (self.channel == "webhook") != (self.url is not None):
            raise ValueError("a webhook has a url, a topic has none")
        if len({rule.name for rule in self.rules}) != len(self.rules):
            raise ValueError("each rule has a name of its own")
        return self


class SubscriptionOut(BaseModel):
    """How a subscription stands. `waiting`: events it has not taken yet. `secret` is shown once, when it is made."""

    id: UUID
    client_id: str
    channel: Literal["webhook", "topic"]
    url: str | None = None
    topic: str | None = None
    principal: str | None = None
    topic_ready: bool | None = None
    rules: list[dict[str, Any]]
    state: Literal["active", "paused", "ended"]
    paused_why: str | None = None
    paused_at: datetime | None = None
    sequence: int
    sent: int
    waiting: int
    tries: int
    failing_since: datetime | None = None
    trouble: str | None = None
    next_try_at: datetime | None = None
    proven_at: datetime | None = None
    made_at: datetime
    secret: str | None = None


class SubscriptionsOut(_Strict):
    subscriptions: list[SubscriptionOut]


class SystemOut(_Strict):
    """A municipality's own system, and the kinds of events that its role lets it hear."""

    client_id: str
    kinds: list[str]


class SystemsOut(_Strict):
    systems: list[SystemOut]


class SubscriptionChangeOut(_Strict):
    """A professional, or a system, has made, tested, paused, resumed, replayed or ended it, added or
    taken away a rule, or has had a new secret."""

    at: datetime
    by_professional: UUID | None
    by_system: str | None
    what: str


class SubscriptionHistoryOut(_Strict):
    """The newest first."""

    changes: list[SubscriptionChangeOut]


class SecretOut(_Strict):
    """The new secret, shown this once. The former one signs beside it until `former_until`."""

    id: UUID
    number: int
    secret: str | None = None
    former_until: datetime


class ReplayIn(_Strict):
    """The sequence number that is to come next: an earlier one again, or a later one to leave something out."""

    from_sequence: int = Field(ge=1, lt=2**63)


class LogEntryOut(BaseModel):
    """One event of a subscription with every try."""

    sequence: int
    kind: str
    event: str
    rule: str
    at: datetime
    taken_at: datetime | None = None
    tries: list[dict[str, Any]]


class LogOut(_Strict):
    """A page; `next` is the `after` of the next one."""

    events: list[LogEntryOut]
    next: int | None = None
