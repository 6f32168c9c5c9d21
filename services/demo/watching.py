"""Somebody who reads every child's tovholder again and again, and notes each reading that does not name exactly one."""

import asyncio
from typing import Any, Protocol

_REST_SECONDS = 0.03


class Answer(Protocol):
    """An HTTP answer; `body` is what its JSON says."""

    @property
    def status(self) -> int: ...

    @property
    def body(self) -> Any: ...


class Reader(Protocol):
    """Who may read the children."""

    async def get(self, path: str) -> Answer: ...


class Watch:
    """`children`: whom to look at; they may become more while it runs. `without`: what was seen amiss, in words."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._registered: set[str] = set()
        self.children: list[str] = []
        self.reads = self.refused = 0
        self.without: list[str] = []

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            for child in self.children:
                try:
                    await self._look(child)
                except Exception as error:
                    self.without.append(f"reading child {child} failed: {type(error).__name__}")
            await asyncio.sleep(_REST_SECONDS)

    async def _look(self, child: str) -> None:
        """A child not yet registered is not found, and that is well; from then on each reading names one tovholder.

        *Not just now* (503) is no reading.
        """
        answer = await self._reader.get(f"/registry/children/{child}")
        if answer.status == 503:
            self.refused += 1
            return
        self.reads += 1
        if answer.status == 404 and child not in self._registered:
            return
        self._registered.add(child)
        holder = answer.body.get("tovholder") if answer.status == 200 else None
        if not (isinstance(holder, dict) and holder.get("professional") and holder.get("unit")):
            self.without.append(
                f"reading {self.reads} of child {child} was answered {answer.status} without exactly one tovholder"
            )
