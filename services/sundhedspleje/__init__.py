"""sundhedspleje: the child's case, its visits, and the information handed over."""

from services.chassis.service import Service
from services.events.sundhedspleje import OverleveringGiven, VisitPlanned, VisitsReplanned
from services.sundhedspleje.endpoints import router
from services.sundhedspleje.handlers import HANDLERS

service = Service(
    "sundhedspleje",
    router=router,
    handlers=HANDLERS,
    says=(VisitPlanned, VisitsReplanned, OverleveringGiven),
)
