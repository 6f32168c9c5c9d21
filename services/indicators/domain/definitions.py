"""figures.yaml as it is written: what is counted, and which figures are read from it, each with its definition."""

from functools import cache
from importlib.resources import files
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, model_validator


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Mark(_Strict):
    """What else was said of the same thing or child until the quarter had settled; the first of it counts.

    `said`: kind of fact → its word, `detail` for the fact's own. `own`: the counted fact's own word. `words`: those of a counter
    that is not made of facts. `unless`: taken back by this of the same thing. Nothing said gives `no`. `time`: how long it took,
    `count`: how often it was said (of each code the last time only), are summed too.
    """

    said: dict[str, str] = {}
    same: Literal["thing", "child"] = "thing"
    later: bool = False
    before: bool = False
    unless: tuple[str, ...] = ()
    same_unit: bool = False
    unit_kind: str | None = None
    details: tuple[str, ...] = ()
    not_details: tuple[str, ...] = ()
    own: Literal["kind", "detail"] | None = None
    words: tuple[str, ...] = ()
    time: bool = False
    count: bool = False

    @property
    def sums(self) -> bool:
        return self.time or self.count


class Unless(_Strict):
    """Not counted where this was said of the same child or thing. No `details`: whatever it said."""

    said: tuple[str, ...]
    details: tuple[str, ...] = ()
    same: Literal["child", "thing"] = "child"


class Counter(_Strict):
    """What is counted, once each, and by what."""

    each: tuple[str, ...] = ()
    special: Literal["chain", "hospital", "survey"] | None = None
    by: tuple[Literal["unit", "code"], ...]
    codes: tuple[str, ...] = ()
    once: Literal["child", "thing"] | None = None
    unless: Unless | None = None
    unit: str = "own"
    from_: str | None = None
    apart: bool = False
    marks: dict[str, Mark]

    def place_of(self, mark: str) -> int:
        return list(self.marks).index(mark)


class Figure(_Strict):
    """One figure and its definition; what people read of it in English and in Danish."""

    counter: str
    as_: Literal["number", "share", "mean", "split"]
    mark: str | None = None
    word: str = "yes"
    of: str | None = None
    unit: Literal["days", "score", "sessions"] = "days"
    title: str
    title_da: str
    counts: str
    counts_da: str
    events: tuple[str, ...]
    formula: str


class Definitions(_Strict):
    """The whole file. ValueError names a figure or counter that does not fit the rest."""

    counters: dict[str, Counter]
    figures: dict[str, Figure]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name, figure in self.figures.items():
            counter = self.counters.get(figure.counter)
            if counter is None:
                raise ValueError(f"{name}: there is no counter {figure.counter}")
            for mark in filter(None, (figure.mark, figure.of)):
                if mark not in counter.marks:
                    raise ValueError(f"{name}: counter {figure.counter} has no mark {mark}")
            if (figure.as_ == "number") != (figure.mark is None):
                raise ValueError(f"{name}: a number has no mark, and every other figure has one")
            if figure.as_ == "mean" and figure.mark and not counter.marks[figure.mark].sums:
                raise ValueError(f"{name}: mark {figure.mark} sums nothing")
        for name, counter in self.counters.items():
            if bool(counter.each) == bool(counter.special):
                raise ValueError(f"{name}: either each or special")
        return self


@cache
def definitions() -> Definitions:
    """The file of this version."""
    content = yaml.safe_load(files("services.indicators").joinpath("figures.yaml").read_text())
    renamed = {"as": "as_", "from": "from_"}
    return Definitions.model_validate(
        {
            part: {name: {renamed.get(key, key): value for key, value in entry.items()} for name, entry in content[part].items()}
            for part in ("counters", "figures")
        }
    )


@cache
def questions() -> dict[str, dict[str, str]]:
    """The survey's questions: code → language → text."""
    found: dict[str, dict[str, str]] = yaml.safe_load(files("services.indicators").joinpath("survey.yaml").read_text())[
        "questions"
    ]
    return found
