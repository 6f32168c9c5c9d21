"""The command `tovholder directory …` as a process of its own, on a test's database."""

import os
import sys
from typing import Any

from tests.support.world import World

COMMAND = [sys.executable, "-m", "services", "directory"]


def surroundings(world: World, **more: Any) -> dict[str, str]:
    """The environment of a process that works on the same installation as the test."""
    chosen = {**world.settings.model_dump(mode="json", exclude_none=True), **more}
    own = {f"TOVHOLDER_{name.upper()}": str(value) for name, value in chosen.items() if not isinstance(value, dict)}
    return {**os.environ, **own}
