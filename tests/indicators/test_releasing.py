"""No number under five can be had from what is told: not read, and not by adding and subtracting."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.indicators.domain.releasing import ALL, Atom, Group, Released, release

QUARTERS = ("2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4")
NUMBERS = st.sampled_from([1, 1, 2, 3, 4, 5, 6, 7, 9, 12, 30, 100])
ATOMS = st.builds(
    Atom,
    st.sampled_from(QUARTERS),
    st.sampled_from(["nord", "syd", "vest"]),
    st.sampled_from(["cos-p", "klar-til-baby"]),
    st.sampled_from([("yes", "yes"), ("yes", "no"), ("no", "no")]),
)
TABLES = st.dictionaries(ATOMS, NUMBERS, min_size=1, max_size=24)


def one(**units: int) -> dict[Atom, int]:
    return {Atom("2026-Q1", unit, ALL): number for unit, number in units.items()}


def told(released: Released, quarter: str = "2026-Q1", unit: str = ALL) -> int | None:
    return released.value(Group(quarter, unit))


def _belongs(atom: Atom, group: Group) -> bool:
    return (
        group.quarter in (ALL, atom.quarter)
        and group.unit in (ALL, atom.unit)
        and group.code in (ALL, atom.code)
        and (group.mark < 0 or atom.words[group.mark] == group.word)
    )


class Attacker:
    """Knows every told number, and all that follows from them by adding and subtracting; exact, by elimination of fractions."""

    def __init__(self, atoms: Mapping[Atom, int], known: Sequence[Group]) -> None:
        self.atoms = list(atoms)
        self._basis: list[list[Fraction]] = []
        for group in known:
            reduced = self._reduced(group)
            if any(reduced):
                pivot = next(place for place, value in enumerate(reduced) if value)
                self._basis.append([value / reduced[pivot] for value in reduced])

    def _reduced(self, group: Group) -> list[Fraction]:
        vector = [Fraction(int(_belongs(atom, group))) for atom in self.atoms]
        for row in self._basis:
            pivot = next(place for place, value in enumerate(row) if value)
            if factor := vector[pivot]:
                vector = [value - factor * other for value, other in zip(vector, row, strict=True)]
        return vector

    def can_tell(self, group: Group) -> bool:
        return not any(self._reduced(group))


def _every_group(atoms: Mapping[Atom, int]) -> list[Group]:
    return [
        Group(quarter, unit, code, mark, word)
        for quarter, unit, code, (mark, word) in product(
            {ALL, *(atom.quarter for atom in atoms)},
            {ALL, *(atom.unit for atom in atoms)},
            {ALL, *(atom.code for atom in atoms)},
            [(-1, ALL), (0, "yes"), (0, "no"), (1, "yes"), (1, "no")],
        )
    ]


def _left(atoms: Mapping[Atom, int], whole: Group, attacker: Attacker) -> int:
    """Of those with the first mark, those without the second, which is never given without it; 0 where it cannot be told."""
    first, second = (Group(whole.quarter, whole.unit, whole.code, mark, "yes") for mark in (0, 1))
    if not (attacker.can_tell(first) and attacker.can_tell(second)):
        return 0
    return sum(n for a, n in atoms.items() if _belongs(a, first)) - sum(n for a, n in atoms.items() if _belongs(a, second))


@settings(max_examples=80, deadline=None)
@given(TABLES)
def test_nobody_can_work_out_a_number_under_five(atoms: dict[Atom, int]) -> None:
    released = release(atoms, QUARTERS, whole_year=True)

    attacker = Attacker(atoms, sorted(released.told, key=str))
    assert not [wide for wide in _every_group(atoms) if 0 < _left(atoms, wide, attacker) < 5]
    found = {
        group: sum(number for atom, number in atoms.items() if _belongs(atom, group))
        for group in _every_group(atoms)
        if attacker.can_tell(group)
    }
    assert [group for group, number in found.items() if 0 < number < 5] == []
    assert all(released.value(group) == number for group, number in found.items())


@settings(max_examples=60, deadline=None)
@given(TABLES)
def test_what_is_left_of_a_told_sum_is_five_or_more_and_not_one_each(atoms: dict[Atom, int]) -> None:
    released = release(atoms, QUARTERS, whole_year=True)

    for group in released.told:
        if group.unit == ALL:
            parts = [
                part
                for part in released.values
                if part.unit != ALL and part == Group(group.quarter, part.unit, group.code, group.mark, group.word)
            ]
            hidden = [part for part in parts if part not in released.told]
            if hidden:
                assert sum(released.values[part] for part in hidden) >= max(5, len(hidden) + 1)


@settings(max_examples=60, deadline=None)
@given(TABLES, st.integers(1, 3))
def test_what_came_out_stays_as_it_came_out(atoms: dict[Atom, int], number: int) -> None:
    early = release(atoms, QUARTERS[:number], whole_year=False)
    late = release(atoms, QUARTERS, whole_year=True)

    for quarter, unit in product(QUARTERS[:number], [ALL, "nord", "syd", "vest"]):
        assert told(early, quarter, unit) == told(late, quarter, unit)


def test_a_number_that_follows_from_the_total_hides_another() -> None:
    released = release(one(nord=40, syd=30, vest=3), QUARTERS[:1], whole_year=False)

    assert told(released) == 73
    assert [told(released, unit=unit) for unit in ("nord", "syd", "vest")] == [40, None, None]


def test_a_small_number_beside_one_other_hides_both() -> None:
    released = release(one(nord=100, vest=2), QUARTERS[:1], whole_year=False)

    assert (told(released), told(released, unit="nord"), told(released, unit="vest")) == (102, None, None)


def test_five_is_told_and_nobody_is_nought() -> None:
    released = release(one(nord=5, syd=6), QUARTERS[:1], whole_year=False)

    assert [told(released, unit=unit) for unit in ("nord", "syd", "oest")] == [5, 6, 0]


def test_the_year_is_not_told_where_a_quarter_would_follow_from_it() -> None:
    quarters = dict(zip(QUARTERS, (12, 3, 20, 11), strict=True))
    released = release({Atom(quarter, ALL, ALL): number for quarter, number in quarters.items()}, QUARTERS, whole_year=True)

    assert [told(released, quarter) for quarter in QUARTERS] == [12, None, 20, 11]
    assert told(released, ALL) is None


def test_two_units_whose_hidden_quarters_cross_do_not_give_each_other_away() -> None:
    """In each quarter and each unit one number is small: rows and columns together are solved like a puzzle."""
    numbers = {("nord", 0): 2, ("nord", 1): 50, ("syd", 0): 40, ("syd", 1): 3, ("vest", 0): 30, ("vest", 1): 20}
    atoms = {Atom(QUARTERS[quarter], unit, ALL): number for (unit, quarter), number in numbers.items()}

    released = release(atoms, QUARTERS, whole_year=True)

    attacker = Attacker(atoms, sorted(released.told, key=str))
    assert not attacker.can_tell(Group(QUARTERS[0], "nord"))
    assert not attacker.can_tell(Group(QUARTERS[1], "syd"))


@pytest.mark.parametrize(("yes", "no", "number", "whole"), [(48, 2, 48, None), (50, 0, 50, 50), (3, 47, None, 50)])
def test_a_share_is_told_only_if_what_is_left_of_the_whole_may_be_told_too(
    yes: int, no: int, number: int | None, whole: int | None
) -> None:
    atoms = {Atom("2026-Q1", ALL, ALL, (word,)): count for word, count in (("yes", yes), ("no", no)) if count}

    released = release(atoms, QUARTERS[:1], whole_year=False)

    shown = (released.value(Group("2026-Q1", mark=0, word="yes")), told(released))
    assert shown in {(number, whole), (None, yes + no)}
    assert None in shown or no == 0
