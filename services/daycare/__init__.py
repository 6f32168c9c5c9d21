"""daycare: a child's start in an institution or dagpleje, from plan to first day."""

from services.chassis.service import Service
from services.daycare.domain import ThisChildHasAnOpenStart
from services.daycare.endpoints import router
from services.daycare.handlers import HANDLERS, let_children_start
from services.events.daycare import ChildStarted, StartCancelled, StartMoved, StartPlanned, TransitionPrepared

service = Service(
    "daycare",
    router=router,
    handlers=HANDLERS,
    says=(StartPlanned, StartMoved, TransitionPrepared, ChildStarted, StartCancelled),
    ticks={"let-children-start": let_children_start},
    rules={"one_open_start": ThisChildHasAnOpenStart},
)
