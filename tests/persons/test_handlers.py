"""From the midwife's message to known persons, through real PostgreSQL and the bus."""

import uuid
from datetime import UTC, datetime

import pytest

from services.chassis.errors import TryAgainSoon
from services.persons import repository
from services.persons.domain.identifiers import Identifier
from services.persons.domain.matching import Told
from tests.persons.families import (
    CANARY,
    MOTHER,
    MOTHERS_CPR,
    TWIN_A,
    TWIN_B,
    WRONG,
    at_once,
    child,
    children_of,
    identifier,
    notify,
)
from tests.support.world import World


async def test_a_pregnancy_told_twice_is_one_expected_child_with_a_tovholder(world: World) -> None:
    await notify(world)
    await notify(world)

    (expected,) = await children_of(world)
    assert await world.events("persons", expected) == ["parties_identified", "parties_identified"]
    assert (await world.events("registry", expected))[:2] == ["child_registered", "tovholder_changed"]
    assert await world.dead_letters() == []


async def test_twins_found_at_birth_are_the_expected_child_and_a_sibling(world: World) -> None:
    await notify(world)
    (expected,) = await children_of(world)

    await notify(world, "birth", children=[child(1), child(2)])

    first, second = await children_of(world)
    assert first == expected
    rows = await world.sql("persons", "select status, pregnancy from person where kind = 'child'")
    assert {(row["status"], str(row["pregnancy"])) for row in rows} == {("born", expected)}
    assert "child_registered" in await world.events("registry", second)


async def test_a_twins_number_in_a_later_message_is_said_of_the_same_child(world: World) -> None:
    await notify(world, "birth", children=[child(1), child(2)])
    first, second = await children_of(world)

    await notify(world, "birth", children=[child(1), child(2, TWIN_B)])

    assert await children_of(world) == [first, second]
    assert "child_identified" in await world.events("persons", second)
    assert "child_identified" not in await world.events("persons", first)


async def test_a_correction_exchanges_a_wrong_number_for_the_right_one(world: World) -> None:
    told = await notify(world, "birth", children=[child(1, WRONG)])
    (only,) = await children_of(world)

    await notify(world, "birth", corrects=told, children=[child(1, TWIN_A, born_at="2026-11-21T23:00:00+01:00")])

    assert await children_of(world) == [only]
    assert {"child_identified", "child_corrected"} <= set(await world.events("persons", only))
    inge = world.as_professional("inge")
    assert (await inge.post("/persons/lookup", {"identifiers": [identifier(WRONG)], "purpose": "care"})).status == 404
    assert (await inge.post("/persons/lookup", {"identifiers": [identifier(TWIN_A)], "purpose": "care"})).body["person"] == only


async def test_a_correction_may_exchange_the_twins_numbers(world: World) -> None:
    told = await notify(world, "birth", children=[child(1, TWIN_A), child(2, TWIN_B)])
    first, second = await children_of(world)

    await notify(world, "birth", corrects=told, children=[child(1, TWIN_B), child(2, TWIN_A)])

    assert await children_of(world) == [second, first]
    assert await world.dead_letters() == []


async def test_someone_another_municipality_knows_makes_no_child_here(world: World) -> None:
    await notify(world, receiver={"sor": "991000000016002"})
    (elsewhere,) = await children_of(world)

    notification = await notify(world)

    assert await children_of(world) == [elsewhere]
    (said,) = await world.sql("persons", "select envelope from ledger where subject = $1", uuid.UUID(notification))
    assert said["envelope"]["data"] | {"unit": None} == {
        "notification_id": notification, "municipality": "0990", "unit": None, "district": None, "mother": None, "children": [],
        "known_elsewhere": True, "correction": False,
    }  # fmt: skip
    (move,) = await world.sql("persons", "select from_municipality, municipality from proposal where kind = 'move'")
    assert (move["from_municipality"], move["municipality"]) == ("0991", "0990")


async def test_two_messages_about_one_mother_at_the_same_time_make_one_child(world: World) -> None:
    runtime = world.running.runtimes["persons"]
    unit, at = uuid.UUID(world.names["intake"]), datetime.now(UTC)

    async def hear(number: tuple[str, str], also: tuple[str, str]) -> None:
        notification = uuid.uuid4()
        told = Told("pregnancy", "0990", unit, at, (Identifier(*number), Identifier(*also)), (), None, notification, notification)
        async with runtime.store.transaction() as tx:
            await repository.identify(tx, runtime.settings.secrets, told, {"name": CANARY})

    orders = [(MOTHER, MOTHERS_CPR), (MOTHERS_CPR, MOTHER)] * 2
    outcomes = await at_once(*(hear(*order) for order in orders))

    assert all(outcome is None or isinstance(outcome, TryAgainSoon) for outcome in outcomes)
    assert len(await children_of(world)) == 1
    assert len(await world.sql("persons", "select 1 from person where kind = 'adult'")) == 1


async def test_nobody_is_named_in_the_ledger_the_dead_letters_the_log_or_a_clear_column(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    mother = {"identifiers": [identifier(MOTHERS_CPR)], "name": CANARY}
    secrets = (MOTHERS_CPR[1], TWIN_A[1], TWIN_B[1], CANARY)

    await notify(world, mother=mother)
    told = await notify(world, "birth", children=[child(1, TWIN_A)], mother=mother)
    await notify(world, "birth", corrects=told, children=[child(1, TWIN_B)], mother=mother)
    refused = await world.as_professional("cecilie").post(
        "/persons/lookup", {"identifiers": [identifier(WRONG)], "purpose": CANARY}
    )

    tables = await world.sql("persons", _READABLE)
    assert {"ledger", "dead_letter", "person", "decision", "kept", "parked"} <= {row["name"] for row in tables}
    for table in tables:
        for row in await world.sql("persons", f"select {table['columns']} from {table['name']}"):  # noqa: S608 - names from the catalogue
            assert not any(secret in repr(tuple(row.values())) for secret in secrets), table["name"]
    captured = capfd.readouterr()
    assert not any(secret in captured.out + captured.err for secret in secrets)
    assert refused.status == 422
    assert CANARY not in str(refused.body)


_READABLE = """
select table_name as name, string_agg(quote_ident(column_name), ', ') as columns from information_schema.columns
where table_schema = 'persons' and has_column_privilege('persons_machine', 'persons.' || table_name, column_name, 'select')
group by 1
"""
