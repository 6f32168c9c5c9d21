"""A bus that keeps every promise of Kafka's and no other: it drops nothing it acknowledged, and all the rest may happen."""

import random
from collections.abc import Sequence

from services.chassis.bus import BusIsAway, Mark, Record
from services.chassis.kafka import Sent
from tests.simulation.scheduling import Mortal, Scheduler

_LATE, _LEFT_OUT, _AGAIN, _OUT_OF_ORDER = 0.2, 0.05, 0.1, 0.05


class Topics:
    """What the brokers hold: by source and partition, in the order it was acknowledged."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, int], list[Record]] = {}

    def append(self, record: Record) -> None:
        log = self.records.setdefault((record.source, record.partition), [])
        log.append(Record(record.source, record.partition, record.position, record.body, len(log)))

    def after(self, mark: Mark) -> list[Record]:
        log = self.records.get((mark.source, mark.partition), [])
        return log[0 if mark.offset is None else mark.offset + 1 :]


class SimulatedWriter:
    """A producer whose batch arrives whole, in part or not at all, and whose acknowledgement may be lost."""

    def __init__(self, who: Mortal, scheduler: Scheduler, topics: Topics) -> None:
        self._who, self._scheduler, self._topics = who, scheduler, topics

    async def write(self, source: str, records: Sequence[Record]) -> None:
        fate = await self._scheduler.point("bus", f"send to {source}", self._who)
        arrived = len(records) if fate == "goes" else self._scheduler.chance.randint(0, len(records))
        if fate != "is cut before":
            for record in records[:arrived]:
                self._topics.append(record)
        if fate != "goes":
            raise BusIsAway("cut")
        if await self._scheduler.point("bus", f"acknowledged by {source}", self._who) != "goes":
            raise BusIsAway("cut")

    async def put(self, topic: str, records: Sequence[Sent]) -> None:
        """Values of the compacted topic: whether they arrived is not known until it was acknowledged."""
        for what in (f"put on {topic}", f"acknowledged by {topic}"):
            if await self._scheduler.point("bus", what, self._who) != "goes":
                raise BusIsAway("cut")

    async def close(self) -> None:
        """Nothing is held."""


class SimulatedReader:
    """A consumer that may come late, miss a record, see one again, or see two in the wrong order."""

    def __init__(self, who: Mortal, scheduler: Scheduler, topics: Topics) -> None:
        self._who, self._scheduler, self._topics = who, scheduler, topics

    async def read(self, marks: Sequence[Mark], wait_seconds: float) -> list[Record]:
        if await self._scheduler.point("bus", "read", self._who) != "goes":
            raise BusIsAway("cut")
        found = []
        for mark in marks:
            records = self._topics.after(mark)
            found += self._spoiled(records) if self._scheduler.faulty else records
        return found

    def _spoiled(self, records: list[Record]) -> list[Record]:
        chance: random.Random = self._scheduler.chance
        if not records:
            return []
        if chance.random() < _LATE:
            records = records[: chance.randrange(len(records))]
        seen = [record for record in records if chance.random() >= _LEFT_OUT]
        seen += [record for record in seen if chance.random() < _AGAIN]
        if len(seen) > 1 and chance.random() < _OUT_OF_ORDER:
            place = chance.randrange(len(seen) - 1)
            seen[place], seen[place + 1] = seen[place + 1], seen[place]
        return seen

    async def close(self) -> None:
        """Nothing is held."""
