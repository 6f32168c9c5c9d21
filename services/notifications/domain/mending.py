"""Pure rules of what a person can do about a delivery that failed, and how a professional may be told."""

from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta, tzinfo
from typing import Literal

from services.chassis.errors import NotUnderstood, RuleViolated
from services.notifications.domain import Channel, ToWhom, waits_for_you

Act = Literal["try-again", "email", "letter", "printed", "told"]
EmailWish = Literal["at-once", "digest", "never"]
_OTHERS: Mapping[ToWhom, tuple[Channel, ...]] = {"professional": ("email",), "family": ("email", "letter")}


class OnlyWhatFailedIsMended(RuleViolated):
    """What was delivered, is still being tried, or was taken care of needs nothing more."""


class OnlyWhatFailedIsToldInPerson(RuleViolated):
    """What was delivered, or is still being tried, needs nobody."""


class ThisChannelDoesNotReachThem(RuleViolated):
    """Choose another: this one has no adapter here, is the one that failed, or was used beside it already."""


class ThisKindWaitsForYou(NotUnderstood):
    """A handover that waits for you is told at once by e-mail, whatever else is chosen."""


def what_can_be_done(state: str, to_whom: ToWhom, channel: str, has_letters: bool) -> tuple[Act, ...]:
    """Of a failed delivery: correct the address and try again, another channel, printed by hand, told by a person."""
    if state != "failed":
        return ()
    others = [one for one in _OTHERS[to_whom] if one != channel and (one != "letter" or has_letters)]
    by_hand: tuple[Act, ...] = ("printed", "told") if to_whom == "family" else ("told",)
    return ("try-again", *others, *by_hand)  # type: ignore[arg-type]


def may_be_mended(act: Act, state: str, to_whom: ToWhom, channel: str, has_letters: bool) -> None:
    """OnlyWhatFailedIsMended, ThisChannelDoesNotReachThem."""
    if state != "failed":
        raise OnlyWhatFailedIsMended
    if act not in what_can_be_done(state, to_whom, channel, has_letters):
        raise ThisChannelDoesNotReachThem


def checked_wishes(wishes: Mapping[str, EmailWish]) -> None:
    """ThisKindWaitsForYou where a handover that waits for an answer would not be told at once."""
    refused = sorted(kind for kind, wish in wishes.items() if wish != "at-once" and kind in waits_for_you())
    if refused:
        raise ThisKindWaitsForYou(kinds=refused)


def wish_for(kind: str, wishes: Mapping[str, EmailWish]) -> EmailWish:
    """How an e-mail of this kind is wanted; what waits for an answer comes at once."""
    return "at-once" if kind in waits_for_you() else wishes.get(kind, wishes.get("*", "at-once"))


def digest_after(at: datetime, hour: int, zone: tzinfo) -> datetime:
    """The next time the clock there shows this hour."""
    local = at.astimezone(zone)
    day = local.date() + timedelta(days=local.hour >= hour)
    return datetime.combine(day, time(hour), zone)


def known_kinds(kinds: Iterable[str], known: Iterable[str]) -> list[str]:
    """Those that nobody knows, `*` apart."""
    return sorted(set(kinds) - set(known) - {"*"})
