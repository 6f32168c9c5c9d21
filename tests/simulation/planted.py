"""Bugs that others have had, put into the product for a moment: a simulation that does not find them proves nothing."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from services.chassis import consumer
from services.chassis.bus import BusIsAway, Record
from services.registry.endpoints import changing
from tests.simulation.bus import SimulatedWriter
from tests.simulation.play import Simulator
from tests.simulation.process import SERVICES

_COMMIT = "select pg_get_functiondef('registry.commit'::regproc)"
_BY_A_CURSOR = {
    "from outbox where partition = any (p_partitions)":
        "from outbox where partition = any (p_partitions) and id > (select max(read_to) from relay)",
    "set position = p.position from": "set position = p.position, read_to = (select max(id) from gone) from",
}  # fmt: skip
_COMPARED = "and version = (d->>'expected')::bigint"


@contextmanager
def position_stored_before_the_effect(_: Simulator) -> Iterator[None]:
    """The consumer's position is committed by itself: a crash in between loses what it passed."""
    advance = consumer.Consumer._advance

    async def apart(self: consumer.Consumer, tx: Any, *arguments: Any) -> Any:
        async with self._runtime.store.transaction() as own:
            return await advance(self, own, *arguments)

    with _instead(consumer.Consumer, "_advance", apart):
        yield


@contextmanager
def sent_without_an_acknowledgement(_: Simulator) -> Iterator[None]:
    """The relay goes on though the bus did not acknowledge: a gap in the topic."""
    write = SimulatedWriter.write

    async def hopeful(self: SimulatedWriter, source: str, records: Sequence[Record]) -> None:
        with contextlib.suppress(BusIsAway):
            await write(self, source, records)

    with _instead(SimulatedWriter, "write", hopeful):
        yield


@contextmanager
def decided_on_what_no_longer_stands(simulator: Simulator) -> Iterator[None]:
    """The commit does not compare the version it was decided on."""
    look = simulator.ground.look
    right: str = simulator.run(look.fetchval(_COMMIT))
    assert _COMPARED in right, "the commit compares versions in other words now"
    simulator.run(look.execute(right.replace(_COMPARED, "")))
    try:
        yield
    finally:
        simulator.run(look.execute(right))


@contextmanager
def answer_not_kept(_: Simulator) -> Iterator[None]:
    """The answer is not stored with the change: a repeated request is decided again."""
    with _instead(changing, "_stored", lambda *_: None):
        yield


@contextmanager
def moved_by_a_cursor(simulator: Simulator) -> Iterator[None]:
    """The relay reads on from the highest number it has seen: what commits late with a lower one is never moved."""
    look = simulator.ground.look
    right: dict[str, str] = {}
    for schema in (service.name for service in SERVICES):
        right[schema] = simulator.run(look.fetchval(f"select pg_get_functiondef('{schema}.relay_move'::regproc)"))
        wrong = right[schema]
        for words, instead in _BY_A_CURSOR.items():
            assert words in wrong, "the relay moves in other words now"
            wrong = wrong.replace(words, instead)
        simulator.run(look.execute(f"alter table {schema}.relay add column read_to bigint not null default 0"))
        simulator.run(look.execute(wrong))
    try:
        yield
    finally:
        for schema, words in right.items():
            simulator.run(look.execute(words))
            simulator.run(look.execute(f"alter table {schema}.relay drop column read_to"))


PLANTED: Sequence[Callable[[Simulator], contextlib.AbstractContextManager[None]]] = (
    position_stored_before_the_effect,
    sent_without_an_acknowledgement,
    decided_on_what_no_longer_stands,
    answer_not_kept,
    moved_by_a_cursor,
)


@contextmanager
def _instead(place: Any, name: str, it: Any) -> Iterator[None]:
    right = getattr(place, name)
    setattr(place, name, it)
    try:
        yield
    finally:
        setattr(place, name, right)
