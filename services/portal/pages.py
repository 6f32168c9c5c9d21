"""Pages from templates in Danish and English, and the headers each of them carries."""

import gzip
import hashlib
import io
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from services.chassis.calendar import COPENHAGEN, start_of
from services.chassis.settings import Settings
from services.portal.domain.deadlines import Deadline, deadline
from services.portal.words import Words

Language = Literal["da", "en"]
LANGUAGES: tuple[Language, ...] = ("da", "en")
_STATIC = Path(str(files("services.portal"))) / "static"
_TEXTS = (".css", ".js", ".svg", ".md", ".txt")


@dataclass(frozen=True)
class Asset:
    """A file the browser is given. `packed`: gzipped, where that makes it smaller."""

    content: bytes
    packed: bytes | None
    kind: str


@cache
def assets() -> Mapping[str, Asset]:
    """Everything below `static/`, by path: read once. What npm brings lies in `static/installed` after set-up."""
    found = {}
    for path in sorted(_STATIC.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            packed = gzip.compress(content, 9, mtime=0) if path.suffix in _TEXTS else None
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            found[path.relative_to(_STATIC).as_posix()] = Asset(content, packed, kind)
    return found


@cache
def edition() -> str:
    """Stands in every asset's address, so that a browser keeps them for good and asks again after an upgrade."""
    whole = hashlib.sha256()
    for name, asset in assets().items():
        whole.update(name.encode() + asset.content)
    return whole.hexdigest()[:12]


def static(path: str) -> str:
    return f"/portal/static/{edition()}/{path}"


@cache
def icon(name: str, label: str = "") -> Markup:
    """One of the design system's icons, drawn into the page. `label`: what it says to those who do not see it."""
    asset = assets().get(f"installed/img/svg-icons/{name}.svg")
    if asset is None:
        return Markup("")
    says = f'role="img" aria-label="{Markup.escape(label)}"' if label else 'aria-hidden="true"'
    drawing = re.sub(r"<\?xml.*?\?>", "", asset.content.decode()).replace(' xmlns="http://www.w3.org/2000/svg"', "")
    # Our own files, not what anybody typed.
    return Markup(drawing.replace("<svg", f'<svg class="icon-svg" focusable="false" {says}', 1))  # noqa: S704


@cache
def translations(language: Language) -> NullTranslations:
    """Danish is what the templates say; English stands in the catalogue."""
    if language == "da":
        return NullTranslations()
    with (Path(str(files("services.portal"))) / "translations" / f"{language}.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    packed = io.BytesIO()
    write_mo(packed, catalogue)
    packed.seek(0)
    return Translations(packed)


@cache
def words(language: Language) -> Words:
    return Words(translations(language), language)


@cache
def _environment(language: Language) -> Environment:
    made = Environment(
        loader=PackageLoader("services.portal"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    made.globals |= {"icon": icon, "static": static, "language": language, "words": words(language)}
    made.filters |= {
        "day": lambda value: day(value, language),
        "moment": lambda value: moment(value, language),
        "month": lambda value: format_date(value, "MMM yyyy", locale=language),
    }
    return made


def day(value: Any, language: Language) -> str:
    """`3. december 2026`. A date, an instant (then its day in Copenhagen), or either as ISO 8601."""
    if isinstance(value, str):
        value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    if isinstance(value, datetime):
        value = value.astimezone(COPENHAGEN).date()
    return str(format_date(value, "d. MMMM yyyy" if language == "da" else "d MMMM yyyy", locale=language))


def moment(value: Any, language: Language) -> str:
    """`3. december 2026 kl. 14.05` in Copenhagen."""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    pattern = "d. MMMM yyyy 'kl.' HH.mm" if language == "da" else "d MMMM yyyy 'at' HH:mm"
    return str(format_datetime(at.astimezone(COPENHAGEN), pattern, locale=language))


def due(value: str | datetime | None, now: datetime) -> Deadline:
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return deadline(at, now, COPENHAGEN)


def by_day(on: str, now: datetime) -> Deadline:
    """How near a day is, that one included."""
    return deadline(start_of(date.fromisoformat(on) + timedelta(days=1)), now, COPENHAGEN)


def page(template: str, language: Language, settings: Settings, status: int = 200, **given: Any) -> HTMLResponse:
    """A template made into a page that no cache keeps and that takes nothing from anywhere else."""
    text = _environment(language).get_template(template).render(**given)
    return HTMLResponse(text, status, _headers(settings))


def _headers(settings: Settings) -> dict[str, str]:
    provider = urlsplit(settings.issuer)
    # The way out is a form, and the provider is where it leads; without its name here a browser stops on the way.
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self';"
        f" form-action 'self' {provider.scheme}://{provider.netloc}; base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        "content-security-policy": policy,
        "cache-control": "no-store",
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=()",
    }
