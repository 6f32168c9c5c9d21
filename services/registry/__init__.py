"""The baton: every child has exactly one named tovholder, and it passes only when the next named person takes it."""

from services.chassis.service import Service
from services.events import registry as said
from services.registry.endpoints import router
from services.registry.handlers import HANDLERS
from services.registry.repository import PRESENT, RULES
from services.registry.ticks import TICKS

service = Service(
    "registry",
    router=router,
    handlers=HANDLERS,
    says=(
        said.ChildRegistered,
        said.ChildBorn,
        said.TovholderChanged,
        said.HandoverProposed,
        said.HandoverAccepted,
        said.HandoverScheduled,
        said.HandoverRescheduled,
        said.HandoverEffected,
        said.HandoverDeclined,
        said.HandoverWithdrawn,
        said.HandoverSuperseded,
        said.HandoverReminded,
        said.HandoverOverdue,
        said.HandoverEscalated,
        said.InformationRequested,
        said.InformationProvided,
        said.SupporterJoined,
        said.SupporterLeft,
        said.TovholderSeen,
        said.HolderUnseen,
        said.ProfessionalReleased,
        said.CaseClosed,
        said.CaseReopened,
        said.CaseMerged,
        said.CaseSeparated,
        said.MoveRaised,
    ),
    ticks=TICKS,
    rules=RULES,
    present=PRESENT,
)
