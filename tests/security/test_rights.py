"""What PostgreSQL lets each log-in role do, whatever the code says: nobody writes history or sees another party's rows."""

import uuid
from collections.abc import AsyncIterator
from itertools import product
from typing import Any

import asyncpg
import pytest

from services import catalogue
from services.chassis.party import MACHINE, Party
from tests.security.standing import Child
from tests.support.world import World

ROLES = ("api", "machine")
# What is written by the commit functions alone.
HISTORY = ("subject", "ledger", "feed", "outbox")
BATON = ("child", "assignment", "handover", "question", "supporter", "seat")
HERE, ELSEWHERE = "0990", "0991"

# Tables that say whose a row is and are not hidden from other parties: they hold nothing about a family.
OPEN = {
    "professional": "who a token is, asked before there is a party",
    "client": "which system a token is, asked before there is a party",
    "unit": "the directory's copy: where a message from outside is to go, asked before it is known whose it is",
    "intake": "the directory's copy: who takes in a municipality's children",
}


async def _tables(world: World, service: str) -> list[str]:
    rows = await world.sql(
        service,
        "select c.relname::text as name from pg_class c join pg_attribute a on a.attrelid = c.oid"
        " where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and a.attname = 'municipality' order by 1",
        service,
    )
    return [row["name"] for row in rows]


async def _count(world: World, service: str, table: str, party: Party | None, municipality: str) -> int:
    """Rows of a municipality as a party sees them; none where the role may not even look."""
    role = "machine" if party == MACHINE else "api"
    async with world.store(service).connection(role) as connection, connection.transaction():
        if party is not None:
            await connection.execute("select enter($1)", party.as_json())
        try:
            counted: int = await connection.fetchval(
                f"select count(*) from {table} where municipality = $1",  # noqa: S608 - from PostgreSQL's own catalogue
                municipality,
            )
        except asyncpg.InsufficientPrivilegeError:
            return 0
        return counted


@pytest.mark.parametrize("service", catalogue.names())
async def test_another_municipality_sees_no_row_of_any_table(child: Child, service: str) -> None:
    world = child.world
    foreigner = Party("municipality", ELSEWHERE)
    tables = await _tables(world, service)

    seen = {table for table in tables if await _count(world, service, table, foreigner, HERE)}

    assert seen <= set(OPEN)
    assert any([await _count(world, service, table, MACHINE, HERE) for table in tables if table not in OPEN]), (
        "there is nothing to see"
    )


@pytest.mark.parametrize("service", catalogue.names())
async def test_an_organisation_finds_no_key_of_what_it_has_not_sealed(child: Child, service: str) -> None:
    stranger = Party("organisation", organisation="region-nobody")

    assert await _count(child.world, service, "sealing_key", stranger, HERE) == 0


@pytest.mark.parametrize("service", catalogue.names())
async def test_who_has_not_said_who_they_are_sees_nothing(child: Child, service: str) -> None:
    tables = await _tables(child.world, service)

    assert {table for table in tables if await _count(child.world, service, table, None, HERE)} <= set(OPEN)


@pytest.mark.parametrize("service", catalogue.names())
async def test_the_owning_municipality_is_not_hidden_from_itself(child: Child, service: str) -> None:
    tables = [table for table in await _tables(child.world, service) if table not in OPEN]

    assert any([await _count(child.world, service, table, Party("municipality", HERE), HERE) for table in tables])


async def test_what_somebody_has_begun_in_the_portal_is_theirs_alone(child: Child) -> None:
    elin, dorte = [Party("municipality", HERE, professional=uuid.UUID(child.world.names[name])) for name in ("elin", "dorte")]

    seen = [await _count(child.world, "portal", "draft", party, HERE) for party in (elin, dorte, Party("municipality", HERE))]

    assert seen == [1, 0, 0]


def _writing(table: str) -> dict[str, str]:
    return {
        "insert": f"insert into {table} default values",
        "update": f"update {table} set {{column}} = {{column}}",  # noqa: S608
        "delete": f"delete from {table}",  # noqa: S608
        "truncate": f"truncate {table}",
    }


async def _refusals(world: World, service: str, role: str, table: str) -> dict[str, str]:
    """What became of each way to write, done in a transaction that is undone."""
    found = {}
    async with world.store(service).connection(role) as connection:
        column = await connection.fetchval(
            "select attname from pg_attribute where attrelid = $1::regclass and attnum > 0"
            " and attgenerated = '' and attidentity = '' order by attnum limit 1",
            f"{service}.{table}",
        )
        for way, statement in _writing(table).items():
            transaction = connection.transaction()
            await transaction.start()
            try:
                await connection.execute(statement.format(column=column))
                found[way] = "done"
            except asyncpg.PostgresError as error:
                found[way] = type(error).__name__
            finally:
                await transaction.rollback()
    return found


@pytest.mark.parametrize(
    ("service", "role", "table"),
    [*product(catalogue.names(), ROLES, HISTORY), *product(["registry"], ROLES, BATON)],
)
async def test_no_log_in_role_writes_what_the_commit_functions_keep(child: Child, service: str, role: str, table: str) -> None:
    refused = await _refusals(child.world, service, role, table)

    assert refused == dict.fromkeys(_writing(table), "InsufficientPrivilegeError")


@pytest.mark.parametrize("service", catalogue.names())
async def test_no_endpoint_takes_back_what_the_access_log_says(child: Child, service: str) -> None:
    for role in ROLES:
        refused = await _refusals(child.world, service, role, "access")
        assert {refused[way] for way in ("update", "delete", "truncate")} == {"InsufficientPrivilegeError"}


@pytest.fixture
async def catalog(child: Child) -> AsyncIterator[Any]:
    async with child.world.store("registry").connection() as connection:
        yield connection


async def test_the_log_in_roles_own_nothing_and_are_above_nothing(catalog: Any) -> None:
    ours = [*(f"{service}_{role}" for service, role in product(catalogue.names(), ROLES)), "tovholder_bus"]

    mighty = await catalog.fetch(
        "select rolname from pg_roles where rolname = any ($1)"
        " and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)",
        ours,
    )
    owned = await catalog.fetch(
        "select relname from pg_class c join pg_roles r on r.oid = c.relowner where r.rolname = any ($1)", ours
    )
    belongs = await catalog.fetch(
        "select r.rolname from pg_auth_members m join pg_roles r on r.oid = m.member where r.rolname = any ($1)", ours
    )

    assert (mighty, owned, belongs) == ([], [], [])


async def test_the_owner_is_under_row_level_security_too(catalog: Any) -> None:
    (owner,) = await catalog.fetch("select rolsuper or rolbypassrls as above from pg_roles where rolname = 'tovholder_owner'")
    unforced = await catalog.fetch(
        "select relname from pg_class where relnamespace = any ($1::text[]::regnamespace[])"
        " and relrowsecurity and not relforcerowsecurity",
        list(catalogue.names()),
    )

    assert owner["above"] is False
    assert unforced == []


async def test_no_function_that_runs_as_the_owner_can_be_led_to_another_schema(catalog: Any) -> None:
    loose = await catalog.fetch(
        "select proname from pg_proc where pronamespace = any ($1::text[]::regnamespace[]) and prosecdef"
        " and not coalesce(exists (select from unnest(proconfig) c where c like 'search_path=%'), false)",
        list(catalogue.names()),
    )
    for_everyone = await catalog.fetch(
        "select proname from pg_proc where pronamespace = any ($1::text[]::regnamespace[]) and prosecdef"
        " and has_function_privilege('public', oid, 'execute')",
        list(catalogue.names()),
    )

    assert (loose, for_everyone) == ([], [])
