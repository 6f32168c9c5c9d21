"""What a municipality may say of its programmes in `programmes.yaml`, and what must fit together in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from services.events.directory import UnitKind
from services.events.envelope import Code
from services.events.sundhedspleje import ProgrammeKind
from services.sundhedspleje.domain.configured import Configured, Mistake
from services.sundhedspleje.domain.programmes.eligibility import Audience

Title = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Address = Annotated[str, StringConstraints(pattern=r"^https://[^\s]+$", max_length=500)]
RecipientKind = Literal["health", "daycare", "social", "school", "other"]

# What is offered to a family and answered by it; the others are held for whoever comes, or for staff.
FOR_FAMILIES: frozenset[ProgrammeKind] = frozenset({"visit-series", "individual-course", "group", "parent-course"})
# What has a course with sessions, a team and places for families.
WITH_COURSE: frozenset[ProgrammeKind] = frozenset({"individual-course", "group", "parent-course"})
GATHERINGS: frozenset[ProgrammeKind] = frozenset({"consultation", "talk", "forum"})


class Step(Configured):
    """A step of the municipality's Handleguide: what it is called and where it is read."""

    title: Title
    address: Address


class Method(Configured):
    """A method in one version. `counts`: earlier versions whose training still counts.

    `everyone_in`: kinds of units in which everyone is to have had the training. The directory's competence of the same code
    counts as training in any version.
    """

    key: Code
    title: Title
    version: Code
    counts: list[Code] = Field(default_factory=list)
    everyone_in: list[UnitKind] = Field(default_factory=list)
    handleguide: Code | None = None


class Place(Configured):
    """Where courses are held."""

    key: Code
    title: Title


class Sessions(Configured):
    """How many sessions a course has, at least and at most."""

    min: int = Field(ge=1, le=100)
    max: int = Field(ge=1, le=100)


class NeededConsent(Configured):
    """The consent without which a family cannot take part, in the words of persons: to whom, what for, which categories."""

    recipient: RecipientKind
    purpose: Code
    categories: list[Code] = Field(min_length=1, max_length=20)


class Afterwards(Configured):
    """What comes after. `continues`: the kinds of units one of which must go on with the family; none: the tovholder does.

    `in_the_same_method`: someone there is trained in it. `plusplads`: it is
    asked to reserve a place for the child.
    """

    programme: Code | None = None
    continues: list[UnitKind] = Field(default_factory=list)
    in_the_same_method: bool = False
    plusplads: bool = False


class Programme(Configured):
    """One programme as it is from a date on; the same key again with a later date changes it from then on."""

    key: Code
    title: Title
    kind: ProgrammeKind
    effective_from: date
    effective_until: date | None = None
    offered_to: Audience = Audience()
    method: Code | None = None
    team: list[Code] = Field(default_factory=list)
    sessions: Sessions | None = None
    places: list[Code] = Field(default_factory=list)
    capacity: int | None = Field(default=None, ge=1, le=500)
    visits: list[Code] = Field(default_factory=list)
    held_in: list[UnitKind] = Field(default_factory=list)
    consent: NeededConsent | None = None
    afterwards: Afterwards = Afterwards()
    handleguide: Code | None = None

    @property
    def for_families(self) -> bool:
        return self.kind in FOR_FAMILIES

    @property
    def has_course(self) -> bool:
        return self.kind in WITH_COURSE

    def in_force(self, on: date) -> bool:
        return self.effective_from <= on and (self.effective_until is None or on <= self.effective_until)


class Programmes(Configured):
    """All of a municipality's programmes, with the methods, places and Handleguide steps they refer to by key."""

    title: Title
    handleguide: dict[Code, Step] = Field(default_factory=dict)
    methods: list[Method] = Field(default_factory=list)
    places: list[Place] = Field(default_factory=list)
    programmes: list[Programme] = Field(default_factory=list)

    def in_force(self, on: date) -> list[Programme]:
        """Each programme as it is on a day, in the order of the file."""
        latest: dict[str, Programme] = {}
        for programme in self.programmes:
            before = latest.get(programme.key)
            if programme.effective_from <= on and (before is None or before.effective_from < programme.effective_from):
                latest[programme.key] = programme
        return [programme for programme in latest.values() if programme.in_force(on)]

    def programme(self, key: str, on: date) -> Programme | None:
        return next((each for each in self.in_force(on) if each.key == key), None)

    def as_offered(self, key: str, effective_from: date) -> Programme | None:
        """The definition under which something was offered or planned, whatever has come since."""
        return next((each for each in self.programmes if (each.key, each.effective_from) == (key, effective_from)), None)

    def method(self, key: str | None) -> Method | None:
        return next((each for each in self.methods if each.key == key), None)

    def step(self, key: str | None) -> Step | None:
        return self.handleguide.get(key) if key else None

    def mistakes(self) -> Iterator[Mistake]:
        return mistakes(self)


Where = tuple[int | str, ...]


def mistakes(written: Programmes) -> Iterator[Mistake]:
    """Whatever each entry allows by itself but that does not fit together."""
    yield from _twice(("methods",), [each.key for each in written.methods])
    yield from _twice(("places",), [each.key for each in written.places])
    yield from _twice(("programmes",), [f"{each.key} from {each.effective_from}" for each in written.programmes])
    steps = sorted(written.handleguide)
    for number, method in enumerate(written.methods):
        if method.handleguide is not None:
            yield from _refers(("methods", number, "handleguide"), method.handleguide, steps, "a step of handleguide")
    for number, programme in enumerate(written.programmes):
        yield from _in(("programmes", number), programme, written)


def _in(at: Where, programme: Programme, written: Programmes) -> Iterator[Mistake]:
    if programme.effective_until and programme.effective_until < programme.effective_from:
        yield Mistake((*at, "effective_until"), f"lies before effective_from. Allowed: {programme.effective_from} or later")
    if programme.method is not None:
        yield from _refers((*at, "method"), programme.method, [each.key for each in written.methods], "one of methods")
    for number, place in enumerate(programme.places):
        yield from _refers((*at, "places", number), place, [each.key for each in written.places], "one of places")
    if programme.handleguide is not None:
        yield from _refers((*at, "handleguide"), programme.handleguide, sorted(written.handleguide), "a step of handleguide")
    after = programme.afterwards
    if after.programme is not None:
        known = list(dict.fromkeys(each.key for each in written.programmes))
        yield from _refers((*at, "afterwards", "programme"), after.programme, known, "one of programmes")
    if after.in_the_same_method and not (programme.method and after.continues):
        yield Mistake(
            (*at, "afterwards", "in_the_same_method"),
            "stands alone. Allowed: with the programme's method and afterwards.continues",
        )
    if after.plusplads and not (programme.method and {"institution", "dagpleje"} & set(after.continues)):
        yield Mistake(
            (*at, "afterwards", "plusplads"),
            "stands alone. Allowed: with the programme's method and an institution or dagpleje in afterwards.continues",
        )
    yield from _fits_its_kind(at, programme)


def _fits_its_kind(at: Where, programme: Programme) -> Iterator[Mistake]:
    if programme.has_course:
        if programme.sessions is None:
            yield Mistake(at, f"a {programme.kind} has sessions. Allowed: sessions: {{min: …, max: …}}")
        elif programme.sessions.max < programme.sessions.min:
            yield Mistake((*at, "sessions", "max"), f"is less than min. Allowed: {programme.sessions.min} or more")
        if programme.kind == "individual-course" and programme.capacity not in (None, 1):
            yield Mistake((*at, "capacity"), "an individual course is one family's. Allowed: 1, or leave it out")
        if programme.kind != "individual-course" and programme.capacity is None:
            yield Mistake(at, f"a {programme.kind} has a capacity. Allowed: how many families there are at most")
    for name, allowed in (
        ("sessions", programme.has_course),
        ("team", programme.has_course),
        ("capacity", programme.has_course),
        ("visits", programme.kind == "visit-series"),
        ("held_in", programme.kind in GATHERINGS),
        ("consent", programme.for_families),
    ):
        if not allowed and getattr(programme, name) not in (None, []):
            yield Mistake((*at, name), f"a {programme.kind} has no {name}. Allowed: to leave it out")
    if programme.kind == "visit-series" and not programme.visits:
        yield Mistake(at, "a visit-series has visits. Allowed: kinds of contact of visits.yaml")
    if programme.kind in ("talk", "forum") and not programme.offered_to.open_to_all:
        yield Mistake((*at, "offered_to"), f"a {programme.kind} is for staff. Allowed: held_in instead")


def _refers(at: Where, key: str, known: Sequence[str], what: str) -> Iterator[Mistake]:
    if key not in known:
        yield Mistake(at, f"{key} is not {what}. Allowed: {', '.join(known) or 'none, as there are none'}")


def _twice(at: Where, keys: Sequence[str]) -> Iterator[Mistake]:
    for number, key in enumerate(keys):
        if key in keys[:number]:
            yield Mistake((*at, number), f"{key} is there twice. Allowed: once")


@dataclass(frozen=True)
class Change:
    """What a later entry of the same key changes. What was offered or planned before `on` stays as it was."""

    programme: str
    on: date
    fields: tuple[str, ...]


def changes(written: Programmes) -> Iterator[Change]:
    """Each change that the file makes on a date, in order of the dates."""
    by_key: dict[str, list[Programme]] = {}
    for programme in sorted(written.programmes, key=lambda each: each.effective_from):
        by_key.setdefault(programme.key, []).append(programme)
    for key, versions in by_key.items():
        for before, after in pairwise(versions):
            names = [name for name in Programme.model_fields if name not in ("effective_from", "effective_until")]
            yield Change(
                key, after.effective_from, tuple(name for name in names if getattr(before, name) != getattr(after, name))
            )


@dataclass(frozen=True)
class Difference:
    """What another file makes of a programme: `new`, `changed` (in which fields), `ended` (no longer offered from a day on)."""

    programme: str
    what: Literal["new", "changed", "ended"]
    on: date
    fields: tuple[str, ...] = ()


def differences(before: Programmes, after: Programmes, from_on: date) -> list[Difference]:
    """What changes for whom something is offered from `from_on` on, in the order of the new file."""
    standing = {each.key: each for each in before.in_force(from_on)}
    found = []
    for entry in (each for each in after.programmes if each not in before.programmes):
        earlier = standing.get(entry.key)
        names = [name for name in Programme.model_fields if name not in ("effective_from", "effective_until")]
        fields = tuple(name for name in names if earlier and getattr(earlier, name) != getattr(entry, name))
        if entry.effective_until and earlier and entry.effective_from == earlier.effective_from:
            found.append(Difference(entry.key, "ended", entry.effective_until))
        else:
            found.append(Difference(entry.key, "changed" if earlier else "new", entry.effective_from, fields))
    return found


def rewritten(before: Programmes, after: Programmes, from_on: date) -> list[str]:
    """What the new file may not do: families were offered programmes under what has taken effect; it stands, or ends."""
    known = {(each.key, each.effective_from): each for each in after.programmes}
    wrong = []
    for each in (it for it in before.programmes if it.effective_from < from_on):
        entry, name = known.get((each.key, each.effective_from)), f"{each.key} from {each.effective_from}"
        if entry is None:
            wrong.append(f"{name} is missing. Allowed: as it stands, perhaps with an effective_until of {from_on} or later")
        elif entry.model_copy(update={"effective_until": each.effective_until}) != each:
            wrong.append(f"{name} is rewritten. Allowed: another entry of the same key from {from_on} or later")
        elif entry.effective_until != each.effective_until and (entry.effective_until is None or entry.effective_until < from_on):
            wrong.append(f"{name} ends before the file holds. Allowed: effective_until {from_on} or later")
    stood = {(each.key, each.effective_from) for each in before.programmes}
    late = [it for it in after.programmes if (it.key, it.effective_from) not in stood and it.effective_from < from_on]
    return wrong + [f"{it.key} begins before the file holds. Allowed: effective_from {from_on} or later" for it in late]
