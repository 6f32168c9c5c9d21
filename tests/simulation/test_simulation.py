"""Whatever is lost, doubled, late, cut or killed: once it ceases, every child has its tovholder and everyone has been told."""

import contextlib
import random
from collections.abc import Callable

import pytest

from tests.simulation.planted import PLANTED, RARE
from tests.simulation.play import Played, Simulator

_FRESH = random.SystemRandom()
_FOUND_WITHIN_SEEDS = 200


def _nothing_found(played: Played) -> None:
    again = f"make simulate SEED={played.seed}"
    assert played.complaints == [], f"play it again with: {again}\n" + "\n".join(played.complaints)


def _fresh_seeds_find_nothing(simulator: Simulator, seeds: int) -> None:
    for _ in range(seeds):
        _nothing_found(simulator.play(_FRESH.getrandbits(32)))


@pytest.mark.parametrize("part", range(10))
def test_fifty_fresh_seeds_find_nothing(simulator: Simulator, part: int) -> None:
    _fresh_seeds_find_nothing(simulator, 50)


@pytest.mark.long
@pytest.mark.parametrize("part", range(40))
def test_two_hundred_and_fifty_fresh_seeds_find_nothing(simulator: Simulator, part: int) -> None:
    _fresh_seeds_find_nothing(simulator, 250)


def test_the_same_seed_gives_the_same_history(simulator: Simulator) -> None:
    seeds = [_FRESH.getrandbits(32) for _ in range(10)]

    first = {seed: simulator.play(seed).history for seed in seeds}
    again = {seed: simulator.play(seed).history for seed in reversed(seeds)}

    for seed in seeds:
        assert first[seed] == again[seed], f"seed {seed}"
    assert len({tuple(history) for history in first.values()}) == len(seeds)


@pytest.mark.parametrize("steps", [3, pytest.param(40, marks=pytest.mark.long)])
def test_a_crash_at_each_numbered_point_loses_nothing(simulator: Simulator, steps: int) -> None:
    whole = simulator.play(3, steps, faulty=False)
    _nothing_found(whole)

    for number in range(1, whole.points + 1):
        played = simulator.play(3, steps, faulty=False, crash_at=number)

        assert played.complaints == [], f"a crash at point {number}"


@pytest.mark.parametrize(
    "bug", [*PLANTED, *(pytest.param(bug, marks=pytest.mark.long) for bug in RARE)], ids=lambda bug: bug.__name__
)
def test_a_planted_bug_is_found(
    simulator: Simulator,
    bug: Callable[[Simulator], contextlib.AbstractContextManager[None]],
    record_property: Callable[[str, object], None],
) -> None:
    with bug(simulator):
        seeds = next((seed for seed in range(_FOUND_WITHIN_SEEDS) if simulator.play(seed).complaints), None)

    assert seeds is not None, f"not found within {_FOUND_WITHIN_SEEDS} seeds"
    record_property("found by run", seeds + 1)
