"""Every refusal as a sentence: what happened, whose fault it is and whether to try again."""

import re
from typing import Any, ClassVar, Literal

Fault = Literal["caller", "service", "dependency"]

_WORD = re.compile(r"(?<!^)(?=[A-Z])")


class Problem(Exception):
    """An answer that says no. The class name is the problem's type; `more` holds ids and codes only, never personal data."""

    status: ClassVar[int] = 400
    fault: ClassVar[Fault] = "caller"
    retry: ClassVar[bool] = False

    def __init__(self, detail: str = "", **more: Any) -> None:
        super().__init__(detail or self.sentence())
        self.detail = detail or self.sentence()
        self.more = more

    @classmethod
    def slug(cls) -> str:
        """`OnlyTheNamedReceiverMayAccept` → `only-the-named-receiver-may-accept`."""
        return _WORD.sub("-", cls.__name__).lower()

    @classmethod
    def sentence(cls) -> str:
        return cls.slug().replace("-", " ").capitalize() + "."


class RuleViolated(Problem):
    """A rule of the domain says no to this change as things stand."""

    status = 409


class NotAllowed(Problem):
    """Who asks may not do this."""

    status = 403


class NotFound(Problem):
    """There is no such thing, or not for who asks: the two look alike from outside."""

    status = 404


class NotUnderstood(Problem):
    """The request is not what the contract says."""

    status = 422


class LogInAgain(Problem):
    """The token is missing, expired, foreign or not signed by the provider."""

    status = 401


class CallerIsUnknown(Problem):
    """The token is good but the directory knows nobody by it."""

    status = 403


class IdempotencyKeyIsMissing(Problem):
    """A change needs an Idempotency-Key so that it can be repeated safely."""

    status = 400


class IdempotencyKeyWasUsedForAnotherRequest(Problem):
    """The same key came with another body."""

    status = 422


class TheChildHasMovedOn(Problem):
    """Somebody else changed it first; the answer says what stands now."""

    status = 409


class NothingHereHasThatVersion(Problem):
    """What this address changes has no version, or does not exist yet: ask again without If-Match."""

    status = 412


class TryAgainSoon(Problem):
    """Something this service needs is away for a moment; nothing was lost, nothing half done."""

    status = 503
    fault = "dependency"
    retry = True

    def __init__(self, detail: str = "", seconds: int = 1, **more: Any) -> None:
        super().__init__(
            detail or "A part this service needs is not answering. Repeat the same request with the same key.", **more
        )
        self.seconds = seconds
        self.cause = more.get("cause")


class NotYetKnown(Exception):
    """A fact about a subject that this service has not heard of yet: it is kept and applied once the subject is known."""

    def __init__(self, about: object) -> None:
        super().__init__(str(about))
        self.about = about


class CannotBeApplied(Exception):
    """A handler's word that this event can never be applied as it is: a dead letter, for a person to see."""


def require(allowed: bool, related: bool) -> None:
    """NotFound for someone with no relation to the child at all, NotAllowed for a relation that is not enough."""
    if not related:
        raise NotFound("There is no such thing, or not for you.")
    if not allowed:
        raise NotAllowed("Your relation to this child does not allow it.")
