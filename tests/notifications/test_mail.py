"""E-mail over real SMTP: taken, refused, slow, cut off; it says nothing of anyone, and crosses no network in clear."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from services.chassis.settings import Settings
from services.notifications.mail import MailWasRefused, mail_to, send
from tests.notifications.mail_server import MailServer, free_port, running

DELIVERY = "01980000-0000-7000-8000-000000000001"
ADDRESS = "rikke.test@example.dk"


@pytest.fixture
def server() -> Iterator[MailServer]:
    with running(MailServer()) as made:
        yield made


def settings(server: MailServer | None, **more: Any) -> Settings:
    chosen = {
        "smtp_host": "127.0.0.1",
        "smtp_port": server.port if server else 25,
        "smtp_tls": "none",
        "smtp_sender": "tovholder@example.dk",
    }
    return Settings(**{**chosen, "portal_url": "https://portal.example", **more})


async def refusal(chosen: Settings, address: str = ADDRESS, seconds: float = 5.0) -> str:
    with pytest.raises(MailWasRefused) as refused:
        await send(chosen, address, DELIVERY, seconds)
    return refused.value.code


async def test_a_mail_that_is_taken_says_only_log_in_to_see(server: MailServer) -> None:
    await send(settings(server), ADDRESS, DELIVERY)

    [mail] = server.to(ADDRESS)
    assert mail["Subject"] == "Der er nyt til dig i Tovholder / There is news for you in Tovholder"
    assert str(mail.get_payload()).split() == [
        "Log",
        "ind",
        "for",
        "at",
        "se",
        "det:",
        "Log",
        "in",
        "to",
        "see",
        "it:",
        "https://portal.example",
    ]
    assert mail["Message-ID"] == f"<{DELIVERY}@example.dk>"


def test_two_mails_to_two_people_differ_in_address_and_id_only() -> None:
    one, other = mail_to(settings(None), ADDRESS, "1"), mail_to(settings(None), "other@example.dk", "2")

    differing = {name for name in one if one[name] != other[name]}
    assert differing == {"To", "Message-ID"}
    assert one.get_content() == other.get_content()


async def test_a_recipient_whom_the_server_does_not_know_is_named_by_its_code(server: MailServer) -> None:
    server.answer_to_recipient = "550 no such mailbox rikke.test@example.dk"

    assert await refusal(settings(server)) == "smtp-550"


async def test_a_server_that_asks_for_patience_is_named_by_its_code(server: MailServer) -> None:
    server.answer_to_mail = "451 try later"

    assert await refusal(settings(server)) == "smtp-451"


async def test_a_server_that_takes_too_long_is_left(server: MailServer) -> None:
    server.seconds = 3

    assert await refusal(settings(server), seconds=0.2) == "mail-server-slow"


async def test_a_server_that_does_not_greet_is_left() -> None:
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    over = asyncio.Event()
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as silence:
        port = silence.sockets[0].getsockname()[1]
        try:
            assert await refusal(settings(None, smtp_port=port), seconds=0.2) in {"mail-server-slow", "mail-server-away"}
        finally:
            over.set()


async def test_a_server_that_hangs_up_in_the_middle_has_not_taken_the_mail(server: MailServer) -> None:
    server.hangs_up_in_the_middle = True

    assert await refusal(settings(server)) in {"mail-server-away", "smtp-421"}
    assert server.mails == []


async def test_no_server_at_all_is_a_server_away() -> None:
    assert await refusal(settings(None, smtp_port=free_port())) == "mail-server-away"


async def test_without_a_mail_server_nothing_is_sent() -> None:
    assert await refusal(settings(None, smtp_host=None)) == "no-mail-server"


async def test_a_server_that_offers_no_encryption_gets_no_mail(server: MailServer) -> None:
    assert await refusal(settings(server, smtp_tls="starttls")) == "mail-server-away"
    assert server.mails == []


@pytest.mark.parametrize("host", ["mail.example.dk", "192.0.2.7", "10.0.0.5"])
async def test_encryption_is_off_only_towards_this_machine_itself(host: str) -> None:
    assert await refusal(settings(None, smtp_host=host)) == "needs-tls"


@pytest.mark.parametrize(
    "address", ["nobody", "one@example.dk, other@example.dk", "a@b\r\nBcc: other@example.dk", "@example.dk", ""]
)
async def test_what_is_no_address_cannot_smuggle_anything_in(server: MailServer, address: str) -> None:
    assert await refusal(settings(server), address) == "address-malformed"
    assert server.mails == []
