"""Facts in PostgreSQL: kept once each, whatever comes twice; forgotten a year after a child's case has closed."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from services.chassis.calendar import date_of, start_of
from services.chassis.store import Connection, Tx
from services.indicators.domain.facts import Fact
from services.indicators.domain.periods import Quarter

KEPT_AFTER_CLOSING = timedelta(days=365)
_COLUMNS = {
    "kind": "text", "subject": "bytea", "version": "bigint", "municipality": "text", "at": "timestamptz",
    "happened": "timestamptz", "child": "bytea", "thing": "bytea", "unit": "uuid", "code": "text", "detail": "text",
    "seat": "bytea", "before": "bytea",
}  # fmt: skip
_NAMES = ", ".join(_COLUMNS)
_ONE = "select " + ", ".join(f"${place}::{kind} as {name}" for place, (name, kind) in enumerate(_COLUMNS.items(), 1))
_MANY = f"select * from unnest({', '.join(f'${place}::{kind}[]' for place, kind in enumerate(_COLUMNS.values(), 1))}) n({_NAMES})"
# The second part looks before it writes: a row that stands is not locked by everyone who comes later.
_KEEP = (
    "with n as materialized ({facts}),"
    f" kept as (insert into fact ({_NAMES}) select {_NAMES} from n on conflict do nothing)"
    " insert into counted_since as s (municipality, since) select municipality, min(at) from n"
    " where not exists (select from counted_since s where s.municipality = n.municipality and s.since <= n.at) group by 1"
    " on conflict (municipality) do update set since = least(s.since, excluded.since)"
)


async def keep(tx: Tx, fact: Fact) -> None:
    """Written with its like in one go; one that stands already stays."""
    await tx.later(_KEEP.format(facts=_ONE), *fact)


async def keep_many(connection: Connection, facts: Sequence[Fact]) -> None:
    """A page of facts in one statement."""
    if facts:
        await connection.execute(_KEEP.format(facts=_MANY), *map(list, zip(*facts, strict=True)))


async def last_counted(tx: Tx) -> Quarter | None:
    found: date | None = await tx.fetchval("select max(starts_on) from quarter where counted_at is not null")
    return Quarter(found) if found else None


async def first_heard(tx: Tx) -> date | None:
    """The day of the oldest fact of all."""
    found: datetime | None = await tx.fetchval("select min(since) from counted_since")
    return date_of(found) if found else None


async def counted_quarters(tx: Tx, year: int) -> list[Quarter]:
    rows = await tx.fetch(
        "select starts_on from quarter where counted_at is not null and extract(year from starts_on) = $1::int order by 1", year
    )
    return [Quarter(row["starts_on"]) for row in rows]


async def all_counted_quarters(tx: Tx) -> list[Quarter]:
    """In order, the oldest first."""
    return [
        Quarter(row["starts_on"])
        for row in await tx.fetch("select starts_on from quarter where counted_at is not null order by 1")
    ]


async def since(tx: Tx, municipality: str) -> datetime | None:
    found: datetime | None = await tx.fetchval("select since from counted_since where municipality = $1", municipality)
    return found


async def must_reach(tx: Tx, ends: Sequence[tuple[str, int, int]]) -> None:
    """Notes how far each source's feed was when a quarter fell due: (source, partition, position)."""
    await tx.execute(
        "insert into reached (source, partition, position) select * from unnest($1::text[], $2::smallint[], $3::bigint[])"
        " on conflict do nothing",
        *map(list, zip(*ends, strict=True)),
    )


async def has_reached(tx: Tx) -> bool | None:
    """Whether everything that had been said when the quarter fell due has been heard; None where that was not asked yet."""
    found: bool | None = await tx.fetchval(
        "select bool_and(coalesce(p.position, 0) >= r.position) from reached r left join position p using (source, partition)"
    )
    return found


async def forget(tx: Tx, at: datetime, counted: Quarter, most: int) -> int:
    """Deletes the facts of children whose case closed a year ago and stayed closed, all of them counted. Returns how many."""
    gone = await tx.fetchval(
        "with old as (select distinct c.child from fact c where c.kind = 'case-closed' and c.at < $1"
        "   and not exists (select from fact r where r.child = c.child and r.kind = 'case-reopened' and r.at > c.at)"
        "   and not exists (select from fact l where l.child = c.child and l.at >= $2) limit $3),"
        " gone as (delete from fact f using old where f.child = old.child) select count(*) from old",
        at - KEPT_AFTER_CLOSING,
        start_of(counted.next.starts_on),
        most,
    )
    return int(gone)


async def nothing_to_reach(tx: Tx) -> None:
    await tx.execute("delete from reached")


async def looked_at(tx: Tx) -> datetime | None:
    """When chains were last looked at."""
    found: datetime | None = await tx.fetchval("select max(looked_at) from broken_chain")
    return found


async def save_broken(tx: Tx, found: Mapping[str, int], at: datetime) -> None:
    """`found`: by municipality, how many children's chains are broken."""
    await tx.execute("delete from broken_chain where municipality <> all ($1)", list(found))
    for municipality, children in found.items():
        await tx.later(
            "insert into broken_chain (municipality, children, looked_at) values ($1, $2, $3)"
            " on conflict (municipality) do update set children = excluded.children, looked_at = excluded.looked_at",
            municipality,
            children,
            at,
        )


async def broken(tx: Tx) -> int:
    return int(await tx.fetchval("select coalesce(sum(children), 0) from broken_chain"))
