"""A million events of every service read again from the feeds and noted: how long it takes, and with how much memory."""

import asyncio
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import uvicorn

from benchmarks.figures import Figure, part_of
from benchmarks.installation import DATABASE, Installation
from services import catalogue
from services.app import create_app
from services.demo.processes import free_port

EVENTS = 1_000_000
_SOURCES = ("midwife", "persons", "registry", "sundhedspleje", "daycare")
# Subjects and events of a life, as they are said: source → [(type, fields as SQL on the child's number `n`)], in order.
_SEAT = "jsonb_build_object('professional', md5('p' || n % 400)::uuid, 'unit', md5('u' || n % 40)::uuid)"
_HANDOVER = f"'handover', md5('h' || n)::uuid, 'giver', {_SEAT}, 'receiver', {_SEAT}"
_LIFE = {
    "midwife": [("notification_received", "'notification_id', md5('n' || n)::uuid, 'unit', md5('u1')::uuid, 'received_at', '2026-01-02T08:00:00Z'")],
    "persons": [("child_corrected", "'born_on', null, 'order', 1")],
    "registry": [
        ("child_registered", "'notification_id', md5('n' || n)::uuid, 'mother', null, 'order', 1, 'status', 'born'"),
        ("tovholder_changed", f"'tovholder', {_SEAT}, 'before', null, 'why', 'registration'"),
        ("handover_proposed", f"{_HANDOVER}, 'reason', 'district', 'effective_on', null"),
        ("handover_accepted", f"{_HANDOVER}, 'effective_on', null"),
        ("handover_effected", _HANDOVER),
        ("tovholder_changed", f"'tovholder', {_SEAT}, 'before', {_SEAT}, 'why', 'acceptance'"),
        ("supporter_joined", f"'supporter', {_SEAT}, 'role', 'giver'"),
    ],
    "sundhedspleje": [
        *[("visit_planned", f"'visit', md5('v{place}' || n)::uuid, 'kind', 'two-months-visit'") for place in range(7)],
        ("overlevering_given", "'start', md5('s' || n)::uuid, 'to_unit', md5('u' || n % 40)::uuid, 'basis', 'consent', 'given_at', '2026-05-02T08:00:00Z'"),
    ],
    "daycare": [
        *[(kind, "'start', md5('s' || n)::uuid, 'unit', md5('u' || n % 40)::uuid, 'starts_on', '2026-06-01'") for kind in ("start_planned", "transition_prepared", "child_started")],
    ],
}  # fmt: skip
_FILL = """
set session_replication_role = replica; set synchronous_commit = off; set statement_timeout = 0; set search_path = {source};
create temp table made on commit drop as
  select md5('{kind}' || n)::uuid as id, v, '2026-01-05'::timestamptz + n * interval '1 minute' + v * interval '1 s' as at, e.type, e.data
  from generate_series(1, {children}) n cross join lateral (values {values}) e(v, type, data);
insert into subject (id, version, last_at) select id, max(v), max(at) from made group by id;
insert into ledger (subject, version, at, type, envelope) select id, v, at, type, jsonb_build_object('specversion', '1.0', 'id', gen_random_uuid(),
    'source', '/{source}', 'type', type, 'subject', id, 'version', v, 'time', to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'correlationid', id,
    'datacontenttype', 'application/json', 'data', jsonb_build_object('child', id, 'municipality', '0990') || data) from made;
with placed as (insert into feed (partition, position, subject, version)
  select p, coalesce(r.position, 0) + row_number() over (partition by p order by m.at), m.id, m.v from made m
    cross join lateral (select (('x' || right(m.id::text, 8))::bit(32)::bigint % {partitions})::smallint as p) q left join relay r on r.partition = p
  returning partition, position)
insert into relay (partition, position, sent) select partition, max(position), max(position) from placed group by 1
  on conflict (partition) do update set position = excluded.position, sent = excluded.sent;
"""


def rebuilding(installation: Installation) -> list[Figure]:
    """`tovholder indicators rebuild` as a process of its own, over HTTP, the feeds served by a process that consumes nothing."""
    events = _fill(installation)
    with _serving(installation) as url:
        environment = installation.environment(free_port()) | {"TOVHOLDER_GATEWAY_URL": url, "TOVHOLDER_SERVICE_URLS": "{}"}
        began = time.perf_counter()
        said = subprocess.run(
            [sys.executable, "-m", "services", "indicators", "rebuild"],
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
        seconds = time.perf_counter() - began
    if said.returncode:
        raise RuntimeError(said.stdout + said.stderr)
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    [(facts,)] = installation.sql("select count(*) from indicators.fact")
    print(f"{events} events, {facts} facts", end=" ")
    return [
        Figure("indicators_rebuild_1m_s", seconds * EVENTS / events, "s", None, "≤ 120 s"),
        Figure("indicators_rebuild_rss_mb", own.ru_maxrss / 1024, "MB", None, "flat"),
    ]


def _fill(installation: Installation) -> int:
    """Returns how many events there are in all."""
    children = part_of(EVENTS) // sum(len(events) for events in _LIFE.values())
    for source in _SOURCES:
        values = ", ".join(
            f"({version}, 'dk.tovholder.{source}.{name}.v1', jsonb_build_object({fields}))"
            for version, (name, fields) in enumerate(_LIFE[source], 1)
        )
        with psycopg.connect(installation.postgres.dsn(DATABASE)) as connection:
            connection.execute(
                _FILL.format(
                    source=source,
                    kind="n" if source == "midwife" else "c",
                    children=children,
                    values=values,
                    partitions=installation.partitions,
                ).encode()
            )
        installation.sql(f"analyze {source}.ledger")
        installation.sql(f"analyze {source}.feed")
    counted = " union all ".join(f"select coalesce(sum(position), 0) from {name}.relay" for name in catalogue.names())
    return sum(int(str(number)) for (number,) in installation.sql(counted))


@contextmanager
def _serving(installation: Installation) -> Iterator[str]:
    """Every service's addresses, and no relay, consumer or clock."""
    port = free_port()
    settings = installation.settings.model_copy(update={"port": port, "log_level": "warning"})
    app = create_app(catalogue.SERVICES, settings, work=False)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False, loop="uvloop"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)
