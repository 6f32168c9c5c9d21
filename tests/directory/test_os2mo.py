"""A municipality's organisation system is followed: nothing is lost, nothing done twice, whatever is down or out of order."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import psycopg
import pytest
import yaml

from services.chassis.errors import NotUnderstood, Problem
from services.chassis.migrate import owner_dsn
from services.directory import os2mo
from services.directory.os2mo import Follower, Source
from tests.directory.command import COMMAND, surroundings
from tests.directory.os2mo_server import Os2moServer, Person, Unit
from tests.support.world import World

TYPES = {"Sundhedspleje": "sundhedspleje", "Dagplejegruppe": "dagpleje"}
CARE, TEAM, GROUP, KITCHEN = (f"0990aaaa-0001-4000-8000-00000000000{number}" for number in range(1, 5))
EVA, OLE, COOK = (f"0990aaaa-0002-4000-8000-00000000000{number}" for number in range(1, 4))
EVAS_LOGIN = "0990aaaa-0003-4000-8000-000000000001"


@pytest.fixture
def system() -> Iterator[Os2moServer]:
    """Two units of ours, one above the other, with an area between them that is none of ours; and a kitchen."""
    server = Os2moServer().listen()
    area = str(uuid4())
    server.units = {
        CARE: Unit("Sundhedsplejen", "Sundhedspleje"),
        area: Unit("Område Vest", "Område", CARE),
        TEAM: Unit("Team Vest", "Sundhedspleje", area),
        GROUP: Unit("Gruppe 1", "Dagplejegruppe"),
        KITCHEN: Unit("Køkkenet", "Køkken"),
    }
    server.people = {
        EVA: Person("Eva Vestergaard", "eva@havby.example", EVAS_LOGIN),
        OLE: Person("Ole Vang"),
        COOK: Person("Kaj Kok"),
    }
    yield server
    server.close()


@pytest.fixture
def source(system: Os2moServer, tmp_path: Path) -> Source:
    (tmp_path / "secret").write_text(f"{system.secret}\n")
    settings = {
        "municipality": "0990",
        "token_url": f"{system.url}/token",
        "client_id": "tovholder",
        "secret_file": str(tmp_path / "secret"),
        "unit_types": TYPES,
        "login_system": "Entra",
    }
    (tmp_path / "os2mo.yaml").write_text(yaml.safe_dump(settings))
    return Source.read(f"{system.url}/graphql/v25", tmp_path / "os2mo.yaml")


def follower_of(world: World, source: Source, http: httpx2.AsyncClient, **more: Any) -> Follower:
    return Follower(world.store("directory"), source, http, issuer=world.issuer.url, **more)


@pytest.fixture
async def follower(world: World, source: Source) -> AsyncIterator[Follower]:
    async with httpx2.AsyncClient(timeout=5) as http:
        yield follower_of(world, source, http)


async def caught_up(follower: Follower) -> None:
    while await follower.once():
        pass


async def seats(world: World, person: str) -> set[str]:
    return {
        str(row["unit"]) for row in await world.sql("directory", "select unit from seat where professional = $1::uuid", person)
    }


async def state(world: World, person: str) -> str | None:
    rows = await world.sql("directory", "select state from employee where id = $1::uuid", person)
    return rows[0]["state"] if rows else None


async def test_who_is_engaged_in_a_unit_of_ours_gets_a_seat_and_logs_in(
    world: World, system: Os2moServer, follower: Follower
) -> None:
    engagement = system.engage(EVA, TEAM)

    await caught_up(follower)
    await world.settle()

    assert (await seats(world, EVA), system.acknowledged) == ({TEAM}, [engagement])
    answer = await world.with_token(world.issuer.token(EVAS_LOGIN)).get(f"/directory/professionals/{EVA}")
    assert answer.body["seats"] == [{"unit": TEAM, "leads": False, "deputy": None, "function": engagement}]
    units = await world.sql("directory", "select id, parent, kind from unit where id = any ($1::uuid[])", [CARE, TEAM])
    assert {str(row["id"]): (str(row["parent"]), row["kind"]) for row in units} == {
        CARE: ("None", "sundhedspleje"),
        TEAM: (CARE, "sundhedspleje"),
    }


async def test_who_works_in_no_unit_of_ours_is_none_of_ours_and_the_event_is_done_with(
    world: World, system: Os2moServer, follower: Follower
) -> None:
    system.engage(COOK, KITCHEN)
    system.happened("engagement", str(uuid4()))
    system.happened("org_unit", KITCHEN)
    system.happened("person", str(uuid4()))

    await caught_up(follower)

    assert await state(world, COOK) is None
    assert len(system.acknowledged) == 4
    assert await world.sql("directory", "select 1 from unit where id = $1::uuid", KITCHEN) == []


async def test_a_manager_leads_and_a_deputy_named_here_stays_named(world: World, system: Os2moServer, follower: Follower) -> None:
    system.engage(EVA, TEAM)
    system.engage(OLE, TEAM)
    await caught_up(follower)
    deputy = {"professional": OLE, "unit": TEAM}
    named = await world.as_professional("lone").post(
        f"/directory/professionals/{EVA}", {"seats": [{"unit": TEAM, "deputy": deputy}]}
    )

    system.people[EVA].manages["0990aaaa-0004-4000-8000-000000000001"] = TEAM
    system.happened("person", EVA)
    await caught_up(follower)

    assert named.status == 200, named.body
    shown = await world.as_professional("lone").get(f"/directory/professionals/{EVA}")
    assert [(seat["leads"], seat["deputy"]) for seat in shown.body["seats"]] == [(True, deputy)]


async def test_who_is_engaged_nowhere_any_more_is_leaving(world: World, system: Os2moServer, follower: Follower) -> None:
    engagement = system.engage(EVA, TEAM)
    await caught_up(follower)

    system.dismiss(EVA, engagement)
    await caught_up(follower)

    assert await state(world, EVA) == "leaving"
    assert (await world.events("directory", EVA))[-1] == "professional_leaving"


async def test_a_leave_is_an_absence_and_a_leave_called_off_is_none(
    world: World, system: Os2moServer, follower: Follower
) -> None:
    system.engage(EVA, TEAM)
    one, other = str(uuid4()), str(uuid4())
    system.people[EVA].leaves = [
        (one, "2030-01-07T00:00:00+01:00", "2030-06-30T00:00:00+02:00"),
        (other, "2030-03-01T00:00:00+01:00", None),
    ]
    await caught_up(follower)
    away = await world.sql("directory", "select id, from_on, until_on from absence")

    system.people[EVA].leaves = []
    system.whose[one] = EVA
    system.happened("leave", one)
    await caught_up(follower)

    assert [(str(row["id"]), str(row["from_on"]), row["until_on"]) for row in away] == [(one, "2030-01-07", None)]
    assert await world.events("directory", EVA) == ["professional_joined", "absence_registered", "absence_ended"]


async def test_a_unit_is_renamed_moved_and_closed(world: World, system: Os2moServer, follower: Follower) -> None:
    system.happened("org_unit", TEAM)
    await caught_up(follower)
    system.units[TEAM] = Unit("Team Nordvest", "Sundhedspleje", None)
    system.happened("org_unit", TEAM)
    await caught_up(follower)
    [moved] = await world.sql("directory", "select name, parent from unit where id = $1::uuid", TEAM)

    del system.units[TEAM]
    system.happened("org_unit", TEAM)
    await caught_up(follower)

    assert (moved["name"], moved["parent"]) == ("Team Nordvest", None)
    [closed] = await world.sql("directory", "select active from unit where id = $1::uuid", TEAM)
    assert not closed["active"]


async def test_duplicates_and_events_in_any_order_end_in_what_stands(
    world: World, system: Os2moServer, follower: Follower
) -> None:
    chance = random.Random(7)
    first = system.engage(EVA, TEAM)
    system.engage(OLE, GROUP)
    system.dismiss(EVA, first)
    system.engage(EVA, GROUP)
    system.happened("org_unit", GROUP)
    system.waiting = system.waiting * 3
    chance.shuffle(system.waiting)

    while system.waiting:
        await follower.once()

    assert (await seats(world, EVA), await seats(world, OLE)) == ({GROUP}, {GROUP})
    assert await world.events("directory", EVA) == ["professional_joined"]
    assert await world.events("directory", OLE) == ["professional_joined"]


async def test_an_event_that_comes_long_after_a_newer_one_does_not_bring_back_what_was(
    world: World, system: Os2moServer, follower: Follower
) -> None:
    old = system.engage(EVA, TEAM)
    late = system.waiting.pop()
    system.engage(EVA, GROUP)
    system.dismiss(EVA, old)
    await caught_up(follower)

    system.waiting.append(late)
    await caught_up(follower)

    assert await seats(world, EVA) == {GROUP}
    assert await world.events("directory", EVA) == ["professional_joined"]


async def test_an_acknowledgement_that_is_lost_brings_the_event_again_and_nothing_is_done_twice(
    world: World, system: Os2moServer, follower: Follower
) -> None:
    system.loses_acknowledgements = True
    engagement = system.engage(EVA, TEAM)
    await follower.once()
    await follower.once()
    system.loses_acknowledgements = False

    await caught_up(follower)

    assert system.acknowledged == [engagement]
    assert await world.events("directory", EVA) == ["professional_joined"]


@pytest.mark.parametrize("number", [1, 2, 8, 12, 17, 18, 19, 20, 21])
async def test_wherever_the_system_fails_the_event_is_taken_in_once_it_is_back(
    world: World, system: Os2moServer, follower: Follower, number: int
) -> None:
    system.engage(EVA, TEAM)
    system.happened("org_unit", GROUP)
    answered = system.answer
    count = 0

    def failing_once(asked: dict[str, Any]) -> tuple[int, Any]:
        nonlocal count
        count += 1
        return (502, {}) if count == number else answered(asked)

    system.answer = failing_once  # type: ignore[method-assign]

    for _ in range(5):
        try:
            await caught_up(follower)
        except os2mo.TheSystemIsAway:
            system.time_passes()

    assert await seats(world, EVA) == {TEAM}
    assert (system.waiting, system.handed) == ([], {})
    assert await world.events("directory", EVA) == ["professional_joined"]


async def test_while_the_system_is_down_it_is_waited_for_longer_each_time(
    world: World, system: Os2moServer, source: Source
) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 8:
            system.listen()
        if system.acknowledged:
            raise asyncio.CancelledError

    system.engage(EVA, TEAM)
    system.close()
    async with httpx2.AsyncClient(timeout=5) as http:
        with pytest.raises(asyncio.CancelledError):
            await follower_of(world, source, http, pause=pause).follow()

    assert pauses[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert await seats(world, EVA) == {TEAM}


async def test_an_expired_token_is_fetched_again_and_a_changed_secret_is_read(
    world: World, system: Os2moServer, source: Source, follower: Follower
) -> None:
    await follower.once()
    system.tokens.clear()
    system.secret = "another"
    system.engage(EVA, TEAM)
    with pytest.raises(os2mo.TheSystemIsAway, match="no token"):
        await follower.once()

    await asyncio.to_thread(source.secret_file.write_text, "another")
    await caught_up(follower)

    assert (await seats(world, EVA), system.tokens_given) == ({TEAM}, 2)


async def test_what_does_not_fit_holds_up_itself_alone_and_is_not_acknowledged(
    world: World, system: Os2moServer, follower: Follower, capfd: pytest.CaptureFixture[str]
) -> None:
    system.people[OLE].email = "nowhere"
    bad, good = system.engage(OLE, TEAM), system.engage(EVA, TEAM)

    await caught_up(follower)

    assert system.acknowledged == [good]
    assert [subject for _, subject in system.handed.values()] == [bad]
    assert (await state(world, OLE), await state(world, EVA)) == (None, "active")
    system.people[OLE].email = None
    system.time_passes()
    await caught_up(follower)
    assert await state(world, OLE) == "active"
    assert "nowhere" not in capfd.readouterr().err


async def test_a_subject_the_system_cannot_answer_for_holds_up_itself_alone(
    world: World, system: Os2moServer, follower: Follower
) -> None:
    system.refusing.add(OLE)
    system.happened("person", OLE)
    system.happened("person", "not-an-id")
    good = system.engage(EVA, TEAM)

    await caught_up(follower)

    assert system.acknowledged == [good]
    assert {subject for _, subject in system.handed.values()} == {OLE, "not-an-id"}


async def test_a_log_in_that_is_someone_elses_is_refused_for_that_person_alone(
    world: World, system: Os2moServer, follower: Follower
) -> None:
    system.people[OLE].account = "09900000-0003-4000-8000-000000000004"
    system.engage(OLE, TEAM)
    good = system.engage(EVA, TEAM)

    await caught_up(follower)

    assert system.acknowledged == [good]
    assert await state(world, OLE) is None


async def test_two_processes_do_not_follow_at_once(world: World, system: Os2moServer, source: Source, follower: Follower) -> None:
    system.engage(EVA, TEAM)
    assert await follower.once() == 1
    system.engage(OLE, TEAM)

    async with httpx2.AsyncClient(timeout=5) as http:
        assert await follower_of(world, source, http).once() == 0

    assert await state(world, OLE) is None


async def test_one_whose_lease_was_taken_while_it_read_commits_nothing(
    world: World, system: Os2moServer, follower: Follower
) -> None:
    system.engage(EVA, TEAM)
    answered = system.answer

    def losing_the_lease(asked: dict[str, Any]) -> tuple[int, Any]:
        if "employees" in asked["query"]:
            with psycopg.connect(owner_dsn(world.settings), autocommit=True) as connection:
                connection.execute(
                    "update directory.lease set holder = gen_random_uuid(), epoch = epoch + 1 where name = 'os2mo-0990'"
                )
        return answered(asked)

    system.answer = losing_the_lease  # type: ignore[method-assign]

    with pytest.raises(Problem, match="Another process follows"):
        await follower.once()

    assert await state(world, EVA) is None
    assert system.acknowledged == []


async def test_everything_is_read_at_the_first_start_and_who_is_not_there_is_leaving(
    world: World, system: Os2moServer, follower: Follower
) -> None:
    people = await world.sql("directory", "select id, name from employee where municipality = '0990' order by id")
    for row in people[1:]:
        system.people[str(row["id"])] = Person(row["name"], engagements={str(uuid4()): TEAM})
    system.people[EVA].engagements[str(uuid4())] = GROUP

    await follower.everything()
    await follower.everything()

    assert await state(world, str(people[0]["id"])) == "leaving"
    assert {await state(world, str(row["id"])) for row in people[1:]} == {"active"}
    assert (await seats(world, EVA), await state(world, COOK)) == ({GROUP}, None)
    assert await world.events("directory", EVA) == ["professional_joined"]


async def test_a_system_that_suddenly_knows_nobody_ends_nobody(world: World, system: Os2moServer, follower: Follower) -> None:
    with pytest.raises(Problem, match="more than a third"):
        await follower.everything()

    assert await world.sql("directory", "select 1 from employee where state <> 'active'") == []


@pytest.mark.faults
async def test_killed_between_commit_and_acknowledgement_it_goes_on_where_it_was(
    world: World, system: Os2moServer, source: Source, tmp_path: Path
) -> None:
    command = [*COMMAND, "follow", source.graphql_url, "--settings", str(tmp_path / "os2mo.yaml")]
    environment = surroundings(world, lease_seconds=1)
    engagement = system.engage(EVA, TEAM)
    system.holds_acknowledgements.clear()
    first = await asyncio.create_subprocess_exec(*command, env=environment)
    assert await asyncio.to_thread(system.acknowledgement_came.wait, 30)

    first.kill()
    await first.wait()
    committed = await seats(world, EVA)
    system.holds_acknowledgements.set()
    system.acknowledged.clear()
    system.handed.clear()
    system.waiting = [("engagement", engagement), ("engagement", system.engage(OLE, GROUP))]
    second = await asyncio.create_subprocess_exec(*command, env=environment)
    try:
        for _ in range(300):
            if len(system.acknowledged) == 2:
                break
            await asyncio.sleep(0.1)
    finally:
        second.kill()
        await second.wait()

    assert committed == {TEAM}
    assert len(system.acknowledged) == 2
    assert (await seats(world, EVA), await seats(world, OLE)) == ({TEAM}, {GROUP})
    assert await world.events("directory", EVA) == ["professional_joined"]


def test_settings_that_do_not_fit_are_refused_with_each_place(tmp_path: Path) -> None:
    (tmp_path / "os2mo.yaml").write_text("municipality: 990\nunit_types: {Sundhedspleje: health}\n")

    with pytest.raises(NotUnderstood) as refusal:
        Source.read("http://127.0.0.1/graphql", tmp_path / "os2mo.yaml")

    assert all(word in refusal.value.detail for word in ("municipality", "token_url", "unit_types.Sundhedspleje", "secret_file"))
