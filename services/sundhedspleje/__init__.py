"""sundhedspleje: the child's case, its visits and screenings, programmes, underretninger, and the information handed over."""

from services.chassis.service import Service
from services.events import sundhedspleje as said
from services.sundhedspleje.domain.screenings import AThresholdChangesOnlyForward, TheScoreIsOutsideTheInstrumentsRange
from services.sundhedspleje.domain.visiting import TheChildIsNoMore
from services.sundhedspleje.endpoints import router
from services.sundhedspleje.handlers import HANDLERS
from services.sundhedspleje.repository.plans import check
from services.sundhedspleje.ticks import TICKS

service = Service(
    "sundhedspleje",
    router=router,
    handlers=HANDLERS,
    says=(
        said.VisitPlanned,
        said.VisitsReplanned,
        said.VisitHeld,
        said.VisitMissed,
        said.VisitDeclined,
        said.JointVisitPlanned,
        said.NeedVisitGranted,
        said.NeedVisitOverdue,
        said.SystematicScreeningOverdue,
        said.ScreeningRecorded,
        said.ScreeningWithdrawn,
        said.FollowUpOpened,
        said.FollowUpClosed,
        said.FollowUpOverdue,
        said.ThresholdSet,
        said.ConfigurationInForce,
        said.UnderretningGiven,
        said.UnderretningAssessed,
        said.UnderretningAcknowledged,
        said.UnderretningOverdue,
        said.OverleveringGiven,
        said.DisclosedByLaw,
        said.MotherDisclosedByLaw,
        said.ProgrammeOffered,
        said.ProgrammeAccepted,
        said.ProgrammeDeclined,
        said.ProgrammeWaiting,
        said.ProgrammePlaceGiven,
        said.ProgrammeStarted,
        said.ProgrammeEnded,
        said.PlusPladsAsked,
        said.AttendanceRecorded,
        said.CoursePlanned,
        said.CourseChanged,
        said.SessionHeld,
        said.GatheringPlanned,
        said.GatheringHeld,
        said.GatheringCancelled,
        said.StaffTrained,
    ),
    ticks=TICKS,
    check=check,
    rules={
        "no_visit_of_a_child_that_is_no_more": TheChildIsNoMore,
        "a_threshold_changes_only_forward": AThresholdChangesOnlyForward,
        "a_score_is_in_the_instruments_range": TheScoreIsOutsideTheInstrumentsRange,
    },
)
