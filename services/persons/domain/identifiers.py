"""Understands the numbers people are known by: each is a pair of system and value, and one person may carry several."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from services.chassis.errors import NotUnderstood

CPR: Final = "urn:oid:1.2.208.176.1.2"
X_ECPR: Final = "urn:oid:1.2.208.176.1.6.1.1"
D_ECPR: Final = "urn:oid:1.2.208.176.1.6.1.3"
# A D-eCPR is a region's own; the same value may be two people in two regions (fmk-teknik, eCPR).
REGIONS: Final = {"177": "sjaelland", "179": "nordjylland", "181": "midtjylland", "183": "syddanmark", "187": "hovedstaden"}

_DATE = (
    r"(0[1-9]|[12]\d|3[01]|6[1-9]|[78]\d|9[01])(0[1-9]|1[0-2])\d{2}"  # day + 60: the CPR office's advice for replacement numbers
)
_FORMS: Final = (
    (re.compile(re.escape(CPR)), "cpr", re.compile(_DATE + r"\d{4}")),
    (re.compile(re.escape(X_ECPR)), "x-ecpr", re.compile(_DATE + r"[17][A-Z]{2}\d")),
    (re.compile(re.escape(D_ECPR) + rf"\.({'|'.join(REGIONS)})"), "d-ecpr", re.compile(_DATE + r"[056][A-Z]{2}\d")),
)
_PREFERRED: Final = ("cpr", "x-ecpr", "d-ecpr", "other")
_WEIGHTS: Final = (4, 3, 2, 7, 6, 5, 4, 3, 2, 1)


class AnIdentifierHasTheFormOfItsSystem(NotUnderstood):
    """A CPR number is a date and four digits, a replacement number a date, a digit, two letters and a digit (dk-core)."""


@dataclass(frozen=True, order=True)
class Identifier:
    """A pair of system (URI) and value, as compared: without the hyphen and spaces people write it with."""

    system: str
    value: str

    @classmethod
    def of(cls, system: str, value: str) -> "Identifier":
        """AnIdentifierHasTheFormOfItsSystem where a Danish number is not written as its system demands.

        Modulus 11 is never asked.
        """
        system = system.strip()
        for known, _, form in _FORMS:
            if known.fullmatch(system):
                value = re.sub(r"[\s-]", "", value).upper()
                if not form.fullmatch(value):
                    raise AnIdentifierHasTheFormOfItsSystem
        return cls(system, value.strip())

    @classmethod
    def as_told(cls, system: str, value: str) -> "Identifier":
        """Of a message already acknowledged: what is not in its system's form is kept as it came."""
        try:
            return cls.of(system, value)
        except AnIdentifierHasTheFormOfItsSystem:
            return cls(system.strip(), value.strip())

    @property
    def kind(self) -> str:
        """`cpr`, `x-ecpr`, `d-ecpr` or `other`."""
        return next((kind for system, kind, _ in _FORMS if system.fullmatch(self.system)), "other")

    @property
    def lacks_modulus_11(self) -> bool:
        """Worth a second look at what was typed, never a refusal.

        Numbers without it have been given out since 1 October 2007 (CPR office).
        """
        return (
            self.kind == "cpr"
            and self.value.isdecimal()
            and sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, self.value, strict=False)) % 11 != 0
        )


def preferred(identifiers: Iterable[Identifier]) -> list[Identifier]:
    """CPR first, then the national replacement number, then the regional ones."""
    return sorted(set(identifiers), key=lambda it: (_PREFERRED.index(it.kind), it))


def current_first(newest_first: Iterable[Identifier]) -> list[tuple[Identifier, bool]]:
    """As they are shown, each with whether it is a former one, by which the person is still found.

    Of two CPR numbers the one that came last is current; a replacement number is former once there is a CPR number.
    """
    ordered = sorted(dict.fromkeys(newest_first), key=lambda it: _PREFERRED.index(it.kind))
    current = next((it for it in ordered if it.kind == "cpr"), None)
    return [(it, current is not None and it != current and it.kind != "other") for it in ordered]
