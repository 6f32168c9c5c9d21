"""Who works where, who leads, who is away, and which systems may call: the one source for every service."""

from services.chassis.service import Service
from services.directory import domain
from services.directory.endpoints import router
from services.directory.handlers import show_as_left
from services.events import directory as said
from services.events.registry import ProfessionalReleased

service = Service(
    "directory",
    router=router,
    handlers={ProfessionalReleased: show_as_left},
    says=(
        said.ProfessionalJoined,
        said.ProfessionalChanged,
        said.ProfessionalLeaving,
        said.ProfessionalLeft,
        said.CompetencesChanged,
        said.AbsenceRegistered,
        said.AbsenceEnded,
        said.UnitChanged,
        said.IntakeChanged,
        said.MunicipalityChanged,
        said.ClientChanged,
    ),
    rules=domain.CONSTRAINTS,
)
