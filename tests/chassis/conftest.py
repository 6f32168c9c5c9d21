"""A PostgreSQL for the tests of the chassis, and three small services on it, a database per test."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.rails import Ground, Rails

TEMPLATE = "rails_template"


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    made = Ground(tmp_path_factory.mktemp("ground"))
    made.build(made.settings(TEMPLATE))
    yield made
    made.close()


@pytest.fixture
async def rails(ground: Ground) -> AsyncIterator[Rails]:
    settings = ground.settings(f"rails_{uuid.uuid4().hex[:12]}")
    await asyncio.to_thread(ground.clone, settings.database_name, TEMPLATE)
    async with ground.rails(settings) as made:
        yield made
    await asyncio.to_thread(ground.drop, settings.database_name)
