"""One copy of the demo town for all tests of a module, with a child in it that everybody stands by."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from tests.security.standing import Child, stood_by
from tests.support.issuer import Issuer
from tests.support.world import Installation


@pytest.fixture(scope="module")
async def child(installation: Installation, issuer: Issuer) -> AsyncIterator[Child]:
    name = f"world_{uuid.uuid4().hex[:12]}"
    await asyncio.to_thread(installation.clone, name)
    async with installation.world(issuer, name) as world:
        yield await stood_by(world)
    await asyncio.to_thread(installation.drop, name)
