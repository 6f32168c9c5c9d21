"""Figures as rows of bars: where each bar lies and how long it is, in units of the drawing; what is not told is not drawn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, LEFT, ROW, TOP = 740, 280, 30, 6
_ROOM = WIDTH - LEFT - 96
# More bars than this are no picture; the table has them all.
MOST = 16
_LONGEST_LABEL = 36
# The order in which figures are read, by the beginning of their names; the last part takes the rest.
PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("baton", ("children_", "named_", "days_to_", "handovers_", "unbroken_")),
    ("visits", ("visits", "need_visits")),
    ("programmes", ("programmes_", "sessions_", "staff_")),
    ("screenings", ("screenings", "follow_ups", "age_", "topi_")),
    ("daycare", ("starts_", "places_")),
    ("outcome", ("admissions", "readmissions", "parent_")),
)


@dataclass(frozen=True)
class Bar:
    """`width` None: the number is not told, since it is under five or one under five follows from it."""

    label: str
    text: str
    y: int
    width: int | None


@dataclass(frozen=True)
class Chart:
    """`more`: how many bars are in the table alone."""

    bars: tuple[Bar, ...]
    height: int
    more: int


def part_of(figure: str) -> str:
    """The part of the page a figure stands in."""
    return next((part for part, begins in PARTS if figure.startswith(begins)), PARTS[-1][0])


def drawn(
    lines: Sequence[dict[str, Any]], kind: str, label: Callable[[dict[str, Any]], str], text: Callable[[dict[str, Any]], str]
) -> Chart | None:
    """Bars of a figure's lines as the indicators service tells them. `kind`: shares are drawn against the whole.

    None where nothing was counted, every line 0. What is all together comes before its parts, as the lines do.
    """
    if all(it["number"] == 0 for it in lines):
        return None
    most = 1.0 if kind == "share" else max((it["value"] or 0 for it in lines), default=0) or 1.0
    shown = lines[:MOST]
    bars = tuple(
        Bar(_short(label(it)), text(it), TOP + ROW * place, None if it["value"] is None else round(_ROOM * it["value"] / most))
        for place, it in enumerate(shown)
    )
    return Chart(bars, TOP + ROW * len(bars), len(lines) - len(shown))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1].rstrip() + "…"
