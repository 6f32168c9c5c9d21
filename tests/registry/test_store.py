"""What PostgreSQL itself refuses, whoever asks: no code above it is needed for a child to have exactly one tovholder."""

import asyncio
import random
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.chassis.migrate import owner_dsn
from services.chassis.party import MACHINE
from services.events.envelope import Seat
from services.events.persons import IdentifiedChild
from tests.registry.settled import Municipality
from tests.registry.test_races import BROKEN


class Attempts:
    """A child held by the nurse after the lead, an offer on it, and someone who has left; attempts are undone."""

    def __init__(self, owner: "asyncpg.Connection[Any]", town: Municipality, child: UUID, bare: UUID, left: Seat) -> None:
        self._owner = owner
        self._names = {
            "child": child, "bare": bare, "new": uuid4(), "professional": town.nurse.professional, "unit": town.nurse.unit,
            "other": town.colleague.professional, "other_unit": town.colleague.unit,
            "gone": left.professional, "gone_unit": left.unit,
        }  # fmt: skip
        self.by: dict[str, str] = {}

    async def refused(self, by: str, what: str, *statements: str) -> None:
        """`by`: the key or check that must refuse it. Made as the owner of everything."""
        transaction = self._owner.transaction()
        await transaction.start()
        try:
            await self._owner.execute("select registry.enter($1)", '{"kind": "machine"}')
            for statement in statements:
                await self._owner.execute(statement.format(**self._names))
            await self._owner.execute("set constraints all immediate")
            refusal = "nothing"
        except asyncpg.IntegrityConstraintViolationError as error:
            refusal = str(error.constraint_name)
        finally:
            await transaction.rollback()
        assert refusal == by, f"{what} is refused by {refusal}"


_LINK = """
insert into registry.assignment
    (child_id, municipality, episode, seq, professional, unit, why, started_at, finished_at, prev_finished_at, prev_episode_end)
  values ('{{{child}}}', '0990', {episode}, 9, '{person}', '{unit}', 'override', {start}, {end}, {before}, {earlier})
"""
_CLOSED = "update registry.assignment set finished_at = {at} where child_id = '{{{child}}}' and finished_at = 'infinity'"
_OFFERED = """
insert into registry.handover (id, child_id, episode, municipality, receiver_municipality, state, giver, giver_unit, receiver,
    receiver_unit, named, proposer, reason, proposed_at, due_at)
  values (gen_random_uuid(), '{{{child}}}', {episode}, '0990', '0990', 'proposed', '{{professional}}', '{{unit}}', '{to}',
    '{unit}', '{to}', '{{professional}}', 'x', now(), now())
"""
_SEATS = {"own": ("{professional}", "{unit}"), "gone": ("{gone}", "{gone_unit}"), "nobody": ("{new}", "{new}")}


def _link(
    child: str = "child", seat: str = "own", start: str = "now()", end: str = "'infinity'", before: str = "null",
    episode: int = 1, earlier: str = "null",
) -> str:  # fmt: skip
    """`before`: the end of the link before; `earlier`: the end of the episode before."""
    person, unit = _SEATS[seat]
    return _LINK.format(
        child=child, episode=episode, person=person, unit=unit, start=start, end=end, before=before, earlier=earlier
    )


def _closed(at: str = "now()", child: str = "child") -> str:
    return _CLOSED.format(at=at, child=child)


def _offered(child: str = "bare", to: str = "{other}", unit: str = "{other_unit}", episode: int = 1) -> str:
    return _OFFERED.format(child=child, to=to, unit=unit, episode=episode)


_NEW = "insert into registry.child (id, municipality, status) values ('{new}', '0990', 'expected')"
_CLOSE = "update registry.child set status = 'closed', was = status, open_end = null where id = '{child}'"
_REOPEN = (
    "update registry.child set status = 'born', was = null, open_end = 'infinity', episode = episode + 1 where id = '{child}'"
)
_WITHOUT_OFFER = "update registry.handover set state = 'withdrawn', closed_at = now() where child_id = '{child}'"
_ENDED = (_WITHOUT_OFFER, _closed(), _CLOSE)


async def test_the_end_of_a_case_cannot_be_written_in_halves(town: Municipality) -> None:
    child, bare = await town.held(town.nurse), await town.held(town.nurse)
    await town.leaves(town.pedagogue)
    await town.tick()
    owner = await asyncpg.connect(owner_dsn(town.world.settings))
    attempts = Attempts(owner, town, child, bare, town.pedagogue)
    outside = (
        "insert into registry.closing (child_id, municipality, episode, reason, at)"
        " values ('{child}', '0990', 1, 'moved-to-a-municipality-outside', now())"
    )

    await attempts.refused(
        "merged_into_only_on_closed",
        "a merged reference that still has a tovholder",
        "update registry.child set merged_into = '{bare}' where id = '{child}'",
    )
    await attempts.refused(
        "child_merged_into_fkey",
        "a reference merged into one that is none",
        *_ENDED,
        "update registry.child set merged_into = '{new}' where id = '{child}'",
    )
    await attempts.refused(
        "not_merged_into_itself",
        "a reference merged into itself",
        *_ENDED,
        "update registry.child set merged_into = id where id = '{child}'",
    )
    await attempts.refused(
        "closed_and_was_together", "a running case that was closed", "update registry.child set was = 'born' where id = '{child}'"
    )
    await attempts.refused(
        "only_a_running_case_moves",
        "a closed case that moves",
        *_ENDED,
        "update registry.child set moving_to = '0991' where id = '{child}'",
    )
    await attempts.refused("outside_is_confirmed", "a closing to the outside without a receiver's dated word", outside)
    await owner.close()


async def test_every_way_to_break_the_chain_is_refused(town: Municipality) -> None:
    child, bare = await town.held(town.nurse), await town.held(town.nurse)
    assert (await town.propose(child, town.colleague, by=town.nurse)).status == 201
    await town.leaves(town.pedagogue)
    await town.tick()
    owner = await asyncpg.connect(owner_dsn(town.world.settings))
    attempts = Attempts(owner, town, child, bare, town.pedagogue)
    first_end = "(select min(finished_at) from registry.assignment where child_id = '{child}')"

    await attempts.refused("always_a_tovholder", "a child without tovholder", _NEW)
    await attempts.refused(
        "always_a_tovholder", "a child whose first link is closed", _NEW, _link("new", end="now() + interval '1 s'")
    )
    await attempts.refused("always_a_tovholder", "a reopened child without tovholder", *_ENDED, _REOPEN)
    await attempts.refused("always_a_tovholder", "a link closed without a successor", _closed())
    await attempts.refused("assignment_pkey", "two open links", _link(before="now()"))
    await attempts.refused("no_fork", "a fork", _link(start=first_end, before=first_end, end="now()"))
    await attempts.refused("no_gap", "a gap", _closed(), _link(start="now() + interval '1 s'", before="now()"))
    await attempts.refused(
        "link_follows_link",
        "a gap without a predecessor",
        _closed(),
        _link(start="now() + interval '1 s'", before="now() + interval '1 s'"),
    )
    await attempts.refused(
        "link_follows_link", "an overlap", _closed(), _link(start="now() - interval '1 s'", before="now() - interval '1 s'")
    )
    await attempts.refused("one_first_link", "a second first link", _closed(), _link())
    await attempts.refused(
        "forward",
        "a link that ends before it begins",
        _closed(),
        _link(start="now()", before="now()", end="now() - interval '1 s'"),
    )
    await attempts.refused(
        "always_a_tovholder",
        "deleting the open link",
        "delete from registry.assignment where child_id = '{child}' and finished_at = 'infinity'",
    )
    await attempts.refused(
        "always_a_tovholder", "deleting every link", "delete from registry.assignment where child_id = '{child}'"
    )
    await attempts.refused("holder_has_open_seat", "a tovholder without a seat", _closed(), _link(seat="nobody", before="now()"))
    await attempts.refused("holder_has_open_seat", "a tovholder on a closed seat", _closed(), _link(seat="gone", before="now()"))
    await attempts.refused(
        "holder_has_open_seat",
        "closing a seat that holds",
        "update registry.seat set taking = false, open = false where professional = '{professional}'",
    )
    await attempts.refused(
        "receiver_has_open_seat",
        "closing a seat that is offered a child",
        "update registry.seat set taking = false, open = false where professional = '{other}'",
    )
    await attempts.refused(
        "seat_check",
        "a seat that takes though it is closed",
        "update registry.seat set open = false where professional = '{other}'",
    )
    await attempts.refused("no_open_link_on_closed_child", "closing a child with an open link", _WITHOUT_OFFER, _CLOSE)
    await attempts.refused("no_open_handover_on_closed_child", "closing a child with an open handover", _closed(), _CLOSE)
    await attempts.refused("no_open_link_on_closed_child", "an open link on a closed child", *_ENDED, _link(before="now()"))
    await attempts.refused(
        "after_the_earlier_episode",
        "an episode left out",
        *_ENDED,
        _REOPEN.replace("+ 1", "+ 2"),
        _link(start="clock_timestamp()", episode=3),
    )
    await attempts.refused(
        "after_the_earlier_episode",
        "a later episode that follows none",
        *_ENDED,
        _REOPEN,
        _link(start="clock_timestamp()", episode=2),
    )
    await attempts.refused(
        "after_the_earlier_episode",
        "a reopening before the earlier episode ended",
        *_ENDED,
        _REOPEN,
        _link(start="now() - interval '1 s'", episode=2, earlier="now()"),
    )
    await attempts.refused(
        "episode_follows_episode",
        "a reopening apart from the earlier episode's end",
        *_ENDED,
        _REOPEN,
        _link(start="clock_timestamp()", episode=2, earlier="now() - interval '1 s'"),
    )
    await attempts.refused("receiver_has_open_seat", "a handover to a closed seat", _offered(to="{gone}", unit="{gone_unit}"))
    await attempts.refused("one_open_handover", "two open handovers", _offered("child"))
    await attempts.refused("no_open_handover_on_closed_child", "a handover of an earlier episode", _offered(episode=2))
    await attempts.refused(
        "handover_check",
        "a scheduled handover without a date",
        "update registry.handover set state = 'scheduled' where child_id = '{child}'",
    )

    await owner.close()


async def test_no_login_role_writes_the_tables_of_the_baton(town: Municipality) -> None:
    child = await town.child()
    settings = town.world.settings

    for role in ("registry_api", "registry_machine"):
        connection = await asyncpg.connect(
            host=settings.database_host, port=settings.database_port, database=settings.database_name, user=role,
            password=settings.secrets.password(role),
        )  # fmt: skip
        for table in ("seat", "child", "assignment", "handover", "question", "supporter", "outbox", "ledger", "feed", "relay"):
            for statement in ("delete from registry.{}", "insert into registry.{} default values", "truncate registry.{}"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement.format(table))
        await connection.close()

    assert await town.tovholder(child) == str(town.lead.professional)


async def test_the_api_role_cannot_act_as_machine_nor_see_without_a_party(town: Municipality) -> None:
    child = await town.child()
    settings = town.world.settings
    connection = await asyncpg.connect(
        host=settings.database_host, port=settings.database_port, database=settings.database_name, user="registry_api",
        password=settings.secrets.password("registry_api"),
    )  # fmt: skip

    with pytest.raises(asyncpg.PostgresError, match="only a machine role"):
        await connection.fetchval('select registry.load_child(\'{"kind": "machine"}\', $1)', child)
    assert await connection.fetch("select * from registry.child") == []
    await connection.execute(
        "select set_config('tovholder.kind', 'municipality', false), set_config('tovholder.municipality', '0991', false)"
    )
    assert await connection.fetch("select * from registry.child") == []
    await connection.execute("select set_config('tovholder.municipality', '0990', false)")
    assert len(await connection.fetch("select * from registry.child")) == 1
    await connection.close()


async def test_a_decision_on_what_no_longer_stands_changes_nothing(town: Municipality) -> None:
    child = await town.child()
    store = town.world.store("registry")
    stale = {"child": str(child), "expected": 1, "partition": 0, "events": [], "status": "born"}
    current = {**stale, "expected": 2}

    with pytest.raises(asyncpg.PostgresError) as refused:
        await store.call("commit", MACHINE.as_json(), [current, {**stale, "child": str(uuid4())}], None, role="machine")

    assert refused.value.sqlstate == "TV409"
    assert (await town.read(child))["status"] == "expected"


async def test_a_bulk_changes_all_of_its_children_or_none_and_only_as_a_handover_does(town: Municipality) -> None:
    store, children = town.world.store("registry"), sorted([await town.child() for _ in range(3)])
    decisions: list[dict[str, Any]] = [
        {"child": str(child), "expected": 2, "partition": 0, "events": [{"type": "x", "data": {}}]} for child in children
    ]

    async def refused(*decided: dict[str, Any]) -> str | None:
        with pytest.raises(asyncpg.PostgresError) as refusal:
            await store.call("commit_many", MACHINE.as_json(), list(decided), role="machine")
        return refusal.value.sqlstate

    assert await refused(*decisions[:2], {**decisions[2], "expected": 1}) == "TV409"
    assert await refused(*decisions[:2], {**decisions[2], "child": str(uuid4())}) == "TV409"
    assert await refused(decisions[0], {**decisions[1], "handover": {"id": str(uuid4()), "state": "effected"}}) == "TV001"
    nobody = {"professional": str(uuid4()), "unit": str(town.nurse.unit), "why": "acceptance"}
    assert await refused(decisions[0], {**decisions[1], "holder": nobody}) == "TV002"
    for more in ("registers", "status", "asks", "unseen"):
        assert await refused({**decisions[0], more: {}}) == "22023"
    assert [(await town.read(child))["version"] for child in children] == [2, 2, 2]
    versions = await store.call("commit_many", MACHINE.as_json(), decisions, role="machine")
    assert versions == {str(child): 3 for child in children}


async def test_no_request_commits_a_bulk(town: Municipality) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await town.world.store("registry").call("commit_many", MACHINE.as_json(), [], role="api")


async def test_the_ledger_is_dense_and_each_of_its_events_is_relayed_once(town: Municipality) -> None:
    child = await town.held(town.nurse)
    await town.propose(child, town.colleague, by=town.nurse)

    await town.world.running.relays["registry"].once()

    ledger = await town.world.sql("registry", "select version from ledger where subject = $1 order by version", child)
    feed = await town.world.sql("registry", "select version from feed where subject = $1 order by position", child)
    assert [row["version"] for row in ledger] == list(range(1, len(ledger) + 1)) == [row["version"] for row in feed]


async def test_of_two_who_accept_at_once_one_wins_and_the_other_learns_who_holds_the_baton(town: Municipality) -> None:
    await town.heard.absence(town.nurse.professional, town.colleague, days=3)
    for _ in range(5):
        child, handover = await town.offered(town.nurse)

        answers = await asyncio.gather(
            *(town.as_(who).post(f"/registry/handovers/{handover}/acceptance") for who in (town.nurse, town.colleague))
        )

        won, lost = sorted(answers, key=lambda answer: answer.status)
        assert (won.status, lost.status) == (200, 409), [answer.body for answer in answers]
        assert lost.body["tovholder"] == won.body["tovholder"]
        assert (await town.read(child))["tovholder"]["professional"] == won.body["tovholder"]["professional"]


async def test_a_departure_and_acceptances_at_once_leave_every_child_with_someone_who_is_there(town: Municipality) -> None:
    offers = [await town.offered(town.nurse) for _ in range(8)]
    accepting = [town.as_(town.nurse).post(f"/registry/handovers/{handover}/acceptance") for _, handover in offers]
    chance = random.Random(7)
    chance.shuffle(accepting)

    await asyncio.gather(*accepting[:4], town.leaves(town.nurse), *accepting[4:])
    for _ in range(3):
        await town.tick()

    held = [(await town.read(child))["tovholder"]["professional"] for child, _ in offers]
    assert str(town.nurse.professional) not in held
    seats = await town.world.sql("registry", "select open, taking from seat where professional = $1", town.nurse.professional)
    assert [tuple(row) for row in seats] == [(False, False)]
    assert await town.world.events("registry", str(town.nurse.professional)) == ["professional_released"]


async def test_a_birth_and_an_acceptance_at_once_both_happen(town: Municipality) -> None:
    child, handover = await town.offered(town.nurse)
    twin = uuid4()

    answer, _ = await asyncio.gather(
        town.as_(town.nurse).post(f"/registry/handovers/{handover}/acceptance"),
        town.identified(
            IdentifiedChild(child=child, order=1, status="born", new=False),
            IdentifiedChild(child=twin, order=2, status="born", new=True, sibling_of=child),
        ),
    )

    assert answer.status == 200
    read, read_twin = await town.read(child), await town.read(twin)
    assert read["status"] == "born"
    assert read["tovholder"]["professional"] == str(town.nurse.professional)
    # The twin shares whoever held the elder when it was registered, and the question then open about the elder.
    if read_twin["tovholder"]["professional"] != str(town.nurse.professional):
        assert read_twin["handover"]["receiver"]["professional"] == str(town.nurse.professional)


async def test_no_decision_that_a_login_role_can_commit_makes_two_tovholdere_or_none(town: Municipality) -> None:
    child, other, fresh = await town.held(town.nurse), await town.child(), uuid4()
    assert (await town.propose(child, town.colleague, by=town.nurse)).status == 201
    await town.leaves(town.pedagogue)
    await town.tick()
    # Whoever leaves only later takes nothing from now on.
    await town.leaves(town.leader, on=await town.heard.today() + timedelta(days=30))

    for role, party in (("machine", MACHINE.as_json()), ("api", {"kind": "municipality", "municipality": "0990"})):
        attempts = await _hostile_decisions(town, child, other, fresh)
        for what, decisions in attempts.items():
            assert await _committed(town, role, party, decisions), f"{what} was committed by {role}"
            assert await town.world.sql("registry", BROKEN) == [], f"{what} by {role}"
            assert await town.world.sql("registry", "select 1 from child where id = $1", fresh) == []


async def _hostile_decisions(town: Municipality, child: UUID, other: UUID, fresh: UUID) -> dict[str, list[dict[str, Any]]]:
    """What no code of ours would ask for. `child` is held by the nurse and offered to her colleague; the pedagogue has left."""
    version = (await town.read(child))["version"]
    event = {"type": "dk.tovholder.registry.child_born.v1", "data": {}}
    nurse, colleague, left = (
        {"professional": str(it.professional), "unit": str(it.unit), "why": "override"}
        for it in (town.nurse, town.colleague, town.pedagogue)
    )
    entering = {"municipality": "0990", "district": None, "status": "expected", "birth_order": 1, "sibling_of": None}
    now = {"child": str(child), "expected": version, "partition": 0, "events": [event]}
    new = {"child": str(fresh), "partition": 0, "events": [event], "registers": entering}
    taking = {**now, "holder": colleague}
    leaving = {"professional": str(town.leader.professional), "unit": str(town.leader.unit), "why": "acceptance"}
    return {
        "a tovholder on a seat that is leaving": [{**now, "holder": leaving}],
        "a running case begun once more": [{**now, "reopens": True, "status": "born"}],
        "a running case begun once more with another": [{**taking, "reopens": True, "status": "born"}],
        "a case closed and begun at once": [{**now, "status": "closed", "reopens": True}],
        "a running case that is merged": [{**now, "life": {"merged_into": str(other)}}],
        "a child without tovholder": [new],
        "a child with a tovholder who has left": [{**new, "holder": left}],
        "a child with a tovholder who never was": [{**new, "holder": {**nurse, "professional": str(uuid4())}}],
        "a child that is there, once more": [{**new, "child": str(child), "holder": nurse}],
        "one child twice": [taking, taking],
        "a tovholder who has left": [{**now, "holder": left}],
        "a closed child with a tovholder": [{**taking, "status": "closed"}],
        "a closed child with an open handover": [{**now, "status": "closed"}],
        "another child's handover": [{**now, "child": str(other), "expected": 2, "handover": await _open_one(town, child)}],
        "a version that is not there": [{**taking, "expected": version + 7}],
        "no version": [{key: value for key, value in taking.items() if key != "expected"}],
        "a child of nobody": [{**taking, "child": str(uuid4())}],
        "an unknown state": [{**now, "status": "lost"}],
        "a holder who is no one": [{**now, "holder": {"professional": None, "unit": None, "why": "override"}}],
    }


async def _open_one(town: Municipality, child: UUID) -> dict[str, Any]:
    (row,) = await town.world.sql(
        "registry", "select row_to_json(h) as it from handover h where child_id = $1 and state = 'proposed'", child
    )
    found: dict[str, Any] = row["it"]
    return found


async def _committed(town: Municipality, role: str, party: dict[str, str], decisions: list[dict[str, Any]]) -> str:
    """Why it was refused, by name; empty where it was not."""
    try:
        await town.world.store("registry").call("commit", party, decisions, None, role=role)
    except asyncpg.PostgresError as error:
        return str(getattr(error, "constraint_name", None) or error.sqlstate)
    return ""
