"""How near a deadline is, in days as people count them."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Literal

Urgency = Literal["overdue", "today", "soon", "later", "none"]
# What is due within so many days is soon.
SOON_DAYS = 2


@dataclass(frozen=True)
class Deadline:
    """`on`: the last day that counts; `days`: until then, negative once it is past. Neither where no deadline runs."""

    urgency: Urgency
    on: date | None = None
    days: int = 0


def deadline(due_at: datetime | None, now: datetime, zone: tzinfo) -> Deadline:
    """Days are those of the calendar in `zone`. A deadline at midnight is the end of the day before."""
    if due_at is None:
        return Deadline("none")
    on = (due_at - timedelta(microseconds=1)).astimezone(zone).date()
    days = (on - now.astimezone(zone).date()).days
    if due_at <= now:
        return Deadline("overdue", on, min(days, 0))
    return Deadline("today" if days == 0 else "soon" if days <= SOON_DAYS else "later", on, days)


def urgency_of_child(held: dict[str, Any], now: datetime, zone: tzinfo) -> Deadline:
    """What a child one holds asks for soonest: a baton not yet seen, or an open handover."""
    unseen, handover = held["tovholder"].get("unseen"), held.get("handover")
    dates = [unseen["due_at"] if unseen else None, handover["due_at"] if handover and handover["state"] == "proposed" else None]
    known = [datetime.fromisoformat(text) for text in dates if text]
    return deadline(min(known), now, zone) if known else Deadline("none")


def age_in_words(born_on: date, today: date) -> tuple[str, int]:
    """(`days` | `weeks` | `months` | `years`, how many), as health visitors count: weeks to half a year, months to three."""
    days = (today - born_on).days
    months = (today.year - born_on.year) * 12 + today.month - born_on.month - (today.day < born_on.day)
    if days < 14:
        return "days", max(days, 0)
    if days < 183:
        return "weeks", days // 7
    if months < 36:
        return "months", months
    return "years", months // 12
