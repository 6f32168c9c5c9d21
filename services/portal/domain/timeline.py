"""A child's time drawn: who was tovholder when, what was offered, planned and held, on one axis."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

WIDTH = 960
LEFT = 8
_ROW = 34
_AXIS = 26
# Room for a span so short that it could not be seen.
_THINNEST = 5
# A letter of the drawing's type, wide enough for most.
_LETTER = 7.6

Lane = Literal["tovholder", "handover", "visit", "programme", "start"]
LANES: tuple[Lane, ...] = ("tovholder", "handover", "visit", "programme", "start")


@dataclass(frozen=True)
class Happening:
    """Something with a beginning and perhaps an end. `goes_on`: its end is not known yet."""

    lane: Lane
    label: str
    begins: datetime
    ends: datetime | None = None
    goes_on: bool = False


@dataclass(frozen=True)
class Bar:
    happening: Happening
    x: float
    y: float
    width: float
    height: float
    text: str


@dataclass(frozen=True)
class Drawing:
    """`ticks`: (x, the first of a month); `now`: where today is; all in units of the drawing."""

    width: int
    height: int
    bars: Sequence[Bar]
    ticks: Sequence[tuple[float, datetime]]
    now: float
    lanes: Sequence[tuple[float, Lane]]


def drawn(happenings: Iterable[Happening], now: datetime) -> Drawing | None:
    """None where there is nothing to draw. What goes on is drawn to now; bars of one lane that overlap get rows of their own."""
    known = sorted(happenings, key=lambda it: it.begins)
    if not known:
        return None
    first = min(it.begins for it in known)
    last = max([now, *(it.ends or it.begins for it in known)])
    margin = max((last - first) * 0.03, timedelta(days=2))
    first, last = first - margin, last + margin
    scale = (WIDTH - 2 * LEFT) / (last - first).total_seconds()

    def x(at: datetime) -> float:
        return round(LEFT + (at - first).total_seconds() * scale, 1)

    bars: list[Bar] = []
    lanes: list[tuple[float, Lane]] = []
    top = float(_AXIS)
    for lane in LANES:
        rows: list[float] = []
        own = [it for it in known if it.lane == lane]
        for it in own:
            begin, end = x(it.begins), x(now if it.goes_on else it.ends or it.begins)
            width = max(end - begin, _THINNEST)
            row = next((number for number, until in enumerate(rows) if until <= begin), len(rows))
            rows[row : row + 1] = [begin + width + 2]
            bars.append(Bar(it, begin, top + 16 + row * _ROW, round(width, 1), _ROW - 8, _fitting(it.label, width)))
        if own:
            lanes.append((top + 11, lane))
            top += 16 + len(rows) * _ROW + 6
    return Drawing(WIDTH, round(top), bars, _months(first, last, x), x(now), lanes)


def _fitting(label: str, width: float) -> str:
    """As much of a label as goes into its bar; nothing rather than a stump."""
    room = int((width - 10) / _LETTER)
    if len(label) <= room:
        return label
    return label[: room - 1].rstrip() + "…" if room >= 5 else ""


def _months(first: datetime, last: datetime, x: object) -> list[tuple[float, datetime]]:
    """Ticks at firsts of months, thinned so that they can be read."""
    assert callable(x)
    months = (last.year - first.year) * 12 + last.month - first.month
    step = next(step for step in (1, 2, 3, 6, 12, 24, 60, 240) if months / step <= 10)
    found = []
    for number in range(1, months + 1):
        year, month = divmod(first.month - 1 + number, 12)
        at = first.replace(year=first.year + year, month=month + 1, day=1, hour=0, minute=0, second=0, microsecond=0)
        if month % step == 0 or (step > 12 and month == 0):
            found.append((x(at), at))
    return found
