"""Which numbers may be told so that none under five can be had from them, neither read nor by adding and subtracting.

All tables of one counter in one year are decided on together and in the order in which they come out: the quarters first, the
year last. A table that came out stays as it came out; a later one gives way. What is told is checked against all that
follows from it: the told numbers are sums of the same smallest groups, and whatever sum of groups is a combination of told
ones counts as told too. (Complementary cell suppression with a linear audit; A. Hundepool et al., Statistical Disclosure
Control, 2012, ch. 4.)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

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
    # Those of the mark without the word, or of one share's whole without its part: never told themselves.
    rest: str = ALL

    @property
    def breadth(self) -> tuple[bool, int]:
        """Quarters come out before their year; within each, the broad before the narrow."""
        return (self.quarter == ALL, sum(1 for part in (self.unit, self.code, self.word) if part != ALL))


Vector = dict[int, int]


@dataclass
class _Knowledge:
    """What follows from what is told: a basis of the told sums, and every group reduced by it."""

    groups: dict[Group, Vector]
    by_direction: dict[tuple[tuple[int, int], ...], set[Group]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for group, vector in self.groups.items():
            self.by_direction.setdefault(_direction(vector), set()).add(group)

    def follows(self, group: Group) -> bool:
        return not self.groups[group]

    def would_follow(self, group: Group) -> set[Group]:
        """All that is known once this one is told."""
        return self.by_direction[_direction(self.groups[group])]

    def tell(self, group: Group) -> None:
        told = self.groups[group]
        pivot = min(told)
        inverse = pow(told[pivot], -1, _FIELD)
        for other, vector in self.groups.items():
            factor = vector.get(pivot)
            if factor is None or other == group:
                continue
            before = _direction(vector)
            _subtract(vector, told, factor * inverse % _FIELD)
            self.by_direction[before].discard(other)
            self.by_direction.setdefault(_direction(vector), set()).add(other)
        self.by_direction[_direction(told)].discard(group)
        self.groups[group] = {}
        self.by_direction.setdefault((), set()).add(group)


def _direction(vector: Vector) -> tuple[tuple[int, int], ...]:
    """The same for all multiples of a vector."""
    if not vector:
        return ()
    first = min(vector)
    inverse = pow(vector[first], -1, _FIELD)
    return tuple(sorted((place, value * inverse % _FIELD) for place, value in vector.items()))


def _subtract(vector: Vector, other: Vector, factor: int) -> None:
    for place, value in other.items():
        left = (vector.get(place, 0) - factor * value) % _FIELD
        if left:
            vector[place] = left
        else:
            vector.pop(place, None)


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


def release(
    atoms: Mapping[Atom, int], quarters: Sequence[str], whole_year: bool, shares: Iterable[tuple[int, str, int, str]] = ()
) -> Released:
    """Decides for one counter and year. `atoms`: numbers above 0. `quarters`: those that are out, in order.

    `shares`: (mark, word, mark of the whole or -1, its word): what is left of the whole is kept from being told too.
    """
    order = [atom for quarter in quarters for atom in sorted(atoms, key=_key) if atom.quarter == quarter]
    members = _members(order, whole_year)
    for share in shares:
        members |= _rests(members, share)
    values = {group: sum(atoms[order[place]] for place in places) for group, places in members.items()}
    lines = _lines(members)
    knowledge = _Knowledge({group: dict.fromkeys(places, 1) for group, places in members.items()})
    rank = {quarter: place for place, quarter in enumerate(quarters)}
    for group in sorted(
        (group for group in members if group.rest == ALL and values[group] >= LIMIT),
        key=lambda group: (rank.get(group.quarter, len(rank)), group.breadth, -values[group], _name(group)),
    ):
        if not knowledge.follows(group) and _is_safe(group, knowledge, values, lines):
            knowledge.tell(group)
    told = {group for group in members if knowledge.follows(group) and group.rest == ALL}
    return Released(values, frozenset(told))


def _is_safe(
    group: Group, knowledge: _Knowledge, values: Mapping[Group, int], lines: Mapping[Group, list[tuple[Group, list[Group]]]]
) -> bool:
    """Nobody could then tell a number under five, nor that a number which is not told is under five."""
    new = knowledge.would_follow(group)
    if any(0 < values[one] < LIMIT for one in new):
        return False
    for parent, children in {id(line): line for one in new for line in lines[one]}.values():
        if parent not in new and not knowledge.follows(parent):
            continue
        hidden = [child for child in children if child not in new and not knowledge.follows(child)]
        # Each is at least one. Were less left over than this, one of them could be seen to be small.
        if hidden and sum(values[child] for child in hidden) < LIMIT + len(hidden) - 1:
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


def _rests(members: Mapping[Group, frozenset[int]], share: tuple[int, str, int, str]) -> dict[Group, frozenset[int]]:
    mark, word, whole_mark, whole_word = share
    found = {}
    for group, places in members.items():
        if (group.mark, group.word, group.rest) == (whole_mark, whole_word, ALL):
            part = members.get(Group(group.quarter, group.unit, group.code, mark, word), frozenset())
            if left := places - part:
                rest = f"{mark}={word}"
                found[Group(group.quarter, group.unit, group.code, group.mark, group.word, rest)] = left
    return found


def _lines(members: Mapping[Group, frozenset[int]]) -> dict[Group, list[tuple[Group, list[Group]]]]:
    """Where a group is the sum of others: of its quarters, units, codes or words. By every group that takes part."""
    children: dict[tuple[str, Group], list[Group]] = {}
    for group in members:
        if group.rest != ALL:
            continue
        if group.quarter != ALL:
            children.setdefault(("quarter", _wider(group, quarter=ALL)), []).append(group)
        if group.unit != ALL:
            children.setdefault(("unit", _wider(group, unit=ALL)), []).append(group)
        if group.code != ALL:
            children.setdefault(("code", _wider(group, code=ALL)), []).append(group)
        if group.mark >= 0:
            children.setdefault((f"mark {group.mark}", _wider(group, mark=-1, word=ALL)), []).append(group)
    lines: dict[Group, list[tuple[Group, list[Group]]]] = {group: [] for group in members}
    for (_, parent), parts in children.items():
        if parent in members and set().union(*(members[part] for part in parts)) == members[parent]:
            line = (parent, parts)
            for one in (parent, *parts):
                lines[one].append(line)
    return lines


def _wider(group: Group, **changed: str | int) -> Group:
    return Group(**{**group.__dict__, **changed})


def _key(atom: Atom) -> tuple[str, str, str, tuple[str, ...]]:
    return (atom.quarter, atom.unit, atom.code, atom.words)


def _name(group: Group) -> tuple[str, str, str, int, str]:
    return (group.quarter, group.unit, group.code, group.mark, group.word)
