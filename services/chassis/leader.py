"""One clock per service: of all processes, the holder of a lease with a fencing epoch does the work that time asks for."""

import asyncio
import contextlib
from uuid import uuid4

from services.chassis.errors import TryAgainSoon
from services.chassis.log import logger
from services.chassis.service import Runtime
from services.chassis.store import CONTENDED


class Leader:
    """Runs a service's ticks each second while it holds the lease. A tick checks again under a version: two clocks do no harm."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._holder = uuid4()
        self.trouble: str | None = None

    async def run(self) -> None:
        while True:
            rest = 1.0
            try:
                if await self.once():
                    rest = 0.0
            except Exception as error:
                self.trouble = str(getattr(error, "cause", None) or error) or type(error).__name__
                logger().warning("clock.paused", service=self._runtime.service.name, why=type(error).__name__)
            await asyncio.sleep(rest)

    async def once(self) -> bool:
        """All ticks once, if this process leads; one that fails does not stop the others. Whether there is more to do at once."""
        if not self._runtime.service.ticks:
            return False
        if (
            await self._runtime.store.call(
                "take_lease", "clock", self._holder, self._runtime.settings.lease_seconds, role="machine"
            )
            is None
        ):
            return False
        self.trouble, more = None, False
        for name, tick in self._runtime.service.ticks.items():
            try:
                more = await tick(self._runtime) or more
            except TryAgainSoon:
                raise
            except CONTENDED:
                continue
            except Exception as error:
                self.trouble = f"{name}: {type(error).__name__}"
                logger().error("tick.failed", service=self._runtime.service.name, tick=name, error=type(error).__name__)
        return more

    async def stop(self) -> None:
        with contextlib.suppress(TryAgainSoon, TimeoutError):
            await asyncio.wait_for(self._runtime.store.call("free_leases", self._holder, role="machine"), 2)
