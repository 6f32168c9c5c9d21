"""Bugs that others have had, put into the product for a moment: a simulation that does not find them proves nothing."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from services.chassis import consumer, relay, request
from services.chassis.bus import BusIsAway, Mark, Record
from services.chassis.consumer import versions
from services.registry.endpoints import changing
from tests.simulation.bus import SimulatedReader, SimulatedWriter
from tests.simulation.play import Simulator
from tests.simulation.process import SERVICES

Bug = Callable[[Simulator], contextlib.AbstractContextManager[None]]
_SCHEMAS = [service.name for service in SERVICES]
_BY_A_CURSOR = {
    "from outbox where partition = any (p_partitions)":
        "from outbox where partition = any (p_partitions) and id > (select max(read_to) from relay)",
    "set position = p.position from": "set position = p.position, read_to = (select max(id) from gone) from",
}  # fmt: skip
_BY_A_WATERMARK = {
    "from outbox where partition = any (p_partitions) order by id":
        "from outbox where partition = any (p_partitions) and xid < pg_snapshot_xmin(pg_current_snapshot()) order by xid, id",
    "(partition by g.partition order by g.id)": "(partition by g.partition order by g.xid, g.id)",
}  # fmt: skip
_UNFENCED = {
    "hear": {" and p.epoch = n.epoch and p.position < n.position": ""},
    "pass_by": {" and p.epoch = n.epoch and p.position < n.position": ""},
    "relay_move": {" and r.epoch = l.epoch": ""},
    "relay_sent": {" and epoch = p_epoch and sent < p_position": ""},
}
_SKIPPING = """
create function {0}.relay_grab() returns bigint language sql security definer as
  $$ select id from {0}.outbox order by id limit 1 for update skip locked $$;
create function {0}.relay_place(p_id bigint) returns void language sql security definer as $$
  with gone as (delete from {0}.outbox where id = p_id returning *),
  at as (update {0}.relay r set position = r.position + 1 from gone g where r.partition = g.partition
    returning r.partition, r.position)
  insert into {0}.feed select g.partition, a.position, g.subject, g.version from gone g join at a on a.partition = g.partition $$;
grant execute on function {0}.relay_grab, {0}.relay_place to {0}_machine;
"""
_AFTER_THE_LOCK = "greatest(chassis.now(), last_at + interval '1 microsecond')"
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
    with _said_otherwise(simulator, "registry.commit", {_COMPARED: ""}):
        yield


@contextmanager
def answer_not_kept(_: Simulator) -> Iterator[None]:
    """The answer is not stored with the change: a repeated request is decided again."""
    with _instead(changing, "_stored", lambda *_: None):
        yield


@contextmanager
def moved_by_a_cursor(simulator: Simulator) -> Iterator[None]:
    """The relay reads on from the highest number it has seen: what commits late with a lower one is never moved."""
    with contextlib.ExitStack() as stack:
        for schema in _SCHEMAS:
            stack.enter_context(_with_column(simulator, f"{schema}.relay", "read_to bigint not null default 0"))
            stack.enter_context(_said_otherwise(simulator, f"{schema}.relay_move", _BY_A_CURSOR))
        yield


@contextmanager
def moved_by_a_watermark(simulator: Simulator) -> Iterator[None]:
    """The relay goes by the number of the transaction: drawn before a lock was waited for, it is not the order of versions."""
    with contextlib.ExitStack() as stack:
        for schema in _SCHEMAS:
            column = "xid xid8 not null default pg_current_xact_id()"
            stack.enter_context(_with_column(simulator, f"{schema}.outbox", column))
            stack.enter_context(_said_otherwise(simulator, f"{schema}.relay_move", _BY_A_WATERMARK))
        yield


@contextmanager
def moved_by_all_at_once(simulator: Simulator) -> Iterator[None]:
    """Every relay takes whatever row nobody else has locked (SKIP LOCKED), lease or no lease."""

    async def each_for_itself(self: relay.Relay) -> int:
        await self._hold()
        moved = 0
        while True:
            async with self._runtime.store.transaction() as tx:
                row = await tx.fetchval("select relay_grab()")
                if row is None:
                    return moved
                await tx.execute("select relay_place($1)", row)
                moved += 1

    look = simulator.ground.look
    for schema in _SCHEMAS:
        simulator.run(look.execute(_SKIPPING.format(schema)))
    try:
        with _instead(relay.Relay, "_move", each_for_itself):
            yield
    finally:
        for schema in _SCHEMAS:
            simulator.run(look.execute(f"drop function {schema}.relay_grab, {schema}.relay_place"))


@contextmanager
def begun_at_the_end(_: Simulator) -> Iterator[None]:
    """A consumer without a place on the topic begins at its end (`latest`), and takes what comes first for the first."""
    read, take = SimulatedReader.read, consumer.Consumer._take

    async def latest(self: SimulatedReader, marks: Sequence[Mark], wait_seconds: float) -> list[Record]:
        begun: dict[tuple[str, int], int] = self.__dict__.setdefault("begun", {})
        for mark in marks:
            if mark.offset is None and not mark.position:
                begun.setdefault((mark.source, mark.partition), len(self._topics.after(mark)))
        found = await read(self, marks, wait_seconds)
        return [one for one in found if (one.offset or 0) >= begun.get((one.source, one.partition), 0)]

    async def unaware(self: consumer.Consumer, source: str, records: Sequence[Record]) -> None:
        for record in records:
            mark = self._marks.get((source, record.partition))
            if mark is not None and not mark.position:
                self._marks[(source, record.partition)] = Mark(source, record.partition, record.position - 1)
        await take(self, source, records)

    # What notices by itself that a feed is ahead is left out too: it would heal this bug.
    with (
        _instead(SimulatedReader, "read", latest),
        _instead(consumer.Consumer, "_take", unaware),
        _instead(consumer.Consumer, "_look_around", _nothing),
    ):
        yield


@contextmanager
def inbox_in_its_own_transaction(_: Simulator) -> Iterator[None]:
    """What was applied is noted after the effect's commit: a crash in between applies it again."""
    apply, advance, save = consumer.Consumer._apply, consumer.Consumer._advance, versions.Versions.save
    applied: dict[Any, Any] = {}

    async def looked(_: consumer.Consumer, tx: Any, source: str, __: Any, envelopes: Any) -> Any:
        return await versions.standing(tx, source, envelopes)

    async def later(self: Any, _: Any) -> None:
        applied[asyncio.current_task()] = self

    async def then_noted(self: Any, source: str, heard: Any, laid_aside: str | None = None) -> None:
        await apply(self, source, heard, laid_aside)
        versions = applied.pop(asyncio.current_task(), None)
        if versions is not None:
            async with self._runtime.store.transaction() as tx:
                await advance(self, tx, source, {record.partition: record for record, _ in heard}, [])
                await save(versions, tx)

    with (
        _instead(consumer.Consumer, "_apply", then_noted),
        _instead(consumer.Consumer, "_advance", looked),
        _instead(versions.Versions, "save", later),
    ):
        yield


@contextmanager
def written_without_a_fence(simulator: Simulator) -> Iterator[None]:
    """Whoever once held a lease goes on as if it still did: no epoch is compared, and what was lost is not let go."""
    hold = consumer.Consumer._hold

    async def never_lets_go(self: consumer.Consumer, gives: bool = False) -> None:
        marks, epochs = dict(self._marks), dict(self._epochs)
        await hold(self, gives)
        self._marks, self._epochs = marks | self._marks, epochs | self._epochs

    with contextlib.ExitStack() as stack:
        stack.enter_context(_instead(consumer.Consumer, "_hold", never_lets_go))
        for schema in _SCHEMAS:
            for function, words in _UNFENCED.items():
                stack.enter_context(_said_otherwise(simulator, f"{schema}.{function}", words))
        yield


@contextmanager
def answered_without_looking_at_the_words(_: Simulator) -> Iterator[None]:
    """The fingerprint is not compared: the same key with another body gets the first one's answer."""
    right = request.checked_against

    def credulous(answered: Any, _: bytes) -> None:
        right(answered, bytes.fromhex(answered["fingerprint"]) if answered else b"")

    with _instead(changing, "checked_against", credulous):
        yield


@contextmanager
def timed_before_the_lock(simulator: Simulator) -> Iterator[None]:
    """The time of a change is that at which it was asked for, though it may have waited for another with a later time."""
    with _said_otherwise(simulator, "registry.commit", {_AFTER_THE_LOCK: "chassis.now()"}):
        yield


@contextmanager
def history_without_row_level_security(simulator: Simulator) -> Iterator[None]:
    """The chain of tovholdere is shown to whoever asks."""
    look = simulator.ground.look
    simulator.run(look.execute("alter table registry.assignment disable row level security"))
    try:
        yield
    finally:
        simulator.run(look.execute("alter table registry.assignment enable row level security"))


# The twelfth, an acknowledgement of one broker only, shows on real brokers alone: tests/faults/test_one_acknowledgement.py.
ELEVEN_OF_TWELVE: Sequence[Bug] = (
    moved_by_a_cursor,
    moved_by_a_watermark,
    moved_by_all_at_once,
    sent_without_an_acknowledgement,
    # Positions are in PostgreSQL: to commit what was handed out and is not done yet is what auto-commit was.
    position_stored_before_the_effect,
    begun_at_the_end,
    inbox_in_its_own_transaction,
    written_without_a_fence,
    answered_without_looking_at_the_words,
    timed_before_the_lock,
    history_without_row_level_security,
)
# It needs a rare meeting, and so more time than the others.
RARE: Sequence[Bug] = (written_without_a_fence,)
PLANTED: Sequence[Bug] = (
    *(bug for bug in ELEVEN_OF_TWELVE if bug not in RARE), decided_on_what_no_longer_stands, answer_not_kept,
)  # fmt: skip


@contextmanager
def _said_otherwise(simulator: Simulator, function: str, words: Mapping[str, str]) -> Iterator[None]:
    """An SQL function with other words, as long as the block lasts."""
    look = simulator.ground.look
    right: str = simulator.run(look.fetchval(f"select pg_get_functiondef('{function}'::regproc)"))
    wrong = right
    for before, instead in words.items():
        assert before in wrong, f"{function} is written in other words now"
        wrong = wrong.replace(before, instead)
    simulator.run(look.execute(wrong))
    try:
        yield
    finally:
        simulator.run(look.execute(right))


@contextmanager
def _with_column(simulator: Simulator, table: str, column: str) -> Iterator[None]:
    look = simulator.ground.look
    simulator.run(look.execute(f"alter table {table} add column {column}"))
    try:
        yield
    finally:
        simulator.run(look.execute(f"alter table {table} drop column {column.split()[0]}"))


async def _nothing(*_: Any) -> None:
    """In place of what a bug would leave out."""


@contextmanager
def _instead(place: Any, name: str, it: Any) -> Iterator[None]:
    right = getattr(place, name)
    setattr(place, name, it)
    try:
        yield
    finally:
        setattr(place, name, right)
