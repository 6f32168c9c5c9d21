"""Remembers every table of a database, and brings back those that have changed since."""

from dataclasses import dataclass
from typing import Any, Self

import asyncpg

from services import catalogue

_TABLES = """
select n.nspname as schema, c.relname as name,
  (select string_agg(quote_ident(a.attname), ', ' order by a.attnum) from pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname = any ($1) order by 1, 2
"""
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
  set local lock_timeout = '2s';
  {tables}
  return pg_current_xact_id()::text::bigint;
end $$
"""
# Rows can be brought back; what a test did to the schema itself cannot.
_SHAPE = """
select array[(select count(*) from pg_class), (select max(xmin::text::bigint) from pg_proc), (select count(*) from pg_trigger),
  (select max(xmin::text::bigint) from pg_constraint), (select max(xmin::text::bigint) from pg_policy),
  (select count(*) from pg_attribute where attnum > 0),
  (select sum(hashtext(c.oid::text || coalesce(c.relacl::text, '')))::bigint from pg_class c where relnamespace >= 16384)]
"""


@dataclass
class AsItWas:
    """The memory of one database. Emptied tables are remembered empty."""

    _look: "asyncpg.Connection[Any]"
    _shape: list[int]
    _since: int = 0

    @classmethod
    async def remembered(cls, superuser: str, emptied: tuple[str, ...] = ()) -> Self:
        """`superuser`: dsn of the database. `emptied`: names of tables whose rows do not come back."""
        look = await asyncpg.connect(superuser)
        tables = await look.fetch(_TABLES, ["chassis", *catalogue.names()])
        for table in tables:
            if table["name"] in emptied:
                await look.execute(f"delete from {table['schema']}.{table['name']}")  # noqa: S608 - names are ours
        await look.execute("create schema as_it_was")
        for table in tables:
            place = f"{table['schema']}.{table['name']}"
            await look.execute(f"create table as_it_was.{table['schema']}_{table['name']} as table {place}")
        await look.execute(_BRING_BACK.format(tables="".join(_BROUGHT_BACK.format(**table) for table in tables)))
        return cls(look, await look.fetchval(_SHAPE))

    async def bring_back(self) -> None:
        """Every table as it was when it was remembered."""
        self._since = await self._look.fetchval("select as_it_was.bring_back($1)", self._since)

    async def has_its_shape(self) -> bool:
        """Whether tables, functions, triggers, constraints, policies and rights are still those remembered."""
        return bool(await self._look.fetchval(_SHAPE) == self._shape)

    async def close(self) -> None:
        await self._look.close()
