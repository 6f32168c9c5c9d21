"""Among 50,000 children no statement reads a grown table from end to end, whoever runs it and in whatever function."""

import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx2
import psycopg
import pytest

from services.events.persons import PersonsMerged
from tests.registry.settled import ELSEWHERE, Municipality, settled
from tests.support.addresses import Addresses
from tests.support.issuer import Issuer
from tests.support.world import Installation

_GROWN = (
    *("child", "assignment", "handover", "supporter", "question", "ledger", "feed", "seen", "answer", "access", "sealing_key"),
    *("seat", "professional", "workplace", "closing", "matter", "bulk_child"),
)
# Each five minutes, and on purpose: it counts what the keys make impossible.
_MAY_SCAN = ("select count(*) as n from child c where c.open_end is not null and 1 <>",)

_CHILDREN = """
set session_replication_role = replica;
create temporary table people as select n, md5('person' || n)::uuid as person, md5('unit' || n % 100)::uuid as unit from generate_series(0, 1999) n;
insert into registry.seat select person, unit, '0990' from people;
insert into registry.professional select person, '0990', 'elsewhere', person::text from people;
insert into registry.workplace select person, unit, 'sundhedspleje' from people;
create temporary table children as select each.n, md5('child' || each.n)::uuid as child, p.person, p.unit, q.person as next, q.unit as next_unit,
  timestamptz '2025-01-01' + each.n * interval '1 minute' as at from generate_series(1, 50000) each(n) join people p on p.n = each.n % 2000 join people q on q.n = (each.n + 7) % 2000;
insert into registry.child (id, municipality, status, version, last_at) select child, '0990', 'born', 4, at from children;
insert into registry.assignment (child_id, municipality, episode, seq, professional, unit, why, started_at, finished_at, prev_finished_at)
  select child, '0990', 1, 1, next, next_unit, 'registration', at, at + interval '1 day', null from children
  union all select child, '0990', 1, 2, person, unit, 'acceptance', at + interval '1 day', 'infinity', at + interval '1 day' from children;
insert into registry.handover (id, child_id, episode, municipality, receiver_municipality, state, giver, giver_unit, receiver, receiver_unit, named, proposer,
    reason, proposed_at, due_at, next_at, closed_at, overdue_at)
  select md5('past' || n)::uuid, child, 1, '0990', '0990', 'effected', next, next_unit, person, unit, person, next, 'district', at, at, null::timestamptz, at, null::timestamptz from children
  union all select md5('open' || n)::uuid, child, 1, '0990', '0990', 'proposed', person, unit, next, next_unit, next, person, 'district', at, at, timestamptz '2099-01-01', null::timestamptz,
    case when n % 40 = 0 then at end from children where n % 4 = 0;
insert into registry.question (id, handover_id, asked_by, asked_at, question)
  select md5('question' || n)::uuid, md5('past' || n)::uuid, person, at, 'x' from children where n % 4 = 1;
insert into registry.supporter select child, next, next_unit, '0990', 'giver', at, date '2099-01-01' from children where n % 3 = 0;
insert into registry.closing (child_id, municipality, episode, reason, at) select child, '0990', 1, 'settled', at from children where n % 2 = 0;
insert into registry.matter (id, child_id, municipality, kind, about, since, decided_at, outcome)
  select md5('matter' || n)::uuid, child, '0990', 'merged', md5('child' || n + 1)::uuid, at, case when n % 25 > 0 then at end, case when n % 25 > 0 then 'kept' end
  from children where n % 2 = 1;
insert into registry.bulk (id, municipality, receiver_municipality, by, receiver, receiver_unit, reason, state, asked_at, answered_by)
  select md5('bulk' || n)::uuid, '0990', '0990', person, next, next_unit, 'district', 'answered', at, next from children where n % 100 = 0;
insert into registry.bulk_child (bulk_id, municipality, receiver_municipality, child_id, state, handover)
  select md5('bulk' || n - n % 100)::uuid, '0990', '0990', child, 'accepted', md5('past' || n)::uuid from children where n >= 100;
insert into registry.sealing_key select child, '0990', '0990.1', 'x' from children;
insert into registry.access (client, party, professional, subject, class, purpose) select 'x', 'municipality:0990', person, child, 'baton', 'care' from children;
insert into registry.answer select 'elsewhere|' || person, n::text, 'x', 200, '{}', 1, at from children;
insert into registry.ledger select child, v, at, 'dk.tovholder.registry.child_registered.v1', '{}' from children, generate_series(1, 4) v;
insert into registry.feed select 0, row_number() over (order by at, v), child, v from children, generate_series(1, 4) v;
insert into registry.seen select 'persons', child, 1 from children;
update registry.relay set position = 200000, sent = 200000 where partition = 0;
insert into registry.relay (partition, position, sent) values (0, 200000, 200000) on conflict do nothing;
"""
# Other services have heard nothing of these children, and shall not begin now.
_ALREADY_HEARD = "update {}.position set position = 200000 where source = 'registry' and partition = 0"
_EXPLAINED = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_verbose": "on",
}
_PLAN = re.compile(r"^.*?duration: .* ms  plan:\n((?:\t.*\n)+)", re.MULTILINE)
_SCAN = re.compile(r"Seq Scan on registry\.(\w+)")


@dataclass
class Explained:
    """A town among 50,000 children; what is run there is explained in the server's log."""

    town: Municipality
    log: Path
    since: int

    def plans(self) -> list[str]:
        return _PLAN.findall(self.log.read_bytes()[self.since :].decode(errors="replace"))


@pytest.fixture
async def explained(installation: Installation, issuer: Issuer) -> AsyncIterator[Explained]:
    name = f"plans_{uuid.uuid4().hex[:12]}"
    installation.clone(name)
    try:
        async with installation.world(issuer, name) as world:
            await settled(world)
            await world.settle()
        superuser = f"{installation.superuser_dsn.rsplit('/', 1)[0]}/{name}"
        with psycopg.connect(superuser, autocommit=True, options="-c statement_timeout=0") as connection:
            connection.execute(_CHILDREN.encode())
            for service in ("directory", "midwife", "persons", "sundhedspleje", "daycare", "notifications", "indicators"):
                connection.execute(_ALREADY_HEARD.format(service).encode())
            connection.execute("vacuum analyze")
            for setting, value in _EXPLAINED.items():
                connection.execute(f"alter database {name} set {setting} = '{value}'".encode())
        log = installation.folder / "postgres" / "postgres.log"
        since = log.stat().st_size
        async with installation.world(issuer, name) as world:
            yield Explained(await settled(world), log, since)
    finally:
        installation.drop(name)


class Asked:
    """Which of the registry's addresses were asked."""

    def __init__(self, town: Municipality) -> None:
        self._addresses, self._asked = Addresses("registry"), set[str]()
        town.world.http.event_hooks = {"response": [self._note]}

    async def _note(self, answer: httpx2.Response) -> None:
        path = answer.request.url.path
        if path.startswith("/registry/"):
            self._asked.add(self._addresses.of(answer.request.method, path))

    def not_yet(self) -> set[str]:
        return set(self._addresses.all - self._asked)


async def test_no_statement_reads_a_grown_table_from_end_to_end(explained: Explained) -> None:
    town = explained.town
    asked = Asked(town)

    await _what_is_asked_of_many(town)
    await _many_handed_over_at_once(town)
    await _what_becomes_of_a_case(town)
    await _what_was_laid_aside(town)
    await _everything_that_is_done_often(town)
    await town.world.settle()

    assert asked.not_yet() == set(), "addresses whose statements nobody has explained"
    plans = explained.plans()
    scanning = [
        plan for plan in plans if set(_SCAN.findall(plan)) & set(_GROWN) and not any(query in plan for query in _MAY_SCAN)
    ]
    assert scanning == [], f"{len(scanning)} of {len(plans)} plans; the first:\n" + "\n".join(scanning[:3])
    ran = "\n".join(plans)
    for words in (
        "from assignment where child_id = c.id",
        "update child set",
        "delete from outbox",
        "next_at <= chassis.now()",
        "from feed",
        "from bulk where state in",
        "moving_to is not null",
        "from matter m join child c",
        "born_on < $2",
    ):
        assert words in ran, f"nothing was explained of: {words}"


async def _everything_that_is_done_often(town: Municipality) -> None:
    day = (await town.heard.today() + timedelta(days=4)).isoformat()
    for offered, act, body in (
        ({}, "acceptance", None),
        ({}, "refusal", {"reason": "at-capacity"}),
        ({}, "question", {"text": "hvornår?"}),
        ({"effective_on": day, "message": "ring", "family_wish": "samme"}, "acceptance", None),
    ):
        child, handover = await town.offered(town.nurse, **offered)
        for _ in range(2):
            await town.as_(town.nurse).post(f"/registry/handovers/{handover}/{act}", body)
        for path in (f"children/{child}", f"children/{child}/assignments", f"children/{child}/events", f"handovers/{handover}"):
            assert (await town.as_(town.lead).get(f"/registry/{path}")).status == 200
            assert (await town.service().get(f"/registry/{path}")).status == 200
    child, handover = await town.offered(town.nurse)
    await town.as_(town.lead).post(f"/registry/handovers/{handover}/withdrawal")
    child = await town.held(town.nurse)
    override = {"to": town.colleague.model_dump(mode="json"), "reason": "conflict"}
    assert (await town.as_(town.chief).post(f"/registry/children/{child}/override", override)).status == 200
    await town.offered(town.pedagogue)
    for query in ("", "?state=open", f"?to={town.nurse.professional}&state=proposed&limit=5"):
        assert (await town.as_(town.nurse).get(f"/registry/handovers{query}")).status == 200
        assert (await town.service().get(f"/registry/handovers{query}")).status == 200
    await town.heard.absence(town.colleague.professional, town.deputy, days=40)
    await town.leaves(town.pedagogue)
    for days in (1, 3, 4, 30):
        await town.pass_days(days)
    await town.world.settle()
    assert (await town.service().get("/registry/feed?partition=0&after=199990")).status == 200
    assert (await town.service().get("/registry/feed/ends")).status == 200
    assert (await town.service().get(f"/registry/subjects/{child}/events?after=1")).status == 200


async def _what_is_asked_of_many(town: Municipality) -> None:
    unit, holder = town.nurse.unit, town.nurse.professional
    lists = {
        "children": ("", f"?holder={holder}", f"?unit={unit}&limit=5", "?overdue=true&limit=5", "?unseen=true&why=registration"),
        "handovers": (
            f"?unit={unit}",
            f"?from={holder}&state=effected",
            "?due_before=2024-12-31&overdue=true",
            "?escalated=true",
        ),
        "caseloads": (f"?unit={unit}",),
        "matters": ("", "?limit=2"),
        "desk": ("", "?limit=5"),
        "bulk-handovers": ("", "?limit=2"),
    }
    for query in (f"?to={holder}", f"?from={holder}", "?limit=5"):
        assert (await town.service().get(f"/registry/handovers{query}")).status == 200, query
    # Of everyone's handovers no service of ours asks for those of a unit or a day.
    for who in (town.as_(town.nurse), town.as_(town.chief), town.as_(town.lead)):
        for what, queries in lists.items():
            for query in queries:
                assert (await who.get(f"/registry/{what}{query}")).status == 200, query
    for query in lists["children"]:
        assert (await town.service().get(f"/registry/children{query}")).status == 200, query
    child, today = await town.held(town.nurse), await town.heard.today()
    assert (await town.as_(town.nurse).get(f"/registry/children/{child}?at={today}")).status == 200
    assert (await town.as_(town.nurse).get(f"/registry/children/{child}/story")).status == 200
    assert (await town.service().get(f"/registry/current?after={child}&limit=20")).status == 200
    assert (await town.world.as_client("service-persons").get(f"/registry/access?subject={child}")).status == 200


async def _what_becomes_of_a_case(town: Municipality) -> None:
    """Dates moved, seen, moved away, merged and separated, closed and reopened, decided upon."""
    nurse, leader = town.as_(town.nurse), town.as_(town.leader)
    days = [(await town.heard.today() + timedelta(days=number)).isoformat() for number in (6, 9)]
    child, handover = await town.offered(town.nurse, effective_on=days[0])
    path = f"/registry/handovers/{handover}"
    done = [
        await nurse.post(f"{path}/question", {"text": "hvornår?"}),
        await town.as_(town.lead).post(f"{path}/answer", {"text": "snart"}),
        await nurse.post(f"{path}/acceptance"),
        await nurse.post(f"{path}/rescheduling", {"effective_on": days[1]}),
        await town.as_(town.lead).post(f"/registry/children/{child}/seen"),
    ]
    kept, other, gone = await town.held(town.nurse), await town.held(town.leader), await town.held(town.nurse)
    await town.heard.tell(kept, PersonsMerged(child=kept, merged=other, municipality=town.heard.municipality))
    done += [
        await leader.post(f"/registry/children/{other}/separation"),
        await nurse.post(f"/registry/children/{kept}/move", {"to_municipality": ELSEWHERE}),
        await nurse.post(f"/registry/children/{gone}/move", {"to_municipality": "0997"}),
    ]
    (matter,) = [it for it in (await leader.get("/registry/matters?limit=500")).body["matters"] if it["child"] == str(gone)]
    done += [
        await leader.post(f"/registry/matters/{matter['id']}/decision", {"outcome": "not-moved"}),
        await nurse.post(f"/registry/children/{gone}/closing", {"reason": "settled"}),
        await leader.post(f"/registry/children/{gone}/reopening", {"to": town.nurse.model_dump(mode="json")}),
    ]
    assert [answer.status for answer in done] == [200] * len(done), [answer.body for answer in done]
    await town.pass_days(10)


async def _many_handed_over_at_once(town: Municipality) -> None:
    held = [await town.held(town.nurse) for _ in range(3)]
    to = town.leader.model_dump(mode="json")
    named = {"children": [str(child) for child in held], "to": to, "reason": "district"}
    all_of_hers = {"from": str(town.nurse.professional), "to": to, "reason": "district"}
    by = town.as_(town.chief)
    assert (await by.post("/registry/bulk-handovers/preview", all_of_hers)).status == 200
    job = (await by.post("/registry/bulk-handovers", named)).body["id"]
    await town.tick()
    answered = await town.as_(town.leader).post(f"/registry/bulk-handovers/{job}/answer", {"accept": True})
    await town.tick()
    assert (answered.status, (await by.get(f"/registry/bulk-handovers/{job}")).body["counts"]) == (202, {"accepted": 3})


async def _what_was_laid_aside(town: Municipality) -> None:
    (row,) = await town.world.sql(
        "registry", "insert into dead_letter (source, body, reason) values ('persons', 'x', 'y') returning id"
    )
    assert len((await town.service().get("/registry/dead-letters")).body) == 1
    assert (await town.service().post(f"/registry/dead-letters/{row['id']}/replay")).status == 409
    assert (await town.service().post(f"/registry/dead-letters/{row['id']}/skip")).status == 200
