"""The hot figures on a registry of a million children, made once and kept between runs."""

import asyncio
import hashlib
import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median as middle
from uuid import UUID, uuid4

import psycopg
from rich.console import Console

from benchmarks import accepting, load
from benchmarks.figures import Figure
from benchmarks.installation import DATABASE, Installation
from services import catalogue
from services.chassis.party import MACHINE
from services.chassis.sealed import new_wrapped_key
from services.chassis.store import Store
from services.demo import town
from services.demo.postgres import PostgresServer

CHILDREN = 1_000_000
_CHUNK = 25_000
_SEATS = 20_000
_CLIENTS = 32
_SAMPLE = 6_000
out = Console(width=140)

# Three links and twelve events a child, as in a life: registered, proposed, accepted and so on; keys are not checked one by one while filling.
_FILL = """
set session_replication_role = replica; set synchronous_commit = off; set statement_timeout = 0; set search_path = registry;
create temp table made on commit drop as
  select uuidv7(interval '-400 days' + g * interval '1 ms') as id, array_agg(s.place order by random()) as places
  from generate_series(1, {chunk}) g cross join lateral (select (random() * {last_seat})::int as place from generate_series(1, 3) where g > 0) s group by g;
insert into child (id, municipality, status, version, last_at) select id, '0990', 'born', 12, now() from made;
insert into assignment (child_id, municipality, episode, seq, professional, unit, why, started_at, finished_at, prev_finished_at)
  select m.id, '0990', 1, n, s.professional, s.unit, case n when 1 then 'registration' else 'acceptance' end, now() - (4 - n) * interval '100 days',
    case n when 3 then 'infinity' else now() - (3 - n) * interval '100 days' end, case n when 1 then null else now() - (4 - n) * interval '100 days' end
  from made m cross join generate_series(1, 3) n join public.seats s on s.place = m.places[n];
insert into ledger (subject, version, at, type, envelope) select m.id, v, now() - (13 - v) * interval '25 days', t.type,
    jsonb_build_object('specversion', '1.0', 'id', gen_random_uuid(), 'source', '/registry', 'type', t.type, 'subject', m.id, 'version', v, 'time', '2026-11-22T20:00:00.000000Z',
      'correlationid', m.id, 'datacontenttype', 'application/json', 'dataref', '/registry/children/' || m.id,
      'data', jsonb_build_object('child', m.id, 'municipality', '0990', 'handover', gen_random_uuid(), 'giver', jsonb_build_object('professional', m.id, 'unit', m.id)))
  from made m, generate_series(1, 12) v
    cross join lateral (select 'dk.tovholder.registry.' || case when v % 4 = 2 then 'tovholder_changed' else 'handover_proposed' end || '.v1' as type) t;
insert into feed (partition, position, subject, version)
  select p, {first} * 12 + row_number() over (partition by p order by v), m.id, v from made m, generate_series(1, 12) v, lateral (select ('x' || right(m.id::text, 8))::bit(32)::bigint % {partitions} as p) q;
"""
# Everyone has heard it all; each service reads on from here when the installation is started again.
_SETTLE = (
    "update registry.relay r set position = f.last, sent = f.last, derived = f.last from (select partition, max(position) as last from registry.feed group by 1) f where f.partition = r.partition",
    *(
        f"update {service}.position p set position = r.position from registry.relay r where p.source = 'registry' and r.partition = p.partition"
        for service in catalogue.names()
    ),
    "vacuum analyze registry.child", "vacuum analyze registry.assignment", "vacuum analyze registry.ledger", "vacuum analyze registry.feed",
    "checkpoint", "create table public.settled ()",
)  # fmt: skip


def folder() -> Path:
    """Where the grown installation is kept: another one for other tables, in place of the last."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tovholder"
    tables = b"".join(path.read_bytes() for path in sorted(Path("services").glob("*/migrations/*.sql")))
    own = cache / f"grown-{hashlib.sha256(tables).hexdigest()[:12]}"
    for other in set(cache.glob("grown-*")) - {own}:
        PostgresServer(other / "postgres").start().remove()  # its data may lie elsewhere, which it knows once it runs
        shutil.rmtree(other)
    return own


def grown(installation: Installation) -> list[Figure]:
    """Acceptances by 32 clients and readings by 16, of children drawn from the million."""
    _fill(installation)
    installation.run(["registry"])
    rates = [_accepted(installation, number) for number in range(4)][1:]
    reads = [_read(installation, number) for number in range(4)][1:]
    installation.end()
    return [
        Figure("accept_http_c32_1m_per_s", middle(rates), "acceptances/s", None, "≥ 80 % of accept_http_c32_per_s"),
        Figure("child_read_1m_per_s", middle(reads), "reads/s", None, "≥ 80 % of child_read_per_s"),
    ]


def _fill(installation: Installation) -> None:
    [[there]] = installation.sql("select count(*) from registry.child")
    if int(str(there)) >= CHILDREN:
        _settle(installation)
        return
    began = time.monotonic()
    installation.sql(
        f"create table if not exists public.seats as select g - 1 as place, gen_random_uuid() as professional, gen_random_uuid() as unit from generate_series(1, {_SEATS}) g"
    )
    installation.sql("create unique index if not exists seats_place on public.seats (place); analyze public.seats")
    installation.sql(
        "insert into registry.seat (professional, unit, municipality) select professional, unit, '0990' from public.seats on conflict do nothing"
    )
    chunks = range(0, CHILDREN, _CHUNK)
    with ThreadPoolExecutor(2) as filling:
        for number, _ in enumerate(filling.map(lambda first: _chunk(installation, first), chunks), 1):
            out.print(f"[dim]{number * _CHUNK:,} of {CHILDREN:,} children, {time.monotonic() - began:.0f} s[/dim]")
    _settle(installation)
    out.print(f"[dim]filled in {time.monotonic() - began:.0f} s[/dim]")


def _settle(installation: Installation) -> None:
    """As it would be after a quiet night; done once, also where an earlier run was cut off before."""
    patient = psycopg.connect(installation.postgres.dsn(DATABASE), autocommit=True, options="-c statement_timeout=0")
    with patient as connection:
        if connection.execute("select to_regclass('public.settled')").fetchone() != (None,):
            return
        for statement in _SETTLE:
            connection.execute(statement)


def _chunk(installation: Installation, first: int) -> None:
    statement = _FILL.format(chunk=_CHUNK, last_seat=_SEATS - 1, first=first, partitions=installation.partitions)
    with psycopg.connect(installation.postgres.dsn(DATABASE)) as connection:
        connection.execute(statement.encode())


def _some_children(installation: Installation, count: int, but_offered: bool) -> list[UUID]:
    """Drawn by chance, the same chance for all."""
    free = "and not exists (select from registry.handover h where h.child_id = c.id)" if but_offered else ""
    rows = installation.sql(
        f"select c.id from registry.child c tablesample bernoulli (%s) where c.version = 12 {free} order by random() limit %s",
        min(100.0, 300.0 * count / CHILDREN),
        count,
    )
    return [UUID(str(row[0])) for row in rows]


def _accepted(installation: Installation, number: int) -> float:
    children = _some_children(installation, _SAMPLE if number else 500, True)
    offered = asyncio.run(_offer(installation, children))
    installation.drained("registry")
    return accepting.drive(
        installation, "registry", accepting.acceptances(offered, installation.token_of("birgit")), _CLIENTS
    ).per_second


async def _offer(installation: Installation, children: list[UUID]) -> list[tuple[UUID, UUID]]:
    names, store = town.names(), Store(installation.settings, "registry")
    offered, decisions = [], []
    for child in children:
        handover = uuid4()
        offered.append((child, handover))
        name, wrapped, seal = new_wrapped_key(installation.settings.secrets, "0990", child)
        made = accepting.decision(
            installation, child, handover, (names["inge"], names["intake"]), (names["birgit"], names["nord"])
        )
        for entering in ("registers", "holder"):
            del made[entering]
        made |= {"expected": 12, "events": made["events"][1:]}  # type: ignore[index]
        decisions.append(
            made
            | {
                "key": {"wrapped_by": name, "wrapped": wrapped.hex()},
                "texts": {"message": seal.close("…", "handover.message").hex()},
            }
        )
    for start in range(0, len(decisions), 250):
        await store.call("commit", MACHINE.as_json(), decisions[start : start + 250], None, role="machine")
    await store.close()
    return offered


def _read(installation: Installation, number: int) -> float:
    """By the intake lead, who may see each child of the municipality."""
    token = installation.token_of("inge")
    children = _some_children(installation, 2 * _SAMPLE if number else 1_000, False)
    requests = [load.request("GET", f"/registry/children/{child}", token) for child in children]
    return accepting.drive(installation, "registry", requests, 16).per_second


FOLDERS: dict[Callable[[Installation], list[Figure]], Callable[[], Path]] = {grown: folder}
