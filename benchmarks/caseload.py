"""A health visitor with a caseload of 500, come by the way that children come, in a database of a million others."""

import asyncio
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import psycopg
from rich.console import Console

from benchmarks.figures import part_of
from benchmarks.installation import DATABASE, Installation
from services import catalogue
from services.demo import town

CASELOAD, WAITING, MORE = 500, 10, 40
OTHERS = 1_000_000
_CHUNK = 10_000
_AT_ONCE = 8
_PATIENCE = 600.0
out = Console(width=140)

# What a page asks about a child stands in these tables: each of the others has a row in each, a link, facts, and two visits. Keys are not
# checked one by one while filling. All have been seen by their tovholder: else the registry's clock has a million deadlines to set.
_OTHERS = """
set session_replication_role = replica; set synchronous_commit = off; set statement_timeout = 0;
create temp table made on commit drop as select uuidv7(interval '-400 days' + g * interval '1 ms') as id, gen_random_uuid() as professional,
  gen_random_uuid() as unit, current_date - (random() * 330)::int as born_on from generate_series(1, {chunk}) g;
insert into registry.child (id, municipality, status, version, last_at, born_on) select id, '0990', 'born', 2, now(), born_on from made;
insert into registry.assignment (child_id, municipality, episode, seq, professional, unit, why, started_at, finished_at, seen_at)
  select id, '0990', 1, 1, professional, unit, 'registration', now() - interval '100 days', 'infinity', now() - interval '99 days' from made;
insert into registry.ledger (subject, version, at, type, envelope) select id, v, now() - interval '100 days', 'dk.tovholder.registry.tovholder_changed.v1',
  jsonb_build_object('subject', id, 'version', v, 'data', jsonb_build_object('child', id)) from made, generate_series(1, 2) v;
insert into persons.person (id, municipality, kind, status, pregnancy, birth_order, notified_at) select id, '0990', 'child', 'born', id, 1, now() from made;
insert into persons.standing (child, role, professional, unit, municipality) select id, 'holder', professional, unit, '0990' from made;
insert into sundhedspleje.child_case (child, municipality, status, birth_order, born_on, holder, holder_unit, visitor, visitor_unit, since, version, opened_at, plan_on)
  select id, '0990', 'born', 1, born_on, professional, unit, professional, unit, now(), 2, now(), 'infinity' from made;
insert into sundhedspleje.visit (id, child, municipality, kind, from_on, until_on) select gen_random_uuid(), id, '0990', 'visit-' || n,
  born_on + 150 * n, born_on + 150 * n + 14 from made, generate_series(1, 2) n;
"""


@dataclass(frozen=True)
class Caseload:
    """`children` are the health visitor's; `more` are with the intake lead, to be offered; `others` is how many more there are."""

    children: list[UUID]
    more: list[UUID]
    others: int


def live(installation: Installation) -> Caseload:
    """All services run while this goes on."""
    began = time.monotonic()
    children = _registered(installation, part_of(CASELOAD))
    _handed_over(installation, children)
    more = _registered(installation, WAITING + MORE)
    token = installation.token_of("inge")
    for child in more[:WAITING]:
        offer(installation, token, child)
    installation.drained(*catalogue.names())
    out.print(f"[dim]a caseload of {len(children)}, {time.monotonic() - began:.0f} s[/dim]")
    others = _filled(installation, part_of(OTHERS))
    out.print(f"[dim]{others:,} others, {time.monotonic() - began:.0f} s[/dim]")
    return Caseload(children, more[WAITING:], others)


def offer(installation: Installation, token: str, child: UUID) -> None:
    """The intake lead, whose token this is, proposes one child to the health visitor."""
    _ask(installation, f"/registry/children/{child}/handovers", token, {"to": _seat("birgit", "nord"), "reason": "assigned"})


def _registered(installation: Installation, count: int) -> list[UUID]:
    """So many new children, with the intake lead as tovholder."""
    before = set(installation.sql("select id from registry.child"))
    asyncio.run(_notified(installation, installation.system_token("maternity-havby"), count))
    installation.drained(*catalogue.names())
    new = [UUID(str(row[0])) for row in installation.sql("select id from registry.child") if row not in before]
    if len(new) != count:
        raise RuntimeError(f"of {count} notified children {len(new)} were registered")
    return new


async def _notified(installation: Installation, token: str, count: int) -> None:
    """Births of the last eleven months, each with a mother who has a name and an address."""
    bodies = _births(count)
    url = f"http://127.0.0.1:{installation.port('midwife')}"
    async with httpx2.AsyncClient(base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=60) as ward:

        async def send() -> None:
            for body in bodies:
                key = {"idempotency-key": str(body["message_id"])}
                (await ward.post("/midwife/notifications", json=body, headers=key)).raise_for_status()

        await asyncio.gather(*(send() for _ in range(_AT_ONCE)))


def _births(count: int) -> Iterator[dict[str, Any]]:
    """Of people made up: a replacement CPR by the national form, never a real number."""
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    for number in range(count):
        born = datetime.now(UTC) - timedelta(days=random.randrange(330), hours=2)
        day = date(1990, 1, 1) + timedelta(days=random.randrange(4000))
        value = f"{day:%d%m%y}{random.choice('17')}{random.choice(letters)}{random.choice(letters)}{random.randrange(10)}"
        yield {
            "kind": "birth", "message_id": str(uuid4()), "receiver": {"sor": town.sor_of("intake")},
            "children": [{"order": 1, "born_at": born.isoformat()}],
            "mother": {
                "identifiers": [{"system": "urn:oid:1.2.208.176.1.6.1.1", "value": value}],
                "name": f"Mor Nummer {number}", "address": f"Strandvejen {number}, Havby",
            },
        }  # fmt: skip


def _handed_over(installation: Installation, children: list[UUID]) -> None:
    """To the health visitor, who says yes to all."""
    giver, receiver = installation.token_of("inge"), installation.token_of("birgit")
    body = {"children": [str(it) for it in children], "to": _seat("birgit", "nord"), "reason": "assigned"}
    place = f"/registry/bulk-handovers/{_ask(installation, '/registry/bulk-handovers', giver, body)['id']}"
    _until(installation, place, giver, "proposed")
    _ask(installation, f"{place}/answer", receiver, {"accept": True})
    _until(installation, place, giver, "answered")


def _until(installation: Installation, place: str, token: str, state: str) -> None:
    ended = time.monotonic() + _PATIENCE
    while (found := _ask(installation, f"{place}?limit=1", token))["state"] != state:
        if time.monotonic() > ended:
            raise TimeoutError(f"the bulk was still {found['state']} after {_PATIENCE:.0f} s")
        time.sleep(0.1)


def _filled(installation: Installation, count: int) -> int:
    chunks = [min(_CHUNK, count - first) for first in range(0, count, _CHUNK)]

    def fill(chunk: int) -> None:
        with psycopg.connect(installation.postgres.dsn(DATABASE)) as connection:
            connection.execute(_OTHERS.format(chunk=chunk).encode())

    with ThreadPoolExecutor(2) as filling:
        list(filling.map(fill, chunks))
    for table in ("registry.child", "registry.assignment", "registry.ledger", "persons.person", "persons.standing",
                  "sundhedspleje.child_case", "sundhedspleje.visit"):  # fmt: skip
        installation.sql(f"vacuum analyze {table}")
    installation.sql("checkpoint")
    return count


def _seat(professional: str, unit: str) -> dict[str, str]:
    return {"professional": town.names()[professional], "unit": town.names()[unit]}


def _ask(installation: Installation, path: str, token: str, body: dict[str, Any] | None = None) -> Any:
    answer = httpx2.request(
        "GET" if body is None else "POST", f"http://127.0.0.1:{installation.port('registry')}{path}", json=body, timeout=60,
        headers={"authorization": f"Bearer {token}", "idempotency-key": str(uuid4())},
    )  # fmt: skip
    return answer.raise_for_status().json()
