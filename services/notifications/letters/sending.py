"""One letter: asked for at the moment of sending, written, laid for the print service, kept without its address."""

import asyncio
import hmac
import json
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from services.chassis.calendar import date_of
from services.chassis.errors import CannotBeApplied, TryAgainSoon
from services.chassis.log import logger
from services.chassis.sealed import Seal
from services.chassis.service import Runtime
from services.notifications.letters.page import drawn
from services.notifications.letters.post import Addressed, PrintFolder
from services.notifications.letters.writing import About, Words, which_letter
from services.notifications.repository import letters

WORDS = "letter.words"
# The print service answers within these days, or a person looks after it.
RECEIPT_WITHIN = timedelta(days=5)


class CannotBeWrittenTo(Exception):
    """`reason` is a code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def post_of(runtime: Runtime) -> PrintFolder | None:
    """None where this installation sends no letters."""
    settings = runtime.settings
    return PrintFolder(settings.letters_folder, settings.letter_senders) if settings.letters_folder else None


def addressed(found: Any, person: UUID) -> tuple[Addressed, str | None]:
    """The recipient with their own address, nobody else's, and their name. CannotBeWrittenTo where there is none."""
    own = next((one for one in found["recipients"] if UUID(one["person"]) == person), None)
    if own is None:
        raise CannotBeWrittenTo("family-unknown")
    lines = [line.strip() for line in (own["address"].get("post") or "").replace(",", "\n").splitlines() if line.strip()]
    if not lines and not own.get("cpr"):
        raise CannotBeWrittenTo("no-postal-address")
    name = own.get("name")
    return Addressed(person, own.get("cpr"), tuple([name, *lines] if name else lines), own["protected"]), name


async def content(runtime: Runtime, delivery: Any) -> tuple[UUID, About]:
    """Who is tovholder now, as it is to be said; asked of the directory, which alone knows names."""
    async with runtime.store.transaction() as tx:
        holder = await letters.holder_now(tx, delivery["about"])
        is_first = await letters.is_first(tx, delivery["about"])
    if holder is None:
        raise CannotBeWrittenTo("family-unknown")
    person, unit = holder["holder"], holder["holder_unit"]
    try:
        named, where, contact = await asyncio.gather(
            runtime.peers.get("directory", f"/directory/professionals/{person}"),
            runtime.peers.get("directory", f"/directory/units/{unit}"),
            runtime.peers.get("directory", f"/directory/professionals/{person}/contact"),
        )
    except CannotBeApplied as error:
        raise TryAgainSoon("directory does not know the tovholder yet.") from error
    on = date_of(delivery["happened_at"])
    which = which_letter(delivery["kind"], is_first)
    portal = runtime.settings.portal_url
    municipality = runtime.settings.letter_senders.get(delivery["municipality"], {}).get("name", delivery["municipality"])
    asks = which in ("changed", "closed") and post_of(runtime) is not None
    link = await survey_link(runtime, delivery, unit) if asks else None
    return person, About(which, municipality, named["name"], where["name"], contact["email"], on, portal, link)


async def survey_link(runtime: Runtime, delivery: Any, unit: UUID) -> str | None:
    """The letter's own link, the same each time it is written; by the key nobody can tell for which letter it was made.

    None while `indicators` is away: a family is told who their tovholder is without waiting for a survey.
    """
    secrets, municipality = runtime.settings.secrets, delivery["municipality"]
    key = hmac.digest(secrets.sealing_key(secrets.newest_sealing_key(municipality)), b"survey" + delivery["id"].bytes, sha256)
    asked = {"number": 1, "unit": str(unit), "municipality": municipality}
    try:
        made = await runtime.peers.post("indicators", "/indicators/survey/links", asked, key=key.hex()[:32])
    except (TryAgainSoon, CannotBeApplied) as away:
        logger().warning("letter.without_survey", delivery=str(delivery["id"]), why=str(away))
        return None
    return str(made["links"][0])


async def hand_over(runtime: Runtime, delivery: Any, to: Addressed, letter: list[Words], at: Any) -> None:
    """TryAgainSoon where the folder is away: that is no try."""
    post = post_of(runtime)
    if post is None:
        raise CannotBeWrittenTo("no-adapter")
    pdf = await asyncio.to_thread(drawn, letter, to.lines)
    try:
        await asyncio.to_thread(post.hand_over, delivery["municipality"], delivery["id"], pdf, to, at)
    except OSError as error:
        raise TryAgainSoon("The folder for letters cannot be written to.") from error


def sealed(seal: Seal, letter: list[Words]) -> bytes:
    """The words without any address or link, to be read again by those who may."""
    plain = [{"language": one.language, "subject": one.subject, "paragraphs": one.paragraphs} for one in letter]
    return seal.close(json.dumps(plain, ensure_ascii=False), WORDS)


def opened(seal: Seal, words: bytes) -> list[Words]:
    return [Words(one["language"], one["subject"], tuple(one["paragraphs"])) for one in json.loads(seal.open(words, WORDS))]
