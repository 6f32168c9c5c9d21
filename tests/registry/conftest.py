"""Fixtures only."""

import pytest

from tests.registry.settled import Municipality, settled
from tests.support.world import World


@pytest.fixture
async def town(world: World) -> Municipality:
    """A municipality the registry knows, with nobody's child in it yet."""
    return await settled(world)
