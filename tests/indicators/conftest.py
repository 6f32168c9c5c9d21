"""The town as indicators has heard of it."""

import pytest

from tests.support.heard import Heard
from tests.support.world import World


@pytest.fixture
def heard(world: World) -> Heard:
    """indicators is the listener."""
    return Heard(world, "indicators")
