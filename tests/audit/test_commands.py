"""`tovholder audit` and `tovholder republish` as an operator runs them: what they print, and how they end."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from services.audit.auditing import audit_of
from tests.registry.settled import Municipality, settled
from tests.support.world import World

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def town(world: World) -> Municipality:
    return await settled(world)


def ran(town: Municipality, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    settings = town.world.settings
    environment = {
        "TOVHOLDER_DATABASE_HOST": settings.database_host,
        "TOVHOLDER_DATABASE_PORT": str(settings.database_port),
        "TOVHOLDER_DATABASE_NAME": settings.database_name,
        "TOVHOLDER_SECRETS_FOLDER": str(settings.secrets_folder),
        "PATH": os.environ["PATH"],
        "COLUMNS": "200",
        **more,
    }
    return subprocess.run(
        [sys.executable, "-m", "services", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


async def test_the_audit_ends_well_where_all_is_well_and_is_noted(town: Municipality) -> None:
    await town.held(town.nurse)
    await town.world.settle()

    ended = ran(town, "audit", "--rest", "0")

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Everything is as it must be." in ended.stdout
    assert len(await town.world.sql("registry", "select 1 from audit where differences = 0")) == 2


async def test_the_audit_names_what_differs_and_what_mends_it_and_ends_with_one(town: Municipality) -> None:
    child = await town.held(town.nurse)
    await town.world.settle()
    async with audit_of(town.world.settings) as audit:
        await audit.look("daycare", "delete from seen where source = 'registry' and subject = $1", child)

    ended = ran(town, "audit", "--rest", "0", "--mend")

    assert ended.returncode == 1
    assert "tovholder audit --mend" in ended.stdout
    assert str(child) in ended.stdout
    assert "1 of 1 are being mended" in ended.stdout
    assert len(await town.world.sql("daycare", "select 1 from parked")) == 1


async def test_an_audit_that_cannot_look_says_so_and_is_not_noted(town: Municipality) -> None:
    ended = ran(town, "audit", "--rest", "0", TOVHOLDER_BUS="kafka", TOVHOLDER_KAFKA_BOOTSTRAP="127.0.0.1:1")

    assert ended.returncode == 2
    assert "did not come to its end" in ended.stdout
    assert len(await town.world.sql("registry", "select 1 from audit")) == 1


async def test_republishing_asks_which_children_are_meant(town: Municipality) -> None:
    assert ran(town, "republish").returncode == 2
    assert ran(town, "republish", "--all", "--child", str(uuid4())).returncode == 2
    assert "always says the present state" in ran(town, "republish", "--all").stdout
    refused = ran(town, "republish", "--child", str(uuid4()), TOVHOLDER_BUS="kafka")
    assert refused.returncode == 1
    assert "knows no such child" in refused.stdout
