"""The database of a simulation: a town every service knows, a clock that stands still unless moved, and a way back to both."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import asyncpg

from services import catalogue
from services.chassis.settings import Settings
from services.events.envelope import Seat
from tests.registry.settled import SEATS, settled
from tests.simulation.scheduling import DEADLOCK_SECONDS
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
_TABLES = """
select n.nspname as schema, c.relname as name,
  (select string_agg(quote_ident(a.attname), ', ' order by a.attnum) from pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname = any ($1) order by 1, 2
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
_WATCH = "create trigger watch after update on {0} for each row when (new.{1} < old.{1}) execute function as_it_was.watch()"
# A table is brought back if a row of it is newer than the last time, or one of those is gone.
_BROUGHT_BACK = """
  select count(*) filter (where xmin::text::bigint <= p_since), count(*) filter (where xmin::text::bigint > p_since) into old, new
    from {schema}.{name};
  if new > 0 or old <> (select count(*) from as_it_was.{schema}_{name}) then
    delete from {schema}.{name};
    insert into {schema}.{name} ({columns}) overriding system value select {columns} from as_it_was.{schema}_{name};
  end if;
"""
_BRING_BACK = """
create function as_it_was.bring_back(p_since bigint) returns bigint language plpgsql as $$
declare old bigint; new bigint;
begin
  set local session_replication_role = replica;
  {tables}
  delete from as_it_was.went_back;
  update chassis.clock set moved_by = '0';
  return pg_current_xact_id()::text::bigint;
end $$
"""


@dataclass
class Ground:
    """Everything the simulations of one process share. `look`: the simulation's own eyes, which no fault reaches."""

    settings: Settings
    seats: dict[str, Seat]
    superuser: str
    look: "asyncpg.Connection[Any]"
    watch: "asyncpg.Connection[Any]"
    _since: int = 0

    @classmethod
    async def made(cls, installation: Installation, issuer: Issuer, database: str) -> Self:
        """Copies the template, tells every service of a small municipality, and remembers how everything was."""
        installation.clone(database)
        async with installation.world(issuer, database, partitions=PARTITIONS) as world:
            town = await settled(world)
            await world.settle()
            assert await world.dead_letters() == []
        superuser = f"{installation.superuser_dsn.rsplit('/', 1)[0]}/{database}"
        look, watch = await asyncpg.connect(superuser), await asyncpg.connect(superuser)
        await _remember(look, database)
        settings = world.settings.model_copy(update={"lease_seconds": 600})
        return cls(settings, {name: getattr(town, name) for name in SEATS}, superuser, look, watch)

    async def bring_back(self) -> None:
        """Every table as it was when the ground was made."""
        self._since = await self.look.fetchval("select as_it_was.bring_back($1)", self._since)

    async def move_clock(self, by: timedelta) -> None:
        await self.look.execute("update chassis.clock set moved_by = moved_by + $1", by)

    async def close(self) -> None:
        await self.look.close()
        await self.watch.close()


async def _remember(look: "asyncpg.Connection[Any]", database: str) -> None:
    await look.execute(f"alter database \"{database}\" set deadlock_timeout = '{int(1000 * DEADLOCK_SECONDS)}ms'")
    await look.execute(_CLOCK)
    tables = await look.fetch(_TABLES, catalogue.names())
    for table in tables:
        if table["name"] in _EMPTIED:
            await look.execute(f"delete from {table['schema']}.{table['name']}")
    await look.execute("create schema as_it_was")
    for table in tables:
        await look.execute(f"create table as_it_was.{table['schema']}_{table['name']} as table {table['schema']}.{table['name']}")
    await look.execute(_WATCHED)
    for table in tables:
        if table["name"] in ("relay", "position"):
            column = "sent" if table["name"] == "relay" else "position"
            await look.execute(_WATCH.format(f"{table['schema']}.{table['name']}", column))
    await look.execute(_BRING_BACK.format(tables="".join(_BROUGHT_BACK.format(**table) for table in tables)))
