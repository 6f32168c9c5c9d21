"""A rule of a subscription as a form says it: which events, of which children; read with what is wrong at its field."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from services.portal import pages
from services.portal.endpoints.administering import own_units
from services.portal.endpoints.visiting import Sent, Visit

# A first rule of one's own; the next are numbered. The envelope names the one that matched.
_RULE = "administrator"
# In whole months; before birth counted back from the due date. As the API has them.
_YOUNGEST, _OLDEST = -10, 216
_MOST_CHILDREN = 500
_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
# The service's refusals of a rule, and its names of fields, to the form's.
FIELDS = {
    "this-kind-does-not-leave": "kinds-1", "an-age-ends-after-it-begins": "to_months", "units": "unit", "children": "children",
    "kinds": "kinds-1", "from_months": "from_months", "to_months": "to_months", "rules": "unit",
    "the-subscription-has-ended": "rules", "a-rule-of-that-name-stands-already": "unit",
    "a-subscription-has-no-more-rules": "unit",
}  # fmt: skip


@dataclass(frozen=True)
class Choices:
    """What a rule may name: units of the municipality as (id, name), and kinds of events."""

    units: list[tuple[str, str]]
    kinds: list[str]


async def choices(visit: Visit, kinds: Collection[str]) -> Choices:
    return Choices([(it["id"], it["name"]) for it in await own_units(visit)], sorted(kinds))


def free_name(taken: Collection[str] = ()) -> str:
    """A name for one more rule beside those that stand. The form carries it, so that a second click says the same."""
    names = (_RULE if number == 1 else f"{_RULE}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def is_name(text: str) -> bool:
    return _CODE.fullmatch(text) is not None


def said_rule(sent: Sent, offered: Choices) -> dict[str, Any]:
    """What the form says, to be sent; what is wrong is noted at its field."""
    rule: dict[str, Any] = {"name": sent.typed.one("name") if is_name(sent.typed.one("name")) else free_name()}
    unit, kinds = sent.typed.one("unit"), sent.typed.many("kinds")
    if unit and unit not in {id for id, _ in offered.units}:
        sent.typed.wrong["unit"] = sent.say("Vælg en af kommunens enheder.")
    elif unit:
        rule["units"] = [unit]
    if unknown := [kind for kind in kinds if kind not in offered.kinds]:
        words, said = pages.words(sent.language), sent.say("Det må systemet ikke høre om:")
        sent.typed.wrong["kinds-1"] = f"{said} {', '.join(words.of('heard-kind', it) for it in unknown)}"
    elif kinds:
        rule["kinds"] = kinds
    if children := _children(sent):
        rule["children"] = children
    return rule | _ages(sent)


def _ages(sent: Sent) -> dict[str, int]:
    first, last = _months(sent, "from_months"), _months(sent, "to_months")
    if first is not None and last is not None and first > last:
        sent.typed.wrong["to_months"] = sent.say("Den ældste alder skal være mindst lige så høj som den yngste.")
    said = {"from_months": first, "to_months": last}
    return {name: months for name, months in said.items() if months is not None}


def _children(sent: Sent) -> list[str]:
    """Ids, each alone or within the address of a child's page."""
    said = sent.typed.one("children").split()
    found = [match[0].lower() for text in said if len(text) < 200 and (match := _ID.search(text))]
    if len(found) != len(said):
        sent.typed.wrong["children"] = sent.say("Skriv adressen på hvert barns side, eller det id, der står i den.")
    elif len(found) > _MOST_CHILDREN:
        sent.typed.wrong["children"] = sent.say("Der kan højst være 500 børn i en regel.")
    return list(dict.fromkeys(found))


def _months(sent: Sent, name: str) -> int | None:
    text = sent.typed.one(name)
    if not text:
        return None
    number = int(text) if re.fullmatch(r"-?[0-9]{1,3}", text) else None
    if number is None or not _YOUNGEST <= number <= _OLDEST:
        sent.typed.wrong[name] = sent.say("Skriv et helt antal måneder, fra -10 til 216.")
    return number
