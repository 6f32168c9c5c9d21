"""Whatever people do, in whatever order: the invariants hold, and the API with its database answers as the pure rules do."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from services.events.envelope import Seat
from services.events.registry import ClosingReason
from tests.registry.machine import DEPUTIES, DONE, HANDOVER_ACTS, InMemory, OverHttp, Side
from tests.registry.settled import SEATS, Municipality, settled
from tests.registry.test_races import BROKEN
from tests.support.issuer import Issuer
from tests.support.world import Installation

_NAMES = st.sampled_from(sorted(SEATS))
_MOVES_THE_BATON = {"accept", "override", "days_pass", "close", "reopen"}
_CHILDREN_AT_MOST = 4
# The last two are not a person's to give as things are.
_REASONS: tuple[ClosingReason, ...] = ("settled", "moved-abroad", "wrongly-registered", "died", "aged-out")


class Baton(RuleBasedStateMachine):
    """Several children of one municipality, and someone in another; `other`: the side that must do as the pure rules do."""

    other: ClassVar[Side | None] = None
    seats: ClassVar[dict[str, Seat]] = {
        name: Seat(professional=uuid.uuid5(uuid.NAMESPACE_OID, name), unit=uuid.uuid5(uuid.NAMESPACE_OID, unit))
        for name, (unit, _, _) in SEATS.items()
    }
    moved: ClassVar[timedelta] = timedelta()

    def __init__(self) -> None:
        super().__init__()
        self.pure = InMemory(self.seats, moved=type(self).moved)
        self.last = ""
        self.before: dict[uuid.UUID, Any] = {}

    def _both(self, name: str, *arguments: Any) -> None:
        self.last = name if name != "act" else arguments[0]
        self.before = {child: (it.holder, it.version) for child, it in self.pure.children.items()}
        outcome = getattr(self.pure, name)(*arguments)
        if self.other is not None:
            assert getattr(self.other, name)(*arguments) == outcome
        if outcome not in (None, DONE):
            assert self.before == {child: (it.holder, it.version) for child, it in self.pure.children.items()}

    def _child(self, number: int) -> uuid.UUID:
        children = list(self.pure.children)
        return children[number % len(children)]

    @initialize(status=st.sampled_from(["expected", "born"]))
    def a_first_child(self, status: str) -> None:
        self._both("register", uuid.uuid4(), status)

    @precondition(lambda self: len(self.pure.children) < _CHILDREN_AT_MOST)
    @rule(status=st.sampled_from(["expected", "born"]))
    def register(self, status: str) -> None:
        self._both("register", uuid.uuid4(), status)

    @rule(number=st.integers(0, 9), twin=st.booleans())
    def is_born(self, number: int, twin: bool) -> None:
        child = self._child(number)
        room = len(self.pure.children) < _CHILDREN_AT_MOST and self.pure.children[child].municipality == "0990"
        self._both("born", child, uuid.uuid4() if twin and room else None)

    @rule(number=st.integers(0, 9), to=_NAMES, by=_NAMES, rightly=st.integers(0, 9), days=st.none() | st.integers(-1, 5))
    def propose(self, number: int, to: str, by: str, rightly: int, days: int | None) -> None:
        child = self._child(number)
        self._both(
            "propose",
            child,
            self._holder(child, by) if rightly else by,
            to,
            None if days is None else self.pure.today() + timedelta(days=days),
        )

    @rule(number=st.integers(0, 9), by=_NAMES, to=_NAMES)
    def override(self, number: int, by: str, to: str) -> None:
        self._both("override", self._child(number), by, to)

    @precondition(lambda self: any(self.pure.handovers.values()))
    @rule(
        name=st.sampled_from(sorted(HANDOVER_ACTS)), number=st.integers(0, 9), which=st.integers(0, 3), by=_NAMES,
        rightly=st.integers(0, 9),
    )  # fmt: skip
    def answer_a_handover(self, name: str, number: int, which: int, by: str, rightly: int) -> None:
        """Mostly the last handover, by whom it is put to; sometimes any, by anyone."""
        offered = [child for child in self.pure.children if self.pure.handovers.get(child)]
        child = offered[number % len(offered)]
        own = self.pure.handovers[child]
        place = max(0, len(own) - 1 - which) if not rightly else len(own) - 1
        if rightly:
            by = self._name_of(own[place].receiver if name in ("accept", "decline", "ask") else own[place].giver)
        self._both("act", name, child, place, by)

    @precondition(lambda self: any(self.pure.handovers.values()))
    @rule(number=st.integers(0, 9), by=_NAMES, rightly=st.integers(0, 9), days=st.integers(-1, 6))
    def reschedule(self, number: int, by: str, rightly: int, days: int) -> None:
        """Another date for the last handover, mostly asked for by one of the two."""
        offered = [child for child in self.pure.children if self.pure.handovers.get(child)]
        child = offered[number % len(offered)]
        last = self.pure.handovers[child][-1]
        if rightly:
            by = self._name_of(last.receiver if rightly % 2 else last.giver)
        self._both("reschedule", child, len(self.pure.handovers[child]) - 1, by, self.pure.today() + timedelta(days=days))

    @rule(number=st.integers(0, 9), by=_NAMES, rightly=st.integers(0, 9))
    def see(self, number: int, by: str, rightly: int) -> None:
        child = self._child(number)
        self._both("see", child, self._holder(child, by) if rightly else by)

    @rule(number=st.integers(0, 9), by=_NAMES, rightly=st.integers(0, 3), reason=st.sampled_from(_REASONS))
    def close(self, number: int, by: str, rightly: int, reason: ClosingReason) -> None:
        child = self._child(number)
        self._both("close", child, self._holder(child, by) if rightly == 3 else by, reason)

    @precondition(lambda self: any(it.status == "closed" for it in self.pure.children.values()))
    @rule(number=st.integers(0, 9), by=_NAMES, to=_NAMES, rightly=st.integers(0, 3))
    def reopen(self, number: int, by: str, to: str, rightly: int) -> None:
        """Mostly a closed case, mostly by the intake lead."""
        closed = [child for child, it in self.pure.children.items() if it.status == "closed"]
        child = closed[number % len(closed)] if rightly else self._child(number)
        self._both("reopen", child, "lead" if rightly else by, to)

    @rule(name=st.sampled_from(sorted(DEPUTIES)))
    def is_absent(self, name: str) -> None:
        if not any(it == name and until >= self.pure.today() for it, _, until in self.pure.absences):
            self._both("absent", name, 3)

    @rule(days=st.integers(1, 4))
    def days_pass(self, days: int) -> None:
        self._both("days_pass", days)

    @invariant()
    def the_invariants_hold(self) -> None:
        for number, child in self.pure.children.items():
            handovers = self.pure.handovers.get(number, [])
            assert (child.holder is None) == (child.status == "closed"), "I1"
            assert child.holder is None or self.pure.chains[number][-1][0] == child.holder, "I2"
            assert child.holder or not any(it.open for it in handovers), "a closed case is offered to nobody"
            assert sum(it.open for it in handovers) <= 1, "I3"
            assert child.version == self.pure.said[number], "I4"
            if number in self.before and self.before[number][0] != child.holder:
                assert self.last in _MOVES_THE_BATON, f"I5: {self.last} moved the baton"
            for it in handovers:
                looked_at = it.next_at or it.question or it.overdue_at
                assert not it.open or (it.due_at and looked_at), "I8"

    @invariant()
    def the_other_side_stands_the_same(self) -> None:
        if self.other is not None:
            for child in self.pure.children:
                assert self.other.standing(child) == self.pure.standing(child)

    def teardown(self) -> None:
        """Absences do not outlast a play."""
        if self.other is not None:
            self.other.days_pass(5)
            type(self).moved = self.pure.moved + timedelta(days=5)

    def _holder(self, child: uuid.UUID, otherwise: str) -> str:
        """The tovholder's name; of a closed case the name given."""
        holder = self.pure.children[child].holder
        return self._name_of(holder) if holder else otherwise

    def _name_of(self, seat: Seat) -> str:
        return next(name for name, it in self.seats.items() if it == seat)


class _Application:
    """The whole application with a town in it, alive on a loop of its own."""

    def __init__(self, installation: Installation, issuer: Issuer) -> None:
        self._runner, self._stack, self._installation = asyncio.Runner(), AsyncExitStack(), installation
        self._name = f"machine_{uuid.uuid4().hex[:12]}"
        installation.clone(self._name)
        self.town: Municipality = self._runner.run(self._settled(issuer))

    async def _settled(self, issuer: Issuer) -> Municipality:
        return await settled(await self._stack.enter_async_context(self._installation.world(issuer, self._name)))

    def run(self, asked: Any) -> Any:
        return self._runner.run(asked)

    def close(self) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()
        self._installation.drop(self._name)


@pytest.fixture
def application(installation: Installation, issuer: Issuer) -> Iterator[_Application]:
    made = _Application(installation, issuer)
    yield made
    made.close()


_AT_LEISURE = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def test_the_pure_rules_keep_the_invariants_whatever_is_done() -> None:
    run_state_machine_as_test(Baton, settings=settings(max_examples=150, stateful_step_count=40, **_AT_LEISURE))  # type: ignore[arg-type]


def test_the_api_does_what_the_pure_rules_say(application: _Application) -> None:
    _play_over_http(application, 12, 25)


@pytest.mark.long
def test_the_api_does_what_the_pure_rules_say_at_length(application: _Application) -> None:
    _play_over_http(application, 200, 50)


def _play_over_http(application: _Application, plays: int, steps: int) -> None:
    town = application.town

    class BatonOverHttp(Baton):
        other = OverHttp(town, application.run)
        seats: ClassVar[dict[str, Seat]] = {name: getattr(town, name) for name in SEATS}

    run_state_machine_as_test(
        BatonOverHttp,
        settings=settings(max_examples=plays, stateful_step_count=steps, print_blob=True, **_AT_LEISURE),  # type: ignore[arg-type]
    )

    assert application.run(town.world.sql("registry", BROKEN)) == []
