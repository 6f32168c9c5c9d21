"""The clock's work: counts a quarter once it has settled, forgets closed cases, and looks for broken chains."""

from datetime import timedelta

from services.chassis import metrics
from services.chassis.calendar import date_of
from services.chassis.errors import CannotBeApplied, TryAgainSoon
from services.chassis.log import logger
from services.chassis.service import Runtime
from services.indicators import repository
from services.indicators.domain.definitions import definitions
from services.indicators.domain.periods import Quarter, due
from services.indicators.repository import counting, survey

_FORGOTTEN_AT_A_TIME = 500
_LOOKS_EVERY = timedelta(minutes=5)
# What was said in one act may be heard in two goes.
_HEARD_WITHIN = timedelta(minutes=10)


async def count_quarters(runtime: Runtime) -> None:
    """Each quarter in turn, once all that had been said when it fell due has been heard; also where one begins anew."""
    while quarter := await _due(runtime):
        if not await _has_heard_all(runtime):
            return
        async with runtime.store.transaction() as tx:
            rows = await counting.count(tx, definitions(), quarter, await tx.now())
        logger().info("quarter.counted", quarter=str(quarter), rows=rows)


async def _due(runtime: Runtime) -> Quarter | None:
    async with runtime.store.transaction() as tx:
        today = date_of(await tx.now())
        quarter = due(await repository.last_counted(tx), await repository.first_heard(tx), today)
        if quarter is None:
            await repository.nothing_to_reach(tx)
        return quarter


async def _has_heard_all(runtime: Runtime) -> bool:
    async with runtime.store.transaction() as tx:
        reached = await repository.has_reached(tx)
    if reached is not None:
        return reached
    ends = []
    try:
        for source in runtime.service.hears:
            found = await runtime.peers.get(source, f"/{source}/feed/ends")
            ends += [(source, int(partition), int(end)) for partition, end in found.items()]
    except (TryAgainSoon, CannotBeApplied):
        return False  # A peer is away, or behind an address that is not its own yet: asked again in a second.
    async with runtime.store.transaction() as tx:
        await repository.must_reach(tx, ends)
        return bool(await repository.has_reached(tx))


async def forget_closed(runtime: Runtime) -> None:
    """A year after closing nothing is kept of a child; it has been counted long since. Lapsed survey links go too."""
    async with runtime.store.transaction() as tx:
        at = await tx.now()
        await survey.forget_lapsed(tx, at)
        counted = await repository.last_counted(tx)
        forgotten = await repository.forget(tx, at, counted, _FORGOTTEN_AT_A_TIME) if counted else 0
    if forgotten:
        logger().info("children.forgotten", children=forgotten)


async def look_at_chains(runtime: Runtime) -> None:
    """The share of unbroken chains must be 100 %: a break is an alarm, within minutes, and not a figure in a quarter's time."""
    async with runtime.store.transaction() as tx:
        at = await tx.now()
        looked_at = await repository.looked_at(tx)
        if looked_at is None or not looked_at <= at < looked_at + _LOOKS_EVERY:
            await repository.save_broken(tx, await counting.broken_chains(tx, at - _HEARD_WITHIN), at)
        metrics.BROKEN_CHAINS.set(await repository.broken(tx))
