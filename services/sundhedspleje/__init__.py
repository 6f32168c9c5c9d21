"""sundhedspleje: the child's case, its visits, the programmes families are offered, and the information handed over."""

from services.chassis.service import Service
from services.events import sundhedspleje as said
from services.sundhedspleje.endpoints import courses, gatherings, programmes, router
from services.sundhedspleje.handlers import HANDLERS

for part in (programmes, courses, gatherings):
    router.include_router(part.router)

service = Service(
    "sundhedspleje",
    router=router,
    handlers=HANDLERS,
    says=(
        said.VisitPlanned,
        said.VisitsReplanned,
        said.OverleveringGiven,
        said.ProgrammeOffered,
        said.ProgrammeAccepted,
        said.ProgrammeDeclined,
        said.ProgrammeWaiting,
        said.ProgrammePlaceGiven,
        said.ProgrammeStarted,
        said.ProgrammeEnded,
        said.AttendanceRecorded,
        said.CoursePlanned,
        said.CourseChanged,
        said.SessionHeld,
        said.GatheringPlanned,
        said.GatheringHeld,
        said.GatheringCancelled,
        said.StaffTrained,
    ),
)
