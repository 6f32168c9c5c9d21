"""Stays in hospital from what hospitals said of one child: told, revised and cancelled, in any order and more than once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

# A stay that begins so soon after the last one counts as a readmission (the national monitoring of newborns).
READMITTED = timedelta(days=28)
# MedCom's letter codes: a stay as inpatient begins (STIN); it ends and the citizen goes home (SLHJ).
_BEGINS, _ENDS = "STIN", "SLHJ"


@dataclass(frozen=True, order=True)
class Told:
    """One message. `code`: MedCom's letter code without RE_ and AN_, which are `change`: new, revised or cancelled."""

    told_at: datetime
    said_at: datetime
    code: str
    change: str


@dataclass(frozen=True)
class Stay:
    """A stay that was not cancelled. `again`: it began within 28 days after the one before."""

    began_at: datetime
    said_at: datetime
    again: bool


def stays(told: Iterable[Told]) -> list[Stay]:
    """The stays of one child, in order. A cancellation undoes the last message of its code; a revision is no stay of its own."""
    begun: list[Told] = []
    ended: list[Told] = []
    for one in sorted(set(told)):
        kept = {_BEGINS: begun, _ENDS: ended}.get(one.code)
        if kept is None:
            continue
        if one.change == "cancelled":
            del kept[-1:]
        elif one.change == "new" or not kept:
            kept.append(one)
    return [
        Stay(one.told_at, one.said_at, place > 0 and one.told_at - _last_seen(begun[place - 1], one, ended) <= READMITTED)
        for place, one in enumerate(begun)
    ]


def _last_seen(before: Told, following: Told, ended: Sequence[Told]) -> datetime:
    """When the stay before ended; began, where no end was told."""
    ends = [end.told_at for end in ended if before.told_at <= end.told_at <= following.told_at]
    return max(ends, default=before.told_at)
