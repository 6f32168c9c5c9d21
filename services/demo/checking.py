"""Looks up in the database whether what must always be true is true, whatever has happened before."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from services import catalogue
from services.audit import baton, copies, told, trail
from services.audit.findings import Finding, Look, found
from services.demo.story import Played

PATIENCE = 60.0


async def check(look: Look, played: Played, breathe: Callable[[], Awaitable[None]]) -> list[Finding]:
    """Waits until everything said has been heard and told, then looks at each invariant as the audit does."""
    unheard = await _quiet(look, breathe)
    checks = (*baton.CHECKS, *trail.CHECKS, *copies.CHECKS, *told.CHECKS)
    return [
        found("Each reading named exactly one tovholder", _readings(played), played.without),
        *[await check(look) for check in checks],
        found("What was said was heard, everywhere", f"{len(catalogue.SERVICES)} services", unheard),
        await _nothing_personal(look, played.personal),
    ]


def _readings(played: Played) -> str:
    return f"{played.reads} readings" + (f", {played.refused} put off" if played.refused else "")


async def _quiet(look: Look, breathe: Callable[[], Awaitable[None]]) -> list[str]:
    """What still waits after a while; nothing, as a rule."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        waits = await _waiting(look)
        if not waits or asyncio.get_running_loop().time() > deadline:
            return waits
        await breathe()


async def _waiting(look: Look) -> list[str]:
    ends = {}
    waits = []
    for service in catalogue.names():
        ends[service] = {
            row["partition"]: row["position"] for row in await look(service, "select partition, position from relay")
        }
        (row,) = await look(
            service,
            "select (select count(*) from outbox) as outbox, (select count(*) from kept) as kept,"
            " (select count(*) from parked) as parked",
        )
        waits += [f"{service}: {row[name]} in {name}" for name in ("outbox", "kept", "parked") if row[name]]
    for service in catalogue.names():
        for row in await look(service, "select source, partition, position from position"):
            if row["position"] < ends[row["source"]].get(row["partition"], 0):
                waits.append(f"{service} has not heard all of {row['source']}")
    (row,) = await look("notifications", "select count(*) as queued from delivery where state = 'queued'")
    return waits + ([f"{row['queued']} deliveries are queued"] if row["queued"] else [])


async def _nothing_personal(look: Look, personal: Sequence[str]) -> Finding:
    wrong, number = [], 0
    for service in catalogue.names():
        (row,) = await look(
            service,
            "select count(*) as events, count(*) filter (where exists"
            " (select from unnest($1::text[]) said where position(said in envelope::text) > 0)) as telling from ledger",
            list(personal),
        )
        number += row["events"]
        wrong += [f"{row['telling']} events of {service}"] if row["telling"] else []
    return found("I7  no number and no name of the family in an event", f"{number} events", wrong)
