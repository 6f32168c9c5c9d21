"""Fixtures only."""

import uuid
from collections.abc import Iterator

import pytest

from tests.simulation.play import Simulator
from tests.support.issuer import Issuer
from tests.support.world import Installation


@pytest.fixture(scope="session")
def simulator(installation: Installation, issuer: Issuer) -> Iterator[Simulator]:
    """One ground for all simulations of this process."""
    made = Simulator.made(installation, issuer, f"simulation_{uuid.uuid4().hex[:12]}")
    yield made
    made.close()
