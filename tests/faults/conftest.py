"""One installation for all tests that break it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.town import Town
from tests.support.issuer import Issuer


@pytest.fixture(scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory, run_folder: Path, issuer: Issuer) -> AsyncIterator[Town]:
    async with Town(tmp_path_factory.mktemp("faults"), run_folder / "secrets", issuer).standing() as standing:
        yield standing


@pytest.fixture
async def whole(town: Town) -> AsyncIterator[None]:
    """Whatever a test broke is whole again before the next."""
    yield
    town.road.strike = None
    await town.mend()
