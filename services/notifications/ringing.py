"""Wakes the live inboxes of this process: one cheap look for all of them, at once after a commit of this process."""

import asyncio
from uuid import UUID

from services.chassis.log import logger
from services.chassis.service import Runtime
from services.notifications.repository import people

_LATEST_SECONDS = 0.5
_NAME = "inbox:"


def name_of(professional: UUID) -> str:
    """What is said when something came into this inbox."""
    return f"{_NAME}{professional}"


class Ringing:
    """One look for all who listen, never one each; none while nobody listens."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._since: int | None = None
        self.trouble: str | None = None

    async def run(self) -> None:
        while True:
            try:
                await self.once()
                self.trouble = None
            except Exception as error:
                self.trouble = str(getattr(error, "cause", None) or type(error).__name__)
                logger().warning("ringing.paused", why=type(error).__name__)
                await asyncio.sleep(1)
            await self._runtime.hints.wait(["outbox:notifications"], _LATEST_SECONDS)

    async def once(self) -> int:
        """Rings at the inboxes that got something since the last look. Returns how many."""
        listened_to = self._runtime.hints.listened_to(_NAME)
        if not listened_to:
            self._since = None
            return 0
        async with self._runtime.store.transaction() as tx:
            if self._since is None:
                # Nobody knows what came before this look: everyone looks again.
                self._since, ringing = await people.horizon(tx), listened_to
            else:
                self._since, filled = await people.whose_inbox_filled(tx, self._since)
                ringing = [name_of(professional) for professional in filled]
        for name in ringing:
            self._runtime.hints.say(name)
        return len(ringing)

    async def stop(self) -> None:
        """Holds nothing."""
