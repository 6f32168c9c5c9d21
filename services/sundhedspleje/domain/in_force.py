"""What has taken effect of a municipality's folder stays as it is: a change has a date of effect of its own."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from services.sundhedspleje.domain.programmes.definitions import Programme, Programmes
from services.sundhedspleje.domain.visits import VisitPlan, VisitPlans

What = Literal["visit-plan", "programme"]
Written = VisitPlans | Programmes
# The key of every visit plan: a municipality has one at a time.
VISITS = "visits"
# How a programme is called and read about, and when it ends, may change at any time: what was offered does not depend on it.
_MAY_CHANGE = ("title", "handleguide", "effective_until")


@dataclass(frozen=True)
class Entry:
    """A visit plan or a programme as it is from a day on."""

    what: What
    key: str
    from_on: date
    content: VisitPlan | Programme

    @property
    def name(self) -> tuple[str, str, date]:
        return self.what, self.key, self.from_on


@dataclass(frozen=True)
class Beginning:
    """An entry that takes effect. `changed`: in what it differs from the one before it, if there was one."""

    entry: Entry
    replaces: date | None
    changed: tuple[str, ...]


@dataclass(frozen=True)
class NotFollowed:
    """An entry in force was changed or taken away in the file; it stays as it was. `changed`: in what; empty: taken away."""

    entry: Entry
    changed: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        done = f"has another {', '.join(self.changed)}" if self.changed else "is no longer there"
        return (
            f"{self.entry.what} {self.entry.key} of {self.entry.from_on} {done}; it is in force and stays as it was."
            " Allowed: an entry of its own with a later date of effect, or effective_until to end a programme"
        )


def entries(written: Written) -> Iterator[Entry]:
    """Everything in a file that has a date of effect."""
    if isinstance(written, VisitPlans):
        yield from (Entry("visit-plan", VISITS, plan.from_on, plan) for plan in written.plans)
    else:
        yield from (Entry("programme", it.key, it.effective_from, it) for it in written.programmes)


def as_in_force(written: Written, standing: Iterable[Entry]) -> Written:
    """The file, but what has taken effect as it was then."""
    kept = {it.name: it for it in standing}
    found = {it.name: _kept(kept.get(it.name), it) for it in entries(written)}
    every = sorted({**{name: it for name, it in kept.items() if name not in found}, **found}.values(), key=lambda it: it.from_on)
    if isinstance(written, VisitPlans):
        return written.model_copy(update={"plans": [it.content for it in every]})
    # In the order of the file, and what is no longer there at its end.
    order = [*found, *(name for name in kept if name not in found)]
    by_name = {it.name: it.content for it in every}
    return written.model_copy(update={"programmes": [by_name[name] for name in order]})


def _kept(standing: Entry | None, written: Entry) -> Entry:
    if standing is None:
        return written
    if isinstance(standing.content, Programme):
        may_change = {name: getattr(written.content, name) for name in _MAY_CHANGE}
        return replace(standing, content=standing.content.model_copy(update=may_change))
    return standing


def taking_effect(written: Written, standing: Sequence[Entry], today: date) -> list[Beginning]:
    """What is in force and was not before, in order of its day; `standing`: what was."""
    known = {it.name for it in standing}
    new = sorted((it for it in entries(written) if it.from_on <= today and it.name not in known), key=lambda it: it.from_on)
    beginnings = []
    for entry in new:
        earlier = [it for it in (*standing, *new) if it.key == entry.key and it.from_on < entry.from_on]
        before = max(earlier, key=lambda it: it.from_on, default=None)
        beginnings.append(
            Beginning(entry, before.from_on if before else None, differing(before.content, entry.content) if before else ())
        )
    return beginnings


def not_followed(written: Written, standing: Iterable[Entry]) -> list[NotFollowed]:
    """Where the file says something else than what has taken effect."""
    now = {it.name: it for it in entries(written)}
    found = []
    for it in standing:
        if it.name not in now:
            found.append(NotFollowed(it))
        elif changed := tuple(name for name in differing(it.content, now[it.name].content) if name not in _MAY_CHANGE):
            found.append(NotFollowed(it, changed))
    return found


def differing(one: VisitPlan | Programme, other: VisitPlan | Programme) -> tuple[str, ...]:
    """The fields in which two entries differ, their dates of effect aside; a default written out is no difference."""
    former, later = _plain(one), _plain(other)
    return tuple(name for name in type(one).model_fields if former[name] != later[name])


def _plain(content: VisitPlan | Programme) -> dict[str, Any]:
    return {**content.model_dump(), "from_on": None, "effective_from": None}
