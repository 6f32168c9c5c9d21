"""E-mail over real SMTP: taken, refused, slow, cut off; it says nothing of anyone, and crosses no network in clear."""

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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


async def test_a_mail_goes_encrypted_to_a_server_that_proves_who_it_is_and_to_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, context = tmp_path / "certificate.pem", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.write_bytes(proof_of_this_machine())
    context.load_cert_chain(certificate)

    with running(MailServer(), context) as encrypted:
        foreign = await refusal(settings(encrypted, smtp_tls="starttls"))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        await send(settings(encrypted, smtp_tls="starttls"), ADDRESS, DELIVERY)

    assert foreign == "mail-server-away"
    assert len(encrypted.mails) == 1


def proof_of_this_machine() -> bytes:
    """A key, and a certificate for 127.0.0.1 that it has signed itself, as PEM."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*plain) + made.public_bytes(serialization.Encoding.PEM)


async def test_a_server_that_is_a_little_slow_at_each_answer_is_left_all_the_same() -> None:
    async def dawdling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(b"220 patience\r\n")
            while await reader.readline():
                # One line more of an answer that has no end; each comes well within the time of one answer.
                for _ in range(100):
                    await asyncio.wait([asyncio.ensure_future(over.wait())], timeout=0.05)
                    writer.write(b"250-and more\r\n")
                    await writer.drain()
        writer.close()

    over = asyncio.Event()
    async with await asyncio.start_server(dawdling, "127.0.0.1", 0) as slow:
        port = slow.sockets[0].getsockname()[1]
        try:
            assert await refusal(settings(None, smtp_port=port), seconds=0.3) == "mail-server-slow"
        finally:
            over.set()


@pytest.mark.parametrize("host", ["mail.example.dk", "192.0.2.7", "10.0.0.5"])
async def test_encryption_is_off_only_towards_this_machine_itself(host: str) -> None:
    assert await refusal(settings(None, smtp_host=host)) == "needs-tls"


@pytest.mark.parametrize(
    "address", ["nobody", "one@example.dk, other@example.dk", "a@b\r\nBcc: other@example.dk", "@example.dk", ""]
)
async def test_what_is_no_address_cannot_smuggle_anything_in(server: MailServer, address: str) -> None:
    assert await refusal(settings(server), address) == "address-malformed"
    assert server.mails == []
