"""Fixtures only."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.registry.settled import Municipality, settled
from tests.support.issuer import Issuer
from tests.support.lasting import Lasting
from tests.support.world import Installation, World


@pytest.fixture(scope="session")
async def municipality(installation: Installation, issuer: Issuer) -> AsyncIterator[Lasting[Municipality]]:
    made = Lasting(installation, issuer, settled)
    yield made
    await made.end()


@pytest.fixture
async def town(municipality: Lasting[Municipality]) -> AsyncIterator[Municipality]:
    """A municipality the registry knows, with nobody's child in it yet."""
    async with municipality.world() as (world, town):
        yield replace(town, world=world, heard=replace(town.heard, world=world))


@pytest.fixture
def world(town: Municipality) -> World:
    """The world of that municipality."""
    return town.world
