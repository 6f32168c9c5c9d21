"""Fixtures only."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from tests.support.issuer import Issuer
from tests.support.world import Installation, World


@pytest.fixture(scope="module")
async def town_as_it_is(installation: Installation, issuer: Issuer) -> AsyncIterator[World]:
    """One copy of the demo town for all tests of a module that change nothing in it."""
    name = f"world_{uuid.uuid4().hex[:12]}"
    await asyncio.to_thread(installation.clone, name)
    async with installation.world(issuer, name) as made:
        yield made
    await asyncio.to_thread(installation.drop, name)
