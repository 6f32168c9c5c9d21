"""One copy of the demo town for all tests of a module, with a child in it that everybody stands by."""

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator
from importlib.resources import as_file, files

import pytest

from tests.security.standing import Child, stood_by
from tests.support.issuer import Issuer
from tests.support.world import Installation


@pytest.fixture(scope="module")
async def child(installation: Installation, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Child]:
    """Havby offers Småby's programmes, writes letters to families and lets webhooks out to one host."""
    name, folder = f"world_{uuid.uuid4().hex[:12]}", tmp_path_factory.mktemp("town")
    with as_file(files("services.sundhedspleje").joinpath("plans", "0996", "programmes.yaml")) as written:
        (folder / "plans" / "0990").mkdir(parents=True)
        shutil.copy(written, folder / "plans" / "0990")
    await asyncio.to_thread(installation.clone, name)
    options = {
        "plans_folder": folder / "plans", "letters_folder": folder / "letters",
        "letter_senders": {"0990": {"name": "Havby Kommune", "cvr": "12345674"}}, "webhook_hosts": ["record.havby.example"],
    }  # fmt: skip
    async with installation.world(issuer, name, **options) as world:
        yield await stood_by(world)
    await asyncio.to_thread(installation.drop, name)
