"""Five hundred clients in the same instant, half of them after one child: each is answered, or told to come again."""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.load import Load
    from tests.faults.nemesis import Breaking

CLIENTS = 500
# Numbers of clients above those who work at a steady rate.
_FIRST = 10_000
# Two cores that others want as well answer a dozen operations a second; each of the five hundred comes again until then.
_PATIENCE_SECONDS = 400.0


async def five_hundred_at_once(at: "Breaking") -> str:
    """The connections to PostgreSQL are a few, and one row is wanted by two hundred and fifty."""
    return await at_once(at.load, CLIENTS)


async def at_once(load: "Load", clients: int) -> str:
    """Everyone does one thing. Who is told to come again does, with the same key; who is never answered is a complaint."""
    before, wanted = len(load.history.operations), load.chance.choice(load.children)
    usual, load.patience_seconds = load.patience_seconds, _PATIENCE_SECONDS
    try:
        await asyncio.gather(*(load.act(_FIRST + number, wanted if number % 2 else None) for number in range(clients)))
    finally:
        load.patience_seconds = usual
    own = [one for one in load.history.operations[before:] if one.process >= _FIRST]
    for one in own:
        if one.status in (0, 503):
            one.deviates = f"of {clients} clients at once one got no answer to {one.f}"
    refused, again = sum(one.type == "fail" for one in own), sum(one.attempts > 1 for one in own)
    others = sorted(one.t_complete - one.t_invoke for one in own if one.child != wanted)
    slowest = max(one.t_complete - one.t_invoke for one in own)
    p99 = others[int(len(others) * 0.99)]
    return (
        f"{clients} clients, {len(own)} operations, {refused} refused, {again} came again, the slowest took {slowest:.1f} s,"
        f" of other children than the one wanted 99 % took less than {p99:.1f} s"
    )
