"""Fixtures only: the demo town with a real mail server, and a child in it."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.demo.processes import free_port
from tests.notifications.mail_server import MailServer, running
from tests.notifications.receiver import Receiver, receiving
from tests.notifications.telling import Telling
from tests.support.issuer import Issuer
from tests.support.world import Installation


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with running(MailServer()) as server:
        yield server


@pytest.fixture
async def telling(installation: Installation, issuer: Issuer, mail_server: MailServer) -> AsyncIterator[Telling]:
    """A fresh town whose mails go to a real server."""
    name = f"world_{uuid.uuid4().hex[:12]}"
    await asyncio.to_thread(installation.clone, name)
    options = {"smtp_host": "127.0.0.1", "smtp_port": mail_server.port, "smtp_tls": "none"}
    async with installation.world(issuer, name, **options) as world:
        yield Telling(world)
    await asyncio.to_thread(installation.drop, name)


@pytest.fixture
async def telling_without_persons(installation: Installation, issuer: Issuer, mail_server: MailServer) -> AsyncIterator[Telling]:
    """The same while persons answers nobody."""
    name = f"world_{uuid.uuid4().hex[:12]}"
    await asyncio.to_thread(installation.clone, name)
    options = {"smtp_host": "127.0.0.1", "smtp_port": mail_server.port, "smtp_tls": "none"}
    nowhere = {"persons": "http://127.0.0.1:1"}
    async with installation.world(issuer, name, service_urls=nowhere, **options) as world:
        yield Telling(world)
    await asyncio.to_thread(installation.drop, name)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving(Receiver()) as made:
        yield made


@pytest.fixture
def receiver_away() -> Receiver:
    """Nobody listens there, until a test starts it."""
    return Receiver(free_port())


@pytest.fixture
async def telling_all(
    installation: Installation,
    issuer: Issuer,
    mail_server: MailServer,
    receiver: Receiver,
    receiver_away: Receiver,
    tmp_path: Path,
) -> AsyncIterator[Telling]:
    """A fresh town with every way out: mails, letters for a print service, and webhooks to this machine."""
    name = f"world_{uuid.uuid4().hex[:12]}"
    await asyncio.to_thread(installation.clone, name)
    options = {
        "smtp_host": "127.0.0.1", "smtp_port": mail_server.port, "smtp_tls": "none", "letters_folder": tmp_path / "letters",
        "letter_senders": {"0990": {"name": "Havby Kommune", "cvr": "12345674"}}, "webhook_hosts": ["127.0.0.1", "*.example.dk"],
        "webhook_networks": [f"127.0.0.1/32:{each.port}" for each in (receiver, receiver_away)],
    }  # fmt: skip
    async with installation.world(issuer, name, **options) as world:
        yield Telling(world)
    await asyncio.to_thread(installation.drop, name)
