"""Fixtures only; nothing imports this file."""

import pytest

from tests.midwife.ward import Ward
from tests.support.world import World


@pytest.fixture
def ward(world: World) -> Ward:
    """The region's ward in a fresh copy of the demo town."""
    return Ward(world)
