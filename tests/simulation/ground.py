"""The database of a simulation: a town every service knows, a clock that stands still unless moved, and a way back to both."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

import asyncpg

from services import catalogue
from services.chassis.settings import Settings
from services.events.envelope import Seat
from tests.registry.settled import SEATS, settled
from tests.simulation.scheduling import DEADLOCK_SECONDS
from tests.support.as_it_was import AsItWas
from tests.support.issuer import Issuer
from tests.support.world import Installation

PARTITIONS = 2
BEGINS_AT = datetime.fromisoformat("2026-11-23T08:00:00+01:00")

# Machinery begins anew with each simulation; what the services know of the town stays.
_EMPTIED = ("outbox", "feed", "relay", "position", "answer", "access", "lease", "worker")
_CLOCK = f"""
create or replace function chassis.now() returns timestamptz language sql volatile as
  $$ select timestamptz '{BEGINS_AT.isoformat()}' + (select moved_by from chassis.clock) $$;
update chassis.clock set moved_by = '0';
"""
# A position that goes back was written by somebody who had lost the lease.
_WATCHED = """
create table as_it_was.went_back (what text not null);
create function as_it_was.watch() returns trigger language plpgsql security definer as $$
begin
  insert into as_it_was.went_back values (tg_table_schema || '.' || tg_table_name);
  return null;
end $$;
"""
# What a handler did counts where its transaction did: an effect that stands twice was applied twice.
_COUNTED = """
create table as_it_was.applied (hearer text not null, source text not null, subject uuid not null, version bigint not null);
create function as_it_was.count_applied(text, text, uuid, bigint) returns void language sql security definer
  as $$ insert into as_it_was.applied values ($1, $2, $3, $4) $$;
grant usage on schema as_it_was to public;
"""
_WATCH = "create trigger watch after update on {0} for each row when (new.{1} < old.{1}) execute function as_it_was.watch()"


@dataclass
class Ground:
    """Everything the simulations of one process share. `look`: the simulation's own eyes, which no fault reaches."""

    settings: Settings
    seats: dict[str, Seat]
    superuser: str
    as_it_was: AsItWas
    look: "asyncpg.Connection[Any]"
    watch: "asyncpg.Connection[Any]"

    @classmethod
    async def made(cls, installation: Installation, issuer: Issuer, database: str) -> Self:
        """Copies the template, tells every service of a small municipality, and remembers how everything was."""
        installation.clone(database)
        async with installation.world(issuer, database, partitions=PARTITIONS) as world:
            # Everyone's partition goes by their id: the same in each process, so that a seed can be played again in another.
            drawn = random.Random(0)
            town = await settled(world, lambda: UUID(bytes=drawn.randbytes(16), version=4))
            await world.settle()
            assert await world.dead_letters() == []
        superuser = f"{installation.superuser_dsn.rsplit('/', 1)[0]}/{database}"
        look = await asyncpg.connect(superuser, server_settings={"search_path": "registry"})
        watch = await asyncpg.connect(superuser)
        await look.execute(f"alter database \"{database}\" set deadlock_timeout = '{int(1000 * DEADLOCK_SECONDS)}ms'")
        await look.execute(_CLOCK)
        as_it_was = await AsItWas.remembered(superuser, _EMPTIED)
        await _watch(look)
        settings = world.settings.model_copy(update={"lease_seconds": 600})
        return cls(settings, {name: getattr(town, name) for name in SEATS}, superuser, as_it_was, look, watch)

    async def bring_back(self) -> None:
        """Every table as it was when the ground was made."""
        await self.as_it_was.bring_back()
        await self.look.execute("delete from as_it_was.went_back; delete from as_it_was.applied")

    async def move_clock(self, by: timedelta) -> None:
        await self.look.execute("update chassis.clock set moved_by = moved_by + $1", by)

    async def close(self) -> None:
        await self.as_it_was.close()
        await self.look.close()
        await self.watch.close()


async def _watch(look: "asyncpg.Connection[Any]") -> None:
    await look.execute(_WATCHED + _COUNTED)
    for schema in catalogue.names():
        await look.execute(_WATCH.format(f"{schema}.relay", "sent"))
        await look.execute(_WATCH.format(f"{schema}.position", "position"))
