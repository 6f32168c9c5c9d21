"""The raw limits: the same rows by pgbench, the same bytes by a bare producer, without any of our code."""

import asyncio
import re
import subprocess
import time
from pathlib import Path

import psycopg
from aiokafka import AIOKafkaProducer

from services.demo.postgres import PostgresServer, binary

_TABLES = """
drop schema if exists raw cascade; create schema raw;
create table raw.child (id int primary key, version bigint not null default 0, last_at timestamptz not null default now()) with (fillfactor = 80);
create table raw.link (child int not null, finished_at timestamptz not null, started_at timestamptz not null, holder uuid not null, primary key (child, finished_at));
create table raw.handover (id int primary key, child int not null, state text not null);
create table raw.outbox (id bigint generated always as identity primary key, part smallint, subject int, version bigint);
create table raw.ledger (subject int, version bigint, at timestamptz, envelope jsonb, primary key (subject, version));
create table raw.answer (client text, key uuid, body jsonb, primary key (client, key));
insert into raw.child select g from generate_series(1, 20000) g;
insert into raw.link select g, 'infinity', now(), gen_random_uuid() from generate_series(1, 20000) g;
insert into raw.handover select g, g, 'proposed' from generate_series(1, 20000) g;
create function raw.accept(c int) returns bigint language plpgsql as $$
declare v bigint; t timestamptz := clock_timestamp(); e jsonb := '%s';
begin
  update raw.child set version = version + 2, last_at = greatest(t, last_at + interval '1 microsecond') where id = c returning version, last_at into v, t;
  update raw.handover set state = case state when 'proposed' then 'effected' else 'proposed' end where id = c;
  update raw.link set finished_at = t where child = c and finished_at = 'infinity';
  insert into raw.link values (c, 'infinity', t, gen_random_uuid());
  insert into raw.outbox (part, subject, version) values (1, c, v - 1), (1, c, v);
  insert into raw.ledger values (c, v - 1, t, e), (c, v, t, e);
  insert into raw.answer values ('somebody', gen_random_uuid(), '{"state": "effected"}');
  return v;
end $$;
"""
ENVELOPE = '{"id": "01a204f2-1e8d-762a-9948-ec7a246a3ee5", "data": {"municipality": "0990", "child": "bbe400e8-0b7c-4c40-9064-862b879dbb8a", "handover": "bbe400e8-0b7c-4c40-9064-862b879dbb8a", "giver": {"professional": "bbe400e8-0b7c-4c40-9064-862b879dbb8a", "unit": "bbe400e8-0b7c-4c40-9064-862b879dbb8a"}}, "time": "2026-11-22T20:28:26.127927Z", "type": "dk.tovholder.registry.handover_effected.v1", "source": "/registry", "subject": "bbe400e8-0b7c-4c40-9064-862b879dbb8a", "version": 1, "specversion": "1.0", "correlationid": "01a204f2-1e8d-762a-9948-ec7a246a3ee5", "datacontenttype": "application/json"}'


def acceptances_per_second(postgres: PostgresServer, database: str, folder: Path, clients: int, seconds: int = 8) -> float:
    """The rows of an acceptance by one function call, from pgbench."""
    with psycopg.connect(postgres.dsn(database), autocommit=True) as connection:
        connection.execute((_TABLES % ENVELOPE).encode())
    script = "\\set c random(1, 20000)\nselect raw.accept(:c);\n"
    return _pgbench(postgres, database, folder, script, clients, seconds)


def reads_per_second(postgres: PostgresServer, database: str, folder: Path, clients: int, seconds: int = 5) -> float:
    """A read by primary key with an inserted log row, from pgbench."""
    with psycopg.connect(postgres.dsn(database), autocommit=True) as connection:
        connection.execute((_TABLES % ENVELOPE).encode())
        connection.execute(
            b"create table raw.access (id bigint generated always as identity primary key, at timestamptz default now(), child int);"
            b"create function raw.look(c int) returns bigint language plpgsql as $$ declare v bigint; begin"
            b" insert into raw.access (child) values (c); perform set_config('synchronous_commit', 'off', true);"
            b" select version into v from raw.child join raw.link on child = id and finished_at = 'infinity' where id = c; return v; end $$"
        )
    return _pgbench(postgres, database, folder, "\\set c random(1, 20000)\nselect raw.look(:c);\n", clients, seconds)


def _pgbench(postgres: PostgresServer, database: str, folder: Path, script: str, clients: int, seconds: int) -> float:
    file = folder / "script.sql"
    file.write_text(script)
    command = [
        str(binary("pgbench")),
        "-n",
        "-M",
        "prepared",
        "-c",
        str(clients),
        "-j",
        "1",
        "-T",
        str(seconds),
        "-f",
        str(file),
        postgres.dsn(database),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if not found:
        raise RuntimeError(f"pgbench said nothing of its rate: {done.stdout[-300:]}")
    return float(found.group(1))


def produced_per_second(bootstrap: str, topic: str, count: int = 50_000) -> float:
    """The same bytes by a bare idempotent producer, in batches of 1,000 awaited as one."""

    async def produce() -> float:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_batch_size=262_144)
        await producer.start()
        body = ENVELOPE.encode()
        began = time.perf_counter()
        for _ in range(count // 1000):
            waiting = [
                await producer.send(topic, body, partition=number % 8, headers=[("position", b"0")]) for number in range(1000)
            ]
            await asyncio.gather(*waiting)
        seconds = time.perf_counter() - began
        await producer.stop()
        return count / seconds

    return asyncio.run(produce())
