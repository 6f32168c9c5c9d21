"""Decides who a notification is about: any order and any repetition of messages ends with the same persons."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from services.chassis.errors import NotUnderstood
from services.events import Event
from services.events.persons import ChildCorrected, ChildIdentified, IdentifiedChild, MoveProposed, PartiesIdentified
from services.persons.domain.identifiers import Identifier, preferred

Kind = Literal["pregnancy", "birth"]
Status = Literal["expected", "born"]
Claims = Mapping[Identifier, frozenset[UUID]]

BY_HAND: Final = UUID(int=0)
_REPLACEMENT: Final = frozenset({"x-ecpr", "d-ecpr"})
_COPENHAGEN: Final = ZoneInfo("Europe/Copenhagen")

# Days by which dates of one pregnancy may lie apart. A birth is at most 22 weeks before its due date or a few after; the due
# date of a next pregnancy is no less than 41 weeks after a birth; two births of one woman are no less than 22 weeks apart.
_DUE_AFTER_BIRTH: Final = (-60, 270)
_SAME_PREGNANCY: Final = (-150, 150)
_EVENT_AFTER_NOTICE: Final = (-60, 300)
_BOTH_UNDATED: Final = (-300, 300)
# A pregnancy that has ended is meant only where the dates agree closely: the next one may begin within weeks.
_THE_ENDED_ONE: Final = 30


class AChildIsKnownByAnIdentifierOrByItsMother(NotUnderstood):
    """Without either nobody could find the child again."""


@dataclass(frozen=True)
class ToldChild:
    """A child as a message tells of it."""

    order: int
    identifiers: tuple[Identifier, ...] = ()
    sex: str | None = None
    born_at: datetime | None = None


@dataclass(frozen=True)
class Told:
    """What a message, or a person registering by hand, says.

    `root`: the first notification of its chain of corrections, itself if it corrects none.
    """

    kind: Kind
    municipality: str
    unit: UUID
    told_at: datetime
    mother: tuple[Identifier, ...] = ()
    children: tuple[ToldChild, ...] = ()
    due_on: date | None = None
    notification: UUID | None = None
    root: UUID | None = None

    @property
    def source(self) -> UUID:
        return self.root or self.notification or BY_HAND

    @property
    def is_correction(self) -> bool:
        return self.root is not None and self.root != self.notification

    @property
    def identifiers(self) -> tuple[Identifier, ...]:
        return self.mother + tuple(it for child in self.children for it in child.identifiers)


@dataclass(frozen=True)
class Owner:
    """Whose an identifier is."""

    person: UUID
    municipality: str


@dataclass(frozen=True)
class Fact:
    """A value and when it was told: the newest word stands, whichever is heard first."""

    value: Any
    at: datetime


Facts = Mapping[str, Fact]


@dataclass(frozen=True)
class KnownChild:
    """A child as it stands. `pregnancy` is the reference of the pregnancy's first registered child."""

    id: UUID
    pregnancy: UUID
    order: int
    status: Status
    notified_at: datetime
    mother: UUID | None = None
    claims: Claims = field(default_factory=dict)
    facts: Facts = field(default_factory=dict)
    ended_at: datetime | None = None

    def value(self, name: str) -> Any:
        fact = self.facts.get(name)
        return fact.value if fact else None

    @property
    def has_ended(self) -> bool:
        """The pregnancy, without this child."""
        return self.ended_at is not None


@dataclass(frozen=True)
class Known:
    """What the store knows that may be about it.

    The mother, all her children, those that carry an identifier and those the corrected message was about.
    """

    mother: UUID | None = None
    mother_claims: Claims = field(default_factory=dict)
    children: tuple[KnownChild, ...] = ()
    corrected: frozenset[UUID] = frozenset()


@dataclass(frozen=True)
class Outcome:
    """One child after the decision, beside what it was before (None = new)."""

    after: KnownChild
    before: KnownChild | None


@dataclass(frozen=True)
class Identification:
    """Who it is about."""

    mother: UUID | None
    new_mother: bool
    mother_claims: Claims
    children: tuple[Outcome, ...]
    # Children told of, in the message's order of birth; `children` may also hold a sibling whose order had to give way.
    about: tuple[UUID, ...]


def elsewhere(told: Told, owners: Mapping[Identifier, Owner]) -> tuple[Owner, ...]:
    """The people another municipality already knows: then no child is made here, a move is proposed and people decide."""
    return tuple(
        sorted(
            {owners[it] for it in told.identifiers if it in owners and owners[it].municipality != told.municipality},
            key=lambda it: it.person,
        )
    )


def owner_of(identifiers: Iterable[Identifier], owners: Mapping[Identifier, Owner]) -> UUID | None:
    """The person a set of identifiers points to: by CPR before any other number."""
    return next((owners[it].person for it in preferred(identifiers) if it in owners), None)


def same_person_twice(told: Told, owners: Mapping[Identifier, Owner]) -> list[tuple[UUID, UUID]]:
    """Pairs of records that one message's mother or child points to, the older first: people decide whether they are one."""
    groups = [told.mother, *(child.identifiers for child in told.children)]
    found = [sorted({owners[it].person for it in group if it in owners}) for group in groups]
    return [(people[0], other) for people in found for other in people[1:]]


def decide(told: Told, known: Known, owners: Mapping[Identifier, Owner], new_id: Callable[[], UUID]) -> Identification:
    """AChildIsKnownByAnIdentifierOrByItsMother. The caller has made sure that nobody of the message is known elsewhere."""
    if not told.identifiers:
        raise AChildIsKnownByAnIdentifierOrByItsMother
    mother, mother_claims, new_mother = _mother(told, known, owners, new_id)
    group = _pregnancy(told, known.children, known.corrected, owners)
    pairs = _paired(told, group, known.children, owners)
    outcomes = []
    for one, before in pairs:
        stands = before or _sibling(told, one, mother, group, pairs, new_id)
        carries = [it for it in one.identifiers if _is_free(told, it, stands.id, known.children, owners)] if one else None
        outcomes.append(_child(told, one, carries, stands, before, mother))
    if outcomes and not group:
        first = min(outcomes, key=lambda it: it.after.order).after.id
        outcomes = [it if it.before else Outcome(replace(it.after, pregnancy=first), None) for it in outcomes]
    return Identification(
        mother, new_mother, mother_claims, (*_untold(told, outcomes, group), *outcomes), tuple(it.after.id for it in outcomes)
    )


def _mother(
    told: Told, known: Known, owners: Mapping[Identifier, Owner], new_id: Callable[[], UUID]
) -> tuple[UUID | None, Claims, bool]:
    if not told.mother:
        return known.mother, known.mother_claims, False
    carries = [it for it in told.mother if it not in owners or owners[it].person == known.mother]
    claims = _claims(told, known.mother_claims, carries)
    # A correction that names nobody known: her numbers are replaced, unless other messages still vouch for the woman they stand
    # on.
    stays = {it for it, sources in known.mother_claims.items() if sources - {told.source}}
    mistaken = told.is_correction and bool(stays) and not any(it in known.mother_claims for it in told.mother)
    if known.mother is None or mistaken:
        return new_id(), {it: frozenset({told.source}) for it in told.mother if it not in owners}, True
    return known.mother, claims, False


def _claims(told: Told, before: Claims, carries: Sequence[Identifier]) -> Claims:
    """A correction takes back what the corrected message had said of numbers; any other message only adds.

    A replacement number that a CPR number follows was no mistake: it stays, and the person is still found by it.
    """
    follows = {it.kind for it in carries} & {"cpr", *_REPLACEMENT} == {"cpr"}
    kept = {
        it: sources - {told.source} if told.is_correction and not (follows and it.kind in _REPLACEMENT) else sources
        for it, sources in before.items()
    }
    for it in carries:
        kept[it] = kept.get(it, frozenset()) | {told.source}
    return {it: sources for it, sources in kept.items() if sources}


def without(claims: Claims, source: UUID) -> Claims:
    """What is still said of a person's numbers once a message, with its corrections, is taken back."""
    kept = {it: sources - {source} for it, sources in claims.items()}
    return {it: sources for it, sources in kept.items() if sources}


def _pregnancy(
    told: Told, children: Sequence[KnownChild], corrected: frozenset[UUID], owners: Mapping[Identifier, Owner]
) -> list[KnownChild]:
    """The siblings it is about.

    By a child's identifier, else those of the corrected message, else by the dates of the mother's pregnancies.
    """
    carried = {owners[it].person for child in told.children for it in child.identifiers if it in owners}
    for certain in (carried, corrected):
        keys = {child.pregnancy for child in children if child.id in certain}
        if keys:
            return [child for child in children if child.pregnancy in keys]
    if not told.mother:
        return []
    groups: dict[UUID, list[KnownChild]] = {}
    for child in children:
        groups.setdefault(child.pregnancy, []).append(child)
    near = [
        (ended, distance, key)
        for key, group in groups.items()
        if (distance := _distance(_dates(told), _known_dates(group))) is not None
        and (not (ended := all(child.has_ended for child in group)) or _is_the_ended_one(told, group, distance))
    ]
    return groups[min(near)[2]] if near else []


def _is_the_ended_one(told: Told, group: Sequence[KnownChild], distance: int) -> bool:
    """Word of a pregnancy that has ended still comes late; where nothing dates it, what was told before the end is about it."""
    born, dues = _dates(told).born, [child.value("due_on") for child in group if child.value("due_on")]
    ends = [child.ended_at for child in group if child.ended_at]
    if born:
        return any(abs((born - day).days) <= _THE_ENDED_ONE for day in (*dues, *map(_date, ends)))
    if told.due_on and dues:
        return distance <= _THE_ENDED_ONE
    return told.told_at <= max(ends)


@dataclass(frozen=True)
class _Dates:
    notified: date
    due: date | None
    born: date | None


def _dates(told: Told) -> _Dates:
    births = [child.born_at for child in told.children if child.born_at]
    notified = _date(told.told_at)
    return _Dates(notified, told.due_on, _date(min(births)) if births else notified if told.kind == "birth" else None)


def _known_dates(group: Sequence[KnownChild]) -> _Dates:
    births = [
        _date(child.value("born_at")) if child.value("born_at") else _date(child.notified_at)
        for child in group
        if child.status == "born"
    ]
    dues = [child.value("due_on") for child in group if child.value("due_on")]
    return _Dates(min(_date(child.notified_at) for child in group), min(dues, default=None), min(births, default=None))


def _distance(one: _Dates, other: _Dates) -> int | None:
    """Days between two accounts of what may be one pregnancy; None where they cannot be of one."""
    if one.born and other.born:
        days, within = (one.born - other.born).days, _SAME_PREGNANCY
    elif (one.born and other.due) or (one.due and other.born):
        days, within = ((other.due - one.born) if one.born and other.due else (one.due - other.born)).days, _DUE_AFTER_BIRTH  # type: ignore[operator]
    elif one.due and other.due:
        days, within = (one.due - other.due).days, _SAME_PREGNANCY
    elif dated := (one.born or one.due or other.born or other.due):
        undated = other if one.born or one.due else one
        days, within = (dated - undated.notified).days, _EVENT_AFTER_NOTICE
    else:
        days, within = (one.notified - other.notified).days, _BOTH_UNDATED
    return abs(days) if within[0] <= days <= within[1] else None


def _date(instant: datetime) -> date:
    return instant.astimezone(_COPENHAGEN).date()


_Pair = tuple[ToldChild | None, KnownChild | None]


def _paired(
    told: Told, group: Sequence[KnownChild], children: Sequence[KnownChild], owners: Mapping[Identifier, Owner]
) -> list[_Pair]:
    """Each child of the message with the child it is.

    By identifier, then by order; a child whose order another has taken is the one left over.
    """
    if not told.children:
        return [(None, child) for child in sorted(group, key=lambda it: it.order)] or [(None, None)]
    by_id = {child.id: child for child in children}
    found: dict[int, KnownChild] = {}
    for place, child in enumerate(told.children):
        person = owner_of(child.identifiers, owners)
        if person in by_id and by_id[person] not in found.values():
            found[place] = by_id[person]
    taken = {child.order for place, child in enumerate(told.children) if place in found}
    left = [child for child in group if child not in found.values()]
    waiting = [place for place in range(len(told.children)) if place not in found]
    for place in waiting:
        match = next((child for child in left if child.order == told.children[place].order), None)
        if match:
            found[place] = match
            left.remove(match)
    displaced = [child for child in left if child.order in taken]
    for place in waiting:
        if place not in found and displaced:
            found[place] = displaced.pop(0)
    return [(child, found.get(place)) for place, child in enumerate(told.children)]


def _sibling(
    told: Told,
    one: ToldChild | None,
    mother: UUID | None,
    group: Sequence[KnownChild],
    pairs: Sequence[_Pair],
    new_id: Callable[[], UUID],
) -> KnownChild:
    """A child not known before; what is known of the pregnancy, its due date, holds for this child too."""
    number, siblings = new_id(), [*(before for _, before in pairs if before), *group]
    shared = next(({"due_on": it.facts["due_on"]} for it in siblings if "due_on" in it.facts), {})
    key = siblings[0].pregnancy if siblings else number
    return KnownChild(number, key, one.order if one else 1, "expected", told.told_at, mother, {}, shared)


def _is_free(
    told: Told, number: Identifier, person: UUID, children: Sequence[KnownChild], owners: Mapping[Identifier, Owner]
) -> bool:
    """Whether a child may carry a number: nobody else does, or this correction takes it from them. Else people decide."""
    if number not in owners or owners[number].person == person:
        return True
    owner = next((child for child in children if child.id == owners[number].person), None)
    return owner is not None and told.is_correction and owner.claims.get(number, frozenset()) == {told.source}


def _child(
    told: Told,
    one: ToldChild | None,
    carries: Sequence[Identifier] | None,
    known: KnownChild,
    before: KnownChild | None,
    mother: UUID | None,
) -> Outcome:
    values: dict[str, Any] = {"due_on": told.due_on}
    if one:
        values |= {"order": one.order, "born_at": one.born_at, "sex": None if one.sex == "unknown" else one.sex}
    facts = _newest(known.facts, values, told.told_at)
    after = replace(
        known,
        order=facts["order"].value if "order" in facts else known.order,
        status="born" if told.kind == "birth" else known.status,
        notified_at=min(known.notified_at, told.told_at),
        mother=mother if told.is_correction and mother else known.mother or mother,
        claims=known.claims if carries is None else _claims(told, known.claims, carries),
        facts=facts,
    )
    return Outcome(after, before)


def _newest(facts: Facts, values: Mapping[str, Any], at: datetime) -> Facts:
    told = {
        name: Fact(value, at)
        for name, value in values.items()
        if value is not None and (name not in facts or facts[name].at <= at)
    }
    return {**facts, **told}


def _untold(told: Told, outcomes: Sequence[Outcome], group: Sequence[KnownChild]) -> list[Outcome]:
    """Siblings the message does not name share its due date, and move to a free order where theirs was given to another."""
    named = {it.after.id for it in outcomes}
    used = {it.after.order for it in outcomes}
    orders = {it.order for it in group}
    changed = []
    for child in group:
        if child.id in named:
            continue
        free = child.order if child.order not in used else next(order for order in range(1, 100) if order not in used | orders)
        used.add(free)
        after = replace(child, order=free, facts=_newest(child.facts, {"due_on": told.due_on}, told.told_at))
        if after != child:
            changed.append(Outcome(after, child))
    return changed


def said(told: Told, identification: Identification) -> list[tuple[UUID, Event]]:
    """What is to be published, by subject: who it is about, then what is new of a child already known."""
    by_id = {it.after.id: it for it in identification.children}
    about = [by_id[child] for child in identification.about]
    parties = PartiesIdentified(
        notification_id=told.notification,
        municipality=told.municipality,
        unit=told.unit,
        mother=identification.mother,
        children=[_identified(it) for it in about],
        correction=told.is_correction,
    )
    events: list[tuple[UUID, Event]] = [(about[0].after.id, parties)]
    for it in identification.children:
        if it.before is None:
            continue
        added = [identifier for identifier in preferred(it.after.claims) if identifier not in it.before.claims]
        if added:
            events.append((it.after.id, ChildIdentified(child=it.after.id, municipality=told.municipality, kinds=_kinds(added))))
        if it.before.status == "born" and _visible(it.before) != _visible(it.after):
            events.append(
                (
                    it.after.id,
                    ChildCorrected(
                        child=it.after.id, municipality=told.municipality, born_on=_born_on(it.after), order=it.after.order
                    ),
                )
            )
    return events


def said_of_a_move(
    told: Told, people: Sequence[Owner], concerned: Mapping[UUID, Sequence[UUID]], subject: UUID
) -> list[tuple[UUID, Event]]:
    """The receiver learns no more than that people decide; each person it may be about carries a proposed move.

    `concerned`: the children that the move of each is about.
    """
    parties = PartiesIdentified(
        notification_id=told.notification,
        municipality=told.municipality,
        unit=told.unit,
        mother=None,
        children=[],
        known_elsewhere=True,
        correction=told.is_correction,
    )
    moves = [
        (
            it.person,
            MoveProposed(
                person=it.person,
                notification_id=told.notification,
                from_municipality=it.municipality,
                to_municipality=told.municipality,
                children=list(concerned.get(it.person, ())),
            ),
        )
        for it in people
    ]
    return [(subject, parties), *moves]


def _kinds(identifiers: Iterable[Identifier]) -> list[str]:
    return list(dict.fromkeys(it.kind for it in identifiers))


def _visible(child: KnownChild) -> tuple[object, ...]:
    return child.order, child.value("born_at"), child.value("sex")


def _born_on(child: KnownChild) -> date | None:
    return _date(child.value("born_at")) if child.value("born_at") else None


def _identified(it: Outcome) -> IdentifiedChild:
    child = it.after
    return IdentifiedChild(
        child=child.id,
        order=child.order,
        status=child.status,
        new=it.before is None,
        born_on=_born_on(child),
        due_on=child.value("due_on"),
        sibling_of=child.pregnancy if it.before is None and child.pregnancy != child.id else None,
    )
