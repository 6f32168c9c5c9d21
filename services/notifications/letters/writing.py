"""The words of a letter, from the templates: Danish first, then English."""

from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

Which = Literal["first", "changed", "closed", "disclosed", "disclosed_of_mother"]
LANGUAGES = ("da", "en")
# What stands in a kept letter instead of the link.
LEFT_OUT = "…"
_MONTHS = {
    "da": "januar februar marts april maj juni juli august september oktober november december",
    "en": "January February March April May June July August September October November December",
}


@dataclass(frozen=True)
class About:
    """What a letter says. `email`: the tovholder's at work, or none; `on`: the day from which it is so.

    `survey`: the letter's own link to the anonymous survey; None where it has none.
    """

    which: Which
    municipality: str
    tovholder: str
    unit: str
    email: str | None
    on: date
    portal: str
    survey: str | None = None

    @property
    def to_be_kept(self) -> "About":
        """Whoever may read the letter again must not be able to answer for the family, or see whether it has."""
        return replace(self, survey=self.survey and LEFT_OUT)


@dataclass(frozen=True)
class Words:
    """One letter in one language, as paragraphs; no address in it, so that it can be kept and shown again.

    `link`: what in them is one to click on.
    """

    language: str
    subject: str
    paragraphs: tuple[str, ...]
    link: str | None = None


@cache
def templates() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(files("services.notifications.letters").joinpath("templates.yaml").read_text())
    return content


_DISCLOSED: dict[str, Which] = {"disclosed_by_law": "disclosed", "mother_disclosed_by_law": "disclosed_of_mother"}


def which_letter(kind: str, is_first: bool) -> Which:
    """`is_first`: nobody was tovholder before, and this is the one who takes in."""
    if kind in _DISCLOSED:
        return _DISCLOSED[kind]
    return "closed" if kind == "case_closed" else "first" if is_first else "changed"


def written(about: About, name: str | None) -> list[Words]:
    """The letter in every language. `name`: the recipient's own; none where it is not known."""
    return [_in(language, about, name) for language in LANGUAGES]


def _in(language: str, about: About, name: str | None) -> Words:
    found = templates()
    template = found["letters"][about.which]
    filling = {
        "municipality": about.municipality,
        "tovholder": about.tovholder,
        "unit": about.unit,
        "email": about.email or "",
        "portal": about.portal,
        "date": said(language, about.on),
        "survey": about.survey or "",
    }
    reach = found["reach" if about.email else "reach_without_email"][language]
    filling |= {"what_it_is": found["what_it_is"][language], "reach": _filled(reach, filling)}
    greeting = _filled(found["greeting"][language], {"name": name}) if name else found["greeting"][language].partition(" {")[0]
    lines = [line for line in template["lines"][language] if about.survey or "{survey}" not in line]
    paragraphs = [f"{greeting}", *(_filled(line, filling) for line in lines)]
    ending = f"{found['closing'][language]}\n{about.unit}, {about.municipality}"
    return Words(
        language, template["subject"][language], (*paragraphs, ending), about.survey if about.survey != LEFT_OUT else None
    )


def _filled(text: str, filling: dict[str, str]) -> str:
    """Plain replacing: what is filled in is never read as a template."""
    for name in [part.partition("}")[0] for part in text.split("{")[1:]]:
        text = text.replace(f"{{{name}}}", filling[name])
    return text


def said(language: str, day: date) -> str:
    """`2. marts 2026`, `2 March 2026`."""
    month = _MONTHS[language].split()[day.month - 1]
    return f"{day.day}. {month} {day.year}" if language == "da" else f"{day.day} {month} {day.year}"
