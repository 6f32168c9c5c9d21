"""Everyone concerned is told, and every telling is accounted for."""

from services.chassis.service import Apply, Service
from services.events import Event
from services.events import registry as baton
from services.events.daycare import (
    BatonDecided,
    ChildSettled,
    ChildStarted,
    PedagogueNamed,
    PlaceReleased,
    PlaceReserved,
    StartCancelled,
    StartMoved,
    StartPlanned,
    TransitionIncomplete,
)
from services.events.directory import AbsenceEnded, AbsenceRegistered, IntakeChanged, UnitChanged
from services.events.midwife import NotificationReceived, NotificationWithdrawn
from services.events.notifications import Delivered, Failed, Seen, ToldInPerson
from services.events.persons import (
    ChildDied,
    ConsentWithdrawn,
    CustodyChanged,
    DeathUndone,
    MoveProposed,
    PersonsMerged,
    PregnancyEnded,
    PregnancyEndUndone,
)
from services.events.sundhedspleje import (
    FollowUpOverdue,
    JointVisitPlanned,
    NeedVisitOverdue,
    OverleveringGiven,
    ProgrammeEnded,
    ProgrammeOffered,
    ProgrammePlaceGiven,
    ProgrammeWaiting,
    SystematicScreeningOverdue,
    UnderretningAcknowledged,
    UnderretningGiven,
    UnderretningOverdue,
)
from services.notifications import handlers
from services.notifications.endpoints import router
from services.notifications.ticks import send_due

_TOLD: tuple[type[Event], ...] = (
    baton.HandoverProposed,
    baton.HandoverAccepted,
    baton.HandoverScheduled,
    baton.HandoverRescheduled,
    baton.HandoverDeclined,
    baton.HandoverWithdrawn,
    baton.HandoverSuperseded,
    baton.HandoverReminded,
    baton.HandoverOverdue,
    baton.HandoverEscalated,
    baton.HolderUnseen,
    baton.InformationRequested,
    baton.InformationProvided,
    baton.MoveRaised,
    StartPlanned,
    StartMoved,
    StartCancelled,
    ChildStarted,
    PedagogueNamed,
    TransitionIncomplete,
    BatonDecided,
    ChildSettled,
    PlaceReserved,
    PlaceReleased,
    OverleveringGiven,
    ProgrammeOffered,
    ProgrammeWaiting,
    ProgrammePlaceGiven,
    ProgrammeEnded,
    NeedVisitOverdue,
    SystematicScreeningOverdue,
    FollowUpOverdue,
    JointVisitPlanned,
    ConsentWithdrawn,
    CustodyChanged,
    ChildDied,
    DeathUndone,
    PregnancyEnded,
    PregnancyEndUndone,
    PersonsMerged,
)

_HANDLERS: dict[type[Event], Apply] = {
    UnitChanged: handlers.remember_unit,
    IntakeChanged: handlers.remember_intake,
    AbsenceRegistered: handlers.remember_absence,
    AbsenceEnded: handlers.remember_return,
    baton.ChildRegistered: handlers.remember_child,
    baton.SupporterJoined: handlers.remember_supporter,
    baton.SupporterLeft: handlers.forget_supporter,
    baton.TovholderChanged: handlers.tell_of_new_tovholder,
    baton.CaseClosed: handlers.tell_of_closing,
    baton.CaseMerged: handlers.tell_of_merge,
    baton.CaseSeparated: handlers.tell_of_separation,
    NotificationReceived: handlers.tell_of_message_to_place,
    NotificationWithdrawn: handlers.tell_of_withdrawal,
    MoveProposed: handlers.tell_of_move,
    **dict.fromkeys((UnderretningGiven, UnderretningAcknowledged, UnderretningOverdue), handlers.tell_of_underretning),
    **dict.fromkeys(_TOLD, handlers.tell),
}

service = Service(
    "notifications", router=router, handlers=_HANDLERS, says=(Delivered, Seen, Failed, ToldInPerson), ticks={"send-due": send_due}
)
