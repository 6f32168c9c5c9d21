"""One file with its references followed, into itself and what stands; what leads nowhere is noted, and all is told at once."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid5

from services.directory.domain import Absence, Competence, Intake, Municipality, OwnSeat, Professional, Snapshot, System, Unit
from services.directory.importing.shape import (
    FileAbsence,
    FileOwnSeat,
    FileProfessional,
    FileSeat,
    FileUnit,
    InFile,
    Place,
    Reference,
    Sieved,
)
from services.events.envelope import Seat

_NOBODY = UUID(int=0)


def named_by(sieved: Sieved) -> set[str]:
    """The municipalities a file touches."""
    file = sieved.file
    owned = (entry.municipality for entries in (file.units, file.professionals, file.intakes, file.clients) for entry in entries)
    return {municipality.code for municipality in file.municipalities} | {code for code in owned if code is not None}


class Following:
    """What the file wants over `before`, what stands. `wrong` tells what does not fit; only where it is empty `wanted` counts."""

    def __init__(self, sieved: Sieved, before: Snapshot, issuer: str | None) -> None:
        self._sieved, self.file, self.before = sieved, sieved.file, before
        self.wrong: list[Place] = list(sieved.wrong)
        complete = {each.code for each in self.file.municipalities if each.complete}
        # A list that is not there says nothing, as a field does: a file of people closes no units.
        self.complete = {
            name: complete if name in self.file.model_fields_set else set() for name in ("units", "professionals", "clients")
        }
        self.units_by_id = {unit.id: unit for unit in self.file.units}
        self.people_by_id = {person.id: person for person in self.file.professionals}
        self.clients = {client.client_id for client in self.file.clients}
        self._issuer = self.file.issuer or issuer
        self._codes = {each.code for each in self.file.municipalities} | set(before.municipalities)
        self._units = _names((unit.id, unit.key) for unit in self.file.units)
        self._people = _names((person.id, person.username) for person in self.file.professionals)
        self._seats = {
            person.id: self._seats_of(f"professionals[{index}].seats", person)
            for index, person in sieved.numbered("professionals", self.file.professionals)
        }
        self._nothing_twice()
        self.wanted = self._followed()
        self._nothing_above_itself()
        self._no_strangers()

    def note(self, at: str, says: str) -> None:
        self.wrong.append(Place(at, says))

    def only_of(self, municipality: str) -> None:
        """What the administrator of a municipality may not say: others' affairs, systems and their keys, who is a customer."""
        theirs = "is not your municipality's to say"
        for index, each in self._sieved.numbered("municipalities", self.file.municipalities):
            known = self.before.municipalities.get(each.code)
            if each.code != municipality:
                self.note(f"municipalities[{index}].code", theirs)
            elif known and self.wanted.municipalities[each.code].enabled != known.enabled:
                self.note(f"municipalities[{index}].enabled", "is the operator's to say")
        for name in ("units", "professionals", "intakes"):
            for index, entry in self._sieved.numbered(name, getattr(self.file, name)):
                if entry.municipality != municipality:
                    self.note(f"{name}[{index}].municipality", theirs)
        for index, person in self._sieved.numbered("professionals", self.file.professionals):
            for number, seat in enumerate(person.seats):
                of = self.units_by_id.get(_looked_up(self._units, seat.unit) or _NOBODY)
                if of is not None and of.municipality is None:
                    self.note(
                        f"professionals[{index}].seats[{number}].unit", "is the operator's to say: the unit is no municipality's"
                    )
        if "clients" in self.file.model_fields_set:
            self.note("clients", "systems and their keys are the operator's to register")

    def _no_strangers(self) -> None:
        """What the directory knows under the same id in another municipality is not this file's to change."""
        taken = "belongs to another municipality already"
        for index, unit in self._sieved.numbered("units", self.file.units):
            known = self.before.units.get(unit.id)
            if known and known.municipality != unit.municipality:
                self.note(f"units[{index}].municipality", taken)
        for index, person in self._sieved.numbered("professionals", self.file.professionals):
            employee = self.before.professionals.get(person.id)
            if employee and employee.municipality != person.municipality:
                self.note(f"professionals[{index}].municipality", taken)
        for index, client in self._sieved.numbered("clients", self.file.clients):
            system = self.before.systems.get(client.client_id)
            if system and (system.id, system.municipality) != (client.id, client.municipality):
                self.note(f"clients[{index}].client_id", "belongs to another system already")

    def _nothing_twice(self) -> None:
        file = self.file
        self._once("municipalities", "code", file.municipalities, lambda each: (each.code,))
        self._once("units", "id", file.units, lambda unit: (unit.id,))
        self._once("units", "key", file.units, lambda unit: (unit.key,))
        self._once("units", "sor", file.units, lambda unit: unit.sor)
        self._once("professionals", "id", file.professionals, lambda person: (person.id,))
        self._once("professionals", "username", file.professionals, lambda person: (person.username,))
        self._once("professionals", "login", file.professionals, self._login)
        self._once("clients", "client_id", file.clients, lambda client: (client.client_id,))
        self._once("clients", "id", file.clients, lambda client: (client.id,))
        self._once("intakes", "unit", file.intakes, lambda intake: (_looked_up(self._units, intake.unit),))
        for index, person in self._sieved.numbered("professionals", file.professionals):
            at = f"professionals[{index}]"
            if len(person.seats) > 1:
                self._once(f"{at}.seats", "unit", person.seats, lambda seat: (_looked_up(self._units, seat.unit),))
            if len(person.competences) > 1:
                self._once(f"{at}.competences", "from_on", person.competences, lambda each: ((each.competence, each.from_on),))

    def _login(self, person: FileProfessional) -> Iterable[object]:
        return ((person.issuer or self._issuer, person.login),) if person.login else ()

    def _once(self, name: str, field: str, entries: list[Any], values: Callable[[Any], Iterable[object]]) -> None:
        first: dict[object, int] = {}
        for index, entry in self._sieved.numbered(name, entries):
            for value in values(entry):
                if value is not None and first.setdefault(value, index) != index:
                    self._again(f"{name}[{index}].{field}", f"{name}[{first[value]}].{field}")

    def _again(self, at: str, before: str) -> None:
        self.wrong.append(Place(at, "stands already at", before))

    def _unit(self, at: str, reference: Reference, municipality: str | None, or_of_none: bool = False) -> UUID:
        """`or_of_none`: a ward's or midwife centre's too, which belong to no municipality."""
        number = _looked_up(self._units, reference)
        if number is not None:
            of = self.units_by_id[number].municipality
            if municipality is not None and of != municipality and not (or_of_none and of is None):
                self.note(at, "is a unit of another municipality")
            return number
        standing = self._standing(reference, "units", municipality)
        if standing is None and reference not in self._sieved.excused:
            self.note(at, f"no such unit in {self._looked_in('units', municipality)}")
        return standing.id if standing else _NOBODY

    def _looked_in(self, name: str, municipality: str | None) -> str:
        return "the file" if municipality in self.complete[name] else "the file or the directory"

    def _standing(self, reference: Reference, name: str, municipality: str | None) -> Any:
        """What stands in the directory under an id, where the file does not say that it names everything."""
        number = _id(reference)
        found = getattr(self.before, name).get(number) if number and municipality not in self.complete[name] else None
        return found if found and (municipality is None or found.municipality == municipality) else None

    def _maybe(self, at: str, reference: Reference | None, municipality: str | None) -> UUID | None:
        return self._unit(at, reference, municipality) if reference is not None else None

    def _seat(self, at: str, seat: FileSeat, municipality: str) -> Seat:
        number = _looked_up(self._people, seat.professional)
        unit = self._unit(f"{at}.unit", seat.unit, municipality)
        if number is None:
            standing = self._standing(seat.professional, "professionals", municipality)
            units: Collection[UUID | None] | None = {own.unit for own in standing.seats} if standing else ()
            number = standing.id if standing else None
        else:
            units = self._seats[number]
        if number is None and seat.professional not in self._sieved.excused:
            self.note(f"{at}.professional", f"no such professional in {self._looked_in('professionals', municipality)}")
        elif number is not None and units is not None and unit not in units and unit != _NOBODY:
            self.note(at, "this professional has no seat in this unit")
        return Seat(professional=number or _NOBODY, unit=unit)

    def _seats_of(self, at: str, person: FileProfessional) -> Collection[UUID | None] | None:
        """None where some of them could not be read: then nobody is told that one is missing."""
        if self._sieved.dropped(at):
            return None
        known = self.before.professionals.get(person.id)
        if "seats" not in person.model_fields_set and known:
            return {own.unit for own in known.seats}
        return {_looked_up(self._units, own.unit) or _id(own.unit) for own in person.seats}

    def _municipality(self, at: str, code: str | None) -> None:
        if code is not None and code not in self._codes and code not in self._sieved.excused:
            self.note(at, "no such municipality in the file or the directory")

    def _followed(self) -> Snapshot:
        return Snapshot(
            municipalities=dict(self._followed_municipalities()),
            units=dict(self._followed_units()),
            professionals=dict(self._followed_people()),
            intakes=dict(self._followed_intakes()),
            systems=dict(self._followed_systems()),
            absences=dict(self._followed_absences()),
        )

    def _followed_municipalities(self) -> Iterator[tuple[str, Municipality]]:
        for given in self.file.municipalities:
            said = _said(given, self.before.municipalities.get(given.code), without={"complete"})
            if "closing_days" in said:
                said["closing_days"] = tuple(said["closing_days"])
            known = self.before.municipalities.get(given.code)
            yield given.code, replace(known, **said) if known else Municipality(**said)

    def _followed_units(self) -> Iterator[tuple[UUID, Unit]]:
        for index, given in self._sieved.numbered("units", self.file.units):
            at = f"units[{index}]"
            self._municipality(f"{at}.municipality", given.municipality)
            if (given.municipality is None) == (given.organisation is None):
                self.note(at, "belongs either to a municipality or to an organisation")
            known = self.before.units.get(given.id)
            said = _said(given, known, without={"key"})
            yield given.id, self._one_unit(at, given, known, said)

    def _one_unit(self, at: str, given: FileUnit, known: Unit | None, said: dict[str, Any]) -> Unit:
        for name in ("parent", "district"):
            if name in said:
                said[name] = self._maybe(f"{at}.{name}", said[name], given.municipality)
        if "sor" in said:
            said["sor"] = tuple(sorted(said["sor"]))
        return replace(known, **said) if known else Unit(**said)

    def _followed_people(self) -> Iterator[tuple[UUID, Professional]]:
        for index, given in self._sieved.numbered("professionals", self.file.professionals):
            at = f"professionals[{index}]"
            self._municipality(f"{at}.municipality", given.municipality)
            known = self.before.professionals.get(given.id)
            said = _said(given, known, without={"username", "absences"})
            if "login" in said:
                said["issuer"] = (given.issuer or self._issuer) if given.login else None
                if given.login and not said["issuer"]:
                    self.note(f"{at}.login", "whose log-in? Name the provider as `issuer`")
            else:
                said.pop("issuer", None)
            if "seats" in said:
                seats = [
                    self._own_seat(f"{at}.seats[{number}]", seat, given)
                    for number, seat in self._sieved.numbered(f"{at}.seats", given.seats)
                ]
                said["seats"] = tuple(sorted(seats, key=lambda seat: seat.unit))
            if "competences" in said:
                said["competences"] = self._competences(at, given)
            yield given.id, replace(known, **said) if known else Professional(**said)

    def _own_seat(self, at: str, given: FileOwnSeat, person: FileProfessional) -> OwnSeat:
        known = self.before.professionals.get(person.id)
        kept = _id(given.unit)
        stays = known is not None and any(seat.unit == kept for seat in known.seats)
        if kept is not None and stays and kept in self.before.units and self.before.units[kept].municipality is None:
            unit = kept
        else:
            unit = self._unit(f"{at}.unit", given.unit, person.municipality, or_of_none=True)
        standing = next((seat for seat in known.seats if seat.unit == unit), None) if known else None
        said = _said(given, standing, without={"unit"})
        if given.deputy:
            said["deputy"] = self._seat(f"{at}.deputy", given.deputy, person.municipality)
            if said["deputy"].professional == person.id:
                self.note(f"{at}.deputy", "nobody is their own deputy")
        return replace(standing, **said) if standing else OwnSeat(unit, **said)

    def _competences(self, at: str, person: FileProfessional) -> tuple[Competence, ...]:
        for number, each in self._sieved.numbered(f"{at}.competences", person.competences):
            if each.until_on is not None and each.until_on < each.from_on:
                self.note(f"{at}.competences[{number}].until_on", "is before the first day")
        held = (Competence(each.competence, each.from_on, each.until_on) for each in person.competences)
        return tuple(sorted(held, key=lambda each: (each.competence, each.from_on)))

    def _followed_absences(self) -> Iterator[tuple[UUID, Absence]]:
        for index, person in self._sieved.numbered("professionals", self.file.professionals):
            earlier: list[Absence] = []
            every = f"professionals[{index}].absences"
            for number, given in self._sieved.numbered(every, person.absences):
                at = f"{every}[{number}]"
                absence = self._absence(at, given, person)
                if any(other.covers_some_of(absence.from_on, absence.until_on) for other in earlier):
                    self.note(f"{at}.from_on", "another absence of the same person covers some of these days")
                earlier.append(absence)
                yield absence.id, absence

    def _absence(self, at: str, given: FileAbsence, person: FileProfessional) -> Absence:
        number = given.id or uuid5(person.id, given.from_on.isoformat())
        known = self.before.absences.get(number)
        if known and known.professional != person.id:
            self.note(f"{at}.id", "is another person's absence already")
        if given.until_on is not None and given.until_on < given.from_on:
            self.note(f"{at}.until_on", "is before the first day")
        deputy = self._seat(f"{at}.deputy", given.deputy, person.municipality) if given.deputy else None
        if deputy and deputy.professional == person.id:
            self.note(f"{at}.deputy", "nobody is their own deputy")
        return Absence(number, person.id, person.municipality, given.from_on, given.until_on, deputy)

    def _followed_intakes(self) -> Iterator[tuple[UUID, Intake]]:
        districts: set[tuple[str, UUID | None]] = set()
        for index, given in self._sieved.numbered("intakes", self.file.intakes):
            at = f"intakes[{index}]"
            self._municipality(f"{at}.municipality", given.municipality)
            unit = self._unit(f"{at}.unit", given.unit, given.municipality)
            district = self._maybe(f"{at}.district", given.district, given.municipality)
            if (given.municipality, district) in districts:
                self.note(f"{at}.district", "has an intake already")
            districts.add((given.municipality, district))
            places = (("lead", given.lead), ("deputy", given.deputy), ("leader", given.leader))
            lead, deputy, leader = (self._seat(f"{at}.{name}", seat, given.municipality) for name, seat in places)
            if len({lead.professional, deputy.professional, leader.professional} - {_NOBODY}) < 3 - _strangers(
                lead, deputy, leader
            ):
                self.note(at, "lead, deputy and leader are three people")
            yield unit, Intake(unit, given.municipality, district, lead, deputy, leader)

    def _followed_systems(self) -> Iterator[tuple[str, System]]:
        for index, given in self._sieved.numbered("clients", self.file.clients):
            at = f"clients[{index}]"
            self._municipality(f"{at}.municipality", given.municipality)
            named = {name for name in ("municipality", "organisation") if getattr(given, name) is not None}
            if named != {given.kind} - {"service"}:
                self.note(
                    at, "a municipality's system names its municipality, an organisation's its organisation, a service none"
                )
            lists = {"sends_for": tuple(given.sends_for), "roles": tuple(given.roles)}
            yield given.client_id, System(**{**given.model_dump(), **lists})

    def _nothing_above_itself(self) -> None:
        units = {**self.before.units, **self.wanted.units}
        for index, given in self._sieved.numbered("units", self.file.units):
            above, seen = units[given.id].parent, {given.id}
            while above is not None and above in units and above not in seen:
                seen.add(above)
                above = units[above].parent
            if above in seen:
                self.note(f"units[{index}].parent", "stands above itself")


def _said(given: InFile, known: object, without: Collection[str]) -> dict[str, Any]:
    """The fields an entry says something with: of someone new all of them, of who is known those that were not left out."""
    names = type(given).model_fields if known is None else given.model_fields_set
    return {name: getattr(given, name) for name in names if name not in without}


def _strangers(*seats: Seat) -> int:
    return sum(seat.professional == _NOBODY for seat in seats)


def _names(pairs: Iterable[tuple[UUID, str | None]]) -> Mapping[str, UUID]:
    return {name: number for number, key in pairs for name in (str(number), key) if name is not None}


def _looked_up(names: Mapping[str, UUID], reference: Reference) -> UUID | None:
    """Ids are the same in capitals, as some systems write them; keys and user names are not."""
    return names.get(reference) or (names.get(reference.lower()) if len(reference) == 36 else None)


def _id(reference: str) -> UUID | None:
    try:
        return UUID(reference)
    except ValueError:
        return None
