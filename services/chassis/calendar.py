"""Working days of a Danish municipality, and dates as Copenhagen counts them."""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

COPENHAGEN = ZoneInfo("Europe/Copenhagen")


@lru_cache(maxsize=64)
def _holidays(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("DK", years=year))


def is_working_day(day: date, closing_days: Collection[date] = ()) -> bool:
    """Monday to Friday, no Danish public holiday, no local closing day."""
    return day.weekday() < 5 and day not in _holidays(day.year) and day not in closing_days


def after_working_days(start: datetime, days: int, closing_days: Collection[date] = ()) -> datetime:
    """The end (midnight in Copenhagen) of the n-th working day after an instant; `days` may be negative."""
    day, step = start.astimezone(COPENHAGEN).date(), 1 if days >= 0 else -1
    left = abs(days)
    while left:
        day += timedelta(days=step)
        left -= is_working_day(day, closing_days)
    return datetime.combine(day + timedelta(days=1), time(), COPENHAGEN)


def start_of(day: date) -> datetime:
    """00:00 in Copenhagen: when an effect date takes effect."""
    return datetime.combine(day, time(), COPENHAGEN)


def date_of(instant: datetime) -> date:
    """The date in Copenhagen."""
    return instant.astimezone(COPENHAGEN).date()
