"""Quarters and years as figures are told by, and when a quarter has settled: then it is counted once and stays so."""

import re
from dataclasses import dataclass
from datetime import date, timedelta

from services.chassis.errors import NotUnderstood

# What is said so long after a quarter's end of something begun in it still belongs to it.
SETTLES_DAYS = 30
_PERIOD = re.compile(r"(20[0-9]{2})(?:-Q([1-4]))?")


@dataclass(frozen=True, order=True)
class Quarter:
    """A quarter of a year by its first day, in Copenhagen."""

    starts_on: date

    @classmethod
    def of(cls, day: date) -> "Quarter":
        return cls(date(day.year, 3 * ((day.month - 1) // 3) + 1, 1))

    @property
    def next(self) -> "Quarter":
        return Quarter.of(self.starts_on + timedelta(days=95))

    @property
    def settles_on(self) -> date:
        """From 00:00 of this day on it may be counted."""
        return self.next.starts_on + timedelta(days=SETTLES_DAYS)

    def __str__(self) -> str:
        return f"{self.starts_on.year}-Q{(self.starts_on.month + 2) // 3}"


@dataclass(frozen=True)
class Period:
    """A year, or one quarter of it."""

    year: int
    quarter: Quarter | None

    @classmethod
    def read(cls, text: str) -> "Period":
        """`2026` or `2026-Q1`. NotUnderstood for anything else: other spans would overlap with these and tell by difference."""
        found = _PERIOD.fullmatch(text)
        if not found:
            raise NotUnderstood("A period is a year (2026) or a quarter of one (2026-Q1).")
        year, number = int(found[1]), found[2]
        return cls(year, Quarter(date(year, 3 * int(number) - 2, 1)) if number else None)

    @property
    def quarters(self) -> tuple[Quarter, ...]:
        return (self.quarter,) if self.quarter else tuple(Quarter(date(self.year, month, 1)) for month in (1, 4, 7, 10))

    def __str__(self) -> str:
        return str(self.quarter or self.year)


def due(counted: Quarter | None, first: date | None, today: date) -> Quarter | None:
    """The quarter to be counted next; None while none has settled. `first`: of the oldest fact, where nothing is counted yet."""
    if counted is None and first is None:
        return None
    following = counted.next if counted else Quarter.of(first)  # type: ignore[arg-type]
    return following if following.settles_on <= today else None
