"""A family book in memory that follows the store's rules: enough to play messages through the pure matching in any order."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from uuid import UUID

from services.persons.domain.identifiers import Identifier
from services.persons.domain.matching import Claims, Identification, Known, KnownChild, Owner, Told, decide, elsewhere, owner_of


@dataclass
class FamilyBook:
    """Who is known, as the matching leaves it."""

    children: dict[UUID, KnownChild] = field(default_factory=dict)
    adults: dict[UUID, Claims] = field(default_factory=dict)
    about: dict[UUID, set[UUID]] = field(default_factory=dict)
    foreign: dict[Identifier, Owner] = field(default_factory=dict)
    kept: list[Told] = field(default_factory=list)
    corrected_at: dict[UUID, Told] = field(default_factory=dict)
    _numbers: Iterable[int] = field(default_factory=lambda: count(1000))

    def owners(self) -> dict[Identifier, Owner]:
        own = {it: Owner(person, "0990") for person, claims in self.adults.items() for it in claims}
        own |= {it: Owner(child.id, "0990") for child in self.children.values() for it in child.claims}
        return {**self.foreign, **own}

    def hear(self, told: Told) -> Identification | None:
        """None where nothing is changed: heard before, kept, overtaken, or known elsewhere."""
        if told.notification in self.about:
            return None
        if told.is_correction and told.root not in self.about:
            self.kept.append(told)
            return None
        owners = self.owners()
        if elsewhere(told, owners):
            return None
        newer = self.corrected_at.get(told.source)
        if told.is_correction and newer and newer.told_at > told.told_at:
            assert told.notification
            self.about[told.notification] = set()
            return None
        corrected = frozenset(self.about.get(told.source, set())) if told.is_correction else frozenset()
        mother = owner_of(told.mother, owners)
        if mother is None and corrected:
            mother = next((self.children[one].mother for one in corrected), None)
        if told.is_correction:
            self.corrected_at[told.source] = told
        carried = {owner.person for owner in owners.values()}
        children = tuple(child for child in self.children.values() if child.mother == mother or child.id in carried | corrected)
        found = decide(told, Known(mother, self.adults.get(mother, {}) if mother else {}, children, corrected), owners, self._new)
        self._write(told, found)
        for waiting in [it for it in self.kept if it.root == told.notification]:
            self.kept.remove(waiting)
            self.hear(waiting)
        return found

    def _new(self) -> UUID:
        return UUID(int=next(iter(self._numbers)))

    def _write(self, told: Told, found: Identification) -> None:
        if found.mother:
            self.adults[found.mother] = found.mother_claims
        for it in found.children:
            self.children[it.after.id] = it.after
        if told.notification:
            self.about[told.notification] = set(found.about)

    def family(self) -> set[tuple[object, ...]]:
        """Everyone by what is known of them, references apart: what must be the same in whatever order messages came."""
        of = {person: frozenset(claims) for person, claims in self.adults.items()}
        return {
            (
                of[child.mother] if child.mother else None,
                child.order,
                child.status,
                child.value("born_at"),
                child.value("sex"),
                child.value("due_on"),
                frozenset(child.claims),
                frozenset(other.order for other in self.children.values() if other.pregnancy == child.pregnancy),
            )
            for child in self.children.values()
        }
