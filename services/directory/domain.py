"""The directory's rules, pure: absence and deputy, what a departure changes, when a municipality is active, what others hear."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal
from uuid import UUID

from services.chassis.errors import NotAllowed, Problem, RuleViolated
from services.events import Event
from services.events.directory import (
    AbsenceEnded,
    AbsenceRegistered,
    ClientChanged,
    ClientKind,
    CompetencesChanged,
    HeldCompetence,
    HeldSeat,
    IntakeChanged,
    MunicipalityChanged,
    ProfessionalChanged,
    ProfessionalJoined,
    ProfessionalLeaving,
    ProfessionalLeft,
    UnitChanged,
    UnitKind,
    subject_of_municipality,
)
from services.events.envelope import Seat

# active → leaving → left; nothing goes back. Leaving is never refused, left is the registry's word (all seats empty).
State = Literal["active", "leaving", "left"]


class AnAbsenceEndsAfterItBegins(RuleViolated):
    """The last day of an absence is not before its first."""


class AbsencesOfOneProfessionalDoNotOverlap(RuleViolated):
    """Another absence of the same professional covers some of these days."""


class TheDeputyIsAnotherPerson(RuleViolated):
    """Nobody is their own deputy."""


class TheDeputyNeedsAnOpenSeat(RuleViolated):
    """The deputy is not an active professional of this municipality with a seat in the unit named."""


class WhoHasLeftIsNotAbsent(RuleViolated):
    """The professional has left."""


class AnAbsenceEndsOnce(RuleViolated):
    """This absence has ended already."""


class OnlyAProfessionalOrTheirLeaderSpeaksOfTheirAbsence(NotAllowed):
    """An absence is registered and ended by the professional, or by a leader of their unit or above."""


class OnlyALeaderRegistersADeparture(NotAllowed):
    """A departure is registered by a leader of the professional's unit or above, or by the administrator."""


class ALoginBelongsToOneProfessional(RuleViolated):
    """The same log-in (issuer and subject) already stands for another professional."""


class ASorNumberStandsForOneUnit(RuleViolated):
    """The same SOR number already stands for another unit."""


class AClientIsOneSystem(RuleViolated):
    """The same client id or id already stands for another system."""


class ACompetenceEndsAfterItBegins(RuleViolated):
    """The last day of a competence is not before its first."""


class OnlyWhoHasLeftIsTakenOnAgain(RuleViolated):
    """The professional works here still, or is leaving: their seats are emptied first."""


class OnlyAnAdministratorOrTheUnitsLeadersTakeSomeoneOn(NotAllowed):
    """Who works where is said by the municipality's administrator, or by someone who leads every unit it touches."""


class OnlyAnAdministratorChangesTheStructure(NotAllowed):
    """Units, log-ins, and whole imports are the municipality's administrator's, or the product's own services'."""


class OnlyAnAdministratorOrALeaderAboveNamesCompetences(NotAllowed):
    """What someone is trained in is said by the administrator or a leader of their unit or above."""


class OnlyAnAdministratorOrTheIntakesLeaderNamesTheIntake(NotAllowed):
    """Who takes in children is said by the administrator, or by the leader who stands in the intake."""


class OnlyAnAdministratorSeesTheHistory(NotAllowed):
    """Who changed what in the directory is shown to the municipality's administrator, and to the product's own services."""


class NotMoreThanAThirdGoesAtOnce(RuleViolated):
    """A whole import that leaves out more than a third of the people or units is more likely cut off than meant."""

    status = 422


# The rules that stand in PostgreSQL too, by the names of their constraints.
CONSTRAINTS: Mapping[str, type[Problem]] = {
    "employee_login": ALoginBelongsToOneProfessional,
    "sor_number_pkey": ASorNumberStandsForOneUnit,
    "one_system_per_id": AClientIsOneSystem,
    "absence_ends_after_it_begins": AnAbsenceEndsAfterItBegins,
    "absence_deputy_is_another_person": TheDeputyIsAnotherPerson,
    "competence_ends_after_it_begins": ACompetenceEndsAfterItBegins,
}


@dataclass(frozen=True)
class Author:
    """Who makes a change: a professional, or a system by its client id; neither: the operator, or the system that is followed."""

    professional: UUID | None = None
    system: str | None = None


OPERATOR = Author()


@dataclass(frozen=True)
class Municipality:
    """Rules in working days or days; `closing_days` are local, beside the public holidays."""

    code: str
    name: str
    enabled: bool = True
    active: bool = False
    answer_working_days: int = 3
    remind_working_days_before: int = 1
    escalate_working_days: int = 1
    absence_limit_days: int = 14
    support_days: int = 30
    closing_days: tuple[date, ...] = ()
    hospital_notification_basis: bool = False
    closing_age: int = 6


@dataclass(frozen=True)
class Unit:
    """`municipality` or `organisation` says whose it is; `district` is the unit of the district it serves."""

    id: UUID
    municipality: str | None
    organisation: str | None
    kind: UnitKind
    name: str
    parent: UUID | None = None
    district: UUID | None = None
    sor: tuple[str, ...] = ()
    private: bool = False
    active: bool = True


@dataclass(frozen=True)
class OwnSeat:
    """A seat as its professional has it. `function`: its UUID in FK Organisation, where the municipality's system says it."""

    unit: UUID
    leads: bool = False
    deputy: Seat | None = None
    function: UUID | None = None


@dataclass(frozen=True)
class Competence:
    """What someone is trained in, both days included; `until_on` None: without end."""

    competence: str
    from_on: date
    until_on: date | None = None


@dataclass(frozen=True)
class Professional:
    """A named employee; `seats` in order of unit, `competences` of code and day. Name and e-mail never leave in an event.

    `administers`: speaks for the municipality in the directory's own changes, and nowhere else.
    """

    id: UUID
    municipality: str
    name: str = field(repr=False)
    email: str | None = field(repr=False)
    issuer: str | None
    login: str | None
    seats: tuple[OwnSeat, ...]
    state: State = "active"
    leaving_on: date | None = None
    administers: bool = False
    competences: tuple[Competence, ...] = ()


@dataclass(frozen=True)
class Intake:
    """Who takes in children: of the whole municipality where `district` is None. `unit` is the intake's own."""

    unit: UUID
    municipality: str
    district: UUID | None
    lead: Seat
    deputy: Seat
    leader: Seat

    @property
    def seats(self) -> tuple[Seat, Seat, Seat]:
        return self.lead, self.deputy, self.leader


@dataclass(frozen=True)
class System:
    """A system with its own key. `sends_for`: SOR numbers, `*` for a gateway."""

    client_id: str
    id: UUID
    kind: ClientKind
    municipality: str | None = None
    organisation: str | None = None
    sends_for: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    active: bool = True


@dataclass(frozen=True)
class Absence:
    """`from_on` to `until_on`, both included, None = until further notice; `ended_on` is the first day back.

    `registered_by` is None for what the municipality's own system said: that system may also take it back.
    """

    id: UUID
    professional: UUID
    municipality: str
    from_on: date
    until_on: date | None
    deputy: Seat | None
    ended_on: date | None = None
    registered_by: UUID | None = None

    def covers_some_of(self, from_on: date, until_on: date | None) -> bool:
        """Whether some day from `from_on` to `until_on` (None: without end) is a day of this absence."""
        begins_in_time = until_on is None or self.from_on <= until_on
        still_away = (self.until_on is None or self.until_on >= from_on) and (self.ended_on is None or self.ended_on > from_on)
        empty = self.ended_on is not None and self.ended_on <= self.from_on
        return begins_in_time and still_away and not empty


@dataclass(frozen=True)
class Snapshot:
    """What the directory holds of some municipalities and of what belongs to none, at one moment."""

    municipalities: Mapping[str, Municipality] = field(default_factory=dict)
    units: Mapping[UUID, Unit] = field(default_factory=dict)
    professionals: Mapping[UUID, Professional] = field(default_factory=dict)
    intakes: Mapping[UUID, Intake] = field(default_factory=dict)
    systems: Mapping[str, System] = field(default_factory=dict)
    absences: Mapping[UUID, Absence] = field(default_factory=dict)

    def open(self, seat: Seat) -> bool:
        """Whether the seat's professional is active and has it."""
        found = self.professionals.get(seat.professional)
        return found is not None and found.state == "active" and any(own.unit == seat.unit for own in found.seats)


def speaks_of_absence(caller: UUID | None, leads_above: bool, professional: Professional) -> None:
    """`leads_above`: the caller leads a unit of the professional's, or one above it."""
    if caller != professional.id and not leads_above:
        raise OnlyAProfessionalOrTheirLeaderSpeaksOfTheirAbsence


def registers_departure(leads_above: bool) -> None:
    """`leads_above`: the caller leads a unit of the professional's, or one above it."""
    if not leads_above:
        raise OnlyALeaderRegistersADeparture


def takes_on(administers: bool, leads_all: bool) -> None:
    """`leads_all`: the caller leads each unit the change touches, or one above it."""
    if not administers and not leads_all:
        raise OnlyAnAdministratorOrTheUnitsLeadersTakeSomeoneOn


def changes_structure(administers: bool) -> None:
    if not administers:
        raise OnlyAnAdministratorChangesTheStructure


def sees_history(administers: bool) -> None:
    """OnlyAnAdministratorSeesTheHistory for everybody else."""
    if not administers:
        raise OnlyAnAdministratorSeesTheHistory


def names_competences(administers: bool, leads_above: bool) -> None:
    """`leads_above`: the caller leads a unit of the professional's, or one above it."""
    if not administers and not leads_above:
        raise OnlyAnAdministratorOrALeaderAboveNamesCompetences


def names_intake(administers: bool, caller: UUID | None, present: Intake | None) -> None:
    """`present`: the intake as it stands, None where there is none yet."""
    if not administers and (caller is None or present is None or caller != present.leader.professional):
        raise OnlyAnAdministratorOrTheIntakesLeaderNamesTheIntake


def usual_deputy(professional: Professional) -> Seat | None:
    """The deputy an absence gets where none is named: the first that stands on a seat of the professional."""
    return next((seat.deputy for seat in professional.seats if seat.deputy), None)


def register_absence(
    absence: Absence, professional: Professional, deputy: Professional | None, others: Collection[Absence]
) -> AbsenceRegistered:
    """The fact, or the rule that forbids it. `deputy`: who `absence.deputy` names, None where there is no such person here."""
    if professional.state == "left":
        raise WhoHasLeftIsNotAbsent
    if absence.until_on is not None and absence.until_on < absence.from_on:
        raise AnAbsenceEndsAfterItBegins
    if absence.deputy is not None:
        _may_deputise(absence.deputy, professional, deputy)
    for other in others:
        if other.id != absence.id and other.covers_some_of(absence.from_on, absence.until_on):
            raise AbsencesOfOneProfessionalDoNotOverlap(absence=str(other.id))
    return _absence(absence)


def _may_deputise(seat: Seat, of: Professional, deputy: Professional | None) -> None:
    if seat.professional == of.id:
        raise TheDeputyIsAnotherPerson
    if deputy is None or deputy.state != "active" or seat.unit not in {own.unit for own in deputy.seats}:
        raise TheDeputyNeedsAnOpenSeat


def end_absence(absence: Absence, today: date) -> AbsenceEnded:
    """Back from `today` on. An absence that had not begun yet is thereby cancelled."""
    if absence.ended_on is not None:
        raise AnAbsenceEndsOnce
    return AbsenceEnded(absence=absence.id, professional=absence.professional, municipality=absence.municipality, ended_on=today)


def leave(before: Snapshot, professionals: Collection[UUID], leaving_on: date) -> Snapshot:
    """What stands once these are leaving. Never refused; who is leaving or has left already stays as they are."""
    leaving = {
        professional.id: replace(professional, state="leaving", leaving_on=leaving_on)
        for professional in (before.professionals[number] for number in professionals)
        if professional.state == "active"
    }
    return settled(replace(before, professionals={**before.professionals, **leaving}))


def take_on_again(before: Professional, wanted: Professional) -> Professional:
    """Someone who has left begins anew, with the seats wanted; what they had before does not come back.

    OnlyWhoHasLeftIsTakenOnAgain while the registry still empties their seats, and for someone who never left.
    """
    if before.state != "left":
        raise OnlyWhoHasLeftIsTakenOnAgain
    return replace(wanted, state="active", leaving_on=None)


def more_than_a_third_goes(present: int, going: int) -> bool:
    """Of `present` active ones; the guard against a file that was cut off or emptied on its way. One alone is never many."""
    return going > 1 and going * 3 > present


def left(professional: Professional) -> ProfessionalLeft | None:
    """The fact that follows when the registry has released every seat; None where it was said before."""
    if professional.state == "left":
        return None
    return ProfessionalLeft(professional=professional.id, municipality=professional.municipality)


def settled(snapshot: Snapshot) -> Snapshot:
    """The same with what follows: no deputy without an open seat, intakes on open seats as far as there are, active or not."""
    professionals = {
        number: _with_open_deputies(professional, snapshot) for number, professional in snapshot.professionals.items()
    }
    snapshot = replace(snapshot, professionals=professionals)
    snapshot = replace(snapshot, intakes={unit: _on_open_seats(intake, snapshot) for unit, intake in snapshot.intakes.items()})
    of_municipality = [intake for intake in snapshot.intakes.values() if intake.district is None]
    complete = {intake.municipality for intake in of_municipality if _is_complete(intake, snapshot)}
    municipalities = snapshot.municipalities.values()
    active = {known.code: replace(known, active=known.enabled and known.code in complete) for known in municipalities}
    return replace(snapshot, municipalities=active)


def _with_open_deputies(professional: Professional, snapshot: Snapshot) -> Professional:
    closed = {seat.deputy for seat in professional.seats if seat.deputy and not snapshot.open(seat.deputy)}
    if not closed:
        return professional
    seats = tuple(replace(seat, deputy=None) if seat.deputy in closed else seat for seat in professional.seats)
    return replace(professional, seats=seats)


def _on_open_seats(intake: Intake, snapshot: Snapshot) -> Intake:
    """Who remains takes the places of those who go, the deputy the lead's; where nobody remains it stays as it is."""
    remaining = [seat for seat in intake.seats if snapshot.open(seat)]
    if not remaining:
        return intake
    lead, deputy, leader = (seat if snapshot.open(seat) else remaining[0] for seat in intake.seats)
    return replace(intake, lead=lead, deputy=deputy, leader=leader)


def _is_complete(intake: Intake, snapshot: Snapshot) -> bool:
    """Three people on three open seats."""
    return len({seat.professional for seat in intake.seats}) == 3 and all(snapshot.open(seat) for seat in intake.seats)


def differences(before: Snapshot, after: Snapshot) -> Iterator[tuple[UUID, Event]]:
    """(subject, event) for whatever others must hear, in an order a reader can follow: units before those who sit in them."""
    unchanged = _unchanged(before, after)
    trained = {number for snapshot in (before, after) for number, each in snapshot.professionals.items() if each.competences}
    heard = {(subject, type(event)): event for subject, event in _standing(before, unchanged, trained)}
    for subject, event in _standing(after, unchanged, trained):
        if heard.get((subject, type(event))) != event:
            newly = isinstance(event, ProfessionalChanged) and _is_new(before.professionals.get(subject))
            yield subject, ProfessionalJoined(**event.model_dump()) if newly else event
    yield from _absences(before, after)
    for number, professional in after.professionals.items():
        earlier = before.professionals.get(number)
        if earlier and earlier.state == "active" and professional.state == "leaving" and professional.leaving_on:
            code, on = professional.municipality, professional.leaving_on
            yield number, ProfessionalLeaving(professional=number, municipality=code, leaving_on=on)


def _is_new(earlier: Professional | None) -> bool:
    return earlier is None or earlier.state == "left"


def _absences(before: Snapshot, after: Snapshot) -> Iterator[tuple[UUID, Event]]:
    for number, absence in after.absences.items():
        earlier, whose = before.absences.get(number), absence.professional
        if absence == earlier:
            continue
        if absence.ended_on is None:
            yield whose, _absence(absence)
        elif earlier and earlier.ended_on is None:
            event = AbsenceEnded(absence=number, professional=whose, municipality=absence.municipality, ended_on=absence.ended_on)
            yield whose, event


def _unchanged(before: Snapshot, after: Snapshot) -> set[UUID]:
    """Professionals there is nothing to tell of: a municipality has thousands, and making an event of each takes seconds."""
    if any(known.kind != after.units[number].kind for number, known in before.units.items() if number in after.units):
        return set()
    return {number for number, person in after.professionals.items() if before.professionals.get(number) == person}


def _standing(snapshot: Snapshot, unchanged: Collection[UUID], trained: Collection[UUID]) -> Iterator[tuple[UUID, Event]]:
    """`trained`: of whose competences there is something to tell, now or before."""
    for municipality in snapshot.municipalities.values():
        yield subject_of_municipality(municipality.code), _municipality(municipality)
    leaders = _leaders(snapshot)
    for unit in snapshot.units.values():
        yield unit.id, _unit(unit, leaders.get(unit.id, []))
    for professional in snapshot.professionals.values():
        if professional.state == "active" and professional.id not in unchanged:
            yield professional.id, _professional(professional, snapshot.units)
            if professional.id in trained:
                yield professional.id, _competences(professional)
    for intake in snapshot.intakes.values():
        yield intake.unit, _intake(intake)
    for system in snapshot.systems.values():
        yield system.id, _system(system)


def _leaders(snapshot: Snapshot) -> dict[UUID, list[UUID]]:
    found: dict[UUID, list[UUID]] = {}
    for professional in sorted(snapshot.professionals.values(), key=lambda professional: professional.id):
        for seat in professional.seats:
            if seat.leads and professional.state == "active":
                found.setdefault(seat.unit, []).append(professional.id)
    return found


def _municipality(municipality: Municipality) -> MunicipalityChanged:
    return MunicipalityChanged(
        municipality=municipality.code,
        active=municipality.active,
        answer_working_days=municipality.answer_working_days,
        remind_working_days_before=municipality.remind_working_days_before,
        escalate_working_days=municipality.escalate_working_days,
        absence_limit_days=municipality.absence_limit_days,
        support_days=municipality.support_days,
        closing_days=list(municipality.closing_days),
        hospital_notification_basis=municipality.hospital_notification_basis,
        closing_age=municipality.closing_age,
    )


def _unit(unit: Unit, leaders: list[UUID]) -> UnitChanged:
    return UnitChanged(
        unit=unit.id,
        municipality=unit.municipality,
        kind=unit.kind,
        parent=unit.parent,
        district=unit.district,
        sor=list(unit.sor),
        leaders=leaders,
        private=unit.private,
        active=unit.active,
    )


def _intake(intake: Intake) -> IntakeChanged:
    return IntakeChanged(
        municipality=intake.municipality,
        district=intake.district,
        lead=intake.lead,
        deputy=intake.deputy,
        leader=intake.leader,
    )


def _professional(professional: Professional, units: Mapping[UUID, Unit]) -> ProfessionalChanged:
    return ProfessionalChanged(
        professional=professional.id,
        municipality=professional.municipality,
        issuer=professional.issuer,
        login=professional.login,
        seats=[
            HeldSeat(unit=seat.unit, unit_kind=units[seat.unit].kind, leads=seat.leads, deputy=seat.deputy)
            for seat in professional.seats
        ],
    )


def _competences(professional: Professional) -> CompetencesChanged:
    return CompetencesChanged(
        professional=professional.id,
        municipality=professional.municipality,
        competences=[HeldCompetence(**vars(held)) for held in professional.competences],
    )


def _absence(absence: Absence) -> AbsenceRegistered:
    return AbsenceRegistered(
        absence=absence.id,
        professional=absence.professional,
        municipality=absence.municipality,
        from_on=absence.from_on,
        until_on=absence.until_on,
        deputy=absence.deputy,
    )


def _system(system: System) -> ClientChanged:
    return ClientChanged(
        client=system.id,
        client_id=system.client_id,
        kind=system.kind,
        municipality=system.municipality,
        organisation=system.organisation,
        sends_for=list(system.sends_for),
        roles=list(system.roles),
        active=system.active,
    )
