"""Absence, deputy, departure and intake, decided without a database."""

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from services.directory import domain
from services.directory.domain import Absence, Intake, Municipality, OwnSeat, Professional, Snapshot, Unit
from services.events import Event
from services.events.directory import (
    CompetencesChanged,
    IntakeChanged,
    MunicipalityChanged,
    ProfessionalChanged,
    ProfessionalJoined,
    ProfessionalLeaving,
    UnitChanged,
)
from services.events.envelope import Seat

INTAKE = UUID(int=1)
TEAM = UUID(int=2)
JUNE = date(2026, 6, 1)


def seat(number: int, unit: UUID = INTAKE) -> Seat:
    return Seat(professional=UUID(int=number), unit=unit)


def person(number: int, unit: UUID = INTAKE, **more: object) -> Professional:
    made = Professional(UUID(int=number), "0990", f"Person {number}", None, None, None, (OwnSeat(unit),))
    return replace(made, **more)  # type: ignore[arg-type]


def absence(number: int, from_on: date, until_on: date | None, **more: object) -> Absence:
    return replace(Absence(UUID(int=number), UUID(int=10), "0990", from_on, until_on, None), **more)  # type: ignore[arg-type]


def town() -> Snapshot:
    """Three people in the intake (11 lead, 12 deputy, 13 leader), and 14 in a team with 12 as deputy."""
    people = [
        person(11),
        person(12, seats=(OwnSeat(INTAKE), OwnSeat(TEAM))),
        person(13, seats=(OwnSeat(INTAKE, leads=True),)),
        person(14, seats=(OwnSeat(TEAM, deputy=seat(12, TEAM)),)),
    ]
    units = [Unit(INTAKE, "0990", None, "intake", "Intake"), Unit(TEAM, "0990", None, "sundhedspleje", "Team")]
    return domain.settled(
        Snapshot(
            municipalities={"0990": Municipality("0990", "Havby")},
            units={unit.id: unit for unit in units},
            professionals={professional.id: professional for professional in people},
            intakes={INTAKE: Intake(INTAKE, "0990", None, seat(11), seat(12), seat(13))},
        )
    )


def told(before: Snapshot, after: Snapshot) -> dict[type[Event], list[Event]]:
    found: dict[type[Event], list[Event]] = {}
    for _, event in domain.differences(before, after):
        found.setdefault(type(event), []).append(event)
    return found


def test_an_absence_does_not_end_before_it_begins() -> None:
    wanted = absence(1, JUNE, date(2026, 5, 31))

    with pytest.raises(domain.AnAbsenceEndsAfterItBegins):
        domain.register_absence(wanted, person(10), None, [])


def test_an_absence_of_one_day_is_an_absence() -> None:
    registered = domain.register_absence(absence(1, JUNE, JUNE), person(10), None, [])

    assert (registered.from_on, registered.until_on) == (JUNE, JUNE)


@pytest.mark.parametrize(
    ("from_on", "until_on"),
    [
        (date(2026, 6, 10), date(2026, 6, 12)),
        (date(2026, 5, 1), date(2026, 6, 10)),
        (date(2026, 6, 20), None),
        (date(2026, 5, 1), None),
    ],
)
def test_absences_of_one_professional_do_not_overlap(from_on: date, until_on: date | None) -> None:
    standing = absence(1, date(2026, 6, 10), date(2026, 6, 20))

    with pytest.raises(domain.AbsencesOfOneProfessionalDoNotOverlap):
        domain.register_absence(absence(2, from_on, until_on), person(10), None, [standing])


@pytest.mark.parametrize(
    "standing",
    [
        absence(1, date(2026, 5, 1), date(2026, 5, 31)),
        absence(1, date(2026, 7, 1), None),
        absence(1, date(2026, 5, 1), None, ended_on=JUNE),
        absence(1, JUNE, None, ended_on=date(2026, 5, 20)),
    ],
    ids=["over", "still to come", "ended the day the other begins", "cancelled before it began"],
)
def test_absences_that_share_no_day_stand_side_by_side(standing: Absence) -> None:
    registered = domain.register_absence(absence(2, JUNE, date(2026, 6, 30)), person(10), None, [standing])

    assert registered.absence == UUID(int=2)


def test_nobody_is_their_own_deputy() -> None:
    wanted = absence(1, JUNE, None, deputy=seat(10))

    with pytest.raises(domain.TheDeputyIsAnotherPerson):
        domain.register_absence(wanted, person(10), person(10), [])


@pytest.mark.parametrize(
    "deputy",
    [None, person(11, TEAM), person(11, state="leaving"), person(11, state="left")],
    ids=["nobody here", "no seat in that unit", "leaving", "left"],
)
def test_the_deputy_needs_an_open_seat(deputy: Professional | None) -> None:
    wanted = absence(1, JUNE, None, deputy=seat(11))

    with pytest.raises(domain.TheDeputyNeedsAnOpenSeat):
        domain.register_absence(wanted, person(10), deputy, [])


def test_who_has_left_is_not_absent() -> None:
    with pytest.raises(domain.WhoHasLeftIsNotAbsent):
        domain.register_absence(absence(1, JUNE, None), person(10, state="left"), None, [])


def test_an_absence_ends_once() -> None:
    ended = domain.end_absence(absence(1, JUNE, None), date(2026, 6, 5))

    assert ended.ended_on == date(2026, 6, 5)
    with pytest.raises(domain.AnAbsenceEndsOnce):
        domain.end_absence(absence(1, JUNE, None, ended_on=JUNE), date(2026, 6, 5))


def test_only_a_professional_or_their_leader_speaks_of_their_absence() -> None:
    domain.speaks_of_absence(UUID(int=10), False, person(10))
    domain.speaks_of_absence(UUID(int=11), True, person(10))

    with pytest.raises(domain.OnlyAProfessionalOrTheirLeaderSpeaksOfTheirAbsence):
        domain.speaks_of_absence(UUID(int=11), False, person(10))


def test_a_municipality_is_active_while_its_intake_is_three_people_on_open_seats() -> None:
    assert town().municipalities["0990"].active


@pytest.mark.parametrize("leaver", [11, 12, 13])
def test_when_one_of_the_three_leaves_the_municipality_is_no_longer_active(leaver: int) -> None:
    after = domain.leave(town(), [UUID(int=leaver)], JUNE)

    assert not after.municipalities["0990"].active
    assert [event.active for event in told(town(), after)[MunicipalityChanged]] == [False]  # type: ignore[attr-defined]


def test_a_municipality_that_is_switched_off_is_not_active_however_many_there_are() -> None:
    off = replace(town(), municipalities={"0990": Municipality("0990", "Havby", enabled=False)})

    assert not domain.settled(off).municipalities["0990"].active


def test_when_the_intake_lead_leaves_the_deputy_is_intake_lead() -> None:
    after = domain.leave(town(), [UUID(int=11)], JUNE)

    assert after.intakes[INTAKE].lead == seat(12)
    assert [event.lead for event in told(town(), after)[IntakeChanged]] == [seat(12)]  # type: ignore[attr-defined]


def test_an_intake_that_everybody_leaves_keeps_its_names_so_that_nothing_stands_on_nobody() -> None:
    after = domain.leave(town(), [UUID(int=11), UUID(int=12), UUID(int=13)], JUNE)

    assert after.intakes[INTAKE] == town().intakes[INTAKE]


def test_who_leaves_is_nobodys_deputy() -> None:
    after = domain.leave(town(), [UUID(int=12)], JUNE)

    changed = told(town(), after)[ProfessionalChanged]
    assert [(event.professional, event.seats[0].deputy) for event in changed] == [(UUID(int=14), None)]  # type: ignore[attr-defined]


def test_who_leaves_leads_no_unit() -> None:
    after = domain.leave(town(), [UUID(int=13)], JUNE)

    assert [(event.unit, event.leaders) for event in told(town(), after)[UnitChanged]] == [(INTAKE, [])]  # type: ignore[attr-defined]


def test_a_departure_is_told_once_and_said_again_changes_nothing() -> None:
    after = domain.leave(town(), [UUID(int=14)], JUNE)
    again = domain.leave(after, [UUID(int=14)], date(2026, 7, 1))

    assert list(told(town(), after)) == [ProfessionalLeaving]
    assert again == after


def test_what_does_not_change_is_not_told() -> None:
    assert told(town(), domain.settled(town())) == {}


def test_a_new_name_or_address_is_nobody_elses_business() -> None:
    before = town()
    renamed = replace(before.professionals[UUID(int=14)], name="Another", email="another@havby.example")

    assert told(before, replace(before, professionals={**before.professionals, renamed.id: renamed})) == {}


def test_who_was_not_there_before_has_joined() -> None:
    before = town()
    after = replace(before, professionals={**before.professionals, UUID(int=15): person(15, TEAM)})

    assert list(told(before, after)) == [ProfessionalJoined]


def test_left_is_said_once() -> None:
    assert domain.left(person(10, state="leaving")) is not None
    assert domain.left(person(10, state="left")) is None


@pytest.mark.parametrize(
    ("present", "going", "too_many"), [(3, 1, False), (2, 1, False), (15, 5, False), (15, 6, True), (3, 2, True)]
)
def test_a_third_may_go_at_once_and_one_alone_always(present: int, going: int, too_many: bool) -> None:
    assert domain.more_than_a_third_goes(present, going) is too_many


def test_someone_new_who_is_trained_in_nothing_is_not_told_of_twice() -> None:
    before, after = Snapshot(units=town().units), town()

    found = told(before, after)

    assert len(found[ProfessionalJoined]) == 4
    assert CompetencesChanged not in found


def test_what_someone_is_trained_in_is_told_whole_and_that_it_is_nothing_any_more() -> None:
    before = town()
    trained = replace(before.professionals[UUID(int=14)], competences=(domain.Competence("cos-p", JUNE),))
    after = replace(before, professionals={**before.professionals, trained.id: trained})

    begun, ended = told(before, after), told(after, before)

    assert list(begun) == list(ended) == [CompetencesChanged]
    assert [len(found[CompetencesChanged][0].model_dump()["competences"]) for found in (begun, ended)] == [1, 0]


@pytest.mark.parametrize("state", ["active", "leaving"])
def test_only_who_has_left_is_taken_on_again(state: str) -> None:
    with pytest.raises(domain.OnlyWhoHasLeftIsTakenOnAgain):
        domain.take_on_again(person(14, state=state), person(14))


def test_who_is_taken_on_again_has_joined() -> None:
    before = town()
    gone = replace(before.professionals[UUID(int=14)], state="left", leaving_on=JUNE, seats=())
    before = replace(before, professionals={**before.professionals, gone.id: gone})
    anew = domain.take_on_again(gone, replace(gone, seats=(OwnSeat(TEAM),)))

    found = told(before, replace(before, professionals={**before.professionals, anew.id: anew}))

    assert [type(event) for events in found.values() for event in events] == [ProfessionalJoined]


@pytest.mark.parametrize(("administers", "leads"), [(True, False), (False, True)])
def test_an_administrator_or_who_leads_each_unit_takes_someone_on(administers: bool, leads: bool) -> None:
    domain.takes_on(administers, leads)
    domain.names_competences(administers, leads)

    with pytest.raises(domain.OnlyAnAdministratorOrTheUnitsLeadersTakeSomeoneOn):
        domain.takes_on(False, False)
    with pytest.raises(domain.OnlyAnAdministratorOrALeaderAboveNamesCompetences):
        domain.names_competences(False, False)


def test_the_leader_of_an_intake_names_it_and_nobody_names_one_that_is_not_there() -> None:
    [intake] = town().intakes.values()

    domain.names_intake(False, UUID(int=13), intake)

    for caller, present in ((UUID(int=11), intake), (None, intake), (UUID(int=13), None)):
        with pytest.raises(domain.OnlyAnAdministratorOrTheIntakesLeaderNamesTheIntake):
            domain.names_intake(False, caller, present)
