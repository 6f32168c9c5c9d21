"""Which numbers may be told so that none under five can be had from them, neither read nor by adding and subtracting.

All tables of one counter in one year are decided on together and in the order in which they come out: the quarters first, the
year last. A table that came out stays as it came out; a later one gives way. What is told is checked against all that
follows from it: the told numbers are sums of the same smallest groups, and whatever sum of groups is a combination of told
ones counts as told too. (Complementary cell suppression with a linear audit; A. Hundepool et al., Statistical Disclosure
Control, 2012, ch. 4.)
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product

LIMIT = 5
# Combinations are found by elimination over a field so large that a chance zero will not happen in the life of the universe.
_FIELD = 2**61 - 1
ALL = ""


@dataclass(frozen=True)
class Atom:
    """The smallest group: a quarter, a unit and a code (`""` where none), and a word per mark."""

    quarter: str
    unit: str
    code: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """What a number may be told of. `""`: of all. `quarter` `""`: the year. `mark` is the place of a mark, -1 for none."""

    quarter: str = ALL
    unit: str = ALL
    code: str = ALL
    mark: int = -1
    word: str = ALL
    # Those of the group without the mark's word that is named here: never told themselves.
    rest: str = ALL

    @property
    def breadth(self) -> tuple[bool, int]:
        """Quarters come out before their year; within each, the broad before the narrow."""
        return (self.quarter == ALL, sum(1 for part in (self.unit, self.code, self.word) if part != ALL))


Vector = dict[int, int]
Direction = frozenset[tuple[int, int]]
Line = tuple[Group, list[Group]]


class _Knowledge:
    """What follows from what is told: every group as a sum of smallest groups, less what is known of it."""

    def __init__(self, members: Mapping[Group, frozenset[int]]) -> None:
        self._left: dict[Group, Vector] = {group: dict.fromkeys(places, 1) for group, places in members.items()}
        self._directions: dict[Group, Direction] = {}
        self._alike: dict[Direction, set[Group]] = {}
        self._holding: dict[int, set[Group]] = {}
        for group, vector in self._left.items():
            self._place(group)
            for place in vector:
                self._holding.setdefault(place, set()).add(group)

    def follows(self, group: Group) -> bool:
        """Never for what is left of a group: that is looked at on its line."""
        return group.rest == ALL and not self._left[group]

    def would_follow(self, group: Group) -> set[Group]:
        """All that is known once this one is told."""
        return self._alike[self._directions[group]]

    def tell(self, group: Group) -> None:
        told = dict(self._left[group])
        # The smallest group that fewest others hold: little changes in them.
        pivot = min(told, key=lambda place: (len(self._holding[place]), place))
        inverse = pow(told[pivot], -1, _FIELD)
        for other in list(self._holding[pivot]):
            self._alike[self._directions[other]].discard(other)
            self._subtract(other, told, self._left[other][pivot] * inverse % _FIELD)
            self._place(other)

    def _subtract(self, group: Group, told: Vector, factor: int) -> None:
        vector = self._left[group]
        for place, value in told.items():
            before = vector.get(place)
            left = ((before or 0) - factor * value) % _FIELD
            if left:
                vector[place] = left
                if before is None:
                    self._holding[place].add(group)
            elif before is not None:
                del vector[place]
                self._holding[place].discard(group)

    def _place(self, group: Group) -> None:
        direction = self._directions[group] = _direction(self._left[group])
        self._alike.setdefault(direction, set()).add(group)


def _direction(vector: Vector) -> Direction:
    """The same for all multiples of a vector."""
    if not vector:
        return frozenset()
    first = vector[min(vector)]
    if first == 1:
        return frozenset(vector.items())
    inverse = pow(first, -1, _FIELD)
    return frozenset((place, value * inverse % _FIELD) for place, value in vector.items())


@dataclass(frozen=True)
class Released:
    """What may be told. `values`: every group there is, told or not; a group that is not there is empty."""

    values: Mapping[Group, int]
    told: frozenset[Group]

    def value(self, group: Group) -> int | None:
        """0 for nobody; None where it is not told."""
        if group not in self.values:
            return 0
        return self.values[group] if group in self.told else None


def release(atoms: Mapping[Atom, int], quarters: Sequence[str], whole_year: bool) -> Released:
    """Decides for one counter and year. `atoms`: numbers above 0. `quarters`: those that are out, in order."""
    order = [atom for quarter in quarters for atom in sorted(atoms, key=_key) if atom.quarter == quarter]
    members = _members(order, whole_year)
    values = {group: sum(atoms[order[place]] for place in places) for group, places in members.items()}
    lines = _lines(members, values)
    knowledge = _Knowledge(members)
    rank = {quarter: place for place, quarter in enumerate(quarters)}
    for group in sorted(
        (group for group in members if values[group] >= LIMIT),
        key=lambda group: (rank.get(group.quarter, len(rank)), group.breadth, -values[group], _name(group)),
    ):
        if not knowledge.follows(group) and _is_safe(group, knowledge, values, lines):
            knowledge.tell(group)
    told = frozenset(group for group in members if knowledge.follows(group))
    return Released({group: values[group] for group in members}, told)


def _is_safe(group: Group, knowledge: _Knowledge, values: Mapping[Group, int], lines: Mapping[Group, Sequence[Line]]) -> bool:
    """Nobody could then tell a number under five, nor what is left of a told sum: under five together, or one each."""
    new = knowledge.would_follow(group)
    if any(0 < values[one] < LIMIT for one in new):
        return False
    for parent, children in {id(line): line for one in new for line in lines.get(one, ())}.values():
        if parent not in new and not knowledge.follows(parent):
            continue
        hidden = [child for child in children if child not in new and not knowledge.follows(child)]
        left = sum(values[child] for child in hidden)
        if hidden and (left < LIMIT or left == len(hidden)):
            return False
    return True


def _members(order: Sequence[Atom], whole_year: bool) -> dict[Group, frozenset[int]]:
    found: dict[Group, set[int]] = {}
    for place, atom in enumerate(order):
        marked = [(-1, ALL), *((mark, word) for mark, word in enumerate(atom.words) if word)]
        for quarter, unit, code, (mark, word) in product(
            {atom.quarter, ALL} if whole_year else {atom.quarter}, {atom.unit, ALL}, {atom.code, ALL}, marked
        ):
            found.setdefault(Group(quarter, unit, code, mark, word), set()).add(place)
    return {group: frozenset(places) for group, places in found.items()}


def _lines(members: Mapping[Group, frozenset[int]], values: dict[Group, int]) -> dict[Group, list[Line]]:
    """Where a group is the sum of others: of its quarters, units, codes or words. By every group that takes part."""
    children: dict[tuple[str, Group], list[Group]] = {}
    for group in members:
        if group.quarter != ALL:
            children.setdefault(("quarter", _wider(group, quarter=ALL)), []).append(group)
        if group.unit != ALL:
            children.setdefault(("unit", _wider(group, unit=ALL)), []).append(group)
        if group.code != ALL:
            children.setdefault(("code", _wider(group, code=ALL)), []).append(group)
        if group.mark >= 0:
            children.setdefault((f"mark {group.mark}", _wider(group, mark=-1, word=ALL)), []).append(group)
    sums = [
        (parent, parts)
        for (_, parent), parts in children.items()
        if parent in members and frozenset[int]().union(*(members[part] for part in parts)) == members[parent]
    ]
    found: dict[Group, list[Line]] = {}
    for line in (*sums, *_nested(members, values)):
        for one in (line[0], *line[1]):
            found.setdefault(one, []).append(line)
    return found


def _nested(members: Mapping[Group, frozenset[int]], values: dict[Group, int]) -> Iterator[Line]:
    """Where one group lies within another: of all those with a word; of those above the threshold, who are followed up.

    A share tells both, and so their difference, which is given a value here.
    """
    beside: dict[tuple[str, str, str], list[Group]] = {}
    for group in members:
        beside.setdefault((group.quarter, group.unit, group.code), []).append(group)
    for groups in beside.values():
        for whole, part in permutations(groups, 2):
            if members[part] < members[whole]:
                rest = _wider(whole, rest=f"{part.mark}={part.word}")
                values[rest] = values[whole] - values[part]
                yield (whole, [part, rest])


def _wider(group: Group, **changed: str | int) -> Group:
    return replace(group, **changed)  # type: ignore[arg-type]


def _key(atom: Atom) -> tuple[str, str, str, tuple[str, ...]]:
    return (atom.quarter, atom.unit, atom.code, atom.words)


def _name(group: Group) -> tuple[str, str, str, int, str]:
    return (group.quarter, group.unit, group.code, group.mark, group.word)
