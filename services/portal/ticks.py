"""What the clock asks of the portal: sessions that ended a day ago are forgotten."""

from services.chassis.service import Runtime


async def forget_sessions(runtime: Runtime) -> None:
    """What was typed when a session ended is kept for an hour, the rest of it for a day."""
    await runtime.store.call("forget_old_sessions", role="machine")
