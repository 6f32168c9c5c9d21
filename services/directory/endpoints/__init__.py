"""Professionals, units, intakes, absences and departures over HTTP, within the caller's municipality."""

from fastapi import APIRouter

from services.chassis.route import UsualRoute
from services.directory.endpoints import absences, changing, looking

router = APIRouter(prefix="/directory", tags=["directory"], route_class=UsualRoute)
for part in (looking, absences, changing):
    router.include_router(part.router)
