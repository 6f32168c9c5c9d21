"""A real mail server on this machine that takes mail, or refuses, dawdles or hangs up, as a test wants it."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class MailServer:
    """`answer_to_recipient` and `answer_to_mail`: what it replies to RCPT and to the mail itself; None: that it is well."""

    port: int = 0
    mails: list[tuple[list[str], Message]] = field(default_factory=list)
    answer_to_recipient: str | None = None
    answer_to_mail: str | None = None
    seconds: float = 0.0
    hangs_up_in_the_middle: bool = False

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        await asyncio.sleep(self.seconds)
        if self.answer_to_recipient:
            return self.answer_to_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        if self.hangs_up_in_the_middle:
            server.transport.abort()
            return "421 gone"
        if self.answer_to_mail:
            return self.answer_to_mail
        assert isinstance(envelope.content, bytes)
        self.mails.append((list(envelope.rcpt_tos), message_from_bytes(envelope.content)))
        return "250 taken"

    def to(self, address: str) -> list[Message]:
        """The mails that came for an address."""
        return [mail for recipients, mail in self.mails if address in recipients]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextlib.contextmanager
def running(server: MailServer, encrypted: ssl.SSLContext | None = None) -> Iterator[MailServer]:
    """The server, listening until the end of the block. `encrypted`: it takes mail after STARTTLS only."""
    server.port = server.port or free_port()
    controller = Controller(
        server,
        hostname="127.0.0.1",
        port=server.port,
        ready_timeout=10,
        tls_context=encrypted,
        require_starttls=encrypted is not None,
    )
    controller.start()
    try:
        yield server
    finally:
        controller.stop()
