"""Whatever is killed between any two steps and while answers are outstanding: the story completes, nothing lost or done twice."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import cycle

import pytest

from services import catalogue
from services.demo import checking, story
from services.notifications.domain import IN_HAND
from tests.faults.town import BEFORE_IT_ARRIVES, BEFORE_THE_ANSWER_ARRIVES, WHILE_IT_IS_ANSWERED, Strike, Town, struck

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.xdist_group("faults"), pytest.mark.usefixtures("whole")]

_PLACES = (BEFORE_IT_ARRIVES, WHILE_IT_IS_ANSWERED, BEFORE_THE_ANSWER_ARRIVES)


class Nemesis:
    """Kills between every two steps; at the first change after every second one, at the next of the three places on its road."""

    def __init__(self, between: Callable[[], None], on_the_road: Callable[[str, int], bool]) -> None:
        self._between, self._on_the_road = between, on_the_road
        self._places = cycle(_PLACES)
        self._place = next(self._places)
        self._waits = False
        self._marked = ""
        self.steps: list[story.Step] = []
        self.struck: Counter[int] = Counter()

    def after(self, step: story.Step) -> None:
        self.steps.append(step)
        self._waits, self._marked = len(self.steps) % 2 == 0, ""
        self._between()

    async def on_the_road(self, service: str, key: str, place: int) -> bool:
        """A repeated request is let through: its key is known by then."""
        if not self._waits or self._marked not in ("", key):
            return False
        self._marked = key
        if place != self._place or not self._on_the_road(service, place):
            return False
        self._waits, self._place = False, next(self._places)
        self.struck[place] += 1
        return True


@pytest.fixture(scope="session")
async def undisturbed(town: Town) -> Counter[str]:
    """What is said and told in the course of one story when nothing breaks."""
    return await _played(town, lambda _: None)


async def _played(town: Town, tell: Callable[[story.Step], None], strike: Strike | None = None) -> Counter[str]:
    """Plays the story; then every invariant holds. Returns how often each thing was said and told."""
    await town.until_quiet()
    before = await town.subjects()
    if strike is None:
        played = await story.play(town, tell)
    else:
        with struck(town.road, strike):
            played = await story.play(town, tell)
    await town.until_ready()
    # A delivery that was in the hands of a process that died is due again after a while of facts, not of ours.
    await town.advance(IN_HAND + timedelta(minutes=1))
    findings = await checking.check(town.look, played, town.breathe)
    assert {finding.name: finding.broken for finding in findings if finding.broken} == {}
    assert played.reads > 0
    return await town.facts_since(before)


async def test_each_service_is_killed_between_any_two_steps_and_while_it_answers(town: Town, undisturbed: Counter[str]) -> None:
    turns = cycle(catalogue.names())

    def the_one_that_answers(service: str, _: int) -> bool:
        town.processes[service].kill_and_start_again()
        return True

    nemesis = Nemesis(lambda: town.processes[next(turns)].kill_and_start_again(), the_one_that_answers)

    told = await _played(town, nemesis.after, nemesis.on_the_road)

    assert told == undisturbed
    assert min(process.killed for process in town.processes.values()) >= 2
    assert set(nemesis.struck) == set(_PLACES)


async def test_the_broker_and_the_database_are_killed_between_any_two_steps_and_while_answers_are_outstanding(
    town: Town, undisturbed: Counter[str]
) -> None:
    killed: Counter[str] = Counter()
    turns = cycle(("postgres", "broker"))

    def the_next() -> None:
        what = next(turns)
        killed[what] += town.kill_and_return(what)

    def the_database(_: str, __: int) -> bool:
        if not town.kill_and_return("postgres"):
            return False
        killed["postgres"] += 1
        return True

    nemesis = Nemesis(the_next, the_database)

    told = await _played(town, nemesis.after, nemesis.on_the_road)

    assert told == undisturbed
    assert min(killed["postgres"], killed["broker"]) >= 5, killed
    assert set(nemesis.struck) == set(_PLACES)
