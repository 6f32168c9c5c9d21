"""Everyone concerned is told, and every telling is accounted for."""

from typing import Any

from services.chassis.service import Apply, FetchFirst, Service
from services.events import Event
from services.events import registry as baton
from services.events.daycare import (
    BatonDecided,
    ChildSettled,
    ChildStarted,
    PedagogueNamed,
    PlaceReleased,
    PlaceReserved,
    PlusPladsAnswered,
    PlusPladsOverdue,
    StartCancelled,
    StartMoved,
    StartPlanned,
    TransitionIncomplete,
    TransitionPrepared,
)
from services.events.directory import AbsenceEnded, AbsenceRegistered, IntakeChanged, MunicipalityChanged, UnitChanged
from services.events.midwife import NotificationPlaced, NotificationReceived, NotificationWithdrawn
from services.events.notifications import Delivered, Failed, LineTested, Seen, ToldInPerson
from services.events.persons import (
    ChildCorrected,
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
    DisclosedByLaw,
    FollowUpOverdue,
    JointVisitPlanned,
    MotherDisclosedByLaw,
    NeedVisitOverdue,
    OverleveringGiven,
    PlusPladsAsked,
    ProgrammeEnded,
    ProgrammeOffered,
    ProgrammePlaceGiven,
    ProgrammeWaiting,
    SystematicScreeningOverdue,
    UnderretningAcknowledged,
    UnderretningGiven,
    UnderretningOverdue,
    VisitPlanned,
)
from services.notifications import handlers
from services.notifications.domain import audiences, kind_of
from services.notifications.endpoints import router
from services.notifications.outward.work import Outward
from services.notifications.ringing import Ringing
from services.notifications.ticks import TICKS

_TOLD: tuple[type[Event], ...] = (
    baton.HandoverAccepted,
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
    PlusPladsAsked,
    PlusPladsOverdue,
    PlusPladsAnswered,
    OverleveringGiven,
    DisclosedByLaw,
    MotherDisclosedByLaw,
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

# Of these somebody is, or is no longer, the next tovholder.
_ON_THE_WAY: tuple[type[Event], ...] = (
    baton.HandoverProposed,
    baton.HandoverScheduled,
    baton.HandoverRescheduled,
    baton.HandoverDeclined,
    baton.HandoverWithdrawn,
    baton.HandoverSuperseded,
)

# Of these nobody is told here, but integrators may hear them.
_PASSED_ON: tuple[type[Event], ...] = (
    baton.ChildBorn,
    baton.CaseReopened,
    TransitionPrepared,
    VisitPlanned,
    NotificationPlaced,
)


def _with_letters(event: type[Event], apply: Any) -> Apply | FetchFirst:
    """A handler that must know whether letters can be sent, where its event is told by letter."""
    by_letter = audiences().get(kind_of(event), {}).get("letter")
    return FetchFirst(handlers.has_letters, apply, is_remote=False) if by_letter else apply


_STEPS: dict[type[Event], Apply | FetchFirst] = {
    MunicipalityChanged: handlers.remember_municipality,
    ChildCorrected: handlers.remember_correction,
    UnitChanged: handlers.remember_unit,
    IntakeChanged: handlers.remember_intake,
    AbsenceRegistered: handlers.remember_absence,
    AbsenceEnded: handlers.remember_return,
    baton.ChildRegistered: handlers.remember_child,
    baton.SupporterJoined: handlers.remember_supporter,
    baton.SupporterLeft: handlers.forget_supporter,
    baton.HandoverEffected: handlers.forget_next,
    **dict.fromkeys(_ON_THE_WAY, handlers.tell_of_handover),
    baton.TovholderChanged: _with_letters(baton.TovholderChanged, handlers.tell_of_new_tovholder),
    baton.CaseClosed: _with_letters(baton.CaseClosed, handlers.tell_of_closing),
    baton.CaseMerged: handlers.tell_of_merge,
    baton.CaseSeparated: handlers.tell_of_separation,
    NotificationReceived: handlers.tell_of_message_to_place,
    NotificationWithdrawn: handlers.tell_of_withdrawal,
    MoveProposed: handlers.tell_of_move,
    **dict.fromkeys((UnderretningGiven, UnderretningAcknowledged, UnderretningOverdue), handlers.tell_of_underretning),
    **{event: _with_letters(event, handlers.tell) for event in _TOLD},
}
_HANDLERS: dict[type[Event], Apply | FetchFirst] = {
    **{
        event: handlers.also_outward(step) if handlers.leaves_the_product(kind_of(event)) else step
        for event, step in _STEPS.items()
    },
    **dict.fromkeys(_PASSED_ON, handlers.pass_outward),
}

service = Service(
    "notifications",
    router=router,
    handlers=_HANDLERS,
    says=(Delivered, Seen, Failed, ToldInPerson, LineTested),
    ticks=TICKS,
    works={"outward": Outward, "ringing": Ringing},
    foresee=handlers.foresee,
)
