"""From what was counted to what is told: one line per figure, period, unit, code and word, small numbers left out."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.indicators.domain.definitions import Definitions, Figure
from services.indicators.domain.releasing import ALL, Atom, Group, Released, release

_SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Counted:
    """A smallest group's number, and per mark the sum of its amounts (seconds or scores)."""

    counter: str
    atom: Atom
    number: int
    amounts: tuple[float, ...]


@dataclass(frozen=True)
class Line:
    """One number of one figure. `value` None: not told, since it or what follows from it is under five.

    `value` is a number, a share from 0 to 1, or a mean in the figure's unit; `number` of `of` is what it is made from.
    """

    figure: str
    period: str
    unit: str
    code: str
    word: str
    value: float | None
    number: int | None
    of: int | None

    @property
    def is_told(self) -> bool:
        return self.value is not None


def lines(known: Definitions, counted: Sequence[Counted], quarters: Sequence[str], year: str, whole_year: bool) -> list[Line]:
    """Every line of one municipality and year, in the order of the file. `quarters`: those that have been counted, in order."""
    by_counter: dict[str, list[Counted]] = {}
    for one in counted:
        by_counter.setdefault(one.counter, []).append(one)
    tables = {
        name: _Table(
            _released(known, name, by_counter.get(name, ()), quarters, whole_year), by_counter.get(name, ()), counter.apart
        )
        for name, counter in known.counters.items()
    }
    found = []
    for name, figure in known.figures.items():
        counter, table = known.counters[figure.counter], tables[figure.counter]
        mark = counter.place_of(figure.mark) if figure.mark else -1
        of = counter.place_of(figure.of) if figure.of else -1
        for quarter in (*quarters, *([ALL] if whole_year else [])):
            for unit, code in table.places(quarter):
                place = Group(quarter, unit, code)
                for word, value, number, whole in _told(figure, mark, of, place, table):
                    found.append(Line(name, quarter or year, unit, code, word, value, number, whole))
    return found


def _released(known: Definitions, name: str, counted: Sequence[Counted], quarters: Sequence[str], whole_year: bool) -> Released:
    """`apart`: each code by itself, and none of all codes together."""
    numbers = {one.atom: one.number for one in counted}
    if not known.counters[name].apart:
        return release(numbers, quarters, whole_year)
    values: dict[Group, int] = {}
    told: set[Group] = set()
    for code in sorted({atom.code for atom in numbers}):
        own = release({atom: number for atom, number in numbers.items() if atom.code == code}, quarters, whole_year)
        values |= {group: value for group, value in own.values.items() if group.code == code}
        told |= {group for group in own.told if group.code == code}
    return Released(values, frozenset(told))


class _Table:
    """What may be told of one counter."""

    def __init__(self, released: Released, counted: Sequence[Counted], apart: bool) -> None:
        self.released, self._counted, self._apart = released, counted, apart

    def places(self, quarter: str) -> list[tuple[str, str]]:
        """Units and codes of a quarter (or the year), all together first."""
        found = {(group.unit, group.code) for group in self.released.values if group.quarter == quarter}
        return sorted(found | (set() if self._apart else {(ALL, ALL)}))

    def words(self, quarter: str, mark: int) -> list[str]:
        """Those given anywhere in the quarter or year: which of them a small unit has is not told by leaving lines out."""
        return sorted({g.word for g in self.released.values if g.quarter == quarter and g.mark == mark and g.word != "no"})

    def value(self, place: Group, mark: int = -1, word: str = ALL) -> int | None:
        return self.released.value(Group(place.quarter, place.unit, place.code, mark, word))

    def amount(self, place: Group, mark: int, word: str) -> float:
        return sum(
            one.amounts[mark]
            for one in self._counted
            if place.quarter in (ALL, one.atom.quarter)
            and place.unit in (ALL, one.atom.unit)
            and place.code in (ALL, one.atom.code)
            and (word == ALL or one.atom.words[mark] == word)
        )


def _told(
    figure: Figure, mark: int, of: int, place: Group, table: _Table
) -> list[tuple[str, float | None, int | None, int | None]]:
    """(word, value, number, of)."""
    whole = table.value(place, of, "yes") if of >= 0 else table.value(place)
    if figure.as_ == "number":
        return [(ALL, whole, whole, None)]
    if figure.as_ == "split":
        return [
            (word, part, part, None) for word in table.words(place.quarter, mark) for part in [table.value(place, mark, word)]
        ]
    if figure.as_ == "mean":
        # Days are a mean of those to whom it happened; scores and sessions of all.
        word = figure.word if figure.unit == "days" else ALL
        number = table.value(place, mark, word) if figure.unit == "days" else whole
        if not number:
            return [(ALL, None, number, None)]
        mean = table.amount(place, mark, word) / number / (_SECONDS_A_DAY if figure.unit == "days" else 1)
        return [(ALL, round(mean, 2), number, None)]
    part = table.value(place, mark, figure.word)
    if whole is None or part is None:
        return [(ALL, None, None, whole)]
    return [(ALL, round(part / whole, 4) if whole else None, part, whole)]


def selected(found: Sequence[Line], period: str, unit: str | None) -> list[Line]:
    """The lines of one period, of all units or of one."""
    return [line for line in found if line.period == period and (unit is None or line.unit == unit)]
