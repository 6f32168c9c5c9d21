"""A letter as PDF: A4, the address where a window envelope shows it, its font embedded, each language on a page of its own."""

import io
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import reportlab
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer
from reportlab.platypus.flowables import Flowable

from services.notifications.letters.writing import Words

_FONT, _BOLD = "Vera", "VeraBd"
_TEXT = ParagraphStyle("text", fontName=_FONT, fontSize=11, leading=16, spaceAfter=9)
_ADDRESS = ParagraphStyle("address", parent=_TEXT, leading=15, spaceAfter=0)
_HEAD = ParagraphStyle("head", parent=_TEXT, fontName=_BOLD, fontSize=14, leading=20, spaceAfter=12)
# Where the window of an envelope is: from 45 mm below the top edge, 40 mm high, whatever stands in it.
_WINDOW_TOP, _WINDOW_HEIGHT = 45 * mm, 40 * mm


@cache
def _faces() -> dict[str, frozenset[int]]:
    """Registers the fonts once. Face → the signs it has."""
    folder = Path(reportlab.__file__).parent / "fonts"
    found = {}
    for name in (_FONT, _BOLD):
        font = TTFont(name, str(folder / f"{name}.ttf"))
        pdfmetrics.registerFont(font)
        found[name] = frozenset(font.face.charToGlyph)
    return found


def drawn(letter: Sequence[Words], address: Sequence[str]) -> bytes:
    """The PDF's bytes, the same for the same letter. `address`: the lines of the window, empty where it is not to be printed."""
    _faces()
    content = io.BytesIO()
    document = SimpleDocTemplate(
        content,
        pagesize=A4,
        leftMargin=25 * mm,
        rightMargin=25 * mm,
        topMargin=_WINDOW_TOP - 6,
        bottomMargin=25 * mm,
        title=letter[0].subject,
        author="Tovholder",
        lang=letter[0].language,
        invariant=True,
    )
    story: list[Flowable] = []
    for number, words in enumerate(letter):
        story += _window(address if number == 0 else ()) if number == 0 else [PageBreak()]
        story.append(Paragraph(_safe(words.subject, _BOLD), _HEAD))
        story += [Paragraph(_linked(_safe(part, _FONT), words.link).replace("\n", "<br/>"), _TEXT) for part in words.paragraphs]
    document.build(story)
    return content.getvalue()


def _window(address: Sequence[str]) -> list[Flowable]:
    lines: list[Flowable] = [Paragraph(_safe(line, _FONT), _ADDRESS) for line in address[:6]]
    return [*lines, Spacer(1, max(0.0, _WINDOW_HEIGHT - 15 * len(lines)) + 15 * mm)]


def _linked(text: str, link: str | None) -> str:
    """Only what we have made ourselves is a link, whatever else a text may look like."""
    plain = _safe(link, _FONT) if link else None
    return text.replace(plain, f'<a href="{plain}" color="#003e7e">{plain}</a>') if plain else text


def _safe(text: str, face: str) -> str:
    """Nothing in a name is markup; a sign that the font lacks is written without its marks."""
    known = _faces()[face]
    shown = "".join(
        sign if sign == "\n" or ord(sign) in known else _plain(sign, known) for sign in unicodedata.normalize("NFC", text)
    )
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(sign: str, known: frozenset[int]) -> str:
    bare = "".join(part for part in unicodedata.normalize("NFKD", sign) if ord(part) in known and not unicodedata.combining(part))
    return bare or "?"
