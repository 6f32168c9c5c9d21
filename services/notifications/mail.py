"""E-mail that says only: log in to see. No name, no number, no word about anyone."""

import asyncio
import ipaddress
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

import aiosmtplib

from services.chassis.settings import Settings

_SUBJECT = "Der er nyt til dig i Tovholder / There is news for you in Tovholder"
_TEXT = "Log ind for at se det:\nLog in to see it:\n\n{url}\n"
ANSWER_SECONDS = 10.0
# A server that is slow at each of its answers is slow all the same.
_ANSWERS_IN_ALL = 3


class MailWasRefused(Exception):
    """The mail server did not take the mail; `code` is `smtp-` and its reply code (RFC 5321), or a word for what went wrong."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def mail_to(settings: Settings, address: str, message_id: str) -> EmailMessage:
    """The mail; ValueError or MessageError for what is no address.

    Its Message-ID is the delivery's, so that one sent twice after a crash is recognised.
    """
    before, _, after = address.rpartition("@")
    if not before or not after:
        raise ValueError("an e-mail address has two sides")
    recipient = Address(addr_spec=address)
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = settings.smtp_sender, recipient, _SUBJECT
    message["Message-ID"] = f"<{message_id}@{settings.smtp_sender.partition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_TEXT.format(url=settings.portal_url))
    return message


async def send(settings: Settings, address: str, message_id: str, seconds: float | None = None) -> None:
    """Hands one mail to the mail server (RFC 5321); MailWasRefused with a code where it is not taken.

    STARTTLS by default, certificates checked; without TLS only to this machine itself: an address crosses no network in clear.
    `seconds`: how long the server may take for each of its answers, else ten; thrice that for all of them.
    """
    host, patience = settings.smtp_host, seconds or ANSWER_SECONDS
    if host is None:
        raise MailWasRefused("no-mail-server")
    if settings.smtp_tls == "none" and not _is_this_machine(host):
        raise MailWasRefused("needs-tls")
    try:
        user = settings.smtp_user
        async with asyncio.timeout(_ANSWERS_IN_ALL * patience):
            await aiosmtplib.send(
                mail_to(settings, address, message_id),
                recipients=[address],
                hostname=host,
                port=settings.smtp_port,
                username=user,
                password=settings.secrets.text("smtp-password") if user else None,
                use_tls=settings.smtp_tls == "tls",
                start_tls=settings.smtp_tls == "starttls",
                timeout=patience,
            )
    except aiosmtplib.SMTPRecipientsRefused as error:
        raise MailWasRefused(f"smtp-{error.recipients[0].code}") from error
    except aiosmtplib.SMTPResponseException as error:
        raise MailWasRefused(f"smtp-{error.code}") from error
    except (aiosmtplib.SMTPTimeoutError, TimeoutError) as error:
        raise MailWasRefused("mail-server-slow") from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise MailWasRefused("mail-server-away") from error
    except (ValueError, MessageError) as error:
        raise MailWasRefused("address-malformed") from error


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
