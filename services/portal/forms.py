"""Forms: where they come from, a one-time id in each, and what was typed kept whatever happens."""

import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from services.chassis.errors import NotAllowed, NotUnderstood
from services.portal.repository import Key

# The hidden fields of every form.
ID, PAGE = "form", "page"
_LONGEST = 20_000
# A municipality's whole file.
_LONGER = {"content": 200_000, "file": 200_000}
# The forms that take a file, and the field it stands in: read as text, kept nowhere as a file.
_FILES = {"/portal/administration/programmer/se": "file", "/portal/administration/besoegsplaner/se": "file"}
A_PAGE = re.compile(r"/portal/[\w/?=&.%:+-]{0,400}")


class TheFormIsNotOfThisPage(NotAllowed):
    """It was not made for this browser, this log-in and this address: nothing was changed."""


@dataclass
class Typed:
    """What a form said, by field. `again`: what is wrong with it, by field, for people."""

    action: str
    page: str
    fields: dict[str, list[str]]
    wrong: dict[str, str] = field(default_factory=dict)

    def one(self, name: str) -> str:
        """A field's text without blanks around it; empty where it is missing."""
        return (self.fields.get(name) or [""])[0].strip()

    def many(self, name: str) -> list[str]:
        return self.fields.get(name, [])

    def whole(self, name: str) -> int | None:
        """A whole number of as many digits as any field here has; None for anything else."""
        text = self.one(name)
        return int(text) if len(text) < 19 and text.isascii() and text.isdecimal() else None

    def must(self, name: str, message: str) -> str:
        """The text; where there is none, `message` stands at the field."""
        if not (text := self.one(name)):
            self.wrong[name] = message
        return text

    def as_kept(self) -> dict[str, Any]:
        return {"action": self.action, "page": self.page, "fields": self.fields}


NOTHING = Typed("", "", {})


def new_id(key: Key, action: str) -> str:
    """A one-time id: chance, and the session's word that it made it for this address."""
    chance = secrets.token_urlsafe(16)
    return f"{chance}.{_word(key, action, chance)}"


def _word(key: Key, action: str, chance: str) -> str:
    return hmac.digest(key.derived(b"form"), f"{action}\x1f{chance}".encode(), "sha256").hex()[:32]


def one_time_key(key: Key, action: str, given: str) -> str:
    """The Idempotency-Key that goes with a form's id. TheFormIsNotOfThisPage where the session did not make it."""
    chance, _, word = given.partition(".")
    if not chance or not hmac.compare_digest(word.encode(), _word(key, action, chance).encode()):
        raise TheFormIsNotOfThisPage
    return f"portal-{chance}"


def comes_from_here(request: Request) -> None:
    """A browser says where a form comes from: Sec-Fetch-Site, else Origin (as Go's CrossOriginProtection). NotAllowed else."""
    site = request.headers.get("sec-fetch-site")
    if site in ("same-origin", "none"):
        return
    origin = request.headers.get("origin", "")
    if site is None and (not origin or origin.partition("://")[2] == request.headers.get("host")):
        return
    raise TheFormIsNotOfThisPage


async def typed(request: Request) -> Typed:
    """What a form says. NotUnderstood for files, and for more than any form here has."""
    form: FormData = await request.form(max_files=1 if request.url.path in _FILES else 0, max_fields=11_000)
    fields: dict[str, list[str]] = {}
    for name, given in form.multi_items():
        value = await _text_of(given) if isinstance(given, UploadFile) and name == _FILES.get(request.url.path) else given
        if isinstance(value, UploadFile) or len(value) > _LONGER.get(name, _LONGEST):
            raise NotUnderstood("A field of the form is longer than it may be.")
        fields.setdefault(name, []).append(value.replace("\r\n", "\n"))
    page = (fields.get(PAGE) or [""])[0]
    return Typed(request.url.path, page if A_PAGE.fullmatch(page) else "/portal/", fields)


async def _text_of(file: UploadFile) -> str:
    """NotUnderstood for a file that is longer than it may be, or no text."""
    content = await file.read(_LONGER["content"] * 2)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotUnderstood("The file is no text in UTF-8.") from error
    if len(text) > _LONGER["content"]:
        raise NotUnderstood("The file is longer than it may be.")
    return text


def from_kept(kept: dict[str, Any] | None) -> Typed:
    return Typed(kept["action"], kept["page"], kept["fields"]) if kept else NOTHING
