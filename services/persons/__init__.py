"""Knows who people are: children, guardians, their numbers, custody and consents; the only index of identity there is."""

from services.chassis.service import Service
from services.events import daycare, directory, midwife, persons, registry
from services.persons import handlers
from services.persons.domain.life import TwoRecordsOfOneKindAreMerged
from services.persons.endpoints import TheIdentifierStandsOnAnotherPerson, router
from services.persons.endpoints.related import TheRecordWasMerged

service = Service(
    "persons",
    router=router,
    handlers={
        midwife.PregnancyNotified: handlers.IDENTIFY,
        midwife.BirthNotified: handlers.IDENTIFY,
        midwife.NotificationCorrected: handlers.IDENTIFY,
        midwife.NotificationPlaced: handlers.link_placed,
        midwife.NotificationWithdrawn: handlers.WITHDRAW,
        midwife.AdmissionChanged: handlers.HEAR_OF_ADMISSION,
        registry.TovholderChanged: handlers.SET_HOLDER,
        registry.CaseClosed: handlers.close_case,
        registry.CaseReopened: handlers.reopen_case,
        registry.CaseSeparated: handlers.separate,
        registry.HandoverProposed: handlers.set_receiver,
        registry.HandoverEffected: handlers.end_handover,
        registry.HandoverDeclined: handlers.end_handover,
        registry.HandoverWithdrawn: handlers.end_handover,
        registry.HandoverSuperseded: handlers.end_handover,
        registry.SupporterJoined: handlers.add_supporter,
        registry.SupporterLeft: handlers.remove_supporter,
        daycare.StartPlanned: handlers.add_daycare,
        daycare.StartCancelled: handlers.remove_daycare,
        daycare.PlusPladsAwaited: handlers.let_the_asked_know,
        daycare.PlusPladsOverdue: handlers.let_the_leader_know,
        daycare.PlusPladsAnswered: handlers.no_longer_asked,
        daycare.PlusPladsLapsed: handlers.no_longer_asked,
        daycare.PlaceReserved: handlers.let_the_holder_of_a_place_know,
        daycare.PlaceReleased: handlers.no_place_is_held,
        directory.IntakeChanged: handlers.set_intake,
        directory.AbsenceRegistered: handlers.note_absence,
        directory.AbsenceEnded: handlers.end_absence,
        directory.UnitChanged: handlers.note_unit,
    },
    says=(
        persons.PartiesIdentified,
        persons.ChildIdentified,
        persons.ChildCorrected,
        persons.CustodyChanged,
        persons.ConsentGiven,
        persons.ConsentWithdrawn,
        persons.MoveProposed,
        persons.ChildMoved,
        persons.ChildInHospital,
        persons.ChildDied,
        persons.DeathUndone,
        persons.PregnancyEnded,
        persons.PregnancyEndUndone,
        persons.PersonsMerged,
        persons.ProtectionChanged,
    ),
    rules={
        "an_identifier_stands_on_one_person": TheIdentifierStandsOnAnotherPerson,
        "a_merged_record_takes_no_identifier": TheRecordWasMerged,
        "the_older_reference_survives": TwoRecordsOfOneKindAreMerged,
    },
)
