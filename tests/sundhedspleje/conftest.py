"""The town as sundhedspleje has heard of it."""

import pytest

from tests.support.heard import Heard
from tests.support.world import World


@pytest.fixture
def heard(world: World) -> Heard:
    """sundhedspleje is the listener."""
    return Heard(world, "sundhedspleje")
